// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Interrupt`]: an interrupt pin that can be waited for.
//!
//! The way of an event through the files here: [`waiters`] keeps the books of who waits on the file and arms it,
//! [`shared`] puts them and the file under one lock, [`blocking`] is a thread's wait, [`armed`] that of a foreign event
//! loop, [`future`] a task's, [`stream`] many of them, and [`reactor`] the file's registration with tokio.

mod armed;
mod blocking;
mod event;
#[cfg(all(test, feature = "tokio"))]
mod fake;
#[cfg(feature = "tokio")]
mod future;
#[cfg(feature = "tokio")]
mod reactor;
mod shared;
#[cfg(feature = "tokio")]
mod stream;
#[cfg(all(test, feature = "tokio"))]
mod tests;
mod waiters;

pub use armed::Armed;
#[cfg(any(
    feature = "dma",
    feature = "gpio",
    feature = "overlay",
    feature = "timer",
    feature = "video"
))]
pub(crate) use blocking::deadline_after;
pub use event::Event;
#[cfg(feature = "tokio")]
pub use stream::Events;

use std::fmt;
use std::fs;
use std::fs::OpenOptions;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::Result;
use crate::list::System;
use crate::list::Trigger;
use crate::pin::PinName;
use crate::uapi::Line;
use crate::uapi::LineFile;
use blocking::Started;
use shared::Shared;

/// An interrupt pin of the programmable logic.
///
/// The interrupt is enabled in hardware only while somebody waits. Opening a pin starts a subscription of its own: it
/// counts from then on, and every `Interrupt` open on a pin sees every event. An event that comes while nobody waits
/// is returned by the next wait, once; several that were not waited for come as one [`Event`] with their
/// [`count`](Event::count).
///
/// All methods take `&self`: several tasks and threads may wait on one `Interrupt`, and all that wait when an event
/// comes return it. What came while nobody waited, though, goes to whoever waits next. Tasks that must each see
/// everything open the pin once each.
///
/// For a level-triggered line, clear its cause in the device before waiting again; otherwise the next wait returns at
/// once.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> axirq::Result<()> {
/// let interrupt = axirq::Interrupt::open("axi_timer_0/interrupt")?;
/// let event = interrupt.blocking_wait()?;
/// println!("{} interrupt(s), the newest {:?} ago", event.count, event.age());
/// # Ok(())
/// # }
/// ```
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// # async fn example() -> axirq::Result<()> {
/// let interrupt = axirq::Interrupt::open("axi_timer_0/interrupt")?;
/// let event = interrupt.wait().await?;
/// println!("{} interrupt(s), the newest {:?} ago", event.count, event.age());
/// # Ok(())
/// # }
/// ```
pub struct Interrupt {
    core: Core<LineFile>,
}

impl Interrupt {
    /// Opens the pin of this name, in axirq's form or PYNQ's (see [`PinName`]).
    ///
    /// # Errors
    ///
    /// [`BadName`](crate::Error::BadName), [`NoSuchPin`](crate::Error::NoSuchPin) with the nearest names,
    /// [`ModuleNotLoaded`](crate::Error::ModuleNotLoaded), [`NoOverlay`](crate::Error::NoOverlay),
    /// [`PermissionDenied`](crate::Error::PermissionDenied), [`Busy`](crate::Error::Busy) if a kernel driver holds the
    /// line, [`NotALine`](crate::Error::NotALine) for a register window, and what the system calls say.
    pub fn open(pin: &str) -> Result<Self> {
        Self::open_in(&System::new(), pin)
    }

    /// Opens an input of an interrupt controller by its number: for designs that describe no IP cores.
    ///
    /// # Errors
    ///
    /// As for [`Interrupt::open`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> axirq::Result<()> {
    /// let interrupt = axirq::Interrupt::open_input("axi_intc_0", 3)?;
    /// assert_eq!(interrupt.pin(), "axi_intc_0/3");
    /// # Ok(())
    /// # }
    /// ```
    pub fn open_input(controller: &str, input: u32) -> Result<Self> {
        Self::open(&format!("{controller}/{input}"))
    }

    /// [`Interrupt::open`], in a system whose `/dev` and `/sys` are elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`Interrupt::open`].
    pub fn open_in(system: &System, pin: &str) -> Result<Self> {
        let name: PinName = pin.parse()?;
        // O_CLOEXEC comes from the standard library.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(system.device_file(name.cell(), name.pin()))
            .map_err(|error| system.explain_pin(&name, error))?;
        Self::new(file.into(), name.to_string())
    }

