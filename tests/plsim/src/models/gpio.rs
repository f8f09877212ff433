// SPDX-License-Identifier: MIT OR Apache-2.0
//! AXI GPIO 2.0.
//!
//! Inputs of the model are numbered `32 * channel + bit`, channels from 0. Output 0 is the interrupt, those after it are
//! the pins, `1 + 32 * channel + bit`: the latch where the direction is out, else 0. Assumptions: a change counts for IP_ISR when
//! the bit is an input at that moment, and turning a bit's direction round is not a change; a channel that is absent
//! reads 0 as data and all ones as direction, as the simulated IP does.

use crate::Access;
use crate::Model;
use crate::Nanos;
use crate::Register;
use crate::Wire;

/// Channel 1: pins of input bits, output latch of the others.
pub const DATA: u32 = 0x000;
/// Channel 1: direction, 1 is input.
pub const TRI: u32 = 0x004;
/// Channel 2 data.
pub const DATA2: u32 = 0x008;
/// Channel 2 direction.
pub const TRI2: u32 = 0x00c;
/// Global interrupt enable: [`GIER_ENABLE`].
pub const GIER: u32 = 0x11c;
/// Interrupt status, a bit per channel; writing 1 toggles.
pub const IP_ISR: u32 = 0x120;
/// Interrupt enable, a bit per channel.
pub const IP_IER: u32 = 0x128;

pub const GIER_ENABLE: u32 = 1 << 31;

const fn register(offset: u32, name: &'static str) -> Register {
    Register {
        offset,
        name,
        access: Access::ReadWrite,
    }
}

static REGISTERS: [Register; 7] = [
    register(DATA, "GPIO_DATA"),
    register(TRI, "GPIO_TRI"),
    register(DATA2, "GPIO2_DATA"),
    register(TRI2, "GPIO2_TRI"),
    register(GIER, "GIER"),
    register(IP_ISR, "IP_ISR"),
    register(IP_IER, "IP_IER"),
];

/// Which way a channel's bits can face.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// TRI decides.
    #[default]
    Both,
    Inputs,
    Outputs,
}

/// One channel's synthesis parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channel {
    /// 1 to 32.
    pub width: u32,
    pub direction: Direction,
    pub tri_default: u32,
    pub dout_default: u32,
}

impl Channel {
    pub fn new(width: u32, direction: Direction) -> Self {
        Self {
            width,
            direction,
            tri_default: u32::MAX,
            dout_default: 0,
        }
    }

    fn mask(&self) -> u32 {
        u32::MAX
            .checked_shr(32u32.saturating_sub(self.width))
            .unwrap_or(0)
    }
}

/// What a person sees at a channel's pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pins {
    /// The input wires, whatever the direction.
    pub input: u32,
    /// The output latch where the direction is out.
    pub output: u32,
    /// Both, merged by direction.
    pub merged: u32,
}

struct Port {
    params: Channel,
    latch: u32,
    tri: u32,
    input: u32,
    /// The output pins as last driven.
    driven: u32,
}

impl Port {
    fn new(params: Channel) -> Self {
        let mut port = Self {
            latch: params.dout_default & params.mask(),
            tri: params.tri_default & params.mask(),
            input: 0,
            driven: 0,
            params,
        };
        port.driven = port.pins().output;
        port
    }

    /// Bits that are inputs now.
    fn inputs(&self) -> u32 {
        match self.params.direction {
            Direction::Both => self.tri,
            Direction::Inputs => self.params.mask(),
            Direction::Outputs => 0,
        }
    }

    fn pins(&self) -> Pins {
        let output = self.latch & !self.inputs();
        Pins {
            input: self.input,
            output,
            merged: (self.input & self.inputs()) | output,
        }
    }

    fn read_tri(&self) -> u32 {
        match self.params.direction {
            Direction::Both => self.tri,
            Direction::Inputs | Direction::Outputs => u32::MAX,
        }
    }

    fn reset(&mut self) {
        self.latch = self.params.dout_default & self.params.mask();
        self.tri = self.params.tri_default & self.params.mask();
    }
}

pub struct Gpio {
    first: Port,
    second: Option<Port>,
    interrupt: bool,
    gier: bool,
    isr: u32,
    ier: u32,
}

impl Gpio {
    /// `interrupt` is `C_INTERRUPT_PRESENT`. All input wires start at 0.
    pub fn new(first: Channel, second: Option<Channel>, interrupt: bool) -> Self {
        Self {
            first: Port::new(first),
            second: second.map(Port::new),
            interrupt,
            gier: false,
            isr: 0,
            ier: 0,
        }
    }

    /// A channel's parameters, channels from 0.
    pub fn channel(&self, channel: usize) -> Option<&Channel> {
        self.port(channel).map(|port| &port.params)
    }

