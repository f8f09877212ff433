// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Span`]: neighbouring wires of a channel, and values of them alone. Pure.

use std::ops::Bound;
use std::ops::RangeBounds;

/// Neighbouring wires of a channel.
///
/// # Invariants
///
/// At least one wire, none beyond the 32 that a channel can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    first: u32,
    width: u32,
}

/// Why a range names no wires of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// There is nothing in it.
    Empty,
    /// There is no such wire.
    Beyond(u32),
}

impl Span {
    /// All wires of a channel. A width is clamped to what the core can have.
    pub(super) fn all(width: u32) -> Self {
        Self {
            first: 0,
            width: width.clamp(1, 32),
        }
    }

    /// The wires of this span that a range names; they count from the span's first.
    pub(super) fn slice(self, range: &impl RangeBounds<u32>) -> Result<Self, Bad> {
        // Bounds as u64, so that none of them overflows.
        let start = match range.start_bound() {
            Bound::Included(wire) => u64::from(*wire),
            Bound::Excluded(wire) => u64::from(*wire) + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(wire) => u64::from(*wire) + 1,
            Bound::Excluded(wire) => u64::from(*wire),
            Bound::Unbounded => u64::from(self.width),
        };
        if start >= end {
            return Err(Bad::Empty);
        }
        // The first wire that is not there.
        let beyond = |wire: u64| Bad::Beyond(u32::try_from(wire).unwrap_or(u32::MAX));
        let width = u64::from(self.width);
        if end > width {
            return Err(beyond(start.max(width)));
        }
        let first = u32::try_from(start).map_err(|_| beyond(start))?;
        let count = u32::try_from(end - start).map_err(|_| beyond(end))?;
        Ok(Self {
            first: self.first + first,
            width: count,
        })
    }

    /// The number of the first wire.
    pub(super) fn first(self) -> u32 {
        self.first
    }

    /// How many wires.
    pub(super) fn width(self) -> u32 {
        self.width
    }

    /// A 1 for each wire, at its place in the channel.
    pub(super) fn mask(self) -> u32 {
        (u32::MAX >> (32 - self.width)) << self.first
    }

    /// The span's part of a channel's value, its first wire as bit 0.
    pub(super) fn extract(self, value: u32) -> u32 {
        (value & self.mask()) >> self.first
    }

    /// A value of the span at its place in the channel. `None` if it is wider than the span.
    pub(super) fn place(self, value: u32) -> Option<u32> {
        (value <= u32::MAX >> (32 - self.width)).then(|| value << self.first)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_name_wires() {
        let all = Span::all(8);
        assert_eq!(all.slice(&(..)), Ok(all));
        assert_eq!(all.slice(&(2..4)), Ok(Span { first: 2, width: 2 }));
        assert_eq!(all.slice(&(7..)), Ok(Span { first: 7, width: 1 }));
        assert_eq!(all.slice(&(..=0)), Ok(Span { first: 0, width: 1 }));
        let after_two = (Bound::Excluded(2), Bound::Unbounded);
        assert_eq!(all.slice(&after_two), Ok(Span { first: 3, width: 5 }));
        assert_eq!(all.slice(&(3..3)), Err(Bad::Empty));
        #[expect(clippy::reversed_empty_ranges, reason = "what a user may write")]
        let reversed = 4..2;
        assert_eq!(all.slice(&reversed), Err(Bad::Empty));
        assert_eq!(all.slice(&(6..10)), Err(Bad::Beyond(8)));
        assert_eq!(all.slice(&(9..10)), Err(Bad::Beyond(9)));
        assert_eq!(all.slice(&(0..=u32::MAX)), Err(Bad::Beyond(8)));
        assert_eq!(Span::all(32).mask(), u32::MAX);
        assert_eq!((Span::all(0).width(), Span::all(99).width()), (1, 32));
    }

    proptest! {
        #[test]
        fn a_slice_lies_within_what_it_is_a_slice_of(width: u32, start in 0..40_u32, end in 0..40_u32, value: u32) {
            let all = Span::all(width);
            match all.slice(&(start..end)) {
                Ok(span) => {
                    prop_assert_eq!(span.mask() & !all.mask(), 0);
                    prop_assert_eq!((span.mask().count_ones(), span.mask().trailing_zeros()), (end - start, start));
                    prop_assert_eq!(span.place(span.extract(value)), Some(value & span.mask()));
                }
                Err(Bad::Empty) => prop_assert!(start >= end),
                Err(Bad::Beyond(wire)) => prop_assert!((start..end).contains(&wire) && wire >= all.width()),
            }
        }

        #[test]
        fn slices_of_slices_count_on(first in 0..16_u32, inner in 0..8_u32, width in 1..8_u32, value: u32) {
            let outer = Span::all(32).slice(&(first..first + 16)).unwrap();
            let span = outer.slice(&(inner..inner + width)).unwrap();
            prop_assert_eq!(span.first(), first + inner);
            let shifted = Span::all(16).slice(&(inner..inner + width)).unwrap();
            prop_assert_eq!(span.extract(value), shifted.extract(outer.extract(value)));
        }

        #[test]
        fn a_value_is_placed_if_it_fits(first in 0..32_u32, width in 1..32_u32, value: u32) {
            let Ok(span) = Span::all(32).slice(&(first..first + width)) else { return Ok(()) };
            match span.place(value) {
                Some(placed) => {
                    prop_assert_eq!(placed & !span.mask(), 0);
                    prop_assert_eq!(span.extract(placed), value);
                }
                None => prop_assert!(value >= 1 << width),
            }
        }
    }
}
