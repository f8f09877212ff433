// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI Timer (PG079) as a source of ticks, by the clock of the programmable logic.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> axirq::Result<()> {
//! use std::time::Duration;
//!
//! use axirq::timer::AxiTimer;
//!
//! let mut timer = AxiTimer::open("axi_timer_0")?;
//! timer.start_periodic(Duration::from_millis(20))?;
//! loop {
//!     let tick = timer.tick().await?;
//!     println!("tick {}, {} missed before it", tick.number, tick.missed);
//! }
//! # }
//! ```
//!
//! The first of the core's two timers ticks; the second stands still meanwhile.

mod clocks;
mod counter;
mod regs;

use std::num::NonZeroU32;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::Interrupt;
use crate::Mmio;
use crate::Result;
use crate::interrupt::deadline_after;
use crate::list::System;
use crate::pin;
use counter::Counter;

/// The interrupt pin of an AXI Timer.
const PIN: &str = "interrupt";

/// An AXI Timer that ticks, once or periodically.
///
/// It is this value's alone from opening, which stops it, to dropping, which stops it again.
#[derive(Debug)]
pub struct AxiTimer {
    interrupt: Interrupt,
    counter: Counter,
    clock: Option<NonZeroU32>,
}

/// A tick; see [`AxiTimer::tick`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tick {
    /// Which one it is since the timer was started, from 1.
    pub number: u64,
    /// How many went by before it that no call has returned: the number goes up by one more than this.
    ///
    /// The hardware does not count them, but its counter and the system's clock tell, as long as the two differ by less
    /// than half a period from one call to the next.
    pub missed: u64,
}

impl AxiTimer {
    /// Opens the cell of this name, and stops it. Its clock and width come from the device tree.
    ///
    /// # Errors
    ///
    /// As for [`Mmio::open`] and [`Interrupt::open`], and [`NoInterrupt`](Error::NoInterrupt) if the cell has no pin
    /// `interrupt`, [`WindowTooSmall`](Error::WindowTooSmall), [`InUse`](Error::InUse) if this process has it open.
    pub fn open(cell: &str) -> Result<Self> {
        Self::open_in(&System::new(), cell)
    }

    /// [`AxiTimer::open`], in a system whose `/dev` and `/sys` are elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`AxiTimer::open`].
    pub fn open_in(system: &System, cell: &str) -> Result<Self> {
        let cell = pin::parse_cell(cell)?;
        let registers = Mmio::open_in(system, &cell, "regs")?;
        if !system.has_pin(&cell, "regs", PIN)? {
            return Err(Error::NoInterrupt { cell, pin: PIN });
        }
        let property = |name| system.property(&cell, "regs", name);
        let clock = property("clock-frequency")?.and_then(NonZeroU32::new);
        let width = property("xlnx,count-width")?.unwrap_or(32);
        let is_alone = property("xlnx,one-timer-only")? == Some(1);
        let interrupt = Interrupt::open_in(system, &format!("{cell}/{PIN}"))?;
        Ok(Self {
            interrupt,
            counter: Counter::open(registers, cell, width, is_alone)?,
            clock,
        })
    }

    /// The cell's name.
    pub fn cell(&self) -> &str {
        self.counter.cell()
    }

    /// The clock it counts by, in Hz: `clock-frequency` of its node. `None` if the device tree does not say.
    pub fn clock_hz(&self) -> Option<NonZeroU32> {
        self.clock
    }

    /// Says what the clock is, in Hz, for a device tree that does not. Counts from the next start on.
    pub fn set_clock_hz(&mut self, hz: NonZeroU32) {
        self.clock = Some(hz);
    }

    /// Starts to tick with this period, whatever it did before, and returns the real period: the nearest whole number of
    /// clock cycles. Ticks are numbered from 1 again.
    ///
    /// # Errors
    ///
    /// [`NoClock`](Error::NoClock), [`BadPeriod`](Error::BadPeriod), [`Gone`](Error::Gone) once the device has left.
    pub fn start_periodic(&mut self, period: Duration) -> Result<Duration> {
        let clock = self.ready()?;
        self.counter.start(period, clock, counter::Mode::Periodic)
    }

    /// Starts to tick once after this time, whatever it did before, and returns the real time.
    ///
    /// # Errors
    ///
    /// As for [`AxiTimer::start_periodic`].
    pub fn start_once(&mut self, delay: Duration) -> Result<Duration> {
        let clock = self.ready()?;
        self.counter.start(delay, clock, counter::Mode::Once)
    }

    /// Stops. A tick that was not waited for is forgotten.
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn stop(&mut self) -> Result<()> {
        self.interrupt.sequence()?;
        self.counter.stop()
    }

    /// Waits for a tick.
    ///
    /// # When it returns
    ///
    /// At once if there was a tick that no call has returned yet, else with the next one. One tick is returned for
    /// several that were not waited for; [`Tick::missed`] counts the others.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the timer runs on, and a tick that a dropped future did not return is returned by the next call.
    ///
    /// # Errors
    ///
    /// [`NotStarted`](Error::NotStarted) if it was not, or if its only tick was returned already,
    /// [`StuckStatus`](Error::StuckStatus), and as for [`Interrupt::wait`].
    #[cfg(feature = "tokio")]
    pub async fn tick(&mut self) -> Result<Tick> {
        let Self { interrupt, counter, .. } = self;
        loop {
            if let Some(tick) = look(interrupt, counter)? {
                return Ok(tick);
            }
            let mut found = None;
            // Once more when armed: on an edge input, a tick that is there already would make no edge.
            interrupt
                .wait_unless(|| {
                    found = look(interrupt, counter)?;
                    Ok(found.is_some())
                })
                .await?;
            if let Some(tick) = found {
                return Ok(tick);
            }
        }
    }

    /// Waits for a tick; blocking twin of `tick`.
    ///
    /// # Errors
    ///
    /// [`NotStarted`](Error::NotStarted) if it was not, or if its only tick was returned already,
    /// [`StuckStatus`](Error::StuckStatus), and as for [`Interrupt::blocking_wait`].
    pub fn blocking_tick(&mut self) -> Result<Tick> {
        loop {
            // Without a deadline there is always a tick in the end.
            if let Some(tick) = self.blocking_tick_until(None)? {
                return Ok(tick);
            }
        }
    }

    /// [`AxiTimer::blocking_tick`] for `timeout` at most. `None` when it is over; no tick is lost by that.
    ///
    /// # Errors
    ///
    /// As for [`AxiTimer::blocking_tick`].
    pub fn blocking_tick_timeout(&mut self, timeout: Duration) -> Result<Option<Tick>> {
        self.blocking_tick_until(deadline_after(timeout))
    }

    fn blocking_tick_until(&mut self, deadline: Option<Instant>) -> Result<Option<Tick>> {
        let Self { interrupt, counter, .. } = self;
        loop {
            let mut found = look(interrupt, counter)?;
            if found.is_some() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(found);
            }
            interrupt.blocking_wait_unless(deadline, || {
                found = look(interrupt, counter)?;
                Ok(found.is_some())
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    fn ready(&self) -> Result<NonZeroU32> {
        self.interrupt.sequence()?;
        self.clock.ok_or_else(|| Error::NoClock {
            cell: self.cell().to_owned(),
        })
    }
}

/// A tick, if there is one. Registers are touched only if the device is there: else it would end the process.
fn look(interrupt: &Interrupt, counter: &mut Counter) -> Result<Option<Tick>> {
    interrupt.sequence()?;
    counter.look()
}

impl Drop for AxiTimer {
    fn drop(&mut self) {
        // A device that has left needs no stopping.
        let _ = self.stop();
    }
}
