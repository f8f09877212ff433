// SPDX-License-Identifier: GPL-2.0

//! A raw spinlock, for hard-interrupt context, and a mutex, for everything else.
//!
//! Lock order, outermost first: `NODES`, `CELLS`, `LINE_USERS`, `MASTER`, `WINDOW`; then, with
//! interrupts off, `LINE_STATE`, `MARK`; then the kernel's irq descriptors; then
//! `REGISTER_SHADOW` or `CLAIMS`, which the chip's callbacks take.

use super::{bindings, KBox, Result, GFP_KERNEL};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// Lockdep's name for what a lock protects.
#[derive(Clone, Copy)]
pub(crate) struct Class(bindings::axirq_lock_class);

impl Class {
    pub(crate) const REGISTER_SHADOW: Self =
        Self(bindings::axirq_lock_class_AXIRQ_LOCK_REGISTER_SHADOW);
    pub(crate) const LINE_STATE: Self = Self(bindings::axirq_lock_class_AXIRQ_LOCK_LINE_STATE);
    pub(crate) const LINE_USERS: Self = Self(bindings::axirq_lock_class_AXIRQ_LOCK_LINE_USERS);
    pub(crate) const NODES: Self = Self(bindings::axirq_lock_class_AXIRQ_LOCK_NODES);
    pub(crate) const WINDOW: Self = Self(bindings::axirq_lock_class_AXIRQ_LOCK_WINDOW);
    pub(crate) const MARK: Self = Self(bindings::axirq_lock_class_AXIRQ_LOCK_MARK);
    pub(crate) const CELLS: Self = Self(bindings::axirq_lock_class_AXIRQ_LOCK_CELLS);
    pub(crate) const MASTER: Self = Self(bindings::axirq_lock_class_AXIRQ_LOCK_MASTER);
    pub(crate) const CLAIMS: Self = Self(bindings::axirq_lock_class_AXIRQ_LOCK_CLAIMS);
}

/// A spinlock that is taken with interrupts off, and spins on `PREEMPT_RT` too.
///
/// # Invariants
///
/// `raw` is initialised and never moves: it has an allocation of its own.
pub(crate) struct RawSpinLock<T> {
    raw: KBox<UnsafeCell<bindings::raw_spinlock>>,
    data: UnsafeCell<T>,
}

// SAFETY: `data` is reached through a guard only, that is by one CPU at a time.
unsafe impl<T: Send> Send for RawSpinLock<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Sync for RawSpinLock<T> {}

impl<T> RawSpinLock<T> {
    pub(crate) fn new(data: T, class: Class) -> Result<Self> {
        let raw = KBox::new(UnsafeCell::new(Default::default()), GFP_KERNEL)?;
        // SAFETY: `raw` is ours alone and stays where it is.
        unsafe { bindings::axirq_raw_spin_lock_init(raw.get(), class.0) };
        Ok(Self {
            raw,
            data: UnsafeCell::new(data),
        })
    }

    /// Spins until the lock is free; interrupts of this CPU are off until the guard is dropped.
    pub(crate) fn lock(&self) -> RawSpinGuard<'_, T> {
        // SAFETY: `raw` is initialised (type invariant).
        let flags = unsafe { bindings::axirq_raw_spin_lock_irqsave(self.raw.get()) };
        RawSpinGuard {
            lock: self,
            flags,
            _not_send: PhantomData,
        }
    }
}

/// Proof that the lock is held by this CPU.
pub(crate) struct RawSpinGuard<'a, T> {
    lock: &'a RawSpinLock<T>,
    flags: core::ffi::c_ulong,
    // The CPU that took it has to give it back.
    _not_send: PhantomData<*mut ()>,
}

impl<T> Deref for RawSpinGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The lock is held for as long as the guard lives.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for RawSpinGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is held for as long as the guard lives, and `&mut self` makes this the
        // only borrow made of it.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for RawSpinGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: This CPU took the lock with `flags` and has not given it back.
        unsafe { bindings::axirq_raw_spin_unlock_irqrestore(self.lock.raw.get(), self.flags) };
    }
}

/// A sleeping lock, for process context.
///
/// # Invariants
///
/// `raw` is initialised and never moves: it has an allocation of its own.
pub(crate) struct Mutex<T> {
    raw: KBox<UnsafeCell<bindings::mutex>>,
    data: UnsafeCell<T>,
}

// SAFETY: `data` is reached through a guard only, that is by one task at a time.
unsafe impl<T: Send> Send for Mutex<T> {}
// SAFETY: As above.
unsafe impl<T: Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    pub(crate) fn new(data: T, class: Class) -> Result<Self> {
        let raw = KBox::new(UnsafeCell::new(Default::default()), GFP_KERNEL)?;
        // SAFETY: `raw` is ours alone and stays where it is.
        unsafe { bindings::axirq_mutex_init(raw.get(), class.0) };
        Ok(Self {
            raw,
            data: UnsafeCell::new(data),
        })
    }

    /// Sleeps until the lock is free.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // SAFETY: `raw` is initialised (type invariant).
        unsafe { bindings::axirq_mutex_lock(self.raw.get()) };
        MutexGuard {
            lock: self,
            _not_send: PhantomData,
        }
    }
}

/// Proof that the lock is held by this task.
pub(crate) struct MutexGuard<'a, T> {
    lock: &'a Mutex<T>,
    // The task that took it has to give it back.
    _not_send: PhantomData<*mut ()>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The lock is held for as long as the guard lives.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is held for as long as the guard lives, and `&mut self` makes this the
        // only borrow made of it.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: This task took the lock and has not given it back.
        unsafe { bindings::axirq_mutex_unlock(self.lock.raw.get()) };
    }
}
