// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI VDMA: frames come as the camera sent them and go as they were given, nobody's bytes are copied, who reads too
//! seldom is told what was missed, waits that are dropped lose nothing; what it costs.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use axirq::Error;
use axirq::device::Device;
use axirq::video::AxiVdma;
use axirq::video::Frame;
use axirq::video::Input;
use axirq::video::Mode;
use axirq::video::Output;
use axirq::video::PixelFormat;
use axirq::video::blocking_tie_timeout;
use axirq::video::tie;
use plsim::models::stream::checksum;
use plsim::models::vdma::video::pattern;
use plsim::protocol::Way;
use tokio::time::sleep;
use tokio::time::timeout;

use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::fabric::Fabric;
use crate::rig::heap::allocations;
use crate::rig::overlay::Overlay;
use crate::rig::paths;
use crate::rig::random::Random;
use crate::rig::syscalls::assert_waits_cost_two;
use crate::rig::syscalls::marker;
use crate::rig::tasks::run;
use crate::rig::tasks::soon;
use crate::rig::until;

crate::tests![
    thousand_frames_have_no_wrong_pixel,
    slow_reader_is_told_what_it_missed,
    frames_that_are_held_stay_as_they_are,
    every_frame_is_shown_as_it_was_given,
    fast_writer_shows_whole_frames_in_their_order,
    frame_goes_through_without_a_copy,
    tie_ends_anywhere_and_harms_nothing,
    blocking_waits_end_in_time,
    cores_of_every_kind_move_frames,
    lines_lie_as_they_are_told,
    channels_start_and_stop_as_often_as_one_likes,
    frames_cost_few_register_accesses,
    addresses_that_are_longer_or_more_cost_one_access_more,
    frame_costs_two_system_calls,
    frames_allocate_nothing,
];

/// A camera and a display; its interrupts are levels on level inputs.
pub const CELL: &str = "axi_vdma_0";
pub const DEVICE: &str = "100b0000.dma";

/// Frames a second: as many as this machine can read, nearly.
pub const BUSY: u64 = 150;

/// The overlay with the VDMA, bound. Neither camera nor display have frames, until they are told.
pub fn studio() -> (Rig, Overlay) {
    let mut rig = Rig::new();
    rig.fabric.reset().unwrap();
    let overlay = apply();
    pause(&mut rig.fabric, CELL);
    (rig, overlay)
}

pub fn apply() -> Overlay {
    let overlay = Overlay::apply("vendor-data");
    for node in ["data_intc/6", "iop_lines/regs"] {
        paths::wait_for_node(node);
    }
    Device::find(DEVICE).unwrap().bind().unwrap();
    paths::wait_for_node(&format!("{CELL}/regs"));
    overlay
}

/// What the camera of `vdma_many` sends.
fn many() -> Mode {
    Mode::new(22, 9, PixelFormat::Gray8).unwrap()
}

/// What the camera of `vdma_wide` sends.
fn wide() -> Mode {
    Mode::new(40, 12, PixelFormat::Rgba32).unwrap()
}

/// The overlay with cores of every kind.
pub fn other_studios() -> (Rig, Overlay) {
    let mut rig = Rig::new();
    rig.fabric.reset().unwrap();
    let overlay = Overlay::apply("video");
    paths::wait_for_node("video_intc/7");
    for cell in ["vdma_few", "vdma_many", "vdma_wide", "vdma_bare"] {
        for node in ["regs", "mm2s_introut", "s2mm_introut"] {
            paths::wait_for_node(&format!("{cell}/{node}"));
        }
        pause(&mut rig.fabric, cell);
    }
    paths::wait_for_node("vdma_silent/regs");
    (rig, overlay)
}

/// No frames, but for those that are asked for one by one.
pub fn pause(fabric: &mut Fabric, cell: &str) {
    for way in [Way::Mm2s, Way::S2mm] {
        fabric.rate(cell, way, 0).unwrap();
    }
}

/// What the camera sends.
pub fn rgb() -> Mode {
    Mode::new(64, 48, PixelFormat::Rgb24).unwrap()
}

pub fn open(cell: &str) -> (AxiVdma, Input, Output) {
    let vdma = AxiVdma::open(cell).unwrap();
    let (input, output) = (vdma.input().unwrap(), vdma.output().unwrap());
    (vdma, input, output)
}

