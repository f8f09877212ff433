// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Wires`]: neighbouring wires of a channel that face one way, and [`Wire`]: one of them.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;
use std::time::Instant;

use super::Channel;
use super::Direction;
use super::Drives;
use super::InOut;
use super::Reads;
use super::log::Cursor;
use super::number;
use super::span::Span;
use super::watch::Seen;
use crate::Error;
use crate::Result;
use crate::interrupt::deadline_after;

/// Neighbouring wires of a [`Channel`] that face one way. The first of them is bit 0 of every value.
///
/// Made by [`Channel::input`], [`Channel::output`] and [`Channel::in_out`]. A clone is the same wires; clones and other
/// handles of the same wires may be used at the same time, and see the same.
pub struct Wires<D: Direction> {
    channel: Channel,
    span: Span,
    /// What [`Self::wait_for_interrupt`] has returned already; nothing before its first call.
    returned: Option<Cursor>,
    direction: PhantomData<fn() -> D>,
}

/// One wire of a [`Channel`]; made by [`Wires::wire`], and by [`Channel::button`] and the like.
pub struct Wire<D: Direction>(pub(super) Wires<D>);

/// What has changed on some [`Wires`]; see [`Wires::wait_for_interrupt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The wires as they are.
    pub value: u32,
    /// A 1 for each wire that was seen to rise, once or more often.
    pub rising: u32,
    /// A 1 for each wire that was seen to fall, once or more often.
    pub falling: u32,
    /// How often the channel made an interrupt after which all of its wires were as before: something was shorter than
    /// the time to look at it. On which wire the hardware does not tell, unless there is only one input.
    pub pulses: u64,
}

impl Change {
    /// A 1 for each wire that was seen to change.
    pub fn changed(&self) -> u32 {
        self.rising | self.falling
    }

    /// Whether none of these wires was seen to change: there was a pulse, or several, too short to be seen, on these
    /// wires or on others of the channel.
    pub fn is_pulse(&self) -> bool {
        self.changed() == 0
    }

    /// Seen from a slice of the channel.
    fn within(self, span: Span) -> Self {
        Self {
            value: span.extract(self.value),
            rising: span.extract(self.rising),
            falling: span.extract(self.falling),
            pulses: self.pulses,
        }
    }
}

impl<D: Direction> Wires<D> {
    /// Turns wires of a channel this way.
    pub(super) fn new(channel: &Channel, span: Span) -> Result<Self> {
        channel.shared.claim(channel.index, span.mask(), D::KIND)?;
        Ok(Self {
            channel: channel.clone(),
            span,
            returned: None,
            direction: PhantomData,
        })
    }

    /// How many wires.
    pub fn width(&self) -> u32 {
        self.span.width()
    }

    /// One of the wires, from 0.
    ///
    /// # Errors
    ///
    /// [`NoSuchWire`](Error::NoSuchWire), [`Gone`](Error::Gone) once the device has left.
    pub fn wire(&self, wire: u32) -> Result<Wire<D>> {
        let span = self.channel.slice(self.span, &(wire..=wire))?;
        Self::new(&self.channel, span).map(Wire)
    }

    /// The wires: those that are driven as they were written, the others as they are now (GPIO_DATA).
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn read(&self) -> Result<u32> {
        let value = self.channel.shared.read(self.channel.index)?;
        Ok(self.span.extract(value))
    }

    /// A value of these wires at its place in the channel.
    fn place(&self, value: u32) -> Result<u32> {
        self.span.place(value).ok_or_else(|| Error::ValueTooWide {
            cell: self.channel.shared.cell.clone(),
            channel: number(self.channel.index),
            value,
            width: self.span.width(),
        })
    }
}

/// Writing. Other tasks and threads may write other wires of the channel at the same time.
impl<D: Drives> Wires<D> {
    /// Writes all of the wires (GPIO_DATA).
    ///
    /// # Errors
    ///
    /// [`ValueTooWide`](Error::ValueTooWide), [`Gone`](Error::Gone) once the device has left.
    pub fn write(&self, value: u32) -> Result<()> {
        let value = self.place(value)?;
        self.change(|old, mask| old & !mask | value)
    }

    /// Writes ones.
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn on(&self) -> Result<()> {
        self.change(|old, mask| old | mask)
    }

