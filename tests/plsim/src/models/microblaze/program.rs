// SPDX-License-Identifier: MIT OR Apache-2.0
//! The programs that can run, and images that name them.
//!
//! ```text
//! 0x00  b0000000 b8080050   imm 0; brai 0x50: the reset vector of a MicroBlaze
//! 0x50  b8000000            bri 0: a real MicroBlaze stands still here
//! 0x54  "plsim-mb"
//! 0x5c  program             1 mailbox, 2 streams
//! 0x60  options             mailbox: 1 interrupts when a command is done
//! ```
//! All words are little-endian.

use super::Bus;
use super::Turn;
use super::mailbox::Mailbox;
use super::streams::Streams;
use crate::Nanos;

const VECTOR: [u32; 2] = [0xb000_0000, 0xb808_0050];
const START: usize = 0x50;
const STAND_STILL: u32 = 0xb800_0000;
const MAGIC: [u8; 8] = *b"plsim-mb";
const NUMBER: usize = 0x5c;
const OPTIONS: usize = 0x60;
/// Bytes of an image.
const LENGTH: usize = 0x64;

/// Answers commands in the command mailbox.
pub const MAILBOX: u32 = 1;
/// Answers on stream rings: what comes in on stdin goes out on stdout with its letters in upper case.
pub const STREAMS: u32 = 2;

/// Option of [`MAILBOX`]: an interrupt for each command that is done.
pub const INTERRUPTS: u32 = 1;

/// A flat binary for the memory's beginning.
pub fn image(program: u32, options: u32) -> Vec<u8> {
    let mut image = vec![0; LENGTH];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &VECTOR[0].to_le_bytes());
    put(4, &VECTOR[1].to_le_bytes());
    put(START, &STAND_STILL.to_le_bytes());
    put(START + 4, &MAGIC);
    put(NUMBER, &program.to_le_bytes());
    put(OPTIONS, &options.to_le_bytes());
    image
}

pub(super) enum Program {
    Mailbox(Mailbox),
    Streams(Streams),
}

impl Program {
    /// The program that an image names, fresh from reset.
    pub fn in_image(image: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let bytes = image.get(at..at + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let known = [word(0)?, word(4)?] == VECTOR
            && word(START)? == STAND_STILL
            && image.get(START + 4..NUMBER)? == MAGIC;
        if !known {
            return None;
        }
        match word(NUMBER)? {
            MAILBOX => Some(Self::Mailbox(Mailbox {
                interrupts: word(OPTIONS)? & INTERRUPTS != 0,
                ended: false,
            })),
            STREAMS => Some(Self::Streams(Streams::default())),
            _ => None,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Mailbox(_) => "mailbox",
            Self::Streams(_) => "streams",
        }
    }

    /// Does what there is to do.
    pub fn look(&mut self, now: Nanos, bus: &mut Bus<'_>) -> Turn {
        match self {
            Self::Mailbox(mailbox) => mailbox.look(bus),
            Self::Streams(streams) => streams.look(now, bus),
        }
    }
}
