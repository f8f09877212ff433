// SPDX-License-Identifier: MIT OR Apache-2.0
//! QEMU's command line.

use std::path::Path;
use std::process::Command;

use clap::ValueEnum;

pub const CURE: &str =
    "install QEMU 10.1 or newer (package qemu-system-arm), or name it with --qemu";

/// `panic=-1` and QEMU's `-no-reboot` turn a panic into QEMU's end, and every oops is to be one: no test goes on
/// with a broken kernel.
const KERNEL_ARGUMENTS: &str = "console=ttyAMA0 panic=-1 oops=panic printk.devkmsg=on";

/// The processor of the board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Machine {
    /// 64-bit, as of a Zynq UltraScale+.
    #[default]
    Arm64,
    /// 32-bit, as of a Zynq-7000.
    Arm,
}

impl Machine {
    /// QEMU's options of the machine, and its CPU.
    fn arguments(self) -> (&'static str, &'static str) {
        match self {
            Self::Arm64 => ("", "cortex-a53"),
            // All that is on the bus where a kernel without large physical addresses finds it.
            Self::Arm => (",highmem=off", "cortex-a7"),
        }
    }
}

/// What the files and sockets of a boot are.
pub struct Boot<'a> {
    pub kernel: &'a Path,
    pub initramfs: &'a Path,
    pub device_tree: &'a Path,
    /// plsim's vfio-user socket.
    pub fabric: &'a Path,
    /// plsim's control socket.
    pub control: &'a Path,
    /// What the kernel's command line says besides.
    pub append: Option<&'a str>,
}

/// The machine writes its device tree and ends.
pub fn dump_device_tree(qemu: &Path, machine: Machine, to: &Path) -> Command {
    let mut command = start(qemu, machine, &format!(",dumpdtb={}", to.display()));
    command.args(["-serial", "null", "-serial", "null"]);
    command
}

/// The board. Its first UART is QEMU's standard input and output, the second one a client of plsim's.
pub fn boot(qemu: &Path, machine: Machine, boot: &Boot) -> Command {
    let mut command = start(qemu, machine, "");
    // Writes wait for the simulator's answer, so that what a test has written, the simulator has seen.
    let fabric = format!(
        r#"{{"driver":"vfio-user-pci","socket":{{"type":"unix","path":"{}"}},"addr":"1","x-no-posted-writes":true}}"#,
        boot.fabric.display()
    );
    let arguments = match boot.append {
        Some(more) => format!("{KERNEL_ARGUMENTS} {more}"),
        None => KERNEL_ARGUMENTS.to_owned(),
    };
    command
        .arg("-kernel")
        .arg(boot.kernel)
        .arg("-initrd")
        .arg(boot.initramfs)
        .arg("-dtb")
        .arg(boot.device_tree)
        .args(["-append", &arguments, "-device", &fabric])
        .args([
            "-chardev",
            "stdio,id=console,signal=off",
            "-serial",
            "chardev:console",
            "-chardev",
        ])
        .arg(format!("socket,id=control,path={}", boot.control.display()))
        .args(["-serial", "chardev:control"]);
    command
}

/// What the device tree depends on, alike for the dump and the boot.
fn start(qemu: &Path, machine: Machine, options: &str) -> Command {
    let (machine, cpu) = machine.arguments();
    let mut command = Command::new(qemu);
    command
        .args([
            "-M",
            &format!("virt,gic-version=2,memory-backend=mem{machine}{options}"),
        ])
        .args(["-cpu", cpu, "-smp", "2", "-m", "512"])
        // The simulator maps guest memory: it has to be shared.
        .args(["-object", "memory-backend-memfd,id=mem,size=512M,share=on"])
        .args([
            "-nodefaults",
            "-display",
            "none",
            "-net",
            "none",
            "-no-reboot",
        ]);
    command
}
