// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who waits on one open file, and when that file is armed. No system call but through [`Line`], no waiting here.
//!
//! All waiters of an [`Interrupt`](crate::Interrupt) share its file, hence one *mark*: the sequence number up to which the
//! kernel takes everything as seen. A poll of the file reports an event while the line's number differs from the
//! mark, and ARM moves the mark. This is the race that the rules below are for:
//!
//! ```text
//! A: armed, sleeps until the number leaves 0
//!                         interrupt: number = 1, the kernel sets out to wake A
//! B: has seen 1 already, arms: mark = 1
//! A: the kernel looks again whether there is an event: 1 == 1, no. A sleeps on.
//! ```
//!
//! 1. While the file is armed and nothing came, a newcomer joins and makes no system call.
//! 2. Who arms while *tasks* wait wakes them by their wakers; they find their event in the status page.
//! 3. Nobody arms while a *thread* that has not yet taken its event is in `poll(2)`: nothing else could wake it. It is
//!    awake already and needs a moment to leave; the newcomer waits for that ([`Begin::Deferred`]).
//!
//! All is done under one lock, ARM and DISARM included, so no one disarms what another has just armed.

#[cfg(feature = "tokio")]
use std::task::Waker;

use super::Event;
use crate::Result;
use crate::uapi::Line;
#[cfg(feature = "tokio")]
use crate::uapi::Mode;
use crate::uapi::Snapshot;

/// The waiters of one file.
#[derive(Debug)]
pub(super) struct Waiters {
    /// The newest sequence number that was handed to a caller.
    seen: u64,
    /// What the last ARM returned, while somebody may need it: the file's mark. The file is armed as long as the
    /// line's number is this.
    armed_at: Option<u64>,
    /// Threads in `poll(2)`; all wait for the number to leave `armed_at` (rule 3).
    threads: usize,
    /// Threads that were deferred and sleep until they are told to try again.
    deferred: usize,
    #[cfg(feature = "tokio")]
    tasks: Tasks,
    /// Streams that ask for the continuous mode.
    #[cfg(feature = "tokio")]
    streams: usize,
    /// The file is in continuous mode; outlasts the last stream while threads wait.
    #[cfg(feature = "tokio")]
    continuous: bool,
    /// Somebody must be woken once the lock is released.
    wake: bool,
}

/// How a wait begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Not at all: an event that nobody has taken yet was there already.
    Event(Event),
    /// Armed: the event comes when the line's number is no longer this.
    Armed(u64),
    /// Not yet: try again when woken (rule 3).
    Deferred,
}

impl Waiters {
    /// No waiter; everything up to `seen` is old.
    pub(super) fn new(seen: u64) -> Self {
        Self {
            seen,
            armed_at: None,
            threads: 0,
            deferred: 0,
            #[cfg(feature = "tokio")]
            tasks: Tasks::default(),
            #[cfg(feature = "tokio")]
            streams: 0,
            #[cfg(feature = "tokio")]
            continuous: false,
            wake: false,
        }
    }

    /// Whether somebody must be woken; asked once, on releasing the lock.
    pub(super) fn take_wake(&mut self) -> bool {
        std::mem::take(&mut self.wake)
    }

    /// A thread that was deferred goes to sleep, or is back.
    pub(super) fn defer_thread(&mut self, sleeps: bool) {
        if sleeps {
            self.deferred += 1;
        } else {
            self.deferred -= 1;
        }
    }

    /// Whether a thread sleeps until it is told to try again. Telling costs a system call even if nobody listens.
    pub(super) fn has_deferred_threads(&self) -> bool {
        self.deferred > 0
    }

    /// A thread begins to wait. Once armed it calls [`Self::leave_thread`] in the end.
    pub(super) fn begin_thread(&mut self, line: &impl Line) -> Result<Begin> {
        let begin = self.begin(line)?;
        self.threads += usize::from(matches!(begin, Begin::Armed(_)));
        Ok(begin)
    }

    /// A thread is done, with or without its event.
    pub(super) fn leave_thread(&mut self, line: &impl Line) {
        self.threads -= 1;
        // Whoever was deferred can go on now.
        self.wake |= self.threads == 0;
        self.rest(line);
    }

    /// The event of one who waits for the number to leave `baseline`, if it came.
    pub(super) fn take(&mut self, line: &impl Line, baseline: u64) -> Result<Option<Event>> {
        let now = line.snapshot();
        if now.is_gone() {
            return Err(line.gone());
        }
        Ok((now.sequence != baseline).then(|| self.hand_out(now, baseline)))
    }

