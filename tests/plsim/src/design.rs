// SPDX-License-Identifier: MIT OR Apache-2.0
//! Design files: TOML in, the specifications of a fabric out. `designs/demo.toml` and `designs/data.toml` show every key.

mod dma;
mod microblaze;
mod vdma;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de;
use serde::de::DeserializeOwned;
use serde::de::Deserializer;
use serde::de::SeqAccess;
use serde::de::Visitor;
use thiserror::Error;
use toml::Table;
use toml::Value;

use crate::fabric::BuildError;
use crate::fabric::Core;
use crate::fabric::Fabric;
use crate::fabric::Spec;
use crate::fabric::Target;
use crate::intx::Intx;
use crate::models::gpio;
use crate::models::gpio::Gpio;
use crate::models::intc;
use crate::models::intc::Intc;
use crate::models::timer;
use crate::models::timer::Timer;

/// Why a design file makes no fabric.
#[derive(Debug, Error)]
pub enum DesignError {
    #[error("cannot read the design {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("the design is no valid TOML of the expected form: {0}")]
    Toml(#[from] toml::de::Error),
    #[error(
        "cell number {number} has no `{key}`; every [[cell]] needs `name`, `type` and `offset`"
    )]
    Missing { number: usize, key: &'static str },
    #[error(
        "cell `{cell}`: type `{kind}` is not known; use axi_intc, axi_gpio, axi_timer, axi_dma, axi_vdma or microblaze"
    )]
    Kind { cell: String, kind: String },
    #[error("cell `{cell}`: {reason}")]
    Cell { cell: String, reason: String },
    #[error(
        "a design has a `window` of its own, or `adds-to` a design file that has one, or that adds to one that has, and so on"
    )]
    Base,
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Reads a design file, with the one that it adds to and so on, and builds their fabric.
pub fn load(path: &Path, intx: Intx) -> Result<Fabric, DesignError> {
    let mut design = read(path)?;
    let mut seen = vec![path.to_owned()];
    while let Some(base) = &design.adds_to {
        let path = path.with_file_name(base);
        if design.window.is_some() || seen.contains(&path) {
            return Err(DesignError::Base);
        }
        let base = read(&path)?;
        seen.push(path);
        design = Design {
            window: base.window,
            adds_to: base.adds_to,
            cell: base.cell.into_iter().chain(design.cell).collect(),
        };
    }
    build(design, intx)
}

