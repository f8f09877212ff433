// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the AXI VDMA, one test each, and what PYNQ's driver does with it.

use proptest::prelude::*;

use super::regs::*;
use super::*;
use crate::models::bench::Bench;

const RAM: u64 = 0x4000_0000;
const SIZE: usize = 0x1_0000;
/// Bytes and lines of a frame, and from line to line.
const BYTES: u32 = 24;
const LINES: u32 = 10;
const STRIDE: u32 = 32;
/// From frame store to frame store.
const STORE: u64 = 0x400;
const FRAME: Nanos = 1_000_000;

const PARK: u32 = 0;
const ENABLES: u32 = RS | FRAME_IRQ | ERR_IRQ;

fn params() -> Params {
    Params {
        camera: Camera {
            bytes: BYTES,
            lines: LINES,
            pixel: 3,
        },
        rate: 1000,
        ..Params::default()
    }
}

fn bench_of(params: Params) -> Bench<Vdma> {
    Bench::with_ram(Vdma::new(params), RAM, SIZE)
}

fn bench() -> Bench<Vdma> {
    bench_of(params())
}

/// Offsets of a channel's control register, and of its sizes.
fn base(way: Way) -> (u32, u32) {
    match way {
        Way::Mm2s => (0x00, 0x50),
        Way::S2mm => (0x30, 0xa0),
    }
}

impl Bench<Vdma> {
    fn control(&mut self, way: Way, value: u32) {
        self.write(base(way).0, value);
    }

    fn geometry(&mut self, way: Way, bytes: u32, stride: u32) {
        let sizes = base(way).1;
        for store in 0..4 {
            self.write(
                sizes + 0x0c + 4 * store,
                (RAM + STORE * u64::from(store)) as u32,
            );
        }
        self.write(sizes + 0x08, stride);
        self.write(sizes + 0x04, bytes);
    }

    fn start(&mut self, way: Way, control: u32) {
        self.control(way, control);
        self.geometry(way, BYTES, STRIDE);
        self.write(base(way).1, LINES);
    }

    fn status(&mut self, way: Way) -> u32 {
        self.read(base(way).0 + 4) & 0xffff
    }

    fn frames_left(&mut self, way: Way) -> u32 {
        (self.read(base(way).0 + 4) >> 16) & 0xff
    }

    fn acknowledge(&mut self, way: Way, bits: u32) {
        self.write(base(way).0 + 4, bits);
    }

    fn store(&mut self, way: Way) -> u32 {
        let shift = if way == Way::Mm2s { 16 } else { 24 };
        (self.read(PARK_PTR) >> shift) & 0x1f
    }

    fn line(&self, store: u32, line: u32) -> Vec<u8> {
        let at = RAM + STORE * u64::from(store) + u64::from(line * STRIDE);
        self.ram(at, BYTES as usize)
    }

    /// The frame that a store holds, if all of it is one frame of the camera's.
    fn number_in(&self, store: u32) -> Option<u8> {
        let number = self.line(store, 0)[2];
        let whole = (0..LINES)
            .all(|line| self.line(store, line) == video::pattern(number.into(), line, 3, BYTES));
        whole.then_some(number)
    }

    fn output(&self, way: Way) -> bool {
        let number = usize::from(way == Way::S2mm);
        self.pins.outputs.get(&number).copied().unwrap_or(false)
    }

    fn inject(&mut self, way: Way, mishap: Mishap, after: u64) {
        self.model.inject(way, Some((mishap, after)));
    }

    /// Writes frames of the camera's into all stores, numbered as they are.
    fn fill(&mut self) {
        for store in 0..4 {
            for line in 0..LINES {
                let at = RAM + STORE * store + u64::from(line * STRIDE);
                let bytes = video::pattern(store, line, 3, BYTES);
                self.pins.memory.write(at, &bytes).unwrap();
            }
        }
    }
}

#[test]
fn registers_reset_as_the_manual_lists_them() {
    let mut bench = bench();
    for control in [0x00, 0x30] {
        assert_eq!(bench.read(control), 0x0001_0042);
        assert_eq!(bench.read(control + 4), 0x0001_0001);
    }
    assert_eq!(bench.read(VERSION), 0x6200_0000);
    for register in REGISTERS.iter().filter(|register| {
        let known = [0x00, 0x04, 0x30, 0x34, VERSION];
        !known.contains(&register.offset)
    }) {
        assert_eq!(bench.read(register.offset), 0, "{}", register.name);
    }
    let offsets: Vec<u32> = REGISTERS.iter().map(|register| register.offset).collect();
    assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:x?}");
    assert_eq!(offsets.len(), 49);
}

