// SPDX-License-Identifier: GPL-2.0

//! Memory that a bus master and the CPU share.

use super::{bindings, code, compat::to_result, device::Device, mm::Area, platform, Result};
use core::{
    ffi::{c_ulong, c_void},
    mem::ManuallyDrop,
    ptr,
};

/// Says how many address bits the device has, 1 to 64, for what is allocated for it from then on.
/// Probe only.
///
/// # Errors
///
/// `EIO` if the machine has no memory there; the device has as many as before then.
pub(crate) fn set_address_width(device: &platform::Device<'_>, bits: u32) -> Result {
    // SAFETY: The device is valid during probe, and has no memory yet.
    to_result(unsafe { bindings::axirq_dma_set_mask(device.as_dev(), bits) })
}

/// Coherent memory of a device, contiguous on its bus and zeroed at first.
///
/// # Invariants
///
/// `cpu` and `address` are an allocation of `size` bytes, whole pages, for `device`; `pages` is
/// its table, which has every one of them.
pub(crate) struct Coherent {
    device: Device,
    size: usize,
    cpu: *mut c_void,
    address: u64,
    pages: bindings::sg_table,
}

// SAFETY: The memory belongs to the value, which never looks into it.
unsafe impl Send for Coherent {}
// SAFETY: As above.
unsafe impl Sync for Coherent {}

impl Coherent {
    /// At least `size` bytes. `device` is bound, and the memory is freed before it is not any
    /// more.
    ///
    /// # Errors
    ///
    /// `ENOMEM` if there is not so much in one piece.
    pub(crate) fn new(device: &Device, size: usize) -> Result<Self> {
        // SAFETY: No preconditions.
        let page = unsafe { bindings::axirq_page_size() } as usize;
        let size = size.checked_next_multiple_of(page).ok_or(code::ENOMEM)?;
        if size == 0 {
            return Err(code::EINVAL);
        }
        let mut address = 0;
        // SAFETY: The device is bound, says the caller; the rest is an out parameter.
        let cpu = unsafe { bindings::axirq_dma_alloc(device.as_raw(), size, &mut address) };
        if cpu.is_null() {
            return Err(code::ENOMEM);
        }
        let mut pages = bindings::sg_table::default();
        // SAFETY: The allocation is the one just made.
        let listed = to_result(unsafe {
            bindings::axirq_dma_pages(device.as_raw(), &mut pages, cpu, address, size)
        });
        if let Err(error) = listed {
            // SAFETY: As above; nobody has seen it.
            unsafe { bindings::axirq_dma_free(device.as_raw(), size, cpu, address) };
            return Err(error);
        }
        Ok(Self {
            device: device.clone(),
            size,
            cpu,
            address,
            pages,
        })
    }

    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Where the device finds it.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// Prepares a mapping of the whole or a part; its pages come with the first touch.
    pub(super) fn prepare(&self, area: &mut Area<'_>) {
        // SAFETY: The area is valid and locked by the caller of `mmap`, and the device is bound.
        unsafe { bindings::axirq_vma_make_dma(area.0, self.device.as_raw()) };
    }

    /// The frame of a page of the memory.
    pub(super) fn pfn(&self, page: c_ulong) -> c_ulong {
        // SAFETY: The table is that of the memory (type invariant).
        unsafe { bindings::axirq_dma_pfn(&self.pages, page) }
    }

    /// Never frees the memory: its device may still write there.
    pub(crate) fn leak(self) {
        let mut memory = ManuallyDrop::new(self);
        // SAFETY: The table and the device's count go, once; what the table lists stays.
        unsafe {
            bindings::axirq_dma_pages_put(&mut memory.pages);
            ptr::drop_in_place(&mut memory.device);
        }
    }
}

impl Drop for Coherent {
    fn drop(&mut self) {
        // SAFETY: Both were made by `new`, and the device is bound still (see there).
        unsafe {
            bindings::axirq_dma_pages_put(&mut self.pages);
            bindings::axirq_dma_free(self.device.as_raw(), self.size, self.cpu, self.address);
        }
    }
}
