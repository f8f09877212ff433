// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines and flip-flop, one rule a test; programs, spoken to as the CPU does.

use proptest::prelude::*;

use super::program::INTERRUPTS;
use super::program::MAILBOX;
use super::program::STREAMS;
use super::program::image;
use super::*;
use crate::models::bench::Bench;

const LATENCY: Nanos = 20_000;

fn bench() -> Bench<Microblaze> {
    Bench::with_ram(Microblaze::new(Params::default()), 0x4000_0000, 0x1000)
}

impl Bench<Microblaze> {
    fn put(&mut self, offset: u32, bytes: &[u8]) {
        self.model.write_bytes(offset, bytes, &mut self.pins);
    }

    fn get(&mut self, offset: u32, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.model.read_bytes(offset, &mut bytes);
        bytes
    }

    /// Loads an image as a driver does, and lets it run.
    fn load(&mut self, image: &[u8]) {
        self.set(RESET, true);
        self.put(0, image);
        self.put(image.len() as u32, &vec![0; 0x1_0000 - image.len()]);
        self.pulse(ACK);
        self.set(RESET, false);
        self.pass(LATENCY);
    }

    fn command(&mut self, command: u32, address: u32) {
        self.write(0xfff8, address);
        self.write(0xfffc, command);
        self.pass(LATENCY);
    }

    fn status(&self) -> ProcessorStatus {
        self.model.status()
    }

    /// Puts bytes into a ring as the CPU does; as many as there is room for.
    fn ring_put(&mut self, ring: u32, bytes: &[u8]) -> usize {
        let (mut write, read) = (self.read(ring), self.read(ring + 4));
        let mut done = 0;
        while done < bytes.len() && (write + 1) % 1016 != read {
            self.put(ring + 8 + write, &bytes[done..done + 1]);
            write = (write + 1) % 1016;
            done += 1;
        }
        self.write(ring, write);
        done
    }

    fn ring_take(&mut self, ring: u32) -> Vec<u8> {
        let (write, mut read) = (self.read(ring), self.read(ring + 4));
        let mut bytes = Vec::new();
        while read != write {
            bytes.extend(self.get(ring + 8 + read, 1));
            read = (read + 1) % 1016;
        }
        self.write(ring + 4, read);
        bytes
    }
}

#[test]
fn memory_takes_accesses_of_any_width_and_ends_where_it_ends() {
    let mut bench = bench();
    bench.put(0x101, &[1, 2, 3]);
    assert_eq!(bench.read(0x100), 0x0302_0100);
    assert_eq!(bench.get(0x102, 1), [2]);
    bench.put(0xfffe, &[8, 9, 10, 11]);
    assert_eq!(bench.get(0xfffc, 8), [0, 0, 8, 9, 0, 0, 0, 0]);
    bench.put(u32::MAX, &[1]);
    assert_eq!(bench.get(u32::MAX, 2), [0, 0]);
}

#[test]
fn image_runs_from_the_fall_of_reset_and_only_then() {
    let mut bench = bench();
    bench.put(0, &image(MAILBOX, 0));
    bench.pass(LATENCY);
    assert_eq!(bench.status().program, None, "it was not there at reset");
    bench.set(RESET, true);
    assert_eq!(bench.status().state, ProcessorState::Reset);
    assert_eq!(bench.status().program, None);
    bench.set(RESET, false);
    assert_eq!(bench.status().state, ProcessorState::Running);
    assert_eq!(bench.status().program.as_deref(), Some("mailbox"));
    bench.set(RESET, true);
    bench.put(3, &[0]);
    bench.set(RESET, false);
    assert_eq!(bench.status().program, None, "no image of ours");
    bench.load(&image(99, 0));
    assert_eq!(bench.status().program, None);
}

#[test]
fn memory_survives_the_processor_s_reset_and_not_the_bus_s() {
    let mut bench = bench();
    bench.load(&image(MAILBOX, 0));
    bench.write(0x8000, 5);
    bench.set(RESET, true);
    bench.set(RESET, false);
    assert_eq!(bench.read(0x8000), 5);
    let Bench { model, pins } = &mut bench;
    model.reset(pins);
    assert_eq!((bench.read(0x8000), bench.read(0)), (0, 0));
    assert_eq!(bench.status().program, None);
}

