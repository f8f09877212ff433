// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the AXI INTC, one test each, then a naive cycle-by-cycle twin.

use proptest::prelude::*;

use super::*;
use crate::models::bench::Bench;

fn intc(params: Params) -> Bench<Intc> {
    let mut bench = Bench::new(Intc::new(params));
    bench.pins.level = bench.model.idle_output();
    bench
}

/// Four inputs: 0 and 1 level, 2 and 3 edge.
fn mixed() -> Params {
    Params {
        kind_of_intr: 0b1100,
        ..Params::new(4)
    }
}

/// Brought up as a driver should: ack after HIE.
fn running(params: Params, enable: u32) -> Bench<Intc> {
    let mut bench = intc(params);
    bench.write(MER, MER_ME | MER_HIE);
    bench.write(IAR, u32::MAX);
    bench.write(IER, enable);
    bench
}

// Register map.

#[test]
fn registers_reset_to_the_manual_s_values() {
    let mut bench = intc(Params {
        has_ilr: true,
        has_fast: true,
        ..Params::new(4)
    });
    for (offset, value) in [
        (ISR, 0),
        (IPR, 0),
        (IER, 0),
        (IVR, u32::MAX),
        (MER, 0),
        (IMR, 0),
        (ILR, u32::MAX),
        (IVAR, 0x10),
        (IVAR + 4 * 31, 0x10),
    ] {
        assert_eq!(bench.read(offset), value, "{offset:#x}");
    }
}

#[test]
fn bits_above_the_implemented_ones_read_0_and_ignore_writes() {
    let mut bench = intc(Params {
        sw_inputs: 2,
        ..Params::new(3)
    });
    bench.write(IER, u32::MAX);
    bench.write(ISR, u32::MAX);
    assert_eq!(bench.read(IER), 0b1_1111);
    assert_eq!(bench.read(ISR), 0b1_1111);
    bench.write(IER, 0);
    bench.write(SIE, u32::MAX);
    assert_eq!(bench.read(IER), 0b1_1111);
}

#[test]
fn all_32_inputs_work() {
    let mut bench = running(Params::new(32), u32::MAX);
    bench.set(31, true);
    assert_eq!(bench.read(IPR), 1 << 31);
    assert_eq!(bench.read(IVR), 31);
}

#[test]
fn ipr_is_isr_and_ier_and_ignores_writes() {
    let mut bench = running(mixed(), 0b0100);
    bench.pulse(2);
    bench.pulse(3);
    bench.write(IPR, u32::MAX);
    assert_eq!((bench.read(ISR), bench.read(IPR)), (0b1100, 0b0100));
}

#[test]
fn sie_and_cie_set_and_clear_ones_and_zeros_do_nothing() {
    let mut bench = intc(Params::new(8));
    bench.write(IER, 0b0101_0000);
    bench.write(SIE, 0b0000_0011);
    bench.write(SIE, 0);
    assert_eq!(bench.read(IER), 0b0101_0011);
    bench.write(CIE, 0b0100_0001);
    bench.write(CIE, 0);
    assert_eq!(bench.read(IER), 0b0001_0010);
}

#[test]
fn iar_clears_ones_and_zeros_do_nothing() {
    let mut bench = running(mixed(), 0);
    bench.pulse(2);
    bench.pulse(3);
    bench.write(IAR, 0);
    assert_eq!(bench.read(ISR), 0b1100);
    bench.write(IAR, 0b0100);
    assert_eq!(bench.read(ISR), 0b1000);
}

#[test]
fn ivr_is_gated_neither_by_me_nor_by_ilr() {
    let mut bench = running(
        Params {
            has_ilr: true,
            ..mixed()
        },
        u32::MAX,
    );
    bench.write(ILR, 0);
    bench.write(MER, 0);
    bench.pulse(3);
    assert_eq!(bench.read(IVR), 3);
    bench.pulse(2);
    assert_eq!(bench.read(IVR), 2);
}

#[test]
fn mer_has_two_bits_and_hie_is_cleared_by_reset_alone() {
    let mut bench = intc(mixed());
    bench.write(MER, u32::MAX);
    assert_eq!(bench.read(MER), 3);
    bench.write(MER, 0);
    assert_eq!(bench.read(MER), 2);
    let Bench { model, pins } = &mut bench;
    model.reset(pins);
    assert_eq!(bench.read(MER), 0);
}

