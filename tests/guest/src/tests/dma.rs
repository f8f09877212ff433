// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI DMA: bytes go where they belong, in both directions at once; waits that are dropped lose nothing; what it costs.

use std::pin::pin;
use std::task::Context;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use axirq::Error;
use axirq::device::Device;
use axirq::dma::AxiDma;
use axirq::dma::Channel;
use axirq::memory::Buffer;
use plsim::models::stream::checksum;
use plsim::models::stream::pattern;
use plsim::protocol::Way;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
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
    loopback_returns_every_byte,
    packet_that_ends_early_ends_the_receive,
    source_and_sink_agree,
    both_channels_work_in_tasks_of_their_own,
    both_channels_work_in_threads_of_their_own,
    dropped_waits_lose_nothing,
    blocking_waits_end_in_time,
    transfer_outlives_the_wrong_runtime,
    transfers_cost_few_register_accesses,
    transfers_that_are_over_cost_less,
    transfer_costs_two_system_calls,
    transfers_allocate_nothing,
];

/// A source and a sink; its interrupts are levels on level inputs.
pub const OPEN: &str = "axi_dma_0";
/// What goes out comes back; its interrupts are levels on edge inputs, and any address will do.
pub const LOOP: &str = "axi_dma_1";

/// Bytes a second: a transfer of some bytes takes so long that who waits for it sleeps.
const SLOW: u64 = 5000;
/// As designed.
pub const FAST: u64 = 400_000_000;

/// DMASR: a transfer is complete.
const IOC_IRQ: u32 = 1 << 12;

/// The overlay with both DMAs, bound.
pub fn movers() -> (Rig, Overlay) {
    let mut rig = Rig::new();
    rig.fabric.reset().unwrap();
    let overlay = apply();
    (rig, overlay)
}

pub fn apply() -> Overlay {
    let overlay = Overlay::apply("vendor-data");
    for node in ["data_intc/6", "iop_lines/regs"] {
        paths::wait_for_node(node);
    }
    bind();
    overlay
}

/// Binds both DMAs.
pub fn bind() {
    for (device, cell) in [("10090000.dma", OPEN), ("100a0000.dma", LOOP)] {
        Device::find(device).unwrap().bind().unwrap();
        paths::wait_for_node(&format!("{cell}/regs"));
    }
}

pub fn open(cell: &str) -> (AxiDma, Channel, Channel) {
    let dma = AxiDma::open(cell).unwrap();
    let (send, receive) = (dma.send_channel().unwrap(), dma.receive_channel().unwrap());
    (dma, send, receive)
}

fn fill(buffer: &mut [u8], random: &mut Random) {
    for piece in buffer.chunks_mut(8) {
        piece.copy_from_slice(&random.next().to_le_bytes()[..piece.len()]);
    }
}

/// One packet out and back again, as a whole.
pub fn loop_once(
    send: &mut Channel,
    receive: &mut Channel,
    out: Buffer,
    back: Buffer,
) -> (Buffer, Buffer) {
    receive.start(back, ..).unwrap();
    send.start(out, ..).unwrap();
    let sent = send.blocking_wait_timeout(PATIENCE).unwrap().unwrap();
    let received = receive.blocking_wait_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(received.data(), sent.data());
    (sent.buffer, received.buffer)
}

