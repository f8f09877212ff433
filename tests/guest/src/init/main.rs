// SPDX-License-Identifier: MIT OR Apache-2.0
//! Pid 1 of the emulated board: prepares the system, then does what the runner asks over the first UART.
//!
//! It never returns: when it cannot go on it says why and switches the board off, and should it die all the same, the
//! kernel panics and, by `panic=-1` and QEMU's `-no-reboot`, the board goes off too.

mod agent;
mod command;
mod kernel_log;
mod path_wait;
mod setup;
mod uart;

use board::protocol::Event;
use nix::sys::reboot::{RebootMode, reboot};

fn main() {
    let mut console = match setup::prepare() {
        Ok(console) => console,
        Err(error) => {
            // The kernel opened the console for us as standard error: all there is so early.
            eprintln!("board: {}", with_sources(&error));
            power_off()
        }
    };
    let done = setup::release().and_then(|kernel| {
        console.send(&Event::Ready { kernel })?;
        agent::serve(&mut console)
    });
    if let Err(error) = done {
        // Nobody is left to tell if this fails as well.
        let _ = console.send(&Event::Failed {
            reason: with_sources(&error),
        });
    }
    power_off()
}

fn power_off() -> ! {
    nix::unistd::sync();
    match reboot(RebootMode::RB_POWER_OFF) {
        Err(error) => panic!("cannot switch the board off: {error}"),
    }
}

/// What went wrong in the guest, and with what.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Error {
    what: String,
    source: std::io::Error,
}

/// Says what was being done when a call failed.
pub trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T, E: Into<std::io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error {
            what: what(),
            source: source.into(),
        })
    }
}

fn with_sources(error: &Error) -> String {
    format!("{}: {}", error.what, error.source)
}
