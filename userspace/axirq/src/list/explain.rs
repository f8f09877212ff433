// SPDX-License-Identifier: MIT OR Apache-2.0
//! Why a file could not be opened, and what would help.

use std::fs;
use std::io;

use super::System;
use crate::Error;
use crate::Result;
use crate::pin::PinName;

/// How many similar names to offer, and how similar they must be (0 to 1).
const OFFERED: usize = 3;
const SIMILAR: f64 = 0.4;

impl System {
    /// Explains why a pin did not open.
    pub(crate) fn explain_pin(&self, name: &PinName, error: io::Error) -> Error {
        let unknown = |system: &System| {
            let pins = system.pins()?;
            let names: Vec<_> = pins.iter().map(super::Pin::name).collect();
            Ok((names.contains(&name.to_string()), nearest(&name.to_string(), &names)))
        };
        let missing = |nearest| Error::NoSuchPin {
            pin: name.to_string(),
            nearest,
        };
        self.explain(name, error, unknown, missing)
    }

    /// Explains why a window did not open.
    pub(crate) fn explain_window(&self, name: &PinName, error: io::Error) -> Error {
        let unknown = |system: &System| {
            let cells = system.cells()?;
            let names: Vec<_> = cells
                .iter()
                .filter(|c| !c.windows.is_empty())
                .map(|c| c.name.clone())
                .collect();
            let listed = cells
                .iter()
                .flat_map(|cell| &cell.windows)
                .any(|window| window.name() == name.to_string());
            Ok((listed, nearest(name.cell(), &names)))
        };
        let missing = |nearest| Error::NoSuchCell {
            cell: name.cell().to_owned(),
            nearest,
        };
        self.explain(name, error, unknown, missing)
    }

    /// `unknown` tells whether the kernel lists the name, and similar ones.
    fn explain(
        &self,
        name: &PinName,
        error: io::Error,
        unknown: impl FnOnce(&System) -> Result<(bool, Vec<String>)>,
        missing: impl FnOnce(Vec<String>) -> Error,
    ) -> Error {
        let path = self.device_file(name.cell(), name.pin());
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => match unknown(self) {
                Err(error) => error,
                Ok((true, _)) => Error::NoDeviceFile { path },
                Ok((false, _)) if self.entries().is_ok_and(|entries| entries.is_empty()) => Error::NoOverlay,
                Ok((false, nearest)) => missing(nearest),
            },
            Some(libc::EACCES | libc::EPERM) => Error::PermissionDenied { path },
            Some(libc::EBUSY) => Error::Busy {
                pin: name.to_string(),
                holder: self.holder(name),
            },
            Some(libc::ENODEV | libc::ENXIO) => Error::Gone { name: name.to_string() },
            _ => Error::system("open", path.display().to_string(), error),
        }
    }

    /// Who holds a line, if `/proc/interrupts` tells.
    fn holder(&self, name: &PinName) -> Option<String> {
        let pins = self.pins().ok()?;
        let pin = pins.iter().find(|pin| pin.name() == name.to_string())?;
        holder_in(&fs::read_to_string(self.path("proc/interrupts")).ok()?, pin.irq)
    }
}

/// The names most similar to `name`, best first; those of the same cell before all others.
pub(crate) fn nearest(name: &str, candidates: &[String]) -> Vec<String> {
    let cell = |name: &str| name.split('/').next().map(str::to_lowercase);
    let mut scored: Vec<_> = candidates
        .iter()
        .map(|candidate| {
            let similarity = strsim::normalized_damerau_levenshtein(&name.to_lowercase(), &candidate.to_lowercase());
            (
                similarity + f64::from(u8::from(cell(name) == cell(candidate))),
                candidate,
            )
        })
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
        .into_iter()
        .take(OFFERED)
        .map(|(_, candidate)| candidate.clone())
        .collect()
}

/// The action names of a line in `/proc/interrupts`:
/// ` 45:  0  7  axi_intc_0   2 Level     xilinx-dma, other`. Some controllers name their flow handlers, too, as `-level`.
pub(super) fn holder_in(interrupts: &str, irq: u64) -> Option<String> {
    let line = interrupts.lines().find_map(|line| {
        let (number, rest) = line.split_once(':')?;
        (number.trim().parse() == Ok(irq)).then_some(rest)
    })?;
    let words: Vec<_> = line.split_whitespace().collect();
    let trigger = words.iter().rposition(|word| matches!(*word, "Edge" | "Level"))?;
    let mut actions = &words[trigger + 1..];
    if actions.first().is_some_and(|word| word.starts_with('-')) {
        actions = &actions[1..];
    }
    (!actions.is_empty()).then(|| actions.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERRUPTS: &str = "\
           CPU0       CPU1
 13:        120        340     GICv2  27 Level     arch_timer
 45:          0          7  axi_intc_0   2 Level     xilinx-dma, other
 46:          0          0  axi_intc_0   3 Edge
 48:          1          0  Xilinx-INTC  4 Level -level     uart
IPI0:         3          4       Rescheduling interrupts
";

    #[test]
    fn the_holder_is_read_from_proc_interrupts() {
        assert_eq!(holder_in(INTERRUPTS, 13).as_deref(), Some("arch_timer"));
        assert_eq!(holder_in(INTERRUPTS, 45).as_deref(), Some("xilinx-dma, other"));
        assert_eq!(holder_in(INTERRUPTS, 46), None);
        assert_eq!(holder_in(INTERRUPTS, 48).as_deref(), Some("uart"));
        assert_eq!(holder_in(INTERRUPTS, 47), None);
    }

    #[test]
    fn near_names_are_offered_best_first() {
        let names = [
            "axi_gpio_0/ip2intc_irpt",
            "axi_gpio_1/ip2intc_irpt",
            "axi_timer_0/interrupt",
            "zzz/q",
        ]
        .map(str::to_owned);
        let offered = nearest("axi_gpio_0/ip2intc_irq", &names);
        assert_eq!(offered[0], "axi_gpio_0/ip2intc_irpt");
        assert!(!offered.contains(&"zzz/q".to_owned()));
        assert_eq!(nearest("AXI_TIMER_0/x", &names)[0], "axi_timer_0/interrupt");
        assert!(nearest("something/else", &[]).is_empty());
    }

    proptest! {
        #[test]
        fn no_line_of_proc_interrupts_panics(text in "([0-9]{0,3}:?[ 0-9a-zA-Z,]{0,30}(Edge|Level)?[ a-z]{0,9}\n){0,5}", irq in 0_u64..1000) {
            holder_in(&text, irq);
        }
    }
}
