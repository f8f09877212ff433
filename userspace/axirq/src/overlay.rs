// SPDX-License-Identifier: MIT OR Apache-2.0
//! Device-tree overlays at run time: load one, wait for its cells, remove it.
//!
//! The kernel's interface is `device-tree/overlays` in configfs. The vendor's kernels have it, for others axirq comes with
//! a module, `axirq_overlay`. Changing overlays takes root.
//!
//! ```no_run
//! use std::time::Duration;
//! use axirq::overlay::Blob;
//! use axirq::overlay::Overlay;
//!
//! # fn main() -> axirq::Result<()> {
//! let design = Overlay::load("design", &Blob::read("design.dtbo")?)?;
//! design.arrival().blocking_wait_timeout(Duration::from_secs(10))?;
//! let interrupt = axirq::Interrupt::open("axi_gpio_0/ip2intc_irpt")?;
//! # drop(interrupt);
//! design.remove()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Handles and overlays
//!
//! An overlay is the machine's, not a process's: others use its cells, it outlives who loaded it, and nobody could undo
//! it for a process that was killed. So an [`Overlay`] is a name, and *dropping it changes nothing*; only
//! [`Overlay::remove`] removes, whoever loaded it.
//!
//! After removal, each call on an [`Interrupt`](crate::Interrupt) of its cells returns [`Error::Gone`], as do waits that
//! are under way, and register access raises `SIGBUS`. Handles do not come back to life when the overlay is loaded again:
//! open the pins anew.
//!
//! # Bitstreams
//!
//! If the overlay's target is an FPGA region and it has a `firmware-name`, the kernel programs the fabric when the overlay
//! is applied. On the vendor's kernels user space can also program it first, by [`Bitstream::program`].

mod arrival;
mod blob;
mod configfs;
mod expected;
mod fdt;
mod firmware;

pub use arrival::Arrival;
pub use blob::Blob;
pub use firmware::Bitstream;

use crate::Error;
use crate::Result;
use crate::device::symbols;
use crate::list::System;
use crate::list::nearest;
use configfs::Item;

/// Whether an overlay is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// It is part of the device tree.
    Applied,
    /// It is a name alone: being loaded, or left by one who did not finish.
    Unapplied,
}

/// The name of an overlay that the kernel has; see the [module](self) for what dropping it means.
#[derive(Clone, Debug)]
pub struct Overlay {
    system: System,
    item: Item,
}

/// All overlays of this machine, by name; see [`Overlay::list_in`].
///
/// # Errors
///
/// As for [`Overlay::list_in`].
pub fn list() -> Result<Vec<Overlay>> {
    Overlay::list_in(&System::new())
}

impl Overlay {
    /// Applies an overlay and gives it a name. Its cells may come a little later: see [`Overlay::arrival`].
    ///
    /// When it fails, nothing of it is left.
    ///
    /// # Errors
    ///
    /// Before anything is written: [`BadOverlayName`](Error::BadOverlayName); [`MissingLabels`](Error::MissingLabels) if
    /// the base tree lacks what it refers to; [`NoFirmware`](Error::NoFirmware) if the bitstream that it names is not
    /// installed; [`NoConfigfs`](Error::NoConfigfs), [`ConfigfsNotMounted`](Error::ConfigfsNotMounted) and
    /// [`NoOverlayInterface`](Error::NoOverlayInterface).
    ///
    /// Then [`NotRoot`](Error::NotRoot), [`OverlayExists`](Error::OverlayExists),
    /// [`OverlayRefused`](Error::OverlayRefused), and what the system calls say.
    pub fn load(name: &str, blob: &Blob) -> Result<Self> {
        Self::load_in(&System::new(), name, blob)
    }

    /// [`Overlay::load`], in a system whose `/sys` is elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`Overlay::load`].
    pub fn load_in(system: &System, name: &str, blob: &Blob) -> Result<Self> {
        configfs::check_name(name)?;
        configfs::folder(system)?;
        let missing: Vec<_> = blob
            .labels()
            .into_iter()
            .filter(|label| symbols::path_of(system, label).is_none())
            .collect();
        if !missing.is_empty() {
            return Err(Error::MissingLabels {
                overlay: blob.source().to_owned(),
                labels: missing,
                has_labels: symbols::exist(system),
            });
        }
        for file in blob.firmware_names() {
            firmware::check(system, &file)?;
        }
        let item = Item::create(system, name)?;
        let refused = match item.apply(blob.as_bytes()) {
            Ok(true) => {
                return Ok(Self {
                    system: system.clone(),
                    item,
                });
            }
            Ok(false) => Error::OverlayRefused { name: name.to_owned() },
            Err(error) => error,
        };
        // What went wrong first is what the caller wants to know.
        let _ = item.remove();
        Err(refused)
    }

    /// One that is there already, whoever loaded it.
    ///
    /// # Errors
    ///
    /// [`BadOverlayName`](Error::BadOverlayName), [`NoSuchOverlay`](Error::NoSuchOverlay) with the nearest names, and as
    /// for [`Overlay::list_in`].
    pub fn find(name: &str) -> Result<Self> {
        Self::find_in(&System::new(), name)
    }

