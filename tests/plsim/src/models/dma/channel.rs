// SPDX-License-Identifier: MIT OR Apache-2.0
//! One channel of the AXI DMA: its registers and its data mover, without the stream.

use super::Params;
use super::regs;
use crate::Nanos;
use crate::memory::Fault;
use crate::memory::Memory;
use crate::protocol::Way;

/// What can go wrong with a transfer; each has an error bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    Internal,
    Slave,
    Decode,
}

impl Error {
    fn bit(self) -> u32 {
        match self {
            Self::Internal => regs::INT_ERR,
            Self::Slave => regs::SLV_ERR,
            Self::Decode => regs::DEC_ERR,
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Decode => Self::Decode,
            Fault::Slave => Self::Slave,
        }
    }
}

/// An error that a test has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injected {
    pub error: Error,
    /// Bytes that go through before it.
    pub after: u64,
}

/// A transfer that was started and has not come to its end.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    pub length: u32,
    pub done: u32,
    /// The stream has said TLAST.
    pub ended: bool,
    /// When the data mover can go on.
    pub ready: Nanos,
}

/// Between the write of LENGTH and the first access to memory.
const START: Nanos = 500;

/// Bytes a data mover moves at once, and the boundary that no burst of AXI crosses.
const BURST: u64 = 4096;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

pub struct Channel {
    way: Way,
    params: Params,
    /// DMACR but for its bits with rules of their own.
    stored: u32,
    threshold: u32,
    runs: bool,
    idle: bool,
    errors: u32,
    irqs: u32,
    address: u64,
    length: u32,
    transfer: Option<Transfer>,
    /// Bytes a second; 0 stands still.
    rate: u64,
    injected: Option<Injected>,
}

impl Channel {
    pub fn new(way: Way, params: Params) -> Self {
        Self {
            way,
            params,
            stored: 0,
            threshold: 1,
            runs: false,
            idle: false,
            errors: 0,
            irqs: 0,
            address: 0,
            length: 0,
            transfer: None,
            rate: params.rate,
            injected: None,
        }
    }

    /// Registers to their reset values; a transfer is over at once. What a test has set stays.
    pub fn reset(&mut self) {
        *self = Self {
            rate: self.rate,
            injected: self.injected,
            ..Self::new(self.way, self.params)
        };
    }

    /// Whether the channel has a register; offsets are MM2S's.
    pub fn has(&self, offset: u32) -> bool {
        let included = match self.way {
            Way::Mm2s => self.params.mm2s,
            Way::S2mm => self.params.s2mm,
        };
        included
            && match offset {
                regs::DMACR | regs::DMASR | regs::ADDRESS | regs::LENGTH => true,
                regs::ADDRESS_MSB => self.params.addr_width > 32,
                _ => false,
            }
    }

    pub fn read(&self, offset: u32) -> u32 {
        if !self.has(offset) {
            return 0;
        }
        let flag = |set: bool, bit: u32| if set { bit } else { 0 };
        match offset {
            regs::DMACR => {
                self.stored | (self.threshold << 16) | regs::ALWAYS | flag(self.runs, regs::RS)
            }
            regs::DMASR => {
                flag(self.halted(), regs::HALTED)
                    | flag(self.idle, regs::IDLE)
                    | self.errors
                    | self.irqs
                    | regs::THRESHOLD_STS
            }
            regs::ADDRESS => self.address as u32,
            regs::ADDRESS_MSB => (self.address >> 32) as u32,
            _ => self.length,
        }
    }

    /// A write of DMACR without its reset bit.
    pub fn control(&mut self, value: u32) {
        self.stored = value & regs::STORED;
        if value & regs::THRESHOLD != 0 {
            self.threshold = (value & regs::THRESHOLD) >> 16;
        }
        // After an error only a reset lets it run again.
        self.runs = value & regs::RS != 0 && self.errors == 0;
        self.settle();
    }

    /// A write of DMASR.
    pub fn acknowledge(&mut self, value: u32) {
        self.irqs &= !value;
    }

    pub fn set_address(&mut self, value: u64) {
        let width = self.params.addr_width.min(64);
        let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
        self.address = value & mask;
    }

    pub fn address(&self) -> u64 {
        self.address
    }

