// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line's file without the crate: what `kmod/uapi/axirq.h` promises, call by call.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::ptr::NonNull;
use std::ptr::addr_of;
use std::ptr::read_volatile;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::mman::mmap;
use nix::sys::mman::munmap;
use nix::unistd::read;

use super::PATIENCE;
use super::QUIET;
use super::paths;

pub const ONESHOT: u32 = 0;
pub const CONTINUOUS: u32 = 1;

pub const STATE_GONE: u32 = 1;
pub const STATE_LEVEL: u32 = 2;

const PAGE_SIZE: NonZeroUsize = NonZeroUsize::new(4096).unwrap();

mod ioctl {
    nix::ioctl_read!(arm, 0xb7, 0x00, u64);
    nix::ioctl_none!(disarm, 0xb7, 0x01);
    nix::ioctl_write_ptr!(set_mode, 0xb7, 0x02, u32);
}

/// An open line.
pub struct LineFile(File);

/// `struct axirq_event`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    pub count: u64,
    pub sequence: u64,
    pub timestamp: u64,
}

impl LineFile {
    /// Opens a line; reads never block.
    pub fn open(pin: &str) -> Self {
        Self::try_open(pin).unwrap_or_else(|error| panic!("{pin}: {error}"))
    }

    pub fn try_open(pin: &str) -> io::Result<Self> {
        let path = paths::node(pin);
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map(Self)
    }

    /// Opens a line whose reads block.
    pub fn open_blocking(pin: &str) -> Self {
        Self(File::open(paths::node(pin)).unwrap_or_else(|error| panic!("{pin}: {error}")))
    }

    /// Another descriptor of the same file.
    pub fn try_clone(&self) -> Self {
        Self(self.0.try_clone().unwrap())
    }

