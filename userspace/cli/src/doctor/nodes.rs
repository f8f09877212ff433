// SPDX-License-Identifier: MIT OR Apache-2.0
//! Values in the controllers' device-tree nodes that look wrong.

use super::Examination;
use super::livetree::Node;
use super::livetree::Tree;

/// IP cores whose interrupts are levels.
const LEVEL_SOURCES: &[&str] = &[
    "xlnx,xps-gpio-1.00.a",
    "xlnx,xps-timer-1.00.a",
    "xlnx,axi-dma-1.00.a",
    "xlnx,axi-vdma-1.00.a",
    "xlnx,axi-cdma-1.00.a",
];

pub fn check(examination: &mut Examination<'_>) {
    let tree = examination.tree;
    let before = examination.findings.len();
    let mut controllers = 0;
    for (path, controller) in tree.controllers() {
        controllers += 1;
        check_controller(examination, tree, path, controller);
    }
    if controllers > 0 && examination.findings.len() == before {
        let nodes = if controllers == 1 {
            "controller's node looks"
        } else {
            "controllers' nodes look"
        };
        examination.ok(format!("the {nodes} right"));
    }
}

fn check_controller(examination: &mut Examination<'_>, tree: &Tree, path: &str, controller: &Node) {
    let count = match controller.number("xlnx,num-intr-inputs") {
        Some(count @ 1..=32) => count,
        other => {
            let said = other.map_or("missing".to_owned(), |count| count.to_string());
            return examination.problem(
                format!("{path}: xlnx,num-intr-inputs is {said}, and has to be 1 to 32"),
                "write into the overlay what the block design says",
            );
        }
    };
    match controller.number("#interrupt-cells") {
        Some(1 | 2) => {}
        other => examination.problem(
            format!(
                "{path}: #interrupt-cells is {}",
                other.map_or("missing".to_owned(), |cells| cells.to_string())
            ),
            "make it 2 in the overlay: the input's number, and a type",
        ),
    }
    let inputs = u32::MAX >> (32 - count);
    let kind = controller.number("xlnx,kind-of-intr");
    match kind {
        None => examination.problem(
            format!("{path}: no xlnx,kind-of-intr: every input is taken for a level"),
            "write into the overlay what the block design says: a bit an input, 1 for edges",
        ),
        Some(kind) if kind & !inputs == 0 => {}
        Some(kind) if kind & !inputs == !inputs => examination.note(
            format!("{path}: xlnx,kind-of-intr {kind:#x} has ones above the {count} inputs"),
            "nothing to do: it is the generator's padding",
        ),
        Some(kind) => examination.problem(
            format!("{path}: xlnx,kind-of-intr {kind:#x} tells of more than {count} inputs"),
            "see which of xlnx,kind-of-intr and xlnx,num-intr-inputs is wrong",
        ),
    }
    let edges = kind.unwrap_or(0) & inputs;
    let mut levels_on_edges = Vec::new();
    for wire in tree.wires(controller) {
        let (node, input) = (wire.node, wire.input);
        if input >= count {
            examination.problem(
                format!("{node}: interrupts names input {input} of {path}, which has {count}"),
                "see which of interrupts and xlnx,num-intr-inputs is wrong",
            );
            continue;
        }
        let is_edge = edges & (1 << input) != 0;
        // OpenPIC's numbers, as generators write them, and those of Linux that people write.
        let said_edge = match wire.kind {
            None => None,
            Some(0 | 3) => Some(true),
            Some(1 | 2 | 4 | 8) => Some(false),
            Some(other) => {
                examination.note(
                    format!("{node}: the type cell of input {input} is {other}, which is no type"),
                    "write 0 (edge) or 2 (level); axirq goes by xlnx,kind-of-intr alone",
                );
                continue;
            }
        };
        let is_level_source = LEVEL_SOURCES.iter().any(|source| tree.is_compatible(node, source));
        if is_edge && (is_level_source || said_edge == Some(false)) {
            levels_on_edges.push(format!("{input} ({})", node.rsplit('/').next().unwrap_or(node)));
        } else if !is_edge && said_edge == Some(true) {
            examination.note(
                format!("{node}: the type cell of input {input} says edge, xlnx,kind-of-intr of {path} says level"),
                "see what the block design says: an edge on a level input is lost unless its source stays active",
            );
        }
    }
    if !levels_on_edges.is_empty() {
        examination.note(
            format!("{path}: level sources on edge inputs: {}", levels_on_edges.join(", ")),
            "if it is meant so, look at the device again after arming, as the crate's gpio does; else make these inputs \
             levels in the block design, and in xlnx,kind-of-intr",
        );
    }
}
