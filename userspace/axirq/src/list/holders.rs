// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who holds pins and windows: kernel drivers by `/proc/interrupts`, processes by `/proc/<pid>`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::Pin;
use super::State;
use super::System;
use super::Window;
use super::explain::holder_in;

/// One who holds a pin or window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Holder {
    /// A kernel driver, by its name in `/proc/interrupts`.
    Driver {
        /// The name.
        name: String,
    },
    /// A process that has the file open or mapped.
    #[non_exhaustive]
    Process {
        /// Its number.
        pid: u32,
        /// The name of its program.
        command: String,
        /// Whether it waits at the moment, on any of its files of this pin. `None` for a window, or if the kernel does
        /// not tell.
        armed: Option<bool>,
    },
}

/// Who held what when [`System::holders`] was called.
#[derive(Clone, Debug, Default)]
pub struct Holders {
    drivers: BTreeMap<u64, String>,
    processes: BTreeMap<String, BTreeMap<u32, Process>>,
    is_partial: bool,
}

#[derive(Clone, Debug, Default)]
struct Process {
    command: String,
    armed: Option<bool>,
}

impl Holders {
    /// Those who hold a pin, the driver first.
    pub fn of_pin(&self, pin: &Pin) -> Vec<Holder> {
        // Of a line that is ours, `/proc/interrupts` names the pin.
        let driver = (pin.state == State::Busy).then(|| self.drivers.get(&pin.irq)).flatten();
        let driver = driver.map(|name| Holder::Driver { name: name.clone() });
        driver.into_iter().chain(self.processes_of(&pin.name())).collect()
    }

    /// Those who hold a window.
    pub fn of_window(&self, window: &Window) -> Vec<Holder> {
        self.processes_of(&window.name()).collect()
    }

    /// Whether some processes could not be looked into: only root may look into all.
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    fn processes_of(&self, name: &str) -> impl Iterator<Item = Holder> {
        self.processes
            .get(name)
            .into_iter()
            .flatten()
            .map(|(pid, process)| Holder::Process {
                pid: *pid,
                command: process.command.clone(),
                armed: process.armed,
            })
    }
}

impl System {
    /// Who holds what now, as far as the caller may know. It never fails: what is not to be had is left out.
    pub fn holders(&self) -> Holders {
        let mut holders = Holders::default();
        if let Ok(interrupts) = fs::read_to_string(self.path("proc/interrupts")) {
            let irqs = interrupts
                .lines()
                .filter_map(|line| line.split_once(':')?.0.trim().parse::<u64>().ok());
            holders.drivers = irqs
                .filter_map(|irq| Some((irq, holder_in(&interrupts, irq)?)))
                .collect();
        }
        for entry in fs::read_dir(self.path("proc")).into_iter().flatten().flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                holders.look_into(pid, &entry.path());
            }
        }
        holders
    }
}

impl Holders {
    fn look_into(&mut self, pid: u32, process: &Path) {
        let mut found = BTreeMap::<String, Option<bool>>::new();
        match fs::read_dir(process.join("fd")) {
            Ok(files) => {
                for file in files.flatten() {
                    let Some(name) = fs::read_link(file.path()).ok().and_then(|link| name_of(link.to_str()?)) else {
                        continue;
                    };
                    let info = fs::read_to_string(process.join("fdinfo").join(file.file_name())).unwrap_or_default();
                    let armed = armed_in(&info);
                    let known = found.entry(name).or_default();
                    *known = (*known).max(armed);
                }
            }
            // A kernel thread has none, one that has ended no more.
            Err(error) => self.is_partial |= error.kind() == std::io::ErrorKind::PermissionDenied,
        }
        // A window stays mapped when its file is closed.
        let maps = fs::read_to_string(process.join("maps")).unwrap_or_default();
        let mapped: BTreeSet<_> = maps
            .lines()
            .filter_map(|line| name_of(&line[line.find('/')?..]))
            .collect();
        for name in mapped {
            found.entry(name).or_default();
        }
        if found.is_empty() {
            return;
        }
        let command = fs::read_to_string(process.join("comm")).unwrap_or_default();
        for (name, armed) in found {
            let process = Process {
                command: command.trim_end().to_owned(),
                armed,
            };
            self.processes.entry(name).or_default().insert(pid, process);
        }
    }
}

/// `cell/pin`, of a file that is there still: one of a device that has left is followed by ` (deleted)`.
fn name_of(path: &str) -> Option<String> {
    let name = path.strip_prefix("/dev/axirq/")?;
    (!name.ends_with(" (deleted)")).then(|| name.to_owned())
}

/// What `/proc/<pid>/fdinfo` says of a file.
fn armed_in(info: &str) -> Option<bool> {
    let state = info.lines().find_map(|line| line.strip_prefix("axirq-state:"))?;
    match state.trim() {
        "armed" => Some(true),
        "idle" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_axirq_that_are_there_count() {
        assert_eq!(name_of("/dev/axirq/a/b").as_deref(), Some("a/b"));
        for other in [
            "/dev/axirq/a/b (deleted)",
            "/dev/null",
            "socket:[7]",
            "/dev/axirqs/a",
            "",
        ] {
            assert_eq!(name_of(other), None, "{other:?}");
        }
    }

    #[test]
    fn a_file_says_whether_it_is_armed() {
        let info = "pos:\t0\nflags:\t0104000\naxirq-pin:\ta/b\naxirq-state:\tarmed\naxirq-mode:\toneshot\n";
        assert_eq!(armed_in(info), Some(true));
        assert_eq!(armed_in(&info.replace("armed", "idle")), Some(false));
        assert_eq!(armed_in(&info.replace("armed", "gone")), None);
        assert_eq!(armed_in("pos:\t0\n"), None);
    }
}
