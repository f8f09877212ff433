// SPDX-License-Identifier: MIT OR Apache-2.0
//! Controllers that are not the plain one: registers left out, cascades, trees that say too much or the wrong thing.

use std::time::Duration;

use axirq::Interrupt;
use nix::errno::Errno;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::line_file::LineFile;
use crate::rig::overlay::Overlay;
use crate::rig::paths;
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::until;

crate::tests![
    controller_without_optional_registers_works,
    controller_without_optional_registers_masks_line_by_line,
    cascaded_controller_works,
    cascade_and_its_parent_interrupt_at_once,
    cascade_comes_and_goes,
    more_inputs_than_the_hardware_has_are_left_out,
    padding_in_the_kinds_is_ignored,
    kinds_of_inputs_that_do_not_exist_are_ignored,
    without_kinds_every_input_is_a_level,
    edge_called_a_level_delivers_each_single_edge,
    level_called_an_edge_storms_nobody,
];

/// Edge and level on one controller: everything that differs between them.
fn edge_and_level_work(rig: &mut Rig, cell: &str, edge: u32, level: u32) {
    run(async {
        let on_edge = Interrupt::open(&format!("{cell}/{edge}")).unwrap();
        let on_level = Interrupt::open(&format!("{cell}/{level}")).unwrap();
        for round in 1..=3 {
            let pulse = async { rig.fabric.pulse(cell, edge).unwrap() };
            let (woken, ()) = tokio::join!(event(&on_edge), pulse);
            assert_eq!((woken.count, woken.sequence), (1, 2 * round - 1));
            // While it is being handled.
            rig.fabric.pulse(cell, edge).unwrap();
            assert_eq!(event(&on_edge).await.sequence, 2 * round);

            let raise = async { rig.fabric.raise(cell, level).unwrap() };
            let (woken, ()) = tokio::join!(event(&on_level), raise);
            assert_eq!((woken.count, woken.sequence), (1, round));
            rig.fabric.lower(cell, level).unwrap();
            tokio::join!(assert_quiet(&on_edge), assert_quiet(&on_level));
        }
    });
}

fn bare() -> (Rig, Overlay) {
    let rig = Rig::new();
    let overlay = Overlay::apply("bare-controller");
    paths::wait_for_node("axi_intc_bare/3");
    (rig, overlay)
}

fn controller_without_optional_registers_works() {
    let (mut rig, _overlay) = bare();
    rig.fabric.reset_counts().unwrap();
    edge_and_level_work(&mut rig, "axi_intc_bare", 1, 0);
    let counts = rig.fabric.counts("axi_intc_bare").unwrap();
    let touched: Vec<_> = counts.keys().map(String::as_str).collect();
    // MER is looked at when a line is claimed.
    assert_eq!(touched, ["IAR", "IER", "ISR", "MER"]);
}

fn controller_without_optional_registers_masks_line_by_line() {
    let (mut rig, _overlay) = bare();
    let files = [0, 1, 2, 3].map(|input| LineFile::open(&format!("axi_intc_bare/{input}")));
    for (armed, expected) in [(0, 0b0001), (2, 0b0101), (1, 0b0111), (3, 0b1111)] {
        files[armed].arm().unwrap();
        assert_eq!(rig.fabric.register_of("axi_intc_bare", "IER"), expected);
    }
    files[2].disarm().unwrap();
    assert_eq!(rig.fabric.register_of("axi_intc_bare", "IER"), 0b1011);
    rig.fabric.raise("axi_intc_bare", 0).unwrap();
    files[0].wait();
    assert_eq!(rig.fabric.register_of("axi_intc_bare", "IER"), 0b1010);
}

fn cascade() -> (Rig, Overlay) {
    let rig = Rig::new();
    let overlay = Overlay::apply("cascade");
    paths::wait_for_node("axi_intc_1/3");
    (rig, overlay)
}

fn cascaded_controller_works() {
    let (mut rig, _overlay) = cascade();
    edge_and_level_work(&mut rig, "axi_intc_1", 1, 0);
    edge_and_level_work(&mut rig, "axi_intc_0", EDGE_INPUT, LEVEL_INPUT);
    // The parent's input is the child's.
    assert_eq!(attribute("axi_intc_0/6", "state"), "busy");
    let refused = LineFile::try_open("axi_intc_0/6").map(drop).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::EBUSY as i32));
}

