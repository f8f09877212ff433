// SPDX-License-Identifier: GPL-2.0

//! Linux interrupts by number: claiming, enabling, asking what they are.

use super::{
    bindings, code,
    compat::{from_c_str, to_result},
    Arc, KVec, Result, GFP_KERNEL,
};
use core::ffi::{c_int, c_ulong, c_void};

/// What makes a line fire.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Edge,
    Level,
}

/// Handles an interrupt.
pub(crate) trait Handler: Send + Sync + 'static {
    /// A controller's: never in a thread, and awake while the system sleeps, for the lines behind
    /// it, which are put to sleep one by one.
    const IS_CONTROLLER: bool = false;

    /// Runs in hard-interrupt context (in a thread on `PREEMPT_RT`): no sleeping, no allocation.
    fn handle(&self);
}

/// An interrupt claimed exclusively, with its handler; disabled until [`enable`] is called.
///
/// # Invariants
///
/// `irq` was requested with `handler`'s address as cookie, and not freed.
pub(crate) struct Registration<T: Handler> {
    irq: u32,
    handler: Arc<T>,
    // The kernel keeps a pointer to the name.
    _name: KVec<u8>,
}

impl<T: Handler> Registration<T> {
    /// Claims `irq`. `EBUSY` if somebody else holds it.
    ///
    /// `name` shows up in `/proc/interrupts`; the kernel also makes a folder of that name, so it
    /// must not contain a slash.
    pub(crate) fn request(irq: u32, name: &[u8], handler: Arc<T>) -> Result<Self> {
        // Probe-shared keeps the core from logging a conflict that the caller reports.
        let mut flags = bindings::IRQF_NO_AUTOEN | bindings::IRQF_PROBE_SHARED;
        if T::IS_CONTROLLER {
            flags |= bindings::IRQF_NO_THREAD | bindings::IRQF_NO_SUSPEND;
        }
        // The core would log that the other side's chip refuses.
        if is_held(irq) {
            return Err(code::EBUSY);
        }
        let mut stored = KVec::with_capacity(name.len() + 1, GFP_KERNEL)?;
        stored.extend_from_slice(name, GFP_KERNEL)?;
        stored.push(0, GFP_KERNEL)?;
        // SAFETY:
        // - `trampoline::<T>` fits `irq_handler_t` and takes the cookie for a `T`;
        // - the cookie is valid until `free_irq` in `drop`: `handler` keeps it alive, and the
        //   address of an `Arc`'s content does not change;
        // - the name is terminated and lives as long as the action, in `_name`;
        // - an interrupt before this function returns sees a complete `T`.
        let result = to_result(unsafe {
            bindings::request_threaded_irq(
                irq,
                Some(trampoline::<T>),
                None,
                c_ulong::from(flags),
                stored.as_ptr().cast(),
                cookie(&handler),
            )
        });
        result.map_err(|error| {
            // What a driver is chained into cannot be requested at all: `EINVAL`.
            if is_held(irq) {
                code::EBUSY
            } else {
                error
            }
        })?;
        Ok(Self {
            irq,
            handler,
            _name: stored,
        })
    }
}

impl<T: Handler> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: Requested with this cookie (type invariant). `free_irq` returns once running
        // handlers have, so nobody uses `handler` on its behalf past this line.
        unsafe { bindings::free_irq(self.irq, cookie(&self.handler)) };
    }
}

fn cookie<T>(handler: &Arc<T>) -> *mut c_void {
    core::ptr::from_ref::<T>(handler).cast_mut().cast()
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn trampoline<T: Handler>(
    _irq: c_int,
    cookie: *mut c_void,
) -> bindings::irqreturn_t {
    // SAFETY: The cookie of `request`, which stays valid until `free_irq` returns.
    let handler = unsafe { &*cookie.cast::<T>() };
    handler.handle();
    bindings::irqreturn::IRQ_HANDLED
}

/// Undoes one [`disable_nosync`] (or the state after `request`). Any context.
///
/// Calls have to be balanced: the caller keeps a flag under a lock.
pub(crate) fn enable(irq: u32) {
    // SAFETY: No preconditions; an unbalanced call is logged by the kernel.
    unsafe { bindings::enable_irq(irq) };
}

/// Disables an interrupt without waiting for a running handler. Any context.
pub(crate) fn disable_nosync(irq: u32) {
    // SAFETY: No preconditions.
    unsafe { bindings::disable_irq_nosync(irq) };
}

/// From now on, disabling masks in hardware at once instead of at the next interrupt.
pub(crate) fn set_disable_unlazy(irq: u32) {
    // SAFETY: No preconditions.
    unsafe { bindings::axirq_irq_disable_unlazy(irq) };
}

/// Forgets an edge that was latched before now, by the controller or by the core. For an interrupt
/// that was just claimed, and masks when disabled.
pub(crate) fn forget_pending(irq: u32) {
    // SAFETY: No preconditions. A controller without this ability answers an error: ours acks
    // when a line is claimed, so nothing is stale there. The caller holds the interrupt, disabled
    // once, which the second call leaves so.
    unsafe {
        bindings::irq_set_irqchip_state(
            irq,
            bindings::irqchip_irq_state::IRQCHIP_STATE_PENDING,
            false,
        );
        bindings::axirq_irq_forget_pending(irq);
    }
}

/// Whether its controller sits behind a bus that sleeps, so that nobody may enable or disable it
/// under a lock.
pub(crate) fn sleeps(irq: u32) -> bool {
    // SAFETY: No preconditions.
    unsafe { bindings::axirq_irq_sleeps(irq) }
}

/// What Linux takes the interrupt's trigger for; unset counts as level, which loses nothing.
pub(crate) fn trigger(irq: u32) -> Trigger {
    // SAFETY: No preconditions.
    let trigger = unsafe { bindings::axirq_irq_trigger(irq) };
    if trigger & bindings::IRQ_TYPE_EDGE_BOTH != 0 {
        Trigger::Edge
    } else {
        Trigger::Level
    }
}

/// Whether anybody holds the interrupt, a driver of the kernel or user space.
pub(crate) fn is_held(irq: u32) -> bool {
    // SAFETY: No preconditions.
    unsafe { bindings::axirq_irq_is_held(irq) }
}

/// The controller's own number of an interrupt.
pub(crate) fn hwirq(irq: u32) -> u32 {
    // SAFETY: No preconditions.
    unsafe { bindings::axirq_irq_hwirq(irq) }
}

/// Identifies the device-tree node of an interrupt's controller; 0 if it has none.
pub(crate) fn controller_node(irq: u32) -> usize {
    // SAFETY: No preconditions.
    unsafe { bindings::axirq_irq_fwnode(irq) as usize }
}

/// Calls `f` with the name of an interrupt's irqchip, or of its node if the chip has none.
pub(crate) fn with_chip_name<R>(irq: u32, f: impl FnOnce(&[u8]) -> R) -> R {
    // SAFETY: No preconditions.
    let name = unsafe { bindings::axirq_irq_chip_name(irq) };
    if name.is_null() {
        return f(b"none");
    }
    // SAFETY: Chip names are string constants of the chip's driver, loaded while the interrupt
    // is mapped; so long its node stays as well.
    f(unsafe { from_c_str(name) }.to_bytes())
}
