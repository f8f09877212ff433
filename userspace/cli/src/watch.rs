// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq watch`: how often pins fire, and how long it takes from the hard interrupt to a task.

mod table;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;
use std::time::Instant;

use axirq::Error;
use axirq::Interrupt;
use axirq::list::Pin;
use axirq::list::System;
use axirq::list::Trigger;
use clap::Args;
use futures_core::Stream;
use serde::Serialize;
use tokio::runtime;
use tokio::task::JoinHandle;
use tokio::task::LocalSet;
use tokio::time::sleep;
use tokio::time::timeout_at;

use crate::Failure;
use crate::list::trigger;
use table::Table;

/// Watch interrupt pins: counts, rates and latencies
#[derive(Args)]
#[command(
    after_help = "In a terminal the table is live; else each second prints a line per pin that fired.\n\n\
    Edge lines stay enabled meanwhile. A level line is enabled at most ten times a second, as nobody here clears its \
    cause.\n\nExit codes: 0 the time is over, 1 error, or all pins are gone, 2 wrong usage.\n\n\
    JSON: {\"pin\", \"trigger\": \"edge\" or \"level\", \"count\": since the beginning, \"rate\": per second, \
    \"latency_us\", \"latency_max_us\"}, a line per pin that fired and second; latencies are from the hard interrupt to \
    the task."
)]
pub struct Opts {
    /// The pins; by default all that can be opened, each line once
    pins: Vec<String>,
    /// Stop after this time instead of never
    #[arg(long, value_name = "SECONDS", value_parser = crate::seconds)]
    seconds: Option<Duration>,
    /// Print JSON, an object per pin that fired and second
    #[arg(long)]
    json: bool,
}

/// How often the table is drawn.
const TABLE_INTERVAL: Duration = Duration::from_millis(500);
/// How often lines are printed.
const LINE_INTERVAL: Duration = Duration::from_secs(1);
/// How long a level line rests after an event.
const LEVEL_PAUSE: Duration = Duration::from_millis(100);

/// What is known of a pin.
struct Row {
    pin: String,
    trigger: Trigger,
    /// Interrupts since we began.
    count: u64,
    /// `count` when it was last shown.
    shown: u64,
    /// From the hard interrupt to the task.
    last: Duration,
    max: Duration,
    gone: bool,
}

#[derive(Serialize)]
struct Json<'a> {
    pin: &'a str,
    trigger: &'static str,
    count: u64,
    rate: f64,
    latency_us: f64,
    latency_max_us: f64,
}

/// Watches.
pub fn run(system: &System, opts: &Opts) -> Result<(), Failure> {
    let interrupts = open(system, &opts.pins)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, watch(interrupts, opts))
}

