// SPDX-License-Identifier: MIT OR Apache-2.0
//! Many interrupts, each of them counted.

use axirq::Interrupt;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::EDGE_TOO_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::tasks::event;
use crate::rig::tasks::run;

crate::tests![
    every_one_of_100_000_edges_is_counted,
    every_one_of_2_000_levels_wakes_once,
    two_trains_at_once_are_counted_apart,
];

const INTC: &str = "axi_intc_0";

fn every_one_of_100_000_edges_is_counted() {
    const EDGES: u64 = 100_000;
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.set_mode(CONTINUOUS).unwrap();
    rig.fabric.reset_counts().unwrap();
    let before = rig.fabric.input(INTC, EDGE_INPUT).unwrap().raised;
    rig.fabric.train(INTC, EDGE_INPUT, EDGES).unwrap();
    let mut total = 0;
    while total < EDGES {
        file.wait();
        let record = file.read_record().unwrap();
        total += record.count;
        assert_eq!(record.sequence, total);
    }
    file.assert_quiet();
    assert_eq!(total, EDGES);
    let train = rig.fabric.train_status(INTC, EDGE_INPUT).unwrap();
    assert_eq!((train.sent, train.left), (EDGES, 0));
    assert_eq!(
        rig.fabric.input(INTC, EDGE_INPUT).unwrap().raised - before,
        EDGES
    );
    assert_eq!(rig.fabric.accesses("IAR"), (0, EDGES));
}

fn every_one_of_2_000_levels_wakes_once() {
    const EVENTS: u64 = 2_000;
    let (mut rig, _demo) = Rig::with_demo();
    let before = rig.fabric.input(INTC, LEVEL_INPUT).unwrap().raised;
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        for round in 1..=EVENTS {
            let (woken, ()) = tokio::join!(event(&interrupt), async {
                rig.fabric.raise_input(LEVEL_INPUT)
            });
            assert_eq!((woken.count, woken.sequence), (1, round));
            rig.fabric.lower_input(LEVEL_INPUT);
        }
        crate::rig::tasks::assert_quiet(&interrupt).await;
    });
    assert_eq!(
        rig.fabric.input(INTC, LEVEL_INPUT).unwrap().raised - before,
        EVENTS
    );
}

fn two_trains_at_once_are_counted_apart() {
    const EDGES: u64 = 3_000;
    let (mut rig, _demo) = Rig::with_demo();
    let files = [LineFile::open(EDGE), LineFile::open(EDGE_TOO)];
    files
        .iter()
        .for_each(|file| file.set_mode(CONTINUOUS).unwrap());
    rig.fabric.train(INTC, EDGE_INPUT, EDGES).unwrap();
    rig.fabric.train(INTC, EDGE_TOO_INPUT, EDGES).unwrap();
    let totals = files.map(|file| {
        let mut total = 0;
        while total < EDGES {
            file.wait();
            total += file.read_count().unwrap();
        }
        assert_eq!(file.poll(PATIENCE / 20), nix::poll::PollFlags::empty());
        total
    });
    assert_eq!(totals, [EDGES; 2]);
}
