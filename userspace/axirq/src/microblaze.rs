// SPDX-License-Identifier: MIT OR Apache-2.0
//! PYNQ's MicroBlaze subsystem (IOP): a small processor beside the big one, with a memory that both see.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> axirq::Result<()> {
//! use std::time::Duration;
//!
//! use axirq::gpio::AxiGpio;
//! use axirq::microblaze::Answers;
//! use axirq::microblaze::Microblaze;
//! use axirq::microblaze::Program;
//! use axirq::microblaze::Width;
//! use axirq::microblaze::Wiring;
//!
//! let lines = AxiGpio::open("iop_lines")?.channel(1)?.output(..)?;
//! let wiring = Wiring::new(lines.wire(0)?).ack(lines.wire(1)?);
//! let mut iop = Microblaze::open("iop_pmoda/mb_bram_ctrl", wiring)?;
//! iop.run(&Program::read("pmod_mailbox.bin")?)?;
//!
//! // This program of PYNQ's raises no interrupt. Those that do: `Answers::Interrupt`.
//! let mut mailbox = iop.mailbox(Answers::Polled(Duration::from_millis(1)))?;
//! let pins = mailbox.read(0x4000_0000, Width::Word).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What there is
//!
//! - [`Microblaze`]: the subsystem. It loads and runs a [`Program`], holds it in reset, and reads and writes its memory.
//! - [`Wiring`]: its lines. Each is a [`ControlLine`]: a wire of an AXI GPIO, or (feature `gpiocdev`) a GPIO line of the
//!   kernel, as the processor's EMIO lines are on PYNQ's boards.
//! - [`ProgramInterrupt`]: the interrupt that a program raises; [`Microblaze::interrupt`] is `None` where the overlay has
//!   none. Why no wake-up is lost is said there.
//! - [`Mailbox`] and [`Streams`]: the two ways in which PYNQ's programs are talked to. [`Answers`] says whether the
//!   program raises its interrupt for an answer. Asking for interrupts where there are none is
//!   [`Error::NoInterrupt`], and a program that does not answer is [`Error::NoAnswer`]: no call hangs on either.
//!
//! The memory has to be bound first; its node is one of PYNQ's BRAM controllers: `axirq bind`, or `of_id=`.
//!
//! # Once the overlay is removed
//!
//! Waits return [`Error::Gone`], and so does access to a subsystem whose interrupt is known. Access to the memory of any
//! other raises `SIGBUS` (see [`Mmio`]).

#[cfg(feature = "gpiocdev")]
mod gpio_line;
mod interrupt;
mod lines;
mod mailbox;
mod memory;
mod pace;
mod program;
mod ring;
mod streams;

#[cfg(feature = "gpiocdev")]
pub use gpio_line::GpioLine;
pub use interrupt::ProgramInterrupt;
pub use lines::ControlLine;
pub use lines::Wiring;
pub use mailbox::Mailbox;
pub use mailbox::Width;
pub use pace::Answers;
pub use program::Program;
pub use streams::Reader;
pub use streams::Streams;
pub use streams::Writer;

use std::sync::Arc;

use crate::Error;
use crate::Interrupt;
use crate::Mmio;
use crate::Result;
use crate::list::System;
use crate::owner::Owner;
use crate::pin;
use memory::Memory;
use memory::Words;
use pace::Pace;

/// Whether a MicroBlaze runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is held in reset.
    Reset,
    /// It runs the program that it was given.
    Running,
}

/// A MicroBlaze subsystem.
///
/// It is this value's alone from opening, which holds it in reset, to dropping, which does so again.
#[derive(Debug)]
pub struct Microblaze {
    memory: Memory,
    reset: Box<dyn ControlLine>,
    interrupt: Option<ProgramInterrupt>,
    /// The name of what runs; nothing does while it is held in reset.
    program: Option<String>,
    _owner: Owner,
}

impl Microblaze {
    /// Opens the subsystem to which a memory belongs, a cell such as `iop_pmoda/mb_bram_ctrl`, and holds it in reset.
    ///
    /// Its interrupt is the pin that the wiring names, else the one that PYNQ's name for it leads to:
    /// `iop_pmoda/dff_en_reset_vector_0/q`. If the overlay has no such pin, or the wiring no line to acknowledge with,
    /// there is no interrupt.
    ///
    /// # Errors
    ///
    /// As for [`Mmio::open`] and [`Interrupt::open`], and [`InUse`](Error::InUse) if this process has it open.
    pub fn open(memory: &str, wiring: Wiring) -> Result<Self> {
        Self::open_in(&System::new(), memory, wiring)
    }

    /// [`Microblaze::open`], in a system whose `/dev` and `/sys` are elsewhere.
    ///
    /// # Errors
    ///
    /// As for [`Microblaze::open`].
    pub fn open_in(system: &System, memory: &str, wiring: Wiring) -> Result<Self> {
        let cell = pin::parse_cell(memory)?;
        let window = Mmio::open_in(system, &cell, "regs")?;
        let owner = Owner::new(&window, &cell)?;
        let pin = wiring.pin.or_else(|| interrupt::find_pin(system, &cell));
        let interrupt = match (pin, wiring.ack) {
            (Some(pin), Some(ack)) => Some((Arc::new(Interrupt::open_in(system, &pin)?), ack)),
            _ => None,
        };
        let line = interrupt.as_ref().map(|(interrupt, _)| Arc::clone(interrupt));
        let mut microblaze = Self {
            memory: Memory::new(cell, window, line),
            reset: wiring.reset,
            interrupt: interrupt.map(|(interrupt, ack)| ProgramInterrupt::new(interrupt, ack)),
            program: None,
            _owner: owner,
        };
        microblaze.reset()?;
        microblaze.clear()?;
        Ok(microblaze)
    }

