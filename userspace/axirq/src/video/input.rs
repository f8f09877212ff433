// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Input`]: frames that come from a stream.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

#[cfg(feature = "tokio")]
use tokio::task::coop::consume_budget;

use super::channel::Channel;
use super::channel::InputPort;
use super::fault::StreamFaults;
use super::frame::Frame;
use super::frame::Spares;
use super::mode::Layout;
use super::mode::Mode;
use super::regs;
use super::ring;
use super::ring::Ring;
use super::ring::Take;
use crate::Error;
use crate::Result;
use crate::interrupt::deadline_after;
use crate::memory::Buffer;

/// How many frames can be held at once, unless told.
const SPARES: usize = 4;

/// The input of an AXI VDMA (S2MM): frames that a stream brings. Made by [`AxiVdma::input`](super::AxiVdma::input).
///
/// Hardware writes frames one after the other, whether they are read or not. A frame that is read is taken out of its
/// reach before it is handed out, and other memory put in its place: nothing is copied, and nothing is overwritten as
/// long as the [`Frame`] lives. Who reads too seldom gets the oldest frames that are still whole, as many as there are
/// frame stores but two; [`Frame::dropped`] counts the others.
///
/// # What it costs
///
/// A frame that is waited for takes 12 accesses to registers of the VDMA, and of the interrupt controller what one event
/// does; one that is there already takes 4. Either takes one more with addresses of more than 32 bits, or of more than 16
/// frame stores. No system call but those of the wait: two.
#[derive(Debug)]
pub struct Input {
    channel: Channel,
    spares: usize,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    layout: Layout,
    ring: Ring<Buffer>,
    spares: Arc<Spares<Buffer>>,
    /// How many frames can be held.
    held: usize,
}

impl Running {
    fn port<'a>(&self, channel: &'a Channel) -> InputPort<'a> {
        InputPort {
            channel,
            lines: self.layout.mode.height(),
        }
    }
}

/// A wait: until it is over, hardware makes an interrupt with the next frame, and counts none.
struct Nap<'a> {
    channel: &'a Channel,
    running: &'a mut Running,
    /// The ring is told by the next look.
    is_over: bool,
}

impl<'a> Nap<'a> {
    fn new(channel: &'a Channel, running: &'a mut Running) -> Result<Self> {
        let port = running.port(channel);
        running.ring.sleep(&port)?;
        Ok(Self {
            channel,
            running,
            is_over: false,
        })
    }

    fn has_stirred(&self) -> Result<bool> {
        let port = self.running.port(self.channel);
        match self.running.ring.has_stirred(&port) {
            // Whoever looks next finds it again, and stops the channel.
            Err(Error::VideoHalted { .. }) => Ok(true),
            stirred => stirred,
        }
    }
}

impl Drop for Nap<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let port = self.running.port(self.channel);
            // What fails here fails again with the next look.
            let _ = self.running.ring.wake(&port);
        }
    }
}

impl Input {
    pub(super) fn new(channel: Channel) -> Self {
        Self {
            channel,
            spares: SPARES,
            running: None,
        }
    }

    /// The cell's name.
    pub fn cell(&self) -> &str {
        self.channel.cell()
    }

    /// How many frames can be held at once: 4 unless told. Counts from the next start on.
    pub fn set_spares(&mut self, frames: usize) {
        self.spares = frames.max(1);
    }

    /// Starts to take frames of this mode, whatever it did before. They are numbered from 0.
    ///
    /// # Errors
    ///
    /// [`BadStride`](Error::BadStride), [`BadMode`](Error::BadMode), [`TooFewStores`](Error::TooFewStores),
    /// [`NoFrameCounter`](Error::NoFrameCounter), [`NoMemory`](Error::NoMemory), [`StuckStatus`](Error::StuckStatus),
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn start(&mut self, mode: Mode) -> Result<()> {
        let layout = self.channel.layout(mode, ring::FEWEST)?;
        self.stop()?;
        let allocate = |count| {
            let buffers = (0..count).map(|_| self.channel.pool().allocate(layout.len()));
            buffers.collect::<Result<Vec<_>>>()
        };
        let stores = allocate(self.channel.stores())?;
        let spares = Arc::new(Spares::new(allocate(self.spares)?));
        self.channel.run(regs::CIRCULAR, Ring::<Buffer>::period(stores.len()))?;
        for (store, buffer) in stores.iter().enumerate() {
            self.channel.place_at(store, buffer.address())?;
        }
        let port = InputPort {
            channel: &self.channel,
            lines: mode.height(),
        };
        self.running = Some(Running {
            layout,
            ring: Ring::new(&port, stores, Arc::clone(&spares))?,
            spares,
            held: self.spares,
        });
        self.channel.begin(&layout)
    }

    /// Stops. Frames that were read stay as they are; others are forgotten.
    ///
    /// # Errors
    ///
    /// [`StuckStatus`](Error::StuckStatus), [`Gone`](Error::Gone) once the device has left.
    pub fn stop(&mut self) -> Result<()> {
        let running = self.running.take();
        let stopped = self.channel.reset();
        if let (Err(_), Some(running)) = (&stopped, running) {
            // It may still write there, even if the device has left: its interrupt goes first. The kernel frees the
            // memory, once it has stopped the core.
            for buffer in running.ring.into_reach() {
                buffer.abandon();
            }
        }
        stopped
    }

