// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole designs: cascades, several controllers, IP cores on all of them, raw inputs only.

use std::fs;
use std::path::Path;
use std::time::Duration;

use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use nix::sched::CpuSet;
use nix::sched::sched_setaffinity;
use nix::unistd::getpid;

use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::drivers::bind;
use crate::rig::drivers::unbind;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::tasks::settle;
use crate::rig::tasks::soon;
use crate::rig::until;

crate::tests![
    every_input_of_a_deep_cascade_works,
    deep_cascade_masks_at_the_bottom_alone,
    event_at_the_bottom_of_a_cascade_costs_four_accesses_a_controller_above,
    middle_of_a_cascade_comes_and_goes,
    one_core_has_pins_on_every_controller_and_the_gic,
    controllers_on_edge_inputs_lose_nothing,
    endless_edges_through_an_edge_input_arrive_to_the_last,
    controllers_side_by_side_offer_their_raw_inputs,
    all_inputs_of_the_largest_controller_are_taken_in_one_pass_lowest_first,
    controller_without_one_register_works_with_the_others,
];

const TOP: &str = "deep_intc_0";
const MIDDLE: &str = "deep_intc_1";
const BOTTOM: &str = "deep_intc_2";

fn applied(overlay: &str, last_nodes: &[&str]) -> (Rig, Overlay) {
    let rig = Rig::new();
    let overlay = Overlay::apply(overlay);
    wait_for(last_nodes);
    (rig, overlay)
}

fn wait_for(nodes: &[&str]) {
    nodes.iter().copied().for_each(paths::wait_for_node);
}

const DEEP_NODES: [&str; 4] = [
    "deep_intc_0/31",
    "deep_intc_1/2",
    "deep_intc_2/3",
    "deep_timer/interrupt",
];

fn deep_cascade() -> (Rig, Overlay) {
    applied("deep-cascade", &DEEP_NODES)
}

/// One interrupt of a raw input, and no other.
async fn interrupts_once(rig: &mut Rig, cell: &str, input: u32) {
    let pin = format!("{cell}/{input}");
    let is_edge = attribute(&pin, "trigger") == "edge";
    let interrupt = Interrupt::open(&pin).unwrap();
    let (woken, ()) = tokio::join!(event(&interrupt), async {
        match is_edge {
            true => rig.fabric.pulse(cell, input).unwrap(),
            false => rig.fabric.raise(cell, input).unwrap(),
        }
    });
    assert_eq!(woken.count, 1, "{pin}");
    rig.fabric.lower(cell, input).unwrap();
    // A level that was still latched would be delivered at once.
    let again = tokio::time::timeout(Duration::from_millis(50), interrupt.wait()).await;
    assert!(again.is_err(), "{pin}: {again:?}");
}

fn every_input_of_a_deep_cascade_works() {
    let (mut rig, _overlay) = deep_cascade();
    let inputs = [
        (TOP, 0, "edge"),
        (TOP, 1, "level"),
        (TOP, 30, "edge"),
        (MIDDLE, 0, "level"),
        (MIDDLE, 1, "edge"),
        (BOTTOM, 1, "level"),
        (BOTTOM, 2, "level"),
        (BOTTOM, 3, "edge"),
    ];
    run(async {
        for (cell, input, trigger) in inputs {
            assert_eq!(attribute(&format!("{cell}/{input}"), "trigger"), trigger);
            interrupts_once(&mut rig, cell, input).await;
        }
        // All of them while one waits for all.
        let waits: Vec<_> = inputs
            .iter()
            .map(|(cell, input, _)| Interrupt::open(&format!("{cell}/{input}")).unwrap())
            .map(|interrupt| tokio::spawn(async move { event(&interrupt).await }))
            .collect();
        settle().await;
        for (cell, input, trigger) in inputs {
            match trigger {
                "edge" => rig.fabric.pulse(cell, input).unwrap(),
                _ => rig.fabric.raise(cell, input).unwrap(),
            }
        }
        for wait in waits {
            assert_eq!(wait.await.unwrap().count, 1);
        }
        for (cell, input, _) in inputs {
            rig.fabric.lower(cell, input).unwrap();
        }

        // A source in the fabric: a timer, three controllers from the GIC.
        const TCSR: usize = 0x0;
        const TLR: usize = 0x4;
        const LOAD: u32 = 1 << 5;
        const TINT: u32 = 1 << 8;
        const ENIT_ENT_UDT: u32 = (1 << 6) | (1 << 7) | (1 << 1);
        let timer = Mmio::open("deep_timer").unwrap();
        let interrupt = Interrupt::open("deep_timer/interrupt").unwrap();
        assert_eq!(attribute("deep_timer/interrupt", "controller"), BOTTOM);
        for sequence in 1..=3 {
            timer.write32(TLR, 1000).unwrap();
            timer.write32(TCSR, LOAD).unwrap();
            timer.write32(TCSR, TINT | ENIT_ENT_UDT).unwrap();
            let event = event(&interrupt).await;
            assert_eq!((event.count, event.sequence), (1, sequence));
            timer.write32(TCSR, TINT).unwrap();
        }
        assert_quiet(&interrupt).await;
    });
}

