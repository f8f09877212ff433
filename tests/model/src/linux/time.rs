// SPDX-License-Identifier: MIT OR Apache-2.0
//! A clock that goes on by one each time it is read.

use super::board;
use std::sync::atomic::Ordering;

pub(crate) fn monotonic_ns() -> u64 {
    board::current().clock.fetch_add(1, Ordering::Relaxed) + 1
}
