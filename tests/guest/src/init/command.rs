// SPDX-License-Identifier: MIT OR Apache-2.0
//! A command of the runner's: a process group of its own, two pipes, perhaps a deadline.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use board::protocol::{Event, Id, MAX_CHUNK, Outcome, Stream};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

pub struct Command {
    id: Id,
    pid: Pid,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    deadline: Option<Instant>,
    timed_out: bool,
}

impl Command {
    /// Starts a program; the error says why it cannot.
    pub fn start(
        id: Id,
        argv: &[String],
        env: &BTreeMap<String, String>,
        timeout: Option<Duration>,
    ) -> Result<Self, String> {
        let (program, args) = argv.split_first().ok_or("an empty command line")?;
        let mut child = std::process::Command::new(program)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", "/root")
            .envs(env)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{program}: {error}"))?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        for pipe in [
            stdout.as_ref().map(AsFd::as_fd),
            stderr.as_ref().map(AsFd::as_fd),
        ]
        .into_iter()
        .flatten()
        {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))
                .map_err(|error| format!("O_NONBLOCK: {error}"))?;
        }
        Ok(Self {
            id,
            // The agent reaps all children itself, so the handle is not needed.
            pid: Pid::from_raw(child.id() as i32),
            stdout,
            stderr,
            deadline: timeout.map(|timeout| Instant::now() + timeout),
            timed_out: false,
        })
    }

    pub fn id(&self) -> Id {
        self.id
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The open pipes.
    pub fn outputs(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        [
            self.stdout.as_ref().map(AsFd::as_fd),
            self.stderr.as_ref().map(AsFd::as_fd),
        ]
        .into_iter()
        .flatten()
    }

    /// What can be read now, one piece a pipe at most; a pipe at its end is closed.
    pub fn read(&mut self) -> Vec<Event> {
        let id = self.id;
        let pieces = [
            (Stream::Stdout, read(&mut self.stdout)),
            (Stream::Stderr, read(&mut self.stderr)),
        ];
        pieces
            .into_iter()
            .filter_map(|(stream, data)| {
                Some(Event::Output {
                    id,
                    stream,
                    data: data?,
                })
            })
            .collect()
    }

    /// Signals the whole process group. That it has ended meanwhile is no error.
    pub fn kill(&self, signal: i32) {
        if let Ok(signal) = Signal::try_from(signal) {
            let _ = killpg(self.pid, signal);
        }
    }

    pub fn kill_if_late(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.deadline = None;
            self.timed_out = true;
            self.kill(Signal::SIGKILL as i32);
        }
    }

    /// What its end means, when `outcome` is what the kernel says.
    pub fn ended_as(&self, outcome: Outcome) -> Outcome {
        if self.timed_out {
            Outcome::TimedOut
        } else {
            outcome
        }
    }
}

fn read(pipe: &mut Option<impl Read>) -> Option<Vec<u8>> {
    let mut data = vec![0; MAX_CHUNK];
    match pipe.as_mut()?.read(&mut data) {
        Ok(length) if length > 0 => {
            data.truncate(length);
            Some(data)
        }
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            None
        }
        Ok(_) | Err(_) => {
            *pipe = None;
            None
        }
    }
}
