// SPDX-License-Identifier: MIT OR Apache-2.0
//! AXI DMA 7.1 in direct register mode: two channels between the PS's memory and a stream.
//!
//! - `dma/regs.rs`: the register map;
//! - `dma/channel.rs`: a channel's registers and data mover.
//!
//! At the other end of the streams stands either a FIFO from MM2S to S2MM, or a sink and a source. They hang on the
//! core's stream resets: a reset of the core empties the FIFO and ends packets that have begun. Scatter-gather is not
//! modelled.
//!
//! Assumptions, where no source says: IOC_Irq is set whether enabled or not; a LENGTH of 0 starts nothing; a packet that
//! goes on past LENGTH is DMAIntErr as soon as LENGTH is full; so is an address that is not aligned in a core without
//! realignment; a LENGTH written during a transfer is ignored; an error ends a transfer between two bursts, and what
//! was moved before it stays.

mod channel;
pub mod regs;

pub use channel::Error;
pub use channel::Injected;

use channel::Channel;
use channel::Transfer;

use super::stream::Fifo;
use super::stream::Sink;
use super::stream::Source;
use crate::Model;
use crate::Nanos;
use crate::Register;
use crate::Wire;
use crate::protocol::SinkStatus;
use crate::protocol::SourceStatus;
use crate::protocol::Way;

/// The interrupt outputs, in their order.
pub const OUTPUTS: [&str; 2] = ["mm2s_introut", "s2mm_introut"];

/// The synthesis parameters, and what the board makes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The channel is included.
    pub mm2s: bool,
    pub s2mm: bool,
    /// Bits of LENGTH, 8 to 26.
    pub length_width: u32,
    /// Bits of an address, 32 to 64.
    pub addr_width: u32,
    /// Bits of a beat on the memory's side.
    pub data_width: u32,
    /// With a data realignment engine any address is good.
    pub dre: bool,
    /// Bytes a second that a channel moves.
    pub rate: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            mm2s: true,
            s2mm: true,
            length_width: 23,
            addr_width: 32,
            data_width: 32,
            dre: false,
            rate: 400_000_000,
        }
    }
}

/// What stands at the other end of the streams.
pub enum Ends {
    Loopback(Fifo),
    Open { source: Source, sink: Sink },
}

impl Ends {
    /// MM2S into a FIFO of so many bytes, and S2MM out of it.
    pub fn loopback(depth: usize) -> Self {
        Self::Loopback(Fifo::new(depth))
    }

    /// A sink behind MM2S, a source before S2MM.
    pub fn open() -> Self {
        Self::Open {
            source: Source::default(),
            sink: Sink::default(),
        }
    }

    fn room(&self) -> usize {
        match self {
            Self::Loopback(fifo) => fifo.room(),
            Self::Open { .. } => usize::MAX,
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Loopback(fifo) => fifo.is_empty(),
            Self::Open { source, .. } => source.is_empty(),
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Loopback(fifo) => fifo.clear(),
            Self::Open { source, sink } => {
                source.drop_packet();
                sink.drop_packet();
            }
        }
    }
}

pub struct Dma {
    mm2s: Channel,
    s2mm: Channel,
    ends: Ends,
}

impl Dma {
    pub fn new(params: Params, ends: Ends) -> Self {
        Self {
            mm2s: Channel::new(Way::Mm2s, params),
            s2mm: Channel::new(Way::S2mm, params),
            ends,
        }
    }

    /// Has the source send packets; false if there is no source.
    pub fn send(&mut self, length: u64, count: u64, wire: &mut dyn Wire) -> bool {
        let Ends::Open { source, .. } = &mut self.ends else {
            return false;
        };
        source.order(length, count);
        self.run(wire);
        true
    }

    pub fn source(&self) -> Option<SourceStatus> {
        match &self.ends {
            Ends::Loopback(_) => None,
            Ends::Open { source, .. } => Some(source.status()),
        }
    }

    pub fn sink(&self) -> Option<SinkStatus> {
        match &self.ends {
            Ends::Loopback(_) => None,
            Ends::Open { sink, .. } => Some(sink.status()),
        }
    }

    /// Bytes a second; at 0 the channel stands still.
    pub fn set_rate(&mut self, way: Way, rate: u64, wire: &mut dyn Wire) {
        self.channel(way).set_rate(rate);
        self.run(wire);
    }

    /// Lets a transfer fail: the one that runs, or else the next.
    pub fn inject(&mut self, way: Way, injected: Option<Injected>, wire: &mut dyn Wire) {
        self.channel(way).inject(injected);
        self.run(wire);
    }

    /// Rates as designed, no error to come, nothing to send, counters zero.
    pub fn reset_bench(&mut self, wire: &mut dyn Wire) {
        self.mm2s.reset_bench();
        self.s2mm.reset_bench();
        if let Ends::Open { .. } = self.ends {
            self.ends = Ends::open();
        }
        self.run(wire);
    }

    fn channel(&mut self, way: Way) -> &mut Channel {
        match way {
            Way::Mm2s => &mut self.mm2s,
            Way::S2mm => &mut self.s2mm,
        }
    }

    fn reset_core(&mut self) {
        self.mm2s.reset();
        self.s2mm.reset();
        self.ends.reset();
    }

    /// Moves all that can be moved now, and settles outputs and the next deadline.
    fn run(&mut self, wire: &mut dyn Wire) {
        // A burst takes time, so a channel comes once in a while; each may unblock the other.
        while self.step_mm2s(wire) || self.step_s2mm(wire) {}
        wire.drive(0, self.mm2s.requests());
        wire.drive(1, self.s2mm.requests());
        wire.wake_at(self.next_due());
    }

