// SPDX-License-Identifier: GPL-2.0

//! The C side: `helpers.h`.

use core::ffi::{c_char, c_void};

extern "C" {
    pub(crate) fn axirq_standin_realloc(memory: *mut c_void, size: usize) -> *mut c_void;
    pub(crate) fn axirq_standin_free(memory: *mut c_void);
    pub(crate) fn axirq_standin_print(level: *const c_char, text: *const c_char, length: usize);
    pub(crate) fn axirq_standin_bug() -> !;
}
