// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Ring`]: the frame stores that the input's channel goes through, and which frame in them is whole. Pure: hardware is
//! behind [`Port`].
//!
//! Hardware goes from store to store by itself, whoever looks or not. *Done* is how many frames it has finished; frame
//! `done` is being written. A frame is taken by giving its store another address, which is in force from the next frame on:
//!
//! ```text
//! store      0        1        2        3        0        1
//! frame  ----0----|---1----|---2----|---3----|---4----|---5----    4 goes where 0 was
//!                      ^ 0 is taken: START_ADDRESS1, VSIZE
//!                               ^ in force
//! ```
//!
//! Frame n is overwritten by frame n + N, of N stores. So it is ours if the new address was written, and VSIZE after it,
//! while hardware was at n + N - 1 at the latest; we ask for one frame less, because no source says what exactly
//! the "next" frame is. That is looked at *after* VSIZE was written, so however long this process is held up in
//! between, a frame that may be torn is not handed out: it is counted as dropped. For the same reason a new address is not
//! believed to be in force before the second frame that begins after VSIZE: what hardware finished in that store until
//! then may be in the memory that was there before.
//!
//! So all hangs on knowing `done`. Hardware has a counter of frames, down from a number that makes an interrupt at its
//! end. While nobody waits the number is large ([`Ring::count`] reads it); to be woken by the next frame it has to be 1,
//! and tells nothing then but that a frame has come. What came during such a wait is told by the store that hardware is
//! at, modulo N ([`Ring::wake`]). A process that wakes up N frames late thus counts N frames too few, as does one that
//! looks only after the counter went round twice, and never one too many; which store is which it knows all the same.

use std::mem;
use std::sync::Arc;

use super::fault::StreamFaults;
use super::frame::Spares;
use super::regs;
use crate::Result;

/// The fewest stores: one is being written, one comes next, one has a whole frame.
pub(super) const FEWEST: usize = 3;

/// After so many looks that found faults and no frame, the stream is not what was asked for.
const PATIENCE: u32 = 4;

/// How often we try to see a moment at which no frame ends.
const ROUNDS: usize = 8;

/// The registers of the input's channel.
pub(super) trait Port {
    /// VDMASR; an error if the channel does not run.
    fn status(&self) -> Result<u32>;
    /// Clears bits of VDMASR.
    fn acknowledge(&self, bits: u32) -> Result<()>;
    /// Has so many frames make an interrupt. Another number than before begins to count anew.
    fn count(&self, frames: u32) -> Result<()>;
    /// The store that hardware is at.
    fn store(&self) -> Result<usize>;
    /// Gives a store this address.
    fn place(&self, store: usize, address: u64) -> Result<()>;
    /// Puts addresses in force, from the next frame on.
    fn commit(&self) -> Result<()>;
}

/// Memory that hardware writes.
pub(super) trait Slot {
    fn address(&self) -> u64;
}

impl Slot for crate::memory::Buffer {
    fn address(&self) -> u64 {
        self.address()
    }
}

/// What there is to take.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Take<B> {
    /// A whole frame: its memory, its number, how many before it were dropped.
    Frame(B, (u64, u64)),
    /// Nothing yet.
    Nothing,
    /// A frame, but no memory to put in its place: all is held.
    NoSpare,
    /// Frames, and each with faults.
    Faulty,
}

#[derive(Debug)]
pub(super) struct Ring<B> {
    /// What each store has the address of, and the first frame that is sure to be there.
    stores: Vec<(B, u64)>,
    spares: Arc<Spares<B>>,
    /// Taken out of their stores; hardware may be at them until this frame.
    retired: Vec<(B, u64)>,
    /// Frames that are finished.
    done: u64,
    /// The store of frame `done`.
    at: usize,
    /// After the last that was handed out.
    handed: u64,
    /// The first that may be handed out.
    next: u64,
    /// From what the counter counts down while nobody waits, and where it was.
    period: u32,
    left: u32,
    /// An interrupt is asked for with the next frame, or it is not known where hardware is.
    asleep: bool,
    faults: StreamFaults,
    /// There were faults in frames up to the one that is being written.
    suspect: bool,
    /// Looks with faults since there was a frame without.
    faulty: u32,
}

impl<B: Slot> Ring<B> {
    /// The ring of a channel that runs and has no geometry yet: all stores have their addresses, and the counter stands
    /// at [`Ring::period`].
    pub(super) fn new(port: &impl Port, stores: Vec<B>, spares: Arc<Spares<B>>) -> Result<Self> {
        let period = Self::period(stores.len());
        Ok(Self {
            at: port.store()? % stores.len().max(1),
            stores: stores.into_iter().map(|store| (store, 0)).collect(),
            // As many as can be: nothing is allocated while frames come.
            retired: Vec::with_capacity(spares.len()),
            spares,
            done: 0,
            handed: 0,
            next: 0,
            period,
            left: period,
            asleep: false,
            faults: StreamFaults::default(),
            suspect: false,
            faulty: 0,
        })
    }

    /// From what the counter counts with so many stores: a whole number of rounds, so that a counter that went round
    /// unseen does not change which store is which.
    pub(super) fn period(stores: usize) -> u32 {
        let stores = u32::try_from(stores).unwrap_or(1).clamp(1, 64);
        255 - 255 % stores
    }

    /// Frames that were seen to be finished.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// All that hardware may be at.
    pub(super) fn into_reach(self) -> impl Iterator<Item = B> {
        self.stores.into_iter().chain(self.retired).map(|(buffer, _)| buffer)
    }

