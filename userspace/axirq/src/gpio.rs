// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI GPIO (PG144): buttons, switches, LEDs, and wires of any kind.
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
//! # From cell to wire
//!
//! An [`AxiGpio`] has one or two [`Channel`]s, a channel has [`Wires`], and one of them is a [`Wire`]. Which way they
//! face is part of their type ([`Input`], [`Output`], [`InOut`]), so that what makes no sense does not compile; a wire
//! faces one way at a time, whoever holds it ([`Error::WireInUse`]). [`Button`], [`Switch`] and [`Led`] are what boards
//! call a wire, and three of them are an [`RgbLed`].
//!
//! ```no_run
//! # fn main() -> axirq::Result<()> {
//! use axirq::gpio::AxiGpio;
//!
//! let gpio = AxiGpio::open("axi_gpio_0")?;
//! // Wires 4 to 7 of channel 2; wire 4 is bit 0 of what is written.
//! let nibble = gpio.channel(2)?.output(4..8)?;
//! nibble.write(0b1010)?;
//! // All wires of channel 1.
//! println!("{:#b}", gpio.channel(1)?.input(..)?.read()?);
//! # Ok(())
//! # }
//! ```
//!
//! An input cannot be written, nor an output awaited:
//!
//! ```compile_fail,E0277
//! # fn example(channel: &axirq::gpio::Channel) -> axirq::Result<()> {
//! channel.input(0..4)?.write(1)?;
//! # Ok(())
//! # }
//! ```
//!
//! ```compile_fail,E0277
//! # fn example(channel: &axirq::gpio::Channel) -> axirq::Result<()> {
//! channel.output(0..4)?.blocking_wait_for_value(1)?;
//! # Ok(())
//! # }
//! ```
//!
//! ```compile_fail,E0277
//! # fn example(channel: &axirq::gpio::Channel) -> axirq::Result<()> {
//! channel.button(0)?.on()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Waiting
//!
//! Any number of tasks and threads of a process may wait for wires of one cell and write to it: they share its one
//! interrupt and its one status register, and what one of them sees change, all do. Two processes cannot wait, as each
//! would clear what the other waits for.
//!
//! The hardware tells *that* an input of a channel changed, not which, nor how often. Waiting for a value or level
//! finds one that lasts until it is looked at. [`Wires::wait_for_interrupt`] tells of all changes, and of pulses that
//! were over before anybody could look, as such.
//!
//! A cell without the pin `ip2intc_irpt` ("Enable Interrupt" off in the block design) can be read and written; waiting
//! is [`Error::NoInterrupt`]. Once the overlay is removed, waiting is
//! [`Error::Gone`], and so is access to a cell that was waited for. To any other cell it raises
//! `SIGBUS` (see [`Mmio`](crate::Mmio)).

mod claims;
mod direction;
#[cfg(feature = "embedded-hal")]
mod hal;
mod log;
mod parts;
mod regs;
mod shared;
mod span;
mod watch;
mod wires;

pub use direction::Direction;
pub use direction::Drives;
pub use direction::InOut;
pub use direction::Input;
pub use direction::Output;
pub use direction::Reads;
pub use parts::Button;
pub use parts::Color;
pub use parts::Led;
pub use parts::RgbLed;
pub use parts::Switch;
pub use wires::Change;
pub use wires::Wire;
pub use wires::Wires;

use std::ops::RangeBounds;
use std::sync::Arc;

use crate::Error;
use crate::Result;
use crate::list::System;
use shared::Shared;
use span::Bad;
use span::Span;

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
    /// As for [`Mmio::open`](crate::Mmio::open), and [`WindowTooSmall`](Error::WindowTooSmall).
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
        &self.shared.cell
    }

    /// Channel 1 or 2.
    ///
    /// # Errors
    ///
    /// [`NoSuchChannel`](Error::NoSuchChannel).
    pub fn channel(&self, channel: u32) -> Result<Channel> {
        let index = (0..self.shared.channels.len()).find(|index| number(*index) == channel);
        match index {
            Some(index) => Ok(Channel {
                shared: Arc::clone(&self.shared),
                index,
            }),
            None => Err(Error::NoSuchChannel {
                cell: self.cell().to_owned(),
                channel,
                // The last one's number.
                channels: number(self.shared.channels.len() - 1),
            }),
        }
    }

    /// A button on a wire of channel 1; see [`Channel::button`].
    ///
    /// # Errors
    ///
    /// As for [`Channel::input`].
    pub fn button(&self, wire: u32) -> Result<Button> {
        self.channel(1)?.button(wire)
    }

    /// A switch on a wire of channel 1; see [`Channel::switch`].
    ///
    /// # Errors
    ///
    /// As for [`Channel::input`].
    pub fn switch(&self, wire: u32) -> Result<Switch> {
        self.channel(1)?.switch(wire)
    }

    /// An LED on a wire of channel 1; see [`Channel::led`].
    ///
    /// # Errors
    ///
    /// As for [`Channel::output`].
    pub fn led(&self, wire: u32) -> Result<Led> {
        self.channel(1)?.led(wire)
    }

    /// An RGB LED of channel 1; see [`Channel::rgb_led`].
    ///
    /// # Errors
    ///
    /// As for [`Channel::output`].
    pub fn rgb_led(&self, number: u32) -> Result<RgbLed> {
        self.channel(1)?.rgb_led(number)
    }
}

