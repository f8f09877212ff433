// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI DMA (PG021): bytes from memory to a stream of the fabric, and back.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> axirq::Result<()> {
//! use axirq::dma::AxiDma;
//!
//! let dma = AxiDma::open("axi_dma_0")?;
//! let mut send = dma.send_channel()?;
//! let mut receive = dma.receive_channel()?;
//!
//! let mut samples = dma.allocate(4096)?;
//! samples.fill(0x55);
//! let results = dma.allocate(4096)?;
//! receive.start(results, ..)?;
//! let sent = send.transfer(samples, ..).await?;
//! let received = receive.wait().await?;
//! println!("{} bytes out, {} back", sent.data().len(), received.data().len());
//! # Ok(())
//! # }
//! ```
//!
//! # What there is
//!
//! - [`AxiDma`]: the core. It allocates memory that the core reaches, and resets it.
//! - [`Channel`]: one direction. It takes a [`Buffer`] by value and gives it back when the hardware has done with it, so that
//!   nobody touches memory that is being moved: as [`Done`], with what was moved, or with the error, as [`Failed`].
//!
//! The core is driven in direct register mode. Scatter-gather is not supported: a core that was made with it is refused,
//! [`Error::ScatterGather`].
//!
//! # Errors and resets
//!
//! A channel that has failed runs again only after a reset, and one reset is the reset of both channels. So when one
//! fails, the core is reset at once; a transfer on the other channel that is not complete ends with an error of its own,
//! [`Error::TransferReset`], and whoever waits for it is woken. Both have their buffers back, and the next transfer can be
//! started. What stands at the other end of the stream has its own view of packets that were cut short.
//!
//! Errors wake who waits. A stream on which nothing comes is no error: give it a timeout, and [`AxiDma::reset`] to have the
//! buffer back.
//!
//! # Whose memory it is, and when
//!
//! Dropping a [`Channel`] with a transfer on its way resets the core before the buffer is freed; a process that is killed
//! leaves this to the kernel, as does an overlay that is removed (see [`memory`](crate::memory)). Then waits return
//! [`Error::Gone`].

mod channel;
mod engine;
mod extent;
mod failed;
mod regs;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::Error;
use crate::Interrupt;
use crate::Mmio;
use crate::Result;
use crate::list::System;
use crate::memory::Buffer;
use crate::memory::Pool;
use crate::memory::Step;
use crate::owner::Owner;
use crate::pin;
pub use channel::Channel;
pub use channel::Done;
use engine::Engine;
use engine::Way;
use extent::Limits;
pub use failed::Failed;

/// Bits of LENGTH in a core whose node does not say: what the vendor's tools begin with.
const LENGTH_BITS: u32 = 14;
/// Bits of a channel's path to memory, likewise.
const DATA_BITS: u32 = 32;

/// An AXI DMA in direct register mode.
///
/// It is this process's alone from opening, which resets it, until this, its channels and its buffers are dropped.
#[derive(Debug)]
pub struct AxiDma {
    system: System,
    core: Arc<Core>,
    /// Of the channels that there are.
    limits: [Option<Limits>; 2],
}

/// What both channels stand on.
#[derive(Debug)]
struct Core {
    cell: String,
    engine: Engine<Mmio>,
    pool: Pool,
    _owner: Owner,
}

impl AxiDma {
    /// Opens the cell of this name, and resets it. What the core can do comes from its node in the device tree.
    ///
    /// # Errors
    ///
    /// As for [`Mmio::open`] and [`Pool::new`], [`InUse`](Error::InUse) if this process has it open,
    /// [`ScatterGather`](Error::ScatterGather), [`StuckStatus`](Error::StuckStatus) if it does not come out of reset,
    /// [`WindowTooSmall`](Error::WindowTooSmall).
    pub fn open(cell: &str) -> Result<Self> {
        Self::open_in(&System::new(), cell)
    }

