// SPDX-License-Identifier: GPL-2.0

//! The read-only page of a line: `struct axirq_page` of the uapi header, and its one writer.
//!
//! Written under the line's lock, hence by one CPU at a time; read by user space at any time, with
//! no lock at all.

use crate::linux::atomic::{fence, AtomicU32, Ordering};

/// The page as 32-bit words: 64-bit atomics do not exist everywhere.
pub(crate) type Words = [AtomicU32; 8];

const VERSION: usize = 0;
const GENERATION: usize = 1;
const SEQUENCE: usize = 2;
const TIMESTAMP: usize = 4;
const STATE: usize = 6;

/// The value of the word at [`VERSION`].
const LAYOUT: u32 = 1;
const STATE_GONE: u32 = 1 << 0;
const STATE_LEVEL: u32 = 1 << 1;

pub(crate) fn initialise(words: &Words, level: bool) {
    words[STATE].store(if level { STATE_LEVEL } else { 0 }, Ordering::Relaxed);
    words[VERSION].store(LAYOUT, Ordering::Release);
}

/// Publishes an interrupt.
pub(crate) fn publish(words: &Words, sequence: u64, timestamp: u64) {
    update(words, || {
        store64(words, SEQUENCE, sequence);
        store64(words, TIMESTAMP, timestamp);
    });
}

/// Publishes that the device is gone.
pub(crate) fn publish_gone(words: &Words) {
    update(words, || {
        let state = words[STATE].load(Ordering::Relaxed);
        words[STATE].store(state | STATE_GONE, Ordering::Relaxed);
    });
}

/// A reader who sees any of the new words also sees an odd generation before them or, at the end,
/// another one than he began with: he reads again.
fn update(words: &Words, write: impl FnOnce()) {
    let generation = words[GENERATION].load(Ordering::Relaxed);
    words[GENERATION].store(generation.wrapping_add(1), Ordering::Relaxed);
    fence(Ordering::Release);
    write();
    words[GENERATION].store(generation.wrapping_add(2), Ordering::Release);
}

fn store64(words: &Words, at: usize, value: u64) {
    let (low, high) = (value as u32, (value >> 32) as u32);
    let (first, second) = if cfg!(target_endian = "little") {
        (low, high)
    } else {
        (high, low)
    };
    words[at].store(first, Ordering::Relaxed);
    words[at + 1].store(second, Ordering::Relaxed);
}