    /// Takes over a line's file that somebody else opened, say a parent process with more rights.
    ///
    /// The subscription is that file's: who else holds the same open file shares it, and must not use it meanwhile.
    /// Interrupts from before the call are not counted.
    ///
    /// # Errors
    ///
    /// [`NotALine`](crate::Error::NotALine) if it is another kind of file, [`Gone`](crate::Error::Gone) if its device
    /// has left.
    pub fn from_fd(fd: OwnedFd) -> Result<Self> {
        let link = fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
        let name = match link {
            Ok(path) => path.strip_prefix("/dev/axirq").unwrap_or(&path).display().to_string(),
            Err(_) => format!("file descriptor {}", fd.as_raw_fd()),
        };
        Self::new(fd, name)
    }

    fn new(fd: OwnedFd, name: String) -> Result<Self> {
        Ok(Self {
            core: Core::new(LineFile::new(fd, name)?),
        })
    }

    /// The pin's name, `cell/pin`.
    pub fn pin(&self) -> &str {
        self.core.shared.line.name()
    }

    /// What the line reacts to.
    pub fn trigger(&self) -> Trigger {
        if self.core.shared.line.snapshot().is_level() {
            Trigger::Level
        } else {
            Trigger::Edge
        }
    }

    /// The line's sequence number now: how many interrupts it has had since it was made. No system call.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    pub fn sequence(&self) -> Result<u64> {
        let line = &self.core.shared.line;
        let now = line.snapshot();
        if now.is_gone() {
            Err(line.gone())
        } else {
            Ok(now.sequence)
        }
    }

    /// Waits for an event.
    ///
    /// # When it returns
    ///
    /// At once if there was an event that nobody has been given yet; else when the next one comes, or with an error
    /// when the device leaves. In steady state this takes two system calls, one to arm the line and tokio's
    /// `epoll_wait`, and allocates nothing.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. Dropping the future, for example by `tokio::time::timeout`, disarms the line if no one else waits.
    /// No event is lost: one that came unnoticed is returned by the next wait, once.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left, [`NoRuntime`](crate::Error::NoRuntime) outside of a tokio
    /// runtime, [`RuntimeWithoutIo`](crate::Error::RuntimeWithoutIo) in one built without `enable_io`,
    /// [`RuntimeGone`](crate::Error::RuntimeGone) if the runtime of the first wait is no more: like all of tokio's I/O
    /// types, an `Interrupt` belongs to the runtime that first polled it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let done = axirq::Interrupt::open("axi_dma_0/s2mm_introut")?;
    /// let event = tokio::time::timeout(std::time::Duration::from_secs(1), done.wait()).await??;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn wait(&self) -> Result<Event> {
        self.core.wait().await
    }

    /// The events of the line, one after the other.
    ///
    /// An edge-triggered line stays enabled as long as the stream lives (from its first poll on): no re-arming, one
    /// system call per wake-up, and any number of interrupts in one [`Event`]. A level-triggered line is enabled while
    /// the stream is being polled, as only its user knows when the cause has been cleared: clear it before polling
    /// again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream, or a future that polls it, loses no event: what came unnoticed is returned by the next wait.
    ///
    /// # Errors
    ///
    /// Items are as for [`Interrupt::wait`]; the stream ends after the first error.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::pin::pin;
    /// # use futures_core::Stream;
    /// # async fn example() -> axirq::Result<()> {
    /// let interrupt = axirq::Interrupt::open("axi_intc_0/3")?;
    /// let mut events = pin!(interrupt.events());
    /// // Or `events.next().await`, with the `StreamExt` of your choice.
    /// while let Some(event) = std::future::poll_fn(|cx| events.as_mut().poll_next(cx)).await {
    ///     println!("{} since the last", event?.count);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub fn events(&self) -> Events<'_> {
        Events::new(&self.core)
    }

    /// Waits for an event; blocking twin of `wait`.
    ///
    /// # When it returns
    ///
    /// At once if there was an event that nobody has been given yet; else when the next one comes, or with an error
    /// when the device leaves. Signals do not end the wait.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    pub fn blocking_wait(&self) -> Result<Event> {
        loop {
            // Without a deadline there is always an event in the end.
            if let Some(event) = self.core.blocking_wait(None)? {
                return Ok(event);
            }
        }
    }

    /// [`Interrupt::blocking_wait`] for `timeout` at most. `None` when it is over; no event is lost by that.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    pub fn blocking_wait_timeout(&self, timeout: Duration) -> Result<Option<Event>> {
        self.core.blocking_wait(blocking::deadline_after(timeout))
    }

    /// Begins a wait whose sleeping is yours: in another runtime than tokio, or an event loop of your own.
    ///
    /// An event that nobody has been given yet is there at once, so look first, then sleep until the file is readable,
    /// and look again. Exclusive, as nobody else may arm the file meanwhile: tasks that wait at the same time open the
    /// pin once each.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    ///
    /// # Examples
    ///
    /// With the crate `async-io`, the reactor of smol:
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::os::fd::AsFd;
    ///
    /// use async_io::Async;
    ///
    /// let mut interrupt = axirq::Interrupt::open("axi_timer_0/interrupt")?;
    /// // One registration for all waits, on a descriptor of its own.
    /// let file = Async::new(interrupt.as_fd().try_clone_to_owned()?)?;
    /// loop {
    ///     let armed = interrupt.arm()?;
    ///     let event = loop {
    ///         match armed.event()? {
    ///             Some(event) => break event,
    ///             None => file.readable().await?,
    ///         }
    ///     };
    ///     println!("{} interrupt(s)", event.count);
    /// }
    /// # }
    /// ```
    pub fn arm(&mut self) -> Result<Armed<'_>> {
        blocking::arm(&self.core.shared).map(Armed::new)
    }

    /// Arms, looks, and only then waits: for drivers of devices that hold their line active as long as there is a
    /// cause. `look` is called once the line is armed; if it finds what is waited for, the wait ends with `None`.
    #[cfg(all(
        feature = "tokio",
        any(feature = "dma", feature = "gpio", feature = "timer", feature = "video")
    ))]
    pub(crate) async fn wait_unless(&self, look: impl FnOnce() -> Result<bool>) -> Result<Option<Event>> {
        let mut wait = future::Wait::new(&self.core);
        std::future::poll_fn(|cx| wait.poll_arm(cx)).await?;
        if look()? {
            return Ok(None);
        }
        wait.await.map(Some)
    }

    /// Blocking twin of `wait_unless`. `None` at the deadline, too.
    #[cfg(any(feature = "gpio", feature = "timer", feature = "video"))]
    pub(crate) fn blocking_wait_unless(
        &self,
        deadline: Option<Instant>,
        look: impl FnOnce() -> Result<bool>,
    ) -> Result<Option<Event>> {
        self.core.blocking_wait_unless(deadline, look)
    }
}

