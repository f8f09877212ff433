// SPDX-License-Identifier: MIT OR Apache-2.0
//! A person's side of the fabric: what the control protocol does to it. None of this counts as an access.

use thiserror::Error;

use super::Core;
use super::Fabric;
use super::Train;
use super::Wired;
use crate::Access;
use crate::models::gpio::Direction;
use crate::models::gpio::Gpio;
use crate::protocol;
use crate::protocol::Counts;
use crate::protocol::Described;
use crate::protocol::Destination;
use crate::protocol::Input;
use crate::protocol::Irq;
use crate::protocol::Pin;
use crate::protocol::Pins;
use crate::protocol::Recorded;
use crate::protocol::Registers;
use crate::protocol::Shape;
use crate::protocol::TrainStatus;

/// Why a request cannot be met by this design.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BenchError {
    #[error("no cell is called `{cell}`; there are: {known}")]
    NoCell { cell: String, known: String },
    #[error("{cell} is no axi_gpio; name one of: {known}")]
    NoGpio { cell: String, known: String },
    #[error("{cell} is no axi_intc; name one of: {known}")]
    NoIntc { cell: String, known: String },
    #[error("{cell} is no microblaze; name one of: {known}")]
    NoMicroblaze { cell: String, known: String },
    #[error("{cell} is no axi_vdma; name one of: {known}")]
    NoVdma { cell: String, known: String },
    #[error("{cell} has no channels; name an axi_dma or axi_vdma: {known}")]
    NoMover { cell: String, known: String },
    #[error("{0} is an axi_dma: its transfers fail with internal, slave or decode")]
    NoVideo(String),
    #[error("{0} frames a second are too many; 10000 are the most")]
    Rate(u64),
    #[error("a frame of {lines} lines of {bytes} bytes; both can be 1 to 65535")]
    Picture { bytes: u32, lines: u32 },
    #[error("{cell} is no axi_dma; name one of: {known}")]
    NoDma { cell: String, known: String },
    #[error("{0} loops its stream back: it has no source and no sink")]
    Loopback(String),
    #[error("a packet has at least one byte, and there is at least one of them")]
    EmptyPacket,
    #[error("{0} is an axi_gpio, whose inputs are set with press, release and set")]
    UsePress(String),
    #[error("{0} has no inputs that could be driven")]
    NoInputs(String),
    #[error("{cell} has no channel {channel}; it has {has}")]
    NoChannel {
        cell: String,
        channel: u32,
        has: &'static str,
    },
    #[error("channel {channel} of {cell} has outputs only: nothing to press")]
    OutputsOnly { cell: String, channel: u32 },
    #[error("channel {channel} of {cell} is {width} wide: no bit {bit}, the last is {last}")]
    NoBit {
        cell: String,
        channel: u32,
        width: u32,
        bit: u32,
        last: u32,
    },
    #[error("channel {channel} of {cell} is {width} wide: {value:#x} does not fit")]
    TooWide {
        cell: String,
        channel: u32,
        width: u32,
        value: u32,
    },
    #[error("{cell} has no register {register} to write; it has: {known}")]
    NoRegister {
        cell: String,
        register: String,
        known: String,
    },
    #[error("{cell} has {inputs} inputs: {value:#x} does not fit")]
    TooManyInputs {
        cell: String,
        inputs: usize,
        value: u32,
    },
    #[error("{cell} has no input {input}; the last is {last}")]
    NoInput {
        cell: String,
        input: u32,
        last: usize,
    },
}

impl Fabric {
    /// The names of all cells, by offset.
    pub fn cell_names(&self) -> Vec<String> {
        self.cells.iter().map(|cell| cell.name.clone()).collect()
    }

    /// All cells and how they are wired, by offset.
    pub fn design(&self) -> Vec<Described> {
        self.cells
            .iter()
            .map(|cell| Described {
                cell: cell.name.clone(),
                kind: cell.core.kind().to_owned(),
                inputs: u32::try_from(cell.inputs.len()).unwrap_or(u32::MAX),
                edge: match &cell.core {
                    Core::Intc(intc) => intc.edge_inputs(),
                    _ => 0,
                },
                channels: match &cell.core {
                    Core::Gpio(gpio) => shapes(gpio),
                    _ => Vec::new(),
                },
                outputs: cell
                    .outputs
                    .iter()
                    .map(|output| Pin {
                        pin: cell.core.output_name(output.number),
                        to: self.destination(output.to),
                    })
                    .collect(),
            })
            .collect()
    }

