// SPDX-License-Identifier: GPL-2.0

//! Registers of the AXI Interrupt Controller (axi_intc 4.1; PG099). 32 bits each, one bit an
//! input, bit 0 first. Only those the driver uses.

/// The decoded part of the window, in bytes.
pub(crate) const SIZE: usize = 0x200;

/// Interrupt Status: captured inputs, whether enabled or not. Read; not written, since the
/// hardware may overwrite pending bits.
pub(crate) const ISR: usize = 0x00;
/// Interrupt Enable. Read and write.
pub(crate) const IER: usize = 0x08;
/// Interrupt Acknowledge: ones clear bits of ISR. Write only.
pub(crate) const IAR: usize = 0x0c;
/// Set Interrupt Enables: ones set bits of IER. Write only, optional.
pub(crate) const SIE: usize = 0x10;
/// Clear Interrupt Enables: ones clear bits of IER. Write only, optional.
pub(crate) const CIE: usize = 0x14;
/// Master Enable. Read and write.
pub(crate) const MER: usize = 0x1c;

/// MER: the output is enabled.
pub(crate) const MER_ME: u32 = 1 << 0;
/// MER: inputs are captured. Once set it stays set until the fabric is reset.
pub(crate) const MER_HIE: u32 = 1 << 1;
