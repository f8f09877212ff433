// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq overlay` as far as plain files go.

use std::fs;

use serde_json::Value;
use serde_json::json;

use crate::Machine;
use crate::text;

const FOLDER: &str = "sys/kernel/config/device-tree/overlays";

/// The smallest overlay there is: a fragment for nobody.
fn blob() -> Vec<u8> {
    let nodes = [
        &[0, 0, 0, 1, 0, 0, 0, 0][..],
        b"\0\0\0\x01fragment@0\0\0",
        b"\0\0\0\x01__overlay__\0",
        &[0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 9],
    ]
    .concat();
    let size = u32::try_from(56 + nodes.len()).unwrap();
    let header = [0xd00d_feed, size, 56, size, 40, 17, 16, 0, 0, size - 56];
    let header: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
    [&header[..], &[0; 16], &nodes].concat()
}

fn machine() -> Machine {
    let machine = Machine::empty();
    fs::create_dir_all(machine.path(FOLDER)).unwrap();
    machine.write("design.dtbo", blob());
    machine
}

fn folders(machine: &Machine) -> usize {
    fs::read_dir(machine.path(FOLDER)).unwrap().count()
}

#[test]
fn overlays_are_listed() {
    let machine = machine();
    assert_eq!(text(&machine.run(&["overlay", "list"]).stdout), "");
    for (name, status, path) in [("long-name", "applied", ""), ("b", "unapplied", "b.dtbo")] {
        machine.write(format!("{FOLDER}/{name}/status"), format!("{status}\n"));
        machine.write(format!("{FOLDER}/{name}/path"), format!("{path}\n"));
    }
    let output = machine.run(&["overlay", "list"]);
    assert_eq!(
        text(&output.stdout),
        "b          unapplied  b.dtbo\nlong-name  applied\n"
    );
    let json: Value = serde_json::from_slice(&machine.run(&["overlay", "list", "--json"]).stdout).unwrap();
    assert_eq!(
        json,
        json!({"overlays": [
            {"name": "b", "status": "unapplied", "firmware": "b.dtbo"},
            {"name": "long-name", "status": "applied", "firmware": null},
        ]})
    );
}

#[test]
fn bad_files_and_names_are_refused_before_anything_is_written() {
    let machine = machine();
    let path = |name: &str| machine.path(name).to_str().unwrap().to_owned();
    machine.write("text.dtbo", "no device tree");
    machine.write("cut.dtbo", &blob()[..80]);
    machine.write("empty.dtbo", "");
    machine.fails(
        &["overlay", "load", &path("text.dtbo")],
        "does not start as a device tree",
    );
    machine.fails(&["overlay", "load", &path("cut.dtbo")], "cut off");
    machine.fails(&["overlay", "load", &path("empty.dtbo")], "is empty");
    machine.fails(&["overlay", "load", &path("missing.dtbo")], "missing.dtbo");
    machine.fails(&["overlay", "load", "/"], "failed on `/`");
    for name in ["..", "a/b", "", "a\nb"] {
        machine.fails(
            &["overlay", "load", &path("design.dtbo"), "--name", name],
            "is no name for an overlay",
        );
        machine.fails(&["overlay", "remove", name], "is no name for an overlay");
    }
    machine.fails(
        &["overlay", "load", &path("design.dtbo"), "--bitstream", "../x.bin"],
        "no bitstream",
    );
    assert_eq!(folders(&machine), 0);
}

#[test]
fn what_came_to_nothing_leaves_no_folder() {
    let machine = machine();
    let file = machine.path("design.dtbo");
    // No kernel is behind this folder.
    machine.fails(&["overlay", "load", file.to_str().unwrap()], "write failed");
    assert_eq!(folders(&machine), 0);
}

#[test]
fn what_is_not_there_names_the_cure() {
    let machine = machine();
    machine.fails(&["overlay", "remove", "design"], "axirq overlay list");
    fs::remove_dir_all(machine.path("sys/kernel/config/device-tree")).unwrap();
    machine.fails(&["overlay", "list"], "mount -t configfs");
    machine.write("proc/mounts", "none /sys/kernel/config configfs rw 0 0\n");
    machine.fails(&["overlay", "list"], "modprobe axirq_overlay");
}
