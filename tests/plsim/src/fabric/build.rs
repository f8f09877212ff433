// SPDX-License-Identifier: MIT OR Apache-2.0
//! From specifications to a fabric. Everything that could make a fabric misbehave later is refused here.

use std::collections::HashMap;

use thiserror::Error;

use super::Cell;
use super::Core;
use super::Fabric;
use super::InputWire;
use super::Output;
use super::Ps;
use super::Wired;
use crate::faults::Faults;
use crate::intx::Intx;
use crate::memory::Memory;
use crate::models::gpio::Gpio;
use crate::protocol::Count;
use crate::trace::Trace;

/// Where a cell's output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The PL-to-GIC wire; several outputs are merged.
    Ps,
    Input {
        cell: String,
        input: u32,
    },
}

/// One cell of a design.
pub struct Spec {
    pub name: String,
    /// Where it begins in the window.
    pub offset: u32,
    /// How much of the window it takes.
    pub size: u32,
    pub core: Core,
    /// Outputs by the model's number of them; what is not listed is left open.
    pub outputs: Vec<(usize, Target)>,
}

/// What is wrong with a design.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BuildError {
    #[error(
        "the window is {0:#x} bytes; a PCI memory BAR needs a power of two between 0x1000 and 0x10000000"
    )]
    Window(u32),
    #[error("the design has no cells; add a [[cell]]")]
    Empty,
    #[error(
        "`{0}` is no name for a cell; use letters, digits, `_`, `-`, `.` and `/`, as in `axi_intc_0`"
    )]
    Name(String),
    #[error("two cells are named `{0}`; give each a name of its own")]
    SameName(String),
    #[error(
        "{cell}: size {size:#x}; it must be a power of two and at least 0x200, which is what the registers take"
    )]
    Size { cell: String, size: u32 },
    #[error(
        "{cell}: offset {offset:#x} is no multiple of its size {size:#x}; the next that is: {next:#x}"
    )]
    Unaligned {
        cell: String,
        offset: u32,
        size: u32,
        next: u64,
    },
    #[error(
        "{cell}: {offset:#x} to {end:#x} does not fit the window of {window:#x}; move it or enlarge `window`"
    )]
    Outside {
        cell: String,
        offset: u32,
        end: u64,
        window: u32,
    },
    #[error("{second} at {offset:#x} overlaps {first}, which ends at {end:#x}; move one of them")]
    Overlap {
        first: String,
        second: String,
        offset: u32,
        end: u64,
    },
    #[error("{cell}: wired to `{target}`, which is no cell of the design; there are: {known}")]
    UnknownCell {
        cell: String,
        target: String,
        known: String,
    },
    #[error(
        "{cell}: wired to input {input} of {target}, which has {inputs}; only an axi_intc and an axi_timer have any"
    )]
    NoSuchInput {
        cell: String,
        target: String,
        input: u32,
        inputs: usize,
    },
    #[error(
        "input {input} of {target} is driven by both {first} and {second}; give each an input of its own"
    )]
    TwoSources {
        target: String,
        input: u32,
        first: String,
        second: String,
    },
    #[error(
        "the wiring goes round in a circle: {0}; let one of these outputs go to \"ps\" instead"
    )]
    Cycle(String),
    #[error(
        "{0}: `irq-active-high = false` on the wire to the PS, which is active high: it would interrupt for ever; leave it out"
    )]
    PsPolarity(String),
}

/// The address space of a model (9 bits).
const DECODED: u32 = 0x200;

impl Fabric {
    /// Wires a fabric; `intx` is how its wire to the PS is told on.
    pub fn new(window: u32, mut specs: Vec<Spec>, intx: Intx) -> Result<Self, BuildError> {
        if !window.is_power_of_two() || !(0x1000..=0x1000_0000).contains(&window) {
            return Err(BuildError::Window(window));
        }
        if specs.is_empty() {
            return Err(BuildError::Empty);
        }
        specs.sort_by_key(|spec| spec.offset);
        check_names(&specs)?;
        check_places(window, &specs)?;
        let wired = wire(&specs)?;
        check_cycles(&specs, &wired)?;

        let mut cells: Vec<Cell> = specs
            .into_iter()
            .zip(&wired)
            .map(|(spec, to)| cell(spec, to))
            .collect();
        let leads = all_outputs(&wired);
        // Wires take the idle level of their source before anything happens.
        for &(n, output, to) in &leads {
            if let Wired::Input { cell, input } = to {
                let level = cells[n].core.idle_output(output);
                cells[cell].inputs[input].source = Some(level);
            }
        }
        let mut fabric = Self {
            now: 0,
            window,
            cells,
            driven: Default::default(),
            trains: Vec::new(),
            ps: Ps::default(),
            intx,
            faults: Faults::default(),
            trace: Trace::default(),
            memory: Memory::default(),
            violations: Default::default(),
            events: Vec::new(),
        };
        for &(cell, output, to) in &leads {
            match to {
                Wired::Ps if fabric.cells[cell].core.idle_output(output) => {
                    return Err(BuildError::PsPolarity(fabric.cells[cell].name.clone()));
                }
                Wired::Ps => {}
                Wired::Input { cell, input } => fabric.update_input(cell, input),
            }
        }
        fabric.settle();
        fabric.take_events();
        Ok(fabric)
    }
}

/// Every output that leads somewhere: its cell, its number there, its end.
fn all_outputs(wired: &[Vec<(usize, Wired)>]) -> Vec<(usize, usize, Wired)> {
    let of = |(cell, outputs): (usize, &Vec<(usize, Wired)>)| -> Vec<(usize, usize, Wired)> {
        outputs.iter().map(|&(n, to)| (cell, n, to)).collect()
    };
    wired.iter().enumerate().flat_map(of).collect()
}

