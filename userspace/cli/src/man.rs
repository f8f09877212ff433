// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq man`: the manual's pages, made from the parser.

use std::path::PathBuf;

use clap::Args;
use clap::CommandFactory;

use crate::Arguments;
use crate::Failure;

/// Write the manual's pages into a folder
#[derive(Args)]
#[command(after_help = "Exit codes: 0 done, 1 error, 2 wrong usage.\n\n\
    One page for the command and one for each verb: axirq man /usr/local/share/man/man1")]
pub struct Opts {
    /// The folder; made if it is not there
    dir: PathBuf,
}

/// Writes.
pub fn run(opts: &Opts) -> Result<(), Failure> {
    let failed = |error| Failure::Other(format!("cannot write to `{}`: {error}", opts.dir.display()).into());
    std::fs::create_dir_all(&opts.dir).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), &opts.dir).map_err(failed)
}
