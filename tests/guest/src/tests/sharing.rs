// SPDX-License-Identifier: MIT OR Apache-2.0
//! One file in several hands: dup, fork, sockets, io_uring, threads.

crate::tests![];
