// SPDX-License-Identifier: MIT OR Apache-2.0
//! An AXI GPIO whose registers are a plain file: layout, directions and latches. (Waiting needs a line, hence a board.)

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::tree::Tree;
use axirq::Error;
use axirq::gpio::AxiGpio;
use axirq::gpio::Color;

const DATA: u64 = 0x0;
const TRI: u64 = 0x4;
const DATA2: u64 = 0x8;

/// The register file as the hardware's side sees it.
struct Registers(File);

impl Registers {
    fn of(tree: &Tree, cell: &str) -> Self {
        let path = tree.path(format!("dev/axirq/{cell}/regs"));
        Self(File::options().read(true).write(true).open(path).unwrap())
    }

    fn get(&self, offset: u64) -> u32 {
        let mut bytes = [0; 4];
        self.0.read_exact_at(&mut bytes, offset).unwrap();
        u32::from_ne_bytes(bytes)
    }

    fn set(&self, offset: u64, value: u32) {
        self.0.write_all_at(&value.to_ne_bytes(), offset).unwrap();
    }
}

fn open(properties: &[(&str, u32)], registers: &[(u64, u32)]) -> (Tree, AxiGpio, Registers) {
    let tree = Tree::loaded();
    tree.window("gpio", 0xa000_1000, properties);
    let file = Registers::of(&tree, "gpio");
    for (offset, value) in registers {
        file.set(*offset, *value);
    }
    let gpio = AxiGpio::open_in(&tree.system(), "gpio").unwrap();
    (tree, gpio, file)
}

#[test]
fn leds_share_the_latch_and_leave_each_other_alone() {
    let (_tree, gpio, registers) = open(&[("xlnx,gpio-width", 4), ("xlnx,all-outputs", 1)], &[(DATA, 0b1000)]);
    let (first, last) = (gpio.led(0).unwrap(), gpio.led(3).unwrap());
    assert!(last.is_on().unwrap() && !first.is_on().unwrap());
    first.on().unwrap();
    assert_eq!(registers.get(DATA), 0b1001);
    last.toggle().unwrap();
    assert_eq!(registers.get(DATA), 0b0001);
    // Cores before revision 14 read outputs as 0; what was set counts.
    registers.set(DATA, 0);
    last.set(true).unwrap();
    assert_eq!(registers.get(DATA), 0b1001);
    first.off().unwrap();
    assert_eq!(registers.get(DATA), 0b1000);
    assert!(last.is_on().unwrap());
    // Nothing was written to a direction that is fixed.
    assert_eq!(registers.get(TRI), 0);
}

#[test]
fn inputs_are_read_from_the_wires() {
    let (_tree, gpio, registers) = open(&[("xlnx,gpio-width", 2), ("xlnx,all-inputs", 1)], &[]);
    let (button, switch) = (gpio.button(0).unwrap(), gpio.switch(1).unwrap());
    registers.set(DATA, 0b111);
    assert_eq!((button.level().unwrap(), switch.level().unwrap()), (1, 1));
    assert_eq!(gpio.channel(1).unwrap().input(..).unwrap().read().unwrap(), 0b11);
    registers.set(DATA, 0b10);
    assert_eq!((button.level().unwrap(), switch.level().unwrap()), (0, 1));
}

#[test]
fn wires_channels_and_directions_that_do_not_exist_are_errors() {
    let (_tree, gpio, _) = open(&[("xlnx,gpio-width", 4), ("xlnx,all-inputs", 1)], &[]);
    for wire in [4, 31, 32, u32::MAX] {
        assert!(matches!(gpio.button(wire), Err(Error::NoSuchWire { width: 4, wire: w, .. }) if w == wire));
    }
    assert!(matches!(gpio.led(0), Err(Error::FixedDirection { inputs: true, .. })));
    for channel in [0, 2, 3] {
        assert!(matches!(
            gpio.channel(channel),
            Err(Error::NoSuchChannel { channels: 1, .. })
        ));
    }
    let channel = gpio.channel(1).unwrap();
    assert!(matches!(channel.output(..), Err(Error::FixedDirection { .. })));
    assert!(matches!(channel.in_out(..), Err(Error::FixedDirection { .. })));
    assert!(matches!(channel.input(2..2), Err(Error::NoWires { channel: 1, .. })));
    assert!(matches!(channel.input(2..5), Err(Error::NoSuchWire { wire: 4, .. })));
    let slice = channel.input(1..3).unwrap();
    assert!(matches!(
        slice.wire(2),
        Err(Error::NoSuchWire { wire: 2, width: 2, .. })
    ));
    assert!(matches!(
        slice.blocking_wait_for_value(0b100),
        Err(Error::ValueTooWide {
            value: 0b100,
            width: 2,
            ..
        })
    ));
    assert!(matches!(
        gpio.rgb_led(u32::MAX),
        Err(Error::NoWires { .. } | Error::NoSuchWire { .. })
    ));
    let (_tree, gpio, _) = open(&[("xlnx,gpio-width", 4), ("xlnx,all-outputs", 1)], &[]);
    assert!(matches!(
        gpio.button(0),
        Err(Error::FixedDirection { inputs: false, .. })
    ));
}

