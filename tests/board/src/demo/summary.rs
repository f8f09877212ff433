// SPDX-License-Identifier: MIT OR Apache-2.0
//! What it took: the table at the demo's end, and the judgement on it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use plsim::protocol::Counts;

pub struct Summary {
    /// Presses and releases.
    pub moves: u64,
    /// Times the PL-to-GIC wire went active.
    pub wire: u64,
    /// Interrupts that the kernel took on the buttons' line.
    pub interrupts: u64,
    /// Times that a task of the program went on.
    pub resumed: u64,
    pub intc_accesses: Counts,
    /// For as many moves.
    pub calls: BTreeMap<String, u64>,
    pub latencies: Vec<Duration>,
    /// How long the moves took.
    pub played: Duration,
    pub idle: Duration,
    pub idle_cpu: Duration,
    pub idle_accesses: u64,
}

impl Summary {
    /// What must not be so.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.interrupts != self.moves {
            problems.push(format!(
                "{} presses and releases made {} interrupts",
                self.moves, self.interrupts
            ));
        }
        if self.resumed != self.moves {
            problems.push(format!(
                "{} presses and releases resumed {} tasks",
                self.moves, self.resumed
            ));
        }
        if !self.idle_cpu.is_zero() {
            problems.push(format!(
                "while nobody pressed, the program ran for {:?}",
                self.idle_cpu
            ));
        }
        if self.idle_accesses != 0 {
            problems.push(format!(
                "while nobody pressed, {} registers were accessed",
                self.idle_accesses
            ));
        }
        problems
    }

    fn per_interrupt(&self, count: u64) -> f64 {
        count as f64 / self.moves.max(1) as f64
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, value: String| writeln!(f, "  {what:<38} {value}");
        row(
            "presses and releases",
            format!("{} in {:.1} s", self.moves, self.played.as_secs_f32()),
        )?;
        row("interrupt wire went high", self.wire.to_string())?;
        row(
            "interrupts taken by the kernel",
            self.interrupts.to_string(),
        )?;
        row("tasks resumed", self.resumed.to_string())?;
        let calls = self
            .calls
            .iter()
            .map(|(name, &count)| (name.clone(), count));
        row("system calls per interrupt", self.shares(calls))?;
        let accesses = self.intc_accesses.iter().flat_map(|(register, count)| {
            [
                (format!("{register} read"), count.r),
                (format!("{register} written"), count.w),
            ]
        });
        row(
            "INTC register accesses per interrupt",
            self.shares(accesses),
        )?;
        let mut latencies = self.latencies.clone();
        latencies.sort();
        if let (Some(median), Some(worst)) = (latencies.get(latencies.len() / 2), latencies.last())
        {
            let millis = |time: &Duration| time.as_secs_f64() * 1e3;
            let value = format!(
                "median {:.1} ms, worst {:.1} ms (emulated)",
                millis(median),
                millis(worst)
            );
            row("from button to LED", value)?;
        }
        row(
            &format!("{} s with nobody pressing", self.idle.as_secs()),
            format!(
                "{} µs of CPU time, {} register accesses",
                self.idle_cpu.as_micros(),
                self.idle_accesses
            ),
        )
    }
}

impl Summary {
    /// Sum and shares of counts, per interrupt.
    fn shares(&self, counts: impl Iterator<Item = (String, u64)>) -> String {
        let counts: Vec<(String, u64)> = counts.filter(|(_, count)| *count > 0).collect();
        let sum = counts.iter().map(|(_, count)| count).sum();
        let shares: Vec<String> = counts
            .iter()
            .map(|(name, count)| format!("{name} {:.2}", self.per_interrupt(*count)))
            .collect();
        format!("{:.2} ({})", self.per_interrupt(sum), shares.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use plsim::protocol::Count;

    use super::*;

    fn sound() -> Summary {
        Summary {
            moves: 20,
            wire: 20,
            interrupts: 20,
            resumed: 20,
            intc_accesses: [
                ("IPR".to_string(), Count { r: 20, w: 0 }),
                ("SIE".to_string(), Count { r: 0, w: 20 }),
            ]
            .into(),
            calls: [("ioctl".to_string(), 20), ("epoll_pwait".to_string(), 25)].into(),
            latencies: vec![
                Duration::from_micros(900),
                Duration::from_micros(4_200),
                Duration::from_micros(1_100),
            ],
            played: Duration::from_millis(4_200),
            idle: Duration::from_secs(2),
            idle_cpu: Duration::ZERO,
            idle_accesses: 0,
        }
    }

    #[test]
    fn table_tells_shares_per_interrupt() {
        let table = sound().to_string();
        for part in [
            "20 in 4.2 s",
            "2.25 (epoll_pwait 1.25, ioctl 1.00)",
            "2.00 (IPR read 1.00, SIE written 1.00)",
            "median 1.1 ms, worst 4.2 ms",
            "0 µs of CPU time, 0 register accesses",
        ] {
            assert!(table.contains(part), "{part} is missing:\n{table}");
        }
        assert_eq!(sound().problems(), [""; 0]);
    }

    #[test]
    fn lost_interrupt_and_polling_are_problems() {
        for (summary, problem) in [
            (
                Summary {
                    interrupts: 19,
                    ..sound()
                },
                "made 19 interrupts",
            ),
            (
                Summary {
                    resumed: 21,
                    ..sound()
                },
                "resumed 21 tasks",
            ),
            (
                Summary {
                    idle_cpu: Duration::from_micros(3),
                    ..sound()
                },
                "ran for 3µs",
            ),
            (
                Summary {
                    idle_accesses: 1,
                    ..sound()
                },
                "1 registers were accessed",
            ),
        ] {
            let problems = summary.problems();
            assert!(
                problems.len() == 1 && problems[0].contains(problem),
                "{problems:?}"
            );
        }
    }
}
