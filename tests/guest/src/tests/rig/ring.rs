// SPDX-License-Identifier: MIT OR Apache-2.0
//! An io_uring whose deferred work runs only while the test waits in it.

use std::fs;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::time::Duration;

use io_uring::IoUring;
use io_uring::cqueue;
use io_uring::opcode;
use io_uring::squeue::Entry;
use io_uring::squeue::Flags;
use io_uring::types::Fd;
use io_uring::types::SubmitArgs;
use io_uring::types::Timespec;
use nix::errno::Errno;

use super::PATIENCE;
use super::QUIET;
use super::line_file::Record;

/// How many requests, and as many buffers.
const SLOTS: u16 = 16;

/// A request's number, also that of its buffer.
pub type Slot = u16;

/// The number of a cancellation's own completion.
const CANCELLATION: u64 = u64::MAX;
/// That of handing buffers to the kernel.
const BUFFERS: u64 = u64::MAX - 1;
/// The group of those buffers.
const GROUP: u16 = 0;

pub struct Ring {
    ring: IoUring,
    /// Never freed: a request may be in flight to the very end.
    buffers: *mut [u64; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    pub slot: Slot,
    pub result: nix::Result<u32>,
    /// The request goes on.
    pub more: bool,
    /// The buffer that the kernel chose.
    pub buffer: Option<Slot>,
}

impl Ring {
    pub fn new() -> Self {
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .build(SLOTS.into())
            .unwrap_or_else(|error| panic!("io_uring: {error}"));
        let buffers = Box::leak(Box::new([[0_u64; 3]; SLOTS as usize]));
        Self {
            ring,
            buffers: buffers.as_mut_ptr(),
        }
    }

    /// Asks for an event record.
    pub fn read(&mut self, file: &impl AsFd, slot: Slot) {
        self.submit(self.reading(file, slot));
    }

    /// The same, by a thread of the kernel's from the start.
    pub fn read_by_a_worker(&mut self, file: &impl AsFd, slot: Slot) {
        self.submit(self.reading(file, slot).flags(Flags::ASYNC));
    }

    fn reading(&self, file: &impl AsFd, slot: Slot) -> Entry {
        let length = u32::try_from(size_of::<Record>()).unwrap();
        opcode::Read::new(descriptor(file), self.buffer(slot).cast(), length)
            .build()
            .user_data(slot.into())
    }

    /// Asks for event records, again and again, into buffers of the kernel's choice.
    pub fn read_multishot(&mut self, file: &impl AsFd, slot: Slot) {
        let (length, count) = (size_of::<Record>(), SLOTS);
        let provided = opcode::ProvideBuffers::new(
            self.buffers.cast(),
            i32::try_from(length).unwrap(),
            count,
            GROUP,
            0,
        );
        self.submit(provided.build().user_data(BUFFERS));
        assert_eq!(self.raw_completion(PATIENCE), Some((BUFFERS, 0, 0)));
        let reads = opcode::ReadMulti::new(descriptor(file), 0, GROUP).build();
        self.submit(reads.user_data(slot.into()));
    }

    pub fn poll(&mut self, file: &impl AsFd, slot: Slot) {
        self.submit(Self::polling(file, slot, false));
    }

    pub fn poll_multishot(&mut self, file: &impl AsFd, slot: Slot) {
        self.submit(Self::polling(file, slot, true));
    }

    fn polling(file: &impl AsFd, slot: Slot, multishot: bool) -> Entry {
        opcode::PollAdd::new(descriptor(file), libc::POLLIN as u32)
            .multi(multishot)
            .build()
            .user_data(slot.into())
    }

    /// Cancels a request that is in flight, and takes its completion.
    pub fn cancel(&mut self, slot: Slot) {
        let cancel = opcode::AsyncCancel::new(slot.into()).build();
        self.submit(cancel.user_data(CANCELLATION));
        let mut completions = [(); 2].map(|()| self.raw_completion(PATIENCE).expect("two"));
        completions.sort_unstable();
        let [(cancelled, result, _), (cancellation, success, _)] = completions;
        assert_eq!(
            (cancelled, result),
            (slot.into(), -(Errno::ECANCELED as i32))
        );
        // A worker that is about to sleep is told, and obeys later.
        assert_eq!(cancellation, CANCELLATION);
        assert!([0, -(Errno::EALREADY as i32)].contains(&success));
    }

    fn submit(&mut self, entry: Entry) {
        // SAFETY: Buffers are never freed; files are held by the kernel.
        unsafe { self.ring.submission().push(&entry) }.unwrap();
        self.ring.submit().unwrap();
    }

    /// Waits for the next completion.
    pub fn completion(&mut self) -> Completion {
        let (token, result, flags) = self
            .raw_completion(PATIENCE)
            .unwrap_or_else(|| panic!("waited {PATIENCE:?} for a completion"));
        Completion {
            slot: Slot::try_from(token).unwrap(),
            result: u32::try_from(result).map_err(|_| Errno::from_raw(-result)),
            more: cqueue::more(flags),
            buffer: cqueue::buffer_select(flags),
        }
    }

    /// The next completion is that of a read, in full; gives what it read.
    pub fn record(&mut self, slot: Slot) -> Record {
        let completion = self.completion();
        assert_eq!(
            (completion.slot, completion.result),
            (slot, Ok(size_of::<Record>() as u32)),
        );
        self.read_by(&completion)
    }

    /// What a completed read has read.
    pub fn read_by(&self, completion: &Completion) -> Record {
        let buffer = self.buffer(completion.buffer.unwrap_or(completion.slot));
        // SAFETY: A buffer of ours, which the kernel does not write after the completion.
        let [count, sequence, timestamp] = unsafe { buffer.read_volatile() };
        Record {
            count,
            sequence,
            timestamp,
        }
    }

    /// Nothing completes, though requests get their turn.
    pub fn assert_quiet(&mut self) {
        assert_eq!(self.raw_completion(QUIET), None);
    }

    /// Token, result and flags.
    fn raw_completion(&mut self, patience: Duration) -> Option<(u64, i32, u32)> {
        let time = Timespec::from(patience);
        match self
            .ring
            .submitter()
            .submit_with_args(1, &SubmitArgs::new().timespec(&time))
        {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::ETIME) => {}
            Err(error) => panic!("io_uring_enter: {error}"),
        }
        let entry = self.ring.completion().next()?;
        Some((entry.user_data(), entry.result(), entry.flags()))
    }

    fn buffer(&self, slot: Slot) -> *mut [u64; 3] {
        assert!(slot < SLOTS);
        // SAFETY: Inside the array.
        unsafe { self.buffers.add(slot.into()) }
    }
}

fn descriptor(file: &impl AsFd) -> Fd {
    Fd(file.as_fd().as_raw_fd())
}

/// How many threads of the kernel's work for this process's rings.
pub fn workers() -> usize {
    fs::read_dir("/proc/self/task")
        .unwrap()
        // A thread may end while we look.
        .filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .filter(|name| name.starts_with("iou-wrk"))
        .count()
}
