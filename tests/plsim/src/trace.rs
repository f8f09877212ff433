// SPDX-License-Identifier: MIT OR Apache-2.0
//! A recording of the CPU's register accesses: the newest ones, while it is on.

use std::collections::VecDeque;

use crate::protocol::Recorded;

/// How many accesses are kept.
pub const CAPACITY: usize = 65_536;

#[derive(Debug, Default)]
pub struct Trace {
    on: bool,
    entries: VecDeque<Recorded>,
}

impl Trace {
    pub fn switch(&mut self, on: bool) {
        self.on = on;
    }

    /// Takes the entry that `make` gives, if anything is recorded at all.
    pub fn record(&mut self, make: impl FnOnce() -> Recorded) {
        if !self.on {
            return;
        }
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(make());
    }

    /// Everything recorded, oldest first; the recording is empty afterwards.
    pub fn take(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.entries).into()
    }
}