    fn begin(&mut self, line: &impl Line) -> Result<Begin> {
        let now = line.snapshot();
        if now.is_gone() {
            return Err(line.gone());
        }
        if now.sequence != self.seen && self.armed_at != Some(now.sequence) {
            // Not by arming: a level line whose cause still stands would fire once more, for nothing.
            return Ok(Begin::Event(self.hand_out(now, self.seen)));
        }
        if let Some(at) = self.armed_at {
            if now.sequence == at {
                return Ok(Begin::Armed(at));
            }
            if self.threads > 0 {
                return Ok(Begin::Deferred);
            }
        }
        let at = self.arm(line)?;
        if at == self.seen {
            return Ok(Begin::Armed(at));
        }
        let event = self.hand_out(line.snapshot(), self.seen);
        self.rest(line);
        Ok(Begin::Event(event))
    }

    /// Arms anew, which hides the event from the kernel's pollers: rule 2.
    fn arm(&mut self, line: &impl Line) -> Result<u64> {
        let at = line.arm()?;
        self.armed_at = Some(at);
        self.wake |= self.has_tasks();
        Ok(at)
    }

    fn hand_out(&mut self, now: Snapshot, baseline: u64) -> Event {
        self.seen = now.sequence;
        Event::new(now.sequence.wrapping_sub(baseline), now)
    }

    /// Leaves the line as those who still wait need it. An error here means that the device is gone, or will be met
    /// again by the next wait.
    fn rest(&mut self, line: &impl Line) {
        #[cfg(feature = "tokio")]
        if self.continuous && self.streams == 0 && self.threads == 0 {
            self.continuous = false;
            self.armed_at = None;
            let _ = line.set_mode(Mode::Oneshot);
            if self.has_tasks() {
                let _ = self.arm(line);
            }
        }
        if self.is_needed() {
            return;
        }
        // An interrupt disarms by itself: in steady state this costs no system call.
        if self.armed_at.take() == Some(line.snapshot().sequence) {
            let _ = line.disarm();
        }
    }

    #[cfg(feature = "tokio")]
    fn has_tasks(&self) -> bool {
        !self.tasks.is_empty()
    }

    #[cfg(not(feature = "tokio"))]
    fn has_tasks(&self) -> bool {
        false
    }

    #[cfg(feature = "tokio")]
    fn is_needed(&self) -> bool {
        self.threads > 0 || self.streams > 0 || self.has_tasks()
    }

    #[cfg(not(feature = "tokio"))]
    fn is_needed(&self) -> bool {
        self.threads > 0
    }
}

#[cfg(feature = "tokio")]
impl Waiters {
    /// A task begins to wait, or tries again if it was deferred. Unless it gets its event at once it has a place
    /// then, with its waker in it, and calls [`Self::leave_task`] in the end.
    ///
    /// Wakers go in and come out: the caller drops the old ones after releasing the lock, since dropping the last
    /// one of a task may drop the task, and with it a wait.
    pub(super) fn begin_task(&mut self, line: &impl Line, place: &mut Option<Place>) -> Result<Begin> {
        let begin = self.begin(line)?;
        if !matches!(begin, Begin::Event(_)) {
            place.get_or_insert_with(|| self.tasks.enter());
        }
        Ok(begin)
    }

    /// A stream of an edge line begins: the line stays enabled until [`Self::end_stream`]. Returns the number from
    /// which it counts.
    pub(super) fn begin_stream(&mut self, line: &impl Line) -> Result<(Place, u64)> {
        if line.snapshot().is_gone() {
            return Err(line.gone());
        }
        if !self.continuous {
            line.set_mode(Mode::Continuous)?;
            self.continuous = true;
        }
        self.streams += 1;
        Ok((self.tasks.enter(), self.seen))
    }

    /// A stream of an edge line ends.
    pub(super) fn end_stream(&mut self, line: &impl Line, place: Place) -> Option<Waker> {
        self.streams -= 1;
        self.leave_task(line, place)
    }

    /// Says whom to wake for this place from now on; returns whom no more.
    pub(super) fn set_waker(&mut self, place: &Place, waker: &Waker) -> Option<Waker> {
        let slot = &mut self.tasks.places[place.0].waker;
        match slot {
            Some(old) if old.will_wake(waker) => None,
            _ => slot.replace(waker.clone()),
        }
    }

    /// A task is done, with or without its event. Returns its waker.
    pub(super) fn leave_task(&mut self, line: &impl Line, place: Place) -> Option<Waker> {
        let waker = self.tasks.leave(place);
        self.rest(line);
        waker
    }

    /// The waker in the `index`th place. `None` beyond the last place; `Some(None)` if there is none to wake.
    pub(super) fn waker_at(&mut self, index: usize) -> Option<Option<Waker>> {
        self.tasks.places.get_mut(index).map(|place| place.waker.take())
    }
}

/// The tasks that wait: places are reused, so that in steady state a wait allocates nothing.
#[cfg(feature = "tokio")]
#[derive(Debug, Default)]
struct Tasks {
    places: Vec<TaskPlace>,
    taken: usize,
}

#[cfg(feature = "tokio")]
#[derive(Debug, Default)]
struct TaskPlace {
    taken: bool,
    waker: Option<Waker>,
}

/// A task's place among those that wait.
#[cfg(feature = "tokio")]
#[derive(Debug)]
pub(super) struct Place(usize);

