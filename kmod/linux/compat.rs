// SPDX-License-Identifier: GPL-2.0

//! Where kernels differ: the only file that may ask for a version.

pub(crate) use kernel::error::{code, to_result, Result};

use super::KVec;
use core::ffi::c_int;

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
