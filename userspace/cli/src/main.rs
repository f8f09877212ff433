// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command `axirq`: arguments and dispatch. Each verb has a file of its own.

mod bind;
mod completions;
mod doctor;
mod failure;
mod list;
mod man;
mod overlay;
mod wait;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use axirq::list::System;
use clap::Parser;
use clap::Subcommand;

use failure::Failure;

/// Interrupts of the FPGA's programmable logic: list them, wait for them, watch them
#[derive(Parser)]
#[command(
    name = "axirq",
    version,
    after_help = "Exit codes: 0 done, 1 error, 2 wrong usage, 124 timed out.\n\n\
    Errors are one line on standard error, and name the cure. What --json prints keeps its shape: fields may be added, \
    none is renamed or removed. `axirq VERB --help` describes it."
)]
struct Arguments {
    /// A tree with dev, sys and proc to use instead of the root
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        default_value = "/",
        hide_default_value = true
    )]
    root: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    List(list::Opts),
    Wait(wait::Opts),
    Watch(watch::Opts),
    /// Bind device-tree nodes to axirq
    Bind(bind::Opts),
    /// Take device-tree nodes from their driver, whichever that is
    Unbind(bind::Opts),
    Overlay(overlay::Opts),
    Doctor(doctor::Opts),
    Completions(completions::Opts),
    Man(man::Opts),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let system = System::at(&arguments.root);
    let done = match arguments.verb {
        Verb::List(opts) => list::run(&system, &opts),
        Verb::Wait(opts) => wait::run(&system, &opts),
        Verb::Watch(opts) => watch::run(&system, &opts),
        Verb::Bind(opts) => bind::bind(&system, &opts),
        Verb::Unbind(opts) => bind::unbind(&system, &opts),
        Verb::Overlay(opts) => overlay::run(&system, &opts),
        Verb::Doctor(opts) => doctor::run(&system, &arguments.root, &opts),
        Verb::Completions(opts) => completions::run(&opts),
        Verb::Man(opts) => man::run(&opts),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// A number of seconds, with or without a fraction.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
