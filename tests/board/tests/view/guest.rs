// SPDX-License-Identifier: MIT OR Apache-2.0
//! A stand-in for QEMU with a guest inside: says yes to everything, and has a shell that says what it was told.
//! It is this very program, started by the runner in the place of QEMU.

use std::io::{Read, Write, stdin, stdout};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use board::protocol::{Decoder, Event, Item, Outcome, Request, encode};

/// Names the folder for signs to the guest; only set where it is to stand in.
pub const SIGNS: &str = "VIEW_TEST_SIGNS";
/// The files there, and what the shell does when they appear.
pub const SAY: &str = "say";
pub const EXIT: &str = "exit";

/// The command that starts it.
pub fn command() -> String {
    let program = std::env::current_exe().unwrap();
    let test = "guest::stands_in_for_qemu";
    format!("{} --ignored --exact {test} --nocapture", program.display())
}

fn send(event: &Event) {
    let mut stdout = stdout();
    stdout.write_all(&encode(event).unwrap()).unwrap();
    stdout.flush().unwrap();
}

fn say(text: &[u8]) {
    let mut stdout = stdout();
    stdout.write_all(text).unwrap();
    stdout.flush().unwrap();
}

/// Not a test, but what one starts.
#[test]
#[ignore = "a part of other tests"]
fn stands_in_for_qemu() {
    let Some(signs) = std::env::var_os(SIGNS).map(PathBuf::from) else {
        return;
    };
    let kernel = "7.7.7".into();
    send(&Event::Ready { kernel });
    let mut decoder = Decoder::default();
    let mut bytes = [0; 4096];
    loop {
        let length = stdin().read(&mut bytes).unwrap();
        for item in decoder.push(&bytes[..length]) {
            match item {
                Item::Message(request) => answer(request, &signs),
                Item::Text(typed) => hear(&typed),
            }
        }
        if length == 0 {
            return;
        }
    }
}

fn answer(request: Request, signs: &std::path::Path) {
    match request {
        Request::Run { id, .. } => {
            send(&Event::Started { id, pid: 2 });
            let outcome = Outcome::Exited(0);
            send(&Event::Ended { id, outcome });
        }
        Request::WaitPath { id, .. } => send(&Event::Path { id, exists: true }),
        Request::Shell { .. } => {
            send(&Event::ShellStarted);
            say(b"guest# ");
            let signs = signs.to_path_buf();
            thread::spawn(move || obey(&signs));
        }
        Request::PowerOff => std::process::exit(0),
        Request::Kill { .. } | Request::KernelLog { .. } => unreachable!("no shell needs it"),
    }
}

/// The shell's ears: repeats what was typed, and ends with Ctrl-D.
fn hear(typed: &[u8]) {
    say(&[b"<", typed, b">"].concat());
    if typed.contains(&0x04) {
        send(&Event::ShellEnded);
    }
}

/// The shell's eyes.
fn obey(signs: &std::path::Path) {
    loop {
        if std::fs::remove_file(signs.join(SAY)).is_ok() {
            say(b"said meanwhile");
        }
        if std::fs::remove_file(signs.join(EXIT)).is_ok() {
            send(&Event::ShellEnded);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
