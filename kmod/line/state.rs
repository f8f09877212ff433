// SPDX-License-Identifier: GPL-2.0

//! The protocol of a line: arm, fire, consume, close. No kernel types: host tests include this
//! file.
//!
//! Everything here runs under the line's lock. The sequence number doubles as the armed
//! generation: a subscription is armed while its `armed_at` is the current number, so an interrupt
//! disarms all of them by counting, whatever their number.
//!
//! ```text
//!   level                                     edge
//!   arm        enable (ack, unmask)           arm        enable if masked
//!   interrupt  count, disable (mask), wake    interrupt  count, wake
//!                                             interrupt  nobody armed: count, disable (mask)
//! ```

/// What to do with the Linux interrupt, before the lock is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Gate {
    Keep,
    Enable,
    Disable,
}

/// What one file knows of its line.
#[derive(Debug, Default)]
pub(crate) struct Mark {
    /// The sequence number up to which the file has been told.
    seen: u64,
    /// The number at which an explicit arm was made; it holds while that number is current.
    explicit_at: Option<u64>,
    /// How many reads are blocked on the file.
    sleepers: u32,
    /// The number at which the file was last counted as armed.
    counted_at: Option<u64>,
    continuous: bool,
}

/// What a read tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) count: u64,
    pub(crate) sequence: u64,
    pub(crate) timestamp: u64,
}

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct View {
    /// What a read would tell.
    pub(crate) unread: u64,
    pub(crate) sequence: u64,
    pub(crate) armed: bool,
    pub(crate) continuous: bool,
    /// How many reads are blocked.
    pub(crate) readers: u32,
}

/// What a line looks like from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Unused,
    Idle,
    Armed,
}

/// The line.
#[derive(Debug)]
pub(crate) struct State {
    level: bool,
    sequence: u64,
    timestamp: u64,
    files: u32,
    /// Files armed since the last interrupt.
    armed: u32,
    /// Files in continuous mode.
    continuous: u32,
    /// Whether the Linux interrupt is enabled.
    enabled: bool,
}

impl State {
    pub(crate) fn new(level: bool) -> Self {
        Self {
            level,
            sequence: 0,
            timestamp: 0,
            files: 0,
            armed: 0,
            continuous: 0,
            enabled: false,
        }
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(crate) fn timestamp(&self) -> u64 {
        self.timestamp
    }

    pub(crate) fn is_level(&self) -> bool {
        self.level
    }

    pub(crate) fn condition(&self) -> Condition {
        if self.files == 0 {
            Condition::Unused
        } else if self.is_wanted() {
            Condition::Armed
        } else {
            Condition::Idle
        }
    }

    /// A new subscription: counts from now, not armed.
    pub(crate) fn open(&mut self) -> Mark {
        self.files += 1;
        Mark {
            seen: self.sequence,
            ..Mark::default()
        }
    }

    /// The subscription ends.
    pub(crate) fn close(&mut self, mark: &mut Mark) -> Gate {
        mark.sleepers = 0;
        mark.explicit_at = None;
        self.leave_continuous(mark);
        self.files -= 1;
        self.settle(mark)
    }

    /// The interrupt was released (its last file closed, or the device is gone): it is off now,
    /// and off when it is claimed again.
    pub(crate) fn release(&mut self) {
        self.enabled = false;
    }

    /// The hard interrupt.
    pub(crate) fn interrupt(&mut self, now: u64) -> Gate {
        let wanted = self.is_wanted();
        self.sequence += 1;
        self.timestamp = now;
        self.armed = 0;
        // An edge that somebody waited for leaves the line enabled: the next wait most likely
        // comes before the next edge, and then neither mask nor unmask was needed.
        if self.enabled && (self.level || !wanted) {
            self.enabled = false;
            Gate::Disable
        } else {
            Gate::Keep
        }
    }

    /// Arms, and marks everything so far as seen.
    pub(crate) fn arm(&mut self, mark: &mut Mark) -> Gate {
        mark.seen = self.sequence;
        mark.explicit_at = Some(self.sequence);
        self.settle(mark)
    }

    pub(crate) fn disarm(&mut self, mark: &mut Mark) -> Gate {
        mark.explicit_at = None;
        self.settle(mark)
    }

    /// A read blocks: armed while it does.
    pub(crate) fn begin_sleep(&mut self, mark: &mut Mark) -> Gate {
        mark.sleepers += 1;
        self.settle(mark)
    }

    /// A blocked read is about to sleep: armed again, if another took what came meanwhile.
    pub(crate) fn sleep_on(&mut self, mark: &mut Mark) -> Gate {
        self.settle(mark)
    }

    pub(crate) fn end_sleep(&mut self, mark: &mut Mark) -> Gate {
        mark.sleepers -= 1;
        self.settle(mark)
    }

    pub(crate) fn set_continuous(&mut self, mark: &mut Mark, on: bool) -> Gate {
        if on && !mark.continuous {
            mark.continuous = true;
            self.continuous += 1;
        } else if !on {
            mark.explicit_at = None;
            self.leave_continuous(mark);
        }
        self.settle(mark)
    }

    pub(crate) fn is_readable(&self, mark: &Mark) -> bool {
        mark.seen != self.sequence
    }

    /// What came since the last read or arm, if anything did.
    pub(crate) fn take(&mut self, mark: &mut Mark) -> Option<Taken> {
        let count = self.sequence - mark.seen;
        mark.seen = self.sequence;
        (count != 0).then_some(Taken {
            count,
            sequence: self.sequence,
            timestamp: self.timestamp,
        })
    }

    /// Undoes a [`Self::take`] whose news reached nobody; others on the file may have taken since.
    pub(crate) fn give_back(&mut self, mark: &mut Mark, taken: &Taken) {
        mark.seen -= taken.count;
    }

    pub(crate) fn view(&self, mark: &Mark) -> View {
        View {
            unread: self.sequence - mark.seen,
            sequence: self.sequence,
            armed: mark.continuous || mark.counted_at == Some(self.sequence),
            continuous: mark.continuous,
            readers: mark.sleepers,
        }
    }

    fn leave_continuous(&mut self, mark: &mut Mark) {
        if mark.continuous {
            mark.continuous = false;
            self.continuous -= 1;
        }
    }

    fn is_wanted(&self) -> bool {
        self.armed != 0 || self.continuous != 0
    }

    /// Counts the file as armed or not, as its mark now says, and opens or closes the gate.
    fn settle(&mut self, mark: &mut Mark) -> Gate {
        let wants = mark.sleepers != 0 || mark.explicit_at == Some(self.sequence);
        let counted = mark.counted_at == Some(self.sequence);
        if wants && !counted {
            mark.counted_at = Some(self.sequence);
            self.armed += 1;
        } else if !wants && counted {
            mark.counted_at = None;
            self.armed -= 1;
        }
        match (self.is_wanted(), self.enabled) {
            (true, false) => {
                self.enabled = true;
                Gate::Enable
            }
            // An edge line may stay enabled until an edge comes that nobody waits for.
            (false, true) if self.level => {
                self.enabled = false;
                Gate::Disable
            }
            _ => Gate::Keep,
        }
    }
}