    /// For system calls with nothing in between.
    pub fn as_fd_number(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    pub fn into_fd(self) -> OwnedFd {
        self.0.into()
    }

    /// As [`Self::open_blocking`]; none if it cannot be opened.
    pub fn open_blocking_if_there(pin: &str) -> Option<Self> {
        File::open(paths::node(pin)).ok().map(Self)
    }

    pub fn arm(&self) -> nix::Result<u64> {
        let mut sequence = 0;
        // SAFETY: The kernel writes one u64 to a valid place.
        unsafe { ioctl::arm(self.0.as_raw_fd(), &mut sequence) }.map(|_| sequence)
    }

    pub fn disarm(&self) -> nix::Result<()> {
        // SAFETY: This ioctl takes no argument.
        unsafe { ioctl::disarm(self.0.as_raw_fd()) }.map(drop)
    }

    pub fn set_mode(&self, mode: u32) -> nix::Result<()> {
        // SAFETY: The kernel reads one u32 from a valid place.
        unsafe { ioctl::set_mode(self.0.as_raw_fd(), &mode) }.map(drop)
    }

    /// Reads into as many bytes; gives those that came.
    pub fn read(&self, length: usize) -> nix::Result<Vec<u8>> {
        let mut bytes = vec![0xee; length];
        let count = read(&self.0, &mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// Reads an eventfd's count.
    pub fn read_count(&self) -> nix::Result<u64> {
        self.read(8)
            .map(|bytes| u64::from_ne_bytes(bytes.try_into().expect("8 bytes")))
    }

    /// Reads an event record.
    pub fn read_record(&self) -> nix::Result<Record> {
        let bytes = self.read(size_of::<Record>())?;
        assert_eq!(bytes.len(), size_of::<Record>());
        let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        Ok(Record {
            count: word(0),
            sequence: word(8),
            timestamp: word(16),
        })
    }

    /// Arms by asking in vain.
    pub fn arm_by_read(&self) {
        assert_eq!(self.read_count(), Err(Errno::EAGAIN));
    }

    /// What `poll` says within a time.
    pub fn poll(&self, patience: Duration) -> PollFlags {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(patience).unwrap()).unwrap();
        fds[0].revents().expect("flags that nix knows")
    }

    /// Waits for an event.
    pub fn wait(&self) {
        assert_eq!(self.poll(PATIENCE), PollFlags::POLLIN);
    }

    /// Nothing comes.
    pub fn assert_quiet(&self) {
        assert_eq!(self.poll(QUIET), PollFlags::empty());
    }

    pub fn page(&self) -> Page {
        Page::map(&self.0).unwrap()
    }

    /// `mmap` of anything.
    pub fn map(
        &self,
        length: usize,
        protection: ProtFlags,
        flags: MapFlags,
        offset: libc::off_t,
    ) -> nix::Result<Mapping> {
        Mapping::new(
            &self.0,
            NonZeroUsize::new(length).unwrap(),
            protection,
            flags,
            offset,
        )
    }
}

impl From<OwnedFd> for LineFile {
    fn from(descriptor: OwnedFd) -> Self {
        Self(descriptor.into())
    }
}

impl AsFd for LineFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Some mapping, unmapped when dropped.
pub struct Mapping {
    at: NonNull<libc::c_void>,
    length: NonZeroUsize,
}

impl Mapping {
    pub fn new(
        file: impl AsFd,
        length: NonZeroUsize,
        protection: ProtFlags,
        flags: MapFlags,
        offset: libc::off_t,
    ) -> nix::Result<Self> {
        // SAFETY: At an address of the kernel's choice: nothing of ours is replaced.
        let at = unsafe { mmap(None, length, protection, flags, file, offset) }?;
        Ok(Self { at, length })
    }

    /// `mprotect` to writable.
    pub fn make_writable(&self) -> nix::Result<()> {
        // SAFETY: The mapping is ours, and nothing is borrowed from it.
        unsafe {
            nix::sys::mman::mprotect(
                self.at,
                self.length.get(),
                ProtFlags::PROT_READ | ProtFlags::PROT_WRITE,
            )
        }
    }
}

impl Mapping {
    /// Reads the first word.
    pub fn touch(&self) {
        // SAFETY: A mapping is a page at least; whether it can be read is what is tried.
        unsafe { self.at.cast::<u32>().read_volatile() };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: Mapped by `new`, unmapped nowhere else.
        unsafe { munmap(self.at, self.length.get()) }.unwrap();
    }
}

/// `struct axirq_page`.
#[repr(C)]
struct RawPage {
    version: u32,
    generation: u32,
    sequence: u64,
    timestamp: u64,
    state: u32,
    reserved: u32,
}

/// What a page says at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub version: u32,
    pub sequence: u64,
    pub timestamp: u64,
    pub state: u32,
    pub reserved: u32,
}

/// A line's page.
pub struct Page(Mapping);

impl Page {
    fn map(file: &File) -> nix::Result<Self> {
        Mapping::new(
            file,
            PAGE_SIZE,
            ProtFlags::PROT_READ,
            MapFlags::MAP_SHARED,
            0,
        )
        .map(Self)
    }

    pub fn snapshot(&self) -> Snapshot {
        let page: *const RawPage = self.0.at.as_ptr().cast_const().cast();
        loop {
            // SAFETY: The mapping holds a whole page, aligned; the kernel may write at any time, hence volatile.
            let (before, snapshot) = unsafe {
                let before = read_volatile(addr_of!((*page).generation));
                fence(Ordering::Acquire);
                let snapshot = Snapshot {
                    version: read_volatile(addr_of!((*page).version)),
                    sequence: read_volatile(addr_of!((*page).sequence)),
                    timestamp: read_volatile(addr_of!((*page).timestamp)),
                    state: read_volatile(addr_of!((*page).state)),
                    reserved: read_volatile(addr_of!((*page).reserved)),
                };
                (before, snapshot)
            };
            fence(Ordering::Acquire);
            // SAFETY: As above.
            let after = unsafe { read_volatile(addr_of!((*page).generation)) };
            if before == after && before % 2 == 0 {
                return snapshot;
            }
        }
    }
}
