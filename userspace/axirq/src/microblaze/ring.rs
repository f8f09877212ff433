// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Ring`]: bytes on their way from one side to the other.

use super::memory::Words;
use crate::Error;
use crate::Result;

/// A ring: the write index, the read index, then the bytes. It is empty when the indices are equal; one byte stays free.
///
/// Each index has one writer, who moves it after the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    at: usize,
    name: &'static str,
}

pub(super) const STDIN: Ring = Ring::new(0xf000, "stdin");
pub(super) const STDOUT: Ring = Ring::new(0xf400, "stdout");
pub(super) const RPC_IN: Ring = Ring::new(0xf800, "rpc_in");
pub(super) const RPC_OUT: Ring = Ring::new(0xfc00, "rpc_out");

/// The bytes, of which one stays free.
const LENGTH: usize = 1016;

/// The most that a ring holds.
pub(super) const MOST: usize = LENGTH - 1;

/// The end of the last ring.
pub(super) const END: usize = 0x1_0000;

impl Ring {
    const fn new(at: usize, name: &'static str) -> Self {
        Self { at, name }
    }

    const fn write_index(self) -> usize {
        self.at
    }

    const fn read_index(self) -> usize {
        self.at + 4
    }

    const fn word_of(self, index: usize) -> usize {
        self.at + 8 + index / 4 * 4
    }

    fn index(self, words: &impl Words, offset: usize) -> Result<usize> {
        let index = words.settled(offset)?;
        if index as usize >= LENGTH {
            return Err(Error::BrokenRing {
                cell: words.cell().to_owned(),
                ring: self.name,
                index,
            });
        }
        Ok(index as usize)
    }

    /// How many bytes are in it.
    pub(super) fn filled(self, words: &impl Words) -> Result<usize> {
        let write = self.index(words, self.write_index())?;
        let read = self.index(words, self.read_index())?;
        Ok((write + LENGTH - read) % LENGTH)
    }

    /// Takes as many bytes as are there.
    pub(super) fn take(self, words: &impl Words, into: &mut [u8]) -> Result<usize> {
        let count = self.filled(words)?.min(into.len());
        if count == 0 {
            return Ok(0);
        }
        let mut read = self.index(words, self.read_index())?;
        let mut word = [0; 4];
        for (number, byte) in into[..count].iter_mut().enumerate() {
            if number == 0 || read % 4 == 0 {
                // The program may be writing the next bytes, in the same word.
                word = words.settled(self.word_of(read))?.to_le_bytes();
            }
            *byte = word[read % 4];
            read = (read + 1) % LENGTH;
        }
        words.write32(self.read_index(), read as u32)?;
        Ok(count)
    }

    /// Puts in as many bytes as there is room for.
    pub(super) fn put(self, words: &impl Words, from: &[u8]) -> Result<usize> {
        let count = (MOST - self.filled(words)?).min(from.len());
        if count == 0 {
            return Ok(0);
        }
        let mut write = self.index(words, self.write_index())?;
        let mut left = &from[..count];
        while !left.is_empty() {
            // The other bytes of the word may still be on their way: they stay as they are.
            let offset = self.word_of(write);
            let mut word = words.read32(offset)?.to_le_bytes();
            let (now, later) = left.split_at(left.len().min(4 - write % 4));
            word[write % 4..][..now.len()].copy_from_slice(now);
            words.write32(offset, u32::from_le_bytes(word))?;
            write = (write + now.len()) % LENGTH;
            left = later;
        }
        words.write32(self.write_index(), write as u32)?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::microblaze::memory::fake::Ram;

    #[test]
    fn an_index_outside_is_an_error() {
        for bad in [LENGTH as u32, u32::MAX] {
            for offset in [STDIN.write_index(), STDIN.read_index()] {
                let ram = Ram::new();
                ram.write32(offset, bad).unwrap();
                for broken in [STDIN.put(&ram, b"x"), STDIN.take(&ram, &mut [0])] {
                    assert!(matches!(broken, Err(Error::BrokenRing { ring: "stdin", index, .. }) if index == bad));
                }
            }
        }
    }

    #[test]
    fn a_full_ring_takes_nothing() {
        let ram = Ram::new();
        assert_eq!(STDOUT.put(&ram, &[7; 2000]).unwrap(), MOST);
        assert_eq!(STDOUT.put(&ram, &[8]).unwrap(), 0);
        assert_eq!(STDOUT.filled(&ram).unwrap(), MOST);
        let mut bytes = [0; 2000];
        assert_eq!(STDOUT.take(&ram, &mut bytes).unwrap(), MOST);
        assert_eq!(bytes[..MOST], [7; MOST]);
        assert_eq!(STDOUT.take(&ram, &mut bytes).unwrap(), 0);
    }

    proptest! {
        /// Reference: a queue. Rings beside this one are left alone, and garbage that words of the other side read as
        /// does no harm.
        #[test]
        fn bytes_come_out_as_they_went_in(
            steps in prop::collection::vec((any::<bool>(), 0usize..700), 1..60),
            collides in any::<bool>(),
        ) {
            let mut ram = Ram::new();
            ram.words.get_mut().fill(0xa5a5_a5a5);
            for offset in [RPC_IN.write_index(), RPC_IN.read_index()] {
                ram.write32(offset, 0).unwrap();
            }
            let mut queue = std::collections::VecDeque::new();
            let mut next = 0u8;
            for (puts, length) in steps {
                // The bytes of a word that one puts some into are one's own: nobody else writes them.
                ram.collides = collides && !puts;
                if puts {
                    let bytes: Vec<u8> = (0..length).map(|n| next.wrapping_add(n as u8)).collect();
                    let put = RPC_IN.put(&ram, &bytes).unwrap();
                    prop_assert_eq!(put, length.min(MOST - queue.len()));
                    queue.extend(&bytes[..put]);
                    next = next.wrapping_add(put as u8);
                } else {
                    let mut bytes = vec![0; length];
                    let taken = RPC_IN.take(&ram, &mut bytes).unwrap();
                    prop_assert_eq!(taken, length.min(queue.len()));
                    let wanted: Vec<u8> = queue.drain(..taken).collect();
                    prop_assert_eq!(&bytes[..taken], &wanted[..]);
                }
                prop_assert_eq!(RPC_IN.filled(&ram).unwrap(), queue.len());
            }
            let words = ram.words.borrow();
            let outside = words[..0xf800 / 4].iter().chain(&words[0xfc00 / 4..]);
            prop_assert!(outside.copied().all(|word| word == 0xa5a5_a5a5));
        }
    }
}
