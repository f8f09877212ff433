// SPDX-License-Identifier: MIT OR Apache-2.0
//! A stand-in for the kernel module's `linux`: the names that a line uses, as a model of what the kernel does. A
//! [`board::Board`] is the hardware and the kernel that they all talk to.

pub(crate) mod board;
pub(crate) mod irq;
pub(crate) mod lock;
pub(crate) mod mm;
pub(crate) mod time;
pub(crate) mod wait;

pub(crate) use loom::sync::atomic;
/// Nothing here depends on the order of its counts; the bench looks whether all are given back.
pub(crate) use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Error(&'static str);

pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

pub(crate) mod code {
    use super::Error;

    pub(crate) const EBUSY: Error = Error("EBUSY");
    pub(crate) const EINVAL: Error = Error("EINVAL");
    pub(crate) const ENODEV: Error = Error("ENODEV");
    pub(crate) const ERESTARTSYS: Error = Error("ERESTARTSYS");
}
