// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Owner`]: a cell that is one value's alone, in this process.

use std::os::unix::fs::MetadataExt;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::Error;
use crate::Mmio;
use crate::Result;

/// The cells that have an owner, by device and inode of the window's file.
static OWNED: Mutex<Vec<FileId>> = Mutex::new(Vec::new());

type FileId = (u64, u64);

/// The right to a cell; dropping this gives it up.
#[derive(Debug)]
pub(crate) struct Owner(FileId);

impl Owner {
    /// Fails if the cell has an owner already.
    pub(crate) fn new(window: &Mmio, cell: &str) -> Result<Self> {
        let metadata = window.metadata()?;
        let id = (metadata.dev(), metadata.ino());
        let mut owned = OWNED.lock().unwrap_or_else(PoisonError::into_inner);
        if owned.contains(&id) {
            return Err(Error::InUse { cell: cell.to_owned() });
        }
        owned.push(id);
        Ok(Self(id))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut owned = OWNED.lock().unwrap_or_else(PoisonError::into_inner);
        owned.retain(|id| *id != self.0);
    }
}
