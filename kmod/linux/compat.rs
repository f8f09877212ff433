// SPDX-License-Identifier: GPL-2.0

//! Where kernels differ: the only file that may ask for a version.

pub(crate) use kernel::error::{code, to_result, Result};

use super::KVec;
use core::ffi::{c_char, c_int, CStr};

/// The errno that C expects for `result`: zero or negative.
pub(crate) fn to_errno(result: Result) -> c_int {
    match result {
        Ok(()) => 0,
        Err(error) => error.to_errno(),
    }
}

/// C's convention for pointers that may hold an errno instead.
pub(crate) fn from_err_ptr<T>(pointer: *mut T) -> Result<*mut T> {
    const MAX_ERRNO: isize = 4095;

    let value = pointer as isize;
    if (-MAX_ERRNO..0).contains(&value) {
        to_result(value as c_int)?;
    }
    Ok(pointer)
}

/// Takes an element out of a vector, in no particular order.
///
/// 6.12's `Vec` has neither `pop` nor `swap_remove`.
pub(crate) fn swap_remove<T>(vector: &mut KVec<T>, at: usize) -> T {
    let last = vector.len() - 1;
    vector.swap(at, last);
    let (pointer, _, capacity) = core::mem::replace(vector, KVec::new()).into_raw_parts();
    // SAFETY: The parts are those of a vector; its last element is moved out once and the new
    // vector ends before it.
    unsafe {
        let element = pointer.add(last).read();
        *vector = KVec::from_raw_parts(pointer, last, capacity);
        element
    }
}

/// A constant string as C takes it. `char` is unsigned in the kernel, whatever `core` says.
pub(crate) const fn c_str(text: &CStr) -> *const c_char {
    text.to_bytes_with_nul().as_ptr().cast()
}

/// A string of C's.
///
/// # Safety
///
/// `text` is terminated, and valid for the lifetime that the caller gives it.
#[expect(clippy::disallowed_methods, reason = "6.12 has no CStrExt")]
pub(crate) unsafe fn from_c_str<'a>(text: *const c_char) -> &'a CStr {
    // SAFETY: Says the caller.
    unsafe { CStr::from_ptr(text.cast()) }
}
