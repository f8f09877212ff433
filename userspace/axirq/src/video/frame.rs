// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Frame`]: memory of one frame, and where it goes when nobody needs it any more.

use std::fmt;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use super::mode::Layout;
use super::mode::Mode;
use crate::memory::Buffer;
use crate::memory::Pool;

/// What no hardware has the address of, for the next who needs one.
#[derive(Debug)]
pub(super) struct Spares<B>(Mutex<Vec<B>>);

impl<B> Spares<B> {
    pub(super) fn new(spares: Vec<B>) -> Self {
        Self(Mutex::new(spares))
    }

    pub(super) fn take(&self) -> Option<B> {
        self.lock().pop()
    }

    pub(super) fn give(&self, spare: B) {
        self.lock().push(spare);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A frame: its bytes, which are this process's alone as long as this value lives.
///
/// As bytes it is line after line, [`stride`](Frame::stride) bytes each; [`rows`](Frame::rows) leaves out what lies
/// between them. It was copied nowhere: it is the memory that the core has written, or will read. Dropping it gives the
/// memory back to where it came from; [`write_frame`](super::Output::blocking_write_frame) gives it to the display.
pub struct Frame {
    /// `None` only while it is dropped.
    buffer: Option<Buffer>,
    home: Arc<Spares<Buffer>>,
    layout: Layout,
    number: u64,
    dropped: u64,
}

impl Frame {
    pub(super) fn new(
        buffer: Buffer,
        home: &Arc<Spares<Buffer>>,
        layout: Layout,
        (number, dropped): (u64, u64),
    ) -> Self {
        Self {
            buffer: Some(buffer),
            home: Arc::clone(home),
            layout,
            number,
            dropped,
        }
    }

    /// Which one it is since the input was started, from 0. One of [`new_frame`](super::Output::new_frame) has number 0.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How many came between it and the one that was read before and were not read: numbers go up by one more than this.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Its geometry.
    pub fn mode(&self) -> Mode {
        self.layout.mode
    }

    /// Bytes from line to line.
    pub fn stride(&self) -> usize {
        self.layout.stride as usize
    }

    /// Its lines, the first one first: the bytes of their pixels.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let pixels = self.layout.mode.line_bytes() as usize;
        self.chunks_exact(self.stride()).map(move |line| &line[..pixels])
    }

    /// Its lines, to be written.
    pub fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [u8]> {
        let pixels = self.layout.mode.line_bytes() as usize;
        let stride = self.stride();
        self.chunks_exact_mut(stride).map(move |line| &mut line[..pixels])
    }

    /// Gives up memory that the core may still reach.
    pub(super) fn abandon(mut self) {
        if let Some(buffer) = self.buffer.take() {
            buffer.abandon();
        }
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Where the core finds it. `None` if the core behind this pool does not.
    pub(super) fn address(&self, pool: &Pool) -> Option<u64> {
        let buffer = self.buffer.as_ref().filter(|buffer| buffer.is_of(pool));
        buffer.map(Buffer::address)
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // Memory is whole pages.
        let len = self.layout.len();
        self.buffer.as_ref().map_or(&[], |buffer| &buffer[..len])
    }
}

impl DerefMut for Frame {
    fn deref_mut(&mut self) -> &mut [u8] {
        let len = self.layout.len();
        self.buffer.as_mut().map_or(&mut [], |buffer| &mut buffer[..len])
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("number", &self.number)
            .field("mode", &self.layout.mode)
            .field("stride", &self.layout.stride)
            .finish_non_exhaustive()
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            self.home.give(buffer);
        }
    }
}
