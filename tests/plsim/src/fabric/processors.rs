// SPDX-License-Identifier: MIT OR Apache-2.0
//! A person's side of the MicroBlazes: what runs on them, and what goes wrong there.

use super::Core;
use super::Fabric;
use super::bench::BenchError;
use crate::Wire;
use crate::models::microblaze::Microblaze;
use crate::protocol::ProcessorStatus;

impl Fabric {
    pub fn processor(&self, name: &str) -> Result<ProcessorStatus, BenchError> {
        match &self.cells[self.find(name)?].core {
            Core::Microblaze(microblaze) => Ok(microblaze.status()),
            _ => Err(BenchError::NoMicroblaze {
                cell: name.to_owned(),
                known: self.names_of(|core| matches!(core, Core::Microblaze(_))),
            }),
        }
    }

    /// The program does nothing, or goes on.
    pub fn set_hangs(&mut self, name: &str, on: bool) -> Result<(), BenchError> {
        self.processor(name)?;
        let cell = self.find(name)?;
        self.with_microblaze(cell, |microblaze, wire| microblaze.set_hangs(on, wire));
        self.settle();
        Ok(())
    }

    /// What the program has written reads as garbage once.
    pub fn set_collides(&mut self, name: &str, on: bool) -> Result<(), BenchError> {
        self.processor(name)?;
        let cell = self.find(name)?;
        self.with_microblaze(cell, |microblaze, _| microblaze.set_collides(on));
        Ok(())
    }

    pub(super) fn reset_processors(&mut self) {
        for cell in 0..self.cells.len() {
            self.with_microblaze(cell, Microblaze::reset_bench);
        }
    }

    fn with_microblaze(&mut self, cell: usize, call: impl FnOnce(&mut Microblaze, &mut dyn Wire)) {
        self.with_core(cell, |core, wire| {
            if let Core::Microblaze(microblaze) = core {
                call(microblaze, wire);
            }
        });
    }
}
