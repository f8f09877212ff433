// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cells as a person wants to see them.

use std::collections::BTreeSet;

use axirq::list::Cell;
use axirq::list::Holder;
use axirq::list::Holders;
use axirq::list::Pin;
use axirq::list::Window;

use super::state;
use super::trigger;

/// Controllers, below each the cells that are wired to it, below each its pins and windows.
pub fn tree(cells: &[Cell], holders: &Holders) -> String {
    let controllers: BTreeSet<_> = cells
        .iter()
        .flat_map(|cell| &cell.pins)
        .map(|pin| &pin.controller)
        .collect();
    let names = cells.iter().flat_map(|cell| &cell.pins).map(|pin| pin.pin.len());
    let width = names.max().unwrap_or(0).max("regs".len());
    let mut out = String::new();
    for controller in &controllers {
        let own = cells.iter().find(|cell| cell.name == **controller);
        out += controller;
        if let Some(parent) = own.and_then(|cell| cell.parent.as_ref()) {
            out += &format!(" (on input {} of {})", parent.hwirq, parent.controller);
        }
        out += "\n";
        for cell in cells {
            let is_controller = cell.name == **controller;
            let pins: Vec<_> = cell.pins.iter().filter(|pin| pin.controller == **controller).collect();
            if pins.is_empty() && !is_controller {
                continue;
            }
            out += &format!("  {}\n", if is_controller { "raw inputs" } else { &cell.name });
            for pin in pins {
                out += &format!("    {}{}\n", pin_line(pin, width), held_by(&holders.of_pin(pin)));
            }
            out += &windows(&cell.windows, width, holders);
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
        out += &windows(&cell.windows, width, holders);
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

fn windows(windows: &[Window], width: usize, holders: &Holders) -> String {
    let mut out = String::new();
    for window in windows {
        let Window {
            window: name,
            address,
            size,
            ..
        } = window;
        let held_by = held_by(&holders.of_window(window));
        out += &format!("    {name:width$}  address {address:#x} size {size:#x}{held_by}\n");
    }
    out
}

/// "; held by app (812), waiting, other (9)", or nothing.
fn held_by(holders: &[Holder]) -> String {
    if holders.is_empty() {
        return String::new();
    }
    let names = holders.iter().map(|holder| match holder {
        Holder::Driver { name } => format!("driver {name}"),
        Holder::Process {
            pid, command, armed, ..
        } => format!(
            "{command} ({pid}){}",
            if *armed == Some(true) { ", waiting" } else { "" }
        ),
        _ => "somebody".to_owned(),
    });
    format!("; held by {}", names.collect::<Vec<_>>().join(", "))
}
