// SPDX-License-Identifier: GPL-2.0

//! What makes a crate a module of the kernel.

use crate::error::Result;
use core::{cell::UnsafeCell, ffi::c_int};

/// A module. Dropping it undoes what `init` did.
pub trait Module: Sized + Sync + Send {
    fn init(module: &'static ThisModule) -> Result<Self>;
}

/// Stands for the module itself.
pub struct ThisModule(());

static THIS_MODULE: ThisModule = ThisModule(());

/// Holds a module from its init to its exit, for [`module!`](crate::module).
pub struct Slot<T>(UnsafeCell<Option<T>>);

// SAFETY: The kernel calls init and exit, which alone touch it, one after the other.
unsafe impl<T: Module> Sync for Slot<T> {}

impl<T: Module> Slot<T> {
    #[expect(clippy::new_without_default, reason = "constants cannot use it")]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// The module's init: zero, or an errno.
    ///
    /// # Safety
    ///
    /// For `init_module` alone.
    pub unsafe fn init(&self) -> c_int {
        match T::init(&THIS_MODULE) {
            Ok(module) => {
                // SAFETY: Nobody else uses the slot: the module is not there yet.
                unsafe { *self.0.get() = Some(module) };
                0
            }
            Err(error) => error.to_errno(),
        }
    }

    /// The module's exit.
    ///
    /// # Safety
    ///
    /// For `cleanup_module` alone.
    pub unsafe fn exit(&self) {
        // SAFETY: Nobody else uses the slot: init is over.
        drop(unsafe { (*self.0.get()).take() });
    }
}

/// Declares the module. What is known of it besides is declared in C.
#[macro_export]
macro_rules! module {
    (
        type: $type:ident,
        name: $name:literal,
        description: $description:literal,
        license: $license:literal,
    ) => {
        // For log lines.
        const MODULE_NAME: &str = $name;

        mod module_entry {
            use core::ffi::c_int;

            static MODULE: $crate::module::Slot<super::$type> = $crate::module::Slot::new();

            /// # Safety
            ///
            /// For the kernel alone, once.
            #[no_mangle]
            #[link_section = ".init.text"]
            unsafe extern "C" fn init_module() -> c_int {
                // SAFETY: This is it.
                unsafe { MODULE.init() }
            }

            /// # Safety
            ///
            /// For the kernel alone, once, after `init_module` has succeeded.
            #[no_mangle]
            #[link_section = ".exit.text"]
            unsafe extern "C" fn cleanup_module() {
                // SAFETY: This is it.
                unsafe { MODULE.exit() }
            }

            $crate::modinfo!(DESCRIPTION, "description", $description);
            $crate::modinfo!(LICENSE, "license", $license);
        }
    };
}

/// One line of what `modinfo` shows.
#[doc(hidden)]
#[macro_export]
macro_rules! modinfo {
    ($name:ident, $key:literal, $value:literal) => {
        // A symbol, so that it is kept when all is made one object.
        #[export_name = concat!("axirq_modinfo_", $key)]
        #[link_section = ".modinfo"]
        static $name: [u8; concat!($key, "=", $value, "\0").len()] =
            match concat!($key, "=", $value, "\0").as_bytes().first_chunk() {
                Some(text) => *text,
                // It is as long as itself.
                None => unreachable!(),
            };
    };
}
