// SPDX-License-Identifier: MIT OR Apache-2.0
//! The read-only page of a line.

#[path = "../../../kmod/line/page.rs"]
mod room;

use std::sync::atomic::{fence, AtomicBool, AtomicU32, Ordering};
use std::thread;

use room::{initialise, publish, publish_gone, Words};

use crate::header::evaluate;

fn fresh() -> Words {
    [const { AtomicU32::new(0) }; 8]
}

/// A reader who does what the header says, with offsets that the C compiler says.
struct Reader {
    version: usize,
    generation: usize,
    sequence: usize,
    timestamp: usize,
    state: usize,
    reserved: usize,
}

#[derive(Debug, PartialEq, Eq)]
struct Snapshot {
    sequence: u64,
    timestamp: u64,
    state: u32,
}

impl Reader {
    fn new() -> Self {
        let offsets = evaluate([
            "offsetof(struct axirq_page, version)",
            "offsetof(struct axirq_page, generation)",
            "offsetof(struct axirq_page, sequence)",
            "offsetof(struct axirq_page, timestamp_ns)",
            "offsetof(struct axirq_page, state)",
            "offsetof(struct axirq_page, reserved)",
        ]);
        let [version, generation, sequence, timestamp, state, reserved] =
            offsets.map(|offset| usize::try_from(offset).unwrap() / size_of::<u32>());
        Self {
            version,
            generation,
            sequence,
            timestamp,
            state,
            reserved,
        }
    }

    fn read(&self, words: &Words) -> Snapshot {
        loop {
            let before = words[self.generation].load(Ordering::Acquire);
            let word = |at: usize| words[at].load(Ordering::Relaxed);
            let double = |at: usize| {
                let bytes = [word(at).to_ne_bytes(), word(at + 1).to_ne_bytes()].concat();
                u64::from_ne_bytes(bytes.try_into().unwrap())
            };
            let snapshot = Snapshot {
                sequence: double(self.sequence),
                timestamp: double(self.timestamp),
                state: word(self.state),
            };
            fence(Ordering::Acquire);
            let after = words[self.generation].load(Ordering::Relaxed);
            if before == after && before % 2 == 0 {
                return snapshot;
            }
            std::hint::spin_loop();
        }
    }
}

#[test]
fn page_is_as_large_as_the_headers() {
    assert_eq!(
        evaluate(["sizeof(struct axirq_page)"]),
        [size_of::<Words>() as u64]
    );
}

#[test]
fn fresh_page_says_version_and_trigger() {
    let reader = Reader::new();
    let [version, level] = evaluate(["AXIRQ_PAGE_VERSION", "AXIRQ_STATE_LEVEL"]);
    for (is_level, state) in [(false, 0), (true, level as u32)] {
        let words = fresh();
        initialise(&words, is_level);
        assert_eq!(
            words[reader.version].load(Ordering::Relaxed),
            version as u32
        );
        assert_eq!(
            reader.read(&words),
            Snapshot {
                sequence: 0,
                timestamp: 0,
                state
            }
        );
    }
}

#[test]
fn published_numbers_are_read_back_whole() {
    let reader = Reader::new();
    let words = fresh();
    initialise(&words, false);
    for (sequence, timestamp) in [
        (1, 2),
        (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210),
        (u64::MAX, u64::MAX),
    ] {
        publish(&words, sequence, timestamp);
        assert_eq!(
            reader.read(&words),
            Snapshot {
                sequence,
                timestamp,
                state: 0
            }
        );
    }
    assert_eq!(words[reader.reserved].load(Ordering::Relaxed), 0);
}

#[test]
fn gone_is_added_to_the_state() {
    let reader = Reader::new();
    let [gone, level] = evaluate(["AXIRQ_STATE_GONE", "AXIRQ_STATE_LEVEL"]);
    let words = fresh();
    initialise(&words, true);
    publish(&words, 3, 4);
    publish_gone(&words);
    let state = u32::try_from(gone | level).unwrap();
    assert_eq!(
        reader.read(&words),
        Snapshot {
            sequence: 3,
            timestamp: 4,
            state
        }
    );
}

#[test]
fn generation_wraps_around() {
    let reader = Reader::new();
    let words = fresh();
    initialise(&words, false);
    words[reader.generation].store(u32::MAX - 1, Ordering::Relaxed);
    publish(&words, 5, 6);
    assert_eq!(words[reader.generation].load(Ordering::Relaxed), 0);
    assert_eq!(
        reader.read(&words),
        Snapshot {
            sequence: 5,
            timestamp: 6,
            state: 0
        }
    );
}

/// Numbers whose halves all change at once belong together whenever they are read, and never go back.
#[test]
fn readers_never_see_a_torn_page() {
    const ROUNDS: u64 = 200_000;
    const SPREAD: u64 = 0x1_0000_0001;

    let reader = Reader::new();
    let words = fresh();
    initialise(&words, false);
    publish(&words, 0, !0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let snapshot = reader.read(&words);
                    assert_eq!(snapshot.timestamp, !snapshot.sequence);
                    assert!(snapshot.sequence >= last);
                    last = snapshot.sequence;
                }
            })
        });
        for round in 1..=ROUNDS {
            let sequence = round.wrapping_mul(SPREAD);
            publish(&words, sequence, !sequence);
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
    assert_eq!(reader.read(&words).sequence, ROUNDS.wrapping_mul(SPREAD));
}
