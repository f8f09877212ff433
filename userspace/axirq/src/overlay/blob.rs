// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Blob`]: a compiled overlay, checked before anything is written.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::fdt;
use super::fdt::Node;
use crate::Error;
use crate::Result;

/// The largest blob that the kernel's interface takes.
const MAX_SIZE: u64 = 1 << 20;

/// What errors call a blob that came from no file.
const NAMELESS: &str = "the overlay";

/// A compiled device-tree overlay (`.dtbo`).
///
/// It is checked when it is made: that it is whole, a device tree, and an overlay.
#[derive(Clone, Debug)]
pub struct Blob {
    source: String,
    bytes: Vec<u8>,
    root: Node,
}

/// Where a fragment applies.
enum Target {
    /// What this label of the base tree stands for.
    Label(String),
    Path(String),
}

/// A node that the overlay adds or changes, by its path in the live tree.
pub(super) struct Added<'a> {
    pub(super) path: String,
    pub(super) node: &'a Node,
}

impl Blob {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`BadOverlay`](Error::BadOverlay) if it is damaged or something else, and what the system calls say.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let source = path.as_ref().display().to_string();
        let failed = |error| Error::system("read", source.clone(), error);
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes))
            .map_err(failed)?;
        Self::new(source, bytes)
    }

    /// Takes what was read or made elsewhere.
    ///
    /// # Errors
    ///
    /// [`BadOverlay`](Error::BadOverlay) if it is damaged or something else.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        Self::new(NAMELESS.to_owned(), bytes.into())
    }

    fn new(source: String, mut bytes: Vec<u8>) -> Result<Self> {
        let bad = |reason| Error::BadOverlay {
            name: source.clone(),
            reason,
        };
        if bytes.len() as u64 > MAX_SIZE {
            return Err(bad("it is larger than 1 MiB"));
        }
        let (root, size) = fdt::parse(&bytes).map_err(bad)?;
        if !root.children.iter().any(is_fragment) {
            return Err(bad("it is a device tree, but no overlay"));
        }
        bytes.truncate(size);
        Ok(Self { source, bytes, root })
    }

    /// What errors call it: the file, if it came from one.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// As the kernel wants it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bitstreams that the kernel's FPGA regions load when this is applied: `firmware-name` of its targets.
    pub fn firmware_names(&self) -> Vec<String> {
        self.fragments()
            .flat_map(|(_, overlay)| overlay.strings("firmware-name"))
            .collect()
    }

    /// The labels of the base tree that it refers to.
    pub fn labels(&self) -> Vec<String> {
        let fixups = self.root.child("__fixups__");
        fixups
            .into_iter()
            .flat_map(|fixups| &fixups.properties)
            .map(|(label, _)| label.clone())
            .collect()
    }

    /// The fragments and what they put on their targets.
    fn fragments(&self) -> impl Iterator<Item = (&Node, &Node)> {
        self.root
            .children
            .iter()
            .filter_map(|fragment| Some((fragment, fragment.child("__overlay__")?)))
    }

    /// `None` for a number, as only one who knows the base tree by heart can write.
    fn target(&self, fragment: &Node) -> Option<Target> {
        if let Some(path) = fragment.strings("target-path").into_iter().next() {
            return Some(Target::Path(path));
        }
        let place = format!("/{}:target:0", fragment.name);
        let fixups = &self.root.child("__fixups__")?.properties;
        fixups
            .iter()
            .find(|(_, places)| fdt::strings(places).contains(&place))
            .map(|(label, _)| Target::Label(label.clone()))
    }

    /// Each target's path in the live tree with what is put there. `resolve` knows the base tree's labels.
    fn resolved(&self, resolve: impl Fn(&str) -> Option<String>) -> Vec<(String, &Node)> {
        self.fragments()
            .filter_map(|(fragment, overlay)| {
                let path = match self.target(fragment)? {
                    Target::Label(label) => resolve(&label)?,
                    Target::Path(path) => path,
                };
                Some((path.trim_end_matches('/').to_owned(), overlay))
            })
            .collect()
    }

    /// All nodes below the targets.
    pub(super) fn nodes(&self, resolve: impl Fn(&str) -> Option<String>) -> Vec<Added<'_>> {
        let mut nodes = Vec::new();
        let mut open = self.resolved(resolve);
        while let Some((parent, node)) = open.pop() {
            for child in &node.children {
                let path = format!("{parent}/{}", child.name);
                open.push((path.clone(), child));
                nodes.push(Added { path, node: child });
            }
        }
        nodes
    }

    /// The nodes whose properties or children it changes, topmost ones only: an overlay that was applied later and
    /// touches one of them, or what is below or above it, has to be removed first.
    pub(super) fn touched(&self, resolve: impl Fn(&str) -> Option<String>) -> Vec<String> {
        let mut touched = Vec::new();
        for (target, overlay) in self.resolved(resolve) {
            // The kernel leaves these two as they are in a node that has them.
            let changes = |name: &str| !matches!(name, "#address-cells" | "#size-cells" | "name" | "phandle");
            if overlay.properties.iter().any(|(name, _)| changes(name)) {
                touched.push(target.clone());
            }
            touched.extend(overlay.children.iter().map(|child| format!("{target}/{}", child.name)));
        }
        if self
            .root
            .child("__symbols__")
            .is_some_and(|symbols| !symbols.properties.is_empty())
        {
            touched.push("/__symbols__".to_owned());
        }
        touched
    }
}

