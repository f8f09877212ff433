// SPDX-License-Identifier: MIT OR Apache-2.0
//! A thread's wait: arm, then sleep in `poll(2)`. The file stays non-blocking, as others may hold it too.

use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::Event;
use super::shared::Shared;
use super::waiters::Begin;
use crate::Error;
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

/// A thread that has armed and not yet taken its event; dropping this ends the wait.
pub(super) struct Armed<'a, L: Line> {
    shared: &'a Shared<L>,
    baseline: u64,
}

/// Arms the line, or finds an event.
pub(super) fn start<L: Line>(shared: &Shared<L>, deadline: Option<Instant>) -> Result<Started<'_, L>> {
    let mut waiters = shared.lock();
    loop {
        let started = match waiters.begin_thread(&shared.line) {
            Ok(Begin::Deferred) => None,
            Ok(Begin::Event(event)) => Some(Ok(Started::Event(event))),
            Ok(Begin::Armed(baseline)) => Some(Ok(Started::Armed(Armed { shared, baseline }))),
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

impl<L: Line> Armed<'_, L> {
    /// Sleeps until the event or the deadline.
    pub(super) fn sleep(self, deadline: Option<Instant>) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.shared.take(self.baseline)? {
                return Ok(Some(event));
            }
            let left = remaining(deadline);
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            let mut files = [PollFd::new(self.shared.line.as_fd(), PollFlags::POLLIN)];
            match poll(&mut files, poll_timeout(left)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(Error::system("poll", self.shared.line.name(), errno)),
            }
            // The page says why, except of a device that left before it could.
            let ready = files[0].revents().unwrap_or(PollFlags::empty());
            if ready.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL) {
                return Err(self.shared.line.gone());
            }
        }
    }
}

impl<L: Line> Drop for Armed<'_, L> {
    fn drop(&mut self) {
        self.shared.with(|waiters, line| waiters.leave_thread(line));
    }
}

fn remaining(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
}

/// In milliseconds, rounded up so that the last one is not spent spinning. Longer than poll can express: we are back
/// early and wait again.
fn poll_timeout(left: Option<Duration>) -> PollTimeout {
    match left {
        None => PollTimeout::NONE,
        Some(left) => {
            let millis = left.as_nanos().div_ceil(1_000_000);
            i32::try_from(millis)
                .ok()
                .and_then(|millis| PollTimeout::try_from(millis).ok())
                .unwrap_or(PollTimeout::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_timeouts_are_rounded_up_and_clamped() {
        assert_eq!(poll_timeout(None), PollTimeout::NONE);
        assert_eq!(poll_timeout(Some(Duration::from_nanos(1))), PollTimeout::from(1_u8));
        assert_eq!(poll_timeout(Some(Duration::from_millis(2))), PollTimeout::from(2_u8));
        assert_eq!(poll_timeout(Some(Duration::MAX)), PollTimeout::MAX);
    }
}
