// SPDX-License-Identifier: MIT OR Apache-2.0
//! The simulated board on a terminal: buttons that keys press, LEDs that light, interrupts that count.
//!
//! ```text
//! plsim --events, answers--> picture --> draw --> screen
//!   ^------- fabric <------- fingers <-- keys <-- keyboard
//! ```
//!
//! - `view/picture.rs`: what is known of the board, whatever the design; `view/rate.rs`: counters and their speed;
//! - `view/draw.rs`: the picture as text; `view/keys.rs`: what keys mean; `view/fingers.rs`: how long a key presses;
//! - `view/fabric.rs`: the connection to the simulator; [`find`]: which one that is.
//!
//! This file is the loop that joins them. It sleeps until something happens, and asks for counters now and then.

mod draw;
mod fabric;
pub mod find;
mod fingers;
mod keys;
mod picture;
mod rate;

use std::io::stdin;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event;

use self::fabric::Fabric;
use self::fingers::{Fingers, Press};
use self::keys::Command;
use self::picture::Picture;
use crate::error::{Context, Error, Result};
use crate::terminal::Screen;

/// How old counters may get while nothing seems to happen.
const LAZY: Duration = Duration::from_millis(500);
/// How often they are asked for while much happens.
const EAGER: Duration = Duration::from_millis(200);
/// How often the screen is drawn at most.
const FRAME: Duration = Duration::from_millis(33);

/// Who shows the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    /// The board's shell, which goes on afterwards.
    Shell,
    /// A terminal of its own.
    Terminal,
}

/// Why the view has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// A person has seen enough.
    Left,
    /// A person wants the board to be off. Only in a shell, which can do that.
    SwitchOff,
    /// `stop` has become readable.
    Stopped,
    /// The simulator is gone.
    BoardGone,
}

/// Shows the board at `control` until a person leaves, `stop` becomes readable or the board goes. Expects raw keys.
pub fn run(control: &Path, host: Host, stop: BorrowedFd<'_>) -> Result<Ended> {
    let (fabric, picture) = Fabric::connect(control)?;
    let mut view = View {
        fabric,
        picture,
        fingers: Fingers::default(),
        start: Instant::now(),
        asked: None,
        drawn: None,
        changed: true,
        stale: true,
    };
    let ended = match view.show(host, stop) {
        Err(Error::Fabric(plsim::client::Error::Closed | plsim::client::Error::Send(_))) => {
            return Ok(Ended::BoardGone);
        }
        ended => ended,
    };
    // No finger stays on a button when its owner has gone.
    for press in view.fingers.all() {
        view.press(press)?;
    }
    ended
}

struct View {
    fabric: Fabric,
    picture: Picture,
    fingers: Fingers,
    start: Instant,
    /// When counters were last asked for.
    asked: Option<Duration>,
    /// When the screen was last drawn.
    drawn: Option<Duration>,
    /// The screen does not show it yet.
    changed: bool,
    /// Something happened that counters may tell more about.
    stale: bool,
}

