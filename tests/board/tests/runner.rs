// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runner's ways out, with scripts in the place of plsim and QEMU: whatever ends it, nothing stays behind.
//! (For the device tree the real QEMU and dtc are asked.)

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// For what takes an instant, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Says that it is up, in a pipe that it holds open while it lives.
const IS_UP: &str = "exec 9>\"$0.alive\"; echo up >&9";

/// Is up, then sits there.
const SITS: &str = "exec 9>\"$0.alive\"; echo up >&9; exec sleep 1000";

/// All that a run needs, in a folder that is its temporary one too.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// `qemu` is what QEMU's stand-in does once it is to boot.
    fn new(qemu: &str) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(bench.path("tmp")).unwrap();
        for file in ["kernel", "design", "busybox", "init"] {
            fs::write(bench.path(file), file).unwrap();
        }
        // Up before it is ready: QEMU's stand-in may fail, and plsim be killed, an instant later.
        bench.script(
            "plsim",
            &format!("{IS_UP}; echo 'plsim: ready'; exec sleep 1000"),
        );
        bench.script(
            "qemu",
            &format!("case \"$*\" in *dumpdtb*) exec qemu-system-aarch64 \"$@\";; esac; {qemu}"),
        );
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn runner(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_board"));
        for (option, file) in [
            ("--kernel", "kernel"),
            ("--design", "design"),
            ("--busybox", "busybox"),
            ("--guest-bin", "init"),
            ("--plsim", "plsim"),
            ("--qemu", "qemu"),
        ] {
            command.arg(option).arg(self.path(file));
        }
        command
            .env("TMPDIR", self.path("tmp"))
            .args(["run", "--", "true"]);
        command
    }

    fn run(&self) -> Output {
        self.runner().output().unwrap()
    }

    /// A pipe that tells of a stand-in's life.
    fn life(&self, name: &str) -> Life {
        let path = self.path(&format!("{name}.alive"));
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        Life(path)
    }

    fn left_behind(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path("tmp"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }
}

struct Life(PathBuf);

impl Life {
    /// Waits until the stand-in is up. The result is at its end when the stand-in is.
    fn begins(&self) -> BufReader<File> {
        let path = self.0.clone();
        let mut life = within(move || BufReader::new(File::open(path).unwrap()));
        let mut line = String::new();
        life.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        life
    }
}

fn ends(mut life: BufReader<File>) {
    assert_eq!(within(move || life.read(&mut [0]).unwrap()), 0);
}

/// The result of something that blocks, or a panic if it blocks for too long.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, result) = channel();
    thread::spawn(move || sender.send(work()));
    result
        .recv_timeout(PATIENCE)
        .expect("it should take an instant")
}

fn both_up(bench: &Bench) -> (Child, [BufReader<File>; 2]) {
    let lives = [bench.life("plsim"), bench.life("qemu")];
    let runner = bench.runner().stderr(Stdio::null()).spawn().unwrap();
    (runner, lives.map(|life| life.begins()))
}

#[test]
fn killed_runner_takes_its_helpers_along() {
    let bench = Bench::new(SITS);
    let (mut runner, lives) = both_up(&bench);
    runner.kill().unwrap();
    runner.wait().unwrap();
    lives.map(ends);
}

#[test]
fn terminated_runner_leaves_neither_processes_nor_files() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let bench = Bench::new(SITS);
        let (mut runner, lives) = both_up(&bench);
        kill(Pid::from_raw(runner.id() as i32), signal).unwrap();
        let status = within(move || runner.wait().unwrap());
        assert_eq!(status.code(), Some(128 + signal as i32));
        lives.map(ends);
        assert!(bench.left_behind().is_empty(), "{:?}", bench.left_behind());
    }
}

#[test]
fn qemu_that_fails_is_quoted_and_logs_are_kept_and_named() {
    let bench = Bench::new("echo 'qemu: no such machine' >&2; exit 1");
    let life = bench.life("plsim");
    let runner = bench.runner().stderr(Stdio::piped()).spawn().unwrap();
    let life = life.begins();
    let output = within(move || runner.wait_with_output().unwrap());
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("qemu: no such machine"), "{said}");
    let logs = said
        .lines()
        .find_map(|line| line.strip_prefix("board: logs are in "))
        .expect("the logs' path");
    assert_eq!(
        fs::read_to_string(Path::new(logs).join("qemu.log")).unwrap(),
        "qemu: no such machine\n"
    );
    ends(life);
}

#[test]
fn panic_on_the_console_is_the_error() {
    let bench =
        Bench::new("echo '[    2.1] Kernel panic - not syncing: No working init found.'; exit 0");
    let life = bench.life("plsim");
    let runner = bench.runner().stderr(Stdio::piped()).spawn().unwrap();
    let life = life.begins();
    let output = within(move || runner.wait_with_output().unwrap());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(
            "the kernel died: [    2.1] Kernel panic - not syncing: No working init found."
        ),
        "{said}"
    );
    ends(life);
}

#[test]
fn missing_programs_and_options_are_named() {
    let bench = Bench::new("exit 0");
    fs::remove_file(bench.path("qemu")).unwrap();
    let said = String::from_utf8(bench.run().stderr).unwrap();
    assert!(
        said.contains("qemu-system-arm") && said.contains("--qemu"),
        "{said}"
    );

    let output = Command::new(env!("CARGO_BIN_EXE_board"))
        .args(["run", "--", "true"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        ["--kernel", "--plsim", "--design", "--busybox"]
            .iter()
            .all(|option| said.contains(option)),
        "{said}"
    );
}
