// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ring against hardware that goes on between any two accesses, as fast as it likes.

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// An address, which stands for memory.
#[derive(Debug, PartialEq, Eq)]
struct Place(u64);

impl Slot for Place {
    fn address(&self) -> u64 {
        self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Whole(u64),
    /// Being written, or with a fault.
    Torn,
}

struct State {
    written: Vec<u64>,
    committed: Option<Vec<u64>>,
    /// In force one frame later than it might be.
    is_late: bool,
    pending: Option<Vec<u64>>,
    active: Vec<u64>,
    at: usize,
    frame: u64,
    count: u32,
    left: u32,
    status: u32,
    frozen: Option<usize>,
    memory: HashMap<u64, Content>,
    held: HashSet<u64>,
    /// How many frames go by at each access, and whether the first of them has a fault.
    schedule: Vec<(u64, bool)>,
}

impl State {
    fn begin(&mut self) {
        let next = if self.is_late {
            mem::replace(&mut self.pending, self.committed.take())
        } else {
            self.committed.take()
        };
        if let Some(next) = next {
            self.active = next;
        }
        let address = self.active[self.at];
        assert!(!self.held.contains(&address), "a frame that is held is overwritten");
        self.memory.insert(address, Content::Torn);
    }

    fn pass(&mut self, fault: bool) {
        let address = self.active[self.at];
        if fault {
            self.frozen.get_or_insert(self.at);
            self.status |= regs::SOF_EARLY | regs::INT_ERR | regs::ERR_IRQ;
        } else {
            self.memory.insert(address, Content::Whole(self.frame));
        }
        self.frame += 1;
        self.at = (self.at + 1) % self.active.len();
        self.left -= 1;
        if self.left == 0 {
            self.left = self.count;
            self.status |= regs::FRAME_IRQ;
        }
        self.begin();
    }
}

struct Fake(RefCell<State>);

impl Fake {
    fn new(stores: usize) -> Self {
        let addresses: Vec<u64> = (0..stores as u64).collect();
        let period = Ring::<Place>::period(stores);
        Self(RefCell::new(State {
            written: addresses.clone(),
            committed: None,
            is_late: false,
            pending: None,
            active: addresses,
            at: 0,
            frame: 0,
            count: period,
            left: period,
            status: 0,
            frozen: None,
            memory: HashMap::new(),
            held: HashSet::new(),
            schedule: Vec::new(),
        }))
    }

    /// Time goes by before each access, and after it.
    fn access<T>(&self, access: impl FnOnce(&mut State) -> T) -> Result<T> {
        let mut state = self.0.borrow_mut();
        let (frames, fault) = state.schedule.pop().unwrap_or((0, false));
        for frame in 0..frames {
            state.pass(fault && frame == 0);
        }
        Ok(access(&mut state))
    }
}

impl Port for Fake {
    fn status(&self) -> Result<u32> {
        self.access(|state| state.status | (state.left << 16))
    }

    fn acknowledge(&self, bits: u32) -> Result<()> {
        self.access(|state| {
            state.status &= !bits;
            if state.status & regs::STREAM == 0 {
                state.frozen = None;
            }
        })
    }

    fn count(&self, frames: u32) -> Result<()> {
        self.access(|state| {
            if state.count != frames {
                (state.count, state.left) = (frames, frames);
            }
        })
    }

    fn store(&self) -> Result<usize> {
        self.access(|state| state.frozen.unwrap_or(state.at))
    }

    fn place(&self, store: usize, address: u64) -> Result<()> {
        self.access(|state| state.written[store] = address)
    }

