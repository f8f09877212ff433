// SPDX-License-Identifier: MIT OR Apache-2.0
//! The Rust side of `kmod/uapi/axirq.h`: a line's file, and the only system calls made on it.

#[expect(
    dead_code,
    non_camel_case_types,
    reason = "generated; the library uses what it needs"
)]
#[rustfmt::skip]
mod bindings;
mod page;
#[cfg(feature = "memory")]
pub(crate) mod window;

pub(crate) use page::Page;
pub(crate) use page::Snapshot;
#[cfg(all(test, feature = "tokio"))]
pub(crate) use page::fake;

use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;

use crate::Error;
use crate::Result;

mod ioctl {
    use super::bindings;

    nix::ioctl_read_bad!(arm, bindings::AXIRQ_IOC_ARM, u64);
    nix::ioctl_none_bad!(disarm, bindings::AXIRQ_IOC_DISARM);
    #[cfg(feature = "tokio")]
    nix::ioctl_write_ptr_bad!(set_mode, bindings::AXIRQ_IOC_SET_MODE, u32);
}

/// How a subscription behaves after an event. Only streams ask for anything but the default.
#[cfg(feature = "tokio")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Mode {
    /// An interrupt disarms it.
    Oneshot = bindings::AXIRQ_MODE_ONESHOT,
    /// It stays armed.
    Continuous = bindings::AXIRQ_MODE_CONTINUOUS,
}

/// What the waiting side needs of a line: the file's own operations, and what tests put in their place.
///
/// [`AsFd`] must name the same open file for the whole life of the value.
pub(crate) trait Line: AsFd + Send + Sync + 'static {
    /// What errors call this line.
    fn name(&self) -> &str;
    /// Marks everything so far as seen, arms, and returns the line's sequence number.
    fn arm(&self) -> Result<u64>;
    /// Stops waiting.
    fn disarm(&self) -> Result<()>;
    /// Chooses what happens after an event.
    #[cfg(feature = "tokio")]
    fn set_mode(&self, mode: Mode) -> Result<()>;
    /// The status page, as of now. No system call.
    fn snapshot(&self) -> Snapshot;

    /// Sleeps until there is an event since ARM, the device has left, or the time is over; or less, for no reason. True
    /// if the device has left.
    fn sleep(&self, timeout: Option<Duration>) -> Result<bool> {
        let mut files = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        match nix::poll::poll(&mut files, poll_timeout(timeout)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::system("poll", self.name(), errno)),
        }
        let ready = files[0].revents().unwrap_or(PollFlags::empty());
        Ok(ready.intersects(PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL))
    }

    /// The error of whoever finds the device gone.
    fn gone(&self) -> Error {
        Error::Gone {
            name: self.name().to_owned(),
        }
    }
}

/// A line's open file and its status page.
#[derive(Debug)]
pub(crate) struct LineFile {
    name: String,
    page: Page,
    fd: OwnedFd,
}

impl LineFile {
    /// Takes over an open file, once it has proven to be a line.
    pub(crate) fn new(fd: OwnedFd, name: String) -> Result<Self> {
        // A line that nobody has armed does not mind. Other kinds of files know no such ioctl, and have several ways to
        // say so: ENOTTY mostly, EINVAL an epoll, EBADF a file opened with O_PATH.
        match disarm(fd.as_fd()) {
            Ok(_) => {}
            Err(Errno::ENODEV) => return Err(Error::Gone { name }),
            Err(_) => return Err(Error::NotALine { name }),
        }
        let page = match Page::map(fd.as_fd()) {
            Ok(page) => page,
            Err(errno) => return Err(failed("mmap", &name, errno)),
        };
        let (found, known) = (page.version(), bindings::AXIRQ_PAGE_VERSION);
        if found != known {
            return Err(Error::PageVersion { name, found, known });
        }
        Ok(Self { name, page, fd })
    }
}

impl Line for LineFile {
    fn name(&self) -> &str {
        &self.name
    }

    #[expect(unsafe_code, reason = "ioctl")]
    fn arm(&self) -> Result<u64> {
        let mut sequence = 0;
        // SAFETY: The kernel writes one u64 through the pointer, which is valid for that.
        let done = unsafe { ioctl::arm(self.fd.as_raw_fd(), &mut sequence) };
        check("ARM ioctl", &self.name, done)?;
        Ok(sequence)
    }

    fn disarm(&self) -> Result<()> {
        check("DISARM ioctl", &self.name, disarm(self.fd.as_fd()))
    }

    #[cfg(feature = "tokio")]
    #[expect(unsafe_code, reason = "ioctl")]
    fn set_mode(&self, mode: Mode) -> Result<()> {
        let number = mode as u32;
        // SAFETY: The kernel reads one u32 through the pointer, which is valid for that.
        match unsafe { ioctl::set_mode(self.fd.as_raw_fd(), &number) } {
            Err(Errno::EINVAL) => Err(Error::LevelContinuous { pin: self.name.clone() }),
            done => check("SET_MODE ioctl", &self.name, done),
        }
    }

    fn snapshot(&self) -> Snapshot {
        self.page.snapshot()
    }
}

impl AsFd for LineFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[expect(unsafe_code, reason = "ioctl")]
fn disarm(fd: BorrowedFd<'_>) -> nix::Result<i32> {
    // SAFETY: This ioctl takes no argument.
    unsafe { ioctl::disarm(fd.as_raw_fd()) }
}

fn check(call: &'static str, name: &str, done: nix::Result<i32>) -> Result<()> {
    done.map(drop).map_err(|errno| failed(call, name, errno))
}

/// Names the errors that have a meaning of their own on a line's file.
fn failed(call: &'static str, name: &str, errno: Errno) -> Error {
    match errno {
        Errno::ENODEV => Error::Gone { name: name.to_owned() },
        Errno::ENOTTY => Error::NotALine { name: name.to_owned() },
        _ => Error::system(call, name, errno),
    }
}

/// In milliseconds, rounded up so that the last one is not spent spinning. Longer than poll can express: we are back
/// early and wait again.
pub(crate) fn poll_timeout(left: Option<Duration>) -> PollTimeout {
    match left {
        None => PollTimeout::NONE,
        Some(left) => {
            let millis = left.as_nanos().div_ceil(1_000_000);
            i32::try_from(millis)
                .ok()
                .and_then(|millis| PollTimeout::try_from(millis).ok())
                .unwrap_or(PollTimeout::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poll_timeouts_are_rounded_up_and_clamped() {
        assert_eq!(poll_timeout(None), PollTimeout::NONE);
        assert_eq!(poll_timeout(Some(Duration::from_nanos(1))), PollTimeout::from(1_u8));
        assert_eq!(poll_timeout(Some(Duration::from_millis(2))), PollTimeout::from(2_u8));
        assert_eq!(poll_timeout(Some(Duration::MAX)), PollTimeout::MAX);
    }
}
