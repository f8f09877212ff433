// SPDX-License-Identifier: MIT OR Apache-2.0
//! A page that user space maps: the model's users read it through a reference.

use super::{atomic::AtomicU32, Result};
use std::ops::Deref;

pub(crate) struct Page<T>(T);

pub(crate) trait Zeroed {
    fn zeroed() -> Self;
}

impl<const N: usize> Zeroed for [AtomicU32; N] {
    fn zeroed() -> Self {
        std::array::from_fn(|_| AtomicU32::new(0))
    }
}

impl<T: Zeroed> Page<T> {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(T::zeroed()))
    }
}

impl<T> Deref for Page<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
