// SPDX-License-Identifier: GPL-2.0

//! What bindgen made of the target kernel's headers. Private to `linux`.

#![allow(
    clippy::all,
    clippy::pedantic,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unknown_lints,
    unnecessary_transmutes,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unused_qualifications
)]
#![cfg_attr(clippy, allow(clippy::undocumented_unsafe_blocks))]

type __kernel_size_t = usize;
type __kernel_ssize_t = isize;
type __kernel_ptrdiff_t = isize;

include!(env!("AXIRQ_BINDINGS"));
