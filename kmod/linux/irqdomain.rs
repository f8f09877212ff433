// SPDX-License-Identifier: GPL-2.0

//! An interrupt controller for Linux: an irqchip whose lines drivers of the kernel and user space
//! share, and its output, an interrupt of its parent.
//!
//! Each input has two Linux numbers, of an irq domain for each side, since a driver that chains a
//! handler into its number takes it from whoever requested it, and the core asks nobody. So it
//! takes the kernel's number only, and the hardware follows one side at a time:
//!
//! ```text
//!   kernel requests   user space holds it: EBUSY
//!   kernel chains     user space holds it: stays masked until that gives it back
//!   user space opens  the kernel's number is requested or chained: EBUSY
//! ```
//!
//! `users` says which inputs are user space's. Chaining stores the handler, then looks at `users`
//! (in `unmask`); claiming stores `users`, then looks for a handler: they cannot miss each other,
//! and if both yield, the kernel's side is unmasked when user space's claim is undone.
//!
//! Lines have no affinity of their own: they are handled where the controller's output is, whose
//! affinity can be set as any interrupt's.

use super::{
    bindings, code,
    compat::{c_str, from_err_ptr, to_errno},
    irq::{self, Handler, Registration, Trigger},
    lock::{Class, RawSpinLock},
    of::Node,
    Arc, KBox, Result, GFP_KERNEL,
};
use core::{
    cell::UnsafeCell,
    ffi::{c_int, c_uint, c_ulong, CStr},
    marker::PhantomData,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{fence, AtomicU32, Ordering},
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

    /// A driver of the kernel chained itself into an input that user space holds.
    fn report_chained(&self, hwirq: u32);

    /// The output fired. Each call of `pass` takes a function that says which inputs are pending,
    /// and delivers those; it returns what that said.
    ///
    /// Returns false, once, to have the output's interrupt disabled for good.
    fn handle(&self, pass: impl FnMut(&dyn Fn() -> u32) -> u32) -> bool;

    /// Turns the output off, whatever is pending. Process context.
    fn quiesce(&self);

    /// So many inputs are still held by drivers, now that the controller is gone.
    fn report_orphans(&self, count: u32);
}

/// What the callbacks of both domains work on.
///
/// # Invariants
///
/// It does not move while a domain has it as its data. `sides` comes first: C looks for it there.
#[repr(C)]
struct Hub<T> {
    sides: UnsafeCell<bindings::axirq_sides>,
    controller: T,
    claims: RawSpinLock<Claims>,
    /// Inputs that user space holds. Changed under `claims`.
    users: AtomicU32,
    /// Inputs of user space's that a driver of the kernel has chained into: its as soon as they
    /// are given back.
    awaited: AtomicU32,
    /// Inputs that may be on their way to a handler.
    in_hand: AtomicU32,
}

struct Claims {
    /// Inputs that drivers of the kernel requested.
    kernel: u32,
    /// The controller is going.
    closed: bool,
}

fn bit(hwirq: u32) -> u32 {
    1u32.checked_shl(hwirq).unwrap_or(0)
}

impl<T: Controller> Hub<T> {
    fn kernel(&self) -> *mut bindings::irq_domain {
        // SAFETY: Written before anybody else knows of the hub, but for `kernel`, which is read
        // on behalf of user space's claims only: they are made after it was written.
        unsafe { (*self.sides.get()).kernel }
    }

    fn users(&self) -> *mut bindings::irq_domain {
        // SAFETY: As above.
        unsafe { (*self.sides.get()).users }
    }

    /// The kernel's number of an input, if it has one.
    fn kernel_irq(&self, hwirq: u32) -> Option<u32> {
        find(self.kernel(), hwirq)
    }

    fn is_users(&self, hwirq: u32) -> bool {
        self.users.load(Ordering::SeqCst) & bit(hwirq) != 0
    }

