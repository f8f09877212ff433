// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI DMA when something is wrong: with what it is asked, with a transfer, with its overlay, with the process that
//! uses it. Nobody hangs, nobody touches memory that is not his any more, and the next transfer works.

use std::thread;
use std::time::Duration;

use axirq::Error;
use axirq::dma::AxiDma;
use axirq::dma::Channel;
use axirq::dma::Done;
use axirq::dma::Failed;
use axirq::memory::Buffer;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use plsim::models::stream::pattern;
use plsim::protocol::Mishap;
use plsim::protocol::Way;
use tokio::runtime::Builder;

use crate::dma::FAST;
use crate::dma::LOOP;
use crate::dma::OPEN;
use crate::dma::apply;
use crate::dma::bind;
use crate::dma::loop_once;
use crate::dma::movers;
use crate::dma::open;
use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::child::Child;
use crate::rig::overlay::Overlay;
use crate::rig::tasks::run;
use crate::rig::tasks::settle;
use crate::rig::tasks::soon;
use crate::rig::until;
use crate::rig::wait_for_state;

crate::tests![
    what_cannot_be_moved_is_refused_before_anything_is_written,
    addresses_are_aligned_where_there_is_no_realignment,
    core_and_channels_have_one_owner,
    errors_wake_waiting_tasks,
    errors_wake_waiting_threads,
    packet_longer_than_the_buffer_is_an_error,
    error_on_one_channel_ends_the_other_ones_wait,
    reset_ends_waits_of_tasks_and_threads,
    dropped_channel_stops_before_its_buffer_is_freed,
    dead_bus_is_an_error,
    overlay_without_interrupts_is_asked_or_an_error,
    overlay_removed_in_mid_transfer_wakes_and_stops,
    killed_process_leaves_a_core_that_works,
];

/// DMASR: the channel stands still.
const HALTED: u32 = 1 << 0;

/// An error and the buffer that came with it.
fn refused(result: Result<(), Failed>) -> (Error, Buffer) {
    let (error, buffer) = result.unwrap_err().into_parts();
    (error, buffer.expect("the buffer"))
}

