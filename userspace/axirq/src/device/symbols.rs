// SPDX-License-Identifier: MIT OR Apache-2.0
//! The labels of the live device tree, `__symbols__`: there if the tree was compiled with `dtc -@`.

use std::fs;
use std::path::PathBuf;

use crate::list::System;

/// The live tree.
const TREE: &str = "sys/firmware/devicetree/base";

fn folder(system: &System) -> PathBuf {
    system.path(TREE).join("__symbols__")
}

/// Whether the live tree has labels at all.
pub(crate) fn exist(system: &System) -> bool {
    folder(system).is_dir()
}

/// The path of the node with this label.
pub(crate) fn path_of(system: &System, label: &str) -> Option<String> {
    // What is no file name is no label either.
    if label.is_empty() || label.contains('/') || label.contains('\0') || label.starts_with('.') {
        return None;
    }
    let value = fs::read(folder(system).join(label)).ok()?;
    Some(text(&value))
}

/// All labels with the paths of their nodes.
pub(super) fn all(system: &System) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder(system)).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let value = fs::read(entry.path()).ok()?;
            Some((entry.file_name().into_string().ok()?, text(&value)))
        })
        .collect()
}

/// Whether the live tree has this node.
pub(crate) fn has_node(system: &System, node: &str) -> bool {
    system.path(TREE).join(node.trim_start_matches('/')).is_dir()
}

/// A property of a node in the live tree, as bytes.
pub(super) fn property(system: &System, node: &str, property: &str) -> Option<Vec<u8>> {
    fs::read(system.path(TREE).join(node.trim_start_matches('/')).join(property)).ok()
}

/// A property's value that is one string.
pub(super) fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value.strip_suffix(&[0]).unwrap_or(value)).into_owned()
}