#[test]
fn flip_flop_stays_until_it_is_acknowledged_and_acknowledge_wins() {
    let mut bench = bench();
    bench.load(&image(MAILBOX, INTERRUPTS));
    bench.command(0x10f, 0);
    assert!(bench.pins.level);
    bench.command(0x10f, 0);
    assert_eq!(bench.pins.changes, [true], "merged");
    assert_eq!(bench.status().interrupts, 2);
    bench.set(ACK, true);
    assert!(!bench.pins.level);
    bench.command(0x10f, 0);
    bench.pass(PULSE);
    bench.set(ACK, false);
    assert!(!bench.pins.level, "raised while acknowledged: lost");
    assert_eq!(bench.status().interrupts, 3);
    bench.command(0x10f, 0);
    bench.pass(PULSE);
    assert!(bench.pins.level);
    bench.pulse(ACK);
    assert_eq!(bench.pins.changes, [true, false, true, false]);
}

#[test]
fn reset_within_the_pulse_leaves_the_enable_set() {
    let mut bench = bench();
    bench.load(&image(MAILBOX, INTERRUPTS));
    bench.write(0xfffc, 0x10f);
    bench.pass(LATENCY);
    assert!(bench.pins.level);
    bench.set(RESET, true);
    bench.pass(PULSE);
    bench.pulse(ACK);
    assert!(bench.pins.level, "it comes back after each acknowledge");
    // A program that writes 0 to its interrupt GPIO ends that.
    bench.load(&image(MAILBOX, 0));
    bench.write(0xff00, 0);
    bench.command(0x107, INTR);
    bench.pulse(ACK);
    assert!(!bench.pins.level);
}

#[test]
fn mailbox_reads_and_writes_what_the_processor_sees() {
    let mut bench = bench();
    bench.load(&image(MAILBOX, 0));
    // A byte, a half and a word into its own memory.
    for (command, address, item) in [
        (0x101, 0x9001, 0xaa11),
        (0x103, 0x9002, 0x3322),
        (0x107, 0x9004, 7),
    ] {
        bench.write(0xff00, item);
        bench.command(command, address);
        assert_eq!(bench.read(0xfffc), 0, "done");
    }
    assert_eq!(bench.get(0x9000, 8), [0, 0x11, 0x22, 0x33, 7, 0, 0, 0]);
    bench.command(0x109, 0x9003);
    assert_eq!(bench.read(0xff00), 0x33);
    bench.command(0x10b, 0x9003);
    assert_eq!(bench.read(0xff00), 0x3322, "an address has no low bits");
    bench.command(0x10f, 0x9000);
    assert_eq!(bench.read(0xff00), 0x3322_1100);
    // All items of a command are of the same address: the last one stays.
    bench.write(0xff04, 8);
    bench.command(0x207, 0x9004);
    assert_eq!(bench.get(0x9004, 8), [8, 0, 0, 0, 0, 0, 0, 0]);
    bench.command(0x30f, 0x9004);
    assert_eq!([0, 4, 8].map(|item| bench.read(0xff00 + item)), [8; 3]);
    // The PS's memory.
    bench.write(0xff00, 0xdead_beef);
    bench.command(0x107, 0xc000_0010);
    let mut word = [0; 4];
    bench.pins.memory.read(0x4000_0010, &mut word).unwrap();
    assert_eq!(u32::from_le_bytes(word), 0xdead_beef);
    assert_eq!(bench.status().interrupts, 0);
}

