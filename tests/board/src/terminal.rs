// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runner's own terminal: raw keys, a screen to draw on, and given back as it was on every way out.

use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};

use crate::error::{Context, Error, Result};

/// What has to be given back.
struct Taken {
    /// How the terminal was before [`Raw`].
    settings: Option<Termios>,
    /// A [`Screen`] lies over what was there.
    screen: bool,
}

static TAKEN: Mutex<Taken> = Mutex::new(Taken {
    settings: None,
    screen: false,
});

fn taken() -> MutexGuard<'static, Taken> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While it lives, keys arrive one by one and unchanged.
pub struct Raw(());

impl Raw {
    /// Nothing happens if standard input is no terminal.
    pub fn enter() -> Result<Self> {
        if stdin().is_terminal() {
            let before = tcgetattr(stdin()).context(|| "ask for the terminal's settings".into())?;
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            taken().settings = Some(before);
            tcsetattr(stdin(), SetArg::TCSANOW, &raw).context(|| "make the terminal raw".into())?;
        }
        Ok(Self(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        taken().give_back_settings();
    }
}

/// Whether a [`Screen`] can be had, and if not, why.
pub fn can_draw() -> Result<()> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(Error::NoTerminal(
            "standard input and output are not both a terminal",
        ));
    }
    match std::env::var_os("TERM") {
        Some(term) if term != "dumb" && !term.is_empty() => Ok(()),
        _ => Err(Error::NoTerminal(
            "TERM names none on which text can be placed",
        )),
    }
}

/// While it lives, the terminal shows what is written to it and nothing else; then what was there before.
///
/// What is written shows when it is flushed, whole, and not at all once the terminal was given back.
pub struct Screen {
    unseen: Vec<u8>,
}

impl Screen {
    pub fn enter() -> Result<Self> {
        let mut taken = taken();
        // Before anything is written, so that a half-done change is taken back too.
        taken.screen = true;
        execute!(stdout(), EnterAlternateScreen, Hide).context(|| "clear the terminal".into())?;
        Ok(Self { unseen: Vec::new() })
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unseen.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        // Nothing that can panic runs under the lock: the panic hook takes it.
        let taken = taken();
        let shown = if taken.screen {
            let mut stdout = stdout();
            stdout.write_all(&self.unseen).and_then(|()| stdout.flush())
        } else {
            Ok(())
        };
        self.unseen.clear();
        shown
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        taken().give_back_screen();
    }
}

impl Taken {
    // A terminal that is gone needs nothing back.

    fn give_back_screen(&mut self) {
        if std::mem::take(&mut self.screen) {
            let _ = execute!(stdout(), Show, LeaveAlternateScreen);
        }
    }

    fn give_back_settings(&mut self) {
        if let Some(before) = self.settings.take() {
            let _ = tcsetattr(stdin(), SetArg::TCSANOW, &before);
        }
    }
}

/// Gives the terminal back as it was before [`Raw`] and [`Screen`], from whatever thread.
pub fn restore() {
    let mut taken = taken();
    taken.give_back_screen();
    taken.give_back_settings();
}

/// From now on a panic's message comes after the terminal was given back, where it can be read.
pub fn restore_on_panic() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        say(panic);
    }));
}

nix::ioctl_read_bad!(
    /// Asks a terminal for its size.
    window_size, nix::libc::TIOCGWINSZ, nix::libc::winsize
);

/// Rows and columns; 24 by 80 if nobody knows.
pub fn size() -> (u16, u16) {
    let mut size = nix::libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes one `winsize` to where its argument points, and that is a live, exclusive one.
    let asked = unsafe { window_size(std::os::fd::AsRawFd::as_raw_fd(&stdout()), &raw mut size) };
    match asked {
        Ok(_) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row, size.ws_col),
        _ => (24, 80),
    }
}
