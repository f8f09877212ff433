// SPDX-License-Identifier: MIT OR Apache-2.0
//! Host tests of the kernel module's pure rooms: decisions that need no kernel to be tried. Each module here includes
//! the room's own file and tries it.

#[cfg(test)]
mod header;
#[cfg(test)]
mod ioctl;
#[cfg(test)]
mod layout;
/// What of the kernel module's `linux` they use.
#[cfg(test)]
mod linux {
    pub(crate) use std::sync::atomic;
}
#[cfg(test)]
mod names;
#[cfg(test)]
mod page;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod standin;
