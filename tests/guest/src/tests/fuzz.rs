// SPDX-License-Identifier: MIT OR Apache-2.0
//! Nonsense, at random, to every node.

crate::tests![];
