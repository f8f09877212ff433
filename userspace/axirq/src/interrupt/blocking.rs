// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread's wait: arm, then sleep in `poll(2)`. The file stays non-blocking, as others may hold it too.
//!
//! [`Armed`] is also the wait of a foreign event loop, which sleeps by its own means.

use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use super::Event;
use super::shared::Shared;
use super::waiters::Begin;
use crate::Result;
use crate::uapi::Line;

/// When to give up; `None` is never. A timeout too long for the clock is never, too.
pub(crate) fn deadline_after(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

/// How a thread's wait began.
pub(super) enum Started<'a, L: Line> {
    /// With an event that was there already.
    Event(Event),
    /// The line is armed.
    Armed(Armed<'a, L>),
    /// Not before the deadline.
    TimedOut,
}

/// One who has armed and not yet taken its event; dropping this ends the wait.
#[derive(Debug)]
pub(super) struct Armed<'a, L: Line> {
    shared: &'a Shared<L>,
    /// The event has come when the line's number is no longer this.
    baseline: u64,
    /// False if the event was there already: nothing was armed then.
    waits: bool,
}

/// Arms the line, or finds an event.
pub(super) fn start<L: Line>(shared: &Shared<L>, deadline: Option<Instant>) -> Result<Started<'_, L>> {
    let mut waiters = shared.lock();
    loop {
        let started = match waiters.begin_thread(&shared.line) {
            Ok(Begin::Deferred) => None,
            Ok(Begin::Event(event)) => Some(Ok(Started::Event(event))),
            Ok(Begin::Armed(baseline)) => Some(Ok(Started::Armed(Armed {
                shared,
                baseline,
                waits: true,
            }))),
            Err(error) => Some(Err(error)),
        };
        if let Some(started) = started {
            shared.release(waiters);
            return started;
        }
        // Another thread is on its way out of `poll(2)` with its event: moments.
        let left = remaining(deadline).unwrap_or(Duration::MAX);
        if left.is_zero() {
            return Ok(Started::TimedOut);
        }
        waiters.defer_thread(true);
        waiters = shared
            .deferred
            .wait_timeout(waiters, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        waiters.defer_thread(false);
    }
}

/// Arms for one who sleeps by other means. Nobody else waits on this file meanwhile, so this does not block.
pub(super) fn arm<L: Line>(shared: &Shared<L>) -> Result<Armed<'_, L>> {
    loop {
        match start(shared, None)? {
            Started::Armed(armed) => return Ok(armed),
            Started::Event(event) => {
                return Ok(Armed {
                    shared,
                    baseline: event.sequence.wrapping_sub(event.count),
                    waits: false,
                });
            }
            // Not without a deadline.
            Started::TimedOut => {}
        }
    }
}

impl<L: Line> Armed<'_, L> {
    /// The event, if it came.
    pub(super) fn event(&self) -> Result<Option<Event>> {
        self.shared.take(self.baseline)
    }

    pub(super) fn line(&self) -> &L {
        &self.shared.line
    }

    /// Sleeps until the event or the deadline.
    pub(super) fn sleep(self, deadline: Option<Instant>) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.event()? {
                return Ok(Some(event));
            }
            let left = remaining(deadline);
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            // The page says why, except of a device that left before it could.
            if self.shared.line.sleep(left)? {
                return Err(self.shared.line.gone());
            }
        }
    }
}

impl<L: Line> Drop for Armed<'_, L> {
    fn drop(&mut self) {
        if self.waits {
            self.shared.with(|waiters, line| waiters.leave_thread(line));
        }
    }
}

fn remaining(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}