fn is_fragment(node: &Node) -> bool {
    node.child("__overlay__").is_some()
}

#[cfg(test)]
mod tests {
    use super::super::fdt::build::blob;
    use super::super::fdt::build::node;
    use super::*;

    fn example() -> Blob {
        let gpio = node(
            "gpio@a0010000",
            &[("compatible", b"x\0")],
            vec![node("sub", &[], vec![])],
        );
        let content = node("__overlay__", &[("firmware-name", b"design.bit.bin\0")], vec![gpio]);
        let fragment = node("fragment@0", &[("target", &[0xff; 4])], vec![content]);
        let nothing = node("__overlay__", &[("#address-cells", &[0, 0, 0, 2])], vec![]);
        let by_path = node("fragment@1", &[("target-path", b"/soc/\0")], vec![nothing]);
        let fixups = node(
            "__fixups__",
            &[
                ("fpga_full", b"/fragment@0:target:0\0"),
                ("gic", b"/fragment@0/__overlay__:x:0\0"),
            ],
            vec![],
        );
        let symbols = node(
            "__symbols__",
            &[("gpio", b"/fragment@0/__overlay__/gpio@a0010000\0")],
            vec![],
        );
        Blob::from_bytes(blob(&node("", &[], vec![fragment, by_path, fixups, symbols]))).unwrap()
    }

    fn resolve(label: &str) -> Option<String> {
        (label == "fpga_full").then(|| "/fpga".to_owned())
    }

    #[test]
    fn an_overlay_tells_what_it_needs_and_does() {
        let example = example();
        assert_eq!(example.firmware_names(), ["design.bit.bin"]);
        assert_eq!(example.labels(), ["fpga_full", "gic"]);
        let nodes = example.nodes(resolve);
        let paths: Vec<_> = nodes.iter().map(|added| added.path.as_str()).collect();
        assert_eq!(paths, ["/fpga/gpio@a0010000", "/fpga/gpio@a0010000/sub"]);
        // A target whose properties stay as they are is not touched.
        assert_eq!(
            example.touched(resolve),
            ["/fpga", "/fpga/gpio@a0010000", "/__symbols__"]
        );
        // A label that the base tree lacks: nothing is known.
        assert!(example.nodes(|_| None).is_empty());
    }

    #[test]
    fn what_is_no_overlay_says_why() {
        let reason = |bytes: &[u8]| match Blob::from_bytes(bytes) {
            Err(Error::BadOverlay { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(b""), "it is empty");
        assert_eq!(reason(b"\x7fELF and more"), "it does not start as a device tree does");
        assert_eq!(
            reason(&[0xd0, 0x0d, 0xfe, 0xed]),
            "it is shorter than a device tree's header"
        );
        let whole = example();
        assert!(reason(&whole.as_bytes()[..100]).contains("cut off"));
        assert_eq!(
            reason(&blob(&node("", &[], vec![node("soc", &[], vec![])]))),
            "it is a device tree, but no overlay"
        );
        assert_eq!(reason(&vec![0; (1 << 20) + 1]), "it is larger than 1 MiB");
    }

    #[test]
    fn what_follows_the_blob_is_not_handed_on() {
        let whole = example();
        let longer = [whole.as_bytes(), &[0; 64]].concat();
        assert_eq!(Blob::from_bytes(longer).unwrap().as_bytes(), whole.as_bytes());
    }

    #[test]
    fn a_file_that_is_none_says_which() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.dtbo");
        assert!(matches!(Blob::read(&file), Err(Error::System { call: "read", .. })));
        std::fs::write(&file, "text").unwrap();
        assert!(matches!(Blob::read(&file), Err(Error::BadOverlay { name, .. }) if name == file.display().to_string()));
        // A folder, and a file without end.
        assert!(matches!(Blob::read(folder.path()), Err(Error::System { .. })));
        assert!(matches!(Blob::read("/dev/zero"), Err(Error::BadOverlay { .. })));
    }
}
