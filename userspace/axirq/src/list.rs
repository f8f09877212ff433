// SPDX-License-Identifier: MIT OR Apache-2.0
//! What there is: cells, pins and register windows, as the kernel lists them under `/sys/class/axirq`.

use std::collections::BTreeMap;
#[cfg(any(feature = "dma", feature = "gpio", feature = "timer", feature = "video"))]
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::Error;
use crate::Result;

mod cascade;
mod explain;
mod holders;
mod sysfs;

#[cfg(feature = "overlay")]
pub(crate) use explain::nearest;
pub use holders::Holder;
pub use holders::Holders;
use sysfs::Entry;

/// Where `/dev`, `/sys` and `/proc` are.
#[derive(Clone, Debug)]
pub struct System {
    root: PathBuf,
}

/// What a line reacts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A change of the wire: every edge is an event.
    Edge,
    /// The wire's level: an interrupt as long as the cause stands.
    Level,
}

/// What a pin is used for at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// No file is open.
    Unused,
    /// Files are open; nobody waits.
    Idle,
    /// Somebody waits: the interrupt is enabled.
    Armed,
    /// A kernel driver holds the line.
    Busy,
    /// The device has left.
    Gone,
}

/// An interrupt pin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// Its cell's name; for a raw input that of the controller.
    pub cell: String,
    /// Its own name; for a raw input a number.
    pub pin: String,
    /// The interrupt controller it is wired to: a cell, or the name of another irqchip (`GICv2`).
    pub controller: String,
    /// The controller's number for it.
    pub hwirq: u64,
    /// Linux's number for it, as in `/proc/interrupts`.
    pub irq: u64,
    /// What it reacts to.
    pub trigger: Trigger,
    /// Interrupts since the line was made.
    pub count: u64,
    /// What it is used for.
    pub state: State,
}

impl Pin {
    /// `cell/pin`, as [`Interrupt::open`](crate::Interrupt::open) takes it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.cell, self.pin)
    }

    /// Whether this is an input of a controller rather than the pin of an IP core that is wired to it.
    pub fn is_raw(&self) -> bool {
        self.cell == self.controller
    }

    /// Whether both are the same line of the same controller.
    pub fn is_same_line(&self, other: &Pin) -> bool {
        (&self.controller, self.hwirq) == (&other.controller, other.hwirq)
    }
}

/// A register window.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// Its cell's name.
    pub cell: String,
    /// Its own name: `regs`, and `regs1` and so on for further ones.
    pub window: String,
    /// The physical address.
    pub address: u64,
    /// The size in bytes.
    pub size: u64,
}

impl Window {
    /// `cell/regs`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.cell, self.window)
    }
}

/// An input of an interrupt controller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Input {
    /// The controller's cell.
    pub controller: String,
    /// The controller's number for it.
    pub hwirq: u64,
}

/// An instance of an IP core, or an interrupt controller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cell {
    /// Its name.
    pub name: String,
    /// Its pins: numbers in their order, then names in theirs.
    pub pins: Vec<Pin>,
    /// Its register windows.
    pub windows: Vec<Window>,
    /// For a controller in a cascade: the input of another that its own output drives.
    pub parent: Option<Input>,
}

/// All pins of this machine; see [`System::pins`].
///
/// # Errors
///
/// As for [`System::pins`].
pub fn pins() -> Result<Vec<Pin>> {
    System::new().pins()
}

