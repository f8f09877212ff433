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
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::TrySendError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::Nanos;
use crate::fabric::Fabric;
use crate::protocol::Event;

/// How long it may take at once to bring the fabric to the present.
const TOLERATED: Duration = Duration::from_millis(50);

/// How long the clock waits after it did not get there.
const BREATH: Duration = Duration::from_millis(1);

pub struct Sim {
    fabric: Mutex<Fabric>,
    /// Signalled when the next deadline has moved nearer.
    nearer: Condvar,
    start: Instant,
    /// Nanoseconds that models do not see, since they could not keep pace. Changed under the fabric's lock.
    slipped: AtomicU64,
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
            slipped: AtomicU64::new(0),
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
        self.advance(&mut fabric);
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
        let elapsed = Nanos::try_from(self.start.elapsed().as_nanos()).unwrap_or(Nanos::MAX);
        elapsed.saturating_sub(self.slipped.load(Ordering::Relaxed))
    }

    /// Brings the fabric to the present; false if that takes too long (a camera whose frames are too large and too
    /// many). Then models' time stands still until the next turn: else each turn would have more to do than the one
    /// before, and nobody else would get the lock.
    fn advance(&self, fabric: &mut Fabric) -> bool {
        let begun = Instant::now();
        let present = self.now();
        let reached = fabric.advance_while(present, || begun.elapsed() < TOLERATED);
        if reached >= present {
            return true;
        }
        let behind = self.now().saturating_sub(reached);
        self.slipped.fetch_add(behind, Ordering::Relaxed);
        false
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
            let arrived = self.advance(&mut fabric);
            self.publish(&mut fabric);
            fabric = match fabric.next_deadline() {
                None => self
                    .nearer
                    .wait(fabric)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(when) => {
                    let wait = Duration::from_nanos(when.saturating_sub(self.now()));
                    // Who is behind lets others have the lock.
                    let wait = if arrived { wait } else { wait.max(BREATH) };
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
