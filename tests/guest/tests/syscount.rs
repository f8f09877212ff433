// SPDX-License-Identifier: MIT OR Apache-2.0
//! syscount on commands whose system calls are known. Runs on the host: nothing in it is the guest's alone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// syscount over a shell script, reporting to a file of the test's own.
struct Count {
    json: std::path::PathBuf,
    command: Command,
}

impl Count {
    fn script(name: &str, script: &str) -> Self {
        let json = std::env::temp_dir().join(format!("syscount-{}-{name}", std::process::id()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_syscount"));
        command
            .arg("--json")
            .arg(&json)
            .args(["--", "sh", "-c", script]);
        Self { json, command }
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.json).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.json);
    }
}

fn calls(line: &Value, name: &str) -> u64 {
    line["calls"]
        .get(name)
        .map_or(0, |count| count.as_u64().unwrap())
}

#[test]
fn exit_code_and_output_are_the_commands() {
    let mut count = Count::script("exit", "echo hello; exit 7");
    let output = count.command.output().unwrap();
    assert_eq!(
        (output.status.code(), &output.stdout[..]),
        (Some(7), &b"hello\n"[..])
    );
    let lines = count.lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(calls(&lines[0], "exit_group"), 1);
    assert_eq!(calls(&lines[0], "write"), 1);
}

#[test]
fn deadly_signal_is_the_commands() {
    let status = Count::script("signal", "kill -TERM $$")
        .command
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
}

#[test]
fn mark_from_inside_splits_the_counts_exactly() {
    let mut count = Count::script(
        "mark",
        "kill -USR1 $PPID; echo a; echo b; kill -USR1 $PPID; echo c",
    );
    assert!(
        count
            .command
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    let lines = count.lines();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(calls(&lines[0], "kill"), 1);
    // Exactly the two echoes and the kill that marks.
    assert_eq!(
        (calls(&lines[1], "write"), calls(&lines[1], "kill")),
        (2, 1)
    );
    assert_eq!(calls(&lines[2], "write"), 1);
}

#[test]
fn children_are_counted_too() {
    let mut count = Count::script("children", "(echo a); (echo b); (exit 3); echo c");
    assert!(
        count
            .command
            .stdout(Stdio::null())
            .status()
            .unwrap()
            .success()
    );
    let lines = count.lines();
    assert_eq!(calls(&lines[0], "write"), 3);
    assert_eq!(calls(&lines[0], "exit_group"), 4);
}

#[test]
fn signals_reach_the_command() {
    let mut count = Count::script(
        "term",
        "trap 'echo got; exit 4' TERM; echo ready; while :; do sleep 0.1; done",
    );
    let mut child = count.command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "got");
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

#[test]
fn missing_command_is_syscounts_own_failure() {
    let output = Command::new(env!("CARGO_BIN_EXE_syscount"))
        .args(["--", "/nonexistent"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent"));
}
