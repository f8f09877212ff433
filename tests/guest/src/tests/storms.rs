// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines that never fall, and interrupts that nobody raised.

crate::tests![];
