// SPDX-License-Identifier: MIT OR Apache-2.0
//! Video: the AXI VDMA (PG020) in register direct mode, frames in and frames out.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> axirq::Result<()> {
//! use axirq::video::{AxiVdma, Mode, PixelFormat};
//!
//! let vdma = AxiVdma::open("axi_vdma_0")?;
//! let (mut camera, mut display) = (vdma.input()?, vdma.output()?);
//! let mode = Mode::new(1280, 720, PixelFormat::Rgb24)?;
//! camera.start(mode)?;
//! display.start(mode)?;
//! loop {
//!     let mut frame = camera.read_frame().await?;
//!     for row in frame.rows_mut() {
//!         row.reverse();
//!     }
//!     display.write_frame(frame).await?;
//! }
//! # }
//! ```
//!
//! # What there is
//!
//! - [`AxiVdma`]: the core. It has an [`Input`] (S2MM) and an [`Output`] (MM2S), which two tasks can have.
//! - [`Mode`]: what a frame is: width, height, [`PixelFormat`], how its lines lie in memory.
//! - [`Frame`]: the memory of one frame, nobody else's as long as it lives, the hardware's included. Frames are not copied
//!   on their way, and memory that went back to the hardware cannot be reached by a `Frame` any more.
//! - [`tie`]: what comes in goes out.
//! - [`StreamFaults`]: what the stream did wrong, which only costs the frame; [`Fault`]: why a channel has halted.
//!
//! The core's node has to be bound first, `axirq bind axi_vdma_0`, unless a kernel driver has it: that of DMA engines, for
//! one.
//!
//! # Once the overlay is removed
//!
//! Waits return [`Error::Gone`](crate::Error::Gone). The hardware is stopped before its memory goes; touching the bytes of
//! a frame raises `SIGBUS` then (see [`memory`](crate::memory)).

mod channel;
mod fault;
mod frame;
mod input;
mod mode;
mod output;
mod regs;
mod ring;

pub use fault::Fault;
pub use fault::StreamFaults;
pub use frame::Frame;
pub use input::Input;
pub use mode::Mode;
pub use mode::PixelFormat;
pub use output::Output;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::Result;
use crate::interrupt::deadline_after;
use crate::list::System;
use crate::pin;
use channel::Channel;
use channel::Core;

/// An AXI VDMA.
///
/// It is this process's alone as long as this value, its [`Input`], its [`Output`], or a [`Frame`] of it lives.
#[derive(Debug)]
pub struct AxiVdma(Arc<Core>);

impl AxiVdma {
    /// Opens the cell of this name. How many frame stores it has, how wide its addresses and its data are, comes from the
    /// device tree.
    ///
    /// # Errors
    ///
    /// As for [`Mmio::open`](crate::Mmio::open), and [`WindowTooSmall`](crate::Error::WindowTooSmall),
    /// [`InUse`](crate::Error::InUse) if this process has it open, [`Lent`](crate::Error::Lent) if another one has.
    pub fn open(cell: &str) -> Result<Self> {
        Self::open_in(&System::new(), cell)
    }

    /// [`AxiVdma::open`], in a system whose `/dev` and `/sys` are elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`AxiVdma::open`].
    pub fn open_in(system: &System, cell: &str) -> Result<Self> {
        let cell = pin::parse_cell(cell)?;
        Ok(Self(Arc::new(Core::open(system, cell)?)))
    }

    /// The cell's name.
    pub fn cell(&self) -> &str {
        &self.0.cell
    }

    /// How many frame stores each channel has.
    pub fn stores(&self) -> u32 {
        self.0.stores
    }

    /// The channel that writes frames to memory (S2MM), stopped.
    ///
    /// # Errors
    ///
    /// [`NoInterrupt`](crate::Error::NoInterrupt) if interrupts of it are not available in this overlay,
    /// [`InUse`](crate::Error::InUse) if it is open, [`StuckStatus`](crate::Error::StuckStatus), and as for
    /// [`Interrupt::open`](crate::Interrupt::open).
    pub fn input(&self) -> Result<Input> {
        Channel::open(&self.0, &channel::INPUT).map(Input::new)
    }

    /// The channel that reads frames from memory (MM2S), stopped.
    ///
    /// # Errors
    ///
    /// As for [`AxiVdma::input`].
    pub fn output(&self) -> Result<Output> {
        Channel::open(&self.0, &channel::OUTPUT).map(Output::new)
    }
}

/// Shows what comes in, frame after frame, without copying. Both have to be started, with the same mode, and be of the
/// same core.
///
/// # When it returns
///
/// With an error; else never.
///
/// # Cancel safety
///
/// Cancel safe: both can be used on, and every frame that was read was given to the output. The display goes on to show
/// the last one.
///
/// # Errors
///
/// As for [`Input::read_frame`] and [`Output::write_frame`].
///
/// # Examples
///
/// ```no_run
/// # async fn example(input: &mut axirq::video::Input, output: &mut axirq::video::Output) -> axirq::Result<()> {
/// // Until somebody presses Ctrl-C.
/// tokio::select! {
///     error = axirq::video::tie(input, output) => error.map(|never| match never {}),
///     _ = tokio::signal::ctrl_c() => Ok(()),
/// }
/// # }
/// ```
#[cfg(feature = "tokio")]
pub async fn tie(input: &mut Input, output: &mut Output) -> Result<Infallible> {
    loop {
        // First, so that what is shown is as new as can be.
        output.shown().await?;
        let frame = input.read_frame().await?;
        output.write_frame(frame).await?;
    }
}

/// Shows what comes in; blocking twin of `tie`.
///
/// # Errors
///
/// As for `tie`.
pub fn blocking_tie(input: &mut Input, output: &mut Output) -> Result<Infallible> {
    loop {
        // Without a deadline it does not return.
        blocking_tie_until(input, output, None)?;
    }
}

/// [`blocking_tie`] for `timeout` at most.
///
/// # Errors
///
/// As for [`blocking_tie`].
pub fn blocking_tie_timeout(input: &mut Input, output: &mut Output, timeout: Duration) -> Result<()> {
    blocking_tie_until(input, output, deadline_after(timeout))
}

fn blocking_tie_until(input: &mut Input, output: &mut Output, deadline: Option<Instant>) -> Result<()> {
    while output.blocking_shown_until(deadline)? {
        let Some(frame) = input.blocking_read_frame_until(deadline)? else {
            break;
        };
        // It does not wait: what was given before is shown.
        output.blocking_write_frame(frame)?;
    }
    Ok(())
}
