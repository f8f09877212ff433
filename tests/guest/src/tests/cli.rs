// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command `axirq`: output that scripts read, and exit codes.

use std::io::BufRead;
use std::io::BufReader;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::Rig;
use crate::rig::modules;
use crate::rig::wait_for_state;

crate::tests![
    list_in_json_is_what_there_is,
    list_is_for_people_too,
    wait_prints_the_event_and_succeeds,
    wait_that_times_out_says_so_by_its_exit_code,
    wait_for_an_unknown_pin_names_the_nearest,
    watch_into_a_pipe_prints_lines,
    wrong_usage_has_an_exit_code_of_its_own,
    module_that_is_not_loaded_is_said,
];

fn axirq(arguments: &[&str]) -> Command {
    let mut command = Command::new("axirq");
    command.args(arguments);
    command
}

fn output(arguments: &[&str]) -> Output {
    axirq(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Starts the command with its output in a pipe, and waits until it waits.
fn start(arguments: &[&str]) -> Child {
    let child = axirq(arguments).stdout(Stdio::piped()).spawn().unwrap();
    wait_for_state(EDGE, "armed");
    child
}

fn list_in_json_is_what_there_is() {
    let (_rig, _demo) = Rig::with_demo();
    let output = output(&["list", "--json"]);
    assert!(output.status.success());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cells = json["cells"].as_array().unwrap();
    let cell = |name: &str| cells.iter().find(|cell| cell["name"] == name).unwrap();
    assert_eq!(cells.len(), 5);
    let inputs = cell("axi_intc_0")["pins"].as_array().unwrap();
    let edges: Vec<_> = inputs
        .iter()
        .filter(|pin| pin["trigger"] == "edge")
        .map(|pin| pin["pin"].clone())
        .collect();
    assert_eq!(
        (inputs.len(), &edges[..]),
        (8, &[Value::from("3"), Value::from("5")][..])
    );
    let button = &cell("btns_gpio")["pins"][0];
    assert_eq!(button["name"], "btns_gpio/ip2intc_irpt");
    assert_eq!(
        (&button["controller"], &button["hwirq"]),
        (&"axi_intc_0".into(), &0.into())
    );
    let window = &cell("leds_gpio")["windows"][0];
    assert_eq!(
        (&window["address"], &window["size"]),
        (&0x1000_3000.into(), &0x1000.into())
    );
}

fn list_is_for_people_too() {
    let (_rig, _demo) = Rig::with_demo();
    let output = output(&["list"]);
    assert!(output.status.success());
    let text = text(&output.stdout);
    for name in [
        "axi_intc_0",
        "btns_gpio",
        "ip2intc_irpt",
        "leds_gpio",
        "interrupt",
    ] {
        assert!(text.contains(name), "no {name} in:\n{text}");
    }
}

fn wait_prints_the_event_and_succeeds() {
    let (mut rig, _demo) = Rig::with_demo();
    let child = start(&["wait", EDGE, "--timeout", "20", "--json"]);
    rig.fabric.pulse_input(EDGE_INPUT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json["pin"], &json["count"], &json["sequence"]),
        (&EDGE.into(), &1.into(), &1.into())
    );
}

fn wait_that_times_out_says_so_by_its_exit_code() {
    let (_rig, _demo) = Rig::with_demo();
    let output = output(&["wait", EDGE, "--timeout", "0.2"]);
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(text(&output.stdout), "");
}

fn wait_for_an_unknown_pin_names_the_nearest() {
    let (_rig, _demo) = Rig::with_demo();
    let output = output(&["wait", "btns_gpio/irpt", "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("btns_gpio/ip2intc_irpt"),
        "{}",
        text(&output.stderr)
    );
}

fn watch_into_a_pipe_prints_lines() {
    let (mut rig, _demo) = Rig::with_demo();
    let mut child = start(&["watch", EDGE, "--seconds", "20", "--json"]);
    for _ in 0..3 {
        rig.fabric.pulse_input(EDGE_INPUT);
    }
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // A line each second in which there was something; their counts are totals.
    let last = lines
        .map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap())
        .inspect(|line| assert_eq!(line["pin"], EDGE))
        .find(|line| line["count"].as_u64().unwrap() >= 1)
        .expect("a line with an event");
    assert!(last["count"].as_u64().unwrap() <= 3);
    // Nobody reads on: it ends at its next line, and in peace.
    rig.fabric.pulse_input(EDGE_INPUT);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn wrong_usage_has_an_exit_code_of_its_own() {
    let _rig = Rig::new();
    for arguments in [
        &["wait"][..],
        &["no-such-verb"],
        &["wait", EDGE, "--timeout", "soon"],
    ] {
        assert_eq!(output(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

fn module_that_is_not_loaded_is_said() {
    let _rig = Rig::new();
    modules::unload().unwrap();
    let output = output(&["list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("modprobe axirq"),
        "{}",
        text(&output.stderr)
    );
}
