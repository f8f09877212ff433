// SPDX-License-Identifier: MIT OR Apache-2.0
//! A PYNQ MicroBlaze subsystem: a dual-port memory, a processor held by a reset line, and the flip-flop through which
//! its programs interrupt.
//!
//! - `microblaze/program.rs`: programs, and how an image says which one it is;
//! - `microblaze/mailbox.rs`, `microblaze/streams.rs`: what they do.
//!
//! The model is no MicroBlaze: it executes no instruction. When the reset line falls it looks at the image in memory.
//! If that names one of the programs built in here, the program runs; any other image runs as a program that never
//! answers. [`program::image`] makes images; on a real MicroBlaze they do nothing at all.
//!
//! Inputs: 0 is `reset` (`proc_sys_reset.aux_reset_in`), 1 is `intr_ack`, both active high. Output 0 is `q` of the
//! flip-flop: set while its enable (the subsystem's `intr` GPIO) is 1, cleared while `intr_ack` is 1, which wins.
//!
//! Assumptions: a program sees a write of the CPU some time after it; its pulse of `intr` has a length, so a reset can
//! fall into it and leave the enable at 1.

mod mailbox;
pub mod program;
mod streams;

use crate::Access;
use crate::Model;
use crate::Nanos;
use crate::Register;
use crate::Wire;
use crate::memory::Fault;
use crate::memory::Memory;
use crate::protocol::ProcessorState;
use crate::protocol::ProcessorStatus;
use program::Program;

/// The number of the `reset` input.
pub const RESET: usize = 0;
/// The number of the `intr_ack` input.
pub const ACK: usize = 1;

/// Where the MicroBlaze has its `intr` GPIO.
const INTR: u32 = 0x4001_0000;

/// How long a program keeps `intr` at 1.
const PULSE: Nanos = 200;

/// The CPU's side is memory, whose accesses are counted as those of one register.
static REGISTERS: [Register; 1] = [Register {
    offset: 0,
    name: "MEMORY",
    access: Access::ReadWrite,
}];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Bytes of memory: a power of two, at least 0x1000.
    pub size: u32,
    /// Where the MicroBlaze sees the PS's memory.
    pub ddr: u32,
    /// How long after a write of the CPU a program has acted on it.
    pub latency: Nanos,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            size: 0x1_0000,
            ddr: 0x8000_0000,
            latency: 20_000,
        }
    }
}

/// The memory as a program sees it, and the words it has written since the CPU last read them.
struct Bram {
    bytes: Vec<u8>,
    fresh: Vec<u32>,
}

impl Bram {
    /// The bytes from an address on; addresses wrap as those of the memory do.
    fn place(&self, address: u32, length: usize) -> std::ops::Range<usize> {
        let at = address as usize & (self.bytes.len() - 1);
        at..(at + length).min(self.bytes.len())
    }

    fn byte(&self, address: u32) -> u8 {
        let place = self.place(address, 1);
        self.bytes[place].first().copied().unwrap_or(0)
    }

    fn set_byte(&mut self, address: u32, value: u8) {
        let place = self.place(address, 1);
        self.bytes[place].fill(value);
        self.fresh.push(address & !3);
    }

    /// A word at an aligned address.
    fn word(&self, address: u32) -> u32 {
        let place = self.place(address & !3, 4);
        let mut word = [0; 4];
        word.copy_from_slice(&self.bytes[place]);
        u32::from_le_bytes(word)
    }

    fn set_word(&mut self, address: u32, value: u32) {
        let place = self.place(address & !3, 4);
        self.bytes[place].copy_from_slice(&value.to_le_bytes());
        self.fresh.push(address & !3);
    }
}

/// What a program reaches.
struct Bus<'a> {
    bram: &'a mut Bram,
    memory: &'a mut Memory,
    ddr: u32,
    intr: &'a mut bool,
}