/// A camera's picture, to compare frames with.
pub struct Picture {
    lines: Vec<Vec<u8>>,
    pixel: usize,
}

impl Picture {
    pub fn new(mode: Mode) -> Self {
        let pixel = mode.format().bytes();
        let line = |line| pattern(0, line, pixel, mode.line_bytes());
        Self {
            lines: (0..mode.height()).map(line).collect(),
            pixel: pixel as usize,
        }
    }

    /// Of this number. Pixels of fewer than three bytes have none.
    fn turn(&mut self, number: u8) {
        for line in &mut self.lines {
            for byte in line.iter_mut().skip(2).step_by(self.pixel) {
                if self.pixel > 2 {
                    *byte = number;
                }
            }
        }
    }

    /// Checks every byte. Returns the camera's number of the frame, its lower 8 bits.
    pub fn check(&mut self, frame: &Frame) -> u8 {
        let number = frame.get(2).copied().unwrap_or(0);
        self.turn(number);
        assert_eq!(frame.rows().len(), self.lines.len());
        for (line, (row, expected)) in frame.rows().zip(&self.lines).enumerate() {
            assert_eq!(row, expected, "line {line} of frame {}", frame.number());
        }
        number
    }

    /// Draws it.
    fn draw(&mut self, frame: &mut Frame, number: u8) {
        self.turn(number);
        for (row, line) in frame.rows_mut().zip(&self.lines) {
            row.copy_from_slice(line);
        }
    }
}

/// What is shown of a frame.
fn shown_bytes(frame: &Frame) -> Vec<u8> {
    frame.rows().flatten().copied().collect()
}

fn fill(frame: &mut [u8], random: &mut Random) {
    for piece in frame.chunks_mut(8) {
        piece.copy_from_slice(&random.next().to_le_bytes()[..piece.len()]);
    }
}

/// The camera's frames, one by one.
pub struct Camera<'a> {
    cell: &'a str,
    stores: u64,
    /// The number of the first that the input saw.
    pub base: u64,
    /// How many came.
    sent: u64,
}

impl<'a> Camera<'a> {
    /// Of an input that has just been started.
    pub fn new(fabric: &mut Fabric, cell: &'a str, stores: u32) -> Self {
        Self {
            cell,
            stores: stores.into(),
            base: fabric.camera(cell).unwrap().frames,
            sent: 0,
        }
    }

    /// Sends frames that nobody waits for, until hardware is at the end of the last one.
    pub fn send(&mut self, fabric: &mut Fabric, frames: u64) {
        let counter = |fabric: &mut Fabric, register| {
            u64::from((fabric.register_of(self.cell, register) >> 16) & 0xff)
        };
        let (count, left) = (
            counter(fabric, "S2MM_VDMACR"),
            counter(fabric, "S2MM_VDMASR"),
        );
        // It counts down, and never stands at 0.
        let last = (left + count - 1 - frames % count) % count + 1;
        fabric.frames(self.cell, Way::S2mm, frames).unwrap();
        self.sent += frames;
        until("the frames", || {
            let begun = fabric.camera(self.cell).unwrap().frames - self.base;
            begun == self.sent && counter(fabric, "S2MM_VDMASR") == last
        });
    }

    /// Sends frames nobody waits for, and reads those that are left of them.
    fn check(
        &mut self,
        fabric: &mut Fabric,
        input: &mut Input,
        picture: &mut Picture,
        frames: u64,
    ) {
        let before = self.sent;
        self.send(fabric, frames);
        let first = before.max(self.sent - (self.stores - 2).min(self.sent));
        for number in first..self.sent {
            let frame = input
                .blocking_read_frame_timeout(PATIENCE)
                .unwrap()
                .unwrap();
            assert_eq!(frame.number(), number, "{}", self.cell);
            let dropped = if number == first { first - before } else { 0 };
            assert_eq!(frame.dropped(), dropped, "{}", self.cell);
            let camera = picture.check(&frame);
            if picture.pixel > 2 {
                assert_eq!(camera, (self.base + number) as u8);
            }
        }
        assert_eq!(input.frame_count(), self.sent);
        let none = input.blocking_read_frame_timeout(Duration::ZERO).unwrap();
        assert!(none.is_none(), "{}", self.cell);
    }
}

