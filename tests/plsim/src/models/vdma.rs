// SPDX-License-Identifier: MIT OR Apache-2.0
//! AXI VDMA 6.3 in register direct mode: frames from a camera to memory, and from memory to a display.
//!
//! - `vdma/regs.rs`: the register map;
//! - `vdma/channel.rs`: a channel's registers and its frame;
//! - `vdma/video.rs`: camera, display and their clocks, which run whether the channels do or not.
//!
//! Both channels flush on frame sync: an error of the stream is noted and the next frame is whole. With the stream of
//! S2MM it is the camera's geometry that decides: a line too short or too long, too few lines or too many.
//!
//! Assumptions, where no source says: what VSIZE has committed is in force from the next frame that begins; VSIZE starts
//! nothing in a channel that is halted, and a channel that is started again needs a new one; RS=0 ends with the
//! frame; frames count in park mode as well, and with an error of the stream; what the stream has too much of is dropped,
//! what it lacks leaves memory as it is; an MM2S channel with genlock enabled, to the other channel, and not parked
//! reads the store that S2MM is at less the frame delay, at least one behind; a start address takes two words in cores
//! with more than 32 address bits, which have at most 8 frame stores; the delay counter is a field that counts nothing.

mod channel;
pub mod regs;
pub mod video;

use channel::Channel;
use channel::SLICES;
use video::Camera;
use video::Clock;
use video::Display;

use crate::Model;
use crate::Nanos;
use crate::Register;
use crate::Wire;
use crate::protocol::CameraStatus;
use crate::protocol::DisplayStatus;
use crate::protocol::Mishap;
use crate::protocol::Way;

/// The interrupt outputs, in their order.
pub const OUTPUTS: [&str; 2] = ["mm2s_introut", "s2mm_introut"];

/// The synthesis parameters, and what the board makes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The channel is included.
    pub mm2s: bool,
    pub s2mm: bool,
    /// Frame stores, 1 to 32.
    pub stores: u32,
    /// Bits of an address, 32 to 64.
    pub addr_width: u32,
    /// Bits of a beat on the memory's side.
    pub data_width: u32,
    /// With a data realignment engine any address is good.
    pub dre: bool,
    /// The frame counters exist (`C_ENABLE_DEBUG_INFO`).
    pub frame_counter: bool,
    /// S2MM can turn frames upside down.
    pub flip: bool,
    pub camera: Camera,
    /// Frames a second, of camera and display.
    pub rate: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            mm2s: true,
            s2mm: true,
            stores: 4,
            addr_width: 32,
            data_width: 32,
            dre: false,
            frame_counter: true,
            flip: false,
            camera: Camera {
                bytes: 192,
                lines: 48,
                pixel: 3,
            },
            rate: 60,
        }
    }
}

pub struct Vdma {
    params: Params,
    mm2s: Channel,
    s2mm: Channel,
    camera: Camera,
    display: Display,
    /// The display's and the camera's.
    clocks: [Clock; 2],
}

impl Vdma {
    pub fn new(params: Params) -> Self {
        Self {
            params,
            mm2s: Channel::new(Way::Mm2s, params),
            s2mm: Channel::new(Way::S2mm, params),
            camera: params.camera,
            display: Display::default(),
            clocks: [Clock::new(params.rate); 2],
        }
    }

    pub fn camera(&self, now: Nanos) -> CameraStatus {
        self.camera.status(self.clock(Way::S2mm).count(now))
    }

    pub fn display(&self) -> DisplayStatus {
        self.display.status()
    }

    /// The camera's frames are of that size from the next one on.
    pub fn set_camera(&mut self, bytes: u32, lines: u32) {
        self.camera.bytes = bytes;
        self.camera.lines = lines;
    }

    /// Frames a second; 0 stops.
    pub fn set_rate(&mut self, way: Way, rate: u64, wire: &mut dyn Wire) {
        let now = wire.now();
        self.clock_mut(way).set_rate(rate, now);
        self.run(wire);
    }

    /// So many frames, and then no more.
    pub fn single(&mut self, way: Way, frames: u64, wire: &mut dyn Wire) {
        let now = wire.now();
        self.clock_mut(way).single(frames, now);
        self.run(wire);
    }

    /// Something goes wrong with a frame, after so many others.
    pub fn inject(&mut self, way: Way, injected: Option<(Mishap, u64)>) {
        self.channel(way).inject(injected);
    }

