// SPDX-License-Identifier: MIT OR Apache-2.0
//! Await FPGA interrupts.
//!
//! With the kernel module axirq, an interrupt pin of the programmable logic (PL) is a file, `/dev/axirq/<cell>/<pin>`,
//! and with this crate it is a future. Awaiting it costs nothing until it fires, and then two system calls.
//!
//! Blocking:
//!
//! ```no_run
//! # fn main() -> axirq::Result<()> {
//! let interrupt = axirq::Interrupt::open("axi_gpio_0/ip2intc_irpt")?;
//! let event = interrupt.blocking_wait()?;
//! println!("{} interrupt(s)", event.count);
//! # Ok(())
//! # }
//! ```
//!
//! Async, in a tokio runtime:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> axirq::Result<()> {
//! let interrupt = axirq::Interrupt::open("axi_gpio_0/ip2intc_irpt")?;
//! let event = interrupt.wait().await?;
//! println!("{} interrupt(s)", event.count);
//! # Ok(())
//! # }
//! ```
//!
//! # What is where
//!
#![cfg_attr(
    all(feature = "gpio", feature = "tokio"),
    doc = "- [`guide`]: from \"what is a future\" to a driver for your own IP core, for those who come from PYNQ."
)]
//! - [`Interrupt`]: wait for a pin, once or as a stream of [`Event`]s. Every waiting call is an async function and has a
//!   twin with the prefix `blocking_`. Runtimes other than tokio wait by [`Interrupt::arm`].
//! - `gpio`: buttons, switches, LEDs and other wires of an AXI GPIO.
//! - `timer`: ticks of an AXI Timer.
//! - `dma`: an AXI DMA, with memory of its own. With the feature `dma`.
//! - `microblaze`: PYNQ's MicroBlaze subsystems: programs, and talking to them. With the feature `microblaze`.
//! - `video`: frames of an AXI VDMA. With the feature `video`.
//! - [`Mmio`]: the registers of any IP core. `memory`: what a core that is a bus master shares with this process.
//! - [`list`]: which cells, pins and windows there are, and who holds them.
//! - `overlay`: device-tree overlays at run time. `device`: binding nodes by name. Both with the feature `overlay`.
//! - [`PinName`]: how pins are named. PYNQ's names work unchanged.
//! - [`Error`]: what went wrong, and the cure.
//!
//! # Good to know
//!
//! - Merged, not lost: interrupts that come faster than you wait are one event with a [`count`](Event::count).
//! - A *level* line is an interrupt as long as its cause stands: clear it in the device, then wait again.
//! - A *level* source on an *edge* input (the way of many PYNQ designs) makes no further edge while it stays active.
//!   Look at the device again after arming; `gpio` and `timer` do so.
//! - An [`Interrupt`] belongs to the tokio runtime that first polled it. Opening one needs no runtime.
//! - When an overlay is removed, waits return [`Error::Gone`] and register access raises `SIGBUS`.
//!
//! # Features
//!
//! - `tokio` (default): the async half. Without it the blocking half stands alone, and needs neither tokio nor a runtime.
//! - `gpio`, `timer` (default): the drivers of these IP cores.
//! - `dma`: the driver of the AXI DMA. `memory`: memory for cores of your own that are bus masters.
//! - `microblaze`: the driver of PYNQ's MicroBlaze subsystem. `gpiocdev`: its lines may be GPIO lines of the kernel, too.
//! - `video`: the driver of the AXI VDMA.
//! - `embedded-hal`: the wires of `gpio` as pins of embedded-hal 1.0, and with `tokio` of embedded-hal-async.
//! - `overlay`: what an administrator does: the modules `overlay` and `device`.
//!
//! An application that needs [`Interrupt`] alone says `default-features = false, features = ["tokio"]`.
//!
//! The minimum Rust version is 1.85. A later version of this crate may need a newer one; the change log says so.
//!
//! # Troubleshooting
//!
//! - *No permission*: the nodes belong to root until a udev rule hands them to a group, pin by pin.
//! - *No cell is bound*: the overlay is not loaded, or its nodes need `of_id=` or `driver_override` to bind.
//! - *Held by a driver*: a kernel driver has claimed the line; see `/proc/interrupts`.

#![deny(unsafe_code)]
#![warn(missing_debug_implementations)]

#[cfg(feature = "overlay")]
pub mod device;
#[cfg(feature = "dma")]
pub mod dma;
mod error;
#[cfg(feature = "gpio")]
pub mod gpio;
// All of it is text.
#[cfg(all(any(doc, doctest), feature = "gpio", feature = "tokio"))]
pub mod guide;
mod interrupt;
pub mod list;
mod map;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "microblaze")]
pub mod microblaze;
mod mmio;
#[cfg(feature = "overlay")]
pub mod overlay;
#[cfg(any(feature = "dma", feature = "microblaze", feature = "timer", feature = "video"))]
mod owner;
mod pin;
#[cfg(feature = "tokio")]
mod register;
mod sync;
#[cfg(feature = "timer")]
pub mod timer;
mod uapi;
#[cfg(feature = "video")]
pub mod video;

pub use error::Error;
pub use error::Result;
pub use interrupt::Armed;
pub use interrupt::Event;
#[cfg(feature = "tokio")]
pub use interrupt::Events;
pub use interrupt::Interrupt;
pub use mmio::Mmio;
pub use pin::PinName;
