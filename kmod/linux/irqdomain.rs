// SPDX-License-Identifier: GPL-2.0

//! An interrupt controller for Linux: an irq domain with its irqchip, chained to a parent.

use super::{bindings, code, compat::c_str, irq::Trigger, of::Node, Arc, Result};
use core::{
    ffi::{c_int, c_uint, c_ulong, CStr},
    marker::PhantomData,
    mem::MaybeUninit,
};

/// A controller's registers. All but [`Controller::trigger`] and [`Controller::is_input`] run with
/// interrupts off, from any context.
pub(crate) trait Controller: Send + Sync + 'static {
    /// What `/proc/interrupts` calls the chip.
    const NAME: &'static CStr;

    /// What makes an input fire; fixed in hardware.
    fn trigger(&self, hwirq: u32) -> Trigger;

    /// Whether the controller has this input.
    fn is_input(&self, hwirq: u32) -> bool;

    /// Stops an input from interrupting.
    fn mask(&self, hwirq: u32);

    /// Lets an input interrupt.
    fn unmask(&self, hwirq: u32);

    /// Clears the latch of an edge.
    fn ack(&self, hwirq: u32);

    /// Somebody claims the input: forgets what was latched before, and mends what may have become
    /// of the controller meanwhile.
    fn activate(&self, hwirq: u32);

    /// The parent's interrupt came: calls `deliver` for each pending input.
    ///
    /// Returns false, once, to have the parent's interrupt disabled for good.
    fn handle(&self, deliver: impl FnMut(u32)) -> bool;

    /// Turns the output off, whatever is pending. Process context.
    fn quiesce(&self);
}

/// The irq domain of a controller. Dropping it removes every mapping; nobody may hold a line of
/// it any more.
///
/// # Invariants
///
/// `raw` is a domain whose `host_data` is the address of `controller`'s content.
pub(crate) struct Domain<T: Controller> {
    raw: *mut bindings::irq_domain,
    controller: Arc<T>,
    inputs: u32,
}

// SAFETY: The C domain may be used from any task.
unsafe impl<T: Controller> Send for Domain<T> {}
// SAFETY: As above.
unsafe impl<T: Controller> Sync for Domain<T> {}

impl<T: Controller> Domain<T> {
    /// Makes the domain of `node`, with inputs 0 to `inputs` - 1.
    pub(crate) fn new(node: &Node<'_>, inputs: u32, controller: Arc<T>) -> Result<Self> {
        let data = core::ptr::from_ref::<T>(&controller).cast_mut().cast();
        // SAFETY: The node is valid; the operations are a constant; `data` outlives the domain,
        // which `controller` beside it keeps alive.
        let raw = unsafe {
            bindings::axirq_irq_domain_create(
                bindings::axirq_node_fwnode(node.as_raw()),
                inputs,
                Tables::<T>::DOMAIN,
                data,
            )
        };
        if raw.is_null() {
            return Err(code::ENOMEM);
        }
        Ok(Self {
            raw,
            controller,
            inputs,
        })
    }

    /// The Linux number of an input, made up on first use.
    pub(crate) fn map(&self, hwirq: u32) -> Result<u32> {
        // SAFETY: The domain is valid (type invariant).
        match unsafe { bindings::axirq_irq_create_mapping(self.raw, hwirq.into()) } {
            0 => Err(code::ENOMEM),
            irq => Ok(irq),
        }
    }
}

impl<T: Controller> Drop for Domain<T> {
    fn drop(&mut self) {
        for hwirq in 0..self.inputs {
            // SAFETY: The domain is valid (type invariant).
            let irq = unsafe { bindings::axirq_irq_find_mapping(self.raw, hwirq.into()) };
            if irq != 0 {
                // SAFETY: A mapping of ours; mappings outlive their users, who are gone.
                unsafe { bindings::irq_dispose_mapping(irq) };
            }
        }
        // SAFETY: No mapping is left, and nothing else refers to the domain.
        unsafe { bindings::irq_domain_remove(self.raw) };
    }
}

/// A controller's output, chained into its parent's interrupt. Dropping it unhooks the handler
/// and waits until it is no longer running.
pub(crate) struct Cascade<T: Controller> {
    irq: u32,
    /// The parent's own flow handler.
    before: bindings::irq_flow_handler_t,
    domain: Arc<Domain<T>>,
}

