// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the AXI GPIO, one test each.

use proptest::prelude::*;

use super::*;
use crate::models::bench::Bench;

fn single(width: u32, direction: Direction) -> Bench<Gpio> {
    Bench::new(Gpio::new(Channel::new(width, direction), None, true))
}

fn dual() -> Bench<Gpio> {
    let channel = Channel::new(8, Direction::Both);
    Bench::new(Gpio::new(channel, Some(channel), true))
}

#[test]
fn registers_reset_to_their_defaults() {
    let first = Channel {
        dout_default: 0x1ff,
        tri_default: 0x0f,
        ..Channel::new(8, Direction::Both)
    };
    let mut bench = Bench::new(Gpio::new(first, None, true));
    assert_eq!(bench.read(TRI), 0x0f);
    assert_eq!(bench.read(DATA), 0xf0, "output bits of the latch");
    assert_eq!(
        [bench.read(GIER), bench.read(IP_ISR), bench.read(IP_IER)],
        [0, 0, 0]
    );
    bench.write(TRI, 0);
    bench.write(DATA, 0);
    bench.write(IP_ISR, 1);
    let Bench { model, pins } = &mut bench;
    model.reset(pins);
    assert_eq!(
        [bench.read(TRI), bench.read(DATA), bench.read(IP_ISR)],
        [0x0f, 0xf0, 0]
    );
}

#[test]
fn data_reads_pins_of_inputs_and_the_latch_of_outputs() {
    let mut bench = single(8, Direction::Both);
    bench.write(TRI, 0xf0);
    bench.write(DATA, 0x05);
    bench.set(6, true);
    bench.set(1, true);
    assert_eq!(bench.read(DATA), 0x45, "the wire at bit 1 faces an output");
}

#[test]
fn data_written_while_input_appears_when_the_direction_turns() {
    let mut bench = single(8, Direction::Both);
    bench.write(DATA, 0x3c);
    assert_eq!(bench.read(DATA), 0);
    bench.write(TRI, 0);
    assert_eq!(bench.read(DATA), 0x3c);
}

#[test]
fn bits_above_the_width_read_0_and_ignore_writes() {
    let mut bench = single(4, Direction::Both);
    assert_eq!(bench.read(TRI), 0xf);
    bench.write(TRI, u32::MAX);
    assert_eq!(bench.read(TRI), 0xf);
    bench.write(TRI, 0);
    bench.write(DATA, u32::MAX);
    assert_eq!(bench.read(DATA), 0xf);
    bench.set(4, true);
    assert_eq!(bench.read(DATA), 0xf);
}

#[test]
fn fixed_directions_ignore_tri_and_read_all_ones() {
    let mut inputs = single(4, Direction::Inputs);
    inputs.write(TRI, 0);
    inputs.write(DATA, 0xf);
    assert_eq!((inputs.read(TRI), inputs.read(DATA)), (u32::MAX, 0));
    let mut outputs = single(4, Direction::Outputs);
    outputs.write(TRI, u32::MAX);
    outputs.write(DATA, 0xa);
    assert_eq!((outputs.read(TRI), outputs.read(DATA)), (u32::MAX, 0xa));
}

#[test]
fn single_channel_has_no_second() {
    let mut bench = single(4, Direction::Both);
    bench.write(DATA2, 1);
    bench.write(TRI2, 0);
    assert_eq!((bench.read(DATA2), bench.read(TRI2)), (0, u32::MAX));
}

#[test]
fn without_interrupt_logic_its_registers_read_0_and_ignore_writes() {
    let mut bench = Bench::new(Gpio::new(Channel::new(4, Direction::Inputs), None, false));
    for offset in [GIER, IP_ISR, IP_IER] {
        bench.write(offset, u32::MAX);
        assert_eq!(bench.read(offset), 0);
        assert!(!bench.model.present(offset));
    }
    bench.set(0, true);
    assert_eq!(bench.read(IP_ISR), 0);
    assert!(bench.pins.changes.is_empty());
}

