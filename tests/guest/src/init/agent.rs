// SPDX-License-Identifier: MIT OR Apache-2.0
//! One thread, one `poll`: the runner's requests, the commands' output, ended children, watched paths.

use std::os::fd::AsFd;
use std::process::Command as Program;
use std::time::{Duration, Instant};

use board::protocol::{Event, Id, MAX_CHUNK, Outcome, Request};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{Id as WaitId, WaitPidFlag, WaitStatus, waitid};

use crate::command::Command;
use crate::kernel_log::KernelLog;
use crate::path_wait::PathWait;
use crate::uart::Uart;
use crate::{Context, Error};

/// What a pipe holds, pipe(7).
const PIPE_SIZE: usize = 65536;

struct Agent<'a> {
    uart: &'a mut Uart,
    /// Readable when a child has ended.
    children: SignalFd,
    kernel_log: KernelLog,
    commands: Vec<Command>,
    waits: Vec<PathWait>,
    /// An interactive shell has the UART; the agent keeps its hands off it.
    shell: Option<std::process::Child>,
}

/// Obeys the runner until it asks for power-off.
pub fn serve(uart: &mut Uart) -> Result<(), Error> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    // Children get it unblocked again: the standard library resets the mask when it spawns.
    mask.thread_block()
        .context(|| "cannot block SIGCHLD".into())?;
    let children = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
        .context(|| "cannot make a signalfd".into())?;
    let mut agent = Agent {
        uart,
        children,
        kernel_log: KernelLog::open()?,
        commands: Vec::new(),
        waits: Vec::new(),
        shell: None,
    };
    while agent.step()? {}
    Ok(())
}