    /// Writes zeros.
    ///
    /// # Errors
    ///
    /// As for [`Wires::on`].
    pub fn off(&self) -> Result<()> {
        self.change(|old, mask| old & !mask)
    }

    /// Inverts what was last written.
    ///
    /// # Errors
    ///
    /// As for [`Wires::on`].
    pub fn toggle(&self) -> Result<()> {
        self.change(|old, mask| old ^ mask)
    }

    fn change(&self, change: impl FnOnce(u32, u32) -> u32) -> Result<()> {
        let mask = self.span.mask();
        self.channel.shared.write(self.channel.index, |old| change(old, mask))
    }
}

/// Tri-state. What is written shows on the wires while they are driven, and is kept for then.
impl Wires<InOut> {
    /// Drives the wires with what was last written (GPIO_TRI).
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn drive(&self) -> Result<()> {
        self.channel
            .shared
            .set_inputs(self.channel.index, self.span.mask(), false)
    }

    /// Lets the wires go: others may drive them (GPIO_TRI).
    ///
    /// # Errors
    ///
    /// As for [`Wires::drive`].
    pub fn release(&self) -> Result<()> {
        self.channel
            .shared
            .set_inputs(self.channel.index, self.span.mask(), true)
    }

    /// A 1 for each wire that is driven.
    ///
    /// # Errors
    ///
    /// As for [`Wires::drive`].
    pub fn driven(&self) -> Result<u32> {
        let inputs = self.channel.shared.inputs(self.channel.index)?;
        Ok(self.span.extract(!inputs))
    }
}

