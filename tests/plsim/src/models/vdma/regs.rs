// SPDX-License-Identifier: MIT OR Apache-2.0
//! The register map of the AXI VDMA. *MM2S* reads frames from memory, *S2MM* writes them there; a *frame store* is a
//! place for one frame. *SOF* is the start of a frame, *EOL* the end of a line, as the stream marks them.

use crate::Access;
use crate::Register;
use crate::protocol::Way;

/// Where a channel has its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Control,
    Status,
    /// Which half of the start addresses is seen.
    Index,
    /// S2MM's alone: errors that make no interrupt.
    Mask,
    /// Lines; writing it commits everything.
    Vsize,
    /// Bytes of a line.
    Hsize,
    /// From line to line in memory; and how far a genlock slave stays behind.
    Stride,
    /// The word of a start address.
    Start(u32),
    /// S2MM's alone.
    Flip,
}

/// Both channels' frame pointers.
pub const PARK_PTR: u32 = 0x28;
pub const VERSION: u32 = 0x2c;
/// 6.2.
pub const VERSION_VALUE: u32 = 0x6200_0000;

/// Words of start addresses in the window.
pub const STARTS: u32 = 16;

/// What an offset is, if it belongs to a channel.
pub fn decode(offset: u32) -> Option<(Way, Field)> {
    let starts = |from: u32, to: u32| (from..to).contains(&offset).then(|| (offset - from) / 4);
    if let Some(word) = starts(0x5c, 0x9c) {
        return Some((Way::Mm2s, Field::Start(word)));
    }
    if let Some(word) = starts(0xac, 0xec) {
        return Some((Way::S2mm, Field::Start(word)));
    }
    Some(match offset {
        0x00 => (Way::Mm2s, Field::Control),
        0x04 => (Way::Mm2s, Field::Status),
        0x14 => (Way::Mm2s, Field::Index),
        0x30 => (Way::S2mm, Field::Control),
        0x34 => (Way::S2mm, Field::Status),
        0x3c => (Way::S2mm, Field::Mask),
        0x44 => (Way::S2mm, Field::Index),
        0x50 => (Way::Mm2s, Field::Vsize),
        0x54 => (Way::Mm2s, Field::Hsize),
        0x58 => (Way::Mm2s, Field::Stride),
        0xa0 => (Way::S2mm, Field::Vsize),
        0xa4 => (Way::S2mm, Field::Hsize),
        0xa8 => (Way::S2mm, Field::Stride),
        0xec => (Way::S2mm, Field::Flip),
        _ => return None,
    })
}

/// VDMACR: the channel runs.
pub const RS: u32 = 1 << 0;
/// VDMACR: goes through the frame stores; else it stays on one.
pub const CIRCULAR: u32 = 1 << 1;
/// VDMACR: resets this channel; clears itself.
pub const RESET: u32 = 1 << 2;
/// VDMACR: a slave follows its master.
pub const GENLOCK: u32 = 1 << 3;
/// VDMACR: halts after as many frames as an interrupt takes.
pub const COUNTED: u32 = 1 << 4;
/// VDMACR: the genlock master is the other channel.
pub const GENLOCK_INTERNAL: u32 = 1 << 7;
/// VDMACR after reset, without the frame count.
pub const CONTROL_RESET: u32 = 0x42;
/// VDMACR: bits that a write stores as they are: all but RS, reset and the frame count.
pub const STORED: u32 = 0xff00_fffa;

/// VDMASR: the channel does not run.
pub const HALTED: u32 = 1 << 0;
/// VDMASR: a size is zero, the data mover found fault, or a frame ended early.
pub const INT_ERR: u32 = 1 << 4;
/// VDMASR: the memory refused.
pub const SLV_ERR: u32 = 1 << 5;
/// VDMASR: there is no memory at the address.
pub const DEC_ERR: u32 = 1 << 6;
/// VDMASR: the next frame began before all lines had come.
pub const SOF_EARLY: u32 = 1 << 7;
/// VDMASR: a line ended before HSIZE.
pub const EOL_EARLY: u32 = 1 << 8;
/// VDMASR: more lines came than VSIZE.
pub const SOF_LATE: u32 = 1 << 11;
/// VDMASR: as many frames as asked for have passed. The enables in VDMACR are the same bits.
pub const FRAME_IRQ: u32 = 1 << 12;
pub const DELAY_IRQ: u32 = 1 << 13;
/// VDMASR: an error has come.
pub const ERR_IRQ: u32 = 1 << 14;
/// VDMASR: a line went on after HSIZE.
pub const EOL_LATE: u32 = 1 << 15;

