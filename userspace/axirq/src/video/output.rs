// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Output`]: frames that go into a stream.

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use super::channel::Channel;
use super::fault::StreamFaults;
use super::frame::Frame;
use super::frame::Spares;
use super::mode::Layout;
use super::mode::Mode;
use super::regs;
use crate::Error;
use crate::Result;
use crate::interrupt::deadline_after;
use crate::memory::Buffer;

/// One store is shown, another is next.
const FEWEST: usize = 2;

/// The output of an AXI VDMA (MM2S): frames that a display shows. Made by [`AxiVdma::output`](super::AxiVdma::output).
///
/// It shows one frame again and again (it is *parked* there) until it is given another; at first a black one. Hardware
/// reads a frame until the next one has begun, so a frame that was given to it comes back to nobody before that.
///
/// # What it costs
///
/// A frame that waits for its turn takes 10 accesses to registers of the VDMA: 4 to look before the wait, 3 to look after
/// it, 3 to be given; and more if the display shows another one until then. Of the interrupt controller it takes what one
/// event does. No system call but those of the wait: two.
#[derive(Debug)]
pub struct Output {
    channel: Channel,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    layout: Layout,
    /// The store that is shown, and its frame.
    at: usize,
    shown: Frame,
    /// What is to be shown next, in the store after it.
    next: Option<Frame>,
    spares: Arc<Spares<Buffer>>,
    given: u64,
    faults: StreamFaults,
}

impl Running {
    fn next_store(&self, channel: &Channel) -> usize {
        (self.at + 1) % channel.stores()
    }

    /// Whether the display has begun what it was given last.
    fn is_taken(&mut self, channel: &Channel) -> Result<bool> {
        let status = channel.running_status()?;
        self.faults.add(status);
        // The store that hardware tells of stands still as long as an error is set.
        let known = regs::FRAME_IRQ | regs::ERR_IRQ | regs::INT_ERR | regs::STREAM;
        if status & known != 0 {
            channel.acknowledge(status & known)?;
        }
        let next = self.next_store(channel);
        if self.next.is_some() {
            if channel.store()? != next {
                return Ok(false);
            }
            if let Some(frame) = self.next.take() {
                self.at = next;
                // Gives back the one before.
                self.shown = frame;
            }
        }
        Ok(true)
    }
}

