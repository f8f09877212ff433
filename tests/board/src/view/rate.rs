// SPDX-License-Identifier: MIT OR Apache-2.0
//! A counter that knows how fast it grows.

use std::collections::VecDeque;
use std::time::Duration;

/// Over how long a rate is taken.
const SPAN: Duration = Duration::from_secs(2);

/// The newest value of a counter, and what it was of late.
#[derive(Debug, Default, Clone)]
pub struct Counter {
    /// Oldest first; all but the first within [`SPAN`] of the newest.
    samples: VecDeque<(Duration, u64)>,
}

impl Counter {
    /// Its value at a time, which never goes back.
    pub fn set(&mut self, at: Duration, value: u64) {
        // Somebody has set it to zero: what was before says nothing about its speed.
        if value < self.value() {
            self.samples.clear();
        }
        self.samples.push_back((at, value));
        while let Some((second, _)) = self.samples.get(1) {
            if at.saturating_sub(*second) < SPAN {
                break;
            }
            self.samples.pop_front();
        }
    }

    pub fn value(&self) -> u64 {
        self.samples.back().map_or(0, |(_, value)| *value)
    }

    /// Per second; 0 while there is only one value.
    pub fn rate(&self) -> f64 {
        let (Some((first, from)), Some((last, to))) = (self.samples.front(), self.samples.back())
        else {
            return 0.0;
        };
        let seconds = last.saturating_sub(*first).as_secs_f64();
        if seconds > 0.0 {
            (to - from) as f64 / seconds
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(samples: &[(u64, u64)]) -> Counter {
        let mut counter = Counter::default();
        for (at, value) in samples {
            counter.set(Duration::from_millis(*at), *value);
        }
        counter
    }

    #[test]
    fn one_value_is_no_rate() {
        assert_eq!(Counter::default().rate(), 0.0);
        let one = counter(&[(5_000, 700)]);
        assert_eq!((one.value(), one.rate()), (700, 0.0));
        assert_eq!(counter(&[(5_000, 700), (5_000, 800)]).rate(), 0.0);
    }

    #[test]
    fn rate_is_that_of_the_last_two_seconds() {
        let fast_then_slow = [
            (0, 0),
            (500, 1000),
            (1000, 2000),
            (2000, 2000),
            (3000, 2002),
        ];
        assert_eq!(counter(&fast_then_slow).rate(), 1.0);
        assert_eq!(counter(&[(0, 10), (500, 15)]).rate(), 10.0);
    }

    #[test]
    fn pause_between_two_values_counts() {
        assert_eq!(counter(&[(0, 0), (10_000, 100)]).rate(), 10.0);
    }

    #[test]
    fn counter_set_to_zero_begins_anew() {
        let mut reset = counter(&[(0, 0), (1000, 1000), (1500, 3)]);
        assert_eq!((reset.value(), reset.rate()), (3, 0.0));
        reset.set(Duration::from_millis(2500), 5);
        assert_eq!(reset.rate(), 2.0);
    }
}
