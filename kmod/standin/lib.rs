// SPDX-License-Identifier: GPL-2.0

//! Stands in for the kernel's own crate `kernel` where a kernel was built without `CONFIG_RUST`, or
//! has one that cannot be used: the same names, paths and behaviour, of what the module uses and
//! nothing else.
//!
//! It stands on `core` and the few C functions of `helpers.h`.

#![no_std]
#![feature(coerce_unsized, unsize)]

pub mod alloc;
pub mod error;
pub mod module;
pub mod prelude;
pub mod print;
pub mod sync;
mod sys;

pub use module::{Module, ThisModule};

use core::{marker::Unsize, ops::CoerceUnsized, panic::PanicInfo};

// Not where `Arc` is, which host tests include: they have no unstable features.
impl<T: ?Sized + Unsize<U>, U: ?Sized> CoerceUnsized<sync::Arc<U>> for sync::Arc<T> {}

/// A mistake of the module's own: overflow, an index out of bounds, or one that it looks for.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    print::print(print::Level::EMERG, "axirq", format_args!("{info}\n"));
    // SAFETY: No preconditions.
    unsafe { sys::axirq_standin_bug() }
}