fn what_cannot_be_moved_is_refused_before_anything_is_written() {
    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(LOOP);
    let (other, mut other_send, _other_receive) = open(OPEN);
    let longest = dma.longest();
    let buffer = dma.allocate(longest + 5).unwrap();
    // From here on the channels run.
    let (buffer, _) = loop_once_of(&mut send, &mut receive, buffer, &dma);
    let size = buffer.len();
    rig.fabric.reset_counts().unwrap();

    let (error, buffer) = refused(send.start(buffer, 8..8));
    assert!(matches!(error, Error::EmptyTransfer { .. }), "{error}");
    #[expect(clippy::reversed_empty_ranges, reason = "as users write them")]
    let (error, buffer) = refused(send.start(buffer, 9..8));
    assert!(matches!(error, Error::EmptyTransfer { .. }), "{error}");
    let (error, buffer) = refused(send.start(buffer, ..=size));
    assert!(matches!(error, Error::OutsideBuffer { .. }), "{error}");
    let (error, buffer) = refused(receive.start(buffer, size + 1..));
    assert!(matches!(error, Error::OutsideBuffer { .. }), "{error}");
    let (error, buffer) = refused(receive.start(buffer, ..));
    assert!(matches!(error, Error::TransferTooLong { .. }), "{error}");
    let (error, buffer) = refused(send.start(buffer, 2..longest + 3));
    let Error::TransferTooLong {
        bytes,
        longest: most,
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!((bytes, most), (longest + 1, longest));
    let (error, buffer) = refused(other_send.start(buffer, ..8));
    assert!(matches!(error, Error::ForeignBuffer { .. }), "{error}");
    let (error, _) = refused(send.start(other.allocate(64).unwrap(), ..));
    assert!(matches!(error, Error::ForeignBuffer { .. }), "{error}");
    let error = Error::from(send.blocking_wait().unwrap_err());
    assert!(matches!(error, Error::NoTransfer { .. }), "{error}");

    for cell in [OPEN, LOOP] {
        let counts = rig.fabric.counts(cell).unwrap();
        let written: Vec<_> = counts.iter().filter(|(_, count)| count.w > 0).collect();
        assert!(written.is_empty(), "{cell}: {written:?}");
    }
    loop_once_of(&mut send, &mut receive, buffer, &dma);
}

/// A few bytes of a buffer out and back.
fn loop_once_of(
    send: &mut Channel,
    receive: &mut Channel,
    out: Buffer,
    dma: &AxiDma,
) -> (Buffer, usize) {
    receive.start(dma.allocate(64).unwrap(), ..).unwrap();
    let sent = send
        .blocking_transfer_timeout(out, ..64, PATIENCE)
        .unwrap()
        .unwrap();
    let received = receive.blocking_wait_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(received.data(), sent.data());
    (sent.buffer, received.range.len())
}

fn addresses_are_aligned_where_there_is_no_realignment() {
    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(OPEN);
    let mut buffer = dma.allocate(64).unwrap();
    for from in [1, 2, 3, 5] {
        for channel in [&mut send, &mut receive] {
            let (error, back) = refused(channel.start(buffer, from..));
            let Error::UnalignedTransfer {
                address, alignment, ..
            } = error
            else {
                panic!("{error}");
            };
            assert_eq!((address, alignment), (back.address() + from as u64, 4));
            buffer = back;
        }
    }
    let done = send.blocking_transfer_timeout(buffer, 4..7, PATIENCE);
    assert_eq!(done.unwrap().unwrap().range, 4..7);
    assert_eq!(rig.fabric.sink(OPEN).unwrap().bytes, 3);
}

fn core_and_channels_have_one_owner() {
    let (_rig, _overlay) = movers();
    {
        let (dma, send, _receive) = open(OPEN);
        let error = AxiDma::open(OPEN).unwrap_err();
        assert!(matches!(error, Error::InUse { .. }), "{error}");
        let error = dma.send_channel().unwrap_err();
        assert!(matches!(error, Error::ChannelInUse { .. }), "{error}");
        drop(send);
        let _send = dma.send_channel().unwrap();
        let child = Child::start(|_| match AxiDma::open(OPEN) {
            Err(Error::InUse { .. } | Error::Lent { .. }) => 0,
            other => panic!("{other:?}"),
        });
        let pid = child.pid();
        assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
    }
    let (_dma, _send, _receive) = open(OPEN);
}

fn first_bytes(
    rig: &mut Rig,
    channel: &mut Channel,
    way: Way,
    buffer: Buffer,
    length: usize,
) -> Buffer {
    if way == Way::S2mm {
        rig.fabric.send_packets(OPEN, length as u64, 1).unwrap();
    }
    let done = channel.blocking_transfer_timeout(buffer, ..length, PATIENCE);
    let done = done.unwrap().expect("a transfer");
    assert_eq!(done.range, 0..length);
    done.buffer
}

const MISHAPS: [Mishap; 3] = [Mishap::Internal, Mishap::Slave, Mishap::Decode];
const WAYS: [Way; 2] = [Way::Mm2s, Way::S2mm];

/// Whether this is the error for that.
fn is_of(error: &Error, way: Way, mishap: Mishap) -> bool {
    match mishap {
        Mishap::Internal if way == Way::Mm2s => matches!(error, Error::DmaInternal { .. }),
        Mishap::Internal => matches!(error, Error::PacketTooLong { .. }),
        Mishap::Slave => matches!(error, Error::DmaSlave { .. }),
        _ => matches!(error, Error::DmaDecode { .. }),
    }
}

/// Lets transfers fail everywhere, under a wait that begins before: it is given what to do once it sleeps.
fn fail_everywhere(
    mut wait: impl FnMut(&mut Channel, &mut (dyn FnMut() + Send)) -> Result<Done, Failed>,
) {
    const LENGTH: usize = 20_000;

    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(OPEN);
    let mut buffer = dma.allocate(LENGTH).unwrap();
    for mishap in MISHAPS {
        for (channel, way) in [(&mut send, Way::Mm2s), (&mut receive, Way::S2mm)] {
            for after in [0, 1, 4095, 4096, 10_001, LENGTH as u64] {
                let what = format!("{way} {mishap:?} after {after}");
                rig.fabric.rate(OPEN, way, 0).unwrap();
                rig.fabric.fault_transfer(OPEN, way, mishap, after).unwrap();
                if way == Way::S2mm {
                    rig.fabric.send_packets(OPEN, LENGTH as u64, 1).unwrap();
                }
                let packet = rig.fabric.source(OPEN).unwrap().packets;
                channel.start(buffer, ..).unwrap();
                let pin = channel.pin().unwrap().to_owned();
                let failed = wait(channel, &mut || {
                    wait_for_state(&pin, "armed");
                    rig.fabric.rate(OPEN, way, FAST).unwrap();
                });
                let (error, back) = failed.unwrap_err().into_parts();
                assert!(is_of(&error, way, mishap), "{what}: {error}");
                // A packet of which nothing was taken is still to come.
                if rig.fabric.source(OPEN).unwrap().left > 0 {
                    let done = channel.blocking_transfer_timeout(back.unwrap(), .., PATIENCE);
                    let done = done.unwrap().expect("a packet");
                    assert_eq!(done.data(), pattern(packet, 0, LENGTH), "{what}");
                    buffer = done.buffer;
                } else {
                    buffer = first_bytes(&mut rig, channel, way, back.unwrap(), 5000);
                }
            }
        }
    }
}

fn errors_wake_waiting_tasks() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    fail_everywhere(|channel, go| {
        runtime
            .block_on(async { tokio::join!(soon("the error", channel.wait()), async { go() }).0 })
    });
}

