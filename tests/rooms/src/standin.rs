// SPDX-License-Identifier: MIT OR Apache-2.0
//! What stands in for the kernel's crate: memory and counted references, on this host's memory.

#[path = "../../../kmod/standin/alloc.rs"]
mod alloc;
#[path = "../../../kmod/standin/error.rs"]
mod error;
#[path = "../../../kmod/standin/sync.rs"]
mod sync;

use std::cell::Cell;
use std::rc::Rc;
use std::thread;

use alloc::{flags::GFP_KERNEL, AllocError, KBox, KVec};
use error::{code, to_result, Error};
use proptest::prelude::*;
use sync::Arc;

use crate::header::evaluate;

/// The C side, as far as it is memory: what is there is counted, and it can run out.
mod sys {
    use std::cell::Cell;
    use std::ffi::c_void;

    thread_local! {
        pub(super) static THERE: Cell<isize> = const { Cell::new(0) };
        pub(super) static EXHAUSTED: Cell<bool> = const { Cell::new(false) };
    }

    unsafe extern "C" {
        fn realloc(memory: *mut c_void, size: usize) -> *mut c_void;
        fn free(memory: *mut c_void);
    }

    #[expect(unsafe_code, reason = "as in C")]
    pub(super) unsafe fn axirq_standin_realloc(memory: *mut c_void, size: usize) -> *mut c_void {
        assert_ne!(size, 0, "this frees, and returns what is no memory");
        if EXHAUSTED.get() {
            return std::ptr::null_mut();
        }
        if memory.is_null() {
            THERE.set(THERE.get() + 1);
        }
        // SAFETY: Says the caller.
        unsafe { realloc(memory, size) }
    }

    #[expect(unsafe_code, reason = "as in C")]
    pub(super) unsafe fn axirq_standin_free(memory: *mut c_void) {
        THERE.set(THERE.get() - 1);
        // SAFETY: Says the caller.
        unsafe { free(memory) };
    }
}

/// Runs out of memory while `f` runs.
fn exhausted<R>(f: impl FnOnce() -> R) -> R {
    sys::EXHAUSTED.set(true);
    let result = f();
    sys::EXHAUSTED.set(false);
    result
}

/// Runs `f`, which must leave no memory behind.
fn balanced(f: impl FnOnce()) {
    let before = sys::THERE.get();
    f();
    assert_eq!(
        sys::THERE.get(),
        before,
        "memory is left, or was freed twice"
    );
}

/// Counts how many of it there are.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[test]
fn a_box_drops_its_value_once() {
    balanced(|| {
        let count = Cell::new(0);
        let mut boxed = KBox::new((7, Counted::new(&count)), GFP_KERNEL).unwrap();
        boxed.0 += 1;
        let raw = KBox::into_raw(boxed);
        assert_eq!(count.get(), 1);
        #[expect(unsafe_code, reason = "the way through C's hands")]
        // SAFETY: Just taken out of a box.
        let boxed = unsafe { KBox::from_raw(raw) };
        assert_eq!(boxed.0, 8);
        drop(boxed);
        assert_eq!(count.get(), 0);
    });
}

#[test]
fn values_without_size_can_be_allocated() {
    balanced(|| {
        drop(KBox::new((), GFP_KERNEL).unwrap());
        let mut vector = KVec::new();
        for _ in 0..3 {
            vector.push((), GFP_KERNEL).unwrap();
        }
        assert_eq!(vector.len(), 3);
    });
}

