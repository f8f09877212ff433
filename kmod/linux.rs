// SPDX-License-Identifier: GPL-2.0

//! The door to the kernel: the only place that touches C or the `kernel` crate (macros of its
//! prelude aside), and the only place with `unsafe`.
//!
//! Each file wraps one C subsystem in guard types whose `Drop` undoes what `new` did. Names and
//! shapes follow the kernel's own Rust abstractions, so that a move upstream is a deletion.

mod bindings;
pub(crate) mod chrdev;
pub(crate) mod class;
pub(crate) mod clk;
pub(crate) mod compat;
pub(crate) mod device;
pub(crate) mod dma;
pub(crate) mod global;
pub(crate) mod io;
pub(crate) mod iov;
pub(crate) mod irq;
pub(crate) mod irqdomain;
mod links;
pub(crate) mod lock;
pub(crate) mod mm;
pub(crate) mod of;
pub(crate) mod platform;
pub(crate) mod seq_file;
mod text;
pub(crate) mod time;
pub(crate) mod wait;

pub(crate) use core::sync::atomic;

pub(crate) use compat::{code, swap_remove, Result};
pub(crate) use kernel::{
    alloc::{flags::GFP_KERNEL, KBox, KVec},
    sync::Arc,
};
