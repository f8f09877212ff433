// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register map of the AXI DMA. Offsets are MM2S's; S2MM's are [`S2MM`] above. *MM2S* is from memory to the stream,
//! *S2MM* the way back, *IOC* the interrupt on completion, *SG* scatter-gather.

use crate::Access;
use crate::Register;

/// Control.
pub const DMACR: u32 = 0x00;
/// Status.
pub const DMASR: u32 = 0x04;
/// Where the transfer begins: SA of MM2S, DA of S2MM; its upper 32 bits are in [`ADDRESS_MSB`].
pub const ADDRESS: u32 = 0x18;
pub const ADDRESS_MSB: u32 = 0x1c;
/// Bytes to transfer; writing it starts.
pub const LENGTH: u32 = 0x28;
/// Offset of S2MM's registers.
pub const S2MM: u32 = 0x30;

/// DMACR: the channel runs.
pub const RS: u32 = 1 << 0;
/// DMACR: reads 1.
pub const ALWAYS: u32 = 1 << 1;
/// DMACR: resets the whole core; clears itself.
pub const RESET: u32 = 1 << 2;
/// DMACR: every beat goes to the same address.
pub const KEYHOLE: u32 = 1 << 3;
/// DMACR: how many completions make an interrupt; of scatter-gather only.
pub const THRESHOLD: u32 = 0xff << 16;
/// DMACR: how long to wait for more; of scatter-gather only.
pub const DELAY: u32 = 0xff << 24;

/// DMASR: the channel does not run.
pub const HALTED: u32 = 1 << 0;
/// DMASR: a transfer has been completed, and no other runs.
pub const IDLE: u32 = 1 << 1;
/// DMASR: the data mover found fault with the transfer itself.
pub const INT_ERR: u32 = 1 << 4;
/// DMASR: the memory refused.
pub const SLV_ERR: u32 = 1 << 5;
/// DMASR: there is no memory at the address.
pub const DEC_ERR: u32 = 1 << 6;
/// DMASR: the threshold as it stands; in direct mode it stays at its reset value.
pub const THRESHOLD_STS: u32 = 1 << 16;

/// DMASR: a transfer was completed. The enables in DMACR are the same bits.
pub const IOC_IRQ: u32 = 1 << 12;
pub const DLY_IRQ: u32 = 1 << 13;
/// DMASR: a transfer failed.
pub const ERR_IRQ: u32 = 1 << 14;
pub const IRQS: u32 = IOC_IRQ | DLY_IRQ | ERR_IRQ;

/// Bits of DMACR that a write stores as they are.
pub const STORED: u32 = KEYHOLE | IRQS | DELAY;

const fn register(offset: u32, name: &'static str, access: Access) -> Register {
    Register {
        offset,
        name,
        access,
    }
}

/// All registers of the core, those of scatter-gather (never present here) among them.
pub static REGISTERS: [Register; 19] = [
    register(0x00, "MM2S_DMACR", Access::ReadWrite),
    register(0x04, "MM2S_DMASR", Access::ReadWrite),
    register(0x08, "MM2S_CURDESC", Access::ReadWrite),
    register(0x0c, "MM2S_CURDESC_MSB", Access::ReadWrite),
    register(0x10, "MM2S_TAILDESC", Access::ReadWrite),
    register(0x14, "MM2S_TAILDESC_MSB", Access::ReadWrite),
    register(0x18, "MM2S_SA", Access::ReadWrite),
    register(0x1c, "MM2S_SA_MSB", Access::ReadWrite),
    register(0x28, "MM2S_LENGTH", Access::ReadWrite),
    register(0x2c, "SG_CTL", Access::ReadWrite),
    register(0x30, "S2MM_DMACR", Access::ReadWrite),
    register(0x34, "S2MM_DMASR", Access::ReadWrite),
    register(0x38, "S2MM_CURDESC", Access::ReadWrite),
    register(0x3c, "S2MM_CURDESC_MSB", Access::ReadWrite),
    register(0x40, "S2MM_TAILDESC", Access::ReadWrite),
    register(0x44, "S2MM_TAILDESC_MSB", Access::ReadWrite),
    register(0x48, "S2MM_DA", Access::ReadWrite),
    register(0x4c, "S2MM_DA_MSB", Access::ReadWrite),
    register(0x58, "S2MM_LENGTH", Access::ReadWrite),
];
