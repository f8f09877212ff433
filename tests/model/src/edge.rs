// SPDX-License-Identifier: MIT OR Apache-2.0
//! Edges: each is seen by everybody who waits, or by whoever waits next.

use crate::bench::{at_most, explore, EDGE};
use crate::linux::code;
use loom::thread::spawn;

#[test]
fn blocked_read_sees_an_edge_whenever_it_comes() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        let reader = spawn({
            let file = file.clone();
            move || file.read()
        });
        bench.irq().edge();
        let read = reader.join().unwrap();
        assert_eq!(read, 1);
        bench.drain(&file, read);
    });
}

#[test]
fn armed_file_is_polled_whenever_the_edge_comes() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        let source = bench.edge_beside();
        // The page's users: arm, look, poll.
        let read = match file.subscription.take_or_arm().unwrap() {
            Some(taken) => taken.count,
            None => file.poll_and_read(),
        };
        source.join().unwrap();
        assert_eq!(read, 1);
        bench.drain(&file, read);
    });
}

#[test]
fn blocked_read_and_poll_see_the_same_edge() {
    explore(EDGE, at_most(2), |bench| {
        let [first, second] = [bench.open(), bench.open()];
        let reader = spawn({
            let file = first.clone();
            move || file.read()
        });
        let poller = spawn({
            let file = second.clone();
            move || match file.subscription.take_or_arm().unwrap() {
                Some(taken) => taken.count,
                None => file.poll_and_read(),
            }
        });
        bench.irq().edge();
        let [read, polled] = [reader, poller].map(|waiter| waiter.join().unwrap());
        assert_eq!((read, polled), (1, 1));
        bench.drain(&first, read);
        bench.drain(&second, polled);
    });
}

#[test]
fn two_edges_are_told_to_both_files_once() {
    explore(EDGE, at_most(2), |bench| {
        let [first, second] = [bench.open(), bench.open()];
        let reader = spawn({
            let file = first.clone();
            move || file.read()
        });
        assert_eq!(second.arm(), bench.line.sequence());
        let edges = bench.irq().edge() + bench.irq().edge();
        let read = reader.join().unwrap();
        second.poll();
        bench.drain(&first, read);
        bench.drain(&second, 0);
        assert_eq!(bench.irq().handled(), edges);
    });
}

/// An interrupt disarms the file; the thread that did not get its event has to arm it again.
#[test]
fn two_blocked_reads_of_one_file_get_an_edge_each() {
    explore(EDGE, at_most(2), |bench| {
        let file = bench.open();
        let other = spawn({
            let file = file.clone();
            let board = bench.board.clone();
            move || {
                let read = file.read();
                board.irq.edge();
                read
            }
        });
        bench.irq().edge();
        let mut read = file.read();
        // Whoever was first makes the other's.
        bench.irq().edge();
        read += other.join().unwrap();
        bench.drain(&file, read);
        assert_eq!(bench.irq().handled(), 3);
    });
}

#[test]
fn arm_marks_what_came_before_as_seen() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        file.arm();
        let source = bench.edge_beside();
        let seen = file.arm();
        source.join().unwrap();
        bench.irq().wait_until_idle();
        let unseen = bench.line.sequence() - seen;
        assert_eq!(file.subscription.is_readable().unwrap(), unseen != 0);
    });
}

/// A read whose memory cannot be written gives the event back: to whoever else reads the file.
#[test]
fn event_given_back_reaches_a_blocked_read() {
    explore(EDGE, at_most(2), |bench| {
        let file = bench.open();
        let reader = spawn({
            let file = file.clone();
            move || file.read()
        });
        bench.irq().edge();
        if let Some(taken) = file.subscription.take_or_arm().unwrap() {
            file.subscription.give_back(&taken);
        }
        let read = reader.join().unwrap();
        assert_eq!(read, 1);
        let view = file.subscription.view();
        assert_eq!((view.unread, view.readers), (0, 0));
        bench.drain(&file, read);
    });
}

#[test]
fn edge_beside_a_disarm_is_kept() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        file.arm();
        let source = bench.edge_beside();
        file.subscription.disarm().unwrap();
        source.join().unwrap();
        bench.drain(&file, 0);
        assert_eq!(bench.irq().handled(), 1);
        file.subscription.disarm().unwrap();
        bench.assert_unwanted_ends();
    });
}

#[test]
fn signal_beside_an_edge_loses_nothing() {
    explore(EDGE, at_most(2), |bench| {
        let file = bench.open();
        let reader = spawn({
            let file = file.clone();
            move || file.subscription.take_or_sleep()
        });
        bench.irq().edge();
        file.subscription.queue().signal();
        let read = match reader.join().unwrap() {
            Ok(taken) => taken.count,
            Err(error) => {
                assert_eq!(error, code::ERESTARTSYS);
                0
            }
        };
        bench.irq().wait_until_idle();
        bench.drain(&file, read);
        assert_eq!(bench.irq().handled(), 1);
        file.subscription.disarm().unwrap();
        bench.assert_unwanted_ends();
    });
}

#[test]
fn continuous_mode_counts_every_edge() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        file.subscription.set_continuous(true).unwrap();
        let source = bench.board.clone();
        let source = spawn(move || source.irq.edge() + source.irq.edge());
        let mut read = file.poll_and_read();
        let edges = source.join().unwrap();
        bench.irq().wait_until_idle();
        // Never armed since, and yet none is missing.
        while file.subscription.is_readable().unwrap() {
            read += file.subscription.take_or_arm().unwrap().unwrap().count;
        }
        assert_eq!(read, edges);
        bench.drain(&file, read);
    });
}

#[test]
fn edge_beside_the_end_of_continuous_mode_is_kept() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        file.subscription.set_continuous(true).unwrap();
        let source = bench.edge_beside();
        file.subscription.set_continuous(false).unwrap();
        source.join().unwrap();
        bench.drain(&file, 0);
        assert_eq!(bench.irq().handled(), 1);
        file.subscription.disarm().unwrap();
        bench.assert_unwanted_ends();
    });
}
