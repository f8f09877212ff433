// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq wait`: one line per event.

use std::io;
use std::io::Write;
use std::num::NonZeroU64;
use std::time::Duration;
use std::time::Instant;

use axirq::Event;
use axirq::Interrupt;
use axirq::list::System;
use clap::Args;
use serde::Serialize;

use crate::Failure;

/// Wait for an interrupt pin
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 error, 2 wrong usage, 124 timed out before all events came.\n\n\
    An event can stand for several interrupts that came at once. A level line whose cause nobody clears fires again \
    at once.\n\n\
    JSON: {\"pin\", \"count\", \"sequence\", \"timestamp_ns\", \"latency_ns\"}, a line per event; the timestamp is \
    CLOCK_MONOTONIC, taken in the hard interrupt handler."
)]
pub struct Opts {
    /// The pin, for example axi_gpio_0/ip2intc_irpt
    pin: String,
    /// Give up after this time, whatever came
    #[arg(long, value_name = "SECONDS", value_parser = crate::seconds)]
    timeout: Option<Duration>,
    /// Wait for this many events
    #[arg(long, value_name = "EVENTS", default_value = "1")]
    count: NonZeroU64,
    /// Print JSON, an object per line
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Json<'a> {
    pin: &'a str,
    count: u64,
    sequence: u64,
    timestamp_ns: u128,
    latency_ns: u128,
}

/// Waits.
pub fn run(system: &System, opts: &Opts) -> Result<(), Failure> {
    // A time that the clock cannot express is for ever.
    let deadline = opts.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let interrupt = Interrupt::open_in(system, &opts.pin)?;
    for _ in 0..opts.count.get() {
        let event = match deadline {
            None => interrupt.blocking_wait()?,
            Some(deadline) => interrupt
                .blocking_wait_timeout(deadline.saturating_duration_since(Instant::now()))?
                .ok_or(Failure::TimedOut(None))?,
        };
        print(interrupt.pin(), &event, event.age(), opts.json)?;
    }
    Ok(())
}

fn print(pin: &str, event: &Event, age: Duration, json: bool) -> Result<(), Failure> {
    let Event {
        count,
        sequence,
        timestamp,
        ..
    } = *event;
    let mut out = io::stdout().lock();
    if json {
        let line = Json {
            pin,
            count,
            sequence,
            timestamp_ns: timestamp.as_nanos(),
            latency_ns: age.as_nanos(),
        };
        serde_json::to_writer(&mut out, &line)?;
        writeln!(out)?;
    } else {
        let seconds = timestamp.as_secs_f64();
        writeln!(
            out,
            "{pin} count {count} sequence {sequence} at {seconds:.6} latency {} us",
            age.as_micros()
        )?;
    }
    Ok(())
}