#[test]
fn isr_is_set_by_both_directions_of_a_change_whatever_is_enabled() {
    let mut bench = single(4, Direction::Inputs);
    bench.set(3, true);
    assert_eq!(bench.read(IP_ISR), 1);
    bench.write(IP_ISR, 1);
    bench.set(3, true);
    assert_eq!(bench.read(IP_ISR), 0, "no change, no interrupt");
    bench.set(3, false);
    assert_eq!(bench.read(IP_ISR), 1);
    assert!(!bench.pins.level);
}

#[test]
fn changes_at_output_bits_do_not_count() {
    let mut bench = single(4, Direction::Both);
    bench.write(TRI, 0b1110);
    bench.set(0, true);
    bench.write(DATA, 1);
    assert_eq!(bench.read(IP_ISR), 0);
    bench.set(1, true);
    assert_eq!(bench.read(IP_ISR), 1);
}

#[test]
fn each_channel_has_its_isr_bit() {
    let mut bench = dual();
    bench.set(32 + 7, true);
    assert_eq!((bench.read(IP_ISR), bench.read(DATA2)), (0b10, 0x80));
    bench.set(0, true);
    assert_eq!(bench.read(IP_ISR), 0b11);
}

#[test]
fn writing_one_to_isr_toggles() {
    let mut bench = dual();
    bench.set(0, true);
    bench.write(IP_ISR, 0b11);
    assert_eq!(bench.read(IP_ISR), 0b10, "one cleared, one set by mistake");
    bench.write(IP_ISR, 0);
    assert_eq!(bench.read(IP_ISR), 0b10);
    let mut narrow = single(4, Direction::Inputs);
    narrow.write(IP_ISR, u32::MAX);
    assert_eq!(narrow.read(IP_ISR), 1);
}

#[test]
fn output_is_gier_and_isr_and_ier() {
    let mut bench = dual();
    bench.set(0, true);
    bench.write(IP_IER, 0b10);
    bench.write(GIER, u32::MAX);
    assert_eq!(bench.read(GIER), GIER_ENABLE, "bit 31 only");
    assert!(!bench.pins.level);
    bench.write(IP_IER, u32::MAX);
    assert_eq!(bench.read(IP_IER), 0b11);
    assert!(bench.pins.level);
    bench.write(GIER, 0x7fff_ffff);
    assert!(!bench.pins.level);
    bench.write(GIER, GIER_ENABLE);
    bench.write(IP_ISR, 1);
    assert!(!bench.pins.level);
}

#[test]
fn second_cause_before_the_first_is_cleared_makes_no_new_edge() {
    let mut bench = dual();
    bench.write(IP_IER, 0b11);
    bench.write(GIER, GIER_ENABLE);
    bench.set(0, true);
    bench.set(32, true);
    bench.write(IP_ISR, 0b01);
    assert_eq!(bench.pins.changes, [true], "it never fell");
    bench.write(IP_ISR, 0b10);
    assert_eq!(bench.pins.changes, [true, false]);
}

#[test]
fn pins_show_wires_latch_and_both() {
    let mut bench = single(4, Direction::Both);
    bench.write(TRI, 0b1100);
    bench.write(DATA, 0b1001);
    bench.set(2, true);
    let expected = Pins {
        input: 0b0100,
        output: 0b0001,
        merged: 0b0101,
    };
    assert_eq!(bench.model.pins(0), Some(expected));
    assert_eq!(bench.model.pins(1), None);
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_output_equation(
        steps in prop::collection::vec((0u32..0x80, any::<u32>(), 0usize..80, any::<bool>()), 0..60),
    ) {
        let mut bench = dual();
        for (word, value, input, level) in steps {
            bench.write(word * 4, value);
            bench.set(input, level);
            let wanted = bench.read(GIER) != 0 && bench.read(IP_ISR) & bench.read(IP_IER) != 0;
            prop_assert_eq!(bench.pins.level, wanted);
            prop_assert_eq!(bench.read(DATA) & !0xff, 0);
        }
    }
}
