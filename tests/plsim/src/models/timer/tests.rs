// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of the AXI Timer, one test each, then a twin that counts tick by tick.

use proptest::prelude::*;

use super::*;
use crate::models::bench::Bench;

const TCSR1: u32 = TIMER1 + TCSR;
const TLR1: u32 = TIMER1 + TLR;
const TCR1: u32 = TIMER1 + TCR;

/// One tick a nanosecond, so that a test can count them.
fn timer(width: u32) -> Bench<Timer> {
    Bench::new(Timer::new(Params {
        width,
        one_timer_only: false,
        clock_hz: 1_000_000_000,
    }))
}

/// The start recipe: load value, LOAD, then run.
fn started(width: u32, load: u32, control: u32) -> Bench<Timer> {
    let mut bench = timer(width);
    bench.write(TLR, load);
    bench.write(TCSR, LOAD);
    bench.write(TCSR, TINT | ENT | control);
    bench
}

fn tint(bench: &mut Bench<Timer>) -> bool {
    bench.read(TCSR) & TINT != 0
}

#[test]
fn registers_reset_to_0_and_the_reserved_ones_stay_so() {
    let mut bench = started(32, 5, ENIT);
    let Bench { model, pins } = &mut bench;
    model.reset(pins);
    for word in 0..8 {
        assert_eq!(bench.read(4 * word), 0);
    }
    bench.write(0x0c, u32::MAX);
    bench.write(0x1c, u32::MAX);
    assert_eq!((bench.read(0x0c), bench.read(0x1c)), (0, 0));
}

#[test]
fn writes_to_the_counter_are_ignored() {
    let mut bench = timer(32);
    bench.write(TCR, 77);
    assert_eq!(bench.read(TCR), 0);
}

#[test]
fn width_limits_load_value_and_counter() {
    let mut bench = timer(8);
    bench.write(TLR, 0x1ff);
    assert_eq!(bench.read(TLR), 0xff);
    bench.write(TCSR, LOAD);
    assert_eq!(bench.read(TCR), 0xff);
}

#[test]
fn while_load_is_set_the_counter_is_the_load_value_and_stands() {
    let mut bench = timer(32);
    bench.write(TLR, 9);
    bench.write(TCSR, LOAD | ENT);
    bench.run_to(100);
    assert_eq!(bench.read(TCR), 9);
    bench.write(TLR, 4);
    assert_eq!(bench.read(TCR), 4);
}

#[test]
fn down_from_3_with_auto_reload_takes_5_clocks_a_round() {
    let mut bench = started(32, 3, UDT | ARHT | ENIT);
    let mut rises = Vec::new();
    for now in 0..=30 {
        bench.run_to(now);
        if tint(&mut bench) {
            rises.push(now);
            bench.write(TCSR, TINT | ENT | UDT | ARHT | ENIT);
        }
    }
    assert_eq!(rises, [4, 9, 14, 19, 24, 29]);
}

#[test]
fn up_with_auto_reload_takes_max_less_load_plus_2() {
    let mut bench = started(8, 0xfc, ARHT | ENIT);
    let values: Vec<u32> = (0..=10)
        .map(|now| {
            bench.run_to(now);
            bench.read(TCR)
        })
        .collect();
    assert_eq!(
        values,
        [0xfc, 0xfd, 0xfe, 0xff, 0, 0xfc, 0xfd, 0xfe, 0xff, 0, 0xfc]
    );
}

#[test]
fn one_shot_stops_at_the_rolled_over_value_and_only_load_starts_it_again() {
    for (control, end) in [(UDT, u32::MAX), (0, 0)] {
        let start = if control == UDT { 2 } else { u32::MAX - 2 };
        let mut bench = started(32, start, control);
        bench.run_to(50);
        assert_eq!(bench.read(TCR), end);
        assert_eq!(bench.read(TCSR), control | ENT | TINT, "ENT still 1");
        bench.write(TCSR, control | ENT | TINT);
        bench.run_to(100);
        assert_eq!(
            bench.read(TCR),
            end,
            "clearing the flag does not restart it"
        );
        assert!(!tint(&mut bench));
        bench.write(TCSR, control | ENT | LOAD);
        bench.write(TCSR, control | ENT);
        bench.run_to(103);
        assert!(tint(&mut bench));
    }
}

#[test]
fn writing_0_to_tint_keeps_it_and_1_clears_it() {
    let mut bench = started(32, 0, UDT);
    bench.run_to(1);
    bench.write(TCSR, UDT | ENT);
    assert!(tint(&mut bench));
    bench.write(TCSR, UDT | ENT | TINT);
    assert!(!tint(&mut bench));
}