fn errors_wake_waiting_threads() {
    fail_everywhere(|channel, go| {
        thread::scope(|scope| {
            let waiter = scope.spawn(|| channel.blocking_wait_timeout(PATIENCE));
            go();
            Ok(waiter.join().unwrap()?.expect("the error"))
        })
    });
}

fn packet_longer_than_the_buffer_is_an_error() {
    let (mut rig, _overlay) = movers();
    let (dma, _send, mut receive) = open(OPEN);
    let mut buffer = dma.allocate(8192).unwrap();
    for room in [1, 100, 4096, 8191] {
        buffer.fill(0xee);
        rig.fabric.send_packets(OPEN, 8192, 1).unwrap();
        let failed = receive.blocking_transfer_timeout(buffer, ..room, PATIENCE);
        let (error, back) = failed.unwrap_err().into_parts();
        assert!(
            matches!(error, Error::PacketTooLong { bytes, .. } if bytes == room),
            "{error}"
        );
        buffer = back.unwrap();
        assert!(buffer[room..].iter().all(|byte| *byte == 0xee));
        // The packet's rest is not the next one's beginning.
        buffer = first_bytes(&mut rig, &mut receive, Way::S2mm, buffer, 300);
        let last = rig.fabric.source(OPEN).unwrap().packets - 1;
        assert_eq!(buffer[..300], pattern(last, 0, 300));
    }
}

