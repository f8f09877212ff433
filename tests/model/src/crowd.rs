// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hard interrupt leaves all waking to the work item, as it does when many wait.

use crate::bench::{at_most, explore, CROWD};
use loom::thread::spawn;

#[test]
fn blocked_read_is_woken_late_but_is_woken() {
    explore(CROWD, at_most(2), |bench| {
        let file = bench.open();
        let reader = spawn({
            let file = file.clone();
            move || file.read()
        });
        bench.irq().edge();
        assert_eq!(reader.join().unwrap(), 1);
        bench.drain(&file, 1);
    });
}

#[test]
fn two_waiters_are_woken_by_one_work_item() {
    explore(CROWD, at_most(1), |bench| {
        let [first, second] = [bench.open(), bench.open()];
        let reader = spawn({
            let file = first.clone();
            move || file.read()
        });
        second.arm();
        bench.irq().edge();
        second.poll();
        assert_eq!(reader.join().unwrap(), 1);
        bench.drain(&first, 1);
        bench.drain(&second, 0);
    });
}

/// The second interrupt may find the work item queued, running, or done.
#[test]
fn event_beside_the_waking_of_the_one_before_is_told() {
    explore(CROWD, at_most(2), |bench| {
        let file = bench.open();
        file.arm();
        bench.irq().edge();
        let first = file.poll_and_read();
        file.arm();
        bench.irq().edge();
        let second = file.poll_and_read();
        assert_eq!((first, second), (1, 1));
        bench.drain(&file, 2);
    });
}

#[test]
fn line_goes_beside_its_work_item() {
    explore(CROWD, at_most(2), |bench| {
        let file = bench.open();
        file.arm();
        bench.irq().edge();
        file.poll();
        drop(file);
    });
}

#[test]
fn device_goes_beside_the_work_item() {
    explore(CROWD, at_most(2), |bench| {
        bench.end_beside_a_read(&bench.open());
    });
}
