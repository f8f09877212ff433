// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program of the command mailbox, as PYNQ has it: reads and writes what the MicroBlaze sees.
//!
//! A command has 1 in bit 0; bits 2:1 are the width (0 byte, 1 half, 3 word), bit 3 is 1 for a read, bits 15:8 count.
//! Its address is the word at 0xfff8, its items are the words from 0xff00 on, all of them of that one address. When it is
//! done the command word is 0. A count of 0, or of more than 253, leaves [`WRONG`] there, and ends the program.
//!
//! Assumptions: low bits of an address that is not a multiple of the width do not count; what nobody has reads as 0, and
//! takes no writes.

use super::Bus;
use super::Turn;

const COMMAND: u32 = 0xfffc;
const ADDRESS: u32 = 0xfff8;
const ITEMS: u32 = 0xff00;

/// In place of a command that cannot be carried out.
const WRONG: u32 = 0xffff_fffe;

/// The most that a command moves.
const MOST: u32 = 253;

pub struct Mailbox {
    pub interrupts: bool,
    pub ended: bool,
}

impl Mailbox {
    pub fn look(&mut self, bus: &mut Bus<'_>) -> Turn {
        let command = bus.bram.word(COMMAND);
        if self.ended || command & 1 == 0 {
            return Turn::default();
        }
        let count = (command >> 8) & 0xff;
        self.ended = !(1..=MOST).contains(&count);
        if !self.ended {
            carry_out(command, count, bus);
        }
        bus.bram
            .set_word(COMMAND, if self.ended { WRONG } else { 0 });
        Turn {
            interrupts: self.interrupts,
            again: None,
        }
    }
}

fn carry_out(command: u32, count: u32, bus: &mut Bus<'_>) {
    let width = match (command >> 1) & 3 {
        0 => 1,
        1 => 2,
        3 => 4,
        _ => return,
    };
    let reads = command & 8 != 0;
    for item in 0..count {
        // Looked up for each: one of many items is the address.
        let address = bus.bram.word(ADDRESS) & !(width - 1);
        move_one(bus, address, ITEMS + item * 4, width as usize, reads);
    }
}

fn move_one(bus: &mut Bus<'_>, address: u32, item: u32, width: usize, reads: bool) {
    let mut word = [0; 4];
    // Where there is nothing, nothing happens.
    if reads {
        let _ = bus.load(address, &mut word[..width]);
        let _ = bus.store(item, &word);
    } else {
        let _ = bus.load(item, &mut word);
        let _ = bus.store(address, &word[..width]);
    }
}