impl Bus<'_> {
    fn load(&self, address: u32, into: &mut [u8]) -> Result<(), Fault> {
        if (address as usize) < self.bram.bytes.len() {
            for (byte, at) in into.iter_mut().zip(address..) {
                *byte = self.bram.byte(at);
            }
            return Ok(());
        }
        let at = address.checked_sub(self.ddr).ok_or(Fault::Decode)?;
        self.memory.read(at.into(), into)
    }

    fn store(&mut self, address: u32, from: &[u8]) -> Result<(), Fault> {
        if (address as usize) < self.bram.bytes.len() {
            for (byte, at) in from.iter().zip(address..) {
                self.bram.set_byte(at, *byte);
            }
            return Ok(());
        }
        if address == INTR {
            *self.intr = from.first().is_some_and(|byte| byte & 1 != 0);
            return Ok(());
        }
        let at = address.checked_sub(self.ddr).ok_or(Fault::Decode)?;
        self.memory.write(at.into(), from)
    }
}

/// What a program did when it looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Turn {
    /// It has something to tell the CPU.
    interrupts: bool,
    /// It wants to look again after that long.
    again: Option<Nanos>,
}

pub struct Microblaze {
    params: Params,
    bram: Bram,
    /// The levels of the lines.
    reset: bool,
    ack: bool,
    /// The enable of the flip-flop.
    intr: bool,
    q: bool,
    program: Option<Program>,
    /// When the program looks next.
    look: Option<Nanos>,
    /// When its pulse of `intr` ends.
    pulse: Option<Nanos>,
    /// Pulses so far.
    interrupts: u64,
    /// A fault: the program does nothing.
    hangs: bool,
    /// A fault: what the program has written reads as garbage once.
    collides: bool,
}

impl Microblaze {
    pub fn new(params: Params) -> Self {
        let size = params.size.max(0x1000).next_power_of_two() as usize;
        Self {
            params,
            bram: Bram {
                bytes: vec![0; size],
                fresh: Vec::new(),
            },
            reset: false,
            ack: false,
            intr: false,
            q: false,
            program: None,
            look: None,
            pulse: None,
            interrupts: 0,
            hangs: false,
            collides: false,
        }
    }

    /// The CPU reads memory; past its end there are zeros.
    pub fn read_bytes(&mut self, offset: u32, into: &mut [u8]) {
        into.fill(0);
        let from = self.bram.bytes.get(offset as usize..).unwrap_or(&[]);
        let length = from.len().min(into.len());
        into[..length].copy_from_slice(&from[..length]);
        if !self.collides {
            return;
        }
        for (byte, at) in into.iter_mut().zip(offset..) {
            if self.bram.fresh.contains(&(at & !3)) {
                *byte = !*byte;
            }
        }
        let last = offset.saturating_add(length as u32);
        let touched = offset & !3..last;
        self.bram.fresh.retain(|word| !touched.contains(word));
    }

    /// The CPU writes memory; what lies past its end is lost.
    pub fn write_bytes(&mut self, offset: u32, from: &[u8], wire: &mut dyn Wire) {
        let to = self.bram.bytes.get_mut(offset as usize..);
        for (byte, &new) in to.unwrap_or(&mut []).iter_mut().zip(from) {
            *byte = new;
        }
        let touched = offset & !3..offset.saturating_add(from.len() as u32);
        self.bram.fresh.retain(|word| !touched.contains(word));
        if self.program.is_some() {
            self.look_by(wire.now().saturating_add(self.params.latency));
        }
        self.settle(wire);
    }

    pub fn status(&self) -> ProcessorStatus {
        ProcessorStatus {
            state: if self.reset {
                ProcessorState::Reset
            } else {
                ProcessorState::Running
            },
            program: self
                .program
                .as_ref()
                .map(|program| program.name().to_owned()),
            interrupts: self.interrupts,
            q: u8::from(self.q),
        }
    }

