// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cells as a program wants to see them. The shape is a promise: see the help of `axirq list`.

use axirq::list::Cell;
use axirq::list::Holder;
use axirq::list::Holders;
use axirq::list::Input;
use axirq::list::Pin;
use axirq::list::Window;
use serde::Serialize;

use super::state;
use super::trigger;

/// Everything.
#[derive(Serialize)]
pub struct Json {
    cells: Vec<JsonCell>,
}

#[derive(Serialize)]
struct JsonCell {
    name: String,
    parent: Option<JsonInput>,
    pins: Vec<JsonPin>,
    windows: Vec<JsonWindow>,
}

#[derive(Serialize)]
struct JsonInput {
    controller: String,
    hwirq: u64,
}

#[derive(Serialize)]
struct JsonPin {
    name: String,
    pin: String,
    controller: String,
    hwirq: u64,
    irq: u64,
    trigger: &'static str,
    count: u64,
    state: &'static str,
    raw: bool,
    holders: Vec<JsonHolder>,
}

#[derive(Serialize)]
struct JsonWindow {
    name: String,
    window: String,
    address: u64,
    size: u64,
    holders: Vec<JsonHolder>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum JsonHolder {
    Driver {
        name: String,
    },
    Process {
        pid: u32,
        command: String,
        armed: Option<bool>,
    },
}

impl Json {
    /// In this shape.
    pub fn of(cells: &[Cell], holders: &Holders) -> Self {
        let cells = cells.iter().map(|cell| JsonCell {
            name: cell.name.clone(),
            parent: cell.parent.as_ref().map(input),
            pins: cell.pins.iter().map(|pin| json_pin(pin, holders)).collect(),
            windows: cell.windows.iter().map(|window| json_window(window, holders)).collect(),
        });
        Self { cells: cells.collect() }
    }
}

fn input(input: &Input) -> JsonInput {
    JsonInput {
        controller: input.controller.clone(),
        hwirq: input.hwirq,
    }
}

fn json_pin(pin: &Pin, holders: &Holders) -> JsonPin {
    JsonPin {
        name: pin.name(),
        pin: pin.pin.clone(),
        controller: pin.controller.clone(),
        hwirq: pin.hwirq,
        irq: pin.irq,
        trigger: trigger(pin.trigger),
        count: pin.count,
        state: state(pin.state),
        raw: pin.is_raw(),
        holders: json_holders(holders.of_pin(pin)),
    }
}

fn json_window(window: &Window, holders: &Holders) -> JsonWindow {
    JsonWindow {
        name: window.name(),
        window: window.window.clone(),
        address: window.address,
        size: window.size,
        holders: json_holders(holders.of_window(window)),
    }
}

fn json_holders(holders: Vec<Holder>) -> Vec<JsonHolder> {
    holders
        .into_iter()
        .filter_map(|holder| match holder {
            Holder::Driver { name } => Some(JsonHolder::Driver { name }),
            Holder::Process {
                pid, command, armed, ..
            } => Some(JsonHolder::Process { pid, command, armed }),
            _ => None,
        })
        .collect()
}