#[test]
fn reset_clears_isr_ier_and_mer_and_drops_the_output() {
    let mut bench = running(mixed(), u32::MAX);
    bench.pulse(2);
    assert!(bench.pins.level);
    let Bench { model, pins } = &mut bench;
    model.reset(pins);
    assert!(!bench.pins.level);
    assert_eq!(
        [bench.read(ISR), bench.read(IER), bench.read(MER)],
        [0, 0, 0]
    );
}

#[test]
fn registers_synthesised_out_read_0_and_ignore_writes() {
    let mut bench = intc(Params {
        has_ipr: false,
        has_sie: false,
        has_cie: false,
        has_ivr: false,
        ..mixed()
    });
    bench.write(ISR, 0b1);
    bench.write(IER, 0b1);
    bench.write(SIE, 0b10);
    assert_eq!(bench.read(IER), 0b1);
    bench.write(CIE, 0b1);
    assert_eq!(bench.read(IER), 0b1);
    for offset in [IPR, SIE, CIE, IVR, IMR, ILR, IVAR] {
        assert_eq!(bench.read(offset), 0, "{offset:#x}");
    }
}

#[test]
fn a_driver_can_tell_whether_sie_cie_and_ivr_exist_without_side_effects() {
    for has in [false, true] {
        let mut bench = intc(Params {
            has_sie: has,
            has_cie: has,
            has_ivr: has,
            ..mixed()
        });
        bench.write(SIE, 1);
        assert_eq!(bench.read(IER) == 1, has);
        bench.write(IER, 1);
        bench.write(CIE, 1);
        assert_eq!(bench.read(IER) == 0, has);
        bench.write(IER, 0);
        assert_eq!(bench.read(IVR) == u32::MAX, has);
        assert!(bench.pins.changes.is_empty());
    }
}

// Capture and acknowledge.

#[test]
fn level_is_latched_and_going_inactive_does_not_clear_it() {
    let mut bench = running(mixed(), 0b1);
    bench.set(0, true);
    bench.set(0, false);
    assert_eq!(bench.read(ISR), 0b1);
    bench.write(IAR, 0b1);
    assert_eq!(bench.read(ISR), 0);
}

#[test]
fn level_still_active_is_set_again_by_its_own_acknowledge() {
    let mut bench = running(mixed(), 0b1);
    bench.set(0, true);
    bench.write(IAR, 0b1);
    assert_eq!(bench.read(ISR), 0b1);
    assert!(bench.pins.level);
}

#[test]
fn edge_is_held_until_acknowledged_and_further_edges_merge() {
    let mut bench = running(mixed(), 0b100);
    bench.pulse(2);
    bench.pulse(2);
    assert_eq!(bench.read(ISR), 0b100);
    bench.write(IAR, 0b100);
    assert_eq!(bench.read(ISR), 0);
}

#[test]
fn edge_line_that_stays_high_is_not_captured_again() {
    let mut bench = running(mixed(), 0b100);
    bench.set(2, true);
    bench.write(IAR, 0b100);
    assert_eq!(bench.read(ISR), 0);
    bench.set(2, false);
    assert_eq!(bench.read(ISR), 0);
    bench.set(2, true);
    assert_eq!(bench.read(ISR), 0b100);
}

#[test]
fn capture_ignores_enables_and_me() {
    let mut bench = intc(mixed());
    bench.write(MER, MER_HIE);
    bench.pulse(1);
    bench.pulse(2);
    assert_eq!(bench.read(ISR), 0b0110);
    assert!(!bench.pins.level);
    bench.write(IER, 0b0100);
    bench.write(MER, MER_ME);
    assert!(bench.pins.level, "masked edges fire when enabled");
}

#[test]
fn polarity_follows_kind_of_edge_and_kind_of_lvl() {
    let mut bench = running(
        Params {
            kind_of_edge: !0b1000,
            kind_of_lvl: !0b0010,
            ..mixed()
        },
        0,
    );
    assert_eq!(bench.read(ISR), 0, "idle wires are inactive");
    bench.set(1, false);
    bench.set(3, false);
    assert_eq!(bench.read(ISR), 0b1010);
    bench.set(1, true);
    bench.set(3, true);
    bench.write(IAR, u32::MAX);
    assert_eq!(bench.read(ISR), 0);
}

