// SPDX-License-Identifier: MIT OR Apache-2.0
//! From time to clock cycles and back, and how many ticks went by. Pure.
//!
//! A timer that counts down from n to roll over, and reloads, has a period of n + 2 cycles: n to reach 0, one to roll
//! over, one to reload. Without reload it rolls over n + 1 cycles after it was started.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Cycles of a reload beyond the load value.
pub(super) const RELOAD: u64 = 2;
/// Cycles of a first roll-over beyond the load value.
pub(super) const ROLL_OVER: u64 = 1;

/// A time in cycles, to the nearest.
pub(super) fn cycles(time: Duration, hz: NonZeroU32) -> u128 {
    (time.as_nanos() * u128::from(hz.get()) + NANOS_PER_SECOND / 2) / NANOS_PER_SECOND
}

/// Cycles as time, to the nearest nanosecond.
pub(super) fn time(cycles: u64, hz: NonZeroU32) -> Duration {
    let hz = u128::from(hz.get());
    let nanos = (u128::from(cycles) * NANOS_PER_SECOND + hz / 2) / hz;
    Duration::new(
        u64::try_from(nanos / NANOS_PER_SECOND).unwrap_or(u64::MAX),
        u32::try_from(nanos % NANOS_PER_SECOND).unwrap_or(0),
    )
}

/// The load value for a time that takes `beyond` cycles more than it, of a counter that goes up to `max`; else the times
/// that are possible.
pub(super) fn load(time: Duration, hz: NonZeroU32, max: u32, beyond: u64) -> Result<u32, RangeInclusive<Duration>> {
    cycles(time, hz)
        .checked_sub(u128::from(beyond))
        .and_then(|load| u32::try_from(load).ok())
        .filter(|load| *load <= max)
        .ok_or_else(|| self::time(beyond, hz)..=self::time(u64::from(max) + beyond, hz))
}

/// Where in its period a counter is: cycles since it rolled over last.
pub(super) fn phase(counter: u32, load: u32) -> u64 {
    // Above the load value for the one cycle between roll-over and reload.
    load.checked_sub(counter).map_or(0, |since| u64::from(since) + 1)
}

/// How often a counter rolled over while `elapsed` cycles went by, from phase to phase: at least once, as it has said
/// so. The elapsed time comes from another clock, so the nearest number that fits the phases is the right one as long as
/// the clocks differ by less than half a period.
pub(super) fn rolled_over(elapsed: u128, from: u64, to: u64, period: u64) -> u64 {
    let period = u128::from(period.max(1));
    // `from` and `to` are less than a period each, so this stays positive.
    let periods = (elapsed + u128::from(from) + period / 2).saturating_sub(u128::from(to)) / period;
    u64::try_from(periods).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HZ: NonZeroU32 = NonZeroU32::new(100_000_000).unwrap();

    #[test]
    fn periods_are_loaded_as_the_manual_says() {
        assert_eq!(load(Duration::from_micros(1), HZ, u32::MAX, RELOAD), Ok(98));
        assert_eq!(load(Duration::from_nanos(20), HZ, u32::MAX, RELOAD), Ok(0));
        assert_eq!(load(Duration::from_nanos(10), HZ, u32::MAX, ROLL_OVER), Ok(0));
        let all = Duration::from_nanos(20)..=Duration::from_nanos(2570);
        assert_eq!(load(Duration::from_nanos(10), HZ, 255, RELOAD), Err(all.clone()));
        assert_eq!(load(Duration::from_nanos(2570), HZ, 255, RELOAD), Ok(255));
        assert_eq!(load(Duration::from_nanos(2580), HZ, 255, RELOAD), Err(all));
        assert!(load(Duration::ZERO, HZ, u32::MAX, ROLL_OVER).is_err());
        assert!(load(Duration::MAX, HZ, u32::MAX, RELOAD).is_err());
        assert!(load(Duration::MAX, NonZeroU32::MAX, u32::MAX, RELOAD).is_err());
    }

    #[test]
    fn phases_begin_with_the_roll_over() {
        // From 3: 3 2 1 0 max 3 2 …
        let phases: Vec<_> = [u32::MAX, 3, 2, 1, 0]
            .iter()
            .map(|counter| phase(*counter, 3))
            .collect();
        assert_eq!(phases, [0, 1, 2, 3, 4]);
    }

    proptest! {
        #[test]
        fn a_time_that_was_loaded_is_that_time(nanos in 100..10_000_000_000_u64, hz in 1_000_000..500_000_000_u32) {
            let hz = NonZeroU32::new(hz).unwrap();
            let wanted = Duration::from_nanos(nanos);
            if let Ok(value) = load(wanted, hz, u32::MAX, RELOAD) {
                let real = time(u64::from(value) + RELOAD, hz);
                let cycle = NANOS_PER_SECOND as u64 / u64::from(hz.get()) + 1;
                prop_assert!(real.abs_diff(wanted) <= Duration::from_nanos(cycle));
            }
        }

        #[test]
        fn all_ticks_are_counted_though_the_clocks_differ(
            period in 2..1_000_000_u64, from_fraction in 0..100_u64, ticks in 1..1000_u64, to_fraction in 0..100_u64,
            error in -45..=45_i128,
        ) {
            let (from, to) = (period * from_fraction / 100, period * to_fraction / 100);
            let exact = i128::from(ticks * period + to) - i128::from(from);
            let measured = exact + i128::from(period) * error / 100;
            prop_assume!(measured >= 0);
            prop_assert_eq!(rolled_over(measured as u128, from, to, period), ticks);
        }

        #[test]
        fn nothing_overflows(elapsed: u128, from: u64, to: u64, period: u64, nanos: u64, hz in 1..=u32::MAX) {
            let hz = NonZeroU32::new(hz).unwrap();
            rolled_over(elapsed / 2, from, to, period);
            time(nanos, hz);
            cycles(Duration::from_nanos(nanos), hz);
            cycles(Duration::MAX, hz);
        }
    }
}