    fn destination(&self, to: Wired) -> Destination {
        match to {
            Wired::Ps => Destination::Ps,
            Wired::Input { cell, input } => Destination::Input {
                cell: self.cells[cell].name.clone(),
                input: u32::try_from(input).unwrap_or(u32::MAX),
            },
        }
    }

    /// Puts one input wire of a GPIO to a level; channels from 1.
    pub fn press(
        &mut self,
        cell: &str,
        bit: u32,
        channel: u32,
        level: bool,
    ) -> Result<(), BenchError> {
        let (index, first, width) = self.gpio_inputs(cell, channel)?;
        if bit >= width {
            return Err(BenchError::NoBit {
                cell: cell.to_owned(),
                channel,
                width,
                bit,
                last: width.saturating_sub(1),
            });
        }
        self.set_pin(index, first + bit as usize, level);
        self.settle();
        Ok(())
    }

    /// Sets all input wires of a GPIO channel, or drives all external inputs of another cell, at once: nobody sees some
    /// of them changed and others not yet.
    pub fn set(&mut self, cell: &str, value: u32, channel: u32) -> Result<(), BenchError> {
        match &self.cells[self.find(cell)?].core {
            Core::Gpio(_) => self.set_pins(cell, value, channel),
            _ if channel == 1 => self.set_inputs(cell, value),
            _ => Err(BenchError::NoChannel {
                cell: cell.to_owned(),
                channel,
                has: "1 only",
            }),
        }
    }

    fn set_inputs(&mut self, cell: &str, active: u32) -> Result<(), BenchError> {
        let index = self.find(cell)?;
        let inputs = self.cells[index].inputs.len();
        let width = u32::try_from(inputs).unwrap_or(u32::MAX);
        if active.checked_shr(width).unwrap_or(0) != 0 {
            return Err(BenchError::TooManyInputs {
                cell: cell.to_owned(),
                inputs,
                value: active,
            });
        }
        for input in 0..inputs {
            self.drive_external(index, input, (active >> input) & 1 != 0);
        }
        self.settle();
        Ok(())
    }

    fn set_pins(&mut self, cell: &str, value: u32, channel: u32) -> Result<(), BenchError> {
        let (index, first, width) = self.gpio_inputs(cell, channel)?;
        if value.checked_shr(width).unwrap_or(0) != 0 {
            return Err(BenchError::TooWide {
                cell: cell.to_owned(),
                channel,
                width,
                value,
            });
        }
        for bit in 0..width {
            self.set_pin(index, first + bit as usize, (value >> bit) & 1 != 0);
        }
        self.settle();
        Ok(())
    }

    /// What is at a GPIO channel's pins; channels from 1.
    pub fn pins(&self, cell: &str, channel: u32) -> Result<Pins, BenchError> {
        let (_, gpio) = self.gpio(cell)?;
        let index = channel.wrapping_sub(1) as usize;
        let pins = gpio
            .pins(index)
            .ok_or_else(|| no_channel(cell, gpio, channel))?;
        Ok(Pins {
            input: pins.input,
            output: pins.output,
            pins: pins.merged,
        })
    }

    /// Drives an external input active or inactive.
    pub fn drive_input(&mut self, cell: &str, input: u32, active: bool) -> Result<(), BenchError> {
        let (cell, input) = self.input(cell, input)?;
        self.drive_external(cell, input, active);
        self.settle();
        Ok(())
    }

    /// Inactive, active, inactive.
    pub fn pulse(&mut self, cell: &str, input: u32) -> Result<(), BenchError> {
        let (cell, input) = self.input(cell, input)?;
        self.pulse_external(cell, input);
        self.settle();
        Ok(())
    }

    /// Starts a train of pulses, in place of one that may be running on that input.
    pub fn train(&mut self, cell: &str, input: u32, count: u64) -> Result<(), BenchError> {
        let (cell, input) = self.intc_input(cell, input)?;
        self.trains
            .retain(|train| (train.cell, train.input) != (cell, input));
        self.trains.push(Train {
            cell,
            input,
            sent: 0,
            left: count,
            in_flight: false,
        });
        self.settle();
        Ok(())
    }

    pub fn train_status(&self, cell: &str, input: u32) -> Result<TrainStatus, BenchError> {
        let (cell, input) = self.intc_input(cell, input)?;
        let train = self
            .trains
            .iter()
            .find(|train| (train.cell, train.input) == (cell, input));
        Ok(
            train.map_or_else(TrainStatus::default, |train| TrainStatus {
                sent: train.sent,
                left: train.left,
            }),
        )
    }

