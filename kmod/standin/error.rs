// SPDX-License-Identifier: GPL-2.0

//! Errors: the kernel's own numbers.

use super::alloc::AllocError;
use core::{ffi::c_int, num::NonZeroI32};

/// C's `MAX_ERRNO`.
const MAX_ERRNO: c_int = 4095;

pub type Result<T = (), E = Error> = core::result::Result<T, E>;

/// A number of C's, negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(NonZeroI32);

impl Error {
    /// `EINVAL` for what is no errno.
    pub const fn from_errno(errno: c_int) -> Self {
        match NonZeroI32::new(errno) {
            Some(errno) if errno.get() >= -MAX_ERRNO && errno.get() < 0 => Self(errno),
            _ => code::EINVAL,
        }
    }

    pub const fn to_errno(self) -> c_int {
        self.0.get()
    }
}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        code::ENOMEM
    }
}

/// What a C function returned: an errno, or anything from zero on.
pub fn to_result(errno: c_int) -> Result {
    if errno < 0 {
        Err(Error::from_errno(errno))
    } else {
        Ok(())
    }
}

/// The errors there are. The numbers, asm-generic's, are the same on both of Arm's architectures.
pub mod code {
    use super::Error;
    use core::num::NonZeroI32;

    macro_rules! declare {
        ($($name:ident = $number:literal,)*) => {
            $(pub const $name: Error = match NonZeroI32::new(-$number) {
                Some(errno) => Error(errno),
                None => panic!(),
            };)*
        };
    }

    declare! {
        EPERM = 1,
        ENXIO = 6,
        EBADF = 9,
        EAGAIN = 11,
        ENOMEM = 12,
        EFAULT = 14,
        EBUSY = 16,
        EEXIST = 17,
        ENODEV = 19,
        EINVAL = 22,
        ENOTTY = 25,
        EFBIG = 27,
        ENOSPC = 28,
        EPROBE_DEFER = 517,
        ENOTSUPP = 524,
    }
}