    fn claim_for_users(&self, hwirq: u32) -> Result {
        {
            let claims = self.claims.lock();
            if claims.kernel & bit(hwirq) != 0 {
                return Err(code::EBUSY);
            }
            self.users.fetch_or(bit(hwirq), Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
        let is_held = |irq| {
            // SAFETY: No preconditions.
            unsafe { bindings::axirq_irq_has_action(irq) }
        };
        if self.kernel_irq(hwirq).is_some_and(is_held) {
            self.release_for_users(hwirq);
            return Err(code::EBUSY);
        }
        self.controller.activate(hwirq);
        Ok(())
    }

    fn release_for_users(&self, hwirq: u32) {
        {
            let _claims = self.claims.lock();
            self.users.fetch_and(!bit(hwirq), Ordering::SeqCst);
        }
        if !self.stop_awaiting(hwirq) {
            return;
        }
        if let Some(irq) = self.kernel_irq(hwirq) {
            // SAFETY: No preconditions. Ends in `set_state`, under the descriptor's lock.
            unsafe {
                bindings::irq_set_irqchip_state(
                    irq,
                    bindings::irqchip_irq_state::IRQCHIP_STATE_MASKED,
                    false,
                )
            };
        }
    }

    /// Whether the input was awaited, to the one who asks first.
    fn stop_awaiting(&self, hwirq: u32) -> bool {
        self.awaited.fetch_and(!bit(hwirq), Ordering::SeqCst) & bit(hwirq) != 0
    }

    /// The kernel's side is unmasked: now, or when user space gives the input back.
    fn unmask_for_kernel(&self, hwirq: u32) {
        if self.is_users(hwirq) {
            self.awaited.fetch_or(bit(hwirq), Ordering::SeqCst);
            // Unless it was given back before it was awaited.
            if self.is_users(hwirq) || !self.stop_awaiting(hwirq) {
                self.controller.report_chained(hwirq);
                return;
            }
            self.controller.activate(hwirq);
        }
        self.controller.unmask(hwirq);
    }

    fn claim_for_kernel(&self, hwirq: u32) -> Result {
        {
            let mut claims = self.claims.lock();
            if claims.closed {
                return Err(code::ENODEV);
            }
            if self.is_users(hwirq) {
                return Err(code::EBUSY);
            }
            claims.kernel |= bit(hwirq);
        }
        self.controller.activate(hwirq);
        Ok(())
    }

    fn release_for_kernel(&self, hwirq: u32) {
        self.claims.lock().kernel &= !bit(hwirq);
    }

    /// One look at the controller, and what it leads to.
    ///
    /// ```text
    ///   pass                            free_irq, disable_irq
    ///   in_hand: all                    mask
    ///   look: enabled and pending       in_hand has it: look again
    ///   in_hand: those, one by one less
    /// ```
    ///
    /// Who masks and waits so has either been passed over or is waited for.
    fn pass(&self, look: &dyn Fn() -> u32) -> u32 {
        self.in_hand.store(u32::MAX, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let pending = look();
        let mut left = pending;
        self.in_hand.store(left, Ordering::SeqCst);
        while left != 0 {
            let hwirq = left.trailing_zeros();
            let side = if self.is_users(hwirq) {
                self.users()
            } else {
                self.kernel()
            };
            // SAFETY: Interrupt context, as it asks; the domain is valid while its controller's
            // output is handled. An input that nobody mapped is an error that has been dealt
            // with: it is masked.
            let _ = unsafe { bindings::generic_handle_domain_irq(side, hwirq.into()) };
            left &= left - 1;
            self.in_hand.store(left, Ordering::SeqCst);
        }
        pending
    }
}

/// The Linux number of an input, if it has one.
fn find(domain: *mut bindings::irq_domain, hwirq: u32) -> Option<u32> {
    // SAFETY: A domain of ours, still there.
    match unsafe { bindings::axirq_irq_find_mapping(domain, hwirq.into()) } {
        0 => None,
        irq => Some(irq),
    }
}

/// A controller's lines. Dropping it removes every mapping, but those that a driver still holds
/// against all order: such interrupts stay reserved, and never come.
///
/// # Invariants
///
/// Both domains of the hub are valid and have it as their data.
pub(crate) struct Domain<T: Controller> {
    hub: KBox<Hub<T>>,
    inputs: u32,
}

// SAFETY: The C domains may be used from any task, and so may all that is in the hub.
unsafe impl<T: Controller> Send for Domain<T> {}
// SAFETY: As above.
unsafe impl<T: Controller> Sync for Domain<T> {}

impl<T: Controller> Domain<T> {
    /// Makes the lines of `node`, with inputs 0 to `inputs` - 1.
    pub(crate) fn new(node: &Node<'_>, inputs: u32, controller: T) -> Result<Self> {
        let hub = KBox::new(
            Hub {
                sides: UnsafeCell::new(bindings::axirq_sides::default()),
                controller,
                claims: RawSpinLock::new(
                    Claims {
                        kernel: 0,
                        closed: false,
                    },
                    Class::CLAIMS,
                )?,
                users: AtomicU32::new(0),
                awaited: AtomicU32::new(0),
                in_hand: AtomicU32::new(0),
            },
            GFP_KERNEL,
        )?;
        let create = |ops, users| {
            // SAFETY: The node is valid; the operations are a constant; the hub, which begins
            // with `sides`, outlives the domain.
            from_err_ptr(unsafe {
                bindings::axirq_irq_domain_create(
                    bindings::axirq_node_fwnode(node.as_raw()),
                    inputs,
                    ops,
                    ptr::from_ref::<Hub<T>>(&hub).cast_mut().cast(),
                    users,
                )
            })
        };
        // The kernel's last: drivers find it at once.
        let users = create(Tables::<T>::USERS, true)?;
        // SAFETY: Nobody else knows the hub.
        unsafe { (*hub.sides.get()).users = users };
        match create(Tables::<T>::KERNEL, false) {
            // SAFETY: What the first drivers to come do does not read this field (`Hub::kernel`).
            Ok(kernel) => unsafe { (*hub.sides.get()).kernel = kernel },
            Err(error) => {
                // SAFETY: Nothing is mapped in it.
                unsafe { bindings::irq_domain_remove(users) };
                return Err(error);
            }
        }
        Ok(Self { hub, inputs })
    }

    pub(crate) fn controller(&self) -> &T {
        &self.hub.controller
    }

    /// User space's number of an input, made up on first use.
    pub(crate) fn map(&self, hwirq: u32) -> Result<u32> {
        // SAFETY: The domain is valid (type invariant).
        match unsafe { bindings::axirq_irq_create_mapping(self.hub.users(), hwirq.into()) } {
            0 => Err(code::ENOMEM),
            irq => Ok(irq),
        }
    }
}

impl<T: Controller> Drop for Domain<T> {
    fn drop(&mut self) {
        self.hub.claims.lock().closed = true;
        let orphans = self.dissolve(self.hub.users()) + self.dissolve(self.hub.kernel());
        if orphans != 0 {
            self.hub.controller.report_orphans(orphans);
        }
    }
}

impl<T: Controller> Domain<T> {
    /// Removes a domain with all its mappings. Those that are still held stay, without a trace of
    /// the hub. Returns how many these are.
    fn dissolve(&self, domain: *mut bindings::irq_domain) -> u32 {
        let mut orphans = 0;
        for irq in (0..self.inputs).filter_map(|hwirq| find(domain, hwirq)) {
            // SAFETY: A mapping of ours. Were a held one disposed of, its number would be given
            // to others, and its holder would disable and free theirs.
            unsafe {
                if bindings::axirq_irq_has_action(irq) {
                    bindings::axirq_irq_orphan(irq);
                    orphans += 1;
                } else {
                    bindings::irq_dispose_mapping(irq);
                }
            }
        }
        // SAFETY: No mapping is left that refers to the hub. The output is off, so nobody else
        // does.
        unsafe {
            if orphans == 0 {
                bindings::irq_domain_remove(domain);
            } else {
                bindings::axirq_irq_domain_abandon(domain);
            }
        }
        orphans
    }
}

/// A controller's output. Dropping it turns it off and waits until it is no longer handled.
pub(crate) struct Output<T: Controller> {
    // Given back after `drop` has turned the output off.
    _registration: Registration<Handling<T>>,
    domain: Arc<Domain<T>>,
}

struct Handling<T: Controller> {
    irq: u32,
    domain: Arc<Domain<T>>,
}

impl<T: Controller> Output<T> {
    /// Claims the interrupt `irq` of the parent, by the controller's name, and goes live. `EBUSY`
    /// if it is taken.
    pub(crate) fn new(irq: u32, name: &[u8], domain: Arc<Domain<T>>) -> Result<Self> {
        let handling = Handling {
            irq,
            domain: domain.clone(),
        };
        let registration = Registration::request(irq, name, Arc::new(handling, GFP_KERNEL)?)?;
        irq::enable(irq);
        Ok(Self {
            _registration: registration,
            domain,
        })
    }
}

impl<T: Controller> Drop for Output<T> {
    fn drop(&mut self) {
        self.domain.controller().quiesce();
    }
}

impl<T: Controller> Handler for Handling<T> {
    const IS_CONTROLLER: bool = true;

    fn handle(&self) {
        let hub = &self.domain.hub;
        if !hub.controller.handle(|look| hub.pass(look)) {
            irq::disable_nosync(self.irq);
        }
    }
}

struct Tables<T>(PhantomData<T>);

impl<T: Controller> Tables<T> {
    const KERNEL: &'static bindings::irq_domain_ops = &{
        let mut ops = *Self::USERS;
        ops.match_ = None;
        ops.map = Some(map::<T, false>);
        ops.xlate = Some(xlate::<T>);
        ops.activate = Some(activate::<T>);
        ops
    };

    const USERS: &'static bindings::irq_domain_ops = &{
        // SAFETY: All fields are pointers and `Option`s of functions: zero means absent.
        let mut ops: bindings::irq_domain_ops = unsafe { MaybeUninit::zeroed().assume_init() };
        ops.match_ = Some(no_match);
        ops.map = Some(map::<T, true>);
        ops.unmap = Some(bindings::axirq_irq_unmap);
        ops
    };

    const KERNEL_EDGE: &'static bindings::irq_chip = &Self::edge::<false>();
    const KERNEL_LEVEL: &'static bindings::irq_chip = &Self::level::<false>();
    const USERS_EDGE: &'static bindings::irq_chip = &Self::edge::<true>();
    const USERS_LEVEL: &'static bindings::irq_chip = &Self::level::<true>();

    /// Edge: acknowledged when it fires, before the handler, so that an edge that comes while
    /// the handler runs is latched and delivered.
    const fn edge<const USERS: bool>() -> bindings::irq_chip {
        let mut chip = Self::level::<USERS>();
        chip.irq_ack = Some(ack::<T, USERS>);
        chip
    }

    /// Level: no ack on its own. It would be useless while the source still asserts; `unmask`
    /// acknowledges instead.
    const fn level<const USERS: bool>() -> bindings::irq_chip {
        // SAFETY: As above; flags and integers may be zero as well.
        let mut chip: bindings::irq_chip = unsafe { MaybeUninit::zeroed().assume_init() };
        chip.name = c_str(T::NAME);
        chip.irq_mask = Some(mask::<T, USERS>);
        chip.irq_unmask = Some(unmask::<T, USERS>);
        chip.irq_request_resources = Some(claim::<T, USERS>);
        chip.irq_release_resources = Some(release::<T, USERS>);
        chip.irq_get_irqchip_state = Some(state::<T>);
        chip.flags = bindings::IRQCHIP_SKIP_SET_WAKE as c_ulong;
        if !USERS {
            chip.irq_set_irqchip_state = Some(set_state::<T>);
        }
        chip
    }

    fn chip(users: bool, trigger: Trigger) -> &'static bindings::irq_chip {
        match (users, trigger) {
            (false, Trigger::Edge) => Self::KERNEL_EDGE,
            (false, Trigger::Level) => Self::KERNEL_LEVEL,
            (true, Trigger::Edge) => Self::USERS_EDGE,
            (true, Trigger::Level) => Self::USERS_LEVEL,
        }
    }
}

