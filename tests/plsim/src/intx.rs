// SPDX-License-Identifier: MIT OR Apache-2.0
//! The PL-to-GIC wire, carried to QEMU as a PCI INTx: when a level becomes an event.
//!
//! QEMU asserts the guest's line when the eventfd fires. At the guest's next access to the BAR it de-asserts the line,
//! whatever the device's output does, and sends UNMASK. Two promises have to hold:
//!
//! - *Nothing is lost*: while the output is high, either a fire is on its way through QEMU (so an UNMASK will follow the
//!   next access), or [`Intx::deadline`] is set. Every path below keeps this: a rise fires at once; an UNMASK, an unmask
//!   of the whole interrupt and a new eventfd look at the output and fire or set the deadline.
//! - *Hardly anything is spurious*: the guest's handler reads a register first and quiets the output some accesses
//!   later. A fire at the UNMASK of that first read would reach the guest when all is done. So an UNMASK fires only if
//!   the output has stayed high for the settle time.
//!
//! ```text
//! guest (handler)      QEMU                       here
//!                      line on                 <- fire            output high
//! read IPR          -> line off, UNMASK        -> deadline set    output high
//! write IAR         ->                            deadline gone   output low
//!   or: a second cause keeps the output high      deadline: fire, so the guest comes again
//!   or: low, then a new cause                     rise: fire at once
//! ```
//!
//! A rise that finds QEMU still busy with an earlier fire fires too: the eventfd keeps it, and QEMU's de-assertion for
//! the earlier one may already be under way.

use std::io;

use crate::Nanos;

/// Tells QEMU: an eventfd outside of tests.
pub trait Trigger: Send {
    fn fire(&mut self) -> io::Result<()>;
}

pub struct Intx {
    trigger: Option<Box<dyn Trigger>>,
    level: bool,
    /// Held back by SET_IRQS MASK.
    masked: bool,
    /// Held back by the command register of PCI.
    disabled: bool,
    /// It rose while held back; a pulse may be gone when that ends.
    missed: bool,
    deadline: Option<Nanos>,
    settle: Nanos,
    fired: u64,
}

impl Intx {
    pub fn new(settle: Nanos) -> Self {
        Self {
            trigger: None,
            level: false,
            masked: false,
            disabled: false,
            missed: false,
            deadline: None,
            settle,
            fired: 0,
        }
    }

    /// How often QEMU was told.
    pub fn fired(&self) -> u64 {
        self.fired
    }

    /// When [`Self::tick`] has to be called.
    pub fn deadline(&self) -> Option<Nanos> {
        self.deadline
    }

    /// The level of the output; saying it again changes nothing.
    pub fn drive(&mut self, level: bool) {
        if level == self.level {
            return;
        }
        self.level = level;
        // Gone: nothing to repeat. Risen: the fire below brings an UNMASK of its own.
        self.deadline = None;
        if level {
            self.fire();
        }
    }

    /// A new listener, or none. A level that is already high is news to it.
    pub fn connect(&mut self, trigger: Option<Box<dyn Trigger>>) {
        self.trigger = trigger;
        self.deadline = None;
        self.missed = false;
        if self.level {
            self.fire();
        }
    }

    /// The other side is gone, with all it had set.
    pub fn disconnect(&mut self) {
        self.masked = false;
        self.disabled = false;
        self.connect(None);
    }

    pub fn mask(&mut self) {
        self.masked = true;
    }

    /// QEMU has de-asserted the line after an access, or ends a mask.
    pub fn unmask(&mut self, now: Nanos) {
        self.masked = false;
        if std::mem::take(&mut self.missed) {
            self.fire();
        } else if self.level {
            self.deadline = Some(now.saturating_add(self.settle));
        }
    }

    /// The guest has written the INTx disable bit.
    pub fn set_disabled(&mut self, disabled: bool) {
        let enabled_again = self.disabled && !disabled;
        self.disabled = disabled;
        if enabled_again && (std::mem::take(&mut self.missed) || self.level) {
            self.fire();
        }
    }

    /// Fires if the deadline has passed: the output was high all the while.
    pub fn tick(&mut self, now: Nanos) {
        if self.deadline.is_some_and(|when| when <= now) {
            self.deadline = None;
            self.fire();
        }
    }

    fn fire(&mut self) {
        if self.masked || self.disabled {
            self.missed = true;
            return;
        }
        // A failing eventfd belongs to a QEMU that is going away.
        if let Some(trigger) = &mut self.trigger {
            if trigger.fire().is_ok() {
                self.fired += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
