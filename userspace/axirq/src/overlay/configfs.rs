// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's interface: `device-tree/overlays` in configfs, a folder an overlay.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;

use super::Status;
use crate::Error;
use crate::Result;
use crate::list::System;

/// Where configfs belongs.
const CONFIGFS: &str = "sys/kernel/config";
/// The interface within it.
const OVERLAYS: &str = "device-tree/overlays";
/// How often to try what others may disturb.
const ATTEMPTS: u32 = 16;
/// The longest name of a file.
const MAX_NAME: usize = 255;

/// The folder of one overlay.
#[derive(Clone, Debug)]
pub(super) struct Item {
    name: String,
    path: PathBuf,
}

/// Checks the name of an overlay, which becomes that of a folder.
pub(super) fn check_name(name: &str) -> Result<()> {
    let reason = match name {
        "" => "it is empty",
        "." | ".." => "`.` and `..` are no names",
        _ if name.len() > MAX_NAME => "it is too long",
        _ if name.contains('/') => "it contains a slash",
        _ if name.chars().any(char::is_control) => "it contains control characters",
        _ => return Ok(()),
    };
    Err(Error::BadOverlayName {
        name: name.to_owned(),
        reason,
    })
}

/// The folder of all overlays, or what has to be done to have it.
pub(super) fn folder(system: &System) -> Result<PathBuf> {
    let usual = system.path(CONFIGFS);
    let mounts = fs::read_to_string(system.path("proc/mounts")).unwrap_or_default();
    let places = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        (kind == "configfs").then(|| system.path(place.trim_start_matches('/')))
    });
    let mut mounted = None;
    for place in places.chain([usual.clone()]) {
        let folder = place.join(OVERLAYS);
        if folder.is_dir() {
            return Ok(folder);
        }
        if place != usual {
            mounted = Some(place);
        } else if mounts.lines().any(|line| line.contains(" configfs ")) {
            mounted = Some(usual.clone());
        }
    }
    let known = fs::read_to_string(system.path("proc/filesystems")).unwrap_or_default();
    Err(match mounted {
        Some(place) => Error::NoOverlayInterface {
            path: place.join(OVERLAYS),
        },
        None if usual.is_dir() || known.lines().any(|line| line.trim_end().ends_with("\tconfigfs")) => {
            Error::ConfigfsNotMounted { path: usual }
        }
        None => Error::NoConfigfs,
    })
}

/// All overlays, in the order of their folders.
pub(super) fn list(system: &System) -> Result<Vec<Item>> {
    let folder = folder(system)?;
    let failed = |error| failed("read", &folder, error);
    let mut items = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        items.push(Item {
            name: entry.file_name().to_string_lossy().into_owned(),
            path: entry.path(),
        });
    }
    Ok(items)
}

/// The names of all overlays, the newest first.
///
/// configfs lists folders in the order of their making, but kernels differ in the direction, and nothing else tells it
/// (times are those of the last look). So a new folder is made: it is at the end where the newest are.
pub(super) fn newest_first(system: &System) -> Result<Vec<String>> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Unless others make folders just then.
    for _ in 0..ATTEMPTS {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let newest = Item::create(system, &format!(".axirq-{}-{number}", std::process::id()))?;
        let listed = list(system);
        newest.remove()?;
        let mut names: Vec<_> = listed?.into_iter().map(|item| item.name).collect();
        if names.last() == Some(&newest.name) {
            names.reverse();
        }
        if names.first() == Some(&newest.name) {
            names.remove(0);
            return Ok(names);
        }
    }
    Err(Error::system(
        "readdir",
        folder(system)?.display().to_string(),
        nix::errno::Errno::EAGAIN,
    ))
}

impl Item {
    /// Makes the folder.
    pub(super) fn create(system: &System, name: &str) -> Result<Self> {
        let item = Self {
            name: name.to_owned(),
            path: folder(system)?.join(name),
        };
        match fs::create_dir(&item.path) {
            Ok(()) => Ok(item),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::OverlayExists {
                name: item.name,
                applied: read_status(&item.path).is_ok_and(|status| status == Status::Applied),
            }),
            Err(error) => Err(failed("mkdir", &item.path, error)),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Hands over the blob; returns whether the kernel applied it.
    pub(super) fn apply(&self, blob: &[u8]) -> Result<bool> {
        let path = self.path.join("dtbo");
        // The kernel takes it when the file is closed, and tells nobody how that went: `status` does.
        File::options()
            .write(true)
            .open(&path)
            .and_then(|mut file| file.write_all(blob))
            .map_err(|error| failed("write", &path, error))?;
        Ok(self.status()? == Status::Applied)
    }

    pub(super) fn status(&self) -> Result<Status> {
        // Somebody may remove it at any moment: first its files, then the folder.
        read_status(&self.path).map_err(|error| match &error {
            Error::System { source, .. } if source.kind() == io::ErrorKind::NotFound => self.gone(),
            _ => error,
        })
    }

    fn gone(&self) -> Error {
        Error::NoSuchOverlay {
            name: self.name.clone(),
            nearest: Vec::new(),
        }
    }

    /// The blob that was applied; empty if none was.
    pub(super) fn blob(&self) -> io::Result<Vec<u8>> {
        fs::read(self.path.join("dtbo"))
    }

    /// The file of the firmware folders that it came from; empty if it came from none.
    pub(super) fn firmware(&self) -> io::Result<String> {
        Ok(fs::read_to_string(self.path.join("path"))?.trim_end().to_owned())
    }

    /// Removes the folder, and with it what was applied.
    pub(super) fn remove(&self) -> Result<()> {
        match fs::remove_dir(&self.path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.gone()),
            Err(error) => Err(failed("rmdir", &self.path, error)),
        }
    }
}

fn read_status(folder: &Path) -> Result<Status> {
    let path = folder.join("status");
    let text = fs::read_to_string(&path).map_err(|error| failed("read", &path, error))?;
    match text.trim_end() {
        "applied" => Ok(Status::Applied),
        "unapplied" => Ok(Status::Unapplied),
        other => Err(Error::Attribute {
            path,
            value: other.to_owned(),
        }),
    }
}

fn failed(call: &'static str, path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Error::NotRoot { path: path.to_owned() },
        _ => Error::system(call, path.display().to_string(), error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        let long = "n".repeat(256);
        for name in ["", ".", "..", "a/b", "/", "../x", "a\0b", "a\nb", &long] {
            assert!(
                matches!(check_name(name), Err(Error::BadOverlayName { .. })),
                "{name:?}"
            );
        }
        for name in ["demo", "base-overlay_1.2", "...", "Größe"] {
            check_name(name).unwrap();
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_one_folder(name in "\\PC{0,300}|[./a\0]{0,6}") {
            if check_name(&name).is_ok() {
                let path = Path::new("/top").join(&name);
                prop_assert_eq!(path.parent(), Some(Path::new("/top")));
                prop_assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(name.as_str()));
            }
        }
    }
}