/// How the core handles a line, and what it takes its trigger for.
fn flow(trigger: Trigger) -> (bindings::irq_flow_handler_t, u32) {
    match trigger {
        Trigger::Edge => (
            Some(bindings::handle_edge_irq),
            bindings::IRQ_TYPE_EDGE_RISING,
        ),
        Trigger::Level => (
            Some(bindings::handle_level_irq),
            bindings::IRQ_TYPE_LEVEL_HIGH,
        ),
    }
}

/// User space's domain has the controller's node, but no driver of the kernel may find it by that:
/// not even before the other one is there.
extern "C" fn no_match(
    _domain: *mut bindings::irq_domain,
    _node: *mut bindings::device_node,
    _token: bindings::irq_domain_bus_token,
) -> c_int {
    0
}

/// # Safety
///
/// `domain` was made by [`Domain::new`] with a `T`.
unsafe fn host<'a, T: Controller>(domain: *mut bindings::irq_domain) -> &'a Hub<T> {
    // SAFETY: The domain's data is the hub (invariant of `Domain`), valid while the domain is.
    unsafe { &*bindings::axirq_irq_domain_data(domain).cast::<Hub<T>>() }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn map<T: Controller, const USERS: bool>(
    domain: *mut bindings::irq_domain,
    irq: c_uint,
    hwirq: bindings::irq_hw_number_t,
) -> c_int {
    // SAFETY: Called for our domains only.
    let hub = unsafe { host::<T>(domain) };
    let trigger = hub.controller.trigger(hwirq as u32);
    let (handler, sense) = flow(trigger);
    // SAFETY: `irq` was just allocated for this domain. The chip is a constant; the chip data is
    // the hub, which outlives the mapping.
    unsafe {
        bindings::irq_set_chip_and_handler_name(
            irq,
            Tables::<T>::chip(USERS, trigger),
            handler,
            ptr::null(),
        );
        bindings::irq_set_chip_data(irq, bindings::axirq_irq_domain_data(domain));
        bindings::axirq_irq_describe(irq, sense);
    }
    0
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
    let hub = unsafe { host::<T>(domain) };
    if count < 1 {
        return code::EINVAL.to_errno();
    }
    // SAFETY: `cells` has `count` elements.
    let hwirq = unsafe { *cells };
    if !hub.controller.is_input(hwirq) {
        return code::EINVAL.to_errno();
    }
    if hub.claims.lock().closed {
        return code::ENODEV.to_errno();
    }
    let (handler, sense) = flow(hub.controller.trigger(hwirq));
    if let Some(irq) = find(domain, hwirq) {
        // SAFETY: A mapping of ours, with its own flow handler.
        unsafe { bindings::axirq_irq_renew(irq, handler) };
    }
    // SAFETY: Out parameters of the caller.
    unsafe {
        *out_hwirq = hwirq.into();
        *out_type = sense;
    }
    0
}

/// For chained handlers, which claim nothing. Whoever claims is done with this already.
///
/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn activate<T: Controller>(
    domain: *mut bindings::irq_domain,
    data: *mut bindings::irq_data,
    _reserve: bool,
) -> c_int {
    // SAFETY: Called for our domain, with an interrupt of it.
    let (hub, hwirq) = unsafe { (host::<T>(domain), (*data).hwirq as u32) };
    if !hub.is_users(hwirq) && hub.claims.lock().kernel & bit(hwirq) == 0 {
        hub.controller.activate(hwirq);
    }
    0
}

/// # Safety
///
/// `data` belongs to an interrupt that [`map`] set up for a `T`.
unsafe fn chip_data<'a, T: Controller>(data: *mut bindings::irq_data) -> (&'a Hub<T>, u32) {
    // SAFETY: `map` set the chip data to the hub, which outlives the mapping.
    unsafe { (&*(*data).chip_data.cast::<Hub<T>>(), (*data).hwirq as u32) }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn mask<T: Controller, const USERS: bool>(data: *mut bindings::irq_data) {
    // SAFETY: The core calls a chip for its own interrupts.
    let (hub, hwirq) = unsafe { chip_data::<T>(data) };
    if USERS || !hub.is_users(hwirq) {
        hub.controller.mask(hwirq);
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn unmask<T: Controller, const USERS: bool>(data: *mut bindings::irq_data) {
    // SAFETY: As above.
    let (hub, hwirq) = unsafe { chip_data::<T>(data) };
    if USERS {
        hub.controller.unmask(hwirq);
    } else {
        // The core has stored a chained handler before this.
        fence(Ordering::SeqCst);
        hub.unmask_for_kernel(hwirq);
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn ack<T: Controller, const USERS: bool>(data: *mut bindings::irq_data) {
    // SAFETY: As above.
    let (hub, hwirq) = unsafe { chip_data::<T>(data) };
    if USERS || !hub.is_users(hwirq) {
        hub.controller.ack(hwirq);
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn claim<T: Controller, const USERS: bool>(
    data: *mut bindings::irq_data,
) -> c_int {
    // SAFETY: As above.
    let (hub, hwirq) = unsafe { chip_data::<T>(data) };
    to_errno(if USERS {
        hub.claim_for_users(hwirq)
    } else {
        hub.claim_for_kernel(hwirq)
    })
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn release<T: Controller, const USERS: bool>(data: *mut bindings::irq_data) {
    // SAFETY: As above.
    let (hub, hwirq) = unsafe { chip_data::<T>(data) };
    if USERS {
        hub.release_for_users(hwirq);
    } else {
        hub.release_for_kernel(hwirq);
    }
}

/// Tells who waits for a line to fall silent whether it is still on its way to a handler.
///
/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn state<T: Controller>(
    data: *mut bindings::irq_data,
    which: bindings::irqchip_irq_state,
    value: *mut bool,
) -> c_int {
    if which != bindings::irqchip_irq_state::IRQCHIP_STATE_ACTIVE {
        return code::EINVAL.to_errno();
    }
    // SAFETY: As above.
    let (hub, hwirq) = unsafe { chip_data::<T>(data) };
    fence(Ordering::SeqCst);
    // SAFETY: An out parameter of the caller.
    unsafe { *value = hub.in_hand.load(Ordering::SeqCst) & bit(hwirq) != 0 };
    0
}

/// User space gave the line back: who chained a handler meanwhile gets it now.
///
/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn set_state<T: Controller>(
    data: *mut bindings::irq_data,
    which: bindings::irqchip_irq_state,
    value: bool,
) -> c_int {
    if which != bindings::irqchip_irq_state::IRQCHIP_STATE_MASKED || value {
        return code::EINVAL.to_errno();
    }
    // SAFETY: As above.
    let (hub, hwirq) = unsafe { chip_data::<T>(data) };
    // SAFETY: `data` is valid, its descriptor locked by the caller.
    if unsafe { bindings::axirq_irq_is_live(data) } {
        if !hub.is_users(hwirq) {
            hub.controller.activate(hwirq);
        }
        hub.unmask_for_kernel(hwirq);
    }
    0
}