    /// The memory's cell.
    pub fn cell(&self) -> &str {
        self.memory.cell()
    }

    /// The memory's size in bytes.
    pub fn size(&self) -> usize {
        self.memory.size()
    }

    /// Whether it runs.
    pub fn state(&self) -> State {
        match self.program {
            Some(_) => State::Running,
            None => State::Reset,
        }
    }

    /// The name of the program that runs.
    pub fn program(&self) -> Option<&str> {
        self.program.as_deref()
    }

    /// Loads a program, which takes the whole memory, and runs it.
    ///
    /// Each word of the memory is written, which takes a few milliseconds.
    ///
    /// # Errors
    ///
    /// [`ProgramRuns`](Error::ProgramRuns) if one runs already, and as for [`Microblaze::replace`].
    pub fn run(&mut self, program: &Program) -> Result<()> {
        if let Some(running) = &self.program {
            return Err(Error::ProgramRuns {
                cell: self.cell().to_owned(),
                program: running.clone(),
            });
        }
        self.replace(program)
    }

    /// Loads a program and runs it, whatever ran before. A program that does not fit leaves that alone.
    ///
    /// # Errors
    ///
    /// [`ProgramTooLarge`](Error::ProgramTooLarge), [`SegmentOutside`](Error::SegmentOutside), [`Gone`](Error::Gone)
    /// once the device has left.
    pub fn replace(&mut self, program: &Program) -> Result<()> {
        let image = program.words(self.size())?;
        self.reset()?;
        self.memory.fill(&image)?;
        // What the program before raised.
        self.clear()?;
        self.reset.set(false)?;
        self.program = Some(program.name().to_owned());
        Ok(())
    }

    /// Holds the MicroBlaze in reset. Its memory stays as it is.
    ///
    /// # Errors
    ///
    /// [`Gone`](Error::Gone) once the device has left.
    pub fn reset(&mut self) -> Result<()> {
        self.memory.is_there()?;
        self.reset.set(true)?;
        self.program = None;
        Ok(())
    }

    /// Reads words of the memory, from a byte offset on, a multiple of 4.
    ///
    /// What both sides of a dual-port memory touch at the same moment can be garbage, so each word is read until it is
    /// twice the same.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](Error::OutOfBounds), [`Misaligned`](Error::Misaligned), [`Unsettled`](Error::Unsettled) for a word
    /// that the program writes without a pause, [`Gone`](Error::Gone) once the device has left.
    pub fn read(&self, offset: usize, into: &mut [u32]) -> Result<()> {
        self.memory.check(offset, into.len())?;
        for (word, offset) in into.iter_mut().zip((offset..).step_by(4)) {
            *word = self.memory.settled(offset)?;
        }
        Ok(())
    }

    /// Writes words of the memory, from a byte offset on, a multiple of 4.
    ///
    /// # Errors
    ///
    /// [`OutOfBounds`](Error::OutOfBounds), [`Misaligned`](Error::Misaligned), [`Gone`](Error::Gone) once the device
    /// has left.
    pub fn write(&self, offset: usize, from: &[u32]) -> Result<()> {
        self.memory.check(offset, from.len())?;
        for (word, offset) in from.iter().zip((offset..).step_by(4)) {
            self.memory.write32(offset, *word)?;
        }
        Ok(())
    }

    /// The interrupt that the program raises. `None` if interrupts are not available in this overlay.
    pub fn interrupt(&mut self) -> Option<&mut ProgramInterrupt> {
        self.interrupt.as_mut()
    }

    /// The command mailbox of the program that runs.
    ///
    /// # Errors
    ///
    /// [`NoProgram`](Error::NoProgram), [`NoInterrupt`](Error::NoInterrupt) if answers are to come with interrupts that
    /// are not available in this overlay, [`WindowTooSmall`](Error::WindowTooSmall).
    pub fn mailbox(&mut self, answers: Answers) -> Result<Mailbox<'_>> {
        self.check_running(mailbox::END)?;
        let (memory, pace) = self.pace(answers)?;
        Ok(Mailbox::new(memory, pace))
    }

    /// The stream rings of the program that runs. `answers` is for `stdout`; the others raise no interrupts.
    ///
    /// # Errors
    ///
    /// As for [`Microblaze::mailbox`].
    pub fn streams(&mut self, answers: Answers) -> Result<Streams<'_>> {
        self.check_running(ring::END)?;
        let (memory, pace) = self.pace(answers)?;
        Ok(Streams::new(memory, memory.cell(), pace))
    }

    fn check_running(&self, end: usize) -> Result<()> {
        self.memory.require(end)?;
        match self.state() {
            State::Running => Ok(()),
            State::Reset => Err(Error::NoProgram {
                cell: self.cell().to_owned(),
            }),
        }
    }

    fn pace(&mut self, answers: Answers) -> Result<(&Memory, Pace<'_>)> {
        let Self { memory, interrupt, .. } = self;
        let cell = memory.cell();
        let pace = match (answers, interrupt) {
            (Answers::Polled(pause), _) => Pace::polled(cell, pause),
            (Answers::Interrupt, Some(interrupt)) => Pace::interrupt(cell, interrupt),
            (Answers::Interrupt, None) => {
                return Err(Error::NoInterrupt {
                    cell: cell.to_owned(),
                    pin: interrupt::OUTPUT,
                });
            }
        };
        Ok((memory, pace))
    }

    fn clear(&mut self) -> Result<()> {
        self.interrupt.as_mut().map_or(Ok(()), ProgramInterrupt::clear)
    }
}

impl Drop for Microblaze {
    fn drop(&mut self) {
        // A device that has left runs nothing.
        let _ = self.reset();
    }
}
