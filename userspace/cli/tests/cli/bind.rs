// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq bind` and `axirq unbind`: names, and what is written where.

use std::fs;

use crate::Machine;
use crate::text;

const DRIVERS: &str = "sys/bus/platform/drivers";

fn machine() -> Machine {
    let machine = Machine::empty();
    fs::create_dir_all(machine.path("sys/module/axirq")).unwrap();
    for driver in ["axirq", "other"] {
        machine.write(format!("{DRIVERS}/{driver}/bind"), "");
        machine.write(format!("{DRIVERS}/{driver}/unbind"), "");
    }
    machine.device("a0000000.gpio", "/amba_pl/gpio@a0000000", "acme,gpio", None);
    machine.device("a0010000.dma", "/amba_pl/dma@a0010000", "acme,dma", Some("other"));
    machine.write(
        "sys/firmware/devicetree/base/__symbols__/btns",
        b"/amba_pl/gpio@a0000000\0",
    );
    machine
}

fn written(machine: &Machine, path: &str) -> String {
    fs::read_to_string(machine.path(format!("{DRIVERS}/{path}"))).unwrap()
}

#[test]
fn a_node_is_bound_by_its_label() {
    let machine = machine();
    let entry = machine.path("sys/bus/platform/devices/a0000000.gpio/axirq/btns!irq");
    fs::create_dir_all(entry).unwrap();
    let output = machine.run(&["bind", "btns"]);
    assert_eq!(text(&output.stdout), "btns: btns/irq\n");
    assert_eq!(written(&machine, "axirq/bind"), "a0000000.gpio");
}

#[test]
fn a_node_is_unbound_from_whatever_driver() {
    let machine = machine();
    let output = machine.run(&["unbind", "/amba_pl/dma@a0010000", "btns"]);
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(written(&machine, "other/unbind"), "a0010000.dma");
}

#[test]
fn what_cannot_be_bound_names_the_cure() {
    let machine = machine();
    machine.fails(&["bind", "dma"], "axirq unbind dma@a0010000");
    machine.fails(&["bind", "btn"], "did you mean `btns`");
    // One bad name, and nothing is done.
    machine.fails(&["bind", "btns", "nothing"], "no device-tree node `nothing`");
    assert_eq!(written(&machine, "axirq/bind"), "");
    fs::remove_dir(machine.path("sys/module/axirq")).unwrap();
    machine.fails(&["bind", "btns"], "modprobe axirq");
}
