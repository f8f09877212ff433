// SPDX-License-Identifier: MIT OR Apache-2.0
//! A fabric in real time, shared by threads: one lock, one clock, and whoever watches.
//!
//! Lock order: the fabric, then the watchers. Nobody waits while holding either: watchers get lines through bounded
//! queues, and an eventfd takes a write at once.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::Nanos;
use crate::fabric::Fabric;
use crate::protocol::Event;

pub struct Sim {
    fabric: Mutex<Fabric>,
    /// Signalled when the next deadline has moved nearer.
    nearer: Condvar,
    start: Instant,
    watchers: Mutex<Vec<Watcher>>,
}

/// One client that said `watch`.
struct Watcher {
    lines: SyncSender<String>,
    /// Lines it was too slow for, since it was last told.
    lost: u64,
}

/// A panic in another thread leaves the fabric as some call left it; there is nothing better to go on with.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sim {
    /// Starts the clock of a fabric. The clock's thread runs as long as the process.
    pub fn start(fabric: Fabric) -> std::io::Result<Arc<Self>> {
        let sim = Arc::new(Self {
            fabric: Mutex::new(fabric),
            nearer: Condvar::new(),
            start: Instant::now(),
            watchers: Mutex::new(Vec::new()),
        });
        let clock = Arc::clone(&sim);
        thread::Builder::new()
            .name("clock".to_owned())
            .spawn(move || clock.run_clock())?;
        Ok(sim)
    }

    /// Does something with the fabric at the present time.
    pub fn with<R>(&self, call: impl FnOnce(&mut Fabric) -> R) -> R {
        let mut fabric = lock(&self.fabric);
        fabric.advance(self.now());
        let before = fabric.next_deadline();
        let result = call(&mut fabric);
        let after = fabric.next_deadline();
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.nearer.notify_one();
        }
        self.publish(&mut fabric);
        result
    }

    /// Time as models know it.
    pub fn now(&self) -> Nanos {
        Nanos::try_from(self.start.elapsed().as_nanos()).unwrap_or(Nanos::MAX)
    }

    /// From now on every event goes to `lines`, as long as it takes them.
    pub fn watch(&self, lines: SyncSender<String>) {
        lock(&self.watchers).push(Watcher { lines, lost: 0 });
    }

    /// Tells all watchers.
    pub fn announce(&self, event: &Event) {
        let line = line(event);
        lock(&self.watchers).retain_mut(|watcher| watcher.tell(&line));
    }

    fn publish(&self, fabric: &mut Fabric) {
        for event in fabric.take_events() {
            self.announce(&event);
        }
    }

    /// Sleeps from deadline to deadline.
    fn run_clock(&self) {
        let mut fabric = lock(&self.fabric);
        loop {
            fabric.advance(self.now());
            self.publish(&mut fabric);
            fabric = match fabric.next_deadline() {
                None => self
                    .nearer
                    .wait(fabric)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(when) => {
                    let wait = Duration::from_nanos(when.saturating_sub(self.now()));
                    let (fabric, _) = self
                        .nearer
                        .wait_timeout(fabric, wait)
                        .unwrap_or_else(PoisonError::into_inner);
                    fabric
                }
            };
        }
    }
}

impl Watcher {
    /// False once nobody listens any more.
    fn tell(&mut self, text: &str) -> bool {
        if self.lost > 0 {
            match self.lines.try_send(line(&Event::Lost { lost: self.lost })) {
                Ok(()) => self.lost = 0,
                Err(TrySendError::Full(_)) => {
                    self.lost += 1;
                    return true;
                }
                Err(TrySendError::Disconnected(_)) => return false,
            }
        }
        match self.lines.try_send(text.to_owned()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.lost += 1;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

fn line(event: &Event) -> String {
    let json = serde_json::to_string(event).unwrap_or_default();
    format!("! {json}\n")
}
