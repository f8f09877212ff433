// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Mode`] and [`PixelFormat`]: what a frame is. Pure.

use std::fmt;

use crate::Error;
use crate::Result;

/// VSIZE has 13 bits,
const LINES: u32 = (1 << 13) - 1;
/// HSIZE and the stride have 16.
const BYTES: u32 = (1 << 16) - 1;

/// The bytes of a pixel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// One byte of brightness.
    Gray8,
    /// Red, green, blue.
    Rgb24,
    /// Blue, green, red: what the cores of PYNQ's boards send and take.
    Bgr24,
    /// Red, green, blue, opacity.
    Rgba32,
}

impl PixelFormat {
    /// How many bytes a pixel has.
    pub const fn bytes(self) -> u32 {
        match self {
            PixelFormat::Gray8 => 1,
            PixelFormat::Rgb24 | PixelFormat::Bgr24 => 3,
            PixelFormat::Rgba32 => 4,
        }
    }
}

/// The geometry of frames: what the stream carries, and how it lies in memory.
///
/// ```
/// use axirq::video::{Mode, PixelFormat};
///
/// let mode = Mode::new(1920, 1080, PixelFormat::Bgr24)?;
/// assert_eq!(mode.line_bytes(), 5760);
/// # Ok::<(), axirq::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode {
    width: u32,
    height: u32,
    format: PixelFormat,
    /// What was asked for.
    stride: Option<u32>,
}

impl Mode {
    /// Frames of `height` lines of `width` pixels. Lines follow each other in memory as closely as the core can do it.
    ///
    /// # Errors
    ///
    /// [`BadMode`](Error::BadMode) for a size of 0, more than 8191 lines, or lines of more than 65535 bytes.
    pub fn new(width: u32, height: u32, format: PixelFormat) -> Result<Self> {
        let mode = Self {
            width,
            height,
            format,
            stride: None,
        };
        if width == 0 || height == 0 {
            return Err(mode.bad("a frame has at least one line of one pixel"));
        }
        if height > LINES {
            return Err(mode.bad("the core counts to 8191 lines"));
        }
        if width.checked_mul(format.bytes()).is_none_or(|bytes| bytes > BYTES) {
            return Err(mode.bad("the core counts to 65535 bytes in a line"));
        }
        Ok(mode)
    }

    /// The same with lines that begin this many bytes from each other.
    ///
    /// # Errors
    ///
    /// [`BadMode`](Error::BadMode) if lines would overlap, or for more than 65535.
    pub fn with_stride(self, bytes: u32) -> Result<Self> {
        let mode = Self {
            stride: Some(bytes),
            ..self
        };
        if bytes < self.line_bytes() {
            return Err(mode.bad("lines would overlap: the stride is less than the bytes of a line"));
        }
        if bytes > BYTES {
            return Err(mode.bad("the core counts to 65535 bytes from line to line"));
        }
        Ok(mode)
    }

    /// Pixels of a line.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Lines.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// What a pixel is.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// Bytes of a line's pixels.
    pub fn line_bytes(&self) -> u32 {
        self.width * self.format.bytes()
    }

    /// How it lies in memory, where lines and frames begin at multiples of `beat` bytes.
    pub(super) fn layout(self, cell: &str, beat: u32) -> Result<Layout> {
        let beat = beat.max(1);
        let stride = match self.stride {
            Some(stride) if stride % beat != 0 => {
                return Err(Error::BadStride {
                    cell: cell.to_owned(),
                    stride,
                    beat,
                });
            }
            Some(stride) => stride,
            None => self.line_bytes().next_multiple_of(beat),
        };
        if stride > BYTES {
            return Err(self.bad("the core counts to 65535 bytes from line to line"));
        }
        Ok(Layout { mode: self, stride })
    }

    fn bad(&self, reason: &'static str) -> Error {
        Error::BadMode {
            mode: self.to_string(),
            reason,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, .. } = self;
        write!(f, "{width}x{height} pixels of {} byte(s)", self.format.bytes())
    }
}

/// A mode as it lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) mode: Mode,
    /// From line to line, in bytes.
    pub(super) stride: u32,
}

impl Layout {
    /// Bytes of a frame.
    pub(super) fn len(&self) -> usize {
        // Both are checked to be small.
        self.stride as usize * self.mode.height as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_what_the_registers_can_hold() {
        let rgb = |width, height| Mode::new(width, height, PixelFormat::Rgb24);
        assert_eq!(rgb(64, 48).unwrap().line_bytes(), 192);
        rgb(21_845, 8191).unwrap();
        for (width, height) in [(0, 1), (1, 0), (1, 8192), (21_846, 1), (u32::MAX, u32::MAX)] {
            let bad = rgb(width, height);
            assert!(matches!(bad, Err(Error::BadMode { .. })), "{width}x{height}");
        }
        let mode = Mode::new(10, 2, PixelFormat::Rgb24).unwrap();
        mode.with_stride(30).unwrap();
        for stride in [0, 29, 65_536, u32::MAX] {
            let bad = mode.with_stride(stride);
            assert!(matches!(bad, Err(Error::BadMode { .. })), "{stride}");
        }
    }

    #[test]
    fn lines_begin_where_the_core_can_write() {
        let mode = Mode::new(10, 2, PixelFormat::Rgb24).unwrap();
        let layout = mode.layout("vdma", 8).unwrap();
        assert_eq!((layout.stride, layout.len()), (32, 64));
        assert_eq!(mode.layout("vdma", 1).unwrap().stride, 30);
        let crooked = mode.with_stride(36).unwrap();
        assert_eq!(crooked.layout("vdma", 4).unwrap().stride, 36);
        let bad = crooked.layout("vdma", 8);
        assert!(matches!(
            bad,
            Err(Error::BadStride {
                stride: 36,
                beat: 8,
                ..
            })
        ));
        // The last one that would fit does not, rounded up.
        let wide = Mode::new(65_535, 1, PixelFormat::Gray8).unwrap();
        assert!(matches!(wide.layout("vdma", 4), Err(Error::BadMode { .. })));
    }
}
