// SPDX-License-Identifier: MIT OR Apache-2.0
//! One AXI GPIO as all of this process share it: two channels, one status register, one interrupt.
//!
//! IP_ISR is toggle-on-write, so two who clear it at once would set it again; and DATA holds the latches of all wires.
//! Hence one lock for the registers of a cell, however often it is opened. It is a leaf, and never held over a wait.

use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::Weak;
use std::time::Instant;

use super::regs;
use crate::Error;
use crate::Interrupt;
use crate::Mmio;
use crate::Result;
use crate::list::System;
use crate::pin;

/// The interrupt pin of an AXI GPIO.
const PIN: &str = "ip2intc_irpt";

/// How often IP_ISR is cleared before we say that it cannot be: each round is a change of a wire within a few bus
/// cycles.
const CLEARING_ROUNDS: usize = 64;

/// The cells that are open, so that each is open once.
static OPEN: Mutex<Vec<(FileId, Weak<Shared>)>> = Mutex::new(Vec::new());

/// Device and inode of the window's file: of a cell that went and came again it is another.
type FileId = (u64, u64);

/// One AXI GPIO.
#[derive(Debug)]
pub(super) struct Shared {
    cell: String,
    channels: Vec<Layout>,
    regs: Mmio,
    /// `None` if the cell has no interrupt pin, else opened by the first wait.
    interrupt: Option<OnceLock<Interrupt>>,
    system: System,
    state: Mutex<State>,
}

/// What the design says about a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// Wires.
    pub(super) width: u32,
    /// All inputs (true) or all outputs (false), if the direction cannot be changed.
    pub(super) fixed: Option<bool>,
}

impl Layout {
    /// A bit for each wire.
    pub(super) fn mask(&self) -> u32 {
        u32::MAX >> (32 - self.width)
    }
}

/// What was written to registers that do not tell it back.
#[derive(Debug)]
struct State {
    /// Output latches by channel. Cores before revision 14 read outputs as 0.
    data: [u32; 2],
    /// Directions by channel, 1 is an input. Where fixed, TRI does not tell.
    tri: [u32; 2],
    /// IP_IER, as far as GIER lets it through.
    enabled: u32,
}

