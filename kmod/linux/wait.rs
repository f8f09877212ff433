// SPDX-License-Identifier: GPL-2.0

//! A wait queue: tasks that sleep until a condition holds, and pollers.
//!
//! Waking the queue from the hard interrupt costs the same however many wait:
//!
//! ```text
//!   hard interrupt                            work item (process context)
//!   few on the queue: wake them               wake BATCH; let the lock go; wake BATCH; …
//!   more: queue the work item
//! ```
//!
//! No wake-up is lost on that detour. Who waits is on the queue before he looks for news, and the
//! news is there before the work item is queued. If the item was queued already, it has not begun:
//! it will see the news of both (a promise of `queue_work`). It starts at the head of the queue, so
//! whom it does not meet came on the queue after it had begun, and finds the news when he looks.
//!
//! No wake-up makes anybody believe in news that are not there: wakers pass no poll mask, so pollers
//! look again (io_uring would take a mask for the truth). So it does no harm that a late wake-up
//! finds somebody who has already seen the news, and waits for the next.

use super::{bindings, compat::to_result, KBox, Result, GFP_KERNEL};
use core::{
    cell::UnsafeCell,
    ffi::{c_int, c_uint, c_void},
    mem::offset_of,
    ptr,
};

/// How many the hard interrupt wakes itself.
const FEW: usize = 8;

/// How many are woken while the queue's lock is held, when nothing is in a hurry: so long may a
/// hard interrupt spin for it.
const BATCH: usize = 32;

/// Dropping it waits until nobody wakes it any more: whoever calls [`Queue::wake_readable`] has to
/// have ended before.
///
/// # Invariants
///
/// `raw` is initialised and never moves: it has an allocation of its own.
pub(crate) struct Queue {
    raw: KBox<Raw>,
}

struct Raw {
    head: UnsafeCell<bindings::wait_queue_head>,
    /// Wakes the queue, in process context.
    work: UnsafeCell<bindings::work_struct>,
}

// SAFETY: The C wait queue has a lock of its own, and a work item may be queued by anybody.
unsafe impl Send for Queue {}
// SAFETY: As above.
unsafe impl Sync for Queue {}

impl Queue {
    pub(crate) fn new() -> Result<Self> {
        let raw = KBox::new(
            Raw {
                head: UnsafeCell::new(Default::default()),
                work: UnsafeCell::new(Default::default()),
            },
            GFP_KERNEL,
        )?;
        // SAFETY: `raw` is ours alone and stays where it is.
        unsafe { bindings::axirq_init_waitqueue_head(raw.head.get()) };
        // SAFETY: As above. `wake_later` is for a `work` that is part of a `Raw`.
        unsafe { bindings::axirq_init_work(raw.work.get(), Some(wake_later)) };
        Ok(Self { raw })
    }

    pub(super) fn as_raw(&self) -> *mut bindings::wait_queue_head {
        self.raw.head.get()
    }

    /// Wakes all who wait for data: at once if they are few, soon if they are many. Any context.
    pub(crate) fn wake_readable(&self) {
        // Exclusive waiters too: the queue is the line's, and each file has its own count.
        const EVERYBODY: c_int = 0;

        let locked = Locked::new(&self.raw.head);
        if locked.holds_more_than(FEW) {
            drop(locked);
            // SAFETY: The work item is initialised (type invariant), and `drop` waits for it.
            unsafe { bindings::axirq_queue_work(self.raw.work.get()) };
        } else {
            // SAFETY: The queue is initialised, and locked.
            unsafe { bindings::__wake_up_locked(self.as_raw(), NORMAL, EVERYBODY) };
        }
    }

    /// Wakes all: what they wait for will never come. Process context.
    pub(crate) fn wake_gone(&self) {
        wake_in_batches(
            &self.raw.head,
            bindings::axirq_poll_events_AXIRQ_POLL_IN | bindings::axirq_poll_events_AXIRQ_POLL_GONE,
        );
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

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: The item is initialised, and nobody queues it any more: who could holds a
        // reference to `self`. Past this line it does not run either.
        unsafe { bindings::cancel_work_sync(self.raw.work.get()) };
    }
}

/// Which tasks a wake-up is for.
const NORMAL: u32 = bindings::TASK_INTERRUPTIBLE | bindings::TASK_UNINTERRUPTIBLE;

