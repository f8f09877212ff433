// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Memory`]: what processor and MicroBlaze share.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;

use crate::Error;
use crate::Interrupt;
use crate::Mmio;
use crate::Result;

/// How often a word is read in the hope of two values that agree.
const ROUNDS: usize = 64;

/// Aligned words at byte offsets.
pub(super) trait Words {
    /// Whose they are.
    fn cell(&self) -> &str;
    fn read32(&self, offset: usize) -> Result<u32>;
    fn write32(&self, offset: usize, value: u32) -> Result<()>;

    /// A word that the MicroBlaze may be writing: a dual-port memory can give garbage then, but not twice the same.
    fn settled(&self, offset: usize) -> Result<u32> {
        let mut last = self.read32(offset)?;
        for _ in 0..ROUNDS {
            let again = self.read32(offset)?;
            if again == last {
                return Ok(last);
            }
            last = again;
        }
        Err(Error::Unsettled {
            cell: self.cell().to_owned(),
            offset,
        })
    }
}

/// The block memory of a subsystem. Every access first asks the interrupt, if there is one, whether the device is there.
#[derive(Debug)]
pub(super) struct Memory {
    cell: String,
    window: Mmio,
    line: Option<Arc<Interrupt>>,
}

impl Memory {
    pub(super) fn new(cell: String, window: Mmio, line: Option<Arc<Interrupt>>) -> Self {
        Self { cell, window, line }
    }

    pub(super) fn size(&self) -> usize {
        self.window.size()
    }

    /// Checks that the mailboxes are within it.
    pub(super) fn require(&self, end: usize) -> Result<()> {
        self.window.require(end)
    }

    /// Fails if the device has left.
    pub(super) fn is_there(&self) -> Result<()> {
        if let Some(line) = &self.line {
            line.sequence()?;
        }
        self.window.is_there()
    }

    /// Fills all of it, first with `image`, then with zeros. It is there for the MicroBlaze when this returns.
    pub(super) fn fill(&self, image: &[u32]) -> Result<()> {
        self.is_there()?;
        let words = image.iter().copied().chain(std::iter::repeat(0));
        for (offset, word) in (0..self.size()).step_by(4).zip(words) {
            self.window.write32(offset, word)?;
        }
        // Writes are posted, and lines into the subsystem lie elsewhere on the bus.
        self.window.read32(0)?;
        fence(Ordering::SeqCst);
        Ok(())
    }

    /// Checks a range of words, so that it is moved as a whole or not at all.
    pub(super) fn check(&self, offset: usize, words: usize) -> Result<()> {
        let end = words.checked_mul(4).and_then(|bytes| offset.checked_add(bytes));
        if end.is_some_and(|end| end <= self.size()) {
            return Ok(());
        }
        Err(Error::OutOfBounds {
            window: self.window.name().to_owned(),
            offset,
            size: self.size(),
        })
    }
}

impl Words for Memory {
    fn cell(&self) -> &str {
        &self.cell
    }

    fn read32(&self, offset: usize) -> Result<u32> {
        if let Some(line) = &self.line {
            line.sequence()?;
        }
        self.window.read32(offset)
    }

    fn write32(&self, offset: usize, value: u32) -> Result<()> {
        if let Some(line) = &self.line {
            line.sequence()?;
        }
        self.window.write32(offset, value)
    }
}

#[cfg(test)]
mod tests {
    use super::fake::Ram;
    use super::*;

    #[test]
    fn garbage_is_read_again_and_never_taken() {
        let mut ram = Ram::new();
        ram.write32(8, 7).unwrap();
        ram.collides = true;
        for _ in 0..5 {
            assert_eq!(ram.settled(8).unwrap(), 7);
        }
        ram.unsettled = true;
        assert!(matches!(ram.settled(8), Err(Error::Unsettled { offset: 8, .. })));
    }
}

/// A memory of our own, for tests.
#[cfg(test)]
pub(super) mod fake {
    use std::cell::Cell;
    use std::cell::RefCell;

    use super::*;

    pub struct Ram {
        pub words: RefCell<Vec<u32>>,
        /// Every third read is garbage.
        pub collides: bool,
        /// No two reads agree.
        pub unsettled: bool,
        reads: Cell<u32>,
    }

    impl Ram {
        pub fn new() -> Self {
            Self {
                words: RefCell::new(vec![0; 0x4000]),
                collides: false,
                unsettled: false,
                reads: Cell::new(0),
            }
        }
    }

    impl Words for Ram {
        fn cell(&self) -> &str {
            "iop"
        }

        fn read32(&self, offset: usize) -> Result<u32> {
            let word = self.words.borrow()[offset / 4];
            self.reads.set(self.reads.get() + 1);
            // Garbage, and never the same: then twice what is there.
            match self.reads.get() % 3 {
                1 if self.collides => Ok(!word ^ self.reads.get()),
                _ if self.unsettled => Ok(self.reads.get()),
                _ => Ok(word),
            }
        }

        fn write32(&self, offset: usize, value: u32) -> Result<()> {
            self.words.borrow_mut()[offset / 4] = value;
            Ok(())
        }
    }
}