fn deep_cascade_masks_at_the_bottom_alone() {
    let (mut rig, _overlay) = deep_cascade();
    let mut enables = || [TOP, MIDDLE, BOTTOM].map(|cell| rig.fabric.register_of(cell, "IER"));
    let cascades = [1 << 31, 0b100, 0];
    assert_eq!(enables(), cascades);
    let files = [1, 2, 3].map(|input| LineFile::open(&format!("{BOTTOM}/{input}")));
    assert_eq!(enables(), cascades);
    files[1].arm().unwrap();
    files[2].arm().unwrap();
    assert_eq!(enables(), [1 << 31, 0b100, 0b1100]);
    files[1].disarm().unwrap();
    assert_eq!(enables(), [1 << 31, 0b100, 0b1000]);
    // A level is masked by its interrupt, an edge is not yet.
    files[0].arm().unwrap();
    rig.fabric.set(BOTTOM, 0b1010).unwrap();
    files[0].wait();
    files[2].wait();
    let mut enables = || [TOP, MIDDLE, BOTTOM].map(|cell| rig.fabric.register_of(cell, "IER"));
    assert_eq!(enables(), [1 << 31, 0b100, 0b1000]);
    // What nobody waits for goes no further than the controller that it is wired to.
    drop(files);
    assert_eq!(enables(), cascades);
    let raised = rig.fabric.irq().unwrap().raised;
    rig.fabric.set(BOTTOM, 0b1111).unwrap();
    rig.fabric.set(BOTTOM, 0).unwrap();
    for cell in [TOP, MIDDLE] {
        assert_eq!(rig.fabric.register_of(cell, "ISR"), 0, "{cell}");
    }
    assert_eq!(rig.fabric.irq().unwrap().raised, raised);
}

/// An edge costs 2 accesses where it arrives, a level 4; each controller above masks its input, looks, acknowledges and
/// unmasks: 4 more. So 10 and 12, three controllers deep.
fn event_at_the_bottom_of_a_cascade_costs_four_accesses_a_controller_above() {
    const EVENTS: u64 = 50;
    const LEVEL_INPUT: u32 = 2;
    const EDGE_INPUT: u32 = 3;
    let four = ["CIE", "IAR", "ISR", "SIE"].as_slice();
    let (mut rig, _overlay) = deep_cascade();
    run(async {
        for (input, at_the_bottom) in [(LEVEL_INPUT, four), (EDGE_INPUT, &["IAR", "ISR"])] {
            let interrupt = Interrupt::open(&format!("{BOTTOM}/{input}")).unwrap();
            let mut before = 0;
            // The first one enables the line.
            for n in 0..=EVENTS {
                tokio::join!(event(&interrupt), async {
                    rig.fabric.raise(BOTTOM, input).unwrap()
                });
                rig.fabric.lower(BOTTOM, input).unwrap();
                if n == 0 {
                    rig.fabric.reset_counts().unwrap();
                    before = rig.fabric.irq().unwrap().fired;
                }
            }
            let fires = rig.fabric.irq().unwrap().fired - before;
            for (cell, expected) in [(TOP, four), (MIDDLE, four), (BOTTOM, at_the_bottom)] {
                let counts = rig.fabric.counts(cell).unwrap();
                let touched: Vec<_> = counts.keys().map(String::as_str).collect();
                assert_eq!(touched, expected, "{cell}");
                for (register, count) in counts {
                    match (cell, register.as_str()) {
                        // The emulated wire interrupts once more now and then, with nothing pending.
                        (TOP, "ISR") => assert!(
                            (EVENTS..=fires.min(EVENTS + EVENTS / 10)).contains(&count.r),
                            "{} reads of ISR, {fires} fires",
                            count.r
                        ),
                        (_, "ISR") => assert_eq!((count.r, count.w), (EVENTS, 0), "{cell}"),
                        _ => assert_eq!((count.r, count.w), (0, EVENTS), "{cell} {register}"),
                    }
                }
            }
        }
    });
}