    fn next_due(&self) -> Option<Nanos> {
        let mm2s = self.mm2s.moving().filter(|t| !self.mm2s_waits(*t));
        let s2mm = self.s2mm.moving().filter(|t| !self.s2mm_waits(*t));
        let both = mm2s.into_iter().chain(s2mm);
        both.map(|transfer| transfer.ready).min()
    }

    /// The stream does not take what is left.
    fn mm2s_waits(&self, transfer: Transfer) -> bool {
        self.mm2s.burst(transfer) > 0 && self.ends.room() == 0
    }

    /// The stream has nothing to give.
    fn s2mm_waits(&self, transfer: Transfer) -> bool {
        !transfer.ended && self.s2mm.burst(transfer) > 0 && self.ends.is_empty()
    }

    /// One step of the channel from memory, if it can make one now.
    fn step_mm2s(&mut self, wire: &mut dyn Wire) -> bool {
        let now = wire.now();
        let due = |transfer: &Transfer| transfer.ready <= now;
        let Some(transfer) = self.mm2s.moving().filter(due) else {
            return false;
        };
        if let Some(error) = self.mm2s.due_error(transfer) {
            self.mm2s.fail(error);
            return true;
        }
        if transfer.done == transfer.length {
            self.mm2s.complete();
            return true;
        }
        if self.mm2s_waits(transfer) {
            return false;
        }
        let length = self.mm2s.burst(transfer).min(self.ends.room());
        let mut bytes = vec![0; length];
        if let Err(error) = self.mm2s.load(transfer, wire.memory(), &mut bytes) {
            self.mm2s.fail(error);
            return true;
        }
        self.mm2s.moved(length, false, now);
        let last = transfer.done as usize + length == transfer.length as usize;
        match &mut self.ends {
            Ends::Loopback(fifo) => fifo.push(&bytes, last),
            Ends::Open { sink, .. } => sink.push(&bytes, last),
        }
        true
    }

    /// One step of the channel to memory, if it can make one now.
    fn step_s2mm(&mut self, wire: &mut dyn Wire) -> bool {
        let now = wire.now();
        let due = |transfer: &Transfer| transfer.ready <= now;
        let Some(transfer) = self.s2mm.moving().filter(due) else {
            return false;
        };
        if let Some(error) = self.s2mm.due_error(transfer) {
            self.s2mm.fail(error);
            return true;
        }
        if transfer.ended {
            self.s2mm.complete();
            return true;
        }
        if transfer.done == transfer.length {
            self.s2mm.fail(Error::Internal);
            return true;
        }
        if self.s2mm_waits(transfer) {
            return false;
        }
        let most = self.s2mm.burst(transfer);
        let chunk = match &mut self.ends {
            Ends::Loopback(fifo) => fifo.pull(most),
            Ends::Open { source, .. } => source.pull(most),
        };
        match self.s2mm.store(transfer, wire.memory(), &chunk.bytes) {
            Ok(()) => self.s2mm.moved(chunk.bytes.len(), chunk.last, now),
            Err(error) => self.s2mm.fail(error),
        }
        true
    }

    fn write_register(&mut self, way: Way, offset: u32, value: u32, wire: &mut dyn Wire) {
        let channel = self.channel(way);
        if !channel.has(offset) {
            return;
        }
        let upper = 0xffff_ffff_0000_0000;
        match offset {
            regs::DMACR if value & regs::RESET != 0 => self.reset_core(),
            regs::DMACR => channel.control(value),
            regs::DMASR => channel.acknowledge(value),
            regs::ADDRESS => {
                let address = (channel.address() & upper) | u64::from(value);
                channel.set_address(address);
            }
            regs::ADDRESS_MSB => {
                let address = (channel.address() & !upper) | (u64::from(value) << 32);
                channel.set_address(address);
            }
            _ => {
                if let Err(wrong) = channel.start(value, wire.now()) {
                    wire.blame(&format!("{way}: {wrong}"));
                }
            }
        }
    }
}

/// The channel an offset belongs to, and the register in it.
fn decode(offset: u32) -> (Way, u32) {
    match offset.checked_sub(regs::S2MM) {
        None => (Way::Mm2s, offset),
        Some(within) => (Way::S2mm, within),
    }
}

impl Model for Dma {
    fn registers(&self) -> &'static [Register] {
        &regs::REGISTERS
    }

    fn present(&self, offset: u32) -> bool {
        match decode(offset) {
            (Way::Mm2s, within) => self.mm2s.has(within),
            (Way::S2mm, within) => self.s2mm.has(within),
        }
    }

    fn read(&mut self, offset: u32, wire: &mut dyn Wire) -> u32 {
        self.peek(offset, wire.now())
    }

    fn write(&mut self, offset: u32, value: u32, wire: &mut dyn Wire) {
        let (way, within) = decode(offset);
        self.write_register(way, within, value, wire);
        self.run(wire);
    }

    fn peek(&self, offset: u32, _now: Nanos) -> u32 {
        match decode(offset) {
            (Way::Mm2s, within) => self.mm2s.read(within),
            (Way::S2mm, within) => self.s2mm.read(within),
        }
    }

    fn input(&mut self, _input: usize, _level: bool, _wire: &mut dyn Wire) {}

    fn tick(&mut self, wire: &mut dyn Wire) {
        self.run(wire);
    }

    fn reset(&mut self, wire: &mut dyn Wire) {
        self.reset_core();
        self.run(wire);
    }
}

#[cfg(test)]
mod tests;
