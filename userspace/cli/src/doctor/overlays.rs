// SPDX-License-Identifier: MIT OR Apache-2.0
//! The interface for overlays, and the overlays.

use axirq::Error;
use axirq::overlay::Overlay;
use axirq::overlay::Status;

use super::Examination;

pub fn check(examination: &mut Examination<'_>) {
    let overlays = match Overlay::list_in(examination.system) {
        Ok(overlays) => overlays,
        Err(error) => return missing(examination, &error),
    };
    let applied = overlays
        .iter()
        .filter(|overlay| matches!(overlay.status(), Ok(Status::Applied)))
        .count();
    examination.ok(format!("overlays can be loaded; {applied} applied"));
    for overlay in &overlays {
        let name = overlay.name();
        match overlay.status() {
            Ok(Status::Applied) | Err(Error::NoSuchOverlay { .. }) => {}
            Ok(_) => examination.problem(
                format!("overlay {name} is not applied: the kernel refused it, or nobody finished loading it"),
                format!("axirq overlay remove {name}, and load it again"),
            ),
            Err(error) => examination.problem(format!("overlay {name}: {error}"), "update the kernel's overlay module"),
        }
    }
}

/// A design can be in the boot tree as well; who wants overlays has to have the interface.
fn missing(examination: &mut Examination<'_>, error: &Error) {
    match error {
        Error::NoConfigfs => examination.problem(
            "no configfs",
            "modprobe configfs; if there is none: build the kernel with CONFIG_CONFIGFS_FS",
        ),
        Error::ConfigfsNotMounted { path } => examination.problem(
            "configfs is not mounted",
            format!("mount -t configfs none {}", path.display()),
        ),
        Error::NoOverlayInterface { path } => examination.problem(
            format!("no interface for overlays ({})", path.display()),
            "modprobe axirq_overlay (or insmod axirq_overlay.ko)",
        ),
        other => examination.problem(format!("overlays cannot be listed: {other}"), "run this as root"),
    }
}