/// Nothing comes for one channel, and the other one fails: the core is reset, and both have their buffers back.
fn error_on_one_channel_ends_the_other_ones_wait() {
    const LENGTH: usize = 5000;

    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(OPEN);
    let (mut out, mut back) = (dma.allocate(LENGTH).unwrap(), dma.allocate(LENGTH).unwrap());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for fails in WAYS {
        for in_threads in [false, true] {
            for way in WAYS {
                rig.fabric.rate(OPEN, way, 0).unwrap();
            }
            send.start(out, ..).unwrap();
            receive.start(back, ..).unwrap();
            let mut fail = || {
                wait_until_both_wait();
                let mishap = Mishap::Slave;
                rig.fabric.fault_transfer(OPEN, fails, mishap, 0).unwrap();
                rig.fabric.rate(OPEN, fails, 1000).unwrap();
            };
            let (sent, received) = if in_threads {
                thread::scope(|scope| {
                    let sender = scope.spawn(|| send.blocking_wait_timeout(PATIENCE));
                    let receiver = scope.spawn(|| receive.blocking_wait_timeout(PATIENCE));
                    fail();
                    (sender.join().unwrap(), receiver.join().unwrap())
                })
            } else {
                runtime.block_on(async {
                    let (sent, received, ()) = tokio::join!(
                        soon("the sender", send.wait()),
                        soon("the receiver", receive.wait()),
                        async { fail() }
                    );
                    (sent.map(Some), received.map(Some))
                })
            };
            let (sent, received) = (
                sent.unwrap_err().into_parts(),
                received.unwrap_err().into_parts(),
            );
            let (own, reset) = match fails {
                Way::Mm2s => (&sent.0, &received.0),
                Way::S2mm => (&received.0, &sent.0),
            };
            assert!(matches!(own, Error::DmaSlave { .. }), "{own}");
            assert!(matches!(reset, Error::TransferReset { .. }), "{reset}");
            rig.fabric.reset().unwrap();
            out = first_bytes(&mut rig, &mut send, Way::Mm2s, sent.1.unwrap(), LENGTH);
            back = first_bytes(
                &mut rig,
                &mut receive,
                Way::S2mm,
                received.1.unwrap(),
                LENGTH,
            );
        }
    }
}

fn wait_until_both_wait() {
    for pin in ["mm2s_introut", "s2mm_introut"] {
        wait_for_state(&format!("{OPEN}/{pin}"), "armed");
    }
}

