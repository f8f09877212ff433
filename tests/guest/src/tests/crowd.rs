// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an interrupt costs when many files wait for it.

crate::tests![];
