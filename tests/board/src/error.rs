// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can go wrong with a board, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::protocol::Outcome;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {what}: {source}")]
    Io { what: String, source: io::Error },

    #[error("cannot start `{program}`: {source}; {cure}")]
    Start {
        program: String,
        source: io::Error,
        cure: &'static str,
    },

    #[error("`{program}` failed ({status}): {said}")]
    Tool {
        program: String,
        status: ExitStatus,
        said: String,
    },

    #[error("no {what} at {}: {cure}", path.display())]
    NoFile {
        what: &'static str,
        path: PathBuf,
        cure: &'static str,
    },

    #[error("{} would be in the guest twice: name it once", .0.display())]
    Twice(PathBuf),

    #[error("{0}")]
    Died(Death),

    #[error("waited {} s for {what}, in vain{}", after.as_secs_f32(), notice(.alarm))]
    Timeout {
        what: String,
        after: Duration,
        alarm: Option<String>,
    },

    #[error("the guest is no use: {0}")]
    Guest(String),

    #[error("`{command}` {}{}", describe(outcome), quoted(output))]
    Command {
        command: String,
        outcome: Outcome,
        output: String,
    },

    #[error("the request does not fit a frame: use a shorter command line")]
    RequestTooLong,

    #[error(transparent)]
    Fabric(#[from] plsim::client::Error),

    #[error("no guest test has `{0}` in its name")]
    NoSuchTest(String),

    #[error(
        "the view needs a terminal: {0}; for lines of text use `plsim ctl --control SOCKET watch`"
    )]
    NoTerminal(&'static str),

    #[error("no board runs (none in {}): start one in another terminal, with `make board` or `make demo`", .0.display())]
    NoBoard(PathBuf),

    #[error("several boards run: name one with --control (`make view CONTROL=…`)\n  {}", list(.0))]
    ManyBoards(Vec<PathBuf>),
}

/// Why the board is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Death {
    /// The kernel said so, in these words, before QEMU ended.
    Kernel(String),
    /// QEMU ended without a word from the kernel; its last lines.
    Qemu(String),
    /// The simulator ended; its last lines.
    Fabric(String),
    /// It was switched off, by the runner or by the guest.
    Off,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(words) => write!(f, "the kernel died: {words}"),
            Self::Qemu(lines) => write!(f, "QEMU ended by itself{}", quoted(lines)),
            Self::Fabric(lines) => write!(f, "plsim ended by itself{}", quoted(lines)),
            Self::Off => write!(f, "the board is switched off"),
        }
    }
}

fn quoted(lines: &str) -> String {
    if lines.is_empty() {
        " and said nothing".into()
    } else {
        format!("; it said:\n{}", lines.trim_end())
    }
}

fn notice(alarm: &Option<String>) -> String {
    alarm
        .as_ref()
        .map(|alarm| format!(" (the kernel had said: {alarm})"))
        .unwrap_or_default()
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    paths.join("\n  ")
}

/// How a command ended, in words.
pub fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Exited(code) => format!("exited with {code}"),
        Outcome::Signalled(signal) => format!("was ended by signal {signal}"),
        Outcome::TimedOut => "took too long and was killed".into(),
        Outcome::NotStarted(why) => format!("could not be started: {why}"),
    }
}

/// Says what was being done when a call failed.
pub trait Context<T> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io {
            what: what(),
            source: source.into(),
        })
    }
}