fn reset_ends_waits_of_tasks_and_threads() {
    let (_rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(LOOP);
    let mut buffer = dma.allocate(64).unwrap();
    let is_reset = |failed: Failed| {
        let (error, buffer) = failed.into_parts();
        assert!(matches!(error, Error::TransferReset { .. }), "{error}");
        buffer.unwrap()
    };
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..10 {
        // Nothing is sent, so nothing comes.
        receive.start(buffer, ..).unwrap();
        buffer = runtime.block_on(async {
            let reset = async {
                settle().await;
                dma.reset().unwrap();
            };
            let (received, ()) = tokio::join!(soon("the reset", receive.wait()), reset);
            is_reset(received.unwrap_err())
        });
        receive.start(buffer, ..).unwrap();
        buffer = thread::scope(|scope| {
            let receiver = scope.spawn(|| receive.blocking_wait_timeout(PATIENCE));
            thread::sleep(Duration::from_millis(1));
            dma.reset().unwrap();
            is_reset(receiver.join().unwrap().unwrap_err())
        });
    }
    // Nobody has waited.
    receive.start(buffer, ..).unwrap();
    dma.reset().unwrap();
    buffer = is_reset(receive.try_wait().unwrap_err());
    loop_once(&mut send, &mut receive, buffer, dma.allocate(64).unwrap());
}

fn dropped_channel_stops_before_its_buffer_is_freed() {
    const LENGTH: usize = 50_000;

    let (mut rig, _overlay) = movers();
    let (dma, mut send, mut receive) = open(OPEN);
    for _ in 0..5 {
        rig.fabric.rate(OPEN, Way::S2mm, 1000).unwrap();
        rig.fabric.send_packets(OPEN, LENGTH as u64, 1).unwrap();
        rig.fabric.rate(OPEN, Way::Mm2s, 0).unwrap();
        send.start(dma.allocate(64).unwrap(), ..).unwrap();
        receive.start(dma.allocate(LENGTH).unwrap(), ..).unwrap();
        until("the transfer to be in its middle", || {
            rig.fabric.source(OPEN).unwrap().bytes % LENGTH as u64 != 0
        });
        drop(receive);
        assert_ne!(rig.fabric.register_of(OPEN, "S2MM_DMASR") & HALTED, 0);
        let error = Error::from(send.blocking_wait_timeout(PATIENCE).unwrap_err());
        assert!(matches!(error, Error::TransferReset { .. }), "{error}");
        // Its packet is gone with the reset.
        rig.fabric.reset().unwrap();
        receive = dma.receive_channel().unwrap();
        first_bytes(
            &mut rig,
            &mut receive,
            Way::S2mm,
            dma.allocate(64).unwrap(),
            64,
        );
        // One that is complete, and that nobody has waited for, is no reason for a reset.
        rig.fabric.rate(OPEN, Way::Mm2s, 0).unwrap();
        send.start(dma.allocate(64).unwrap(), ..).unwrap();
        rig.fabric.send_packets(OPEN, 64, 1).unwrap();
        receive.start(dma.allocate(64).unwrap(), ..).unwrap();
        until("the packet to be there", || {
            rig.fabric.register_of(OPEN, "S2MM_DMASR") & (1 << 12) != 0
        });
        drop(receive);
        rig.fabric.rate(OPEN, Way::Mm2s, FAST).unwrap();
        send.blocking_wait_timeout(PATIENCE)
            .unwrap()
            .expect("what goes on");
        receive = dma.receive_channel().unwrap();
    }
}

fn dead_bus_is_an_error() {
    let (mut rig, _overlay) = movers();
    rig.fabric.fault_all_ones(true).unwrap();
    let error = AxiDma::open(OPEN).unwrap_err();
    assert!(matches!(error, Error::StuckStatus { .. }), "{error}");
    rig.fabric.fault_all_ones(false).unwrap();
    let (dma, mut send, _receive) = open(OPEN);
    let buffer = dma.allocate(64).unwrap();
    first_bytes(&mut rig, &mut send, Way::Mm2s, buffer, 64);
}

fn overlay_without_interrupts_is_asked_or_an_error() {
    let mut rig = Rig::new();
    rig.fabric.reset().unwrap();
    let _overlay = Overlay::apply("vendor-dma-bare");
    bind();
    let dma = AxiDma::open(OPEN).unwrap();
    // The design has it, but this tree does not say so.
    let error = dma.send_channel().unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoDmaChannel {
                channel: "send",
                ..
            }
        ),
        "{error}"
    );
    let mut receive = dma.receive_channel().unwrap();
    assert_eq!(receive.pin(), None);
    receive.start(dma.allocate(64).unwrap(), ..).unwrap();
    assert!(receive.try_wait().unwrap().is_none());
    let errors = [
        run(receive.wait()).unwrap_err(),
        receive.blocking_wait().unwrap_err(),
        receive.blocking_wait_timeout(PATIENCE).unwrap_err(),
    ];
    for failed in errors {
        let (error, buffer) = failed.into_parts();
        assert!(
            matches!(
                error,
                Error::NoInterrupt {
                    pin: "s2mm_introut",
                    ..
                }
            ),
            "{error}"
        );
        assert!(buffer.is_none());
    }
    rig.fabric.send_packets(OPEN, 64, 1).unwrap();
    let mut done = None;
    until("the packet", || {
        done = receive.try_wait().unwrap();
        done.is_some()
    });
    assert_eq!(done.unwrap().data(), pattern(0, 0, 64));

    // Of the other one the registers tell what there is; of its length nothing does.
    let dma = AxiDma::open(LOOP).unwrap();
    assert_eq!(dma.longest(), (1 << 14) - 1);
    let (mut send, mut receive) = (dma.send_channel().unwrap(), dma.receive_channel().unwrap());
    receive.start(dma.allocate(64).unwrap(), ..).unwrap();
    send.start(dma.allocate(64).unwrap(), ..60).unwrap();
    let mut done = None;
    until("the packet", || {
        done = receive.try_wait().unwrap();
        done.is_some()
    });
    assert_eq!(done.unwrap().range, 0..60);
    assert_eq!(send.try_wait().unwrap().unwrap().range, 0..60);
}

