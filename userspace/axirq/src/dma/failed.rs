// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Failed`]: an error, and the memory that comes back with it.

use std::error;
use std::fmt;

use crate::Error;
use crate::memory::Buffer;

/// Why a transfer has failed, or could not be waited for, and its buffer if that is the caller's again.
///
/// `?` makes an [`Error`] of it where one is returned, which drops the buffer.
pub struct Failed(Box<Parts>);

struct Parts {
    error: Error,
    buffer: Option<Buffer>,
}

impl Failed {
    pub(super) fn new(error: Error, buffer: Option<Buffer>) -> Self {
        Self(Box::new(Parts { error, buffer }))
    }

    /// What went wrong.
    pub fn error(&self) -> &Error {
        &self.0.error
    }

    /// What went wrong, and the buffer. `None` if the channel still has it, which waiting again tells, or if the device has
    /// left with it.
    pub fn into_parts(self) -> (Error, Option<Buffer>) {
        let Parts { error, buffer } = *self.0;
        (error, buffer)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::new(error, None)
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.into_parts().0
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failed")
            .field("error", &self.0.error)
            .field("buffer", &self.0.buffer)
            .finish()
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.error, f)
    }
}

impl error::Error for Failed {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.0.error.source()
    }
}
