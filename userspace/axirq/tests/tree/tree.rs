// SPDX-License-Identifier: MIT OR Apache-2.0
//! A `/dev` and `/sys` of our own: the module's view of a design, made of plain files.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use axirq::list::System;
use tempfile::TempDir;

/// The tree; removed on drop.
pub struct Tree(TempDir);

impl Tree {
    /// A machine on which nothing is loaded.
    pub fn empty() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(tree.path("dev")).unwrap();
        fs::create_dir_all(tree.path("sys/class")).unwrap();
        tree
    }

    /// The module is loaded, and knows no cell.
    pub fn loaded() -> Self {
        let tree = Self::empty();
        fs::create_dir_all(tree.path("sys/class/axirq")).unwrap();
        fs::create_dir_all(tree.path("sys/module/axirq")).unwrap();
        tree
    }

    /// As the library sees it.
    pub fn system(&self) -> System {
        System::at(self.0.path())
    }

    /// A file or folder in it.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// Adds a pin.
    pub fn pin(&self, cell: &str, pin: &str, controller: &str, hwirq: u32, trigger: &str) {
        let name = format!("{cell}/{pin}");
        let irq = (40 + hwirq).to_string();
        for (attribute, value) in [
            ("name", name.as_str()),
            ("cell", cell),
            ("pin", pin),
            ("controller", controller),
            ("hwirq", &hwirq.to_string()),
            ("irq", &irq),
            ("trigger", trigger),
            ("count", "7"),
            ("state", "unused"),
        ] {
            self.write(
                format!("sys/class/axirq/{cell}!{pin}/{attribute}"),
                format!("{value}\n"),
            );
        }
        self.write(format!("dev/axirq/{name}"), "");
    }

    /// Adds a register window of one page, with a plain file for its registers.
    pub fn window(&self, cell: &str, address: u64, properties: &[(&str, u32)]) {
        let class = format!("sys/class/axirq/{cell}!regs");
        for (attribute, value) in [
            ("name", format!("{cell}/regs")),
            ("cell", cell.to_owned()),
            ("address", format!("{address:#x}")),
            ("size", "0x1000".to_owned()),
        ] {
            self.write(format!("{class}/{attribute}"), format!("{value}\n"));
        }
        self.write(format!("{class}/device/of_node/compatible"), "xlnx,some-core\0");
        for (property, value) in properties {
            self.write(format!("{class}/device/of_node/{property}"), value.to_be_bytes());
        }
        self.write(format!("dev/axirq/{cell}/regs"), [0; 0x2000]);
    }
}
