// SPDX-License-Identifier: MIT OR Apache-2.0
//! Listing what there is, and explaining what there is not.

use std::fs;
use std::os::fd::OwnedFd;

use crate::tree::Tree;
use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use axirq::list::State;
use axirq::list::Trigger;

fn demo() -> Tree {
    let tree = Tree::loaded();
    tree.pin("axi_intc_0", "10", "axi_intc_0", 10, "edge");
    tree.pin("axi_intc_0", "2", "axi_intc_0", 2, "level");
    tree.pin("axi_timer_0", "interrupt", "axi_intc_0", 2, "level");
    tree.window("axi_timer_0", 0xa001_0000, &[]);
    tree.pin("direct", "irq", "GICv2", 121, "level");
    tree
}

#[test]
fn cells_have_their_pins_and_windows_in_order() {
    let cells = demo().system().cells().unwrap();
    let names: Vec<_> = cells.iter().map(|cell| cell.name.as_str()).collect();
    assert_eq!(names, ["axi_intc_0", "axi_timer_0", "direct"]);
    // Numbers in their order, not that of their digits.
    let inputs: Vec<_> = cells[0].pins.iter().map(|pin| pin.pin.as_str()).collect();
    assert_eq!(inputs, ["2", "10"]);
    assert!(cells[0].pins.iter().all(|pin| pin.is_raw()));

    let timer = &cells[1].pins[0];
    assert_eq!(
        (timer.name().as_str(), timer.controller.as_str()),
        ("axi_timer_0/interrupt", "axi_intc_0")
    );
    assert_eq!((timer.hwirq, timer.irq, timer.count), (2, 42, 7));
    assert_eq!((timer.trigger, timer.state), (Trigger::Level, State::Unused));
    assert!(!timer.is_raw() && timer.is_same_line(&cells[0].pins[0]) && !timer.is_same_line(&cells[0].pins[1]));
    let window = &cells[1].windows[0];
    assert_eq!(
        (window.name().as_str(), window.address, window.size),
        ("axi_timer_0/regs", 0xa001_0000, 0x1000)
    );
    assert_eq!(cells[2].pins[0].controller, "GICv2");
}

#[test]
fn what_vanishes_while_it_is_listed_is_left_out() {
    let tree = demo();
    fs::remove_file(tree.path("sys/class/axirq/direct!irq/state")).unwrap();
    fs::remove_file(tree.path("sys/class/axirq/axi_intc_0!10/hwirq")).unwrap();
    fs::remove_file(tree.path("sys/class/axirq/axi_timer_0!regs/size")).unwrap();
    let cells = tree.system().cells().unwrap();
    let names: Vec<_> = cells.iter().map(|cell| cell.name.as_str()).collect();
    assert_eq!(names, ["axi_intc_0", "axi_timer_0"]);
    assert_eq!(cells[0].pins.len(), 1);
    assert!(cells[1].windows.is_empty());
}

#[test]
fn an_attribute_that_makes_no_sense_is_an_error_that_shows_it() {
    let tree = demo();
    tree.write("sys/class/axirq/direct!irq/state", "asleep\n");
    let error = tree.system().pins().unwrap_err();
    assert!(
        matches!(&error, Error::Attribute { path, value } if value == "asleep" && path.ends_with("direct!irq/state"))
    );
}

#[test]
fn what_does_not_open_says_why() {
    let open = |tree: &Tree, pin: &str| Interrupt::open_in(&tree.system(), pin).unwrap_err();

    assert!(matches!(open(&Tree::empty(), "a/b"), Error::ModuleNotLoaded));
    assert!(matches!(open(&Tree::loaded(), "a/b"), Error::NoOverlay));

    let tree = demo();
    assert!(matches!(open(&tree, "axi_timer_0"), Error::BadName { .. }));
    let Error::NoSuchPin { pin, nearest } = open(&tree, "/axi_timer_0/interupt") else {
        panic!()
    };
    assert_eq!(
        (pin.as_str(), nearest[0].as_str()),
        ("axi_timer_0/interupt", "axi_timer_0/interrupt")
    );

    fs::remove_file(tree.path("dev/axirq/direct/irq")).unwrap();
    assert!(matches!(open(&tree, "direct/irq"), Error::NoDeviceFile { .. }));

    // A plain file, as a register window would, knows no such ioctl.
    assert!(matches!(open(&tree, "axi_timer_0/regs"), Error::NotALine { name } if name == "axi_timer_0/regs"));
    let file = OwnedFd::from(fs::File::open(tree.path("dev/axirq/axi_timer_0/interrupt")).unwrap());
    assert!(
        matches!(Interrupt::from_fd(file), Err(Error::NotALine { name }) if name.ends_with("axi_timer_0/interrupt"))
    );
}

