// SPDX-License-Identifier: GPL-2.0

//! Register windows: physical regions and their mappings into the kernel.

use super::{
    bindings, code,
    compat::{c_str, to_result},
    Result,
};
use core::ffi::{c_void, CStr};

/// A physical range.
#[derive(Clone, Copy)]
pub(crate) struct Range {
    pub(crate) start: u64,
    pub(crate) size: u64,
}

/// A physical range claimed in `/proc/iomem`; nobody else can claim it.
pub(crate) struct Region(Range);

impl Region {
    /// `EBUSY` if any part of the range is claimed.
    pub(crate) fn request(range: Range, name: &'static CStr) -> Result<Self> {
        // SAFETY: The name lives as long as the module, hence longer than the region.
        to_result(unsafe {
            bindings::axirq_request_mem_region(range.start, range.size, c_str(name))
        })?;
        Ok(Self(range))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: Claimed by `request`, released nowhere else.
        unsafe { bindings::axirq_release_mem_region(self.0.start, self.0.size) };
    }
}

/// Whether a window of `size` bytes has a 32-bit register at `offset`.
pub(crate) fn is_register(size: u64, offset: u32) -> bool {
    offset % 4 == 0 && u64::from(offset) + 4 <= size
}

/// Registers mapped into the kernel, at least `SIZE` bytes of them.
pub(crate) struct Mapping<const SIZE: usize> {
    base: *mut c_void,
    size: u64,
}

// SAFETY: Aligned 32-bit accesses to device memory may be made from any CPU at any time.
unsafe impl<const SIZE: usize> Send for Mapping<SIZE> {}
// SAFETY: As above.
unsafe impl<const SIZE: usize> Sync for Mapping<SIZE> {}

impl<const SIZE: usize> Mapping<SIZE> {
    /// `EINVAL` if `range` is smaller than `SIZE`.
    pub(crate) fn new(range: Range) -> Result<Self> {
        if range.size < SIZE as u64 {
            return Err(code::EINVAL);
        }
        // SAFETY: No preconditions.
        let base = unsafe { bindings::axirq_ioremap(range.start, range.size) };
        if base.is_null() {
            return Err(code::ENOMEM);
        }
        Ok(Self {
            base: base.cast(),
            size: range.size,
        })
    }

    fn at<const OFFSET: usize>(&self) -> *mut c_void {
        const { assert!(OFFSET % 4 == 0 && OFFSET + 4 <= SIZE) };
        self.base.wrapping_byte_add(OFFSET)
    }

    /// `EINVAL` unless there is a 32-bit register at `offset`.
    fn try_at(&self, offset: u32) -> Result<*mut c_void> {
        if !is_register(self.size, offset) {
            return Err(code::EINVAL);
        }
        Ok(self.base.wrapping_byte_add(offset as usize))
    }

    /// As [`Self::read32`], of an offset that is known at run time.
    pub(crate) fn try_read32(&self, offset: u32) -> Result<u32> {
        let at = self.try_at(offset)?;
        // SAFETY: Inside the mapping, aligned (just checked).
        Ok(unsafe { bindings::axirq_readl(at.cast()) })
    }

    /// As [`Self::write32`], of an offset that is known at run time.
    pub(crate) fn try_write32(&self, offset: u32, value: u32) -> Result {
        let at = self.try_at(offset)?;
        // SAFETY: Inside the mapping, aligned (just checked).
        unsafe { bindings::axirq_writel(value, at.cast()) };
        Ok(())
    }

    /// Reads the 32-bit register at `OFFSET`; later reads and memory accesses wait for it.
    pub(crate) fn read32<const OFFSET: usize>(&self) -> u32 {
        // SAFETY: Inside the mapping, aligned (checked at build time).
        unsafe { bindings::axirq_readl(self.at::<OFFSET>().cast()) }
    }

    /// Writes the 32-bit register at `OFFSET`, after earlier memory accesses.
    pub(crate) fn write32<const OFFSET: usize>(&self, value: u32) {
        // SAFETY: Inside the mapping, aligned (checked at build time).
        unsafe { bindings::axirq_writel(value, self.at::<OFFSET>().cast()) };
    }
}

impl<const SIZE: usize> Drop for Mapping<SIZE> {
    fn drop(&mut self) {
        // SAFETY: Mapped by `new`, unmapped nowhere else.
        unsafe { bindings::axirq_iounmap(self.base.cast()) };
    }
}
