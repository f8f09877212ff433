// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines shared with drivers of the kernel's own.

crate::tests![];
