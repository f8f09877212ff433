// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands at the ends of AXI4-Stream ports: a FIFO that loops one port's output back into another's input, a source
//! that sends packets of a known pattern, and a sink that keeps count and checksum.
//!
//! A packet ends with TLAST, which comes along with its last byte.

use std::collections::VecDeque;

use crate::protocol::Packet;
use crate::protocol::SinkStatus;
use crate::protocol::SourceStatus;

/// How many bytes of a packet's beginning a sink keeps.
const HEAD: usize = 64;

/// Bytes taken from a stream, all of one packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    pub bytes: Vec<u8>,
    /// The packet ends with them.
    pub last: bool,
}

/// The bytes of the source's packet number `packet` from `offset` on: little-endian words, each with the packet's number
/// in its highest byte and its own number in the others.
pub fn pattern(packet: u64, offset: u64, length: usize) -> Vec<u8> {
    (offset..)
        .take(length)
        .map(|at| {
            let word = (packet << 24) as u32 | ((at / 4) as u32 & 0xff_ffff);
            word.to_le_bytes()[(at % 4) as usize]
        })
        .collect()
}

/// CRC-32 as in Ethernet and zip files: what a sink says of a packet.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// An AXI4-Stream data FIFO.
pub struct Fifo {
    bytes: VecDeque<u8>,
    /// Where packets end, counted in bytes since the last reset.
    ends: VecDeque<u64>,
    pulled: u64,
    depth: usize,
}

impl Fifo {
    pub fn new(depth: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            ends: VecDeque::new(),
            pulled: 0,
            depth,
        }
    }

    /// How many bytes it takes now.
    pub fn room(&self) -> usize {
        self.depth.saturating_sub(self.bytes.len())
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub fn push(&mut self, bytes: &[u8], last: bool) {
        self.bytes.extend(bytes);
        if last {
            self.ends.push_back(self.pulled + self.bytes.len() as u64);
        }
    }

    /// Takes up to so many bytes of the packet at the front.
    pub fn pull(&mut self, most: usize) -> Chunk {
        let end = self.ends.front().map(|end| end - self.pulled);
        let left = end.and_then(|end| usize::try_from(end).ok());
        let length = left.unwrap_or(self.bytes.len()).min(most);
        let length = length.min(self.bytes.len());
        let bytes = self.bytes.drain(..length).collect();
        self.pulled += length as u64;
        let last = length > 0 && left == Some(length);
        if last {
            self.ends.pop_front();
        }
        Chunk { bytes, last }
    }

    pub fn clear(&mut self) {
        *self = Self::new(self.depth);
    }
}

/// Sends packets when told to.
#[derive(Default)]
pub struct Source {
    /// Packets to send: their length, and how many of them.
    orders: VecDeque<(u64, u64)>,
    /// Packets sent or begun and dropped.
    packets: u64,
    bytes: u64,
    /// Sent of the packet that was begun.
    offset: u64,
}

