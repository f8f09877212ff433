// SPDX-License-Identifier: MIT OR Apache-2.0
//! The guest as the runner sees it: programs to run, paths to wait for, a kernel log.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::console::{Console, Inbox};
use crate::error::{Error, Result};
use crate::kernel_log::Record;
use crate::protocol::{Event, Outcome, Request, Stream};

/// How long the guest's agent may take over its own part of anything; it is slow under emulation, and the host may
/// be busy.
const AGENT: Duration = Duration::from_secs(30);

/// Speaks with the guest's agent.
#[derive(Clone)]
pub struct Guest {
    console: Console,
}

/// A program to run in the guest.
#[derive(Debug, Clone)]
pub struct Command {
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    timeout: Duration,
}

impl Command {
    /// What takes longer than `timeout` is killed.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>, timeout: Duration) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            timeout,
        }
    }

    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }
}

/// A running program.
pub struct Running {
    inbox: Inbox,
    console: Console,
    command: Command,
}

/// What a running program does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Started { pid: i32 },
    Output(Stream, Vec<u8>),
    Ended(Outcome),
}

/// What a program has said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    pub stdout: Vec<u8>,
    /// Standard output and standard error as they came.
    pub output: Vec<u8>,
    pub outcome: Outcome,
}

impl Guest {
    pub(crate) fn new(console: Console) -> Self {
        Self { console }
    }

    /// Starts a program; its life is told by [`Running::next`].
    pub fn start(&self, command: Command) -> Result<Running> {
        let inbox = self.console.new_inbox();
        self.console.send(&Request::Run {
            id: inbox.id,
            argv: command.argv.clone(),
            env: command.env.clone(),
            timeout_ms: Some(millis(command.timeout)),
        })?;
        Ok(Running {
            inbox,
            console: self.console.clone(),
            command,
        })
    }

    /// Runs a program to its end.
    pub fn run(&self, command: Command) -> Result<Finished> {
        self.start(command)?.finish(|_, _| ())
    }

    /// Runs a program that has to succeed and gives what it wrote to its standard output.
    pub fn check(&self, command: Command) -> Result<String> {
        let line = command.argv.join(" ");
        let finished = self.run(command)?;
        if finished.outcome == Outcome::Exited(0) {
            return Ok(String::from_utf8_lossy(&finished.stdout).into_owned());
        }
        let output = String::from_utf8_lossy(&finished.output)
            .trim_end()
            .to_string();
        Err(Error::Command {
            command: line,
            outcome: finished.outcome,
            output,
        })
    }

    /// Waits for a path to appear.
    pub fn wait_path(&self, path: &str, timeout: Duration) -> Result<()> {
        let inbox = self.console.new_inbox();
        self.console.send(&Request::WaitPath {
            id: inbox.id,
            path: path.into(),
            timeout_ms: millis(timeout),
        })?;
        match inbox.wait(path, timeout + AGENT)? {
            Event::Path { exists: true, .. } => Ok(()),
            _ => Err(Error::Timeout {
                what: format!("{path} to appear in the guest"),
                after: timeout,
                alarm: None,
            }),
        }
    }

    /// The kernel's messages since the last time they were asked for.
    pub fn kernel_log(&self) -> Result<Vec<Record>> {
        let inbox = self.console.new_inbox();
        self.console.send(&Request::KernelLog { id: inbox.id })?;
        let mut log = Vec::new();
        while let Event::Log { records, .. } = inbox.wait("the kernel's log", AGENT)? {
            log.extend(records.iter().filter_map(|record| Record::parse(record)));
        }
        Ok(log)
    }
}

impl Running {
    /// Waits for what happens next. After [`Progress::Ended`] nothing does.
    pub fn next(&self) -> Result<Progress> {
        let what = format!("`{}`", self.command.argv.join(" "));
        match self.inbox.wait(&what, self.command.timeout + AGENT)? {
            Event::Started { pid, .. } => Ok(Progress::Started { pid }),
            Event::Output { stream, data, .. } => Ok(Progress::Output(stream, data)),
            Event::Ended { outcome, .. } => Ok(Progress::Ended(outcome)),
            other => Err(Error::Guest(format!(
                "its agent answered {other:?} to a command"
            ))),
        }
    }

    /// Waits for the end, handing on the output as it comes.
    pub fn finish(&self, mut on_output: impl FnMut(Stream, &[u8])) -> Result<Finished> {
        let mut finished = Finished {
            stdout: Vec::new(),
            output: Vec::new(),
            outcome: Outcome::TimedOut,
        };
        loop {
            match self.next()? {
                Progress::Started { .. } => {}
                Progress::Output(stream, data) => {
                    on_output(stream, &data);
                    if stream == Stream::Stdout {
                        finished.stdout.extend_from_slice(&data);
                    }
                    finished.output.extend(data);
                }
                Progress::Ended(outcome) => {
                    finished.outcome = outcome;
                    return Ok(finished);
                }
            }
        }
    }

    /// Signals the program and all its children.
    pub fn kill(&self, signal: Signal) -> Result<()> {
        self.console.send(&Request::Kill {
            id: self.inbox.id,
            signal: signal as i32,
        })
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
