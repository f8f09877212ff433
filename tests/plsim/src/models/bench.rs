// SPDX-License-Identifier: MIT OR Apache-2.0
//! A test bench for one model: a clock set by hand, and everything the model drove.

use crate::Model;
use crate::Nanos;
use crate::Wire;

#[derive(Default)]
pub struct Pins {
    pub now: Nanos,
    pub level: bool,
    /// Every change of the output, oldest first.
    pub changes: Vec<bool>,
    pub wake: Option<Nanos>,
}

impl Wire for Pins {
    fn now(&self) -> Nanos {
        self.now
    }

    fn drive(&mut self, _output: usize, level: bool) {
        if level != self.level {
            self.level = level;
            self.changes.push(level);
        }
    }

    fn wake_at(&mut self, when: Option<Nanos>) {
        self.wake = when;
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
}