fn middle_of_a_cascade_comes_and_goes() {
    const DRIVER: &str = "axirq-intc";
    const DEVICE: &str = "10021000.interrupt-controller";
    let (mut rig, _overlay) = deep_cascade();
    run(async {
        for round in 0..5 {
            let pins = ["deep_intc_1/1", "deep_intc_2/3", "deep_timer/interrupt"];
            let waits = pins.map(|pin| {
                let interrupt = Interrupt::open(pin).unwrap();
                tokio::spawn(async move { soon("to be told", interrupt.wait()).await })
            });
            let above = Interrupt::open("deep_intc_0/0").unwrap();
            settle().await;
            if round % 2 == 1 {
                // Perhaps with an interrupt under way through all three.
                rig.fabric.pulse(BOTTOM, 3).unwrap();
            }
            unbind(DRIVER, DEVICE);
            for (pin, wait) in pins.iter().zip(waits) {
                match wait.await.unwrap() {
                    Err(Error::Gone { .. }) => {}
                    Ok(_) if round % 2 == 1 && *pin == "deep_intc_2/3" => {}
                    other => panic!("{pin}: {other:?}"),
                }
            }
            for cell in [MIDDLE, BOTTOM, "deep_timer"] {
                assert!(!has_nodes(cell), "{cell}");
            }
            assert_eq!(rig.fabric.register_of(MIDDLE, "IER"), 0);
            assert_eq!(rig.fabric.register_of(BOTTOM, "IER"), 0);
            assert_eq!(rig.fabric.register_of(TOP, "IER") >> 31, 0);
            // Above it life goes on, and its input is anybody's.
            let (woken, ()) =
                tokio::join!(event(&above), async { rig.fabric.pulse(TOP, 0).unwrap() });
            assert_eq!(woken.count, 1);
            drop(LineFile::open("deep_intc_0/31"));
            bind(DRIVER, DEVICE).unwrap();
            wait_for(&DEEP_NODES);
            for (cell, input) in [(MIDDLE, 1), (BOTTOM, 3), (BOTTOM, 2)] {
                interrupts_once(&mut rig, cell, input).await;
            }
        }
    });
}

/// The board's real-time clock, taken from its driver while this lives, if the kernel has that driver.
struct Clock {
    was_bound: bool,
}

impl Clock {
    const DRIVER: &str = "/sys/bus/amba/drivers/rtc-pl031";
    const DEVICE: &str = "9010000.pl031";

    fn take() -> Self {
        let was_bound = Path::new(Self::DRIVER).join(Self::DEVICE).exists();
        if was_bound {
            fs::write(format!("{}/unbind", Self::DRIVER), Self::DEVICE).unwrap();
        }
        Self { was_bound }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        if self.was_bound {
            let bound = fs::write(format!("{}/bind", Self::DRIVER), Self::DEVICE);
            if !std::thread::panicking() {
                bound.unwrap();
            }
        }
    }
}

