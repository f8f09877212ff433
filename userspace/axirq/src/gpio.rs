// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI GPIO (PG144): buttons, switches and LEDs.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> axirq::Result<()> {
//! use axirq::gpio::AxiGpio;
//!
//! let button = AxiGpio::open("btns_gpio")?.button(0)?;
//! let led = AxiGpio::open("leds_gpio")?.led(0)?;
//! loop {
//!     button.wait_for_level(1).await?;
//!     led.on()?;
//!     button.wait_for_level(0).await?;
//!     led.off()?;
//! }
//! # }
//! ```
//!
//! Any number of tasks and threads of a process may wait for wires of one cell and write to it: they share its one
//! interrupt and its one status register. Two processes cannot, as each would clear what the other waits for.
//!
//! The hardware tells *that* an input changed, not which, nor how often: a pulse that is over before a task has run is
//! an interrupt, but no level that a wait would find.
//!
//! A cell without the pin `ip2intc_irpt` ("Enable Interrupt" off in the block design) can be read and written; waiting
//! is [`Error::NoInterrupt`]. Once the overlay is removed, waiting is
//! [`Error::Gone`], and so is access to a cell that was waited for. To any other cell it raises
//! `SIGBUS` (see [`Mmio`](crate::Mmio)).

mod parts;
mod regs;
mod shared;

pub use parts::Button;
pub use parts::Led;
pub use parts::Switch;

use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::Error;
use crate::Result;
use crate::interrupt::deadline_after;
use crate::list::System;
use shared::Shared;

/// An AXI GPIO: one or two channels of up to 32 wires.
///
/// Clones, and further opens of the same cell, are the same GPIO.
#[derive(Clone, Debug)]
pub struct AxiGpio {
    shared: Arc<Shared>,
}

impl AxiGpio {
    /// Opens the cell of this name. Its width, channels and directions come from the device tree.
    ///
    /// # Errors
    ///
    /// As for [`Mmio::open`](crate::Mmio::open).
    pub fn open(cell: &str) -> Result<Self> {
        Self::open_in(&System::new(), cell)
    }

    /// [`AxiGpio::open`], in a system whose `/dev` and `/sys` are elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`AxiGpio::open`].
    pub fn open_in(system: &System, cell: &str) -> Result<Self> {
        Shared::open(system, cell).map(|shared| Self { shared })
    }

    /// The cell's name.
    pub fn cell(&self) -> &str {
        self.shared.cell()
    }

    /// Channel 1 or 2.
    ///
    /// # Errors
    ///
    /// [`NoSuchChannel`](Error::NoSuchChannel).
    pub fn channel(&self, channel: u32) -> Result<Channel> {
        let index = (0..self.shared.channels().len()).find(|index| number(*index) == channel);
        match index {
            Some(index) => Ok(Channel {
                shared: Arc::clone(&self.shared),
                index,
            }),
            None => Err(Error::NoSuchChannel {
                cell: self.cell().to_owned(),
                channel,
                // The last one's number.
                channels: number(self.shared.channels().len() - 1),
            }),
        }
    }

    /// A button on a wire of channel 1; see [`Channel::button`].
    ///
    /// # Errors
    ///
    /// As for [`Channel::button`].
    pub fn button(&self, wire: u32) -> Result<Button> {
        self.channel(1)?.button(wire)
    }

    /// A switch on a wire of channel 1; see [`Channel::switch`].
    ///
    /// # Errors
    ///
    /// As for [`Channel::switch`].
    pub fn switch(&self, wire: u32) -> Result<Switch> {
        self.channel(1)?.switch(wire)
    }

    /// An LED on a wire of channel 1; see [`Channel::led`].
    ///
    /// # Errors
    ///
    /// As for [`Channel::led`].
    pub fn led(&self, wire: u32) -> Result<Led> {
        self.channel(1)?.led(wire)
    }
}

/// A channel of an [`AxiGpio`]. Bit n of every value and mask is wire n.
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<Shared>,
    /// From 0; users count from 1.
    index: usize,
}

impl Channel {
    /// The number of wires, 1 to 32.
    pub fn width(&self) -> u32 {
        self.shared.channels()[self.index].width
    }

    /// The wires: inputs as they are now (GPIO_DATA), outputs as they were last set.
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn read(&self) -> Result<u32> {
        self.shared.read(self.index)
    }

    /// Sets all outputs (GPIO_DATA). For a wire that is an input, what it will be as an output; bits beyond the width
    /// are ignored.
    ///
    /// # Errors
    ///
    /// [`FixedDirection`](Error::FixedDirection) if all wires are inputs by design, [`Gone`](Error::Gone) once the
    /// device has left.
    pub fn write(&self, value: u32) -> Result<()> {
        self.shared.write(self.index, |_| value)
    }

    /// Sets the outputs under `mask` and leaves the others, also while other tasks and threads do the same.
    ///
    /// # Errors
    ///
    /// As for [`Channel::write`].
    pub fn write_masked(&self, mask: u32, value: u32) -> Result<()> {
        self.shared.write(self.index, |old| old & !mask | value & mask)
    }

