// SPDX-License-Identifier: MIT OR Apache-2.0
//! A person's side of masters: what stands at their streams, how fast they move, and what goes wrong on the way.

use super::Core;
use super::Fabric;
use super::bench::BenchError;
use crate::models::dma;
use crate::models::dma::Dma;
use crate::models::vdma::video::FASTEST;
use crate::protocol::Mapped;
use crate::protocol::Mishap;
use crate::protocol::SinkStatus;
use crate::protocol::SourceStatus;
use crate::protocol::Way;

impl Fabric {
    /// The PS's memory as masters reach it.
    pub fn memory_map(&self) -> Vec<Mapped> {
        self.memory.list()
    }

    /// Has the source before a DMA's S2MM channel send packets.
    pub fn send(&mut self, name: &str, length: u64, count: u64) -> Result<(), BenchError> {
        let cell = self.find_dma(name)?;
        if length == 0 || count == 0 {
            return Err(BenchError::EmptyPacket);
        }
        let sent = self.with_dma(cell, |dma, wire| dma.send(length, count, wire));
        self.settle();
        match sent {
            Some(true) => Ok(()),
            _ => Err(BenchError::Loopback(name.to_owned())),
        }
    }

    pub fn source(&self, name: &str) -> Result<SourceStatus, BenchError> {
        let status = self.dma(name)?.source();
        status.ok_or_else(|| BenchError::Loopback(name.to_owned()))
    }

    pub fn sink(&self, name: &str) -> Result<SinkStatus, BenchError> {
        let status = self.dma(name)?.sink();
        status.ok_or_else(|| BenchError::Loopback(name.to_owned()))
    }

    /// How fast a channel moves: a DMA in bytes a second, a VDMA in frames a second. At 0 it stands still.
    pub fn set_rate(&mut self, name: &str, way: Way, rate: u64) -> Result<(), BenchError> {
        let cell = self.find_mover(name)?;
        let video = matches!(self.cells[cell].core, Core::Vdma(_));
        if video && rate > FASTEST {
            return Err(BenchError::Rate(rate));
        }
        self.with_core(cell, |core, wire| match core {
            Core::Dma(dma) => dma.set_rate(way, rate, wire),
            Core::Vdma(vdma) => vdma.set_rate(way, rate, wire),
            _ => {}
        });
        self.settle();
        Ok(())
    }

    /// Lets a DMA's transfer that runs, or else the next, fail after so many bytes, or a VDMA's frame after so many
    /// others; without a mishap, takes back what was asked for.
    pub fn fail_transfer(
        &mut self,
        name: &str,
        way: Way,
        mishap: Option<Mishap>,
        after: u64,
    ) -> Result<(), BenchError> {
        let cell = self.find_mover(name)?;
        let no_video = BenchError::NoVideo(name.to_owned());
        let result = self.with_core(cell, |core, wire| match core {
            Core::Dma(dma) => {
                let error = match mishap {
                    None => None,
                    Some(Mishap::Internal) => Some(dma::Error::Internal),
                    Some(Mishap::Slave) => Some(dma::Error::Slave),
                    Some(Mishap::Decode) => Some(dma::Error::Decode),
                    Some(_) => return Err(no_video),
                };
                let injected = error.map(|error| dma::Injected { error, after });
                dma.inject(way, injected, wire);
                Ok(())
            }
            Core::Vdma(vdma) => {
                vdma.inject(way, mishap.map(|mishap| (mishap, after)));
                Ok(())
            }
            _ => Ok(()),
        });
        self.settle();
        result
    }

    /// A cell that has channels.
    fn find_mover(&self, name: &str) -> Result<usize, BenchError> {
        let cell = self.find(name)?;
        let moves = |core: &Core| matches!(core, Core::Dma(_) | Core::Vdma(_));
        if moves(&self.cells[cell].core) {
            return Ok(cell);
        }
        Err(BenchError::NoMover {
            cell: name.to_owned(),
            known: self.names_of(moves),
        })
    }

    /// Every stream as it was when the simulator started.
    pub(super) fn reset_streams(&mut self) {
        for cell in 0..self.cells.len() {
            self.with_dma(cell, |dma, wire| dma.reset_bench(wire));
        }
    }

    /// None if the cell is no DMA.
    fn with_dma<R>(
        &mut self,
        cell: usize,
        call: impl FnOnce(&mut Dma, &mut dyn crate::Wire) -> R,
    ) -> Option<R> {
        self.with_core(cell, |core, wire| match core {
            Core::Dma(dma) => Some(call(dma, wire)),
            _ => None,
        })
    }

    fn find_dma(&self, name: &str) -> Result<usize, BenchError> {
        self.dma(name)?;
        self.find(name)
    }

    fn dma(&self, name: &str) -> Result<&Dma, BenchError> {
        match &self.cells[self.find(name)?].core {
            Core::Dma(dma) => Ok(dma),
            _ => Err(BenchError::NoDma {
                cell: name.to_owned(),
                known: self.names_of(|core| matches!(core, Core::Dma(_))),
            }),
        }
    }
}