impl Output {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, running: None }
    }

    /// The cell's name.
    pub fn cell(&self) -> &str {
        self.channel.cell()
    }

    /// Starts to show frames of this mode, whatever it did before; a black one at first.
    ///
    /// # Errors
    ///
    /// As for [`Input::start`](super::Input::start).
    pub fn start(&mut self, mode: Mode) -> Result<()> {
        let layout = self.channel.layout(mode, FEWEST)?;
        self.stop()?;
        let spares = Arc::new(Spares::new(Vec::new()));
        let black = self.channel.pool().allocate(layout.len())?;
        self.channel.run(0, 1)?;
        for store in 0..self.channel.stores() {
            self.channel.place_at(store, black.address())?;
        }
        self.channel.park(0)?;
        self.running = Some(Running {
            layout,
            at: 0,
            shown: Frame::new(black, &spares, layout, (0, 0)),
            next: None,
            spares,
            given: 0,
            faults: StreamFaults::default(),
        });
        self.channel.begin(&layout)
    }

    /// Stops, in the middle of a frame. What is shown is given back.
    ///
    /// # Errors
    ///
    /// [`StuckStatus`](Error::StuckStatus), [`Gone`](Error::Gone) once the device has left.
    pub fn stop(&mut self) -> Result<()> {
        let running = self.running.take();
        let stopped = self.channel.reset();
        if let (Err(_), Some(running)) = (&stopped, running) {
            // It may still read there, even if the device has left: its interrupt goes first. The kernel frees the
            // memory, once it has stopped the core.
            running.shown.abandon();
            if let Some(next) = running.next {
                next.abandon();
            }
        }
        stopped
    }

    /// The mode that it was started with. `None` if it is stopped.
    pub fn mode(&self) -> Option<Mode> {
        self.running.as_ref().map(|running| running.layout.mode)
    }

    /// How many frames it was given since it was started.
    pub fn frame_count(&self) -> u64 {
        self.running.as_ref().map_or(0, |running| running.given)
    }

    /// What the stream did wrong since it was started, as of the last look at the hardware: the display asked for the next
    /// frame too early, which harms that frame alone.
    pub fn faults(&self) -> StreamFaults {
        let none = StreamFaults::default();
        self.running.as_ref().map_or(none, |running| running.faults)
    }

    /// A frame of this output's mode to be filled. What is in it is of some frame before.
    ///
    /// # Errors
    ///
    /// [`VideoStopped`](Error::VideoStopped), [`NoMemory`](Error::NoMemory), [`Gone`](Error::Gone) once the device has
    /// left.
    pub fn new_frame(&mut self) -> Result<Frame> {
        let (channel, running) = self.parts()?;
        let buffer = match running.spares.take() {
            Some(spare) => spare,
            None => channel.pool().allocate(running.layout.len())?,
        };
        Ok(Frame::new(buffer, &running.spares, running.layout, (0, 0)))
    }

    /// Waits until the frame that was given last is shown, so that another one can be.
    ///
    /// # When it returns
    ///
    /// At once if it is shown already, or if none was given; else when the display has begun it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// [`VideoStopped`](Error::VideoStopped), [`VideoHalted`](Error::VideoHalted), [`StuckStatus`](Error::StuckStatus), and
    /// as for [`Interrupt::wait`](crate::Interrupt::wait).
    #[cfg(feature = "tokio")]
    pub async fn shown(&mut self) -> Result<()> {
        loop {
            if self.look()? {
                return Ok(());
            }
            let (channel, running) = self.parts()?;
            let look = || quietly(running.is_taken(channel));
            channel.interrupt.wait_unless(look).await?;
        }
    }

    /// Waits until the frame that was given last is shown; blocking twin of `shown`.
    ///
    /// # Errors
    ///
    /// As for `shown`, and [`Interrupt::blocking_wait`](crate::Interrupt::blocking_wait).
    pub fn blocking_shown(&mut self) -> Result<()> {
        // Without a deadline it is in the end.
        while !self.blocking_shown_until(None)? {}
        Ok(())
    }

    /// [`Output::blocking_shown`] for `timeout` at most. Whether the frame is shown.
    ///
    /// # Errors
    ///
    /// As for [`Output::blocking_shown`].
    pub fn blocking_shown_timeout(&mut self, timeout: Duration) -> Result<bool> {
        self.blocking_shown_until(deadline_after(timeout))
    }

    /// Shows a frame, once the one before it is shown: of [`new_frame`](Output::new_frame), or one of the same core's input
    /// with the same mode.
    ///
    /// # When it returns
    ///
    /// When the display has begun the frame that was given before. This one is shown from the display's next frame on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the frame, which is not shown then; nothing else is harmed. To wait without a frame at
    /// stake, wait for [`shown`](Output::shown) first: this does not wait then.
    ///
    /// # Errors
    ///
    /// [`WrongFrame`](Error::WrongFrame) for one of another core or mode, and as for [`shown`](Output::shown).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> axirq::Result<()> {
    /// use axirq::video::{AxiVdma, Mode, PixelFormat};
    ///
    /// let mut output = AxiVdma::open("axi_vdma_0")?.output()?;
    /// output.start(Mode::new(1280, 720, PixelFormat::Rgb24)?)?;
    /// for brightness in 0..=255 {
    ///     let mut frame = output.new_frame()?;
    ///     frame.fill(brightness);
    ///     output.write_frame(frame).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn write_frame(&mut self, frame: Frame) -> Result<()> {
        let address = self.check(&frame)?;
        self.shown().await?;
        self.give(frame, address)
    }

    /// Shows a frame; blocking twin of `write_frame`.
    ///
    /// # Errors
    ///
    /// As for `write_frame`, and [`Interrupt::blocking_wait`](crate::Interrupt::blocking_wait).
    pub fn blocking_write_frame(&mut self, frame: Frame) -> Result<()> {
        let address = self.check(&frame)?;
        self.blocking_shown()?;
        self.give(frame, address)
    }

    /// [`Output::blocking_write_frame`] for `timeout` at most. The frame comes back when it is over.
    ///
    /// # Errors
    ///
    /// As for [`Output::blocking_write_frame`].
    pub fn blocking_write_frame_timeout(&mut self, frame: Frame, timeout: Duration) -> Result<Option<Frame>> {
        self.blocking_write_frame_until(frame, deadline_after(timeout))
    }

    fn blocking_write_frame_until(&mut self, frame: Frame, deadline: Option<Instant>) -> Result<Option<Frame>> {
        let address = self.check(&frame)?;
        if !self.blocking_shown_until(deadline)? {
            return Ok(Some(frame));
        }
        self.give(frame, address).map(|()| None)
    }

    pub(super) fn blocking_shown_until(&mut self, deadline: Option<Instant>) -> Result<bool> {
        loop {
            let is_taken = self.look()?;
            if is_taken || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(is_taken);
            }
            let (channel, running) = self.parts()?;
            let look = || quietly(running.is_taken(channel));
            channel.interrupt.blocking_wait_unless(deadline, look)?;
        }
    }

    fn look(&mut self) -> Result<bool> {
        let (channel, running) = self.parts()?;
        let is_taken = running.is_taken(channel);
        if let Err(Error::VideoHalted { .. }) = is_taken {
            self.stop()?;
        }
        is_taken
    }

    /// Where hardware finds the frame, if it is one for this output.
    fn check(&mut self, frame: &Frame) -> Result<u64> {
        let (channel, running) = self.parts()?;
        let wrong = |reason| Error::WrongFrame {
            cell: channel.cell().to_owned(),
            reason,
        };
        if frame.layout() != running.layout {
            return Err(wrong("it is of another mode, or its lines lie otherwise in memory"));
        }
        frame
            .address(channel.pool())
            .ok_or_else(|| wrong("its memory is another core's"))
    }

    /// Has a frame be shown next. Nothing else is.
    fn give(&mut self, frame: Frame, address: u64) -> Result<()> {
        let (channel, running) = self.parts()?;
        let store = running.next_store(channel);
        running.next = Some(frame);
        running.given += 1;
        channel.place_at(store, address)?;
        channel.commit_lines(running.layout.mode.height())?;
        channel.park(store)
    }

    fn parts(&mut self) -> Result<(&Channel, &mut Running)> {
        let Self { channel, running } = self;
        match running {
            Some(running) => Ok((channel, running)),
            None => Err(channel.stopped()),
        }
    }
}

/// A look of somebody who looks again: he finds that the channel has halted, and stops it.
fn quietly(is_taken: Result<bool>) -> Result<bool> {
    match is_taken {
        Err(Error::VideoHalted { .. }) => Ok(true),
        is_taken => is_taken,
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // A device that has left needs no stopping.
        let _ = self.stop();
    }
}
