// SPDX-License-Identifier: GPL-2.0

//! Log lines.

use crate::sys;
use core::{
    ffi::CStr,
    fmt::{self, Write},
};

/// The longest line; a longer one is cut. Room is on the stack, where a panic has it as well.
const LINE: usize = 512;

/// How serious a line is.
pub struct Level(&'static CStr);

impl Level {
    pub(crate) const EMERG: Self = Self(c"\x010");
    pub const ERR: Self = Self(c"\x013");
}

/// Prints one line in one piece, after the module's name. Any context.
pub fn print(level: Level, module: &str, message: fmt::Arguments<'_>) {
    let mut line = Line {
        buffer: [0; LINE],
        length: 0,
    };
    // Never fails.
    let _ = line.write_fmt(format_args!("{module}: {message}"));
    // SAFETY: The level is terminated, the line has that many bytes.
    unsafe {
        sys::axirq_standin_print(
            level.0.as_ptr().cast(),
            line.buffer.as_ptr().cast(),
            line.length,
        )
    };
}

struct Line {
    buffer: [u8; LINE],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = &mut self.buffer[self.length..];
        let fits = text.len().min(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.length += fits;
        Ok(())
    }
}

/// Prints an error: `pr_err!("format\n", …)`.
#[macro_export]
#[allow(clippy::crate_in_macro_def, reason = "the module's name")]
macro_rules! pr_err {
    ($($message:tt)*) => {
        $crate::print::print($crate::print::Level::ERR, crate::MODULE_NAME, format_args!($($message)*))
    };
}
