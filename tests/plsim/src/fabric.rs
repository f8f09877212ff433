// SPDX-License-Identifier: MIT OR Apache-2.0
//! The cells of a design, wired. A fabric is passive: whoever holds it says what time it is ([`Fabric::advance`]), and
//! every call leaves all wires settled.
//!
//! - `fabric/build.rs` turns specifications into a fabric, or says what is wrong with them;
//! - `fabric/bus.rs` is the CPU's side: the window, counters, violations;
//! - `fabric/bench.rs` is a person's side: buttons, external wires, pulse trains, faults;
//! - `fabric/processors.rs` is MicroBlazes and their faults;
//! - `fabric/streams.rs` is what stands at the other end of a DMA's streams, and what can go wrong there;
//! - `fabric/video.rs` is the same for a VDMA's.

mod bench;
mod build;
mod bus;
mod processors;
mod streams;
mod video;

use std::collections::VecDeque;

pub use bench::BenchError;
pub use build::BuildError;
pub use build::Spec;
pub use build::Target;

use crate::Model;
use crate::Nanos;
use crate::Wire;
use crate::faults::Faults;
use crate::intx::Intx;
use crate::memory::Memory;
use crate::models::dma;
use crate::models::dma::Dma;
use crate::models::gpio;
use crate::models::gpio::Gpio;
use crate::models::intc::Intc;
use crate::models::microblaze;
use crate::models::microblaze::Microblaze;
use crate::models::timer;
use crate::models::timer::Timer;
use crate::models::vdma;
use crate::models::vdma::Vdma;
use crate::protocol::Count;
use crate::protocol::Event;
use crate::trace::Trace;

/// The model in a cell, by type where the bench needs to know.
pub enum Core {
    Intc(Intc),
    Gpio(Gpio),
    Timer(Timer),
    Dma(Dma),
    Microblaze(Microblaze),
    Vdma(Box<Vdma>),
}

impl Core {
    /// The IP's name, as design files have it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Intc(_) => "axi_intc",
            Self::Gpio(_) => "axi_gpio",
            Self::Timer(_) => "axi_timer",
            Self::Dma(_) => "axi_dma",
            Self::Microblaze(_) => "microblaze",
            Self::Vdma(_) => "axi_vdma",
        }
    }

    fn model(&self) -> &dyn Model {
        match self {
            Self::Intc(intc) => intc,
            Self::Gpio(gpio) => gpio,
            Self::Timer(timer) => timer,
            Self::Dma(dma) => dma,
            Self::Microblaze(microblaze) => microblaze,
            Self::Vdma(vdma) => vdma.as_ref(),
        }
    }

    fn model_mut(&mut self) -> &mut dyn Model {
        match self {
            Self::Intc(intc) => intc,
            Self::Gpio(gpio) => gpio,
            Self::Timer(timer) => timer,
            Self::Dma(dma) => dma,
            Self::Microblaze(microblaze) => microblaze,
            Self::Vdma(vdma) => vdma.as_mut(),
        }
    }

    /// How many inputs it has that wires of the fabric or the bench can drive; a GPIO's pins are set directly.
    fn inputs(&self) -> usize {
        match self {
            Self::Intc(intc) => usize::try_from(intc.params().inputs).unwrap_or(0),
            Self::Gpio(_) | Self::Dma(_) | Self::Vdma(_) => 0,
            Self::Timer(_) => timer::FREEZE + 1,
            Self::Microblaze(_) => microblaze::ACK + 1,
        }
    }

    fn active_level(&self, input: usize) -> bool {
        match self {
            Self::Intc(intc) => intc.active_level(input),
            _ => true,
        }
    }

    /// The level of an output before anything happens.
    fn idle_output(&self, output: usize) -> bool {
        match self {
            Self::Intc(intc) => intc.idle_output(),
            Self::Gpio(gpio) => gpio.idle_output(output),
            _ => false,
        }
    }

    /// An output's name, as the block has it.
    fn output_name(&self, output: usize) -> String {
        match self {
            Self::Intc(_) => "irq".to_owned(),
            Self::Gpio(_) => gpio::output_name(output),
            Self::Timer(_) => "interrupt".to_owned(),
            Self::Microblaze(_) => "q".to_owned(),
            Self::Vdma(_) => vdma::OUTPUTS
                .get(output)
                .copied()
                .unwrap_or_default()
                .to_owned(),
            Self::Dma(_) => dma::OUTPUTS
                .get(output)
                .copied()
                .unwrap_or_default()
                .to_owned(),
        }
    }
}

