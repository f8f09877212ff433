// SPDX-License-Identifier: GPL-2.0

//! Platform drivers.

use super::{
    bindings,
    compat::{c_str, to_errno, to_result},
    device,
    links::Watch,
    of::Node,
    KBox, Result, GFP_KERNEL,
};
use core::{cell::UnsafeCell, ffi::c_int, ffi::CStr, marker::PhantomData, mem::MaybeUninit, ptr};

/// What a driver binds.
#[derive(Clone, Copy)]
pub(crate) enum Ids {
    /// AXI interrupt controllers.
    Intc,
    /// IP cores: our own compatible and those of the module parameter `of_id`.
    Device,
}

impl Ids {
    fn table(self) -> *const bindings::of_device_id {
        // SAFETY: No preconditions; the tables live as long as the module.
        unsafe {
            match self {
                Self::Intc => bindings::axirq_intc_ids(),
                Self::Device => bindings::axirq_device_ids(),
            }
        }
    }
}

/// A driver. What `probe` returns is dropped when the device is unbound: by its overlay's
/// removal, through sysfs, or when the driver is unregistered.
pub(crate) trait Driver: Sized + Send + Sync + 'static {
    /// The driver's name in sysfs, and for `driver_override`.
    const NAME: &'static CStr;
    const IDS: Ids;
    /// Whether other devices' interrupts come from this driver's: they are unbound before them.
    const IS_SUPPLIER: bool = false;

    fn probe(device: &Device<'_>) -> Result<Self>;

    /// The system goes down, or hands over to another kernel.
    fn shutdown(&self) {}

    /// The system wakes up; devices' interrupts are still off.
    fn resume(&self) {}
}

/// A device that is being probed.
pub(crate) struct Device<'a> {
    raw: *mut bindings::platform_device,
    _probe: PhantomData<&'a ()>,
}

impl Device<'_> {
    /// Its node. `None` for a device that was bound by `driver_override` and has none.
    pub(crate) fn node(&self) -> Option<Node<'_>> {
        // SAFETY: The device is valid during probe, and keeps its node.
        let node = unsafe { bindings::axirq_device_node(self.as_dev()) };
        // SAFETY: As above.
        (!node.is_null()).then(|| unsafe { Node::from_raw(node) })
    }

    /// Whether its node had registers when the device was made of it.
    pub(crate) fn has_registers(&self) -> bool {
        // SAFETY: The device is valid during probe, and keeps its resources.
        unsafe { bindings::axirq_platform_has_memory(self.raw) }
    }

    /// A reference that may be kept.
    pub(crate) fn device(&self) -> device::Device {
        // SAFETY: The device is valid during probe.
        unsafe { device::Device::get(self.as_dev()) }
    }

    pub(super) fn as_dev(&self) -> *mut bindings::device {
        // SAFETY: The device is valid during probe.
        unsafe { bindings::axirq_platform_device(self.raw) }
    }
}

/// A registered driver; dropping it unbinds every device.
pub(crate) struct Registration<T: Driver> {
    driver: KBox<UnsafeCell<bindings::platform_driver>>,
    // Outlives the registration: consumers may come as long as there are suppliers.
    _consumers: Option<Watch>,
    _driver: PhantomData<T>,
}

// SAFETY: After registration only the driver core touches the structure, under its own locks.
unsafe impl<T: Driver> Send for Registration<T> {}
// SAFETY: As above.
unsafe impl<T: Driver> Sync for Registration<T> {}

impl<T: Driver> Registration<T> {
    pub(crate) fn new() -> Result<Self> {
        let driver = KBox::new(
            UnsafeCell::new(bindings::platform_driver::default()),
            GFP_KERNEL,
        )?;
        let raw = driver.get();
        let consumers = if T::IS_SUPPLIER {
            // SAFETY: Only an address is taken, of a part of the box.
            Some(Watch::new(unsafe { ptr::addr_of!((*raw).driver) })?)
        } else {
            None
        };
        // SAFETY: The box is ours alone until it is registered, and does not move afterwards;
        // the callbacks fit and treat driver data as a box of `T`, which `probe` puts there. The
        // structure is unregistered before it is freed, in `drop`.
        to_result(unsafe {
            (*raw).driver.name = c_str(T::NAME);
            (*raw).driver.of_match_table = T::IDS.table();
            (*raw).driver.pm = Power::<T>::OPS;
            (*raw).probe = Some(probe::<T>);
            (*raw).shutdown = Some(shutdown::<T>);
            bindings::axirq_platform_driver_set_remove(raw, Some(remove::<T>));
            bindings::axirq_platform_driver_register(raw)
        })?;
        Ok(Self {
            driver,
            _consumers: consumers,
            _driver: PhantomData,
        })
    }
}

impl<T: Driver> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: Registered by `new`.
        unsafe { bindings::platform_driver_unregister(self.driver.get()) };
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn probe<T: Driver>(raw: *mut bindings::platform_device) -> c_int {
    let device = Device {
        raw,
        _probe: PhantomData,
    };
    to_errno((|| {
        let data = KBox::new(T::probe(&device)?, GFP_KERNEL)?;
        // SAFETY: The device is valid; `remove` takes the box back.
        unsafe { bindings::axirq_platform_set_drvdata(raw, KBox::into_raw(data).cast()) };
        Ok(())
    })())
}

struct Power<T>(PhantomData<T>);

impl<T: Driver> Power<T> {
    const OPS: &'static bindings::dev_pm_ops = &{
        // SAFETY: All fields are `Option`s of functions: zero means absent.
        let mut ops: bindings::dev_pm_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        // Whatever it wakes up from; the interrupts of other devices come back only after this.
        ops.resume_noirq = Some(resume::<T>);
        ops.thaw_noirq = Some(resume::<T>);
        ops.restore_noirq = Some(resume::<T>);
        ops
    };
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn resume<T: Driver>(raw: *mut bindings::device) -> c_int {
    // SAFETY: Called for bound devices, under the device's lock, and for those that are not.
    let data = unsafe { bindings::axirq_device_drvdata(raw).cast::<T>() };
    // SAFETY: Driver data is the box that `probe` left there, or nothing.
    if let Some(data) = unsafe { data.as_ref() } {
        data.resume();
    }
    0
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn shutdown<T: Driver>(raw: *mut bindings::platform_device) {
    // SAFETY: Called for bound devices, under the device's lock.
    let data = unsafe { bindings::axirq_platform_get_drvdata(raw).cast::<T>() };
    // SAFETY: Driver data is the box that `probe` left there, or nothing.
    if let Some(data) = unsafe { data.as_ref() } {
        data.shutdown();
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn remove<T: Driver>(raw: *mut bindings::platform_device) {
    // SAFETY: The core calls this once for a device that `probe` succeeded for, so its driver
    // data is the box that `probe` left there.
    drop(unsafe { KBox::from_raw(bindings::axirq_platform_get_drvdata(raw).cast::<T>()) });
}
