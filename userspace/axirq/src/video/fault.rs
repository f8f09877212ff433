// SPDX-License-Identifier: MIT OR Apache-2.0
//! What VDMASR says went wrong: [`Fault`] halts, [`StreamFaults`] do not. Pure.

use std::fmt;

use super::regs;

/// Why a channel has halted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The core's own (DMAIntErr): its data mover failed, or a size was 0.
    Internal,
    /// The memory refused an access (DMASlvErr).
    Slave,
    /// There is no memory at an address (DMADecErr).
    Decode,
    /// None that the core tells of: somebody else has stopped it.
    Unknown,
}

impl Fault {
    /// Why the channel has halted, if it has.
    pub(super) fn of(status: u32) -> Option<Self> {
        let reasons = [
            (regs::DEC_ERR, Fault::Decode),
            (regs::SLV_ERR, Fault::Slave),
            (regs::INT_ERR, Fault::Internal),
            (regs::HALTED, Fault::Unknown),
        ];
        // An internal error of the stream's making is none that halts; any other halts sooner or later, and may tell of it
        // before it has.
        let internal = status & (regs::INT_ERR | regs::STREAM) == regs::INT_ERR;
        let halts = internal || status & (regs::HALTED | regs::DEC_ERR | regs::SLV_ERR) != 0;
        let reason = reasons.into_iter().find(|(bit, _)| status & bit != 0);
        reason.filter(|_| halts).map(|(_, fault)| fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Internal => "an error of its own (DMAIntErr)",
            Fault::Slave => "a refused access (DMASlvErr)",
            Fault::Decode => "an address without memory (DMADecErr)",
            Fault::Unknown => "no reason that it tells of",
        })
    }
}

/// How often the stream and the mode were seen to differ. Faults of a kind that come at once count as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamFaults {
    /// Frames of too few lines (SOFEarlyErr).
    pub too_few_lines: u64,
    /// Frames of too many lines (SOFLateErr).
    pub too_many_lines: u64,
    /// Lines that were too short (EOLEarlyErr).
    pub short_lines: u64,
    /// Lines that were too long (EOLLateErr).
    pub long_lines: u64,
}

impl StreamFaults {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.too_few_lines + self.too_many_lines + self.short_lines + self.long_lines
    }

    /// Counts what a status tells of; whether that is anything.
    pub(super) fn add(&mut self, status: u32) -> bool {
        for (bit, count) in [
            (regs::SOF_EARLY, &mut self.too_few_lines),
            (regs::SOF_LATE, &mut self.too_many_lines),
            (regs::EOL_EARLY, &mut self.short_lines),
            (regs::EOL_LATE, &mut self.long_lines),
        ] {
            *count += u64::from(status & bit != 0);
        }
        status & regs::STREAM != 0
    }
}

impl fmt::Display for StreamFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.too_few_lines, "too few lines"),
            (self.too_many_lines, "too many lines"),
            (self.short_lines, "lines that are too short"),
            (self.long_lines, "lines that are too long"),
        ];
        let mut separator = "";
        for (_, kind) in kinds.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{separator}{kind}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_halt_are_told_from_those_that_do_not() {
        assert_eq!(Fault::of(regs::FRAME_IRQ), None);
        assert_eq!(Fault::of(regs::INT_ERR | regs::SOF_EARLY | regs::ERR_IRQ), None);
        assert_eq!(Fault::of(regs::INT_ERR | regs::HALTED), Some(Fault::Internal));
        assert_eq!(Fault::of(regs::INT_ERR | regs::ERR_IRQ), Some(Fault::Internal));
        assert_eq!(Fault::of(regs::DEC_ERR), Some(Fault::Decode));
        assert_eq!(Fault::of(regs::SLV_ERR | regs::HALTED), Some(Fault::Slave));
        assert_eq!(Fault::of(regs::HALTED), Some(Fault::Unknown));
    }

    #[test]
    fn faults_of_the_stream_are_counted_by_kind() {
        let mut faults = StreamFaults::default();
        assert!(!faults.add(regs::FRAME_IRQ));
        assert!(faults.add(regs::SOF_LATE | regs::EOL_LATE));
        assert!(faults.add(regs::SOF_LATE));
        assert_eq!((faults.too_many_lines, faults.long_lines, faults.total()), (2, 1, 3));
        assert_eq!(faults.to_string(), "too many lines, lines that are too long");
    }
}