    /// The wire at an input.
    pub fn input_status(&self, cell: &str, input: u32) -> Result<Input, BenchError> {
        let (cell, input) = self.input(cell, input)?;
        let wire = &self.cells[cell].inputs[input];
        Ok(Input {
            level: u8::from(wire.level),
            raised: wire.raised,
        })
    }

    /// Accesses of the CPU to a cell, registers touched only.
    pub fn counts(&self, cell: &str) -> Result<Counts, BenchError> {
        let cell = &self.cells[self.find(cell)?];
        let registers = cell.core.model().registers();
        Ok(registers
            .iter()
            .zip(&cell.counts)
            .filter(|(_, count)| count.r + count.w > 0)
            .map(|(register, count)| (register.name.to_owned(), *count))
            .collect())
    }

    pub fn reset_counts(&mut self) {
        for cell in &mut self.cells {
            cell.counts.fill(Default::default());
        }
    }

    /// The registers a cell has, with their values.
    pub fn peek(&self, cell: &str) -> Result<Registers, BenchError> {
        let model = self.cells[self.find(cell)?].core.model();
        Ok(model
            .registers()
            .iter()
            .filter(|register| register.access != Access::WriteOnly)
            .filter(|register| model.present(register.offset))
            .map(|register| {
                let value = model.peek(register.offset, self.now);
                (register.name.to_owned(), value)
            })
            .collect())
    }

    /// Writes a register as somebody else on the bus would. Not the CPU's doing, hence not counted.
    pub fn poke(&mut self, cell: &str, register: &str, value: u32) -> Result<(), BenchError> {
        let index = self.find(cell)?;
        let model = self.cells[index].core.model();
        let writable = model
            .registers()
            .iter()
            .filter(|known| known.access != Access::ReadOnly && model.present(known.offset));
        let Some(offset) = writable
            .clone()
            .find(|known| known.name == register)
            .map(|known| known.offset)
        else {
            let names: Vec<&str> = writable.map(|known| known.name).collect();
            return Err(BenchError::NoRegister {
                cell: cell.to_owned(),
                register: register.to_owned(),
                known: names.join(", "),
            });
        };
        self.with_model(index, |model, port| model.write(offset, value, port));
        self.settle();
        Ok(())
    }

    /// The wire to the PS.
    pub fn irq(&self) -> Irq {
        Irq {
            level: u8::from(self.ps.level),
            raised: self.ps.raised,
            fired: self.intx.fired(),
        }
    }

    pub fn violations(&self) -> Vec<String> {
        self.violations.list()
    }

    pub fn switch_trace(&mut self, on: bool) {
        self.trace.switch(on);
    }

    pub fn take_trace(&mut self) -> Vec<Recorded> {
        self.trace.take()
    }

    /// Every read answers all ones, writes are dropped.
    pub fn set_all_ones(&mut self, on: bool) {
        self.faults.all_ones = on;
    }

    /// Holds the wire to the PS high, whatever is pending.
    pub fn set_stuck_irq(&mut self, on: bool) {
        self.ps.stuck = on;
        self.drive_ps();
    }

    /// Holds an input active, whatever else drives it.
    pub fn set_stuck(&mut self, cell: &str, input: u32, on: bool) -> Result<(), BenchError> {
        let (cell, input) = self.input(cell, input)?;
        self.cells[cell].inputs[input].stuck = on;
        self.update_input(cell, input);
        self.settle();
        Ok(())
    }

    /// Back to a quiet bench: nothing driven, pressed, running or faulty, counters zero. GPIOs and timers are
    /// as after configuration, whatever a program left in them when it was killed; other cores' registers keep their
    /// values: the kernel may hold them.
    pub fn reset_bench(&mut self) {
        self.trains.clear();
        self.faults = Default::default();
        self.set_stuck_irq(false);
        for cell in 0..self.cells.len() {
            for input in 0..self.cells[cell].inputs.len() {
                self.cells[cell].inputs[input].stuck = false;
                self.drive_external(cell, input, false);
            }
            if matches!(self.cells[cell].core, Core::Gpio(_)) {
                for pin in 0..64 {
                    self.set_pin(cell, pin, false);
                }
            }
            if matches!(self.cells[cell].core, Core::Gpio(_) | Core::Timer(_)) {
                self.with_model(cell, |model, wire| model.reset(wire));
            }
        }
        self.reset_streams();
        self.reset_processors();
        self.reset_video();
        self.settle();
        self.reset_counts();
    }