    /// Inverts the outputs under `mask`.
    ///
    /// # Errors
    ///
    /// As for [`Channel::write`].
    pub fn toggle(&self, mask: u32) -> Result<()> {
        self.shared.write(self.index, |old| old ^ mask)
    }

    /// Which wires are inputs: a 1 for each (GPIO_TRI).
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn direction(&self) -> Result<u32> {
        self.shared.inputs(self.index)
    }

    /// Chooses which wires are inputs: a 1 for each (GPIO_TRI).
    ///
    /// # Errors
    ///
    /// [`FixedDirection`](Error::FixedDirection) if this would change what the design has fixed,
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn set_direction(&self, inputs: u32) -> Result<()> {
        self.shared.set_inputs(self.index, |_| inputs)
    }

    /// A button on a wire, which becomes an input.
    ///
    /// # Errors
    ///
    /// [`NoSuchWire`](Error::NoSuchWire), [`FixedDirection`](Error::FixedDirection) if all wires are outputs by design.
    pub fn button(&self, wire: u32) -> Result<Button> {
        self.input(wire).map(Button)
    }

    /// A switch on a wire, which becomes an input.
    ///
    /// # Errors
    ///
    /// As for [`Channel::button`].
    pub fn switch(&self, wire: u32) -> Result<Switch> {
        self.input(wire).map(Switch)
    }

    /// An LED on a wire, which becomes an output.
    ///
    /// # Errors
    ///
    /// [`NoSuchWire`](Error::NoSuchWire), [`FixedDirection`](Error::FixedDirection) if all wires are inputs by design.
    pub fn led(&self, wire: u32) -> Result<Led> {
        let wire = self.wire(wire)?;
        self.shared.set_inputs(self.index, |inputs| inputs & !wire.mask)?;
        Ok(Led(wire))
    }

    /// Waits until the wires under `mask` are as in `value`.
    ///
    /// # When it returns
    ///
    /// At once if they are so already; else with the interrupt after which they are. They may have changed again by
    /// then, and a state shorter than the time to look at it goes unseen. Only inputs make interrupts.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is consumed, so dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`NoInterrupt`](Error::NoInterrupt), [`NoSuchWire`](Error::NoSuchWire) if the mask is wider than the channel,
    /// [`StuckStatus`](Error::StuckStatus), and as for [`Interrupt::open`](crate::Interrupt::open) and
    /// [`Interrupt::wait`](crate::Interrupt::wait).
    #[cfg(feature = "tokio")]
    pub async fn wait_for(&self, mask: u32, value: u32) -> Result<()> {
        self.check(mask)?;
        self.shared.wait_for(self.index, mask, value & mask).await
    }

    /// Waits until the wires under `mask` are as in `value`; blocking twin of `wait_for`.
    ///
    /// # Errors
    ///
    /// [`NoInterrupt`](Error::NoInterrupt), [`NoSuchWire`](Error::NoSuchWire) if the mask is wider than the channel,
    /// [`StuckStatus`](Error::StuckStatus), and as for [`Interrupt::open`](crate::Interrupt::open) and
    /// [`Interrupt::blocking_wait`](crate::Interrupt::blocking_wait).
    pub fn blocking_wait_for(&self, mask: u32, value: u32) -> Result<()> {
        // Without a deadline it is never false.
        while !self.blocking_wait_until(mask, value, None)? {}
        Ok(())
    }

    /// [`Channel::blocking_wait_for`] for `timeout` at most. False when it is over.
    ///
    /// # Errors
    ///
    /// As for [`Channel::blocking_wait_for`].
    pub fn blocking_wait_for_timeout(&self, mask: u32, value: u32, timeout: Duration) -> Result<bool> {
        self.blocking_wait_until(mask, value, deadline_after(timeout))
    }

    fn blocking_wait_until(&self, mask: u32, value: u32, deadline: Option<Instant>) -> Result<bool> {
        self.check(mask)?;
        self.shared.blocking_wait_for(self.index, mask, value & mask, deadline)
    }

    fn input(&self, wire: u32) -> Result<Wire> {
        let wire = self.wire(wire)?;
        self.shared.set_inputs(self.index, |inputs| inputs | wire.mask)?;
        Ok(wire)
    }

    fn wire(&self, wire: u32) -> Result<Wire> {
        let mask = 1_u32.checked_shl(wire).ok_or_else(|| self.no_such(wire))?;
        self.check(mask)?;
        Ok(Wire {
            channel: self.clone(),
            mask,
        })
    }

    fn check(&self, mask: u32) -> Result<()> {
        match mask & !self.shared.channels()[self.index].mask() {
            0 => Ok(()),
            beyond => Err(self.no_such(beyond.trailing_zeros())),
        }
    }

    fn no_such(&self, wire: u32) -> Error {
        Error::NoSuchWire {
            cell: self.shared.cell().to_owned(),
            channel: number(self.index),
            wire,
            width: self.width(),
        }
    }
}

/// One wire of a channel.
#[derive(Clone, Debug)]
struct Wire {
    channel: Channel,
    mask: u32,
}

/// A channel's number as users and the manual count.
fn number(index: usize) -> u32 {
    if index == 0 { 1 } else { 2 }
}
