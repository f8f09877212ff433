// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registering an open file with the current tokio runtime, where each refusal is an error.

use std::os::fd::AsRawFd;
use std::panic;
use std::panic::AssertUnwindSafe;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::Handle;

use crate::Error;
use crate::Result;

/// Registers a file that its owner keeps open. Errors call it `name`.
///
/// # Safety
///
/// As of [`AsyncFd::register_with_interest`]: the file must stay open, and the same, as long as its owner lives, which the
/// `AsyncFd` keeps alive.
#[expect(unsafe_code, reason = "AsyncFd::register_with_interest")]
pub(crate) unsafe fn register<T: AsRawFd>(owner: T, name: &str) -> Result<AsyncFd<T>> {
    if Handle::try_current().is_err() {
        return Err(Error::NoRuntime { pin: name.to_owned() });
    }
    let register = || {
        // SAFETY: The caller's promise is the same.
        unsafe { AsyncFd::register_with_interest(owner, Interest::READABLE) }
    };
    // tokio has no question for whether a runtime has I/O: it panics if not, before anything is registered.
    panic::catch_unwind(AssertUnwindSafe(register))
        .map_err(|_| Error::RuntimeWithoutIo { pin: name.to_owned() })?
        .map_err(|error| Error::system("epoll_ctl", name, std::io::Error::from(error)))
}
