// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line's file as the kernel keeps it.

use std::sync::Arc;
use std::time::Duration;

use loom::thread;
use loom::thread::ThreadId;

use crate::Error;
use crate::Gone;
use crate::Result;
use crate::sync::Condvar;
use crate::sync::Mutex;
use crate::sync::MutexGuard;

/// As the crate's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Oneshot,
    Continuous,
}

/// As the crate's.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    pub(crate) sequence: u64,
    pub(crate) timestamp_ns: u64,
    gone: bool,
    level: bool,
}

impl Snapshot {
    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    pub(crate) fn is_level(&self) -> bool {
        self.level
    }
}

/// As the crate's.
pub trait Line: Send + Sync + 'static {
    fn arm(&self) -> Result<u64>;
    fn disarm(&self) -> Result<()>;
    fn set_mode(&self, mode: Mode) -> Result<()>;
    fn snapshot(&self) -> Snapshot;
    fn sleep(&self, timeout: Option<Duration>) -> Result<bool>;
    fn gone(&self) -> Error;
    /// A task is about to sleep.
    fn want(&self);
}

/// When a line interrupts, if it is armed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Source {
    #[default]
    Never,
    /// Once, when so many wait. Whoever is not woken then sleeps for ever.
    Once(usize),
    /// Whenever somebody waits.
    Always,
}

/// An open file; clones are the same one.
#[derive(Clone, Debug)]
pub struct LineFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// `poll` has something to look at.
    sleepers: Condvar,
    /// An interrupt is wanted, epoll has something to look at, or nobody wants either any more.
    board: Condvar,
}

#[derive(Debug, Default)]
struct State {
    sequence: u64,
    mark: u64,
    armed: bool,
    continuous: bool,
    source: Source,
    /// Who has gone to sleep since the last interrupt. Real sources do not ask; one that did not would never end.
    asleep: Vec<ThreadId>,
    gone: bool,
    level: bool,
    /// The file was woken, and epoll has not looked yet.
    woken: bool,
    closed: bool,
}

impl State {
    fn is_readable(&self) -> bool {
        self.sequence != self.mark || self.gone
    }

    fn is_due(&self) -> bool {
        self.armed
            && match self.source {
                Source::Never => false,
                Source::Once(waiters) => self.sequence == 0 && self.asleep.len() >= waiters,
                Source::Always => !self.asleep.is_empty(),
            }
    }
}

impl LineFile {
    pub fn new(level: bool, source: Source) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                level,
                source,
                ..State::default()
            }),
            sleepers: Condvar::new(),
            board: Condvar::new(),
        }))
    }

    /// The interrupt's source and an edge-triggered epoll: one thread for both, as threads are what makes schedules many.
    /// Interrupts when it is due; reports the file when it is readable and was not reported yet. Returns when the file is
    /// closed.
    pub fn serve(&self, mut report: impl FnMut()) {
        let mut state = self.lock();
        while !state.closed {
            if state.is_due() {
                state.asleep.clear();
                state.sequence += 1;
                state.armed = state.continuous;
                drop(self.wake(state));
            } else if std::mem::take(&mut state.woken) {
                // A file that was woken is looked at once more before it is reported.
                let readable = state.is_readable();
                drop(state);
                if readable {
                    report();
                }
            } else {
                state = self.0.board.wait(state).unwrap();
                continue;
            }
            state = self.lock();
        }
    }

    /// The device leaves.
    pub fn vanish(&self) {
        let mut state = self.lock();
        state.gone = true;
        drop(self.wake(state));
    }

    /// Everybody is done.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.board.notify_all();
    }

    /// Whether an interrupt would be enabled in hardware.
    pub fn is_armed(&self) -> bool {
        self.lock().armed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    /// The actor of this thread does. A task may be woken in vain, and then do so again.
    fn falls_asleep(&self, state: &mut State) {
        let actor = thread::current().id();
        if !state.asleep.contains(&actor) {
            state.asleep.push(actor);
            self.0.board.notify_all();
        }
    }

    fn wake<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.woken = true;
        self.0.sleepers.notify_all();
        self.0.board.notify_all();
        state
    }
}

impl Line for LineFile {
    fn arm(&self) -> Result<u64> {
        let mut state = self.lock();
        if state.gone {
            return Err(Gone);
        }
        state.mark = state.sequence;
        state.armed = true;
        self.0.board.notify_all();
        Ok(state.sequence)
    }

    fn disarm(&self) -> Result<()> {
        self.lock().armed = false;
        Ok(())
    }

    fn set_mode(&self, mode: Mode) -> Result<()> {
        let mut state = self.lock();
        if state.gone {
            return Err(Gone);
        }
        state.continuous = mode == Mode::Continuous;
        state.armed = state.continuous;
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        Snapshot {
            sequence: state.sequence,
            timestamp_ns: state.sequence,
            gone: state.gone,
            level: state.level,
        }
    }

    fn sleep(&self, timeout: Option<Duration>) -> Result<bool> {
        assert_eq!(timeout, None);
        let mut state = self.lock();
        // Woken by an interrupt, it looks again: somebody may have moved the mark meanwhile, and it sleeps on.
        while !state.is_readable() {
            self.falls_asleep(&mut state);
            state = self.0.sleepers.wait(state).unwrap();
        }
        Ok(state.gone)
    }

    fn gone(&self) -> Error {
        Gone
    }

    fn want(&self) {
        self.falls_asleep(&mut self.lock());
    }
}
