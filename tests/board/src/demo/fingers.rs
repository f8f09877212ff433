// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the simulated fingers do, at a human's pace.

use std::fmt;
use std::time::Duration;

pub struct Move {
    /// Pause before it.
    pub after: Duration,
    pub button: u32,
    pub press: bool,
}

impl Move {
    /// What the pins are after the move.
    pub fn apply(&self, pins: u32) -> u32 {
        let pin = 1 << self.button;
        if self.press { pins | pin } else { pins & !pin }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} button {}",
            if self.press { "pressing" } else { "releasing" },
            self.button
        )
    }
}

const fn press(after: u64, button: u32) -> Move {
    Move {
        after: Duration::from_millis(after),
        button,
        press: true,
    }
}

const fn release(after: u64, button: u32) -> Move {
    Move {
        after: Duration::from_millis(after),
        button,
        press: false,
    }
}

/// One press, to find out that the program is there.
pub const REHEARSAL: &[Move] = &[press(0, 0), release(150, 0)];

/// One after the other, then one over the other, then all.
pub const MOVES: &[Move] = &[
    press(300, 0),
    release(200, 0),
    press(250, 1),
    release(150, 1),
    press(200, 2),
    press(150, 3),
    release(200, 2),
    press(150, 1),
    release(250, 3),
    release(150, 1),
    press(300, 0),
    press(150, 1),
    press(150, 2),
    press(150, 3),
    release(300, 2),
    release(150, 0),
    press(200, 2),
    release(150, 3),
    release(150, 1),
    release(200, 2),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finger_presses_what_is_up_and_lifts_what_is_down() {
        let mut pins = 0;
        let mut most = 0;
        for step in REHEARSAL.iter().chain(MOVES) {
            assert!(step.button < 4);
            assert_ne!(step.apply(pins), pins, "{step} changes nothing");
            pins = step.apply(pins);
            most = most.max(pins.count_ones());
        }
        assert_eq!(
            (pins, most),
            (0, 4),
            "all buttons are up at the end, and were down at once before"
        );
    }
}
