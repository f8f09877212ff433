// SPDX-License-Identifier: MIT OR Apache-2.0
//! The live device tree, as far as interrupts go.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// An AXI INTC.
const CONTROLLER: &str = "xlnx,xps-intc-1.00.a";
/// Deeper than any tree is.
const MAX_DEPTH: usize = 64;

/// All nodes, by path.
pub struct Tree(BTreeMap<String, Node>);

/// A node, with what says something of interrupts.
#[derive(Default)]
pub struct Node(BTreeMap<&'static str, Vec<u8>>);

const PROPERTIES: &[&str] = &[
    "#interrupt-cells",
    "compatible",
    "interrupt-parent",
    "interrupts",
    "interrupts-extended",
    "phandle",
    "status",
    "xlnx,kind-of-intr",
    "xlnx,num-intr-inputs",
];

/// An interrupt of some node, at a controller.
pub struct Wire<'a> {
    pub node: &'a str,
    pub input: u32,
    /// What generators call the type, if the controller has a second cell.
    pub kind: Option<u32>,
}

impl Tree {
    /// Reads it. Empty if the machine has none.
    pub fn read(root: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        read(
            &root.join("sys/firmware/devicetree/base"),
            String::new(),
            MAX_DEPTH,
            &mut nodes,
        );
        Self(nodes)
    }

    /// The AXI INTCs, by path.
    pub fn controllers(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.0
            .iter()
            .filter(|(_, node)| node.is_enabled() && node.is_compatible(CONTROLLER))
            .map(|(path, node)| (path.as_str(), node))
    }

    /// The nodes that are wired to an AXI INTC.
    pub fn consumers(&self) -> BTreeSet<String> {
        self.controllers()
            .flat_map(|(_, controller)| self.wires(controller))
            .map(|wire| wire.node.to_owned())
            .collect()
    }

    /// What is wired to a controller.
    pub fn wires(&self, controller: &Node) -> Vec<Wire<'_>> {
        let (Some(phandle), Some(cells)) = (controller.number("phandle"), controller.number("#interrupt-cells")) else {
            return Vec::new();
        };
        // A specifier with no cells would never end.
        let cells = cells.max(1) as usize;
        let mut wires = Vec::new();
        for (path, node) in &self.0 {
            let extended = node.words("interrupts-extended");
            if extended.is_empty() {
                if self.parent_of(path) == Some(phandle) {
                    let words = node.words("interrupts");
                    wires.extend(words.chunks_exact(cells).map(|specifier| Wire::new(path, specifier)));
                }
                continue;
            }
            let mut rest = &extended[..];
            while let [parent, after @ ..] = rest {
                // What follows depends on whose it is; of a stranger nothing more is known.
                let Some(length) = self.cells_of(*parent).filter(|length| *length <= after.len()) else {
                    break;
                };
                if *parent == phandle && length > 0 {
                    wires.push(Wire::new(path, &after[..length]));
                }
                rest = &after[length..];
            }
        }
        wires
    }

    /// `interrupt-parent`, the node's own or one from above.
    fn parent_of(&self, path: &str) -> Option<u32> {
        let mut path = path;
        loop {
            if let Some(phandle) = self.0.get(path).and_then(|node| node.number("interrupt-parent")) {
                return Some(phandle);
            }
            path = &path[..path.rfind('/')?];
        }
    }

    fn cells_of(&self, phandle: u32) -> Option<usize> {
        let node = self.0.values().find(|node| node.number("phandle") == Some(phandle))?;
        Some(node.number("#interrupt-cells")? as usize)
    }

    /// A node's `compatible`.
    pub fn is_compatible(&self, path: &str, compatible: &str) -> bool {
        self.0.get(path).is_some_and(|node| node.is_compatible(compatible))
    }
}

impl<'a> Wire<'a> {
    fn new(node: &'a str, specifier: &[u32]) -> Self {
        Self {
            node,
            input: specifier[0],
            kind: specifier.get(1).copied(),
        }
    }
}

impl Node {
    fn words(&self, property: &str) -> Vec<u32> {
        let value = self.0.get(property).map_or(&[][..], Vec::as_slice);
        value
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
            .collect()
    }

    /// A property that is one number.
    pub fn number(&self, property: &str) -> Option<u32> {
        self.words(property).first().copied()
    }

    fn is_compatible(&self, compatible: &str) -> bool {
        let value = self.0.get("compatible").map_or(&[][..], Vec::as_slice);
        value.split(|&byte| byte == 0).any(|text| text == compatible.as_bytes())
    }

    fn is_enabled(&self) -> bool {
        self.0
            .get("status")
            .is_none_or(|status| matches!(status.strip_suffix(&[0]), Some(b"okay" | b"ok")))
    }
}

fn read(folder: &Path, path: String, depth: usize, nodes: &mut BTreeMap<String, Node>) {
    let mut node = Node::default();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        // Nodes are folders; nothing in the tree is a link.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if depth > 0 {
                read(&entry.path(), format!("{path}/{name}"), depth - 1, nodes);
            }
        } else if let Some(property) = PROPERTIES.iter().find(|property| **property == name) {
            if let Ok(value) = fs::read(entry.path()) {
                node.0.insert(property, value);
            }
        }
    }
    nodes.insert(path, node);
}
