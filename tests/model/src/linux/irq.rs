// SPDX-License-Identifier: MIT OR Apache-2.0
//! One interrupt: its wire and controller as the AXI INTC has them, and what `kernel/irq` makes of it.
//!
//! ```text
//!   wire -> latch -> mask -> [CPU: flow handler, under the descriptor's lock] -> action
//! ```
//!
//! The CPU sees that something is pending, and only then takes the descriptor's lock: in between, others may mask or
//! free the interrupt. The flow handler then keeps an edge in mind (`IRQS_PENDING`), for whoever enables it next, be it
//! another owner. Who frees it waits for the CPU (`IRQCHIP_STATE_ACTIVE`, which our controller and the GIC tell).

use super::{
    board::{self, Defect, Options},
    code, Arc, Result,
};
use loom::sync::{Condvar, Mutex, MutexGuard};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    Edge,
    Level,
}

pub(crate) trait Handler: Send + Sync + 'static {
    fn handle(&self);
}

/// An interrupt's descriptor.
pub(crate) struct Descriptor {
    options: Options,
    state: Mutex<State>,
    /// Something of the state has changed that a thread may wait for.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The level source asserts.
    asserted: bool,
    latched: bool,
    unmasked: bool,

    disabled: bool,
    /// An edge that the flow handler found disabled.
    pending: bool,
    /// It is delivered again by software.
    resend: bool,
    action: Option<Arc<dyn Handler>>,
    /// From `request_irq` until `free_irq` has returned: the action may run.
    held: bool,
    running: bool,
    /// The CPU has seen something pending and not dealt with it yet.
    in_flight: bool,

    /// How often the action ran.
    handled: u64,
    /// The CPU ends once nothing is to be delivered.
    ending: bool,
}

impl State {
    fn is_deliverable(&self) -> bool {
        self.resend || (self.unmasked && self.latched)
    }
}

impl Descriptor {
    pub(super) fn new(options: Options) -> Self {
        let state = State {
            disabled: true,
            ..State::default()
        };
        Self {
            options,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// An edge on the wire. Returns how many events that makes: none, if the one before is latched still.
    pub(crate) fn edge(&self) -> u64 {
        assert!(!self.options.level);
        let merged = std::mem::replace(&mut self.lock().latched, true);
        self.changed.notify_all();
        u64::from(!merged)
    }

    /// The level source asserts.
    pub(crate) fn raise(&self) {
        assert!(self.options.level);
        let mut state = self.lock();
        state.asserted = true;
        state.latched = true;
        self.changed.notify_all();
    }

    /// It asserts no more; the latch stays.
    pub(crate) fn lower(&self) {
        self.lock().asserted = false;
    }

    pub(crate) fn is_unmasked(&self) -> bool {
        self.lock().unmasked
    }

    /// Waits until the CPU has dealt with all that can be delivered.
    pub(crate) fn wait_until_idle(&self) {
        let mut state = self.lock();
        while state.in_flight || state.is_deliverable() {
            state = self.changed.wait(state).unwrap();
        }
    }

    pub(crate) fn is_claimed(&self) -> bool {
        self.lock().action.is_some()
    }

    pub(crate) fn handled(&self) -> u64 {
        self.lock().handled
    }

    /// Lets the CPU deliver what is to be delivered, and end.
    pub(crate) fn end(&self) {
        self.lock().ending = true;
        self.changed.notify_all();
    }

    /// A CPU that takes interrupts.
    pub(crate) fn run_cpu(&self) {
        let mut state = self.lock();
        loop {
            while !state.is_deliverable() {
                if state.ending {
                    return;
                }
                state = self.changed.wait(state).unwrap();
            }
            state.in_flight = true;
            // Between reading what is pending and the flow handler's lock.
            drop(state);
            state = self.flow(self.lock());
            state.in_flight = false;
            self.changed.notify_all();
        }
    }

    /// `handle_edge_irq` or `handle_level_irq`.
    fn flow<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.resend = false;
        if self.options.level {
            state.unmasked = false;
        }
        state.latched = state.asserted;
        let action = match &state.action {
            Some(action) if !state.disabled => action.clone(),
            _ => {
                state.pending = true;
                state.unmasked = false;
                return state;
            }
        };
        state.pending = false;
        state.running = true;
        state.handled += 1;
        drop(state);
        action.handle();
        let mut state = self.lock();
        assert!(state.held, "the handler of a freed interrupt runs");
        state.running = false;
        self.changed.notify_all();
        if self.options.level && !state.disabled {
            self.unmask(&mut state);
        }
        state
    }

    /// A level is acknowledged when it is unmasked.
    fn unmask(&self, state: &mut State) {
        if self.options.level || self.options.defect == Some(Defect::UnmaskDropsEdges) {
            state.latched = state.asserted;
        }
        state.unmasked = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Claimed, as with `IRQF_NO_AUTOEN`.
pub(crate) struct Registration<T: Handler> {
    handler: Arc<T>,
}

impl<T: Handler> Registration<T> {
    pub(crate) fn request(_irq: u32, _name: &[u8], handler: Arc<T>) -> Result<Self> {
        let board = board::current();
        let mut state = board.irq.lock();
        if state.action.is_some() {
            return Err(code::EBUSY);
        }
        // Activating it acknowledges what is stale.
        state.latched = state.asserted;
        state.action = Some(handler.clone());
        state.held = true;
        Ok(Self { handler })
    }
}

impl<T: Handler> Drop for Registration<T> {
    fn drop(&mut self) {
        let board = board::current();
        let mut state = board.irq.lock();
        assert_eq!(
            state
                .action
                .as_ref()
                .map(|action| Arc::as_ptr(action).cast()),
            Some(Arc::as_ptr(&self.handler)),
            "somebody else's action is freed"
        );
        state.unmasked = false;
        state.disabled = true;
        state.action = None;
        while (state.running || state.in_flight)
            && board.options.defect != Some(Defect::FreeDoesNotWait)
        {
            state = board.irq.changed.wait(state).unwrap();
        }
        state.held = false;
    }
}

pub(crate) fn enable(_irq: u32) {
    let board = board::current();
    let mut state = board.irq.lock();
    assert!(state.action.is_some(), "an interrupt of nobody is enabled");
    assert!(state.disabled, "enabled twice");
    state.disabled = false;
    board.irq.unmask(&mut state);
    if std::mem::take(&mut state.pending) && !board.options.level {
        state.resend = true;
    }
    board.irq.changed.notify_all();
}

pub(crate) fn disable_nosync(_irq: u32) {
    let board = board::current();
    let mut state = board.irq.lock();
    assert!(state.action.is_some(), "an interrupt of nobody is disabled");
    assert!(!state.disabled, "disabled twice");
    state.disabled = true;
    // Not lazily: see `set_disable_unlazy`.
    state.unmasked = false;
}

/// The model knows no other way.
pub(crate) fn set_disable_unlazy(_irq: u32) {}

/// Whoever gave the interrupt back has waited for what was under way.
pub(crate) fn forget_pending(_irq: u32) {
    board::current().irq.lock().pending = false;
}

pub(crate) fn trigger(_irq: u32) -> Trigger {
    if board::current().options.level {
        Trigger::Level
    } else {
        Trigger::Edge
    }
}
