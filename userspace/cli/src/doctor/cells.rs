// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which cells are there, and which of the device tree's nodes should be.

use axirq::Error;
use axirq::device::Device;
use axirq::device::Kind;

use super::Examination;

pub fn check(examination: &mut Examination<'_>) {
    let cells = match examination.system.cells() {
        Ok(cells) => cells.len(),
        // Said by the check before.
        Err(Error::ModuleNotLoaded) => return,
        Err(error) => {
            examination.problem(
                format!("cells cannot be listed: {error}"),
                "update the older of module and command",
            );
            return;
        }
    };
    let devices = match Device::all_in(examination.system) {
        Ok(devices) => devices,
        Err(error) => {
            examination.problem(format!("nodes cannot be listed: {error}"), "is sysfs mounted on /sys?");
            return;
        }
    };
    match cells {
        0 => examination.problem(
            "no cell is bound",
            "axirq overlay load DESIGN.dtbo; and if it is loaded, see below and dmesg | grep axirq",
        ),
        1 => examination.ok("1 cell"),
        cells => examination.ok(format!("{cells} cells")),
    }
    let wired = examination.tree.consumers();
    for device in devices.iter().filter(|device| device.driver().is_none()) {
        let title = device.title();
        if device.is_matched().ok().flatten() == Some(true) {
            examination.problem(
                format!("{title} ({}) is for axirq, but not bound", device.node()),
                format!("dmesg | grep axirq says what the node lacks; then axirq bind {title}"),
            );
        } else if device.kind() == Kind::IpCore && wired.contains(device.node()) {
            let compatible = device.compatible().last().map_or("", String::as_str);
            examination.note(
                format!("{title} ({}) is wired to an AXI INTC, and has no driver", device.node()),
                format!("axirq bind {title}; for always: load axirq with of_id={compatible}"),
            );
        }
    }
}
