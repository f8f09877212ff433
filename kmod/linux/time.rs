// SPDX-License-Identifier: GPL-2.0

//! The clock.

use super::bindings;

/// `CLOCK_MONOTONIC` in nanoseconds. Any context.
pub(crate) fn monotonic_ns() -> u64 {
    // SAFETY: No preconditions.
    let now = unsafe { bindings::ktime_get() };
    now as u64
}
