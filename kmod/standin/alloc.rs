// SPDX-License-Identifier: GPL-2.0

//! Memory of the kernel's, each of whose allocations may fail.

use super::sys;
use core::{
    marker::PhantomData,
    mem::{forget, ManuallyDrop},
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    slice,
};

/// There is no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocError;

/// How to allocate.
#[derive(Clone, Copy)]
pub struct Flags(());

pub mod flags {
    /// May sleep.
    pub const GFP_KERNEL: super::Flags = super::Flags(());
}

/// What every allocation is aligned to: `ARCH_KMALLOC_MINALIGN` is no less anywhere.
const ALIGNMENT: usize = 8;

/// Memory for `count` values of `T`, at least. Those of `old` are moved there; if it fails, they
/// stay where they are.
///
/// # Safety
///
/// `old` is null, or was returned by this function for the same `T` and not freed.
unsafe fn reallocate<T>(old: *mut T, count: usize) -> Result<NonNull<T>, AllocError> {
    const { assert!(align_of::<T>() <= ALIGNMENT) };
    // No size is an order to free.
    let size = size_of::<T>().checked_mul(count).ok_or(AllocError)?.max(1);
    if size > isize::MAX as usize {
        return Err(AllocError);
    }
    // SAFETY: Says the caller.
    NonNull::new(unsafe { sys::axirq_standin_realloc(old.cast(), size) }.cast()).ok_or(AllocError)
}

/// A value in memory of its own.
///
/// # Invariants
///
/// `content` comes from [`reallocate`] and holds a value.
pub struct KBox<T: ?Sized> {
    content: NonNull<T>,
    _owned: PhantomData<T>,
}

// SAFETY: It owns its value.
unsafe impl<T: ?Sized + Send> Send for KBox<T> {}
// SAFETY: As above.
unsafe impl<T: ?Sized + Sync> Sync for KBox<T> {}

impl<T> KBox<T> {
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        // SAFETY: Null.
        let content = unsafe { reallocate(ptr::null_mut::<T>(), 1) }?;
        // SAFETY: Memory for one value.
        unsafe { content.write(value) };
        Ok(Self {
            content,
            _owned: PhantomData,
        })
    }
}

impl<T: ?Sized> KBox<T> {
    /// Leaves it to the caller to free it.
    pub fn into_raw(this: Self) -> *mut T {
        ManuallyDrop::new(this).content.as_ptr()
    }

    /// # Safety
    ///
    /// `raw` comes from [`Self::into_raw`], and this is the only box made of it.
    pub unsafe fn from_raw(raw: *mut T) -> Self {
        Self {
            // SAFETY: A box is not null.
            content: unsafe { NonNull::new_unchecked(raw) },
            _owned: PhantomData,
        }
    }
}

impl<T: ?Sized> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: Holds a value (type invariant).
        unsafe { self.content.as_ref() }
    }
}

impl<T: ?Sized> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: As above, and `&mut self` is the only borrow.
        unsafe { self.content.as_mut() }
    }
}

impl<T: ?Sized> Drop for KBox<T> {
    fn drop(&mut self) {
        // SAFETY: Holds a value, which nobody sees again, in memory that is freed once (type
        // invariant).
        unsafe {
            self.content.drop_in_place();
            sys::axirq_standin_free(self.content.as_ptr().cast());
        }
    }
}

/// A vector.
///
/// # Invariants
///
/// `start` comes from [`reallocate`], for `capacity` values, or dangles if that is zero. The first
/// `length` of them hold a value; `length` is no larger than `capacity`.
pub struct KVec<T> {
    start: NonNull<T>,
    length: usize,
    capacity: usize,
    _owned: PhantomData<T>,
}

// SAFETY: It owns its values.
unsafe impl<T: Send> Send for KVec<T> {}
// SAFETY: As above.
unsafe impl<T: Sync> Sync for KVec<T> {}

impl<T> KVec<T> {
    #[allow(clippy::new_without_default, reason = "the modules have no use for it")]
    pub const fn new() -> Self {
        Self {
            start: NonNull::dangling(),
            length: 0,
            capacity: 0,
            _owned: PhantomData,
        }
    }

    pub fn with_capacity(capacity: usize, flags: Flags) -> Result<Self, AllocError> {
        let mut vector = Self::new();
        vector.reserve(capacity, flags)?;
        Ok(vector)
    }

    /// Makes room for `more` values.
    fn reserve(&mut self, more: usize, _flags: Flags) -> Result<(), AllocError> {
        let wanted = self.length.checked_add(more).ok_or(AllocError)?;
        if wanted <= self.capacity {
            return Ok(());
        }
        let capacity = wanted.max(self.capacity.saturating_mul(2));
        let old = match self.capacity {
            0 => ptr::null_mut(),
            _ => self.start.as_ptr(),
        };
        // SAFETY: Null, or what the last call returned (type invariant).
        self.start = unsafe { reallocate(old, capacity) }?;
        self.capacity = capacity;
        Ok(())
    }

    pub fn push(&mut self, value: T, flags: Flags) -> Result<(), AllocError> {
        self.reserve(1, flags)?;
        // SAFETY: There is room for one more.
        unsafe { self.start.add(self.length).write(value) };
        self.length += 1;
        Ok(())
    }

    pub fn extend_from_slice(&mut self, values: &[T], flags: Flags) -> Result<(), AllocError>
    where
        T: Clone,
    {
        self.reserve(values.len(), flags)?;
        for value in values {
            self.push(value.clone(), flags)?;
        }
        Ok(())
    }

    /// Start, length and capacity.
    pub fn into_raw_parts(self) -> (*mut T, usize, usize) {
        let parts = (self.start.as_ptr(), self.length, self.capacity);
        forget(self);
        parts
    }

    /// # Safety
    ///
    /// `start` and `capacity` come from [`Self::into_raw_parts`]; the first `length` values are
    /// there and belong to nobody else.
    pub unsafe fn from_raw_parts(start: *mut T, length: usize, capacity: usize) -> Self {
        Self {
            // SAFETY: A vector's start is not null.
            start: unsafe { NonNull::new_unchecked(start) },
            length,
            capacity,
            _owned: PhantomData,
        }
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: So many hold a value (type invariant).
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for KVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: As above, and `&mut self` is the only borrow.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl<T> Drop for KVec<T> {
    fn drop(&mut self) {
        // SAFETY: Nobody sees the values again; the memory, if any, is freed once (type
        // invariant).
        unsafe {
            ptr::drop_in_place::<[T]>(&mut **self);
            if self.capacity != 0 {
                sys::axirq_standin_free(self.start.as_ptr().cast());
            }
        }
    }
}
