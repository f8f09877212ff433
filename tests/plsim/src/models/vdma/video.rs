// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands at the ends of video streams: a camera that sends a test pattern, a display that looks at what it gets,
//! and the frame clock that each of them has.

use crate::Nanos;
use crate::protocol::CameraStatus;
use crate::protocol::DisplayStatus;
use crate::protocol::Frame;

/// The most frames a second.
pub const FASTEST: u64 = 10_000;

const SECOND: Nanos = 1_000_000_000;

/// How long a frame takes that was asked for one by one.
const SINGLE: Nanos = 1_000_000;

/// A line of the camera's frame: pixels of as many bytes as it is told, of which the first has the column, the second the
/// line, the third the frame's number and any other all ones. Columns and lines beyond 255 are folded, so that no
/// two of a picture's 256 by 256 blocks are alike.
pub fn pattern(frame: u64, line: u32, pixel: u32, bytes: u32) -> Vec<u8> {
    let fold = |value: u32| (value ^ (value >> 8).wrapping_mul(0x35)) as u8;
    let pixel = pixel.max(1);
    (0..bytes)
        .map(|byte| match byte % pixel {
            0 => fold(byte / pixel),
            1 => fold(line),
            2 => frame as u8,
            _ => 0xff,
        })
        .collect()
}

/// When frames begin. It runs whether anybody looks or not, and only who looks has to be woken.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// From frame to frame.
    period: Nanos,
    /// When frame `number` begins.
    base: Nanos,
    number: u64,
    /// Frames from `base` on; none if they go on for ever.
    left: Option<u64>,
}

impl Clock {
    pub fn new(rate: u64) -> Self {
        let mut clock = Self {
            period: SINGLE,
            base: 0,
            number: 0,
            left: Some(0),
        };
        clock.set_rate(rate, 0);
        clock
    }

    /// Frames that have begun by now, or before it.
    fn begun(&self, now: Nanos) -> u64 {
        let passed = now.checked_sub(self.base);
        let begun = passed.map_or(0, |passed| passed / self.period + 1);
        self.left.map_or(begun, |left| begun.min(left))
    }

    /// Makes what has happened by now the past.
    fn settle(&mut self, now: Nanos) {
        let begun = self.begun(now);
        self.number += begun;
        self.left = self.left.map(|left| left - begun);
    }

    /// Frames a second from now on, up to [`FASTEST`]; 0 stops.
    pub fn set_rate(&mut self, rate: u64, now: Nanos) {
        self.settle(now);
        match SECOND.checked_div(rate.min(FASTEST)) {
            None => self.left = Some(0),
            Some(period) => {
                self.period = period;
                self.left = None;
            }
        }
        self.base = now.saturating_add(self.period);
    }

    /// So many frames, one by one, and then no more.
    pub fn single(&mut self, frames: u64, now: Nanos) {
        self.settle(now);
        self.period = SINGLE;
        self.base = now.saturating_add(SINGLE);
        self.left = Some(frames);
    }

    /// The first frame that begins at a time or later: its number and when it does.
    pub fn next(&self, now: Nanos) -> Option<(u64, Nanos)> {
        let past = now.saturating_sub(self.base).div_ceil(self.period);
        let there = self.left.is_none_or(|left| past < left);
        let start = self.base.checked_add(past.checked_mul(self.period)?)?;
        there.then_some((self.number + past, start))
    }

    pub fn period(&self) -> Nanos {
        self.period
    }

    /// Frames that have begun.
    pub fn count(&self, now: Nanos) -> u64 {
        self.number + self.begun(now)
    }
}

/// A camera: what its frames are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Camera {
    /// Bytes of a line.
    pub bytes: u32,
    pub lines: u32,
    /// Bytes of a pixel.
    pub pixel: u32,
}

impl Camera {
    pub fn status(&self, frames: u64) -> CameraStatus {
        CameraStatus {
            frames,
            bytes: self.bytes,
            lines: self.lines,
        }
    }
}

/// A display: what came of frames.
#[derive(Default)]
pub struct Display {
    frames: u64,
    patterned: u64,
    last: Option<Frame>,
    open: Option<Open>,
}

/// The frame that is being shown.
struct Open {
    crc: crc32fast::Hasher,
    lines: u32,
    /// What the third byte of its first line says: a patterned frame's number.
    number: u8,
    patterned: bool,
}

impl Display {
    /// A frame begins; one that has not come to its end is forgotten.
    pub fn begin(&mut self) {
        self.open = None;
    }

