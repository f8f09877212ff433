// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines that fire more often than anybody can mean.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::Examination;

/// A line of `/proc/interrupts`.
struct Line {
    count: u64,
    /// Controller, number, trigger and action.
    title: String,
}

pub fn check(examination: &mut Examination<'_>, sample: Duration, limit: u64) {
    let before = lines(&examination.read("proc/interrupts"));
    if before.is_empty() {
        return;
    }
    let start = Instant::now();
    thread::sleep(sample);
    let after = lines(&examination.read("proc/interrupts"));
    let elapsed = start.elapsed().as_secs_f64().max(f64::EPSILON);
    let ours: Vec<_> = examination.system.pins().unwrap_or_default();
    let mut storms = 0;
    for (irq, line) in &after {
        let Some(new) = before.get(irq).and_then(|before| line.count.checked_sub(before.count)) else {
            continue;
        };
        let rate = new as f64 / elapsed;
        if rate <= limit as f64 {
            continue;
        }
        storms += 1;
        let text = format!("interrupt {irq} ({}) fires {rate:.0} times a second", line.title);
        match ours.iter().find(|pin| pin.irq == *irq) {
            Some(pin) => examination.problem(
                text,
                format!(
                    "who waits for {} has to clear its cause in the device before he waits again; axirq list says who that is",
                    pin.name()
                ),
            ),
            None => examination.note(
                text,
                "if it is a controller's parent line: axirq unbind the controller, and see that its clock runs and its design is \
                 the loaded one",
            ),
        }
    }
    if storms == 0 {
        examination.ok("no line fires too often");
    }
}

/// The numbered lines. Each has a count a CPU, then its title.
fn lines(interrupts: &str) -> BTreeMap<u64, Line> {
    interrupts
        .lines()
        .filter_map(|line| {
            let (irq, rest) = line.split_once(':')?;
            let words = rest.split_whitespace();
            let counts: Vec<u64> = words.clone().map_while(|word| word.parse().ok()).collect();
            let title: Vec<_> = words.skip(counts.len()).collect();
            let line = Line {
                count: counts.iter().sum(),
                title: title.join(" "),
            };
            Some((irq.trim().parse().ok()?, line))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_cpus_are_added() {
        let lines = lines(
            "           CPU0       CPU1\n 13:   120    340     GICv2  27 Level     arch_timer\n 14:  7 8 chip 3 Edge\nIPI0: 3 4 Rescheduling\n",
        );
        assert_eq!(lines.len(), 2);
        assert_eq!(
            (lines[&13].count, lines[&13].title.as_str()),
            (460, "GICv2 27 Level arch_timer")
        );
        assert_eq!((lines[&14].count, lines[&14].title.as_str()), (15, "chip 3 Edge"));
    }
}