    fn commit(&self) -> Result<()> {
        self.access(|state| state.committed = Some(state.written.clone()))
    }
}

fn ring(fake: &Fake, stores: u64, spares: u64) -> Ring<Place> {
    let spares = (stores..stores + spares).map(Place).collect();
    let ring = Ring::new(fake, (0..stores).map(Place).collect(), Arc::new(Spares::new(spares)));
    fake.0.borrow_mut().begin();
    ring.unwrap()
}

fn pass(fake: &Fake, frames: u64) {
    for _ in 0..frames {
        fake.0.borrow_mut().pass(false);
    }
}

#[test]
fn frames_come_in_their_order_as_long_as_they_last() {
    let fake = Fake::new(5);
    let mut ring = ring(&fake, 5, 8);
    assert_eq!(ring.take(&fake).unwrap(), Take::Nothing);
    pass(&fake, 3);
    for number in 0..3 {
        assert_eq!(ring.take(&fake).unwrap(), Take::Frame(Place(number), (number, 0)));
    }
    assert_eq!(ring.take(&fake).unwrap(), Take::Nothing);
    // Those that are too old are left out and counted; hardware is at 1007 now.
    pass(&fake, 4);
    assert_eq!(ring.take(&fake).unwrap(), Take::Frame(Place(4), (4, 1)));
    let Take::Frame(_, (5, 0)) = ring.take(&fake).unwrap() else {
        panic!("5 is next");
    };
    assert_eq!(ring.done(), 7);
}

#[test]
fn counting_is_exact_while_nobody_waits() {
    let fake = Fake::new(4);
    let mut ring = ring(&fake, 4, 8);
    let mut total = 0;
    for frames in [1, 250, 251, 252, 3] {
        total += frames;
        pass(&fake, frames);
        let Take::Frame(place, (number, _)) = ring.take(&fake).unwrap() else {
            panic!("there is a frame");
        };
        assert_eq!(number, total.saturating_sub(2), "{frames}");
        ring.spares.give(place);
        while let Take::Frame(place, _) = ring.take(&fake).unwrap() {
            ring.spares.give(place);
        }
        assert_eq!(ring.done(), total);
    }
}

#[test]
fn waiting_counts_up_to_a_round_of_the_ring() {
    let fake = Fake::new(4);
    let mut ring = ring(&fake, 4, 8);
    for (frames, seen) in [(1, 1), (3, 3), (4, 4), (5, 1)] {
        let before = ring.done();
        ring.sleep(&fake).unwrap();
        assert!(!ring.has_stirred(&fake).unwrap());
        pass(&fake, frames);
        assert!(ring.has_stirred(&fake).unwrap());
        ring.wake(&fake).unwrap();
        assert_eq!(ring.done() - before, seen);
        let Take::Frame(place, _) = ring.take(&fake).unwrap() else {
            panic!("there is a frame");
        };
        ring.spares.give(place);
    }
}

#[test]
fn memory_that_is_all_held_is_said_to_be() {
    let fake = Fake::new(4);
    let mut ring = ring(&fake, 4, 1);
    pass(&fake, 2);
    let Take::Frame(place, _) = ring.take(&fake).unwrap() else {
        panic!("there is a frame");
    };
    assert_eq!(ring.take(&fake).unwrap(), Take::NoSpare);
    ring.spares.give(place);
    assert_eq!(ring.take(&fake).unwrap(), Take::Frame(Place(1), (1, 0)));
}

#[test]
fn frames_with_faults_are_left_out_and_counted() {
    let fake = Fake::new(4);
    let mut ring = ring(&fake, 4, 4);
    fake.0.borrow_mut().pass(true);
    assert_eq!(ring.take(&fake).unwrap(), Take::Nothing);
    assert_eq!(ring.faults().too_few_lines, 1);
    // The one that was being written then is left out as well: the fault might have been its.
    pass(&fake, 2);
    let Take::Frame(_, (2, 2)) = ring.take(&fake).unwrap() else {
        panic!("2 is the first without");
    };
    for _ in 1..PATIENCE {
        fake.0.borrow_mut().pass(true);
        assert_eq!(ring.take(&fake).unwrap(), Take::Nothing);
    }
    fake.0.borrow_mut().pass(true);
    assert_eq!(ring.take(&fake).unwrap(), Take::Faulty);
}

/// What a user does.
#[derive(Clone, Debug)]
enum Act {
    Take,
    Sleep,
    /// Gives back the oldest frame that is held.
    Give,
    /// Does something else, while frames come.
    Pause(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Take),
        2 => Just(Act::Sleep),
        3 => Just(Act::Give),
        1 => (0..600_u64).prop_map(Act::Pause),
    ];
    prop::collection::vec(act, 0..60)
}

fn schedule() -> impl Strategy<Value = Vec<(u64, bool)>> {
    let access = prop_oneof![
        8 => Just((0, false)),
        3 => (1..3_u64).prop_map(|frames| (frames, false)),
        1 => (1..40_u64, any::<bool>()),
        1 => (250..520_u64, any::<bool>()),
    ];
    prop::collection::vec(access, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However hardware and process are interleaved, what is handed out is a whole frame, in its order, that stays as it
    /// is; and no drop is made up.
    #[test]
    fn no_frame_is_torn(stores in 3..8_u64, spares in 1..6_u64, late: bool, acts in acts(), schedule in schedule()) {
        let fake = Fake::new(stores as usize);
        let mut ring = ring(&fake, stores, spares);
        fake.0.borrow_mut().is_late = late;
        fake.0.borrow_mut().schedule = schedule;
        let mut held = std::collections::VecDeque::new();
        let mut after = 0;
        for act in acts {
            match act {
                Act::Take => {
                    let took = ring.take(&fake).unwrap();
                    let mut state = fake.0.borrow_mut();
                    prop_assert!(ring.done() <= state.frame);
                    // Which store has which frame is known, whatever is not.
                    prop_assert_eq!(ring.done() % stores, ring.at as u64);
                    if let Take::Frame(place, (number, dropped)) = took {
                        prop_assert_eq!(number, after + dropped);
                        after = number + 1;
                        let content = state.memory[&place.0];
                        let Content::Whole(frame) = content else {
                            return Err(TestCaseError::fail("torn"));
                        };
                        prop_assert_eq!(frame % stores, number % stores);
                        prop_assert!(number <= frame);
                        prop_assert!(state.held.insert(place.0));
                        held.push_back((place, content));
                    }
                }
                Act::Sleep => {
                    ring.sleep(&fake).unwrap();
                    let stirred = ring.has_stirred(&fake).unwrap();
                    // Else the interrupt wakes us.
                    let state = fake.0.borrow();
                    let raised = state.status & (regs::FRAME_IRQ | regs::ERR_IRQ) != 0;
                    prop_assert!(stirred || raised || state.frame % stores == ring.done() % stores);
                }
                Act::Give => {
                    if let Some((place, content)) = held.pop_front() {
                        let mut state = fake.0.borrow_mut();
                        prop_assert_eq!(state.memory[&place.0], content);
                        state.held.remove(&place.0);
                        ring.spares.give(place);
                    }
                }
                Act::Pause(frames) => pass(&fake, frames),
            }
        }
        // None is lost: each is held, in a store, or waits for one.
        let there = held.len() + ring.stores.len() + ring.retired.len() + ring.spares.len();
        prop_assert_eq!(there as u64, stores + spares);
    }
}
