// SPDX-License-Identifier: MIT OR Apache-2.0
//! One channel of the AXI VDMA: its registers, and the frame it is at. What a frame's bytes are is its owner's matter.

use super::Params;
use super::regs;
use super::regs::Field;
use crate::Nanos;
use crate::memory::Fault;
use crate::protocol::Mishap;
use crate::protocol::Way;

/// In so many parts a frame is moved, spread over its time: who looks too early sees a part of it.
pub const SLICES: u32 = 4;

/// What a write of VSIZE commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Geometry {
    pub hsize: u32,
    pub vsize: u32,
    pub stride: u32,
    pub delay: u32,
    pub flip: bool,
    pub starts: [u64; 32],
}

impl Geometry {
    /// Where a line of a frame store begins.
    pub fn line(&self, store: u32, line: u32) -> u64 {
        let start = self.starts.get(store as usize).copied().unwrap_or(0);
        let line = if self.flip {
            self.vsize.saturating_sub(1).saturating_sub(line)
        } else {
            line
        };
        start.wrapping_add(u64::from(line) * u64::from(self.stride))
    }
}

/// The frame that is being moved.
pub struct Running {
    pub number: u64,
    pub store: u32,
    /// When it began, and how long it takes.
    start: Nanos,
    period: Nanos,
    /// Parts that were moved.
    pub slices: u32,
    /// What is wrong with it.
    pub mishap: Option<Mishap>,
    pub geometry: Geometry,
}

impl Running {
    /// When the next part is due.
    pub fn due(&self) -> Nanos {
        let part = u128::from(self.period) * u128::from(self.slices + 1) / u128::from(SLICES);
        let part = Nanos::try_from(part).unwrap_or(Nanos::MAX);
        self.start.saturating_add(part)
    }

    /// The lines of the next part, of so many lines.
    pub fn lines(&self, of: u32) -> std::ops::Range<u32> {
        let until = |slices: u32| (u64::from(of) * u64::from(slices) / u64::from(SLICES)) as u32;
        until(self.slices)..until(self.slices + 1)
    }
}

pub struct Channel {
    way: Way,
    params: Params,
    /// VDMACR but for its bits with rules of their own.
    stored: u32,
    runs: bool,
    /// What an interrupt takes, and what is left of it.
    frame_count: u32,
    frames_left: u32,
    status: u32,
    mask: u32,
    index: u32,
    /// As written; in force once committed.
    written: Geometry,
    committed: Option<Geometry>,
    active: Option<Geometry>,
    park: u32,
    /// The frame store that is used, or will be next.
    pub store: u32,
    /// An error has halted it: only a reset lets it run again.
    broken: bool,
    /// The frame store at which an error was seen.
    failed_at: Option<u32>,
    pub frame: Option<Running>,
    /// A mishap that a test has asked for, and the frames before it.
    injected: Option<(Mishap, u64)>,
}

impl Channel {
    pub fn new(way: Way, params: Params) -> Self {
        Self {
            way,
            params,
            stored: regs::CONTROL_RESET,
            runs: false,
            frame_count: 1,
            frames_left: 1,
            status: 0,
            mask: 0,
            index: 0,
            written: Geometry::default(),
            committed: None,
            active: None,
            park: 0,
            store: 0,
            broken: false,
            failed_at: None,
            frame: None,
            injected: None,
        }
    }

    /// Registers to their reset values; a frame is over at once. What a test has set stays.
    pub fn reset(&mut self) {
        *self = Self {
            injected: self.injected,
            ..Self::new(self.way, self.params)
        };
    }

    fn included(&self) -> bool {
        match self.way {
            Way::Mm2s => self.params.mm2s,
            Way::S2mm => self.params.s2mm,
        }
    }

    pub fn has(&self, field: Field) -> bool {
        self.included()
            && match field {
                Field::Index => self.params.stores > regs::STARTS,
                Field::Start(word) => {
                    let words = if self.wide() { 2 } else { 1 };
                    let seen = self.params.stores.min(regs::STARTS);
                    word < seen * words
                }
                Field::Flip => self.params.flip,
                _ => true,
            }
    }

