// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Mmio`]: the registers of one IP core, without giving away `/dev/mem`.

#[cfg(any(feature = "gpio", feature = "memory", feature = "timer"))]
use std::fs::File;
#[cfg(any(feature = "dma", feature = "gpio", feature = "timer", feature = "video"))]
use std::fs::Metadata;
use std::fs::OpenOptions;
use std::num::NonZeroUsize;
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;

use crate::Error;
use crate::Result;
use crate::list::System;
use crate::map::Mapping;
use crate::pin::PinName;

/// A mapped register window.
///
/// Every access is one aligned 32-bit load or store on the bus, neither split, merged nor left out; AXI-Lite slaves
/// answer other sizes with bus errors. Each call stands alone: read-modify-write sequences that several threads share
/// need a lock of their own. Dropping this unmaps the window.
///
/// # Once the device is gone
///
/// The kernel revokes the mapping when the overlay is removed or the driver unbound: an access after that raises
/// `SIGBUS`, which ends the process unless it handles the signal. Stop using a window before removing its overlay; an
/// [`Interrupt`](crate::Interrupt) of the same cell tells by [`Error::Gone`] that it happened.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> axirq::Result<()> {
/// const TCR0: usize = 0x08; // AXI Timer (PG079), TCR0: the counter's value
/// let timer = axirq::Mmio::open("axi_timer_0")?;
/// println!("{:#x}", timer.read32(TCR0)?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Mmio {
    name: String,
    mapping: Mapping,
    size: usize,
    #[cfg(any(feature = "gpio", feature = "memory", feature = "timer"))]
    file: File,
}

impl Mmio {
    /// Opens the first (or only) register window of a cell, `regs`.
    ///
    /// # Errors
    ///
    /// [`BadName`](Error::BadName), [`NoSuchCell`](Error::NoSuchCell) with the nearest names,
    /// [`ModuleNotLoaded`](Error::ModuleNotLoaded), [`NoOverlay`](Error::NoOverlay),
    /// [`PermissionDenied`](Error::PermissionDenied), and what the system calls say.
    pub fn open(cell: &str) -> Result<Self> {
        Self::open_in(&System::new(), cell, "regs")
    }

    /// Opens a register window by its name (`regs`, `regs1`, …), in any system.
    ///
    /// # Errors
    ///
    /// As for [`Mmio::open`].
    pub fn open_in(system: &System, cell: &str, window: &str) -> Result<Self> {
        let name: PinName = format!("{cell}/{window}").parse()?;
        let path = system.device_file(name.cell(), name.pin());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_SYNC)
            .open(&path)
            .map_err(|error| system.explain_window(&name, error))?;
        let gone = || Error::Gone { name: name.to_string() };
        let window = system.window(name.cell(), name.pin())?.ok_or_else(gone)?;
        // Windows are whole pages.
        let size =
            usize::try_from(window.size).map_err(|_| Error::system("mmap", name.to_string(), Errno::EOVERFLOW))?;
        let len = NonZeroUsize::new(size).ok_or_else(|| Error::WindowTooSmall {
            window: name.to_string(),
            size,
            needed: 4,
        })?;
        let mapping = Mapping::new(&file, len, true).map_err(|errno| match errno {
            Errno::ENODEV | Errno::ENXIO => gone(),
            _ => Error::system("mmap", name.to_string(), errno),
        })?;
        Ok(Self {
            name: name.to_string(),
            mapping,
            size,
            #[cfg(any(feature = "gpio", feature = "memory", feature = "timer"))]
            file,
        })
    }

    /// The window's name, `cell/regs`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The window's size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Reads the register at a byte offset.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](Error::OutOfBounds), [`Misaligned`](Error::Misaligned).
    pub fn read32(&self, offset: usize) -> Result<u32> {
        self.check(offset)?;
        Ok(self.mapping.read_volatile(offset))
    }

    /// Writes the register at a byte offset. The write is posted: it may reach the device after this returns, but
    /// before any later access to the same window.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](Error::OutOfBounds), [`Misaligned`](Error::Misaligned).
    pub fn write32(&self, offset: usize, value: u32) -> Result<()> {
        self.check(offset)?;
        self.mapping.write_volatile(offset, value);
        Ok(())
    }

    /// Checks that registers up to `end` are within the window.
    #[cfg(any(feature = "dma", feature = "gpio", feature = "timer", feature = "video"))]
    pub(crate) fn require(&self, end: usize) -> Result<()> {
        if end <= self.size {
            return Ok(());
        }
        Err(Error::WindowTooSmall {
            window: self.name.clone(),
            size: self.size,
            needed: end,
        })
    }

    /// The window's device file.
    #[cfg(feature = "memory")]
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Of the window's device file.
    #[cfg(any(feature = "dma", feature = "gpio", feature = "timer", feature = "video"))]
    pub(crate) fn metadata(&self) -> Result<Metadata> {
        self.file
            .metadata()
            .map_err(|error| Error::system("fstat", self.name.as_str(), error))
    }

    /// Fails if the device has left, as far as its file tells: touching registers then would end the process.
    #[cfg(any(feature = "dma", feature = "microblaze"))]
    pub(crate) fn is_there(&self) -> Result<()> {
        use std::os::unix::fs::MetadataExt;

        // The kernel takes the file's only name away when the device leaves.
        if self.metadata()?.nlink() != 0 {
            return Ok(());
        }
        Err(Error::Gone {
            name: self.name.clone(),
        })
    }

    /// Whether this is the offset of a register of the window.
    pub(crate) fn check(&self, offset: usize) -> Result<()> {
        if offset % 4 != 0 {
            return Err(Error::Misaligned {
                window: self.name.clone(),
                offset,
            });
        }
        if self.size < 4 || offset > self.size - 4 {
            return Err(Error::OutOfBounds {
                window: self.name.clone(),
                offset,
                size: self.size,
            });
        }
        Ok(())
    }
}
