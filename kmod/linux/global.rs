// SPDX-License-Identifier: GPL-2.0

//! A value for the life of the module, for callbacks that the kernel gives no context.

use super::{code, KBox, Result, GFP_KERNEL};
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

/// Empty until [`Global::set`], and again once the guard that it returned is dropped.
pub(crate) struct Global<T>(AtomicPtr<T>);

impl<T: Send + Sync> Global<T> {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Fills the global. The owner of the guard has to end every callback that calls
    /// [`Global::get`] before he drops it; the module does so by its field order.
    pub(crate) fn set(&'static self, value: T) -> Result<Guard<T>> {
        let value = KBox::into_raw(KBox::new(value, GFP_KERNEL)?);
        self.0.store(value, Ordering::Release);
        Ok(Guard(self))
    }

    /// The value; `ENODEV` while the module is not loaded.
    pub(crate) fn get(&self) -> Result<&T> {
        let value = self.0.load(Ordering::Acquire);
        // SAFETY: Either null, or a box that its guard frees after the last callback (see `set`).
        unsafe { value.as_ref() }.ok_or(code::ENODEV)
    }
}

/// Empties the global when dropped.
pub(crate) struct Guard<T: Send + Sync + 'static>(&'static Global<T>);

impl<T: Send + Sync> Drop for Guard<T> {
    fn drop(&mut self) {
        let value = self.0 .0.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: `set` made `value` from a box, and only this guard takes it back, once.
        drop(unsafe { KBox::from_raw(value) });
    }
}
