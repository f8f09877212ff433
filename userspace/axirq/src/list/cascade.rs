// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which controller's output drives an input of another: told by the device tree alone, as such a line is nobody's pin.

use std::fs;

use super::Cell;
use super::Input;
use super::Pin;
use super::System;

/// Fills in the parents of controllers.
pub(super) fn find_parents(system: &System, cells: &mut [Cell]) {
    let controllers: Vec<_> = cells
        .iter()
        .filter_map(|cell| {
            let raw = cell.pins.iter().find(|pin| pin.is_raw())?;
            Some((cell.name.clone(), Node::of(system, raw)))
        })
        .collect();
    for cell in cells {
        let own = controllers.iter().find(|(name, _)| *name == cell.name);
        let Some((phandle, hwirq)) = own.and_then(|(_, node)| node.output()) else {
            continue;
        };
        cell.parent = controllers
            .iter()
            .find(|(_, node)| node.words("phandle").first() == Some(&phandle))
            .map(|(controller, _)| Input {
                controller: controller.clone(),
                hwirq: u64::from(hwirq),
            });
    }
}

/// The device-tree node of a controller.
struct Node(std::path::PathBuf);

impl Node {
    fn of(system: &System, raw: &Pin) -> Self {
        let entry = format!("{}!{}", raw.cell, raw.pin);
        Self(system.class_dir().join(entry).join("device/of_node"))
    }

    /// Where its output goes: a controller's phandle, and the first number that this controller is told.
    fn output(&self) -> Option<(u32, u32)> {
        if let [phandle, hwirq, ..] = self.words("interrupts-extended")[..] {
            return Some((phandle, hwirq));
        }
        Some((
            *self.words("interrupt-parent").first()?,
            *self.words("interrupts").first()?,
        ))
    }

    /// A property's value; nothing if there is no such property.
    fn words(&self, property: &str) -> Vec<u32> {
        let value = fs::read(self.0.join(property)).unwrap_or_default();
        value
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
            .collect()
    }
}
