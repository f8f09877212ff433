// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command `axirq`: output that scripts read, and exit codes.

use std::fs::File;
use std::io::BufRead;
use std::io::BufReader;
use std::os::unix::process::CommandExt;
use std::process::Child;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use nix::errno::Errno;
use nix::kmod::DeleteModuleFlags;
use nix::kmod::delete_module;
use nix::pty::Winsize;
use nix::pty::openpty;
use serde_json::Value;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::Rig;
use crate::rig::kernel_log::announce;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::modules;
use crate::rig::overlay;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::Unmounted;
use crate::rig::paths;
use crate::rig::skip;
use crate::rig::wait_for_count;
use crate::rig::wait_for_state;

crate::tests![
    list_in_json_is_what_there_is,
    list_is_for_people_too,
    wait_prints_the_event_and_succeeds,
    wait_that_times_out_says_so_by_its_exit_code,
    wait_for_an_unknown_pin_names_the_nearest,
    watch_into_a_pipe_prints_lines,
    watch_in_a_terminal_draws_a_table_that_fits,
    wrong_usage_has_an_exit_code_of_its_own,
    module_that_is_not_loaded_is_said,
    list_shows_who_holds_what,
    overlay_is_loaded_listed_and_removed,
    overlay_whose_cells_do_not_come_has_an_exit_code_of_its_own,
    what_cannot_be_loaded_is_one_line,
    node_is_bound_and_unbound_by_its_label,
    doctor_finds_nothing_on_a_board_that_is_well,
    doctor_misses_the_module,
    doctor_misses_the_interface_for_overlays,
    doctor_misses_cells,
    doctor_sees_half_an_overlay,
    doctor_sees_nodes_without_a_driver,
    doctor_sees_what_is_odd_in_a_controllers_node,
    doctor_sees_what_a_user_may_not_open,
    doctor_sees_a_storm,
    completions_and_manual_are_made_on_the_board,
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

fn watch_in_a_terminal_draws_a_table_that_fits() {
    let (mut rig, _demo) = Rig::with_demo();
    let size = Winsize {
        ws_row: 5,
        ws_col: 40,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    let terminal = match openpty(Some(&size), None) {
        Err(Errno::ENOENT) => skip("no CONFIG_UNIX98_PTYS"),
        terminal => terminal.unwrap(),
    };
    let mut child = axirq(&["watch"]).stdout(terminal.slave).spawn().unwrap();
    wait_for_state(EDGE, "armed");
    rig.fabric.pulse_input(EDGE_INPUT);
    wait_for_count(EDGE, 1);
    // Each screen but the first goes up by what was drawn before: the heading, two pins, and a word on the others.
    let mut terminal = BufReader::new(File::from(terminal.master));
    let mut screens = (0..40).map(|_| {
        let mut screen = Vec::new();
        terminal.read_until(b'J', &mut screen).unwrap();
        text(&screen).to_owned()
    });
    let first = screens.next().unwrap();
    assert!(first.starts_with("PIN "), "{first:?}");
    // The table is drawn twice a second: patience enough for the event to be in it.
    let screen = screens
        .find(|screen| screen.contains(EDGE))
        .expect("a screen with the pin that fired");
    let lines: Vec<_> = screen.split("\x1b[K\r\n").collect();
    assert_eq!(lines.len(), 5, "{screen:?}");
    assert!(
        lines[0].starts_with("\x1b[4APIN ") && lines[4] == "\x1b[J",
        "{screen:?}"
    );
    assert!(
        lines[1].starts_with(EDGE) || lines[2].starts_with(EDGE),
        "{screen:?}"
    );
    assert!(
        lines[3].starts_with("and ") && lines[3].ends_with(" less active"),
        "{screen:?}"
    );
    assert!(
        lines[1..]
            .iter()
            .all(|line| line.chars().count() <= usize::from(size.ws_col)),
        "{screen:?}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
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

fn list_shows_who_holds_what() {
    let (_rig, _demo) = Rig::with_demo();
    let pin = LineFile::open(EDGE);
    pin.arm().unwrap();
    let window = axirq::Mmio::open("leds_gpio").unwrap();
    let json: Value = serde_json::from_slice(&output(&["list", "--json"]).stdout).unwrap();
    let cell = |name: &str| {
        let cells = json["cells"].as_array().unwrap();
        cells.iter().find(|cell| cell["name"] == name).unwrap()
    };
    let us = Value::from(std::process::id());
    let holders = |entry: &Value| entry["holders"].as_array().unwrap().clone();
    let of_pin = holders(&cell("axi_intc_0")["pins"][usize::try_from(EDGE_INPUT).unwrap()]);
    assert_eq!(of_pin.len(), 1, "{of_pin:?}");
    assert_eq!(
        (&of_pin[0]["kind"], &of_pin[0]["pid"]),
        (&"process".into(), &us)
    );
    assert_eq!(of_pin[0]["armed"], true);
    let of_window = holders(&cell("leds_gpio")["windows"][0]);
    assert_eq!(of_window.len(), 1, "{of_window:?}");
    assert_eq!(
        (&of_window[0]["pid"], &of_window[0]["armed"]),
        (&us, &Value::Null)
    );
    assert!(holders(&cell("btns_gpio")["pins"][0]).is_empty());

    let output = output(&["list"]);
    let tree = text(&output.stdout);
    let held = format!("held by guest-tests ({us})");
    assert_eq!(tree.matches(&held).count(), 2, "{tree}");
    assert_eq!(tree.matches(&(held + ", waiting")).count(), 1, "{tree}");
    drop((pin, window));
    assert!(!text(&axirq(&["list"]).output().unwrap().stdout).contains("held by"));
}

const DEMO_FILE: &str = "/lib/firmware/axirq-demo.dtbo";

/// Succeeds, and prints.
fn prints(arguments: &[&str]) -> String {
    let output = output(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    assert_eq!(text(&output.stderr), "", "{arguments:?}");
    text(&output.stdout).to_owned()
}

/// Fails with one line.
fn fails(arguments: &[&str], words: &str) {
    let output = output(arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
    assert!(
        error.contains(words) && error.lines().count() == 1,
        "{arguments:?}: {error}"
    );
}

fn overlay_is_loaded_listed_and_removed() {
    let mut rig = Rig::new();
    for _ in 0..2 {
        assert_eq!(prints(&["overlay", "load", DEMO_FILE]), "axirq-demo\n");
        // Its cells are there when the command has ended.
        rig.interrupt_once();
        assert_eq!(prints(&["overlay", "list"]), "axirq-demo  applied\n");
        assert_eq!(
            prints(&["overlay", "list", "--json"]),
            "{\"overlays\":[{\"name\":\"axirq-demo\",\"status\":\"applied\",\"firmware\":null}]}\n"
        );
        fails(
            &["overlay", "load", DEMO_FILE],
            "axirq overlay remove axirq-demo",
        );
        prints(&["overlay", "remove", "axirq-demo"]);
        fails(
            &["overlay", "remove", "axirq-demo"],
            "no overlay `axirq-demo`",
        );
        assert_eq!(prints(&["overlay", "list"]), "");
    }
    let by_path = overlay::FOLDER.to_owned() + "/by-path";
    std::fs::create_dir(&by_path).unwrap();
    std::fs::write(by_path + "/path", "axirq-demo.dtbo").unwrap();
    assert_eq!(
        prints(&["overlay", "list"]),
        "by-path  applied    axirq-demo.dtbo\n"
    );
    paths::wait_for_node(EDGE);
    prints(&["overlay", "remove", "by-path"]);
}

fn overlay_whose_cells_do_not_come_has_an_exit_code_of_its_own() {
    let mut rig = Rig::new();
    announce("probe with driver axirq-intc failed");
    let output = output(&[
        "overlay",
        "load",
        "/lib/firmware/no-parent.dtbo",
        "--name",
        "x",
        "--wait",
        "0.1",
    ]);
    rig.log.expect("no parent interrupt");
    assert_eq!(output.status.code(), Some(124));
    assert!(
        text(&output.stderr).contains("/interrupt-controller@10000000"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(prints(&["overlay", "list"]), "x  applied\n");
    prints(&["overlay", "remove", "x"]);
}

fn what_cannot_be_loaded_is_one_line() {
    let _rig = Rig::new();
    fails(
        &["overlay", "load", "/bin/busybox"],
        "no device-tree overlay",
    );
    fails(&["overlay", "load", "/no/such.dtbo"], "No such file");
    fails(
        &["overlay", "load", "/lib/firmware/unknown-label.dtbo"],
        "no_such_bus",
    );
    fails(
        &["overlay", "load", DEMO_FILE, "--name", "../x"],
        "no name for an overlay",
    );
    fails(
        &["overlay", "load", DEMO_FILE, "--bitstream", "x.bit.bin"],
        "/lib/firmware",
    );
    // Neither kernel has a manager for the fabric, and this is no bitstream.
    fails(
        &[
            "overlay",
            "load",
            DEMO_FILE,
            "--bitstream",
            "axirq-demo.dtbo",
        ],
        "FPGA manager",
    );
    assert_eq!(prints(&["overlay", "list"]), "");
}

fn node_is_bound_and_unbound_by_its_label() {
    let _rig = Rig::new();
    prints(&["overlay", "load", "/lib/firmware/unknown-ip.dtbo"]);
    let node = "/amba-pl/strange@10007000";
    for name in ["strange_0", node, "strange@10007000", "10007000.strange"] {
        assert_eq!(
            prints(&["bind", name]),
            "strange_0: strange_0/irq_out strange_0/regs\n"
        );
        assert!(paths::node("strange_0/irq_out").exists());
        prints(&["unbind", name]);
        assert!(!paths::node("strange_0/irq_out").exists());
    }
    fails(&["bind", "strange_1"], "did you mean `strange_0`");
    prints(&["overlay", "remove", "unknown-ip"]);
}

/// Exit code, and what is not well: level, check, text, cure.
fn complaints(arguments: &[&str]) -> (Option<i32>, Vec<[String; 4]>) {
    let output = output(&[&["doctor", "--json", "--sample", "0"], arguments].concat());
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    let field = |finding: &Value, name: &str| finding[name].as_str().unwrap_or_default().to_owned();
    let complaints = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| ["level", "check", "text", "cure"].map(|name| field(finding, name)))
        // The stock kernel's configuration is nowhere on the board.
        .filter(|[level, check, ..]| level != "ok" && check != "kernel");
    (output.status.code(), complaints.collect())
}

/// There is one complaint and no other.
fn complains(level: &str, words: &str, cure: &str) {
    let (code, complaints) = complaints(&[]);
    let [[found, _, text, named]] = &complaints[..] else {
        panic!("{complaints:#?}")
    };
    assert!(
        found == level && text.contains(words) && named.contains(cure),
        "{complaints:#?}"
    );
    assert_eq!(code, Some(i32::from(level == "problem")));
}

fn doctor_finds_nothing_on_a_board_that_is_well() {
    let (_rig, _demo) = Rig::with_demo();
    let (code, complaints) = complaints(&[]);
    assert!(code == Some(0) && complaints.is_empty(), "{complaints:#?}");
    let output = output(&["doctor"]);
    assert!(
        text(&output.stdout).ends_with("\nno problems\n"),
        "{}",
        text(&output.stdout)
    );
}

fn doctor_misses_the_module() {
    let _rig = Rig::new();
    modules::unload().unwrap();
    complains("problem", "axirq is not loaded", "modprobe axirq");
}

fn doctor_misses_the_interface_for_overlays() {
    let (_rig, demo) = Rig::with_demo();
    {
        let _unmounted = Unmounted::new();
        complains(
            "problem",
            "configfs is not mounted",
            "mount -t configfs none /sys/kernel/config",
        );
    }
    demo.remove();
    if delete_module(c"axirq_overlay", DeleteModuleFlags::O_NONBLOCK).is_err() {
        skip("the kernel has the interface itself");
    }
    let (_, complaints) = complaints(&[]);
    assert!(complaints.iter().any(|[.., text, cure]| text.contains("no interface") && cure.contains("axirq_overlay")));
}

fn doctor_misses_cells() {
    let _rig = Rig::new();
    complains("problem", "no cell is bound", "axirq overlay load");
}

fn doctor_sees_half_an_overlay() {
    let (_rig, _demo) = Rig::with_demo();
    let folder = overlay::FOLDER.to_owned() + "/half";
    std::fs::create_dir(&folder).unwrap();
    complains(
        "problem",
        "overlay half is not applied",
        "axirq overlay remove half",
    );
    prints(&["overlay", "remove", "half"]);
}

fn doctor_sees_nodes_without_a_driver() {
    let _rig = Rig::new();
    prints(&["overlay", "load", "/lib/firmware/unknown-ip.dtbo"]);
    complains(
        "note",
        "strange_0 (/amba-pl/strange@10007000) is wired to an AXI INTC",
        "axirq bind strange_0",
    );
    prints(&["overlay", "remove", "unknown-ip"]);
    let _demo = crate::rig::demo();
    prints(&["unbind", "btns_gpio"]);
    complains(
        "problem",
        "btns_gpio (/amba-pl/gpio@10001000) is for axirq, but not bound",
        "axirq bind btns_gpio",
    );
}

fn doctor_sees_what_is_odd_in_a_controllers_node() {
    let mut rig = Rig::new();
    for (overlay, level, words) in [
        (
            "padded-kind",
            "note",
            "xlnx,kind-of-intr 0xffffff28 has ones above the 8 inputs",
        ),
        ("wide-kind", "problem", "tells of more than 8 inputs"),
        ("no-kind", "problem", "no xlnx,kind-of-intr"),
    ] {
        if overlay != "padded-kind" {
            announce("xlnx,kind-of-intr");
        }
        prints(&["overlay", "load", &format!("/lib/firmware/{overlay}.dtbo")]);
        complains(level, words, "");
        prints(&["overlay", "remove", overlay]);
    }
    announce("probe with driver axirq-intc failed");
    announce("xlnx,num-intr-inputs");
    prints(&[
        "overlay",
        "load",
        "/lib/firmware/too-many-inputs.dtbo",
        "--wait",
        "0",
    ]);
    rig.log.expect("xlnx,num-intr-inputs is 33");
    let (_, complaints) = complaints(&[]);
    assert!(
        complaints
            .iter()
            .any(|[.., text, _]| text.contains("xlnx,num-intr-inputs is 33")),
        "{complaints:#?}"
    );
    prints(&["overlay", "remove", "too-many-inputs"]);
    for line in [
        "no interrupt-names for interrupt",
        "another cell is named twin",
        "interrupt-names has ",
        "1000e000.core: ",
    ] {
        announce(line);
    }
    let _odd = Overlay::apply("odd-ips");
    paths::wait_for_node("two_windows/done");
    let (_, complaints) = self::complaints(&[]);
    let odd = |words: &str| complaints.iter().any(|[.., text, _]| text.contains(words));
    assert!(
        odd("part_of_a_page (/amba-pl/core@1000e000) is for axirq, but not bound"),
        "{complaints:#?}"
    );
    assert!(odd("type cell of input 3 is 77"), "{complaints:#?}");
    assert!(odd("type cell of input 4 is 4294967295"), "{complaints:#?}");
    assert!(
        odd("level sources on edge inputs: 5 (core@10008000)"),
        "{complaints:#?}"
    );
}

fn doctor_sees_what_a_user_may_not_open() {
    const NOBODY: u32 = 65534;

    let (_rig, _demo) = Rig::with_demo();
    let output = axirq(&["doctor"]).uid(NOBODY).gid(NOBODY).output().unwrap();
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(
        report.contains("PROBLEM  access    you may open none of the pins and windows\n"),
        "{report}"
    );
}

fn doctor_sees_a_storm() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.set_mode(CONTINUOUS).unwrap();
    let mut child = axirq(&["doctor", "--sample", "1", "--storm", "1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        rig.fabric.pulse_input(EDGE_INPUT);
    }
    let output = child.wait_with_output().unwrap();
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    assert!(
        report.contains(&format!("who waits for {EDGE} has to clear its cause")),
        "{report}"
    );
}

fn completions_and_manual_are_made_on_the_board() {
    let _rig = Rig::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            prints(&["completions", shell]).contains("doctor"),
            "{shell}"
        );
    }
    let folder = "/tmp/man1";
    prints(&["man", folder]);
    let page = std::fs::read_to_string(format!("{folder}/axirq-doctor.1")).unwrap();
    assert!(page.contains("Exit codes"), "{page}");
}
