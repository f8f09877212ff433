// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which of an overlay's nodes axirq binds, and which of them are not there yet.

use super::Blob;
use super::fdt::Node;
use crate::Error;
use crate::Result;
use crate::device::Device;
use crate::device::Ids;
use crate::device::Kind;
use crate::device::symbols;
use crate::list::System;

/// The paths of the nodes that axirq will bind, but has not, or not yet in full.
pub(super) fn missing(system: &System, blob: &Blob) -> Result<Vec<String>> {
    let Some(ids) = Ids::read(system)? else {
        return Err(Error::ModuleNotLoaded);
    };
    let devices = Device::all_in(system)?;
    let mut missing = Vec::new();
    for added in blob.nodes(|label| symbols::path_of(system, label)) {
        let Some(kind) = ids
            .kind_of(&added.node.strings("compatible"))
            .filter(|_| is_enabled(added.node))
        else {
            continue;
        };
        let is_there = devices
            .iter()
            .find(|device| device.node() == added.path)
            .is_some_and(|device| belongs_to_others(device) || is_complete(system, device, kind, added.node));
        if !is_there {
            missing.push(added.path);
        }
    }
    missing.sort();
    Ok(missing)
}

fn is_enabled(node: &Node) -> bool {
    node.strings("status")
        .first()
        .is_none_or(|status| matches!(status.as_str(), "okay" | "ok"))
}

/// Another driver was faster: axirq will not have it.
fn belongs_to_others(device: &Device) -> bool {
    device.driver().is_some_and(|driver| Kind::of_driver(driver).is_none())
}

/// Whether all its files are there. Windows are made first, then the pins in their order.
fn is_complete(system: &System, device: &Device, kind: Kind, node: &Node) -> bool {
    let files = device.files();
    let pins = files.iter().filter(|name| !is_window(name)).count();
    let expected = match kind {
        Kind::Controller => number(node, "xlnx,num-intr-inputs"),
        // One that names none of its interrupts has one at least.
        Kind::IpCore => node
            .strings("interrupt-names")
            .len()
            .max(usize::from(has_interrupts(node))),
    };
    !files.is_empty() && pins >= expected && files.iter().all(|name| system.path("dev/axirq").join(name).exists())
}

fn is_window(name: &str) -> bool {
    name.rsplit_once('/').is_some_and(|(_, file)| file.starts_with("regs"))
}

fn has_interrupts(node: &Node) -> bool {
    ["interrupts", "interrupts-extended"]
        .iter()
        .any(|property| node.property(property).is_some())
}

fn number(node: &Node, property: &str) -> usize {
    let value = node.property(property).and_then(|value| value.try_into().ok());
    value.map_or(1, |value| u32::from_be_bytes(value) as usize)
}
