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
        chrdev::{Events, File, Registration, UserPtr},
        class::{Attribute, Set, Show},
        code,
        device::Device,
        iov::IovIterDest,
        irq,
        mm::{Area, Attachment},
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
            _node: shared.pins.add(parent, name, pin.clone(), pin)?,
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
    fn set(&self) -> Set {
        Set::Pin
    }

    fn show(&self, attribute: Attribute, out: &mut dyn fmt::Write) -> fmt::Result {
        match attribute {
            Attribute::Name => write!(out, "{}/{}", self.cell, self.pin),
            Attribute::Kind => out.write_str("pin"),
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
            Attribute::Window | Attribute::Address | Attribute::Size => Err(fmt::Error),
        }
    }
}

/// An open pin: a subscription.
pub(crate) struct PinFile {
    pin: Arc<Pin>,
    subscription: Subscription,
}

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
        Ok(Self {
            pin: pin.clone(),
            subscription: Subscription::new(&pin.line, &name[..length])?,
        })
    }

    fn read(&self, mut to: IovIterDest<'_>, nonblocking: bool) -> Result<usize> {
        if to.len() < size_of::<u64>() {
            return Err(code::EINVAL);
        }
        let taken = if nonblocking {
            self.subscription.take_or_arm()?.ok_or(code::EAGAIN)?
        } else {
            self.subscription.take_or_sleep()?
        };
        let record = event(&taken);
        let length = if to.len() < record.len() {
            size_of::<u64>()
        } else {
            record.len()
        };
        // What nobody was told of has not been read.
        to.write(&record[..length])
            .inspect_err(|_| self.subscription.give_back(&taken))?;
        Ok(length)
    }

    fn queue(&self) -> Option<&Queue> {
        Some(self.subscription.queue())
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
        match self.subscription.is_readable() {
            Ok(true) => Events::READABLE,
            Ok(false) => Events::NONE,
            Err(_) => Events::GONE,
        }
    }

    fn ioctl(&self, command: u32, argument: UserPtr, _window: Option<&Attachment>) -> Result {
        match decode(command).ok_or(code::ENOTTY)? {
            Command::Arm => {
                let sequence = self.subscription.arm()?;
                argument.write(&sequence.to_ne_bytes())
            }
            Command::Disarm => self.subscription.disarm(),
            Command::SetMode => {
                let mode = u32::from_ne_bytes(argument.read()?);
                self.subscription
                    .set_continuous(decode_mode(mode).ok_or(code::EINVAL)?)
            }
        }
    }

    fn mmap(&self, area: Area<'_>) -> Result {
        area.map_page(self.pin.line.page())
    }

    fn show_fdinfo(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let view = self.subscription.view();
        let state = if self.pin.line.condition().is_none() {
            "gone"
        } else if view.armed {
            "armed"
        } else {
            "idle"
        };
        let mode = if view.continuous {
            "continuous"
        } else {
            "oneshot"
        };
        writeln!(out, "axirq-pin:\t{}/{}", self.pin.cell, self.pin.pin)?;
        writeln!(out, "axirq-irq:\t{}", self.pin.line.irq())?;
        writeln!(out, "axirq-state:\t{state}")?;
        writeln!(out, "axirq-mode:\t{mode}")?;
        writeln!(out, "axirq-count:\t{}", view.unread)?;
        writeln!(out, "axirq-sequence:\t{}", view.sequence)?;
        writeln!(out, "axirq-readers:\t{}", view.readers)
    }
}
