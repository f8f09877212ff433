// SPDX-License-Identifier: GPL-2.0

//! One open file's view of a line.

use super::{
    state::{Mark, State, Taken, View},
    Line,
};
use crate::linux::{
    code,
    lock::{Class, RawSpinLock},
    wait::Queue,
    Arc, Result,
};

/// Dropping it disarms; the last one of a line gives its interrupt back.
pub(crate) struct Subscription {
    line: Arc<Line>,
    /// Several threads may use one file. Taken inside the line's lock.
    mark: RawSpinLock<Mark>,
}

impl Subscription {
    /// `EBUSY` if a kernel driver holds the line, `ENODEV` if it is gone.
    pub(crate) fn new(line: &Arc<Line>, name: &[u8]) -> Result<Self> {
        let mark = RawSpinLock::new(Mark::default(), Class::MARK)?;
        let opened = line.enter(name)?;
        *mark.lock() = opened;
        Ok(Self {
            line: line.clone(),
            mark,
        })
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.line.queue
    }

    /// Whether a read would not block. `ENODEV` once the device is gone.
    pub(crate) fn is_readable(&self) -> Result<bool> {
        self.line
            .with(|state| (state.is_readable(&self.mark.lock()), super::Gate::Keep))
    }

    /// What came since the last read or arm. None yet: armed now.
    pub(crate) fn take_or_arm(&self) -> Result<Option<Taken>> {
        self.line.with(|state| {
            let mut mark = self.mark.lock();
            match state.take(&mut mark) {
                Some(taken) => (Some(taken), super::Gate::Keep),
                None => (None, state.arm(&mut mark)),
            }
        })
    }

    /// What came since the last read or arm; sleeps, armed, until something does.
    pub(crate) fn take_or_sleep(&self) -> Result<Taken> {
        let first = self.line.with(|state| {
            let mut mark = self.mark.lock();
            match state.take(&mut mark) {
                Some(taken) => (Some(taken), super::Gate::Keep),
                None => (None, state.begin_sleep(&mut mark)),
            }
        })?;
        if let Some(taken) = first {
            return Ok(taken);
        }
        self.sleep().inspect_err(|_| {
            // Not even a device that is gone changes who sleeps.
            self.line
                .with_even_gone(|state| ((), state.end_sleep(&mut self.mark.lock())));
        })
    }

    /// Makes unread again what a read took and could not deliver.
    pub(crate) fn give_back(&self, taken: &Taken) {
        self.line.with_even_gone(|state| {
            (
                state.give_back(&mut self.mark.lock(), taken),
                super::Gate::Keep,
            )
        });
        // Another thread may have gone to sleep on the same file, for want of news.
        self.line.queue.wake_readable();
    }

    fn sleep(&self) -> Result<Taken> {
        loop {
            self.line
                .queue
                .wait_until(|| self.has_news_or_arms().unwrap_or(true))?;
            let taken = self.line.with(|state| {
                let mut mark = self.mark.lock();
                match state.take(&mut mark) {
                    // In one step: nobody arms for a sleeper who has his event.
                    Some(taken) => (Some(taken), state.end_sleep(&mut mark)),
                    None => (None, super::Gate::Keep),
                }
            })?;
            if let Some(taken) = taken {
                return Ok(taken);
            }
            // Another thread was quicker on the same file.
        }
    }

    /// Whether a read would not block. If it would, the file is armed, as it has to be before each
    /// sleep: an interrupt whose event another thread took has disarmed it.
    fn has_news_or_arms(&self) -> Result<bool> {
        self.line.with(|state| {
            let mut mark = self.mark.lock();
            if state.is_readable(&mark) {
                (true, super::Gate::Keep)
            } else {
                (false, state.sleep_on(&mut mark))
            }
        })
    }

    /// Arms, marks everything so far as seen, and returns the line's sequence number.
    pub(crate) fn arm(&self) -> Result<u64> {
        self.line.with(|state| {
            let gate = state.arm(&mut self.mark.lock());
            (state.sequence(), gate)
        })
    }

    pub(crate) fn disarm(&self) -> Result {
        self.line
            .with(|state| ((), state.disarm(&mut self.mark.lock())))
    }

    /// `EINVAL` for continuous mode on a level line: it would interrupt without end.
    pub(crate) fn set_continuous(&self, on: bool) -> Result {
        self.line.with(|state| {
            if on && state.is_level() {
                return (Err(code::EINVAL), super::Gate::Keep);
            }
            let gate = state.set_continuous(&mut self.mark.lock(), on);
            (Ok(()), gate)
        })?
    }

    pub(crate) fn view(&self) -> View {
        self.line
            .with_even_gone(|state| (state.view(&self.mark.lock()), super::Gate::Keep))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.line
            .with_even_gone(|state: &mut State| ((), state.close(&mut self.mark.lock())));
        self.line.leave();
    }
}
