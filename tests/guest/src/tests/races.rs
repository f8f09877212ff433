// SPDX-License-Identifier: MIT OR Apache-2.0
//! A seeded random schedule against a reference model.

crate::tests![];