#[test]
fn fields_keep_their_width_and_absent_registers_read_0() {
    let mut bench = bench();
    let kept = [
        (0x50, 0x1fff),
        (0x54, 0xffff),
        (0x58, 0x1f00_ffff),
        (0x5c, 0xffff_fffc),
        (0x68, 0xffff_fffc),
        (0xa0, 0x1fff),
        (0x3c, 0xf),
        (PARK_PTR, 0x1f1f),
    ];
    for (offset, mask) in kept {
        bench.write(offset, 0xffff_fffc | mask);
        assert_eq!(bench.read(offset), mask, "{offset:#x}");
        assert!(bench.model.present(offset));
    }
    for offset in [0x14, 0x24, 0x44, 0x6c, 0x98, 0xbc, 0xec, 0x100, 0x38] {
        bench.write(offset, u32::MAX);
        assert_eq!(bench.read(offset), 0, "{offset:#x}");
        assert!(!bench.model.present(offset));
    }
    bench.write(VERSION, 0);
    assert_eq!(bench.read(VERSION), 0x6200_0000);
    bench.control(Way::Mm2s, !RESET & !RS);
    assert_eq!(bench.read(0), 0xffff_fffa);
    bench.control(Way::Mm2s, 0);
    assert_eq!(bench.read(0), 0x0001_0000, "a count of 0 is 1");
}

#[test]
fn second_half_of_the_start_addresses_is_behind_the_index() {
    let mut bench = bench_of(Params {
        stores: 20,
        ..params()
    });
    bench.write(0x5c, 0x1000);
    bench.write(0x14, 0xff);
    assert_eq!(bench.read(0x14), 1);
    assert_eq!(bench.read(0x5c), 0);
    bench.write(0x5c, 0x2000);
    bench.write(0x14, 0);
    assert_eq!(bench.read(0x5c), 0x1000);
    let mut wide = bench_of(Params {
        addr_width: 40,
        ..params()
    });
    wide.write(0x5c, 4);
    wide.write(0x60, u32::MAX);
    wide.write(0x64, 8);
    assert_eq!(
        [wide.read(0x5c), wide.read(0x60), wide.read(0x64)],
        [4, 0xff, 8]
    );
    assert!(wide.model.present(0x78) && !wide.model.present(0x7c));
}

