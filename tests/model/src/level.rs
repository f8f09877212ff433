// SPDX-License-Identifier: MIT OR Apache-2.0
//! Levels: masked by the interrupt, acknowledged when armed again.

use crate::bench::{at_most, explore, LEVEL};
use crate::linux::code;
use loom::thread::spawn;

#[test]
fn level_cleared_late_wakes_once() {
    explore(LEVEL, at_most(2), |bench| {
        let file = bench.open();
        let reader = spawn({
            let file = file.clone();
            let board = bench.board.clone();
            move || {
                let first = file.read();
                // The latch was set again for as long as the source asserted.
                board.irq.lower();
                let source = spawn({
                    let board = board.clone();
                    move || board.irq.raise()
                });
                let second = file.read();
                source.join().unwrap();
                first + second
            }
        });
        bench.irq().raise();
        let read = reader.join().unwrap();
        assert_eq!(read, 2);
        bench.assert_unwanted_ends();
        bench.irq().lower();
        bench.drain(&file, read);
        assert_eq!(bench.irq().handled(), 2, "a wake-up without a cause");
    });
}

#[test]
fn level_that_stays_wakes_each_wait_once() {
    explore(LEVEL, at_most(2), |bench| {
        let file = bench.open();
        let reader = spawn({
            let file = file.clone();
            move || file.read() + file.read()
        });
        bench.irq().raise();
        assert_eq!(reader.join().unwrap(), 2);
        bench.assert_unwanted_ends();
        assert_eq!(bench.irq().handled(), 2);
    });
}

/// Whose event another took goes back to sleep, armed again.
#[test]
fn two_blocked_reads_of_one_file_get_a_level_each() {
    explore(LEVEL, at_most(2), |bench| {
        let file = bench.open();
        let other = spawn({
            let file = file.clone();
            move || file.read()
        });
        bench.irq().raise();
        let read = file.read() + other.join().unwrap();
        assert_eq!(read, 2);
        bench.irq().lower();
        bench.drain(&file, read);
        assert_eq!(bench.irq().handled(), 2);
    });
}

#[test]
fn level_is_told_to_both_files_once() {
    explore(LEVEL, at_most(2), |bench| {
        let [first, second] = [bench.open(), bench.open()];
        let reader = spawn({
            let file = first.clone();
            move || file.read()
        });
        second.arm();
        bench.irq().raise();
        let read = reader.join().unwrap();
        second.poll();
        bench.irq().lower();
        bench.drain(&first, read);
        bench.drain(&second, 0);
    });
}

#[test]
fn level_beside_a_disarm_ends_masked() {
    explore(LEVEL, at_most(3), |bench| {
        let file = bench.open();
        file.arm();
        let source = bench.board.clone();
        let source = spawn(move || source.irq.raise());
        file.subscription.disarm().unwrap();
        source.join().unwrap();
        bench.assert_unwanted_ends();
        // If it did not come through before, it does now.
        let read = match file.subscription.take_or_arm().unwrap() {
            Some(taken) => taken.count,
            None => file.poll_and_read(),
        };
        bench.irq().lower();
        bench.drain(&file, read);
        assert_eq!(bench.irq().handled(), 1);
    });
}

#[test]
fn level_has_no_continuous_mode() {
    explore(LEVEL, at_most(2), |bench| {
        let file = bench.open();
        assert_eq!(file.subscription.set_continuous(true), Err(code::EINVAL));
        bench.assert_unwanted_ends();
    });
}