/// Waiting. Wires that are driven make no interrupts: [`Driven`](Error::Driven) says so.
impl<D: Reads> Wires<D> {
    /// Waits until the wires are at a value.
    ///
    /// # When it returns
    ///
    /// At once if they are so already; else with the interrupt after which they are. They may have changed again by
    /// then, and a value shorter than the time to look at it goes unseen; [`Wires::wait_for_interrupt`] tells of it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is consumed, so dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// [`NoInterrupt`](Error::NoInterrupt), [`ValueTooWide`](Error::ValueTooWide), [`Driven`](Error::Driven),
    /// [`StuckStatus`](Error::StuckStatus), and as for [`Interrupt::open`](crate::Interrupt::open) and
    /// [`Interrupt::wait`](crate::Interrupt::wait).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(channel: axirq::gpio::Channel) -> axirq::Result<()> {
    /// // Until wires 0 and 1 are high, and 2 is low.
    /// channel.input(0..3)?.wait_for_value(0b011).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn wait_for_value(&self, value: u32) -> Result<()> {
        let check = self.value_check(value)?;
        self.channel.shared.wait_until(self.channel.index, check).await
    }

    /// Waits until the wires are at a value; blocking twin of `wait_for_value`.
    ///
    /// # Errors
    ///
    /// [`NoInterrupt`](Error::NoInterrupt), [`ValueTooWide`](Error::ValueTooWide), [`Driven`](Error::Driven),
    /// [`StuckStatus`](Error::StuckStatus), and as for [`Interrupt::open`](crate::Interrupt::open) and
    /// [`Interrupt::blocking_wait`](crate::Interrupt::blocking_wait).
    pub fn blocking_wait_for_value(&self, value: u32) -> Result<()> {
        // Without a deadline it is never false.
        while !self.blocking_wait_for_value_until(value, None)? {}
        Ok(())
    }

    /// [`Wires::blocking_wait_for_value`] for `timeout` at most. False when it is over.
    ///
    /// # Errors
    ///
    /// As for [`Wires::blocking_wait_for_value`].
    pub fn blocking_wait_for_value_timeout(&self, value: u32, timeout: Duration) -> Result<bool> {
        self.blocking_wait_for_value_until(value, deadline_after(timeout))
    }

    fn blocking_wait_for_value_until(&self, value: u32, deadline: Option<Instant>) -> Result<bool> {
        let check = self.value_check(value)?;
        let found = self
            .channel
            .shared
            .blocking_wait_until(self.channel.index, deadline, check)?;
        Ok(found.is_some())
    }

    /// Waits until something changes.
    ///
    /// # When it returns
    ///
    /// At once if something has changed since the last call returned, whoever noticed it; else with the next interrupt
    /// of these wires. The first call counts from when it begins. Each change is returned once, several that were not
    /// waited for together. A pulse too short to be seen is returned as such ([`Change::is_pulse`]); as the hardware does
    /// not tell its wire, it is returned to all who wait on the channel.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what a dropped future did not return, the next call does.
    ///
    /// # Errors
    ///
    /// [`NoInterrupt`](Error::NoInterrupt), [`Driven`](Error::Driven), [`StuckStatus`](Error::StuckStatus), and as for
    /// [`Interrupt::open`](crate::Interrupt::open) and [`Interrupt::wait`](crate::Interrupt::wait).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> axirq::Result<()> {
    /// let mut buttons = axirq::gpio::AxiGpio::open("btns_gpio")?.channel(1)?.input(..)?;
    /// loop {
    ///     let change = buttons.wait_for_interrupt().await?;
    ///     println!("pressed {:#b}, let go {:#b}", change.rising, change.falling);
    /// }
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn wait_for_interrupt(&mut self) -> Result<Change> {
        let check = change_check(self.span, &mut self.returned);
        self.channel.shared.wait_until(self.channel.index, check).await
    }

    /// Waits until something changes; blocking twin of `wait_for_interrupt`.
    ///
    /// # Errors
    ///
    /// [`NoInterrupt`](Error::NoInterrupt), [`Driven`](Error::Driven), [`StuckStatus`](Error::StuckStatus), and as for
    /// [`Interrupt::open`](crate::Interrupt::open) and [`Interrupt::blocking_wait`](crate::Interrupt::blocking_wait).
    pub fn blocking_wait_for_interrupt(&mut self) -> Result<Change> {
        loop {
            // Without a deadline there is always a change in the end.
            if let Some(change) = self.blocking_wait_for_interrupt_until(None)? {
                return Ok(change);
            }
        }
    }

    /// [`Wires::blocking_wait_for_interrupt`] for `timeout` at most. `None` when it is over; no change is lost by that.
    ///
    /// # Errors
    ///
    /// As for [`Wires::blocking_wait_for_interrupt`].
    pub fn blocking_wait_for_interrupt_timeout(&mut self, timeout: Duration) -> Result<Option<Change>> {
        self.blocking_wait_for_interrupt_until(deadline_after(timeout))
    }

    fn blocking_wait_for_interrupt_until(&mut self, deadline: Option<Instant>) -> Result<Option<Change>> {
        let check = change_check(self.span, &mut self.returned);
        self.channel
            .shared
            .blocking_wait_until(self.channel.index, deadline, check)
    }

    fn value_check(&self, value: u32) -> Result<impl Fn(&Seen<'_>) -> Result<Option<()>>> {
        let (span, value) = (self.span, self.place(value)?);
        Ok(move |seen: &Seen<'_>| {
            seen.check_undriven(span.mask())?;
            Ok((seen.log.wires() & span.mask() == value).then_some(()))
        })
    }
}

/// Looks for a change since what was returned, which is moved on with it.
fn change_check(span: Span, returned: &mut Option<Cursor>) -> impl FnMut(&Seen<'_>) -> Result<Option<Change>> {
    move |seen| {
        seen.check_undriven(span.mask())?;
        let from = *returned.get_or_insert(seen.log.cursor());
        let change = seen.log.since(from, span.mask());
        if change.is_some() {
            *returned = Some(seen.log.cursor());
        }
        Ok(change.map(|change| change.within(span)))
    }
}

impl<D: Direction> Clone for Wires<D> {
    fn clone(&self) -> Self {
        let (shared, index) = (&self.channel.shared, self.channel.index);
        shared.claim_again(index, self.span.mask(), D::KIND);
        Self {
            channel: self.channel.clone(),
            ..*self
        }
    }
}

impl<D: Direction> Drop for Wires<D> {
    fn drop(&mut self) {
        self.channel.shared.unclaim(self.channel.index, self.span.mask());
    }
}

impl<D: Direction> fmt::Debug for Wires<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wires")
            .field("cell", &self.channel.shared.cell)
            .field("channel", &number(self.channel.index))
            .field("first", &self.span.first())
            .field("width", &self.span.width())
            .field("direction", &D::KIND)
            .finish_non_exhaustive()
    }
}

impl<D: Reads> Wire<D> {
    /// The level of the wire, 0 or 1.
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn level(&self) -> Result<u8> {
        Ok(u8::from(self.0.read()? != 0))
    }