/// The display's next frame, which it looks at as a whole.
fn show_one(fabric: &mut Fabric, cell: &str) -> plsim::protocol::Frame {
    let before = fabric.display(cell).unwrap().frames;
    fabric.frames(cell, Way::Mm2s, 1).unwrap();
    until("a frame to be shown", || {
        fabric.display(cell).unwrap().frames == before + 1
    });
    fabric.display(cell).unwrap().last.unwrap()
}

fn thousand_frames_have_no_wrong_pixel() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, _output) = open(CELL);
    let mut picture = Picture::new(rgb());
    input.start(rgb()).unwrap();
    rig.fabric.rate(CELL, Way::S2mm, BUSY).unwrap();
    let (mut first, mut next, mut dropped) = (None, 0, 0);
    run(async {
        for _ in 0..1000 {
            let frame = soon("a frame", input.read_frame()).await.unwrap();
            assert_eq!(frame.number(), next + frame.dropped());
            next = frame.number() + 1;
            dropped += frame.dropped();
            let camera = picture.check(&frame);
            // A process that was held up for whole rounds of the stores knows nothing of these.
            let ahead = camera.wrapping_sub(frame.number() as u8);
            let ahead = ahead.wrapping_sub(*first.get_or_insert(ahead));
            assert_eq!(
                ahead % 4,
                0,
                "frame {} is the camera's {camera}",
                frame.number()
            );
        }
    });
    assert_eq!(next, 1000 + dropped);
    assert!(input.frame_count() >= next);
    assert_eq!(input.faults().total(), 0);
    println!("{dropped} dropped");
}

fn slow_reader_is_told_what_it_missed() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, _output) = open(CELL);
    let mut picture = Picture::new(rgb());
    input.start(rgb()).unwrap();
    let mut camera = Camera::new(&mut rig.fabric, CELL, 4);
    // Beyond where the hardware's counter goes round, too.
    for frames in [1, 2, 3, 4, 5, 1, 100, 7, 200, 251, 2] {
        camera.check(&mut rig.fabric, &mut input, &mut picture, frames);
    }
    // Waits that end in vain make no difference.
    for frames in [1, 3, 4] {
        let none = input.blocking_read_frame_timeout(Duration::from_millis(5));
        assert!(none.unwrap().is_none());
        camera.check(&mut rig.fabric, &mut input, &mut picture, frames);
    }
}

fn frames_that_are_held_stay_as_they_are() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, _output) = open(CELL);
    let mut picture = Picture::new(rgb());
    input.start(rgb()).unwrap();
    rig.fabric.rate(CELL, Way::S2mm, BUSY).unwrap();
    let read = |input: &mut Input| {
        input
            .blocking_read_frame_timeout(PATIENCE)
            .unwrap()
            .unwrap()
    };
    let mut held: Vec<_> = (0..3).map(|_| read(&mut input)).collect();
    let numbers: Vec<_> = held.iter().map(|frame| picture.check(frame)).collect();
    for _ in 0..30 {
        picture.check(&read(&mut input));
    }
    // Nor does the end of the input matter to them, or another beginning.
    input.stop().unwrap();
    input.start(rgb()).unwrap();
    held.push(read(&mut input));
    let again: Vec<_> = held.iter().map(|frame| picture.check(frame)).collect();
    assert_eq!(again[..3], numbers);
    assert_eq!(held[3].dropped(), held[3].number());
}

fn every_frame_is_shown_as_it_was_given() {
    let (mut rig, _overlay) = studio();
    let (_vdma, _input, mut output) = open(CELL);
    let mut random = Random::new(11);
    output.start(rgb()).unwrap();
    let black = show_one(&mut rig.fabric, CELL);
    assert_eq!((black.bytes, black.lines), (192, 48));
    assert_eq!(black.crc32, checksum(&[0; 192 * 48]));
    run(async {
        for round in 0..20 {
            let mut frame = output.new_frame().unwrap();
            fill(&mut frame, &mut random);
            let crc32 = checksum(&shown_bytes(&frame));
            soon("the frame before", output.write_frame(frame))
                .await
                .unwrap();
            assert_eq!(output.frame_count(), round + 1);
            // The next one has to wait.
            let is_shown = output.blocking_shown_timeout(Duration::ZERO).unwrap();
            assert!(!is_shown);
            let next = output.new_frame().unwrap();
            let back = output.blocking_write_frame_timeout(next, Duration::ZERO);
            assert!(back.unwrap().is_some());
            assert_eq!(show_one(&mut rig.fabric, CELL).crc32, crc32);
            soon("the frame", output.shown()).await.unwrap();
            // It stays there.
            assert_eq!(show_one(&mut rig.fabric, CELL).crc32, crc32);
        }
    });
    assert_eq!(output.faults().total(), 0);
}