fn one_core_has_pins_on_every_controller_and_the_gic() {
    const DATA: usize = 0x00;
    const MATCH: usize = 0x04;
    const MASK: usize = 0x10;
    const RAW: usize = 0x14;
    const CLEAR: usize = 0x1c;

    let _clock = Clock::take();
    let (mut rig, _overlay) = applied("spread-pins", &["spread/middle", "spread/alarm"]);
    for (pin, controller, hwirq, trigger) in [
        ("spread/bottom", BOTTOM, "3", "edge"),
        ("spread/middle", MIDDLE, "0", "level"),
        ("spread/top", TOP, "30", "edge"),
        // SPI 2.
        ("spread/alarm", "intc@8000000", "34", "level"),
    ] {
        assert_eq!(attribute(pin, "controller"), controller, "{pin}");
        assert_eq!(attribute(pin, "hwirq"), hwirq, "{pin}");
        assert_eq!(attribute(pin, "trigger"), trigger, "{pin}");
    }
    let clock = Mmio::open("spread").unwrap();
    clock.write32(MASK, 0).unwrap();
    run(async {
        let pins = ["bottom", "middle", "top", "alarm"];
        let [bottom, middle, top, alarm] =
            pins.map(|pin| Interrupt::open(&format!("spread/{pin}")).unwrap());
        for round in 1..=3 {
            clock.write32(CLEAR, 1).unwrap();
            // Unless a second ends in between.
            until("the alarm to go off", || {
                clock.write32(MATCH, clock.read32(DATA).unwrap()).unwrap();
                clock.read32(RAW).unwrap() == 1
            });
            let sources = async {
                rig.fabric.pulse(BOTTOM, 3).unwrap();
                clock.write32(MASK, 1).unwrap();
                rig.fabric.raise(MIDDLE, 0).unwrap();
                rig.fabric.pulse(TOP, 30).unwrap();
            };
            let (a, b, c, d, ()) = tokio::join!(
                event(&bottom),
                event(&middle),
                event(&top),
                event(&alarm),
                sources
            );
            assert_eq!([a, b, c, d].map(|event| event.sequence), [round; 4]);
            clock.write32(CLEAR, 1).unwrap();
            rig.fabric.lower(MIDDLE, 0).unwrap();
        }
        tokio::join!(
            assert_quiet(&bottom),
            assert_quiet(&middle),
            assert_quiet(&top),
            assert_quiet(&alarm)
        );
    });
    clock.write32(MASK, 0).unwrap();
}

fn edge_cascade() -> (Rig, Overlay) {
    applied("edge-cascade", &["edgy_intc_1/3", "edgy_intc_2/1"])
}

/// A controller's output that stays high makes no second edge: all that is pending has to be taken before it is left.
fn controllers_on_edge_inputs_lose_nothing() {
    let (mut rig, _overlay) = edge_cascade();
    assert_eq!(attribute("edgy_intc_0/0", "trigger"), "edge");
    run(async {
        for (cell, inputs) in [("edgy_intc_1", 4), ("edgy_intc_2", 2)] {
            for input in 0..inputs {
                interrupts_once(&mut rig, cell, input).await;
            }
        }
        let pins = [
            ("edgy_intc_1", 0),
            ("edgy_intc_1", 1),
            ("edgy_intc_1", 2),
            ("edgy_intc_1", 3),
            ("edgy_intc_2", 0),
            ("edgy_intc_2", 1),
        ]
        .map(|(cell, input)| Interrupt::open(&format!("{cell}/{input}")).unwrap());
        let [a, b, c, d, e, f] = &pins;
        for round in 1..=20 {
            let sources = async {
                match round % 3 {
                    // All at once, or one while the others are being handled.
                    0 => {
                        for (cell, inputs) in [("edgy_intc_2", 0b11), ("edgy_intc_1", 0b1111)] {
                            rig.fabric.set(cell, inputs).unwrap();
                        }
                    }
                    1 => {
                        for (cell, inputs) in [("edgy_intc_1", 4), ("edgy_intc_2", 2)] {
                            (0..inputs).for_each(|n| rig.fabric.raise(cell, n).unwrap());
                        }
                    }
                    _ => {
                        for (cell, inputs) in [("edgy_intc_2", 2), ("edgy_intc_1", 4)] {
                            (0..inputs)
                                .rev()
                                .for_each(|n| rig.fabric.raise(cell, n).unwrap());
                        }
                    }
                }
            };
            let woken = tokio::join!(
                event(a),
                event(b),
                event(c),
                event(d),
                event(e),
                event(f),
                sources
            );
            let woken = [woken.0, woken.1, woken.2, woken.3, woken.4, woken.5];
            assert_eq!(woken.map(|event| event.count), [1; 6], "round {round}");
            rig.fabric.set("edgy_intc_1", 0).unwrap();
            rig.fabric.set("edgy_intc_2", 0).unwrap();
        }
    });
}

