// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configfs interface of overlays: what it takes, what it refuses, and what it says then.

use std::fs;
use std::path::Path;

use nix::errno::Errno;

use crate::rig::Rig;
use crate::rig::overlay::FOLDER;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;

crate::tests![
    overlay_is_applied_by_its_firmware_name,
    missing_firmware_is_named,
    what_is_no_overlay_is_refused,
    overlay_for_a_label_that_does_not_exist_is_refused,
    applied_overlay_is_not_replaced,
    blob_reads_back,
    overlays_come_and_go_beside_each_other,
];

/// A folder of its own below `overlays`.
struct Item(String);

impl Item {
    fn new(name: &str) -> Self {
        let folder = format!("{FOLDER}/{name}");
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), Errno> {
        fs::write(format!("{}/{file}", self.0), bytes)
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap()))
    }

    fn read(&self, file: &str) -> Vec<u8> {
        fs::read(format!("{}/{file}", self.0)).unwrap()
    }
}

impl Drop for Item {
    fn drop(&mut self) {
        let removed = fs::remove_dir(&self.0);
        if !std::thread::panicking() {
            removed.unwrap();
        }
    }
}

fn demo_blob() -> Vec<u8> {
    fs::read("/lib/firmware/axirq-demo.dtbo").unwrap()
}

fn overlay_is_applied_by_its_firmware_name() {
    let _rig = Rig::new();
    let item = Item::new("by-path");
    assert_eq!(item.read("status"), b"unapplied\n");
    item.write("path", b"axirq-demo.dtbo\n").unwrap();
    assert_eq!(item.read("status"), b"applied\n");
    assert_eq!(item.read("path"), b"axirq-demo.dtbo\n");
    paths::wait_for_node("btns_gpio/ip2intc_irpt");
    drop(item);
    assert!(!has_nodes("btns_gpio"));
}

fn missing_firmware_is_named() {
    let mut rig = Rig::new();
    let item = Item::new("missing");
    // The firmware loader says so as well.
    println!("@expect-log failed to load nobody-has-it.dtbo");
    assert_eq!(
        item.write("path", b"nobody-has-it.dtbo"),
        Err(Errno::ENOENT)
    );
    rig.log
        .expect("missing: no such file in the firmware folders (-2)");
    assert_eq!(item.read("status"), b"unapplied\n");
    for bad in [&b"\n"[..], &[b'x'; 2000], b"a\0b"] {
        assert_eq!(item.write("path", bad), Err(Errno::EINVAL));
    }
    assert_eq!(item.read("path"), b"\n");
}

fn what_is_no_overlay_is_refused() {
    let mut rig = Rig::new();
    let blob = demo_blob();
    let mut lying = blob.clone();
    // The total size in the header, a lie.
    lying[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    for (name, bytes) in [
        ("text", &b"no device tree at all"[..]),
        ("cut", &blob[..blob.len() / 2]),
        ("lying", &lying),
        ("short", &blob[..3]),
    ] {
        let item = Item::new(name);
        println!("@expect-log OF: overlay:");
        // configfs does not tell the writer; the status does.
        item.write("dtbo", bytes).unwrap();
        rig.log
            .expect(&format!("{name}: the kernel refuses the overlay"));
        assert_eq!(item.read("status"), b"unapplied\n");
        assert_eq!(item.read("dtbo"), b"");
    }
    let _demo = Overlay::apply("axirq-demo");
    paths::wait_for_node("btns_gpio/ip2intc_irpt");
}

fn overlay_for_a_label_that_does_not_exist_is_refused() {
    let mut rig = Rig::new();
    let item = Item::new("unknown-label");
    println!("@expect-log OF: resolver:");
    println!("@expect-log OF: overlay:");
    let blob = fs::read("/lib/firmware/unknown-label.dtbo").unwrap();
    item.write("dtbo", &blob).unwrap();
    rig.log
        .expect("unknown-label: the kernel refuses the overlay (-22): built with dtc -@?");
    assert_eq!(item.read("status"), b"unapplied\n");
}

fn applied_overlay_is_not_replaced() {
    let mut rig = Rig::new();
    let item = Item::new("once");
    item.write("dtbo", &demo_blob()).unwrap();
    item.write("dtbo", &demo_blob()).unwrap();
    rig.log
        .expect("once: an overlay is applied already: rmdir and mkdir first");
    assert_eq!(item.write("path", b"axirq-demo.dtbo"), Err(Errno::EBUSY));
    assert_eq!(item.read("status"), b"applied\n");
    paths::wait_for_node("btns_gpio/ip2intc_irpt");
}

fn blob_reads_back() {
    let _rig = Rig::new();
    let item = Item::new("again");
    item.write("dtbo", &demo_blob()).unwrap();
    assert_eq!(item.read("dtbo"), demo_blob());
}

fn overlays_come_and_go_beside_each_other() {
    let _rig = Rig::new();
    let demo = Overlay::apply("axirq-demo");
    let second = Overlay::apply("gic-ip");
    paths::wait_for_node("btns_gpio/ip2intc_irpt");
    paths::wait_for_node("direct/irq");
    second.remove();
    assert!(!has_nodes("direct"));
    assert!(has_nodes("btns_gpio"));
    demo.remove();
    assert!(!Path::new("/dev/axirq").exists());
}