fn fast_writer_shows_whole_frames_in_their_order() {
    let (mut rig, _overlay) = studio();
    let (_vdma, _input, mut output) = open(CELL);
    let mut picture = Picture::new(rgb());
    output.start(rgb()).unwrap();
    run(async {
        let mut before = 0;
        for number in 0..100 {
            let mut frame = output.new_frame().unwrap();
            picture.draw(&mut frame, number);
            soon("a frame", output.write_frame(frame)).await.unwrap();
            if number == 0 {
                // Black was never seen.
                rig.fabric.rate(CELL, Way::Mm2s, BUSY).unwrap();
            } else if number % 8 == 0 {
                let display = rig.fabric.display(CELL).unwrap();
                assert_eq!(display.patterned, display.frames);
                let last = display.last.unwrap().number.unwrap();
                // All but the last two were shown, and are over.
                assert!(
                    (before..=number).contains(&last) && last + 2 >= number,
                    "{last}"
                );
                before = last;
            }
        }
        soon("the last frame", output.shown()).await.unwrap();
    });
    until("the last frame", || {
        let display = rig.fabric.display(CELL).unwrap();
        assert_eq!(display.patterned, display.frames);
        assert!(display.frames >= 100);
        display.last.unwrap().number == Some(99)
    });
}

fn frame_goes_through_without_a_copy() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, mut output) = open(CELL);
    let mut picture = Picture::new(rgb());
    input.start(rgb()).unwrap();
    output.start(rgb()).unwrap();
    let mut camera = Camera::new(&mut rig.fabric, CELL, 4);
    for number in 0..6 {
        let at = format!("S2MM_START_ADDRESS{}", number % 4 + 1);
        let to = format!("MM2S_START_ADDRESS{}", (number + 1) % 4 + 1);
        let address = rig.fabric.register_of(CELL, &at);
        camera.send(&mut rig.fabric, 1);
        let frame = input
            .blocking_read_frame_timeout(PATIENCE)
            .unwrap()
            .unwrap();
        let seen = picture.check(&frame);
        assert_ne!(rig.fabric.register_of(CELL, &at), address);
        output.blocking_write_frame(frame).unwrap();
        assert_eq!(rig.fabric.register_of(CELL, &to), address);
        assert_eq!(show_one(&mut rig.fabric, CELL).number, Some(seen));
    }
}

fn tie_ends_anywhere_and_harms_nothing() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, mut output) = open(CELL);
    let mut picture = Picture::new(rgb());
    input.start(rgb()).unwrap();
    output.start(rgb()).unwrap();
    for way in [Way::Mm2s, Way::S2mm] {
        rig.fabric.rate(CELL, way, BUSY).unwrap();
    }
    let strange = |fabric: &mut Fabric| {
        let display = fabric.display(CELL).unwrap();
        display.frames - display.patterned
    };
    let mut random = Random::new(5);
    run(async {
        let until_shown = async {
            while rig.fabric.display(CELL).unwrap().patterned == 0 {
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            error = tie(&mut input, &mut output) => panic!("{error:?}"),
            () = soon("a frame", until_shown) => {}
        }
        // At first it was black.
        let black = strange(&mut rig.fabric);
        let mut given = 0;
        for round in 0..60 {
            let pause = Duration::from_micros(random.below(15_000));
            let tied = timeout(pause, tie(&mut input, &mut output)).await;
            assert!(tied.is_err(), "{tied:?}");
            if round % 4 == 0 {
                let frame = soon("a frame", input.read_frame()).await.unwrap();
                picture.check(&frame);
                soon("a frame", output.write_frame(frame)).await.unwrap();
            }
            assert!(output.frame_count() >= given);
            given = output.frame_count();
        }
        for _ in 0..30 {
            let pause = Duration::from_micros(random.below(15_000));
            blocking_tie_timeout(&mut input, &mut output, pause).unwrap();
        }
        let frame = input
            .blocking_read_frame_timeout(PATIENCE)
            .unwrap()
            .unwrap();
        picture.check(&frame);
        output.blocking_write_frame(frame).unwrap();
        soon("the frame", output.shown()).await.unwrap();
        assert_eq!(strange(&mut rig.fabric), black);
        println!("{given} frames were given");
    });
    assert_eq!((input.faults().total(), output.faults().total()), (0, 0));
}

