// SPDX-License-Identifier: MIT OR Apache-2.0
//! `board shell`: a terminal on the board, and one key away the view of it.

use std::io::{IsTerminal, Read, Write, stdin, stdout};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::board::Board;
use crate::console::{Console, Mirror};
use crate::error::{Context, Death, Error, Result};
use crate::protocol::{Event, Request};
use crate::terminal::{Raw, can_draw, restore_on_panic, size};
use crate::view::{self, Ended, Host};

/// Ctrl-], as in telnet: from the guest to what is around it.
const AWAY: u8 = 0x1d;
const START: Duration = Duration::from_secs(30);
/// A shell may be left open over a weekend.
const FOREVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// What to try, and how to leave. `plsim` and `view` are how a second terminal starts these.
pub fn banner(board: &Board, plsim: &str, view: &str) -> String {
    let ctl = format!("{plsim} ctl --control {}", board.control().display());
    let away = match can_draw() {
        Ok(()) => {
            "\
Ctrl-] shows the board itself: press its buttons, see its LEDs and its interrupts.
Esc comes back. "
        }
        Err(_) => "Ctrl-] switches the board off at once. ",
    };
    format!(
        "\
Linux {kernel} on the emulated board; axirq is loaded and the demo's overlay applied.

  axirq list                             the fabric's interrupts
  axirq wait btns_gpio/ip2intc_irpt      sleeps until a button moves
  button_to_led                          lights the LED of each pressed button; Ctrl-C ends it
  cat /proc/interrupts

{away}exit or Ctrl-D leaves the shell and switches the board off.

From a second terminal:

  {view}
  {ctl} press btns_gpio 2
  {ctl} read leds_gpio
  {ctl} watch

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
    restore_on_panic();
    console.mirror(Mirror::Stdout);
    let term = std::env::var("TERM").unwrap_or_else(|_| "dumb".into());
    console.send(&Request::Shell {
        rows,
        columns,
        term,
    })?;
    wait_for(board, &Event::ShellStarted, START)?;
    let (stop, stopped) = UnixStream::pair().context(|| "make a socket pair".into())?;
    let over = Arc::new(Mutex::new(false));
    let keyboard = Keyboard {
        console: console.clone(),
        control: board.control().to_path_buf(),
        over: over.clone(),
        stopped,
    };
    let keys = console.clone();
    // Ends with the process: a read from a terminal cannot be called off.
    thread::spawn(move || {
        // Nobody could type any more, nor leave.
        if catch_unwind(AssertUnwindSafe(|| keyboard.pass_on())).is_err() {
            keys.declare_dead(Death::Off);
        }
    });
    let ended = wait_for(board, &Event::ShellEnded, FOREVER);
    // A view gives the terminal back now, and none begins any more.
    drop(stop);
    *over.lock().unwrap_or_else(PoisonError::into_inner) = true;
    console.mirror(Mirror::Off);
    drop(raw);
    match ended {
        Ok(()) => Ok(Left::ByExit),
        Err(Error::Died(Death::Off)) => Ok(Left::AtOnce),
        Err(error) => Err(error),
    }
}

/// What is typed, on its way to the guest.
struct Keyboard {
    console: Console,
    /// plsim's control socket.
    control: PathBuf,
    /// The shell has ended. Locked while a view has the terminal.
    over: Arc<Mutex<bool>>,
    /// Readable when a view has to end.
    stopped: UnixStream,
}

impl Keyboard {
    /// Until the board or what is typed is at its end.
    fn pass_on(&self) {
        let mut bytes = [0; 256];
        let mut in_vain = false;
        while let Ok(length @ 1..) = stdin().read(&mut bytes) {
            let typed = &bytes[..length];
            let away = stdin().is_terminal() && typed.contains(&AWAY);
            let for_guest = typed.split(|byte| *byte == AWAY).next().filter(|_| away);
            if self.console.send_bytes(for_guest.unwrap_or(typed)).is_err() {
                return;
            }
            if !away {
                continue;
            }
            // There must be a way out even where nothing can be shown.
            if in_vain || can_draw().is_err() {
                return self.console.declare_dead(Death::Off);
            }
            match self.look() {
                Ok(Ended::SwitchOff) => return self.console.declare_dead(Death::Off),
                Ok(Ended::Left | Ended::Stopped | Ended::BoardGone) => {}
                Err(error) => {
                    in_vain = true;
                    let text = format!(
                        "\r\nboard: {error}\r\nboard: Ctrl-] once more switches the board off\r\n"
                    );
                    // Who cannot be told can still press the key.
                    let _ = stdout()
                        .write_all(text.as_bytes())
                        .and_then(|()| stdout().flush());
                }
            }
        }
        // A script has come to its end: Ctrl-D, as a person would.
        let _ = self.console.send_bytes(&[0x04]);
    }

    /// Shows the board in place of the shell, whose output comes afterwards.
    fn look(&self) -> Result<Ended> {
        let over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        if *over {
            return Ok(Ended::Stopped);
        }
        self.console.mirror(Mirror::Later);
        let ended = view::run(&self.control, Host::Shell, self.stopped.as_fd());
        self.console.mirror(Mirror::Stdout);
        ended
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
