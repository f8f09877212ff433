// SPDX-License-Identifier: MIT OR Apache-2.0
//! AXI Timer 2.0: two counters on real time, through `clock_hz`.
//!
//! Nothing counts while nobody looks: a counter is the tick it started at, and its value is worked out when asked for.
//! The model asks to be woken only for a roll-over that will raise its output.
//!
//! Inputs: 0 and 1 are `capturetrig0` and `capturetrig1` (rising edge), 2 is `freeze`. PWM and the 64-bit cascade are
//! bits that can be stored, no more. Assumption: in capture mode the counter wraps without touching TINT.

use crate::Access;
use crate::Model;
use crate::Nanos;
use crate::Register;
use crate::Wire;

/// Control and status of timer 0; timer 1 is [`TIMER1`] above.
pub const TCSR: u32 = 0x0;
/// Load value, or the captured one.
pub const TLR: u32 = 0x4;
/// The counter.
pub const TCR: u32 = 0x8;
/// Offset of the second timer's registers.
pub const TIMER1: u32 = 0x10;

/// Capture mode; otherwise generate mode.
pub const MDT: u32 = 1 << 0;
/// Counts down.
pub const UDT: u32 = 1 << 1;
/// Enables the external generate output.
pub const GENT: u32 = 1 << 2;
/// Enables the external capture trigger.
pub const CAPT: u32 = 1 << 3;
/// Generate mode: reload at roll-over. Capture mode: overwrite what was captured.
pub const ARHT: u32 = 1 << 4;
/// While set, the counter is the load value.
pub const LOAD: u32 = 1 << 5;
/// Enables the interrupt output.
pub const ENIT: u32 = 1 << 6;
/// Runs the counter.
pub const ENT: u32 = 1 << 7;
/// The interrupt flag; writing 1 clears it.
pub const TINT: u32 = 1 << 8;
/// Pulse-width modulation.
pub const PWMA: u32 = 1 << 9;
/// Both timers at once.
pub const ENALL: u32 = 1 << 10;
/// 64-bit cascade, timer 0 only.
pub const CASC: u32 = 1 << 11;

/// Bits a write stores as they are; TINT and ENALL have rules of their own.
const STORED: u32 = MDT | UDT | GENT | CAPT | ARHT | LOAD | ENIT | ENT | PWMA;

/// Number of the `freeze` input.
pub const FREEZE: usize = 2;

const fn register(offset: u32, name: &'static str, access: Access) -> Register {
    Register {
        offset,
        name,
        access,
    }
}

static REGISTERS: [Register; 6] = [
    register(TCSR, "TCSR0", Access::ReadWrite),
    register(TLR, "TLR0", Access::ReadWrite),
    register(TCR, "TCR0", Access::ReadOnly),
    register(TIMER1 + TCSR, "TCSR1", Access::ReadWrite),
    register(TIMER1 + TLR, "TLR1", Access::ReadWrite),
    register(TIMER1 + TCR, "TCR1", Access::ReadOnly),
];

/// The synthesis parameters, named as in the device tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// 8, 16 or 32.
    pub width: u32,
    pub one_timer_only: bool,
    pub clock_hz: u64,
}

/// Clock ticks since the simulator started.
type Ticks = u64;

/// What a counter does from its base tick on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Stands still until ENT, LOAD or `freeze` change.
    Held(u32),
    Counting(u32),
    /// Has rolled over to this value; takes the load value at the next tick.
    Rolled(u32),
    /// Has rolled over without reload: only LOAD starts it again.
    Spent(u32),
}

struct Counter {
    control: u32,
    load: u32,
    tint: bool,
    phase: Phase,
    base: Ticks,
    max: u32,
    /// A captured value waits in TLR to be read.
    unread: bool,
}

/// Where a counter is at some tick, and whether it rolled over on the way.
struct Position {
    phase: Phase,
    rolled: bool,
}

impl Counter {
    fn new(max: u32) -> Self {
        Self {
            control: 0,
            load: 0,
            tint: false,
            phase: Phase::Held(0),
            base: 0,
            max,
            unread: false,
        }
    }

    fn has(&self, bit: u32) -> bool {
        self.control & bit != 0
    }

    /// Ticks from the value to the roll-over, which itself takes one.
    fn to_roll(&self, value: u32) -> Ticks {
        let left = if self.has(UDT) {
            value
        } else {
            self.max - value
        };
        Ticks::from(left) + 1
    }