    pub(super) fn faults(&self) -> StreamFaults {
        self.faults
    }

    /// Takes the oldest frame that is whole and not about to be overwritten.
    pub(super) fn take(&mut self, port: &impl Port) -> Result<Take<B>> {
        if self.asleep {
            self.wake(port)?;
        } else {
            self.count(port)?;
        }
        while !self.asleep {
            self.free_retired();
            if self.faulty >= PATIENCE {
                self.faulty = 0;
                return Ok(Take::Faulty);
            }
            let Some(number) = self.oldest() else {
                break;
            };
            let Some(spare) = self.spares.take() else {
                // What is retired comes back with the next frame.
                let none = self.retired.is_empty();
                return Ok(if none { Take::NoSpare } else { Take::Nothing });
            };
            let store = self.store_of(number);
            if let Err(error) = port.place(store, spare.address()).and_then(|()| port.commit()) {
                // The device has left: it has no address any more.
                self.spares.give(spare);
                return Err(error);
            }
            let (old, _) = mem::replace(&mut self.stores[store], (spare, u64::MAX));
            let counted = self.count(port);
            let in_force = self.done + 2;
            self.stores[store].1 = in_force;
            // If the counter went round in between, it may have done so more than once.
            let kept = matches!(counted, Ok(false)) && self.next <= number && self.done - number <= self.reach();
            if !kept {
                self.retired.push((old, in_force));
                counted?;
                continue;
            }
            let dropped = number - self.handed;
            self.next = number + 1;
            self.handed = self.next;
            self.faulty = 0;
            return Ok(Take::Frame(old, (number, dropped)));
        }
        Ok(Take::Nothing)
    }

    /// Asks for an interrupt with the next frame. Look once more ([`Ring::has_stirred`]) before sleeping.
    pub(super) fn sleep(&mut self, port: &impl Port) -> Result<()> {
        self.asleep = true;
        port.count(1)
    }

    /// Whether anything has come since the ring was last taken from.
    pub(super) fn has_stirred(&self, port: &impl Port) -> Result<bool> {
        let news = regs::FRAME_IRQ | regs::ERR_IRQ | regs::STREAM;
        Ok(port.status()? & news != 0 || port.store()? != self.at)
    }

    /// After [`Ring::sleep`]: counts on. If frames come so fast that none can be told from the next, it stays asleep.
    ///
    /// ```text
    /// count anew | acknowledge | store | status: the counter stands where it began, so no frame has ended since
    /// ```
    pub(super) fn wake(&mut self, port: &impl Port) -> Result<()> {
        let stores = self.stores.len();
        let mut status = port.status()?;
        let came = status & regs::FRAME_IRQ != 0;
        for _ in 0..ROUNDS {
            let longest = Self::period(stores);
            self.period = if self.period == longest {
                longest - stores as u32
            } else {
                longest
            };
            port.count(self.period)?;
            // With what the old count brought until now.
            self.clear(port, status | regs::FRAME_IRQ)?;
            let at = port.store()? % stores;
            status = port.status()?;
            if regs::left(status) == self.period && status & (regs::FRAME_IRQ | regs::STREAM) == 0 {
                let passed = match (at + stores - self.at) % stores {
                    0 if came => stores,
                    passed => passed,
                };
                self.at = at;
                self.left = self.period;
                self.asleep = false;
                self.finish(passed as u64);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Counts what has come since the last look. Whether the counter went round.
    fn count(&mut self, port: &impl Port) -> Result<bool> {
        let status = port.status()?;
        let left = regs::left(status);
        // It went round: if not before the status was read, then after that and before it was acknowledged.
        let round = status & regs::FRAME_IRQ != 0 || left > self.left;
        let passed = (self.left + if round { self.period } else { 0 }).saturating_sub(left);
        self.left = left;
        self.at = (self.at + passed as usize) % self.stores.len();
        self.clear(port, status)?;
        self.finish(passed.into());
        Ok(round)
    }

    /// Acknowledges what a status tells of, and notes its faults.
    fn clear(&mut self, port: &impl Port, status: u32) -> Result<()> {
        let known = regs::FRAME_IRQ | regs::ERR_IRQ | regs::INT_ERR | regs::STREAM;
        if status & known != 0 {
            port.acknowledge(status & known)?;
        }
        if self.faults.add(status) {
            self.suspect = true;
            self.faulty += 1;
        }
        Ok(())
    }

    /// So many frames more are done. If there was a fault, it may be in any of them, and in the one that is being written.
    fn finish(&mut self, passed: u64) {
        self.done += passed;
        if mem::take(&mut self.suspect) {
            self.next = self.done + 1;
        }
    }

    /// The oldest frame that is whole, where we know it to be, and not about to be overwritten.
    fn oldest(&self) -> Option<u64> {
        let first = self.next.max(self.done.saturating_sub(self.reach()));
        (first..self.done).find(|&number| self.stores[self.store_of(number)].1 <= number)
    }

    /// How far a frame may be behind hardware.
    fn reach(&self) -> u64 {
        (self.stores.len() as u64).saturating_sub(2)
    }

    /// Of a frame that is within reach.
    fn store_of(&self, number: u64) -> usize {
        let behind = usize::try_from(self.done - number).unwrap_or(0);
        (self.at + self.stores.len() - behind) % self.stores.len()
    }

    /// Gives back what hardware has left.
    fn free_retired(&mut self) {
        let mut index = 0;
        while let Some((_, until)) = self.retired.get(index) {
            if *until <= self.done {
                let (old, _) = self.retired.swap_remove(index);
                self.spares.give(old);
            } else {
                index += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