#[test]
fn what_the_processor_does_not_see_reads_as_nothing() {
    let mut bench = bench();
    bench.load(&image(MAILBOX, INTERRUPTS));
    for (command, address) in [
        (0x10f, 0xc000_1000),
        (0x10f, 0x2_0000),
        (0x107, 0xffff_fffc),
        (0x105, 0),
    ] {
        bench.write(0xff00, 0);
        bench.command(command, address);
        assert_eq!(
            (bench.read(0xfffc), bench.read(0xff00)),
            (0, 0),
            "{command:#x}"
        );
    }
    // So many that one of them is the address, one the command, and most lie past the memory.
    bench.command(0xfd0f, 0x50);
    assert_eq!(bench.read(0xfffc), 0);
    assert_eq!(bench.read(0xff00), 0xb800_0000);
    assert_eq!(bench.read(0), 0xb000_0000, "the program");
    bench.command(0x10e, 0);
    assert_eq!(bench.read(0xfffc), 0x10e, "without go: not looked at");
    assert_eq!(bench.status().interrupts, 5);
}

#[test]
fn wrong_count_says_so_and_ends_the_program() {
    for command in [0x00f, 0xfe0f] {
        let mut bench = bench();
        bench.load(&image(MAILBOX, INTERRUPTS));
        bench.command(command, 0);
        assert_eq!(bench.read(0xfffc), 0xffff_fffe, "{command:#x}");
        assert_eq!(
            bench.status().interrupts,
            1,
            "the waiter wakes all the same"
        );
        bench.command(0x10f, 0);
        assert_eq!(bench.read(0xfffc), 0x10f, "nobody is there");
        bench.load(&image(MAILBOX, INTERRUPTS));
        bench.command(0x10f, 0);
        assert_eq!(bench.read(0xfffc), 0);
    }
}

#[test]
fn program_that_hangs_or_is_unknown_never_answers() {
    let mut bench = bench();
    bench.load(&[0; 0x100]);
    bench.command(0x10f, 0);
    bench.pass(1_000_000_000);
    assert_eq!(bench.read(0xfffc), 0x10f);
    bench.load(&image(MAILBOX, 0));
    let Bench { model, pins } = &mut bench;
    model.set_hangs(true, pins);
    bench.command(0x10f, 0);
    bench.pass(1_000_000_000);
    assert_eq!(bench.read(0xfffc), 0x10f);
    let Bench { model, pins } = &mut bench;
    model.set_hangs(false, pins);
    bench.pass(1);
    assert_eq!(bench.read(0xfffc), 0);
}

#[test]
fn stdin_comes_back_in_upper_case_with_an_interrupt() {
    let mut bench = bench();
    bench.load(&image(STREAMS, 0));
    assert_eq!(bench.ring_put(0xf000, b"hello, \xffz"), 9);
    assert!(!bench.pins.level);
    bench.pass(LATENCY);
    assert!(bench.pins.level);
    assert_eq!(bench.ring_take(0xf400), b"HELLO, \xffZ");
    bench.pass(PULSE);
    bench.pulse(ACK);
    bench.pass(1_000_000);
    assert!(!bench.pins.level, "nothing new, no interrupt");
}

#[test]
fn requests_are_answered_in_order_without_an_interrupt() {
    let mut bench = bench();
    bench.load(&image(STREAMS, 0));
    let request = |function: u32, a: u32, b: u32| [function, a, b].map(u32::to_le_bytes).concat();
    let add = request(0, 40, 2);
    bench.ring_put(0xf800, &add[..7]);
    bench.pass(LATENCY);
    assert!(bench.ring_take(0xfc00).is_empty());
    let rest = [
        &add[7..],
        &request(1, 6, 7),
        &request(2, 500, 9),
        &request(7, 0, 0),
    ]
    .concat();
    bench.ring_put(0xf800, &rest);
    bench.pass(LATENCY);
    assert_eq!(bench.ring_take(0xfc00), [42, 0, 0, 0, 42, 0, 0, 0]);
    bench.pass(500_000 - LATENCY - 1);
    assert!(bench.ring_take(0xfc00).is_empty());
    bench.pass(2 * LATENCY);
    assert_eq!(bench.ring_take(0xfc00), [9, 0, 0, 0, 255, 255, 255, 255]);
    assert_eq!(bench.status().interrupts, 0);
}

