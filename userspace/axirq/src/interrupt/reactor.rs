// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line's registration with tokio: made on the first poll, one for all tasks.

use std::os::fd::AsRawFd;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;

use tokio::io::unix::AsyncFd;
use tokio::io::unix::AsyncFdReadyGuard;

use super::shared::Shared;
use crate::Error;
use crate::Result;
use crate::register::register;
use crate::uapi::Line;

/// The registration, and the waker that stands for all tasks.
#[derive(Debug)]
pub(super) struct Reactor<L: Line> {
    file: OnceLock<AsyncFd<Arc<Shared<L>>>>,
    /// Held while registering: epoll takes a file once only.
    registering: Mutex<()>,
    /// Wakes every task that waits. tokio keeps a single waker for [`AsyncFd::poll_read_ready`]: this one.
    waker: Waker,
}

/// The file was reported ready. Either the event is there, or the report is stale and must be cleared; it is safe to
/// clear it only after looking at the status page once more, in this order.
pub(super) type Ready<'a, L> = AsyncFdReadyGuard<'a, Arc<Shared<L>>>;

impl<L: Line> Reactor<L> {
    pub(super) fn new(shared: &Arc<Shared<L>>) -> Self {
        Self {
            file: OnceLock::new(),
            registering: Mutex::new(()),
            waker: Waker::from(Arc::clone(shared)),
        }
    }

    /// Registers with the current runtime, unless that is done.
    #[expect(unsafe_code, reason = "register")]
    pub(super) fn register(&self, shared: &Arc<Shared<L>>) -> Result<&AsyncFd<Arc<Shared<L>>>> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let _registering = self.registering.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        // SAFETY:
        // - The `AsyncFd` owns an `Arc` of the line, so the line outlives it.
        // - A `Line` always names the same open file (contract of the trait); `LineFile` does so by owning an `OwnedFd`
        //   that it never replaces or gives away.
        let file = unsafe { register(Arc::clone(shared), shared.line.name()) }?;
        Ok(self.file.get_or_init(|| file))
    }

    /// Asks whether the file was reported ready, else has all tasks woken when it is.
    pub(super) fn poll_ready(&self, shared: &Arc<Shared<L>>) -> Poll<Result<Ready<'_, L>>> {
        let file = self.register(shared)?;
        // tokio's only failure here is a driver that has shut down.
        let ready =
            ready!(file.poll_read_ready(&mut Context::from_waker(&self.waker))).map_err(|_| Error::RuntimeGone {
                pin: shared.line.name().to_owned(),
            });
        Poll::Ready(ready)
    }
}

impl<L: Line> AsRawFd for Shared<L> {
    fn as_raw_fd(&self) -> RawFd {
        self.line.as_fd().as_raw_fd()
    }
}
