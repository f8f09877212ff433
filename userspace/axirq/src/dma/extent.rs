// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a channel can move, decided before any register is written. Pure.

use std::ops::Bound;
use std::ops::Range;
use std::ops::RangeBounds;

/// What the design has made of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// The longest transfer, in bytes.
    pub(super) longest: usize,
    /// What addresses are multiples of, in bytes.
    pub(super) alignment: u64,
}

/// Why a channel cannot move something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// There is nothing in it.
    Empty,
    /// It ends outside of its buffer, or begins after its end.
    Outside { start: usize, end: usize },
    /// It has so many bytes.
    TooLong(usize),
    /// It begins at this address.
    Unaligned(u64),
}

impl Limits {
    /// Of a core whose LENGTH has so many bits, a channel whose data path to memory has so many.
    pub(super) fn new(length_bits: u32, data_bits: u32, realigns: bool) -> Self {
        let bytes = (u64::from(data_bits) / 8).clamp(1, 128).next_power_of_two();
        Self {
            longest: (1 << length_bits.clamp(8, 26)) - 1,
            alignment: if realigns { 1 } else { bytes },
        }
    }

    /// The bytes that a range names of a buffer of this size at this address, if they can be moved in one go.
    pub(super) fn check(self, size: usize, address: u64, range: &impl RangeBounds<usize>) -> Result<Range<usize>, Bad> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => size,
        };
        if end > size || start > size {
            return Err(Bad::Outside { start, end });
        }
        let Some(bytes) = end.checked_sub(start).filter(|bytes| *bytes > 0) else {
            return Err(Bad::Empty);
        };
        if bytes > self.longest {
            return Err(Bad::TooLong(bytes));
        }
        let first = address.saturating_add(start as u64);
        if first % self.alignment != 0 {
            return Err(Bad::Unaligned(first));
        }
        Ok(start..end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// LENGTH of 14 bits, memory of 64.
    fn limits(realigns: bool) -> Limits {
        Limits::new(14, 64, realigns)
    }

    #[test]
    fn all_that_a_range_can_say() {
        let check = |range: (Bound<usize>, Bound<usize>)| limits(true).check(100, 0x1000, &range);
        use Bound::Excluded;
        use Bound::Included;
        use Bound::Unbounded;
        assert_eq!(check((Unbounded, Unbounded)), Ok(0..100));
        assert_eq!(check((Included(8), Excluded(9))), Ok(8..9));
        assert_eq!(check((Excluded(8), Included(9))), Ok(9..10));
        assert_eq!(check((Included(8), Excluded(8))), Err(Bad::Empty));
        assert_eq!(check((Included(9), Excluded(8))), Err(Bad::Empty));
        assert_eq!(check((Included(100), Unbounded)), Err(Bad::Empty));
        let outside = |start, end| Err(Bad::Outside { start, end });
        assert_eq!(check((Unbounded, Included(100))), outside(0, 101));
        assert_eq!(check((Included(101), Unbounded)), outside(101, 100));
        assert_eq!(
            check((Excluded(usize::MAX), Included(usize::MAX))),
            outside(usize::MAX, usize::MAX)
        );
        assert_eq!(limits(true).check(0, 0x1000, &..), Err(Bad::Empty));
    }

    #[test]
    fn length_ends_with_the_register() {
        assert_eq!(limits(true).check(16383, 0, &..), Ok(0..16383));
        assert_eq!(limits(true).check(16384, 0, &..), Err(Bad::TooLong(16384)));
        // What no core has is taken for the nearest that one can have.
        assert_eq!(Limits::new(0, 32, true).longest, 255);
        assert_eq!(Limits::new(u32::MAX, 32, true).longest, (1 << 26) - 1);
        assert_eq!(Limits::new(14, 0, false).alignment, 1);
        assert_eq!(Limits::new(14, 48, false).alignment, 8);
        assert_eq!(Limits::new(14, u32::MAX, false).alignment, 128);
    }

    #[test]
    fn without_realignment_transfers_begin_at_whole_words() {
        assert_eq!(limits(false).check(100, 0x1000, &(8..9)), Ok(8..9));
        assert_eq!(limits(false).check(100, 0x1000, &(4..9)), Err(Bad::Unaligned(0x1004)));
        assert_eq!(limits(true).check(100, 0x1000, &(3..9)), Ok(3..9));
    }

    proptest! {
        #[test]
        fn what_passes_can_be_moved(
            size: usize, address: u64, start: usize, end: usize, length: u32, data: u32, realigns: bool,
        ) {
            let limits = Limits::new(length, data, realigns);
            if let Ok(range) = limits.check(size, address, &(start..end)) {
                prop_assert_eq!(range.clone(), start..end);
                prop_assert!(!range.is_empty() && range.end <= size && range.len() <= limits.longest);
                prop_assert_eq!((address + start as u64) % limits.alignment, 0);
            }
        }

        #[test]
        fn what_can_be_moved_passes(size in 1..20_000_usize, from in 0..20_000_usize, to in 0..20_000_usize) {
            let good = from < to && to <= size && to - from < 16384 && from % 8 == 0;
            prop_assert_eq!(limits(false).check(size, 0x4000_0000, &(from..to)).is_ok(), good);
        }
    }
}