fn cell(spec: Spec, wired: &[(usize, Wired)]) -> Cell {
    let inputs = (0..spec.core.inputs())
        .map(|input| InputWire {
            source: None,
            external: false,
            stuck: false,
            level: !spec.core.active_level(input),
            raised: 0,
        })
        .collect();
    let pins = |channel| match &spec.core {
        Core::Gpio(gpio) => Gpio::pins(gpio, channel).map_or(0, |pins| pins.merged),
        _ => 0,
    };
    let outputs = wired.iter().map(|&(number, to)| Output {
        number,
        level: spec.core.idle_output(number),
        to,
    });
    Cell {
        pins: [pins(0), pins(1)],
        outputs: outputs.collect(),
        inputs,
        wake: None,
        counts: vec![Count::default(); spec.core.model().registers().len()],
        name: spec.name,
        offset: spec.offset,
        size: spec.size,
        core: spec.core,
    }
}

fn check_names(specs: &[Spec]) -> Result<(), BuildError> {
    for (n, spec) in specs.iter().enumerate() {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
        if spec.name.is_empty() || !spec.name.chars().all(fits) {
            return Err(BuildError::Name(spec.name.clone()));
        }
        if specs[..n].iter().any(|other| other.name == spec.name) {
            return Err(BuildError::SameName(spec.name.clone()));
        }
    }
    Ok(())
}

fn end(spec: &Spec) -> u64 {
    u64::from(spec.offset) + u64::from(spec.size)
}

/// Expects the cells sorted by offset.
fn check_places(window: u32, specs: &[Spec]) -> Result<(), BuildError> {
    for spec in specs {
        let Spec { offset, size, .. } = *spec;
        let cell = spec.name.clone();
        if !size.is_power_of_two() || size < DECODED {
            return Err(BuildError::Size { cell, size });
        }
        if offset % size != 0 {
            let next = u64::from(offset).next_multiple_of(u64::from(size));
            return Err(BuildError::Unaligned {
                cell,
                offset,
                size,
                next,
            });
        }
        let end = end(spec);
        if end > u64::from(window) {
            return Err(BuildError::Outside {
                cell,
                offset,
                end,
                window,
            });
        }
    }
    for pair in specs.windows(2) {
        let [first, second] = pair else { continue };
        if end(first) > u64::from(second.offset) {
            return Err(BuildError::Overlap {
                first: first.name.clone(),
                second: second.name.clone(),
                offset: second.offset,
                end: end(first),
            });
        }
    }
    Ok(())
}

/// Names to indices, a list per cell.
fn wire(specs: &[Spec]) -> Result<Vec<Vec<(usize, Wired)>>, BuildError> {
    let mut sources: HashMap<(usize, usize), usize> = HashMap::new();
    let mut wired = Vec::with_capacity(specs.len());
    for (from, spec) in specs.iter().enumerate() {
        let mut outputs = Vec::with_capacity(spec.outputs.len());
        for (number, target) in &spec.outputs {
            let to = match target {
                Target::Ps => Wired::Ps,
                Target::Input { cell, input } => find_input(specs, spec, cell, *input)?,
            };
            if let Wired::Input { cell, input } = to {
                if let Some(first) = sources.insert((cell, input), from) {
                    return Err(BuildError::TwoSources {
                        target: specs[cell].name.clone(),
                        input: u32::try_from(input).unwrap_or(u32::MAX),
                        first: specs[first].name.clone(),
                        second: spec.name.clone(),
                    });
                }
            }
            outputs.push((*number, to));
        }
        wired.push(outputs);
    }
    Ok(wired)
}

fn find_input(specs: &[Spec], from: &Spec, name: &str, input: u32) -> Result<Wired, BuildError> {
    let Some(cell) = specs.iter().position(|spec| spec.name == name) else {
        let known: Vec<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
        return Err(BuildError::UnknownCell {
            cell: from.name.clone(),
            target: name.to_owned(),
            known: known.join(", "),
        });
    };
    let inputs = specs[cell].core.inputs();
    match usize::try_from(input) {
        Ok(input) if input < inputs => Ok(Wired::Input { cell, input }),
        _ => Err(BuildError::NoSuchInput {
            cell: from.name.clone(),
            target: name.to_owned(),
            input,
            inputs,
        }),
    }
}

/// Follows every wire from every cell, depth first.
fn check_cycles(specs: &[Spec], wired: &[Vec<(usize, Wired)>]) -> Result<(), BuildError> {
    let mut done = vec![false; wired.len()];
    for start in 0..wired.len() {
        follow(specs, wired, &mut done, &mut vec![start])?;
    }
    Ok(())
}

/// Goes on from the end of a path without repetition; cells that are `done` lead to no circle.
fn follow(
    specs: &[Spec],
    wired: &[Vec<(usize, Wired)>],
    done: &mut [bool],
    path: &mut Vec<usize>,
) -> Result<(), BuildError> {
    let Some(&at) = path.last().filter(|&&at| !done[at]) else {
        return Ok(());
    };
    for &(_, to) in &wired[at] {
        let Wired::Input { cell, .. } = to else {
            continue;
        };
        if let Some(first) = path.iter().position(|&seen| seen == cell) {
            let circle = path[first..].iter().chain([&cell]);
            let names: Vec<&str> = circle.map(|&n| specs[n].name.as_str()).collect();
            return Err(BuildError::Cycle(names.join(" -> ")));
        }
        path.push(cell);
        follow(specs, wired, done, path)?;
        path.pop();
    }
    done[at] = true;
    Ok(())
}
