// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Core`], what both channels share, and [`Channel`]: the registers of one, and its interrupt.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::fault::Fault;
use super::mode::Layout;
use super::mode::Mode;
use super::regs;
use super::regs::Block;
use super::ring::Port;
use crate::Error;
use crate::Interrupt;
use crate::Mmio;
use crate::Result;
use crate::list::System;
use crate::memory::Pool;
use crate::memory::Step;
use crate::memory::dma_rmb;
use crate::memory::dma_wmb;
use crate::owner::Owner;

/// How long a channel may take to do what it was told.
const PATIENCE: Duration = Duration::from_secs(1);

const STATUS: &str = "VDMASR";

/// How the core is kept from memory.
const STOP: [Step; 2] = [
    Step::new(regs::MM2S.control, regs::RESET).until(regs::RESET, 0),
    Step::new(regs::S2MM.control, regs::RESET).until(regs::RESET, 0),
];

/// One of the two channels.
#[derive(Debug)]
pub(super) struct Way {
    /// What its users call it.
    pub(super) name: &'static str,
    pin: &'static str,
    compatible: &'static str,
    block: Block,
    /// Its place in [`Core::open`].
    index: usize,
}

pub(super) static INPUT: Way = Way {
    name: "input",
    pin: "s2mm_introut",
    compatible: "xlnx,axi-vdma-s2mm-channel",
    block: regs::S2MM,
    index: 0,
};

pub(super) static OUTPUT: Way = Way {
    name: "output",
    pin: "mm2s_introut",
    compatible: "xlnx,axi-vdma-mm2s-channel",
    block: regs::MM2S,
    index: 1,
};

#[derive(Debug)]
pub(super) struct Core {
    pub(super) system: System,
    pub(super) cell: String,
    /// Frame stores of a channel.
    pub(super) stores: u32,
    /// A start address takes two words.
    wide: bool,
    pub(super) pool: Pool,
    registers: Mmio,
    /// The channels that are open.
    open: [AtomicBool; 2],
    _owner: Owner,
}

impl Core {
    pub(super) fn open(system: &System, cell: String) -> Result<Self> {
        let registers = Mmio::open_in(system, &cell, "regs")?;
        registers.require(regs::END)?;
        let owner = Owner::new(&registers, &cell)?;
        let property = |name| system.property(&cell, "regs", name);
        let stores = property("xlnx,num-fstores")?.unwrap_or(1).clamp(1, 32);
        let wide = property("xlnx,addrwidth")?.unwrap_or(32) > 32;
        Ok(Self {
            system: system.clone(),
            stores,
            wide,
            pool: Pool::new(&registers, &STOP)?,
            registers,
            open: [AtomicBool::new(false), AtomicBool::new(false)],
            _owner: owner,
            cell,
        })
    }
}

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) core: Arc<Core>,
    pub(super) interrupt: Interrupt,
    way: &'static Way,
    /// Lines and frames begin at multiples of this.
    beat: u32,
}

impl Channel {
    /// Opens a channel, and resets it.
    pub(super) fn open(core: &Arc<Core>, way: &'static Way) -> Result<Self> {
        let (system, cell) = (&core.system, &core.cell);
        if !system.has_pin(cell, "regs", way.pin)? {
            return Err(Error::NoInterrupt {
                cell: cell.clone(),
                pin: way.pin,
            });
        }
        // A channel without a node has what the core has unless told otherwise.
        let child = system.child(cell, "regs", way.compatible)?;
        let property = |name: &str| match &child {
            Some(child) => system.property(cell, "regs", &format!("{child}/{name}")),
            None => Ok(None),
        };
        let beat = match property("xlnx,include-dre")? {
            Some(1..) => 1,
            _ => property("xlnx,datawidth")?.map_or(4, |bits| bits / 8).clamp(1, 128),
        };
        let interrupt = Interrupt::open_in(system, &format!("{cell}/{}", way.pin))?;
        if core.open[way.index].swap(true, Ordering::Acquire) {
            return Err(Error::InUse { cell: cell.clone() });
        }
        let channel = Self {
            core: Arc::clone(core),
            interrupt,
            way,
            beat,
        };
        channel.reset()?;
        Ok(channel)
    }

    pub(super) fn cell(&self) -> &str {
        &self.core.cell
    }

    pub(super) fn pool(&self) -> &Pool {
        &self.core.pool
    }

    pub(super) fn stores(&self) -> usize {
        self.core.stores as usize
    }

    /// How a mode lies in memory that this channel reaches, if it has as many stores as it takes.
    pub(super) fn layout(&self, mode: Mode, needed: usize) -> Result<Layout> {
        if self.stores() < needed {
            return Err(Error::TooFewStores {
                cell: self.cell().to_owned(),
                stores: self.core.stores,
                needed,
            });
        }
        mode.layout(self.cell(), self.beat)
    }

    pub(super) fn stopped(&self) -> Error {
        Error::VideoStopped {
            cell: self.cell().to_owned(),
            channel: self.way.name,
        }
    }

