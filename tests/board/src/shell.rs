// SPDX-License-Identifier: MIT OR Apache-2.0
//! `board shell`: a terminal on the board.

use std::io::{IsTerminal, Read, stdin};
use std::thread;
use std::time::Duration;

use crate::board::Board;
use crate::console::Mirror;
use crate::error::{Death, Error, Result};
use crate::protocol::{Event, Request};
use crate::terminal::{Raw, size};

/// Ctrl-], as in telnet.
const LEAVE: u8 = 0x1d;
const START: Duration = Duration::from_secs(30);
/// A shell may be left open over a weekend.
const FOREVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// What to try, and how to leave. `plsim` is how a second terminal starts it.
pub fn banner(board: &Board, plsim: &str) -> String {
    let ctl = format!("{plsim} ctl --control {}", board.control().display());
    format!(
        "\
Linux {kernel} on the emulated board; axirq is loaded and the demo's overlay applied.

  axirq list                             the fabric's interrupts
  axirq wait btns_gpio/ip2intc_irpt      sleeps until a button moves
  button_to_led                          lights the LED of each pressed button; Ctrl-C ends it
  cat /proc/interrupts

From a second terminal, press and look:

  {ctl} press btns_gpio 2
  {ctl} release btns_gpio 2
  {ctl} read leds_gpio
  {ctl} watch

exit or Ctrl-D leaves the shell and switches the board off; Ctrl-] does so at once.
",
        kernel = board.kernel(),
    )
}

/// How a person has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The shell has ended, and the guest's agent listens again.
    ByExit,
    /// Nobody listens.
    AtOnce,
}

/// Hands terminal and board to each other until the shell ends.
pub fn interact(board: &Board) -> Result<Left> {
    let console = board.console();
    let (rows, columns) = size();
    let raw = Raw::enter()?;
    console.mirror(Mirror::Stdout);
    let term = std::env::var("TERM").unwrap_or_else(|_| "dumb".into());
    console.send(&Request::Shell {
        rows,
        columns,
        term,
    })?;
    wait_for(board, &Event::ShellStarted, START)?;
    let keys = console.clone();
    let from_terminal = stdin().is_terminal();
    // Ends with the process: a read from a terminal cannot be called off.
    thread::spawn(move || {
        let mut bytes = [0; 256];
        while let Ok(length @ 1..) = stdin().read(&mut bytes) {
            let typed = &bytes[..length];
            if from_terminal && typed.contains(&LEAVE) {
                keys.declare_dead(Death::Off);
                return;
            }
            if keys.send_bytes(typed).is_err() {
                return;
            }
        }
        // A script has come to its end: Ctrl-D, as a person would.
        let _ = keys.send_bytes(&[0x04]);
    });
    let ended = wait_for(board, &Event::ShellEnded, FOREVER);
    console.mirror(Mirror::Off);
    drop(raw);
    match ended {
        Ok(()) => Ok(Left::ByExit),
        Err(Error::Died(Death::Off)) => Ok(Left::AtOnce),
        Err(error) => Err(error),
    }
}

fn wait_for(board: &Board, awaited: &Event, timeout: Duration) -> Result<()> {
    match board.board_events().wait("the guest's shell", timeout)? {
        event if event == *awaited => Ok(()),
        Event::Failed { reason } => Err(Error::Guest(reason)),
        other => Err(Error::Guest(format!(
            "its agent answered {other:?} to a shell"
        ))),
    }
}
