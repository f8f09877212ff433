// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the AXI DMA, one test each, and a reference that only knows packets and buffers.

use proptest::prelude::*;

use super::regs::*;
use super::*;
use crate::models::bench::Bench;
use crate::models::stream;

const RAM: u64 = 0x4000_0000;
const SIZE: usize = 0x1_0000;
const SECOND: u64 = 1_000_000_000;
const ENABLES: u32 = RS | IOC_IRQ | ERR_IRQ;

fn bench(params: Params, ends: Ends) -> Bench<Dma> {
    Bench::with_ram(Dma::new(params, ends), RAM, SIZE)
}

fn open() -> Bench<Dma> {
    bench(Params::default(), Ends::open())
}

/// Where a channel's registers are.
fn base(way: Way) -> u32 {
    match way {
        Way::Mm2s => 0,
        Way::S2mm => S2MM,
    }
}

impl Bench<Dma> {
    fn start(&mut self, way: Way, address: u64, length: u32) {
        self.write(base(way) + DMACR, ENABLES);
        self.write(base(way) + ADDRESS, address as u32);
        self.write(base(way) + LENGTH, length);
    }

    fn status(&mut self, way: Way) -> u32 {
        self.read(base(way) + DMASR) & !THRESHOLD_STS
    }

    fn put(&mut self, address: u64, bytes: &[u8]) {
        self.pins.memory.write(address, bytes).unwrap();
    }

    fn send(&mut self, length: u64, count: u64) {
        assert!(self.model.send(length, count, &mut self.pins));
    }

    fn rate(&mut self, way: Way, rate: u64) {
        self.model.set_rate(way, rate, &mut self.pins);
    }

    fn inject(&mut self, way: Way, error: Error, after: u64) {
        let injected = Some(Injected { error, after });
        self.model.inject(way, injected, &mut self.pins);
    }

    fn output(&self, way: Way) -> bool {
        let number = usize::from(way == Way::S2mm);
        self.pins.outputs.get(&number).copied().unwrap_or(false)
    }
}

#[test]
fn registers_reset_as_the_manual_lists_them() {
    let mut bench = open();
    for way in [Way::Mm2s, Way::S2mm] {
        assert_eq!(bench.read(base(way) + DMACR), 0x0001_0002);
        assert_eq!(bench.read(base(way) + DMASR), 0x0001_0001);
        for offset in [ADDRESS, ADDRESS_MSB, LENGTH] {
            assert_eq!(bench.read(base(way) + offset), 0);
        }
    }
}

#[test]
fn reserved_bits_and_absent_registers_read_0() {
    let mut bench = open();
    bench.write(DMACR, !RESET);
    assert_eq!(bench.read(DMACR), 0xffff_700b);
    bench.write(DMASR, u32::MAX);
    assert_eq!(bench.read(DMASR), 0x0001_0000);
    bench.write(ADDRESS, u32::MAX);
    bench.write(ADDRESS_MSB, u32::MAX);
    assert_eq!(bench.read(ADDRESS), u32::MAX);
    for offset in [0x08, 0x0c, 0x10, 0x14, ADDRESS_MSB, 0x2c, 0x38, 0x100] {
        bench.write(offset, u32::MAX);
        assert_eq!(bench.read(offset), 0, "{offset:#x}");
        assert!(!bench.model.present(offset));
    }
    let only_s2mm = Params {
        mm2s: false,
        ..Params::default()
    };
    let mut bench = self::bench(only_s2mm, Ends::open());
    bench.write(DMACR, RS);
    assert_eq!((bench.read(DMACR), bench.read(DMASR)), (0, 0));
    assert_eq!(bench.read(S2MM + DMACR), 0x0001_0002);
}

#[test]
fn threshold_of_0_is_not_stored() {
    let mut bench = open();
    bench.write(DMACR, 5 << 16);
    bench.write(DMACR, 7 << 24);
    assert_eq!(bench.read(DMACR), 0x0705_0002);
}

#[test]
fn wide_addresses_have_an_upper_half() {
    let params = Params {
        addr_width: 40,
        ..Params::default()
    };
    let mut bench = bench(params, Ends::open());
    bench.write(ADDRESS_MSB, 0x1ff);
    bench.write(ADDRESS, 0x8000_0000);
    assert_eq!(bench.read(ADDRESS_MSB), 0xff);
    assert_eq!(bench.read(ADDRESS), 0x8000_0000);
    bench.start(Way::Mm2s, 0, 4);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), HALTED | DEC_ERR | ERR_IRQ);
}