    /// Rates and camera as designed, no error to come, the display's counts zero.
    pub fn reset_bench(&mut self, wire: &mut dyn Wire) {
        self.camera = self.params.camera;
        self.display = Display::default();
        for way in [Way::Mm2s, Way::S2mm] {
            self.inject(way, None);
            self.set_rate(way, self.params.rate, wire);
        }
    }

    fn clock(&self, way: Way) -> &Clock {
        &self.clocks[usize::from(way == Way::S2mm)]
    }

    fn clock_mut(&mut self, way: Way) -> &mut Clock {
        &mut self.clocks[usize::from(way == Way::S2mm)]
    }

    fn channel(&mut self, way: Way) -> &mut Channel {
        match way {
            Way::Mm2s => &mut self.mm2s,
            Way::S2mm => &mut self.s2mm,
        }
    }

    fn channel_ref(&self, way: Way) -> &Channel {
        match way {
            Way::Mm2s => &self.mm2s,
            Way::S2mm => &self.s2mm,
        }
    }

    /// Does all that is due, and settles outputs and the next deadline.
    fn run(&mut self, wire: &mut dyn Wire) {
        let now = wire.now();
        for way in [Way::S2mm, Way::Mm2s] {
            while self.due(way, now).is_some_and(|due| due <= now) {
                self.step(way, wire);
            }
        }
        wire.drive(0, self.mm2s.requests());
        wire.drive(1, self.s2mm.requests());
        let due = [Way::Mm2s, Way::S2mm].map(|way| self.due(way, now));
        wire.wake_at(due.into_iter().flatten().min());
    }

    /// When a channel has something to do.
    fn due(&self, way: Way, now: Nanos) -> Option<Nanos> {
        let channel = self.channel_ref(way);
        match &channel.frame {
            Some(frame) => Some(frame.due()),
            None if channel.waits() => self.clock(way).next(now).map(|(_, start)| start),
            None => None,
        }
    }

    fn step(&mut self, way: Way, wire: &mut dyn Wire) {
        if self.channel(way).frame.is_none() {
            let clock = *self.clock(way);
            if let Some((number, start)) = clock.next(wire.now()) {
                let follows = self.follows(way);
                let channel = self.channel(way);
                channel.begin(number, start, clock.period(), follows);
            }
            return;
        }
        let moved = match way {
            Way::Mm2s => self.show_slice(wire),
            Way::S2mm => self.take_slice(wire),
        };
        if !moved {
            return;
        }
        let channel = self.channel(way);
        let Some(frame) = &mut channel.frame else {
            return;
        };
        frame.slices += 1;
        if frame.slices == SLICES {
            self.end(way);
        }
    }

    /// The frame store that genlock has a channel use.
    fn follows(&self, way: Way) -> Option<u32> {
        let slave = &self.mm2s;
        let bits = [regs::GENLOCK, regs::GENLOCK_INTERNAL, regs::CIRCULAR];
        let locked = way == Way::Mm2s && bits.into_iter().all(|bit| slave.has_control(bit));
        let stores = self.params.stores.max(1);
        let behind = slave.delay() % stores;
        locked.then(|| (self.s2mm.store + stores - behind) % stores)
    }

    fn end(&mut self, way: Way) {
        let Some(frame) = self.channel(way).end() else {
            return;
        };
        if way == Way::Mm2s {
            self.display.end(frame.store, frame.geometry.hsize);
        }
    }

    /// Errors that halt, at a frame's second part; true if there is one.
    fn halt(&mut self, way: Way) -> bool {
        let channel = self.channel(way);
        let Some(frame) = channel.frame.as_ref().filter(|frame| frame.slices == 1) else {
            return false;
        };
        let error = match frame.mishap {
            Some(Mishap::Internal) => regs::INT_ERR,
            Some(Mishap::Slave) => regs::SLV_ERR,
            Some(Mishap::Decode) => regs::DEC_ERR,
            _ => return false,
        };
        channel.fail(error);
        true
    }

    /// A part of a frame goes from memory to the display; false if the frame is over.
    fn show_slice(&mut self, wire: &mut dyn Wire) -> bool {
        if self.halt(Way::Mm2s) {
            return false;
        }
        let Some(frame) = &mut self.mm2s.frame else {
            return false;
        };
        let geometry = frame.geometry;
        if frame.slices == 0 {
            self.display.begin();
        }
        let mut bytes = vec![0; geometry.hsize as usize];
        for line in frame.lines(geometry.vsize) {
            let at = geometry.line(frame.store, line);
            if let Err(fault) = wire.memory().read(at, &mut bytes) {
                self.mm2s.fault(fault);
                return false;
            }
            self.display.line(&bytes, self.camera.pixel);
        }
        // The display asks for the next frame before this one is through.
        if frame.slices == 1 && frame.mishap == Some(Mishap::SofEarly) {
            self.mm2s.note(regs::SOF_EARLY);
        }
        true
    }

