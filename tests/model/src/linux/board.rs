// SPDX-License-Identifier: MIT OR Apache-2.0
//! The hardware and the kernel of one run: an interrupt's descriptor and wire, the workqueue, the clock.

use super::{irq::Descriptor, wait::Workqueue};
use std::{
    cell::RefCell,
    sync::{atomic::AtomicU64, Arc},
};

/// What differs between scenarios.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) level: bool,
    /// How many on a queue the hard interrupt wakes itself.
    pub(crate) few: usize,
    pub(crate) defect: Option<Defect>,
}

/// What a kernel could do wrong: to see that the model would tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// Who waits looks before he is on the queue.
    LooksFirst,
    /// Queueing a work item that runs already does nothing.
    RunningWorkCountsAsQueued,
    /// A work item that is queued or runs outlives its queue.
    CancelDoesNotWait,
    /// An interrupt is given back while its handler runs.
    FreeDoesNotWait,
    /// Unmasking forgets an edge that came while masked.
    UnmaskDropsEdges,
}

/// Made anew for each run.
pub(crate) struct Board {
    pub(crate) options: Options,
    pub(crate) irq: Descriptor,
    pub(crate) workqueue: Workqueue,
    pub(super) clock: AtomicU64,
}

thread_local! {
    // Loom's threads are coroutines of one thread of the system's.
    static CURRENT: RefCell<Option<Arc<Board>>> = const { RefCell::new(None) };
}

impl Board {
    /// Makes it what the functions that are told no more than an interrupt's number talk to.
    pub(crate) fn install(options: Options) -> Arc<Self> {
        let board = Arc::new(Self {
            options,
            irq: Descriptor::new(options),
            workqueue: Workqueue::new(),
            clock: AtomicU64::new(0),
        });
        CURRENT.set(Some(board.clone()));
        board
    }

    pub(crate) fn uninstall() {
        CURRENT.set(None);
    }
}

pub(crate) fn current() -> Arc<Board> {
    CURRENT.with_borrow(|board| board.clone().expect("a board"))
}
