// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line made of an eventfd and a page in a file: it keeps the promises of `kmod/uapi/axirq.h`, the awkward ones too.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;

use crate::Error;
use crate::Result;
use crate::uapi::Line;
use crate::uapi::Mode;
use crate::uapi::Page;
use crate::uapi::Snapshot;
use crate::uapi::fake::Writer;

/// The line. Readable while its number differs from the mark that ARM sets, so arming hides an event from `poll`.
#[derive(Debug)]
pub(super) struct FakeLine {
    eventfd: EventFd,
    page: Page,
    writer: Writer,
    level: bool,
    state: Mutex<State>,
    /// ARM calls so far.
    pub(super) arms: AtomicUsize,
    /// DISARM calls so far.
    pub(super) disarms: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    sequence: u64,
    mark: u64,
    armed: bool,
    continuous: bool,
    gone: bool,
}

impl FakeLine {
    pub(super) fn new(level: bool) -> Self {
        let (writer, file) = Writer::new();
        let page = Page::map(&file).unwrap();
        writer.write(0, 0, false, level);
        Self {
            eventfd: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC).unwrap(),
            page,
            writer,
            level,
            state: Mutex::default(),
            arms: AtomicUsize::new(0),
            disarms: AtomicUsize::new(0),
        }
    }

    /// An interrupt. It counts whoever listens; the page is written before sleepers are woken.
    pub(super) fn fire(&self) {
        let mut state = self.state.lock().unwrap();
        state.sequence += 1;
        state.armed = state.continuous;
        self.writer
            .write(state.sequence, state.sequence * 1000, state.gone, self.level);
        self.eventfd.write(1).unwrap();
    }

    /// The device leaves.
    pub(super) fn vanish(&self) {
        let mut state = self.state.lock().unwrap();
        state.gone = true;
        self.writer
            .write(state.sequence, state.sequence * 1000, true, self.level);
        self.eventfd.write(1).unwrap();
    }

    /// Whether an interrupt would be enabled in hardware.
    pub(super) fn is_armed(&self) -> bool {
        self.state.lock().unwrap().armed
    }

    /// Whether continuous mode is on.
    pub(super) fn is_continuous(&self) -> bool {
        self.state.lock().unwrap().continuous
    }
}

impl Line for FakeLine {
    fn name(&self) -> &str {
        "fake/line"
    }

    fn arm(&self) -> Result<u64> {
        self.arms.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock().unwrap();
        if state.gone {
            return Err(self.gone());
        }
        state.armed = true;
        if state.mark != state.sequence {
            state.mark = state.sequence;
            let _ = self.eventfd.read();
        }
        Ok(state.sequence)
    }

    fn disarm(&self) -> Result<()> {
        self.disarms.fetch_add(1, Ordering::Relaxed);
        self.state.lock().unwrap().armed = false;
        Ok(())
    }

    fn set_mode(&self, mode: Mode) -> Result<()> {
        if self.level && mode == Mode::Continuous {
            return Err(Error::LevelContinuous {
                pin: self.name().to_owned(),
            });
        }
        let mut state = self.state.lock().unwrap();
        state.continuous = mode == Mode::Continuous;
        state.armed = state.continuous;
        Ok(())
    }

    fn snapshot(&self) -> Snapshot {
        self.page.snapshot()
    }
}

impl AsFd for FakeLine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.eventfd.as_fd()
    }
}
