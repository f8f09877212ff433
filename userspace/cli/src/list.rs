// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq list`: what there is, under the controller it is wired to.

use std::collections::BTreeSet;
use std::io;
use std::io::Write;

use axirq::list::Cell;
use axirq::list::Pin;
use axirq::list::State;
use axirq::list::System;
use axirq::list::Trigger;
use axirq::list::Window;
use clap::Args;
use serde::Serialize;

use crate::Failure;

/// List interrupt controllers, cells, pins and register windows
#[derive(Args)]
pub struct Opts {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists.
pub fn run(system: &System, opts: &Opts) -> Result<(), Failure> {
    let cells = system.cells()?;
    let mut out = io::stdout().lock();
    if opts.json {
        serde_json::to_writer(&mut out, &Json::of(&cells))?;
        writeln!(out)?;
    } else if cells.is_empty() {
        eprintln!("axirq: {}", axirq::Error::NoOverlay);
    } else {
        write!(out, "{}", tree(&cells))?;
    }
    Ok(())
}

/// The cells as a person wants to see them.
fn tree(cells: &[Cell]) -> String {
    let controllers: BTreeSet<_> = cells
        .iter()
        .flat_map(|cell| &cell.pins)
        .map(|pin| &pin.controller)
        .collect();
    let width = cells
        .iter()
        .flat_map(|cell| &cell.pins)
        .map(|pin| pin.pin.len())
        .max()
        .unwrap_or(0)
        .max("regs".len());
    let mut out = String::new();
    for controller in &controllers {
        out += &format!("{controller}\n");
        for cell in cells {
            let is_controller = cell.name == **controller;
            let pins: Vec<_> = cell.pins.iter().filter(|pin| pin.controller == **controller).collect();
            if pins.is_empty() && !is_controller {
                continue;
            }
            out += &format!("  {}\n", if is_controller { "raw inputs" } else { &cell.name });
            for pin in pins {
                out += &format!("    {}\n", pin_line(pin, width));
            }
            for window in &cell.windows {
                out += &format!("    {}\n", window_line(window, width));
            }
        }
    }
    let mut silent = cells
        .iter()
        .filter(|cell| cell.pins.is_empty() && !controllers.contains(&cell.name))
        .peekable();
    if silent.peek().is_some() {
        out += "no interrupts\n";
    }
    for cell in silent {
        out += &format!("  {}\n", cell.name);
        for window in &cell.windows {
            out += &format!("    {}\n", window_line(window, width));
        }
    }
    out
}

fn pin_line(pin: &Pin, width: usize) -> String {
    let Pin {
        pin: name,
        hwirq,
        irq,
        count,
        ..
    } = pin;
    let (trigger, state) = (trigger(pin.trigger), state(pin.state));
    format!("{name:width$}  input {hwirq:<3} irq {irq:<3} {trigger:5}  count {count:<8} {state}")
}

fn window_line(window: &Window, width: usize) -> String {
    let Window {
        window: name,
        address,
        size,
        ..
    } = window;
    format!("{name:width$}  address {address:#x} size {size:#x}")
}

#[derive(Serialize)]
struct Json<'a> {
    cells: Vec<JsonCell<'a>>,
}

#[derive(Serialize)]
struct JsonCell<'a> {
    name: &'a str,
    pins: Vec<JsonPin<'a>>,
    windows: Vec<JsonWindow<'a>>,
}

#[derive(Serialize)]
struct JsonPin<'a> {
    name: String,
    pin: &'a str,
    controller: &'a str,
    hwirq: u64,
    irq: u64,
    trigger: &'static str,
    count: u64,
    state: &'static str,
    raw: bool,
}

#[derive(Serialize)]
struct JsonWindow<'a> {
    name: String,
    window: &'a str,
    address: u64,
    size: u64,
}

impl<'a> Json<'a> {
    fn of(cells: &'a [Cell]) -> Self {
        let cells = cells.iter().map(|cell| JsonCell {
            name: &cell.name,
            pins: cell.pins.iter().map(json_pin).collect(),
            windows: cell.windows.iter().map(json_window).collect(),
        });
        Self { cells: cells.collect() }
    }
}

fn json_pin(pin: &Pin) -> JsonPin<'_> {
    JsonPin {
        name: pin.name(),
        pin: &pin.pin,
        controller: &pin.controller,
        hwirq: pin.hwirq,
        irq: pin.irq,
        trigger: trigger(pin.trigger),
        count: pin.count,
        state: state(pin.state),
        raw: pin.is_raw(),
    }
}

fn json_window(window: &Window) -> JsonWindow<'_> {
    JsonWindow {
        name: window.name(),
        window: &window.window,
        address: window.address,
        size: window.size,
    }
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