fn cascade_and_its_parent_interrupt_at_once() {
    let (mut rig, _overlay) = cascade();
    run(async {
        let pins = [
            "axi_intc_0/3",
            "axi_intc_0/4",
            "axi_intc_1/0",
            "axi_intc_1/1",
        ];
        let interrupts = pins.map(|pin| Interrupt::open(pin).unwrap());
        for round in 1..=5 {
            rig.fabric.pulse("axi_intc_0", 3).unwrap();
            rig.fabric.raise("axi_intc_0", 4).unwrap();
            rig.fabric.raise("axi_intc_1", 0).unwrap();
            rig.fabric.pulse("axi_intc_1", 1).unwrap();
            let [a, b, c, d] = &interrupts;
            let (a, b, c, d) = tokio::join!(event(a), event(b), event(c), event(d));
            assert_eq!([a, b, c, d].map(|event| event.sequence), [round; 4]);
            rig.fabric.lower("axi_intc_0", 4).unwrap();
            rig.fabric.lower("axi_intc_1", 0).unwrap();
        }
    });
}

fn cascade_comes_and_goes() {
    let mut rig = Rig::new();
    for _ in 0..20 {
        let _overlay = Overlay::apply("cascade");
        paths::wait_for_node("axi_intc_1/1");
        let file = LineFile::open("axi_intc_1/1");
        file.arm().unwrap();
        rig.fabric.pulse("axi_intc_1", 1).unwrap();
        file.wait();
    }
}

fn more_inputs_than_the_hardware_has_are_left_out() {
    let mut rig = Rig::new();
    let _overlay = Overlay::apply("more-inputs-than-hardware");
    rig.log
        .expect("xlnx,num-intr-inputs is 32, the hardware has 8: using those it has");
    paths::wait_for_node("axi_intc_0/7");
    edge_and_level_work(&mut rig, "axi_intc_0", EDGE_INPUT, LEVEL_INPUT);
    assert!(!paths::node("axi_intc_0/8").exists());
}

fn padding_in_the_kinds_is_ignored() {
    let mut rig = Rig::new();
    let _overlay = Overlay::apply("padded-kind");
    paths::wait_for_node("axi_intc_0/7");
    assert_eq!(rig.log.count("xlnx,kind-of-intr"), 0);
    edge_and_level_work(&mut rig, "axi_intc_0", EDGE_INPUT, LEVEL_INPUT);
}

fn kinds_of_inputs_that_do_not_exist_are_ignored() {
    let mut rig = Rig::new();
    let _overlay = Overlay::apply("wide-kind");
    rig.log.expect(
        "xlnx,kind-of-intr is 0x128: it has bits for more inputs than xlnx,num-intr-inputs, 8",
    );
    paths::wait_for_node("axi_intc_0/7");
    edge_and_level_work(&mut rig, "axi_intc_0", EDGE_INPUT, LEVEL_INPUT);
}

fn without_kinds_every_input_is_a_level() {
    let mut rig = Rig::new();
    let _overlay = Overlay::apply("no-kind");
    rig.log
        .expect("no xlnx,kind-of-intr: taking every input for a level");
    paths::wait_for_node("axi_intc_0/7");
    for input in 0..8 {
        assert_eq!(
            attribute(&format!("axi_intc_0/{input}"), "trigger"),
            "level"
        );
    }
    let file = LineFile::open(EDGE);
    for _ in 0..3 {
        file.arm().unwrap();
        rig.fabric.pulse_input(EDGE_INPUT);
        file.wait();
    }
    file.arm().unwrap();
    file.assert_quiet();
}

fn wrong_kind() -> (Rig, Overlay) {
    let rig = Rig::new();
    let overlay = Overlay::apply("wrong-kind");
    paths::wait_for_node("axi_intc_0/7");
    assert_eq!(
        (attribute(EDGE, "trigger"), attribute(LEVEL, "trigger")),
        ("level".into(), "edge".into())
    );
    (rig, overlay)
}

fn edge_called_a_level_delivers_each_single_edge() {
    let (mut rig, _overlay) = wrong_kind();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        for round in 1..=5 {
            let (woken, ()) = tokio::join!(event(&interrupt), async {
                rig.fabric.pulse_input(EDGE_INPUT)
            });
            assert_eq!((woken.count, woken.sequence), (1, round));
        }
        assert_quiet(&interrupt).await;
    });
}

fn level_called_an_edge_storms_nobody() {
    let (mut rig, _overlay) = wrong_kind();
    let file = LineFile::open(LEVEL);
    file.arm().unwrap();
    rig.fabric.raise_input(LEVEL_INPUT);
    file.wait();
    // The acknowledge is in vain, so it interrupts once more, and then is masked.
    until("the line to be masked", || {
        !rig.fabric.is_enabled(LEVEL_INPUT)
    });
    std::thread::sleep(QUIET);
    assert_eq!(file.page().snapshot().sequence, 2);
    rig.fabric.lower_input(LEVEL_INPUT);
    // What is still latched comes once; then all is quiet.
    file.arm().unwrap();
    file.poll(Duration::from_secs(1));
    file.arm().unwrap();
    file.assert_quiet();
    assert!(file.page().snapshot().sequence <= 3);
}