    /// Sends one pulse of a train whose turn it is; false if there is none.
    pub(super) fn send_next_pulse(&mut self) -> bool {
        let mut next = None;
        for train in &mut self.trains {
            let Core::Intc(intc) = &self.cells[train.cell].core else {
                continue;
            };
            let captured = intc.captured(train.input);
            train.in_flight &= !captured;
            if train.left > 0 && !train.in_flight && !captured && intc.captures() {
                train.left -= 1;
                train.sent += 1;
                train.in_flight = true;
                next = Some((train.cell, train.input));
                break;
            }
        }
        let Some((cell, input)) = next else {
            return false;
        };
        self.pulse_external(cell, input);
        true
    }

    fn pulse_external(&mut self, cell: usize, input: usize) {
        for active in [false, true, false] {
            self.drive_external(cell, input, active);
        }
    }

    fn drive_external(&mut self, cell: usize, input: usize, active: bool) {
        self.cells[cell].inputs[input].external = active;
        self.update_input(cell, input);
    }

    fn set_pin(&mut self, cell: usize, pin: usize, level: bool) {
        self.with_model(cell, |model, port| model.input(pin, level, port));
    }

    pub(super) fn find(&self, name: &str) -> Result<usize, BenchError> {
        self.cells
            .iter()
            .position(|cell| cell.name == name)
            .ok_or_else(|| BenchError::NoCell {
                cell: name.to_owned(),
                known: self.cell_names().join(", "),
            })
    }

    pub(super) fn names_of(&self, kind: impl Fn(&Core) -> bool) -> String {
        let names: Vec<&str> = self
            .cells
            .iter()
            .filter(|cell| kind(&cell.core))
            .map(|cell| cell.name.as_str())
            .collect();
        names.join(", ")
    }

    fn gpio(&self, name: &str) -> Result<(usize, &Gpio), BenchError> {
        let index = self.find(name)?;
        match &self.cells[index].core {
            Core::Gpio(gpio) => Ok((index, gpio)),
            _ => Err(BenchError::NoGpio {
                cell: name.to_owned(),
                known: self.names_of(|core| matches!(core, Core::Gpio(_))),
            }),
        }
    }

    /// The cell, the model's number of the channel's first input, and how many there are.
    fn gpio_inputs(&self, name: &str, channel: u32) -> Result<(usize, usize, u32), BenchError> {
        let (cell, gpio) = self.gpio(name)?;
        let index = channel.wrapping_sub(1) as usize;
        let params = gpio
            .channel(index)
            .ok_or_else(|| no_channel(name, gpio, channel))?;
        if params.direction == Direction::Outputs {
            return Err(BenchError::OutputsOnly {
                cell: name.to_owned(),
                channel,
            });
        }
        Ok((cell, 32 * index, params.width))
    }

    fn input(&self, name: &str, input: u32) -> Result<(usize, usize), BenchError> {
        let cell = self.find(name)?;
        if matches!(self.cells[cell].core, Core::Gpio(_)) {
            return Err(BenchError::UsePress(name.to_owned()));
        }
        let inputs = self.cells[cell].inputs.len();
        if inputs == 0 {
            return Err(BenchError::NoInputs(name.to_owned()));
        }
        match usize::try_from(input) {
            Ok(input) if input < inputs => Ok((cell, input)),
            _ => Err(BenchError::NoInput {
                cell: name.to_owned(),
                input,
                last: inputs.saturating_sub(1),
            }),
        }
    }

    fn intc_input(&self, name: &str, input: u32) -> Result<(usize, usize), BenchError> {
        let (cell, input) = self.input(name, input)?;
        match &self.cells[cell].core {
            Core::Intc(_) => Ok((cell, input)),
            _ => Err(BenchError::NoIntc {
                cell: name.to_owned(),
                known: self.names_of(|core| matches!(core, Core::Intc(_))),
            }),
        }
    }
}

fn shapes(gpio: &Gpio) -> Vec<Shape> {
    [0, 1]
        .into_iter()
        .filter_map(|index| gpio.channel(index))
        .map(|channel| Shape {
            width: channel.width,
            direction: match channel.direction {
                Direction::Both => protocol::Direction::Both,
                Direction::Inputs => protocol::Direction::In,
                Direction::Outputs => protocol::Direction::Out,
            },
        })
        .collect()
}

fn no_channel(cell: &str, gpio: &Gpio, channel: u32) -> BenchError {
    BenchError::NoChannel {
        cell: cell.to_owned(),
        channel,
        has: if gpio.channel(1).is_some() {
            "1 and 2"
        } else {
            "1 only"
        },
    }
}
