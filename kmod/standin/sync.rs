// SPDX-License-Identifier: GPL-2.0

//! Counted references.

use super::alloc::{AllocError, Flags, KBox};
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{fence, AtomicUsize, Ordering},
};

/// A counted reference to a `T`, which is dropped with the last of them.
///
/// # Invariants
///
/// `inner` is a leaked box that is valid as long as there are references, which `count` counts.
pub struct Arc<T: ?Sized> {
    inner: NonNull<Inner<T>>,
    _owned: PhantomData<Inner<T>>,
}

struct Inner<T: ?Sized> {
    count: AtomicUsize,
    data: T,
}

// SAFETY: It gives `&T` to several tasks, and the `T` itself to the one that drops the last.
unsafe impl<T: ?Sized + Sync + Send> Send for Arc<T> {}
// SAFETY: As above: a reference to it can be cloned.
unsafe impl<T: ?Sized + Sync + Send> Sync for Arc<T> {}

impl<T> Arc<T> {
    pub fn new(data: T, flags: Flags) -> Result<Self, AllocError> {
        let inner = KBox::new(
            Inner {
                count: AtomicUsize::new(1),
                data,
            },
            flags,
        )?;
        Ok(Self {
            // SAFETY: A box is not null.
            inner: unsafe { NonNull::new_unchecked(KBox::into_raw(inner)) },
            _owned: PhantomData,
        })
    }
}

impl<T: ?Sized> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: Valid (type invariant).
        unsafe { &self.inner.as_ref().data }
    }
}

impl<T: ?Sized> Clone for Arc<T> {
    fn clone(&self) -> Self {
        // SAFETY: Valid (type invariant).
        let count = unsafe { &self.inner.as_ref().count };
        // Nothing to order: who clones has a reference already.
        if count.fetch_add(1, Ordering::Relaxed) > usize::MAX / 2 {
            panic!("a counted reference was leaked over and over");
        }
        Self {
            inner: self.inner,
            _owned: PhantomData,
        }
    }
}

impl<T: ?Sized> Drop for Arc<T> {
    fn drop(&mut self) {
        // SAFETY: Valid (type invariant).
        let count = unsafe { &self.inner.as_ref().count };
        if count.fetch_sub(1, Ordering::Release) != 1 {
            return;
        }
        // What others did with theirs is over before it is dropped.
        fence(Ordering::Acquire);
        // SAFETY: A box (type invariant), and this was the last reference.
        drop(unsafe { KBox::from_raw(self.inner.as_ptr()) });
    }
}