fn loopback_returns_every_byte() {
    const SIZE: usize = 20_000;

    let (_rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(LOOP);
    assert_eq!(dma.longest(), 16_383);
    let mut random = Random::new(7);
    let (mut out, mut back) = (dma.allocate(SIZE).unwrap(), dma.allocate(SIZE).unwrap());
    // Around what the memory's side moves at once, a burst, the FIFO, a page, and the longest.
    let lengths = [
        1, 2, 3, 7, 8, 9, 63, 64, 65, 2047, 2048, 2049, 4095, 4096, 4097, 5000, 16_382, 16_383,
    ];
    run(async {
        for (round, length) in lengths.into_iter().enumerate() {
            fill(&mut out, &mut random);
            back.fill(0xee);
            // The realignment engine takes any address.
            let (from, to) = (round * 3 % 17, round * 5 % 23);
            let (sent, received) = soon("a packet", async {
                tokio::join!(
                    send.transfer(out, from..from + length),
                    receive.transfer(back, to..to + length)
                )
            })
            .await;
            let (sent, received) = (sent.unwrap(), received.unwrap());
            assert_eq!(received.range, to..to + length);
            assert_eq!(sent.data(), received.data(), "{length} bytes");
            let outside = received.buffer[..to]
                .iter()
                .chain(&received.buffer[to + length..]);
            assert!(outside.copied().all(|byte| byte == 0xee), "{length} bytes");
            (out, back) = (sent.buffer, received.buffer);
        }
    });
}

fn packet_that_ends_early_ends_the_receive() {
    let (mut rig, _overlay) = movers();
    let (dma, _send, mut receive) = open(OPEN);
    let mut buffer = dma.allocate(8192).unwrap();
    for (packet, length) in [1, 63, 100, 4096, 4097, 8192].into_iter().enumerate() {
        buffer.fill(0xee);
        receive.start(buffer, ..).unwrap();
        rig.fabric.send_packets(OPEN, length as u64, 1).unwrap();
        let done = receive.blocking_wait_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!(done.range, 0..length);
        assert_eq!(done.data(), pattern(packet as u64, 0, length));
        assert!(done.buffer[length..].iter().all(|byte| *byte == 0xee));
        buffer = done.buffer;
    }
}

fn source_and_sink_agree() {
    const LENGTH: usize = 300_000;

    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(OPEN);
    assert_eq!(dma.longest(), (1 << 23) - 1);
    rig.fabric.send_packets(OPEN, LENGTH as u64, 2).unwrap();
    let mut out = dma.allocate(LENGTH).unwrap();
    fill(&mut out, &mut Random::new(3));
    let crc32 = checksum(&out[4..LENGTH - 1]);
    let mut back = dma.allocate(LENGTH).unwrap();
    run(async {
        for packet in 0..2 {
            let (sent, received) = soon("a packet", async {
                tokio::join!(
                    send.transfer(out, 4..LENGTH - 1),
                    receive.transfer(back, ..)
                )
            })
            .await;
            let received = received.unwrap();
            assert_eq!(received.data(), pattern(packet, 0, LENGTH));
            (out, back) = (sent.unwrap().buffer, received.buffer);
        }
    });
    let sink = rig.fabric.sink(OPEN).unwrap();
    assert_eq!(
        (sink.packets, sink.bytes, sink.open),
        (2, 2 * (LENGTH as u64 - 5), 0)
    );
    let last = sink.last.unwrap();
    assert_eq!((last.length, last.crc32), (LENGTH as u64 - 5, crc32));
    let source = rig.fabric.source(OPEN).unwrap();
    assert_eq!((source.packets, source.left), (2, 0));
}

const PACKETS: u64 = 60;

/// What packet number so and so looks like, and how long it is.
fn packet(number: u64) -> Vec<u8> {
    let mut random = Random::new(number);
    let mut bytes = vec![0; 1 + random.below(6000) as usize];
    fill(&mut bytes, &mut random);
    bytes
}

fn both_channels_work_in_tasks_of_their_own() {
    let (_rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(LOOP);
    let (mut out, mut back) = (dma.allocate(6000).unwrap(), dma.allocate(6000).unwrap());
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let sender = tokio::spawn(async move {
            for number in 0..PACKETS {
                let bytes = packet(number);
                out[..bytes.len()].copy_from_slice(&bytes);
                out = send.transfer(out, ..bytes.len()).await.unwrap().buffer;
            }
        });
        let receiver = tokio::spawn(async move {
            for number in 0..PACKETS {
                let done = receive.transfer(back, ..).await.unwrap();
                assert_eq!(done.data(), packet(number), "packet {number}");
                back = done.buffer;
            }
        });
        soon("the sender", sender).await.unwrap();
        soon("the receiver", receiver).await.unwrap();
    });
}

fn both_channels_work_in_threads_of_their_own() {
    let (_rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(LOOP);
    let (mut out, mut back) = (dma.allocate(6000).unwrap(), dma.allocate(6000).unwrap());
    thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..PACKETS {
                let bytes = packet(number);
                out[..bytes.len()].copy_from_slice(&bytes);
                out = send.blocking_transfer(out, ..bytes.len()).unwrap().buffer;
            }
        });
        for number in 0..PACKETS {
            let done = receive.blocking_transfer_timeout(back, .., PATIENCE);
            let done = done.unwrap().expect("a packet");
            assert_eq!(done.data(), packet(number), "packet {number}");
            back = done.buffer;
        }
    });
}

