// SPDX-License-Identifier: MIT OR Apache-2.0
//! `/dev/uioN`: the kernel's own way to give an interrupt to user space.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::Read;
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::PATIENCE;
use super::drivers;
use super::paths;

pub const DRIVER: &str = "uio_pdrv_genirq";

pub struct Uio(File);

impl Uio {
    /// Opens the UIO device of a platform device.
    pub fn open(device: &str) -> Self {
        let path = Path::new("/dev").join(drivers::child(device, "uio", "uio"));
        paths::wait_for(&path);
        let file = OpenOptions::new().read(true).write(true).open(&path);
        Self(file.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    /// Waits for an interrupt; how many there were so far.
    pub fn wait(&mut self) -> u32 {
        assert_eq!(self.poll(PATIENCE), PollFlags::POLLIN);
        let mut count = [0; 4];
        self.0.read_exact(&mut count).unwrap();
        u32::from_ne_bytes(count)
    }

    /// Whether the driver is gone.
    pub fn is_gone(&self) -> bool {
        (&self.0).read(&mut [0; 4]).is_err()
    }

    pub fn poll(&self, patience: Duration) -> PollFlags {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(patience).unwrap()).unwrap();
        fds[0].revents().expect("flags that nix knows")
    }

    /// Lets the next one come.
    pub fn enable(&mut self) {
        self.0.write_all(&1u32.to_ne_bytes()).unwrap();
    }
}
