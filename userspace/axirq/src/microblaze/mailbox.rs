// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Mailbox`]: the command mailbox, one command at a time.

use std::time::Duration;

use super::memory::Memory;
use super::memory::Words;
use super::pace::Pace;
use crate::Error;
use crate::Result;

/// The command: not 0 until the program has carried it out.
const COMMAND: usize = 0xfffc;
/// What a program of PYNQ's own has for words that go with a command, and come back from it.
const DATA: usize = 0xf000;

/// What PYNQ's mailbox program is to read or write,
const ADDRESS: usize = 0xfff8;
/// and the word for what it reads or writes.
const ITEM: usize = 0xff00;

/// The end of the mailbox.
pub(super) const END: usize = COMMAND + 4;

/// In place of a command that cannot be carried out.
const REFUSED: u32 = 0xffff_fffe;

/// As many words as there are between [`DATA`] and [`COMMAND`].
const WORDS: usize = (COMMAND - DATA) / 4;

/// How long a command may take, unless told.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What PYNQ's mailbox program reads and writes at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    Byte,
    /// 16 bits.
    Half,
    /// 32 bits.
    Word,
}

impl Width {
    fn code(self) -> u32 {
        match self {
            Width::Byte => 0,
            Width::Half => 1,
            Width::Word => 3,
        }
    }

    fn bytes(self) -> u32 {
        match self {
            Width::Byte => 1,
            Width::Half => 2,
            Width::Word => 4,
        }
    }
}

/// The command mailbox of a running program; made by [`Microblaze::mailbox`](super::Microblaze::mailbox).
///
/// [`command`](Mailbox::blocking_command) is for any program that has one. [`read`](Mailbox::blocking_read) and
/// [`write`](Mailbox::blocking_write) are for PYNQ's mailbox program (`pmod_mailbox`, `arduino_mailbox`), which gives the
/// processor what the MicroBlaze sees: its peripherals. That program raises no interrupt.
///
/// One command is under way at a time. One whose future was dropped, or that took too long, is still the program's to
/// finish: the next one waits for that first, and is not mixed up with it.
#[derive(Debug)]
pub struct Mailbox<'a> {
    memory: &'a Memory,
    pace: Pace<'a>,
}

impl<'a> Mailbox<'a> {
    pub(super) fn new(memory: &'a Memory, mut pace: Pace<'a>) -> Self {
        pace.timeout = Some(TIMEOUT);
        Self { memory, pace }
    }

