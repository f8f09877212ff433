// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Arrival`]: waiting for cells and pins to appear. The file system wakes the waiter; nothing is polled.

use std::os::fd::AsFd;
#[cfg(feature = "tokio")]
use std::os::fd::AsRawFd;
#[cfg(feature = "tokio")]
use std::os::fd::RawFd;
use std::time::Duration;
use std::time::Instant;

use super::Blob;
use super::expected;
use crate::Error;
use crate::Result;
use crate::list::System;
use crate::pin;
use crate::pin::PinName;
#[cfg(feature = "tokio")]
use crate::register::register;
use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::inotify::AddWatchFlags;
use nix::sys::inotify::InitFlags;
use nix::sys::inotify::Inotify;

/// Cells, pins or windows that are to appear, say because an overlay is being loaded.
///
/// The kernel binds a design's cells one by one, and some of them after the overlay is applied: those whose interrupt
/// controller is in the same overlay.
///
/// # Examples
///
/// ```no_run
/// # use std::time::Duration;
/// # fn main() -> axirq::Result<()> {
/// let pins = axirq::overlay::Arrival::of(&["btns_gpio/ip2intc_irpt", "leds_gpio/regs"])?;
/// pins.blocking_wait_timeout(Duration::from_secs(5))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Arrival {
    system: System,
    wanted: Wanted,
}

#[derive(Clone, Debug)]
enum Wanted {
    Names(Vec<Name>),
    /// All that axirq binds of an overlay; `None` if the kernel does not tell what it was.
    Overlay(Option<Blob>),
}

#[derive(Clone, Debug)]
enum Name {
    Cell(String),
    File(PinName),
}

impl Arrival {
    /// Of what has these names: pins and windows (`cell/pin`), or whole cells (`cell`), which are there with the first
    /// of their files.
    ///
    /// # Errors
    ///
    /// [`BadName`](Error::BadName).
    pub fn of(names: &[impl AsRef<str>]) -> Result<Self> {
        Self::of_in(&System::new(), names)
    }

    /// [`Arrival::of`], in a system whose `/dev` and `/sys` are elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`Arrival::of`].
    pub fn of_in(system: &System, names: &[impl AsRef<str>]) -> Result<Self> {
        let parse = |name: &str| match name.trim_start_matches('/').contains('/') {
            true => name.parse().map(Name::File),
            false => pin::parse_cell(name).map(Name::Cell),
        };
        Ok(Self {
            system: system.clone(),
            wanted: Wanted::Names(names.iter().map(|name| parse(name.as_ref())).collect::<Result<_>>()?),
        })
    }

    /// Of an overlay's cells.
    pub(super) fn of_overlay(system: &System, blob: Option<Blob>) -> Self {
        Self {
            system: system.clone(),
            wanted: Wanted::Overlay(blob),
        }
    }

    /// What is not there yet: names as they were given, or the device-tree paths of an overlay's nodes.
    ///
    /// # Errors
    ///
    /// [`ModuleNotLoaded`](Error::ModuleNotLoaded) for an overlay, and what the system calls say.
    pub fn missing(&self) -> Result<Vec<String>> {
        match &self.wanted {
            Wanted::Names(names) => Ok(names.iter().filter_map(|name| self.missing_name(name)).collect()),
            Wanted::Overlay(None) => Ok(Vec::new()),
            Wanted::Overlay(Some(blob)) => expected::missing(&self.system, blob),
        }
    }

    fn missing_name(&self, name: &Name) -> Option<String> {
        let (path, name) = match name {
            Name::Cell(cell) => (self.system.path("dev/axirq").join(cell), cell.clone()),
            Name::File(name) => (self.system.device_file(name.cell(), name.pin()), name.to_string()),
        };
        (!path.exists()).then_some(name)
    }