impl Source {
    pub fn order(&mut self, length: u64, count: u64) {
        if length > 0 && count > 0 {
            self.orders.push_back((length, count));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    pub fn pull(&mut self, most: usize) -> Chunk {
        let Some(&(length, _)) = self.orders.front() else {
            return Chunk {
                bytes: Vec::new(),
                last: false,
            };
        };
        let left = length - self.offset;
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(most);
        let bytes = pattern(self.packets, self.offset, take);
        self.bytes += take as u64;
        self.offset += take as u64;
        let last = self.offset == length;
        if last {
            self.next_packet();
        }
        Chunk { bytes, last }
    }

    /// The reset of the stream: what was begun is over.
    pub fn drop_packet(&mut self) {
        if self.offset > 0 {
            self.next_packet();
        }
    }

    fn next_packet(&mut self) {
        self.offset = 0;
        self.packets += 1;
        if let Some((_, count)) = self.orders.front_mut() {
            *count -= 1;
            if *count == 0 {
                self.orders.pop_front();
            }
        }
    }

    pub fn status(&self) -> SourceStatus {
        let left = self.orders.iter().map(|(_, count)| *count);
        SourceStatus {
            packets: self.packets,
            bytes: self.bytes,
            left: left.fold(0, u64::saturating_add),
        }
    }
}

/// Takes everything at once.
#[derive(Default)]
pub struct Sink {
    packets: u64,
    bytes: u64,
    /// The packet that has begun, and its length so far.
    open: (crc32fast::Hasher, u64),
    head: Vec<u8>,
    last: Option<Packet>,
}

impl Sink {
    pub fn push(&mut self, bytes: &[u8], last: bool) {
        self.bytes += bytes.len() as u64;
        let (crc, length) = &mut self.open;
        crc.update(bytes);
        *length += bytes.len() as u64;
        let room = HEAD - self.head.len().min(HEAD);
        self.head.extend(bytes.iter().take(room));
        if last {
            let (crc, length) = std::mem::take(&mut self.open);
            self.packets += 1;
            self.last = Some(Packet {
                length,
                crc32: crc.finalize(),
                head: hex(&std::mem::take(&mut self.head)),
            });
        }
    }

    /// The reset of the stream: a packet that has begun does not come to its end.
    pub fn drop_packet(&mut self) {
        self.open = Default::default();
        self.head.clear();
    }

    pub fn status(&self) -> SinkStatus {
        SinkStatus {
            packets: self.packets,
            bytes: self.bytes,
            open: self.open.1,
            last: self.last.clone(),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pattern_numbers_packets_and_words() {
        assert_eq!(pattern(3, 0, 6), [0, 0, 0, 3, 1, 0]);
        assert_eq!(pattern(0x102, 5, 3), [0, 0, 2]);
    }

    #[test]
    fn source_sends_as_many_packets_as_ordered() {
        let mut source = Source::default();
        source.order(5, 2);
        source.order(0, 9);
        source.order(3, 1);
        assert_eq!(source.status().left, 3);
        let pulled: Vec<Chunk> = std::iter::from_fn(|| {
            let chunk = source.pull(4);
            (!chunk.bytes.is_empty()).then_some(chunk)
        })
        .collect();
        let shape: Vec<(usize, bool)> = pulled.iter().map(|c| (c.bytes.len(), c.last)).collect();
        assert_eq!(
            shape,
            [(4, false), (1, true), (4, false), (1, true), (3, true)]
        );
        assert_eq!(pulled[3].bytes, pattern(1, 4, 1));
        assert_eq!(pulled[4].bytes, pattern(2, 0, 3));
        let SourceStatus {
            packets,
            bytes,
            left,
        } = source.status();
        assert_eq!((packets, bytes, left), (3, 13, 0));
    }

    #[test]
    fn reset_of_the_stream_ends_packets_half_way() {
        let mut source = Source::default();
        source.order(8, 2);
        source.pull(3);
        source.drop_packet();
        source.drop_packet();
        assert_eq!(source.status().left, 1);
        assert_eq!(source.pull(8).bytes, pattern(1, 0, 8));
        let mut sink = Sink::default();
        sink.push(&[1, 2], false);
        sink.drop_packet();
        sink.push(&[3], true);
        let status = sink.status();
        assert_eq!((status.packets, status.bytes, status.open), (1, 3, 0));
        let last = status.last.unwrap();
        assert_eq!((last.length, last.head.as_str()), (1, "03"));
        assert_eq!(last.crc32, checksum(&[3]));
    }

    proptest! {
        /// The reference is the list of packets itself.
        #[test]
        fn fifo_gives_back_bytes_and_ends_in_order(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..8),
            sizes in prop::collection::vec(1usize..9, 0..80),
            depth in 1usize..30,
        ) {
            let mut fifo = Fifo::new(depth);
            let mut waiting = packets.iter().flat_map(|packet| {
                let last = packet.len() - 1;
                packet.iter().enumerate().map(move |(n, &byte)| (byte, n == last))
            });
            let mut got: Vec<Vec<u8>> = vec![Vec::new()];
            for size in sizes {
                for _ in 0..fifo.room() {
                    let Some((byte, last)) = waiting.next() else { break };
                    fifo.push(&[byte], last);
                }
                prop_assert!(fifo.bytes.len() <= depth);
                let chunk = fifo.pull(size);
                prop_assert!(chunk.bytes.len() <= size);
                got.last_mut().unwrap().extend(&chunk.bytes);
                if chunk.last {
                    got.push(Vec::new());
                }
            }
            let begun = got.pop().unwrap();
            prop_assert_eq!(&got[..], &packets[..got.len()]);
            let rest = packets.get(got.len()).map_or(&[][..], |packet| &packet[..]);
            prop_assert!(rest.starts_with(&begun));
        }

        #[test]
        fn sink_s_checksum_does_not_depend_on_chunks(
            bytes in prop::collection::vec(any::<u8>(), 1..300),
            size in 1usize..50,
        ) {
            let mut sink = Sink::default();
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(size.min(rest.len()));
                sink.push(now, later.is_empty());
                rest = later;
            }
            let last = sink.status().last.unwrap();
            prop_assert_eq!(last.length, bytes.len() as u64);
            prop_assert_eq!(last.crc32, checksum(&bytes));
            prop_assert_eq!(last.head, hex(&bytes[..bytes.len().min(HEAD)]));
        }
    }
}