#[test]
fn halted_and_idle_follow_the_channel_s_life() {
    let mut bench = open();
    bench.write(DMACR, RS);
    assert_eq!(bench.status(Way::Mm2s), 0, "runs, and nothing was done yet");
    bench.start(Way::Mm2s, RAM, 100);
    assert_eq!(bench.status(Way::Mm2s), 0);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), IDLE | IOC_IRQ);
    bench.start(Way::Mm2s, RAM, 100);
    assert_eq!(bench.status(Way::Mm2s), IOC_IRQ, "not idle while it works");
    // Stopped on the way, it finishes first.
    bench.write(DMACR, 0);
    assert_eq!(bench.status(Way::Mm2s) & HALTED, 0);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), HALTED | IOC_IRQ);
    assert_eq!(bench.model.sink().unwrap().packets, 2);
}

#[test]
fn transfer_takes_its_time_and_moves_every_byte() {
    let mut bench = open();
    let data: Vec<u8> = (0..10_000u32).map(|n| (n * 7) as u8).collect();
    bench.put(RAM + 0xff0, &data);
    bench.rate(Way::Mm2s, 10_000_000);
    bench.start(Way::Mm2s, RAM + 0xff0, 10_000);
    bench.pass(SECOND / 2000);
    assert!(bench.model.sink().unwrap().open > 0);
    bench.pass(SECOND / 2000);
    assert_eq!(bench.status(Way::Mm2s), 0);
    bench.pass(1_000);
    assert_eq!(bench.status(Way::Mm2s), IDLE | IOC_IRQ);
    assert!(bench.output(Way::Mm2s));
    let last = bench.model.sink().unwrap().last.unwrap();
    assert_eq!((last.length, last.crc32), (10_000, stream::checksum(&data)));
    assert_eq!(bench.read(LENGTH), 10_000);
}

#[test]
fn interrupt_is_a_level_until_it_is_acknowledged() {
    let mut bench = open();
    bench.start(Way::Mm2s, RAM, 4);
    bench.pass(SECOND);
    assert!(bench.output(Way::Mm2s));
    bench.write(DMASR, DLY_IRQ | ERR_IRQ | HALTED | IDLE);
    assert!(bench.output(Way::Mm2s), "another bit");
    bench.write(DMASR, IOC_IRQ);
    assert!(!bench.output(Way::Mm2s));
    assert_eq!(bench.status(Way::Mm2s), IDLE);
    // Not enabled: the bit is set all the same, the pin is not.
    bench.write(DMACR, RS);
    bench.write(LENGTH, 4);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), IDLE | IOC_IRQ);
    assert!(!bench.output(Way::Mm2s));
    bench.write(DMACR, RS | IOC_IRQ);
    assert!(bench.output(Way::Mm2s));
    assert!(!bench.output(Way::S2mm));
}

#[test]
fn packet_that_ends_early_makes_a_partial_receive() {
    let mut bench = open();
    bench.start(Way::S2mm, RAM, 0x8000);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::S2mm), 0, "nothing has come");
    bench.send(5001, 1);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::S2mm), IDLE | IOC_IRQ);
    assert_eq!(bench.read(S2MM + LENGTH), 5001);
    assert_eq!(bench.ram(RAM, 5001), stream::pattern(0, 0, 5001));
    assert_eq!(bench.ram(RAM + 5001, 1), [0]);
    assert!(bench.output(Way::S2mm));
}

#[test]
fn packet_as_long_as_the_buffer_is_whole() {
    let mut bench = open();
    bench.send(0x2000, 2);
    for packet in 0..2 {
        bench.start(Way::S2mm, RAM, 0x2000);
        bench.pass(SECOND);
        assert_eq!(bench.status(Way::S2mm), IDLE | IOC_IRQ);
        assert_eq!(bench.read(S2MM + LENGTH), 0x2000);
        assert_eq!(bench.ram(RAM, 0x2000), stream::pattern(packet, 0, 0x2000));
    }
}

#[test]
fn packet_longer_than_the_buffer_is_an_internal_error() {
    let mut bench = open();
    bench.put(RAM + 64, &[0xee; 8]);
    bench.send(65, 1);
    bench.start(Way::S2mm, RAM, 64);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::S2mm), HALTED | INT_ERR | ERR_IRQ);
    assert!(bench.output(Way::S2mm));
    assert_eq!(bench.ram(RAM, 64), stream::pattern(0, 0, 64));
    assert_eq!(bench.ram(RAM + 64, 8), [0xee; 8], "no byte past the buffer");
}

