// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who holds what, from a `/proc` of plain files.

use std::fs;
use std::os::unix::fs::symlink;

use crate::tree::Tree;
use axirq::list::Holder;

fn open(tree: &Tree, pid: u32, fd: u32, file: &str, info: &str) {
    let process = format!("proc/{pid}");
    tree.write(format!("{process}/comm"), format!("program {pid}\n"));
    tree.write(format!("{process}/fdinfo/{fd}"), info);
    fs::create_dir_all(tree.path(format!("{process}/fd"))).unwrap();
    symlink(file, tree.path(format!("{process}/fd/{fd}"))).unwrap();
}

/// Number, command, armed.
fn processes(holders: &[Holder]) -> Vec<(u32, &str, Option<bool>)> {
    holders
        .iter()
        .filter_map(|holder| match holder {
            Holder::Process {
                pid, command, armed, ..
            } => Some((*pid, command.as_str(), *armed)),
            _ => None,
        })
        .collect()
}

#[test]
fn processes_hold_pins_and_windows() {
    let tree = Tree::loaded();
    tree.pin("gpio", "irq", "axi_intc_0", 0, "edge");
    tree.window("gpio", 0xa000_0000, &[]);
    open(&tree, 10, 3, "/dev/axirq/gpio/irq", "pos:\t0\naxirq-state:\tidle\n");
    open(&tree, 10, 4, "/dev/axirq/gpio/irq", "pos:\t0\naxirq-state:\tarmed\n");
    open(&tree, 9, 5, "/dev/axirq/gpio/irq", "pos:\t0\n");
    open(
        &tree,
        11,
        3,
        "/dev/axirq/gpio/irq (deleted)",
        "pos:\t0\naxirq-state:\tgone\n",
    );
    open(&tree, 12, 0, "/dev/null", "");
    // Closed, but mapped.
    tree.write("proc/13/comm", "mapper\n");
    tree.write(
        "proc/13/maps",
        "7f0000-7f1000 rw-s 00000000 00:06 120    /dev/axirq/gpio/regs\n7f2000-7f3000 r--p 00000000 00:00 0\n",
    );
    let holders = tree.system().holders();
    let cell = &tree.system().cells().unwrap()[0];
    assert_eq!(
        processes(&holders.of_pin(&cell.pins[0])),
        [(9, "program 9", None), (10, "program 10", Some(true))]
    );
    assert_eq!(processes(&holders.of_window(&cell.windows[0])), [(13, "mapper", None)]);
    assert!(!holders.is_partial());
}

#[test]
fn a_driver_holds_a_busy_line_and_no_other() {
    let tree = Tree::loaded();
    tree.pin("gpio", "irq", "axi_intc_0", 2, "level");
    tree.write(
        "proc/interrupts",
        "     CPU0\n 42:   7   axi-intc   2 Level     xilinx-gpio\n",
    );
    let holders = |tree: &Tree| tree.system().holders().of_pin(&tree.system().pins().unwrap()[0]);
    assert!(holders(&tree).is_empty());
    tree.write("sys/class/axirq/gpio!irq/state", "busy\n");
    assert!(matches!(&holders(&tree)[..], [Holder::Driver { name }] if name == "xilinx-gpio"));
}
