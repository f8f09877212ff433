// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Counter`]: the registers of a timer, and what they do not tell.

use std::num::NonZeroU32;
use std::time::Duration;
use std::time::Instant;

use super::Tick;
use super::clocks;
use super::regs;
use crate::Error;
use crate::Mmio;
use crate::Result;
use crate::owner::Owner;

/// How often the counter is read before we put up with a moment that we were held up in.
const ROUNDS: usize = 8;

/// A timer and its owner's record of it.
#[derive(Debug)]
pub(super) struct Counter {
    cell: String,
    registers: Mmio,
    /// The largest value it can count from.
    max: u32,
    run: Option<Run>,
    _owner: Owner,
}

/// How a timer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Periodic,
    Once,
}

/// A timer that was started.
#[derive(Debug)]
struct Run {
    mode: Mode,
    load: u32,
    clock: NonZeroU32,
    /// The number of the last tick.
    ticks: u64,
    /// When the counter was last known, and its phase then.
    known: Known,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    at: Instant,
    phase: u64,
}

impl Run {
    fn period(&self) -> u64 {
        u64::from(self.load) + clocks::RELOAD
    }

    fn control(&self) -> u32 {
        let reload = if self.mode == Mode::Periodic { regs::ARHT } else { 0 };
        regs::ENIT | regs::ENT | regs::UDT | reload
    }

    /// Whether so little time has gone by that it can be taken for a moment.
    fn is_moment(&self, since: Instant) -> bool {
        since.elapsed() < clocks::time(self.period(), self.clock) / 4
    }
}

impl Counter {
    /// Takes the registers of a timer, and stops it.
    pub(super) fn open(registers: Mmio, cell: String, width: u32, is_alone: bool) -> Result<Self> {
        registers.require(if is_alone { regs::END } else { regs::TIMER1 + regs::END })?;
        let owner = Owner::new(&registers, &cell)?;
        if !is_alone {
            // The two share the interrupt pin.
            registers.write32(regs::TIMER1 + regs::TCSR, regs::TINT)?;
        }
        let mut counter = Self {
            cell,
            registers,
            max: u32::MAX >> (32 - width.clamp(1, 32)),
            run: None,
            _owner: owner,
        };
        counter.stop()?;
        Ok(counter)
    }

    pub(super) fn cell(&self) -> &str {
        &self.cell
    }

    /// Starts anew. Returns the real time to the tick.
    pub(super) fn start(&mut self, time: Duration, clock: NonZeroU32, mode: Mode) -> Result<Duration> {
        let beyond = match mode {
            Mode::Periodic => clocks::RELOAD,
            Mode::Once => clocks::ROLL_OVER,
        };
        let load = clocks::load(time, clock, self.max, beyond).map_err(|possible| Error::BadPeriod {
            cell: self.cell.clone(),
            period: time,
            shortest: *possible.start(),
            longest: *possible.end(),
        })?;
        let mut run = Run {
            mode,
            load,
            clock,
            ticks: 0,
            known: Known {
                at: Instant::now(),
                phase: clocks::phase(load, load),
            },
        };
        self.run = None;
        for _ in 0..ROUNDS {
            self.registers.write32(regs::TLR, load)?;
            self.registers.write32(regs::TCSR, regs::LOAD)?;
            run.known.at = Instant::now();
            self.registers.write32(regs::TCSR, regs::TINT | run.control())?;
            // Written for certain once something was read.
            self.registers.read32(regs::TCSR)?;
            if run.is_moment(run.known.at) {
                break;
            }
        }
        self.run = Some(run);
        Ok(clocks::time(u64::from(load) + beyond, clock))
    }

    /// Stops.
    pub(super) fn stop(&mut self) -> Result<()> {
        self.run = None;
        self.registers.write32(regs::TCSR, regs::TINT)
    }

    /// Takes a tick, if there is one.
    pub(super) fn look(&mut self) -> Result<Option<Tick>> {
        let Some(run) = &mut self.run else {
            return Err(Error::NotStarted {
                cell: self.cell.clone(),
            });
        };
        let status = self.registers.read32(regs::TCSR)?;
        if status == u32::MAX {
            // Most of its bits are always 0.
            return Err(Error::StuckStatus {
                cell: self.cell.clone(),
                register: "TCSR0",
            });
        }
        if status & regs::TINT == 0 {
            return Ok(None);
        }
        if run.mode == Mode::Once {
            self.stop()?;
            return Ok(Some(Tick { number: 1, missed: 0 }));
        }
        let known = acknowledge(&self.registers, run)?;
        let elapsed = clocks::cycles(known.at.saturating_duration_since(run.known.at), run.clock);
        let ticks = clocks::rolled_over(elapsed, run.known.phase, known.phase, run.period());
        run.known = known;
        run.ticks = run.ticks.saturating_add(ticks);
        Ok(Some(Tick {
            number: run.ticks,
            missed: ticks - 1,
        }))
    }
}

/// Clears TINT, and reads the counter: at a moment that is known, with no roll-over between the two, or that one would
/// be counted now and reported again. A period shorter than a few accesses does not allow that; it is counted roughly.
///
/// ```text
/// clear TINT | time | read TCR | time | read TCSR: TINT is still 0
/// ```
fn acknowledge(registers: &Mmio, run: &Run) -> Result<Known> {
    let mut known = run.known;
    for _ in 0..ROUNDS {
        registers.write32(regs::TCSR, regs::TINT | run.control())?;
        known.at = Instant::now();
        known.phase = clocks::phase(registers.read32(regs::TCR)?, run.load);
        let is_moment = run.is_moment(known.at);
        if registers.read32(regs::TCSR)? & regs::TINT == 0 && is_moment {
            break;
        }
    }
    Ok(known)
}
