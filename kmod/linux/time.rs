// SPDX-License-Identifier: GPL-2.0

//! The clock, and sleeping by it.

use super::bindings;

/// `CLOCK_MONOTONIC` in nanoseconds. Any context.
pub(crate) fn monotonic_ns() -> u64 {
    // SAFETY: No preconditions.
    let now = unsafe { bindings::ktime_get() };
    now as u64
}

/// Sleeps for that time, twice that at most. Process context only.
pub(crate) fn sleep_us(microseconds: u32) {
    // SAFETY: The caller may sleep.
    unsafe { bindings::axirq_usleep(microseconds.into()) };
}