/// A wait is dropped in the middle of a transfer: the channel has the buffer until the transfer is over.
fn dropped_waits_lose_nothing() {
    const LENGTH: usize = 6000;
    const SHORT: Duration = Duration::from_millis(20);

    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(OPEN);
    run(async {
        for (channel, way) in [(&mut send, Way::Mm2s), (&mut receive, Way::S2mm)] {
            let mut buffer = dma.allocate(LENGTH).unwrap();
            for round in 0..5 {
                rig.fabric.rate(OPEN, way, 0).unwrap();
                if way == Way::S2mm {
                    rig.fabric.send_packets(OPEN, LENGTH as u64, 1).unwrap();
                }
                buffer.fill(round);
                if round % 2 == 0 {
                    assert!(timeout(SHORT, channel.transfer(buffer, ..)).await.is_err());
                } else {
                    channel.start(buffer, ..).unwrap();
                }
                for _ in 0..round {
                    assert!(timeout(SHORT, channel.wait()).await.is_err());
                }
                assert!(channel.try_wait().unwrap().is_none());
                // The next one has to wait, and its buffer comes back.
                let other = dma.allocate(64).unwrap();
                let (error, other) = channel.start(other, ..).unwrap_err().into_parts();
                assert!(matches!(error, Error::TransferRuns { .. }), "{error}");
                assert_eq!(other.unwrap().len(), 64);

                rig.fabric.rate(OPEN, way, FAST).unwrap();
                let done = soon("the transfer", channel.wait()).await.unwrap();
                assert_eq!(done.range, 0..LENGTH);
                match way {
                    Way::Mm2s => assert_eq!(
                        rig.fabric.sink(OPEN).unwrap().last.unwrap().crc32,
                        checksum(done.data())
                    ),
                    Way::S2mm => assert_eq!(done.data(), pattern(u64::from(round), 0, LENGTH)),
                }
                buffer = done.buffer;
            }
            let error = channel.wait().await.unwrap_err();
            assert!(matches!(error.error(), Error::NoTransfer { .. }), "{error}");
            // What was never polled has started nothing.
            drop(channel.transfer(buffer, ..));
            assert!(matches!(
                Error::from(channel.try_wait().unwrap_err()),
                Error::NoTransfer { .. }
            ));
        }
    });
}

fn blocking_waits_end_in_time() {
    let (mut rig, _overlay) = movers();
    for cell in [OPEN, LOOP] {
        let (dma, mut send, mut receive) = open(cell);
        let buffer = dma.allocate(64).unwrap();
        rig.fabric.rate(cell, Way::Mm2s, 0).unwrap();
        let over = send.blocking_transfer_timeout(buffer, .., Duration::ZERO);
        assert!(over.unwrap().is_none());
        assert!(send.blocking_wait_timeout(QUIET).unwrap().is_none());
        rig.fabric.rate(cell, Way::Mm2s, FAST).unwrap();
        let buffer = send.blocking_wait().unwrap().buffer;
        // It is over already.
        receive.start(dma.allocate(64).unwrap(), ..).unwrap();
        if cell == OPEN {
            rig.fabric.send_packets(cell, 64, 1).unwrap();
        }
        send.start(buffer, ..).unwrap();
        until("both transfers to be over", || {
            ["MM2S_DMASR", "S2MM_DMASR"]
                .iter()
                .all(|register| rig.fabric.register_of(cell, register) & IOC_IRQ != 0)
        });
        send.blocking_wait().unwrap();
        assert_eq!(receive.blocking_wait().unwrap().data().len(), 64);
        // Both lines are low again, and nobody is woken for what is over.
        for register in ["MM2S_DMASR", "S2MM_DMASR"] {
            assert_eq!(
                rig.fabric.register_of(cell, register) & 0x7000,
                0,
                "{cell} {register}"
            );
        }
    }
}

/// Errors of waiting leave the transfer alone.
fn transfer_outlives_the_wrong_runtime() {
    let (mut rig, _overlay) = movers();
    let (dma, mut send, _receive) = open(OPEN);
    rig.fabric.rate(OPEN, Way::Mm2s, 0).unwrap();
    send.start(dma.allocate(64).unwrap(), ..).unwrap();
    {
        let wait = pin!(send.wait());
        let polled = wait.poll(&mut Context::from_waker(Waker::noop()));
        let std::task::Poll::Ready(Err(failed)) = polled else {
            panic!("{polled:?}");
        };
        let (error, buffer) = failed.into_parts();
        assert!(matches!(error, Error::NoRuntime { .. }), "{error}");
        assert!(buffer.is_none());
    }
    rig.fabric.rate(OPEN, Way::Mm2s, FAST).unwrap();
    let done = run(async { soon("the transfer", send.wait()).await });
    assert_eq!(done.unwrap().data().len(), 64);
}

const COUNTED: u64 = 50;
const LENGTH: usize = 100;

fn slow_down(fabric: &mut Fabric, cell: &str) {
    for way in [Way::Mm2s, Way::S2mm] {
        fabric.rate(cell, way, SLOW).unwrap();
    }
}

