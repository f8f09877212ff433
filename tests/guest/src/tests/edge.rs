// SPDX-License-Identifier: MIT OR Apache-2.0
//! Edge lines: acknowledged by the interrupt, enabled until an edge comes that nobody waits for.

use axirq::Interrupt;
use axirq::list::Trigger;
use nix::errno::Errno;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::EDGE_TOO_INPUT;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::line_file::ONESHOT;
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::wait_for_count;

crate::tests![
    edge_interrupt_wakes_waiting_task,
    edge_during_handling_is_delivered,
    edge_while_nobody_waits_is_delivered_to_the_next_wait_once,
    two_edges_while_idle_are_counted_in_full,
    edges_on_a_masked_line_merge_into_one,
    edge_before_open_is_no_event,
    line_nobody_waits_on_costs_one_interrupt_at_most,
    held_high_input_is_one_event,
    continuous_read_collects_all,
    leaving_continuous_mode_disarms,
    two_continuous_files_keep_the_line_enabled_until_the_last_leaves,
];

fn edge_interrupt_wakes_waiting_task() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        assert_eq!(interrupt.trigger(), Trigger::Edge);
        for round in 1..=3 {
            let (event, ()) = tokio::join!(event(&interrupt), async {
                rig.fabric.pulse_input(EDGE_INPUT)
            });
            assert_eq!((event.count, event.sequence), (1, round));
        }
        assert_quiet(&interrupt).await;
    });
}

fn edge_during_handling_is_delivered() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let (first, ()) = tokio::join!(event(&interrupt), async {
            rig.fabric.pulse_input(EDGE_INPUT)
        });
        assert_eq!(first.count, 1);
        // The first one is being handled.
        rig.fabric.pulse_input(EDGE_INPUT);
        let second = event(&interrupt).await;
        assert_eq!((second.count, second.sequence), (1, 2));
        assert_quiet(&interrupt).await;
    });
}

fn edge_while_nobody_waits_is_delivered_to_the_next_wait_once() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        // Never armed: masked, so the controller remembers.
        rig.fabric.pulse_input(EDGE_INPUT);
        tokio::time::sleep(QUIET).await;
        assert_eq!(interrupt.sequence().unwrap(), 0);
        assert_eq!(event(&interrupt).await.count, 1);
        assert_quiet(&interrupt).await;
        // Armed before: still enabled, so Linux remembers.
        rig.fabric.pulse_input(EDGE_INPUT);
        wait_for_count(EDGE, 2);
        assert_eq!(event(&interrupt).await.count, 1);
        assert_quiet(&interrupt).await;
    });
}

fn two_edges_while_idle_are_counted_in_full() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.arm_by_read();
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    assert_eq!(file.read_count(), Ok(1));
    // Idle now. The first edge interrupts and masks the line, the second stays in the controller.
    rig.fabric.pulse_input(EDGE_INPUT);
    wait_for_count(EDGE, 2);
    assert!(!rig.fabric.is_enabled(EDGE_INPUT));
    rig.fabric.pulse_input(EDGE_INPUT);
    assert_eq!(file.read_count(), Ok(1));
    file.arm_by_read();
    file.wait();
    assert_eq!(file.read_count(), Ok(1));
    file.arm_by_read();
    file.assert_quiet();
}

fn edges_on_a_masked_line_merge_into_one() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    for _ in 0..3 {
        rig.fabric.pulse_input(EDGE_INPUT);
    }
    file.arm_by_read();
    file.wait();
    assert_eq!(file.read_count(), Ok(1));
    file.arm_by_read();
    file.assert_quiet();
}

fn edge_before_open_is_no_event() {
    let (mut rig, _demo) = Rig::with_demo();
    rig.fabric.pulse_input(EDGE_INPUT);
    assert!(rig.fabric.is_latched(EDGE_INPUT));
    let file = LineFile::open(EDGE);
    file.arm_by_read();
    file.assert_quiet();
}

fn line_nobody_waits_on_costs_one_interrupt_at_most() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.arm_by_read();
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    for _ in 0..50 {
        rig.fabric.pulse_input(EDGE_INPUT);
    }
    std::thread::sleep(QUIET);
    assert_eq!(file.page().snapshot().sequence, 2);
    assert!(!rig.fabric.is_enabled(EDGE_INPUT));
}

fn held_high_input_is_one_event() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.arm_by_read();
    rig.fabric.raise_input(EDGE_INPUT);
    file.wait();
    assert_eq!(file.read_count(), Ok(1));
    file.arm_by_read();
    file.assert_quiet();
    rig.fabric.lower_input(EDGE_INPUT);
    file.assert_quiet();
    rig.fabric.raise_input(EDGE_INPUT);
    file.wait();
    assert_eq!(file.read_count(), Ok(1));
}

fn continuous_read_collects_all() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.set_mode(CONTINUOUS).unwrap();
    for sequence in 1..=5 {
        rig.fabric.pulse_input(EDGE_INPUT);
        wait_for_count(EDGE, sequence);
    }
    let record = file.read_record().unwrap();
    assert_eq!((record.count, record.sequence), (5, 5));
    assert_eq!(file.read_record(), Err(Errno::EAGAIN));
    // Reading has changed nothing about the mode.
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    rig.fabric.pulse_input(EDGE_INPUT);
    wait_for_count(EDGE, 7);
    assert_eq!(file.read_count(), Ok(2));
}

fn leaving_continuous_mode_disarms() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.set_mode(CONTINUOUS).unwrap();
    file.arm().unwrap();
    assert_eq!(crate::rig::attribute(EDGE, "state"), "armed");
    file.set_mode(ONESHOT).unwrap();
    assert_eq!(crate::rig::attribute(EDGE, "state"), "idle");
    // The one edge that shows that nobody waits.
    rig.fabric.pulse_input(EDGE_INPUT);
    wait_for_count(EDGE, 1);
    assert!(!rig.fabric.is_enabled(EDGE_INPUT));
}

fn two_continuous_files_keep_the_line_enabled_until_the_last_leaves() {
    let (mut rig, _demo) = Rig::with_demo();
    let (first, second) = (LineFile::open(EDGE_TOO), LineFile::open(EDGE_TOO));
    first.set_mode(CONTINUOUS).unwrap();
    second.set_mode(CONTINUOUS).unwrap();
    drop(first);
    for sequence in 1..=3 {
        rig.fabric.pulse_input(EDGE_TOO_INPUT);
        wait_for_count(EDGE_TOO, sequence);
    }
    assert_eq!(second.read_count(), Ok(3));
    drop(second);
    assert!(!rig.fabric.is_enabled(EDGE_TOO_INPUT));
}
