// SPDX-License-Identifier: GPL-2.0

//! Text of `/proc`.

use super::bindings;
use core::fmt;

/// Takes text of any length: what does not fit is asked for again, by the kernel, with more room.
pub(crate) struct SeqFile<'a>(&'a mut bindings::seq_file);

impl<'a> SeqFile<'a> {
    pub(super) fn new(file: &'a mut bindings::seq_file) -> Self {
        Self(file)
    }
}

impl fmt::Write for SeqFile<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: The file is valid; the text has that many bytes.
        unsafe { bindings::seq_write(self.0, text.as_ptr().cast(), text.len()) };
        Ok(())
    }
}