#[test]
fn padding_bits_of_the_kinds_do_nothing() {
    let mut bench = running(
        Params {
            kind_of_intr: 0xffff_fffa,
            ..Params::new(3)
        },
        u32::MAX,
    );
    bench.set(0, true);
    bench.write(IAR, 0b1);
    assert_eq!(bench.read(ISR), 0b1, "input 0 is level");
    bench.set(5, true);
    bench.set(40, true);
    assert_eq!(bench.read(ISR), 0b1, "there is no input 5, nor 40");
}

#[test]
fn edge_in_the_instant_of_an_acknowledge_wins() {
    let mut bench = running(
        Params {
            input_delay: 100,
            ..mixed()
        },
        0b100,
    );
    bench.pulse(2);
    bench.run_to(100);
    bench.set(2, true);
    // Due at 200, the very time of the write; the bench has not ticked yet.
    bench.pins.now = 200;
    bench.write(IAR, 0b100);
    assert_eq!(bench.read(ISR), 0b100);
}

#[test]
fn delayed_inputs_relatch_a_stale_level_once() {
    let mut bench = running(
        Params {
            input_delay: 50,
            ..mixed()
        },
        0b1,
    );
    bench.set(0, true);
    assert_eq!(bench.read(ISR), 0, "not through yet");
    bench.run_to(50);
    assert_eq!(bench.read(ISR), 0b1);
    bench.set(0, false);
    bench.write(IAR, 0b1);
    assert_eq!(bench.read(ISR), 0b1, "the stale level");
    bench.run_to(100);
    bench.write(IAR, 0b1);
    assert_eq!(bench.read(ISR), 0);
}

// MER.HIE, ISR writes, software interrupts.

#[test]
fn without_hie_software_writes_isr_and_hardware_does_not() {
    let mut bench = intc(mixed());
    bench.set(0, true);
    bench.pulse(2);
    assert_eq!(bench.read(ISR), 0);
    bench.write(ISR, 0b1010);
    assert_eq!(bench.read(ISR), 0b1010);
}

#[test]
fn with_hie_isr_writes_reach_software_bits_alone() {
    let mut bench = running(
        Params {
            sw_inputs: 2,
            ..mixed()
        },
        0,
    );
    bench.pulse(2);
    bench.write(ISR, 0b11_0001);
    assert_eq!(bench.read(ISR), 0b11_0100, "hardware bits stay as they are");
}

#[test]
fn events_before_hie_appear_when_it_is_set_and_an_ack_before_is_no_help() {
    let mut bench = intc(mixed());
    bench.pulse(0);
    bench.pulse(3);
    bench.write(IAR, u32::MAX);
    bench.write(MER, MER_ME | MER_HIE);
    assert_eq!(bench.read(ISR), 0b1001);
    bench.write(IAR, u32::MAX);
    assert_eq!(bench.read(ISR), 0);
}

#[test]
fn isr_write_overwrites_writable_bits_or_only_sets_them() {
    for (isr_write, left) in [(IsrWrite::Overwrite, 0b10_0000), (IsrWrite::Or, 0b11_0000)] {
        let mut bench = running(
            Params {
                sw_inputs: 2,
                isr_write,
                ..mixed()
            },
            0,
        );
        bench.write(ISR, 0b01_0000);
        bench.write(ISR, 0b10_0000);
        assert_eq!(bench.read(ISR), left, "{isr_write:?}");
    }
}

#[test]
fn software_interrupts_fire_and_are_acknowledged_like_others() {
    let mut bench = running(
        Params {
            sw_inputs: 1,
            ..mixed()
        },
        u32::MAX,
    );
    bench.write(ISR, 0b1_0000);
    assert_eq!(bench.read(IVR), 4);
    assert!(bench.pins.level);
    bench.write(IAR, 0b1_0000);
    assert!(!bench.pins.level);
}

// The output.

#[test]
fn output_needs_me_and_something_enabled_and_pending() {
    let mut bench = running(mixed(), 0);
    bench.pulse(2);
    assert!(!bench.pins.level);
    bench.write(SIE, 0b100);
    assert!(bench.pins.level);
    bench.write(CIE, 0b100);
    assert!(!bench.pins.level);
}

