// SPDX-License-Identifier: MIT OR Apache-2.0
//! AXI INTC 4.1.
//!
//! Where no source says what the hardware does, the model takes what is hardest on a driver:
//! - everything captured while HIE=0 appears in ISR once HIE is set, whatever was acknowledged before that;
//! - an edge that arrives in the very instant of an IAR write wins;
//! - the pulse output (`irq-is-level = false`) pulses when the internal request rises, and only then;
//! - IAR, SIE and CIE, and registers synthesised out, read 0;
//! - fast mode (IMR, IVAR) is registers only: its handshake is with a MicroBlaze.

use std::collections::VecDeque;

use crate::Access;
use crate::Model;
use crate::Nanos;
use crate::Register;
use crate::Wire;

/// Interrupt status: what was captured, whether enabled or not.
pub const ISR: u32 = 0x00;
/// Interrupt pending: `ISR & IER`. Optional.
pub const IPR: u32 = 0x04;
/// Interrupt enable.
pub const IER: u32 = 0x08;
/// Interrupt acknowledge: ones clear ISR bits.
pub const IAR: u32 = 0x0c;
/// Set interrupt enables. Optional.
pub const SIE: u32 = 0x10;
/// Clear interrupt enables. Optional.
pub const CIE: u32 = 0x14;
/// Interrupt vector: number of the lowest pending bit, or all ones. Optional.
pub const IVR: u32 = 0x18;
/// Master enable: [`MER_ME`] and [`MER_HIE`].
pub const MER: u32 = 0x1c;
/// Interrupt mode, one bit per input: 1 is fast. Fast mode only.
pub const IMR: u32 = 0x20;
/// Interrupt level: the output needs `IVR < ILR`. Optional.
pub const ILR: u32 = 0x24;
/// First of 32 interrupt vector addresses. Fast mode only.
pub const IVAR: u32 = 0x100;

/// MER: the output is enabled.
pub const MER_ME: u32 = 1 << 0;
/// MER: hardware interrupts are enabled; cleared by reset alone.
pub const MER_HIE: u32 = 1 << 1;

/// Number of vector address registers.
const IVARS: usize = 32;
const IVAR_RESET: u32 = 0x10;

const fn register(offset: u32, name: &'static str, access: Access) -> Register {
    Register {
        offset,
        name,
        access,
    }
}

static REGISTERS: [Register; 10 + IVARS] = {
    const NAMES: [&str; IVARS] = [
        "IVAR0", "IVAR1", "IVAR2", "IVAR3", "IVAR4", "IVAR5", "IVAR6", "IVAR7", "IVAR8", "IVAR9",
        "IVAR10", "IVAR11", "IVAR12", "IVAR13", "IVAR14", "IVAR15", "IVAR16", "IVAR17", "IVAR18",
        "IVAR19", "IVAR20", "IVAR21", "IVAR22", "IVAR23", "IVAR24", "IVAR25", "IVAR26", "IVAR27",
        "IVAR28", "IVAR29", "IVAR30", "IVAR31",
    ];
    let mut all = [register(0, "", Access::ReadWrite); 10 + IVARS];
    all[0] = register(ISR, "ISR", Access::ReadWrite);
    all[1] = register(IPR, "IPR", Access::ReadOnly);
    all[2] = register(IER, "IER", Access::ReadWrite);
    all[3] = register(IAR, "IAR", Access::WriteOnly);
    all[4] = register(SIE, "SIE", Access::WriteOnly);
    all[5] = register(CIE, "CIE", Access::WriteOnly);
    all[6] = register(IVR, "IVR", Access::ReadOnly);
    all[7] = register(MER, "MER", Access::ReadWrite);
    all[8] = register(IMR, "IMR", Access::ReadWrite);
    all[9] = register(ILR, "ILR", Access::ReadWrite);
    let mut n = 0;
    while n < IVARS {
        all[10 + n] = register(IVAR + 4 * n as u32, NAMES[n], Access::ReadWrite);
        n += 1;
    }
    all
};

/// What a write does to the writable bits of ISR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsrWrite {
    /// The value replaces them: seen in simulation of the real IP.
    #[default]
    Overwrite,
    /// Ones set them: the manual.
    Or,
}

/// What clearing ME does to an output that is already active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MeClear {
    /// It stays until nothing enabled is pending: seen in simulation of the real IP.
    #[default]
    Holds,
    /// It drops: the manual.
    Drops,
}

