// SPDX-License-Identifier: MIT OR Apache-2.0
//! Wires as pins of embedded-hal, so that drivers written for microcontrollers run on the wires of a board.
//!
//! A [`Wire`] that is [`InOut`](super::InOut) keeps what is written until it is driven.

use embedded_hal::digital;

use super::Direction;
use super::Drives;
use super::Reads;
use super::Wire;
use crate::Error;

impl digital::Error for Error {
    fn kind(&self) -> digital::ErrorKind {
        digital::ErrorKind::Other
    }
}

impl<D: Direction> digital::ErrorType for Wire<D> {
    type Error = Error;
}

impl<D: Reads> digital::InputPin for Wire<D> {
    fn is_high(&mut self) -> Result<bool, Error> {
        self.level().map(|level| level != 0)
    }

    fn is_low(&mut self) -> Result<bool, Error> {
        self.level().map(|level| level == 0)
    }
}

impl<D: Drives> digital::OutputPin for Wire<D> {
    fn set_low(&mut self) -> Result<(), Error> {
        self.off()
    }

    fn set_high(&mut self) -> Result<(), Error> {
        self.on()
    }
}

impl<D: Drives> digital::StatefulOutputPin for Wire<D> {
    fn is_set_high(&mut self) -> Result<bool, Error> {
        self.is_on()
    }

    fn is_set_low(&mut self) -> Result<bool, Error> {
        self.is_on().map(|on| !on)
    }

    fn toggle(&mut self) -> Result<(), Error> {
        Wire::toggle(self)
    }
}

/// Edges are those that are seen after the call; a pulse too short to be seen is one only if the wire is the channel's
/// only input (see [`Change::pulses`](super::Change::pulses)). All are cancel safe.
#[cfg(feature = "tokio")]
impl<D: Reads> embedded_hal_async::digital::Wait for Wire<D> {
    async fn wait_for_high(&mut self) -> Result<(), Error> {
        self.wait_for_level(1).await
    }

    async fn wait_for_low(&mut self) -> Result<(), Error> {
        self.wait_for_level(0).await
    }

    async fn wait_for_rising_edge(&mut self) -> Result<(), Error> {
        self.wait_for_edge(|change| change.rising != 0).await
    }

    async fn wait_for_falling_edge(&mut self) -> Result<(), Error> {
        self.wait_for_edge(|change| change.falling != 0).await
    }

    async fn wait_for_any_edge(&mut self) -> Result<(), Error> {
        self.wait_for_edge(|change| change.changed() != 0).await
    }
}
