// SPDX-License-Identifier: MIT OR Apache-2.0
//! The crate's waiting, on locks and a kernel whose every interleaving loom can try.
//!
//! What is tried is the crate's own source: everything under `userspace/axirq/src/interrupt/` but the registration with
//! tokio, in whose place [`interrupt::reactor`] stands. Below it a [`uapi::LineFile`] keeps the promises of
//! `kmod/uapi/axirq.h`, the awkward ones too. A wake-up that is missed leaves a thread asleep for ever, which loom takes
//! for the deadlock that it is.
//!
//! The crate's names are found where they are there: `crate::uapi`, `crate::sync`, `crate::Result`.

pub mod interrupt;
pub mod uapi;

/// Locks whose order loom decides.
mod sync {
    pub(crate) use loom::sync::Condvar;
    pub(crate) use loom::sync::Mutex;
    pub(crate) use loom::sync::MutexGuard;
}

/// The device has left; nothing else fails here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

pub type Error = Gone;
pub type Result<T, E = Error> = std::result::Result<T, E>;
