// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device trees that cannot be: one clear line in the log, no node, nothing left behind.

use std::fs;
use std::path::Path;

use crate::rig::EDGE;
use crate::rig::LEVEL;
use crate::rig::Rig;
use crate::rig::demo;
use crate::rig::overlay::FOLDER;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;

crate::tests![
    controller_without_number_of_inputs_is_refused,
    controller_with_no_inputs_is_refused,
    controller_with_too_many_inputs_is_refused,
    controller_without_parent_is_refused,
    controller_without_window_is_refused,
    controller_with_short_window_is_refused,
    address_where_nobody_answers_is_refused,
    address_of_another_ip_is_refused,
    overlapping_windows_are_refused,
    second_controller_on_one_parent_interrupt_is_refused,
    ip_cores_that_cannot_be_had_are_refused,
    blob_that_is_no_overlay_is_refused,
];

/// The one controller of an overlay is refused with this line, and with no other of the driver's.
fn refuses(overlay: &str, device: &str, line: &str, error: Option<i32>) {
    let mut rig = Rig::new();
    let applied = Overlay::apply(overlay);
    rig.log.expect(line);
    // Of some errors the driver core speaks as well.
    if let Some(error) = error {
        rig.log.expect(&format!(
            "{device}: probe with driver axirq-intc failed with error {error}"
        ));
    }
    assert_eq!(
        rig.log.count(&format!("{device}: ")),
        1 + usize::from(error.is_some())
    );
    assert!(!Path::new("/dev/axirq").exists());
    applied.remove();
    // Neither window nor interrupt nor name is taken.
    let _demo = demo();
    rig.interrupt_once();
}

const AT_0: &str = "axirq-intc 10000000.interrupt-controller";

fn controller_without_number_of_inputs_is_refused() {
    let line = "no xlnx,num-intr-inputs: add the number of inputs of the block design, 1 to 32";
    refuses("no-inputs", AT_0, line, Some(-22));
}

fn controller_with_no_inputs_is_refused() {
    refuses(
        "zero-inputs",
        AT_0,
        "xlnx,num-intr-inputs is 0: it has to be 1 to 32",
        Some(-22),
    );
}

fn controller_with_too_many_inputs_is_refused() {
    refuses(
        "too-many-inputs",
        AT_0,
        "xlnx,num-intr-inputs is 33: it has to be 1 to 32",
        Some(-22),
    );
}

fn controller_without_parent_is_refused() {
    let line = "no parent interrupt: give interrupt-parent and interrupts, or interrupts-extended";
    refuses("no-parent", AT_0, line, Some(-22));
}

fn controller_without_window_is_refused() {
    let device = "axirq-intc amba-pl:interrupt-controller";
    refuses(
        "no-reg",
        device,
        "no usable reg: give the address and size of the controller",
        Some(-22),
    );
}

fn controller_with_short_window_is_refused() {
    refuses(
        "short-reg",
        AT_0,
        "reg of 0x100 bytes cannot be mapped: an AXI INTC has 0x200 at least",
        Some(-22),
    );
}

fn address_where_nobody_answers_is_refused() {
    println!("@expect-violation");
    let device = "axirq-intc 10080000.interrupt-controller";
    refuses(
        "nobody-there",
        device,
        "no enable bit can be set: no AXI INTC at this address",
        None,
    );
}

fn address_of_another_ip_is_refused() {
    println!("@expect-violation");
    let device = "axirq-intc 10003000.interrupt-controller";
    refuses("not-an-intc", device, "no AXI INTC at this address", None);
}

fn overlapping_windows_are_refused() {
    let mut rig = Rig::new();
    let overlay = Overlay::apply("overlapping-reg");
    rig.log
        .expect("reg 0x10000800 of 0x1000 bytes overlaps another device's: see /proc/iomem");
    rig.log
        .expect("probe with driver axirq-intc failed with error -16");
    paths::wait_for_node(EDGE);
    assert!(!has_nodes("axi_intc_1"));
    rig.interrupt_once();
    overlay.remove();
    let _demo = demo();
    rig.interrupt_once();
}

fn second_controller_on_one_parent_interrupt_is_refused() {
    let mut rig = Rig::new();
    let overlay = Overlay::apply("shared-parent");
    rig.log
        .expect("is taken: another controller or driver, or user space holds it");
    rig.log
        .expect("probe with driver axirq-intc failed with error -16");
    // Whichever came first has it.
    assert!(has_nodes("axi_intc_0") != has_nodes("axi_intc_bare"));
    overlay.remove();
    let _demo = demo();
    rig.interrupt_once();
}

fn ip_cores_that_cannot_be_had_are_refused() {
    let mut rig = Rig::new();
    let overlay = Overlay::apply("wrong-ips");
    rig.log.expect(
        "interrupt 0 of the node cannot be had (-22): does its controller have that input?",
    );
    rig.log
        .expect("reg 0x10000800 of 0x1000 bytes overlaps another device's: see /proc/iomem");
    rig.log
        .expect("neither interrupts nor reg: nothing to offer");
    for error in [-22, -16] {
        rig.log.expect(&format!(
            "probe with driver axirq failed with error {error}"
        ));
    }
    paths::wait_for_node(LEVEL);
    for cell in ["beyond", "greedy", "empty"] {
        assert!(!has_nodes(cell), "{cell}");
    }
    // A probe that fails gives back its clock as well.
    let users = "/sys/kernel/debug/clk/misc-clk-0/clk_enable_count";
    assert_eq!(fs::read_to_string(users).unwrap(), "0\n");
    rig.interrupt_once();
    overlay.remove();
    let _demo = demo();
    rig.interrupt_once();
}

fn blob_that_is_no_overlay_is_refused() {
    let mut rig = Rig::new();
    let good = fs::read("/lib/firmware/axirq-demo.dtbo").unwrap();
    let mut lying = good.clone();
    // The header's total size.
    lying[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
    let folder = format!("{FOLDER}/broken");
    // The kernel's own words differ with what is wrong.
    crate::rig::kernel_log::announce("OF: overlay:");
    crate::rig::kernel_log::announce("refuses the overlay");
    for blob in [&b"no blob"[..], &good[..good.len() / 2], &lying, &[0; 64]] {
        fs::create_dir(&folder).unwrap();
        // configfs does not say what became of it.
        fs::write(format!("{folder}/dtbo"), blob).unwrap();
        assert_eq!(
            fs::read_to_string(format!("{folder}/status"))
                .unwrap()
                .trim_end(),
            "unapplied"
        );
        fs::remove_dir(&folder).unwrap();
    }
    assert_eq!(rig.log.count("the kernel refuses the overlay"), 4);
    let _demo = demo();
    rig.interrupt_once();
}
