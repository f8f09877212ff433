// SPDX-License-Identifier: MIT OR Apache-2.0
//! A piece of a device file mapped into memory, unmapped on drop: the one place with raw pointers.

#![expect(unsafe_code, reason = "mmap, and access to what it returned")]

use std::ffi::c_void;
use std::fmt;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;

use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::mman::mmap;
use nix::sys::mman::munmap;

/// A shared mapping of a file, from its start.
///
/// # Invariants
///
/// `start` is the start of a live mapping of `len` bytes, readable, owned by this value, writable if `writable`.
pub(crate) struct Mapping {
    start: NonNull<c_void>,
    len: usize,
    writable: bool,
}

// SAFETY: A mapping belongs to the process, not to a thread; `&self` gives atomic or volatile access only.
unsafe impl Send for Mapping {}
// SAFETY: As above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of `file`.
    pub(crate) fn new(file: impl AsFd, len: NonZeroUsize, writable: bool) -> nix::Result<Self> {
        let mut prot = ProtFlags::PROT_READ;
        prot.set(ProtFlags::PROT_WRITE, writable);
        // SAFETY: The kernel picks an address that nothing else uses.
        let start = unsafe { mmap(None, len, prot, MapFlags::MAP_SHARED, file, 0)? };
        Ok(Self {
            start,
            len: len.get(),
            writable,
        })
    }

    /// A pointer to the aligned 32-bit word at byte `offset`.
    ///
    /// # Panics
    ///
    /// Callers have checked the offset; panics where they have not.
    fn word(&self, offset: usize) -> NonNull<u32> {
        assert!(offset % 4 == 0 && offset.checked_add(4).is_some_and(|end| end <= self.len));
        // SAFETY: The offset is within the mapping (just checked), which is one object.
        unsafe { self.start.byte_add(offset).cast() }
    }

    /// Reads a register: one 32-bit load that is neither split, merged nor left out.
    pub(crate) fn read_volatile(&self, offset: usize) -> u32 {
        // SAFETY: `word` gives an aligned pointer into a live, readable mapping (type invariant).
        unsafe { self.word(offset).read_volatile() }
    }

    /// Writes a register: one 32-bit store.
    pub(crate) fn write_volatile(&self, offset: usize, value: u32) {
        assert!(self.writable);
        // SAFETY: `word` gives an aligned pointer into a live mapping, writable as just checked (type invariant).
        unsafe { self.word(offset).write_volatile(value) }
    }

    /// A word of memory that the kernel writes while we read.
    pub(crate) fn atomic(&self, offset: usize) -> &AtomicU32 {
        let word = self.word(offset);
        // SAFETY: Aligned and alive as long as `self` (type invariant); the kernel's stores and ours, if any, are
        // the only ones to this memory, and all are atomic.
        unsafe { AtomicU32::from_ptr(word.as_ptr()) }
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("start", &self.start)
            .field("len", &self.len)
            .finish()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: The mapping is this value's own (type invariant), and no reference into it outlives the value.
        // It cannot fail for a range that was mapped as a whole.
        let _ = unsafe { munmap(self.start, self.len) };
    }
}
