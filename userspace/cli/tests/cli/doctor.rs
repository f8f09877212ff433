// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq doctor`: each complaint, alone, on a machine that is well otherwise.

use std::fs;
use std::io::Write;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::Machine;
use crate::text;

const INTC: &str = "/amba_pl/intc@a0000000";
const GPIO: &str = "/amba_pl/gpio@a0001000";
const CONFIG: &str =
    "CONFIG_MODULES=y\nCONFIG_OF=y\nCONFIG_OF_OVERLAY=y\nCONFIG_CONFIGFS_FS=m\nCONFIG_DEVTMPFS=y\nCONFIG_RUST=y\n";
const INTERRUPTS: &str = "      CPU0\n 40:   7  axi-intc  0 Edge  app\n 13:  9  GICv2  27 Level  timer\n";

/// With nothing to complain about.
fn well() -> Machine {
    let machine = Machine::empty();
    machine.write("proc/sys/kernel/osrelease", "7.3\n");
    machine.write("boot/config-7.3", CONFIG);
    machine.write("proc/interrupts", INTERRUPTS);
    machine.write("sys/module/axirq/parameters/of_id", "\n");
    fs::create_dir_all(machine.path("sys/kernel/config/device-tree/overlays")).unwrap();
    fs::create_dir_all(machine.path("run/udev")).unwrap();
    machine.write(
        "etc/udev/rules.d/60-axirq.rules",
        "# axirq\nSUBSYSTEM==\"axirq\", GROUP=\"fpga\"\n",
    );
    machine.pin("axi_intc_0", "0", "axi_intc_0", "0");
    machine.pin("gpio", "irq", "axi_intc_0", "0");
    machine.write("dev/axirq/axi_intc_0/0", "");
    machine.write("dev/axirq/gpio/irq", "");
    machine.device("a0000000.intc", INTC, "xlnx,xps-intc-1.00.a", Some("axirq-intc"));
    machine.device("a0001000.gpio", GPIO, "axirq,ip-core", Some("axirq"));
    let base = "sys/firmware/devicetree/base";
    machine.write(
        format!("{base}{INTC}/compatible"),
        b"xlnx,axi-intc-4.1\0xlnx,xps-intc-1.00.a\0",
    );
    machine.property(INTC, "phandle", &[7]);
    machine.property(INTC, "#interrupt-cells", &[2]);
    machine.property(INTC, "xlnx,num-intr-inputs", &[4]);
    machine.property(INTC, "xlnx,kind-of-intr", &[2]);
    machine.property(GPIO, "interrupt-parent", &[7]);
    machine.property(GPIO, "interrupts", &[0, 2]);
    machine
}

fn examine(machine: &Machine) -> (Option<i32>, Value) {
    let output = machine.run(&["doctor", "--json", "--sample", "0.01"]);
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.status.code(), json)
}

/// Level, text and cure of what is not well.
fn complaints(machine: &Machine) -> Vec<(String, String, String)> {
    let (code, json) = examine(machine);
    let word = |finding: &Value, field: &str| finding[field].as_str().unwrap_or_default().to_owned();
    let complaints: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["level"] != "ok")
        .map(|finding| (word(finding, "level"), word(finding, "text"), word(finding, "cure")))
        .collect();
    let problems = complaints.iter().filter(|(level, ..)| level == "problem").count();
    assert_eq!(json["problems"], problems);
    assert_eq!(code, Some(i32::from(problems > 0)));
    assert!(
        complaints
            .iter()
            .all(|(_, text, cure)| !text.is_empty() && !cure.is_empty())
    );
    complaints
}

/// The one complaint.
fn complaint(machine: &Machine, level: &str, text: &str, cure: &str) {
    let complaints = complaints(machine);
    let [(found, said, named)] = &complaints[..] else {
        panic!("{complaints:#?}")
    };
    assert!(
        found == level && said.contains(text) && named.contains(cure),
        "{complaints:#?}"
    );
}

#[test]
fn who_is_well_is_told_so() {
    let machine = well();
    assert!(complaints(&machine).is_empty(), "{:#?}", complaints(&machine));
    let output = machine.run(&["doctor", "--sample", "0"]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        report.ends_with("\nno problems\n") && !report.contains("->"),
        "{report}"
    );
}

#[test]
fn the_text_names_problem_and_cure() {
    let machine = well();
    fs::remove_dir_all(machine.path("sys/kernel/config/device-tree")).unwrap();
    let output = machine.run(&["doctor", "--sample", "0"]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        report.contains("PROBLEM  overlays  configfs is not mounted\n"),
        "{report}"
    );
    assert!(report.contains(" -> mount -t configfs none "), "{report}");
    assert!(report.ends_with("\n1 problem\n"), "{report}");
}

