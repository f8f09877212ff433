// SPDX-License-Identifier: MIT OR Apache-2.0
//! Bitstreams: the kernel's firmware folders, and the FPGA manager that programs the fabric from them.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::Error;
use crate::Result;
use crate::list::System;

/// The flag of the vendor's FPGA manager that leaves the rest of the fabric running.
const PARTIAL: &str = "1";
const FULL: &str = "0";

/// A bitstream in one of the kernel's firmware folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitstream {
    file: String,
    partial: bool,
}

impl Bitstream {
    /// One that replaces the whole design: `design.bit.bin` of `/lib/firmware`.
    pub fn full(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            partial: false,
        }
    }

    /// One that replaces a part of the design, and leaves the rest running.
    pub fn partial(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            partial: true,
        }
    }

    /// Programs the fabric, as the vendor's kernels let user space do: `/sys/class/fpga_manager/*/firmware`.
    ///
    /// # Errors
    ///
    /// [`NoFirmware`](Error::NoFirmware), [`FabricInUse`](Error::FabricInUse) if a whole design is to be replaced under
    /// cells that are bound, [`NoFpgaManager`](Error::NoFpgaManager), [`NotRoot`](Error::NotRoot),
    /// [`NotProgrammed`](Error::NotProgrammed), and what the system calls say.
    pub fn program(&self) -> Result<()> {
        self.program_in(&System::new())
    }

    /// [`Bitstream::program`], in a system whose `/sys` is elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`Bitstream::program`].
    pub fn program_in(&self, system: &System) -> Result<()> {
        check(system, &self.file)?;
        let manager = manager(system)?;
        if !self.partial {
            let cells: Vec<_> = match system.cells() {
                Ok(cells) => cells.into_iter().map(|cell| cell.name).collect(),
                Err(Error::ModuleNotLoaded) => Vec::new(),
                Err(error) => return Err(error),
            };
            if !cells.is_empty() {
                return Err(Error::FabricInUse { cells });
            }
        }
        let flags = manager.join("flags");
        write(flags, if self.partial { PARTIAL } else { FULL })
            .and_then(|()| write(manager.join("firmware"), &self.file))
            .map_err(|error| match error {
                Error::System { .. } => self.failed(&manager),
                other => other,
            })?;
        match state(&manager) {
            state if state == "operating" => Ok(()),
            _ => Err(self.failed(&manager)),
        }
    }

    fn failed(&self, manager: &std::path::Path) -> Error {
        Error::NotProgrammed {
            file: self.file.clone(),
            state: state(manager),
        }
    }
}

fn state(manager: &std::path::Path) -> String {
    let state = fs::read_to_string(manager.join("state")).unwrap_or_default();
    state.trim_end().to_owned()
}

/// The first manager that takes bitstreams.
fn manager(system: &System) -> Result<PathBuf> {
    let mut managers: Vec<_> = fs::read_dir(system.path("sys/class/fpga_manager"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    managers.sort();
    let any = !managers.is_empty();
    managers
        .into_iter()
        .find(|manager| manager.join("firmware").exists())
        .ok_or(Error::NoFpgaManager { any })
}

fn write(path: PathBuf, text: &str) -> Result<()> {
    // Never makes a file: what is not there cannot be written.
    let written = fs::File::options()
        .write(true)
        .open(&path)
        .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Error::NotRoot { path },
        _ => Error::system("write", path.display().to_string(), error),
    })
}

/// Whether the kernel will find a firmware file.
pub(super) fn check(system: &System, file: &str) -> Result<()> {
    let missing = |reason| Error::NoFirmware {
        file: file.to_owned(),
        reason,
    };
    if file.is_empty() || file.starts_with('/') || file.chars().any(char::is_control) {
        return Err(missing("its name is no path within the firmware folders"));
    }
    if file.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(missing("its name is no path within the firmware folders"));
    }
    // As they are, or packed.
    let found = folders(system).iter().any(|folder| {
        ["", ".xz", ".zst"]
            .iter()
            .any(|end| folder.join(format!("{file}{end}")).is_file())
    });
    found.then_some(()).ok_or_else(|| missing("there is no such file"))
}

/// Where the kernel looks.
fn folders(system: &System) -> Vec<PathBuf> {
    let line = |path: &str| {
        let text = fs::read_to_string(system.path(path)).unwrap_or_default();
        text.trim_end().to_owned()
    };
    let (own, release) = (
        line("sys/module/firmware_class/parameters/path"),
        line("proc/sys/kernel/osrelease"),
    );
    let mut folders = Vec::new();
    if !own.is_empty() {
        folders.push(system.path(own.trim_start_matches('/')));
    }
    let usual = system.path("lib/firmware");
    for folder in [usual.join("updates"), usual] {
        if !release.is_empty() {
            folders.push(folder.join(&release));
        }
        folders.push(folder);
    }
    folders
}
