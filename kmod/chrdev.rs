// SPDX-License-Identifier: GPL-2.0

//! The nodes below `/dev/axirq`: interrupt pins and register windows.

pub(crate) mod ioctl;
pub(crate) mod pin;
pub(crate) mod window;
