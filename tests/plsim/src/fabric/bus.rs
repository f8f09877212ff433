// SPDX-License-Identifier: MIT OR Apache-2.0
//! The CPU's side of the fabric: the window.
//!
//! Only aligned 32-bit accesses are legal. Others are recorded as violations and behave like the interconnect and the
//! IP do (the IP stores the whole word whatever the byte strobes say): a narrow write stores the word with zeros in the
//! missing bytes, a narrow read takes its bytes from the word, 64 bits are two words. The bus error that a real INTC
//! answers a narrow write with cannot be carried by vfio-user. Longer accesses come from no CPU: they read 0 and are
//! dropped. Where no cell is, reads give 0.
//!
//! A microblaze's window is memory: any access inside of it is legal, and does what it says.

use super::Cell;
use super::Core;
use super::Fabric;
use crate::protocol::Op;
use crate::protocol::Recorded;

/// How many violations are kept in words.
const KEPT: usize = 1000;

/// The widest access a CPU makes.
const WIDEST: usize = 8;

/// Accesses that no driver should make.
#[derive(Default)]
pub(super) struct Violations {
    texts: Vec<String>,
    /// Those that came after the list was full.
    more: u64,
}

impl Violations {
    pub(super) fn add(&mut self, text: String) {
        if self.texts.len() < KEPT {
            self.texts.push(text);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn list(&self) -> Vec<String> {
        let mut list = self.texts.clone();
        if self.more > 0 {
            list.push(format!("and {} more", self.more));
        }
        list
    }
}

fn word_of(op: Op) -> &'static str {
    match op {
        Op::Read => "read",
        Op::Write => "write",
    }
}

impl Fabric {
    /// The CPU reads `data.len()` bytes of the window.
    pub fn window_read(&mut self, offset: u64, data: &mut [u8]) {
        data.fill(if self.faults.all_ones { 0xff } else { 0 });
        if self.faults.all_ones
            || self.read_memory(offset, data)
            || !self.check_shape(offset, data.len(), Op::Read)
        {
            return;
        }
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let lane = lane(at);
            let word = self.read_word(at - lane as u64).to_le_bytes();
            let bytes = rest.len().min(4 - lane);
            let (now, later) = rest.split_at_mut(bytes);
            now.copy_from_slice(&word[lane..lane + bytes]);
            rest = later;
            at = at.saturating_add(bytes as u64);
        }
        self.settle();
    }

