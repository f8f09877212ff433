// SPDX-License-Identifier: GPL-2.0

//! Links between devices, for the driver core to unbind consumers of a controller before it.
//!
//! The kernel makes such links itself from the device tree, unless it was told not to
//! (`fw_devlink=`). A controller that went first would leave its consumers with interrupts that
//! do not exist.

use super::{bindings, compat::to_result, KBox, Result, GFP_KERNEL};
use core::{
    cell::UnsafeCell,
    ffi::{c_int, c_ulong, c_void},
    ptr,
};

/// While it lives, each platform device is linked to those of one driver's devices whose
/// interrupts its node names, before it is probed.
pub(super) struct Watch(KBox<Watching>);

/// `block` comes first: the chain hands it over.
#[repr(C)]
struct Watching {
    block: UnsafeCell<bindings::notifier_block>,
    /// Only compared.
    supplier: *const bindings::device_driver,
}

// SAFETY: After registration only the notifier chain touches the block, under its own lock.
unsafe impl Send for Watch {}
// SAFETY: As above.
unsafe impl Sync for Watch {}

impl Watch {
    /// `supplier` is the driver, which need not be registered yet.
    pub(super) fn new(supplier: *const bindings::device_driver) -> Result<Self> {
        let watching = KBox::new(
            Watching {
                block: UnsafeCell::new(bindings::notifier_block {
                    notifier_call: Some(notify),
                    ..Default::default()
                }),
                supplier,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The block stays where it is until `drop` has taken it off the chain.
        to_result(unsafe {
            bindings::bus_register_notifier(
                ptr::addr_of!(bindings::platform_bus_type),
                watching.block.get(),
            )
        })?;
        Ok(Self(watching))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // SAFETY: Registered by `new`. It returns once nobody runs `notify` any more.
        unsafe {
            bindings::bus_unregister_notifier(
                ptr::addr_of!(bindings::platform_bus_type),
                self.0.block.get(),
            )
        };
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn notify(
    block: *mut bindings::notifier_block,
    event: c_ulong,
    consumer: *mut c_void,
) -> c_int {
    const BIND: c_ulong = bindings::bus_notifier_event_BUS_NOTIFY_BIND_DRIVER as c_ulong;

    if event == BIND {
        let consumer = consumer.cast();
        // SAFETY: The chain hands over the block that `new` registered, which begins its
        // `Watching`, and a valid device, which is about to be probed.
        unsafe {
            let supplier = (*block.cast::<Watching>()).supplier;
            let node = bindings::axirq_device_node(consumer);
            link_all(consumer, node, supplier);
            // Drivers such as gpio-keys and the DMA engine's take interrupts of child nodes; the
            // children of a bus are devices of their own.
            let mut part = bindings::axirq_of_next_part(node, ptr::null_mut());
            while !part.is_null() {
                link_all(consumer, part, supplier);
                part = bindings::axirq_of_next_part(node, part);
            }
        }
    }
    bindings::NOTIFY_DONE as c_int
}

/// # Safety
///
/// `consumer` is valid; `node` is, or is null.
unsafe fn link_all(
    consumer: *mut bindings::device,
    node: *mut bindings::device_node,
    supplier: *const bindings::device_driver,
) {
    for index in 0.. {
        let mut controller = ptr::null_mut();
        // SAFETY: Valid, says the caller; an out parameter of ours. What is found is counted, and
        // put below.
        unsafe {
            if bindings::axirq_of_interrupt_device(node, index, &mut controller) != 0 {
                break;
            }
            if controller.is_null() {
                continue;
            }
            if bindings::axirq_device_driver(controller).cast_const() == supplier {
                // None is made where the controller depends on the consumer.
                bindings::axirq_device_link(consumer, controller);
            }
            bindings::put_device(controller);
        }
    }
}
