// SPDX-License-Identifier: MIT OR Apache-2.0
//! An AXI Timer whose registers are a plain file: what keeps it from opening. (Ticking needs a line, hence a board.)

use crate::tree::Tree;
use axirq::Error;
use axirq::timer::AxiTimer;

#[test]
fn a_timer_that_could_not_tick_does_not_open() {
    let open = |tree: &Tree| AxiTimer::open_in(&tree.system(), "timer").unwrap_err();
    assert!(matches!(open(&Tree::empty()), Error::ModuleNotLoaded));

    let tree = Tree::loaded();
    tree.window("timer", 0xa001_0000, &[]);
    assert!(matches!(open(&tree), Error::NoInterrupt { pin: "interrupt", .. }));
    assert!(matches!(
        AxiTimer::open_in(&tree.system(), "../timer"),
        Err(Error::BadName { .. })
    ));

    // A plain file is no line.
    tree.pin("timer", "interrupt", "axi_intc_0", 2, "level");
    assert!(matches!(open(&tree), Error::NotALine { name } if name == "timer/interrupt"));
}

#[test]
fn a_pin_that_went_is_told_from_one_that_never_was() {
    let tree = Tree::loaded();
    tree.window("timer", 0xa001_0000, &[]);
    let node = "sys/class/axirq/timer!regs/device/of_node";
    let open = || AxiTimer::open_in(&tree.system(), "timer").unwrap_err();
    tree.write(format!("{node}/interrupt-names"), "generateout0\0");
    assert!(matches!(open(), Error::NoInterrupt { .. }));
    // The driver lets go of the device.
    tree.write(format!("{node}/interrupt-names"), "generateout0\0interrupt\0");
    assert!(matches!(open(), Error::Gone { .. }));
    // The overlay is removed: properties first.
    std::fs::remove_dir_all(tree.path(node)).unwrap();
    assert!(matches!(open(), Error::Gone { .. }));
}
