// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers of the AXI VDMA (PG020) in register direct mode: byte offsets, access, meaning. *MM2S* reads frames from
//! memory, *S2MM* writes them there; a *frame store* is the place of a start address, which has one frame.

/// Where a channel's VDMACR and VDMASR are, and the rest of its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// VDMACR, read-write.
    pub(super) control: usize,
    /// VDMASR, read; bits are cleared by writing 1 to them.
    pub(super) status: usize,
    /// REG_INDEX, read-write: which sixteen words of the start addresses are seen.
    pub(super) index: usize,
    /// VSIZE, read-write: lines. Writing it puts all of the channel's geometry and addresses in force, from the next
    /// frame on.
    pub(super) vsize: usize,
    /// HSIZE, read-write: bytes of a line.
    pub(super) hsize: usize,
    /// FRMDLY_STRIDE, read-write: from line to line in memory.
    pub(super) stride: usize,
    /// START_ADDRESS, read-write: the first of sixteen words.
    pub(super) starts: usize,
    /// Where PARK_PTR says which store hardware is at.
    pub(super) park_shift: u32,
}

impl Block {
    const fn new(control: usize, geometry: usize, park_shift: u32) -> Self {
        Self {
            control,
            status: control + 0x04,
            index: control + 0x14,
            vsize: geometry,
            hsize: geometry + 0x04,
            stride: geometry + 0x08,
            starts: geometry + 0x0c,
            park_shift,
        }
    }
}

pub(super) const MM2S: Block = Block::new(0x00, 0x50, 16);
pub(super) const S2MM: Block = Block::new(0x30, 0xa0, 24);

/// PARK_PTR, read-write: 4:0 the store at which MM2S parks, 12:8 that of S2MM, 20:16 and 28:24 the stores that they are at.
/// These two stand still while an error of the channel is set.
pub(super) const PARK_PTR: usize = 0x28;
/// PARK_PTR: of a store.
pub(super) const PARK_MASK: u32 = 0x1f;

/// Words of start addresses that are seen at a time.
pub(super) const SEEN: usize = 16;
/// The end of the last register.
pub(super) const END: usize = 0xec;

/// VDMACR: the channel runs.
pub(super) const RS: u32 = 1 << 0;
/// VDMACR: goes from store to store; else it stays where it is parked.
pub(super) const CIRCULAR: u32 = 1 << 1;
/// VDMACR: resets the channel; clears itself.
pub(super) const RESET: u32 = 1 << 2;
/// VDMACR: bits 23:16 are how many frames make a FrmCnt_Irq. Another value begins to count anew.
pub(super) const COUNT_SHIFT: u32 = 16;
/// Both: FrmCnt_Irq, so many frames have passed.
pub(super) const FRAME_IRQ: u32 = 1 << 12;
/// Both: Err_Irq.
pub(super) const ERR_IRQ: u32 = 1 << 14;

/// VDMASR: the channel does not run.
pub(super) const HALTED: u32 = 1 << 0;
/// VDMASR: the data mover found fault, a size is 0, or (then it does not halt) a frame ended early.
pub(super) const INT_ERR: u32 = 1 << 4;
/// VDMASR: the memory refused. Halts.
pub(super) const SLV_ERR: u32 = 1 << 5;
/// VDMASR: there is no memory at the address. Halts.
pub(super) const DEC_ERR: u32 = 1 << 6;
/// VDMASR: a frame had too few lines.
pub(super) const SOF_EARLY: u32 = 1 << 7;
/// VDMASR: a line was too short.
pub(super) const EOL_EARLY: u32 = 1 << 8;
/// VDMASR: a frame had too many lines.
pub(super) const SOF_LATE: u32 = 1 << 11;
/// VDMASR: a line was too long.
pub(super) const EOL_LATE: u32 = 1 << 15;
/// VDMASR: what the stream did wrong. Halts nothing.
pub(super) const STREAM: u32 = SOF_EARLY | EOL_EARLY | SOF_LATE | EOL_LATE;

/// VDMASR: how many frames are left until FrmCnt_Irq; as many as VDMACR says just after one, never 0.
pub(super) const fn left(status: u32) -> u32 {
    (status >> 16) & 0xff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_have_their_registers_where_the_manual_says() {
        assert_eq!((MM2S.status, MM2S.index, MM2S.starts), (0x04, 0x14, 0x5c));
        assert_eq!((S2MM.status, S2MM.index, S2MM.starts), (0x34, 0x44, 0xac));
        assert_eq!((S2MM.vsize, S2MM.hsize, S2MM.stride), (0xa0, 0xa4, 0xa8));
        assert_eq!(S2MM.starts + 4 * SEEN, END);
    }
}
