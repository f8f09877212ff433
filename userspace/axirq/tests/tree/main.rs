// SPDX-License-Identifier: MIT OR Apache-2.0
//! The public API on a tree of plain files: no module, no board, no root.

mod gpio;
mod list;
mod timer;
mod tree;
