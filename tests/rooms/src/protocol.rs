// SPDX-License-Identifier: MIT OR Apache-2.0
//! The protocol of a line, beside a model that is too simple to be wrong: a wire with a latch, and for each file a count
//! of what it has not been told.

#[path = "../../../kmod/line/state.rs"]
mod room;

use proptest::prelude::*;
use room::{Condition, Gate, Mark, State, Taken};

/// An interrupt input as a controller has it.
#[derive(Debug, Default)]
struct Wire {
    level: bool,
    /// A level source asserts.
    asserted: bool,
    latched: bool,
    enabled: bool,
}

impl Wire {
    /// Enable and disable have to alternate: the kernel counts them.
    fn apply(&mut self, gate: Gate) {
        match gate {
            Gate::Keep => {}
            Gate::Enable => {
                assert!(!self.enabled, "enabled twice");
                self.enabled = true;
                // A level is acknowledged when it is unmasked: the latch is what the source says.
                if self.level {
                    self.latched = self.asserted;
                }
            }
            Gate::Disable => {
                assert!(self.enabled, "disabled twice");
                self.enabled = false;
            }
        }
    }
}

/// What a file ought to know.
#[derive(Debug, Default)]
struct Expected {
    unseen: u64,
    /// An explicit arm that no interrupt has ended.
    armed: bool,
    /// Blocked reads.
    sleepers: u32,
    /// They have gone to sleep since the last interrupt.
    asleep: bool,
    continuous: bool,
}

impl Expected {
    /// Waits for certain.
    fn must_wait(&self) -> bool {
        self.armed || self.asleep || self.continuous
    }

    /// May be counted as waiting: a blocked read that was woken is, until it has run.
    fn may_wait(&self) -> bool {
        self.armed || self.sleepers > 0 || self.continuous
    }
}

struct File {
    mark: Mark,
    expected: Expected,
    /// Taken by reads that are still writing to the user.
    undelivered: Vec<Taken>,
}

/// State, wire and model, run side by side.
struct Bench {
    state: State,
    wire: Wire,
    files: Vec<File>,
    interrupts: u64,
    /// Interrupts since anybody may have waited.
    unwanted: u64,
    now: u64,
}

impl Bench {
    fn new(level: bool) -> Self {
        Self {
            state: State::new(level),
            wire: Wire {
                level,
                ..Wire::default()
            },
            files: Vec::new(),
            interrupts: 0,
            unwanted: 0,
            now: 1000,
        }
    }

    fn open(&mut self) {
        if self.files.is_empty() {
            // Claiming the interrupt acknowledges what is stale.
            self.wire.latched = self.wire.level && self.wire.asserted;
        }
        let mark = self.state.open();
        self.files.push(File {
            mark,
            expected: Expected::default(),
            undelivered: Vec::new(),
        });
        self.settle();
    }

    fn close(&mut self, at: usize) {
        let mut file = self.files.swap_remove(at);
        let gate = self.state.close(&mut file.mark);
        self.wire.apply(gate);
        if self.files.is_empty() {
            self.state.release();
            self.wire.enabled = false;
        }
        self.settle();
    }

    /// Runs an operation on a file.
    fn on(&mut self, at: usize, operation: impl FnOnce(&mut State, &mut File) -> Gate) {
        let gate = operation(&mut self.state, &mut self.files[at]);
        self.wire.apply(gate);
        self.settle();
    }

    fn arm(&mut self, at: usize) {
        self.on(at, |state, file| {
            file.expected.unseen = 0;
            file.expected.armed = true;
            state.arm(&mut file.mark)
        });
    }

    fn disarm(&mut self, at: usize) {
        self.on(at, |state, file| {
            file.expected.armed = false;
            state.disarm(&mut file.mark)
        });
    }

    fn set_continuous(&mut self, at: usize, on: bool) {
        // The file's ioctl refuses it.
        if on && self.wire.level {
            return;
        }
        self.on(at, |state, file| {
            file.expected.continuous = on;
            file.expected.armed &= on;
            state.set_continuous(&mut file.mark, on)
        });
    }

