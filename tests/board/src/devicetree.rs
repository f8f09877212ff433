// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board's device tree: QEMU's own for this machine, with the labels of `dts/board-base.dts`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{Context, Error, Result};
use crate::qemu::{self, Machine};

const BASE: &str = include_str!("../../../dts/board-base.dts");
const DTC_CURE: &str = "install the package device-tree-compiler, or name it with --dtc";

/// Makes the blob in `folder` and gives its path.
pub fn build(qemu: &Path, machine: Machine, dtc: &Path, folder: &Path) -> Result<PathBuf> {
    let dumped = folder.join("qemu-virt.dtb");
    run(qemu::dump_device_tree(qemu, machine, &dumped), qemu::CURE)?;
    let mut decompile = Command::new(dtc);
    decompile
        .args(["-q", "-I", "dtb", "-O", "dts", "-o"])
        .arg(folder.join("qemu-virt.dts"))
        .arg(&dumped);
    run(decompile, DTC_CURE)?;
    let base = folder.join("board-base.dts");
    fs::write(&base, BASE).context(|| format!("write {}", base.display()))?;
    let blob = folder.join("board.dtb");
    let mut compile = Command::new(dtc);
    // -q: what dtc has to say is about QEMU's tree.
    compile
        .args(["-q", "-@", "-I", "dts", "-O", "dtb", "-i"])
        .arg(folder)
        .arg("-o")
        .arg(&blob)
        .arg(&base);
    run(compile, DTC_CURE)?;
    Ok(blob)
}

fn run(mut command: Command, cure: &'static str) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|source| Error::Start {
        program: program.clone(),
        source,
        cure,
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(Error::Tool {
        program,
        status: output.status,
        said,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks `fdtget`, which comes with dtc.
    fn get(blob: &Path, args: &[&str]) -> String {
        let output = Command::new("fdtget")
            .args(&args[..args.len() - 2])
            .arg(blob)
            .args(&args[args.len() - 2..])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }

    #[test]
    fn overlays_find_the_labels_of_real_boards() {
        let folder = tempfile::tempdir().unwrap();
        let blob = build(
            Path::new("qemu-system-aarch64"),
            Machine::Arm64,
            Path::new("dtc"),
            folder.path(),
        )
        .unwrap();
        for (label, path) in [
            ("gic", "/intc@8000000"),
            ("amba", "/axi"),
            ("amba_pl", "/amba-pl"),
            ("misc_clk_0", "/misc-clk-0"),
            ("fpga_full", "/fpga-full"),
            ("zynqmp_clk", "/zynqmp-clk"),
            ("zynqmp_reset", "/zynqmp-reset"),
            ("imux", "/interrupt-multiplex"),
        ] {
            assert_eq!(get(&blob, &["/__symbols__", label]), path);
            assert_ne!(
                get(&blob, &["-tx", path, "phandle"]),
                "0",
                "{label} can be referred to"
            );
        }
        assert_eq!(get(&blob, &["/misc-clk-0", "clock-frequency"]), "100000000");
        assert_eq!(
            get(&blob, &["/aliases", "serial1"]),
            "/pl011@9040000",
            "the second UART is there"
        );
    }

    #[test]
    fn missing_dtc_names_the_package() {
        let folder = tempfile::tempdir().unwrap();
        let error = build(
            Path::new("qemu-system-aarch64"),
            Machine::Arm64,
            Path::new("/nonexistent/dtc"),
            folder.path(),
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("device-tree-compiler"),
            "{error}"
        );
    }
}