    /// Waits until everything is there.
    ///
    /// # When it returns
    ///
    /// At once if all is there. A file that is there may still be root's alone for the moment that udev needs.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost by dropping it: each call looks for itself.
    ///
    /// # Errors
    ///
    /// As for [`Arrival::missing`]; [`NoRuntime`](Error::NoRuntime) outside of a tokio runtime,
    /// [`RuntimeWithoutIo`](Error::RuntimeWithoutIo) in one built without `enable_io`.
    #[cfg(feature = "tokio")]
    #[expect(unsafe_code, reason = "register")]
    pub async fn wait(&self) -> Result<()> {
        if self.missing()?.is_empty() {
            return Ok(());
        }
        let watch = Watch::new(&self.system)?;
        // SAFETY: The `AsyncFd` owns the `Watch`, which owns the `Inotify`, which owns the file, and neither ever replaces
        // what it owns.
        let files = unsafe { register(watch, NAME) }?;
        loop {
            files.get_ref().refresh()?;
            if self.missing()?.is_empty() {
                return Ok(());
            }
            // tokio's only failure here is a driver that has shut down.
            let mut ready = files
                .readable()
                .await
                .map_err(|_| Error::RuntimeGone { pin: NAME.into() })?;
            files.get_ref().drain()?;
            // Whatever comes from here on is reported anew.
            ready.clear_ready();
        }
    }

    /// Blocks until everything is there: the twin of `Arrival::wait`.
    ///
    /// # Errors
    ///
    /// As for [`Arrival::missing`].
    pub fn blocking_wait(&self) -> Result<()> {
        self.block(None)
    }

    /// [`Arrival::blocking_wait`] for so long at most.
    ///
    /// # Errors
    ///
    /// As for [`Arrival::missing`]; [`NotThere`](Error::NotThere) when the time is over.
    pub fn blocking_wait_timeout(&self, timeout: Duration) -> Result<()> {
        self.block(crate::interrupt::deadline_after(timeout))
    }

    fn block(&self, deadline: Option<Instant>) -> Result<()> {
        if self.missing()?.is_empty() {
            return Ok(());
        }
        let watch = Watch::new(&self.system)?;
        loop {
            watch.refresh()?;
            let missing = self.missing()?;
            if missing.is_empty() {
                return Ok(());
            }
            let timeout = match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => PollTimeout::NONE,
                Some(Duration::ZERO) => return Err(Error::NotThere { missing }),
                // Rounded up, so that the last millisecond is slept, too.
                Some(left) => {
                    PollTimeout::try_from(left.saturating_add(Duration::from_millis(1))).unwrap_or(PollTimeout::MAX)
                }
            };
            match poll(&mut [PollFd::new(watch.0.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(_) | Err(Errno::EINTR) => watch.drain()?,
                Err(errno) => return Err(Error::system("poll", NAME, errno)),
            }
        }
    }
}

/// What errors call it.
const NAME: &str = "/dev/axirq";

/// inotify on `/dev/axirq`, however much of it there is.
struct Watch(Inotify, System);

impl Watch {
    fn new(system: &System) -> Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .map_err(|errno| Error::system("inotify_init", NAME, errno))?;
        Ok(Self(inotify, system.clone()))
    }

    /// Watches all folders that there are. A folder is watched before it is looked into: what appears in between is
    /// either seen or wakes us.
    fn refresh(&self) -> Result<()> {
        let dev = self.1.path("dev");
        let axirq = dev.join("axirq");
        self.watch(&dev)?;
        if self.watch(&axirq)? {
            for entry in std::fs::read_dir(&axirq).into_iter().flatten().flatten() {
                self.watch(&entry.path())?;
            }
        }
        Ok(())
    }

    /// False if it is not there. Watching once more what is watched changes nothing.
    fn watch(&self, folder: &std::path::Path) -> Result<bool> {
        let interest = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR;
        match self.0.add_watch(folder, interest) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
            Err(errno) => Err(Error::system("inotify_add_watch", folder.display().to_string(), errno)),
        }
    }

    /// Forgets what came: the next look is at the files themselves.
    fn drain(&self) -> Result<()> {
        loop {
            match self.0.read_events() {
                Ok(_) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(Error::system("read", NAME, errno)),
            }
        }
    }
}

#[cfg(feature = "tokio")]
impl AsRawFd for Watch {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