#[test]
fn control_writes_do_not_restart_the_count() {
    let mut bench = started(32, 100, UDT | ENIT);
    bench.run_to(40);
    bench.write(TCSR, UDT | ENIT | ENT | TINT);
    bench.run_to(41);
    assert_eq!(bench.read(TCR), 59);
}

#[test]
fn read_modify_write_while_tint_is_set_acknowledges_it() {
    let mut bench = started(32, 0, UDT | ENIT);
    bench.run_to(1);
    let control = bench.read(TCSR);
    bench.write(TCSR, control);
    assert!(!tint(&mut bench));
}

#[test]
fn output_is_tint_and_enit_and_stays_until_cleared() {
    let mut bench = started(32, 9, UDT | ARHT | ENIT);
    assert_eq!(bench.pins.wake, Some(10), "sleeps until the roll-over");
    bench.run_to(10);
    assert!(bench.pins.level);
    assert_eq!(bench.pins.wake, None, "further ones change nothing");
    bench.run_to(1000);
    assert!(bench.pins.level);
    bench.write(TCSR, UDT | ARHT | ENT);
    assert!(!bench.pins.level, "ENIT gates the output");
    assert!(tint(&mut bench), "and not the flag");
    assert_eq!(bench.pins.wake, None, "nobody would hear of it");
    bench.write(TCSR, UDT | ARHT | ENT | ENIT);
    assert!(bench.pins.level);
    bench.write(TCSR, UDT | ARHT | ENT | ENIT | TINT);
    assert!(!bench.pins.level);
    assert!(bench.pins.wake.is_some());
}

#[test]
fn both_timers_share_the_output() {
    let mut bench = timer(32);
    bench.write(TLR1, 4);
    bench.write(TCSR1, LOAD);
    bench.write(TCSR1, UDT | ENT | ENIT);
    bench.run_to(5);
    assert!(bench.pins.level);
    assert_eq!((bench.read(TCR), bench.read(TCR1)), (0, u32::MAX));
}

#[test]
fn enall_is_mirrored_sets_both_ent_and_clears_alone() {
    let mut bench = timer(32);
    bench.write(TCSR, ENALL);
    assert_eq!(bench.read(TCSR), ENALL | ENT);
    assert_eq!(bench.read(TCSR1), ENALL | ENT);
    bench.run_to(10);
    assert_eq!((bench.read(TCR), bench.read(TCR1)), (10, 10));
    bench.write(TCSR1, ENT);
    assert_eq!((bench.read(TCSR), bench.read(TCSR1)), (ENT, ENT));
}

#[test]
fn casc_exists_in_the_first_timer_only() {
    let mut bench = timer(32);
    bench.write(TCSR, CASC | PWMA);
    bench.write(TCSR1, CASC | PWMA);
    assert_eq!((bench.read(TCSR), bench.read(TCSR1)), (CASC | PWMA, PWMA));
}

#[test]
fn one_timer_only_has_no_second() {
    let mut bench = Bench::new(Timer::new(Params {
        width: 32,
        one_timer_only: true,
        clock_hz: 1_000_000,
    }));
    bench.write(TLR1, 5);
    bench.write(TCSR1, u32::MAX);
    assert_eq!((bench.read(TLR1), bench.read(TCSR1)), (0, 0));
    assert_eq!(bench.read(TCSR), 0, "ENALL of a timer that is not there");
}

#[test]
fn capture_copies_the_counter_and_holds_off_until_read() {
    let mut bench = timer(32);
    bench.write(TCSR, MDT | CAPT | ENT | ENIT);
    bench.run_to(30);
    bench.pulse(0);
    assert!(bench.pins.level);
    bench.run_to(40);
    bench.pulse(0);
    assert_eq!(bench.read(TLR), 30, "held off");
    bench.pulse(0);
    assert_eq!(bench.read(TLR), 40);
}

#[test]
fn capture_overwrites_with_arht_and_needs_mdt_capt_and_ent() {
    let mut bench = timer(32);
    bench.write(TCSR, MDT | CAPT | ENT | ARHT);
    for now in [5, 6] {
        bench.run_to(now);
        bench.pulse(0);
    }
    assert_eq!(bench.read(TLR), 6);
    for missing in [MDT, CAPT, ENT] {
        bench.write(TCSR, ((MDT | CAPT | ENT) & !missing) | TINT);
        bench.pulse(0);
        assert!(!tint(&mut bench), "without {missing:#x}");
    }
}

