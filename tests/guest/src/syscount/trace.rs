// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tracer: follows a command and all it starts from one system call to the next.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::errno::Errno;
use nix::libc::PTRACE_SYSCALL_INFO_ENTRY;
use nix::sys::ptrace;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, raise, sigaction};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::report::Report;

/// How the command ended.
pub enum End {
    Exited(u8),
    Signalled(Signal),
}

/// A SIGUSR1 has come and has no line yet.
static MARKED: AtomicBool = AtomicBool::new(false);
/// Whom signals are passed on to.
static COMMAND: AtomicI32 = AtomicI32::new(0);

/// Signals that others send to end or to tell a program something.
const PASSED_ON: &[Signal] = &[
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGWINCH,
];

/// Runs the command to its end. Its counts are in the report's lines by then.
pub fn run(command: &[OsString], report: &mut Report) -> Result<End, String> {
    let command_pid = start(command)?;
    COMMAND.store(command_pid.as_raw(), Ordering::Relaxed);
    handle_signals()?;
    // The first stop is the exec's; without options yet, so set them before anything else happens.
    match waitpid(command_pid, None).map_err(|error| failed("wait for the command", error))? {
        WaitStatus::Stopped(..) => {}
        other => {
            return Err(format!(
                "the command began with {other:?} instead of a stop"
            ));
        }
    }
    let options = ptrace::Options::PTRACE_O_TRACESYSGOOD
        | ptrace::Options::PTRACE_O_TRACECLONE
        | ptrace::Options::PTRACE_O_TRACEFORK
        | ptrace::Options::PTRACE_O_TRACEVFORK
        | ptrace::Options::PTRACE_O_TRACEEXEC
        | ptrace::Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(command_pid, options).map_err(|error| failed("set up tracing", error))?;
    go_on(command_pid, None)?;
    let mut end = None;
    // Threads and children whose first stop, the kernel's own SIGSTOP, is behind them.
    let mut known = HashSet::from([command_pid]);
    loop {
        let status = waitpid(None, Some(WaitPidFlag::__WALL));
        if MARKED.swap(false, Ordering::Relaxed) {
            report.line()?;
        }
        match status {
            Err(Errno::EINTR) => {}
            // Nobody is left.
            Err(Errno::ECHILD) => break,
            Err(error) => return Err(failed("wait for the command", error)),
            Ok(WaitStatus::PtraceSyscall(pid)) => {
                if let Some(number) = entered(pid)? {
                    report.count(number);
                }
                go_on(pid, None)?;
            }
            Ok(WaitStatus::Stopped(pid, Signal::SIGSTOP)) if known.insert(pid) => go_on(pid, None)?,
            Ok(WaitStatus::Stopped(pid, signal)) => go_on(pid, Some(signal))?,
            Ok(WaitStatus::PtraceEvent(pid, ..)) => go_on(pid, None)?,
            Ok(WaitStatus::Exited(pid, code)) => {
                known.remove(&pid);
                if pid == command_pid {
                    end = Some(End::Exited(u8::try_from(code).unwrap_or(u8::MAX)));
                }
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                known.remove(&pid);
                if pid == command_pid {
                    end = Some(End::Signalled(signal));
                }
            }
            Ok(_) => {}
        }
    }
    report.line()?;
    end.ok_or_else(|| "the command's end went unseen".into())
}

fn start(command: &[OsString]) -> Result<Pid, String> {
    let mut child = Command::new(&command[0]);
    child.args(&command[1..]);
    // SAFETY: runs between fork and exec, where only async-signal-safe calls are allowed: PTRACE_TRACEME is one
    // plain system call, and turning its errno into an `io::Error` does not allocate.
    unsafe { child.pre_exec(|| ptrace::traceme().map_err(io::Error::from)) };
    let child = child
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", command[0].to_string_lossy()))?;
    // Waited for by pid from here on.
    Ok(Pid::from_raw(child.id() as i32))
}

/// The number of the system call that a tracee is about to make; none at the stop after the call.
fn entered(pid: Pid) -> Result<Option<u64>, String> {
    let info = match ptrace::syscall_info(pid) {
        Ok(info) => info,
        // Killed while it was stopped.
        Err(Errno::ESRCH) => return Ok(None),
        Err(error) => return Err(failed("look at a system call", error)),
    };
    if info.op != PTRACE_SYSCALL_INFO_ENTRY {
        return Ok(None);
    }
    // SAFETY: `op` says which member of the union the kernel has filled in.
    Ok(Some(unsafe { info.u.entry.nr }))
}

fn go_on(pid: Pid, signal: Option<Signal>) -> Result<(), String> {
    match ptrace::syscall(pid, signal) {
        // Killed while it was stopped: its end comes by waitpid.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(error) => Err(failed("resume the command", error)),
    }
}

extern "C" fn mark(_: i32) {
    MARKED.store(true, Ordering::Relaxed);
}

extern "C" fn pass_on(signal: i32) {
    if let Ok(signal) = Signal::try_from(signal) {
        // It may have ended; then there is nobody to tell.
        let _ = kill(Pid::from_raw(COMMAND.load(Ordering::Relaxed)), signal);
    }
}

fn handle_signals() -> Result<(), String> {
    // Without SA_RESTART: waitpid() returns, and the mark gets its line at once. Should it come in the instant before
    // that call, its line waits for the next stop; no call is counted in between.
    let mark = SigAction::new(SigHandler::Handler(mark), SaFlags::empty(), SigSet::empty());
    let pass_on = SigAction::new(
        SigHandler::Handler(pass_on),
        SaFlags::SA_RESTART,
        SigSet::empty(),
    );
    let all = [(&Signal::SIGUSR1, &mark)]
        .into_iter()
        .chain(PASSED_ON.iter().map(|signal| (signal, &pass_on)));
    for (signal, action) in all {
        // SAFETY: both handlers only store to or load from an atomic and call kill(), which are async-signal-safe.
        unsafe { sigaction(*signal, action) }.map_err(|error| failed("handle signals", error))?;
    }
    Ok(())
}

/// Ends this process by that signal, as the command has ended.
pub fn die_by(signal: Signal) -> ! {
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: the default action is no handler of ours. SIGKILL refuses, and needs none.
    let _ = unsafe { sigaction(signal, &default) };
    let _ = raise(signal);
    // Some signals do not end a process (as 128 + n, shells say the same).
    std::process::exit(128 + signal as i32)
}

fn failed(what: &str, error: Errno) -> String {
    format!("cannot {what}: {error}")
}