#[cfg(feature = "tokio")]
impl Tasks {
    fn is_empty(&self) -> bool {
        self.taken == 0
    }

    fn enter(&mut self) -> Place {
        self.taken += 1;
        let index = self.places.iter().position(|place| !place.taken).unwrap_or_else(|| {
            self.places.push(TaskPlace::default());
            self.places.len() - 1
        });
        self.places[index].taken = true;
        Place(index)
    }

    fn leave(&mut self, place: Place) -> Option<Waker> {
        self.taken -= 1;
        let slot = &mut self.places[place.0];
        slot.taken = false;
        slot.waker.take()
    }
}

#[cfg(all(test, feature = "tokio"))]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::fake::FakeLine;
    use super::*;

    /// Books, a line, and how often it was armed.
    fn new() -> (Waiters, FakeLine) {
        (Waiters::new(0), FakeLine::new(false))
    }

    fn arms(line: &FakeLine) -> usize {
        line.arms.load(Ordering::Relaxed)
    }

    fn taken(begin: &Begin) -> Option<u64> {
        match begin {
            Begin::Event(event) => Some(event.sequence),
            Begin::Armed(_) | Begin::Deferred => None,
        }
    }

    #[test]
    fn newcomers_join_an_armed_file() {
        let (mut waiters, line) = new();
        let (mut first, mut second) = (None, None);
        assert_eq!(waiters.begin_task(&line, &mut first).unwrap(), Begin::Armed(0));
        assert_eq!(waiters.begin_task(&line, &mut second).unwrap(), Begin::Armed(0));
        assert_eq!(waiters.begin_thread(&line).unwrap(), Begin::Armed(0));
        assert_eq!(arms(&line), 1);
        assert!(!waiters.take_wake());
    }

    #[test]
    fn nobody_arms_for_an_event_that_is_there() {
        let (mut waiters, line) = new();
        line.fire();
        line.fire();
        let mut place = None;
        assert_eq!(taken(&waiters.begin_task(&line, &mut place).unwrap()), Some(2));
        assert!(place.is_none() && arms(&line) == 0);
        assert_eq!(waiters.begin_task(&line, &mut place).unwrap(), Begin::Armed(2));
    }

    #[test]
    fn nobody_arms_while_a_thread_has_not_taken_its_event() {
        let (mut waiters, line) = new();
        assert_eq!(waiters.begin_thread(&line).unwrap(), Begin::Armed(0));
        line.fire();
        // A task takes the event, and wants the next.
        let mut place = None;
        assert_eq!(taken(&waiters.begin_task(&line, &mut place).unwrap()), Some(1));
        assert_eq!(waiters.begin_task(&line, &mut place).unwrap(), Begin::Deferred);
        assert_eq!(waiters.begin_thread(&line).unwrap(), Begin::Deferred);
        assert_eq!(arms(&line), 1, "the mark moved, and hid the event from poll");
        // The thread leaves with it: the task is woken, and arms.
        assert_eq!(waiters.take(&line, 0).unwrap().unwrap().sequence, 1);
        waiters.leave_thread(&line);
        assert!(waiters.take_wake());
        assert_eq!(waiters.begin_task(&line, &mut place).unwrap(), Begin::Armed(1));
        assert_eq!(arms(&line), 2);
    }

    #[test]
    fn who_arms_wakes_the_tasks_that_have_not_looked_yet() {
        let (mut waiters, line) = new();
        let (mut slow, mut quick) = (None, None);
        assert_eq!(waiters.begin_task(&line, &mut slow).unwrap(), Begin::Armed(0));
        line.fire();
        assert_eq!(taken(&waiters.begin_task(&line, &mut quick).unwrap()), Some(1));
        assert!(!waiters.take_wake());
        assert_eq!(waiters.begin_task(&line, &mut quick).unwrap(), Begin::Armed(1));
        assert!(waiters.take_wake());
        assert_eq!(waiters.take(&line, 0).unwrap().unwrap().count, 1);
    }

    #[test]
    fn the_mode_stays_continuous_while_a_thread_waits() {
        let (mut waiters, line) = new();
        let (stream, from) = waiters.begin_stream(&line).unwrap();
        assert_eq!(from, 0);
        assert_eq!(waiters.begin_thread(&line).unwrap(), Begin::Armed(0));
        waiters.end_stream(&line, stream);
        assert!(line.is_continuous() && line.is_armed());
        waiters.leave_thread(&line);
        assert!(!line.is_continuous() && !line.is_armed());
    }

    #[test]
    fn places_are_used_again() {
        let (mut waiters, line) = new();
        for _ in 0..100 {
            let mut place = None;
            waiters.begin_task(&line, &mut place).unwrap();
            waiters.set_waker(place.as_ref().unwrap(), Waker::noop());
            assert!(waiters.leave_task(&line, place.take().unwrap()).is_some());
        }
        assert_eq!(waiters.tasks.places.len(), 1);
        assert!(!line.is_armed());
    }
}
