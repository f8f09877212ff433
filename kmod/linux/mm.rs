// SPDX-License-Identifier: GPL-2.0

//! Memory that user space maps: kernel pages to read, and register windows that can be revoked.

use super::{
    bindings, code,
    compat::to_result,
    io::Range,
    lock::{Class, Mutex},
    Arc, KVec, Result, GFP_KERNEL,
};
use core::ptr;

/// One page of kernel memory, zeroed, that user space may map. It holds a `T`.
///
/// # Invariants
///
/// The pointer is a zeroed allocation of one page, and zero is a valid `T`.
pub(crate) struct Page<T>(*mut T);

/// A type for which zeroed memory is a valid value, shared with user space: atomics only.
///
/// # Safety
///
/// All-zero bytes are a valid value, and every field may be changed through a shared reference.
pub(crate) unsafe trait Shared: Sync {}

// SAFETY: An array of atomics, valid when zeroed.
unsafe impl<const N: usize> Shared for [core::sync::atomic::AtomicU32; N] {}

// SAFETY: `T` is `Sync`, and the page belongs to the value.
unsafe impl<T: Shared> Send for Page<T> {}
// SAFETY: As above.
unsafe impl<T: Shared> Sync for Page<T> {}

impl<T: Shared> Page<T> {
    pub(crate) fn new() -> Result<Self> {
        const { assert!(size_of::<T>() <= 4096 && align_of::<T>() <= 4096) };
        // SAFETY: No preconditions.
        let page = unsafe { bindings::axirq_vmalloc_user_page() };
        if page.is_null() {
            return Err(code::ENOMEM);
        }
        Ok(Self(page.cast()))
    }
}

impl<T: Shared> core::ops::Deref for Page<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: Zeroed and large enough (type invariant, `Shared`).
        unsafe { &*self.0 }
    }
}

impl<T> Drop for Page<T> {
    fn drop(&mut self) {
        // SAFETY: Allocated by `new`. Mappings hold a count of each page of their own.
        unsafe { bindings::vfree(self.0.cast()) };
    }
}

/// A mapping that user space asks for.
pub(crate) struct Area<'a>(pub(super) &'a mut bindings::vm_area_struct);

impl Area<'_> {
    fn is_shared(&self) -> bool {
        // SAFETY: The area is valid and locked by the caller of `mmap`.
        unsafe { bindings::axirq_vma_is_shared(self.0) }
    }

    fn is_writable(&self) -> bool {
        // SAFETY: The area is valid and locked by the caller of `mmap`.
        unsafe { bindings::axirq_vma_is_writable(self.0) }
    }

    /// Maps a page of the kernel's, never to be written.
    pub(crate) fn map_page<T: Shared>(self, page: &Page<T>) -> Result {
        if self.is_writable() || !self.is_shared() {
            return Err(code::EINVAL);
        }
        // SAFETY: The area is valid and locked; `remap_vmalloc_range` checks offset and length
        // against the allocation, which is a `vmalloc_user` one.
        unsafe {
            bindings::axirq_vma_forbid_write(self.0);
            to_result(bindings::remap_vmalloc_range(
                self.0,
                page.0.cast(),
                self.0.vm_pgoff,
            ))
        }
    }
}

/// A register window as user space maps it: whole pages, uncached, each put in place when it is
/// first touched, and all taken away when the device goes.
pub(crate) struct Revocable {
    range: Range,
    state: Mutex<RevocableState>,
}

struct RevocableState {
    revoked: bool,
    files: KVec<OpenFile>,
}

struct OpenFile(*mut bindings::file);

// SAFETY: The pointer is used only under the lock, while the file is open.
unsafe impl Send for OpenFile {}

impl Revocable {
    /// `EINVAL` unless `range` is whole pages: a part of a page would give away its neighbours.
    pub(crate) fn new(range: Range) -> Result<Self> {
        // SAFETY: No preconditions.
        let page = unsafe { bindings::axirq_page_size() } as u64;
        if range.size == 0 || (range.start | range.size) & (page - 1) != 0 {
            return Err(code::EINVAL);
        }
        Ok(Self {
            range,
            state: Mutex::new(
                RevocableState {
                    revoked: false,
                    files: KVec::new(),
                },
                Class::WINDOW,
            )?,
        })
    }

    pub(crate) fn range(&self) -> Range {
        self.range
    }

    /// Registers an open file; `ENODEV` once revoked.
    ///
    /// # Safety
    ///
    /// `file` stays open until the attachment is dropped.
    pub(super) unsafe fn attach(self: &Arc<Self>, file: *mut bindings::file) -> Result<Attachment> {
        let mut state = self.state.lock();
        if state.revoked {
            return Err(code::ENODEV);
        }
        state.files.push(OpenFile(file), GFP_KERNEL)?;
        drop(state);
        Ok(Attachment {
            window: self.clone(),
            file,
        })
    }

    pub(crate) fn is_revoked(&self) -> bool {
        self.state.lock().revoked
    }

    /// Takes every mapping away, now and for ever: whoever touches one gets `SIGBUS`.
    pub(crate) fn revoke(&self) {
        let mut state = self.state.lock();
        state.revoked = true;
        for file in state.files.iter() {
            // SAFETY: Files in the list are open. Pages put in place before `revoked` was set go
            // here; later faults see `revoked` under the lock.
            unsafe { bindings::axirq_unmap_file(file.0) };
        }
    }
}

/// An open file of a register window.
pub(crate) struct Attachment {
    window: Arc<Revocable>,
    file: *mut bindings::file,
}

// SAFETY: The pointer is only compared.
unsafe impl Send for Attachment {}
// SAFETY: As above.
unsafe impl Sync for Attachment {}

impl Attachment {
    /// Prepares a mapping; its pages come with the first touch, by [`Self::fault`].
    pub(super) fn map(&self, area: &Area<'_>) -> Result {
        // SAFETY: The area is valid and locked by the caller of `mmap`.
        let fits = unsafe { bindings::axirq_vma_fits(area.0, self.window.range.size) };
        if !area.is_shared() || !fits {
            return Err(code::EINVAL);
        }
        if self.window.state.lock().revoked {
            return Err(code::ENODEV);
        }
        // SAFETY: The area is valid and locked by the caller of `mmap`.
        unsafe { bindings::axirq_vma_make_io(ptr::from_ref(&*area.0).cast_mut()) };
        Ok(())
    }

    /// Puts a page in place.
    ///
    /// # Safety
    ///
    /// `fault` is the running fault of a mapping that [`Self::map`] prepared.
    pub(super) unsafe fn fault(&self, fault: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        let state = self.window.state.lock();
        // SAFETY: The helper inserts the one page frame that the fault is about. It is inside the
        // window: `map` has checked the whole area, which cannot grow.
        unsafe {
            if state.revoked {
                bindings::axirq_fault_sigbus()
            } else {
                bindings::axirq_fault_insert(fault, self.window.range.start)
            }
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut state = self.window.state.lock();
        if let Some(at) = state
            .files
            .iter()
            .position(|file| ptr::eq(file.0, self.file))
        {
            super::compat::swap_remove(&mut state.files, at);
        }
    }
}
