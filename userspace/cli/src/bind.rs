// SPDX-License-Identifier: MIT OR Apache-2.0
//! `axirq bind` and `axirq unbind`: which driver a node belongs to.

use std::io;
use std::io::Write;

use axirq::device::Device;
use axirq::list::System;
use clap::Args;

use crate::Failure;

/// What both take.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 done (also if there was nothing to do), 1 error, 2 wrong usage.\n\n\
    A node that axirq does not bind by itself gets a driver_override, until it is unbound."
)]
pub struct Opts {
    /// The nodes, each by its label, xlnx,name, path, own name or name on the platform bus
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
}

/// Binds, and prints the files that there are then.
pub fn bind(system: &System, opts: &Opts) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    for device in find(system, opts)? {
        device.bind()?;
        let mut files = device.files();
        files.sort();
        writeln!(out, "{}: {}", device.title(), files.join(" "))?;
    }
    Ok(())
}

/// Unbinds.
pub fn unbind(system: &System, opts: &Opts) -> Result<(), Failure> {
    for device in find(system, opts)? {
        device.unbind()?;
    }
    Ok(())
}

/// All of them are found before anything is done.
fn find(system: &System, opts: &Opts) -> Result<Vec<Device>, Failure> {
    let devices = opts.nodes.iter().map(|name| Device::find_in(system, name));
    Ok(devices.collect::<Result<_, _>>()?)
}
