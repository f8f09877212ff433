// SPDX-License-Identifier: MIT OR Apache-2.0
//! What boards have on the wires of a GPIO: [`Button`], [`Switch`], [`Led`].

use std::time::Duration;

use super::Wire;
use crate::Result;

/// A push button: 1 while pressed, on boards wired the usual way.
#[derive(Clone, Debug)]
pub struct Button(pub(super) Wire);

/// A slide switch.
#[derive(Clone, Debug)]
pub struct Switch(pub(super) Wire);

/// An LED.
#[derive(Clone, Debug)]
pub struct Led(pub(super) Wire);

/// What buttons and switches have in common.
macro_rules! input_part {
    ($part:ident) => {
        impl $part {
            /// The level of the wire, 0 or 1.
            ///
            /// # Errors
            ///
            /// [`Gone`](crate::Error::Gone) once the device has left.
            pub fn level(&self) -> Result<u8> {
                self.0.is_high().map(u8::from)
            }

            /// Waits until the wire is at `level`: 0, or 1 (any other number is 1).
            ///
            /// # When it returns
            ///
            /// At once if the wire is at this level already; else with the interrupt after which it is. It may have
            /// changed again by then, and a level shorter than the time to look at it goes unseen.
            ///
            /// # Cancel safety
            ///
            /// Cancel safe: nothing is consumed, so dropping the future loses nothing.
            ///
            /// # Errors
            ///
            /// As for [`Channel::wait_for`](super::Channel::wait_for).
            #[cfg(feature = "tokio")]
            pub async fn wait_for_level(&self, level: u8) -> Result<()> {
                self.0.channel.wait_for(self.0.mask, self.0.value(level)).await
            }

            /// Waits until the wire is at `level`; blocking twin of `wait_for_level`.
            ///
            /// # Errors
            ///
            /// As for [`Channel::blocking_wait_for`](super::Channel::blocking_wait_for).
            pub fn blocking_wait_for_level(&self, level: u8) -> Result<()> {
                self.0.channel.blocking_wait_for(self.0.mask, self.0.value(level))
            }

            #[doc = concat!("[`", stringify!($part), "::blocking_wait_for_level`] for `timeout` at most. False when it is over.")]
            ///
            /// # Errors
            ///
            /// As for [`Channel::blocking_wait_for`](super::Channel::blocking_wait_for).
            pub fn blocking_wait_for_level_timeout(&self, level: u8, timeout: Duration) -> Result<bool> {
                self.0.channel.blocking_wait_for_timeout(self.0.mask, self.0.value(level), timeout)
            }
        }
    };
}

input_part!(Button);
input_part!(Switch);

impl Led {
    /// Lights the LED.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    pub fn on(&self) -> Result<()> {
        self.set(true)
    }

    /// Puts the LED out.
    ///
    /// # Errors
    ///
    /// As for [`Led::on`].
    pub fn off(&self) -> Result<()> {
        self.set(false)
    }

    /// Lights the LED or puts it out.
    ///
    /// # Errors
    ///
    /// As for [`Led::on`].
    pub fn set(&self, on: bool) -> Result<()> {
        self.0
            .channel
            .write_masked(self.0.mask, if on { self.0.mask } else { 0 })
    }

    /// Lights the LED if it is out, and puts it out if it is lit.
    ///
    /// # Errors
    ///
    /// As for [`Led::on`].
    pub fn toggle(&self) -> Result<()> {
        self.0.channel.toggle(self.0.mask)
    }

    /// Whether the LED is lit, as far as this process has set it.
    ///
    /// # Errors
    ///
    /// As for [`Led::on`].
    pub fn is_on(&self) -> Result<bool> {
        self.0.is_high()
    }
}

impl Wire {
    fn is_high(&self) -> Result<bool> {
        Ok(self.channel.read()? & self.mask != 0)
    }

    fn value(&self, level: u8) -> u32 {
        if level == 0 { 0 } else { self.mask }
    }
}