    /// The frame's next line, of pixels of so many bytes.
    pub fn line(&mut self, bytes: &[u8], pixel: u32) {
        let open = self.open.get_or_insert_with(|| Open {
            crc: crc32fast::Hasher::new(),
            lines: 0,
            number: bytes.get(2).copied().unwrap_or(0),
            patterned: pixel >= 3,
        });
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        open.crc.update(bytes);
        open.patterned &= *bytes == pattern(open.number.into(), open.lines, pixel, length);
        open.lines += 1;
    }

    /// The frame is whole; it came from that frame store, and its lines had so many bytes.
    pub fn end(&mut self, store: u32, bytes: u32) {
        let Some(open) = self.open.take() else { return };
        self.frames += 1;
        self.patterned += u64::from(open.patterned);
        self.last = Some(Frame {
            store,
            bytes,
            lines: open.lines,
            crc32: open.crc.finalize(),
            number: open.patterned.then_some(open.number),
        });
    }

    pub fn status(&self) -> DisplayStatus {
        DisplayStatus {
            frames: self.frames,
            patterned: self.patterned,
            last: self.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::models::stream::checksum;

    #[test]
    fn pattern_tells_columns_lines_and_frames_apart() {
        assert_eq!(pattern(7, 2, 3, 7), [0, 2, 7, 1, 2, 7, 2]);
        assert_eq!(pattern(0x105, 1, 4, 5), [0, 1, 5, 0xff, 1]);
        let far = pattern(0, 256, 3, 256 * 3 + 1);
        assert_ne!(far[1], 0, "line 256 is not line 0");
        assert_ne!(far[256 * 3], 0, "column 256 is not column 0");
    }

    #[test]
    fn display_knows_the_pattern_and_only_that() {
        let mut display = Display::default();
        let mut show = |frame: &[u8], store| {
            display.begin();
            for line in frame.chunks(12) {
                display.line(line, 3);
            }
            display.end(store, 12);
            display.status()
        };
        let frame: Vec<u8> = (0..4).flat_map(|line| pattern(9, line, 3, 12)).collect();
        let status = show(&frame, 2);
        assert_eq!((status.frames, status.patterned), (1, 1));
        let last = status.last.unwrap();
        assert_eq!((last.store, last.bytes, last.lines), (2, 12, 4));
        assert_eq!((last.number, last.crc32), (Some(9), checksum(&frame)));
        let mut wrong = frame.clone();
        wrong[40] ^= 1;
        let status = show(&wrong, 0);
        assert_eq!((status.frames, status.patterned), (2, 1));
        assert_eq!(status.last.unwrap().number, None);
        let status = show(&[], 0);
        assert_eq!(status.frames, 2, "no line, no frame");
        display.line(&frame[..12], 3);
        display.begin();
        display.line(&frame[..12], 3);
        display.end(1, 12);
        assert_eq!(display.status().last.unwrap().lines, 1);
    }

    #[test]
    fn clock_at_rest_has_no_frames_and_single_ones_come_once() {
        let mut clock = Clock::new(0);
        assert_eq!(clock.next(5), None);
        clock.single(2, 1000);
        assert_eq!(clock.next(0), Some((0, 1000 + SINGLE)));
        assert_eq!(clock.next(1001 + SINGLE), Some((1, 1000 + 2 * SINGLE)));
        assert_eq!(clock.next(1001 + 2 * SINGLE), None);
        assert_eq!(clock.count(SECOND), 2);
        clock.set_rate(1000, SECOND);
        assert_eq!(clock.next(SECOND), Some((2, SECOND + 1_000_000)));
    }

    proptest! {
        /// Frame numbers never repeat, never go back and never leave one out, whatever is set when.
        #[test]
        fn clock_counts_every_frame_once(
            steps in prop::collection::vec((0u8..4, 0u64..3000, 0u64..5_000_000), 0..40),
        ) {
            let mut clock = Clock::new(1000);
            let (mut now, mut seen) = (0, 0);
            for (what, value, time) in steps {
                match what {
                    0 => clock.set_rate(value, now),
                    1 => clock.single(value % 5, now),
                    _ => {}
                }
                let until = now + time;
                let mut from = now + 1;
                while let Some((number, start)) = clock.next(from).filter(|(_, start)| *start <= until) {
                    prop_assert_eq!(number, seen);
                    prop_assert!(start >= from);
                    seen += 1;
                    from = start + 1;
                }
                now = until;
                prop_assert_eq!(clock.count(now), seen);
            }
        }
    }
}
