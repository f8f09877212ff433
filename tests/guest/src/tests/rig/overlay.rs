// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overlays, applied as a user does: through configfs.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use nix::mount::MsFlags;
use nix::mount::mount;
use nix::mount::umount;

pub const FOLDER: &str = "/sys/kernel/config/device-tree/overlays";

/// Where the board keeps the blobs.
const BLOBS: &str = "/lib/firmware";

/// An applied overlay; dropping it removes it.
pub struct Overlay {
    name: String,
}

impl Overlay {
    /// Applies the blob of this name. Its devices may still be on their way when this returns.
    pub fn apply(name: &str) -> Self {
        let overlay = Self {
            name: name.to_owned(),
        };
        let folder = overlay.folder();
        fs::create_dir(&folder).unwrap_or_else(|error| panic!("mkdir {folder}: {error}"));
        let path = format!("{BLOBS}/{name}.dtbo");
        let blob = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        fs::write(format!("{folder}/dtbo"), blob).unwrap();
        assert_eq!(overlay.status(), "applied", "{name}");
        overlay
    }

    pub fn status(&self) -> String {
        fs::read_to_string(format!("{}/status", self.folder()))
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Removes it; its devices are unbound when this returns.
    pub fn remove(self) {}

    fn folder(&self) -> String {
        format!("{FOLDER}/{}", self.name)
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        let removed = fs::remove_dir(self.folder());
        if !std::thread::panicking() {
            removed.unwrap_or_else(|error| panic!("rmdir {}: {error}", self.folder()));
        }
    }
}

/// Removes what an earlier test, killed perhaps, did not.
pub fn remove_leftovers() {
    for entry in fs::read_dir(FOLDER).unwrap() {
        fs::remove_dir(entry.unwrap().path()).unwrap();
    }
    match fs::read_dir("/dev/axirq") {
        Ok(nodes) => {
            let names: Vec<_> = nodes.map(|node| node.unwrap().file_name()).collect();
            assert!(names.is_empty(), "nodes without an overlay: {names:?}");
        }
        // The kernel leaves the folder away when it is empty.
        Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "/dev/axirq: {error}"),
    }
}

/// Whether a cell has any node at all.
pub fn has_nodes(cell: &str) -> bool {
    Path::new("/dev/axirq").join(cell).exists()
}

/// configfs, unmounted until this is dropped.
pub struct Unmounted;

impl Unmounted {
    pub fn new() -> Self {
        umount("/sys/kernel/config").unwrap();
        Self
    }
}

impl Drop for Unmounted {
    fn drop(&mut self) {
        let (kind, place) = (Some("configfs"), "/sys/kernel/config");
        mount(kind, place, kind, MsFlags::empty(), None::<&str>).unwrap();
    }
}