#[test]
fn capture_takes_a_rising_edge_of_its_own_trigger() {
    let mut bench = timer(32);
    bench.write(TCSR, MDT | CAPT | ENT | ARHT);
    bench.set(1, true);
    assert!(!tint(&mut bench));
    bench.set(0, true);
    bench.write(TCSR, MDT | CAPT | ENT | ARHT | TINT);
    bench.set(0, true);
    bench.set(0, false);
    assert!(!tint(&mut bench));
}

#[test]
fn freeze_pauses_but_a_reload_completes() {
    let mut bench = started(32, 3, UDT | ARHT);
    bench.run_to(2);
    bench.set(FREEZE, true);
    bench.run_to(50);
    assert_eq!(bench.read(TCR), 1);
    bench.set(FREEZE, false);
    bench.run_to(52);
    assert_eq!(bench.read(TCR), u32::MAX, "rolled over, reload to come");
    bench.set(FREEZE, true);
    assert_eq!(bench.read(TCR), 3);
}

#[test]
fn real_time_maps_through_the_clock() {
    let mut bench = Bench::new(Timer::new(Params {
        width: 32,
        one_timer_only: false,
        clock_hz: 3,
    }));
    bench.write(TLR, 1);
    bench.write(TCSR, LOAD);
    bench.write(TCSR, UDT | ENT | ENIT);
    // Two ticks of a third of a second, rounded up to the first nanosecond of the tick.
    assert_eq!(bench.pins.wake, Some(666_666_667));
    bench.run_to(666_666_666);
    assert!(!bench.pins.level);
    bench.run_to(666_666_667);
    assert!(bench.pins.level);
}

/// Counts one tick at a time.
#[derive(Default)]
struct Naive {
    control: u32,
    load: u32,
    value: u32,
    tint: bool,
    reload: bool,
    spent: bool,
    frozen: bool,
}

impl Naive {
    fn has(&self, bit: u32) -> bool {
        self.control & bit != 0
    }

    fn stands(&self) -> bool {
        self.frozen || !self.has(ENT)
    }

    fn after_change(&mut self) {
        if self.has(LOAD) {
            self.value = self.load;
            self.reload = false;
            self.spent = false;
        } else if self.reload && self.stands() {
            self.value = self.load;
            self.reload = false;
        }
    }

    fn tick(&mut self) {
        if self.has(LOAD) || self.stands() || self.spent {
            return;
        }
        if std::mem::take(&mut self.reload) {
            self.value = self.load;
            return;
        }
        let (end, next) = if self.has(UDT) {
            (0, self.value.wrapping_sub(1) & 0xff)
        } else {
            (0xff, (self.value + 1) & 0xff)
        };
        let rolls = self.value == end;
        self.value = next;
        if rolls && !self.has(MDT) {
            self.tint = true;
            self.reload = self.has(ARHT);
            self.spent = !self.has(ARHT);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Control(u32),
    Load(u32),
    Freeze(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let control = prop::bits::u32::masked(MDT | UDT | ARHT | LOAD | ENIT | TINT);
    let step = prop_oneof![
        3 => (0u64..600).prop_map(Step::Wait),
        // Running most of the time.
        3 => control.prop_map(|bits| Step::Control((bits & !LOAD) | ENT)),
        1 => control.prop_map(Step::Control),
        1 => (0u32..256).prop_map(Step::Load),
        1 => any::<bool>().prop_map(Step::Freeze),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    #[test]
    fn agrees_with_counting_tick_by_tick(steps in steps()) {
        let mut bench = timer(8);
        let mut naive = Naive::default();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Wait(ticks) => {
                    for _ in 0..ticks {
                        naive.tick();
                    }
                    now += ticks;
                    bench.run_to(now);
                }
                Step::Control(value) => {
                    naive.control = value & !TINT;
                    naive.tint &= value & TINT == 0;
                    naive.after_change();
                    bench.write(TCSR, value);
                }
                Step::Load(value) => {
                    naive.load = value;
                    naive.after_change();
                    bench.write(TLR, value);
                }
                Step::Freeze(on) => {
                    naive.frozen = on;
                    naive.after_change();
                    bench.set(FREEZE, on);
                }
            }
            prop_assert_eq!(bench.read(TCR), naive.value);
            prop_assert_eq!(tint(&mut bench), naive.tint);
            prop_assert_eq!(bench.pins.level, naive.tint && naive.has(ENIT));
        }
    }
}
