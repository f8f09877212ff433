// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Channel`]: one direction of an AXI DMA, and the memory that it holds meanwhile.

#[cfg(feature = "tokio")]
use std::future::poll_fn;
use std::ops::Range;
use std::ops::RangeBounds;
#[cfg(feature = "tokio")]
use std::pin::pin;
use std::sync::Arc;
#[cfg(feature = "tokio")]
use std::task::Poll;
use std::time::Duration;
use std::time::Instant;

use super::Core;
use super::Failed;
use super::engine::End;
use super::engine::Fault;
use super::engine::Way;
use super::extent::Bad;
use super::extent::Limits;
use crate::Error;
use crate::Interrupt;
use crate::Result;
use crate::interrupt::deadline_after;
use crate::memory::Buffer;
use crate::memory::dma_rmb;

/// One direction of an AXI DMA: from memory to the stream, or back.
///
/// It has one transfer at a time, and holds the transfer's buffer until it is over. Both channels of a core can be used at
/// the same time, from two tasks or threads.
///
/// Dropping this with a transfer on its way resets the core, and waits until that is over, before the buffer is freed: a
/// transfer on the other channel ends with [`TransferReset`](Error::TransferReset).
#[derive(Debug)]
pub struct Channel {
    core: Arc<Core>,
    way: Way,
    limits: Limits,
    interrupt: Option<Interrupt>,
    transfer: Option<Transfer>,
}

/// What the hardware has.
#[derive(Debug)]
struct Transfer {
    buffer: Buffer,
    range: Range<usize>,
}

/// A transfer that is complete.
#[derive(Debug)]
#[non_exhaustive]
pub struct Done {
    /// The memory that it was given.
    pub buffer: Buffer,
    /// What was moved of it. A receive ends with the stream's packet, so that this can be less than it was started with.
    pub range: Range<usize>,
}

impl Done {
    /// The bytes that were moved.
    pub fn data(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}

/// The task is not woken any more when this is dropped.
#[cfg(feature = "tokio")]
struct Listening<'a>(&'a Core, Way);

#[cfg(feature = "tokio")]
impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.engine.unlisten(self.1);
    }
}

impl Channel {
    /// A channel that was claimed.
    pub(super) fn new(core: Arc<Core>, way: Way, limits: Limits, interrupt: Option<Interrupt>) -> Self {
        Self {
            core,
            way,
            limits,
            interrupt,
            transfer: None,
        }
    }

    /// The pin's name that it waits for. `None` if the overlay has no interrupt for it.
    pub fn pin(&self) -> Option<&str> {
        self.interrupt.as_ref().map(Interrupt::pin)
    }

    /// Starts to send, or receive into, a range of a buffer of this core's ([`AxiDma::allocate`](super::AxiDma::allocate)).
    ///
    /// The channel has the buffer from now on; `wait` gives it back. A receive is over when the packet ends, which must be
    /// no longer than the range: see [`PacketTooLong`](Error::PacketTooLong).
    ///
    /// # Errors
    ///
    /// With the buffer, and before anything is written: [`TransferRuns`](Error::TransferRuns) until the one before was
    /// waited for, [`ForeignBuffer`](Error::ForeignBuffer), [`EmptyTransfer`](Error::EmptyTransfer),
    /// [`OutsideBuffer`](Error::OutsideBuffer), [`TransferTooLong`](Error::TransferTooLong),
    /// [`UnalignedTransfer`](Error::UnalignedTransfer), [`Gone`](Error::Gone) once the device has left. And
    /// [`StuckStatus`](Error::StuckStatus).
    pub fn start(&mut self, buffer: Buffer, range: impl RangeBounds<usize>) -> Result<(), Failed> {
        match self.begin(&buffer, &range) {
            Ok(range) => {
                self.transfer = Some(Transfer { buffer, range });
                Ok(())
            }
            Err(error) => Err(Failed::new(error, Some(buffer))),
        }
    }

    fn begin(&self, buffer: &Buffer, range: &impl RangeBounds<usize>) -> Result<Range<usize>> {
        let cell = || self.core.cell.clone();
        let channel = self.way.name();
        if self.transfer.is_some() {
            return Err(Error::TransferRuns { cell: cell(), channel });
        }
        if !buffer.is_of(&self.core.pool) {
            return Err(Error::ForeignBuffer { cell: cell() });
        }
        let size = buffer.len();
        let checked = self.limits.check(size, buffer.address(), range);
        let range = checked.map_err(|bad| match bad {
            Bad::Empty => Error::EmptyTransfer { cell: cell() },
            Bad::Outside { start, end } => Error::OutsideBuffer {
                cell: cell(),
                start,
                end,
                size,
            },
            Bad::TooLong(bytes) => Error::TransferTooLong {
                cell: cell(),
                bytes,
                longest: self.limits.longest,
            },
            Bad::Unaligned(address) => Error::UnalignedTransfer {
                cell: cell(),
                address,
                alignment: self.limits.alignment,
            },
        })?;
        self.is_there()?;
        let address = buffer.address() + range.start as u64;
        match self.core.engine.start(self.way, address, range.len())? {
            None => Ok(range),
            Some(fault) => Err(self.error(fault, range.len())),
        }
    }

