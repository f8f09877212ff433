// SPDX-License-Identifier: GPL-2.0

//! `kernel::prelude`.

pub use crate::{alloc::KVec, error::Result, module, module::ThisModule, pr_err};