#[test]
fn error_bits_stay_until_reset_and_nothing_runs_before() {
    let mut bench = open();
    bench.start(Way::Mm2s, 0x1000, 4);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), HALTED | DEC_ERR | ERR_IRQ);
    assert_eq!(bench.read(DMACR) & RS, 0);
    bench.write(DMASR, u32::MAX);
    assert_eq!(bench.status(Way::Mm2s), HALTED | DEC_ERR);
    bench.start(Way::Mm2s, RAM, 4);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), HALTED | DEC_ERR);
    assert_eq!(
        bench.pins.blamed,
        ["mm2s: LENGTH is written while the channel is halted; nothing is started"]
    );
    bench.write(DMACR, RESET);
    assert_eq!(bench.read(DMACR), 0x0001_0002);
    bench.start(Way::Mm2s, RAM, 4);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), IDLE | IOC_IRQ);
}

#[test]
fn transfer_that_runs_out_of_memory_stops_there() {
    let mut bench = open();
    let end = RAM + SIZE as u64;
    bench.send(0x3000, 1);
    bench.start(Way::S2mm, end - 0x1000, 0x3000);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::S2mm), HALTED | DEC_ERR | ERR_IRQ);
    assert_eq!(
        bench.ram(end - 0x1000, 0x1000),
        stream::pattern(0, 0, 0x1000)
    );
}

#[test]
fn memory_taken_away_during_a_transfer_is_a_decode_error() {
    let mut bench = open();
    bench.rate(Way::Mm2s, 1_000_000);
    bench.start(Way::Mm2s, RAM, 0x8000);
    bench.pass(10_000_000);
    assert_eq!(bench.status(Way::Mm2s), 0);
    bench.pins.memory.clear();
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), HALTED | DEC_ERR | ERR_IRQ);
}

#[test]
fn injected_error_comes_after_so_many_bytes_once() {
    for (error, bit) in [
        (Error::Internal, INT_ERR),
        (Error::Slave, SLV_ERR),
        (Error::Decode, DEC_ERR),
    ] {
        for (way, after) in [
            (Way::Mm2s, 0),
            (Way::Mm2s, 5000),
            (Way::S2mm, 100),
            (Way::S2mm, 6000),
        ] {
            let mut bench = open();
            bench.put(RAM, &[0xee; 6000]);
            bench.inject(way, error, after);
            if way == Way::S2mm && after > 0 {
                bench.send(6000, 1);
            }
            bench.start(way, RAM, 6000);
            bench.pass(SECOND);
            assert_eq!(bench.status(way), HALTED | bit | ERR_IRQ);
            let moved = match way {
                Way::Mm2s => bench.model.sink().unwrap().bytes,
                Way::S2mm => bench.model.source().unwrap().bytes,
            };
            assert_eq!(moved, after);
            if way == Way::S2mm {
                let after = after as usize;
                assert_eq!(bench.ram(RAM, after), stream::pattern(0, 0, after));
                assert!(
                    bench
                        .ram(RAM + after as u64, 6000 - after)
                        .iter()
                        .all(|&b| b == 0xee)
                );
            }
            bench.write(base(way) + DMACR, RESET);
            bench.send(6000, 1);
            bench.start(way, RAM, 6000);
            bench.pass(SECOND);
            assert_eq!(bench.status(way), IDLE | IOC_IRQ, "once");
        }
    }
}

#[test]
fn reset_of_one_channel_resets_both_and_their_streams() {
    let mut bench = bench(Params::default(), Ends::loopback(0x1000));
    bench.start(Way::Mm2s, RAM, 0x4000);
    bench.pass(SECOND);
    assert_eq!(
        bench.status(Way::Mm2s),
        0,
        "the FIFO is full, and nobody reads it"
    );
    bench.write(S2MM + DMACR, RESET);
    assert_eq!(bench.read(DMACR), 0x0001_0002);
    assert_eq!(bench.read(DMASR), 0x0001_0001);
    bench.put(RAM, &[1, 2, 3, 4]);
    bench.start(Way::S2mm, RAM + 0x100, 0x1000);
    bench.start(Way::Mm2s, RAM, 4);
    bench.pass(SECOND);
    assert_eq!(bench.read(S2MM + LENGTH), 4, "nothing of before");
    assert_eq!(bench.ram(RAM + 0x100, 4), [1, 2, 3, 4]);
}

