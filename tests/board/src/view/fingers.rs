// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fingers on buttons. A terminal tells of keys that go down, not of keys that come up: a button stays pressed for a
//! while, and longer while its key repeats.

use std::time::Duration;

/// Longer than keyboards take to begin to repeat, so that a key held down is one long press.
const PUSH: Duration = Duration::from_millis(700);
/// Longer than keyboards take between repeats.
const REPEAT: Duration = Duration::from_millis(150);

/// Buttons that will be let go, by index.
#[derive(Debug, Default)]
pub struct Fingers {
    pushed: Vec<Finger>,
}

#[derive(Debug)]
struct Finger {
    button: usize,
    until: Duration,
}

/// What is to be done to a button's wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press {
    pub button: usize,
    pub level: bool,
}

impl Fingers {
    /// A finger pushes, or goes on pushing, a button whose wire has this level.
    pub fn push(&mut self, button: usize, level: bool, at: Duration) -> Option<Press> {
        if let Some(finger) = self
            .pushed
            .iter_mut()
            .find(|finger| finger.button == button)
        {
            finger.until = finger.until.max(at + REPEAT);
            // Somebody else may have let it go.
            return (!level).then_some(Press {
                button,
                level: true,
            });
        }
        // Held by somebody, who will not expect it to be let go.
        if level {
            return None;
        }
        let until = at + PUSH;
        self.pushed.push(Finger { button, until });
        Some(Press {
            button,
            level: true,
        })
    }

    /// A finger holds a button down, or lets go of one that is down; a button that was only pushed stays down.
    pub fn hold(&mut self, button: usize, level: bool) -> Press {
        let before = self.pushed.len();
        self.pushed.retain(|finger| finger.button != button);
        let was_pushed = self.pushed.len() < before;
        Press {
            button,
            level: was_pushed || !level,
        }
    }

    /// The buttons to let go now.
    pub fn due(&mut self, at: Duration) -> Vec<Press> {
        let (due, pushed) = std::mem::take(&mut self.pushed)
            .into_iter()
            .partition(|finger| finger.until <= at);
        self.pushed = pushed;
        released(due)
    }

    /// The buttons to let go at the end.
    pub fn all(&mut self) -> Vec<Press> {
        released(std::mem::take(&mut self.pushed))
    }

    /// When the next button has to be let go.
    pub fn next(&self) -> Option<Duration> {
        self.pushed.iter().map(|finger| finger.until).min()
    }
}

fn released(fingers: Vec<Finger>) -> Vec<Press> {
    let release = |finger: Finger| Press {
        button: finger.button,
        level: false,
    };
    fingers.into_iter().map(release).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: bool = true;
    const UP: bool = false;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn press(button: usize, level: bool) -> Press {
        Press { button, level }
    }

    #[test]
    fn pushed_button_is_let_go_after_a_while() {
        let mut fingers = Fingers::default();
        assert_eq!(fingers.push(2, UP, ms(1000)), Some(press(2, DOWN)));
        assert_eq!(fingers.next(), Some(ms(1700)));
        assert_eq!(fingers.due(ms(1699)), []);
        assert_eq!(fingers.due(ms(1700)), [press(2, UP)]);
        assert_eq!((fingers.next(), fingers.due(ms(9000))), (None, vec![]));
    }

    #[test]
    fn repeating_key_is_one_press_that_ends_soon_after_the_last() {
        let mut fingers = Fingers::default();
        fingers.push(0, UP, ms(0));
        for at in (660..3000).step_by(40) {
            assert_eq!(fingers.due(ms(at)), [], "at {at}");
            assert_eq!(fingers.push(0, DOWN, ms(at)), None, "at {at}");
        }
        assert_eq!(fingers.due(ms(2980 + 150)), [press(0, UP)]);
    }

    #[test]
    fn held_button_stays_until_it_is_let_go() {
        let mut fingers = Fingers::default();
        assert_eq!(fingers.hold(1, UP), press(1, DOWN));
        assert_eq!(fingers.next(), None);
        assert_eq!(
            fingers.push(1, DOWN, ms(5)),
            None,
            "a push does not let go what is held"
        );
        assert_eq!(fingers.next(), None);
        assert_eq!(fingers.hold(1, DOWN), press(1, UP));
    }

    #[test]
    fn holding_a_pushed_button_keeps_it_down() {
        let mut fingers = Fingers::default();
        fingers.push(1, UP, ms(0));
        assert_eq!(fingers.hold(1, DOWN), press(1, DOWN));
        assert_eq!(fingers.due(ms(9000)), []);
    }

    #[test]
    fn button_that_somebody_else_let_go_is_pressed_again() {
        let mut fingers = Fingers::default();
        fingers.push(1, UP, ms(0));
        assert_eq!(fingers.push(1, UP, ms(100)), Some(press(1, DOWN)));
        assert_eq!(fingers.due(ms(700)), [press(1, UP)]);
    }

    #[test]
    fn several_fingers_have_their_own_time_and_all_let_go_at_the_end() {
        let mut fingers = Fingers::default();
        fingers.push(0, UP, ms(0));
        fingers.push(1, UP, ms(300));
        assert_eq!(fingers.due(ms(800)), [press(0, UP)]);
        fingers.push(2, UP, ms(900));
        assert_eq!(fingers.all(), [press(1, UP), press(2, UP)]);
        assert_eq!(fingers.all(), []);
    }
}