#[test]
fn want_of_memory_is_an_error_that_changes_nothing() {
    balanced(|| {
        let count = Cell::new(0);
        assert_eq!(
            exhausted(|| KBox::new(1, GFP_KERNEL).err()),
            Some(AllocError)
        );
        assert!(exhausted(
            || Arc::new(Counted::new(&count), GFP_KERNEL).is_err()
        ));
        assert_eq!(count.get(), 0, "what could not be stored is dropped");
        let mut vector = KVec::with_capacity(1, GFP_KERNEL).unwrap();
        vector.push(Counted::new(&count), GFP_KERNEL).unwrap();
        assert!(exhausted(|| vector
            .push(Counted::new(&count), GFP_KERNEL)
            .is_err()));
        assert_eq!((vector.len(), count.get()), (1, 1));
        drop(vector);
        assert_eq!(count.get(), 0);
        assert!(KVec::<u64>::with_capacity(usize::MAX / 4, GFP_KERNEL).is_err());
        assert!(KVec::<u8>::with_capacity(usize::MAX, GFP_KERNEL).is_err());
    });
    assert_eq!(Error::from(AllocError), code::ENOMEM);
}

proptest! {
    #[test]
    fn vectors_are_like_those_of_the_standard_library(
        steps in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..40),
    ) {
        balanced(|| {
            let mut ours = KVec::new();
            let mut theirs = Vec::new();
            for step in &steps {
                let values: Vec<Rc<u8>> = step.iter().copied().map(Rc::new).collect();
                match values.as_slice() {
                    [one] => ours.push(one.clone(), GFP_KERNEL).unwrap(),
                    more => ours.extend_from_slice(more, GFP_KERNEL).unwrap(),
                }
                theirs.extend(values);
                if step.len() > 4 {
                    let last = theirs.len() - 1;
                    ours.swap(0, last);
                    theirs.swap(0, last);
                }
                let (start, length, capacity) = ours.into_raw_parts();
                assert!(length <= capacity);
                #[expect(unsafe_code, reason = "as compat.rs takes elements out")]
                // SAFETY: The parts of a vector that was taken apart.
                unsafe {
                    ours = KVec::from_raw_parts(start, length, capacity);
                }
                assert_eq!(*ours, *theirs);
            }
            drop(ours);
            assert!(theirs.iter().all(|value| Rc::strong_count(value) == 1));
        });
    }
}

#[test]
fn the_last_reference_drops_what_all_have_seen() {
    const TURNS: usize = 200;

    struct Last(
        std::sync::Arc<std::sync::atomic::AtomicUsize>,
        std::sync::Mutex<usize>,
    );

    impl Drop for Last {
        fn drop(&mut self) {
            assert_eq!(*self.1.get_mut().unwrap(), 4);
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }

    let dropped = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for _ in 0..TURNS {
        let shared = Arc::new(Last(dropped.clone(), std::sync::Mutex::new(0)), GFP_KERNEL).unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                let shared = shared.clone();
                scope.spawn(move || *shared.1.lock().unwrap() += 1);
            }
            drop(shared);
        });
    }
    assert_eq!(dropped.load(std::sync::atomic::Ordering::Relaxed), TURNS);
}

#[test]
fn errors_are_numbers_of_c() {
    let numbers = evaluate([
        "EPERM", "ENXIO", "EBADF", "EAGAIN", "ENOMEM", "EFAULT", "EBUSY", "EEXIST", "ENODEV",
        "EINVAL", "ENOTTY", "EFBIG", "ENOSPC",
    ]);
    let errors = [
        code::EPERM,
        code::ENXIO,
        code::EBADF,
        code::EAGAIN,
        code::ENOMEM,
        code::EFAULT,
        code::EBUSY,
        code::EEXIST,
        code::ENODEV,
        code::EINVAL,
        code::ENOTTY,
        code::EFBIG,
        code::ENOSPC,
    ];
    assert_eq!(
        errors.map(|error| u64::from(error.to_errno().unsigned_abs())),
        numbers
    );
    // The kernel's own, which user space never sees.
    assert_eq!(code::EPROBE_DEFER.to_errno(), -517);
    assert_eq!(code::ENOTSUPP.to_errno(), -524);
    assert_eq!(to_result(-4095), Err(Error::from_errno(-4095)));
    for none in [0, 1, -4096, i32::MIN] {
        assert_eq!(Error::from_errno(none), code::EINVAL);
    }
    assert_eq!(to_result(0), Ok(()));
    assert_eq!(to_result(3), Ok(()));
}