impl View {
    fn show(&mut self, host: Host, stop: BorrowedFd<'_>) -> Result<Ended> {
        let screen = || "draw on the terminal".to_string();
        let mut terminal =
            Terminal::new(CrosstermBackend::new(Screen::enter()?)).context(screen)?;
        loop {
            if self.ask_at() <= self.now() {
                self.fabric
                    .refresh(&mut self.picture, self.start.elapsed())?;
                (self.asked, self.stale, self.changed) = (Some(self.now()), false, true);
            }
            self.changed |= self.fabric.received_events(&mut self.picture);
            if self.changed && self.draw_at() <= self.now() {
                terminal
                    .draw(|frame| draw::draw(frame, &self.picture, host))
                    .context(screen)?;
                (self.drawn, self.changed) = (Some(self.now()), false);
            }
            let woken = self.wait(stop)?;
            if woken.stop {
                return Ok(Ended::Stopped);
            }
            if woken.terminal_gone {
                return Ok(Ended::Left);
            }
            if woken.event {
                self.fabric.next_event(&mut self.picture)?;
                (self.changed, self.stale) = (true, true);
            }
            for press in self.fingers.due(self.now()) {
                self.press(press)?;
            }
            if let Some(ended) = self.take_keys(host)? {
                return Ok(ended);
            }
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn ask_at(&self) -> Duration {
        let eager = self.stale || self.picture.incomplete;
        let pause = if eager { EAGER } else { LAZY };
        self.asked.map_or(Duration::ZERO, |asked| asked + pause)
    }

    fn draw_at(&self) -> Duration {
        self.drawn.map_or(Duration::ZERO, |drawn| drawn + FRAME)
    }

    /// Sleeps until there is something to do.
    fn wait(&self, stop: BorrowedFd<'_>) -> Result<Woken> {
        let stdin = stdin();
        let mut fds =
            [stdin.as_fd(), self.fabric.as_fd(), stop].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let draw_at = self.changed.then(|| self.draw_at());
        let next = [Some(self.ask_at()), self.fingers.next(), draw_at];
        let next = next.into_iter().flatten().min().unwrap_or(LAZY);
        // Rounded up: a sleep that ends a moment too early would be one of many.
        let wait = next.saturating_sub(self.now()) + Duration::from_millis(1);
        match poll(
            &mut fds,
            PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX),
        ) {
            // The window has changed its size, say.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno).context(|| "wait for keys and events".into()),
        }
        let [terminal, fabric, stop] = fds.map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
        Ok(Woken {
            terminal_gone: terminal.intersects(PollFlags::POLLHUP | PollFlags::POLLERR),
            event: !fabric.is_empty(),
            stop: !stop.is_empty(),
        })
    }

    fn take_keys(&mut self, host: Host) -> Result<Option<Ended>> {
        let terminal = || "read the terminal's keys".to_string();
        // The library reads ahead, so that it may hold keys while the terminal has none.
        while event::poll(Duration::ZERO).context(terminal)? {
            match event::read().context(terminal)? {
                event::Event::Key(key) => {
                    self.changed = true;
                    if let Some(ended) = self.obey(key, host)? {
                        return Ok(Some(ended));
                    }
                }
                event::Event::Resize(..) => self.changed = true,
                _ => {}
            }
        }
        Ok(None)
    }

    fn obey(&mut self, key: event::KeyEvent, host: Host) -> Result<Option<Ended>> {
        let command = match keys::command(key) {
            None => return Ok(None),
            Some(command) => command,
        };
        self.picture.notice = None;
        match command {
            Command::Leave => return Ok(Some(Ended::Left)),
            Command::SwitchOff if host == Host::Shell => return Ok(Some(Ended::SwitchOff)),
            Command::SwitchOff => {}
            Command::Choose(step) => self.picture.choose(step),
            Command::Push(button) => self.push(button)?,
            Command::PushChosen => self.push(self.picture.chosen)?,
            Command::Hold(button) => self.hold(button)?,
            Command::HoldChosen => self.hold(self.picture.chosen)?,
        }
        Ok(None)
    }

    fn push(&mut self, button: usize) -> Result<()> {
        let Some(level) = self.picture.level(button) else {
            return Ok(());
        };
        let press = self.fingers.push(button, level, self.now());
        press.map_or(Ok(()), |press| self.press(press))
    }

    fn hold(&mut self, button: usize) -> Result<()> {
        let Some(level) = self.picture.level(button) else {
            return Ok(());
        };
        let press = self.fingers.hold(button, level);
        self.press(press)
    }

    fn press(&mut self, press: Press) -> Result<()> {
        let Some(button) = self.picture.buttons.get(press.button).copied() else {
            return Ok(());
        };
        self.fabric.press(&mut self.picture, button, press.level)
    }
}

/// What has ended a sleep.
struct Woken {
    event: bool,
    stop: bool,
    terminal_gone: bool,
}
