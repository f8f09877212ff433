// SPDX-License-Identifier: MIT OR Apache-2.0
//! The public API on a tree of plain files: no module, no board, no root.

#[cfg(feature = "overlay")]
mod device;
#[cfg(feature = "overlay")]
mod dtbo;
mod gpio;
mod holders;
mod list;
#[cfg(feature = "overlay")]
mod overlay;
mod timer;
mod tree;