    /// Once this returns the channel touches no memory.
    pub(super) fn reset(&self) -> Result<()> {
        self.write(self.way.block.control, regs::RESET)?;
        self.until(self.way.block.control, "VDMACR", regs::RESET)
    }

    /// Writes VDMACR so that it runs, with this besides, and makes an interrupt after so many frames.
    fn control(&self, besides: u32, frames: u32) -> Result<()> {
        let control = besides | regs::RS | regs::FRAME_IRQ | regs::ERR_IRQ;
        self.write(self.way.block.control, control | (frames << regs::COUNT_SHIFT))
    }

    /// Has it run; see [`Channel::control`]. It does nothing before it has a geometry.
    pub(super) fn run(&self, besides: u32, frames: u32) -> Result<()> {
        self.control(besides, frames)?;
        self.until(self.way.block.status, STATUS, regs::HALTED)?;
        if regs::left(self.read(self.way.block.status)?) == 0 {
            self.reset()?;
            return Err(Error::NoFrameCounter {
                cell: self.cell().to_owned(),
            });
        }
        Ok(())
    }

    /// Sets the geometry, and starts with the next frame.
    pub(super) fn begin(&self, layout: &Layout) -> Result<()> {
        self.write(self.way.block.stride, layout.stride)?;
        self.write(self.way.block.hsize, layout.mode.line_bytes())?;
        self.commit_lines(layout.mode.height())
    }

    /// Puts what was written in force, from the next frame on.
    pub(super) fn commit_lines(&self, lines: u32) -> Result<()> {
        // What is in the frames, too.
        dma_wmb();
        self.write(self.way.block.vsize, lines)
    }

    /// Has the output stay at a store from the next frame on. The input's pointer in the same register is not used.
    pub(super) fn park(&self, store: usize) -> Result<()> {
        self.write(regs::PARK_PTR, store as u32 & regs::PARK_MASK)
    }

    pub(super) fn place_at(&self, store: usize, address: u64) -> Result<()> {
        let block = &self.way.block;
        let words = if self.core.wide { 2 } else { 1 };
        let (page, word) = (store * words / regs::SEEN, store * words % regs::SEEN);
        let paged = self.stores() * words > regs::SEEN;
        if paged {
            self.write(block.index, page as u32)?;
        }
        let start = block.starts + 4 * word;
        self.write(start, address as u32)?;
        if self.core.wide {
            self.write(start + 4, (address >> 32) as u32)?;
        }
        Ok(())
    }

    /// Waits until bits are 0.
    fn until(&self, offset: usize, register: &'static str, bits: u32) -> Result<()> {
        let start = Instant::now();
        loop {
            // Before the read, so that who was held up in between has read late enough.
            let late = start.elapsed() >= PATIENCE;
            if self.read(offset)? & bits == 0 {
                return Ok(());
            }
            if late {
                return Err(self.stuck(register));
            }
            thread::yield_now();
        }
    }

    fn stuck(&self, register: &'static str) -> Error {
        Error::StuckStatus {
            cell: self.cell().to_owned(),
            register,
        }
    }

    /// Registers are touched only if the device is there: else it would end the process.
    fn read(&self, offset: usize) -> Result<u32> {
        self.interrupt.sequence()?;
        self.core.registers.read32(offset)
    }

    fn write(&self, offset: usize, value: u32) -> Result<()> {
        self.interrupt.sequence()?;
        self.core.registers.write32(offset, value)
    }

    /// VDMASR of a channel that runs. What it has written by then can be read.
    pub(super) fn running_status(&self) -> Result<u32> {
        let status = self.read(self.way.block.status)?;
        if status == u32::MAX {
            // Some of its bits are always 0.
            return Err(self.stuck(STATUS));
        }
        if let Some(fault) = Fault::of(status) {
            return Err(Error::VideoHalted {
                cell: self.cell().to_owned(),
                channel: self.way.name,
                fault,
            });
        }
        dma_rmb();
        Ok(status)
    }

    pub(super) fn acknowledge(&self, bits: u32) -> Result<()> {
        self.write(self.way.block.status, bits)
    }

    /// The store that hardware is at.
    pub(super) fn store(&self) -> Result<usize> {
        let pointers = self.read(regs::PARK_PTR)?;
        Ok(((pointers >> self.way.block.park_shift) & regs::PARK_MASK) as usize)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.core.open[self.way.index].store(false, Ordering::Release);
    }
}

/// The input's channel, as its ring sees it.
pub(super) struct InputPort<'a> {
    pub(super) channel: &'a Channel,
    pub(super) lines: u32,
}

impl Port for InputPort<'_> {
    fn status(&self) -> Result<u32> {
        self.channel.running_status()
    }

    fn acknowledge(&self, bits: u32) -> Result<()> {
        self.channel.acknowledge(bits)
    }

    fn count(&self, frames: u32) -> Result<()> {
        self.channel.control(regs::CIRCULAR, frames)
    }

    fn store(&self) -> Result<usize> {
        self.channel.store()
    }

    fn place(&self, store: usize, address: u64) -> Result<()> {
        self.channel.place_at(store, address)
    }

    fn commit(&self) -> Result<()> {
        self.channel.commit_lines(self.lines)
    }
}
