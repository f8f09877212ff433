// SPDX-License-Identifier: MIT OR Apache-2.0
//! A wait queue and its work item, step by step as `kernel/sched/wait.c`, `kernel/workqueue.c` and the kernel module's
//! `linux/wait.rs` take them.

use super::{
    board::{self, Board, Defect},
    code, Arc, Result,
};
use loom::sync::{Condvar, Mutex, MutexGuard};

pub(crate) struct Queue {
    board: Arc<Board>,
    inner: Arc<Inner>,
}

/// What a work item may still hold when its queue goes, if nobody prevents it.
struct Inner {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    entries: Vec<Entry>,
    /// Blocked tasks have a signal pending.
    signal: bool,
    freed: bool,
}

#[derive(Clone)]
enum Entry {
    Task(Arc<Task>),
    Bookmark,
}

/// A task that may sleep.
struct Task {
    /// `TASK_INTERRUPTIBLE`: it sleeps, or is about to.
    interruptible: Mutex<bool>,
    woken: Condvar,
}

impl Task {
    /// Whether it had to be woken.
    fn wake(&self) -> bool {
        let woken = std::mem::take(&mut *self.interruptible.lock().unwrap());
        self.woken.notify_all();
        woken
    }

    fn sleep(&self) {
        let mut interruptible = self.interruptible.lock().unwrap();
        while *interruptible {
            interruptible = self.woken.wait(interruptible).unwrap();
        }
    }
}

impl List {
    fn position(&self, task: &Arc<Task>) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| matches!(entry, Entry::Task(other) if Arc::ptr_eq(other, task)))
    }

    /// Wakes an entry's task, which takes the entry off the queue (`autoremove_wake_function`). Returns whether it did.
    fn wake(&mut self, at: usize) -> bool {
        let removes = match &self.entries[at] {
            Entry::Task(task) => task.wake(),
            Entry::Bookmark => false,
        };
        if removes {
            self.entries.remove(at);
        }
        removes
    }

    fn wake_all(&mut self) {
        let mut at = 0;
        while at < self.entries.len() {
            if !self.wake(at) {
                at += 1;
            }
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, List> {
        let list = self.list.lock().unwrap();
        assert!(!list.freed, "a queue is used that is no more");
        list
    }

    /// Lets the lock go after each.
    fn wake_in_batches(&self) {
        self.lock().entries.insert(0, Entry::Bookmark);
        loop {
            let mut list = self.lock();
            let place = list
                .entries
                .iter()
                .position(|entry| matches!(entry, Entry::Bookmark))
                .expect("the bookmark");
            if place + 1 == list.entries.len() {
                list.entries.remove(place);
                return;
            }
            list.entries.swap(place, place + 1);
            list.wake(place);
        }
    }
}

impl Queue {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            board: board::current(),
            inner: Arc::new(Inner {
                list: Mutex::default(),
            }),
        })
    }

    pub(crate) fn wake_readable(&self) {
        let mut list = self.inner.lock();
        if list.entries.len() > self.board.options.few {
            drop(list);
            self.board
                .workqueue
                .queue(&self.inner, self.board.options.defect);
        } else {
            list.wake_all();
        }
    }

    pub(crate) fn wake_gone(&self) {
        // One batch: the model has two bookmarks nowhere.
        self.inner.lock().wake_all();
    }

    pub(crate) fn wait_until(&self, mut condition: impl FnMut() -> bool) -> Result {
        let task = Arc::new(Task {
            interruptible: Mutex::new(false),
            woken: Condvar::new(),
        });
        let looks_first = self.board.options.defect == Some(Defect::LooksFirst);
        let result = loop {
            if looks_first && condition() {
                break Ok(());
            }
            let signal = {
                let mut list = self.inner.lock();
                if !list.signal {
                    if list.position(&task).is_none() {
                        list.entries.insert(0, Entry::Task(task.clone()));
                    }
                    *task.interruptible.lock().unwrap() = true;
                }
                list.signal
            };
            if !looks_first && condition() {
                break Ok(());
            }
            if signal {
                break Err(code::ERESTARTSYS);
            }
            task.sleep();
        };
        let mut list = self.inner.lock();
        if let Some(at) = list.position(&task) {
            list.entries.remove(at);
        }
        result
    }

    /// A signal for all who are blocked here, now or later.
    pub(crate) fn signal(&self) {
        let mut list = self.inner.lock();
        list.signal = true;
        for entry in &list.entries {
            if let Entry::Task(task) = entry {
                task.wake();
            }
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.board
            .workqueue
            .cancel(&self.inner, self.board.options.defect);
        let mut list = self.inner.lock();
        assert!(list.entries.is_empty(), "a queue goes that somebody is on");
        list.freed = true;
    }
}

/// `system_highpri_wq`, with one worker: no item runs beside itself.
pub(crate) struct Workqueue {
    state: Mutex<Work>,
    changed: Condvar,
}

#[derive(Default)]
struct Work {
    queued: Option<Arc<Inner>>,
    running: bool,
    ending: bool,
}

impl Workqueue {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// `queue_work`: nothing if it is queued already, even if it runs.
    fn queue(&self, item: &Arc<Inner>, defect: Option<Defect>) {
        let mut state = self.state.lock().unwrap();
        if defect == Some(Defect::RunningWorkCountsAsQueued) && state.running {
            return;
        }
        state.queued = Some(item.clone());
        self.changed.notify_all();
    }

    /// `cancel_work_sync`.
    fn cancel(&self, item: &Arc<Inner>, defect: Option<Defect>) {
        let mut state = self.state.lock().unwrap();
        if defect == Some(Defect::CancelDoesNotWait) {
            return;
        }
        if let Some(queued) = &state.queued {
            assert!(Arc::ptr_eq(queued, item), "one line, one item");
            state.queued = None;
        }
        while state.running {
            state = self.changed.wait(state).unwrap();
        }
    }

    /// A worker.
    pub(crate) fn run(&self) {
        let mut state = self.state.lock().unwrap();
        loop {
            match state.queued.take() {
                Some(item) => {
                    state.running = true;
                    drop(state);
                    item.wake_in_batches();
                    state = self.state.lock().unwrap();
                    state.running = false;
                    self.changed.notify_all();
                }
                None if state.ending => return,
                None => state = self.changed.wait(state).unwrap(),
            }
        }
    }

    /// Lets the worker run what is queued, and end.
    pub(crate) fn end(&self) {
        self.state.lock().unwrap().ending = true;
        self.changed.notify_all();
    }
}
