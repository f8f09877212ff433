// SPDX-License-Identifier: GPL-2.0

//! A line: one Linux interrupt as an event source. It knows no controller and no file.
//!
//! Who touches what:
//! - `shared`, under a raw spinlock with interrupts off: the hard interrupt handler, and every
//!   operation of a file. The Linux interrupt is enabled and disabled under it, so the hardware
//!   follows the state in the same order on every CPU.
//! - `page`: written under that lock, read by user space without one.
//! - `users`, under a mutex: first open, last close, and the end of the device.
//!
//! ```text
//!   waiter                               interrupt
//!   lock; nothing new: armed; unlock
//!   on the queue; look again             lock; count; page; unlock
//!   sleep, unless there is news          wake the queue
//! ```
//!
//! The waiter looks after it is on the queue, the handler wakes after it has counted: whichever
//! comes first, the news is seen. If many are on the queue, a work item wakes them (`linux/wait.rs`):
//! the handler's time does not grow with the number of files.

pub(crate) mod page;
pub(crate) mod state;
pub(crate) mod subscription;

use crate::linux::{
    code,
    irq::{self, Handler, Registration, Trigger},
    lock::{Class, Mutex, RawSpinLock},
    mm::Page,
    time,
    wait::Queue,
    Arc, Result,
};
use page::Words;
use state::{Condition, Gate, Mark, State};

pub(crate) struct Line {
    irq: u32,
    shared: RawSpinLock<Shared>,
    page: Page<Words>,
    queue: Queue,
    users: Mutex<Users>,
}

struct Shared {
    state: State,
    gone: bool,
}

struct Users {
    files: u32,
    gone: bool,
    /// Held while files are open.
    registration: Option<Registration<Line>>,
}

impl Line {
    pub(crate) fn new(irq: u32) -> Result<Self> {
        let level = irq::trigger(irq) == Trigger::Level;
        let page = Page::<Words>::new()?;
        page::initialise(&page, level);
        Ok(Self {
            irq,
            shared: RawSpinLock::new(
                Shared {
                    state: State::new(level),
                    gone: false,
                },
                Class::LINE_STATE,
            )?,
            page,
            queue: Queue::new()?,
            users: Mutex::new(
                Users {
                    files: 0,
                    gone: false,
                    registration: None,
                },
                Class::LINE_USERS,
            )?,
        })
    }

    pub(crate) fn irq(&self) -> u32 {
        self.irq
    }

    pub(crate) fn page(&self) -> &Page<Words> {
        &self.page
    }

    pub(crate) fn is_level(&self) -> bool {
        self.shared.lock().state.is_level()
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.shared.lock().state.sequence()
    }

    /// What the line looks like; `None` once it is gone.
    pub(crate) fn condition(&self) -> Option<Condition> {
        let shared = self.shared.lock();
        (!shared.gone).then(|| shared.state.condition())
    }

    /// Runs an operation of a file under the lock, and what it says of the gate.
    fn with<R>(&self, operation: impl FnOnce(&mut State) -> (R, Gate)) -> Result<R> {
        let mut shared = self.shared.lock();
        if shared.gone {
            return Err(code::ENODEV);
        }
        let (result, gate) = operation(&mut shared.state);
        self.apply(gate);
        Ok(result)
    }

    /// As [`Self::with`], for what has to be counted to the end.
    fn with_even_gone<R>(&self, operation: impl FnOnce(&mut State) -> (R, Gate)) -> R {
        let mut shared = self.shared.lock();
        let (result, gate) = operation(&mut shared.state);
        if !shared.gone {
            self.apply(gate);
        }
        result
    }

    /// Called with the lock held.
    fn apply(&self, gate: Gate) {
        match gate {
            Gate::Keep => {}
            Gate::Enable => irq::enable(self.irq),
            Gate::Disable => irq::disable_nosync(self.irq),
        }
    }

    /// A file comes: the first claims the interrupt.
    fn enter(self: &Arc<Self>, name: &[u8]) -> Result<Mark> {
        let mut users = self.users.lock();
        if users.gone {
            return Err(code::ENODEV);
        }
        if users.registration.is_none() {
            let registration = Registration::request(self.irq, name, self.clone())?;
            // Only now that it is ours. Disabling has to mask at once: a level would interrupt for
            // ever, and an edge that nobody waits for may come at any rate.
            irq::set_disable_unlazy(self.irq);
            irq::forget_pending(self.irq);
            users.registration = Some(registration);
        }
        users.files += 1;
        Ok(self.shared.lock().state.open())
    }

    /// A file goes: the last gives the interrupt back, which masks it.
    fn leave(&self) {
        let mut users = self.users.lock();
        users.files -= 1;
        if users.files == 0 {
            self.shared.lock().state.release();
            users.registration = None;
        }
    }

    /// The device is gone: everybody is told, and no interrupt of this line is handled past this.
    pub(crate) fn end(&self) {
        let mut users = self.users.lock();
        users.gone = true;
        {
            let mut shared = self.shared.lock();
            shared.gone = true;
            shared.state.release();
            page::publish_gone(&self.page);
        }
        users.registration = None;
        self.queue.wake_gone();
    }
}

impl Handler for Line {
    fn handle(&self) {
        let now = time::monotonic_ns();
        let mut shared = self.shared.lock();
        if shared.gone {
            return;
        }
        let gate = shared.state.interrupt(now);
        page::publish(
            &self.page,
            shared.state.sequence(),
            shared.state.timestamp(),
        );
        self.apply(gate);
        drop(shared);
        self.queue.wake_readable();
    }
}