    /// [`AxiDma::open`], in a system whose `/dev` and `/sys` are elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`AxiDma::open`].
    pub fn open_in(system: &System, cell: &str) -> Result<Self> {
        let cell = pin::parse_cell(cell)?;
        let registers = Mmio::open_in(system, &cell, "regs")?;
        registers.require(regs::END)?;
        let property = |name: &str| system.property(&cell, "regs", name);
        let length_bits = property("xlnx,sg-length-width")?.unwrap_or(LENGTH_BITS);
        let wide_addresses = property("xlnx,addrwidth")?.is_some_and(|bits| bits > 32);
        let described = [
            limits(system, &cell, Way::Send, length_bits)?,
            limits(system, &cell, Way::Receive, length_bits)?,
        ];
        let unknown = Limits::new(length_bits, DATA_BITS, false);
        // A node that describes no channel says nothing of them: then the registers are asked, below.
        let is_described = described.iter().any(Option::is_some);
        let mut limits = if is_described { described } else { [Some(unknown); 2] };
        let first = if limits[0].is_some() { Way::Send } else { Way::Receive };

        let owner = Owner::new(&registers, &cell)?;
        // Before anything is written: it is nobody else's now.
        let reset = Step::new(first.register(regs::DMACR), regs::RESET).until(regs::RESET, 0);
        let pool = Pool::new(&registers, &[reset])?;
        registers.is_there()?;
        let engine = Engine::new(registers, first, wide_addresses)
            .map_err(|errno| Error::system("eventfd", cell.as_str(), errno))?;
        if engine.reset()?.is_some() {
            return Err(stuck(&cell));
        }
        for (way, limits) in Way::BOTH.into_iter().zip(&mut limits) {
            if !is_described && !engine.has(way)? {
                *limits = None;
            }
            if limits.is_some() && engine.scatters(way)? {
                return Err(Error::ScatterGather { cell });
            }
        }
        Ok(Self {
            system: system.clone(),
            core: Arc::new(Core {
                cell,
                engine,
                pool,
                _owner: owner,
            }),
            limits,
        })
    }

    /// The cell's name.
    pub fn cell(&self) -> &str {
        &self.core.cell
    }

    /// The longest transfer, in bytes.
    pub fn longest(&self) -> usize {
        let [send, receive] = self.limits;
        send.or(receive).map_or(0, |limits| limits.longest)
    }

    /// Allocates memory that this core reaches, zeroed.
    ///
    /// It takes system calls and the kernel's time, so use buffers again; every transfer gives its buffer back.
    ///
    /// # Errors
    ///
    /// As for [`Pool::allocate`].
    pub fn allocate(&self, bytes: usize) -> Result<Buffer> {
        self.core.pool.allocate(bytes)
    }

    /// The channel from memory to the stream, MM2S. It is the caller's until it is dropped.
    ///
    /// # Errors
    ///
    /// [`NoDmaChannel`](Error::NoDmaChannel) if the core was made without it, [`ChannelInUse`](Error::ChannelInUse), and as
    /// for [`Interrupt::open`].
    pub fn send_channel(&self) -> Result<Channel> {
        self.channel(Way::Send)
    }

    /// The channel from the stream to memory, S2MM. It is the caller's until it is dropped.
    ///
    /// # Errors
    ///
    /// As for [`AxiDma::send_channel`].
    pub fn receive_channel(&self) -> Result<Channel> {
        self.channel(Way::Receive)
    }

    fn channel(&self, way: Way) -> Result<Channel> {
        let core = &self.core;
        let cell = || core.cell.clone();
        let channel = way.name();
        let Some(limits) = self.limits[way as usize] else {
            return Err(Error::NoDmaChannel { cell: cell(), channel });
        };
        let pin = pin_of(way);
        let has_pin = self.system.has_pin(&core.cell, "regs", pin)?;
        let open = || Interrupt::open_in(&self.system, &format!("{}/{pin}", core.cell));
        let interrupt = has_pin.then(open).transpose()?;
        if !core.engine.claim(way) {
            return Err(Error::ChannelInUse { cell: cell(), channel });
        }
        Ok(Channel::new(Arc::clone(core), way, limits, interrupt))
    }

    /// Resets the core, both channels of it. Transfers that are not complete end with
    /// [`TransferReset`](Error::TransferReset), and who waits for one is woken.
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left, [`StuckStatus`](Error::StuckStatus) if it does not come out of
    /// reset.
    pub fn reset(&self) -> Result<()> {
        let core = &self.core;
        core.engine.registers().is_there()?;
        match core.engine.reset()? {
            None => Ok(()),
            Some(_) => Err(stuck(&core.cell)),
        }
    }
}

fn stuck(cell: &str) -> Error {
    Error::StuckStatus {
        cell: cell.to_owned(),
        register: "DMACR",
    }
}

/// The interrupt pin of a channel.
fn pin_of(way: Way) -> &'static str {
    match way {
        Way::Send => "mm2s_introut",
        Way::Receive => "s2mm_introut",
    }
}

/// What a channel can do, if the core's node describes it.
fn limits(system: &System, cell: &str, way: Way, length_bits: u32) -> Result<Option<Limits>> {
    let compatible = match way {
        Way::Send => "xlnx,axi-dma-mm2s-channel",
        Way::Receive => "xlnx,axi-dma-s2mm-channel",
    };
    let Some(child) = system.child(cell, "regs", compatible)? else {
        return Ok(None);
    };
    let property = |name: &str| system.property(cell, "regs", &format!("{child}/{name}"));
    let data_bits = property("xlnx,datawidth")?.unwrap_or(DATA_BITS);
    let realigns = property("xlnx,include-dre")?.is_some_and(|value| value != 0);
    Ok(Some(Limits::new(length_bits, data_bits, realigns)))
}
