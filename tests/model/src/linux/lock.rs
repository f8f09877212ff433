// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both kinds of lock are loom's mutex: nothing here runs in an interrupt of the very thread that holds one.

use super::Result;
use loom::sync::MutexGuard;

pub(crate) struct Class;

impl Class {
    pub(crate) const LINE_STATE: Self = Self;
    pub(crate) const LINE_USERS: Self = Self;
    pub(crate) const MARK: Self = Self;
}

pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

pub(crate) type RawSpinLock<T> = Mutex<T>;

impl<T> Mutex<T> {
    pub(crate) fn new(data: T, _class: Class) -> Result<Self> {
        Ok(Self(loom::sync::Mutex::new(data)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}
