// SPDX-License-Identifier: MIT OR Apache-2.0
//! The IP models: each one a struct with registers and pins, testable alone.

pub mod dma;
pub mod gpio;
pub mod intc;
pub mod microblaze;
pub mod stream;
pub mod timer;
pub mod vdma;

#[cfg(test)]
pub(crate) mod bench;
