// SPDX-License-Identifier: GPL-2.0

//! Clocks of a device.

use super::{bindings, compat::to_result, platform, Result};
use core::ptr;

/// All clocks that a device's node lists, running until this is dropped.
pub(crate) struct Clocks {
    count: i32,
    clocks: *mut bindings::clk_bulk_data,
}

// SAFETY: The clock framework has locks of its own; the list belongs to this value.
unsafe impl Send for Clocks {}
// SAFETY: As above.
unsafe impl Sync for Clocks {}

impl Clocks {
    /// `EPROBE_DEFER` while a clock's provider is missing; a node without clocks is fine.
    pub(crate) fn enable(device: &platform::Device<'_>) -> Result<Self> {
        let mut clocks = ptr::null_mut();
        // SAFETY: The device is valid during its probe; the list is an out parameter.
        let count = unsafe { bindings::axirq_clocks_enable(device.as_dev(), &mut clocks) };
        to_result(count.min(0))?;
        Ok(Self { count, clocks })
    }
}

impl Drop for Clocks {
    fn drop(&mut self) {
        if self.count > 0 {
            // SAFETY: Enabled by `enable`, disabled nowhere else. A provider on the
            // platform bus has been linked to the device, or `enable` had failed, so that the driver
            // core unbinds us before it; fw_devlink does the same for other buses.
            unsafe { bindings::axirq_clocks_disable(self.count, self.clocks) };
        }
    }
}
