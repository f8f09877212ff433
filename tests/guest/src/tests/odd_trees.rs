// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device trees that are odd, but usable: names, types, windows.

use axirq::Interrupt;
use axirq::Mmio;

use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL_INPUT;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::line_file::LineFile;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;
use crate::rig::tasks::event;
use crate::rig::tasks::run;

crate::tests![
    odd_ip_cores_get_usable_nodes,
    interrupt_straight_on_the_gic_is_a_line
];

fn odd_ip_cores_get_usable_nodes() {
    let mut rig = Rig::new();
    let _overlay = Overlay::apply("odd-ips");
    rig.log
        .expect("no interrupt-names for interrupt 0: pin irq0");
    rig.log
        .expect("no interrupt-names for interrupt 1: pin irq1");
    rig.log
        .expect("another cell is named twin: this one becomes twin@1000a000");
    rig.log
        .expect("reg 0x1000e000 of 0x100 bytes is not whole pages");
    rig.log
        .expect("neither interrupts nor reg: nothing to offer");
    rig.log
        .expect("probe with driver axirq failed with error -22");
    rig.log
        .expect("interrupt-names has done for interrupt 1, which is taken: pin irq1");
    rig.log
        .expect("interrupt-names has regs for interrupt 2, which is taken: pin irq2");
    paths::wait_for_node("two_windows/regs1");
    paths::wait_for_node("two_windows/irq2");

    // The type cells say nothing; the controller knows.
    assert_eq!(attribute("nonsense_types/edge", "trigger"), "edge");
    assert_eq!(attribute("nonsense_types/level", "trigger"), "level");
    run(async {
        for (pin, input) in [
            ("nonsense_types/edge", EDGE_INPUT),
            ("nonsense_types/level", LEVEL_INPUT),
        ] {
            let interrupt = Interrupt::open(pin).unwrap();
            let (woken, ()) =
                tokio::join!(event(&interrupt), async { rig.fabric.raise_input(input) });
            assert_eq!(woken.count, 1, "{pin}");
            rig.fabric.lower_input(input);
        }
    });

    assert_eq!(attribute("nameless/irq0", "hwirq"), "5");
    assert_eq!(attribute("nameless/irq1", "hwirq"), "7");
    rig.fabric.pulse_input(5);
    let file = LineFile::open("nameless/irq0");
    file.arm().unwrap();
    rig.fabric.pulse_input(5);
    file.wait();

    for (cell, address) in [("twin", "0x10009000"), ("twin@1000a000", "0x1000a000")] {
        assert_eq!(attribute(&format!("{cell}/regs"), "address"), address);
    }
    // What a path cannot hold, what is a folder, what is too long.
    let longest = "a_name_that_is_longer_than_any_cell_of_a_block_design_can_reaso";
    for cell in ["we_ird_na_me", "dots", longest] {
        assert_eq!(Mmio::open(cell).unwrap().size(), 0x1000, "{cell}");
    }
    assert!(!has_nodes("part_of_a_page"));
    assert_eq!(attribute("two_windows/regs1", "address"), "0x10010000");
    assert_eq!(attribute("two_windows/regs1", "size"), "0x2000");
    assert_eq!(attribute("two_windows/done", "hwirq"), "0");
    assert_eq!(attribute("two_windows/irq1", "hwirq"), "1");
    assert_eq!(attribute("two_windows/irq2", "hwirq"), "2");
}

fn interrupt_straight_on_the_gic_is_a_line() {
    let _rig = Rig::new();
    let _overlay = Overlay::apply("gic-ip");
    paths::wait_for_node("direct/irq");
    assert_eq!(attribute("direct/irq", "trigger"), "edge");
    // The GIC's chip has no name, its node has.
    assert_eq!(attribute("direct/irq", "controller"), "intc@8000000");
    // SPI 100.
    assert_eq!(attribute("direct/irq", "hwirq"), "132");
    let file = LineFile::open("direct/irq");
    assert_eq!(file.arm(), Ok(0));
    assert_eq!(attribute("direct/irq", "state"), "armed");
    file.assert_quiet();
    drop(file);
    assert_eq!(attribute("direct/irq", "state"), "unused");
}
