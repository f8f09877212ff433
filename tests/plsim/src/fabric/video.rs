// SPDX-License-Identifier: MIT OR Apache-2.0
//! A person's side of the VDMAs: the cameras and displays at their streams.

use super::Core;
use super::Fabric;
use super::bench::BenchError;
use crate::Wire;
use crate::models::vdma::Vdma;
use crate::protocol::CameraStatus;
use crate::protocol::DisplayStatus;
use crate::protocol::Way;

/// The most that a camera's frame can have of bytes a line, and of lines.
const MOST: u32 = 0xffff;

impl Fabric {
    pub fn camera(&self, name: &str) -> Result<CameraStatus, BenchError> {
        Ok(self.vdma(name)?.camera(self.now))
    }

    pub fn display(&self, name: &str) -> Result<DisplayStatus, BenchError> {
        Ok(self.vdma(name)?.display())
    }

    /// The camera's frames are of that size from the next one on.
    pub fn set_camera(&mut self, name: &str, bytes: u32, lines: u32) -> Result<(), BenchError> {
        self.vdma(name)?;
        if !(1..=MOST).contains(&bytes) || !(1..=MOST).contains(&lines) {
            return Err(BenchError::Picture { bytes, lines });
        }
        let cell = self.find(name)?;
        self.with_vdma(cell, |vdma, _| vdma.set_camera(bytes, lines));
        Ok(())
    }

    /// So many frames, a millisecond each, and then no more.
    pub fn single_frames(&mut self, name: &str, way: Way, frames: u64) -> Result<(), BenchError> {
        self.vdma(name)?;
        let cell = self.find(name)?;
        self.with_vdma(cell, |vdma, wire| vdma.single(way, frames, wire));
        self.settle();
        Ok(())
    }

    pub(super) fn reset_video(&mut self) {
        for cell in 0..self.cells.len() {
            self.with_vdma(cell, Vdma::reset_bench);
        }
    }

    fn with_vdma(&mut self, cell: usize, call: impl FnOnce(&mut Vdma, &mut dyn Wire)) {
        self.with_core(cell, |core, wire| {
            if let Core::Vdma(vdma) = core {
                call(vdma, wire);
            }
        });
    }

    fn vdma(&self, name: &str) -> Result<&Vdma, BenchError> {
        match &self.cells[self.find(name)?].core {
            Core::Vdma(vdma) => Ok(vdma),
            _ => Err(BenchError::NoVdma {
                cell: name.to_owned(),
                known: self.names_of(|core| matches!(core, Core::Vdma(_))),
            }),
        }
    }
}
