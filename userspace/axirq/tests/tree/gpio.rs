// SPDX-License-Identifier: MIT OR Apache-2.0
//! An AXI GPIO whose registers are a plain file: layout, directions and latches. (Waiting needs a line, hence a board.)

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::tree::Tree;
use axirq::Error;
use axirq::gpio::AxiGpio;

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
    assert_eq!(gpio.channel(1).unwrap().read().unwrap(), 0b11);
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
    assert!(matches!(channel.write(0), Err(Error::FixedDirection { .. })));
    assert!(matches!(
        channel.set_direction(0b0111),
        Err(Error::FixedDirection { .. })
    ));
    channel.set_direction(0b1111).unwrap();
    assert!(matches!(
        channel.blocking_wait_for(1 << 4, 0),
        Err(Error::NoSuchWire { wire: 4, .. })
    ));
}

#[test]
fn a_wire_becomes_what_is_made_of_it() {
    let (_tree, gpio, registers) = open(
        &[("xlnx,is-dual", 1), ("xlnx,gpio2-width", 8)],
        &[(DATA, 0xff), (TRI, 0xf)],
    );
    let channel = gpio.channel(1).unwrap();
    assert_eq!((channel.width(), gpio.channel(2).unwrap().width()), (32, 8));
    assert_eq!(channel.direction().unwrap(), 0xf);
    // What was an input starts as a dark LED, whatever level was on the wire.
    let led = channel.led(0).unwrap();
    assert_eq!((registers.get(TRI), registers.get(DATA)), (0xe, 0xf0));
    led.on().unwrap();
    assert_eq!(registers.get(DATA), 0xf1);
    channel.button(4).unwrap();
    assert_eq!(registers.get(TRI), 0x1e);
    gpio.channel(2).unwrap().write(0x1ff).unwrap();
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
fn a_property_that_makes_no_sense_is_an_error() {
    let tree = Tree::loaded();
    tree.window("gpio", 0xa000_1000, &[]);
    tree.write("sys/class/axirq/gpio!regs/device/of_node/xlnx,gpio-width", [1, 2]);
    assert!(matches!(
        AxiGpio::open_in(&tree.system(), "gpio"),
        Err(Error::Attribute { .. })
    ));
}