    /// `ticks` steps on from a value, no roll-over in between.
    fn step(&self, value: u32, ticks: Ticks) -> u32 {
        let ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        if self.has(UDT) {
            value.wrapping_sub(ticks) & self.max
        } else {
            value.wrapping_add(ticks) & self.max
        }
    }

    /// The value right after a roll-over.
    fn rolled_value(&self) -> u32 {
        if self.has(UDT) { self.max } else { 0 }
    }

    fn at(&self, tick: Ticks) -> Position {
        let elapsed = tick.saturating_sub(self.base);
        match self.phase {
            Phase::Counting(value) => self.count(value, elapsed),
            Phase::Rolled(_) if elapsed > 0 => self.count(self.load, elapsed - 1),
            phase => Position {
                phase,
                rolled: false,
            },
        }
    }

    fn count(&self, value: u32, elapsed: Ticks) -> Position {
        if self.has(MDT) {
            let turn = Ticks::from(self.max) + 1;
            return Position {
                phase: Phase::Counting(self.step(value, elapsed % turn)),
                rolled: false,
            };
        }
        let first = self.to_roll(value);
        if elapsed < first {
            return Position {
                phase: Phase::Counting(self.step(value, elapsed)),
                rolled: false,
            };
        }
        let phase = if !self.has(ARHT) {
            Phase::Spent(self.rolled_value())
        } else {
            // One tick for the reload, then the whole way again.
            let period = self.to_roll(self.load) + 1;
            match (elapsed - first) % period {
                0 => Phase::Rolled(self.rolled_value()),
                since => Phase::Counting(self.step(self.load, since - 1)),
            }
        };
        Position {
            phase,
            rolled: true,
        }
    }

    fn value(&self, tick: Ticks) -> u32 {
        match self.at(tick).phase {
            Phase::Held(value)
            | Phase::Counting(value)
            | Phase::Rolled(value)
            | Phase::Spent(value) => value,
        }
    }

    /// Makes `tick` the base, keeping what happened on the way.
    fn advance(&mut self, tick: Ticks) {
        let position = self.at(tick);
        self.phase = position.phase;
        self.tint |= position.rolled;
        self.base = tick;
    }

    /// Applies LOAD, ENT and `freeze` to a counter that was advanced to the present.
    fn govern(&mut self, frozen: bool) {
        let runs = self.has(ENT) && !frozen;
        self.phase = match self.phase {
            _ if self.has(LOAD) => Phase::Held(self.load),
            Phase::Held(value) if runs => Phase::Counting(value),
            Phase::Counting(value) if !runs => Phase::Held(value),
            // A reload already asked for completes.
            Phase::Rolled(_) if !runs => Phase::Held(self.load),
            phase => phase,
        };
    }

    /// The tick at which TINT will be set, when it is clear.
    fn next_tint(&self) -> Option<Ticks> {
        if self.tint || self.has(MDT) {
            return None;
        }
        let ahead = match self.phase {
            Phase::Counting(value) => self.to_roll(value),
            Phase::Rolled(_) => 1 + self.to_roll(self.load),
            Phase::Held(_) | Phase::Spent(_) => return None,
        };
        self.base.checked_add(ahead)
    }

    fn requests(&self) -> bool {
        self.tint && self.has(ENIT)
    }

    fn capture(&mut self, tick: Ticks) {
        let listens = self.has(MDT) && self.has(CAPT) && self.has(ENT);
        if listens && (self.has(ARHT) || !self.unread) {
            self.load = self.value(tick);
            self.unread = true;
            self.tint = true;
        }
    }
}

pub struct Timer {
    params: Params,
    timers: [Counter; 2],
    /// ENALL, one bit seen in both TCSR.
    all: bool,
    /// Levels of the capture triggers.
    triggers: [bool; 2],
    frozen: bool,
}

fn flag(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}

const NANOS_PER_SECOND: u128 = 1_000_000_000;

impl Timer {
    pub fn new(params: Params) -> Self {
        let max = u32::MAX
            .checked_shr(32u32.saturating_sub(params.width))
            .unwrap_or(0);
        Self {
            params,
            timers: [Counter::new(max), Counter::new(max)],
            all: false,
            triggers: [false; 2],
            frozen: false,
        }
    }

