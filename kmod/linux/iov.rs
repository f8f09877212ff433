// SPDX-License-Identifier: GPL-2.0

//! The user memory that a read fills, in one piece or several.

use super::{bindings, code, Result};

/// Where a read's bytes go.
pub(crate) struct IovIterDest<'a>(&'a mut bindings::iov_iter);

impl<'a> IovIterDest<'a> {
    pub(super) fn new(iter: &'a mut bindings::iov_iter) -> Self {
        Self(iter)
    }

    /// How many bytes are wanted.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: The iterator is valid.
        unsafe { bindings::axirq_iov_iter_count(self.0) }
    }

    /// Writes all of `bytes`; `EFAULT` if the memory is not writable or too short.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result {
        // SAFETY: The kernel checks the user's side; ours has that many bytes.
        let copied =
            unsafe { bindings::axirq_copy_to_iter(bytes.as_ptr().cast(), bytes.len(), self.0) };
        if copied == bytes.len() {
            Ok(())
        } else {
            Err(code::EFAULT)
        }
    }
}