pub const IRQS: u32 = FRAME_IRQ | DELAY_IRQ | ERR_IRQ;
/// Errors of the stream, which halt nothing.
pub const STREAM_ERRORS: u32 = SOF_EARLY | EOL_EARLY | SOF_LATE | EOL_LATE;
/// Errors that only a reset ends.
pub const HARD_ERRORS: u32 = SLV_ERR | DEC_ERR;

const fn register(offset: u32, name: &'static str, access: Access) -> Register {
    Register {
        offset,
        name,
        access,
    }
}

macro_rules! starts {
    ($base:literal: $($n:literal $name:literal,)*) => {
        [$(register($base + 4 * ($n - 1), $name, Access::ReadWrite),)*]
    };
}

static MM2S_STARTS: [Register; 16] = starts!(0x5c:
    1 "MM2S_START_ADDRESS1", 2 "MM2S_START_ADDRESS2", 3 "MM2S_START_ADDRESS3", 4 "MM2S_START_ADDRESS4",
    5 "MM2S_START_ADDRESS5", 6 "MM2S_START_ADDRESS6", 7 "MM2S_START_ADDRESS7", 8 "MM2S_START_ADDRESS8",
    9 "MM2S_START_ADDRESS9", 10 "MM2S_START_ADDRESS10", 11 "MM2S_START_ADDRESS11", 12 "MM2S_START_ADDRESS12",
    13 "MM2S_START_ADDRESS13", 14 "MM2S_START_ADDRESS14", 15 "MM2S_START_ADDRESS15", 16 "MM2S_START_ADDRESS16",
);

static S2MM_STARTS: [Register; 16] = starts!(0xac:
    1 "S2MM_START_ADDRESS1", 2 "S2MM_START_ADDRESS2", 3 "S2MM_START_ADDRESS3", 4 "S2MM_START_ADDRESS4",
    5 "S2MM_START_ADDRESS5", 6 "S2MM_START_ADDRESS6", 7 "S2MM_START_ADDRESS7", 8 "S2MM_START_ADDRESS8",
    9 "S2MM_START_ADDRESS9", 10 "S2MM_START_ADDRESS10", 11 "S2MM_START_ADDRESS11", 12 "S2MM_START_ADDRESS12",
    13 "S2MM_START_ADDRESS13", 14 "S2MM_START_ADDRESS14", 15 "S2MM_START_ADDRESS15", 16 "S2MM_START_ADDRESS16",
);

static OTHERS: [Register; 17] = [
    register(0x00, "MM2S_VDMACR", Access::ReadWrite),
    register(0x04, "MM2S_VDMASR", Access::ReadWrite),
    register(0x14, "MM2S_REG_INDEX", Access::ReadWrite),
    // Of debug builds of the core, and never present here.
    register(0x24, "FRMPTR_STS", Access::ReadOnly),
    register(PARK_PTR, "PARK_PTR", Access::ReadWrite),
    register(VERSION, "VERSION", Access::ReadOnly),
    register(0x30, "S2MM_VDMACR", Access::ReadWrite),
    register(0x34, "S2MM_VDMASR", Access::ReadWrite),
    register(0x3c, "S2MM_IRQ_MASK", Access::ReadWrite),
    register(0x44, "S2MM_REG_INDEX", Access::ReadWrite),
    register(0x50, "MM2S_VSIZE", Access::ReadWrite),
    register(0x54, "MM2S_HSIZE", Access::ReadWrite),
    register(0x58, "MM2S_FRMDLY_STRIDE", Access::ReadWrite),
    register(0xa0, "S2MM_VSIZE", Access::ReadWrite),
    register(0xa4, "S2MM_HSIZE", Access::ReadWrite),
    register(0xa8, "S2MM_FRMDLY_STRIDE", Access::ReadWrite),
    register(0xec, "ENABLE_VERTICAL_FLIP", Access::ReadWrite),
];

/// All registers of the core.
pub static REGISTERS: std::sync::LazyLock<Vec<Register>> = std::sync::LazyLock::new(|| {
    let mut all = [&OTHERS[..], &MM2S_STARTS[..], &S2MM_STARTS[..]].concat();
    all.sort_by_key(|register| register.offset);
    all
});
