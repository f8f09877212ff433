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
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;

crate::tests![
    odd_ip_cores_get_usable_nodes,
    interrupt_straight_on_the_gic_is_a_line,
    wire_of_a_removed_controller_is_a_level_line_on_the_gic,
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

fn wire_of_a_removed_controller_is_a_level_line_on_the_gic() {
    const IER: usize = 0x08;
    const IAR: usize = 0x0c;
    const MER: usize = 0x1c;

    // A controller was chained into the wire, which had been reserved for it.
    let (mut rig, demo) = Rig::with_demo();
    rig.interrupt_once();
    demo.remove();
    let _overlay = Overlay::apply("gic-wire");
    paths::wait_for_node("wire/irq");
    assert_eq!(attribute("wire/irq", "trigger"), "level");
    let registers = Mmio::open("wire").unwrap();
    registers.write32(MER, 3).unwrap();
    registers.write32(IAR, u32::MAX).unwrap();
    registers.write32(IER, 1 << LEVEL_INPUT).unwrap();
    run(async {
        let interrupt = Interrupt::open("wire/irq").unwrap();
        for round in 1..=3 {
            let source = async { rig.fabric.raise_input(LEVEL_INPUT) };
            let (event, ()) = tokio::join!(event(&interrupt), source);
            assert_eq!((event.sequence, event.count), (round, 1));
            rig.fabric.lower_input(LEVEL_INPUT);
            registers.write32(IAR, 1 << LEVEL_INPUT).unwrap();
        }
        assert_quiet(&interrupt).await;
    });
    registers.write32(IER, 0).unwrap();
}
