// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command, on a tree of plain files: what it prints, and its exit codes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use tempfile::TempDir;

fn axirq(root: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_axirq"))
        .arg("--root")
        .arg(root)
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn entry(root: &Path, name: &str, attributes: &[(&str, &str)]) {
    let dir = root.join("sys/class/axirq").join(name);
    fs::create_dir_all(&dir).unwrap();
    for (attribute, value) in attributes {
        fs::write(dir.join(attribute), format!("{value}\n")).unwrap();
    }
}

fn pin(root: &Path, cell: &str, pin: &str, controller: &str, hwirq: &str) {
    let irq = format!("4{hwirq}");
    let common = [
        ("cell", cell),
        ("pin", pin),
        ("controller", controller),
        ("hwirq", hwirq),
        ("irq", &irq),
    ];
    let now = [("trigger", "edge"), ("count", "5"), ("state", "idle")];
    entry(root, &format!("{cell}!{pin}"), &[&common[..], &now[..]].concat());
}

fn window(root: &Path, cell: &str) {
    let name = format!("{cell}/regs");
    let attributes = [
        ("cell", cell),
        ("name", &name),
        ("address", "0xa0010000"),
        ("size", "0x1000"),
    ];
    entry(root, &format!("{cell}!regs"), &attributes);
}

fn demo() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    pin(root, "axi_intc_0", "0", "axi_intc_0", "0");
    pin(root, "axi_timer_0", "interrupt", "axi_intc_0", "0");
    window(root, "axi_timer_0");
    pin(root, "direct", "irq", "GICv2", "9");
    window(root, "leds_gpio");
    dir
}

#[test]
fn list_groups_by_controller() {
    let output = axirq(demo().path(), &["list"]);
    assert!(output.status.success());
    assert_eq!(
        text(&output.stdout),
        "\
GICv2
  direct
    irq        input 9   irq 49  edge   count 5        idle
axi_intc_0
  raw inputs
    0          input 0   irq 40  edge   count 5        idle
  axi_timer_0
    interrupt  input 0   irq 40  edge   count 5        idle
    regs       address 0xa0010000 size 0x1000
no interrupts
  leds_gpio
    regs       address 0xa0010000 size 0x1000
"
    );
}

#[test]
fn list_as_json_has_everything() {
    let output = axirq(demo().path(), &["list", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let timer = &json["cells"][1];
    assert_eq!(timer["name"], "axi_timer_0");
    assert_eq!(
        timer["pins"][0],
        serde_json::json!({
            "name": "axi_timer_0/interrupt", "pin": "interrupt", "controller": "axi_intc_0", "hwirq": 0, "irq": 40,
            "trigger": "edge", "count": 5, "state": "idle", "raw": false,
        })
    );
    assert_eq!(timer["windows"][0]["address"], 0xa001_0000_u64);
    assert_eq!(json["cells"][0]["pins"][0]["raw"], true);
}

#[test]
fn what_does_not_work_is_said_on_standard_error() {
    let empty = tempfile::tempdir().unwrap();
    for (root, arguments, code, words) in [
        (empty.path(), &["list"][..], 1, "not loaded"),
        (empty.path(), &["watch"], 1, "not loaded"),
        (
            demo().path(),
            &["wait", "axi_timer_0/interupt"],
            1,
            "did you mean `axi_timer_0/interrupt`",
        ),
        (demo().path(), &["wait", "axi_timer_0"], 1, "is not a name"),
        (demo().path(), &["wait"], 2, "Usage"),
        (demo().path(), &["wait", "a/b", "--timeout=-1"], 2, "--timeout"),
        (demo().path(), &["wait", "a/b", "--count", "0"], 2, "--count"),
        (demo().path(), &["listen"], 2, "Usage"),
    ] {
        let output = axirq(root, arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(
            text(&output.stderr).contains(words),
            "{arguments:?}: {}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_loaded_module_without_cells_lists_nothing_and_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("sys/class/axirq")).unwrap();
    let output = axirq(dir.path(), &["list"]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(text(&output.stderr).contains("overlay"));
    assert_eq!(text(&axirq(dir.path(), &["list", "--json"]).stdout), "{\"cells\":[]}\n");
}

#[test]
fn help_tells_the_exit_codes() {
    for arguments in [&["--help"][..], &["wait", "--help"], &["watch", "--help"]] {
        let output = axirq(Path::new("/"), arguments);
        assert!(
            output.status.success() && text(&output.stdout).contains("Exit codes"),
            "{arguments:?}"
        );
    }
}
