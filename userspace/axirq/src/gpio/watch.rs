// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for wires: clearing the status, writing down what changed, arming, looking again.

use std::time::Instant;

use super::log::Log;
use super::regs;
use super::shared::ChannelState;
use super::shared::PIN;
use super::shared::Shared;
use super::shared::State;
use crate::Error;
use crate::Interrupt;
use crate::Result;

/// How often IP_ISR is cleared before we say that it cannot be: each round is a change of a wire within a few bus
/// cycles.
const CLEARING_ROUNDS: usize = 64;

/// What somebody who waits looks at.
pub(super) struct Seen<'a> {
    shared: &'a Shared,
    channel: usize,
    inputs: u32,
    pub(super) log: &'a Log,
}

impl Seen<'_> {
    /// Only inputs make interrupts: who waits for a wire that is driven would wait for ever.
    pub(super) fn check_undriven(&self, mask: u32) -> Result<()> {
        match mask & !self.inputs {
            0 => Ok(()),
            driven => Err(Error::Driven {
                cell: self.shared.cell.clone(),
                channel: super::number(self.channel),
                wire: driven.trailing_zeros(),
            }),
        }
    }
}

impl Shared {
    /// Waits until `check` finds what it looks for on a channel.
    ///
    /// The interrupt's source is a level: IP_ISR. It is cleared before the line is armed, or the line would fire again
    /// for what is known; and once more after it, as on an edge input a source that stays active makes no further edge.
    /// The wires are read after each clearing: what changes later sets IP_ISR again.
    ///
    /// ```text
    /// clear IP_ISR | read wires | arm | clear IP_ISR | read wires | sleep
    ///              ^ a change from here on makes an interrupt once armed
    ///                                                ^ and here one that wakes us
    /// ```
    ///
    /// All who wait for wires of one cell are woken by its interrupt. Whoever comes first clears the status and writes
    /// down what he sees; the others find it in the log.
    #[cfg(feature = "tokio")]
    pub(super) async fn wait_until<T>(
        &self,
        channel: usize,
        mut check: impl FnMut(&Seen<'_>) -> Result<Option<T>>,
    ) -> Result<T> {
        let interrupt = self.interrupt()?;
        loop {
            if let Some(found) = self.look(channel, &mut check)? {
                return Ok(found);
            }
            self.enable(channel)?;
            let mut found = None;
            interrupt
                .wait_unless(|| {
                    found = self.look(channel, &mut check)?;
                    Ok(found.is_some())
                })
                .await?;
            // No await since the look that found it: who drops the future before has not been told.
            if let Some(found) = found {
                return Ok(found);
            }
        }
    }

    /// Blocking twin of `wait_until`. `None` at the deadline.
    pub(super) fn blocking_wait_until<T>(
        &self,
        channel: usize,
        deadline: Option<Instant>,
        mut check: impl FnMut(&Seen<'_>) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let interrupt = self.interrupt()?;
        loop {
            let mut found = self.look(channel, &mut check)?;
            if found.is_some() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(found);
            }
            self.enable(channel)?;
            interrupt.blocking_wait_unless(deadline, || {
                found = self.look(channel, &mut check)?;
                Ok(found.is_some())
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Takes note of what has changed, then checks.
    fn look<T>(&self, channel: usize, check: &mut impl FnMut(&Seen<'_>) -> Result<Option<T>>) -> Result<Option<T>> {
        let mut state = self.lock()?;
        let mut unknown = [0; 2];
        if !state.watching {
            for (unknown, layout) in unknown.iter_mut().zip(&self.channels) {
                *unknown = layout.span.mask();
            }
        }
        self.observe(&mut state, unknown)?;
        state.watching = true;
        let ChannelState { log, tri, .. } = &state.channels[channel];
        check(&Seen {
            shared: self,
            channel,
            inputs: *tri,
            log,
        })
    }

    /// Clears IP_ISR until it stays clear, and writes down what changed: a bit that is set while another is cleared
    /// would keep the line active, and an edge input would see no further edge. Wires under `unknown` are taken as they
    /// are.
    ///
    /// When it returns, everything up to the last read of IP_ISR is in the logs. So if the status is set the next time
    /// and no wire differs, there was a pulse for certain.
    ///
    /// ```text
    /// read IP_ISR: 1 | clear it | read wires | read IP_ISR: 0
    ///                           ^ a change here is read, or IP_ISR is 1 again
    /// ```
    pub(super) fn observe(&self, state: &mut State, mut unknown: [u32; 2]) -> Result<()> {
        let mut fired = 0;
        // Channels in which a change was seen, or could not have been.
        let mut told = 0;
        let mut unread = 0;
        for (channel, unknown) in unknown.iter().enumerate() {
            if *unknown != 0 {
                told |= regs::channel_bit(channel);
                unread |= regs::channel_bit(channel);
            }
        }
        for _ in 0..CLEARING_ROUNDS {
            let set = self.regs.read32(regs::IP_ISR)? & regs::CHANNEL_BITS;
            if set | unread == 0 {
                for (channel, state) in state.channels.iter_mut().enumerate() {
                    if fired & !told & regs::channel_bit(channel) != 0 {
                        state.log.pulse(state.tri);
                    }
                }
                return Ok(());
            }
            if set != 0 {
                self.regs.write32(regs::IP_ISR, set)?;
            }
            fired |= set;
            for (channel, layout) in self.channels.iter().enumerate() {
                if (set | unread) & regs::channel_bit(channel) == 0 {
                    continue;
                }
                let wires = self.regs.read32(regs::data(channel))? & layout.span.mask();
                let ChannelState { log, tri, .. } = &mut state.channels[channel];
                log.adopt(wires, std::mem::take(&mut unknown[channel]));
                if log.read(wires, *tri) {
                    told |= regs::channel_bit(channel);
                }
            }
            unread = 0;
        }
        Err(Error::StuckStatus {
            cell: self.cell.clone(),
            register: "IP_ISR",
        })
    }

    /// Lets a channel's changes through to the interrupt pin. They stay enabled: the line itself is masked while nobody
    /// waits.
    fn enable(&self, channel: usize) -> Result<()> {
        let mut state = self.lock()?;
        if state.enabled & regs::channel_bit(channel) == 0 {
            state.enabled |= regs::channel_bit(channel);
            self.regs.write32(regs::IP_IER, state.enabled)?;
            self.regs.write32(regs::GIER, regs::GIER_ENABLE)?;
        }
        Ok(())
    }

    fn interrupt(&self) -> Result<&Interrupt> {
        let Some(slot) = &self.interrupt else {
            return Err(Error::NoInterrupt {
                cell: self.cell.clone(),
                pin: PIN,
            });
        };
        if let Some(interrupt) = slot.get() {
            return Ok(interrupt);
        }
        // If another thread is doing the same, one of the two files is closed again.
        let interrupt = Interrupt::open_in(&self.system, &format!("{}/{PIN}", self.cell))?;
        Ok(slot.get_or_init(|| interrupt))
    }
}