impl<T: Controller> Cascade<T> {
    /// Hooks the controller into `irq`, which is live from then on. `EBUSY` if it is taken.
    pub(crate) fn new(irq: u32, domain: Arc<Domain<T>>) -> Result<Self> {
        // SAFETY: No preconditions.
        if unsafe { bindings::axirq_irq_is_taken(irq) } {
            return Err(code::EBUSY);
        }
        // SAFETY: No preconditions.
        let before = unsafe { bindings::axirq_irq_flow_handler(irq) };
        // No flow handler of the core's is there to mask the interrupt later.
        super::irq::set_disable_unlazy(irq);
        let data = core::ptr::from_ref::<Domain<T>>(&domain).cast_mut().cast();
        // SAFETY: `flow::<T>` takes its handler data for a `Domain<T>`, which `domain` keeps
        // alive until `drop` has unhooked the handler.
        unsafe { bindings::irq_set_chained_handler_and_data(irq, Some(flow::<T>), data) };
        Ok(Self {
            irq,
            before,
            domain,
        })
    }
}

impl<T: Controller> Drop for Cascade<T> {
    fn drop(&mut self) {
        // Nothing may fire while there is no handler: the one that stands in for it never ends an
        // interrupt, and the CPU would wait for that for ever.
        self.domain.controller.quiesce();
        // SAFETY: `irq` is hooked (by `new`). Waiting takes two steps: `disable_irq` for a parent
        // that can tell whether an interrupt is active; a grace period for any parent, since
        // hard interrupts are readers of RCU and no new one starts. A handler that was running
        // has unmasked the parent on its way out, behind the core's back: masked once more. Then
        // nothing runs, and nothing can.
        unsafe {
            bindings::disable_irq(self.irq);
            bindings::synchronize_rcu();
            bindings::axirq_irq_mask_again(self.irq);
            // Hooking had reserved it: now anybody may request it again.
            bindings::axirq_irq_unhook(self.irq, self.before);
        }
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn flow<T: Controller>(desc: *mut bindings::irq_desc) {
    // SAFETY: The core hands over a valid descriptor, whose handler data `Cascade::new` set.
    let domain = unsafe { &*bindings::axirq_irq_desc_handler_data(desc).cast::<Domain<T>>() };
    // SAFETY: As above.
    unsafe { bindings::axirq_chained_irq_enter(desc) };
    let go_on = domain.controller.handle(|hwirq| {
        // SAFETY: Interrupt context, as it asks. An input that nobody mapped is an error that
        // has been dealt with: it is masked.
        let _ = unsafe { bindings::generic_handle_domain_irq(domain.raw, hwirq.into()) };
    });
    // SAFETY: As above.
    unsafe { bindings::axirq_chained_irq_exit(desc) };
    if !go_on {
        // After the exit, which may unmask.
        // SAFETY: No preconditions; the descriptor's lock is not held here.
        unsafe { bindings::disable_irq_nosync(bindings::axirq_irq_desc_irq(desc)) };
    }
}

struct Tables<T>(PhantomData<T>);

impl<T: Controller> Tables<T> {
    const DOMAIN: &'static bindings::irq_domain_ops = &{
        // SAFETY: All fields are pointers and `Option`s of functions: zero means absent.
        let mut ops: bindings::irq_domain_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        ops.map = Some(map::<T>);
        ops.unmap = Some(unmap);
        ops.xlate = Some(xlate::<T>);
        ops.activate = Some(activate::<T>);
        ops
    };

    /// Edge: acknowledged when it fires, before the handler, so that an edge that comes while
    /// the handler runs is latched and delivered.
    const EDGE: &'static bindings::irq_chip = &{
        let mut chip = *Self::LEVEL;
        chip.irq_ack = Some(ack::<T>);
        chip
    };

    /// Level: no ack on its own. It would be useless while the source still asserts; `unmask`
    /// acknowledges instead.
    const LEVEL: &'static bindings::irq_chip = &{
        // SAFETY: As above; flags and integers may be zero as well.
        let mut chip: bindings::irq_chip = unsafe { MaybeUninit::zeroed().assume_init() };
        chip.name = c_str(T::NAME);
        chip.irq_mask = Some(mask::<T>);
        chip.irq_unmask = Some(unmask::<T>);
        chip.flags = bindings::IRQCHIP_SKIP_SET_WAKE as c_ulong;
        chip
    };

    fn chip(trigger: Trigger) -> &'static bindings::irq_chip {
        match trigger {
            Trigger::Edge => Self::EDGE,
            Trigger::Level => Self::LEVEL,
        }
    }
}

