// SPDX-License-Identifier: GPL-2.0

//! A wait queue: tasks that sleep until a condition holds, and pollers.

use super::{bindings, compat::to_result, KBox, Result, GFP_KERNEL};
use core::{
    cell::UnsafeCell,
    ffi::{c_int, c_void},
    ptr,
};

/// # Invariants
///
/// `raw` is initialised and never moves: it has an allocation of its own.
pub(crate) struct Queue {
    raw: KBox<UnsafeCell<bindings::wait_queue_head>>,
}

// SAFETY: The C wait queue has a lock of its own.
unsafe impl Send for Queue {}
// SAFETY: As above.
unsafe impl Sync for Queue {}

impl Queue {
    pub(crate) fn new() -> Result<Self> {
        let raw = KBox::new(UnsafeCell::new(Default::default()), GFP_KERNEL)?;
        // SAFETY: `raw` is ours alone and stays where it is.
        unsafe { bindings::axirq_init_waitqueue_head(raw.get()) };
        Ok(Self { raw })
    }

    pub(super) fn as_raw(&self) -> *mut bindings::wait_queue_head {
        self.raw.get()
    }

    /// Wakes all who wait for data. Any context.
    pub(crate) fn wake_readable(&self) {
        self.wake(bindings::axirq_poll_events_AXIRQ_POLL_IN);
    }

    /// Wakes all: what they wait for will never come. Any context.
    pub(crate) fn wake_gone(&self) {
        self.wake(
            bindings::axirq_poll_events_AXIRQ_POLL_IN | bindings::axirq_poll_events_AXIRQ_POLL_GONE,
        );
    }

    fn wake(&self, events: bindings::axirq_poll_events) {
        const NORMAL: u32 = bindings::TASK_INTERRUPTIBLE | bindings::TASK_UNINTERRUPTIBLE;
        // All exclusive waiters too: the queue is the line's, and each file has its own count.
        const EVERYBODY: c_int = 0;

        let key = events as usize as *mut c_void;
        // SAFETY: The queue is initialised (type invariant); the key is an event mask in a
        // pointer's clothes, as `wake_up_poll()` passes it.
        unsafe { bindings::__wake_up(self.as_raw(), NORMAL, EVERYBODY, key) };
    }

    /// Sleeps until `condition` holds, or a signal arrives (`ERESTARTSYS`).
    ///
    /// The task is on the queue before the condition is looked at, so a wake-up between the two
    /// makes the sleep return at once.
    pub(crate) fn wait_until(&self, mut condition: impl FnMut() -> bool) -> Result {
        let mut entry = bindings::wait_queue_entry::default();
        // SAFETY: The entry lives on this stack until `finish_wait` has taken it off the queue.
        unsafe { bindings::init_wait_entry(ptr::from_mut(&mut entry), 0) };
        let result = loop {
            // SAFETY: Queue and entry are initialised.
            let signal = unsafe {
                bindings::prepare_to_wait_event(
                    self.as_raw(),
                    ptr::from_mut(&mut entry),
                    bindings::TASK_INTERRUPTIBLE as c_int,
                )
            };
            if condition() {
                break Ok(());
            }
            if signal != 0 {
                break to_result(signal as c_int);
            }
            // SAFETY: Process context, and no spinlock is held: callers come from system calls.
            unsafe { bindings::schedule() };
        };
        // SAFETY: As above.
        unsafe { bindings::finish_wait(self.as_raw(), ptr::from_mut(&mut entry)) };
        result
    }
}
