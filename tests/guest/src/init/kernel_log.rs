// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's log, record by record, each once.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::{Context, Error};

const PATH: &str = "/dev/kmsg";
/// The kernel refuses to give a record to a smaller buffer (CONSOLE_EXT_LOG_MAX).
const LONGEST_RECORD: usize = 8192;
/// Records are handed out in portions of about this size: a frame's worth.
const PORTION: usize = 4096;

pub struct KernelLog {
    file: File,
    /// Read, but did not fit the last portion.
    left_over: Option<String>,
}

impl KernelLog {
    pub fn open() -> Result<Self, Error> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(PATH)
            .context(|| format!("cannot open {PATH}"))?;
        Ok(Self {
            file,
            left_over: None,
        })
    }

    /// The next records, or none when there are no more for now.
    pub fn read(&mut self) -> Result<Option<Vec<String>>, Error> {
        let mut records = Vec::new();
        let mut size = 0;
        while let Some(record) = self.next()? {
            size += record.len();
            if size > PORTION && !records.is_empty() {
                self.left_over = Some(record);
                break;
            }
            records.push(record);
        }
        Ok((!records.is_empty()).then_some(records))
    }

    fn next(&mut self) -> Result<Option<String>, Error> {
        if let Some(record) = self.left_over.take() {
            return Ok(Some(record));
        }
        let mut bytes = [0; LONGEST_RECORD];
        loop {
            match self.file.read(&mut bytes) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&bytes[..length]);
                    // Further lines are the record's dictionary.
                    return Ok(text.lines().next().map(String::from));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                // Records were overwritten before they were read: the sequence numbers will show the gap.
                Err(error) if error.raw_os_error() == Some(Errno::EPIPE as i32) => {}
                Err(error) => return Err(error).context(|| format!("cannot read {PATH}")),
            }
        }
    }
}
