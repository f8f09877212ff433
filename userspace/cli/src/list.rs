// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq list`: what there is, under the controller it is wired to, and who holds it.

mod json;
mod tree;

use std::io;
use std::io::Write;

use axirq::list::State;
use axirq::list::System;
use axirq::list::Trigger;
use clap::Args;

use crate::Failure;

/// List interrupt controllers, cells, pins and register windows, and who holds them
#[derive(Args)]
#[command(after_help = "Exit codes: 0 done, 1 error, 2 wrong usage.\n\n\
    JSON: {\"cells\": [{\"name\", \"parent\": {\"controller\", \"hwirq\"} or null, \
    \"pins\": [{\"name\", \"pin\", \"controller\", \"hwirq\", \"irq\", \"trigger\": \"edge\" or \"level\", \"count\", \
    \"state\": \"unused\", \"idle\", \"armed\", \"busy\" or \"gone\", \"raw\", \"holders\"}], \
    \"windows\": [{\"name\", \"window\", \"address\", \"size\", \"holders\"}]}]}; a holder is \
    {\"kind\": \"driver\", \"name\"} or {\"kind\": \"process\", \"pid\", \"command\", \"armed\": true, false or null}.\n\n\
    Only root sees who holds what among the processes of others.")]
pub struct Opts {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists.
pub fn run(system: &System, opts: &Opts) -> Result<(), Failure> {
    let cells = system.cells()?;
    let holders = system.holders();
    let mut out = io::stdout().lock();
    if opts.json {
        serde_json::to_writer(&mut out, &json::Json::of(&cells, &holders))?;
        writeln!(out)?;
        return Ok(());
    }
    if cells.is_empty() {
        eprintln!("axirq: {}", axirq::Error::NoOverlay);
    }
    write!(out, "{}", tree::tree(&cells, &holders))?;
    let is_used = |state| matches!(state, State::Idle | State::Armed);
    let mut pins = cells.iter().flat_map(|cell| &cell.pins);
    if holders.is_partial() && pins.any(|pin| is_used(pin.state) && holders.of_pin(pin).is_empty()) {
        eprintln!("axirq: only root sees the processes of others: run this as root to see who holds what");
    }
    Ok(())
}

/// In the kernel's words.
pub fn trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Edge => "edge",
        Trigger::Level => "level",
    }
}

/// In the kernel's words.
fn state(state: State) -> &'static str {
    match state {
        State::Unused => "unused",
        State::Idle => "idle",
        State::Armed => "armed",
        State::Busy => "busy",
        State::Gone => "gone",
        _ => "unknown",
    }
}
