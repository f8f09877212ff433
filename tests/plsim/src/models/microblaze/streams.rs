// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program of the stream mailbox: four rings, of which the CPU writes two.
//!
//! What comes in on stdin goes out on stdout, ASCII letters in upper case, with an interrupt. On the RPC rings a request
//! is three words (function, a, b) and its answer one, without an interrupt: function 0 gives a + b, 1 gives a * b, 2
//! gives b after a microseconds; any other gives all ones.

use std::collections::VecDeque;

use super::Bram;
use super::Bus;
use super::Turn;
use crate::Nanos;

const STDIN: Ring = Ring(0xf000);
const STDOUT: Ring = Ring(0xf400);
const RPC_IN: Ring = Ring(0xf800);
const RPC_OUT: Ring = Ring(0xfc00);

/// Bytes of a ring, one of which stays free.
const LENGTH: u32 = 1016;

/// A ring by the address of its write index; the read index follows, then the bytes.
#[derive(Clone, Copy)]
struct Ring(u32);

impl Ring {
    /// Write index and read index; none if one of them is no index: the CPU is about to set them up.
    fn indices(self, bram: &Bram) -> Option<(u32, u32)> {
        let (write, read) = (bram.word(self.0), bram.word(self.0 + 4));
        (write < LENGTH && read < LENGTH).then_some((write, read))
    }

    /// Takes all bytes that are in it.
    fn take(self, bram: &mut Bram) -> Vec<u8> {
        let mut taken = Vec::new();
        let Some((write, mut read)) = self.indices(bram) else {
            return taken;
        };
        while read != write {
            taken.push(bram.byte(self.0 + 8 + read));
            read = (read + 1) % LENGTH;
        }
        if !taken.is_empty() {
            bram.set_word(self.0 + 4, read);
        }
        taken
    }

    /// Puts in as many as it has room for, the index last; whether there were any.
    fn put(self, bram: &mut Bram, bytes: &mut VecDeque<u8>) -> bool {
        let Some((mut write, read)) = self.indices(bram) else {
            return false;
        };
        let before = write;
        while (write + 1) % LENGTH != read {
            let Some(byte) = bytes.pop_front() else { break };
            bram.set_byte(self.0 + 8 + write, byte);
            write = (write + 1) % LENGTH;
        }
        if write != before {
            bram.set_word(self.0, write);
        }
        write != before
    }
}

#[derive(Default)]
pub struct Streams {
    /// Taken from stdin, and not yet put on stdout.
    echo: VecDeque<u8>,
    /// Bytes of requests that are not yet whole, or not yet begun.
    requests: VecDeque<u8>,
    /// An answer, and when it can be given.
    answer: Option<(Nanos, u32)>,
    answers: VecDeque<u8>,
}

impl Streams {
    pub fn look(&mut self, now: Nanos, bus: &mut Bus<'_>) -> Turn {
        let typed = STDIN.take(bus.bram);
        self.echo.extend(typed.iter().map(u8::to_ascii_uppercase));
        let interrupts = STDOUT.put(bus.bram, &mut self.echo);
        self.requests.extend(RPC_IN.take(bus.bram));
        let again = self.serve(now);
        RPC_OUT.put(bus.bram, &mut self.answers);
        Turn { interrupts, again }
    }

    /// Works on requests, one after the other; says how long the one at hand still takes.
    fn serve(&mut self, now: Nanos) -> Option<Nanos> {
        loop {
            if let Some((when, answer)) = self.answer {
                if when > now {
                    return Some(when - now);
                }
                self.answers.extend(answer.to_le_bytes());
                self.answer = None;
            }
            if self.requests.len() < 12 {
                return None;
            }
            let request: Vec<u8> = self.requests.drain(..12).collect();
            let [function, a, b] = [0, 4, 8].map(|at| {
                let word = [
                    request[at],
                    request[at + 1],
                    request[at + 2],
                    request[at + 3],
                ];
                u32::from_le_bytes(word)
            });
            self.answer = Some(match function {
                0 => (now, a.wrapping_add(b)),
                1 => (now, a.wrapping_mul(b)),
                2 => (now.saturating_add(Nanos::from(a) * 1000), b),
                _ => (now, u32::MAX),
            });
        }
    }
}
