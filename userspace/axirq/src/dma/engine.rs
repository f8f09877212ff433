// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Engine`]: the core's registers, and the books of what its two channels are doing.
//!
//! The channels are two values that two threads use at once, but one reset is the reset of both, and an error needs one.
//! So both are kept under one lock:
//!
//! ```text
//! send channel                                receive channel
//! --------------------------------------      ---------------------------------------------------
//!                                             start: Moving
//!                                             waits: its waker, or that it sleeps, under the lock
//! look: DMASR says error
//!   under the lock: the other is Moving:
//!     read its DMASR: what is complete stays so
//!     reset, wait until it is over
//!     the other is Over(Reset)
//!   wake the other, or ring its bell          wakes: Over, without any interrupt
//! ```
//!
//! Nobody can start in between, and nobody sees a reset that is not over. Whose transfer is Over has no memory in the
//! hardware's hands, except after a reset that did not end: then [`Engine::take`] says so.

use std::array;
use std::os::fd::AsFd;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
#[cfg(feature = "tokio")]
use std::task::Waker;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;

use super::regs;
use crate::Error;
use crate::Mmio;
use crate::Result;
use crate::uapi::poll_timeout;

/// How long a register may take to answer; a core takes microseconds.
const PATIENCE: Duration = if cfg!(test) {
    Duration::from_millis(20)
} else {
    Duration::from_secs(1)
};

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// From memory to the stream: MM2S.
    Send,
    /// From the stream to memory: S2MM.
    Receive,
}

impl Way {
    pub(super) const BOTH: [Self; 2] = [Self::Send, Self::Receive];

    /// As errors name the channel.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Receive => "receive",
        }
    }

    /// Offset of a register.
    pub(super) fn register(self, offset: usize) -> usize {
        match self {
            Self::Send => offset,
            Self::Receive => regs::S2MM + offset,
        }
    }

    fn status(self) -> &'static str {
        match self {
            Self::Send => "MM2S_DMASR",
            Self::Receive => "S2MM_DMASR",
        }
    }
}

/// Where the registers are.
pub(super) trait Registers {
    fn read(&self, offset: usize) -> Result<u32>;
    fn write(&self, offset: usize, value: u32) -> Result<()>;
}

impl Registers for Mmio {
    fn read(&self, offset: usize) -> Result<u32> {
        self.read32(offset)
    }

    fn write(&self, offset: usize, value: u32) -> Result<()> {
        self.write32(offset, value)
    }
}

/// How a transfer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// So many bytes were moved.
    Done(usize),
    Failed(Fault),
}

/// Why a transfer has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Internal,
    Slave,
    Decode,
    /// The core was reset.
    Reset,
    /// This register does not answer as it should.
    Stuck(&'static str),
}

/// A core.
#[derive(Debug)]
pub(super) struct Engine<R> {
    registers: R,
    /// By which the core is reset: a register of a channel that is there.
    control: usize,
    wide_addresses: bool,
    state: Mutex<State>,
    /// Each wakes a thread that sleeps for the channel; only a reset rings.
    bells: [EventFd; 2],
}

#[derive(Debug)]
struct State {
    /// Since the last reset no error was seen; a reset that has begun is over.
    clean: bool,
    lanes: [Lane; 2],
}

/// What is known of a channel.
#[derive(Debug)]
struct Lane {
    /// Somebody has it.
    taken: bool,
    /// DMACR.RS was set since the last reset.
    runs: bool,
    phase: Phase,
    /// A task that waits.
    #[cfg(feature = "tokio")]
    waker: Option<Waker>,
    /// A thread sleeps until the bell rings.
    sleeps: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    /// A transfer of so many bytes.
    Moving(usize),
    Over(End),
}