/// Where an output goes, by index into the cells.
#[derive(Clone, Copy)]
enum Wired {
    Ps,
    Input { cell: usize, input: usize },
}

/// An output that leads somewhere.
struct Output {
    /// The model's number of it.
    number: usize,
    level: bool,
    to: Wired,
}

/// The wire at an input: its source in the fabric, if any, merged with what the bench drives.
struct InputWire {
    /// Level of the output that drives it.
    source: Option<bool>,
    /// The bench drives it active.
    external: bool,
    /// A fault drives it active.
    stuck: bool,
    level: bool,
    raised: u64,
}

struct Cell {
    name: String,
    offset: u32,
    size: u32,
    core: Core,
    outputs: Vec<Output>,
    inputs: Vec<InputWire>,
    wake: Option<Nanos>,
    /// By index into the model's registers.
    counts: Vec<Count>,
    /// Pins as last told to watchers; unused but for GPIOs.
    pins: [u32; 2],
}

/// A run of pulses, each sent when the one before has been acknowledged.
struct Train {
    cell: usize,
    input: usize,
    sent: u64,
    left: u64,
    /// Sent, and not yet in ISR.
    in_flight: bool,
}

/// An output that was driven; its effect is still to come.
struct Driven {
    cell: usize,
    output: usize,
    level: bool,
}

#[derive(Default)]
struct Ps {
    /// A fault holds it high.
    stuck: bool,
    level: bool,
    raised: u64,
}

pub struct Fabric {
    now: Nanos,
    window: u32,
    /// Sorted by offset.
    cells: Vec<Cell>,
    driven: VecDeque<Driven>,
    trains: Vec<Train>,
    ps: Ps,
    intx: Intx,
    faults: Faults,
    trace: Trace,
    memory: Memory,
    violations: bus::Violations,
    events: Vec<Event>,
}

/// What a model sees of the fabric during one call.
struct Port<'a> {
    now: Nanos,
    cell: usize,
    name: &'a str,
    memory: &'a mut Memory,
    violations: &'a mut bus::Violations,
    driven: &'a mut VecDeque<Driven>,
    wake: &'a mut Option<Nanos>,
}

impl Wire for Port<'_> {
    fn now(&self) -> Nanos {
        self.now
    }

    fn drive(&mut self, output: usize, level: bool) {
        self.driven.push_back(Driven {
            cell: self.cell,
            output,
            level,
        });
    }

    fn wake_at(&mut self, when: Option<Nanos>) {
        *self.wake = when;
    }

    fn memory(&mut self) -> &mut Memory {
        self.memory
    }

    fn blame(&mut self, what: &str) {
        self.violations.add(format!("{}: {what}", self.name));
    }
}

/// What is due next.
enum Due {
    Cell(usize),
    Intx,
}

impl Fabric {
    /// Size of the window in bytes.
    pub fn window(&self) -> u32 {
        self.window
    }

    /// The memory that masters in the fabric reach.
    pub fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// The wire to the PS as QEMU is told of it.
    pub fn intx(&mut self) -> &mut Intx {
        &mut self.intx
    }

    /// Moves time to `now`, with everything that falls due on the way in its order. Time never goes back.
    pub fn advance(&mut self, now: Nanos) {
        self.advance_while(now, || true);
    }

    /// The same as long as `goes_on` says so before each thing that is due; gives the time reached.
    pub fn advance_while(&mut self, now: Nanos, goes_on: impl Fn() -> bool) -> Nanos {
        while let Some((when, due)) = self.next_due().filter(|(when, _)| *when <= now) {
            if !goes_on() {
                return self.now;
            }
            self.now = self.now.max(when);
            match due {
                Due::Intx => self.intx.tick(self.now),
                Due::Cell(cell) => {
                    self.cells[cell].wake = None;
                    self.with_model(cell, |model, port| model.tick(port));
                }
            }
            self.settle();
        }
        self.now = self.now.max(now);
        self.now
    }

