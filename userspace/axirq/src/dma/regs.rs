// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers of the AXI DMA (PG021) in direct register mode: byte offsets, access, meaning. All are 32 bits wide. Offsets
//! are of the channel from memory to the stream (MM2S); those of the way back (S2MM) are [`S2MM`] above.

/// DMACR, read-write: control.
pub(super) const DMACR: usize = 0x00;
/// DMASR, read-only but for the interrupts, which are cleared by writing 1: status.
pub(super) const DMASR: usize = 0x04;
/// SA or DA, read-write: where in memory the transfer begins.
pub(super) const ADDRESS: usize = 0x18;
/// SA_MSB or DA_MSB, read-write: its upper half; there if addresses have more than 32 bits.
pub(super) const ADDRESS_MSB: usize = 0x1c;
/// LENGTH, read-write: writing starts a transfer of as many bytes; reads what has arrived when a receive is complete.
pub(super) const LENGTH: usize = 0x28;

/// The registers of the channel S2MM.
pub(super) const S2MM: usize = 0x30;
/// The end of the last register of both.
pub(super) const END: usize = S2MM + LENGTH + 4;

/// DMACR: the channel runs.
pub(super) const RS: u32 = 1 << 0;
/// DMACR: reads 1 in a channel that is there.
pub(super) const PRESENT: u32 = 1 << 1;
/// DMACR: resets the core, both channels of it; reads 1 until it is done.
pub(super) const RESET: u32 = 1 << 2;
/// DMASR: the channel does not run.
pub(super) const HALTED: u32 = 1 << 0;
/// DMASR: a transfer was completed, and no other has begun.
pub(super) const IDLE: u32 = 1 << 1;
/// DMASR: the core was made with scatter-gather.
pub(super) const SG_INCLD: u32 = 1 << 3;
/// DMASR: the data mover has failed, or the packet goes on beyond LENGTH.
pub(super) const INT_ERR: u32 = 1 << 4;
/// DMASR: what answered at the address said no.
pub(super) const SLV_ERR: u32 = 1 << 5;
/// DMASR: nothing answers at the address.
pub(super) const DEC_ERR: u32 = 1 << 6;
/// DMASR: a transfer was completed. In DMACR: lets it through to the interrupt pin; the next one likewise.
pub(super) const IOC_IRQ: u32 = 1 << 12;
/// DMASR: a transfer has failed.
pub(super) const ERR_IRQ: u32 = 1 << 14;

/// All ways to fail.
pub(super) const ERRORS: u32 = INT_ERR | SLV_ERR | DEC_ERR;
