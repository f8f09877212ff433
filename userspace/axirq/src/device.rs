// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device-tree nodes as platform devices, and which driver each is bound to.
//!
//! axirq binds controllers, IP cores of its own compatible (`axirq,ip-core`) and those of the module's parameter `of_id=`
//! by itself. Any other node is bound by name:
//!
//! ```no_run
//! # fn main() -> axirq::Result<()> {
//! let device = axirq::device::Device::find("axi_gpio_0")?;
//! device.bind()?;
//! let interrupt = axirq::Interrupt::open("axi_gpio_0/ip2intc_irpt")?;
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use crate::Error;
use crate::Result;
use crate::list::System;
use crate::list::nearest;

pub(crate) mod symbols;

const DEVICES: &str = "sys/bus/platform/devices";
const DRIVERS: &str = "sys/bus/platform/drivers";
const OF_ID: &str = "sys/module/axirq/parameters/of_id";
const MODULE: &str = "sys/module/axirq";

/// What axirq's drivers know without being told.
const CONTROLLER: &str = "xlnx,xps-intc-1.00.a";
const IP_CORE: &str = "axirq,ip-core";

/// What axirq makes of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// An interrupt controller.
    Controller,
    /// Anything else.
    IpCore,
}

impl Kind {
    /// The driver for it.
    pub fn driver(self) -> &'static str {
        match self {
            Kind::Controller => "axirq-intc",
            Kind::IpCore => "axirq",
        }
    }

    /// `None` for the drivers of others.
    pub(crate) fn of_driver(driver: &str) -> Option<Self> {
        [Kind::Controller, Kind::IpCore]
            .into_iter()
            .find(|kind| kind.driver() == driver)
    }
}

/// The compatibles that axirq binds by itself.
#[derive(Clone, Debug)]
pub(crate) struct Ids(Vec<String>);

impl Ids {
    /// `None` if the module is not loaded.
    pub(crate) fn read(system: &System) -> Result<Option<Self>> {
        if !system.path(MODULE).is_dir() {
            return Ok(None);
        }
        let path = system.path(OF_ID);
        let list = match fs::read_to_string(&path) {
            Ok(list) => list,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Error::system("read", path.display().to_string(), error)),
        };
        let ids = list.trim_end().split(':').filter(|id| !id.is_empty());
        Ok(Some(Self(ids.map(str::to_owned).collect())))
    }

    /// What a node becomes by itself, if anything.
    pub(crate) fn kind_of(&self, compatible: &[String]) -> Option<Kind> {
        if compatible.iter().any(|id| id == CONTROLLER) {
            return Some(Kind::Controller);
        }
        compatible
            .iter()
            .any(|id| id == IP_CORE || self.0.contains(id))
            .then_some(Kind::IpCore)
    }
}

/// A platform device that stands for a device-tree node.
#[derive(Clone, Debug)]
pub struct Device {
    system: System,
    name: String,
    node: String,
    label: Option<String>,
    given_name: Option<String>,
    compatible: Vec<String>,
    driver: Option<String>,
}

impl Device {
    /// All of this machine, by the paths of their nodes.
    ///
    /// # Errors
    ///
    /// What the system calls say.
    pub fn all() -> Result<Vec<Self>> {
        Self::all_in(&System::new())
    }