#[test]
fn halted_drops_with_run_and_comes_back_at_the_frame_s_end() {
    let mut bench = bench();
    bench.control(Way::S2mm, ENABLES | CIRCULAR);
    assert_eq!(bench.status(Way::S2mm), 0, "no video yet");
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(FRAME + FRAME / 2);
    bench.control(Way::S2mm, CIRCULAR);
    assert_eq!(
        bench.status(Way::S2mm) & HALTED,
        0,
        "in the middle of a frame"
    );
    bench.pass(FRAME);
    assert_eq!(bench.status(Way::S2mm), HALTED | FRAME_IRQ);
    assert_eq!(bench.number_in(0), Some(0));
    bench.pass(10 * FRAME);
    assert_eq!(bench.number_in(1), None);
    assert_eq!(bench.pins.wake, None);
    // Started again it needs a new commit.
    bench.control(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(3 * FRAME);
    assert_eq!(bench.store(Way::S2mm), 1);
}

#[test]
fn circular_goes_through_all_stores_with_frames_whole_and_in_order() {
    let mut bench = bench();
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(FRAME);
    for number in 0..9u8 {
        let store = u32::from(number % 4);
        assert_eq!(bench.store(Way::S2mm), store);
        bench.pass(FRAME);
        assert_eq!(bench.number_in(store), Some(number));
        assert!(bench.output(Way::S2mm));
        bench.acknowledge(Way::S2mm, FRAME_IRQ);
        assert!(!bench.output(Way::S2mm));
    }
    assert_eq!(
        bench.ram(RAM + u64::from(BYTES), 8),
        [0; 8],
        "beyond the line"
    );
    assert_eq!(bench.ram(RAM + u64::from(LINES * STRIDE), 32), [0; 32]);
}

#[test]
fn frame_fills_its_store_in_the_course_of_its_time() {
    let mut bench = bench();
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(5 * FRAME + FRAME / 2);
    assert_eq!(bench.store(Way::S2mm), 0);
    assert_eq!(bench.line(0, 0)[2], 4);
    assert_eq!(bench.line(0, LINES - 1)[2], 0);
    assert_eq!(bench.number_in(0), None, "torn");
    assert_eq!(bench.number_in(3), Some(3));
}

#[test]
fn parked_channel_stays_and_still_counts() {
    let mut bench = bench();
    bench.fill();
    bench.write(PARK_PTR, 2);
    bench.start(Way::Mm2s, ENABLES | PARK);
    bench.pass(4 * FRAME);
    let status = bench.model.display();
    assert_eq!((status.frames, status.patterned), (3, 3));
    assert_eq!(status.last.unwrap().store, 2);
    assert_eq!(bench.status(Way::Mm2s), FRAME_IRQ);
    // The next frame is from the new one, this one is not.
    bench.pass(FRAME / 2);
    bench.write(PARK_PTR, 1);
    bench.pass(FRAME / 2);
    assert_eq!(bench.model.display().last.unwrap().number, Some(2));
    bench.pass(FRAME);
    let last = bench.model.display().last.unwrap();
    assert_eq!((last.store, last.number), (1, Some(1)));
    assert_eq!((last.bytes, last.lines), (BYTES, LINES));
}

#[test]
fn interrupt_comes_once_for_as_many_frames_as_asked() {
    let mut bench = bench();
    bench.start(Way::S2mm, ENABLES | CIRCULAR | (3 << 16));
    assert_eq!(bench.frames_left(Way::S2mm), 3);
    bench.pass(3 * FRAME);
    assert_eq!(
        (bench.frames_left(Way::S2mm), bench.status(Way::S2mm)),
        (1, 0)
    );
    bench.pass(FRAME);
    assert_eq!(
        (bench.frames_left(Way::S2mm), bench.status(Way::S2mm)),
        (3, FRAME_IRQ)
    );
    bench.pass(FRAME);
    assert_eq!(bench.frames_left(Way::S2mm), 2);
    bench.control(Way::S2mm, ENABLES | CIRCULAR | (3 << 16));
    assert_eq!(bench.frames_left(Way::S2mm), 2, "the same value");
    bench.control(Way::S2mm, ENABLES | CIRCULAR | (5 << 16));
    assert_eq!(bench.frames_left(Way::S2mm), 5);
    let mut without = bench_of(Params {
        frame_counter: false,
        ..params()
    });
    without.start(Way::S2mm, ENABLES | CIRCULAR);
    without.pass(5 * FRAME);
    assert_eq!(
        (without.frames_left(Way::S2mm), without.status(Way::S2mm)),
        (0, 0)
    );
    assert_eq!(without.number_in(3), Some(3));
}

#[test]
fn counted_channel_halts_after_its_frames() {
    let mut bench = bench();
    bench.start(Way::S2mm, ENABLES | CIRCULAR | COUNTED | (2 << 16));
    bench.pass(10 * FRAME);
    assert_eq!(bench.status(Way::S2mm), HALTED | FRAME_IRQ);
    assert_eq!(bench.number_in(1), Some(1));
    assert_eq!(bench.number_in(2), None);
}

#[test]
fn new_values_hold_from_the_next_frame_after_vsize() {
    let mut bench = bench();
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(FRAME + FRAME / 2);
    bench.write(0xac + 4, (RAM + 8 * STORE) as u32);
    bench.pass(FRAME);
    assert_eq!(bench.store(Way::S2mm), 1);
    bench.pass(FRAME);
    assert_eq!(bench.number_in(1), Some(1), "not committed");
    bench.write(0xa0, LINES);
    bench.pass(4 * FRAME);
    assert_eq!(bench.number_in(1), Some(1));
    assert_eq!(bench.number_in(8), Some(5));
}

#[test]
fn size_of_zero_halts_until_reset() {
    for (bytes, lines) in [(0, LINES), (BYTES, 0)] {
        let mut bench = bench();
        bench.control(Way::S2mm, ENABLES | CIRCULAR);
        bench.geometry(Way::S2mm, bytes, STRIDE);
        bench.write(0xa0, lines);
        assert_eq!(bench.status(Way::S2mm), HALTED | INT_ERR | ERR_IRQ);
        assert!(bench.output(Way::S2mm));
        bench.acknowledge(Way::S2mm, 0xffff);
        assert_eq!(bench.status(Way::S2mm), HALTED | INT_ERR);
        bench.start(Way::S2mm, ENABLES | CIRCULAR);
        assert_eq!(bench.status(Way::S2mm), HALTED | INT_ERR);
        bench.control(Way::S2mm, RESET);
        assert_eq!(bench.status(Way::S2mm), HALTED);
        bench.start(Way::S2mm, ENABLES | CIRCULAR);
        bench.pass(2 * FRAME);
        assert_eq!(bench.status(Way::S2mm), FRAME_IRQ);
    }
}

#[test]
fn what_no_driver_should_do_is_noted() {
    let mut bench = bench();
    bench.write(0xa0, LINES);
    bench.control(Way::S2mm, ENABLES);
    bench.geometry(Way::S2mm, BYTES, BYTES - 4);
    bench.write(0xa0, LINES);
    bench.geometry(Way::S2mm, BYTES, STRIDE + 2);
    bench.write(0xa0, LINES);
    assert_eq!(bench.status(Way::S2mm), HALTED | INT_ERR | ERR_IRQ);
    let blamed: Vec<&str> = bench.pins.blamed.iter().map(String::as_str).collect();
    assert_eq!(
        blamed,
        [
            "s2mm: VSIZE is written while the channel is halted; nothing is started",
            "s2mm: the stride is less than HSIZE; lines overlap",
            "s2mm: an address or the stride is not aligned, and the core has no realignment engine",
        ]
    );
}

#[test]
fn no_memory_at_a_frame_store_halts() {
    for way in [Way::Mm2s, Way::S2mm] {
        let mut bench = bench();
        bench.control(way, ENABLES | CIRCULAR);
        bench.geometry(way, BYTES, STRIDE);
        bench.write(base(way).1 + 0x0c + 8, 0x1000);
        bench.write(base(way).1, LINES);
        bench.pass(10 * FRAME);
        assert_eq!(bench.status(way), HALTED | DEC_ERR | ERR_IRQ | FRAME_IRQ);
        assert_eq!(bench.store(way), 2, "where it failed");
        bench.control(way, RESET);
        assert_eq!(bench.store(way), 0);
    }
}

#[test]
fn reset_is_of_one_channel() {
    let mut bench = bench();
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.start(Way::Mm2s, ENABLES | CIRCULAR);
    bench.write(PARK_PTR, 0x0203);
    bench.pass(FRAME + FRAME / 2);
    bench.control(Way::Mm2s, RESET);
    assert_eq!(
        (bench.read(0x00), bench.read(0x04)),
        (0x0001_0042, 0x0001_0001)
    );
    assert_eq!((bench.read(0x50), bench.read(0x5c)), (0, 0));
    assert_eq!(bench.read(PARK_PTR) & 0x1f1f, 0x0200);
    assert_eq!(bench.status(Way::S2mm) & HALTED, 0);
    bench.pass(FRAME);
    assert_eq!(bench.number_in(0), Some(0));
    assert_eq!(bench.model.display().frames, 0);
    let Bench { model, pins } = &mut bench;
    model.reset(pins);
    assert_eq!(bench.status(Way::S2mm), HALTED);
    assert!(!bench.output(Way::S2mm));
}

/// Takes one frame of a camera that does not send what the channel expects; gives the status.
fn mismatch(bytes: u32, lines: u32) -> (Bench<Vdma>, u32) {
    let mut bench = bench();
    for store in 0..2 {
        let area = [0xee; STORE as usize];
        bench.pins.memory.write(RAM + STORE * store, &area).unwrap();
    }
    bench.model.set_camera(bytes, lines);
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(2 * FRAME);
    let status = bench.status(Way::S2mm);
    (bench, status)
}

#[test]
fn lines_that_do_not_fit_are_errors_that_do_not_halt() {
    let (bench, status) = mismatch(BYTES - 3, LINES);
    assert_eq!(status, EOL_EARLY | ERR_IRQ | FRAME_IRQ);
    assert_eq!(bench.line(0, 3)[..21], video::pattern(0, 3, 3, 21));
    assert_eq!(bench.line(0, 3)[21..], [0xee; 3]);
    let (bench, status) = mismatch(BYTES + 3, LINES);
    assert_eq!(status, EOL_LATE | ERR_IRQ | FRAME_IRQ);
    assert_eq!(bench.number_in(0), Some(0));
    assert_eq!(bench.ram(RAM + u64::from(BYTES), 8), [0xee; 8]);
    let (bench, status) = mismatch(BYTES, LINES - 1);
    assert_eq!(status, SOF_EARLY | INT_ERR | ERR_IRQ | FRAME_IRQ);
    assert_eq!(
        bench.line(0, LINES - 2),
        video::pattern(0, LINES - 2, 3, BYTES)
    );
    assert_eq!(bench.line(0, LINES - 1), [0xee; BYTES as usize]);
    let (bench, status) = mismatch(BYTES, LINES + 5);
    assert_eq!(status, SOF_LATE | ERR_IRQ | FRAME_IRQ);
    assert_eq!(bench.number_in(0), Some(0));
    assert_eq!(bench.ram(RAM + u64::from(LINES * STRIDE), 8), [0xee; 8]);
    assert_eq!(mismatch(BYTES, LINES).1, FRAME_IRQ);
}

#[test]
fn stream_errors_freeze_the_shown_store_until_they_are_cleared() {
    let mut bench = bench();
    bench.inject(Way::S2mm, Mishap::SofEarly, 2);
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(3 * FRAME);
    bench.acknowledge(Way::S2mm, FRAME_IRQ);
    assert_eq!(bench.status(Way::S2mm), 0);
    bench.pass(4 * FRAME);
    assert_eq!(
        bench.status(Way::S2mm),
        SOF_EARLY | INT_ERR | ERR_IRQ | FRAME_IRQ
    );
    assert_eq!(bench.store(Way::S2mm), 2);
    assert_eq!(bench.number_in(0), Some(4), "it went on");
    // PYNQ's mask leaves the internal error, Linux' takes it.
    bench.acknowledge(Way::S2mm, 0x8980 | ERR_IRQ | FRAME_IRQ);
    assert_eq!(bench.status(Way::S2mm), INT_ERR);
    assert_eq!(bench.store(Way::S2mm), 2);
    bench.acknowledge(Way::S2mm, INT_ERR);
    assert_eq!(bench.status(Way::S2mm), 0);
    assert_eq!(bench.store(Way::S2mm), 2, "six frames on");
    bench.pass(FRAME);
    assert_eq!(bench.store(Way::S2mm), 3);
}

#[test]
fn masked_stream_errors_are_noted_without_an_interrupt() {
    let all = [
        (Mishap::SofEarly, SOF_EARLY | INT_ERR),
        (Mishap::EolEarly, EOL_EARLY),
        (Mishap::SofLate, SOF_LATE),
        (Mishap::EolLate, EOL_LATE),
    ];
    for (bit, (mishap, error)) in all.into_iter().enumerate() {
        for masked in [false, true] {
            let mut bench = bench();
            bench.write(0x3c, if masked { 1 << bit } else { 0xf ^ (1 << bit) });
            bench.inject(Way::S2mm, mishap, 0);
            bench.start(Way::S2mm, ENABLES | CIRCULAR);
            bench.pass(2 * FRAME);
            bench.acknowledge(Way::S2mm, FRAME_IRQ);
            let irq = if masked { 0 } else { ERR_IRQ };
            assert_eq!(bench.status(Way::S2mm), error | irq);
            assert_eq!(bench.output(Way::S2mm), !masked);
        }
    }
}

#[test]
fn injected_errors_of_the_bus_halt_in_the_frame_they_are_for() {
    for (mishap, bit) in [
        (Mishap::Internal, INT_ERR),
        (Mishap::Slave, SLV_ERR),
        (Mishap::Decode, DEC_ERR),
    ] {
        for way in [Way::Mm2s, Way::S2mm] {
            let mut bench = bench();
            bench.inject(way, mishap, 3);
            bench.start(way, ENABLES | CIRCULAR);
            bench.pass(10 * FRAME);
            assert_eq!(bench.status(way), HALTED | bit | ERR_IRQ | FRAME_IRQ);
            assert_eq!(bench.store(way), 3);
            assert_eq!(bench.pins.wake, None);
            bench.control(way, RESET);
            bench.start(way, ENABLES | CIRCULAR);
            bench.pass(5 * FRAME);
            assert_eq!(bench.status(way), FRAME_IRQ, "once");
        }
    }
}

#[test]
fn flip_turns_frames_upside_down_where_the_core_can() {
    let mut bench = bench_of(Params {
        flip: true,
        ..params()
    });
    bench.write(0xec, u32::MAX);
    assert_eq!(bench.read(0xec), 1);
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(2 * FRAME);
    assert_eq!(bench.line(0, 0), video::pattern(0, LINES - 1, 3, BYTES));
    assert_eq!(bench.line(0, LINES - 1), video::pattern(0, 0, 3, BYTES));
}

#[test]
fn genlock_slave_stays_behind_its_master() {
    let mut bench = bench();
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(3 * FRAME + FRAME / 2);
    bench.control(Way::Mm2s, ENABLES | CIRCULAR | GENLOCK | GENLOCK_INTERNAL);
    bench.geometry(Way::Mm2s, BYTES, STRIDE | (2 << 24));
    bench.write(0x50, LINES);
    bench.pass(FRAME);
    for _ in 0..6 {
        let writes = bench.store(Way::S2mm);
        assert_eq!(bench.store(Way::Mm2s), (writes + 2) % 4);
        bench.pass(FRAME);
    }
    let status = bench.model.display();
    assert_eq!(status.frames, status.patterned, "never a torn one");
}

#[test]
fn camera_and_display_follow_their_rates_and_single_frames() {
    let mut bench = bench();
    let Bench { model, pins } = &mut bench;
    model.set_rate(Way::S2mm, 0, pins);
    bench.start(Way::S2mm, ENABLES | CIRCULAR);
    bench.pass(100 * FRAME);
    assert_eq!((bench.status(Way::S2mm), bench.pins.wake), (0, None));
    let Bench { model, pins } = &mut bench;
    model.single(Way::S2mm, 2, pins);
    bench.pass(100 * FRAME);
    assert_eq!(bench.number_in(1), Some(1));
    assert_eq!(bench.number_in(2), None);
    let now = bench.pins.now;
    assert_eq!(bench.model.camera(now).frames, 2);
    let Bench { model, pins } = &mut bench;
    model.set_camera(5, 5);
    model.inject(Way::S2mm, Some((Mishap::Slave, 0)));
    model.reset_bench(pins);
    bench.pass(3 * FRAME);
    assert_eq!(bench.number_in(3), Some(3), "as designed again");
    let camera = bench.model.camera(bench.pins.now);
    assert_eq!(
        (camera.bytes, camera.lines, camera.frames),
        (BYTES, LINES, 5)
    );
}

/// PYNQ's `readframe`: the frame before the last is nobody's but ours.
#[test]
fn thousand_frames_read_as_pynq_does_have_no_wrong_pixel() {
    let mut bench = bench();
    bench.control(Way::S2mm, 0x0001_1083);
    bench.geometry(Way::S2mm, BYTES, STRIDE);
    bench.control(Way::S2mm, 0x0004_1083);
    bench.acknowledge(Way::S2mm, FRAME_IRQ);
    bench.write(0xa0, LINES);
    bench.pass(5 * FRAME);
    let mut last = None;
    for _ in 0..1000 {
        assert!(bench.output(Way::S2mm));
        bench.acknowledge(Way::S2mm, FRAME_IRQ);
        bench.control(Way::S2mm, 0x0001_1083);
        let store = (bench.store(Way::S2mm) + 2) % 4;
        let number = bench.number_in(store).unwrap();
        assert!(last.is_none_or(|last: u8| number == last.wrapping_add(1)));
        last = Some(number);
        bench.write(0xa0, LINES);
        bench.pass(FRAME);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(u32, u32),
    Start(bool, u32),
    Acknowledge(bool, u32),
    Inject(bool, u8, u64),
    Camera(u32, u32),
    Rate(bool, u64),
    Pass(Nanos),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0u32..0x41, any::<u32>()).prop_map(|(word, value)| Step::Write(word * 4, value)),
        3 => (any::<bool>(), 0u32..0x20).prop_map(|(way, bits)| Step::Start(way, bits & !RESET)),
        2 => (any::<bool>(), any::<u32>()).prop_map(|(way, bits)| Step::Acknowledge(way, bits)),
        1 => (any::<bool>(), 0u8..7, 0u64..3).prop_map(|(w, m, after)| Step::Inject(w, m, after)),
        1 => (1u32..40, 1u32..20).prop_map(|(bytes, lines)| Step::Camera(bytes, lines)),
        1 => (any::<bool>(), 0u64..3000).prop_map(|(way, rate)| Step::Rate(way, rate)),
        5 => (0..3 * FRAME).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..60)
}