/// A channel of an [`AxiGpio`].
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<Shared>,
    /// From 0; users count from 1.
    index: usize,
}

impl Channel {
    /// The number of wires, 1 to 32.
    pub fn width(&self) -> u32 {
        self.all().width()
    }

    /// Wires that are read, by their numbers: `..`, `0..4`, `2..=2`. They become inputs.
    ///
    /// # Errors
    ///
    /// [`NoSuchWire`](Error::NoSuchWire) and [`NoWires`](Error::NoWires) for the range,
    /// [`FixedDirection`](Error::FixedDirection) if all wires are outputs by design, [`WireInUse`](Error::WireInUse) if
    /// one is in use as anything else, [`Gone`](Error::Gone) once the device has left.
    pub fn input(&self, wires: impl RangeBounds<u32>) -> Result<Wires<Input>> {
        Wires::new(self, self.slice(self.all(), &wires)?)
    }

    /// Wires that are written, by their numbers. They become outputs, and start with what was last written to them; what
    /// was an input before starts low.
    ///
    /// # Errors
    ///
    /// As for [`Channel::input`], and [`FixedDirection`](Error::FixedDirection) if all wires are inputs by design.
    pub fn output(&self, wires: impl RangeBounds<u32>) -> Result<Wires<Output>> {
        Wires::new(self, self.slice(self.all(), &wires)?)
    }

    /// Wires that are driven at times (tri-state), by their numbers. They are let go first.
    ///
    /// # Errors
    ///
    /// As for [`Channel::input`], and [`FixedDirection`](Error::FixedDirection) if the direction is fixed by design.
    pub fn in_out(&self, wires: impl RangeBounds<u32>) -> Result<Wires<InOut>> {
        Wires::new(self, self.slice(self.all(), &wires)?)
    }

    /// A button on a wire, which becomes an input.
    ///
    /// # Errors
    ///
    /// As for [`Channel::input`].
    pub fn button(&self, wire: u32) -> Result<Button> {
        self.input(wire..=wire).map(Wire)
    }

    /// A switch on a wire, which becomes an input.
    ///
    /// # Errors
    ///
    /// As for [`Channel::input`].
    pub fn switch(&self, wire: u32) -> Result<Switch> {
        self.input(wire..=wire).map(Wire)
    }

    /// An LED on a wire, which becomes an output.
    ///
    /// # Errors
    ///
    /// As for [`Channel::output`].
    pub fn led(&self, wire: u32) -> Result<Led> {
        self.output(wire..=wire).map(Wire)
    }

    /// The RGB LED of this number, from 0: each takes three wires, blue, green and red in this order.
    ///
    /// # Errors
    ///
    /// As for [`Channel::output`].
    pub fn rgb_led(&self, number: u32) -> Result<RgbLed> {
        let first = number.saturating_mul(RgbLed::WIRES);
        self.output(first..first.saturating_add(RgbLed::WIRES)).map(RgbLed)
    }

    fn all(&self) -> Span {
        self.shared.channels[self.index].span
    }

    /// The wires of a span that a range names.
    fn slice(&self, span: Span, range: &impl RangeBounds<u32>) -> Result<Span> {
        span.slice(range).map_err(|bad| {
            let (cell, channel) = (self.shared.cell.clone(), number(self.index));
            match bad {
                Bad::Empty => Error::NoWires { cell, channel },
                Bad::Beyond(wire) => Error::NoSuchWire {
                    cell,
                    channel,
                    wire,
                    width: span.width(),
                },
            }
        })
    }
}

/// A channel's number as users and the manual count.
fn number(index: usize) -> u32 {
    if index == 0 { 1 } else { 2 }
}
