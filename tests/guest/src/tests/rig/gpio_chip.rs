// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines of the kernel's own GPIO drivers: `linux/gpio.h`, version 2, as far as edges need it.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::path::Path;
use std::time::Duration;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::PATIENCE;
use super::QUIET;
use super::paths;

const INPUT: u64 = 1 << 2;
const RISING: u64 = 1 << 4;
const FALLING: u64 = 1 << 5;

/// `struct gpio_v2_line_request`, its configuration spread out; no attributes.
#[repr(C)]
pub struct Request {
    offsets: [u32; 64],
    consumer: [u8; 32],
    flags: u64,
    attributes: [u32; 66],
    lines: u32,
    buffer_size: u32,
    padding: [u32; 5],
    fd: i32,
}

mod ioctl {
    nix::ioctl_readwrite!(get_line, 0xb4, 0x07, super::Request);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Rising(u32),
    Falling(u32),
}

/// Requested lines, whose edges the kernel reports.
pub struct Lines(File);

impl Lines {
    /// Requests the first `count` lines of `/dev/gpiochipN`.
    pub fn request(chip: &str, count: u32) -> Self {
        let path = Path::new("/dev").join(chip);
        paths::wait_for(&path);
        let chip = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let mut request = Request {
            offsets: std::array::from_fn(|line| u32::try_from(line).expect("64 lines") % count),
            consumer: [0; 32],
            flags: INPUT | RISING | FALLING,
            attributes: [0; 66],
            lines: count,
            buffer_size: 0,
            padding: [0; 5],
            fd: -1,
        };
        request.consumer[..5].copy_from_slice(b"tests");
        // SAFETY: The kernel reads and writes a whole request.
        unsafe { ioctl::get_line(chip.as_raw_fd(), &mut request) }
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // SAFETY: The kernel made the descriptor for us.
        Self(unsafe { File::from_raw_fd(request.fd) })
    }

    /// What `poll` says within a time.
    pub fn poll(&self, patience: Duration) -> PollFlags {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(patience).unwrap()).unwrap();
        fds[0].revents().expect("flags that nix knows")
    }

    /// Waits for an edge.
    pub fn wait(&mut self) -> Edge {
        assert_eq!(self.poll(PATIENCE), PollFlags::POLLIN);
        // `struct gpio_v2_line_event`: the time, then kind and line.
        let mut event = [0; 48];
        assert_eq!(self.0.read(&mut event).unwrap(), event.len());
        let word = |at: usize| u32::from_ne_bytes(event[at..at + 4].try_into().expect("4 bytes"));
        match word(8) {
            1 => Edge::Rising(word(12)),
            2 => Edge::Falling(word(12)),
            kind => panic!("an event of kind {kind}"),
        }
    }

    /// Nothing comes.
    pub fn assert_quiet(&self) {
        assert_eq!(self.poll(QUIET), PollFlags::empty());
    }
}
