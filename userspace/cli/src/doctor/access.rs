// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who may open pins and windows, and the udev rule that says so.

use std::fs;

use nix::unistd::AccessFlags;
use nix::unistd::access;

use super::Examination;

/// Where udev looks for rules.
const RULES: &[&str] = &[
    "etc/udev/rules.d",
    "run/udev/rules.d",
    "usr/local/lib/udev/rules.d",
    "usr/lib/udev/rules.d",
    "lib/udev/rules.d",
];

/// How to have the rule, and to have it read.
const INSTALL: &str = "copy axirq's userspace/udev/60-axirq.rules to /usr/lib/udev/rules.d";
const RELOAD: &str = "udevadm control --reload && udevadm trigger --subsystem-match=axirq --action=change";

pub fn check(examination: &mut Examination<'_>) {
    let Ok(cells) = examination.system.cells() else {
        return;
    };
    let names = cells.iter().flat_map(|cell| {
        let pins = cell.pins.iter().map(axirq::list::Pin::name);
        pins.chain(cell.windows.iter().map(axirq::list::Window::name))
    });
    let files: Vec<_> = names
        .map(|name| examination.root.join("dev/axirq").join(name))
        .collect();
    if files.is_empty() {
        return;
    }
    if let Some(missing) = files.iter().find(|file| !file.exists()) {
        examination.problem(
            format!("{} does not exist, although the kernel lists it", missing.display()),
            "mount -t devtmpfs none /dev",
        );
        return;
    }
    let allowed = files
        .iter()
        .filter(|file| access(file.as_path(), AccessFlags::R_OK).is_ok())
        .count();
    let rule = rule(examination);
    let has_udev = examination.root.join("run/udev").exists();
    let cure = match (&rule, has_udev) {
        (Some(rule), _) => format!(
            "name your cells and your group in /etc/udev/rules.d/50-axirq.rules, as the head of {rule} shows, then {RELOAD}"
        ),
        (None, true) => format!("{INSTALL}, name your cells and your group as its head shows, then {RELOAD}"),
        (None, false) => "no udev runs here: run as root, or chgrp and chmod the files".to_owned(),
    };
    match allowed {
        0 => examination.problem("you may open none of the pins and windows", cure),
        allowed if allowed < files.len() => {
            examination.note(
                format!("you may open {allowed} of {} pins and windows", files.len()),
                cure,
            );
        }
        _ => examination.ok(format!("you may open all {} pins and windows", files.len())),
    }
    match rule {
        Some(rule) => examination.ok(format!("{rule} is installed")),
        None if allowed == files.len() && has_udev => examination.note(
            "no udev rule for axirq is installed: pins and windows are root's alone",
            format!("{INSTALL}, if others are to use cells"),
        ),
        None => {}
    }
}

/// The first file of rules that speaks of axirq.
fn rule(examination: &Examination<'_>) -> Option<String> {
    RULES.iter().find_map(|folder| {
        let mut files: Vec<_> = fs::read_dir(examination.root.join(folder))
            .ok()?
            .flatten()
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.ends_with(".rules"))
            .collect();
        files.sort();
        files.into_iter().find_map(|file| {
            let path = format!("{folder}/{file}");
            examination
                .read(&path)
                .lines()
                .any(|line| !line.trim_start().starts_with('#') && line.contains("axirq"))
                .then(|| format!("/{path}"))
        })
    })
}