/// Waits in the middle of a transfer that takes most of a minute, in a burst every 0.1 s, and returns what comes of it.
fn removed_in_mid_transfer(wait: impl FnOnce(&mut Channel) -> Result<Done, Failed> + Send) {
    const LENGTH: usize = 2 << 20;

    let (mut rig, overlay) = movers();
    let (dma, send, mut receive) = open(OPEN);
    rig.fabric.rate(OPEN, Way::S2mm, 40_000).unwrap();
    rig.fabric.send_packets(OPEN, LENGTH as u64, 1).unwrap();
    receive.start(dma.allocate(LENGTH).unwrap(), ..).unwrap();
    let failed = thread::scope(|scope| {
        let waiter = scope.spawn(|| wait(&mut receive).unwrap_err());
        wait_for_state(&format!("{OPEN}/s2mm_introut"), "armed");
        overlay.remove();
        waiter.join().unwrap()
    });
    let (error, buffer) = failed.into_parts();
    assert!(matches!(error, Error::Gone { .. }), "{error}");
    assert!(buffer.is_none());
    // The core stands still.
    let moved = rig.fabric.source(OPEN).unwrap().bytes;
    assert!(moved < LENGTH as u64, "it was no transfer's middle");
    assert_ne!(rig.fabric.register_of(OPEN, "S2MM_DMASR") & HALTED, 0);
    thread::sleep(QUIET);
    assert_eq!(rig.fabric.source(OPEN).unwrap().bytes, moved);

    // Whatever is asked of what has left, it says so.
    for error in [
        Error::from(receive.blocking_wait().unwrap_err()),
        Error::from(receive.try_wait().unwrap_err()),
        dma.reset().unwrap_err(),
        dma.allocate(64).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Gone { .. }), "{error}");
    }
    drop((dma, send, receive));
    let _overlay = apply();
    rig.fabric.reset().unwrap();
    let (dma, _send, mut receive) = open(OPEN);
    let buffer = dma.allocate(64).unwrap();
    first_bytes(&mut rig, &mut receive, Way::S2mm, buffer, 64);
}

fn overlay_removed_in_mid_transfer_wakes_and_stops() {
    removed_in_mid_transfer(|receive| run(soon("the removal", receive.wait())));
    removed_in_mid_transfer(|receive| receive.blocking_wait());
}

fn killed_process_leaves_a_core_that_works() {
    const LENGTH: usize = 1 << 20;

    let (mut rig, _overlay) = movers();
    for way in WAYS {
        rig.fabric.rate(OPEN, way, 100_000).unwrap();
        rig.fabric.send_packets(OPEN, LENGTH as u64, 1).unwrap();
        let mut child = Child::start(|parent| {
            let (dma, mut send, mut receive) = open(OPEN);
            send.start(dma.allocate(LENGTH).unwrap(), ..).unwrap();
            receive.start(dma.allocate(LENGTH).unwrap(), ..).unwrap();
            parent.ready();
            let channel = if way == Way::Mm2s {
                &mut send
            } else {
                &mut receive
            };
            let _ = channel.blocking_wait();
            0
        });
        child.wait_until_ready();
        child.signal(Signal::SIGKILL);
        child.end();
        // The kernel has stopped it, or does so in a moment.
        for register in ["MM2S_DMASR", "S2MM_DMASR"] {
            until("the core to stand still", || {
                rig.fabric.register_of(OPEN, register) & HALTED != 0
            });
        }
        rig.fabric.reset().unwrap();
        let (dma, mut send, mut receive) = open(OPEN);
        let buffer = dma.allocate(LENGTH).unwrap();
        let buffer = first_bytes(&mut rig, &mut send, Way::Mm2s, buffer, LENGTH);
        first_bytes(&mut rig, &mut receive, Way::S2mm, buffer, LENGTH);
    }
}
