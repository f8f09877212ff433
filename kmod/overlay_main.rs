// SPDX-License-Identifier: GPL-2.0

//! Run-time device-tree overlays from user space, for kernels that lack the interface: mainline can
//! apply an overlay, but has no file to write one to. The same interface as the vendor's kernel:
//!
//! ```text
//!   mkdir /sys/kernel/config/device-tree/overlays/NAME
//!   cat NAME.dtbo > …/NAME/dtbo      or      echo NAME.dtbo > …/NAME/path   (from /lib/firmware)
//!   cat …/NAME/status                applied, unapplied
//!   rmdir …/NAME                     removes it
//! ```
//!
//! configfs does not tell the writer of a binary file whether it was accepted: read `status`.

#[path = "linux"]
mod linux {
    #[path = "overlay_bindings.rs"]
    mod bindings;
    #[expect(dead_code, reason = "axirq.ko uses the rest")]
    mod compat;
    pub(crate) mod configfs;
    pub(crate) mod overlay;

    pub(crate) use compat::{code, Result};
    pub(crate) use kernel::{
        alloc::{flags::GFP_KERNEL, KBox, KVec},
        error::Error,
    };
}

use core::ffi::CStr;
use kernel::prelude::*;
use linux::{
    configfs,
    overlay::{Firmware, Overlay},
};

module! {
    type: Overlays,
    name: "axirq_overlay",
    description: "configfs device-tree/overlays for kernels without it",
    license: "GPL v2",
}

struct Overlays {
    _subsystem: configfs::Subsystem<Item>,
}

impl kernel::Module for Overlays {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let subsystem =
            configfs::Subsystem::new(c"device-tree", c"overlays").inspect_err(|&error| {
                if error == linux::code::EEXIST {
                    pr_err!(
                        "configfs has device-tree already: does this kernel have overlays of its own?\n"
                    );
                }
            })?;
        Ok(Self {
            _subsystem: subsystem,
        })
    }
}

/// One folder below `overlays`.
struct Item {
    name: KVec<u8>,
    path: KVec<u8>,
    blob: KVec<u8>,
    overlay: Option<Overlay>,
}

impl Item {
    fn name(&self) -> &str {
        core::str::from_utf8(&self.name).unwrap_or("?")
    }

    fn apply(&mut self, blob: &[u8]) -> Result {
        if self.overlay.is_some() {
            pr_err!(
                "{}: an overlay is applied already: rmdir and mkdir first\n",
                self.name()
            );
            return Err(linux::code::EBUSY);
        }
        let copy = copy_of(blob).inspect_err(|_| {
            pr_err!("{}: no memory for the overlay: try again\n", self.name());
        })?;
        match Overlay::apply(blob) {
            Ok(overlay) => {
                self.overlay = Some(overlay);
                self.blob = copy;
                Ok(())
            }
            Err(error) => {
                if error == linux::code::ENOMEM {
                    pr_err!("{}: no memory for the overlay: try again\n", self.name());
                    return Err(error);
                }
                pr_err!(
                    "{}: the kernel refuses the overlay ({}): built with dtc -@? does the base tree have __symbols__ and the labels it names?\n",
                    self.name(),
                    error.to_errno()
                );
                Err(error)
            }
        }
    }
}

fn copy_of(bytes: &[u8]) -> Result<KVec<u8>> {
    let mut copy = KVec::with_capacity(bytes.len(), linux::GFP_KERNEL)?;
    copy.extend_from_slice(bytes, linux::GFP_KERNEL)?;
    Ok(copy)
}

impl configfs::Item for Item {
    fn new(name: &CStr) -> Result<Self> {
        Ok(Self {
            name: copy_of(name.to_bytes())?,
            path: KVec::new(),
            blob: KVec::new(),
            overlay: None,
        })
    }

    fn path(&self) -> &[u8] {
        &self.path
    }

    fn set_path(&mut self, path: &CStr) -> Result {
        let firmware = Firmware::request(path).inspect_err(|error| {
            pr_err!(
                "{}: no such file in the firmware folders ({})\n",
                self.name(),
                error.to_errno()
            );
        })?;
        let copy = copy_of(path.to_bytes())?;
        self.apply(firmware.bytes())?;
        self.path = copy;
        Ok(())
    }

    fn status(&self) -> &'static str {
        if self.overlay.is_some() {
            "applied"
        } else {
            "unapplied"
        }
    }

    fn blob(&self) -> &[u8] {
        &self.blob
    }

    fn set_blob(&mut self, blob: &[u8]) -> Result {
        self.apply(blob)
    }

    fn removed(&mut self) {
        let Some(overlay) = self.overlay.take() else {
            return;
        };
        if let Err(error) = overlay.remove() {
            pr_err!(
                "{}: not removed ({}): another overlay lies on top of it; it stays until the next boot\n",
                self.name(),
                error.to_errno()
            );
        }
    }
}