#[test]
fn clearing_me_holds_an_active_output_or_drops_it() {
    for (me_clear, stays) in [(MeClear::Holds, true), (MeClear::Drops, false)] {
        let mut bench = running(
            Params {
                me_clear,
                ..mixed()
            },
            u32::MAX,
        );
        bench.pulse(2);
        bench.write(MER, 0);
        assert_eq!(bench.pins.level, stays, "{me_clear:?}");
        bench.write(IER, 0);
        assert!(!bench.pins.level);
        bench.write(IER, u32::MAX);
        assert!(!bench.pins.level, "with ME=0 nothing raises it");
        bench.write(MER, MER_ME);
        assert!(bench.pins.level, "setting ME does");
    }
}

#[test]
fn ilr_lets_only_lower_vectors_through() {
    let mut bench = running(
        Params {
            has_ilr: true,
            ..mixed()
        },
        u32::MAX,
    );
    bench.write(ILR, 2);
    bench.pulse(2);
    assert!(!bench.pins.level);
    bench.set(1, true);
    assert!(bench.pins.level);
}

#[test]
fn active_low_output_idles_high() {
    let mut bench = running(
        Params {
            irq_active: false,
            ..mixed()
        },
        u32::MAX,
    );
    assert!(bench.pins.level);
    bench.pulse(2);
    assert!(!bench.pins.level);
}

#[test]
fn pulse_output_pulses_once_until_nothing_is_pending() {
    let mut bench = running(
        Params {
            irq_is_level: false,
            ..mixed()
        },
        u32::MAX,
    );
    bench.pulse(2);
    bench.pulse(3);
    assert_eq!(bench.pins.changes, [true, false], "one for both");
    bench.write(IAR, 0b0100);
    assert_eq!(bench.pins.changes.len(), 2, "3 is pending still");
    bench.write(IAR, 0b1000);
    bench.pulse(2);
    assert_eq!(bench.pins.changes, [true, false, true, false]);
}

// The order a driver must keep.

#[test]
fn level_acknowledged_too_early_leaves_a_stale_bit() {
    let mut bench = running(mixed(), 0b1);
    bench.set(0, true);
    bench.write(CIE, 0b1);
    bench.write(IAR, 0b1);
    bench.set(0, false);
    bench.write(SIE, 0b1);
    assert!(bench.pins.level, "the bogus interrupt");
}

#[test]
fn level_acknowledged_at_unmask_leaves_none() {
    let mut bench = running(mixed(), 0b1);
    bench.set(0, true);
    bench.write(CIE, 0b1);
    bench.set(0, false);
    bench.write(IAR, 0b1);
    bench.write(SIE, 0b1);
    assert!(!bench.pins.level);
}

/// The same hardware, written as one would draw it: a bit at a time, a clock at a time.
struct Naive {
    params: Params,
    isr: [bool; 32],
    early: [bool; 32],
    ier: [bool; 32],
    wire: [bool; 32],
    before: [bool; 32],
    me: bool,
    hie: bool,
    irq: bool,
}

impl Naive {
    fn new(params: Params) -> Self {
        let mut naive = Self {
            params,
            isr: [false; 32],
            early: [false; 32],
            ier: [false; 32],
            wire: [false; 32],
            before: [false; 32],
            me: false,
            hie: false,
            irq: false,
        };
        for n in 0..32 {
            naive.wire[n] = !naive.active_high(n);
            naive.before[n] = naive.wire[n];
        }
        naive
    }

    fn edge(&self, n: usize) -> bool {
        self.params.kind_of_intr & (1 << n) != 0
    }

    fn active_high(&self, n: usize) -> bool {
        let of = if self.edge(n) {
            self.params.kind_of_edge
        } else {
            self.params.kind_of_lvl
        };
        of & (1 << n) != 0
    }

    fn clock(&mut self, write: Option<(u32, u32)>) {
        let hardware = self.params.inputs as usize;
        let all = hardware + self.params.sw_inputs as usize;
        let hie = self.hie;
        for n in 0..all {
            let bit = |value: u32| value & (1 << n) != 0;
            match write {
                Some((ISR, value)) if n >= hardware || !hie => {
                    let keep = self.params.isr_write == IsrWrite::Or && self.isr[n];
                    self.isr[n] = bit(value) || keep;
                }
                Some((IER, value)) => self.ier[n] = bit(value),
                Some((SIE, value)) if bit(value) => self.ier[n] = true,
                Some((CIE, value)) if bit(value) => self.ier[n] = false,
                Some((IAR, value)) if bit(value) => self.isr[n] = false,
                _ => {}
            }
        }
        if let Some((MER, value)) = write {
            self.me = value & 1 != 0;
            self.hie |= value & 2 != 0;
        }
        for n in 0..hardware {
            let active = self.wire[n] == self.active_high(n);
            let was_active = self.before[n] == self.active_high(n);
            let hit = if self.edge(n) {
                active && !was_active
            } else {
                active
            };
            self.early[n] |= hit;
            if self.hie {
                self.isr[n] |= self.early[n];
                self.early[n] = false;
            }
            self.before[n] = self.wire[n];
        }
        let pending = (0..all).any(|n| self.isr[n] && self.ier[n]);
        let held = self.irq && self.params.me_clear == MeClear::Holds;
        self.irq = pending && (self.me || held);
    }