fn way_of(second: bool) -> Way {
    if second { Way::S2mm } else { Way::Mm2s }
}

proptest! {
    /// Whatever is written where and when: status, pins and pointers agree, and time never stands still.
    #[test]
    fn no_access_at_all_breaks_a_rule(steps in steps()) {
        let mut bench = bench();
        let mishaps = [
            Mishap::Internal, Mishap::Slave, Mishap::Decode, Mishap::SofEarly,
            Mishap::EolEarly, Mishap::SofLate, Mishap::EolLate,
        ];
        for step in steps {
            match step {
                Step::Write(offset, value) => bench.write(offset, value),
                Step::Start(second, bits) => bench.start(way_of(second), ENABLES | bits),
                Step::Acknowledge(second, bits) => bench.acknowledge(way_of(second), bits),
                Step::Inject(second, mishap, after) => {
                    bench.inject(way_of(second), mishaps[usize::from(mishap)], after);
                }
                Step::Camera(bytes, lines) => bench.model.set_camera(bytes, lines),
                Step::Rate(second, rate) => {
                    let Bench { model, pins } = &mut bench;
                    model.set_rate(way_of(second), rate, pins);
                }
                Step::Pass(time) => bench.pass(time),
            }
            prop_assert!(bench.pins.wake.is_none_or(|when| when > bench.pins.now));
            for way in [Way::Mm2s, Way::S2mm] {
                let (control, status) = (bench.read(base(way).0), bench.status(way));
                prop_assert_eq!(bench.output(way), status & control & IRQS != 0);
                prop_assert!(status & HALTED == 0 || control & RS == 0);
                prop_assert!(status & HARD_ERRORS == 0 || status & HALTED != 0);
                prop_assert_eq!(status & !(HALTED | INT_ERR | HARD_ERRORS | STREAM_ERRORS | IRQS), 0);
                let (left, count) = (bench.frames_left(way), (control >> 16) & 0xff);
                prop_assert!((1..=count).contains(&left));
                prop_assert!(bench.store(way) < 4);
            }
        }
    }

    /// Reference: the camera's frames in order, into the stores in order, each at its place whatever the geometry.
    #[test]
    fn frames_land_where_the_registers_say(
        bytes in 1u32..60, lines in 1u32..12, gap in 0u32..5, stores in 1u32..6, frames in 1u64..9,
    ) {
        let stride = (bytes + gap).next_multiple_of(4);
        let camera = Camera { bytes, lines, pixel: 3 };
        let mut bench = bench_of(Params { stores, camera, ..params() });
        bench.control(Way::S2mm, ENABLES | CIRCULAR);
        for store in 0..stores {
            bench.write(0xac + 4 * store, RAM as u32 + store * 0x1000);
        }
        bench.write(0xa8, stride);
        bench.write(0xa4, bytes);
        bench.write(0xa0, lines);
        bench.pass(FRAME * (frames + 1));
        for number in frames.saturating_sub(u64::from(stores))..frames {
            let start = RAM + number % u64::from(stores) * 0x1000;
            for line in 0..lines {
                let at = start + u64::from(line * stride);
                let expected = video::pattern(number, line, 3, bytes);
                prop_assert_eq!(bench.ram(at, bytes as usize), expected);
                let between = bench.ram(at + u64::from(bytes), (stride - bytes) as usize);
                prop_assert!(between.iter().all(|&byte| byte == 0));
            }
        }
        prop_assert_eq!(bench.status(Way::S2mm), FRAME_IRQ);
    }
}