fn open(system: &System, names: &[String]) -> Result<Vec<Interrupt>, Failure> {
    if !names.is_empty() {
        return Ok(names
            .iter()
            .map(|name| Interrupt::open_in(system, name))
            .collect::<Result<_, _>>()?);
    }
    let pins = system.pins()?;
    let mut interrupts = Vec::new();
    let mut skipped = None;
    for pin in pins.iter().filter(|pin| !is_duplicate(pin, &pins)) {
        match Interrupt::open_in(system, &pin.name()) {
            Ok(interrupt) => interrupts.push(interrupt),
            Err(error @ (Error::Busy { .. } | Error::PermissionDenied { .. } | Error::Gone { .. })) => {
                eprintln!("axirq: skipped: {error}");
                skipped = Some(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
    if interrupts.is_empty() {
        return Err(skipped.unwrap_or(Error::NoOverlay).into());
    }
    Ok(interrupts)
}

/// A raw input to which the pin of a cell is wired is that pin.
fn is_duplicate(pin: &Pin, pins: &[Pin]) -> bool {
    pin.is_raw() && pins.iter().any(|other| !other.is_raw() && other.is_same_line(pin))
}

async fn watch(interrupts: Vec<Interrupt>, opts: &Opts) -> Result<(), Failure> {
    let begin = Instant::now();
    let end = opts.seconds.and_then(|seconds| begin.checked_add(seconds));
    let mut rows = Vec::new();
    let mut followers: Vec<JoinHandle<Error>> = Vec::new();
    for interrupt in interrupts {
        let row = Rc::new(RefCell::new(Row::new(&interrupt)));
        rows.push(Rc::clone(&row));
        followers.push(tokio::task::spawn_local(follow(interrupt, row)));
    }
    let mut table = (io::stdout().is_terminal() && !opts.json).then(Table::default);
    let interval = if table.is_some() { TABLE_INTERVAL } else { LINE_INTERVAL };
    let mut since = begin;
    loop {
        let over = match end {
            Some(end) => timeout_at(end.into(), sleep(interval)).await.is_err(),
            None => {
                sleep(interval).await;
                false
            }
        };
        let elapsed = since.elapsed();
        since = Instant::now();
        if let Some(table) = &mut table {
            table.draw(&rows, elapsed)?;
        } else {
            print(&rows, elapsed, opts.json)?;
        }
        if followers.iter().all(JoinHandle::is_finished) {
            // At least one pin was opened, and all ended by an error.
            let mut last = Ok(());
            for follower in followers {
                last = Err(Failure::from(follower.await.map_err(io::Error::other)?));
            }
            return last;
        }
        if over {
            return Ok(());
        }
    }
}

/// Follows one pin until its device is gone.
async fn follow(interrupt: Interrupt, row: Rc<RefCell<Row>>) -> Error {
    let mut events = pin!(interrupt.events());
    loop {
        let asked = Instant::now();
        match poll_fn(|cx| events.as_mut().poll_next(cx)).await {
            Some(Ok(event)) => {
                let latency = event.age();
                // One that came before we waited has waited for us.
                row.borrow_mut()
                    .add(event.count, (latency < asked.elapsed()).then_some(latency));
            }
            Some(Err(error)) => {
                row.borrow_mut().gone = true;
                return error;
            }
            None => unreachable!("a stream ends by an error, after which we have returned"),
        }
        if interrupt.trigger() == Trigger::Level {
            sleep(LEVEL_PAUSE).await;
        }
    }
}

impl Row {
    fn new(interrupt: &Interrupt) -> Self {
        Self {
            pin: interrupt.pin().to_owned(),
            trigger: interrupt.trigger(),
            count: 0,
            shown: 0,
            last: Duration::ZERO,
            max: Duration::ZERO,
            gone: false,
        }
    }

    fn add(&mut self, count: u64, latency: Option<Duration>) {
        self.count += count;
        if let Some(latency) = latency {
            self.last = latency;
            self.max = self.max.max(latency);
        }
    }

    /// Interrupts per second since this was last asked.
    fn rate(&mut self, elapsed: Duration) -> f64 {
        let new = self.count - std::mem::replace(&mut self.shown, self.count);
        new as f64 / elapsed.as_secs_f64()
    }
}

/// Prints the pins that fired since the last time.
fn print(rows: &[Rc<RefCell<Row>>], elapsed: Duration, json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for row in rows {
        let row = &mut *row.borrow_mut();
        if row.count == row.shown {
            continue;
        }
        let rate = row.rate(elapsed);
        let (pin, count) = (&row.pin, row.count);
        let (latency_us, latency_max_us) = (micros(row.last), micros(row.max));
        if json {
            let trigger = trigger(row.trigger);
            serde_json::to_writer(
                &mut out,
                &Json {
                    pin,
                    trigger,
                    count,
                    rate,
                    latency_us,
                    latency_max_us,
                },
            )?;
            writeln!(out)?;
        } else {
            writeln!(
                out,
                "{pin} count {count} rate {rate:.1}/s latency {latency_us:.1} us max {latency_max_us:.1} us"
            )?;
        }
    }
    Ok(())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
