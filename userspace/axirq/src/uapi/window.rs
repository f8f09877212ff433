// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system calls made on a window's file, besides `mmap`: memory for a bus master.

use std::fs::File;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::bindings;
use crate::memory::Step;

/// How many steps the kernel takes at most.
pub(crate) const STEPS: usize = bindings::AXIRQ_STOP_STEPS as usize;

mod ioctl {
    use super::bindings;

    nix::ioctl_write_ptr_bad!(set_stop, bindings::AXIRQ_IOC_SET_STOP, bindings::axirq_stop);
    nix::ioctl_readwrite_bad!(alloc, bindings::AXIRQ_IOC_ALLOC, bindings::axirq_memory);
    nix::ioctl_write_ptr_bad!(free, bindings::AXIRQ_IOC_FREE, u64);
}

/// Where allocated memory is.
pub(crate) struct Piece {
    /// On the core's bus.
    pub(crate) address: u64,
    /// In the file.
    pub(crate) offset: u64,
}

/// Makes the file the one that lends memory to the core, which is stopped like this.
#[expect(unsafe_code, reason = "ioctl")]
pub(crate) fn set_stop(file: &File, stop: &[Step]) -> nix::Result<()> {
    let none = bindings::axirq_step {
        offset: 0,
        value: 0,
        mask: 0,
        done: 0,
    };
    let mut steps = [none; STEPS];
    if stop.len() > STEPS {
        return Err(Errno::EINVAL);
    }
    for (raw, step) in steps.iter_mut().zip(stop) {
        *raw = bindings::axirq_step {
            offset: u32::try_from(step.offset).map_err(|_| Errno::EINVAL)?,
            value: step.value,
            mask: step.mask,
            done: step.done,
        };
    }
    let stop = bindings::axirq_stop {
        count: u32::try_from(stop.len()).map_err(|_| Errno::EINVAL)?,
        reserved: 0,
        steps,
    };
    // SAFETY: The kernel reads one such structure through the pointer, which is valid for that.
    unsafe { ioctl::set_stop(file.as_raw_fd(), &stop) }.map(drop)
}

/// Allocates memory for the core.
#[expect(unsafe_code, reason = "ioctl")]
pub(crate) fn allocate(file: &File, size: NonZeroUsize) -> nix::Result<Piece> {
    let mut memory = bindings::axirq_memory {
        size: size.get() as u64,
        address: 0,
        offset: 0,
    };
    // SAFETY: The kernel reads and writes one such structure through the pointer, which is valid for that.
    unsafe { ioctl::alloc(file.as_raw_fd(), &mut memory) }?;
    Ok(Piece {
        address: memory.address,
        offset: memory.offset,
    })
}

/// Frees memory.
#[expect(unsafe_code, reason = "ioctl")]
pub(crate) fn free(file: &File, offset: u64) -> nix::Result<()> {
    // SAFETY: The kernel reads one u64 through the pointer, which is valid for that.
    unsafe { ioctl::free(file.as_raw_fd(), &offset) }.map(drop)
}
