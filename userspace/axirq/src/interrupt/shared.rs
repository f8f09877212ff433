// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line's file together with those who wait on it: what threads, tasks and tokio's driver share.

use std::sync::PoisonError;

use super::Event;
use super::waiters::Waiters;
use crate::Result;
use crate::sync::Condvar;
use crate::sync::Mutex;
use crate::sync::MutexGuard;
use crate::uapi::Line;

/// The file and its waiters.
///
/// The lock is a leaf: while it is held no waker is called or dropped and no other lock is taken.
#[derive(Debug)]
pub(super) struct Shared<L> {
    pub(super) line: L,
    waiters: Mutex<Waiters>,
    /// Threads that were deferred ([`Begin::Deferred`](super::waiters::Begin::Deferred)).
    pub(super) deferred: Condvar,
}

impl<L: Line> Shared<L> {
    /// A line on which nobody waits; what came so far is old.
    pub(super) fn new(line: L) -> Self {
        let seen = line.snapshot().sequence;
        Self {
            line,
            waiters: Mutex::new(Waiters::new(seen)),
            deferred: Condvar::new(),
        }
    }

    /// Does something under the lock, and wakes who must be woken for it.
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Waiters, &L) -> R) -> R {
        let mut waiters = self.lock();
        let result = f(&mut waiters, &self.line);
        self.release(waiters);
        result
    }

    /// Gives the lock back, and wakes who must be woken for what was done under it.
    pub(super) fn release(&self, mut waiters: MutexGuard<'_, Waiters>) {
        let wake = waiters.take_wake();
        let threads = waiters.has_deferred_threads();
        drop(waiters);
        if wake && threads {
            self.deferred.notify_all();
        }
        #[cfg(feature = "tokio")]
        if wake {
            self.wake_tasks();
        }
    }

    /// The lock itself, for a condition variable; see [`Self::release`]. Nothing panics under it halfway through a
    /// change, so a poisoned one is as good as any.
    pub(super) fn lock(&self) -> MutexGuard<'_, Waiters> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event of one who waits for the number to leave `baseline`, if it came.
    pub(super) fn take(&self, baseline: u64) -> Result<Option<Event>> {
        let now = self.line.snapshot();
        if now.sequence == baseline && !now.is_gone() {
            return Ok(None);
        }
        self.with(|waiters, line| waiters.take(line, baseline))
    }

    /// Wakes all tasks. One that enters meanwhile may be woken in vain; it looks at the page and sleeps on.
    #[cfg(feature = "tokio")]
    fn wake_tasks(&self) {
        for index in 0.. {
            let Some(waker) = self.lock().waker_at(index) else {
                break;
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// As the waker that tokio's driver calls when the file is ready.
#[cfg(feature = "tokio")]
impl<L: Line> std::task::Wake for Shared<L> {
    fn wake(self: std::sync::Arc<Self>) {
        self.wake_tasks();
    }

    fn wake_by_ref(self: &std::sync::Arc<Self>) {
        self.wake_tasks();
    }
}
