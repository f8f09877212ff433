// SPDX-License-Identifier: MIT OR Apache-2.0
//! tokio's `AsyncFd`, as far as the crate sees it: readiness that is set by the driver and cleared by hand, unless it was
//! set anew since it was looked at; and one waker.

use std::sync::Arc;
use std::task::Poll;
use std::task::Waker;

use super::shared::Shared;
use crate::Result;
use crate::sync::Mutex;
use crate::uapi::Line;

#[derive(Debug)]
pub(super) struct Reactor {
    state: Mutex<State>,
    /// Wakes every task that waits.
    waker: Waker,
}

#[derive(Debug, Default)]
struct State {
    ready: bool,
    /// How often it was set.
    tick: u64,
    waiting: bool,
}

/// The file was reported ready.
#[derive(Debug)]
pub(super) struct Ready<'a> {
    reactor: &'a Reactor,
    tick: u64,
}

/// Ready to be read. Of a device that has left, the page says so.
#[derive(Debug)]
pub(super) struct Readable;

impl Readable {
    pub(super) fn is_read_closed(&self) -> bool {
        false
    }
}

impl Reactor {
    pub(super) fn new<L: Line>(shared: &Arc<Shared<L>>) -> Self {
        Self {
            state: Mutex::new(State::default()),
            waker: Waker::from(Arc::clone(shared)),
        }
    }

    pub(super) fn register<L: Line>(&self, _shared: &Arc<Shared<L>>) -> Result<()> {
        Ok(())
    }

    pub(super) fn poll_ready<L: Line>(&self, shared: &Arc<Shared<L>>) -> Poll<Result<Ready<'_>>> {
        let mut state = self.state.lock().unwrap();
        if state.ready {
            return Poll::Ready(Ok(Ready {
                reactor: self,
                tick: state.tick,
            }));
        }
        state.waiting = true;
        drop(state);
        shared.line.want();
        Poll::Pending
    }

    /// The driver reports the file ready.
    pub(super) fn set_ready(&self) {
        let mut state = self.state.lock().unwrap();
        state.ready = true;
        state.tick += 1;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        if waiting {
            self.waker.wake_by_ref();
        }
    }
}

impl Ready<'_> {
    pub(super) fn ready(&self) -> Readable {
        Readable
    }

    pub(super) fn retain_ready(&mut self) {}

    pub(super) fn clear_ready(&mut self) {
        let mut state = self.reactor.state.lock().unwrap();
        if state.tick == self.tick {
            state.ready = false;
        }
    }
}
