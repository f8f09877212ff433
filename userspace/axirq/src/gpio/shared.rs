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

use super::claims::Claims;
use super::direction::Kind;
use super::log::Log;
use super::regs;
use super::span::Span;
use crate::Error;
use crate::Interrupt;
use crate::Mmio;
use crate::Result;
use crate::list::System;
use crate::pin;

/// The interrupt pin of an AXI GPIO.
pub(super) const PIN: &str = "ip2intc_irpt";

/// The cells that are open, so that each is open once.
static OPEN: Mutex<Vec<(FileId, Weak<Shared>)>> = Mutex::new(Vec::new());

/// Device and inode of the window's file: of a cell that went and came again it is another.
type FileId = (u64, u64);

/// One AXI GPIO.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cell: String,
    pub(super) channels: Vec<Layout>,
    pub(super) regs: Mmio,
    /// `None` if the cell has no interrupt pin, else opened by the first wait.
    pub(super) interrupt: Option<OnceLock<Interrupt>>,
    pub(super) system: System,
    state: Mutex<State>,
}

/// What the design says about a channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// All wires.
    pub(super) span: Span,
    /// All inputs (true) or all outputs (false), if the direction cannot be changed.
    fixed: Option<bool>,
}

/// What is known of the wires, and what was written to registers that do not tell it back.
#[derive(Debug)]
pub(super) struct State {
    pub(super) channels: [ChannelState; 2],
    /// IP_IER, as far as GIER lets it through.
    pub(super) enabled: u32,
    /// Somebody has waited: the logs are kept from then on.
    pub(super) watching: bool,
}

#[derive(Debug)]
pub(super) struct ChannelState {
    /// Output latches. Cores before revision 14 read outputs as 0.
    data: u32,
    /// Directions, 1 is an input. Where fixed, TRI does not tell.
    pub(super) tri: u32,
    claims: Claims,
    pub(super) log: Log,
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
                span: Span::all(property(width)?.unwrap_or(32)),
                fixed,
            })
        };
        let mut channels = vec![layout("xlnx,gpio-width", "xlnx,all-inputs", "xlnx,all-outputs")?];
        // Reading registers cannot tell whether there is a second channel.
        if property("xlnx,is-dual")? == Some(1) {
            channels.push(layout("xlnx,gpio2-width", "xlnx,all-inputs-2", "xlnx,all-outputs-2")?);
        }
        let interrupt = system.has_pin(&cell, "regs", PIN)?.then(OnceLock::new);
        regs.require(match &interrupt {
            Some(_) => regs::END,
            None => regs::data(channels.len()),
        })?;
        let mut state = State {
            channels: [ChannelState::new(), ChannelState::new()],
            enabled: 0,
            watching: false,
        };
        for (number, (channel, layout)) in state.channels.iter_mut().zip(&channels).enumerate() {
            let tri = match layout.fixed {
                Some(true) => u32::MAX,
                Some(false) => 0,
                None => regs.read32(regs::tri(number))?,
            };
            channel.tri = tri & layout.span.mask();
            // Of an input this is the wire, and no latch.
            channel.data = regs.read32(regs::data(number))? & layout.span.mask() & !tri;
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

    /// Uses wires of a channel in a direction, into which they turn unless they are in use so already.
    pub(super) fn claim(&self, channel: usize, mask: u32, kind: Kind) -> Result<()> {
        match (self.channels[channel].fixed, kind) {
            (Some(inputs), Kind::InOut) => return Err(self.fixed(channel, inputs)),
            (Some(true), Kind::Output) => return Err(self.fixed(channel, true)),
            (Some(false), Kind::Input) => return Err(self.fixed(channel, false)),
            _ => {}
        }
        let mut state = self.lock()?;
        let free = state.channels[channel]
            .claims
            .claim(mask, kind)
            .map_err(|(wire, other)| Error::WireInUse {
                cell: self.cell.clone(),
                channel: super::number(channel),
                wire,
                direction: other.name(),
            })?;
        let turned = self.turn(&mut state, channel, free, kind != Kind::Output);
        if turned.is_err() {
            state.channels[channel].claims.release(mask);
        }
        turned
    }

    /// Uses wires once more that are in use in this direction.
    pub(super) fn claim_again(&self, channel: usize, mask: u32, kind: Kind) {
        let claimed = self.state().channels[channel].claims.claim(mask, kind);
        debug_assert_eq!(claimed, Ok(0));
    }

    /// Uses wires of a channel no more. They stay as they are.
    pub(super) fn unclaim(&self, channel: usize, mask: u32) {
        self.state().channels[channel].claims.release(mask);
    }

    /// The wires of a channel: inputs as they are, outputs as they were set.
    pub(super) fn read(&self, channel: usize) -> Result<u32> {
        let state = self.lock()?;
        let ChannelState { data, tri, .. } = state.channels[channel];
        let wires = self.regs.read32(regs::data(channel))?;
        Ok((wires & tri | data & !tri) & self.channels[channel].span.mask())
    }

    /// The output latches of a channel.
    pub(super) fn written(&self, channel: usize) -> Result<u32> {
        Ok(self.lock()?.channels[channel].data)
    }

    /// Changes the output latches of a channel.
    pub(super) fn write(&self, channel: usize, change: impl FnOnce(u32) -> u32) -> Result<()> {
        let mut state = self.lock()?;
        let data = &mut state.channels[channel].data;
        *data = change(*data);
        self.regs.write32(regs::data(channel), *data)
    }

    /// A bit for each input of a channel.
    pub(super) fn inputs(&self, channel: usize) -> Result<u32> {
        Ok(self.lock()?.channels[channel].tri)
    }

    /// Makes wires of a channel inputs, or outputs.
    pub(super) fn set_inputs(&self, channel: usize, mask: u32, inputs: bool) -> Result<()> {
        self.turn(&mut *self.lock()?, channel, mask, inputs)
    }

    fn turn(&self, state: &mut State, channel: usize, mask: u32, inputs: bool) -> Result<()> {
        let old = state.channels[channel].tri;
        let tri = if inputs { old | mask } else { old & !mask };
        if tri == old {
            return Ok(());
        }
        if state.watching {
            // What has changed so far did so in the old direction.
            self.observe(state, [0; 2])?;
        }
        // The latch before the direction, so that a new output starts with what was set.
        self.regs.write32(regs::data(channel), state.channels[channel].data)?;
        self.regs.write32(regs::tri(channel), tri)?;
        state.channels[channel].tri = tri;
        let mut unknown = [0; 2];
        unknown[channel] = tri & !old;
        if state.watching && unknown[channel] != 0 {
            self.observe(state, unknown)?;
        }
        Ok(())
    }

    /// The lock on the registers, if they are there: touching them after the device has left would end the process.
    /// Only the interrupt can tell; a cell without one, or one that leaves right after, is beyond this.
    pub(super) fn lock(&self) -> Result<MutexGuard<'_, State>> {
        if let Some(interrupt) = self.interrupt.as_ref().and_then(OnceLock::get) {
            interrupt.sequence()?;
        }
        Ok(self.state())
    }

    /// The lock, for what is no register.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fixed(&self, channel: usize, inputs: bool) -> Error {
        Error::FixedDirection {
            cell: self.cell.clone(),
            channel: super::number(channel),
            inputs,
        }
    }
}

impl ChannelState {
    fn new() -> Self {
        Self {
            data: 0,
            tri: 0,
            claims: Claims::default(),
            log: Log::new(),
        }
    }
}