    /// When [`Self::advance`] has to be called at the latest.
    pub fn next_deadline(&self) -> Option<Nanos> {
        self.next_due().map(|(when, _)| when)
    }

    fn next_due(&self) -> Option<(Nanos, Due)> {
        let cells = self.cells.iter().enumerate();
        let cells = cells.filter_map(|(n, cell)| Some((cell.wake?, Due::Cell(n))));
        let intx = self.intx.deadline().map(|when| (when, Due::Intx));
        cells.chain(intx).min_by_key(|(when, _)| *when)
    }

    /// What watchers have to be told, oldest first.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The bus reset: registers to their reset values, wires as they are.
    pub fn bus_reset(&mut self) {
        for cell in 0..self.cells.len() {
            self.with_model(cell, |model, port| model.reset(port));
        }
        self.settle();
    }

    fn micros(&self) -> u64 {
        self.now / 1000
    }

    fn with_model<R>(
        &mut self,
        cell: usize,
        call: impl FnOnce(&mut dyn Model, &mut dyn Wire) -> R,
    ) -> R {
        self.with_core(cell, |core, wire| call(core.model_mut(), wire))
    }

    fn with_core<R>(&mut self, cell: usize, call: impl FnOnce(&mut Core, &mut dyn Wire) -> R) -> R {
        let target = &mut self.cells[cell];
        let mut port = Port {
            now: self.now,
            cell,
            name: &target.name,
            memory: &mut self.memory,
            violations: &mut self.violations,
            driven: &mut self.driven,
            wake: &mut target.wake,
        };
        call(&mut target.core, &mut port)
    }

    /// Carries every driven output to where it leads, in order, until nothing moves. The wiring has no cycle, and a
    /// train sends only after an acknowledge, so this ends.
    fn settle(&mut self) {
        loop {
            while let Some(driven) = self.driven.pop_front() {
                self.carry(&driven);
            }
            if !self.send_next_pulse() {
                break;
            }
        }
        self.tell_pins();
    }

    fn carry(&mut self, driven: &Driven) {
        let level = driven.level;
        let outputs = &mut self.cells[driven.cell].outputs;
        let Some(output) = outputs.iter_mut().find(|o| o.number == driven.output) else {
            return;
        };
        if output.level == level {
            return;
        }
        output.level = level;
        match output.to {
            Wired::Ps => self.drive_ps(),
            Wired::Input { cell, input } => {
                self.cells[cell].inputs[input].source = Some(level);
                self.update_input(cell, input);
            }
        }
    }

    fn drive_ps(&mut self) {
        let driven = self
            .cells
            .iter()
            .flat_map(|cell| &cell.outputs)
            .any(|output| matches!(output.to, Wired::Ps) && output.level);
        let level = driven || self.ps.stuck;
        if level == self.ps.level {
            return;
        }
        self.ps.level = level;
        self.ps.raised += u64::from(level);
        self.intx.drive(level);
        self.events.push(Event::Irq {
            us: self.micros(),
            irq: u8::from(level),
        });
    }

    /// Works out the level of an input wire and hands a change to the model.
    fn update_input(&mut self, cell: usize, input: usize) {
        let target = &mut self.cells[cell];
        let active_level = target.core.active_level(input);
        let wire = &mut target.inputs[input];
        let active = wire.source == Some(active_level) || wire.external || wire.stuck;
        let level = active == active_level;
        if level == wire.level {
            return;
        }
        wire.level = level;
        wire.raised += u64::from(active);
        self.with_model(cell, |model, port| model.input(input, level, port));
    }

    fn tell_pins(&mut self) {
        let us = self.micros();
        for cell in &mut self.cells {
            let Core::Gpio(gpio) = &cell.core else {
                continue;
            };
            for (index, channel) in [(0, 1), (1, 2)] {
                let Some(pins) = gpio.pins(index).map(|pins| pins.merged) else {
                    continue;
                };
                if std::mem::replace(&mut cell.pins[index], pins) != pins {
                    self.events.push(Event::Pins {
                        us,
                        cell: cell.name.clone(),
                        channel,
                        pins,
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
