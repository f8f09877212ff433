// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Event`]: what a wait returns.

use std::time::Duration;

use nix::time::ClockId;
use nix::time::clock_gettime;

use crate::uapi::Snapshot;

/// One or more interrupts of a line.
///
/// Interrupts that come faster than they are waited for are merged, never lost: [`count`](Self::count) says how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// How many interrupts this event stands for, at least 1: those since the wait began, or, if some came before,
    /// since the last event that was returned.
    pub count: u64,
    /// The line's sequence number after the newest of them. It counts every interrupt since the line was made, whoever
    /// was listening.
    pub sequence: u64,
    /// When the newest came: `CLOCK_MONOTONIC` time, taken in the hard interrupt handler.
    pub timestamp: Duration,
}

impl Event {
    pub(super) fn new(count: u64, now: Snapshot) -> Self {
        Self {
            count,
            sequence: now.sequence,
            timestamp: Duration::from_nanos(now.timestamp_ns),
        }
    }

    /// How long ago the newest interrupt came; right after a wait, the latency from hard interrupt to task.
    pub fn age(&self) -> Duration {
        // Linux always has this clock; without it there is no age to tell.
        clock_gettime(ClockId::CLOCK_MONOTONIC)
            .map(|now| Duration::from(now).saturating_sub(self.timestamp))
            .unwrap_or_default()
    }
}
