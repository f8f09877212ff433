// SPDX-License-Identifier: GPL-2.0

//! Memory that user space maps: kernel pages to read, and register windows that can be revoked.

use super::{
    bindings, code,
    compat::to_result,
    dma::Coherent,
    io::Range,
    lock::{Class, Mutex},
    Arc, KVec, Result, GFP_KERNEL,
};
use core::ffi::c_ulong;

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

    /// The first page of the file that is mapped, and the one after the last.
    fn pages(&self) -> (c_ulong, c_ulong) {
        // SAFETY: The area is valid and locked by the caller of `mmap`.
        let count = unsafe { bindings::axirq_vma_page_count(self.0) };
        (self.0.vm_pgoff, self.0.vm_pgoff.saturating_add(count))
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
    memory: KVec<Piece>,
}

/// Memory of a file, beyond the window.
struct Piece {
    file: OpenFile,
    first_page: c_ulong,
    memory: Coherent,
}

impl Piece {
    fn end_page(&self) -> c_ulong {
        self.first_page + pages(self.memory.size() as u64)
    }
}

#[derive(PartialEq, Eq)]
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
                    memory: KVec::new(),
                },
                Class::WINDOW,
            )?,
        })
    }

    pub(crate) fn range(&self) -> Range {
        self.range
    }

    /// Takes the memory of a file whose mappings are gone: all there is, if no other file has any.
    pub(crate) fn take_memory(&self) -> Memory {
        Memory(core::mem::replace(
            &mut self.state.lock().memory,
            KVec::new(),
        ))
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

    /// Takes every mapping away, now and for ever: whoever touches one gets `SIGBUS`. Returns the
    /// memory that files had.
    pub(crate) fn revoke(&self) -> Memory {
        let mut state = self.state.lock();
        state.revoked = true;
        for file in state.files.iter() {
            // SAFETY: Files in the list are open. Pages put in place before `revoked` was set go
            // here; later faults see `revoked` under the lock.
            unsafe { bindings::axirq_unmap_file(file.0) };
        }
        Memory(core::mem::replace(&mut state.memory, KVec::new()))
    }
}

/// Memory that files had. Dropping it frees it, so its device must be bound.
pub(crate) struct Memory(KVec<Piece>);

impl Memory {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In bytes.
    pub(crate) fn size(&self) -> usize {
        self.0.iter().map(|piece| piece.memory.size()).sum()
    }

    /// Frees nothing, ever: the device may still write there.
    pub(crate) fn leak(mut self) {
        while let Some(last) = self.0.len().checked_sub(1) {
            super::compat::swap_remove(&mut self.0, last).memory.leak();
        }
    }
}

/// An open file of a register window.
pub(crate) struct Attachment {
    window: Arc<Revocable>,
    file: *mut bindings::file,
}

// SAFETY: The file is the kernel's, and open as long as the attachment is there.
unsafe impl Send for Attachment {}
// SAFETY: As above.
unsafe impl Sync for Attachment {}

impl Attachment {
    /// Whether the file was opened for writing too.
    pub(crate) fn is_writable(&self) -> bool {
        // SAFETY: The file is open.
        unsafe { bindings::axirq_file_is_writable(self.file) }
    }

    /// Lets the file map memory, at the offset that is returned: beyond the window.
    ///
    /// # Errors
    ///
    /// `ENODEV` once revoked, `ENOMEM`.
    pub(crate) fn add(&self, memory: Coherent) -> Result<u64> {
        let count = pages(memory.size() as u64);
        let mut state = self.window.state.lock();
        if state.revoked {
            return Err(code::ENODEV);
        }
        // The first gap that is large enough.
        let mut first_page = pages(self.window.range.size);
        while let Some(piece) = state
            .memory
            .iter()
            .find(|piece| piece.first_page < first_page + count && first_page < piece.end_page())
        {
            first_page = piece.end_page();
        }
        let piece = Piece {
            file: OpenFile(self.file),
            first_page,
            memory,
        };
        state.memory.push(piece, GFP_KERNEL)?;
        Ok(offset(first_page))
    }

    /// Takes the file's memory at an offset away, with its mappings.
    pub(crate) fn remove(&self, at: u64) -> Option<Coherent> {
        let mut state = self.window.state.lock();
        let at = state.memory.iter().position(|piece| {
            piece.file == OpenFile(self.file) && offset(piece.first_page) == at
        })?;
        let piece = super::compat::swap_remove(&mut state.memory, at);
        let count = piece.end_page() - piece.first_page;
        // SAFETY: The file is open. Pages put in place before the piece left the list go here;
        // later faults do not find it, under the lock.
        unsafe { bindings::axirq_unmap_pages(self.file, piece.first_page, count) };
        Some(piece.memory)
    }

    /// Prepares a mapping; its pages come with the first touch, by [`Self::fault`].
    pub(super) fn map(&self, area: &mut Area<'_>) -> Result {
        let (first, end) = area.pages();
        if !area.is_shared() {
            return Err(code::EINVAL);
        }
        let state = self.window.state.lock();
        if state.revoked {
            return Err(code::ENODEV);
        }
        if end <= pages(self.window.range.size) {
            // SAFETY: The area is valid and locked by the caller of `mmap`.
            unsafe { bindings::axirq_vma_make_io(area.0) };
            return Ok(());
        }
        let piece = self.piece(&state, first).ok_or(code::EINVAL)?;
        if end > piece.end_page() {
            return Err(code::EINVAL);
        }
        piece.memory.prepare(area);
        Ok(())
    }

    /// Puts a page in place.
    ///
    /// # Safety
    ///
    /// `fault` is the running fault of a mapping that [`Self::map`] prepared.
    pub(super) unsafe fn fault(&self, fault: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: The fault is valid.
        let page = unsafe { bindings::axirq_fault_page(fault) };
        let state = self.window.state.lock();
        let pfn = if state.revoked {
            None
        } else if page < pages(self.window.range.size) {
            // SAFETY: No preconditions.
            Some(unsafe { bindings::axirq_pfn(self.window.range.start) } + page)
        } else {
            // What was there when it was mapped may be gone.
            self.piece(&state, page)
                .map(|piece| piece.memory.pfn(page - piece.first_page))
        };
        // SAFETY: The one page frame that the fault is about is inserted: the window's, which
        // nobody revokes while the lock is held, or memory's that is in the list, which leaves it
        // under the lock and takes its mappings along.
        unsafe {
            match pfn {
                Some(pfn) => bindings::axirq_fault_insert(fault, pfn),
                None => bindings::axirq_fault_sigbus(),
            }
        }
    }

    /// The file's memory that a page belongs to.
    fn piece<'a>(&self, state: &'a RevocableState, page: c_ulong) -> Option<&'a Piece> {
        state.memory.iter().find(|piece| {
            piece.file == OpenFile(self.file)
                && (piece.first_page..piece.end_page()).contains(&page)
        })
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut state = self.window.state.lock();
        let file = OpenFile(self.file);
        if let Some(at) = state.files.iter().position(|open| *open == file) {
            super::compat::swap_remove(&mut state.files, at);
        }
    }
}

/// How many pages `size` bytes are, which are whole pages.
fn pages(size: u64) -> c_ulong {
    // SAFETY: No preconditions.
    (size / unsafe { bindings::axirq_page_size() } as u64) as c_ulong
}

/// Where a page of a file is, in bytes.
fn offset(page: c_ulong) -> u64 {
    // SAFETY: No preconditions.
    page as usize as u64 * unsafe { bindings::axirq_page_size() } as u64
}
