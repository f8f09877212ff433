// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq list`, and what all verbs say when there is nothing to work on.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::Value;
use serde_json::json;

use crate::Machine;
use crate::text;

#[test]
fn list_groups_by_controller() {
    let output = Machine::demo().run(&["list"]);
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
    let output = Machine::demo().run(&["list", "--json"]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let timer = &json["cells"][1];
    assert_eq!(timer["name"], "axi_timer_0");
    assert_eq!(
        timer["pins"][0],
        json!({
            "name": "axi_timer_0/interrupt", "pin": "interrupt", "controller": "axi_intc_0", "hwirq": 0, "irq": 40,
            "trigger": "edge", "count": 5, "state": "idle", "raw": false, "holders": [],
        })
    );
    assert_eq!(timer["windows"][0]["address"], 0xa001_0000_u64);
    assert_eq!(timer["windows"][0]["holders"], json!([]));
    assert_eq!(
        (&json["cells"][0]["pins"][0]["raw"], &json["cells"][0]["parent"]),
        (&json!(true), &Value::Null)
    );
}

#[test]
fn who_holds_a_pin_is_shown() {
    let machine = Machine::demo();
    machine.write("sys/class/axirq/direct!irq/state", "busy\n");
    machine.write("proc/interrupts", "  CPU0\n 49: 7 GICv2 9 Level xilinx-dma\n");
    machine.write("proc/812/comm", "app\n");
    machine.write("proc/812/fdinfo/5", "pos:\t0\naxirq-state:\tarmed\n");
    fs::create_dir_all(machine.path("proc/812/fd")).unwrap();
    symlink("/dev/axirq/axi_timer_0/interrupt", machine.path("proc/812/fd/5")).unwrap();
    machine.write("proc/9/comm", "mapper\n");
    machine.write(
        "proc/9/maps",
        "7f00-7f01 rw-s 00000000 00:06 1  /dev/axirq/leds_gpio/regs\n",
    );

    let output = machine.run(&["list"]);
    let tree = text(&output.stdout);
    for line in [
        "    irq        input 9   irq 49  edge   count 5        busy; held by driver xilinx-dma\n",
        "    interrupt  input 0   irq 40  edge   count 5        idle; held by app (812), waiting\n",
        "    regs       address 0xa0010000 size 0x1000; held by mapper (9)\n",
    ] {
        assert!(tree.contains(line), "{tree}");
    }
    let json: Value = serde_json::from_slice(&machine.run(&["list", "--json"]).stdout).unwrap();
    assert_eq!(
        json["cells"][1]["pins"][0]["holders"],
        json!([{"kind": "process", "pid": 812, "command": "app", "armed": true}])
    );
    assert_eq!(
        json["cells"][2]["pins"][0]["holders"],
        json!([{"kind": "driver", "name": "xilinx-dma"}])
    );
    assert_eq!(
        json["cells"][3]["windows"][0]["holders"],
        json!([{"kind": "process", "pid": 9, "command": "mapper", "armed": null}])
    );
}

#[test]
fn a_cascade_says_where_it_is_wired_to() {
    let machine = Machine::demo();
    machine.pin("axi_intc_1", "0", "axi_intc_1", "0");
    let node = |raw: &str, property: &str, words: &[u32]| {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        machine.write(format!("sys/class/axirq/{raw}/device/of_node/{property}"), bytes);
    };
    node("axi_intc_0!0", "phandle", &[7]);
    node("axi_intc_1!0", "interrupts-extended", &[7, 3, 2]);
    let output = machine.run(&["list"]);
    let tree = text(&output.stdout);
    assert!(
        tree.contains("\naxi_intc_1 (on input 3 of axi_intc_0)\n  raw inputs\n"),
        "{tree}"
    );
    let json: Value = serde_json::from_slice(&machine.run(&["list", "--json"]).stdout).unwrap();
    assert_eq!(
        json["cells"][1]["parent"],
        json!({"controller": "axi_intc_0", "hwirq": 3})
    );
}

#[test]
fn what_does_not_work_is_said_on_standard_error() {
    for verb in ["list", "watch"] {
        Machine::empty().fails(&[verb], "not loaded");
    }
    let demo = Machine::demo();
    demo.fails(
        &["wait", "axi_timer_0/interupt"],
        "did you mean `axi_timer_0/interrupt`",
    );
    demo.fails(&["wait", "axi_timer_0"], "is not a name");
}

#[test]
fn a_loaded_module_without_cells_lists_nothing_and_says_what_is_missing() {
    let machine = Machine::empty();
    fs::create_dir_all(machine.path("sys/class/axirq")).unwrap();
    let output = machine.run(&["list"]);
    assert!(output.status.success() && output.stdout.is_empty());
    assert!(text(&output.stderr).contains("overlay"));
    assert_eq!(text(&machine.run(&["list", "--json"]).stdout), "{\"cells\":[]}\n");
}
