// SPDX-License-Identifier: GPL-2.0

//! `/sys/class/axirq`: devices with their attributes, and what udev is told of them; devtmpfs makes
//! the nodes.

use super::{
    bindings, code,
    compat::{c_str, from_err_ptr, to_errno, to_result},
    device::Device,
    text::Text,
    Arc, KBox, Result, GFP_KERNEL,
};
use core::{
    ffi::{c_char, c_int, c_void, CStr},
    ptr,
};

/// The attributes there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Name,
    Kind,
    Cell,
    Pin,
    Window,
    Controller,
    Hwirq,
    Irq,
    Trigger,
    Count,
    State,
    Address,
    Size,
}

impl Attribute {
    fn from_raw(raw: bindings::axirq_attribute) -> Option<Self> {
        Some(match raw {
            bindings::axirq_attribute_AXIRQ_ATTR_NAME => Self::Name,
            bindings::axirq_attribute_AXIRQ_ATTR_KIND => Self::Kind,
            bindings::axirq_attribute_AXIRQ_ATTR_CELL => Self::Cell,
            bindings::axirq_attribute_AXIRQ_ATTR_PIN => Self::Pin,
            bindings::axirq_attribute_AXIRQ_ATTR_WINDOW => Self::Window,
            bindings::axirq_attribute_AXIRQ_ATTR_CONTROLLER => Self::Controller,
            bindings::axirq_attribute_AXIRQ_ATTR_HWIRQ => Self::Hwirq,
            bindings::axirq_attribute_AXIRQ_ATTR_IRQ => Self::Irq,
            bindings::axirq_attribute_AXIRQ_ATTR_TRIGGER => Self::Trigger,
            bindings::axirq_attribute_AXIRQ_ATTR_COUNT => Self::Count,
            bindings::axirq_attribute_AXIRQ_ATTR_STATE => Self::State,
            bindings::axirq_attribute_AXIRQ_ATTR_ADDRESS => Self::Address,
            bindings::axirq_attribute_AXIRQ_ATTR_SIZE => Self::Size,
            _ => return None,
        })
    }
}

/// Which set of attributes a device has.
#[derive(Clone, Copy)]
pub(crate) enum Set {
    Pin,
    Window,
}

impl Set {
    /// What is told to udev in `AXIRQ_` variables, for rules to match: what never changes.
    fn variables(self) -> &'static [(&'static str, Attribute)] {
        match self {
            Self::Pin => &[
                ("KIND", Attribute::Kind),
                ("CELL", Attribute::Cell),
                ("PIN", Attribute::Pin),
                ("CONTROLLER", Attribute::Controller),
                ("TRIGGER", Attribute::Trigger),
            ],
            Self::Window => &[
                ("KIND", Attribute::Kind),
                ("CELL", Attribute::Cell),
                ("WINDOW", Attribute::Window),
            ],
        }
    }
}

/// Something with attributes.
pub(crate) trait Show: Send + Sync + 'static {
    fn set(&self) -> Set;

    /// Writes an attribute's value, without the newline.
    fn show(&self, attribute: Attribute, out: &mut dyn core::fmt::Write) -> core::fmt::Result;
}

/// The class itself.
///
/// # Invariants
///
/// The pointer is a class that is destroyed in `drop`.
pub(crate) struct Class(*mut bindings::class);

// SAFETY: The C class may be used from any task.
unsafe impl Send for Class {}
// SAFETY: As above.
unsafe impl Sync for Class {}

impl Class {
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: No preconditions.
        Ok(Self(from_err_ptr(unsafe {
            bindings::axirq_class_create()
        })?))
    }

    /// Adds a device named `name` (with `!` for each slash) below `parent`.
    pub(super) fn add(
        self: &Arc<Self>,
        parent: &Device,
        number: bindings::dev_t,
        name: &CStr,
        shown: Arc<dyn Show>,
    ) -> Result<Entry> {
        let shown = KBox::new(shown, GFP_KERNEL)?;
        let create = match shown.set() {
            Set::Pin => bindings::axirq_pin_device_create,
            Set::Window => bindings::axirq_window_device_create,
        };
        let data = ptr::from_ref::<Arc<dyn Show>>(&shown).cast_mut();
        // SAFETY: Class and parent are valid, the name is copied. Attributes are shown from
        // `data`, an allocation that `shown` keeps until `drop` has removed them.
        from_err_ptr(unsafe { create(self.0, parent.as_raw(), number, data.cast(), c_str(name)) })?;
        Ok(Entry {
            class: self.clone(),
            number,
            _shown: shown,
        })
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        // SAFETY: Made by `new`; entries hold a reference to `self`, so none is left.
        unsafe { bindings::class_destroy(self.0) };
    }
}

/// A device of the class; dropping it removes it, and waits for readers of its attributes.
pub(crate) struct Entry {
    class: Arc<Class>,
    number: bindings::dev_t,
    _shown: KBox<Arc<dyn Show>>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: Made by `add` with this number.
        unsafe { bindings::device_destroy(self.class.0, self.number) };
    }
}

/// Called by the attributes in `helpers.c`.
///
/// # Safety
///
/// `data` is the driver data of an [`Entry`]; `buffer` is a page of sysfs.
#[no_mangle]
unsafe extern "C" fn axirq_show_attribute(
    data: *mut c_void,
    which: bindings::axirq_attribute,
    buffer: *mut c_char,
) -> isize {
    // SAFETY: `Class::add` passed an `Arc<dyn Show>`; the entry's removal waits for this call.
    let shown = unsafe { &*data.cast::<Arc<dyn Show>>() };
    // SAFETY: A page is 4 KiB at least, and ours alone during the call.
    let bytes = unsafe { core::slice::from_raw_parts_mut(buffer.cast::<u8>(), 4096) };
    let mut page = Text::new(bytes);
    let printed = Attribute::from_raw(which)
        .ok_or(core::fmt::Error)
        .and_then(|attribute| shown.show(attribute, &mut page))
        .and_then(|()| core::fmt::Write::write_char(&mut page, '\n'));
    match printed {
        Ok(()) => page.as_bytes().len() as isize,
        Err(_) => code::EINVAL.to_errno() as isize,
    }
}

/// Called when a device is added or removed, and whenever somebody reads or writes its `uevent`.
///
/// # Safety
///
/// `data` is the driver data of an [`Entry`]; `env` is the event's.
#[no_mangle]
unsafe extern "C" fn axirq_show_uevent(
    data: *mut c_void,
    env: *mut bindings::kobj_uevent_env,
) -> c_int {
    // SAFETY: `Class::add` passed an `Arc<dyn Show>`; the entry's removal tells the last event.
    let shown = unsafe { &*data.cast::<Arc<dyn Show>>() };
    to_errno(shown.set().variables().iter().try_for_each(|(key, what)| {
        let mut buffer = [0; 128];
        let mut value = Text::new(&mut buffer);
        shown.show(*what, &mut value).map_err(|_| code::EINVAL)?;
        let value = value.as_bytes();
        // SAFETY: The event is ours during the call; key and value have as many bytes.
        to_result(unsafe {
            bindings::axirq_add_uevent_var(
                env,
                key.as_ptr().cast(),
                key.len(),
                value.as_ptr().cast(),
                value.len(),
            )
        })
    }))
}