    fn tick_at(&self, now: Nanos) -> Ticks {
        let ticks = u128::from(now) * u128::from(self.params.clock_hz) / NANOS_PER_SECOND;
        Ticks::try_from(ticks).unwrap_or(Ticks::MAX)
    }

    /// The first instant of a tick.
    fn time_of(&self, tick: Ticks) -> Nanos {
        let hz = u128::from(self.params.clock_hz.max(1));
        let nanos = (u128::from(tick) * NANOS_PER_SECOND).div_ceil(hz);
        Nanos::try_from(nanos).unwrap_or(Nanos::MAX)
    }

    /// Which timer an offset belongs to, and the register within it.
    fn decode(&self, offset: u32) -> Option<(usize, u32)> {
        match offset {
            TCSR | TLR | TCR => Some((0, offset)),
            _ if self.params.one_timer_only => None,
            _ => {
                let within = offset.checked_sub(TIMER1)?;
                matches!(within, TCSR | TLR | TCR).then_some((1, within))
            }
        }
    }

    fn advance(&mut self, now: Nanos) {
        let tick = self.tick_at(now);
        for timer in &mut self.timers {
            timer.advance(tick);
        }
    }

    /// Settles control bits, the output and the next deadline; the counters are at the present.
    fn settle(&mut self, wire: &mut dyn Wire) {
        for timer in &mut self.timers {
            timer.govern(self.frozen);
        }
        wire.drive(0, self.timers.iter().any(Counter::requests));
        let next = self
            .timers
            .iter()
            .filter(|timer| timer.has(ENIT))
            .filter_map(Counter::next_tint)
            .min();
        wire.wake_at(next.map(|tick| self.time_of(tick)));
    }

    fn write_control(&mut self, number: usize, value: u32) {
        let stored = if number == 0 { STORED | CASC } else { STORED };
        self.all = value & ENALL != 0;
        if let Some(timer) = self.timers.get_mut(number) {
            timer.control = value & stored;
            timer.tint &= value & TINT == 0;
        }
        if self.all {
            for timer in &mut self.timers {
                timer.control |= ENT;
            }
        }
    }
}

impl Model for Timer {
    fn registers(&self) -> &'static [Register] {
        &REGISTERS
    }

    fn present(&self, offset: u32) -> bool {
        self.decode(offset).is_some()
    }

    fn read(&mut self, offset: u32, wire: &mut dyn Wire) -> u32 {
        let now = wire.now();
        let value = self.peek(offset, now);
        if let Some((number, TLR)) = self.decode(offset) {
            if let Some(timer) = self.timers.get_mut(number) {
                timer.unread = false;
            }
        }
        value
    }

    fn write(&mut self, offset: u32, value: u32, wire: &mut dyn Wire) {
        self.advance(wire.now());
        match self.decode(offset) {
            Some((number, TCSR)) => self.write_control(number, value),
            Some((number, TLR)) => {
                if let Some(timer) = self.timers.get_mut(number) {
                    timer.load = value & timer.max;
                }
            }
            _ => {}
        }
        self.settle(wire);
    }

    fn peek(&self, offset: u32, now: Nanos) -> u32 {
        let Some((number, register)) = self.decode(offset) else {
            return 0;
        };
        let Some(timer) = self.timers.get(number) else {
            return 0;
        };
        let tick = self.tick_at(now);
        match register {
            TCSR => {
                let tint = timer.tint || timer.at(tick).rolled;
                timer.control | flag(tint, TINT) | flag(self.all, ENALL)
            }
            TLR => timer.load,
            _ => timer.value(tick),
        }
    }

    fn input(&mut self, input: usize, level: bool, wire: &mut dyn Wire) {
        let now = wire.now();
        self.advance(now);
        let tick = self.tick_at(now);
        if input == FREEZE {
            self.frozen = level;
        } else if let Some(trigger) = self.triggers.get_mut(input) {
            let rose = !std::mem::replace(trigger, level) && level;
            if let Some(timer) = self.timers.get_mut(input).filter(|_| rose) {
                timer.capture(tick);
            }
        }
        self.settle(wire);
    }

    fn tick(&mut self, wire: &mut dyn Wire) {
        self.advance(wire.now());
        self.settle(wire);
    }

    fn reset(&mut self, wire: &mut dyn Wire) {
        for timer in &mut self.timers {
            *timer = Counter::new(timer.max);
        }
        self.all = false;
        self.settle(wire);
    }
}

#[cfg(test)]
mod tests;