#[test]
fn a_slice_is_written_and_read_from_its_first_wire_on() {
    let (_tree, gpio, registers) = open(&[("xlnx,gpio-width", 8)], &[(DATA, 0), (TRI, 0xff)]);
    let channel = gpio.channel(1).unwrap();
    let (low, high) = (channel.input(..3).unwrap(), channel.output(4..).unwrap());
    assert_eq!((low.width(), high.width()), (3, 4));
    assert_eq!(registers.get(TRI), 0x0f);
    high.write(0b1010).unwrap();
    assert_eq!(registers.get(DATA), 0xa0);
    assert!(matches!(high.write(0x10), Err(Error::ValueTooWide { width: 4, .. })));
    high.toggle().unwrap();
    assert_eq!(high.read().unwrap(), 0b0101);
    high.wire(1).unwrap().on().unwrap();
    assert_eq!(registers.get(DATA), 0x70);
    registers.set(DATA, 0xff);
    assert_eq!((low.read().unwrap(), high.read().unwrap()), (0b111, 0b0111));
    high.on().unwrap();
    assert_eq!(high.read().unwrap(), 0b1111);
    high.off().unwrap();
    assert_eq!(high.read().unwrap(), 0);
}

#[test]
fn a_wire_faces_one_way_at_a_time() {
    let (_tree, gpio, registers) = open(&[("xlnx,gpio-width", 4)], &[(TRI, 0xf)]);
    let channel = gpio.channel(1).unwrap();
    let input = channel.input(0..2).unwrap();
    let again = input.clone();
    let error = channel.output(1..3).unwrap_err();
    assert!(
        matches!(
            &error,
            Error::WireInUse {
                wire: 1,
                direction: "input",
                ..
            }
        ),
        "{error}"
    );
    drop(input);
    assert!(matches!(channel.led(0), Err(Error::WireInUse { .. })));
    drop(again);
    let led = channel.led(0).unwrap();
    assert_eq!(registers.get(TRI), 0b1110);
    let same = led.clone();
    same.on().unwrap();
    assert!(led.is_on().unwrap());
}

#[test]
fn tri_state_wires_are_driven_and_let_go() {
    let (_tree, gpio, registers) = open(&[("xlnx,gpio-width", 4)], &[(TRI, 0)]);
    let channel = gpio.channel(1).unwrap();
    let bus = channel.in_out(0..2).unwrap();
    // Let go first, whatever it was.
    assert_eq!((registers.get(TRI), bus.driven().unwrap()), (0b0011, 0));
    bus.write(0b01).unwrap();
    registers.set(DATA, 0b10);
    assert_eq!(bus.read().unwrap(), 0b10);
    bus.drive().unwrap();
    assert_eq!((registers.get(TRI), registers.get(DATA)), (0, 0b01));
    assert_eq!((bus.read().unwrap(), bus.driven().unwrap()), (0b01, 0b11));
    // A further handle leaves it as it is; one wire lets go alone.
    let clock = bus.wire(1).unwrap();
    assert!(clock.is_driven().unwrap());
    clock.release().unwrap();
    assert_eq!((registers.get(TRI), bus.driven().unwrap()), (0b10, 0b01));
    assert!(!clock.is_on().unwrap() && !clock.is_driven().unwrap());
    clock.on().unwrap();
    clock.drive().unwrap();
    assert_eq!(bus.read().unwrap(), 0b11);
}

#[test]
fn rgb_leds_take_three_wires_each() {
    let (_tree, gpio, registers) = open(&[("xlnx,gpio-width", 6), ("xlnx,all-outputs", 1)], &[]);
    let (first, second) = (gpio.rgb_led(0).unwrap(), gpio.rgb_led(1).unwrap());
    first.on(Color::Red).unwrap();
    second.on(Color::Cyan).unwrap();
    assert_eq!(registers.get(DATA), 0b011_100);
    assert_eq!(
        (first.color().unwrap(), second.color().unwrap()),
        (Color::Red, Color::Cyan)
    );
    first.off().unwrap();
    assert_eq!((first.color().unwrap(), registers.get(DATA)), (Color::Black, 0b011_000));
    assert!(matches!(gpio.rgb_led(2), Err(Error::NoSuchWire { wire: 6, .. })));
}

