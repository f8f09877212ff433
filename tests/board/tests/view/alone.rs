// SPDX-License-Identifier: MIT OR Apache-2.0
//! `board-view`, in a terminal of its own.

use std::process::{Command, Stdio};

use board::terminal::{Raw, Screen, restore_on_panic};
use nix::sys::signal::Signal;

use crate::person::Person;
use crate::plsim::Plsim;

/// Of the demo's design: the controller, and the LEDs' data register.
const IER: u64 = 0x08;
const MER: u64 = 0x1c;
const LEDS: u64 = 0x3000;
const BUTTONS_GIER: u64 = 0x111c;
const BUTTONS_IER: u64 = 0x1128;

fn view(plsim: &Plsim) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_board-view"));
    command.env("TMPDIR", plsim.temporary());
    command
}

/// The view of a board that it has found by itself.
fn looking_at(plsim: &Plsim) -> Person {
    let person = Person::starts(&view(plsim));
    person.sees(&["The simulated board", "btns_gpio", "leds_gpio", "Esc"]);
    person
}

#[test]
fn view_shows_presses_and_what_the_cpu_does() {
    let plsim = Plsim::start();
    let mut person = looking_at(&plsim);
    assert!(person.is_covered());
    person.sees(&["It has touched no register yet"]);

    let mut cpu = plsim.cpu();
    for (register, value) in [
        (BUTTONS_GIER, 1 << 31),
        (BUTTONS_IER, 1),
        (IER, 1),
        (MER, 3),
    ] {
        cpu.writes(register, value);
    }
    person.sees(&["axi_intc_0/0     btns_gpio     level low  yes           0"]);
    // The second button, for good.
    person.types("S");
    person.sees(&[
        "a[ ]  s[#]  d[ ]",
        "axi_intc_0/0     btns_gpio     level high yes           1",
    ]);
    person.sees(&["▔▔ high       1"]);
    assert_eq!(plsim.client().read("btns_gpio").unwrap().pins, 0b0010);
    assert!(!person.is_lit("leds_gpio", "●", 0));
    cpu.writes(LEDS, 0b0101);
    person.sees(&["●     ○     ●     ○"]);
    assert!(person.is_lit("leds_gpio", "●", 1));
    person.sees(&["leds_gpio     axi_gpio             0         1"]);
    person.types("S");
    person.sees(&["a[ ]  s[ ]  d[ ]"]);
    assert_eq!(plsim.client().read("btns_gpio").unwrap().pins, 0);

    // What others press is seen as well.
    plsim.client().set("switches_gpio", 0b11).unwrap();
    person.sees(&["g[#]  h[#]"]);
}

#[test]
fn pushed_button_comes_up_by_itself_and_a_chosen_one_can_be_held() {
    let plsim = Plsim::start();
    let mut person = looking_at(&plsim);
    person.types("d");
    person.sees(&["d[#]"]);
    person.sees(&["d[ ]"]);
    assert_eq!(
        plsim.client().irq().unwrap().raised,
        0,
        "nobody has enabled anything"
    );
    // Right, Tab, Enter: the third one.
    person.types("\x1b[C\t\r");
    person.sees(&["d[#]"]);
    person.types("\r");
    person.sees(&["d[ ]"]);
}

#[test]
fn every_way_out_gives_the_terminal_back() {
    let plsim = Plsim::start();
    for keys in ["q", "\x1b", "\x03", "\x1d"] {
        let mut person = Person::starts(&view(&plsim));
        person.sees(&["btns_gpio", "Esc"]);
        assert_ne!(person.settings(), person.found);
        person.types(keys);
        assert_eq!(person.waits_for_the_end().code(), Some(0), "{keys:?}");
        assert_eq!(person.settings(), person.found, "{keys:?}");
        person.waits("empty screen", |screen| screen.trim().is_empty());
        assert!(!person.is_covered(), "{keys:?}");
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut person = Person::starts(&view(&plsim));
        person.sees(&["btns_gpio", "Esc"]);
        // Its finger is still on the button then.
        person.types("a");
        person.sees(&["a[#]"]);
        person.sends(signal);
        assert_eq!(person.waits_for_the_end().code(), Some(128 + signal as i32));
        assert_eq!(person.settings(), person.found, "{signal}");
        person.waits("empty screen", |screen| screen.trim().is_empty());
        assert!(!person.is_covered(), "{signal}");
        assert_eq!(
            plsim.client().read("btns_gpio").unwrap().pins,
            0,
            "{signal}"
        );
    }
}

#[test]
fn board_that_is_switched_off_ends_the_view() {
    let mut plsim = Plsim::start();
    let mut person = looking_at(&plsim);
    plsim.end();
    assert_eq!(person.waits_for_the_end().code(), Some(0));
    person.sees(&["The board is switched off."]);
    assert!(!person.is_covered());
}

#[test]
fn window_that_changes_its_size_is_drawn_anew() {
    let plsim = Plsim::start();
    let mut person = looking_at(&plsim);
    person.resizes(12, 60);
    person.waits("help at the bottom", |screen| {
        let rows: Vec<&str> = screen.lines().collect();
        rows.len() == 12 && rows[11].contains("Esc") && screen.contains("make the window higher")
    });
}

#[test]
fn without_a_terminal_it_says_what_it_needs() {
    let plsim = Plsim::start();
    let output = view(&plsim).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said.contains("needs a terminal") && said.contains("plsim ctl"),
        "{said}"
    );

    let mut person = Person::starts(view(&plsim).env("TERM", "dumb"));
    assert_eq!(person.waits_for_the_end().code(), Some(1));
    person.sees(&["the view needs a terminal: TERM"]);
}

#[test]
fn board_is_found_or_named_and_a_wrong_one_is_refused() {
    let nobody = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_board-view"));
    command.env("TMPDIR", nobody.path());
    let mut person = Person::starts(&command);
    assert_eq!(person.waits_for_the_end().code(), Some(1));
    person.sees(&["no board runs"]);

    let plsim = Plsim::start();
    let mut named = Command::new(env!("CARGO_BIN_EXE_board-view"));
    named.arg("--control").arg(plsim.control());
    Person::starts(&named).sees(&["btns_gpio"]);

    let mut wrong = Command::new(env!("CARGO_BIN_EXE_board-view"));
    wrong.args(["--control", "/nonexistent/control.sock"]);
    let mut person = Person::starts(&wrong);
    assert_eq!(person.waits_for_the_end().code(), Some(1));
    person.sees(&["cannot connect", "/nonexistent/control.sock"]);
    assert!(!person.is_covered());
}

/// Set for the process that is to panic.
const PANICS: &str = "VIEW_TEST_PANICS";

#[test]
fn panic_gives_the_terminal_back_and_can_be_read() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--ignored",
        "--exact",
        "alone::panics_while_it_has_the_terminal",
    ]);
    command.arg("--nocapture").env(PANICS, "yes");
    // Its message is to be on the screen yet.
    command.env("RUST_BACKTRACE", "0");
    let mut person = Person::starts(&command);
    assert_ne!(person.waits_for_the_end().code(), Some(0));
    assert_eq!(person.settings(), person.found);
    person.sees(&["the sky falls"]);
    assert!(!person.is_covered());
}

/// The process of the test above.
#[test]
#[ignore = "a part of another test"]
fn panics_while_it_has_the_terminal() {
    if std::env::var_os(PANICS).is_some() {
        restore_on_panic();
        let _raw = Raw::enter().unwrap();
        let _screen = Screen::enter().unwrap();
        panic!("the sky falls");
    }
}
