// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command `axirq`.

fn main() {}
