// SPDX-License-Identifier: GPL-2.0

//! `/dev/axirq/<cell>/regs`: a register window, one IP without giving away `/dev/mem`.

use crate::{
    device::names::{entry_name, Name},
    linux::{
        chrdev::{File, Registration},
        class::{Attribute, Set, Show},
        code,
        device::Device,
        mm::Revocable,
        Arc, Result, GFP_KERNEL,
    },
    registry::Shared,
};
use core::{ffi::CStr, fmt};

pub(crate) struct Window {
    cell: Name,
    name: Name,
    window: Arc<Revocable>,
}

impl Window {
    pub(crate) fn new(cell: Name, name: Name, window: Revocable) -> Result<Self> {
        Ok(Self {
            cell,
            name,
            window: Arc::new(window, GFP_KERNEL)?,
        })
    }

    /// Adds the node.
    pub(crate) fn publish(self, shared: &Shared, parent: &Device) -> Result<Published> {
        // First, so that a mapping that was made in between goes if adding fails.
        let window = Revoked(self.window.clone());
        let name = entry_name(&self.cell, &self.name);
        let name = CStr::from_bytes_until_nul(&name).map_err(|_| code::EINVAL)?;
        let node = Arc::new(self, GFP_KERNEL)?;
        Ok(Published {
            _node: shared.windows.add(parent, name, node.clone(), node)?,
            _window: window,
        })
    }
}

/// A window that can be opened. Dropping it removes the node, then every mapping.
pub(crate) struct Published {
    _node: Registration<WindowFile>,
    _window: Revoked,
}

/// Revokes a window when dropped.
struct Revoked(Arc<Revocable>);

impl Drop for Revoked {
    fn drop(&mut self) {
        self.0.revoke();
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
pub(crate) struct WindowFile(Arc<Window>);

impl File for WindowFile {
    type Node = Window;

    fn open(window: &Arc<Window>) -> Result<Self> {
        Ok(Self(window.clone()))
    }

    fn show_fdinfo(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let Self(window) = self;
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