    /// A read that does not block.
    fn read(&mut self, at: usize) -> Option<Taken> {
        let taken = self.take(at);
        if taken.is_none() {
            self.arm(at);
        }
        taken
    }

    /// A read that blocks if it has to.
    fn begin_read(&mut self, at: usize) {
        if self.take(at).is_none() {
            self.on(at, |state, file| {
                file.expected.sleepers += 1;
                file.expected.asleep = true;
                state.begin_sleep(&mut file.mark)
            });
        }
    }

    /// A blocked read looks: it returns what came, or sleeps on.
    fn look(&mut self, at: usize) {
        if self.files[at].expected.sleepers == 0 {
            return;
        }
        if self.take(at).is_some() {
            self.end_read(at);
        } else {
            self.on(at, |state, file| {
                file.expected.asleep = true;
                state.sleep_on(&mut file.mark)
            });
        }
    }

    /// A blocked read ends, for whatever reason.
    fn end_read(&mut self, at: usize) {
        if self.files[at].expected.sleepers == 0 {
            return;
        }
        self.on(at, |state, file| {
            file.expected.sleepers -= 1;
            file.expected.asleep &= file.expected.sleepers > 0;
            state.end_sleep(&mut file.mark)
        });
    }

    fn take(&mut self, at: usize) -> Option<Taken> {
        let file = &mut self.files[at];
        assert_eq!(self.state.is_readable(&file.mark), file.expected.unseen > 0);
        let taken = self.state.take(&mut file.mark);
        let unseen = std::mem::take(&mut file.expected.unseen);
        match taken {
            None => assert_eq!(unseen, 0, "events lost"),
            Some(taken) => assert_eq!(
                (taken.count, taken.sequence, taken.timestamp),
                (unseen, self.interrupts, self.now),
            ),
        }
        taken
    }

    /// A read that has taken what came, and is to write it.
    fn begin_delivery(&mut self, at: usize) {
        let taken = self.read(at);
        self.files[at].undelivered.extend(taken);
    }

    /// It cannot.
    fn fail_delivery(&mut self, at: usize) {
        if let Some(taken) = self.files[at].undelivered.pop() {
            self.on(at, |state, file| {
                file.expected.unseen += taken.count;
                state.give_back(&mut file.mark, &taken);
                Gate::Keep
            });
        }
    }

    fn edge(&mut self) {
        self.wire.latched = true;
        self.settle();
    }

    fn raise(&mut self) {
        self.wire.asserted = true;
        self.wire.latched = true;
        self.settle();
    }

    /// The latch stays.
    fn lower(&mut self) {
        self.wire.asserted = false;
        self.settle();
    }

    /// Delivers what is pending, then looks whether all is as it has to be.
    fn settle(&mut self) {
        while self.wire.enabled && self.wire.latched {
            assert!(
                !self.files.is_empty(),
                "an interrupt of a line that nobody has open"
            );
            if !self.wire.level {
                self.wire.latched = false;
            }
            let wanted = self.files.iter().any(|file| file.expected.may_wait());
            self.unwanted = if wanted { 0 } else { self.unwanted + 1 };
            assert!(
                self.unwanted <= 1,
                "a line nobody waits on interrupts again and again"
            );
            assert!(
                wanted || !self.wire.level,
                "a level interrupts that nobody waits for"
            );
            self.interrupts += 1;
            self.now += 10;
            let gate = self.state.interrupt(self.now);
            self.wire.apply(gate);
            for File { expected, .. } in &mut self.files {
                expected.unseen += 1;
                expected.armed = false;
                expected.asleep = false;
            }
            assert!(
                !self.wire.level || !self.wire.enabled,
                "a level stays enabled"
            );
        }
        self.check();
    }

