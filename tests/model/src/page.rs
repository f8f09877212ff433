// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page beside a reader who takes no lock and may see stores late: loom gives his loads every value that the memory
//! model allows.

use crate::{
    bench::{at_most, explore, File, EDGE},
    kmod::line::page::{initialise, publish, publish_gone, Words},
    linux::{
        atomic::{fence, AtomicU32, Ordering},
        Arc,
    },
};
use loom::thread::spawn;

/// Words of `struct axirq_page`; the rooms' tests hold them against the header.
const GENERATION: usize = 1;
const SEQUENCE: usize = 2;
const TIMESTAMP: usize = 4;
const STATE: usize = 6;

/// A bit of the state.
const GONE: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Snapshot {
    sequence: u64,
    timestamp: u64,
    state: u32,
}

/// One try as the header says. `None`: again.
fn try_read(words: &Words) -> Option<Snapshot> {
    let before = words[GENERATION].load(Ordering::Acquire);
    let word = |at: usize| words[at].load(Ordering::Relaxed);
    let double = |at: usize| {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&word(at).to_ne_bytes());
        bytes[4..].copy_from_slice(&word(at + 1).to_ne_bytes());
        u64::from_ne_bytes(bytes)
    };
    let snapshot = Snapshot {
        sequence: double(SEQUENCE),
        timestamp: double(TIMESTAMP),
        state: word(STATE),
    };
    fence(Ordering::Acquire);
    let after = words[GENERATION].load(Ordering::Relaxed);
    (before == after && before % 2 == 0).then_some(snapshot)
}

/// As [`explore`], without a board.
fn explore_page(scenario: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = at_most(3);
    builder.check(scenario);
}

fn page() -> Arc<Words> {
    let words = std::array::from_fn(|_| AtomicU32::new(0));
    initialise(&words, false);
    Arc::new(words)
}

/// Both halves of both numbers change.
const FIRST: u64 = 0x1_0000_0001;

#[test]
fn reader_sees_what_belongs_together_or_tries_again() {
    explore_page(|| {
        let words = page();
        let writer = spawn({
            let words = words.clone();
            move || {
                publish(&words, FIRST, !FIRST);
                publish_gone(&words);
            }
        });
        if let Some(snapshot) = try_read(&words) {
            let expected = [(0, 0, 0), (FIRST, !FIRST, 0), (FIRST, !FIRST, 1)].map(
                |(sequence, timestamp, state)| Snapshot {
                    sequence,
                    timestamp,
                    state,
                },
            );
            assert!(expected.contains(&snapshot), "{snapshot:x?}");
        }
        writer.join().unwrap();
        assert_eq!(try_read(&words).map(|snapshot| snapshot.state), Some(1));
    });
}

#[test]
fn reader_never_goes_back() {
    explore_page(|| {
        let words = page();
        publish(&words, FIRST, !FIRST);
        let writer = spawn({
            let words = words.clone();
            move || publish(&words, 2 * FIRST, !(2 * FIRST))
        });
        let [first, second] = [try_read(&words), try_read(&words)];
        for snapshot in [first, second].into_iter().flatten() {
            assert!([FIRST, 2 * FIRST].contains(&snapshot.sequence));
            assert_eq!(snapshot.timestamp, !snapshot.sequence);
        }
        if let (Some(first), Some(second)) = (first, second) {
            assert!(first.sequence <= second.sequence);
        }
        writer.join().unwrap();
    });
}

/// Who waits for a wake-up and then looks at the page alone, as `EPOLLET` allows, on the queue first.
fn wait_for(file: &File, words: &Words, wanted: impl Fn(Snapshot) -> bool) {
    let shown = || try_read(words).is_some_and(&wanted);
    file.subscription.queue().wait_until(shown).unwrap();
}

/// What continuous mode promises: after the wake-up, no system call is needed to see the event.
#[test]
fn page_shows_the_event_of_a_wake_up() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        file.arm();
        let source = bench.edge_beside();
        wait_for(&file, bench.line.page(), |page| {
            (page.sequence, page.timestamp) == (1, 1)
        });
        source.join().unwrap();
    });
}

#[test]
fn page_shows_the_end_of_a_wake_up() {
    explore(EDGE, at_most(3), |bench| {
        let file = bench.open();
        let waiter = spawn({
            let (file, line) = (file.clone(), bench.line.clone());
            move || wait_for(&file, line.page(), |page| page.state & GONE != 0)
        });
        bench.line.end();
        waiter.join().unwrap();
    });
}