    /// How long a command may take before it fails with [`NoAnswer`](Error::NoAnswer). What is left of the one before it
    /// counts as well. 1 second unless told; `None` is as long as it takes.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.pace.timeout = timeout;
    }

    /// Has the program carry out a command of its own: `send` goes to the words of the data area (from 0xf000 on),
    /// `receive` is what they are afterwards.
    ///
    /// # When it returns
    ///
    /// Once the program has set the command word to 0, or when the time is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, in that the mailbox can be used on. Whether a command whose future was dropped was carried out is not
    /// told.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`](Error::NoAnswer), [`CommandRefused`](Error::CommandRefused), [`BadRequest`](Error::BadRequest) for
    /// command 0 and for more than the mailbox has room for, [`RuntimeWithoutTime`](Error::RuntimeWithoutTime), and as
    /// for [`Interrupt::wait`](crate::Interrupt::wait).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(iop: &mut axirq::microblaze::Microblaze) -> axirq::Result<()> {
    /// use axirq::microblaze::Answers;
    ///
    /// let mut mailbox = iop.mailbox(Answers::Interrupt)?;
    /// let mut sample = [0];
    /// mailbox.command(0x3, &[], &mut sample).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn command(&mut self, command: u32, send: &[u32], receive: &mut [u32]) -> Result<()> {
        let look = exchange(self.memory, command, send, receive)?;
        self.pace.until(look).await
    }

    /// Has the program carry out a command of its own; blocking twin of `command`.
    ///
    /// # Errors
    ///
    /// As for `command`, and [`Interrupt::blocking_wait`](crate::Interrupt::blocking_wait).
    pub fn blocking_command(&mut self, command: u32, send: &[u32], receive: &mut [u32]) -> Result<()> {
        let look = exchange(self.memory, command, send, receive)?;
        self.pace.blocking_until(look)
    }

    /// Has PYNQ's mailbox program read what the MicroBlaze sees at an address.
    ///
    /// # When it returns
    ///
    /// As for [`Mailbox::command`].
    ///
    /// # Cancel safety
    ///
    /// As for [`Mailbox::command`]: what reading does to a peripheral may have been done.
    ///
    /// # Errors
    ///
    /// As for [`Mailbox::command`], and [`BadRequest`](Error::BadRequest) for an address that is not a multiple of the
    /// width.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(iop: &mut axirq::microblaze::Microblaze) -> axirq::Result<()> {
    /// use std::time::Duration;
    ///
    /// use axirq::microblaze::{Answers, Width};
    ///
    /// let mut mailbox = iop.mailbox(Answers::Polled(Duration::from_millis(1)))?;
    /// let pins = mailbox.read(0x4000_0000, Width::Word).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn read(&mut self, address: u32, width: Width) -> Result<u32> {
        let look = transfer(self.memory, address, width, None)?;
        self.pace.until(look).await
    }

    /// Has PYNQ's mailbox program read; blocking twin of `read`.
    ///
    /// # Errors
    ///
    /// As for [`Mailbox::blocking_command`], and [`BadRequest`](Error::BadRequest) for an address that is not a multiple
    /// of the width.
    pub fn blocking_read(&mut self, address: u32, width: Width) -> Result<u32> {
        let look = transfer(self.memory, address, width, None)?;
        self.pace.blocking_until(look)
    }

    /// Has PYNQ's mailbox program write what the MicroBlaze sees at an address. Bits of `value` beyond the width are
    /// left out.
    ///
    /// # When it returns
    ///
    /// As for [`Mailbox::command`].
    ///
    /// # Cancel safety
    ///
    /// As for [`Mailbox::command`].
    ///
    /// # Errors
    ///
    /// As for [`Mailbox::read`].
    #[cfg(feature = "tokio")]
    pub async fn write(&mut self, address: u32, width: Width, value: u32) -> Result<()> {
        let look = transfer(self.memory, address, width, Some(value))?;
        self.pace.until(look).await.map(drop)
    }

    /// Has PYNQ's mailbox program write; blocking twin of `write`.
    ///
    /// # Errors
    ///
    /// As for [`Mailbox::blocking_read`].
    pub fn blocking_write(&mut self, address: u32, width: Width, value: u32) -> Result<()> {
        let look = transfer(self.memory, address, width, Some(value))?;
        self.pace.blocking_until(look).map(drop)
    }
}

fn bad(words: &impl Words, reason: &'static str) -> Error {
    Error::BadRequest {
        cell: words.cell().to_owned(),
        reason,
    }
}

/// A look that first gives the program a command and then finds it carried out.
///
/// The two are one wait, with one timeout. A future that is dropped between them leaves a command that the next look
/// waits for.
fn exchange(
    words: &impl Words,
    command: u32,
    send: &[u32],
    receive: &mut [u32],
) -> Result<impl FnMut() -> Result<Option<()>>> {
    if matches!(command, 0 | REFUSED) {
        return Err(bad(
            words,
            "0 and 0xfffffffe are no commands: they say that there is none",
        ));
    }
    if send.len().max(receive.len()) > WORDS {
        return Err(bad(words, "a command goes with 1023 words at most"));
    }
    let mut given = false;
    Ok(move || {
        if !given {
            given = give(words, command, (DATA..).step_by(4).zip(send.iter().copied()))?;
        }
        if !given || !is_done(words, command)? {
            return Ok(None);
        }
        for (offset, word) in (DATA..).step_by(4).zip(receive.iter_mut()) {
            *word = words.settled(offset)?;
        }
        Ok(Some(()))
    })
}

/// [`exchange`] with PYNQ's mailbox program, which reads the item unless it is given one to write.
fn transfer(
    words: &impl Words,
    address: u32,
    width: Width,
    item: Option<u32>,
) -> Result<impl FnMut() -> Result<Option<u32>>> {
    if address % width.bytes() != 0 {
        return Err(bad(words, "the address is not a multiple of the width"));
    }
    // Once: more than one would all be of the same address.
    let command = 1 | (width.code() << 1) | (u32::from(item.is_none()) << 3) | (1 << 8);
    let mut given = false;
    Ok(move || {
        if !given {
            let item = item.map(|item| (ITEM, item));
            given = give(words, command, item.into_iter().chain([(ADDRESS, address)]))?;
        }
        if !given || !is_done(words, command)? {
            return Ok(None);
        }
        words.settled(ITEM).map(Some)
    })
}