#[test]
fn indices_that_are_none_are_left_alone() {
    let mut bench = bench();
    bench.load(&image(STREAMS, 0));
    bench.write(0xf000, 1016);
    bench.pass(LATENCY);
    bench.write(0xf000, u32::MAX);
    bench.write(0xf404, 5000);
    bench.pass(LATENCY);
    assert_eq!(bench.status().interrupts, 0);
    bench.write(0xf404, 0);
    bench.write(0xf000, 0);
    bench.ring_put(0xf000, b"a");
    bench.pass(LATENCY);
    assert_eq!(bench.ring_take(0xf400), b"A");
}

#[test]
fn collision_is_garbage_once() {
    let mut bench = bench();
    bench.load(&image(STREAMS, 0));
    bench.model.set_collides(true);
    bench.ring_put(0xf000, b"ab");
    bench.pass(LATENCY);
    assert_eq!(bench.read(0xf400), !2);
    assert_eq!(bench.read(0xf400), 2);
    assert_eq!(bench.read(0xf400), 2);
    assert_eq!(bench.get(0xf408, 2), [!b'A', !b'B'], "nor is data safe");
    assert_eq!(bench.get(0xf408, 2), b"AB");
    let Bench { model, pins } = &mut bench;
    model.reset_bench(pins);
    bench.ring_put(0xf000, b"c");
    bench.pass(LATENCY);
    assert_eq!(bench.read(0xf400), 3);
}

proptest! {
    /// Reference: a queue. Whatever the chunks and however full the rings, bytes come back in order.
    #[test]
    fn rings_carry_any_amount_in_order(chunks in prop::collection::vec((0usize..1500, 0u8..4), 1..12)) {
        let mut bench = bench();
        bench.load(&image(STREAMS, 0));
        let mut sent = Vec::new();
        let mut got = Vec::new();
        for (length, takes) in chunks {
            let bytes: Vec<u8> = (0..length).map(|n| (sent.len() + n) as u8).collect();
            let taken = bench.ring_put(0xf000, &bytes);
            prop_assert!(taken < 1016);
            sent.extend(&bytes[..taken]);
            bench.pass(LATENCY);
            for _ in 0..takes {
                got.extend(bench.ring_take(0xf400));
                bench.pass(LATENCY);
            }
        }
        loop {
            let more = bench.ring_take(0xf400);
            bench.pass(LATENCY);
            if more.is_empty() {
                break;
            }
            got.extend(more);
        }
        prop_assert_eq!(got, sent.to_ascii_uppercase());
    }

    /// Reference: the flip-flop, in one line.
    #[test]
    fn q_is_what_a_flip_flop_makes_of_its_inputs(
        steps in prop::collection::vec((0u8..4, any::<bool>(), 0u64..30_000), 0..80),
    ) {
        let mut bench = bench();
        bench.load(&image(MAILBOX, INTERRUPTS));
        let mut q = false;
        for (what, level, time) in steps {
            match what {
                0 => bench.set(ACK, level),
                1 => bench.write(0xfffc, 0x10f),
                2 if level => {
                    // Acknowledges as well; an enable left at 1 sets it again.
                    bench.load(&image(MAILBOX, INTERRUPTS));
                    q = false;
                }
                _ => {}
            }
            q = !bench.model.ack && (q || bench.model.intr);
            prop_assert_eq!(bench.pins.level, q);
            // Shorter than a pulse, so that none is missed.
            for _ in 0..time / 100 {
                let before = bench.model.intr;
                bench.pass(100);
                q = !bench.model.ack && (q || before || bench.model.intr);
                prop_assert_eq!(bench.pins.level, q);
            }
            prop_assert!(bench.pins.wake.is_none_or(|when| when > bench.pins.now));
        }
    }

    /// Images of any bytes, memory of any content: no program breaks.
    #[test]
    fn no_write_at_all_breaks_a_program(
        program in 0u32..4,
        writes in prop::collection::vec((prop_oneof![
            Just(0xfffcu32), Just(0xfff8), 0xf000u32..0x1_0008, any::<u32>(),
        ], any::<u32>(), 0u64..50_000), 0..80),
    ) {
        let mut bench = bench();
        bench.load(&image(program, INTERRUPTS));
        for (offset, value, time) in writes {
            bench.put(offset, &value.to_le_bytes());
            bench.pass(time);
        }
    }
}
