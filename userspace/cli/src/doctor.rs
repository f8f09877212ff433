// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq doctor`: what is missing or looks wrong, and what to do about it. Each check has a file of its own.

mod access;
mod cells;
mod kernel;
mod livetree;
mod modules;
mod nodes;
mod overlays;
mod storms;

use std::io;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use axirq::list::System;
use clap::Args;
use serde::Serialize;

use crate::Failure;
use livetree::Tree;

/// Look for what is missing or wrong, and name the cure
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 no problem (there may be notes), 1 problems, or an error, 2 wrong usage.\n\n\
    It looks at: the kernel's configuration, the module, the overlay interface and overlays, the cells, permissions and the udev \
    rule, the controllers' device-tree nodes, and lines that fire too often.\n\n\
    JSON: {\"findings\": [{\"check\", \"level\": \"ok\", \"note\" or \"problem\", \"text\", \"cure\": text or null}], \
    \"problems\": how many}"
)]
pub struct Opts {
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// How long to count interrupts
    #[arg(long, value_name = "SECONDS", default_value = "0.25", value_parser = crate::seconds)]
    sample: Duration,
    /// A line that fires more often than this, per second, is a storm
    #[arg(long, value_name = "RATE", default_value = "20000")]
    storm: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Ok,
    /// Worth knowing; may well be meant so.
    Note,
    /// Does not work.
    Problem,
}

#[derive(Serialize)]
struct Finding {
    check: &'static str,
    level: Level,
    text: String,
    cure: Option<String>,
}

#[derive(Serialize)]
struct Report {
    findings: Vec<Finding>,
    problems: usize,
}

/// What checks look at, and where they write down what they find.
struct Examination<'a> {
    system: &'a System,
    root: &'a Path,
    tree: &'a Tree,
    check: &'static str,
    findings: Vec<Finding>,
}

impl Examination<'_> {
    /// A file of the system; empty if it is not there or not to be read.
    fn read(&self, path: &str) -> String {
        let bytes = std::fs::read(self.root.join(path)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn ok(&mut self, text: impl Into<String>) {
        self.find(Level::Ok, text.into(), None);
    }

    fn note(&mut self, text: impl Into<String>, cure: impl Into<String>) {
        self.find(Level::Note, text.into(), Some(cure.into()));
    }

    fn problem(&mut self, text: impl Into<String>, cure: impl Into<String>) {
        self.find(Level::Problem, text.into(), Some(cure.into()));
    }

    fn find(&mut self, level: Level, text: String, cure: Option<String>) {
        self.findings.push(Finding {
            check: self.check,
            level,
            text,
            cure,
        });
    }

    /// Runs a check; its findings go by its name.
    fn check(&mut self, name: &'static str, check: impl FnOnce(&mut Self)) {
        self.check = name;
        check(self);
    }
}

/// Examines.
pub fn run(system: &System, root: &Path, opts: &Opts) -> Result<(), Failure> {
    let tree = Tree::read(root);
    let mut examination = Examination {
        system,
        root,
        tree: &tree,
        check: "",
        findings: Vec::new(),
    };
    examination.check("kernel", kernel::check);
    examination.check("module", modules::check);
    examination.check("overlays", overlays::check);
    examination.check("cells", cells::check);
    examination.check("access", access::check);
    examination.check("nodes", nodes::check);
    examination.check("storms", |examination| {
        storms::check(examination, opts.sample, opts.storm)
    });
    let findings = examination.findings;
    let problems = findings
        .iter()
        .filter(|finding| finding.level == Level::Problem)
        .count();
    print(&Report { findings, problems }, opts.json)?;
    if problems > 0 { Err(Failure::Unwell) } else { Ok(()) }
}

fn print(report: &Report, json: bool) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer(&mut out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    for Finding {
        check,
        level,
        text,
        cure,
    } in &report.findings
    {
        let level = match level {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Problem => "PROBLEM",
        };
        writeln!(out, "{level:7}  {check:8}  {text}")?;
        if let Some(cure) = cure {
            writeln!(out, "{:7}  {:8}  -> {cure}", "", "")?;
        }
    }
    match report.problems {
        0 => writeln!(out, "no problems")?,
        1 => writeln!(out, "1 problem")?,
        problems => writeln!(out, "{problems} problems")?,
    }
    Ok(())
}