/// The synthesis parameters, named as in the device tree, and the model's switches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Hardware inputs, bits `inputs-1:0`; with `sw_inputs` above them at most 32.
    pub inputs: u32,
    pub sw_inputs: u32,
    /// Per input: 1 is edge, 0 is level. Bits above `inputs` are padding.
    pub kind_of_intr: u32,
    /// Per edge input: 1 is rising, 0 is falling.
    pub kind_of_edge: u32,
    /// Per level input: 1 is active high, 0 is active low.
    pub kind_of_lvl: u32,
    pub has_ipr: bool,
    pub has_sie: bool,
    pub has_cie: bool,
    pub has_ivr: bool,
    pub has_ilr: bool,
    pub has_fast: bool,
    /// The output is a level; otherwise a pulse.
    pub irq_is_level: bool,
    /// The output is active high or rising.
    pub irq_active: bool,
    pub isr_write: IsrWrite,
    pub me_clear: MeClear,
    /// How long a change of a wire takes to be seen (the synchroniser).
    pub input_delay: Nanos,
}

impl Params {
    /// What real designs have: every optional register but ILR, a level output, active high.
    pub fn new(inputs: u32) -> Self {
        Self {
            inputs,
            sw_inputs: 0,
            kind_of_intr: 0,
            kind_of_edge: u32::MAX,
            kind_of_lvl: u32::MAX,
            has_ipr: true,
            has_sie: true,
            has_cie: true,
            has_ivr: true,
            has_ilr: false,
            has_fast: false,
            irq_is_level: true,
            irq_active: true,
            isr_write: IsrWrite::default(),
            me_clear: MeClear::default(),
            input_delay: 0,
        }
    }
}

/// A mask of the lowest `bits` bits.
fn low_mask(bits: u32) -> u32 {
    1u32.checked_shl(bits).map_or(u32::MAX, |bit| bit - 1)
}

/// A change of an input wire on its way through the synchroniser.
struct Change {
    when: Nanos,
    input: usize,
    level: bool,
}

pub struct Intc {
    params: Params,
    /// Bits of hardware inputs.
    hardware: u32,
    /// Bits of hardware and software interrupts.
    all: u32,
    /// The level at which each input is active.
    polarity: u32,
    isr: u32,
    ier: u32,
    me: bool,
    hie: bool,
    ilr: u32,
    imr: u32,
    ivar: [u32; IVARS],
    /// Input levels after the synchroniser.
    seen: u32,
    /// Captured while HIE was 0.
    early: u32,
    /// The internal request.
    irq: bool,
    on_the_way: VecDeque<Change>,
}

impl Intc {
    /// Every input starts inactive.
    pub fn new(params: Params) -> Self {
        let hardware = low_mask(params.inputs);
        let edge = params.kind_of_intr;
        let polarity = (edge & params.kind_of_edge) | (!edge & params.kind_of_lvl);
        Self {
            hardware,
            all: low_mask(params.inputs.saturating_add(params.sw_inputs)),
            polarity,
            isr: 0,
            ier: 0,
            me: false,
            hie: false,
            ilr: u32::MAX,
            imr: 0,
            ivar: [IVAR_RESET; IVARS],
            seen: !polarity,
            early: 0,
            irq: false,
            on_the_way: VecDeque::new(),
            params,
        }
    }

    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The hardware inputs that are edge, a bit each.
    pub fn edge_inputs(&self) -> u32 {
        self.params.kind_of_intr & low_mask(self.params.inputs)
    }

    /// The level at which an input is active.
    pub fn active_level(&self, input: usize) -> bool {
        self.polarity & bit(input) != 0
    }

    /// The level of the output while nothing is requested.
    pub fn idle_output(&self) -> bool {
        !self.params.irq_active
    }

    /// Whether hardware inputs are captured (HIE).
    pub fn captures(&self) -> bool {
        self.hie
    }

    pub fn captured(&self, input: usize) -> bool {
        self.isr & bit(input) != 0
    }

    fn pending(&self) -> u32 {
        self.isr & self.ier
    }

    fn vector(&self) -> u32 {
        match self.pending() {
            0 => u32::MAX,
            pending => pending.trailing_zeros(),
        }
    }

    fn capture(&mut self, bits: u32) {
        if self.hie {
            self.isr |= bits;
        } else {
            self.early |= bits;
        }
    }

    /// A level input that is active sets its bit in every cycle.
    fn capture_levels(&mut self) {
        let active = !(self.seen ^ self.polarity);
        self.capture(active & !self.params.kind_of_intr & self.hardware);
    }

    fn see(&mut self, input: usize, level: bool) {
        let bit = bit(input) & self.hardware;
        let before = self.seen;
        self.seen = if level { before | bit } else { before & !bit };
        let rose = (before ^ self.seen) & !(self.seen ^ self.polarity);
        self.capture(rose & self.params.kind_of_intr);
        self.capture_levels();
    }

    /// Lets the changes through that are due, each with its effect on the output.
    fn see_due(&mut self, due: impl Fn(Nanos) -> bool, wire: &mut dyn Wire) {
        while self.on_the_way.front().is_some_and(|next| due(next.when)) {
            if let Some(change) = self.on_the_way.pop_front() {
                self.see(change.input, change.level);
                self.drive(wire);
            }
        }
        wire.wake_at(self.on_the_way.front().map(|change| change.when));
    }

