// SPDX-License-Identifier: MIT OR Apache-2.0
//! The loop at the heart of every driver: wait, clear the interrupt in the device, wait again.
//!
//! `wait_and_clear CELL COUNT` has an AXI Timer (PG079) interrupt periodically, handles so many of its interrupts, and
//! tells how often it was woken with nothing to handle: never.

use std::error::Error;

use axirq::Interrupt;
use axirq::Mmio;

/// Control and status: the bits below.
const TCSR0: usize = 0x00;
/// What the counter begins with, each time anew.
const TLR0: usize = 0x04;

/// Counts down.
const UDT: u32 = 1 << 1;
/// Begins again at zero.
const ARHT: u32 = 1 << 4;
/// Takes the counter's beginning from TLR0, as long as it is set.
const LOAD: u32 = 1 << 5;
/// Asks for an interrupt at zero.
const ENIT: u32 = 1 << 6;
/// Runs.
const ENT: u32 = 1 << 7;
/// Has asked for an interrupt; writing 1 clears it.
const TINT: u32 = 1 << 8;

const RUN: u32 = UDT | ARHT | ENIT | ENT;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    const USAGE: &str = "usage: wait_and_clear CELL COUNT";
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [cell, count] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let count: u64 = count.parse().map_err(|_| USAGE)?;

    let interrupt = Interrupt::open(&format!("{cell}/interrupt"))?;
    let timer = Mmio::open(cell)?;
    // Five milliseconds at 100 MHz.
    timer.write32(TLR0, 500_000)?;
    timer.write32(TCSR0, LOAD | TINT)?;
    timer.write32(TCSR0, RUN)?;

    let mut handled = 0;
    let mut in_vain = 0;
    while handled < count {
        interrupt.wait().await?;
        if timer.read32(TCSR0)? & TINT == 0 {
            in_vain += 1;
            continue;
        }
        // Cleared first: what the device asks for from now on is another interrupt, and the next wait returns it.
        timer.write32(TCSR0, RUN | TINT)?;
        handled += 1;
    }

    timer.write32(TCSR0, TINT)?;
    println!("handled {handled}, woken in vain {in_vain}");
    Ok(())
}
