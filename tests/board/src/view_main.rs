// SPDX-License-Identifier: MIT OR Apache-2.0
//! The view of a running board, in a terminal of its own.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use board::error::{Context, Result};
use board::terminal::{self, Raw};
use board::view::{self, Ended, Host};
use clap::Parser;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;

/// Shows a running board: press its buttons, see its LEDs and what its interrupts do.
#[derive(Parser)]
#[command(version)]
struct Cli {
    /// The control socket of the board's plsim; found by itself if only one board runs
    #[arg(long, value_name = "PATH")]
    control: Option<PathBuf>,
}

fn main() -> ExitCode {
    match perform(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("board-view: {error}");
            ExitCode::FAILURE
        }
    }
}

fn perform(cli: Cli) -> Result<ExitCode> {
    terminal::can_draw()?;
    let control = match cli.control {
        Some(control) => control,
        None => view::find::the_board()?,
    };
    // Taken as events, so that the terminal is given back and no button stays pressed.
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    signals.thread_block().context(|| "block signals".into())?;
    let ends = SignalFd::new(&signals).context(|| "listen for signals".into())?;
    terminal::restore_on_panic();
    let raw = Raw::enter()?;
    let ended = view::run(&control, Host::Terminal, ends.as_fd())?;
    drop(raw);
    Ok(match ended {
        Ended::Left | Ended::SwitchOff => ExitCode::SUCCESS,
        Ended::BoardGone => {
            println!("The board is switched off.");
            ExitCode::SUCCESS
        }
        Ended::Stopped => {
            let signal = ends.read_signal().context(|| "read a signal".into())?;
            // As shells have it.
            let code = signal.map_or(0, |signal| 128 + signal.ssi_signo);
            ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
        }
    })
}
