// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Events`]: the events of a line, one after the other.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use futures_core::Stream;
use tokio::task::coop;

use super::Core;
use super::Event;
use super::future::Wait;
use super::future::poll_event;
use super::waiters::Place;
use crate::Result;
use crate::uapi::Line;
use crate::uapi::LineFile;

/// The events of a line as a [`Stream`]; made by [`Interrupt::events`](super::Interrupt::events).
///
/// Ends after the first error; a device that leaves is one ([`Error::Gone`](crate::Error::Gone)).
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Events<'a>(EventsOf<'a, LineFile>);

impl<'a> Events<'a> {
    pub(super) fn new(core: &'a Core<LineFile>) -> Self {
        Self(EventsOf::new(core))
    }
}

impl Stream for Events<'_> {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

/// [`Events`] of any line.
#[derive(Debug)]
pub(super) struct EventsOf<'a, L: Line> {
    core: &'a Core<L>,
    state: State<'a, L>,
}

#[derive(Debug)]
enum State<'a, L: Line> {
    /// Not polled yet.
    New,
    /// An edge line: it stays enabled, and the number to count from moves on.
    Continuous(Place, u64),
    /// A level line: one wait after the other, as only waiting again may enable it.
    Oneshot(Wait<'a, L>),
    Ended,
}

impl<'a, L: Line> EventsOf<'a, L> {
    pub(super) fn new(core: &'a Core<L>) -> Self {
        Self {
            core,
            state: State::New,
        }
    }

    fn start(&self) -> Result<State<'a, L>> {
        let shared = &self.core.shared;
        if shared.line.snapshot().is_level() {
            return Ok(State::Oneshot(Wait::new(self.core)));
        }
        self.core.reactor.register(shared)?;
        let (place, baseline) = shared.with(|waiters, line| waiters.begin_stream(line))?;
        Ok(State::Continuous(place, baseline))
    }

    fn end(&mut self) {
        if let State::Continuous(place, _) = std::mem::replace(&mut self.state, State::Ended) {
            let waker = self.core.shared.with(|waiters, line| waiters.end_stream(line, place));
            drop(waker);
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event>> {
        if let State::New = self.state {
            self.state = self.start()?;
        }
        match &mut self.state {
            State::Continuous(place, baseline) => {
                let progress = ready!(coop::poll_proceed(cx));
                let event = ready!(poll_event(self.core, place, *baseline, cx))?;
                progress.made_progress();
                *baseline = event.sequence;
                Poll::Ready(Ok(event))
            }
            State::Oneshot(wait) => {
                let event = ready!(Pin::new(&mut *wait).poll(cx))?;
                *wait = Wait::new(self.core);
                Poll::Ready(Ok(event))
            }
            State::New | State::Ended => unreachable!("started above, and not polled once ended"),
        }
    }
}

impl<L: Line> Stream for EventsOf<'_, L> {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let State::Ended = self.state {
            return Poll::Ready(None);
        }
        let result = ready!(self.poll_event(cx));
        if result.is_err() {
            self.end();
        }
        Poll::Ready(Some(result))
    }
}

impl<L: Line> Drop for EventsOf<'_, L> {
    fn drop(&mut self) {
        self.end();
    }
}
