// SPDX-License-Identifier: MIT OR Apache-2.0
//! Hardware that misbehaves: a bus that answers all ones, a source that never falls.

use std::path::Path;
use std::thread;
use std::time::Duration;

use axirq::Interrupt;
use axirq::gpio::AxiGpio;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::demo;
use crate::rig::drivers::bind;
use crate::rig::drivers::unbind;
use crate::rig::kernel_log::announce;
use crate::rig::line_file::LineFile;
use crate::rig::overlay::Overlay;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::until;
use crate::rig::wait_for_demo;

crate::tests![
    dead_bus_at_probe_is_refused,
    bus_that_dies_shuts_the_controller_off_and_it_recovers,
    gpio_on_a_dead_bus_does_not_hang,
    stuck_level_wakes_once_per_wait,
];

/// What the driver says of a bus that has died since it was bound.
const DEAD: &str = "the bus reads all ones: no line of this controller will fire";

fn dead_bus_at_probe_is_refused() {
    let mut rig = Rig::new();
    rig.fabric.fault_all_ones(true).unwrap();
    let overlay = Overlay::apply("axirq-demo");
    rig.log.expect(
        "the bus reads all ones: is the bitstream loaded, its clock running and reg right?",
    );
    assert!(!Path::new("/dev/axirq/axi_intc_0").exists());
    overlay.remove();
    rig.fabric.fault_all_ones(false).unwrap();
    let _demo = demo();
    rig.interrupt_once();
}

fn bus_that_dies_shuts_the_controller_off_and_it_recovers() {
    const DRIVER: &str = "axirq-intc";
    const DEVICE: &str = "10000000.interrupt-controller";

    let (mut rig, _demo) = Rig::with_demo();
    let (edge, level) = (LineFile::open(EDGE), LineFile::open(LEVEL));
    edge.arm().unwrap();
    level.arm().unwrap();
    rig.fabric.fault_all_ones(true).unwrap();
    // Its output rises, and nothing that is written makes it fall.
    rig.fabric.pulse_input(EDGE_INPUT);
    // All ones say that every line fires: who waits is woken once, the rest is masked.
    edge.wait();
    level.wait();
    rig.log.expect(DEAD);
    rig.log.expect_within(
        "interrupts in a row with nothing pending: shut off",
        15 * PATIENCE,
    );
    assert!(edge.page().snapshot().sequence <= 2 && level.page().snapshot().sequence == 1);
    // Off it is, though the wire is still high.
    rig.fabric.reset_counts().unwrap();
    let fired = rig.fabric.irq().unwrap().fired;
    thread::sleep(QUIET);
    let irq = rig.fabric.irq().unwrap();
    assert_eq!((irq.level, irq.fired), (1, fired));
    assert_eq!(rig.fabric.accesses("ISR"), (0, 0));
    assert_eq!(rig.log.count("shut off"), 1);

    rig.fabric.fault_all_ones(false).unwrap();
    drop((edge, level));
    unbind(DRIVER, DEVICE);
    bind(DRIVER, DEVICE).unwrap();
    wait_for_demo();
    rig.interrupt_once();
}

fn gpio_on_a_dead_bus_does_not_hang() {
    let (mut rig, _demo) = Rig::with_demo();
    let button = AxiGpio::open("btns_gpio").unwrap().button(0).unwrap();
    rig.fabric.fault_all_ones(true).unwrap();
    // A status that never clears, or nothing within the time: but an answer.
    let answer = button.blocking_wait_for_level_timeout(0, Duration::from_secs(1));
    assert!(!matches!(answer, Ok(true)), "{answer:?}");
    // If its interrupt kept coming.
    announce(DEAD);
    rig.fabric.fault_all_ones(false).unwrap();
    assert!(button.blocking_wait_for_level_timeout(0, PATIENCE).unwrap());
}

fn stuck_level_wakes_once_per_wait() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        rig.fabric
            .fault_stuck("axi_intc_0", LEVEL_INPUT, true)
            .unwrap();
        for round in 1..=20 {
            assert_eq!(event(&interrupt).await.sequence, round);
        }
        // The other lines do not suffer.
        rig.interrupt_once();
        assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
        rig.fabric
            .fault_stuck("axi_intc_0", LEVEL_INPUT, false)
            .unwrap();
    });
    until("the wire to fall", || rig.fabric.irq().unwrap().level == 0);
}
