// SPDX-License-Identifier: MIT OR Apache-2.0
//! A driver for an IP core of one's own, whose interrupt the loaded overlay may not have.
//!
//! `driver_class [--blocking] CELL RINGS` lets an alarm ring some times, and waits for each in a task or, with
//! `--blocking`, in this thread. The alarm is an AXI Timer (PG079), driven register by register as one would an IP core
//! that this crate does not know.

use std::process::ExitCode;

use axirq::Event;
use axirq::Interrupt;
use axirq::Mmio;

/// Control and status: the bits below.
const TCSR0: usize = 0x00;
/// What the counter begins with.
const TLR0: usize = 0x04;

/// Counts down.
const UDT: u32 = 1 << 1;
/// Takes the counter's beginning from TLR0, as long as it is set.
const LOAD: u32 = 1 << 5;
/// Asks for an interrupt at zero.
const ENIT: u32 = 1 << 6;
/// Runs.
const ENT: u32 = 1 << 7;
/// Has asked for an interrupt; writing 1 clears it.
const TINT: u32 = 1 << 8;

/// An alarm that rings once, some time after it was set.
struct Alarm {
    registers: Mmio,
    /// None if the loaded overlay does not have it.
    interrupt: Option<Interrupt>,
}

#[derive(Debug, thiserror::Error)]
enum AlarmError {
    #[error("interrupts are not available in this overlay")]
    NoInterrupt,
    #[error(transparent)]
    Axirq(#[from] axirq::Error),
}

impl Alarm {
    fn open(cell: &str) -> Result<Self, AlarmError> {
        let registers = Mmio::open(cell)?;
        let interrupt = match Interrupt::open(&format!("{cell}/interrupt")) {
            Ok(interrupt) => Some(interrupt),
            Err(axirq::Error::NoSuchPin { .. }) => {
                eprintln!("warning: interrupts are not available in this overlay");
                None
            }
            // Held by another driver, say: not what the overlay can help.
            Err(error) => return Err(error.into()),
        };
        Ok(Self { registers, interrupt })
    }

    /// Sets the alarm to a number of clock cycles from now.
    fn set(&self, cycles: u32) -> Result<(), AlarmError> {
        self.registers.write32(TLR0, cycles)?;
        // Whatever it asked for before is cleared.
        self.registers.write32(TCSR0, UDT | LOAD | TINT)?;
        self.registers.write32(TCSR0, UDT | ENIT | ENT)?;
        Ok(())
    }

    /// Sets the alarm and waits until it rings, over and over.
    async fn interrupt_handler(&self, rings: u32, cycles: u32) -> Result<(), AlarmError> {
        let interrupt = self.interrupt.as_ref().ok_or(AlarmError::NoInterrupt)?;
        for ring in 1..=rings {
            self.set(cycles)?;
            let event = interrupt.wait().await?;
            self.handle(ring, event)?;
        }
        Ok(())
    }

    /// Blocking twin of [`Alarm::interrupt_handler`]. It needs no runtime, and must not be called in a task: it would
    /// block all others.
    fn blocking_interrupt_handler(&self, rings: u32, cycles: u32) -> Result<(), AlarmError> {
        let interrupt = self.interrupt.as_ref().ok_or(AlarmError::NoInterrupt)?;
        for ring in 1..=rings {
            self.set(cycles)?;
            let event = interrupt.blocking_wait()?;
            self.handle(ring, event)?;
        }
        Ok(())
    }

    /// What is done when an interrupt has come: it is cleared in the core, before anybody waits again.
    fn handle(&self, ring: u32, event: Event) -> Result<(), AlarmError> {
        self.registers.write32(TCSR0, UDT | TINT)?;
        println!("ring {ring}, interrupt {} of this line", event.sequence);
        Ok(())
    }
}

fn perform(cell: &str, rings: u32, blocking: bool) -> Result<(), AlarmError> {
    // A hundredth of a second at 100 MHz.
    const CYCLES: u32 = 1_000_000;
    let alarm = Alarm::open(cell)?;
    if blocking {
        alarm.blocking_interrupt_handler(rings, CYCLES)
    } else {
        run(alarm.interrupt_handler(rings, CYCLES))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(handler: impl Future<Output = Result<(), AlarmError>>) -> Result<(), AlarmError> {
    handler.await
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (blocking, rest) = match arguments.split_first() {
        Some((&"--blocking", rest)) => (true, rest),
        _ => (false, &arguments[..]),
    };
    let parsed = match rest {
        [cell, rings] => rings.parse().ok().map(|rings| (*cell, rings)),
        _ => None,
    };
    let Some((cell, rings)) = parsed else {
        eprintln!("usage: driver_class [--blocking] CELL RINGS");
        return ExitCode::from(2);
    };
    match perform(cell, rings, blocking) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("driver_class: {error}");
            ExitCode::FAILURE
        }
    }
}
