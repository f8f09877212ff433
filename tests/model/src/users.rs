// SPDX-License-Identifier: MIT OR Apache-2.0
//! Files come and go, and the device goes, beside interrupts.

use crate::{
    bench::{at_most, explore, File, EDGE, LEVEL},
    linux::{code, Arc},
};
use loom::thread::spawn;

#[test]
fn first_open_beside_the_last_close_claims_the_interrupt() {
    explore(EDGE, at_most(3), |bench| {
        let old = bench.open();
        old.arm();
        let closer = spawn(move || drop(old));
        let file = bench.open();
        file.arm();
        closer.join().unwrap();
        bench.irq().edge();
        assert_eq!(file.poll_and_read(), 1);
        bench.drain(&file, 1);
    });
}

#[test]
fn close_beside_an_edge_takes_nothing_from_others() {
    explore(EDGE, at_most(3), |bench| {
        let [file, other] = [bench.open(), bench.open()];
        file.arm();
        other.arm();
        let closer = spawn(move || drop(other));
        bench.irq().edge();
        assert_eq!(file.poll_and_read(), 1);
        closer.join().unwrap();
        bench.drain(&file, 1);
    });
}

/// An edge may be on its way to a CPU when the interrupt is given back: Linux keeps it in mind for the next owner.
#[test]
fn new_file_counts_from_now_whatever_was_under_way() {
    explore(EDGE, at_most(3), |bench| {
        let old = bench.open();
        old.arm();
        bench.irq().edge();
        drop(old);
        let file = bench.open();
        file.arm();
        bench.irq().wait_until_idle();
        assert!(
            !file.subscription.is_readable().unwrap(),
            "an event from before"
        );
        bench.irq().edge();
        assert_eq!(file.poll_and_read(), 1);
        bench.drain(&file, 1);
    });
}

#[test]
fn close_beside_a_level_ends_masked() {
    explore(LEVEL, at_most(3), |bench| {
        let file = bench.open();
        file.arm();
        let source = bench.board.clone();
        let source = spawn(move || source.irq.raise());
        drop(file);
        source.join().unwrap();
        bench.irq().wait_until_idle();
        assert!(!bench.irq().is_unmasked());
    });
}

#[test]
fn blocked_read_ends_when_the_device_goes() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        bench.end_beside_a_read(&file);
        assert!(!bench.irq().is_claimed() && !bench.irq().is_unmasked());
        assert_eq!(bench.line.condition(), None);
        assert_eq!(file.subscription.arm(), Err(code::ENODEV));
        assert_eq!(file.subscription.is_readable(), Err(code::ENODEV));
    });
}

#[test]
fn poll_ends_when_the_device_goes() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        let poller = spawn({
            let file = file.clone();
            move || {
                // It may be gone already.
                let _ = file.subscription.arm();
                file.poll();
            }
        });
        bench.line.end();
        poller.join().unwrap();
    });
}

#[test]
fn close_beside_the_end_of_the_device_gives_all_back() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        file.arm();
        let closer = spawn(move || drop(file));
        bench.irq().edge();
        bench.line.end();
        closer.join().unwrap();
    });
}

#[test]
fn open_beside_the_end_of_the_device_is_refused_or_told() {
    explore(EDGE, at_most(3), |bench| {
        let line = Arc::clone(&bench.line);
        let opener = spawn(move || {
            if let Ok(file) = File::try_open(&line) {
                let _ = file.subscription.arm();
                file.poll();
                assert_eq!(file.subscription.is_readable(), Err(code::ENODEV));
            }
        });
        bench.line.end();
        assert!(
            !bench.irq().is_claimed(),
            "claimed, though the device is gone"
        );
        opener.join().unwrap();
    });
}
