// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system calls of another process, as the program `syscount` counts them between the marks that it makes.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::getppid;
use serde_json::Value;

use crate::rig::until;

const REPORT: &str = "/tmp/syscount.json";

/// The call that epoll_wait() makes: older processors have one of that name.
#[cfg(target_arch = "arm")]
pub const EPOLL_WAIT: (libc::c_long, &str) = (libc::SYS_epoll_wait, "epoll_wait");
#[cfg(not(target_arch = "arm"))]
pub const EPOLL_WAIT: (libc::c_long, &str) = (libc::SYS_epoll_pwait, "epoll_pwait");

/// The program that counts, on these tests as the process that is counted.
pub fn syscount(how: &str) -> Command {
    let mut command = Command::new("syscount");
    command.args(["--json", REPORT, "--", "guest-tests", "--be-counted", how]);
    command
}

/// For the counted process: what it calls when counting is to begin, or to end.
pub fn marker() -> impl Fn() {
    // Asking for it is a call as well.
    let parent = getppid();
    move || kill(parent, Signal::SIGUSR1).unwrap()
}

/// Until the process of this number sleeps in epoll_wait().
pub fn until_asleep(process: &str) {
    let doing = format!("/proc/{process}/syscall");
    let sleeping = format!("{} ", EPOLL_WAIT.0);
    until("the counted process to sleep", || {
        fs::read_to_string(&doing).unwrap().starts_with(&sleeping)
    });
}

/// The calls between the first two marks, by name, without that of the mark.
pub fn between_marks() -> BTreeMap<String, u64> {
    let report = fs::read_to_string(REPORT).unwrap();
    let counted: Value = serde_json::from_str(report.lines().nth(1).unwrap()).unwrap();
    let calls = counted["calls"].as_object().unwrap();
    let mut calls: BTreeMap<_, _> = calls
        .iter()
        .map(|(name, count)| (name.clone(), count.as_u64().unwrap()))
        .collect();
    assert_eq!(calls.remove("kill"), Some(1), "the mark");
    calls
}

/// Counts a process that waits `counted` times for what comes by itself: two calls a wait and no others. They are fewer if
/// the process was held up, and a few more if that was for the interrupt before.
pub fn assert_waits_cost_two(how: &str, counted: u64) {
    assert!(syscount(how).status().unwrap().success());
    let mut calls = between_marks();
    println!("{counted} {how}: {calls:?}");
    let most = counted + counted / 5;
    for name in ["ioctl", EPOLL_WAIT.1] {
        let count = calls.remove(name).unwrap_or(0);
        assert!((1..=most).contains(&count), "{count} times {name}");
    }
    assert!(calls.is_empty(), "{calls:?}");
}
