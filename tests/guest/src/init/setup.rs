// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a bare kernel to a usable system: mounts, modules, the way to the fabric, quiet UARTs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use board::protocol::Event;
use nix::mount::{MsFlags, mount};

use crate::uart::Uart;
use crate::{Context, Error};

/// Source, target, type.
const MOUNTS: &[(&str, &str, &str)] = &[
    ("proc", "/proc", "proc"),
    ("sysfs", "/sys", "sysfs"),
    ("devtmpfs", "/dev", "devtmpfs"),
    ("tmpfs", "/tmp", "tmpfs"),
    ("tmpfs", "/run", "tmpfs"),
];

/// Mounted where the kernel has them (built in, or from a boot module).
const MOUNTS_IF_KNOWN: &[(&str, &str, &str)] = &[
    ("debugfs", "/sys/kernel/debug", "debugfs"),
    ("tracefs", "/sys/kernel/tracing", "tracefs"),
    ("configfs", "/sys/kernel/config", "configfs"),
    ("devpts", "/dev/pts", "devpts"),
];

/// Modules of the kernel's own that are loaded at boot, in the order of their names.
const BOOT_MODULES: &str = "/lib/boot-modules";

/// The runner's UART: the kernel's console, and this agent's.
const CONSOLE: &str = "/dev/ttyAMA0";
/// The simulator's control socket.
const FABRIC_CONTROL: &str = "/dev/ttyAMA1";

/// The fabric as the guest sees it: a PCI device whose BAR 0 is the AXI-Lite window.
const FABRIC: &str = "/sys/bus/pci/devices/0000:00:01.0";
/// Where overlays expect the window.
const WINDOW: u64 = 0x1000_0000;

/// Prepares the system. From the returned UART on, errors can be told to the runner.
pub fn prepare() -> Result<Uart, Error> {
    for mounted in MOUNTS {
        mount_one(mounted)?;
    }
    // Kernel messages would tear frames; they are all in /dev/kmsg. Emergencies still come through.
    write("/proc/sys/kernel/printk", "1")?;
    let mut console = Uart::open(CONSOLE)?;
    if let Err(error) = prepare_rest() {
        let reason = format!("{error}: {}", error.source);
        // Should the console fail too, the error below is still on its way to standard error.
        let _ = console.send(&Event::Failed { reason });
        return Err(error);
    }
    Ok(console)
}

fn prepare_rest() -> Result<(), Error> {
    load_boot_modules()?;
    let known = read("/proc/filesystems")?;
    for mounted in MOUNTS_IF_KNOWN {
        if known
            .lines()
            .any(|line| line.trim_start_matches("nodev").trim() == mounted.2)
        {
            mount_one(mounted)?;
        }
    }
    nix::unistd::sethostname("board").context(|| "cannot set the host name".into())?;
    run("/bin/busybox", &["--install", "-s", "/bin"])?;
    enable_fabric()?;
    // Stays open: a tty's settings are those of its last close otherwise.
    std::mem::forget(Uart::open(FABRIC_CONTROL)?);
    Ok(())
}

/// The kernel's release and build, as `uname` has them.
pub fn release() -> Result<String, Error> {
    let uname = nix::sys::utsname::uname().context(|| "cannot ask for the kernel's name".into())?;
    Ok(format!(
        "{} {}",
        uname.release().to_string_lossy(),
        uname.machine().to_string_lossy()
    ))
}

fn mount_one((source, target, kind): &(&str, &str, &str)) -> Result<(), Error> {
    fs::create_dir_all(target).context(|| format!("cannot create {target}"))?;
    mount(
        Some(*source),
        *target,
        Some(*kind),
        MsFlags::empty(),
        None::<&str>,
    )
    .context(|| format!("cannot mount {kind} on {target}"))
}

fn load_boot_modules() -> Result<(), Error> {
    let Ok(folder) = fs::read_dir(BOOT_MODULES) else {
        return Ok(());
    };
    let mut modules: Vec<PathBuf> = folder
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    modules.sort();
    for module in modules {
        // busybox unpacks compressed modules itself, so any kernel will do.
        run("/bin/busybox", &["insmod", &module.to_string_lossy()])?;
    }
    Ok(())
}

/// Turns on memory decoding of the fabric's window, and checks that it is where overlays say.
fn enable_fabric() -> Result<(), Error> {
    if !Path::new(FABRIC).exists() {
        let lacks = io::Error::new(
            io::ErrorKind::NotFound,
            "QEMU's vfio-user-pci has to sit in slot 1",
        );
        return Err(lacks).context(|| format!("no fabric: {FABRIC} is missing"));
    }
    write(&format!("{FABRIC}/enable"), "1")?;
    let resources = read(&format!("{FABRIC}/resource"))?;
    let start = resources
        .split_whitespace()
        .next()
        .and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    if start != Some(WINDOW) {
        let elsewhere = io::Error::other(format!("overlays expect it at {WINDOW:#x}"));
        return Err(elsewhere).context(|| {
            format!(
                "the kernel put the fabric's window elsewhere (BAR 0: {:?})",
                resources.lines().next()
            )
        });
    }
    Ok(())
}

fn run(program: &str, args: &[&str]) -> Result<(), Error> {
    let what = || format!("`{program} {}` failed", args.join(" "));
    let output = Command::new(program).args(args).output().context(what)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(io::Error::other(format!("{}: {said}", output.status))).context(what)
}

fn read(path: &str) -> Result<String, Error> {
    fs::read_to_string(path).context(|| format!("cannot read {path}"))
}

fn write(path: &str, text: &str) -> Result<(), Error> {
    fs::write(path, text).context(|| format!("cannot write {path}"))
}