impl<R: Registers> Engine<R> {
    /// Of a core that has the channel `present`, where there are addresses of more than 32 bits or not. Nothing is
    /// touched: [`Engine::reset`] makes it ready.
    pub(super) fn new(registers: R, present: Way, wide_addresses: bool) -> nix::Result<Self> {
        let bell = || EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC);
        Ok(Self {
            registers,
            control: present.register(regs::DMACR),
            wide_addresses,
            state: Mutex::new(State {
                clean: false,
                lanes: array::from_fn(|_| Lane {
                    taken: false,
                    runs: false,
                    phase: Phase::Idle,
                    #[cfg(feature = "tokio")]
                    waker: None,
                    sleeps: false,
                }),
            }),
            bells: [bell()?, bell()?],
        })
    }

    pub(super) fn registers(&self) -> &R {
        &self.registers
    }

    /// Whether there is this channel, in a core that was reset.
    pub(super) fn has(&self, way: Way) -> Result<bool> {
        Ok(self.registers.read(way.register(regs::DMACR))? & regs::PRESENT != 0)
    }

    /// Whether the core was made with scatter-gather, as this channel says.
    pub(super) fn scatters(&self, way: Way) -> Result<bool> {
        Ok(self.registers.read(way.register(regs::DMASR))? & regs::SG_INCLD != 0)
    }

    /// Takes a channel; false if somebody has it.
    pub(super) fn claim(&self, way: Way) -> bool {
        let lane = &mut self.lock().lanes[way as usize];
        !std::mem::replace(&mut lane.taken, true)
    }

    /// Gives a channel back that does nothing.
    pub(super) fn release(&self, way: Way) {
        self.lock().lanes[way as usize].taken = false;
    }

    /// Resets the core. Transfers that are not complete end with that. A core that does not come out of it is an error.
    pub(super) fn reset(&self) -> Result<Option<Fault>> {
        let mut state = self.lock();
        let result = self.reset_all(&mut state);
        let fault = (!state.clean).then_some(Fault::Stuck("DMACR"));
        self.rouse(state, None);
        result.map(|()| fault)
    }

    /// Starts a transfer. The buffer is the hardware's from here on, unless this fails.
    pub(super) fn start(&self, way: Way, address: u64, bytes: usize) -> Result<Option<Fault>> {
        let mut state = self.lock();
        // Again if the other channel has failed while the lock was free.
        while !state.clean {
            let result = self.reset_all(&mut state);
            let clean = state.clean;
            self.rouse(state, Some(way));
            result?;
            if !clean {
                return Ok(Some(Fault::Stuck("DMACR")));
            }
            state = self.lock();
        }
        let lane = &mut state.lanes[way as usize];
        let register = |offset| way.register(offset);
        if !lane.runs {
            let run = regs::RS | regs::IOC_IRQ | regs::ERR_IRQ;
            self.registers.write(register(regs::DMACR), run)?;
            // A LENGTH that is written while the channel is halted starts nothing.
            let status = self.read_until(register(regs::DMASR), |status| status & regs::HALTED == 0)?;
            if status & regs::HALTED != 0 {
                return Ok(Some(Fault::Stuck(way.status())));
            }
            lane.runs = true;
        }
        // The lower half.
        self.registers.write(register(regs::ADDRESS), address as u32)?;
        if self.wide_addresses {
            self.registers
                .write(register(regs::ADDRESS_MSB), (address >> 32) as u32)?;
        }
        crate::memory::dma_wmb();
        // `Limits` has seen to it that it fits.
        self.registers
            .write(register(regs::LENGTH), u32::try_from(bytes).unwrap_or(0))?;
        lane.phase = Phase::Moving(bytes);
        Ok(None)
    }

    /// Whether the channel's transfer is over. It asks the hardware if that is not known, and resets it after an error.
    pub(super) fn look(&self, way: Way) -> Result<bool> {
        let mut state = self.lock();
        let Phase::Moving(bytes) = state.lanes[way as usize].phase else {
            return Ok(true);
        };
        let Some(end) = self.end(way, bytes)? else {
            return Ok(false);
        };
        state.lanes[way as usize].phase = Phase::Over(end);
        let result = match end {
            End::Done(_) => Ok(()),
            End::Failed(_) => self.reset_all(&mut state),
        };
        self.rouse(state, Some(way));
        result.map(|()| true)
    }

    /// How the transfer ended, and whether its memory is out of the hardware's hands. `None` if there is none that is
    /// over. The channel is free for the next one.
    pub(super) fn take(&self, way: Way) -> Option<(End, bool)> {
        let mut state = self.lock();
        let clean = state.clean;
        let lane = &mut state.lanes[way as usize];
        let Phase::Over(end) = lane.phase else {
            return None;
        };
        lane.phase = Phase::Idle;
        Some((end, clean || matches!(end, End::Done(_))))
    }

    /// Ends a transfer if it is not over. Says whether its memory is out of the hardware's hands.
    pub(super) fn abort(&self, way: Way) -> Result<bool> {
        if !self.look(way)? {
            self.reset()?;
        }
        Ok(self.take(way).is_none_or(|(_, safe)| safe))
    }

    /// Forgets a transfer of a core that has left.
    pub(super) fn forget(&self, way: Way) {
        self.lock().lanes[way as usize].phase = Phase::Idle;
    }

    /// Has a task woken if the core is reset. Says whether the transfer is over by now.
    #[cfg(feature = "tokio")]
    pub(super) fn listen(&self, way: Way, waker: &Waker) -> bool {
        let mut state = self.lock();
        let lane = &mut state.lanes[way as usize];
        let over = !matches!(lane.phase, Phase::Moving(_));
        let old = match &mut lane.waker {
            Some(old) if old.will_wake(waker) => None,
            slot => slot.replace(waker.clone()),
        };
        // Dropping the last waker of a task may drop the task, and with it a channel.
        drop(state);
        drop(old);
        over
    }

    /// It is not to be woken any more.
    #[cfg(feature = "tokio")]
    pub(super) fn unlisten(&self, way: Way) {
        let waker = self.lock().lanes[way as usize].waker.take();
        drop(waker);
    }

    /// Sleeps until the file is readable, the core is reset, or the time is over. False if the file hung up.
    pub(super) fn sleep(&self, way: Way, file: &impl AsFd, timeout: Option<Duration>) -> Result<bool> {
        {
            let mut state = self.lock();
            let lane = &mut state.lanes[way as usize];
            if !matches!(lane.phase, Phase::Moving(_)) {
                return Ok(true);
            }
            // From here on who resets rings.
            lane.sleeps = true;
        }
        let bell = &self.bells[way as usize];
        let mut files = [
            PollFd::new(file.as_fd(), PollFlags::POLLIN),
            PollFd::new(bell.as_fd(), PollFlags::POLLIN),
        ];
        let result = nix::poll::poll(&mut files, poll_timeout(timeout));
        self.lock().lanes[way as usize].sleeps = false;
        // One that rang too late wakes the next sleep, once.
        let _ = files[1].any().filter(|rang| *rang).map(|_| bell.read());
        match result {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::system("poll", way.name(), errno)),
        }
        let seen = files[0].revents().unwrap_or(PollFlags::empty());
        Ok(!seen.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL))
    }

    /// How the channel's transfer of so many bytes has ended, if it has. Its interrupt is acknowledged.
    fn end(&self, way: Way, bytes: usize) -> Result<Option<End>> {
        let register = way.register(regs::DMASR);
        let mut status = self.registers.read(register)?;
        if status & regs::ERRORS == 0 && status & regs::IOC_IRQ == 0 {
            return Ok(None);
        }
        if status & regs::ERRORS == 0 && status & regs::IDLE == 0 {
            // Its interrupt was quicker; nothing may be started before.
            status = self.read_until(register, |status| status & (regs::IDLE | regs::ERRORS) != 0)?;
        }
        let fault = match status {
            // Nobody has all errors at once: this is how a bus reads on which nothing answers.
            u32::MAX => Fault::Stuck(way.status()),
            _ if status & regs::DEC_ERR != 0 => Fault::Decode,
            _ if status & regs::SLV_ERR != 0 => Fault::Slave,
            _ if status & regs::INT_ERR != 0 => Fault::Internal,
            _ if status & regs::IDLE == 0 => Fault::Stuck(way.status()),
            _ => {
                self.registers.write(register, regs::IOC_IRQ)?;
                let moved = match way {
                    Way::Send => bytes,
                    Way::Receive => {
                        let arrived = self.registers.read(way.register(regs::LENGTH))?;
                        usize::try_from(arrived).unwrap_or(bytes).min(bytes)
                    }
                };
                return Ok(Some(End::Done(moved)));
            }
        };
        Ok(Some(End::Failed(fault)))
    }

    /// Resets the core; no transfer moves after that.
    fn reset_all(&self, state: &mut State) -> Result<()> {
        for way in Way::BOTH {
            let phase = &mut state.lanes[way as usize].phase;
            if let Phase::Moving(bytes) = *phase {
                if let Some(end) = self.end(way, bytes)? {
                    *phase = Phase::Over(end);
                }
            }
        }
        state.clean = false;
        self.registers.write(self.control, regs::RESET)?;
        let control = self.read_until(self.control, |control| control & regs::RESET == 0)?;
        state.clean = control & regs::RESET == 0;
        let fault = if state.clean {
            Fault::Reset
        } else {
            Fault::Stuck("DMACR")
        };
        for lane in &mut state.lanes {
            lane.runs = false;
            if let Phase::Moving(_) = lane.phase {
                lane.phase = Phase::Over(End::Failed(fault));
            }
        }
        Ok(())
    }

    /// Reads a register until it answers as wanted, or for long enough; what it read last.
    fn read_until(&self, offset: usize, wanted: impl Fn(u32) -> bool) -> Result<u32> {
        let begun = Instant::now();
        loop {
            // Before the read, so that who was held up in between has read late enough.
            let late = begun.elapsed() >= PATIENCE;
            let value = self.registers.read(offset)?;
            if late || wanted(value) {
                return Ok(value);
            }
            std::hint::spin_loop();
        }
    }

    /// Nothing panics under it halfway through a change, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the lock back, and wakes those whose transfers are over, but for the one who has found out.
    fn rouse(&self, state: MutexGuard<'_, State>, finder: Option<Way>) {
        let is_roused = |lane: &Lane, way| Some(way) != finder && matches!(lane.phase, Phase::Over(_));
        for way in Way::BOTH {
            let lane = &state.lanes[way as usize];
            if lane.sleeps && is_roused(lane, way) {
                // It can only fail when it is ringing.
                let _ = self.bells[way as usize].write(1);
            }
        }
        #[cfg(feature = "tokio")]
        {
            let mut state = state;
            let wakers = Way::BOTH.map(|way| {
                let lane = &mut state.lanes[way as usize];
                is_roused(lane, way).then(|| lane.waker.take()).flatten()
            });
            drop(state);
            for waker in wakers.into_iter().flatten() {
                waker.wake();
            }
        }
    }
}
