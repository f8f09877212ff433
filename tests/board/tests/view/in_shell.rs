// SPDX-License-Identifier: MIT OR Apache-2.0
//! `board shell` and the view taking turns on one terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::PATIENCE;
use crate::guest::{self, EXIT, SAY, SIGNS};
use crate::person::Person;
use crate::plsim::{DEMO, program};

/// A runner with the real simulator, and a stand-in for QEMU.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for folder in ["tmp", "signs", "logs"] {
            fs::create_dir(bench.path(folder)).unwrap();
        }
        for file in ["kernel", "busybox", "init"] {
            fs::write(bench.path(file), file).unwrap();
        }
        // The device tree is the real one's.
        let guest = guest::command();
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in *dumpdtb*) exec qemu-system-aarch64 \"$@\";; esac\nexec {guest}\n"
        );
        fs::write(bench.path("qemu"), script).unwrap();
        fs::set_permissions(bench.path("qemu"), fs::Permissions::from_mode(0o755)).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_board"));
        for (option, file) in [
            ("--kernel", "kernel"),
            ("--busybox", "busybox"),
            ("--guest-bin", "init"),
            ("--qemu", "qemu"),
            ("--logs", "logs"),
        ] {
            command.arg(option).arg(self.path(file));
        }
        command
            .arg("--plsim")
            .arg(program())
            .args(["--design", DEMO]);
        command.arg("shell");
        command
            .env("TMPDIR", self.path("tmp"))
            .env(SIGNS, self.path("signs"));
        command
    }

    /// The shell's prompt is there.
    fn shell(&self) -> Person {
        let person = Person::starts(&self.command());
        person.sees(&["guest# "]);
        person
    }

    /// The view has the terminal.
    fn view(&self) -> Person {
        let mut person = self.shell();
        person.types("\x1d");
        person.sees(VIEW);
        person
    }

    fn signs(&self, sign: &str) {
        fs::write(self.path("signs").join(sign), "").unwrap();
    }

    /// Waits until the runner has heard it from the guest.
    fn hears(&self, text: &str) {
        let (log, start) = (self.path("logs").join("console.log"), Instant::now());
        while !fs::read_to_string(&log).unwrap().contains(text) {
            assert!(start.elapsed() < PATIENCE, "no {text:?} from the guest");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

const VIEW: &[&str] = &["The simulated board", "back to the shell"];

#[test]
fn shell_and_view_take_turns() {
    let bench = Bench::new();
    let mut person = bench.shell();
    person.sees(&["Ctrl-] shows the board itself"]);
    person.types("ls");
    person.sees(&["guest# <ls>"]);
    for turn in 0..2 {
        person.types("\x1d");
        person.sees(VIEW);
        // Keys are the buttons' now, and what the guest says waits.
        person.types("A");
        person.sees(&[if turn == 0 { "a[#]" } else { "a[ ]" }]);
        bench.signs(SAY);
        bench.hears(&"said meanwhile".repeat(turn + 1));
        assert!(!person.screen().contains("said"), "{}", person.screen());
        person.types("\x1b");
        person.sees(&[&format!("guest# <ls>{}", "said meanwhile".repeat(turn + 1))]);
        assert!(!person.is_covered());
    }
    person.types("pwd");
    person.sees(&["<pwd>"]);
    person.types("\x04");
    assert_eq!(person.waits_for_the_end().code(), Some(0));
}

#[test]
fn keys_before_the_view_s_are_the_guest_s() {
    let bench = Bench::new();
    let mut person = bench.shell();
    person.types("abc\x1d");
    person.sees(VIEW);
    bench.hears("<abc>");
}

#[test]
fn shell_that_ends_under_the_view_ends_both() {
    let bench = Bench::new();
    let mut person = bench.view();
    bench.signs(EXIT);
    assert_eq!(person.waits_for_the_end().code(), Some(0));
    assert_eq!(person.settings(), person.found);
    person.sees(&["guest# "]);
    assert!(!person.is_covered());
}

#[test]
fn view_s_switch_and_signals_end_everything() {
    for signal in [None, Some(Signal::SIGTERM), Some(Signal::SIGINT)] {
        let bench = Bench::new();
        let mut person = bench.view();
        match signal {
            None => person.types("x"),
            Some(signal) => person.sends(signal),
        }
        let code = signal.map_or(0, |signal| 128 + signal as i32);
        assert_eq!(person.waits_for_the_end().code(), Some(code));
        assert_eq!(person.settings(), person.found);
        person.sees(&["guest# "]);
        assert!(!person.is_covered());
        let left: Vec<_> = fs::read_dir(bench.path("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn terminal_without_places_for_text_has_the_switch_alone() {
    let bench = Bench::new();
    let mut person = Person::starts(bench.command().env("TERM", "dumb"));
    person.sees(&["Ctrl-] switches the board off at once", "guest# "]);
    person.types("\x1d");
    assert_eq!(person.waits_for_the_end().code(), Some(0));
}
