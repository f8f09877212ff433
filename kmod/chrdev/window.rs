// SPDX-License-Identifier: GPL-2.0

//! `/dev/axirq/<cell>/regs`: a register window, one IP without giving away `/dev/mem`.

use super::ioctl::{decode_stop, decode_window, WindowCommand, MEMORY_SIZE};
use crate::{
    device::{
        master::{FileId, Master},
        names::{entry_name, Name},
    },
    linux::{
        atomic::{AtomicU64, Ordering},
        chrdev::{File, Registration, UserPtr},
        class::{Attribute, Set, Show},
        code,
        device::Device,
        mm::{Attachment, Revocable},
        Arc, Result, GFP_KERNEL,
    },
    registry::Shared,
};
use core::{ffi::CStr, fmt};

pub(crate) struct Window {
    cell: Name,
    name: Name,
    window: Arc<Revocable>,
    master: Master,
    /// How many files there were.
    files: AtomicU64,
}

impl Window {
    pub(crate) fn new(cell: Name, name: Name, window: Revocable, master: Master) -> Result<Self> {
        Ok(Self {
            cell,
            name,
            window: Arc::new(window, GFP_KERNEL)?,
            master,
            files: AtomicU64::new(0),
        })
    }

    /// Adds the node.
    pub(crate) fn publish(self, shared: &Shared, parent: &Device) -> Result<Published> {
        let name = entry_name(&self.cell, &self.name);
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| code::EINVAL)?;
        let node = Arc::new(self, GFP_KERNEL)?;
        // First, so that a mapping that was made in between goes if adding fails.
        let window = Revoked(node.clone());
        Ok(Published {
            _node: shared.windows.add(parent, name, node.clone(), node)?,
            _window: window,
        })
    }
}

/// A window that can be opened. Dropping it removes the node, then every mapping and all memory
/// that was lent.
pub(crate) struct Published {
    _node: Registration<WindowFile>,
    _window: Revoked,
}

/// Revokes a window when dropped.
struct Revoked(Arc<Window>);

impl Drop for Revoked {
    fn drop(&mut self) {
        let Self(node) = self;
        node.master.leave(&node.window);
    }
}

impl Show for Window {
    fn set(&self) -> Set {
        Set::Window
    }

    fn show(&self, attribute: Attribute, out: &mut dyn fmt::Write) -> fmt::Result {
        match attribute {
            Attribute::Name => write!(out, "{}/{}", self.cell, self.name),
            Attribute::Kind => out.write_str("window"),
            Attribute::Cell => write!(out, "{}", self.cell),
            Attribute::Window => write!(out, "{}", self.name),
            Attribute::Address => write!(out, "{:#x}", self.window.range().start),
            Attribute::Size => write!(out, "{:#x}", self.window.range().size),
            _ => Err(fmt::Error),
        }
    }
}

/// An open window.
pub(crate) struct WindowFile {
    node: Arc<Window>,
    id: FileId,
}

impl WindowFile {
    fn set_stop(&self, argument: &UserPtr) -> Result {
        let stop = decode_stop(&argument.read()?).ok_or(code::EINVAL)?;
        self.node
            .master
            .set_stop(self.id, self.node.window.range(), stop)
    }

    fn alloc(&self, argument: &UserPtr, window: &Attachment) -> Result {
        let [size, ..] = words(&argument.read::<MEMORY_SIZE>()?);
        let lent = self.node.master.lend(self.id, window, size)?;
        let answer = bytes([lent.size, lent.address, lent.offset]);
        argument.write(&answer).inspect_err(|_| {
            // The core has never been told of it. It is gone already if the device is.
            let _ = self.node.master.take_back(window, lent.offset);
        })
    }

    fn free(&self, argument: &UserPtr, window: &Attachment) -> Result {
        let offset = u64::from_ne_bytes(argument.read()?);
        self.node.master.take_back(window, offset)
    }
}

/// The fields of `struct axirq_memory`.
fn words(bytes: &[u8; MEMORY_SIZE]) -> [u64; 3] {
    let mut words = [0; 3];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = bytes.try_into().map_or(0, u64::from_ne_bytes);
    }
    words
}

/// The reverse of [`words`].
fn bytes(words: [u64; 3]) -> [u8; MEMORY_SIZE] {
    let mut bytes = [0; MEMORY_SIZE];
    for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_ne_bytes());
    }
    bytes
}

impl File for WindowFile {
    type Node = Window;

    fn open(window: &Arc<Window>) -> Result<Self> {
        Ok(Self {
            node: window.clone(),
            id: FileId(window.files.fetch_add(1, Ordering::Relaxed)),
        })
    }

    fn ioctl(&self, command: u32, argument: UserPtr, window: Option<&Attachment>) -> Result {
        let (Some(command), Some(window)) = (decode_window(command), window) else {
            return Err(code::ENOTTY);
        };
        if !window.is_writable() {
            return Err(code::EBADF);
        }
        match command {
            WindowCommand::SetStop => self.set_stop(&argument),
            WindowCommand::Alloc => self.alloc(&argument, window),
            WindowCommand::Free => self.free(&argument, window),
        }
    }

    fn show_fdinfo(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let window = &self.node;
        let range = window.window.range();
        let state = if window.window.is_revoked() {
            "gone"
        } else {
            "present"
        };
        writeln!(out, "axirq-window:\t{}/{}", window.cell, window.name)?;
        writeln!(out, "axirq-state:\t{state}")?;
        writeln!(out, "axirq-address:\t{:#x}", range.start)?;
        writeln!(out, "axirq-size:\t{:#x}", range.size)
    }

    fn window(node: &Window) -> Option<&Arc<Revocable>> {
        Some(&node.window)
    }
}

impl Drop for WindowFile {
    fn drop(&mut self) {
        self.node.master.close(self.id, &self.node.window);
    }
}
