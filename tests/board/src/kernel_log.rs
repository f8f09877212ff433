// SPDX-License-Identifier: MIT OR Apache-2.0
//! The judge of the kernel's log: what must not be in there after a test.

use std::fmt;

/// A record of `/dev/kmsg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// 0 (emergency) to 7 (debug).
    pub level: u8,
    pub sequence: u64,
    pub micros: u64,
    pub text: String,
}

impl Record {
    /// Takes `priority,sequence,microseconds,flags;text` apart.
    pub fn parse(line: &str) -> Option<Self> {
        let (head, text) = line.split_once(';')?;
        let mut fields = head.split(',');
        let priority: u32 = fields.next()?.parse().ok()?;
        let sequence = fields.next()?.parse().ok()?;
        let micros = fields.next()?.parse().ok()?;
        // The rest of the priority is the facility.
        Some(Self {
            level: (priority & 7) as u8,
            sequence,
            micros,
            text: text.into(),
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<{}>[{:5}.{:06}] {}",
            self.level,
            self.micros / 1_000_000,
            self.micros % 1_000_000,
            self.text
        )
    }
}

/// Errors of anybody's, warnings of ours.
const ERROR: u8 = 3;
const WARNING: u8 = 4;
/// What messages of ours have in them: module and driver names.
const OURS: &str = "axirq";

/// Never right, whoever says it and at whatever level.
const ALARMS: &[&str] = &[
    "BUG:",
    "WARNING:",
    "Oops",
    "Internal error:",
    "Kernel panic",
    "Unable to handle kernel",
    "cut here",
    "Call trace:",
    "INFO: possible",
    "possible circular locking",
    "possible recursive locking",
    "possible irq lock inversion",
    "suspicious RCU usage",
    "INFO: rcu",
    "INFO: task",
    "self-detected stall",
    "soft lockup",
    "nobody cared",
    "refcount_t:",
    "list_add corruption",
    "list_del corruption",
    "KASAN:",
    "UBSAN:",
    "kmemleak:",
    "unreferenced object",
    "memory leak",
];

/// Said on every sound kernel.
const BENIGN: &[&str] = &[
    // Any module of ours is one.
    "loading out-of-tree module taints kernel",
    "module verification failed: signature and/or required key missing - tainting kernel",
    // The kernel's word on overlays that add properties to nodes of the base tree, as every overlay with labels does
    // to /__symbols__, and the vendor's generator to the bus.
    "OF: overlay: WARNING: memory leak will occur if overlay removed, property: /",
    // Said once when kmemleak starts.
    "kmemleak: Kernel memory leak detector initialized",
    "kmemleak: Automatic memory scanning thread started",
    // What they are is asked for in the end: `leaks`.
    "new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
];

/// Why a record was complained of is to be read from the record itself; that records are missing is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complaint {
    Said(Record),
    /// So many records were overwritten before they could be read.
    Lost(u64),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Said(record) => record.fmt(f),
            Self::Lost(count) => write!(
                f,
                "{count} kernel messages were lost before they could be judged"
            ),
        }
    }
}

/// What must not be in `records`, save what contains one of the `expected` texts.
pub fn judge(records: &[Record], expected: &[String]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut next = records.first().map_or(0, |record| record.sequence);
    for record in records {
        if record.sequence > next {
            complaints.push(Complaint::Lost(record.sequence - next));
        }
        next = record.sequence + 1;
        if is_bad(record) && !expected.iter().any(|text| record.text.contains(text)) {
            complaints.push(Complaint::Said(record.clone()));
        }
    }
    complaints
}

fn is_bad(record: &Record) -> bool {
    let says = |texts: &[&str]| texts.iter().any(|text| record.text.contains(text));
    let too_loud = record.level <= ERROR || record.level <= WARNING && record.text.contains(OURS);
    (too_loud || says(ALARMS)) && !says(BENIGN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(sample: &str) -> Vec<Record> {
        sample
            .lines()
            .map(|line| Record::parse(line).unwrap_or_else(|| panic!("no record: {line}")))
            .collect()
    }

    fn complaints(sample: &str, expected: &[&str]) -> Vec<String> {
        let expected: Vec<String> = expected.iter().map(|&text| text.into()).collect();
        judge(&records(sample), &expected)
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn record_is_taken_apart() {
        let record = Record::parse("28,812,4093112,-;axirq: told you; so").unwrap();
        assert_eq!(
            record,
            Record {
                level: 4,
                sequence: 812,
                micros: 4_093_112,
                text: "axirq: told you; so".into()
            }
        );
        assert_eq!(record.to_string(), "<4>[    4.093112] axirq: told you; so");
    }

    #[test]
    fn nonsense_is_no_record() {
        for line in ["", ";", "6,1;x", "a,1,2,-;x", "6,1,2,-"] {
            assert_eq!(Record::parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn sound_log_passes() {
        assert_eq!(
            complaints(include_str!("../testdata/kmsg-benign.txt"), &[]),
            [""; 0]
        );
    }

    #[test]
    fn oops_warn_and_lockdep_are_found() {
        for (name, sample, first) in [
            (
                "oops",
                include_str!("../testdata/kmsg-oops.txt"),
                "Unable to handle kernel NULL pointer dereference",
            ),
            (
                "warn",
                include_str!("../testdata/kmsg-warn.txt"),
                "cut here",
            ),
            (
                "lockdep",
                include_str!("../testdata/kmsg-lockdep.txt"),
                "WARNING: possible circular locking dependency",
            ),
        ] {
            let complaints = complaints(sample, &[]);
            assert!(
                complaints.first().is_some_and(|said| said.contains(first)),
                "{name}: {complaints:#?}"
            );
        }
    }

    #[test]
    fn warning_counts_if_it_is_ours_and_error_whosoever_it_is() {
        let log = "4,1,10,-;axirq-intc 10000000.intc: kind-of-intr is padded\n\
                   4,2,11,-;pci 0000:00:01.0: quirk\n\
                   3,3,12,-;genirq: Flags mismatch irq 18\n\
                   6,4,13,-;axirq: 3 lines";
        assert_eq!(
            complaints(log, &[]),
            [
                "<4>[    0.000010] axirq-intc 10000000.intc: kind-of-intr is padded",
                "<3>[    0.000012] genirq: Flags mismatch irq 18"
            ]
        );
        assert_eq!(
            complaints(log, &["kind-of-intr is padded", "Flags mismatch"]),
            [""; 0]
        );
    }

    #[test]
    fn gap_in_the_sequence_is_a_complaint() {
        assert_eq!(
            complaints("6,1,10,-;a\n6,5,11,-;b", &[]),
            ["3 kernel messages were lost before they could be judged"]
        );
    }
}
