// SPDX-License-Identifier: MIT OR Apache-2.0
//! The locks under waiting. `tests/schedules` puts others in their place, to try every order in which threads can run.

pub(crate) use std::sync::Condvar;
pub(crate) use std::sync::Mutex;
pub(crate) use std::sync::MutexGuard;