    /// A start address takes two words.
    fn wide(&self) -> bool {
        self.params.addr_width > 32
    }

    /// The frame store of a word of the start addresses, and how far its bits are shifted.
    fn place(&self, word: u32) -> (usize, u32) {
        if self.wide() {
            (word as usize / 2, 32 * (word % 2))
        } else {
            (word as usize + (self.index * regs::STARTS) as usize, 0)
        }
    }

    pub fn read(&self, field: Field) -> u32 {
        if !self.has(field) {
            return 0;
        }
        match field {
            Field::Control => {
                self.stored | (u32::from(self.runs) * regs::RS) | (self.frame_count << 16)
            }
            Field::Status => {
                let halted = u32::from(self.halted()) * regs::HALTED;
                let left = if self.params.frame_counter {
                    self.frames_left
                } else {
                    0
                };
                self.status | halted | (left << 16)
            }
            Field::Index => self.index,
            Field::Mask => self.mask,
            Field::Vsize => self.written.vsize,
            Field::Hsize => self.written.hsize,
            Field::Stride => self.written.stride | (self.written.delay << 24),
            Field::Flip => self.written.flip.into(),
            Field::Start(word) => {
                let (store, shift) = self.place(word);
                let start = self.written.starts.get(store).copied().unwrap_or(0);
                (start >> shift) as u32
            }
        }
    }

