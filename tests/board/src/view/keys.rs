// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which key does what.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// The keys of the buttons, in their order. Without `q` and `x`, which have a meaning of their own; buttons beyond
/// these can still be chosen.
pub const KEYS: &[u8] = b"asdfghjklzcvbnmwertyuiop";

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Press a button, for as long as its key repeats.
    Push(usize),
    /// Press it for good, or let it go.
    Hold(usize),
    /// The same for the one that is chosen.
    PushChosen,
    HoldChosen,
    /// Choose the one so much further on.
    Choose(isize),
    Leave,
    SwitchOff,
}

/// The key of a button, if it has one.
pub fn of(button: usize) -> Option<char> {
    KEYS.get(button).map(|key| char::from(*key))
}

pub fn command(key: KeyEvent) -> Option<Command> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            // Terminals send one byte for Ctrl-] and Ctrl-5.
            KeyCode::Char('c' | ']' | '5') => Some(Command::Leave),
            _ => None,
        };
    }
    match key.code {
        KeyCode::Esc | KeyCode::Char('q') => Some(Command::Leave),
        KeyCode::Char('x') => Some(Command::SwitchOff),
        KeyCode::Char(' ') => Some(Command::PushChosen),
        KeyCode::Enter => Some(Command::HoldChosen),
        KeyCode::Left | KeyCode::Up | KeyCode::BackTab => Some(Command::Choose(-1)),
        KeyCode::Right | KeyCode::Down | KeyCode::Tab => Some(Command::Choose(1)),
        KeyCode::Char(letter) => {
            let lower = u8::try_from(letter.to_ascii_lowercase()).ok()?;
            let button = KEYS.iter().position(|key| *key == lower)?;
            Some(if letter.is_ascii_uppercase() {
                Command::Hold(button)
            } else {
                Command::Push(button)
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(code: KeyCode, modifiers: KeyModifiers) -> Option<Command> {
        command(KeyEvent::new(code, modifiers))
    }

    fn letter(letter: char) -> Option<Command> {
        typed(KeyCode::Char(letter), KeyModifiers::NONE)
    }

    #[test]
    fn every_button_s_key_pushes_it_and_with_shift_holds_it() {
        for button in 0..KEYS.len() {
            let key = of(button).unwrap();
            assert_eq!(letter(key), Some(Command::Push(button)));
            let upper = key.to_ascii_uppercase();
            assert_eq!(
                typed(KeyCode::Char(upper), KeyModifiers::SHIFT),
                Some(Command::Hold(button))
            );
        }
        assert_eq!(of(KEYS.len()), None);
    }

    #[test]
    fn no_key_has_two_meanings() {
        for (index, key) in KEYS.iter().enumerate() {
            assert!(!KEYS[..index].contains(key) && !b"qx".contains(key));
        }
        assert_eq!(
            (letter('q'), letter('x')),
            (Some(Command::Leave), Some(Command::SwitchOff))
        );
        // Too close to them to do anything by mistake.
        assert_eq!(
            (letter('Q'), letter('X'), letter('1'), letter('é')),
            (None, None, None, None)
        );
    }

    #[test]
    fn all_ways_to_leave_and_no_other_control_key() {
        for code in [KeyCode::Char('c'), KeyCode::Char(']'), KeyCode::Char('5')] {
            assert_eq!(typed(code, KeyModifiers::CONTROL), Some(Command::Leave));
        }
        assert_eq!(
            typed(KeyCode::Esc, KeyModifiers::NONE),
            Some(Command::Leave)
        );
        assert_eq!(typed(KeyCode::Char('a'), KeyModifiers::CONTROL), None);
    }

    #[test]
    fn arrows_choose_space_pushes_and_enter_holds() {
        let plain = |code| typed(code, KeyModifiers::NONE);
        assert_eq!(plain(KeyCode::Left), Some(Command::Choose(-1)));
        assert_eq!(plain(KeyCode::Down), Some(Command::Choose(1)));
        assert_eq!(letter(' '), Some(Command::PushChosen));
        assert_eq!(plain(KeyCode::Enter), Some(Command::HoldChosen));
    }

    #[test]
    fn released_key_does_nothing() {
        let mut key = KeyEvent::new(KeyCode::Char('a'), KeyModifiers::NONE);
        key.kind = KeyEventKind::Release;
        assert_eq!(command(key), None);
    }
}
