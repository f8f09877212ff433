// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tools and administrators see: fdinfo, uevents, the udev rule, modinfo.

crate::tests![];