    /// The mode that it was started with. `None` if it is stopped.
    pub fn mode(&self) -> Option<Mode> {
        self.running.as_ref().map(|running| running.layout.mode)
    }

    /// How many frames have come since it was started, read or not, as of the last look at the hardware.
    ///
    /// The hardware counts them, up to about two hundred: so many may come between two looks while nobody waits, and while
    /// this process waits, as many as there are frame stores until it is woken. Beyond that whole rounds are left out;
    /// none is ever made up.
    pub fn frame_count(&self) -> u64 {
        self.running.as_ref().map_or(0, |running| running.ring.done())
    }

    /// What the stream did wrong since it was started. Frames with faults, and those beside them, are not handed out.
    pub fn faults(&self) -> StreamFaults {
        let none = StreamFaults::default();
        self.running.as_ref().map_or(none, |running| running.ring.faults())
    }

    /// Waits for a frame, and takes it.
    ///
    /// # When it returns
    ///
    /// At once if there is a whole frame that was not read yet, else with the next one. A frame with which the stream went
    /// wrong is dropped, and the wait goes on.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a frame that a dropped future did not return is returned by the next call, as long as hardware keeps
    /// it.
    ///
    /// # Errors
    ///
    /// [`VideoStopped`](Error::VideoStopped), [`VideoHalted`](Error::VideoHalted), [`FramesHeld`](Error::FramesHeld) if all
    /// memory is held as frames, [`FrameMismatch`](Error::FrameMismatch) if several frames in a row are not of this mode,
    /// [`StuckStatus`](Error::StuckStatus), and as for [`Interrupt::wait`](crate::Interrupt::wait).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> axirq::Result<()> {
    /// use axirq::video::{AxiVdma, Mode, PixelFormat};
    ///
    /// let mut input = AxiVdma::open("axi_vdma_0")?.input()?;
    /// input.start(Mode::new(1280, 720, PixelFormat::Rgb24)?)?;
    /// loop {
    ///     let frame = input.read_frame().await?;
    ///     println!("frame {}, {} dropped before it", frame.number(), frame.dropped());
    ///     for row in frame.rows() {
    ///         println!("begins with {:?}", &row[..3]);
    ///     }
    /// }
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn read_frame(&mut self) -> Result<Frame> {
        loop {
            // Frames that come faster than they are read would never let another task run.
            consume_budget().await;
            if let Some(frame) = self.look()? {
                return Ok(frame);
            }
            let (channel, running) = self.parts()?;
            let mut nap = Nap::new(channel, running)?;
            channel.interrupt.wait_unless(|| nap.has_stirred()).await?;
            nap.is_over = true;
        }
    }

    /// Waits for a frame, and takes it; blocking twin of `read_frame`.
    ///
    /// # Errors
    ///
    /// As for `read_frame`, and [`Interrupt::blocking_wait`](crate::Interrupt::blocking_wait).
    pub fn blocking_read_frame(&mut self) -> Result<Frame> {
        loop {
            // Without a deadline there is always a frame in the end.
            if let Some(frame) = self.blocking_read_frame_until(None)? {
                return Ok(frame);
            }
        }
    }

    /// [`Input::blocking_read_frame`] for `timeout` at most. `None` when it is over; no frame is lost by that.
    ///
    /// # Errors
    ///
    /// As for [`Input::blocking_read_frame`].
    pub fn blocking_read_frame_timeout(&mut self, timeout: Duration) -> Result<Option<Frame>> {
        self.blocking_read_frame_until(deadline_after(timeout))
    }

    pub(super) fn blocking_read_frame_until(&mut self, deadline: Option<Instant>) -> Result<Option<Frame>> {
        loop {
            let found = self.look()?;
            if found.is_some() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(found);
            }
            let (channel, running) = self.parts()?;
            let mut nap = Nap::new(channel, running)?;
            let event = channel.interrupt.blocking_wait_unless(deadline, || nap.has_stirred())?;
            nap.is_over = event.is_some();
        }
    }

    /// A frame, if there is one.
    fn look(&mut self) -> Result<Option<Frame>> {
        let (channel, running) = self.parts()?;
        let port = running.port(channel);
        let cell = || channel.cell().to_owned();
        match running.ring.take(&port) {
            Ok(Take::Frame(buffer, place)) => Ok(Some(Frame::new(buffer, &running.spares, running.layout, place))),
            Ok(Take::Nothing) => Ok(None),
            Ok(Take::NoSpare) => Err(Error::FramesHeld {
                cell: cell(),
                held: running.held,
            }),
            Ok(Take::Faulty) => Err(Error::FrameMismatch {
                cell: cell(),
                mode: running.layout.mode.to_string(),
                faults: running.ring.faults().to_string(),
            }),
            Err(error) => {
                if matches!(error, Error::VideoHalted { .. }) {
                    self.stop()?;
                }
                Err(error)
            }
        }
    }

    fn parts(&mut self) -> Result<(&Channel, &mut Running)> {
        let Self { channel, running, .. } = self;
        match running {
            Some(running) => Ok((channel, running)),
            None => Err(channel.stopped()),
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // A device that has left needs no stopping.
        let _ = self.stop();
    }
}
