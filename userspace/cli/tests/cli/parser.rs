// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is made from the parser: usage errors, help, completions, the manual.

use std::fs;

use crate::Machine;
use crate::text;

const VERBS: &[&[&str]] = &[
    &[],
    &["list"],
    &["wait"],
    &["watch"],
    &["bind"],
    &["unbind"],
    &["overlay"],
    &["overlay", "load"],
    &["overlay", "remove"],
    &["overlay", "list"],
    &["doctor"],
    &["completions"],
    &["man"],
];

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    for (arguments, words) in [
        (&["wait"][..], "Usage"),
        (&["wait", "a/b", "--timeout=-1"], "--timeout"),
        (&["wait", "a/b", "--count", "0"], "--count"),
        (&["listen"], "Usage"),
        (&["bind"], "Usage"),
        (&["unbind"], "Usage"),
        (&["overlay"], "Usage"),
        (&["overlay", "load"], "Usage"),
        (&["overlay", "load", "x.dtbo", "--partial"], "--bitstream"),
        (&["overlay", "remove"], "Usage"),
        (&["doctor", "--storm", "often"], "--storm"),
        (&["completions", "cmd.exe"], "bash"),
        (&["man"], "Usage"),
    ] {
        let output = Machine::empty().run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(words), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn every_help_tells_the_exit_codes() {
    for verb in VERBS {
        let output = Machine::empty().run(&[*verb, &["--help"]].concat());
        let help = text(&output.stdout);
        assert!(
            output.status.success() && help.contains("Exit codes: 0"),
            "{verb:?}: {help}"
        );
        if help.contains("--json") && !verb.is_empty() {
            assert!(help.contains("JSON: {"), "{verb:?}: {help}");
        }
    }
}

#[test]
fn shells_learn_every_verb() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Machine::empty().run(&["completions", shell]);
        let script = text(&output.stdout);
        assert!(output.status.success());
        for verb in VERBS.iter().copied().flatten() {
            assert!(script.contains(verb), "{shell}: {verb}");
        }
    }
}

#[test]
fn every_verb_has_a_page_in_the_manual() {
    let machine = Machine::empty();
    let folder = machine.path("some/man1");
    let output = machine.run(&["man", folder.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for verb in VERBS {
        let name = [&["axirq"], *verb].concat().join("-");
        let page = fs::read_to_string(folder.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains("Exit codes"), "{name}:\n{page}");
    }
    machine.write("file", "");
    machine.fails(&["man", machine.path("file").to_str().unwrap()], "cannot write to");
}
