// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line's status page (`struct axirq_page`), read whole although the kernel writes it meanwhile.

use std::hint;
use std::mem::offset_of;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;

use super::bindings;
use super::bindings::axirq_page;
use crate::map::Mapping;

/// The mapped page.
#[derive(Debug)]
pub(crate) struct Page(Mapping);

/// What the page said at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The line's sequence number: interrupts since it was created.
    pub(crate) sequence: u64,
    /// When the newest came, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) timestamp_ns: u64,
    state: u32,
}

impl Snapshot {
    /// The device has left.
    pub(crate) fn is_gone(&self) -> bool {
        self.state & bindings::AXIRQ_STATE_GONE != 0
    }

    /// The line is level-triggered.
    pub(crate) fn is_level(&self) -> bool {
        self.state & bindings::AXIRQ_STATE_LEVEL != 0
    }
}

impl Page {
    /// Maps the page of a line's file.
    pub(crate) fn map(file: impl AsFd) -> nix::Result<Self> {
        const LEN: NonZeroUsize = NonZeroUsize::new(size_of::<axirq_page>()).unwrap();
        Mapping::new(file, LEN, false).map(Self)
    }

    /// Which layout the page has; fixed.
    pub(crate) fn version(&self) -> u32 {
        self.load(offset_of!(axirq_page, version))
    }

    /// The fields as they were together at one moment (a sequence lock's reader).
    ///
    /// Spins while the kernel writes. It does so inside its interrupt handler, which no reader can interrupt.
    pub(crate) fn snapshot(&self) -> Snapshot {
        loop {
            let before = self
                .0
                .atomic(offset_of!(axirq_page, generation))
                .load(Ordering::Acquire);
            let snapshot = Snapshot {
                sequence: self.load_u64(offset_of!(axirq_page, sequence)),
                timestamp_ns: self.load_u64(offset_of!(axirq_page, timestamp_ns)),
                state: self.load(offset_of!(axirq_page, state)),
            };
            fence(Ordering::Acquire);
            let after = self.load(offset_of!(axirq_page, generation));
            if before == after && before % 2 == 0 {
                return snapshot;
            }
            hint::spin_loop();
        }
    }

    fn load(&self, offset: usize) -> u32 {
        self.0.atomic(offset).load(Ordering::Relaxed)
    }

    /// A 64-bit field in two halves: 32-bit Arm has no plain 64-bit load of read-only memory, and the sequence lock
    /// keeps the halves together anyway.
    fn load_u64(&self, offset: usize) -> u64 {
        let halves = [self.load(offset), self.load(offset + 4)];
        let (low, high) = if cfg!(target_endian = "little") {
            (halves[0], halves[1])
        } else {
            (halves[1], halves[0])
        };
        (u64::from(high) << 32) | u64::from(low)
    }
}

/// A page in a file of our own, with the kernel's side of it.
#[cfg(test)]
pub(crate) mod fake {
    use std::fs::File;

    use super::*;

    /// Writes a page the way the module does.
    #[derive(Debug)]
    pub(crate) struct Writer(Mapping);

    impl Writer {
        /// A page in a file, and its writer.
        pub(crate) fn new() -> (Self, File) {
            let file = tempfile::tempfile().unwrap();
            file.set_len(size_of::<axirq_page>() as u64).unwrap();
            let writer = Self(Mapping::new(&file, NonZeroUsize::new(size_of::<axirq_page>()).unwrap(), true).unwrap());
            writer.store(offset_of!(axirq_page, version), bindings::AXIRQ_PAGE_VERSION);
            (writer, file)
        }

        /// One update. Callers take turns.
        pub(crate) fn write(&self, sequence: u64, timestamp_ns: u64, gone: bool, level: bool) {
            let generation = self.0.atomic(offset_of!(axirq_page, generation));
            let odd = generation.load(Ordering::Relaxed).wrapping_add(1);
            generation.store(odd, Ordering::Relaxed);
            fence(Ordering::Release);
            self.store_u64(offset_of!(axirq_page, sequence), sequence);
            self.store_u64(offset_of!(axirq_page, timestamp_ns), timestamp_ns);
            let gone = if gone { bindings::AXIRQ_STATE_GONE } else { 0 };
            let level = if level { bindings::AXIRQ_STATE_LEVEL } else { 0 };
            self.store(offset_of!(axirq_page, state), gone | level);
            generation.store(odd.wrapping_add(1), Ordering::Release);
        }

        fn store(&self, offset: usize, value: u32) {
            self.0.atomic(offset).store(value, Ordering::Relaxed);
        }

        fn store_u64(&self, offset: usize, value: u64) {
            for (half, bytes) in value.to_ne_bytes().chunks_exact(4).enumerate() {
                self.store(offset + 4 * half, u32::from_ne_bytes(bytes.try_into().unwrap()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::fake::Writer;
    use super::*;

    #[test]
    fn fields_arrive_whole_and_state_is_decoded() {
        let (writer, file) = Writer::new();
        let page = Page::map(&file).unwrap();
        assert_eq!(page.version(), 1);
        assert_eq!(page.snapshot(), Snapshot::default());
        writer.write(0x1_0000_0002, 0x3_0000_0004, false, true);
        let snapshot = page.snapshot();
        assert_eq!(
            (snapshot.sequence, snapshot.timestamp_ns),
            (0x1_0000_0002, 0x3_0000_0004)
        );
        assert!(snapshot.is_level() && !snapshot.is_gone());
        writer.write(0, 0, true, false);
        assert!(page.snapshot().is_gone() && !page.snapshot().is_level());
    }

    #[test]
    fn a_reader_never_sees_fields_of_two_updates() {
        let (writer, file) = Writer::new();
        let page = Page::map(&file).unwrap();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                // Both halves of both fields change with every update.
                let mut n = 0_u64;
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let value = (n << 32) | n;
                    writer.write(value, !value, false, false);
                }
            });
            let mut last = 0;
            for _ in 0..200_000 {
                let snapshot = page.snapshot();
                if snapshot.sequence != 0 {
                    assert_eq!(snapshot.timestamp_ns, !snapshot.sequence);
                    assert_eq!(snapshot.sequence >> 32, snapshot.sequence & 0xffff_ffff);
                }
                assert!(snapshot.sequence >= last);
                last = snapshot.sequence;
            }
            stop.store(true, Ordering::Relaxed);
            assert!(last > 0);
        });
    }
}