/// All cells of this machine; see [`System::cells`].
///
/// # Errors
///
/// As for [`System::pins`].
pub fn cells() -> Result<Vec<Cell>> {
    System::new().cells()
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl System {
    /// This machine.
    pub fn new() -> Self {
        Self::at("/")
    }

    /// A tree with `dev`, `sys` and `proc` below `root`.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// All pins, ordered by cell. What leaves while we look is left out.
    ///
    /// # Errors
    ///
    /// [`ModuleNotLoaded`](Error::ModuleNotLoaded), [`Attribute`](Error::Attribute) if an attribute cannot be
    /// understood, and what the system calls say. No cell at all is an empty list, not an error.
    pub fn pins(&self) -> Result<Vec<Pin>> {
        Ok(self.cells()?.into_iter().flat_map(|cell| cell.pins).collect())
    }

    /// All cells with their pins and windows, ordered by name. What leaves while we look is left out.
    ///
    /// # Errors
    ///
    /// As for [`System::pins`].
    pub fn cells(&self) -> Result<Vec<Cell>> {
        let mut cells = BTreeMap::<String, Cell>::new();
        for entry in self.entries()? {
            let name = entry.cell().to_owned();
            let cell = cells.entry(name.clone()).or_insert_with(|| Cell {
                name,
                pins: Vec::new(),
                windows: Vec::new(),
                parent: None,
            });
            match entry {
                Entry::Pin(pin) => cell.pins.push(pin),
                Entry::Window(window) => cell.windows.push(window),
            }
        }
        let mut cells: Vec<_> = cells.into_values().collect();
        for cell in &mut cells {
            cell.pins
                .sort_by_cached_key(|pin| (pin.pin.parse::<u64>().unwrap_or(u64::MAX), pin.pin.clone()));
            cell.windows.sort_by(|a, b| a.window.cmp(&b.window));
        }
        cascade::find_parents(self, &mut cells);
        Ok(cells)
    }

    /// A file or folder of this system, by its path below the root.
    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// The device file of a pin or window.
    pub(crate) fn device_file(&self, cell: &str, name: &str) -> PathBuf {
        self.path("dev/axirq").join(cell).join(name)
    }

    /// A number from the device-tree node of a cell, whose window is `window`. `None` if there is no such property.
    ///
    /// A node that leaves loses its properties before its device does: then nothing that is missing says anything of the
    /// design. What was bound had a `compatible`.
    #[cfg(any(feature = "dma", feature = "gpio", feature = "timer", feature = "video"))]
    pub(crate) fn property(&self, cell: &str, window: &str, property: &str) -> Result<Option<u32>> {
        let node = self.class_dir().join(format!("{cell}!{window}")).join("device/of_node");
        match sysfs::read_property(&node.join(property))? {
            None if !node.join("compatible").exists() => Err(Error::Gone { name: cell.to_owned() }),
            value => Ok(value),
        }
    }

    /// The name of the child of a cell's node that has this `compatible`, for [`System::property`]: `child/property`.
    #[cfg(any(feature = "dma", feature = "video"))]
    pub(crate) fn child(&self, cell: &str, window: &str, compatible: &str) -> Result<Option<String>> {
        let node = self.class_dir().join(format!("{cell}!{window}")).join("device/of_node");
        let children = fs::read_dir(&node).into_iter().flatten().flatten();
        let child = children
            .filter(|child| {
                let ids = fs::read(child.path().join("compatible")).unwrap_or_default();
                ids.split(|&byte| byte == 0).any(|id| id == compatible.as_bytes())
            })
            .find_map(|child| child.file_name().into_string().ok());
        // Last, as above.
        match child {
            None if !node.join("compatible").exists() => Err(Error::Gone { name: cell.to_owned() }),
            child => Ok(child),
        }
    }

    /// The attributes of one window. `None` if there is no such window.
    pub(crate) fn window(&self, cell: &str, window: &str) -> Result<Option<Window>> {
        match sysfs::read_entry(&self.class_dir().join(format!("{cell}!{window}")))? {
            Some(Entry::Window(window)) => Ok(Some(window)),
            Some(Entry::Pin(_)) | None => Ok(None),
        }
    }

    /// Whether a cell with this window has this pin.
    ///
    /// A device that leaves loses its pins before its windows, and in an overlay's removal its node before both: what its
    /// node says, or that it says nothing any more, tells a pin that went from one that never was.
    #[cfg(any(feature = "dma", feature = "gpio", feature = "timer", feature = "video"))]
    pub(crate) fn has_pin(&self, cell: &str, window: &str, pin: &str) -> Result<bool> {
        if self.lists_pin(cell, pin) {
            return Ok(true);
        }
        let window = self.class_dir().join(format!("{cell}!{window}"));
        let node = window.join("device/of_node");
        let names = fs::read(node.join("interrupt-names")).unwrap_or_default();
        let went = names.split(|&byte| byte == 0).any(|name| name == pin.as_bytes());
        // Last, so that a node which was there is known to have been so when its names were read.
        if went || !node.join("compatible").exists() || !window.join("size").exists() {
            return Err(Error::Gone { name: cell.to_owned() });
        }
        Ok(false)
    }

    /// Whether the kernel lists this pin now.
    #[cfg(any(feature = "dma", feature = "gpio", feature = "timer", feature = "video"))]
    pub(crate) fn lists_pin(&self, cell: &str, pin: &str) -> bool {
        self.class_dir().join(format!("{cell}!{pin}")).join("hwirq").exists()
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        let dir = self.class_dir();
        if !dir.exists() && !self.path("sys/module/axirq").exists() {
            return Err(Error::ModuleNotLoaded);
        }
        sysfs::read_class(&dir)
    }

    fn class_dir(&self) -> PathBuf {
        self.path("sys/class/axirq")
    }
}
