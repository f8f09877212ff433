// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq completions`: what a shell sources to complete our arguments, made from the parser.

use std::io;
use std::io::Write;

use clap::Args;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::Arguments;
use crate::Failure;

/// Print the completions for a shell
#[derive(Args)]
#[command(after_help = "Exit codes: 0 done, 1 error, 2 wrong usage.\n\n\
    For bash: axirq completions bash > /etc/bash_completion.d/axirq")]
pub struct Opts {
    shell: Shell,
}

/// Prints.
pub fn run(opts: &Opts) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(opts.shell, &mut Arguments::command(), "axirq", &mut script);
    Ok(io::stdout().write_all(&script)?)
}
