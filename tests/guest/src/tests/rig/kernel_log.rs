// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's log, from some moment on.

use std::fs::File;
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;

use super::PATIENCE;

/// The kernel gives no record to a smaller buffer.
const LONGEST_RECORD: usize = 8192;

pub struct KernelLog {
    file: File,
    /// What was read so far.
    seen: Vec<String>,
}

impl KernelLog {
    pub fn from_now() -> Self {
        let mut file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg")
            .unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        Self {
            file,
            seen: Vec::new(),
        }
    }

    /// Announces to the runner a line that holds `text`, and waits for it.
    pub fn expect(&mut self, text: &str) {
        self.expect_within(text, PATIENCE);
    }

    pub fn expect_within(&mut self, text: &str, patience: Duration) {
        announce(text);
        let deadline = Instant::now() + patience;
        loop {
            self.read();
            if self.seen.iter().any(|line| line.contains(text)) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "waited {patience:?} for a log line with {text:?}; got {:#?}",
                self.seen
            );
            let mut fds = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
            poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap();
        }
    }

    /// How many lines so far hold `text`.
    pub fn count(&mut self, text: &str) -> usize {
        self.read();
        self.seen.iter().filter(|line| line.contains(text)).count()
    }

    fn read(&mut self) {
        let mut record = [0; LONGEST_RECORD];
        loop {
            match self.file.read(&mut record) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&record[..length]);
                    // `priority,sequence,time,flags;message`, then the record's dictionary.
                    let line = text.lines().next().and_then(|line| line.split_once(';'));
                    self.seen
                        .extend(line.map(|(_, message)| message.to_owned()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Overwritten before it was read: the next one is there.
                Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
                Err(error) => panic!("/dev/kmsg: {error}"),
            }
        }
    }
}

/// Tells the runner that lines with `text` are wanted.
pub fn announce(text: &str) {
    println!("@expect-log {text}");
}
