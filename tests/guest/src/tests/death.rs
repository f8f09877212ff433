// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiters that are killed, interrupted or closed: the line is masked behind them.

use std::thread;

use axirq::Interrupt;
use nix::errno::Errno;
use nix::sys::signal::SaFlags;
use nix::sys::signal::SigAction;
use nix::sys::signal::SigHandler;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signal::sigaction;
use nix::sys::wait::WaitStatus;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::child::Child;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::tasks::run;
use crate::rig::wait_for_state;

crate::tests![
    killed_blocked_reader_masks_a_level_line,
    killed_tokio_waiter_masks_a_level_line,
    killed_continuous_reader_masks_an_edge_line,
    killed_waiter_leaves_the_line_to_others,
    signal_ends_a_blocked_read_and_disarms,
    restarting_signal_does_not_end_a_blocked_read,
    close_masks,
];

/// Kills a child that waits on a line, and says whether the line was enabled before and after.
fn kill_waiter(rig: &mut Rig, pin: &str, input: u32, wait: impl FnOnce()) {
    let child = Child::start(|_| {
        wait();
        0
    });
    wait_for_state(pin, "armed");
    assert!(rig.fabric.is_enabled(input));
    child.signal(Signal::SIGKILL);
    let pid = child.pid();
    assert_eq!(
        child.end(),
        WaitStatus::Signaled(pid, Signal::SIGKILL, false)
    );
    assert_eq!(attribute(pin, "state"), "unused");
    assert!(!rig.fabric.is_enabled(input));
}

fn killed_blocked_reader_masks_a_level_line() {
    let (mut rig, _demo) = Rig::with_demo();
    kill_waiter(&mut rig, LEVEL, LEVEL_INPUT, || {
        let _ = LineFile::open_blocking(LEVEL).read_count();
    });
}

fn killed_tokio_waiter_masks_a_level_line() {
    let (mut rig, _demo) = Rig::with_demo();
    kill_waiter(&mut rig, LEVEL, LEVEL_INPUT, || {
        run(async { drop(Interrupt::open(LEVEL).unwrap().wait().await) });
    });
}

fn killed_continuous_reader_masks_an_edge_line() {
    let (mut rig, _demo) = Rig::with_demo();
    kill_waiter(&mut rig, EDGE, EDGE_INPUT, || {
        let file = LineFile::open_blocking(EDGE);
        file.set_mode(CONTINUOUS).unwrap();
        let _ = file.read_count();
    });
}

fn killed_waiter_leaves_the_line_to_others() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    file.arm().unwrap();
    let mut child = Child::start(|parent| {
        let file = LineFile::open_blocking(LEVEL);
        file.arm().unwrap();
        parent.ready();
        file.read_count().map_or(1, |_| 0)
    });
    child.wait_until_ready();
    child.signal(Signal::SIGKILL);
    child.end();
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    rig.fabric.raise_input(LEVEL_INPUT);
    file.wait();
    assert_eq!(file.read_count(), Ok(1));
}

extern "C" fn ignore(_: libc::c_int) {}

/// A child in a blocking read, with a handler for SIGUSR1. It exits with 0 after an event, else with the error.
fn blocked_reader(flags: SaFlags) -> Child {
    let child = Child::start(|_| {
        let action = SigAction::new(SigHandler::Handler(ignore), flags, SigSet::empty());
        // SAFETY: The handler does nothing.
        unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
        LineFile::open_blocking(LEVEL)
            .read_count()
            .map_or_else(|error| error as i32, |_| 0)
    });
    wait_for_state(LEVEL, "armed");
    child
}

fn signal_ends_a_blocked_read_and_disarms() {
    let (mut rig, _demo) = Rig::with_demo();
    // Keeps the line in use, so that its state is seen to be the read's doing.
    let other = LineFile::open(LEVEL);
    let child = blocked_reader(SaFlags::empty());
    child.signal(Signal::SIGUSR1);
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, Errno::EINTR as i32));
    assert_eq!(attribute(LEVEL, "state"), "idle");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    drop(other);
}

fn restarting_signal_does_not_end_a_blocked_read() {
    let (mut rig, _demo) = Rig::with_demo();
    let child = blocked_reader(SaFlags::SA_RESTART);
    child.signal(Signal::SIGUSR1);
    thread::sleep(QUIET);
    wait_for_state(LEVEL, "armed");
    rig.fabric.raise_input(LEVEL_INPUT);
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
}

fn close_masks() {
    let (mut rig, _demo) = Rig::with_demo();
    for (pin, input) in [(LEVEL, LEVEL_INPUT), (EDGE, EDGE_INPUT)] {
        let file = LineFile::open(pin);
        file.arm().unwrap();
        assert!(rig.fabric.is_enabled(input));
        drop(file);
        assert!(!rig.fabric.is_enabled(input), "{pin}");
    }
}
