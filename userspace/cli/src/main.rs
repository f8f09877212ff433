// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command `axirq`: arguments, dispatch, exit codes. Each verb has a file of its own.

mod list;
mod wait;
mod watch;

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use axirq::list::System;
use clap::Parser;
use clap::Subcommand;

/// Interrupts of the FPGA's programmable logic: list them, wait for them, watch them.
#[derive(Parser)]
#[command(version, after_help = "Exit codes: 0 done, 1 error, 2 wrong usage, 124 timed out.")]
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
}

/// Why a verb did not do what it was asked to.
enum Failure {
    /// The time was over before.
    TimedOut,
    /// Who read our output wants no more of it.
    NoReader,
    Other(Box<dyn Error>),
}

impl From<axirq::Error> for Failure {
    fn from(error: axirq::Error) -> Self {
        Failure::Other(error.into())
    }
}

/// Writing to standard output is the only I/O that the verbs do themselves.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NoReader,
            _ => Failure::Other(error.into()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let system = System::at(arguments.root);
    let done = match arguments.verb {
        Verb::List(opts) => list::run(&system, &opts),
        Verb::Wait(opts) => wait::run(&system, &opts),
        Verb::Watch(opts) => watch::run(&system, &opts),
    };
    match done {
        Ok(()) | Err(Failure::NoReader) => ExitCode::SUCCESS,
        Err(Failure::TimedOut) => ExitCode::from(124),
        Err(Failure::Other(error)) => {
            eprintln!("axirq: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// A number of seconds, with or without a fraction.
fn seconds(text: &str) -> Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    std::time::Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