fn blocking_waits_end_in_time() {
    const SHORT: Duration = Duration::from_millis(5);

    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, mut output) = open(CELL);
    input.start(rgb()).unwrap();
    output.start(rgb()).unwrap();
    for wait in [Duration::ZERO, SHORT] {
        assert!(input.blocking_read_frame_timeout(wait).unwrap().is_none());
        // Nothing was given, so all is shown.
        assert!(output.blocking_shown_timeout(wait).unwrap());
        blocking_tie_timeout(&mut input, &mut output, wait).unwrap();
    }
    let frame = output.new_frame().unwrap();
    output.blocking_write_frame(frame).unwrap();
    for wait in [Duration::ZERO, SHORT] {
        assert!(!output.blocking_shown_timeout(wait).unwrap());
        blocking_tie_timeout(&mut input, &mut output, wait).unwrap();
    }
    thread::scope(|scope| {
        let reader = scope.spawn(|| input.blocking_read_frame().unwrap().number());
        let writer = scope.spawn(|| output.blocking_shown().unwrap());
        crate::rig::wait_for_state(&format!("{CELL}/s2mm_introut"), "armed");
        crate::rig::wait_for_state(&format!("{CELL}/mm2s_introut"), "armed");
        for way in [Way::Mm2s, Way::S2mm] {
            rig.fabric.frames(CELL, way, 1).unwrap();
        }
        assert_eq!(reader.join().unwrap(), 0);
        writer.join().unwrap();
    });
}

/// Frames in and out of a core whose camera sends this.
fn move_frames(rig: &mut Rig, cell: &str, stores: u32, mode: Mode, stride: usize) {
    let (vdma, mut input, mut output) = open(cell);
    assert_eq!(vdma.stores(), stores);
    assert_eq!(
        (vdma.cell(), input.cell(), output.cell()),
        (cell, cell, cell)
    );
    let mut picture = Picture::new(mode);
    input.start(mode).unwrap();
    output.start(mode).unwrap();
    assert_eq!((input.mode(), output.mode()), (Some(mode), Some(mode)));
    let mut camera = Camera::new(&mut rig.fabric, cell, stores);
    let stores = u64::from(stores);
    // Each store, and each in another place.
    for _ in 0..stores + 1 {
        camera.check(&mut rig.fabric, &mut input, &mut picture, 1);
    }
    for frames in [stores, 1, 2 * stores + 3] {
        camera.check(&mut rig.fabric, &mut input, &mut picture, frames);
    }
    let mut random = Random::new(stores);
    for _ in 0..stores + 1 {
        let mut frame = output.new_frame().unwrap();
        assert_eq!(frame.stride(), stride);
        assert_eq!(frame.len(), stride * mode.height() as usize);
        fill(&mut frame, &mut random);
        let crc32 = checksum(&shown_bytes(&frame));
        output.blocking_write_frame(frame).unwrap();
        let last = show_one(&mut rig.fabric, cell);
        assert_eq!((last.crc32, last.lines), (crc32, mode.height()), "{cell}");
        assert!(output.blocking_shown_timeout(PATIENCE).unwrap());
    }
}

fn cores_of_every_kind_move_frames() {
    let (mut rig, _overlay) = other_studios();
    let few = Mode::new(10, 7, PixelFormat::Bgr24).unwrap();
    move_frames(&mut rig, "vdma_few", 3, few, 30);
    move_frames(&mut rig, "vdma_few", 3, few.with_stride(31).unwrap(), 31);
    move_frames(&mut rig, "vdma_many", 32, many(), 24);
    move_frames(&mut rig, "vdma_wide", 8, wide(), 160);
}