    /// [`Device::all`], in a system whose `/sys` is elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`Device::all`].
    pub fn all_in(system: &System) -> Result<Vec<Self>> {
        let folder = system.path(DEVICES);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::system("read", folder.display().to_string(), error)),
        };
        let labels = symbols::all(system);
        // What leaves meanwhile is left out.
        let mut devices: Vec<_> = entries
            .flatten()
            .filter_map(|entry| Self::read(system, entry.file_name().into_string().ok()?, &labels))
            .collect();
        devices.sort_by(|a, b| a.node.cmp(&b.node));
        Ok(devices)
    }

    fn read(system: &System, name: String, labels: &[(String, String)]) -> Option<Self> {
        let uevent = fs::read_to_string(system.path(DEVICES).join(&name).join("uevent")).ok()?;
        let values = |key: &str| -> Vec<String> {
            uevent
                .lines()
                .filter_map(|line| line.split_once('='))
                .filter(|(found, _)| {
                    // Keys of lists are numbered.
                    found.strip_prefix(key).is_some_and(|rest| {
                        rest.is_empty() || rest.strip_prefix('_').is_some_and(|n| n.parse::<u32>().is_ok())
                    })
                })
                .map(|(_, value)| value.to_owned())
                .collect()
        };
        let node = values("OF_FULLNAME").pop()?;
        let label = labels.iter().find(|(_, path)| *path == node);
        Some(Self {
            label: label.map(|(label, _)| label.clone()),
            given_name: symbols::property(system, &node, "xlnx,name").map(|value| symbols::text(&value)),
            compatible: values("OF_COMPATIBLE"),
            driver: values("DRIVER").pop(),
            system: system.clone(),
            name,
            node,
        })
    }

    /// The one of this name: its node's path (`/amba_pl/gpio@a0010000`), the node's label or `xlnx,name`
    /// (`axi_gpio_0`), the node's own name with or without its unit address, or its name on the platform bus
    /// (`a0010000.gpio`).
    ///
    /// # Errors
    ///
    /// [`NoSuchDevice`](Error::NoSuchDevice) with the nearest names, [`AmbiguousDevice`](Error::AmbiguousDevice), and
    /// what the system calls say.
    pub fn find(name: &str) -> Result<Self> {
        Self::find_in(&System::new(), name)
    }

    /// [`Device::find`], in a system whose `/sys` is elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`Device::find`].
    pub fn find_in(system: &System, name: &str) -> Result<Self> {
        let devices = Self::all_in(system)?;
        // One name after the other: a label counts for more than another node's own name.
        for which in 0..Self::NAMES {
            let mut found = devices.iter().filter(|device| device.names()[which] == Some(name));
            match (found.next(), found.next()) {
                (None, _) => {}
                (Some(device), None) => return Ok(device.clone()),
                (Some(first), Some(second)) => {
                    return Err(Error::AmbiguousDevice {
                        name: name.to_owned(),
                        nodes: [first, second]
                            .into_iter()
                            .chain(found)
                            .map(|device| device.node.clone())
                            .collect(),
                    });
                }
            }
        }
        let names: BTreeSet<_> = devices.iter().flat_map(Self::names).flatten().collect();
        let names: Vec<_> = names.into_iter().map(str::to_owned).collect();
        Err(Error::NoSuchDevice {
            name: name.to_owned(),
            nearest: nearest(name, &names),
        })
    }

    const NAMES: usize = 6;

    /// What it may be called, in the order in which that counts.
    fn names(&self) -> [Option<&str>; Self::NAMES] {
        let own = self.node.rsplit('/').next();
        let short = own.and_then(|own| own.split('@').next());
        [
            Some(&self.node),
            self.given_name.as_deref(),
            self.label.as_deref(),
            Some(&self.name),
            own,
            short,
        ]
    }

    /// Its name on the platform bus.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The path of its node.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// What people call it: the node's `xlnx,name`, else its label, else the node's own name.
    pub fn title(&self) -> &str {
        let [_, given, label, _, own, _] = self.names();
        given.or(label).or(own).unwrap_or(&self.name)
    }

    /// The node's `compatible`, the most specific one first.
    pub fn compatible(&self) -> &[String] {
        &self.compatible
    }

    /// The driver it was bound to when this was read.
    pub fn driver(&self) -> Option<&str> {
        self.driver.as_deref()
    }

    /// What axirq would make of it.
    pub fn kind(&self) -> Kind {
        match self.compatible.iter().any(|id| id == CONTROLLER) {
            true => Kind::Controller,
            false => Kind::IpCore,
        }
    }

    /// Whether axirq binds it by itself, once loaded: it is a controller, or its compatible is axirq's own or listed in
    /// `of_id=`. `None` if the module is not loaded.
    ///
    /// # Errors
    ///
    /// What the system calls say.
    pub fn is_matched(&self) -> Result<Option<bool>> {
        Ok(Ids::read(&self.system)?.map(|ids| ids.kind_of(&self.compatible).is_some()))
    }

    /// Its files below `/dev/axirq`, as `cell/pin`; whether they are there is another question.
    pub fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder().join("axirq"));
        entries
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some(entry.file_name().into_string().ok()?.replace('!', "/")))
            .collect()
    }

    /// Binds it to axirq. One that axirq does not bind by itself gets a `driver_override`, which lasts until it is unbound
    /// by [`Device::unbind`]. Nothing happens if axirq has it already.
    ///
    /// # Errors
    ///
    /// [`ModuleNotLoaded`](Error::ModuleNotLoaded), [`Bound`](Error::Bound) if another driver has it,
    /// [`NotBound`](Error::NotBound) if axirq refuses it, [`NotRoot`](Error::NotRoot), and what the system calls say.
    pub fn bind(&self) -> Result<()> {
        let driver = self.kind().driver();
        match self.current_driver()? {
            Some(current) if current == driver => return Ok(()),
            Some(current) => {
                return Err(Error::Bound {
                    device: self.title().to_owned(),
                    driver: current,
                });
            }
            None => {}
        }
        let Some(ids) = Ids::read(&self.system)? else {
            return Err(Error::ModuleNotLoaded);
        };
        let needs_override = ids.kind_of(&self.compatible).is_none();
        if needs_override {
            self.set_override(driver)?;
        }
        let bound = write(&self.system.path(DRIVERS).join(driver).join("bind"), &self.name);
        if bound.is_err() && needs_override {
            // As it was. That it worked once makes a second failure worth no words beside the first.
            let _ = self.set_override("");
        }
        bound.map_err(|error| match error {
            Error::System { source, .. } => Error::NotBound {
                device: self.title().to_owned(),
                source,
            },
            other => other,
        })
    }

    /// Takes it from its driver, whichever that is. A `driver_override` for axirq goes as well. Nothing happens if no
    /// driver has it.
    ///
    /// # Errors
    ///
    /// [`NotRoot`](Error::NotRoot), [`NoSuchDevice`](Error::NoSuchDevice) if it has left, and what the system calls say.
    pub fn unbind(&self) -> Result<()> {
        if let Some(driver) = self.current_driver()? {
            write(&self.system.path(DRIVERS).join(driver).join("unbind"), &self.name)?;
        }
        let path = self.folder().join("driver_override");
        let current = fs::read_to_string(&path).unwrap_or_default();
        if Kind::of_driver(current.trim_end()).is_some() {
            self.set_override("")?;
        }
        Ok(())
    }

    /// The driver it is bound to now.
    fn current_driver(&self) -> Result<Option<String>> {
        match Self::read(&self.system, self.name.clone(), &[]) {
            Some(device) if device.node == self.node => Ok(device.driver),
            _ => Err(Error::NoSuchDevice {
                name: self.title().to_owned(),
                nearest: Vec::new(),
            }),
        }
    }

    fn folder(&self) -> PathBuf {
        self.system.path(DEVICES).join(&self.name)
    }

    /// Only this driver may have it; with an empty name whichever fits.
    fn set_override(&self, driver: &str) -> Result<()> {
        write(&self.folder().join("driver_override"), &format!("{driver}\n"))
    }
}

/// Never makes a file: what is not there cannot be written.
fn write(path: &Path, text: &str) -> Result<()> {
    let written = File::options()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Error::NotRoot { path: path.to_owned() },
        _ => Error::system("write", path.display().to_string(), error),
    })
}
