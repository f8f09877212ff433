// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq overlay`: load, remove and list device-tree overlays.

use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use axirq::Error;
use axirq::list::System;
use axirq::overlay::Bitstream;
use axirq::overlay::Blob;
use axirq::overlay::Overlay;
use axirq::overlay::Status;
use clap::Args;
use clap::Subcommand;
use serde::Serialize;

use crate::Failure;

/// Load, remove and list device-tree overlays
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 done, 1 error, 2 wrong usage, 124 loaded, but its cells did not come in time.\n\n\
    Loading and removing take root, and a kernel with the interface device-tree/overlays in configfs: the vendor's, or \
    any with the module axirq_overlay."
)]
pub struct Opts {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Load(Load),
    Remove(Remove),
    List(List),
}

/// Load an overlay, and wait for its cells
#[derive(Args)]
#[command(after_help = "Exit codes: 0 done, 1 error, 2 wrong usage, 124 loaded, but its cells did not come in time.")]
struct Load {
    /// The compiled overlay, .dtbo
    file: PathBuf,
    /// Its name from now on; by default that of the file
    #[arg(long)]
    name: Option<String>,
    /// Program the fabric first: a file of /lib/firmware, on kernels whose FPGA manager takes one
    #[arg(long, value_name = "FIRMWARE")]
    bitstream: Option<String>,
    /// The bitstream replaces a part of the design
    #[arg(long, requires = "bitstream")]
    partial: bool,
    /// How long to wait for the cells that axirq binds; 0: not at all
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = crate::seconds)]
    wait: Duration,
}

/// Remove overlays: their cells leave, and who waits for them is told
#[derive(Args)]
#[command(after_help = "Exit codes: 0 done, 1 error, 2 wrong usage.\n\n\
    Overlays that touch the same nodes come off in the reverse order of loading.")]
struct Remove {
    /// The overlays, in this order
    #[arg(required = true)]
    names: Vec<String>,
}

/// List overlays
#[derive(Args)]
#[command(after_help = "Exit codes: 0 done, 1 error, 2 wrong usage.\n\n\
    JSON: {\"overlays\": [{\"name\", \"status\": \"applied\" or \"unapplied\", \"firmware\": the file of /lib/firmware \
    that it came from, or null}]}")]
struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Json {
    overlays: Vec<JsonOverlay>,
}

#[derive(Serialize)]
struct JsonOverlay {
    name: String,
    status: &'static str,
    firmware: Option<String>,
}

/// Does it.
pub fn run(system: &System, opts: &Opts) -> Result<(), Failure> {
    match &opts.verb {
        Verb::Load(load) => load.run(system),
        Verb::Remove(remove) => {
            for name in &remove.names {
                Overlay::find_in(system, name)?.remove()?;
            }
            Ok(())
        }
        Verb::List(list) => list.run(system),
    }
}

impl Load {
    fn run(&self, system: &System) -> Result<(), Failure> {
        let blob = Blob::read(&self.file)?;
        let name = match &self.name {
            Some(name) => name.clone(),
            None => self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        if let Some(file) = &self.bitstream {
            let bitstream = match self.partial {
                true => Bitstream::partial(file),
                false => Bitstream::full(file),
            };
            bitstream.program_in(system)?;
        }
        let overlay = Overlay::load_in(system, &name, &blob)?;
        if !self.wait.is_zero() {
            match overlay.arrival().blocking_wait_timeout(self.wait) {
                // It may well be loaded later.
                Err(error @ Error::ModuleNotLoaded) => eprintln!("axirq: {name} is loaded, but: {error}"),
                done => done?,
            }
        }
        Ok(writeln!(io::stdout(), "{name}")?)
    }
}

impl List {
    fn run(&self, system: &System) -> Result<(), Failure> {
        let mut overlays = Vec::new();
        for overlay in Overlay::list_in(system)? {
            let status = match overlay.status() {
                // Just removed.
                Err(Error::NoSuchOverlay { .. }) => continue,
                status => status_word(status?),
            };
            overlays.push(JsonOverlay {
                name: overlay.name().to_owned(),
                status,
                firmware: overlay.firmware(),
            });
        }
        let mut out = io::stdout().lock();
        if self.json {
            serde_json::to_writer(&mut out, &Json { overlays })?;
            writeln!(out)?;
            return Ok(());
        }
        let width = overlays.iter().map(|overlay| overlay.name.len()).max().unwrap_or(0);
        for JsonOverlay { name, status, firmware } in overlays {
            let line = format!("{name:width$}  {status:9}  {}", firmware.unwrap_or_default());
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// In the kernel's words.
fn status_word(status: Status) -> &'static str {
    match status {
        Status::Applied => "applied",
        Status::Unapplied => "unapplied",
        _ => "unknown",
    }
}