    fn drive(&mut self, wire: &mut dyn Wire) {
        let below_level = !self.params.has_ilr || self.vector() < self.ilr;
        let wanted = self.pending() != 0 && below_level;
        let held = self.irq && self.params.me_clear == MeClear::Holds;
        let irq = wanted && (self.me || held);
        let active = self.params.irq_active;
        if self.params.irq_is_level {
            wire.drive(0, irq == active);
        } else if irq && !self.irq {
            wire.drive(0, active);
            wire.drive(0, !active);
        }
        self.irq = irq;
    }

    fn write_isr(&mut self, value: u32) {
        let writable = if self.hie {
            self.all & !self.hardware
        } else {
            self.all
        };
        if self.params.isr_write == IsrWrite::Overwrite {
            self.isr &= !writable;
        }
        self.isr |= value & writable;
    }

    fn write_mer(&mut self, value: u32) {
        self.me = value & MER_ME != 0;
        if value & MER_HIE != 0 && !self.hie {
            self.hie = true;
            self.isr |= std::mem::take(&mut self.early);
        }
    }

    fn store(&mut self, offset: u32, value: u32) {
        match offset {
            ISR => self.write_isr(value),
            IER => self.ier = value & self.all,
            IAR => self.isr &= !value,
            SIE => self.ier |= value & self.all,
            CIE => self.ier &= !value,
            MER => self.write_mer(value),
            IMR => self.imr = value & self.all,
            ILR => self.ilr = value,
            _ => {
                if let Some(slot) = ivar_index(offset).and_then(|n| self.ivar.get_mut(n)) {
                    *slot = value;
                }
            }
        }
    }
}

fn flag(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}

fn bit(input: usize) -> u32 {
    u32::try_from(input)
        .ok()
        .and_then(|n| 1u32.checked_shl(n))
        .unwrap_or(0)
}

fn ivar_index(offset: u32) -> Option<usize> {
    let index = offset.checked_sub(IVAR)? / 4;
    usize::try_from(index).ok().filter(|&n| n < IVARS)
}

impl Model for Intc {
    fn registers(&self) -> &'static [Register] {
        &REGISTERS
    }

    fn present(&self, offset: u32) -> bool {
        match offset {
            ISR | IER | IAR | MER => true,
            IPR => self.params.has_ipr,
            SIE => self.params.has_sie,
            CIE => self.params.has_cie,
            IVR => self.params.has_ivr,
            ILR => self.params.has_ilr,
            IMR => self.params.has_fast,
            _ => self.params.has_fast && ivar_index(offset).is_some(),
        }
    }

    fn read(&mut self, offset: u32, wire: &mut dyn Wire) -> u32 {
        let now = wire.now();
        self.see_due(|when| when <= now, wire);
        self.peek(offset, now)
    }

    fn write(&mut self, offset: u32, value: u32, wire: &mut dyn Wire) {
        let now = wire.now();
        self.see_due(|when| when < now, wire);
        if self.present(offset) {
            self.store(offset, value);
            self.capture_levels();
            self.drive(wire);
        }
        // An edge of this very instant comes after the write, so that an acknowledge cannot swallow it.
        self.see_due(|when| when <= now, wire);
    }

    fn peek(&self, offset: u32, _now: Nanos) -> u32 {
        if !self.present(offset) {
            return 0;
        }
        match offset {
            ISR => self.isr,
            IPR => self.pending(),
            IER => self.ier,
            IVR => self.vector(),
            MER => flag(self.me, MER_ME) | flag(self.hie, MER_HIE),
            IMR => self.imr,
            ILR => self.ilr,
            _ => ivar_index(offset)
                .and_then(|n| self.ivar.get(n))
                .copied()
                .unwrap_or(0),
        }
    }

    fn input(&mut self, input: usize, level: bool, wire: &mut dyn Wire) {
        let now = wire.now();
        self.on_the_way.push_back(Change {
            when: now.saturating_add(self.params.input_delay),
            input,
            level,
        });
        self.see_due(|when| when <= now, wire);
    }

    fn tick(&mut self, wire: &mut dyn Wire) {
        let now = wire.now();
        self.see_due(|when| when <= now, wire);
    }

    fn reset(&mut self, wire: &mut dyn Wire) {
        self.isr = 0;
        self.ier = 0;
        self.me = false;
        self.hie = false;
        self.ilr = u32::MAX;
        self.imr = 0;
        self.ivar = [IVAR_RESET; IVARS];
        self.early = 0;
        self.capture_levels();
        self.drive(wire);
    }
}

#[cfg(test)]
mod tests;
