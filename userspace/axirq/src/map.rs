// SPDX-License-Identifier: MIT OR Apache-2.0
//! A piece of a device file mapped into memory, unmapped on drop: the one place with raw pointers.

#![expect(
    unsafe_code,
    reason = "mmap, access to what it returned, and the barriers that it needs"
)]

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

/// A shared mapping of a piece of a file.
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
        Self::at(file, len, writable, 0)
    }

    /// Maps `len` bytes of `file`, from `offset`.
    fn at(file: impl AsFd, len: NonZeroUsize, writable: bool, offset: libc::off_t) -> nix::Result<Self> {
        let mut prot = ProtFlags::PROT_READ;
        prot.set(ProtFlags::PROT_WRITE, writable);
        // SAFETY: The kernel picks an address that nothing else uses.
        let start = unsafe { mmap(None, len, prot, MapFlags::MAP_SHARED, file, offset)? };
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

/// Ordinary memory of a file, that a bus master shares: a [`Mapping`] as bytes.
#[cfg(feature = "memory")]
pub(crate) struct Bytes(Mapping);

#[cfg(feature = "memory")]
impl Bytes {
    /// Maps `len` bytes of `file`, memory that the kernel has allocated for this file alone.
    pub(crate) fn new(file: impl AsFd, len: NonZeroUsize, offset: u64) -> nix::Result<Self> {
        let offset = libc::off_t::try_from(offset).map_err(|_| nix::errno::Errno::EOVERFLOW)?;
        Mapping::at(file, len, true, offset).map(Self)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        let Self(mapping) = self;
        // SAFETY: The mapping is live and readable (type invariant). Whoever tells a bus master of it keeps from it
        // while that writes (see `memory`).
        unsafe { std::slice::from_raw_parts(mapping.start.cast().as_ptr(), mapping.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        let Self(mapping) = self;
        // SAFETY: As above, it is writable (`new`), and `&mut self` is the only way to it in this process.
        unsafe { std::slice::from_raw_parts_mut(mapping.start.cast().as_ptr(), mapping.len) }
    }
}

/// What this processor has written to memory until now, a bus master sees before any later write: call it before the
/// register write that starts a core. (The kernel's name for it.)
#[cfg(feature = "memory")]
pub fn dma_wmb() {
    // The compiler's half, and the processor's where it orders by itself.
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    // SAFETY: A barrier does nothing but wait. Fences end at the other processors; this one reaches the bus.
    unsafe {
        std::arch::asm!("dmb oshst", options(nostack, preserves_flags));
    }
}

/// What a bus master has written before what was read of it until now, this processor sees in any later read: call it
/// after the status that says that a core is done. (The kernel's name for it.)
#[cfg(feature = "memory")]
pub fn dma_rmb() {
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    // SAFETY: As above. ARMv7 has no barrier for reads alone.
    unsafe {
        std::arch::asm!("dmb osh", options(nostack, preserves_flags));
    }
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
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
