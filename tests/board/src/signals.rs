// SPDX-License-Identifier: MIT OR Apache-2.0
//! A signal that ends the runner ends everything it started, and takes its traces along.

use std::path::PathBuf;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

use crate::error::{Context, Result};
use crate::terminal;

/// From now on SIGINT, SIGTERM and SIGHUP end the runner in order: the terminal is as before and `folder` is gone.
/// Helper processes die with the runner, see [`crate::process::Helper`].
///
/// To be called before any thread is started: signals are blocked for the caller and those that come after.
pub fn end_in_order(folder: PathBuf) -> Result<()> {
    let mask: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]
        .into_iter()
        .collect();
    mask.thread_block().context(|| "block signals".into())?;
    thread::spawn(move || {
        let Ok(signal) = mask.wait() else { return };
        terminal::restore();
        // Sockets may be in use for an instant yet, which does not keep their names alive.
        let _ = std::fs::remove_dir_all(&folder);
        eprintln!("board: ended by {signal}");
        std::process::exit(128 + signal as i32);
    });
    Ok(())
}