fn lines_lie_as_they_are_told() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, mut output) = open(CELL);
    let mut picture = Picture::new(rgb());
    for stride in [192, 196, 1000] {
        let mode = rgb().with_stride(stride).unwrap();
        input.start(mode).unwrap();
        output.start(mode).unwrap();
        let mut camera = Camera::new(&mut rig.fabric, CELL, 4);
        camera.send(&mut rig.fabric, 1);
        let frame = input
            .blocking_read_frame_timeout(PATIENCE)
            .unwrap()
            .unwrap();
        assert_eq!((frame.mode(), frame.stride()), (mode, stride as usize));
        let seen = picture.check(&frame);
        for line in frame.chunks_exact(stride as usize) {
            assert!(
                line[192..].iter().all(|byte| *byte == 0),
                "a line is its pixels"
            );
        }
        output.blocking_write_frame(frame).unwrap();
        let last = show_one(&mut rig.fabric, CELL);
        assert_eq!((last.number, last.bytes), (Some(seen), 192));
    }
    let crooked = rgb().with_stride(194).unwrap();
    for error in [input.start(crooked), output.start(crooked)] {
        let error = error.unwrap_err();
        assert!(
            matches!(
                error,
                Error::BadStride {
                    stride: 194,
                    beat: 4,
                    ..
                }
            ),
            "{error}"
        );
    }
}

fn channels_start_and_stop_as_often_as_one_likes() {
    const HALTED: u32 = 1;

    let (mut rig, _overlay) = studio();
    let (vdma, mut input, mut output) = open(CELL);
    let mut picture = Picture::new(rgb());
    for way in [Way::Mm2s, Way::S2mm] {
        rig.fabric.rate(CELL, way, BUSY).unwrap();
    }
    for round in 0..15 {
        for error in [
            input.blocking_read_frame().unwrap_err(),
            output.new_frame().unwrap_err(),
            output.blocking_shown().unwrap_err(),
        ] {
            assert!(matches!(error, Error::VideoStopped { .. }), "{error}");
        }
        assert_eq!((input.mode(), output.mode()), (None, None));
        assert_eq!((input.frame_count(), output.frame_count()), (0, 0));
        input.start(rgb()).unwrap();
        output.start(rgb()).unwrap();
        for _ in 0..round % 3 + 1 {
            let frame = input
                .blocking_read_frame_timeout(PATIENCE)
                .unwrap()
                .unwrap();
            assert!(frame.number() < input.frame_count());
            picture.check(&frame);
            output.blocking_write_frame(frame).unwrap();
        }
        if round % 4 == 1 {
            // Without a stop in between.
            input.start(rgb()).unwrap();
            output.start(rgb()).unwrap();
            assert_eq!(output.frame_count(), 0);
            let frame = input
                .blocking_read_frame_timeout(PATIENCE)
                .unwrap()
                .unwrap();
            picture.check(&frame);
        }
        if round % 5 == 3 {
            drop((input, output));
            (input, output) = (vdma.input().unwrap(), vdma.output().unwrap());
        } else {
            input.stop().unwrap();
            output.stop().unwrap();
        }
        for register in ["S2MM_VDMASR", "MM2S_VDMASR"] {
            assert_ne!(rig.fabric.register_of(CELL, register) & HALTED, 0);
        }
    }
}

const COUNTED: u64 = 40;

/// Accesses to registers of the VDMA since the counters were reset.
fn accesses(fabric: &mut Fabric, cell: &str) -> (u64, BTreeMap<String, (u64, u64)>) {
    let counts = fabric.counts(cell).unwrap();
    let counts: BTreeMap<_, _> = counts
        .iter()
        .map(|(name, count)| (name.clone(), (count.r, count.w)))
        .filter(|(_, count)| *count != (0, 0))
        .collect();
    (
        counts.values().map(|(read, written)| read + written).sum(),
        counts,
    )
}

