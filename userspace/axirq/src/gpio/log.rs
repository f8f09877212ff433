// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Log`]: what was seen to change on a channel, for any number of readers at their own pace. Pure.
//!
//! The hardware keeps one status bit a channel, and it is gone once somebody has cleared it. So whoever clears it
//! writes down here what he saw, and the others read it. Each wire keeps only when it last rose and fell, so that this
//! takes no memory however slow a reader is.

use super::Change;

const WIRES: usize = 32;

/// What was seen on a channel.
#[derive(Debug)]
pub(super) struct Log {
    /// The inputs when they were last read.
    wires: u32,
    /// Goes up with every entry.
    entries: u64,
    /// The entry at which each wire last rose.
    rose: [u64; WIRES],
    /// The entry at which each wire last fell.
    fell: [u64; WIRES],
    /// Changes of which nothing was seen.
    pulses: u64,
}

/// How far somebody has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    entries: u64,
    pulses: u64,
}

impl Log {
    /// Nothing is known of the wires: see [`Self::adopt`].
    pub(super) fn new() -> Self {
        Self {
            wires: 0,
            entries: 0,
            rose: [0; WIRES],
            fell: [0; WIRES],
            pulses: 0,
        }
    }

    /// The inputs when they were last read.
    pub(super) fn wires(&self) -> u32 {
        self.wires
    }

    /// Takes wires under `mask` as they are, without a change.
    pub(super) fn adopt(&mut self, wires: u32, mask: u32) {
        self.wires = self.wires & !mask | wires & mask;
    }

    /// The inputs under `mask` were read. Whether any of them has changed.
    pub(super) fn read(&mut self, wires: u32, mask: u32) -> bool {
        let changed = (self.wires ^ wires) & mask;
        if changed == 0 {
            return false;
        }
        self.wires ^= changed;
        self.enter(changed & wires, changed & !wires);
        true
    }

    /// Some of the inputs changed, and was as before when they were read.
    pub(super) fn pulse(&mut self, inputs: u32) {
        self.pulses += 1;
        // If there is one input alone, it was that one, and it did both.
        let which = if inputs.count_ones() == 1 { inputs } else { 0 };
        self.enter(which, which);
    }

    /// Here, for [`Self::since`].
    pub(super) fn cursor(&self) -> Cursor {
        Cursor {
            entries: self.entries,
            pulses: self.pulses,
        }
    }

    /// What was seen of the wires under `mask` since, at their places in the channel. `None` if nothing was. A pulse
    /// may have been on any wire.
    pub(super) fn since(&self, cursor: Cursor, mask: u32) -> Option<Change> {
        let newer = |entries: &[u64; WIRES]| {
            let bits = entries.iter().enumerate().filter(|(_, entry)| **entry > cursor.entries);
            bits.fold(0, |wires, (wire, _)| wires | (1 << wire)) & mask
        };
        let change = Change {
            value: self.wires & mask,
            rising: newer(&self.rose),
            falling: newer(&self.fell),
            pulses: self.pulses - cursor.pulses,
        };
        (change.changed() != 0 || change.pulses != 0).then_some(change)
    }

    fn enter(&mut self, rising: u32, falling: u32) {
        self.entries += 1;
        for wire in 0..WIRES {
            if rising & (1 << wire) != 0 {
                self.rose[wire] = self.entries;
            }
            if falling & (1 << wire) != 0 {
                self.fell[wire] = self.entries;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_reader_sees_every_change_once() {
        let mut log = Log::new();
        log.adopt(0b0001, 0b1111);
        let (quick, slow) = (log.cursor(), log.cursor());
        assert_eq!(log.since(quick, u32::MAX), None);
        assert!(log.read(0b0010, 0b1111));
        let change = log.since(quick, 0b1111).unwrap();
        assert_eq!((change.value, change.rising, change.falling), (0b0010, 0b0010, 0b0001));
        let quick = log.cursor();
        assert!(log.read(0b0000, 0b1111));
        let change = log.since(quick, 0b1111).unwrap();
        assert_eq!((change.rising, change.falling, change.pulses), (0, 0b0010, 0));
        // The slow one sees that wire 1 went up and down, although it is as before.
        let change = log.since(slow, 0b0010).unwrap();
        assert_eq!((change.value, change.rising, change.falling), (0, 0b0010, 0b0010));
        assert_eq!(log.since(log.cursor(), u32::MAX), None);
        // Wires that are none of his.
        assert_eq!(log.since(slow, 0b1100), None);
    }

    #[test]
    fn a_pulse_is_told_from_a_level() {
        let mut log = Log::new();
        let from = log.cursor();
        log.pulse(0b0110);
        let change = log.since(from, 0b0001).unwrap();
        assert!(change.is_pulse());
        assert_eq!((change.value, change.changed(), change.pulses), (0, 0, 1));
        // On the only input there is it was a rise and a fall.
        let from = log.cursor();
        log.pulse(0b0100);
        let change = log.since(from, 0b0100).unwrap();
        assert_eq!((change.rising, change.falling, change.pulses), (0b0100, 0b0100, 1));
    }

    #[test]
    fn wires_that_turn_into_inputs_have_not_changed() {
        let mut log = Log::new();
        let from = log.cursor();
        log.adopt(0b11, 0b11);
        assert!(!log.read(0b11, 0b11));
        assert_eq!(log.since(from, u32::MAX), None);
    }

    proptest! {
        #[test]
        fn a_reader_is_told_all_that_differs(reads in prop::collection::vec(any::<u32>(), 1..40), at in 0..40_usize, mask: u32) {
            let mut log = Log::new();
            let mut cursor = log.cursor();
            let mut before = 0;
            let (mut rising, mut falling) = (0, 0);
            for (index, wires) in reads.iter().enumerate() {
                if index == at {
                    (cursor, before, rising, falling) = (log.cursor(), log.wires(), 0, 0);
                }
                rising |= wires & !log.wires();
                falling |= !wires & log.wires();
                log.read(*wires, u32::MAX);
            }
            let change = log.since(cursor, mask);
            prop_assert_eq!(change.is_some(), (rising | falling) & mask != 0);
            if let Some(change) = change {
                prop_assert_eq!((change.rising, change.falling), (rising & mask, falling & mask));
                prop_assert_eq!((before ^ log.wires()) & mask & !change.changed(), 0);
            }
        }
    }
}