    /// The CPU writes to the window.
    pub fn window_write(&mut self, offset: u64, data: &[u8]) {
        if self.faults.all_ones
            || self.write_memory(offset, data)
            || !self.check_shape(offset, data.len(), Op::Write)
        {
            return;
        }
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let lane = lane(at);
            let bytes = rest.len().min(4 - lane);
            let (now, later) = rest.split_at(bytes);
            let mut word = [0; 4];
            word[lane..lane + bytes].copy_from_slice(now);
            self.write_word(at - lane as u64, u32::from_le_bytes(word));
            // Between the words of a wide access the wires move too.
            self.settle();
            rest = later;
            at = at.saturating_add(bytes as u64);
        }
    }

    /// The cell of memory that has a whole access, and where in it.
    fn locate_memory(&self, offset: u64, bytes: usize) -> Option<(usize, u32)> {
        let (cell, local) = self.locate(offset)?;
        let Cell { core, size, .. } = &self.cells[cell];
        let last = usize::try_from(size - local).is_ok_and(|left| bytes <= left);
        (last && matches!(core, Core::Microblaze(_))).then_some((cell, local))
    }

    /// False if the access is not one of memory.
    fn read_memory(&mut self, offset: u64, data: &mut [u8]) -> bool {
        let Some((cell, local)) = self.locate_memory(offset, data.len()) else {
            return false;
        };
        if let Core::Microblaze(microblaze) = &mut self.cells[cell].core {
            microblaze.read_bytes(local, data);
        }
        self.cells[cell].counts[0].r += 1;
        self.record(cell, local, Op::Read, first_word(data));
        true
    }

    fn write_memory(&mut self, offset: u64, data: &[u8]) -> bool {
        let Some((cell, local)) = self.locate_memory(offset, data.len()) else {
            return false;
        };
        self.cells[cell].counts[0].w += 1;
        self.record(cell, local, Op::Write, first_word(data));
        self.with_core(cell, |core, wire| {
            if let Core::Microblaze(microblaze) = core {
                microblaze.write_bytes(local, data, wire);
            }
        });
        self.settle();
        true
    }

    /// Notes an access that is not an aligned word; false if nothing comes of it.
    fn check_shape(&mut self, offset: u64, bytes: usize, op: Op) -> bool {
        if bytes == 4 && offset % 4 == 0 {
            return true;
        }
        let place = match self.locate(offset) {
            Some((cell, local)) => format!("{}: ", self.cells[cell].name) + &at(bytes, op, local),
            None => "window: ".to_owned() + &at(bytes, op, offset),
        };
        self.violations.add(place);
        bytes <= WIDEST
    }

    /// The cell at an offset of the window, and the offset in the cell.
    fn locate(&self, offset: u64) -> Option<(usize, u32)> {
        let offset = u32::try_from(offset).ok()?;
        let after = self.cells.partition_point(|cell| cell.offset <= offset);
        let index = after.checked_sub(1)?;
        let cell = self.cells.get(index)?;
        let local = offset - cell.offset;
        (local < cell.size).then_some((index, local))
    }

    fn read_word(&mut self, offset: u64) -> u32 {
        let Some((cell, local)) = self.locate_register(offset, Op::Read) else {
            return 0;
        };
        let value = self.with_model(cell, |model, port| model.read(local, port));
        self.record(cell, local, Op::Read, value);
        value
    }

    fn write_word(&mut self, offset: u64, value: u32) {
        let Some((cell, local)) = self.locate_register(offset, Op::Write) else {
            return;
        };
        self.record(cell, local, Op::Write, value);
        self.with_model(cell, |model, port| model.write(local, value, port));
    }

    /// Finds and counts a register; where there is none, that is a violation.
    fn locate_register(&mut self, offset: u64, op: Op) -> Option<(usize, u32)> {
        let Some((index, local)) = self.locate(offset) else {
            let text = format!("window: {} at {offset:#x}, where no cell is", word_of(op));
            self.violations.add(text);
            return None;
        };
        let cell = &mut self.cells[index];
        let registers = cell.core.model().registers();
        match registers.iter().position(|known| known.offset == local) {
            Some(n) => {
                let count = &mut cell.counts[n];
                match op {
                    Op::Read => count.r += 1,
                    Op::Write => count.w += 1,
                }
            }
            None => {
                let text = format!(
                    "{}: {} at {local:#x}, where no register is",
                    cell.name,
                    word_of(op)
                );
                self.violations.add(text);
            }
        }
        Some((index, local))
    }

    fn record(&mut self, cell: usize, local: u32, op: Op, value: u32) {
        let us = self.micros();
        let cell = &self.cells[cell];
        let registers = cell.core.model().registers();
        self.trace.record(|| Recorded {
            us,
            op,
            cell: cell.name.clone(),
            reg: registers
                .iter()
                .find(|register| register.offset == local)
                .map_or_else(
                    || format!("{local:#x}"),
                    |register| register.name.to_owned(),
                ),
            value,
        });
    }
}

/// What a recording says of an access to memory.
fn first_word(data: &[u8]) -> u32 {
    let mut word = [0; 4];
    let length = data.len().min(4);
    word[..length].copy_from_slice(&data[..length]);
    u32::from_le_bytes(word)
}

fn lane(offset: u64) -> usize {
    (offset % 4) as usize
}

fn at(bytes: usize, op: Op, offset: impl std::fmt::LowerHex) -> String {
    let width = bytes.saturating_mul(8);
    let how = if bytes == 4 { "misaligned " } else { "" };
    format!("{how}{width}-bit {} at {offset:#x}", word_of(op))
}