/// For an event loop of your own: register this, and wait with [`Interrupt::arm`]. Never read from the file.
impl AsFd for Interrupt {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.core.shared.line.as_fd()
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.core.shared.line.snapshot();
        f.debug_struct("Interrupt")
            .field("pin", &self.pin())
            .field("sequence", &now.sequence)
            .field("gone", &now.is_gone())
            .finish_non_exhaustive()
    }
}

/// An [`Interrupt`] on any kind of line.
#[derive(Debug)]
struct Core<L: Line> {
    // First, so that tokio lets go of the file before it is closed.
    #[cfg(feature = "tokio")]
    reactor: reactor::Reactor<L>,
    shared: Arc<Shared<L>>,
}

impl<L: Line> Core<L> {
    fn new(line: L) -> Self {
        let shared = Arc::new(Shared::new(line));
        Self {
            #[cfg(feature = "tokio")]
            reactor: reactor::Reactor::new(&shared),
            shared,
        }
    }

    #[cfg(feature = "tokio")]
    fn wait(&self) -> future::Wait<'_, L> {
        future::Wait::new(self)
    }

    fn blocking_wait(&self, deadline: Option<Instant>) -> Result<Option<Event>> {
        self.blocking_wait_unless(deadline, || Ok(false))
    }

    fn blocking_wait_unless(
        &self,
        deadline: Option<Instant>,
        look: impl FnOnce() -> Result<bool>,
    ) -> Result<Option<Event>> {
        match blocking::start(&self.shared, deadline)? {
            Started::TimedOut => Ok(None),
            // `look` finds as much before the next wait.
            Started::Event(event) => Ok(Some(event)),
            Started::Armed(armed) => {
                if look()? {
                    return Ok(None);
                }
                armed.sleep(deadline)
            }
        }
    }
}