    /// What is at a channel's pins, channels from 0.
    pub fn pins(&self, channel: usize) -> Option<Pins> {
        self.port(channel).map(Port::pins)
    }

    fn port(&self, channel: usize) -> Option<&Port> {
        match channel {
            0 => Some(&self.first),
            1 => self.second.as_ref(),
            _ => None,
        }
    }

    fn port_mut(&mut self, channel: usize) -> Option<&mut Port> {
        match channel {
            0 => Some(&mut self.first),
            1 => self.second.as_mut(),
            _ => None,
        }
    }

    fn interrupt_mask(&self) -> u32 {
        if self.second.is_some() { 0b11 } else { 0b01 }
    }

    /// The level of an output after reset.
    pub fn idle_output(&self, output: usize) -> bool {
        match output.checked_sub(1) {
            None => false,
            Some(pin) => self
                .pins(pin / 32)
                .is_some_and(|pins| (pins.output >> (pin % 32)) & 1 != 0),
        }
    }

    fn drive(&mut self, wire: &mut dyn Wire) {
        wire.drive(0, self.gier && self.isr & self.ier != 0);
        for channel in 0..2 {
            let Some(port) = self.port_mut(channel) else {
                continue;
            };
            let output = port.pins().output;
            let changed = output ^ std::mem::replace(&mut port.driven, output);
            for bit in (0..32u32).filter(|bit| (changed >> bit) & 1 != 0) {
                wire.drive(pin_output(channel, bit), (output >> bit) & 1 != 0);
            }
        }
    }
}

impl Model for Gpio {
    fn registers(&self) -> &'static [Register] {
        &REGISTERS
    }

    fn present(&self, offset: u32) -> bool {
        match offset {
            DATA | TRI => true,
            DATA2 | TRI2 => self.second.is_some(),
            GIER | IP_ISR | IP_IER => self.interrupt,
            _ => false,
        }
    }

    fn read(&mut self, offset: u32, wire: &mut dyn Wire) -> u32 {
        self.peek(offset, wire.now())
    }

    fn write(&mut self, offset: u32, value: u32, wire: &mut dyn Wire) {
        match offset {
            // The latch takes input bits too: they appear when the direction turns.
            DATA | DATA2 => {
                if let Some(port) = self.port_mut(channel_of(offset)) {
                    port.latch = value & port.params.mask();
                }
            }
            TRI | TRI2 => {
                if let Some(port) = self.port_mut(channel_of(offset)) {
                    port.tri = value & port.params.mask();
                }
            }
            GIER if self.interrupt => self.gier = value & GIER_ENABLE != 0,
            IP_ISR if self.interrupt => self.isr ^= value & self.interrupt_mask(),
            IP_IER if self.interrupt => self.ier = value & self.interrupt_mask(),
            _ => {}
        }
        self.drive(wire);
    }

    fn peek(&self, offset: u32, _now: Nanos) -> u32 {
        match offset {
            DATA | DATA2 => self
                .port(channel_of(offset))
                .map_or(0, |port| port.pins().merged),
            TRI | TRI2 => self
                .port(channel_of(offset))
                .map_or(u32::MAX, Port::read_tri),
            GIER if self.gier => GIER_ENABLE,
            IP_ISR => self.isr,
            IP_IER => self.ier,
            _ => 0,
        }
    }

    fn input(&mut self, input: usize, level: bool, wire: &mut dyn Wire) {
        let channel = input / 32;
        let Some(port) = self.port_mut(channel) else {
            return;
        };
        let bit = (1u32 << (input % 32)) & port.params.mask();
        let before = port.input;
        port.input = if level { before | bit } else { before & !bit };
        let changed = (before ^ port.input) & port.inputs() != 0;
        if changed && self.interrupt {
            self.isr |= 1 << channel;
        }
        self.drive(wire);
    }

    fn tick(&mut self, _wire: &mut dyn Wire) {}

    fn reset(&mut self, wire: &mut dyn Wire) {
        self.first.reset();
        if let Some(second) = &mut self.second {
            second.reset();
        }
        self.gier = false;
        self.isr = 0;
        self.ier = 0;
        self.drive(wire);
    }
}

/// The number of the output that a pin is, channels from 0.
pub fn pin_output(channel: usize, bit: u32) -> usize {
    1 + 32 * channel + bit as usize
}

/// What the block calls an output.
pub fn output_name(output: usize) -> String {
    match output.checked_sub(1) {
        None => "ip2intc_irpt".to_owned(),
        Some(pin) if pin < 32 => format!("gpio_io_o[{pin}]"),
        Some(pin) => format!("gpio2_io_o[{}]", pin - 32),
    }
}

fn channel_of(offset: u32) -> usize {
    usize::from(offset >= DATA2)
}

#[cfg(test)]
mod tests;
