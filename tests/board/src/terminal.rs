// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runner's own terminal: raw while a guest shell has it, and given back on every way out.

use std::io::{IsTerminal, stdin, stdout};
use std::sync::{Mutex, PoisonError};

use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use crate::error::{Context, Result};

/// How the terminal was before [`Raw`], for [`restore`].
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// While it lives, keys arrive one by one and unchanged.
pub struct Raw(());

impl Raw {
    /// Nothing happens if standard input is no terminal.
    pub fn enter() -> Result<Self> {
        if stdin().is_terminal() {
            let before = tcgetattr(stdin()).context(|| "ask for the terminal's settings".into())?;
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
            tcsetattr(stdin(), SetArg::TCSANOW, &raw).context(|| "make the terminal raw".into())?;
        }
        Ok(Self(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was before [`Raw`]; also from the thread that a signal wakes.
pub fn restore() {
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        // A terminal that is gone needs no settings.
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &before);
    }
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