    /// A part of a frame goes from the camera to memory; false if the frame is over.
    fn take_slice(&mut self, wire: &mut dyn Wire) -> bool {
        if self.halt(Way::S2mm) {
            return false;
        }
        let Some(frame) = &self.s2mm.frame else {
            return false;
        };
        let sent = self.sent(frame.mishap);
        let geometry = frame.geometry;
        let (number, store) = (frame.number, frame.store);
        let lines = frame.lines(sent.lines.max(geometry.vsize));
        let crooked = matches!(frame.mishap, Some(Mishap::EolEarly | Mishap::EolLate));
        let mut errors = Vec::new();
        for line in lines.clone() {
            if line >= geometry.vsize || line >= sent.lines {
                continue;
            }
            // One line of a frame is enough.
            let bytes = match (crooked && line == 0, frame.mishap) {
                (true, Some(Mishap::EolEarly)) => sent.bytes.saturating_sub(sent.pixel),
                (true, _) => sent.bytes.saturating_add(sent.pixel),
                _ => sent.bytes,
            };
            errors.extend(match bytes.cmp(&geometry.hsize) {
                std::cmp::Ordering::Less => Some(regs::EOL_EARLY),
                std::cmp::Ordering::Equal => None,
                std::cmp::Ordering::Greater => Some(regs::EOL_LATE),
            });
            let data = video::pattern(number, line, sent.pixel, bytes.min(geometry.hsize));
            if let Err(fault) = wire.memory().write(geometry.line(store, line), &data) {
                self.s2mm.fault(fault);
                return false;
            }
        }
        let ends = lines.end == sent.lines.max(geometry.vsize);
        if ends && sent.lines < geometry.vsize {
            errors.push(regs::SOF_EARLY);
        } else if ends && sent.lines > geometry.vsize {
            errors.push(regs::SOF_LATE);
        }
        for error in errors {
            self.s2mm.note(error);
        }
        true
    }

    /// The camera's frame, as it is sent.
    fn sent(&self, mishap: Option<Mishap>) -> Camera {
        let camera = self.camera;
        let lines = match mishap {
            Some(Mishap::SofEarly) => camera.lines.saturating_sub(1),
            Some(Mishap::SofLate) => camera.lines.saturating_add(1),
            _ => camera.lines,
        };
        Camera { lines, ..camera }
    }

    fn park_pointer(&self) -> u32 {
        self.mm2s.park()
            | (self.s2mm.park() << 8)
            | (self.mm2s.shown_store() << 16)
            | (self.s2mm.shown_store() << 24)
    }
}

impl Model for Vdma {
    fn registers(&self) -> &'static [Register] {
        &regs::REGISTERS
    }

    fn present(&self, offset: u32) -> bool {
        match regs::decode(offset) {
            Some((way, field)) => self.channel_ref(way).has(field),
            None => matches!(offset, regs::PARK_PTR | regs::VERSION),
        }
    }

    fn read(&mut self, offset: u32, wire: &mut dyn Wire) -> u32 {
        self.peek(offset, wire.now())
    }

    fn write(&mut self, offset: u32, value: u32, wire: &mut dyn Wire) {
        match regs::decode(offset) {
            Some((way, field)) => {
                let result = self.channel(way).write(field, value);
                if let Err(wrong) = result {
                    wire.blame(&format!("{way}: {wrong}"));
                }
            }
            None if offset == regs::PARK_PTR => {
                self.mm2s.set_park(value);
                self.s2mm.set_park(value >> 8);
            }
            None => {}
        }
        self.run(wire);
    }

    fn peek(&self, offset: u32, _now: Nanos) -> u32 {
        match regs::decode(offset) {
            Some((way, field)) => self.channel_ref(way).read(field),
            None => match offset {
                regs::PARK_PTR => self.park_pointer(),
                regs::VERSION => regs::VERSION_VALUE,
                _ => 0,
            },
        }
    }

    fn input(&mut self, _input: usize, _level: bool, _wire: &mut dyn Wire) {}

    fn tick(&mut self, wire: &mut dyn Wire) {
        self.run(wire);
    }

    fn reset(&mut self, wire: &mut dyn Wire) {
        self.mm2s.reset();
        self.s2mm.reset();
        self.run(wire);
    }
}

#[cfg(test)]
mod tests;
