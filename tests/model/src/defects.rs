// SPDX-License-Identifier: MIT OR Apache-2.0
//! Kernels that do it wrong: the model tells. Each is explored by a process of its own, as loom's threads cannot all be
//! unwound: what they hold locks.

use crate::{
    bench::{at_most, explore, Bench, CROWD, EDGE},
    linux::board::{Defect, Options},
};
use loom::thread::spawn;
use std::{env, process::Command};

/// Tells a process that it is the one that explores.
const EXPLORER: &str = "AXIRQ_MODEL_EXPLORES_A_DEFECT";

/// `test` is the calling test's name; `complaint` is what the exploration has to end with.
fn assert_found(
    test: &str,
    complaint: &str,
    defect: Defect,
    options: Options,
    scenario: fn(&Bench),
) {
    if env::var_os(EXPLORER).is_some() {
        let defect = Some(defect);
        explore(Options { defect, ..options }, at_most(2), scenario);
        return;
    }
    let explored = Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("defects::{test}"), "--nocapture"])
        .env(EXPLORER, "")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&explored.stderr);
    assert!(!explored.status.success(), "{defect:?} was not found");
    assert!(said.contains(complaint), "{said}");
}

fn blocked_read(bench: &Bench) {
    let file = bench.open();
    let reader = spawn(move || file.read());
    bench.irq().edge();
    reader.join().unwrap();
}

fn close_beside_an_edge(bench: &Bench) {
    let file = bench.open();
    file.arm();
    bench.irq().edge();
    drop(file);
}

#[test]
fn looking_before_being_on_the_queue_is_found() {
    assert_found(
        "looking_before_being_on_the_queue_is_found",
        "deadlock",
        Defect::LooksFirst,
        EDGE,
        blocked_read,
    );
}

#[test]
fn work_that_is_not_queued_again_while_it_runs_is_found() {
    assert_found(
        "work_that_is_not_queued_again_while_it_runs_is_found",
        "deadlock",
        Defect::RunningWorkCountsAsQueued,
        CROWD,
        |bench| {
            let file = bench.open();
            for _ in 0..2 {
                file.arm();
                bench.irq().edge();
                file.poll();
            }
        },
    );
}

#[test]
fn work_that_outlives_its_queue_is_found() {
    assert_found(
        "work_that_outlives_its_queue_is_found",
        "a queue goes that somebody is on",
        Defect::CancelDoesNotWait,
        CROWD,
        |bench| {
            let file = bench.open();
            file.arm();
            bench.irq().edge();
            // Woken by the work item, which may not be done.
            file.poll();
        },
    );
}

#[test]
fn handler_of_a_freed_interrupt_is_found() {
    assert_found(
        "handler_of_a_freed_interrupt_is_found",
        "the handler of a freed interrupt runs",
        Defect::FreeDoesNotWait,
        EDGE,
        close_beside_an_edge,
    );
}

#[test]
fn forgotten_edge_is_found() {
    assert_found(
        "forgotten_edge_is_found",
        "deadlock",
        Defect::UnmaskDropsEdges,
        EDGE,
        blocked_read,
    );
}