#[test]
fn the_kernels_configuration() {
    let machine = well();
    machine.write(
        "boot/config-7.3",
        CONFIG.replace("CONFIG_OF_OVERLAY=y", "# CONFIG_OF_OVERLAY is not set"),
    );
    complaint(&machine, "problem", "lacks CONFIG_OF_OVERLAY", "CONFIG_OF_OVERLAY=y");
    // The running kernel's own word counts for more.
    let file = fs::File::create(machine.path("proc/config.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    packed.write_all(CONFIG.as_bytes()).unwrap();
    packed.finish().unwrap();
    assert!(complaints(&machine).is_empty());
    // Damaged, and nothing else there.
    machine.write("proc/config.gz", "no gzip");
    fs::remove_dir_all(machine.path("boot")).unwrap();
    complaint(&machine, "note", "not to be found", "CONFIG_OF_OVERLAY");
}

#[test]
fn the_module() {
    let machine = well();
    fs::remove_dir_all(machine.path("sys/module/axirq")).unwrap();
    fs::remove_dir_all(machine.path("sys/class/axirq")).unwrap();
    complaint(&machine, "problem", "axirq is not loaded", "modprobe axirq");
    machine.write("boot/config-7.3", CONFIG.replace("CONFIG_RUST=y", ""));
    assert!(
        complaints(&machine)
            .iter()
            .any(|(level, text, _)| level == "note" && text.contains("CONFIG_RUST"))
    );
}

#[test]
fn the_interface_for_overlays() {
    let machine = well();
    fs::remove_dir(machine.path("sys/kernel/config/device-tree/overlays")).unwrap();
    machine.write("proc/mounts", "none /sys/kernel/config configfs rw 0 0\n");
    complaint(
        &machine,
        "problem",
        "no interface for overlays",
        "modprobe axirq_overlay",
    );
    machine.write("proc/mounts", "");
    complaint(&machine, "problem", "configfs is not mounted", "mount -t configfs none");
    fs::remove_dir_all(machine.path("sys/kernel/config")).unwrap();
    complaint(&machine, "problem", "no configfs", "modprobe configfs");
}

#[test]
fn an_overlay_that_is_not_applied() {
    let machine = well();
    machine.write("sys/kernel/config/device-tree/overlays/half/status", "unapplied\n");
    complaint(
        &machine,
        "problem",
        "overlay half is not applied",
        "axirq overlay remove half",
    );
}

#[test]
fn no_cells() {
    let machine = well();
    fs::remove_dir_all(machine.path("sys/class/axirq")).unwrap();
    fs::create_dir_all(machine.path("sys/class/axirq")).unwrap();
    complaint(&machine, "problem", "no cell is bound", "axirq overlay load");
}

#[test]
fn nodes_without_a_driver() {
    let machine = well();
    machine.device("a0001000.gpio", GPIO, "axirq,ip-core", None);
    complaint(
        &machine,
        "problem",
        "gpio@a0001000 (/amba_pl/gpio@a0001000) is for axirq, but not bound",
        "axirq bind gpio@a0001000",
    );
    machine.device("a0001000.gpio", GPIO, "acme,gpio", None);
    complaint(
        &machine,
        "note",
        "wired to an AXI INTC, and has no driver",
        "of_id=acme,gpio",
    );
    // One that is wired elsewhere is nobody's business.
    machine.property(GPIO, "interrupt-parent", &[1]);
    assert!(complaints(&machine).is_empty());
}

#[test]
fn files_that_are_not_there() {
    let machine = well();
    fs::remove_dir_all(machine.path("dev/axirq/gpio")).unwrap();
    complaint(&machine, "problem", "dev/axirq/gpio/irq does not exist", "devtmpfs");
}

#[test]
fn the_udev_rule() {
    let machine = well();
    machine.write("etc/udev/rules.d/60-axirq.rules", "# SUBSYSTEM==\"axirq\"\n");
    complaint(&machine, "note", "no udev rule for axirq", "60-axirq.rules");
    machine.write(
        "usr/lib/udev/rules.d/99-own.rules",
        "SUBSYSTEM==\"axirq\", MODE=\"0660\"\n",
    );
    assert!(complaints(&machine).is_empty());
    fs::remove_dir_all(machine.path("usr")).unwrap();
    // Nobody would read it.
    fs::remove_dir(machine.path("run/udev")).unwrap();
    assert!(complaints(&machine).is_empty());
}

#[test]
fn suspicious_values_of_a_controller() {
    for (property, words, level, text, cure) in [
        (
            "xlnx,num-intr-inputs",
            &[0][..],
            "problem",
            "xlnx,num-intr-inputs is 0",
            "block design",
        ),
        (
            "xlnx,num-intr-inputs",
            &[33],
            "problem",
            "xlnx,num-intr-inputs is 33",
            "block design",
        ),
        (
            "xlnx,num-intr-inputs",
            &[],
            "problem",
            "xlnx,num-intr-inputs is missing",
            "block design",
        ),
        (
            "#interrupt-cells",
            &[3],
            "problem",
            "#interrupt-cells is 3",
            "2 in the overlay",
        ),
        (
            "xlnx,kind-of-intr",
            &[],
            "problem",
            "no xlnx,kind-of-intr",
            "block design",
        ),
        (
            "xlnx,kind-of-intr",
            &[0xffff_fff2],
            "note",
            "0xfffffff2 has ones above the 4 inputs",
            "padding",
        ),
        (
            "xlnx,kind-of-intr",
            &[0x12],
            "problem",
            "0x12 tells of more than 4 inputs",
            "which",
        ),
        (
            "xlnx,kind-of-intr",
            &[3],
            "note",
            "level sources on edge inputs: 0 (gpio@a0001000)",
            "after arming",
        ),
    ] {
        let machine = well();
        machine.property(INTC, property, words);
        complaint(&machine, level, text, cure);
    }
}

#[test]
fn suspicious_interrupts_of_an_ip_core() {
    for (words, level, text, cure) in [
        (
            &[4, 2][..],
            "problem",
            "names input 4 of /amba_pl/intc@a0000000, which has 4",
            "which",
        ),
        (&[0, 0], "note", "input 0 says edge", "block design"),
        (&[0, 77], "note", "type cell of input 0 is 77", "kind-of-intr alone"),
        (&[1, 4], "note", "level sources on edge inputs: 1", "after arming"),
    ] {
        let machine = well();
        machine.property(GPIO, "interrupts", words);
        complaint(&machine, level, text, cure);
    }
    // Through interrupts-extended, past another controller's cells.
    let machine = well();
    fs::remove_file(machine.path(format!("sys/firmware/devicetree/base{GPIO}/interrupts"))).unwrap();
    machine.property("/gic", "phandle", &[1]);
    machine.property("/gic", "#interrupt-cells", &[3]);
    machine.property(GPIO, "interrupts-extended", &[1, 0, 89, 4, 7, 9, 2]);
    complaint(&machine, "problem", "names input 9", "which");
    // Nonsense ends the list, and nothing else.
    for words in [&[7][..], &[7, 9], &[99, 1, 2], &[1, 0, 89, 4, 7]] {
        machine.property(GPIO, "interrupts-extended", words);
        assert!(complaints(&machine).is_empty(), "{words:?}");
    }
}

#[test]
fn a_known_level_source_on_an_edge_input_with_one_cell() {
    let machine = well();
    machine.property(INTC, "#interrupt-cells", &[1]);
    machine.property(GPIO, "interrupts", &[1]);
    assert!(complaints(&machine).is_empty());
    machine.write(
        format!("sys/firmware/devicetree/base{GPIO}/compatible"),
        b"xlnx,xps-gpio-1.00.a\0",
    );
    complaint(&machine, "note", "level sources on edge inputs: 1", "after arming");
}

#[test]
fn a_storm() {
    let machine = well();
    let storm = |line: &str, machine: &Machine| {
        // Counted up in the middle of the sample, however late that begins.
        thread::scope(|scope| {
            let (done, end) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                for count in 1_u64.. {
                    let text = format!("      CPU0\n {line}\n").replace("COUNT", &(count * 1000).to_string());
                    let new = machine.path("proc/interrupts.new");
                    fs::write(&new, text).unwrap();
                    fs::rename(&new, machine.path("proc/interrupts")).unwrap();
                    if end.recv_timeout(Duration::from_millis(5)) != Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                        return;
                    }
                }
            });
            let output = machine.run(&["doctor", "--sample", "0.5", "--storm", "100"]);
            drop(done);
            output
        })
    };
    let output = storm("40: COUNT  axi-intc  0 Edge  app", &machine);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(report.contains("interrupt 40 (axi-intc 0 Edge app) fires"), "{report}");
    assert!(report.contains("who waits for axi_intc_0/0 "), "{report}");
    // Another's line may mean it.
    let output = storm("13: COUNT  GICv2  27 Level  timer", &machine);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}");
    assert!(report.contains("note     storms    interrupt 13 "), "{report}");
}