/// Two sources, each of which comes again when it was acknowledged: the controller's output never falls by itself.
fn endless_edges_through_an_edge_input_arrive_to_the_last() {
    const CELL: &str = "edgy_intc_1";
    const EDGES: u64 = 5000;
    let (mut rig, _overlay) = edge_cascade();
    let files = [0, 2].map(|input| (input, LineFile::open(&format!("{CELL}/{input}"))));
    for (input, _) in &files {
        rig.fabric.train(CELL, *input, EDGES).unwrap();
    }
    // The first one keeps the CPU busy that takes the interrupts.
    let mut other = CpuSet::new();
    other.set(1).unwrap();
    sched_setaffinity(getpid(), &other).unwrap();
    for (_, file) in &files {
        file.set_mode(CONTINUOUS).unwrap();
    }
    for (input, file) in &files {
        until("the last edge", || {
            rig.fabric.train_status(CELL, *input).unwrap().left == 0
        });
        until("the last event", || {
            file.page().snapshot().sequence == EDGES
        });
        assert_eq!(file.read_count(), Ok(EDGES));
        rig.fabric.pulse(CELL, *input).unwrap();
        file.wait();
        assert_eq!(file.read_count(), Ok(1));
    }
}

fn side_by_side() -> (Rig, Overlay) {
    let last = [
        "hub_intc/5",
        "one_intc/0",
        "full_intc/31",
        "no_ipr_intc/1",
        "no_sie_intc/1",
        "no_cie_intc/1",
        "no_ivr_intc/1",
    ];
    applied("side-by-side", &last)
}

fn controllers_side_by_side_offer_their_raw_inputs() {
    let (mut rig, _overlay) = side_by_side();
    for (cell, inputs) in [("one_intc", 1), ("full_intc", 32), ("hub_intc", 6)] {
        let nodes = fs::read_dir(paths::node(cell)).unwrap().count();
        assert_eq!(nodes, inputs, "{cell}");
    }
    run(async {
        for (cell, input) in [
            ("one_intc", 0),
            ("full_intc", 31),
            ("full_intc", 30),
            ("full_intc", 0),
            ("one_intc", 0),
        ] {
            interrupts_once(&mut rig, cell, input).await;
        }
    });
}

fn all_inputs_of_the_largest_controller_are_taken_in_one_pass_lowest_first() {
    let (mut rig, _overlay) = side_by_side();
    let files: Vec<_> = (0..32)
        .map(|input| LineFile::open(&format!("full_intc/{input}")))
        .collect();
    for round in 1..=3 {
        for file in &files {
            assert_eq!(file.arm(), Ok(round - 1));
        }
        rig.fabric.reset_counts().unwrap();
        rig.fabric.set("full_intc", u32::MAX).unwrap();
        let records: Vec<_> = files
            .iter()
            .map(|file| {
                file.wait();
                file.read_record().unwrap()
            })
            .collect();
        for (input, record) in records.iter().enumerate() {
            assert_eq!((record.count, record.sequence), (1, round), "input {input}");
        }
        assert!(records.is_sorted_by(|a, b| a.timestamp < b.timestamp));
        let counts = rig.fabric.counts("full_intc").unwrap();
        let accesses: Vec<_> = counts
            .iter()
            .map(|(register, count)| (register.as_str(), count.r, count.w))
            .collect();
        // One look; each level masked, each edge acknowledged.
        assert_eq!(accesses, [("CIE", 0, 16), ("IAR", 0, 16), ("ISR", 1, 0)]);
        rig.fabric.set("full_intc", 0).unwrap();
    }
    for file in &files {
        file.arm().unwrap();
    }
    files[0].assert_quiet();
    for file in &files {
        assert_eq!(file.page().snapshot().sequence, 3);
    }
}

fn controller_without_one_register_works_with_the_others() {
    let (mut rig, _overlay) = side_by_side();
    let by_bits = ["CIE", "IAR", "SIE"].as_slice();
    let by_rewriting = ["IAR", "IER"].as_slice();
    run(async {
        for (cell, expected) in [
            ("no_ipr_intc", by_bits),
            ("no_sie_intc", by_rewriting),
            ("no_cie_intc", by_rewriting),
            ("no_ivr_intc", by_bits),
        ] {
            rig.fabric.reset_counts().unwrap();
            for input in [0, 1, 0, 1] {
                interrupts_once(&mut rig, cell, input).await;
            }
            let counts = rig.fabric.counts(cell).unwrap();
            let written: Vec<_> = counts
                .iter()
                .filter(|(_, count)| count.w != 0)
                .map(|(register, _)| register.as_str())
                .collect();
            assert_eq!(written, expected, "{cell}");
        }
    });
}