    /// The program does nothing from now on, or goes on.
    pub fn set_hangs(&mut self, hangs: bool, wire: &mut dyn Wire) {
        self.hangs = hangs;
        if !hangs && self.program.is_some() {
            self.look_by(wire.now());
        }
        self.settle(wire);
    }

    /// What the program has written reads as garbage once, as a dual-port memory may give it.
    pub fn set_collides(&mut self, collides: bool) {
        self.collides = collides;
        self.bram.fresh.clear();
    }

    pub fn reset_bench(&mut self, wire: &mut dyn Wire) {
        self.set_collides(false);
        self.set_hangs(false, wire);
    }

    fn look_by(&mut self, when: Nanos) {
        self.look = Some(self.look.map_or(when, |look| look.min(when)));
    }

    fn release(&mut self, now: Nanos) {
        self.program = Program::in_image(&self.bram.bytes);
        self.look = self.program.as_ref().map(|_| now + self.params.latency);
    }

    /// The processor is held: its program is over, and a pulse that has begun never ends.
    fn hold(&mut self) {
        self.program = None;
        self.look = None;
        self.pulse = None;
    }

    fn run_program(&mut self, wire: &mut dyn Wire) {
        self.look = None;
        let Some(program) = self.program.as_mut().filter(|_| !self.hangs) else {
            return;
        };
        let now = wire.now();
        let mut bus = Bus {
            bram: &mut self.bram,
            memory: wire.memory(),
            ddr: self.params.ddr,
            intr: &mut self.intr,
        };
        let turn = program.look(now, &mut bus);
        if !self.collides {
            self.bram.fresh.clear();
        }
        if turn.interrupts {
            self.interrupts += 1;
            self.intr = true;
            self.pulse = Some(now.saturating_add(PULSE));
        }
        if let Some(wait) = turn.again {
            self.look_by(now.saturating_add(wait));
        }
    }

    fn settle(&mut self, wire: &mut dyn Wire) {
        self.q = !self.ack && (self.q || self.intr);
        wire.drive(0, self.q);
        let look = self.look.filter(|_| !self.hangs);
        wire.wake_at(look.into_iter().chain(self.pulse).min());
    }
}

impl Model for Microblaze {
    fn registers(&self) -> &'static [Register] {
        &REGISTERS
    }

    /// None has a value of its own.
    fn present(&self, _offset: u32) -> bool {
        false
    }

    fn read(&mut self, offset: u32, _wire: &mut dyn Wire) -> u32 {
        let mut word = [0; 4];
        self.read_bytes(offset, &mut word);
        u32::from_le_bytes(word)
    }

    fn write(&mut self, offset: u32, value: u32, wire: &mut dyn Wire) {
        self.write_bytes(offset, &value.to_le_bytes(), wire);
    }

    fn peek(&self, offset: u32, _now: Nanos) -> u32 {
        self.bram.word(offset)
    }

    fn input(&mut self, input: usize, level: bool, wire: &mut dyn Wire) {
        match input {
            RESET => {
                let before = std::mem::replace(&mut self.reset, level);
                match (before, level) {
                    (false, true) => self.hold(),
                    (true, false) => self.release(wire.now()),
                    _ => {}
                }
            }
            ACK => self.ack = level,
            _ => {}
        }
        self.settle(wire);
    }

    fn tick(&mut self, wire: &mut dyn Wire) {
        let now = wire.now();
        if self.pulse.is_some_and(|when| when <= now) {
            self.pulse = None;
            self.intr = false;
        }
        if self.look.is_some_and(|when| when <= now) {
            self.run_program(wire);
        }
        self.settle(wire);
    }

    fn reset(&mut self, wire: &mut dyn Wire) {
        self.hold();
        self.bram.bytes.fill(0);
        self.bram.fresh.clear();
        self.intr = false;
        self.q = false;
        self.settle(wire);
    }
}

#[cfg(test)]
mod tests;