fn transfers_cost_few_register_accesses() {
    let (mut rig, _overlay) = movers();
    for cell in [OPEN, LOOP] {
        let (dma, mut send, mut receive) = open(cell);
        let (mut out, mut back) = (dma.allocate(LENGTH).unwrap(), dma.allocate(LENGTH).unwrap());
        // The first one sets the channels going.
        rig.fabric
            .send_packets(OPEN, LENGTH as u64, COUNTED + 1)
            .unwrap();
        slow_down(&mut rig.fabric, cell);
        let count = |pin| {
            attribute(&format!("{cell}/{pin}"), "count")
                .parse::<u64>()
                .unwrap()
        };
        let mut woken = (0, 0);
        run(async {
            for round in 0..=COUNTED {
                let (sent, received) = soon("a packet", async {
                    tokio::join!(send.transfer(out, ..), receive.transfer(back, ..))
                })
                .await;
                (out, back) = (sent.unwrap().buffer, received.unwrap().buffer);
                if round == 0 {
                    rig.fabric.reset_counts().unwrap();
                    woken = (count("mm2s_introut"), count("s2mm_introut"));
                }
            }
        });
        let counts = rig.fabric.counts(cell).unwrap();
        println!("{cell}: {counts:?}");
        for (register, count) in &counts {
            let written = match register.as_str() {
                "MM2S_SA" | "MM2S_LENGTH" | "S2MM_DA" | "S2MM_LENGTH" | "MM2S_DMASR"
                | "S2MM_DMASR" => COUNTED,
                _ => 0,
            };
            assert_eq!(count.w, written, "{cell}: writes of {register}");
            let read = match register.as_str() {
                "S2MM_LENGTH" => COUNTED..=COUNTED,
                // Once to begin, once when armed, once when woken. An interrupt of the transfer before, which was over
                // before anybody waited, wakes once in vain: seldom, as these are slow.
                "MM2S_DMASR" | "S2MM_DMASR" => COUNTED..=3 * COUNTED + COUNTED / 5,
                _ => 0..=0,
            };
            assert!(
                read.contains(&count.r),
                "{cell}: {} reads of {register}",
                count.r
            );
        }
        // One interrupt a transfer.
        let woken = (
            count("mm2s_introut") - woken.0,
            count("s2mm_introut") - woken.1,
        );
        assert!(
            woken.0 <= COUNTED && woken.1 <= COUNTED,
            "{cell}: {woken:?}"
        );
    }
}

/// Nobody has to wait for these.
fn transfers_that_are_over_cost_less() {
    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(LOOP);
    let (mut out, mut back) = (dma.allocate(LENGTH).unwrap(), dma.allocate(LENGTH).unwrap());
    // The first one sets the channels going.
    (out, back) = loop_once(&mut send, &mut receive, out, back);
    rig.fabric.reset_counts().unwrap();
    for _ in 0..COUNTED {
        receive.start(back, ..).unwrap();
        send.start(out, ..).unwrap();
        until("both transfers to be over", || {
            ["MM2S_DMASR", "S2MM_DMASR"]
                .iter()
                .all(|register| rig.fabric.register_of(LOOP, register) & IOC_IRQ != 0)
        });
        out = send.blocking_wait().unwrap().buffer;
        back = receive.blocking_wait().unwrap().buffer;
    }
    let counts = rig.fabric.counts(LOOP).unwrap();
    for (way, cost) in [("MM2S_", 4), ("S2MM_", 5)] {
        let of_way = counts
            .iter()
            .filter(|(register, _)| register.starts_with(way));
        let all: u64 = of_way.map(|(_, count)| count.r + count.w).sum();
        assert_eq!(all, cost * COUNTED, "{way}: {counts:?}");
    }
}

/// The counted process: a transfer, a mark, many transfers, a mark.
pub fn be_counted() {
    let mark = marker();
    let (dma, mut send, _receive) = open(OPEN);
    let mut buffer = dma.allocate(LENGTH).unwrap();
    run(async {
        for round in 0..=COUNTED {
            buffer = send.transfer(buffer, ..).await.unwrap().buffer;
            if round == 0 {
                mark();
            }
        }
        mark();
    });
}

fn transfer_costs_two_system_calls() {
    let (mut rig, _overlay) = movers();
    slow_down(&mut rig.fabric, OPEN);
    assert_waits_cost_two("transfers", COUNTED);
}

fn transfers_allocate_nothing() {
    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(LOOP);
    let (mut out, mut back) = (dma.allocate(LENGTH).unwrap(), dma.allocate(LENGTH).unwrap());
    slow_down(&mut rig.fabric, LOOP);
    (out, back) = run(async {
        let mut before = 0;
        for round in 0..=COUNTED {
            let (sent, received) = tokio::join!(send.transfer(out, ..), receive.transfer(back, ..));
            (out, back) = (sent.unwrap().buffer, received.unwrap().buffer);
            if round == 0 {
                // The first waits register with the reactor, and make places for waiters.
                before = allocations();
            }
        }
        assert_eq!(allocations() - before, 0);
        (out, back)
    });
    let before = allocations();
    for _ in 0..COUNTED {
        (out, back) = loop_once(&mut send, &mut receive, out, back);
    }
    assert_eq!(allocations() - before, 0);
}