/// # Safety
///
/// For the workqueue alone, with the `work` of a [`Raw`] that a [`Queue`] owns.
unsafe extern "C" fn wake_later(work: *mut bindings::work_struct) {
    // SAFETY: `work` is a field of a `Raw`.
    let raw = unsafe { work.byte_sub(offset_of!(Raw, work)) }.cast::<Raw>();
    // SAFETY: The queue that owns it waits in `drop` until this function has returned.
    let raw = unsafe { &*raw };
    wake_in_batches(&raw.head, 0);
}

/// Wakes all who are on the queue when this begins. `events` is what pollers are told, without a
/// look of their own; none: they look.
///
/// Others lock and change the queue between two batches. The place is kept by an entry of our own,
/// which does nothing when it is woken.
fn wake_in_batches(
    head: &UnsafeCell<bindings::wait_queue_head>,
    events: bindings::axirq_poll_events,
) {
    // An event mask in a pointer's clothes, as `wake_up_poll()` passes it.
    let key = events as usize as *mut c_void;
    let mut bookmark = bindings::wait_queue_entry {
        func: Some(stay_asleep),
        ..Default::default()
    };
    let bookmark = ptr::from_mut(&mut bookmark);
    // SAFETY: The bookmark lives on this stack until it is off the queue again.
    let place = unsafe { ptr::addr_of_mut!((*bookmark).entry) };

    let mut locked = Locked::new(head);
    // SAFETY: The queue is locked; the bookmark is in no list.
    unsafe { bindings::axirq_list_add(place, locked.list()) };
    loop {
        for _ in 0..BATCH {
            // SAFETY: The bookmark is in the list, which is locked.
            let next = unsafe { (*place).next };
            if ptr::eq(next, locked.list()) {
                // SAFETY: As above.
                unsafe { bindings::axirq_list_del(place) };
                return;
            }
            // Before the entry is woken: it may then take itself off the queue, and be freed.
            // SAFETY: Both are in the list, which is locked.
            unsafe { bindings::axirq_list_move(place, next) };
            // SAFETY: All but the list's head, which `next` is not, are part of an entry.
            let entry = unsafe { next.byte_sub(offset_of!(bindings::wait_queue_entry, entry)) }
                .cast::<bindings::wait_queue_entry>();
            // SAFETY: Entries are valid while they are on the queue, which is locked.
            if let Some(wake) = unsafe { (*entry).func } {
                // SAFETY: Called as `__wake_up` does: with the lock held.
                unsafe { wake(entry, NORMAL, 0, key) };
            }
        }
        drop(locked);
        // SAFETY: Process context, and no spinlock is held.
        unsafe { bindings::axirq_cond_resched() };
        locked = Locked::new(head);
    }
}

/// What a bookmark does when it is woken.
extern "C" fn stay_asleep(
    _entry: *mut bindings::wait_queue_entry,
    _mode: c_uint,
    _flags: c_int,
    _key: *mut c_void,
) -> c_int {
    0
}

/// A queue whose lock is held: interrupts of this CPU are off (on `PREEMPT_RT`, where handlers are
/// tasks and this lock sleeps, they are not).
struct Locked<'a> {
    head: &'a UnsafeCell<bindings::wait_queue_head>,
    flags: core::ffi::c_ulong,
}

impl<'a> Locked<'a> {
    fn new(head: &'a UnsafeCell<bindings::wait_queue_head>) -> Self {
        // SAFETY: The queue is initialised: `Raw`s are made by `Queue::new` alone.
        let flags = unsafe { bindings::axirq_wait_queue_lock(head.get()) };
        Self { head, flags }
    }

    fn list(&self) -> *mut bindings::list_head {
        // SAFETY: The queue is valid; only an address is taken.
        unsafe { ptr::addr_of_mut!((*self.head.get()).head) }
    }

    /// Looks at no more entries than that.
    fn holds_more_than(&self, count: usize) -> bool {
        let list = self.list();
        let mut at = list;
        for _ in 0..=count {
            // SAFETY: The list is locked, so what it links is valid.
            at = unsafe { (*at).next };
            if ptr::eq(at, list) {
                return false;
            }
        }
        true
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: Locked by `new`, with `flags`, by this task or interrupt.
        unsafe { bindings::axirq_wait_queue_unlock(self.head.get(), self.flags) };
    }
}
