// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nodes by their many names, and what binding writes where.

use std::fs;

use crate::tree::Tree;
use axirq::Error;
use axirq::device::Device;
use axirq::device::Kind;

const DEVICES: &str = "sys/bus/platform/devices";
const DRIVERS: &str = "sys/bus/platform/drivers";

fn machine() -> Tree {
    let tree = Tree::loaded();
    tree.write("sys/module/axirq/parameters/of_id", "acme,known\n");
    for driver in ["axirq", "axirq-intc", "other"] {
        tree.write(format!("{DRIVERS}/{driver}/bind"), "");
        tree.write(format!("{DRIVERS}/{driver}/unbind"), "");
    }
    device(
        &tree,
        "a0000000.gpio",
        "/amba_pl/gpio@a0000000",
        "xlnx,xps-gpio-1.00.a",
        None,
    );
    device(
        &tree,
        "a0010000.gpio",
        "/amba_pl/gpio@a0010000",
        "acme,known",
        Some("other"),
    );
    device(
        &tree,
        "a0020000.intc",
        "/amba_pl/intc@a0020000",
        "xlnx,xps-intc-1.00.a",
        None,
    );
    tree.write(
        "sys/firmware/devicetree/base/__symbols__/btns",
        b"/amba_pl/gpio@a0000000\0",
    );
    tree.write(
        "sys/firmware/devicetree/base/amba_pl/gpio@a0010000/xlnx,name",
        b"leds\0",
    );
    // One that has no node.
    tree.write(format!("{DEVICES}/alarm/uevent"), "DRIVER=alarmtimer\n");
    tree
}

fn device(tree: &Tree, name: &str, node: &str, compatible: &str, driver: Option<&str>) {
    let driver = driver.map(|driver| format!("DRIVER={driver}\n")).unwrap_or_default();
    tree.write(
        format!("{DEVICES}/{name}/uevent"),
        format!("{driver}OF_NAME=x\nOF_FULLNAME={node}\nOF_COMPATIBLE_0=first,choice\nOF_COMPATIBLE_1={compatible}\nOF_COMPATIBLE_N=2\n"),
    );
    tree.write(format!("{DEVICES}/{name}/driver_override"), "(null)\n");
}

fn written(tree: &Tree, path: &str) -> String {
    fs::read_to_string(tree.path(path)).unwrap()
}

#[test]
fn a_node_is_found_by_any_of_its_names() {
    let tree = machine();
    let find = |name: &str| Device::find_in(&tree.system(), name);
    for name in ["/amba_pl/gpio@a0000000", "btns", "a0000000.gpio", "gpio@a0000000"] {
        assert_eq!(find(name).unwrap().node(), "/amba_pl/gpio@a0000000", "{name}");
    }
    let leds = find("leds").unwrap();
    assert_eq!(
        (leds.name(), leds.title(), leds.driver()),
        ("a0010000.gpio", "leds", Some("other"))
    );
    assert_eq!(leds.compatible(), ["first,choice", "acme,known"]);
    let intc = find("intc").unwrap();
    assert_eq!((intc.title(), intc.kind()), ("intc@a0020000", Kind::Controller));
    assert_eq!(
        (
            intc.is_matched().unwrap(),
            find("btns").unwrap().is_matched().unwrap(),
            leds.is_matched().unwrap()
        ),
        (Some(true), Some(false), Some(true))
    );
    assert!(matches!(find("gpio"), Err(Error::AmbiguousDevice { nodes, .. }) if nodes.len() == 2));
    assert!(matches!(find("btn"), Err(Error::NoSuchDevice { nearest, .. }) if nearest[0] == "btns"));
    for name in ["", "..", "/", "a\0b", "alarm"] {
        assert!(matches!(find(name), Err(Error::NoSuchDevice { .. })), "{name:?}");
    }
    assert_eq!(Device::all_in(&tree.system()).unwrap().len(), 3);
    assert!(Device::all_in(&Tree::empty().system()).unwrap().is_empty());
}

#[test]
fn binding_overrides_the_driver_only_where_needed() {
    let tree = machine();
    let find = |name: &str| Device::find_in(&tree.system(), name).unwrap();
    find("btns").bind().unwrap();
    assert_eq!(written(&tree, &format!("{DRIVERS}/axirq/bind")), "a0000000.gpio");
    assert!(written(&tree, &format!("{DEVICES}/a0000000.gpio/driver_override")).starts_with("axirq\n"));
    find("intc").bind().unwrap();
    assert_eq!(written(&tree, &format!("{DRIVERS}/axirq-intc/bind")), "a0020000.intc");
    assert_eq!(
        written(&tree, &format!("{DEVICES}/a0020000.intc/driver_override")),
        "(null)\n"
    );
    // Another's is not taken away.
    let error = find("leds").bind().unwrap_err();
    assert!(
        matches!(&error, Error::Bound { driver, .. } if driver == "other"),
        "{error}"
    );
    assert!(error.to_string().contains("axirq unbind leds"));
}

#[test]
fn a_device_that_axirq_has_is_left_alone() {
    let tree = machine();
    device(
        &tree,
        "a0000000.gpio",
        "/amba_pl/gpio@a0000000",
        "xlnx,xps-gpio-1.00.a",
        Some("axirq"),
    );
    Device::find_in(&tree.system(), "btns").unwrap().bind().unwrap();
    assert_eq!(written(&tree, &format!("{DRIVERS}/axirq/bind")), "");
}

#[test]
fn unbinding_takes_back_the_override() {
    let tree = machine();
    let leds = Device::find_in(&tree.system(), "leds").unwrap();
    leds.unbind().unwrap();
    assert_eq!(written(&tree, &format!("{DRIVERS}/other/unbind")), "a0010000.gpio");
    assert_eq!(
        written(&tree, &format!("{DEVICES}/a0010000.gpio/driver_override")),
        "(null)\n"
    );
    tree.write(format!("{DEVICES}/a0010000.gpio/driver_override"), "axirq\n");
    leds.unbind().unwrap();
    // A plain file keeps what is longer.
    assert!(written(&tree, &format!("{DEVICES}/a0010000.gpio/driver_override")).starts_with('\n'));
}

#[test]
fn what_cannot_be_bound_says_why_and_leaves_no_override() {
    let tree = machine();
    let btns = Device::find_in(&tree.system(), "btns").unwrap();
    fs::remove_file(tree.path(format!("{DRIVERS}/axirq/bind"))).unwrap();
    assert!(matches!(btns.bind(), Err(Error::NotBound { .. })));
    assert!(written(&tree, &format!("{DEVICES}/a0000000.gpio/driver_override")).starts_with('\n'));
    fs::remove_dir_all(tree.path("sys/module/axirq")).unwrap();
    assert!(matches!(btns.bind(), Err(Error::ModuleNotLoaded)));
    fs::remove_dir_all(tree.path(format!("{DEVICES}/a0000000.gpio"))).unwrap();
    assert!(matches!(btns.bind(), Err(Error::NoSuchDevice { .. })));
    assert!(matches!(btns.unbind(), Err(Error::NoSuchDevice { .. })));
}
