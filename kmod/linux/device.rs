// SPDX-License-Identifier: GPL-2.0

//! `struct device`: a counted reference, and log lines that name it.

use super::{bindings, compat::c_str, text::Text};
use core::{
    ffi::{c_int, CStr},
    fmt,
};

/// The longest log line. Room is on the stack: the hard interrupt prints as well.
const LINE: usize = 512;

/// A reference to a device.
///
/// # Invariants
///
/// The pointer holds one count of the device's reference counter.
pub(crate) struct Device(*mut bindings::device);

// SAFETY: A counted reference may be used and given back from any task.
unsafe impl Send for Device {}
// SAFETY: As above.
unsafe impl Sync for Device {}

impl Device {
    /// # Safety
    ///
    /// `raw` is a valid device.
    pub(super) unsafe fn get(raw: *mut bindings::device) -> Self {
        // SAFETY: Valid, says the caller.
        Self(unsafe { bindings::get_device(raw) })
    }

    pub(super) fn as_raw(&self) -> *mut bindings::device {
        self.0
    }

    /// Prints one log line that names the device; its end is cut off if it has more than [`LINE`]
    /// bytes. Any context.
    pub(crate) fn print(&self, level: Level, message: fmt::Arguments<'_>) {
        let mut buffer = [0; LINE];
        let mut line = Text::new(&mut buffer);
        // In one piece: lines of others may come in between.
        let _ = fmt::Write::write_fmt(&mut line, message);
        let line = line.as_bytes();
        // SAFETY: The device is valid (type invariant); the line has that many bytes.
        unsafe {
            bindings::_dev_printk(
                c_str(level.0),
                self.0,
                c_str(c"%.*s\n"),
                line.len() as c_int,
                line.as_ptr(),
            )
        };
    }
}

impl Clone for Device {
    fn clone(&self) -> Self {
        // SAFETY: Valid (type invariant).
        unsafe { Self::get(self.0) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: Gives back the one count that this value holds (type invariant).
        unsafe { bindings::put_device(self.0) };
    }
}

/// How serious a log line is.
#[derive(Clone, Copy)]
pub(crate) struct Level(&'static CStr);

impl Level {
    pub(crate) const ERR: Self = Self(c"\x013");
    pub(crate) const WARN: Self = Self(c"\x014");
    pub(crate) const INFO: Self = Self(c"\x016");
}

/// Logs an error of a device: `dev_err!(device, "format", …)`.
macro_rules! dev_err {
    ($device:expr, $($message:tt)*) => {
        $device.print($crate::linux::device::Level::ERR, format_args!($($message)*))
    };
}

/// Logs a warning of a device.
macro_rules! dev_warn {
    ($device:expr, $($message:tt)*) => {
        $device.print($crate::linux::device::Level::WARN, format_args!($($message)*))
    };
}

/// Logs news of a device.
macro_rules! dev_info {
    ($device:expr, $($message:tt)*) => {
        $device.print($crate::linux::device::Level::INFO, format_args!($($message)*))
    };
}

pub(crate) use {dev_err, dev_info, dev_warn};