    /// Waits until the wire is at `level`: 0, or 1 (any other number is 1).
    ///
    /// # When it returns
    ///
    /// At once if the wire is at this level already; else with the interrupt after which it is. It may have changed again
    /// by then, and a level shorter than the time to look at it goes unseen.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing is consumed, so dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// As for [`Wires::wait_for_value`].
    #[cfg(feature = "tokio")]
    pub async fn wait_for_level(&self, level: u8) -> Result<()> {
        self.0.wait_for_value(u32::from(level != 0)).await
    }

    /// Waits until the wire is at `level`; blocking twin of `wait_for_level`.
    ///
    /// # Errors
    ///
    /// As for [`Wires::blocking_wait_for_value`].
    pub fn blocking_wait_for_level(&self, level: u8) -> Result<()> {
        self.0.blocking_wait_for_value(u32::from(level != 0))
    }

    /// [`Wire::blocking_wait_for_level`] for `timeout` at most. False when it is over.
    ///
    /// # Errors
    ///
    /// As for [`Wires::blocking_wait_for_value`].
    pub fn blocking_wait_for_level_timeout(&self, level: u8, timeout: Duration) -> Result<bool> {
        self.0.blocking_wait_for_value_timeout(u32::from(level != 0), timeout)
    }

    /// Waits until the wire was seen to rise or fall, from when this begins. Never for a pulse that may have been
    /// another's.
    #[cfg(all(feature = "embedded-hal", feature = "tokio"))]
    pub(super) async fn wait_for_edge(&self, wanted: impl Fn(&Change) -> bool) -> Result<()> {
        let (channel, span) = (&self.0.channel, self.0.span);
        let mut from = None;
        let check = |seen: &Seen<'_>| {
            seen.check_undriven(span.mask())?;
            let from = *from.get_or_insert(seen.log.cursor());
            let change = seen.log.since(from, span.mask());
            Ok(change.filter(&wanted).map(drop))
        };
        channel.shared.wait_until(channel.index, check).await
    }
}

impl<D: Drives> Wire<D> {
    /// Writes a 1: lights an LED.
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn on(&self) -> Result<()> {
        self.0.on()
    }

    /// Writes a 0: puts an LED out.
    ///
    /// # Errors
    ///
    /// As for [`Wire::on`].
    pub fn off(&self) -> Result<()> {
        self.0.off()
    }

    /// Writes a 1 or a 0.
    ///
    /// # Errors
    ///
    /// As for [`Wire::on`].
    pub fn set(&self, on: bool) -> Result<()> {
        self.0.write(u32::from(on))
    }

    /// Inverts what was last written.
    ///
    /// # Errors
    ///
    /// As for [`Wire::on`].
    pub fn toggle(&self) -> Result<()> {
        self.0.toggle()
    }

    /// Whether a 1 was last written, by this process.
    ///
    /// # Errors
    ///
    /// As for [`Wire::on`].
    pub fn is_on(&self) -> Result<bool> {
        let written = self.0.channel.shared.written(self.0.channel.index)?;
        Ok(self.0.span.extract(written) != 0)
    }
}

#[cfg(feature = "microblaze")]
impl Wire<super::Output> {
    /// Writes the wire, if the device is there, and waits until the write has arrived.
    pub(crate) fn set_for_certain(&self, on: bool) -> Result<()> {
        self.0.channel.shared.regs.is_there()?;
        self.set(on)?;
        // Writes are posted, reads are not, and they do not overtake a write to the same core.
        self.0.read().map(drop)
    }
}

/// Tri-state: see [`Wires<InOut>`].
impl Wire<InOut> {
    /// Drives the wire with what was last written.
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn drive(&self) -> Result<()> {
        self.0.drive()
    }

    /// Lets the wire go.
    ///
    /// # Errors
    ///
    /// As for [`Wire::drive`].
    pub fn release(&self) -> Result<()> {
        self.0.release()
    }

    /// Whether the wire is driven.
    ///
    /// # Errors
    ///
    /// As for [`Wire::drive`].
    pub fn is_driven(&self) -> Result<bool> {
        self.0.driven().map(|driven| driven != 0)
    }
}

impl<D: Direction> Clone for Wire<D> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<D: Direction> fmt::Debug for Wire<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wire").field(&self.0).finish()
    }
}
