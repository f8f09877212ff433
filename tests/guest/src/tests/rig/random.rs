// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers by chance that come again: a schedule is replayed by its seed.

use std::env;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Where `board test --seed` leaves the seed to replay.
const VARIABLE: &str = "AXIRQ_SEED";

/// The seeds to try: that of a failure if one is to be replayed, else one that is always the same and one that never is.
/// The caller names the one in use, for the report of a failure.
pub fn seeds() -> Vec<u64> {
    if let Ok(seed) = env::var(VARIABLE) {
        return vec![seed.parse().expect("a decimal number as seed")];
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    vec![1, now.as_nanos() as u64]
}

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}