#[test]
fn a_window_smaller_than_the_registers_is_an_error() {
    for (size, interrupt, ok) in [
        ("0x0", false, false),
        ("0x4", false, false),
        ("0x6", false, false),
        ("0x8", false, true),
        ("0x100", true, false),
        ("0x12a", true, false),
        ("0x12c", true, true),
    ] {
        let tree = Tree::loaded();
        tree.window("gpio", 0xa000_1000, &[]);
        tree.write("sys/class/axirq/gpio!regs/size", size);
        if interrupt {
            tree.pin("gpio", "ip2intc_irpt", "axi_intc_0", 1, "level");
        }
        let opened = AxiGpio::open_in(&tree.system(), "gpio");
        match &opened {
            Ok(_) => assert!(ok, "{size}"),
            Err(error) => assert!(!ok && matches!(error, Error::WindowTooSmall { .. }), "{size}: {error}"),
        }
    }
}

#[test]
fn a_wire_becomes_what_is_made_of_it() {
    let (_tree, gpio, registers) = open(
        &[("xlnx,is-dual", 1), ("xlnx,gpio2-width", 8)],
        &[(DATA, 0xff), (TRI, 0xf)],
    );
    let channel = gpio.channel(1).unwrap();
    assert_eq!((channel.width(), gpio.channel(2).unwrap().width()), (32, 8));
    // What was an input starts as a dark LED, whatever level was on the wire.
    let led = channel.led(0).unwrap();
    assert_eq!((registers.get(TRI), registers.get(DATA)), (0xe, 0xf0));
    led.on().unwrap();
    assert_eq!(registers.get(DATA), 0xf1);
    let _button = channel.button(4).unwrap();
    assert_eq!(registers.get(TRI), 0x1e);
    gpio.channel(2).unwrap().output(..).unwrap().write(0xff).unwrap();
    assert_eq!(registers.get(DATA2), 0xff);
}

#[test]
fn the_same_cell_is_opened_once() {
    let (tree, gpio, registers) = open(&[("xlnx,gpio-width", 4), ("xlnx,all-outputs", 1)], &[]);
    let again = AxiGpio::open_in(&tree.system(), "gpio").unwrap();
    gpio.led(0).unwrap().on().unwrap();
    // Two with latches of their own would undo each other's writes.
    again.led(1).unwrap().on().unwrap();
    assert_eq!(registers.get(DATA), 0b11);
    drop((gpio, again));
    registers.set(DATA, 0b100);
    assert!(
        AxiGpio::open_in(&tree.system(), "gpio")
            .unwrap()
            .led(2)
            .unwrap()
            .is_on()
            .unwrap()
    );
}

#[test]
fn waiting_without_an_interrupt_is_an_error_and_not_a_hang() {
    let (_tree, gpio, _) = open(&[("xlnx,gpio-width", 4), ("xlnx,all-inputs", 1)], &[]);
    let button = gpio.button(0).unwrap();
    let error = button.blocking_wait_for_level(0).unwrap_err();
    assert!(matches!(
        error,
        Error::NoInterrupt {
            pin: "ip2intc_irpt",
            ..
        }
    ));
}

#[test]
fn a_node_that_leaves_is_not_taken_for_one_with_defaults() {
    let tree = Tree::loaded();
    tree.window("gpio", 0xa000_1000, &[]);
    AxiGpio::open_in(&tree.system(), "gpio").unwrap();
    std::fs::remove_dir_all(tree.path("sys/class/axirq/gpio!regs/device/of_node")).unwrap();
    let opened = AxiGpio::open_in(&tree.system(), "gpio");
    assert!(matches!(opened, Err(Error::Gone { .. })), "{opened:?}");
}

#[test]
fn a_property_that_makes_no_sense_is_an_error() {
    let tree = Tree::loaded();
    tree.window("gpio", 0xa000_1000, &[]);
    tree.write("sys/class/axirq/gpio!regs/device/of_node/xlnx,gpio-width", [1, 2]);
    assert!(matches!(
        AxiGpio::open_in(&tree.system(), "gpio"),
        Err(Error::Attribute { .. })
    ));
}