#[test]
fn a_window_that_does_not_open_says_why() {
    let open = |tree: &Tree, cell: &str| Mmio::open_in(&tree.system(), cell, "regs").unwrap_err();
    assert!(matches!(open(&Tree::empty(), "a"), Error::ModuleNotLoaded));
    assert!(matches!(open(&Tree::loaded(), "a"), Error::NoOverlay));
    let Error::NoSuchCell { cell, nearest } = open(&demo(), "axi_timer_1") else {
        panic!()
    };
    assert_eq!(
        (cell.as_str(), nearest),
        ("axi_timer_1", vec!["axi_timer_0".to_owned()])
    );
    assert!(matches!(open(&demo(), "../etc"), Error::BadName { .. }));
}

#[test]
fn registers_are_reached_within_the_window_only() {
    let tree = demo();
    let regs = Mmio::open_in(&tree.system(), "axi_timer_0", "regs").unwrap();
    assert_eq!((regs.name(), regs.size()), ("axi_timer_0/regs", 0x1000));
    regs.write32(0xffc, 0x1234_5678).unwrap();
    assert_eq!(regs.read32(0xffc).unwrap(), 0x1234_5678);
    assert_eq!(
        fs::read(tree.path("dev/axirq/axi_timer_0/regs")).unwrap()[0xffc..0x1000],
        0x1234_5678_u32.to_ne_bytes()
    );
    for offset in [0x1000, 0x2000, usize::MAX - 3] {
        assert!(
            matches!(regs.read32(offset), Err(Error::OutOfBounds { .. })),
            "{offset:#x}"
        );
        assert!(
            matches!(regs.write32(offset, 0), Err(Error::OutOfBounds { .. })),
            "{offset:#x}"
        );
    }
    for offset in [1, 2, 0xfff, usize::MAX] {
        assert!(
            matches!(regs.read32(offset), Err(Error::Misaligned { .. })),
            "{offset:#x}"
        );
    }
}

#[test]
fn a_cascade_is_told_by_the_device_tree() {
    let tree = demo();
    tree.pin("axi_intc_1", "0", "axi_intc_1", 0, "level");
    let node = |raw: &str, property: &str, words: &[u32]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        tree.write(format!("sys/class/axirq/{raw}/device/of_node/{property}"), bytes);
    };
    let parent = || {
        let cells = tree.system().cells().unwrap();
        let parent = |name| cells.iter().find(|cell| cell.name == name).unwrap().parent.clone();
        assert_eq!(parent("axi_intc_0"), None);
        parent("axi_intc_1").map(|input| (input.controller, input.hwirq))
    };
    assert_eq!(parent(), None);
    for raw in ["axi_intc_0!2", "axi_intc_0!10"] {
        node(raw, "phandle", &[7]);
        // The GIC's, which is no cell.
        node(raw, "interrupt-parent", &[1]);
        node(raw, "interrupts", &[0, 89, 4]);
    }
    node("axi_intc_1!0", "interrupt-parent", &[7]);
    node("axi_intc_1!0", "interrupts", &[3, 2]);
    assert_eq!(parent(), Some(("axi_intc_0".to_owned(), 3)));
    node("axi_intc_1!0", "interrupts-extended", &[7, 5, 2]);
    assert_eq!(parent(), Some(("axi_intc_0".to_owned(), 5)));
}