impl Agent<'_> {
    /// Waits for anything to happen and deals with it; false once the board is to be switched off.
    fn step(&mut self) -> Result<bool, Error> {
        let (requested, reap) = self.wait()?;
        for command in &mut self.commands {
            for output in command.read() {
                self.uart.send(&output)?;
            }
        }
        if reap {
            self.reap()?;
        }
        self.look_at_clocks_and_paths()?;
        if requested {
            for request in self.uart.receive()? {
                if request == Request::PowerOff {
                    return Ok(false);
                }
                self.obey(request)?;
            }
        }
        Ok(true)
    }

    /// Sleeps until there is something to do: is there a request to read, have children ended?
    fn wait(&self) -> Result<(bool, bool), Error> {
        let deadlines = self
            .commands
            .iter()
            .filter_map(Command::deadline)
            .chain(self.waits.iter().map(PathWait::deadline));
        let timeout = match deadlines.min() {
            None => PollTimeout::NONE,
            // Rounded up, lest the loop spin through the last millisecond.
            Some(deadline) => {
                let left =
                    deadline.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            }
        };
        let uart = if self.shell.is_some() {
            PollFlags::empty()
        } else {
            PollFlags::POLLIN
        };
        let mut fds = vec![
            PollFd::new(self.uart.as_fd(), uart),
            PollFd::new(self.children.as_fd(), PollFlags::POLLIN),
        ];
        fds.extend(
            self.commands
                .iter()
                .flat_map(Command::outputs)
                .map(|fd| PollFd::new(fd, PollFlags::POLLIN)),
        );
        fds.extend(
            self.waits
                .iter()
                .map(|wait| PollFd::new(wait.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context(|| "cannot poll".into()),
        }
        Ok((fds[0].any().unwrap_or(false), fds[1].any().unwrap_or(false)))
    }

    fn obey(&mut self, request: Request) -> Result<(), Error> {
        match request {
            Request::Run {
                id,
                argv,
                env,
                timeout_ms,
            } => match Command::start(id, &argv, &env, timeout_ms.map(Duration::from_millis)) {
                Ok(command) => {
                    self.uart.send(&Event::Started {
                        id,
                        pid: command.pid().as_raw(),
                    })?;
                    self.commands.push(command);
                }
                Err(why) => self.uart.send(&Event::Ended {
                    id,
                    outcome: Outcome::NotStarted(why),
                })?,
            },
            Request::Kill { id, signal } => {
                if let Some(command) = self.commands.iter().find(|command| command.id() == id) {
                    command.kill(signal);
                }
            }
            Request::WaitPath {
                id,
                path,
                timeout_ms,
            } => {
                self.waits.push(PathWait::start(
                    id,
                    path.into(),
                    Duration::from_millis(timeout_ms),
                )?);
                self.look_at_clocks_and_paths()?;
            }
            Request::KernelLog { id } => self.send_kernel_log(id)?,
            Request::Shell {
                rows,
                columns,
                term,
            } => self.start_shell(rows, columns, &term)?,
            Request::PowerOff => unreachable!("step() has taken it"),
        }
        Ok(())
    }

    fn reap(&mut self) -> Result<(), Error> {
        // Several signals may have become one: the signalfd only says that there is somebody to reap.
        while let Ok(Some(_)) = self.children.read_signal() {}
        loop {
            let (pid, outcome) =
                match waitid(WaitId::All, WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG) {
                    Ok(WaitStatus::Exited(pid, code)) => (pid, Outcome::Exited(code)),
                    Ok(WaitStatus::Signaled(pid, signal, _)) => {
                        (pid, Outcome::Signalled(signal as i32))
                    }
                    Ok(_) | Err(Errno::ECHILD) => return Ok(()),
                    Err(error) => return Err(error).context(|| "cannot wait for children".into()),
                };
            if self
                .shell
                .as_ref()
                .is_some_and(|shell| shell.id() == pid.as_raw().unsigned_abs())
            {
                self.shell = None;
                self.uart.reopen()?;
                self.uart.send(&Event::ShellEnded)?;
            }
            if let Some(index) = self
                .commands
                .iter()
                .position(|command| command.pid() == pid)
            {
                let mut command = self.commands.swap_remove(index);
                // What the command wrote before it ended is in its pipes, so a pipe's worth is read; what its own
                // children may write later has no reader any more.
                for _ in 0..PIPE_SIZE.div_ceil(MAX_CHUNK) {
                    let outputs = command.read();
                    if outputs.is_empty() {
                        break;
                    }
                    for output in outputs {
                        self.uart.send(&output)?;
                    }
                }
                self.uart.send(&Event::Ended {
                    id: command.id(),
                    outcome: command.ended_as(outcome),
                })?;
            }
        }
    }

    fn look_at_clocks_and_paths(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        for command in &mut self.commands {
            command.kill_if_late(now);
        }
        let mut answers = Vec::new();
        self.waits.retain_mut(|wait| match wait.look(now) {
            Some(exists) => {
                answers.push(Event::Path {
                    id: wait.id(),
                    exists,
                });
                false
            }
            None => true,
        });
        answers.iter().try_for_each(|answer| self.uart.send(answer))
    }

    fn send_kernel_log(&mut self, id: Id) -> Result<(), Error> {
        while let Some(records) = self.kernel_log.read()? {
            self.uart.send(&Event::Log { id, records })?;
        }
        self.uart.send(&Event::LogEnd { id })
    }

    fn start_shell(&mut self, rows: u16, columns: u16, term: &str) -> Result<(), Error> {
        // Said while the UART is still raw; what arrives from now on waits in it for the shell.
        self.uart.send(&Event::ShellStarted)?;
        self.uart.make_cooked()?;
        let script = format!("stty sane rows {rows} cols {columns}; exec sh -l");
        // A session of its own with the UART as its terminal: job control and Ctrl-C work.
        let shell = Program::new("/bin/busybox")
            .args(["setsid", "-c", "sh", "-c", &script])
            .env("TERM", term)
            .env("HOME", "/root")
            .stdin(self.uart.tty()?)
            .stdout(self.uart.tty()?)
            .stderr(self.uart.tty()?)
            .spawn()
            .context(|| "cannot start a shell".into())?;
        self.shell = Some(shell);
        Ok(())
    }
}