fn read(path: &Path) -> Result<Design, DesignError> {
    let text = fs::read_to_string(path).map_err(|source| DesignError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(toml::from_str(&text)?)
}

/// Builds the fabric of a design that adds to no other.
pub fn parse(text: &str, intx: Intx) -> Result<Fabric, DesignError> {
    build(toml::from_str(text)?, intx)
}

fn build(design: Design, intx: Intx) -> Result<Fabric, DesignError> {
    let (Some(window), None) = (design.window, design.adds_to) else {
        return Err(DesignError::Base);
    };
    let specs = design
        .cell
        .into_iter()
        .enumerate()
        .map(|(n, table)| spec(n + 1, table))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Fabric::new(window, specs, intx)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Design {
    window: Option<u32>,
    /// A design in the same folder, with the window and cells of which this one begins.
    #[serde(rename = "adds-to")]
    adds_to: Option<PathBuf>,
    #[serde(default)]
    cell: Vec<Table>,
}

fn yes() -> bool {
    true
}

fn ones() -> u32 {
    u32::MAX
}

fn page() -> u32 {
    0x1000
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum IsrWrite {
    Overwrite,
    Or,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum MeClear {
    Holds,
    Drops,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct IntcCell {
    offset: u32,
    #[serde(default = "page")]
    size: u32,
    inputs: u32,
    #[serde(default)]
    sw_inputs: u32,
    #[serde(default)]
    kind_of_intr: u32,
    #[serde(default = "ones")]
    kind_of_edge: u32,
    #[serde(default = "ones")]
    kind_of_lvl: u32,
    #[serde(default = "yes")]
    has_ipr: bool,
    #[serde(default = "yes")]
    has_sie: bool,
    #[serde(default = "yes")]
    has_cie: bool,
    #[serde(default = "yes")]
    has_ivr: bool,
    #[serde(default)]
    has_ilr: bool,
    #[serde(default)]
    has_fast: bool,
    #[serde(default = "yes")]
    irq_is_level: bool,
    #[serde(default = "yes")]
    irq_active_high: bool,
    isr_write: Option<IsrWrite>,
    me_clear: Option<MeClear>,
    #[serde(default)]
    input_delay_us: u32,
    output: Option<Wiring>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct GpioCell {
    offset: u32,
    #[serde(default = "page")]
    size: u32,
    width: u32,
    #[serde(default)]
    all_inputs: bool,
    #[serde(default)]
    all_outputs: bool,
    #[serde(default = "ones")]
    tri_default: u32,
    #[serde(default)]
    dout_default: u32,
    width2: Option<u32>,
    #[serde(default, rename = "all-inputs-2")]
    all_inputs_2: bool,
    #[serde(default, rename = "all-outputs-2")]
    all_outputs_2: bool,
    #[serde(default = "ones", rename = "tri-default-2")]
    tri_default_2: u32,
    #[serde(default, rename = "dout-default-2")]
    dout_default_2: u32,
    /// Absent, the IP is synthesised without interrupt logic.
    interrupt: Option<Wiring>,
    /// Output pins that lead to other cells, by bit.
    #[serde(default)]
    pins: BTreeMap<String, Wiring>,
    #[serde(default, rename = "pins-2")]
    pins_2: BTreeMap<String, Wiring>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct TimerCell {
    offset: u32,
    #[serde(default = "page")]
    size: u32,
    clock_hz: u64,
    #[serde(default)]
    width: Option<u32>,
    #[serde(default)]
    one_timer_only: bool,
    interrupt: Option<Wiring>,
}

/// `"ps"` or `["CELL", INPUT]`.
struct Wiring(Target);

impl<'de> Deserialize<'de> for Wiring {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl<'de> Visitor<'de> for Form {
            type Value = Wiring;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"ps\" or an input as in [\"axi_intc_0\", 3]")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Wiring, E> {
                match word {
                    "ps" => Ok(Wiring(Target::Ps)),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Wiring, A::Error> {
                let cell = seq
                    .next_element()?
                    .ok_or_else(|| de::Error::invalid_length(0, &self))?;
                let input = seq
                    .next_element()?
                    .ok_or_else(|| de::Error::invalid_length(1, &self))?;
                if seq.next_element::<de::IgnoredAny>()?.is_some() {
                    return Err(de::Error::invalid_length(3, &self));
                }
                Ok(Wiring(Target::Input { cell, input }))
            }
        }

        deserializer.deserialize_any(Form)
    }
}

/// What the vendor's tools give a data mover.
fn mover_window() -> u32 {
    0x1_0000
}

fn within(key: &str, value: u32, good: std::ops::RangeInclusive<u32>) -> Result<u32, String> {
    if good.contains(&value) {
        return Ok(value);
    }
    let (least, most) = good.into_inner();
    Err(format!("`{key}` is {value}; it can be {least} to {most}"))
}

fn data_width(value: u32) -> Result<u32, String> {
    let width = within("data-width", value, 32..=1024)?;
    if !width.is_power_of_two() {
        return Err(format!(
            "`data-width` is {width}; it must be a power of two"
        ));
    }
    Ok(width)
}

/// The outputs of a cell, in the model's order.
fn wires<const N: usize>(outputs: [Option<Wiring>; N]) -> Vec<(usize, Target)> {
    let numbered = outputs.into_iter().enumerate();
    numbered
        .filter_map(|(number, wiring)| Some((number, wiring?.0)))
        .collect()
}

fn take_string(table: &mut Table, number: usize, key: &'static str) -> Result<String, DesignError> {
    match table.remove(key) {
        Some(Value::String(text)) => Ok(text),
        _ => Err(DesignError::Missing { number, key }),
    }
}

fn cell<T: DeserializeOwned>(table: Table) -> Result<T, String> {
    table
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_owned())
}

fn spec(number: usize, mut table: Table) -> Result<Spec, DesignError> {
    let name = take_string(&mut table, number, "name")?;
    let kind = take_string(&mut table, number, "type")?;
    if !table.contains_key("offset") {
        let key = "offset";
        return Err(DesignError::Missing { number, key });
    }
    let built = match kind.as_str() {
        "axi_intc" => cell(table).and_then(|cell| intc(&name, cell)),
        "axi_gpio" => cell(table).and_then(|cell| gpio(&name, cell)),
        "axi_timer" => cell(table).and_then(|cell| timer(&name, cell)),
        "axi_dma" => cell(table).and_then(|cell| dma::spec(&name, cell)),
        "axi_vdma" => cell(table).and_then(|cell| vdma::spec(&name, cell)),
        "microblaze" => cell(table).and_then(|cell| microblaze::spec(&name, cell)),
        _ => return Err(DesignError::Kind { cell: name, kind }),
    };
    built.map_err(|reason| DesignError::Cell { cell: name, reason })
}

fn intc(name: &str, cell: IntcCell) -> Result<Spec, String> {
    let total = cell.inputs.saturating_add(cell.sw_inputs);
    if cell.inputs == 0 || total > 32 {
        return Err(format!(
            "`inputs` is {} and `sw-inputs` {}; an axi_intc has 1 to 32 inputs, both kinds together",
            cell.inputs, cell.sw_inputs
        ));
    }
    let params = intc::Params {
        inputs: cell.inputs,
        sw_inputs: cell.sw_inputs,
        kind_of_intr: cell.kind_of_intr,
        kind_of_edge: cell.kind_of_edge,
        kind_of_lvl: cell.kind_of_lvl,
        has_ipr: cell.has_ipr,
        has_sie: cell.has_sie,
        has_cie: cell.has_cie,
        has_ivr: cell.has_ivr,
        has_ilr: cell.has_ilr,
        has_fast: cell.has_fast,
        irq_is_level: cell.irq_is_level,
        irq_active: cell.irq_active_high,
        isr_write: match cell.isr_write {
            None => intc::IsrWrite::default(),
            Some(IsrWrite::Overwrite) => intc::IsrWrite::Overwrite,
            Some(IsrWrite::Or) => intc::IsrWrite::Or,
        },
        me_clear: match cell.me_clear {
            None => intc::MeClear::default(),
            Some(MeClear::Holds) => intc::MeClear::Holds,
            Some(MeClear::Drops) => intc::MeClear::Drops,
        },
        input_delay: u64::from(cell.input_delay_us) * 1000,
    };
    Ok(Spec {
        name: name.to_owned(),
        offset: cell.offset,
        size: cell.size,
        core: Core::Intc(Intc::new(params)),
        outputs: wires([cell.output]),
    })
}

fn direction(inputs: bool, outputs: bool, suffix: &str) -> Result<gpio::Direction, String> {
    match (inputs, outputs) {
        (false, false) => Ok(gpio::Direction::Both),
        (true, false) => Ok(gpio::Direction::Inputs),
        (false, true) => Ok(gpio::Direction::Outputs),
        (true, true) => Err(format!(
            "`all-inputs{suffix}` and `all-outputs{suffix}` exclude each other; leave out one, or both"
        )),
    }
}

fn check_width(key: &str, width: u32) -> Result<u32, String> {
    match width {
        1..=32 => Ok(width),
        _ => Err(format!(
            "`{key}` is {width}; an axi_gpio is 1 to 32 bits wide"
        )),
    }
}

fn gpio(name: &str, cell: GpioCell) -> Result<Spec, String> {
    let first = gpio::Channel {
        width: check_width("width", cell.width)?,
        direction: direction(cell.all_inputs, cell.all_outputs, "")?,
        tri_default: cell.tri_default,
        dout_default: cell.dout_default,
    };
    let second_used = cell.all_inputs_2 || cell.all_outputs_2;
    let second = match cell.width2 {
        Some(width) => Some(gpio::Channel {
            width: check_width("width2", width)?,
            direction: direction(cell.all_inputs_2, cell.all_outputs_2, "-2")?,
            tri_default: cell.tri_default_2,
            dout_default: cell.dout_default_2,
        }),
        None if second_used => {
            return Err(
                "a second channel needs `width2`; add it, or leave out the keys that end in -2"
                    .to_owned(),
            );
        }
        None => None,
    };
    let width2 = second.map_or(0, |second| second.width);
    let mut pins = pins("pins", cell.pins, 0, first.width)?;
    pins.extend(self::pins("pins-2", cell.pins_2, 1, width2)?);
    Ok(Spec {
        name: name.to_owned(),
        offset: cell.offset,
        size: cell.size,
        core: Core::Gpio(Gpio::new(first, second, cell.interrupt.is_some())),
        outputs: wires([cell.interrupt]).into_iter().chain(pins).collect(),
    })
}

/// The wired pins of a channel, by the model's number of them.
fn pins(
    key: &str,
    wired: BTreeMap<String, Wiring>,
    channel: usize,
    width: u32,
) -> Result<Vec<(usize, Target)>, String> {
    let numbered = wired.into_iter().map(|(bit, wiring)| {
        let bit = bit.parse().ok().filter(|bit| *bit < width).ok_or_else(|| {
            format!("`{key}` names a bit `{bit}`, but the channel is {width} wide, from 0")
        })?;
        Ok((gpio::pin_output(channel, bit), wiring.0))
    });
    numbered.collect()
}

fn timer(name: &str, cell: TimerCell) -> Result<Spec, String> {
    const FASTEST: u64 = 1_000_000_000;
    let width = cell.width.unwrap_or(32);
    if ![8, 16, 32].contains(&width) {
        return Err(format!(
            "`width` is {width}; an axi_timer is 8, 16 or 32 bits wide"
        ));
    }
    if !(1..=FASTEST).contains(&cell.clock_hz) {
        return Err(format!(
            "`clock-hz` is {}; it can be 1 to {FASTEST}",
            cell.clock_hz
        ));
    }
    let params = timer::Params {
        width,
        one_timer_only: cell.one_timer_only,
        clock_hz: cell.clock_hz,
    };
    Ok(Spec {
        name: name.to_owned(),
        offset: cell.offset,
        size: cell.size,
        core: Core::Timer(Timer::new(params)),
        outputs: wires([cell.interrupt]),
    })
}

#[cfg(test)]
mod tests;
