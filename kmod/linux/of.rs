// SPDX-License-Identifier: GPL-2.0

//! Device-tree nodes, as far as a driver's probe reads them.
//!
//! All of it is for probe only: when an overlay is removed, a node's properties are gone before
//! the driver's `remove` runs.

use super::{
    bindings,
    compat::{c_str, from_c_str, to_result},
    io::Range,
    Result,
};
use core::{
    ffi::{c_char, c_int, CStr},
    marker::PhantomData,
    ptr,
};

/// A device's node, borrowed from the device for the time of its probe.
pub(crate) struct Node<'a> {
    raw: *mut bindings::device_node,
    _device: PhantomData<&'a ()>,
}

impl Node<'_> {
    /// # Safety
    ///
    /// `raw` is valid for the lifetime that the caller gives the node.
    pub(super) unsafe fn from_raw(raw: *mut bindings::device_node) -> Self {
        Self {
            raw,
            _device: PhantomData,
        }
    }

    pub(super) fn as_raw(&self) -> *mut bindings::device_node {
        self.raw
    }

    /// Identifies the node, as [`super::irq::controller_node`] does.
    pub(crate) fn id(&self) -> usize {
        // SAFETY: The node is valid.
        unsafe { bindings::axirq_node_fwnode(self.raw) as usize }
    }

    /// The first cell of a property; `None` if it is absent or shorter than a cell.
    pub(crate) fn u32(&self, name: &CStr) -> Option<u32> {
        let mut value = 0;
        // SAFETY: The node is valid; one element is asked for and there is room for one.
        let count = unsafe {
            bindings::of_property_read_variable_u32_array(self.raw, c_str(name), &mut value, 1, 0)
        };
        (count >= 0).then_some(value)
    }

    /// The `index`-th string of a property.
    pub(crate) fn string(&self, name: &CStr, index: u32) -> Option<&[u8]> {
        let mut value: *const c_char = ptr::null();
        // SAFETY: The node is valid; one string is asked for and there is room for one.
        let count = unsafe {
            bindings::of_property_read_string_helper(
                self.raw,
                c_str(name),
                ptr::from_mut(&mut value).cast(),
                1,
                index as c_int,
            )
        };
        // SAFETY: On success the kernel has checked that the string is terminated. It belongs to
        // the property, which lives as long as the node.
        (count == 1).then(|| unsafe { from_c_str(value) }.to_bytes())
    }

    /// How many interrupts the node lists.
    pub(crate) fn interrupt_count(&self) -> u32 {
        // SAFETY: The node is valid.
        unsafe { bindings::axirq_of_irq_count(self.raw) }
    }

    /// The Linux number of the `index`-th interrupt. `EPROBE_DEFER` while its controller has not
    /// probed.
    pub(crate) fn interrupt(&self, index: u32) -> Result<u32> {
        // SAFETY: The node is valid.
        let irq = unsafe { bindings::of_irq_get(self.raw, index as c_int) };
        to_result(irq.min(0))?;
        if irq == 0 {
            return Err(super::code::EINVAL);
        }
        Ok(irq as u32)
    }

    /// As [`Self::interrupt`], but the number under which user space claims it.
    pub(crate) fn interrupt_of_users(&self, index: u32) -> Result<u32> {
        // SAFETY: The interrupt is mapped; its controller stays while the node's device probes.
        match unsafe { bindings::axirq_irq_of_users(self.interrupt(index)?) } {
            0 => Err(super::code::ENOMEM),
            irq => Ok(irq),
        }
    }

    /// The `index`-th register window.
    pub(crate) fn window(&self, index: u32) -> Result<Range> {
        let mut range = Range { start: 0, size: 0 };
        // SAFETY: The node is valid; out parameters of ours.
        to_result(unsafe {
            bindings::axirq_of_node_window(
                self.raw,
                index as c_int,
                &mut range.start,
                &mut range.size,
            )
        })?;
        Ok(range)
    }

    /// Writes the node's name with its unit address, `gpio@a0010000`.
    pub(crate) fn write_name<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let (at, size) = (buffer.as_mut_ptr(), buffer.len());
        // SAFETY: The node is valid and the buffer has `size` bytes.
        let wanted = unsafe { bindings::axirq_of_node_name(self.raw, at.cast(), size) };
        printed(buffer, wanted)
    }

    /// The node's label in `__symbols__`, as an overlay's own labels show up there.
    ///
    /// Passes each label of the node to `f` until it returns true.
    pub(crate) fn find_label(&self, mut f: impl FnMut(&[u8]) -> bool) {
        let mut buffer = [0; 256];
        let size = buffer.len();
        // SAFETY: The node is valid and the buffer has `size` bytes.
        let wanted =
            unsafe { bindings::axirq_of_node_path(self.raw, buffer.as_mut_ptr().cast(), size) };
        if wanted as usize >= size {
            return;
        }
        let path = printed(&mut buffer, wanted);
        // SAFETY: The path is a constant. The node, if any, is counted and put below.
        let symbols =
            unsafe { bindings::of_find_node_opts_by_path(c_str(c"/__symbols__"), ptr::null_mut()) };
        if symbols.is_null() {
            return;
        }
        for index in 0.. {
            let mut name: *const c_char = ptr::null();
            let mut value: *const c_char = ptr::null();
            let mut length: c_int = 0;
            // SAFETY: The node is counted; the rest are out parameters. A property that an overlay
            // takes away meanwhile stays allocated as long as its node.
            let found = unsafe {
                bindings::axirq_of_node_property(
                    symbols,
                    index,
                    ptr::from_mut(&mut name).cast(),
                    ptr::from_mut(&mut value).cast(),
                    &mut length,
                )
            };
            if found != 0 {
                break;
            }
            if value.is_null() {
                continue;
            }
            // SAFETY: A property's value has `length` bytes.
            let value = unsafe { core::slice::from_raw_parts(value.cast::<u8>(), length as usize) };
            if value.strip_suffix(b"\0") != Some(path) {
                continue;
            }
            // SAFETY: Property names are terminated.
            if f(unsafe { from_c_str(name) }.to_bytes()) {
                break;
            }
        }
        // SAFETY: Gives back the count that the search took.
        unsafe { bindings::axirq_of_node_put(symbols) };
    }
}

/// What `snprintf` left in `buffer` when it wanted to print `wanted` bytes.
fn printed(buffer: &mut [u8], wanted: c_int) -> &[u8] {
    let room = buffer.len().saturating_sub(1);
    &buffer[..room.min(wanted.max(0) as usize)]
}