fn frames_cost_few_register_accesses() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, mut output) = open(CELL);
    input.start(rgb()).unwrap();
    run(async {
        rig.fabric.reset_counts().unwrap();
        for _ in 0..COUNTED {
            let send = async { rig.fabric.frames(CELL, Way::S2mm, 1).unwrap() };
            let (frame, ()) = tokio::join!(soon("a frame", input.read_frame()), send);
            assert_eq!(frame.unwrap().dropped(), 0);
        }
        let (all, counts) = accesses(&mut rig.fabric, CELL);
        assert_eq!(all, 12 * COUNTED, "waited for: {counts:?}");

        let mut camera = Camera::new(&mut rig.fabric, CELL, 4);
        camera.base -= COUNTED;
        camera.sent = COUNTED;
        rig.fabric.reset_counts().unwrap();
        for _ in 0..COUNTED / 2 {
            camera.send(&mut rig.fabric, 2);
            for _ in 0..2 {
                let frame = soon("a frame", input.read_frame()).await.unwrap();
                assert_eq!(frame.dropped(), 0);
            }
        }
        let (all, counts) = accesses(&mut rig.fabric, CELL);
        assert_eq!(all, 4 * COUNTED, "there already: {counts:?}");

        output.start(rgb()).unwrap();
        let frame = output.new_frame().unwrap();
        output.write_frame(frame).await.unwrap();
        rig.fabric.reset_counts().unwrap();
        for _ in 0..COUNTED {
            let frame = output.new_frame().unwrap();
            let show = async { rig.fabric.frames(CELL, Way::Mm2s, 1).unwrap() };
            let (written, ()) = tokio::join!(soon("a frame", output.write_frame(frame)), show);
            written.unwrap();
        }
        let (all, counts) = accesses(&mut rig.fabric, CELL);
        assert_eq!(all, 10 * COUNTED, "shown: {counts:?}");
    });
}

fn addresses_that_are_longer_or_more_cost_one_access_more() {
    let (mut rig, _overlay) = other_studios();
    for (cell, stores, mode) in [("vdma_wide", 8, wide()), ("vdma_many", 32, many())] {
        let (_vdma, mut input, _output) = open(cell);
        input.start(mode).unwrap();
        let mut camera = Camera::new(&mut rig.fabric, cell, stores);
        rig.fabric.reset_counts().unwrap();
        for _ in 0..COUNTED {
            camera.send(&mut rig.fabric, 1);
            let frame = input.blocking_read_frame_timeout(PATIENCE).unwrap();
            assert_eq!(frame.unwrap().dropped(), 0);
        }
        let (all, counts) = accesses(&mut rig.fabric, cell);
        assert_eq!(all, 5 * COUNTED, "{cell}: {counts:?}");
    }
}

/// The counted process: a frame, a mark, many frames, a mark.
pub fn be_counted() {
    let mark = marker();
    let (_vdma, mut input, _output) = open(CELL);
    input.start(rgb()).unwrap();
    run(async {
        // The first wait registers with the reactor.
        let short = Duration::from_micros(1);
        while timeout(short, input.read_frame()).await.is_ok() {}
        for round in 0..=COUNTED {
            input.read_frame().await.unwrap();
            if round == 0 {
                mark();
            }
        }
        mark();
    });
}

fn frame_costs_two_system_calls() {
    let (mut rig, _overlay) = studio();
    // Who waits for one of these sleeps.
    rig.fabric.rate(CELL, Way::S2mm, 20).unwrap();
    assert_waits_cost_two("frames", COUNTED);
}

fn frames_allocate_nothing() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, mut output) = open(CELL);
    input.start(rgb()).unwrap();
    output.start(rgb()).unwrap();
    run(async {
        // The first waits register with the reactor, and make places for waiters.
        let frame = output.new_frame().unwrap();
        output.write_frame(frame).await.unwrap();
        let short = Duration::from_millis(1);
        assert!(timeout(short, output.shown()).await.is_err());
        assert!(timeout(short, input.read_frame()).await.is_err());
        for way in [Way::Mm2s, Way::S2mm] {
            rig.fabric.rate(CELL, way, 50).unwrap();
        }
        let mut before = 0;
        for round in 0..=COUNTED {
            output.shown().await.unwrap();
            let frame = input.read_frame().await.unwrap();
            output.write_frame(frame).await.unwrap();
            if round == 3 {
                // By now each frame has a place that it comes back to.
                before = allocations();
            }
        }
        assert_eq!(allocations() - before, 0);
    });
    let before = allocations();
    blocking_tie_timeout(&mut input, &mut output, Duration::from_millis(300)).unwrap();
    assert_eq!(allocations() - before, 0);
}