    /// A write of LENGTH; says what is wrong with it.
    pub fn start(&mut self, value: u32, now: Nanos) -> Result<(), &'static str> {
        let mask = u32::MAX.checked_shr(32 - self.params.length_width.min(32));
        let length = value & mask.unwrap_or(0);
        if self.transfer.is_some() {
            return Err("LENGTH is written while a transfer runs; it is ignored");
        }
        self.length = length;
        let fits = if length == value {
            Ok(())
        } else {
            Err("LENGTH is written with more than its width; the bits above are lost")
        };
        if length == 0 {
            return fits;
        }
        if !self.runs {
            return Err("LENGTH is written while the channel is halted; nothing is started");
        }
        self.idle = false;
        self.transfer = Some(Transfer {
            length,
            done: 0,
            ended: false,
            ready: now.saturating_add(START),
        });
        if !self.params.dre && self.address % u64::from(self.beat()) != 0 {
            self.fail(Error::Internal);
            return Err("the address is not aligned, and the core has no realignment engine");
        }
        fits
    }

    /// Bytes of a beat on the memory's side.
    fn beat(&self) -> u32 {
        (self.params.data_width / 8).max(1)
    }

    fn halted(&self) -> bool {
        !self.runs && self.transfer.is_none()
    }

    fn settle(&mut self) {
        self.idle &= !self.halted();
    }

    /// The interrupt output.
    pub fn requests(&self) -> bool {
        self.irqs & self.stored & regs::IRQS != 0
    }

    /// The transfer, if the data mover can go on with it at some time.
    pub fn moving(&self) -> Option<Transfer> {
        self.transfer.filter(|_| self.rate > 0)
    }

    /// How many bytes the next burst may have; 0 if all were moved.
    pub fn burst(&self, transfer: Transfer) -> usize {
        let at = self.address.wrapping_add(u64::from(transfer.done));
        let to_boundary = if self.keyhole() {
            BURST
        } else {
            BURST - at % BURST
        };
        let left = u64::from(transfer.length - transfer.done);
        let to_error = self.to_error(transfer).unwrap_or(u64::MAX);
        left.min(to_boundary).min(to_error) as usize
    }

    fn to_error(&self, transfer: Transfer) -> Option<u64> {
        let injected = self.injected?;
        Some(injected.after.saturating_sub(u64::from(transfer.done)))
    }

    /// Takes the error whose turn it is.
    pub fn due_error(&mut self, transfer: Transfer) -> Option<Error> {
        let due = self.to_error(transfer) == Some(0);
        if due { self.injected.take() } else { None }.map(|injected| injected.error)
    }

    pub fn load(&self, transfer: Transfer, memory: &Memory, into: &mut [u8]) -> Result<(), Error> {
        if !self.keyhole() {
            let at = self.address.wrapping_add(u64::from(transfer.done));
            return Ok(memory.read(at, into)?);
        }
        for beat in into.chunks_mut(self.beat() as usize) {
            memory.read(self.address, beat)?;
        }
        Ok(())
    }

    pub fn store(&self, transfer: Transfer, memory: &mut Memory, from: &[u8]) -> Result<(), Error> {
        if !self.keyhole() {
            let at = self.address.wrapping_add(u64::from(transfer.done));
            return Ok(memory.write(at, from)?);
        }
        for beat in from.chunks(self.beat() as usize) {
            memory.write(self.address, beat)?;
        }
        Ok(())
    }

    fn keyhole(&self) -> bool {
        self.stored & regs::KEYHOLE != 0
    }

    /// So many bytes went through just now.
    pub fn moved(&mut self, bytes: usize, ended: bool, now: Nanos) {
        let cost = (bytes as u128 * NANOS_PER_SECOND).div_ceil(u128::from(self.rate.max(1)));
        let cost = Nanos::try_from(cost).unwrap_or(Nanos::MAX);
        if let Some(transfer) = &mut self.transfer {
            transfer.done = transfer.done.saturating_add(bytes as u32);
            transfer.ended |= ended;
            transfer.ready = now.saturating_add(cost.max(1));
        }
    }

    /// The transfer is done; what the stream has brought is the length.
    pub fn complete(&mut self) {
        if let Some(transfer) = self.transfer.take() {
            self.length = transfer.done;
        }
        self.idle = true;
        self.irqs |= regs::IOC_IRQ;
        self.settle();
    }

    pub fn fail(&mut self, error: Error) {
        self.transfer = None;
        self.runs = false;
        self.errors |= error.bit();
        self.irqs |= regs::ERR_IRQ;
        self.settle();
    }

    pub fn set_rate(&mut self, rate: u64) {
        self.rate = rate;
    }

    pub fn inject(&mut self, injected: Option<Injected>) {
        self.injected = injected;
    }

    /// What a test has set is as the design says again.
    pub fn reset_bench(&mut self) {
        self.rate = self.params.rate;
        self.injected = None;
    }
}
