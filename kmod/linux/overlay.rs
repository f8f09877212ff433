// SPDX-License-Identifier: GPL-2.0

//! Device-tree overlays applied to the live tree, and the firmware files they come in.

use super::{
    bindings,
    compat::{c_str, to_result},
    Result,
};
use core::{
    ffi::{c_int, CStr},
    ptr,
};

/// An applied overlay.
///
/// # Invariants
///
/// The number stands for an overlay changeset that has not been removed.
pub(crate) struct Overlay(c_int);

impl Overlay {
    /// Applies a `.dtbo`. The kernel copies it. When a step fails all steps are undone.
    pub(crate) fn apply(blob: &[u8]) -> Result<Self> {
        let size = u32::try_from(blob.len()).map_err(|_| super::code::EFBIG)?;
        let mut id: c_int = 0;
        // SAFETY: The blob has `size` bytes; the kernel checks its header and total size.
        let result = to_result(unsafe {
            bindings::axirq_overlay_apply(blob.as_ptr().cast(), size, &mut id)
        });
        if let Err(error) = result {
            if id > 0 {
                // SAFETY: A failed application that left a number wants it removed.
                unsafe { bindings::of_overlay_remove(&mut id) };
            }
            return Err(error);
        }
        Ok(Self(id))
    }

    /// Removes it. `EBUSY` while another one lies on top: it then stays for good.
    pub(crate) fn remove(mut self) -> Result {
        // SAFETY: Applied and not removed (type invariant).
        to_result(unsafe { bindings::of_overlay_remove(&mut self.0) })
    }
}

/// A file of the firmware folders, in memory.
///
/// # Invariants
///
/// The pointer is what `request_firmware` gave out.
pub(crate) struct Firmware(*const bindings::firmware);

impl Firmware {
    pub(crate) fn request(name: &CStr) -> Result<Self> {
        let mut firmware = ptr::null();
        // SAFETY: The name is terminated; the out parameter is ours.
        to_result(unsafe { bindings::axirq_request_firmware(&mut firmware, c_str(name)) })?;
        Ok(Self(firmware))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: Valid until released (type invariant), with `size` bytes at `data`.
        unsafe { core::slice::from_raw_parts((*self.0).data, (*self.0).size) }
    }
}

impl Drop for Firmware {
    fn drop(&mut self) {
        // SAFETY: Given out once, released once.
        unsafe { bindings::release_firmware(self.0) };
    }
}