    /// [`Overlay::find`], in a system whose `/sys` is elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`Overlay::find`].
    pub fn find_in(system: &System, name: &str) -> Result<Self> {
        configfs::check_name(name)?;
        let overlays = Self::list_in(system)?;
        let names: Vec<_> = overlays.iter().map(|overlay| overlay.name().to_owned()).collect();
        overlays
            .into_iter()
            .find(|overlay| overlay.name() == name)
            .ok_or_else(|| Error::NoSuchOverlay {
                name: name.to_owned(),
                nearest: nearest(name, &names),
            })
    }

    /// All there are, by name, in a system whose `/sys` is elsewhere.
    ///
    /// # Errors
    ///
    /// [`NoConfigfs`](Error::NoConfigfs), [`ConfigfsNotMounted`](Error::ConfigfsNotMounted),
    /// [`NoOverlayInterface`](Error::NoOverlayInterface), and what the system calls say.
    pub fn list_in(system: &System) -> Result<Vec<Self>> {
        let mut items = configfs::list(system)?;
        items.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(items
            .into_iter()
            .map(|item| Self {
                system: system.clone(),
                item,
            })
            .collect())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.item.name()
    }

    /// Whether it is in force.
    ///
    /// # Errors
    ///
    /// [`NoSuchOverlay`](Error::NoSuchOverlay) if it was removed meanwhile, and what the system calls say.
    pub fn status(&self) -> Result<Status> {
        self.item.status()
    }

    /// The file of the firmware folders that it came from, if it came from one.
    pub fn firmware(&self) -> Option<String> {
        self.item.firmware().ok().filter(|file| !file.is_empty())
    }

    /// Its cells, to be waited for: all its nodes that axirq binds by itself (not those that wait for a
    /// [`bind`](crate::device::Device::bind) of yours, or that another driver has).
    pub fn arrival(&self) -> Arrival {
        Arrival::of_overlay(&self.system, self.blob())
    }

    /// Removes it: its cells leave, and who waits for their interrupts is told.
    ///
    /// Overlays that touch the same nodes come off in the reverse order of loading. With labels (`dtc -@`) any two
    /// do.
    ///
    /// # Errors
    ///
    /// [`OverlayCovered`](Error::OverlayCovered) if one that was loaded later has to go first, and
    /// [`OverlayStuck`](Error::OverlayStuck) if the kernel found that out too late for it to be undone;
    /// [`NoSuchOverlay`](Error::NoSuchOverlay) if it was removed already, [`NotRoot`](Error::NotRoot), and what the
    /// system calls say.
    pub fn remove(self) -> Result<()> {
        if let Some(by) = self.covered_by()? {
            return Err(Error::OverlayCovered {
                name: self.name().to_owned(),
                by,
            });
        }
        let blob = self.blob();
        self.item.remove()?;
        let resolve = |label: &str| symbols::path_of(&self.system, label);
        let nodes = blob.iter().flat_map(|blob| blob.nodes(resolve));
        // Those that became devices; others may have been there before.
        let mut devices = nodes
            .filter(|added| added.node.property("compatible").is_some())
            .peekable();
        if devices.peek().is_some() && devices.all(|added| symbols::has_node(&self.system, &added.path)) {
            return Err(Error::OverlayStuck {
                name: self.name().to_owned(),
            });
        }
        Ok(())
    }

    /// What was applied, if anything was and the kernel tells.
    fn blob(&self) -> Option<Blob> {
        Blob::from_bytes(self.item.blob().ok()?).ok()
    }

    /// The newest overlay that was loaded after this one and touches the same nodes.
    fn covered_by(&self) -> Result<Option<String>> {
        let Some(touched) = self.touched() else {
            return Ok(None);
        };
        let others: Vec<_> = Self::list_in(&self.system)?
            .into_iter()
            .filter(|other| other.name() != self.name())
            .filter(|other| other.touched().is_some_and(|others| overlap(&touched, &others)))
            .collect();
        if others.is_empty() {
            return Ok(None);
        }
        Ok(configfs::newest_first(&self.system)?
            .into_iter()
            .take_while(|name| name != self.name())
            .find(|name| others.iter().any(|other| other.name() == name)))
    }

    /// The nodes that it changed.
    fn touched(&self) -> Option<Vec<String>> {
        Some(self.blob()?.touched(|label| symbols::path_of(&self.system, label)))
    }
}

/// Whether a path of one is a path of the other, or above or below it.
fn overlap(these: &[String], those: &[String]) -> bool {
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    these
        .iter()
        .any(|this| those.iter().any(|that| within(this, that) || within(that, this)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_overlap_when_one_lies_within_the_other() {
        let overlap = |a: &str, b: &str| overlap(&[a.to_owned()], &[b.to_owned()]);
        assert!(overlap("/a", "/a") && overlap("/a", "/a/b") && overlap("/a/b/c", "/a"));
        assert!(!overlap("/a", "/ab") && !overlap("/a/b", "/a/c"));
        assert!(overlap("", "/a"));
    }
}
