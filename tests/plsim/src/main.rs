// SPDX-License-Identifier: MIT OR Apache-2.0
//! The command line: `serve` is the simulator, `ctl` speaks to it.

use std::io;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use clap::Subcommand;
use plsim::client;
use plsim::client::Client;
use plsim::serve;

/// A simulated FPGA fabric behind a vfio-user socket.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve a design to QEMU's vfio-user-pci device, until QEMU leaves
    Serve {
        /// The design file (TOML)
        #[arg(long, value_name = "FILE")]
        design: PathBuf,
        /// The vfio-user socket, for QEMU
        #[arg(long, value_name = "PATH")]
        socket: PathBuf,
        /// The control socket, for `plsim ctl` and tests
        #[arg(long, value_name = "PATH")]
        control: PathBuf,
        /// Milliseconds the interrupt must stay high after QEMU's UNMASK to be sent again
        #[arg(long, value_name = "MS", default_value_t = 3)]
        refire_ms: u64,
        /// Accept the next QEMU when one has left
        #[arg(long)]
        keep: bool,
    },
    /// Send one request to a running simulator and print the answer
    Ctl {
        /// The control socket of `plsim serve`
        #[arg(long, value_name = "PATH")]
        control: PathBuf,
        /// The request, as in PROTOCOL.md
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().verb {
        Verb::Serve {
            design,
            socket,
            control,
            refire_ms,
            keep,
        } => serve::run(&serve::Options {
            design,
            socket,
            control,
            refire: Duration::from_millis(refire_ms),
            keep,
        })
        .map_err(|error| error.to_string()),
        Verb::Ctl { control, words } => match ctl(control, &words.join(" ")) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("plsim: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the answer; false if it is an `err`.
fn ctl(control: PathBuf, request: &str) -> Result<bool, String> {
    let mut client = Client::connect(control).map_err(|error| error.to_string())?;
    let answer = match client.raw(request) {
        Ok(answer) => answer,
        Err(client::Error::Refused { reason, .. }) => {
            print(&format!("err {reason}"))?;
            return Ok(false);
        }
        Err(error) => return Err(error.to_string()),
    };
    print(format!("ok {answer}").trim_end())?;
    if request.split_ascii_whitespace().next() == Some("watch") {
        stream(&mut client)?;
    }
    Ok(true)
}

/// Prints events until the simulator ends.
fn stream(client: &mut Client<std::os::unix::net::UnixStream>) -> Result<(), String> {
    loop {
        match client.next_event() {
            Ok(event) => {
                let json = serde_json::to_string(&event).map_err(|error| error.to_string())?;
                print(&format!("! {json}"))?;
            }
            Err(client::Error::Closed) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn print(line: &str) -> Result<(), String> {
    let mut out = io::stdout();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("cannot print: {error}"))
}
