// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program of the command mailbox: reads and writes what the MicroBlaze sees.
//!
//! A command has 1 in bit 0; bits 2:1 are the width (0 byte, 1 half, 3 word), bit 3 is 1 for a read, bits 15:8 count.
//! Its address is the word before it, its data are the words of the data area, one each. When it is done the command
//! word is 0; what cannot be done leaves [`WRONG`] there.

use super::Bus;
use super::Turn;
use crate::memory::Fault;

const COMMAND: u32 = 0xfffc;
const ADDRESS: u32 = 0xfff8;
const DATA: u32 = 0xf000;

/// In place of a command that cannot be carried out.
const WRONG: u32 = 0xffff_fffe;

/// The most that a command moves.
const MOST: u32 = 253;

pub struct Mailbox {
    pub interrupts: bool,
}

impl Mailbox {
    pub fn look(&mut self, bus: &mut Bus<'_>) -> Turn {
        let command = bus.bram.word(COMMAND);
        if command & 1 == 0 {
            return Turn::default();
        }
        let done = carry_out(command, bus);
        bus.bram
            .set_word(COMMAND, if done.is_some() { 0 } else { WRONG });
        Turn {
            interrupts: self.interrupts,
            again: None,
        }
    }
}

/// None if it cannot be done.
fn carry_out(command: u32, bus: &mut Bus<'_>) -> Option<()> {
    let width = match (command >> 1) & 3 {
        0 => 1,
        1 => 2,
        3 => 4,
        _ => return None,
    };
    let reads = command & 8 != 0;
    let count = (command >> 8) & 0xff;
    let address = bus.bram.word(ADDRESS);
    if !(1..=MOST).contains(&count) || address % width != 0 {
        return None;
    }
    for item in 0..count {
        let at = address.checked_add(item * width)?;
        let data = DATA + item * 4;
        move_one(bus, at, data, width as usize, reads).ok()?;
    }
    Some(())
}

fn move_one(bus: &mut Bus<'_>, at: u32, data: u32, width: usize, reads: bool) -> Result<(), Fault> {
    if reads {
        let mut word = [0; 4];
        bus.load(at, &mut word[..width])?;
        bus.bram.set_word(data, u32::from_le_bytes(word));
        Ok(())
    } else {
        let word = bus.bram.word(data).to_le_bytes();
        bus.store(at, &word[..width])
    }
}
