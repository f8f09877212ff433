// SPDX-License-Identifier: MIT OR Apache-2.0
//! A test bench for one model: a clock set by hand, and everything the model drove.

use std::collections::BTreeMap;

use crate::Model;
use crate::Nanos;
use crate::Wire;
use crate::memory::Memory;
use crate::memory::Region;

#[derive(Default)]
pub struct Pins {
    pub now: Nanos,
    /// Level of output 0.
    pub level: bool,
    /// Levels of all outputs that were driven.
    pub outputs: BTreeMap<usize, bool>,
    /// Every change of output 0, oldest first.
    pub changes: Vec<bool>,
    pub wake: Option<Nanos>,
    pub memory: Memory,
    /// What the model blamed the driver for.
    pub blamed: Vec<String>,
}

impl Wire for Pins {
    fn now(&self) -> Nanos {
        self.now
    }

    fn drive(&mut self, output: usize, level: bool) {
        self.outputs.insert(output, level);
        if output == 0 && level != self.level {
            self.level = level;
            self.changes.push(level);
        }
    }

    fn wake_at(&mut self, when: Option<Nanos>) {
        self.wake = when;
    }

    fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }

    fn blame(&mut self, what: &str) {
        self.blamed.push(what.to_owned());
    }
}

/// A model and its pins.
pub struct Bench<M> {
    pub model: M,
    pub pins: Pins,
}

impl<M: Model> Bench<M> {
    pub fn new(model: M) -> Self {
        Self {
            model,
            pins: Pins::default(),
        }
    }

    /// With memory that a model which is a master can reach.
    pub fn with_ram(model: M, address: u64, size: usize) -> Self {
        let mut bench = Self::new(model);
        let ram = Region {
            size: size as u64,
            readable: true,
            writable: true,
            backing: Some(Box::new(vec![0u8; size])),
        };
        bench.pins.memory.map(address, ram).unwrap();
        bench
    }

    /// What that memory holds.
    pub fn ram(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.pins.memory.read(address, &mut bytes).unwrap();
        bytes
    }

    pub fn read(&mut self, offset: u32) -> u32 {
        self.model.read(offset, &mut self.pins)
    }

    pub fn write(&mut self, offset: u32, value: u32) {
        self.model.write(offset, value, &mut self.pins);
    }

    pub fn set(&mut self, input: usize, level: bool) {
        self.model.input(input, level, &mut self.pins);
    }

    pub fn pulse(&mut self, input: usize) {
        self.set(input, true);
        self.set(input, false);
    }

    /// Lets time pass, with every tick the model asks for on the way.
    pub fn run_to(&mut self, now: Nanos) {
        while let Some(when) = self.pins.wake.filter(|&when| when <= now) {
            self.pins.now = when;
            self.pins.wake = None;
            self.model.tick(&mut self.pins);
        }
        self.pins.now = now;
    }

    /// The same from now on.
    pub fn pass(&mut self, nanos: Nanos) {
        self.run_to(self.pins.now + nanos);
    }
}
