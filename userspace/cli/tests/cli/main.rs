// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command, on a tree of plain files: what it prints, and its exit codes.

mod bind;
mod doctor;
mod list;
mod overlay;
mod parser;

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use tempfile::TempDir;

/// A machine made of files; removed on drop.
pub struct Machine(TempDir);

impl Machine {
    /// On which nothing is loaded.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a controller, a timer on it, an IP core on the GIC, and one without interrupts.
    pub fn demo() -> Self {
        let machine = Self::empty();
        machine.pin("axi_intc_0", "0", "axi_intc_0", "0");
        machine.pin("axi_timer_0", "interrupt", "axi_intc_0", "0");
        machine.window("axi_timer_0");
        machine.pin("direct", "irq", "GICv2", "9");
        machine.window("leds_gpio");
        machine
    }

    /// A file or folder of it.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(path)
    }

    /// Writes a file and the folders above it.
    pub fn write(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }

    /// Runs the command on it.
    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_axirq"))
            .arg("--root")
            .arg(self.0.path())
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Fails as it has to: one line on standard error, nothing on standard output.
    pub fn fails(&self, arguments: &[&str], words: &str) {
        let output = self.run(arguments);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains(words), "{arguments:?}: {error}");
        assert!(error.lines().count() == 1 && error.starts_with("axirq: "), "{error}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }

    fn entry(&self, name: &str, attributes: &[(&str, &str)]) {
        for (attribute, value) in attributes {
            self.write(format!("sys/class/axirq/{name}/{attribute}"), format!("{value}\n"));
        }
    }

    /// A pin that is open, and has had five interrupts.
    pub fn pin(&self, cell: &str, pin: &str, controller: &str, hwirq: &str) {
        let irq = format!("4{hwirq}");
        let common = [
            ("cell", cell),
            ("pin", pin),
            ("controller", controller),
            ("hwirq", hwirq),
            ("irq", &irq),
        ];
        let now = [("trigger", "edge"), ("count", "5"), ("state", "idle")];
        self.entry(&format!("{cell}!{pin}"), &[&common[..], &now[..]].concat());
    }

    /// A register window.
    pub fn window(&self, cell: &str) {
        let name = format!("{cell}/regs");
        let attributes = [
            ("cell", cell),
            ("name", &name),
            ("address", "0xa0010000"),
            ("size", "0x1000"),
        ];
        self.entry(&format!("{cell}!regs"), &attributes);
    }

    /// A platform device.
    pub fn device(&self, name: &str, node: &str, compatible: &str, driver: Option<&str>) {
        let device = format!("sys/bus/platform/devices/{name}");
        let driver = driver.map(|driver| format!("DRIVER={driver}\n")).unwrap_or_default();
        self.write(
            format!("{device}/uevent"),
            format!("{driver}OF_FULLNAME={node}\nOF_COMPATIBLE_0={compatible}\nOF_COMPATIBLE_N=1\n"),
        );
        self.write(format!("{device}/driver_override"), "(null)\n");
    }

    /// A property of the live device tree, of words.
    pub fn property(&self, node: &str, property: &str, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        self.write(format!("sys/firmware/devicetree/base{node}/{property}"), bytes);
    }
}

/// What a program printed.
pub fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}