    fn word(bits: &[bool; 32]) -> u32 {
        (0..32).map(|n| u32::from(bits[n]) << n).sum()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wire(usize, bool),
    Write(u32, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let register = prop_oneof![
        Just(ISR),
        Just(IPR),
        Just(IER),
        Just(IAR),
        Just(SIE),
        Just(CIE),
        Just(IVR),
        Just(MER)
    ];
    // Few bits, so that things meet.
    let value = prop_oneof![any::<u32>(), 0u32..256, Just(u32::MAX)];
    let step = prop_oneof![
        (0usize..8, any::<bool>()).prop_map(|(n, level)| Step::Wire(n, level)),
        (register, value).prop_map(|(at, value)| Step::Write(at, value)),
    ];
    prop::collection::vec(step, 0..80)
}

fn any_params() -> impl Strategy<Value = Params> {
    let kinds = (any::<u32>(), any::<u32>(), any::<u32>());
    let quirks = (any::<bool>(), any::<bool>());
    (1u32..=8, 0u32..=4, kinds, quirks).prop_map(|(inputs, sw_inputs, kinds, quirks)| Params {
        sw_inputs,
        kind_of_intr: kinds.0,
        kind_of_edge: kinds.1,
        kind_of_lvl: kinds.2,
        isr_write: if quirks.0 {
            IsrWrite::Or
        } else {
            IsrWrite::Overwrite
        },
        me_clear: if quirks.1 {
            MeClear::Drops
        } else {
            MeClear::Holds
        },
        ..Params::new(inputs)
    })
}

proptest! {
    #[test]
    fn agrees_with_the_naive_twin(params in any_params(), steps in steps()) {
        let inputs = params.inputs as usize;
        let mut naive = Naive::new(params.clone());
        let mut bench = intc(params);
        for step in steps {
            match step {
                Step::Wire(n, level) => {
                    bench.set(n, level);
                    if n < inputs {
                        naive.wire[n] = level;
                    }
                    naive.clock(None);
                }
                Step::Write(at, value) => {
                    bench.write(at, value);
                    naive.clock(Some((at, value)));
                }
            }
            let (isr, ier) = (Naive::word(&naive.isr), Naive::word(&naive.ier));
            prop_assert_eq!(bench.read(ISR), isr);
            prop_assert_eq!(bench.read(IER), ier);
            prop_assert_eq!(bench.read(IPR), isr & ier);
            let lowest = if isr & ier == 0 { u32::MAX } else { (isr & ier).trailing_zeros() };
            prop_assert_eq!(bench.read(IVR), lowest);
            prop_assert_eq!(bench.pins.level, naive.irq);
        }
    }

    #[test]
    fn no_input_is_ever_lost_by_the_drivers_rules(level_first: bool, rounds in 1usize..20) {
        // Level and edge at once, each handled in its right order, with the next cause at the worst moment.
        let mut bench = running(mixed(), 0b0101);
        for _ in 0..rounds {
            bench.set(0, true);
            bench.pulse(2);
            prop_assert!(bench.pins.level);
            let pending = bench.read(IPR);
            prop_assert_eq!(pending, 0b0101);
            if level_first {
                bench.write(CIE, 0b0001);
                bench.write(IAR, 0b0100);
            } else {
                bench.write(IAR, 0b0100);
                bench.write(CIE, 0b0001);
            }
            bench.pulse(2);
            bench.set(0, false);
            bench.write(IAR, 0b0001);
            bench.write(SIE, 0b0001);
            prop_assert_eq!(bench.read(IPR), 0b0100, "the edge during handling, and nothing stale");
            bench.write(IAR, 0b0100);
            prop_assert!(!bench.pins.level);
        }
    }
}