    fn check(&mut self) {
        let must = self.files.iter().any(|file| file.expected.must_wait());
        let may = self.files.iter().any(|file| file.expected.may_wait());
        if may {
            self.unwanted = 0;
        }
        assert!(
            !must || self.wire.enabled,
            "somebody waits for a masked line"
        );
        assert!(
            may || !self.wire.level || !self.wire.enabled,
            "an unwanted level is enabled"
        );
        assert_eq!(self.state.sequence(), self.interrupts);
        assert_eq!(self.state.is_level(), self.wire.level);
        let condition = self.state.condition();
        if self.files.is_empty() {
            assert!(!self.wire.enabled && condition == Condition::Unused);
        } else if must {
            assert_eq!(condition, Condition::Armed);
        } else if !may {
            assert_eq!(condition, Condition::Idle);
        }
        for File { mark, expected, .. } in &self.files {
            assert_eq!(self.state.is_readable(mark), expected.unseen > 0);
            let view = self.state.view(mark);
            assert_eq!(
                (view.unread, view.sequence, view.continuous, view.readers),
                (
                    expected.unseen,
                    self.interrupts,
                    expected.continuous,
                    expected.sleepers
                )
            );
            assert!(view.armed || !expected.must_wait());
            assert!(!view.armed || expected.may_wait());
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Open,
    Close(usize),
    Arm(usize),
    Disarm(usize),
    Read(usize),
    BeginRead(usize),
    Look(usize),
    EndRead(usize),
    BeginDelivery(usize),
    FailDelivery(usize),
    Continuous(usize, bool),
    Edge,
    Raise,
    Lower,
}

fn run(level: bool, steps: &[Step]) -> Bench {
    let mut bench = Bench::new(level);
    for &step in steps {
        let files = bench.files.len();
        // Numbers are taken modulo the files there are.
        let some = |at: usize| (files > 0).then(|| at % files);
        match step {
            Step::Open if files < 4 => bench.open(),
            Step::Open => {}
            Step::Edge if !level => bench.edge(),
            Step::Raise if level => bench.raise(),
            Step::Lower if level => bench.lower(),
            Step::Edge | Step::Raise | Step::Lower => {}
            Step::Close(at) => some(at).into_iter().for_each(|at| {
                // A file with a read under way cannot be closed.
                if bench.files[at].expected.sleepers == 0 {
                    bench.close(at);
                }
            }),
            Step::Arm(at) => some(at).into_iter().for_each(|at| bench.arm(at)),
            Step::Disarm(at) => some(at).into_iter().for_each(|at| bench.disarm(at)),
            Step::Read(at) => some(at).into_iter().for_each(|at| {
                bench.read(at);
            }),
            Step::BeginRead(at) => some(at).into_iter().for_each(|at| bench.begin_read(at)),
            Step::Look(at) => some(at).into_iter().for_each(|at| bench.look(at)),
            Step::EndRead(at) => some(at).into_iter().for_each(|at| bench.end_read(at)),
            Step::BeginDelivery(at) => {
                some(at).into_iter().for_each(|at| bench.begin_delivery(at));
            }
            Step::FailDelivery(at) => some(at).into_iter().for_each(|at| bench.fail_delivery(at)),
            Step::Continuous(at, on) => some(at)
                .into_iter()
                .for_each(|at| bench.set_continuous(at, on)),
        }
    }
    bench
}

fn step() -> impl Strategy<Value = Step> {
    let file = 0..4_usize;
    prop_oneof![
        2 => Just(Step::Open),
        1 => file.clone().prop_map(Step::Close),
        4 => file.clone().prop_map(Step::Arm),
        2 => file.clone().prop_map(Step::Disarm),
        4 => file.clone().prop_map(Step::Read),
        3 => file.clone().prop_map(Step::BeginRead),
        3 => file.clone().prop_map(Step::Look),
        1 => file.clone().prop_map(Step::EndRead),
        2 => file.clone().prop_map(Step::BeginDelivery),
        2 => file.clone().prop_map(Step::FailDelivery),
        2 => (file, any::<bool>()).prop_map(|(at, on)| Step::Continuous(at, on)),
        6 => Just(Step::Edge),
        4 => Just(Step::Raise),
        4 => Just(Step::Lower),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn edge_line_keeps_every_promise(steps in prop::collection::vec(step(), 0..80)) {
        run(false, &steps);
    }

    #[test]
    fn level_line_keeps_every_promise(steps in prop::collection::vec(step(), 0..80)) {
        run(true, &steps);
    }

    /// However the files come and go, at the end nothing is left of them.
    #[test]
    fn line_is_unused_and_masked_once_all_files_are_closed(level: bool, steps in prop::collection::vec(step(), 0..80)) {
        let mut bench = run(level, &steps);
        while !bench.files.is_empty() {
            while bench.files[0].expected.sleepers > 0 {
                bench.end_read(0);
            }
            bench.close(0);
        }
        prop_assert!(!bench.wire.enabled);
        prop_assert_eq!(bench.state.condition(), Condition::Unused);
        // And the next file finds a line as good as new.
        bench.open();
        bench.arm(0);
        if level { bench.raise() } else { bench.edge() }
        prop_assert_eq!(bench.read(0).map(|taken| taken.count), Some(1));
    }
}

/// Every sequence of a few steps: what random ones may miss.
#[test]
fn all_short_sequences_keep_every_promise() {
    const STEPS: [Step; 9] = [
        Step::Arm(0),
        Step::Arm(1),
        Step::Disarm(0),
        Step::Read(1),
        Step::BeginRead(0),
        Step::Look(0),
        Step::Continuous(1, true),
        Step::Continuous(1, false),
        Step::Edge,
    ];
    const LENGTH: u32 = 5;
    for level in [false, true] {
        for number in 0..STEPS.len().pow(LENGTH) {
            let mut steps = vec![Step::Open, Step::Open];
            let mut rest = number;
            for _ in 0..LENGTH {
                steps.push(match STEPS[rest % STEPS.len()] {
                    Step::Edge if level => Step::Raise,
                    step => step,
                });
                rest /= STEPS.len();
            }
            run(level, &steps);
        }
    }
}

#[test]
fn steady_state_of_an_edge_line_never_touches_the_gate() {
    let mut state = State::new(false);
    let mut mark = state.open();
    assert_eq!(state.arm(&mut mark), Gate::Enable);
    for now in 0..10 {
        assert_eq!(state.interrupt(now), Gate::Keep);
        assert_eq!(state.arm(&mut mark), Gate::Keep);
    }
}

#[test]
fn steady_state_of_a_level_line_masks_and_unmasks_once() {
    let mut state = State::new(true);
    let mut mark = state.open();
    for now in 0..10 {
        assert_eq!(state.arm(&mut mark), Gate::Enable);
        assert_eq!(state.interrupt(now), Gate::Disable);
    }
}

#[test]
fn edge_nobody_waits_for_closes_the_gate_and_is_kept() {
    let mut state = State::new(false);
    let mut mark = state.open();
    assert_eq!(state.arm(&mut mark), Gate::Enable);
    assert_eq!(state.disarm(&mut mark), Gate::Keep);
    assert_eq!(state.interrupt(7), Gate::Disable);
    let taken = state.take(&mut mark);
    assert_eq!(
        taken,
        Some(Taken {
            count: 1,
            sequence: 1,
            timestamp: 7
        })
    );
    assert_eq!(state.timestamp(), 7);
}

#[test]
fn opening_counts_from_now() {
    let mut state = State::new(false);
    let mut first = state.open();
    let _ = state.arm(&mut first);
    let _ = state.interrupt(1);
    let mut second = state.open();
    assert!(!state.is_readable(&second));
    assert_eq!(state.take(&mut second), None);
    assert_eq!(state.take(&mut first).map(|taken| taken.count), Some(1));
}
