// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Armed`]: a wait in an event loop that this crate does not know.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;

use super::Event;
use super::blocking;
use crate::Result;
use crate::uapi::LineFile;

/// A wait that has begun, for an event loop of your own; made by [`Interrupt::arm`](super::Interrupt::arm).
///
/// The line is enabled as long as this lives, until its event comes. Its file is readable from then on, and hung up
/// once the device has left; never read from it. Dropping this ends the wait and loses no event: one that came
/// unnoticed is returned by the next wait, once.
#[derive(Debug)]
#[must_use = "dropping it ends the wait"]
pub struct Armed<'a>(blocking::Armed<'a, LineFile>);

impl<'a> Armed<'a> {
    pub(super) fn new(armed: blocking::Armed<'a, LineFile>) -> Self {
        Self(armed)
    }

    /// The event, if it has come. No system call.
    ///
    /// Asked again afterwards, it is the same event, together with what may have come since.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    pub fn event(&self) -> Result<Option<Event>> {
        self.0.event()
    }
}

impl AsFd for Armed<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.line().as_fd()
    }
}