#[test]
fn loopback_carries_packets_larger_than_its_fifo() {
    for receive_first in [false, true] {
        let mut bench = bench(Params::default(), Ends::loopback(100));
        let data: Vec<u8> = (0..5000u32).map(|n| (n * 13) as u8).collect();
        bench.put(RAM, &data);
        if receive_first {
            bench.start(Way::S2mm, RAM + 0x8000, 0x4000);
        }
        bench.start(Way::Mm2s, RAM, 5000);
        bench.pass(SECOND);
        if !receive_first {
            assert_eq!(bench.status(Way::Mm2s), 0);
            bench.start(Way::S2mm, RAM + 0x8000, 0x4000);
            bench.pass(SECOND);
        }
        assert_eq!(bench.status(Way::Mm2s), IDLE | IOC_IRQ);
        assert_eq!(bench.status(Way::S2mm), IDLE | IOC_IRQ);
        assert_eq!(bench.read(S2MM + LENGTH), 5000);
        assert_eq!(bench.ram(RAM + 0x8000, 5000), data);
    }
}

#[test]
fn address_that_is_not_aligned_needs_realignment() {
    let mut bench = open();
    bench.start(Way::Mm2s, RAM + 2, 4);
    assert_eq!(bench.status(Way::Mm2s), HALTED | INT_ERR | ERR_IRQ);
    assert!(bench.pins.blamed[0].contains("not aligned"));
    let params = Params {
        dre: true,
        data_width: 128,
        ..Params::default()
    };
    let mut bench = self::bench(params, Ends::open());
    bench.put(RAM + 3, &[9; 5]);
    bench.start(Way::Mm2s, RAM + 3, 5);
    bench.pass(SECOND);
    let last = bench.model.sink().unwrap().last.unwrap();
    assert_eq!(last.head, "0909090909");
}

#[test]
fn length_is_only_for_a_channel_that_waits_for_one() {
    let mut bench = open();
    bench.write(LENGTH, 4);
    bench.write(DMACR, ENABLES);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), 0, "halted: no start");
    bench.write(LENGTH, 0);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), 0, "0: no start");
    bench.start(Way::Mm2s, RAM, 64);
    bench.write(LENGTH, 8);
    bench.pass(SECOND);
    assert_eq!(bench.model.sink().unwrap().last.unwrap().length, 64);
    bench.write(LENGTH, 0x0180_0010);
    bench.pass(SECOND);
    assert_eq!(bench.model.sink().unwrap().last.unwrap().length, 16);
    let blamed: Vec<&str> = bench.pins.blamed.iter().map(String::as_str).collect();
    assert_eq!(
        blamed,
        [
            "mm2s: LENGTH is written while the channel is halted; nothing is started",
            "mm2s: LENGTH is written while a transfer runs; it is ignored",
            "mm2s: LENGTH is written with more than its width; the bits above are lost",
        ]
    );
}

#[test]
fn keyhole_stays_at_its_address() {
    let mut bench = open();
    bench.put(RAM, &[1, 2, 3, 4, 5, 6, 7, 8]);
    bench.write(DMACR, ENABLES | KEYHOLE);
    bench.write(ADDRESS, RAM as u32);
    bench.write(LENGTH, 10);
    bench.pass(SECOND);
    let last = bench.model.sink().unwrap().last.unwrap();
    assert_eq!(last.head, "01020304010203040102");
    bench.send(12, 1);
    bench.write(S2MM + DMACR, ENABLES | KEYHOLE);
    bench.write(S2MM + ADDRESS, RAM as u32);
    bench.write(S2MM + LENGTH, 12);
    bench.pass(SECOND);
    let expected = [&stream::pattern(0, 8, 4)[..], &[5, 6, 7, 8]].concat();
    assert_eq!(bench.ram(RAM, 8), expected);
}

#[test]
fn channel_without_a_rate_stands_still_until_it_has_one() {
    let mut bench = open();
    bench.rate(Way::Mm2s, 0);
    bench.start(Way::Mm2s, RAM, 64);
    bench.pass(SECOND);
    assert_eq!((bench.status(Way::Mm2s), bench.pins.wake), (0, None));
    bench.rate(Way::Mm2s, 1000);
    bench.pass(SECOND);
    assert_eq!(bench.status(Way::Mm2s), IDLE | IOC_IRQ);
    let Bench { model, pins } = &mut bench;
    model.reset_bench(pins);
    bench.start(Way::Mm2s, RAM, 4096);
    bench.pass(20_000);
    assert_ne!(bench.status(Way::Mm2s) & IDLE, 0, "as designed again");
    assert_eq!(bench.model.sink().unwrap().packets, 1);
}