    /// A write; says what is wrong with it.
    pub fn write(&mut self, field: Field, value: u32) -> Result<(), &'static str> {
        if !self.has(field) {
            return Ok(());
        }
        match field {
            Field::Control if value & regs::RESET != 0 => self.reset(),
            Field::Control => self.control(value),
            Field::Status => self.acknowledge(value),
            Field::Index => self.index = value & 1,
            Field::Mask => self.mask = value & 0xf,
            Field::Vsize => return self.commit(value & 0x1fff),
            Field::Hsize => self.written.hsize = value & 0xffff,
            Field::Stride => {
                self.written.stride = value & 0xffff;
                self.written.delay = (value >> 24) & 0x1f;
            }
            Field::Flip => self.written.flip = value & 1 != 0,
            Field::Start(word) => {
                let (store, shift) = self.place(word);
                let width = u64::MAX >> (64 - self.params.addr_width.clamp(32, 64));
                if let Some(start) = self.written.starts.get_mut(store) {
                    let kept = *start & !(0xffff_ffff << shift);
                    *start = (kept | (u64::from(value) << shift)) & width;
                }
            }
        }
        Ok(())
    }

    fn control(&mut self, value: u32) {
        self.stored = value & regs::STORED;
        let count = ((value >> 16) & 0xff).max(1);
        if count != self.frame_count {
            self.frame_count = count;
            self.frames_left = count;
        }
        let before = self.runs;
        self.runs = value & regs::RS != 0 && !self.broken;
        if self.runs && !before && self.frame.is_none() {
            self.active = None;
            self.committed = None;
        }
    }

    fn acknowledge(&mut self, value: u32) {
        let mut clearable = regs::IRQS | regs::STREAM_ERRORS;
        // One that did not halt came with a frame's early end.
        if !self.broken {
            clearable |= regs::INT_ERR;
        }
        self.status &= !(value & clearable);
        if self.status & (regs::STREAM_ERRORS | regs::INT_ERR | regs::HARD_ERRORS) == 0 {
            self.failed_at = None;
        }
    }

    fn commit(&mut self, vsize: u32) -> Result<(), &'static str> {
        self.written.vsize = vsize;
        if !self.runs {
            return Err("VSIZE is written while the channel is halted; nothing is started");
        }
        self.committed = Some(self.written);
        if vsize == 0 || self.written.hsize == 0 {
            self.fail(regs::INT_ERR);
            return Err("VSIZE is written, and it or HSIZE is 0");
        }
        if self.written.stride < self.written.hsize {
            return Err("the stride is less than HSIZE; lines overlap");
        }
        if !self.aligned() {
            self.fail(regs::INT_ERR);
            return Err(
                "an address or the stride is not aligned, and the core has no realignment engine",
            );
        }
        Ok(())
    }

    fn aligned(&self) -> bool {
        let beat = u64::from((self.params.data_width / 8).max(1));
        let used = self.written.starts.iter().take(self.params.stores as usize);
        let stride = u64::from(self.written.stride);
        self.params.dre || used.chain([&stride]).all(|at| at % beat == 0)
    }

    fn halted(&self) -> bool {
        !self.runs && self.frame.is_none()
    }

    /// The interrupt output.
    pub fn requests(&self) -> bool {
        self.status & self.stored & regs::IRQS != 0
    }

    /// Whether a bit of VDMACR is set.
    pub fn has_control(&self, bit: u32) -> bool {
        self.stored & bit != 0
    }

    /// It waits for a frame to begin.
    pub fn waits(&self) -> bool {
        self.runs && self.frame.is_none() && (self.active.is_some() || self.committed.is_some())
    }

    /// The frame store that hardware says it is at.
    pub fn shown_store(&self) -> u32 {
        self.failed_at.unwrap_or(self.store)
    }

    pub fn park(&self) -> u32 {
        self.park
    }

    pub fn set_park(&mut self, store: u32) {
        self.park = store & 0x1f;
    }

    /// A frame begins: what was committed is in force. `follows` is the frame store that genlock says.
    pub fn begin(&mut self, number: u64, start: Nanos, period: Nanos, follows: Option<u32>) {
        self.active = self.committed.take().or(self.active);
        let Some(geometry) = self.active else { return };
        let stores = self.params.stores.max(1);
        self.store = match follows {
            Some(store) => store % stores,
            None if self.has_control(regs::CIRCULAR) => self.store % stores,
            None => self.park % stores,
        };
        let mishap = match &mut self.injected {
            Some((_, after)) if *after > 0 => {
                *after -= 1;
                None
            }
            injected => injected.take().map(|(mishap, _)| mishap),
        };
        self.frame = Some(Running {
            number,
            store: self.store,
            start,
            period,
            slices: 0,
            mishap,
            geometry,
        });
    }

    /// The frame has come to its end, in time or before it.
    pub fn end(&mut self) -> Option<Running> {
        let frame = self.frame.take()?;
        if self.has_control(regs::CIRCULAR) {
            self.store = (frame.store + 1) % self.params.stores.max(1);
        }
        if self.params.frame_counter {
            self.frames_left = self.frames_left.saturating_sub(1);
            if self.frames_left == 0 {
                self.frames_left = self.frame_count;
                self.status |= regs::FRAME_IRQ;
                // Counted frames: it halts by itself.
                self.runs &= !self.has_control(regs::COUNTED);
            }
        }
        Some(frame)
    }

    /// An error of the stream: it is noted, and the channel goes on.
    pub fn note(&mut self, error: u32) {
        self.failed_at.get_or_insert(self.store);
        self.status |= error;
        if error == regs::SOF_EARLY {
            self.status |= regs::INT_ERR;
        }
        let order = [
            regs::SOF_EARLY,
            regs::EOL_EARLY,
            regs::SOF_LATE,
            regs::EOL_LATE,
        ];
        let masked = (0..)
            .zip(order)
            .any(|(bit, known)| known == error && (self.mask >> bit) & 1 != 0);
        if !masked {
            self.status |= regs::ERR_IRQ;
        }
    }

    /// An error that halts.
    pub fn fail(&mut self, error: u32) {
        self.failed_at.get_or_insert(self.store);
        self.status |= error | regs::ERR_IRQ;
        self.broken = true;
        self.runs = false;
        self.frame = None;
        self.active = None;
        self.committed = None;
    }

    pub fn fault(&mut self, fault: Fault) {
        self.fail(match fault {
            Fault::Decode => regs::DEC_ERR,
            Fault::Slave => regs::SLV_ERR,
        });
    }

    pub fn inject(&mut self, injected: Option<(Mishap, u64)>) {
        self.injected = injected;
    }

    /// How far a genlock slave stays behind its master.
    pub fn delay(&self) -> u32 {
        let geometry = self.committed.as_ref().or(self.active.as_ref());
        geometry.map_or(0, |geometry| geometry.delay).max(1)
    }
}
