// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tests that run on the board: the kernel modules, the crate and the command, through what a user uses.
//!
//! ```text
//! guest-tests --list            the names, one a line
//! guest-tests --exact NAME      runs one; exit code 0 if it passed
//! ```
//!
//! Each test is a process of its own. It prints `@expect-log TEXT` before it provokes a line in the kernel's log, and
//! `@expect-violation` before it provokes an access that no driver should make: the runner fails a test for any other.
//! One that needs what this kernel lacks says `@skip REASON`, one that leaves the board unusable `@reboot`.
//! [`rig`] is what they all stand on; modules are named for what they try.

mod rig;

mod allocation;
mod budget;
mod bus_faults;
mod calls;
mod cancel;
mod cli;
mod consumers;
mod controllers;
mod crowd;
mod death;
mod designs;
mod dma;
mod dma_faults;
mod drops;
mod edge;
mod errors;
mod examples;
mod fuzz;
mod gpio;
mod irqchip;
mod level;
mod lifecycle;
mod memory;
mod microblaze;
mod nodes;
mod odd_trees;
mod overlays;
mod page;
mod pynq;
mod races;
mod removal;
mod runtimes;
mod sharing;
mod storms;
mod stress;
mod subscriptions;
mod timer;
mod user_overlays;
mod vanishing;
mod vendor;
mod video;
mod video_faults;
mod wrong_trees;

use std::process::ExitCode;

/// Passes if it returns.
pub struct Test {
    module: &'static str,
    name: &'static str,
    run: fn(),
}

impl Test {
    fn name(&self) -> String {
        let module = self
            .module
            .split_once("::")
            .map_or("", |(_, module)| module);
        format!("{module}::{}", self.name)
    }
}

/// Makes the list of a module's tests.
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        pub const TESTS: &[crate::Test] =
            &[$(crate::Test { module: module_path!(), name: stringify!($name), run: $name }),*];
    };
}
use tests;

const ALL: &[&[Test]] = &[
    level::TESTS,
    edge::TESTS,
    subscriptions::TESTS,
    calls::TESTS,
    page::TESTS,
    cancel::TESTS,
    drops::TESTS,
    runtimes::TESTS,
    pynq::TESTS,
    death::TESTS,
    removal::TESTS,
    vanishing::TESTS,
    lifecycle::TESTS,
    memory::TESTS,
    overlays::TESTS,
    controllers::TESTS,
    odd_trees::TESTS,
    wrong_trees::TESTS,
    bus_faults::TESTS,
    errors::TESTS,
    examples::TESTS,
    gpio::TESTS,
    dma::TESTS,
    dma_faults::TESTS,
    video::TESTS,
    video_faults::TESTS,
    timer::TESTS,
    microblaze::TESTS,
    user_overlays::TESTS,
    cli::TESTS,
    budget::TESTS,
    designs::TESTS,
    vendor::TESTS,
    sharing::TESTS,
    nodes::TESTS,
    consumers::TESTS,
    irqchip::TESTS,
    crowd::TESTS,
    storms::TESTS,
    allocation::TESTS,
    fuzz::TESTS,
    stress::TESTS,
    races::TESTS,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut tests = ALL.iter().copied().flatten();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--list"] => tests.for_each(|test| println!("{}", test.name())),
        ["--exact", name] => match tests.find(|test| test.name() == name) {
            Some(test) => (test.run)(),
            None => {
                eprintln!("no test `{name}`; --list shows all");
                return ExitCode::from(2);
            }
        },
        // What a test of system calls starts and counts.
        ["--be-counted", how] => budget::be_counted(how),
        _ => {
            eprintln!("usage: guest-tests --list | --exact NAME");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