#[test]
fn bus_reset_ends_transfers_and_lowers_the_pins() {
    let mut bench = open();
    bench.start(Way::Mm2s, RAM, 4);
    bench.pass(SECOND);
    bench.start(Way::S2mm, RAM, 4);
    let Bench { model, pins } = &mut bench;
    model.reset(pins);
    assert!(!bench.output(Way::Mm2s));
    assert_eq!(bench.pins.wake, None);
    assert_eq!(bench.read(S2MM + DMASR), 0x0001_0001);
}

proptest! {
    /// Reference: each receive gets the next packet if that fits its buffer, and an error else.
    #[test]
    fn receives_get_packets_in_order_whatever_their_sizes(
        packets in prop::collection::vec(1u64..9000, 1..6),
        buffer in 1u32..10_000,
        rate in 1_000_000u64..1_000_000_000,
    ) {
        let mut bench = open();
        bench.rate(Way::S2mm, rate);
        for &length in &packets {
            bench.send(length, 1);
        }
        for (packet, &length) in packets.iter().enumerate() {
            bench.put(RAM, &vec![0xee; 0x4000]);
            bench.start(Way::S2mm, RAM, buffer);
            bench.pass(SECOND);
            let fits = length <= u64::from(buffer);
            let moved = (length as usize).min(buffer as usize);
            let expected = if fits { IDLE | IOC_IRQ } else { HALTED | INT_ERR | ERR_IRQ };
            prop_assert_eq!(bench.status(Way::S2mm), expected);
            prop_assert_eq!(bench.ram(RAM, moved), stream::pattern(packet as u64, 0, moved));
            prop_assert!(bench.ram(RAM, 0x4000)[moved..].iter().all(|&byte| byte == 0xee));
            if fits {
                prop_assert_eq!(u64::from(bench.read(S2MM + LENGTH)), length);
                bench.write(S2MM + DMASR, IOC_IRQ);
            } else {
                bench.write(S2MM + DMACR, RESET);
            }
            prop_assert!(!bench.output(Way::S2mm));
        }
    }

    /// Whatever is written where and when: status and pins agree, and time never stands still.
    #[test]
    fn no_access_at_all_breaks_a_rule(
        steps in prop::collection::vec((0u32..0x60, any::<u32>(), 0u64..40_000, 0u32..12), 0..120),
        loops in any::<bool>(),
    ) {
        let ends = if loops { Ends::loopback(64) } else { Ends::open() };
        let mut bench = bench(Params { dre: true, ..Params::default() }, ends);
        for (word, value, time, what) in steps {
            let offset = word & !3;
            match what {
                0 => { bench.model.send(u64::from(value >> 20), 1, &mut bench.pins); }
                1 => bench.rate(Way::S2mm, u64::from(value)),
                2 => bench.inject(Way::Mm2s, Error::Slave, u64::from(value >> 18)),
                3 => bench.write(S2MM + LENGTH, value >> 16),
                4 => bench.write(LENGTH, value >> 16),
                5 | 6 => bench.write(ADDRESS + if what == 5 { 0 } else { S2MM }, RAM as u32 + (value >> 15)),
                7 | 8 => bench.write(if what == 7 { 0 } else { S2MM }, ENABLES),
                _ => bench.write(offset, value),
            }
            bench.pass(time);
            prop_assert!(bench.pins.wake.is_none_or(|when| when > bench.pins.now));
            for way in [Way::Mm2s, Way::S2mm] {
                let control = bench.read(base(way) + DMACR);
                let status = bench.read(base(way) + DMASR);
                prop_assert_eq!(bench.output(way), status & control & IRQS != 0);
                prop_assert!(status & HALTED == 0 || control & RS == 0);
                prop_assert!(status & (HALTED | IDLE) != HALTED | IDLE);
                prop_assert!(status & (INT_ERR | SLV_ERR | DEC_ERR) == 0 || status & HALTED != 0);
                prop_assert_eq!(status & !(HALTED | IDLE | INT_ERR | SLV_ERR | DEC_ERR | IRQS), THRESHOLD_STS);
                prop_assert_eq!(control & 0x0ff0 | control & 0x8000, 0);
            }
        }
    }
}
