// SPDX-License-Identifier: MIT OR Apache-2.0
//! A person at a terminal: types, looks, changes the window.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{Termios, tcgetattr};
use nix::unistd::Pid;

use crate::PATIENCE;

pub const ROWS: u16 = 24;
pub const COLUMNS: u16 = 80;

pub struct Person {
    /// The terminal as the program found it.
    pub found: Termios,
    keyboard: File,
    /// Held open: a terminal whose programs have all ended keeps its settings.
    terminal: OwnedFd,
    screen: Arc<Mutex<vt100::Parser>>,
    child: Child,
}

nix::ioctl_write_ptr_bad!(set_window_size, nix::libc::TIOCSWINSZ, Winsize);

fn winsize(rows: u16, columns: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

impl Person {
    /// Starts a program at a terminal of its own.
    pub fn starts(command: &Command) -> Self {
        let pty = openpty(Some(&winsize(ROWS, COLUMNS)), None).unwrap();
        let end = || pty.slave.try_clone().unwrap();
        // It becomes the program by exec, and the terminal becomes its own.
        let mut child = Command::new("setsid");
        child.arg("--ctty").arg(command.get_program());
        child.args(command.get_args()).env("TERM", "xterm-256color");
        for (name, value) in command.get_envs() {
            child.env(name, value.unwrap_or_default());
        }
        let child = child.stdin(end()).stdout(end()).stderr(end());
        // Before anybody can have changed them.
        let found = tcgetattr(pty.slave.as_fd()).unwrap();
        let child = child.spawn().unwrap();
        let screen = vt100::Parser::new(ROWS, COLUMNS, 0);
        let screen = Arc::new(Mutex::new(screen));
        let (mut from, shown) = (File::from(pty.master.try_clone().unwrap()), screen.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut bytes) {
                shown.lock().unwrap().process(&bytes[..length]);
            }
        });
        Self {
            found,
            keyboard: File::from(pty.master),
            terminal: pty.slave,
            screen,
            child,
        }
    }

    pub fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the screen shows all of this.
    pub fn sees(&self, texts: &[&str]) {
        let all = |screen: &str| texts.iter().all(|text| screen.contains(text));
        self.waits(&format!("{texts:?}"), all);
    }

    pub fn waits(&self, what: &str, until: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let screen = self.screen();
            if until(&screen) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "no {what} on\n{screen}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn screen(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Whether the character shown behind the text is green, as what is lit.
    pub fn is_lit(&self, row_with: &str, symbol: &str, number: usize) -> bool {
        let parser = self.screen.lock().unwrap();
        let screen = parser.screen();
        let row = (0..ROWS)
            .find(|row| {
                screen
                    .contents_between(*row, 0, *row, COLUMNS)
                    .contains(row_with)
            })
            .expect("a row with that text");
        (0..COLUMNS)
            .filter_map(|column| screen.cell(row, column))
            .filter(|cell| cell.contents() == symbol)
            .nth(number)
            .is_some_and(|cell| cell.fgcolor() == vt100::Color::Idx(2))
    }

    pub fn resizes(&mut self, rows: u16, columns: u16) {
        self.screen.lock().unwrap().set_size(rows, columns);
        // SAFETY: the ioctl reads one `Winsize`, which lives as long as the call.
        unsafe { set_window_size(self.keyboard.as_raw_fd(), &winsize(rows, columns)) }.unwrap();
    }

    pub fn sends(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// How the terminal treats keys now.
    pub fn settings(&self) -> Termios {
        tcgetattr(self.terminal.as_fd()).unwrap()
    }

    /// Something has the terminal's screen and hides what was there.
    pub fn is_covered(&self) -> bool {
        let parser = self.screen.lock().unwrap();
        parser.screen().alternate_screen() || parser.screen().hide_cursor()
    }

    pub fn waits_for_the_end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "it goes on:\n{}", self.screen());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        // Already ended in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