    /// Waits until the transfer that was started is over, and returns its buffer.
    ///
    /// # When it returns
    ///
    /// At once if it is over already; else when the hardware has moved all, when it fails, when the core is reset by
    /// whomever, or when the device leaves. With the transfer's start it takes up to 6 register accesses for what was sent
    /// and 7 for what was received (one more each with addresses of more than 32 bits), and two system calls: one to
    /// arm the line and tokio's `epoll_wait`; if it is over already, 4 and 5 accesses and no system call. It allocates
    /// nothing.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. Dropping the future, for example by `tokio::time::timeout`, disarms the line. The transfer goes on and
    /// the channel keeps its buffer: the next call returns it.
    ///
    /// # Errors
    ///
    /// [`NoTransfer`](Error::NoTransfer) if none was started, [`NoInterrupt`](Error::NoInterrupt) if the overlay has none
    /// for this channel (see [`try_wait`](Self::try_wait)), and as for [`Interrupt::wait`]; the transfer goes on.
    ///
    /// With the buffer, since the transfer has failed and the core was reset: [`DmaInternal`](Error::DmaInternal),
    /// [`PacketTooLong`](Error::PacketTooLong), [`DmaSlave`](Error::DmaSlave), [`DmaDecode`](Error::DmaDecode),
    /// [`TransferReset`](Error::TransferReset).
    ///
    /// [`Gone`](Error::Gone) and [`StuckStatus`](Error::StuckStatus) without it: the kernel frees it once the core is
    /// kept from it.
    #[cfg(feature = "tokio")]
    pub async fn wait(&mut self) -> Result<Done, Failed> {
        loop {
            if let Some(done) = self.collect_if_interrupts()? {
                return Ok(done);
            }
            let waited = self.sleep().await;
            waited.map_err(|error| self.lose_if_gone(error))?;
        }
    }

    /// Sleeps until there is something to look for.
    #[cfg(feature = "tokio")]
    async fn sleep(&self) -> Result<()> {
        let Self {
            core, way, interrupt, ..
        } = self;
        let Some(interrupt) = interrupt else {
            return Err(self.no_interrupt());
        };
        // Once more when armed: on an edge input, a transfer that is over already would make no edge.
        let mut wait = pin!(interrupt.wait_unless(|| look(core, *way, Some(interrupt))));
        let _listening = Listening(core, *way);
        poll_fn(|context| {
            // A reset makes no interrupt.
            if core.engine.listen(*way, context.waker()) {
                return Poll::Ready(Ok(()));
            }
            wait.as_mut().poll(context).map_ok(drop)
        })
        .await
    }

    /// Waits until the transfer that was started is over; blocking twin of `wait`.
    ///
    /// # Errors
    ///
    /// As for `wait`, and [`Interrupt::blocking_wait`].
    pub fn blocking_wait(&mut self) -> Result<Done, Failed> {
        loop {
            // Without a deadline it is over in the end.
            if let Some(done) = self.blocking_wait_until(None)? {
                return Ok(done);
            }
        }
    }

    /// [`Channel::blocking_wait`] for `timeout` at most. `None` when it is over; then the transfer goes on.
    ///
    /// # Errors
    ///
    /// As for [`Channel::blocking_wait`].
    pub fn blocking_wait_timeout(&mut self, timeout: Duration) -> Result<Option<Done>, Failed> {
        self.blocking_wait_until(deadline_after(timeout))
    }