impl Shared {
    /// The cell of this name: the one that is open already, if so.
    pub(super) fn open(system: &System, cell: &str) -> Result<Arc<Self>> {
        let cell = pin::parse_cell(cell)?;
        let regs = Mmio::open_in(system, &cell, "regs")?;
        let metadata = regs.metadata()?;
        let id = (metadata.dev(), metadata.ino());
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, shared)| shared.strong_count() > 0);
        if let Some(shared) = open
            .iter()
            .find(|(other, _)| *other == id)
            .and_then(|(_, shared)| shared.upgrade())
        {
            return Ok(shared);
        }
        let shared = Arc::new(Self::new(system, cell, regs)?);
        open.push((id, Arc::downgrade(&shared)));
        Ok(shared)
    }

    fn new(system: &System, cell: String, regs: Mmio) -> Result<Self> {
        let property = |name| system.property(&cell, "regs", name);
        let layout = |width, all_inputs, all_outputs| -> Result<Layout> {
            let is = |name| Ok::<_, Error>(property(name)? == Some(1));
            let fixed = if is(all_inputs)? {
                Some(true)
            } else if is(all_outputs)? {
                Some(false)
            } else {
                None
            };
            // 32 is the binding's default.
            Ok(Layout {
                width: property(width)?.unwrap_or(32).clamp(1, 32),
                fixed,
            })
        };
        let mut channels = vec![layout("xlnx,gpio-width", "xlnx,all-inputs", "xlnx,all-outputs")?];
        // Reading registers cannot tell whether there is a second channel.
        if property("xlnx,is-dual")? == Some(1) {
            channels.push(layout("xlnx,gpio2-width", "xlnx,all-inputs-2", "xlnx,all-outputs-2")?);
        }
        let interrupt = system.has_pin(&cell, PIN).then(OnceLock::new);
        let mut state = State {
            data: [0; 2],
            tri: [0; 2],
            enabled: 0,
        };
        for (channel, layout) in channels.iter().enumerate() {
            let tri = match layout.fixed {
                Some(true) => u32::MAX,
                Some(false) => 0,
                None => regs.read32(regs::tri(channel))?,
            };
            state.tri[channel] = tri & layout.mask();
            // Of an input this is the wire, and no latch.
            state.data[channel] = regs.read32(regs::data(channel))? & layout.mask() & !tri;
        }
        if interrupt.is_some() && regs.read32(regs::GIER)? & regs::GIER_ENABLE != 0 {
            state.enabled = regs.read32(regs::IP_IER)? & regs::CHANNEL_BITS;
        }
        Ok(Self {
            cell,
            channels,
            regs,
            interrupt,
            system: system.clone(),
            state: Mutex::new(state),
        })
    }

    pub(super) fn cell(&self) -> &str {
        &self.cell
    }

    pub(super) fn channels(&self) -> &[Layout] {
        &self.channels
    }

    /// The wires of a channel: inputs as they are, outputs as they were set.
    pub(super) fn read(&self, channel: usize) -> Result<u32> {
        let state = self.lock()?;
        let tri = state.tri[channel];
        let wires = self.regs.read32(regs::data(channel))?;
        Ok((wires & tri | state.data[channel] & !tri) & self.channels[channel].mask())
    }

    /// Changes the output latches of a channel.
    pub(super) fn write(&self, channel: usize, change: impl FnOnce(u32) -> u32) -> Result<()> {
        let layout = self.channels[channel];
        if layout.fixed == Some(true) {
            return Err(self.fixed(channel, true));
        }
        let mut state = self.lock()?;
        state.data[channel] = change(state.data[channel]) & layout.mask();
        self.regs.write32(regs::data(channel), state.data[channel])
    }

    /// A bit for each input of a channel.
    pub(super) fn inputs(&self, channel: usize) -> Result<u32> {
        Ok(self.lock()?.tri[channel])
    }

    /// Changes which wires of a channel are inputs.
    pub(super) fn set_inputs(&self, channel: usize, change: impl FnOnce(u32) -> u32) -> Result<()> {
        let layout = self.channels[channel];
        let mut state = self.lock()?;
        let tri = change(state.tri[channel]) & layout.mask();
        if tri == state.tri[channel] {
            return Ok(());
        }
        if let Some(inputs) = layout.fixed {
            return Err(self.fixed(channel, inputs));
        }
        state.tri[channel] = tri;
        // The latch before the direction, so that a new output starts with what was set.
        self.regs.write32(regs::data(channel), state.data[channel])?;
        self.regs.write32(regs::tri(channel), tri)
    }

    /// Waits until the wires of a channel under `mask` are `value`.
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
    /// All who wait for wires of one cell are woken by its interrupt, and each does all of this: nobody depends on
    /// another's clearing, and clearing twice is harmless.
    #[cfg(feature = "tokio")]
    pub(super) async fn wait_for(&self, channel: usize, mask: u32, value: u32) -> Result<()> {
        let interrupt = self.interrupt()?;
        loop {
            if self.look(channel, mask, value)? {
                return Ok(());
            }
            self.enable(channel)?;
            if interrupt
                .wait_unless(|| self.look(channel, mask, value))
                .await?
                .is_none()
            {
                return Ok(());
            }
        }
    }

    /// Blocking twin of `wait_for`. False at the deadline.
    pub(super) fn blocking_wait_for(
        &self,
        channel: usize,
        mask: u32,
        value: u32,
        deadline: Option<Instant>,
    ) -> Result<bool> {
        let interrupt = self.interrupt()?;
        loop {
            if self.look(channel, mask, value)? {
                return Ok(true);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Ok(false);
            }
            self.enable(channel)?;
            let mut found = false;
            interrupt.blocking_wait_unless(deadline, || {
                found = self.look(channel, mask, value)?;
                Ok(found)
            })?;
            if found {
                return Ok(true);
            }
        }
    }

    /// Clears the status, then compares the wires.
    fn look(&self, channel: usize, mask: u32, value: u32) -> Result<bool> {
        self.clear_status()?;
        Ok(self.read(channel)? & mask == value)
    }

    /// Clears IP_ISR until it stays clear: a bit that is set while another is cleared would keep the line active, and
    /// an edge input would see no further edge.
    fn clear_status(&self) -> Result<()> {
        let _state = self.lock()?;
        for _ in 0..CLEARING_ROUNDS {
            let set = self.regs.read32(regs::IP_ISR)? & regs::CHANNEL_BITS;
            if set == 0 {
                return Ok(());
            }
            self.regs.write32(regs::IP_ISR, set)?;
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

    /// The lock on the registers, if they are there: touching them after the device has left would end the process.
    /// Only the interrupt can tell; a cell without one, or one that leaves right after, is beyond this.
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        if let Some(interrupt) = self.interrupt.as_ref().and_then(OnceLock::get) {
            interrupt.sequence()?;
        }
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn fixed(&self, channel: usize, inputs: bool) -> Error {
        Error::FixedDirection {
            cell: self.cell.clone(),
            channel: super::number(channel),
            inputs,
        }
    }
}
