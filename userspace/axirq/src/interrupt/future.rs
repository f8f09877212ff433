// SPDX-License-Identifier: MIT OR Apache-2.0
//! A task's wait: the one body behind `wait().await` and the event stream.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::task::coop;

use super::Core;
use super::Event;
use super::waiters::Begin;
use super::waiters::Place;
use crate::Result;
use crate::uapi::Line;

/// One wait for one event; dropping it ends the wait.
///
/// It arms when first polled, or earlier by [`Wait::poll_arm`] for those who look at their device in between.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub(super) struct Wait<'a, L: Line> {
    core: &'a Core<L>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Not armed; has a place if it was deferred.
    New(Option<Place>),
    /// Waits for the number to leave the given one.
    Armed(Place, u64),
    /// The event was there already.
    Found(Event),
    Done,
}

impl<'a, L: Line> Wait<'a, L> {
    pub(super) fn new(core: &'a Core<L>) -> Self {
        Self {
            core,
            state: State::New(None),
        }
    }

    /// Arms the line, or finds an event that makes it unnecessary.
    pub(super) fn poll_arm(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let State::New(place) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        let shared = &self.core.shared;
        // First, so that nothing is armed where nothing can be awaited.
        self.core.reactor.register(shared)?;
        let (begin, old_waker) = shared.with(|waiters, line| {
            let begin = waiters.begin_task(line, place);
            // Whoever has to try again wants to be told when.
            let old_waker = place.as_ref().and_then(|place| waiters.set_waker(place, cx.waker()));
            (begin, old_waker)
        });
        drop(old_waker);
        match begin? {
            Begin::Deferred => return Poll::Pending,
            Begin::Event(event) => {
                self.leave();
                self.state = State::Found(event);
            }
            Begin::Armed(baseline) => {
                if let Some(place) = place.take() {
                    self.state = State::Armed(place, baseline);
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn leave(&mut self) {
        if let State::New(Some(place)) | State::Armed(place, _) = std::mem::replace(&mut self.state, State::Done) {
            let shared = &self.core.shared;
            let waker = shared.with(|waiters, line| waiters.leave_task(line, place));
            drop(waker);
        }
    }
}

impl<L: Line> Future for Wait<'_, L> {
    type Output = Result<Event>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // A line that fires faster than it is awaited would never let another task run.
        let progress = ready!(coop::poll_proceed(cx));
        let result = match ready!(self.poll_arm(cx)) {
            Err(error) => Err(error),
            Ok(()) => match &self.state {
                State::Found(event) => Ok(*event),
                State::Armed(place, baseline) => ready!(poll_event(self.core, place, *baseline, cx)),
                State::New(_) | State::Done => panic!("`Wait` polled after it was ready"),
            },
        };
        self.leave();
        progress.made_progress();
        Poll::Ready(result)
    }
}

impl<L: Line> Drop for Wait<'_, L> {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Waits for the line's number to leave `baseline`.
///
/// The status page alone decides; readiness only says when to look. Register first, look second: our waker is in its
/// place before the first look, tokio's before the last one.
pub(super) fn poll_event<L: Line>(
    core: &Core<L>,
    place: &Place,
    baseline: u64,
    cx: &mut Context<'_>,
) -> Poll<Result<Event>> {
    let shared: &Arc<_> = &core.shared;
    let old_waker = shared.with(|waiters, _| waiters.set_waker(place, cx.waker()));
    drop(old_waker);
    if let Some(event) = shared.take(baseline)? {
        return Poll::Ready(Ok(event));
    }
    loop {
        let mut ready = ready!(core.reactor.poll_ready(shared))?;
        if let Some(event) = shared.take(baseline)? {
            // Left as it is: other tasks look at the page, and whoever arms next clears it.
            ready.retain_ready();
            return Poll::Ready(Ok(event));
        }
        // The device hung up before its page could say so.
        if ready.ready().is_read_closed() {
            return Poll::Ready(Err(shared.line.gone()));
        }
        // Left over from an event that was found in the page. If the driver reported another one since we looked,
        // this does nothing and we go round once more.
        ready.clear_ready();
    }
}
