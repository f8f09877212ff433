// SPDX-License-Identifier: GPL-2.0

//! `/dev/axirq/<cell>/<pin>`: an interrupt pin, and its attributes.

use super::ioctl::{decode, decode_mode, Command};
use crate::{
    device::names::{entry_name, Name},
    line::{
        state::{Condition, Taken},
        subscription::Subscription,
        Line,
    },
    linux::{
        chrdev::{Events, File, Registration, UserSlice},
        class::{Attribute, Set, Show},
        code,
        device::Device,
        irq,
        mm::Area,
        wait::Queue,
        Arc, Result, GFP_KERNEL,
    },
    registry::Shared,
};
use core::{ffi::CStr, fmt};

/// A pin. Two names of one interrupt (an IP's pin and the raw input it is wired to) are two pins:
/// who opens one holds the interrupt, and the other says `EBUSY` meanwhile.
pub(crate) struct Pin {
    cell: Name,
    pin: Name,
    controller: Name,
    hwirq: u32,
    line: Arc<Line>,
}

impl Pin {
    pub(crate) fn new(cell: Name, pin: Name, controller: Name, irq: u32) -> Result<Self> {
        Ok(Self {
            cell,
            pin,
            controller,
            hwirq: irq::hwirq(irq),
            line: Arc::new(Line::new(irq)?, GFP_KERNEL)?,
        })
    }

    /// Adds the node.
    pub(crate) fn publish(self, shared: &Shared, parent: &Device) -> Result<Published> {
        // First, so that a file that was opened in between is told if adding fails.
        let line = Ended(self.line.clone());
        let name = entry_name(&self.cell, &self.pin);
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| code::EINVAL)?;
        let pin = Arc::new(self, GFP_KERNEL)?;
        Ok(Published {
            _node: shared.pins.add(parent, name, Set::Pin, pin.clone(), pin)?,
            _line: line,
        })
    }
}

/// A pin that can be opened. Dropping it removes the node, then ends the line: who waits is told,
/// and the interrupt is given back.
pub(crate) struct Published {
    _node: Registration<PinFile>,
    _line: Ended,
}

/// Ends a line when dropped.
struct Ended(Arc<Line>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Show for Pin {
    fn show(&self, attribute: Attribute, out: &mut dyn fmt::Write) -> fmt::Result {
        match attribute {
            Attribute::Name => write!(out, "{}/{}", self.cell, self.pin),
            Attribute::Cell => write!(out, "{}", self.cell),
            Attribute::Pin => write!(out, "{}", self.pin),
            Attribute::Controller => write!(out, "{}", self.controller),
            Attribute::Hwirq => write!(out, "{}", self.hwirq),
            Attribute::Irq => write!(out, "{}", self.line.irq()),
            Attribute::Trigger => out.write_str(if self.line.is_level() {
                "level"
            } else {
                "edge"
            }),
            Attribute::Count => write!(out, "{}", self.line.sequence()),
            Attribute::State => out.write_str(match self.line.condition() {
                None => "gone",
                Some(Condition::Armed) => "armed",
                Some(Condition::Idle) => "idle",
                Some(Condition::Unused) if irq::is_held(self.line.irq()) => "busy",
                Some(Condition::Unused) => "unused",
            }),
            Attribute::Address | Attribute::Size => Err(fmt::Error),
        }
    }
}

/// An open pin: a subscription.
pub(crate) struct PinFile(Subscription);

/// `struct axirq_event`.
fn event(taken: &Taken) -> [u8; 24] {
    let mut record = [0; 24];
    record[..8].copy_from_slice(&taken.count.to_ne_bytes());
    record[8..16].copy_from_slice(&taken.sequence.to_ne_bytes());
    record[16..].copy_from_slice(&taken.timestamp.to_ne_bytes());
    record
}

impl File for PinFile {
    type Node = Pin;

    fn open(pin: &Arc<Pin>) -> Result<Self> {
        // The kernel makes a folder of the name, so the path's slash becomes a colon.
        let mut name = entry_name(&pin.cell, &pin.pin);
        let length = pin.cell.as_bytes().len() + 1 + pin.pin.as_bytes().len();
        name[pin.cell.as_bytes().len()] = b':';
        Ok(Self(Subscription::new(&pin.line, &name[..length])?))
    }

    fn read(&self, to: UserSlice, nonblocking: bool) -> Result<usize> {
        if to.length() < size_of::<u64>() {
            return Err(code::EINVAL);
        }
        let taken = if nonblocking {
            self.0.take_or_arm()?.ok_or(code::EAGAIN)?
        } else {
            self.0.take_or_sleep()?
        };
        let record = event(&taken);
        let length = if to.length() < record.len() {
            size_of::<u64>()
        } else {
            record.len()
        };
        to.write(&record[..length])?;
        Ok(length)
    }

    fn queue(&self) -> Option<&Queue> {
        Some(self.0.queue())
    }

    /// Registered first, looked second:
    ///
    /// ```text
    ///   poll                       interrupt
    ///   on the queue
    ///   lock; seen == sequence     (waits for the lock)
    ///   unlock; nothing yet        count; wake the queue: polled again
    /// ```
    ///
    /// The other way round, an interrupt between looking and registering would wake nobody.
    fn poll(&self) -> Events {
        match self.0.is_readable() {
            Ok(true) => Events::READABLE,
            Ok(false) => Events::NONE,
            Err(_) => Events::GONE,
        }
    }

    fn ioctl(&self, command: u32, argument: UserSlice) -> Result {
        match decode(command).ok_or(code::ENOTTY)? {
            Command::Arm => {
                let sequence = self.0.arm()?;
                argument
                    .with_length(size_of::<u64>())
                    .write(&sequence.to_ne_bytes())
            }
            Command::Disarm => self.0.disarm(),
            Command::SetMode => {
                let mode = u32::from_ne_bytes(argument.with_length(size_of::<u32>()).read()?);
                self.0
                    .set_continuous(decode_mode(mode).ok_or(code::EINVAL)?)
            }
        }
    }

    fn mmap(&self, area: Area<'_>) -> Result {
        area.map_page(self.0.line().page())
    }
}