    fn blocking_wait_until(&mut self, deadline: Option<Instant>) -> Result<Option<Done>, Failed> {
        loop {
            if let Some(done) = self.collect_if_interrupts()? {
                return Ok(Some(done));
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.blocking_sleep(left).map_err(|error| self.lose_if_gone(error))?;
        }
    }

    /// Blocking twin of `sleep`, for so long at most.
    fn blocking_sleep(&mut self, timeout: Option<Duration>) -> Result<()> {
        let engine = &self.core.engine;
        let Some(interrupt) = &mut self.interrupt else {
            return Err(self.no_interrupt());
        };
        let armed = interrupt.arm()?;
        // Once more when armed, as above; and what came before it was armed is no reason to sleep.
        if armed.event()?.is_some() || engine.look(self.way)? || engine.sleep(self.way, &armed, timeout)? {
            return Ok(());
        }
        drop(armed);
        Err(Error::Gone {
            name: interrupt.pin().to_owned(),
        })
    }

    /// The transfer that was started, if it is over. It does not wait, and needs no interrupt: for overlays that have
    /// none, to ask from time to time.
    ///
    /// # Errors
    ///
    /// As for `wait`, without those of waiting.
    pub fn try_wait(&mut self) -> Result<Option<Done>, Failed> {
        self.collect()
    }

    /// Starts a transfer and waits until it is over.
    ///
    /// # Cancel safety
    ///
    /// Once it was polled, dropping the future leaves the transfer to go on, and its buffer with the channel:
    /// [`wait`](Self::wait) returns it, as do [`try_wait`](Self::try_wait) and the blocking waits;
    /// [`AxiDma::reset`](super::AxiDma::reset) ends a transfer that nobody wants any more. A future that was never polled
    /// has started nothing, and frees the buffer with itself.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start) and [`wait`](Self::wait).
    #[cfg(feature = "tokio")]
    pub async fn transfer(&mut self, buffer: Buffer, range: impl RangeBounds<usize>) -> Result<Done, Failed> {
        self.start(buffer, range)?;
        self.wait().await
    }

    /// Starts a transfer and waits until it is over; blocking twin of `transfer`.
    ///
    /// # Errors
    ///
    /// As for [`start`](Self::start) and [`blocking_wait`](Self::blocking_wait).
    pub fn blocking_transfer(&mut self, buffer: Buffer, range: impl RangeBounds<usize>) -> Result<Done, Failed> {
        self.start(buffer, range)?;
        self.blocking_wait()
    }

    /// [`Channel::blocking_transfer`] for `timeout` at most. `None` when it is over; then the transfer goes on.
    ///
    /// # Errors
    ///
    /// As for [`Channel::blocking_transfer`].
    pub fn blocking_transfer_timeout(
        &mut self,
        buffer: Buffer,
        range: impl RangeBounds<usize>,
        timeout: Duration,
    ) -> Result<Option<Done>, Failed> {
        self.start(buffer, range)?;
        self.blocking_wait_timeout(timeout)
    }

    /// For those who wait: what is over already is no excuse for an interrupt that is missing.
    fn collect_if_interrupts(&mut self) -> Result<Option<Done>, Failed> {
        if self.interrupt.is_none() {
            return Err(self.no_interrupt().into());
        }
        self.collect()
    }

    /// The transfer, if it is over.
    fn collect(&mut self) -> Result<Option<Done>, Failed> {
        if self.transfer.is_none() {
            self.is_there()?;
            return Err(Failed::from(Error::NoTransfer {
                cell: self.core.cell.clone(),
                channel: self.way.name(),
            }));
        }
        let over = look(&self.core, self.way, self.interrupt.as_ref());
        if !over.map_err(|error| self.lose_if_gone(error))? {
            return Ok(None);
        }
        let (Some((end, safe)), Some(transfer)) = (self.core.engine.take(self.way), self.transfer.take()) else {
            return Ok(None);
        };
        let Transfer { buffer, range } = transfer;
        // What the core has written is there for whoever reads the buffer now.
        dma_rmb();
        match end {
            End::Done(bytes) => Ok(Some(Done {
                buffer,
                range: range.start..range.start + bytes,
            })),
            End::Failed(fault) => {
                let error = self.error(fault, range.len());
                if safe {
                    return Err(Failed::new(error, Some(buffer)));
                }
                buffer.abandon();
                Err(error.into())
            }
        }
    }

    /// A core that has left is stopped by the kernel, and its memory freed after that: not by us, who do not know when.
    fn lose_if_gone(&mut self, error: Error) -> Failed {
        if let Error::Gone { .. } = error {
            if let Some(transfer) = self.transfer.take() {
                transfer.buffer.abandon();
            }
            self.core.engine.forget(self.way);
        }
        error.into()
    }

    fn is_there(&self) -> Result<()> {
        is_there(&self.core, self.interrupt.as_ref())
    }

    fn no_interrupt(&self) -> Error {
        Error::NoInterrupt {
            cell: self.core.cell.clone(),
            pin: super::pin_of(self.way),
        }
    }

    fn error(&self, fault: Fault, bytes: usize) -> Error {
        let cell = self.core.cell.clone();
        let channel = self.way.name();
        match (fault, self.way) {
            (Fault::Internal, Way::Send) => Error::DmaInternal { cell },
            (Fault::Internal, Way::Receive) => Error::PacketTooLong { cell, bytes },
            (Fault::Slave, _) => Error::DmaSlave { cell, channel },
            (Fault::Decode, _) => Error::DmaDecode { cell, channel },
            (Fault::Reset, _) => Error::TransferReset { cell, channel },
            (Fault::Stuck(register), _) => Error::StuckStatus { cell, register },
        }
    }
}

/// Whether the transfer is over. Registers are touched only if the device is there: else it would end the process.
fn look(core: &Core, way: Way, interrupt: Option<&Interrupt>) -> Result<bool> {
    is_there(core, interrupt)?;
    core.engine.look(way)
}

/// The line's page says so without a system call.
fn is_there(core: &Core, interrupt: Option<&Interrupt>) -> Result<()> {
    match interrupt {
        Some(interrupt) => interrupt.sequence().map(drop),
        None => core.engine.registers().is_there(),
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(transfer) = self.transfer.take() {
            let stopped = self.is_there().and_then(|()| self.core.engine.abort(self.way));
            if !matches!(stopped, Ok(true)) {
                transfer.buffer.abandon();
            }
            self.core.engine.forget(self.way);
        }
        self.core.engine.release(self.way);
    }
}
