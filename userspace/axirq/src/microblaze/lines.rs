// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`ControlLine`]: a line into the subsystem, whoever drives it. [`Wiring`]: which lines and which pin there are.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;

use crate::Result;
use crate::gpio::Output;
use crate::gpio::Wire;

/// A line that holds a MicroBlaze in reset, or acknowledges its interrupt. Both are active high.
///
/// A wire of an AXI GPIO is one, and with the feature `gpiocdev` a GPIO line of the kernel is.
pub trait ControlLine: fmt::Debug + Send + Sync {
    /// Drives the line. Its level has reached the subsystem before anything that follows this call does.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    fn set(&self, level: bool) -> Result<()>;
}

impl ControlLine for Wire<Output> {
    fn set(&self, level: bool) -> Result<()> {
        self.set_for_certain(level)?;
        // The subsystem's memory lies elsewhere on the bus: what is read there must not be older.
        fence(Ordering::SeqCst);
        Ok(())
    }
}

/// How a subsystem is wired: which lines go into it, and to which pin its interrupt goes.
///
/// ```no_run
/// # fn main() -> axirq::Result<()> {
/// use axirq::gpio::AxiGpio;
/// use axirq::microblaze::Wiring;
///
/// let lines = AxiGpio::open("iop_lines")?.channel(1)?.output(..)?;
/// let wiring = Wiring::new(lines.wire(0)?).ack(lines.wire(1)?).pin("axi_intc_0/6");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Wiring {
    pub(super) reset: Box<dyn ControlLine>,
    pub(super) ack: Option<Box<dyn ControlLine>>,
    pub(super) pin: Option<String>,
}

impl Wiring {
    /// The line that holds the MicroBlaze in reset (`proc_sys_reset.aux_reset_in`).
    pub fn new(reset: impl ControlLine + 'static) -> Self {
        Self {
            reset: Box::new(reset),
            ack: None,
            pin: None,
        }
    }

    /// The line that acknowledges the interrupt (`intr_ack`). Without it there is no interrupt.
    #[must_use]
    pub fn ack(mut self, line: impl ControlLine + 'static) -> Self {
        self.ack = Some(Box::new(line));
        self
    }

    /// The pin that the interrupt goes to, for overlays that do not call it as PYNQ does: the flip-flop that drives it
    /// has no registers, so its node is often missing. Then it is an input of a controller, `axi_intc_0/6`.
    #[must_use]
    pub fn pin(mut self, pin: impl Into<String>) -> Self {
        self.pin = Some(pin.into());
        self
    }
}
