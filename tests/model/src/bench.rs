// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every scenario stands on: a board, a line, a CPU and a worker, and what has to be true of them all:
//!
//! - nobody sleeps for ever (loom says so), and no handler or work item outlives what it works on;
//! - enabling and disabling alternate, and only a claimed interrupt is touched (the stand-ins assert it);
//! - who has a file open is told of each interrupt handled since, once: [`Bench::drain`];
//! - once nobody waits, a level is masked, and an edge after one more: [`Bench::assert_unwanted_ends`];
//! - in the end nothing is claimed, nothing unmasked, and the line's memory is given back.

use crate::{
    kmod::line::{state::Condition, subscription::Subscription, Line},
    linux::{
        board::{Board, Options},
        code,
        irq::Descriptor,
        Arc, Result,
    },
};
use loom::thread::{self, JoinHandle};

pub(crate) const EDGE: Options = Options {
    level: false,
    few: 8,
    defect: None,
};

pub(crate) const LEVEL: Options = Options {
    level: true,
    ..EDGE
};

/// The hard interrupt leaves all waking to the work item.
pub(crate) const CROWD: Options = Options { few: 0, ..EDGE };

/// Every order in which no thread is preempted more often than that.
pub(crate) const fn at_most(preemptions: usize) -> Option<usize> {
    Some(preemptions)
}

/// Runs a scenario in all orders.
pub(crate) fn explore(options: Options, preemptions: Option<usize>, scenario: fn(&Bench)) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = preemptions;
    builder.max_branches = 10_000;
    builder.check(move || {
        let bench = Bench::new(options);
        scenario(&bench);
        bench.finish();
    });
}

pub(crate) struct Bench {
    pub(crate) board: Arc<Board>,
    pub(crate) line: Arc<Line>,
    cpu: JoinHandle<()>,
    /// Only where somebody queues work: each thread multiplies the orders.
    worker: Option<JoinHandle<()>>,
}

/// Only the name in `/proc/interrupts`.
const NAME: &[u8] = b"line";

/// The one there is.
const IRQ: u32 = 0;

impl Bench {
    fn new(options: Options) -> Self {
        let board = Board::install(options);
        let cpu = board.clone();
        let worker = (options.few == 0).then(|| board.clone());
        Self {
            line: Arc::new(Line::new(IRQ).unwrap()),
            cpu: thread::spawn(move || cpu.irq.run_cpu()),
            worker: worker.map(|board| thread::spawn(move || board.workqueue.run())),
            board,
        }
    }

    pub(crate) fn irq(&self) -> &Descriptor {
        &self.board.irq
    }

    pub(crate) fn open(&self) -> Arc<File> {
        Arc::new(File::open(&self.line))
    }

    /// An edge beside whatever the caller does next.
    pub(crate) fn edge_beside(&self) -> JoinHandle<u64> {
        let board = self.board.clone();
        thread::spawn(move || board.irq.edge())
    }

    /// Reads until nothing comes any more, and looks whether nothing is missing.
    pub(crate) fn drain(&self, file: &File, read: u64) {
        let mut total = read;
        loop {
            // In vain, it arms: what was latched comes now.
            while let Some(taken) = file.subscription.take_or_arm().unwrap() {
                total += taken.count;
            }
            self.irq().wait_until_idle();
            if !file.subscription.is_readable().unwrap() {
                break;
            }
        }
        assert_eq!(
            total,
            self.line.sequence() - file.opened_at,
            "events lost, or told twice"
        );
        assert_eq!(self.line.sequence(), self.irq().handled());
    }

    /// Nobody waits: interrupts end.
    pub(crate) fn assert_unwanted_ends(&self) {
        self.irq().wait_until_idle();
        assert_eq!(self.line.condition(), Some(Condition::Idle));
        if self.line.is_level() {
            assert!(
                !self.irq().is_unmasked(),
                "a level that nobody waits for is enabled"
            );
            return;
        }
        let before = self.irq().handled();
        for _ in 0..3 {
            self.irq().edge();
            self.irq().wait_until_idle();
        }
        assert!(
            self.irq().handled() - before <= 1,
            "edges that nobody waits for go on"
        );
        assert!(!self.irq().is_unmasked());
    }

    /// The device goes beside a read that blocks and an edge: the read ends with one or the other.
    pub(crate) fn end_beside_a_read(&self, file: &Arc<File>) {
        let reader = thread::spawn({
            let file = file.clone();
            move || file.subscription.take_or_sleep()
        });
        self.irq().edge();
        self.line.end();
        match reader.join().unwrap() {
            Ok(taken) => assert_eq!(taken.count, 1),
            Err(error) => assert_eq!(error, code::ENODEV),
        }
    }

    fn finish(self) {
        self.board.irq.end();
        self.cpu.join().unwrap();
        assert_eq!(self.line.irq(), IRQ);
        assert!(!self.board.irq.is_claimed() && !self.board.irq.is_unmasked());
        assert_eq!(
            Arc::strong_count(&self.line),
            1,
            "somebody still holds the line"
        );
        // Its work item may be queued, or run.
        drop(self.line);
        self.board.workqueue.end();
        if let Some(worker) = self.worker {
            worker.join().unwrap();
        }
        Board::uninstall();
    }
}

/// An open file.
pub(crate) struct File {
    pub(crate) subscription: Subscription,
    opened_at: u64,
}

impl File {
    fn open(line: &Arc<Line>) -> Self {
        Self::try_open(line).unwrap()
    }

    pub(crate) fn try_open(line: &Arc<Line>) -> Result<Self> {
        let subscription = Subscription::new(line, NAME)?;
        Ok(Self {
            opened_at: line.sequence(),
            subscription,
        })
    }

    /// A read that blocks.
    pub(crate) fn read(&self) -> u64 {
        self.subscription.take_or_sleep().unwrap().count
    }

    /// `poll`, then a read that does not block: on the queue first, then a look, as `chrdev` does it.
    pub(crate) fn poll_and_read(&self) -> u64 {
        self.poll();
        self.subscription
            .take_or_arm()
            .unwrap()
            .expect("what poll has told of")
            .count
    }

    pub(crate) fn poll(&self) {
        let readable = || self.subscription.is_readable().unwrap_or(true);
        self.subscription.queue().wait_until(readable).unwrap();
    }

    pub(crate) fn arm(&self) -> u64 {
        self.subscription.arm().unwrap()
    }
}
