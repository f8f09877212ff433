// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's configuration.

use std::fs::File;
use std::io::Read;

use flate2::read::GzDecoder;

use super::Examination;

/// What axirq needs of a kernel, and what each is for.
const NEEDED: &[(&str, &str)] = &[
    ("CONFIG_MODULES", "axirq is a module"),
    ("CONFIG_OF", "the fabric is described by a device tree"),
    ("CONFIG_OF_OVERLAY", "designs are loaded as overlays"),
    ("CONFIG_CONFIGFS_FS", "overlays are loaded through configfs"),
    ("CONFIG_DEVTMPFS", "pins are files in /dev"),
];
/// What makes a module buildable for it as it is.
const RUST: &str = "CONFIG_RUST";

/// Larger than any.
const MAX_SIZE: u64 = 8 << 20;

pub fn check(examination: &mut Examination<'_>) {
    let Some((source, config)) = config(examination) else {
        examination.note(
            "the kernel's configuration is not to be found in /proc/config.gz or /boot",
            "see that it has CONFIG_OF_OVERLAY and CONFIG_CONFIGFS_FS",
        );
        return;
    };
    let has = |option: &str| {
        config
            .lines()
            .filter_map(|line| line.split_once('='))
            .any(|(name, value)| name == option && matches!(value, "y" | "m"))
    };
    let mut complete = true;
    for (option, purpose) in NEEDED {
        if !has(option) {
            complete = false;
            examination.problem(
                format!("the kernel lacks {option}: {purpose}"),
                format!("build the kernel with {option}=y"),
            );
        }
    }
    if complete {
        examination.ok(format!("{source} has all that axirq needs"));
    }
    if !has(RUST) && !examination.root.join("sys/module/axirq").exists() {
        examination.note(
            format!("the kernel is built without {RUST}"),
            "axirq.ko has to be built for it apart: see README, kernels without Rust",
        );
    }
}

/// The configuration, and where it is from.
fn config(examination: &Examination<'_>) -> Option<(String, String)> {
    let packed = examination.root.join("proc/config.gz");
    let mut text = String::new();
    let unpacked = File::open(packed).and_then(|file| GzDecoder::new(file).take(MAX_SIZE).read_to_string(&mut text));
    if unpacked.is_ok() {
        return Some(("/proc/config.gz".to_owned(), text));
    }
    let release = examination.read("proc/sys/kernel/osrelease");
    let release = release.trim_end();
    [
        format!("boot/config-{release}"),
        format!("lib/modules/{release}/config"),
    ]
    .into_iter()
    .find_map(|path| {
        let text = examination.read(&path);
        (!text.is_empty()).then(|| (format!("/{path}"), text))
    })
}
