// SPDX-License-Identifier: GPL-2.0

//! The registers of one AXI INTC, driven: start, mask, unmask, ack, take what is pending, stop.
//!
//! Who touches what: IAR acts on single bits at once, so acknowledging an edge needs no lock. Enables
//! are changed under one, hardware and mirror together: `enabled` is what IER has to be. The handler
//! takes it as well, to look at latches and enables of one moment:
//!
//! ```text
//!   handler, without the lock     waiter
//!   reads ISR: a level's latch
//!                                 clears the source; clears the latch; enables
//!   reads `enabled`: pending, it seems, though nothing is
//! ```
//!
//! Others may write the registers as well: a debugger, another master of the bus, a bitstream
//! that is loaded again. What they do cannot be seen when it happens, only looked for: when a line
//! is claimed, and when interrupts come with nothing pending.

use super::regs::{CIE, IAR, IER, ISR, MER, MER_HIE, MER_ME, SIE, SIZE};
use crate::linux::{
    device::{dev_err, dev_warn, Device},
    io::Mapping,
    irq::Trigger,
    irqdomain::Controller,
    lock::{Class, RawSpinLock},
    Result,
};
use core::{
    ffi::CStr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

/// What start-up found out about the hardware.
pub(crate) enum Defect {
    /// Every read answers all ones: nobody is there.
    DeadBus,
    /// The Master Enable register does not hold what is written to it.
    NotAnIntc { mer: u32 },
    /// No input's enable bit can be set.
    NoInputs,
}

/// How often in a row the parent may interrupt with nothing pending before it is shut off. A few
/// are normal: the write that drops the output is posted.
const MAX_SPURIOUS: u32 = 10_000;

/// After how many of them in a row the registers are looked at. It costs two reads.
const SUSPICIOUS: u32 = 16;

/// How often an edge-triggered parent is drained before it is let go.
const MAX_PASSES: u32 = 1_000;

pub(crate) struct Chip {
    device: Device,
    registers: Mapping<SIZE>,
    /// Bits of inputs that exist.
    inputs: u32,
    /// Bits of inputs that are edges.
    edges: u32,
    /// Whether the hardware has SIE and CIE.
    has_set_clear: bool,
    /// The parent forgets a level that does not fall: take all before leaving.
    parent_is_edge: bool,
    enables: RawSpinLock<Enables>,
    /// Whether the log has been told that the bus reads all ones.
    told_dead: AtomicBool,
    spurious: AtomicU32,
}

struct Enables {
    /// What IER has to be.
    enabled: u32,
    /// The output is off for good.
    quiesced: bool,
}

/// What [`Chip::check`] found.
enum Found {
    AsLeft,
    DeadBus,
    Changed { mer: u32, ier: u32, enabled: u32 },
}

impl Chip {
    /// Quiesces the controller, looks what it has, and starts it with every input masked.
    ///
    /// `declared` are the inputs that the device tree tells of, `edges` those that are edges.
    pub(crate) fn start(
        device: Device,
        registers: Mapping<SIZE>,
        declared: u32,
        edges: u32,
        parent: Trigger,
    ) -> Result<core::result::Result<Self, Defect>> {
        // IER first: clearing ME alone may leave an active output active.
        registers.write32::<IER>(0);
        registers.write32::<MER>(0);
        if registers.read32::<IER>() == u32::MAX {
            return Ok(Err(Defect::DeadBus));
        }
        // The output is off, so enables may be tried. Bits above the real width never read back.
        registers.write32::<IER>(declared);
        let inputs = registers.read32::<IER>() & declared;
        registers.write32::<IER>(0);
        if inputs == 0 {
            return Ok(Err(Defect::NoInputs));
        }
        registers.write32::<SIE>(1);
        let has_set = registers.read32::<IER>() & 1 != 0;
        registers.write32::<IER>(1);
        registers.write32::<CIE>(1);
        let has_clear = registers.read32::<IER>() & 1 == 0;
        registers.write32::<IER>(0);

        registers.write32::<MER>(MER_ME | MER_HIE);
        let mer = registers.read32::<MER>();
        if mer != MER_ME | MER_HIE {
            registers.write32::<MER>(0);
            return Ok(Err(Defect::NotAnIntc { mer }));
        }
        // After HIE: what came before it may show up only now.
        registers.write32::<IAR>(u32::MAX);
        Ok(Ok(Self {
            device,
            registers,
            inputs,
            edges: edges & inputs,
            has_set_clear: has_set && has_clear,
            parent_is_edge: parent == Trigger::Edge,
            enables: RawSpinLock::new(
                Enables {
                    enabled: 0,
                    quiesced: false,
                },
                Class::REGISTER_SHADOW,
            )?,
            told_dead: AtomicBool::new(false),
            spurious: AtomicU32::new(0),
        }))
    }

    /// Bits of the inputs that exist.
    pub(crate) fn inputs(&self) -> u32 {
        self.inputs
    }

    /// Whether inputs are masked and unmasked by single-bit writes.
    pub(crate) fn has_set_clear(&self) -> bool {
        self.has_set_clear
    }

    /// The inputs that are pending and enabled.
    fn pending(&self) -> u32 {
        // ISR and the mirror of IER say what the optional IPR would, in one read as well. The
        // mirror also keeps a bus that reads all-ones from naming lines that nobody waits for.
        let enables = self.enables.lock();
        self.registers.read32::<ISR>() & enables.enabled & self.inputs
    }

    /// After the system slept: if the fabric lost its power, what the registers held is put back.
    pub(crate) fn resume(&self) {
        let enables = self.enables.lock();
        if enables.quiesced
            || self.registers.read32::<MER>() == MER_ME | MER_HIE
                && self.registers.read32::<IER>() == enables.enabled
        {
            return;
        }
        self.registers.write32::<IER>(0);
        self.registers.write32::<MER>(MER_ME | MER_HIE);
        // As in `start`. Levels are latched again.
        self.registers.write32::<IAR>(u32::MAX);
        self.registers.write32::<IER>(enables.enabled);
    }

    /// Looks whether the registers are as they were left, and sets them so if they are not: else a
    /// line would be lost for ever, or an input that nobody waits for would storm. Says what it
    /// found.
    fn check(&self) {
        match self.restore() {
            Found::AsLeft => self.told_dead.store(false, Ordering::Relaxed),
            Found::DeadBus => {
                if !self.told_dead.swap(true, Ordering::Relaxed) {
                    dev_err!(
                        self.device,
                        "the bus reads all ones: no line of this controller will fire until its hardware answers again"
                    );
                }
            }
            Found::Changed { mer, ier, enabled } => dev_err!(
                self.device,
                "somebody else has written the registers (MER is {:#x} for {:#x}, IER {:#x} for {:#x}): set again; interrupts may have been lost",
                mer,
                MER_ME | MER_HIE,
                ier,
                enabled
            ),
        }
    }

    /// Makes the output fall and rise again, if anything is pending: for a parent that waits for an
    /// edge.
    fn raise_again(&self) {
        let enables = self.enables.lock();
        if !enables.quiesced {
            self.registers.write32::<IER>(0);
            self.registers.write32::<IER>(enables.enabled);
        }
    }

    fn restore(&self) -> Found {
        let enables = self.enables.lock();
        if enables.quiesced {
            return Found::AsLeft;
        }
        let enabled = enables.enabled;
        let (mer, ier) = (
            self.registers.read32::<MER>(),
            self.registers.read32::<IER>(),
        );
        if mer == MER_ME | MER_HIE && ier == enabled {
            return Found::AsLeft;
        }
        // No MER has bits up there.
        if mer == u32::MAX {
            return Found::DeadBus;
        }
        self.registers.write32::<IER>(enabled);
        self.registers.write32::<MER>(MER_ME | MER_HIE);
        Found::Changed { mer, ier, enabled }
    }
}

fn bit(hwirq: u32) -> u32 {
    1u32.checked_shl(hwirq).unwrap_or(0)
}

impl Controller for Chip {
    const NAME: &'static CStr = c"axi-intc";

    fn trigger(&self, hwirq: u32) -> Trigger {
        if self.edges & bit(hwirq) != 0 {
            Trigger::Edge
        } else {
            Trigger::Level
        }
    }

    fn is_input(&self, hwirq: u32) -> bool {
        self.inputs & bit(hwirq) != 0
    }

    fn mask(&self, hwirq: u32) {
        let bit = bit(hwirq);
        let mut enables = self.enables.lock();
        enables.enabled &= !bit;
        if self.has_set_clear {
            self.registers.write32::<CIE>(bit);
        } else {
            self.registers.write32::<IER>(enables.enabled);
        }
    }

    fn unmask(&self, hwirq: u32) {
        let bit = bit(hwirq);
        let mut enables = self.enables.lock();
        // A level's latch was set again for as long as the source asserted; now is the time to
        // clear it. If the source still asserts, the latch is back before IER is, and nothing is
        // lost. An edge that came while masked stays latched and fires.
        if self.edges & bit == 0 {
            self.registers.write32::<IAR>(bit);
        }
        enables.enabled |= bit;
        if self.has_set_clear {
            self.registers.write32::<SIE>(bit);
        } else {
            self.registers.write32::<IER>(enables.enabled);
        }
    }

    fn ack(&self, hwirq: u32) {
        self.registers.write32::<IAR>(bit(hwirq));
    }

    fn activate(&self, hwirq: u32) {
        self.check();
        self.ack(hwirq);
    }

    fn report_chained(&self, hwirq: u32) {
        dev_warn!(
            self.device,
            "a kernel driver has taken input {} while user space holds it: it gets it once that has closed it",
            hwirq
        );
    }

    fn report_orphans(&self, count: u32) {
        dev_err!(
            self.device,
            "gone while drivers still hold {} of its interrupts, which stay reserved: unbind those drivers first",
            count
        );
    }

    fn handle(&self, mut pass: impl FnMut(&dyn Fn() -> u32) -> u32) -> bool {
        let mut passes = 0;
        let mut any = false;
        while pass(&|| self.pending()) != 0 {
            any = true;
            // A level parent interrupts again by itself if more has come.
            if !self.parent_is_edge {
                break;
            }
            passes += 1;
            // Others want the CPU as well; but an output that has not fallen makes no edge.
            if passes == MAX_PASSES {
                self.raise_again();
                break;
            }
        }
        if any {
            // The handler of one controller runs on one CPU at a time; the counter only has to be
            // whole.
            if self.spurious.load(Ordering::Relaxed) != 0 {
                self.spurious.store(0, Ordering::Relaxed);
            }
            return true;
        }
        let spurious = self.spurious.load(Ordering::Relaxed);
        if spurious >= MAX_SPURIOUS {
            // Shut off already: this one was under way.
            return true;
        }
        let spurious = spurious + 1;
        self.spurious.store(spurious, Ordering::Relaxed);
        if spurious < MAX_SPURIOUS {
            if spurious % SUSPICIOUS == 0 {
                self.check();
            }
            return true;
        }
        dev_err!(
            self.device,
            "{} interrupts in a row with nothing pending: shut off; unbind and bind the controller once its hardware answers again",
            MAX_SPURIOUS
        );
        false
    }

    fn quiesce(&self) {
        let mut enables = self.enables.lock();
        enables.quiesced = true;
        self.registers.write32::<IER>(0);
        self.registers.write32::<MER>(0);
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        self.quiesce();
    }
}
