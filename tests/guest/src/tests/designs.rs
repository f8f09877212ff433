// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole designs: cascades, several controllers, IP cores on all of them, raw inputs only.

crate::tests![];
