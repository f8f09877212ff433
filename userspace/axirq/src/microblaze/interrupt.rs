// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`ProgramInterrupt`]: the interrupt that a program raises, acknowledged such that none is lost.

use std::sync::Arc;
use std::time::Duration;

use super::lines::ControlLine;
use crate::Event;
use crate::Interrupt;
use crate::Result;
use crate::list::System;

/// What PYNQ's versions call the flip-flop's pin, below the subsystem's name.
pub(super) const PINS: [&str; 2] = ["dff_en_reset_vector_0", "dff_en_reset_0"];

/// The flip-flop's output.
pub(super) const OUTPUT: &str = "q";

/// The interrupt of a MicroBlaze's program.
///
/// Between program and pin there is one flip-flop. It keeps what the program raised until it is acknowledged, merges what
/// is raised meanwhile, and forgets what is raised during the acknowledgement.
///
/// # No wake-up is lost
///
/// Every wait acknowledges *before* it returns, so whoever looks at the shared memory after a wait looks after the
/// acknowledgement. A program stores its message, then raises. There are three cases:
///
/// ```text
/// raised before, or during, the acknowledgement:  the message was stored before that: the look after the wait finds it
/// raised after the acknowledgement:               the flip-flop was low, so its pin rises: the next wait returns
/// nothing raised:                                 there is nothing to find
/// ```
///
/// The original acknowledges after looking, and loses what falls in between. Here that order cannot be written: there is
/// one waiter at a time (`&mut self`), and no await between the event and its acknowledgement, so that a dropped future
/// has done both or neither.
///
/// What a wait returns for may have been found by an earlier look. So look, wait only if there was nothing, and look
/// again.
#[derive(Debug)]
pub struct ProgramInterrupt {
    interrupt: Arc<Interrupt>,
    ack: Box<dyn ControlLine>,
    /// An event whose acknowledgement has failed: until that is made up for, there is no other edge.
    taken: Option<Event>,
}

impl ProgramInterrupt {
    pub(super) fn new(interrupt: Arc<Interrupt>, ack: Box<dyn ControlLine>) -> Self {
        Self {
            interrupt,
            ack,
            taken: None,
        }
    }

    /// The pin's name.
    pub fn pin(&self) -> &str {
        self.interrupt.pin()
    }

    /// Waits until the program raises its interrupt, and acknowledges it.
    ///
    /// # When it returns
    ///
    /// At once if it was raised since the last wait returned; else when it is.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: an interrupt that a dropped future did not return is returned by the next wait.
    ///
    /// # Errors
    ///
    /// As for [`Interrupt::wait`], and what the acknowledge line says: then the next wait acknowledges, and returns this
    /// interrupt.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(iop: &mut axirq::microblaze::Microblaze) -> Result<(), Box<dyn std::error::Error>> {
    /// // A program of one's own, which writes the word at 0x8000 once it is done, and raises its interrupt.
    /// let mut done = [0];
    /// iop.read(0x8000, &mut done)?;
    /// while done == [0] {
    ///     let interrupt = iop.interrupt().ok_or("interrupts are not available in this overlay")?;
    ///     interrupt.wait().await?;
    ///     iop.read(0x8000, &mut done)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn wait(&mut self) -> Result<Event> {
        let event = match self.taken {
            Some(event) => event,
            None => self.interrupt.wait().await?,
        };
        self.acknowledge(event)
    }

    /// Waits until the program raises its interrupt, and acknowledges it; blocking twin of `wait`.
    ///
    /// # Errors
    ///
    /// As for `wait`, and [`Interrupt::blocking_wait`].
    pub fn blocking_wait(&mut self) -> Result<Event> {
        let event = match self.taken {
            Some(event) => event,
            None => self.interrupt.blocking_wait()?,
        };
        self.acknowledge(event)
    }

    /// [`ProgramInterrupt::blocking_wait`] for `timeout` at most. `None` when it is over; nothing is lost by that.
    ///
    /// # Errors
    ///
    /// As for [`ProgramInterrupt::blocking_wait`].
    pub fn blocking_wait_timeout(&mut self, timeout: Duration) -> Result<Option<Event>> {
        let event = match self.taken {
            Some(event) => Some(event),
            None => self.interrupt.blocking_wait_timeout(timeout)?,
        };
        event.map(|event| self.acknowledge(event)).transpose()
    }

    fn acknowledge(&mut self, event: Event) -> Result<Event> {
        self.taken = Some(event);
        self.clear()?;
        self.taken = None;
        Ok(event)
    }

    /// Acknowledges what was raised so far: a pulse of `intr_ack`. Waits do this themselves; the next one may still
    /// return for what came before.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    pub fn clear(&mut self) -> Result<()> {
        self.interrupt.sequence()?;
        self.ack.set(true)?;
        self.ack.set(false)
    }
}

/// The pin that the design has for the interrupt of the subsystem to which a memory belongs.
pub(super) fn find_pin(system: &System, memory: &str) -> Option<String> {
    let subsystem = memory.strip_suffix("_mb_bram_ctrl").unwrap_or(memory);
    PINS.iter()
        .map(|flip_flop| format!("{subsystem}_{flip_flop}"))
        .find(|cell| system.lists_pin(cell, OUTPUT))
        .map(|cell| format!("{cell}/{OUTPUT}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn pin_is_found_by_both_of_its_names() {
        for flip_flop in PINS {
            let root = tempfile::tempdir().unwrap();
            let system = System::at(root.path());
            assert_eq!(find_pin(&system, "iop_pmoda_mb_bram_ctrl"), None);
            let folder = root.path().join(format!("sys/class/axirq/iop_pmoda_{flip_flop}!q"));
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("hwirq"), "6\n").unwrap();
            let found = find_pin(&system, "iop_pmoda_mb_bram_ctrl").unwrap();
            assert_eq!(found, format!("iop_pmoda_{flip_flop}/q"));
            assert_eq!(find_pin(&system, "iop_pmodb_mb_bram_ctrl"), None);
        }
    }
}