/// # Safety
///
/// `domain` was made by [`Domain::new`] with a `T`.
unsafe fn host<'a, T: Controller>(domain: *mut bindings::irq_domain) -> &'a T {
    // SAFETY: `host_data` is the controller (invariant of `Domain`), valid while the domain is.
    unsafe { &*bindings::axirq_irq_domain_data(domain).cast::<T>() }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn map<T: Controller>(
    domain: *mut bindings::irq_domain,
    irq: c_uint,
    hwirq: bindings::irq_hw_number_t,
) -> c_int {
    // SAFETY: Called for our domain only.
    let controller = unsafe { host::<T>(domain) };
    let trigger = controller.trigger(hwirq as u32);
    let (handler, sense): (bindings::irq_flow_handler_t, _) = match trigger {
        Trigger::Edge => (
            Some(bindings::handle_edge_irq),
            bindings::IRQ_TYPE_EDGE_RISING,
        ),
        Trigger::Level => (
            Some(bindings::handle_level_irq),
            bindings::IRQ_TYPE_LEVEL_HIGH,
        ),
    };
    // SAFETY: `irq` was just allocated for this domain. The chip is a constant; the chip data is
    // the controller, which outlives the mapping.
    unsafe {
        bindings::irq_set_chip_and_handler_name(
            irq,
            Tables::<T>::chip(trigger),
            handler,
            core::ptr::null(),
        );
        bindings::irq_set_chip_data(irq, bindings::axirq_irq_domain_data(domain));
        bindings::axirq_irq_describe(irq, sense);
    }
    0
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn unmap(_domain: *mut bindings::irq_domain, irq: c_uint) {
    // SAFETY: Nobody holds the interrupt any more.
    unsafe { bindings::axirq_irq_forget(irq) };
}

/// The type cell under an AXI INTC is not a Linux IRQ type: only the input's number counts, and
/// the controller knows its own triggers.
///
/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn xlate<T: Controller>(
    domain: *mut bindings::irq_domain,
    _node: *mut bindings::device_node,
    cells: *const u32,
    count: c_uint,
    out_hwirq: *mut c_ulong,
    out_type: *mut c_uint,
) -> c_int {
    // SAFETY: Called for our domain only.
    let controller = unsafe { host::<T>(domain) };
    if count < 1 {
        return code::EINVAL.to_errno();
    }
    // SAFETY: `cells` has `count` elements.
    let hwirq = unsafe { *cells };
    if !controller.is_input(hwirq) {
        return code::EINVAL.to_errno();
    }
    let sense = match controller.trigger(hwirq) {
        Trigger::Edge => bindings::IRQ_TYPE_EDGE_RISING,
        Trigger::Level => bindings::IRQ_TYPE_LEVEL_HIGH,
    };
    // SAFETY: Out parameters of the caller.
    unsafe {
        *out_hwirq = hwirq.into();
        *out_type = sense;
    }
    0
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn activate<T: Controller>(
    domain: *mut bindings::irq_domain,
    data: *mut bindings::irq_data,
    _reserve: bool,
) -> c_int {
    // SAFETY: Called for our domain, with an interrupt of it.
    let (controller, hwirq) = unsafe { (host::<T>(domain), (*data).hwirq as u32) };
    controller.activate(hwirq);
    0
}

/// # Safety
///
/// `data` belongs to an interrupt that [`map`] set up for a `T`.
unsafe fn chip_data<'a, T: Controller>(data: *mut bindings::irq_data) -> (&'a T, u32) {
    // SAFETY: `map` set the chip data to the controller, which outlives the mapping.
    unsafe { (&*(*data).chip_data.cast::<T>(), (*data).hwirq as u32) }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn mask<T: Controller>(data: *mut bindings::irq_data) {
    // SAFETY: The core calls a chip for its own interrupts.
    let (controller, hwirq) = unsafe { chip_data::<T>(data) };
    controller.mask(hwirq);
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn unmask<T: Controller>(data: *mut bindings::irq_data) {
    // SAFETY: As above.
    let (controller, hwirq) = unsafe { chip_data::<T>(data) };
    controller.unmask(hwirq);
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn ack<T: Controller>(data: *mut bindings::irq_data) {
    // SAFETY: As above.
    let (controller, hwirq) = unsafe { chip_data::<T>(data) };
    controller.ack(hwirq);
}
