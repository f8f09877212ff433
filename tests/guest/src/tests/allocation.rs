// SPDX-License-Identifier: MIT OR Apache-2.0
//! Allocations that fail, one after the other.

crate::tests![];