/// Gives the program a command with its words, unless it has one.
fn give(words: &impl Words, command: u32, with: impl Iterator<Item = (usize, u32)>) -> Result<bool> {
    if !matches!(words.settled(COMMAND)?, 0 | REFUSED) {
        return Ok(false);
    }
    for (offset, word) in with {
        words.write32(offset, word)?;
    }
    // Last: from now on all of it is the program's.
    words.write32(COMMAND, command)?;
    Ok(true)
}

/// Whether the program has carried out the command.
fn is_done(words: &impl Words, command: u32) -> Result<bool> {
    match words.settled(COMMAND)? {
        0 => Ok(true),
        REFUSED => Err(Error::CommandRefused {
            cell: words.cell().to_owned(),
            command,
        }),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::microblaze::memory::fake::Ram;

    fn word(ram: &Ram, offset: usize) -> u32 {
        ram.words.borrow()[offset / 4]
    }

    #[test]
    fn transfers_are_encoded_as_the_program_expects() {
        for (width, item, command) in [
            (Width::Byte, None, 0x109),
            (Width::Half, None, 0x10b),
            (Width::Word, None, 0x10f),
            (Width::Byte, Some(5), 0x101),
            (Width::Half, Some(5), 0x103),
            (Width::Word, Some(5), 0x107),
        ] {
            let ram = Ram::new();
            let mut look = transfer(&ram, 0x1004, width, item).unwrap();
            assert_eq!(look().unwrap(), None);
            assert_eq!(word(&ram, COMMAND), command);
            assert_eq!(word(&ram, ADDRESS), 0x1004);
            assert_eq!(word(&ram, ITEM), item.unwrap_or(0));
            ram.write32(ITEM, 9).unwrap();
            ram.write32(COMMAND, 0).unwrap();
            assert_eq!(look().unwrap(), Some(9));
        }
    }

    #[test]
    fn what_no_mailbox_takes_is_refused() {
        let ram = Ram::new();
        for (address, width) in [(2, Width::Word), (1, Width::Word), (1, Width::Half)] {
            let refused = transfer(&ram, address, width, None).map(drop);
            assert!(matches!(refused, Err(Error::BadRequest { .. })));
        }
        let check = |command, send, receive| {
            let (send, mut receive) = (vec![0; send], vec![0; receive]);
            exchange(&ram, command, &send, &mut receive).map(drop)
        };
        check(1, WORDS, WORDS).unwrap();
        for (command, send, receive) in [(0, 0, 0), (REFUSED, 0, 0), (1, WORDS + 1, 0), (1, 0, WORDS + 1)] {
            let refused = check(command, send, receive);
            assert!(matches!(refused, Err(Error::BadRequest { .. })));
        }
        assert!(ram.words.borrow().iter().all(|word| *word == 0));
    }

    #[test]
    fn command_is_written_last_and_answered_once_it_is_gone() {
        for collides in [false, true] {
            let mut ram = Ram::new();
            ram.collides = collides;
            let mut receive = [0; 2];
            let mut look = exchange(&ram, 0x20f, &[5, 6], &mut receive).unwrap();
            assert_eq!(look().unwrap(), None);
            assert_eq!([word(&ram, DATA), word(&ram, DATA + 4)], [5, 6]);
            assert_eq!([word(&ram, ADDRESS), word(&ram, COMMAND)], [0, 0x20f]);
            // Neither a second one, nor an answer, before the program is done.
            let mut other = exchange(&ram, 0x101, &[7], &mut []).unwrap();
            assert_eq!(other().unwrap(), None);
            assert_eq!(look().unwrap(), None);
            assert_eq!([word(&ram, DATA), word(&ram, COMMAND)], [5, 0x20f]);
            ram.write32(DATA + 4, 9).unwrap();
            ram.write32(COMMAND, 0).unwrap();
            assert_eq!(look().unwrap(), Some(()));
            drop(look);
            assert_eq!(receive, [5, 9]);
            assert_eq!(other().unwrap(), None);
            assert_eq!([word(&ram, DATA), word(&ram, COMMAND)], [7, 0x101]);
            // One that was refused does not keep the next from going.
            ram.write32(COMMAND, REFUSED).unwrap();
            assert!(matches!(other(), Err(Error::CommandRefused { command: 0x101, .. })));
            let mut next = exchange(&ram, 0x102, &[], &mut []).unwrap();
            assert_eq!(next().unwrap(), None);
            assert_eq!(word(&ram, COMMAND), 0x102);
        }
    }
}
