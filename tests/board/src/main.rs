// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runner's command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use board::board::{Board, Images, Parts};
use board::error::{Result, describe};
use board::guest;
use board::process::Workspace;
use board::protocol::{Outcome, Stream};
use board::{shell, signals};
use clap::{Args, Parser, Subcommand};

/// Boots a kernel under QEMU beside a simulated FPGA fabric, and runs things on that board.
#[derive(Parser)]
#[command(name = "board", version)]
struct Cli {
    #[command(flatten)]
    parts: PartsArgs,
    /// Keep the logs (console, QEMU, plsim) in this folder; else those of a failed run stay in a temporary one
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// Show the kernel's console while the board boots and runs
    #[arg(short, long)]
    verbose: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Args)]
struct PartsArgs {
    /// QEMU for arm64, 10.1 or newer
    #[arg(long, value_name = "BIN", default_value = "qemu-system-aarch64")]
    qemu: PathBuf,
    /// The device tree compiler
    #[arg(long, value_name = "BIN", default_value = "dtc")]
    dtc: PathBuf,
    /// The kernel's image
    #[arg(long, value_name = "FILE")]
    kernel: PathBuf,
    /// The fabric simulator
    #[arg(long, value_name = "BIN")]
    plsim: PathBuf,
    /// The fabric's design
    #[arg(long, value_name = "FILE")]
    design: PathBuf,
    /// Programs for the guest's /usr/bin, or folders of them, `init` among them
    #[arg(long, value_name = "FILE|DIR", value_delimiter = ',')]
    guest_bin: Vec<PathBuf>,
    /// Kernel modules for the guest's /lib/axirq
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    modules: Vec<PathBuf>,
    /// Modules of the kernel's own to load at boot, in this order (configfs where it is not built in)
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    boot_modules: Vec<PathBuf>,
    /// Folder of overlays (*.dtbo) for the guest's /lib/firmware
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,
    /// A static busybox for arm64
    #[arg(long, value_name = "FILE")]
    busybox: PathBuf,
}

#[derive(Subcommand)]
enum Verb {
    /// A terminal on the board
    Shell,
    /// Run one command on the board and exit as it does
    Run {
        /// Seconds until the command is killed
        #[arg(long, value_name = "SECONDS", default_value_t = 300)]
        timeout: u64,
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let workspace = match Workspace::create(cli.logs.as_deref()) {
        Ok(workspace) => workspace,
        Err(error) => return complain(&error.to_string()),
    };
    let done = signals::end_in_order(workspace.folder().to_path_buf())
        .and_then(|()| perform(&cli, &workspace));
    match done {
        Ok(code) => code,
        Err(error) => {
            let code = complain(&error.to_string());
            eprintln!("board: logs are in {}", workspace.keep_logs().display());
            code
        }
    }
}

fn complain(error: &str) -> ExitCode {
    eprintln!("board: {error}");
    ExitCode::FAILURE
}

fn perform(cli: &Cli, workspace: &Workspace) -> Result<ExitCode> {
    let parts = Parts {
        qemu: cli.parts.qemu.clone(),
        dtc: cli.parts.dtc.clone(),
        kernel: cli.parts.kernel.clone(),
        plsim: cli.parts.plsim.clone(),
        design: cli.parts.design.clone(),
        guest: cli.parts.guest_bin.clone(),
        modules: cli.parts.modules.clone(),
        boot_modules: cli.parts.boot_modules.clone(),
        overlays: cli.parts.overlays.clone(),
        busybox: cli.parts.busybox.clone(),
    };
    let images = Images::build(&parts, workspace)?;
    let boot = || Board::boot(&parts, &images, workspace, cli.verbose);
    match &cli.verb {
        Verb::Shell => {
            let board = boot()?;
            shell::interact(&board)?;
            board.power_off()?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Run { timeout, command } => {
            let board = boot()?;
            let code = run(&board, command, Duration::from_secs(*timeout))?;
            board.power_off()?;
            Ok(code)
        }
    }
}

fn run(board: &Board, command: &[String], timeout: Duration) -> Result<ExitCode> {
    let finished = board
        .guest()
        .start(guest::Command::new(command, timeout))?
        .finish(|stream, data| {
            // A reader who has gone away does not concern the guest.
            let _ = match stream {
                Stream::Stdout => std::io::stdout()
                    .write_all(data)
                    .and_then(|()| std::io::stdout().flush()),
                Stream::Stderr => std::io::stderr().write_all(data),
            };
        })?;
    let code = match &finished.outcome {
        Outcome::Exited(code) => *code,
        // As shells have it.
        Outcome::Signalled(signal) => 128 + signal,
        Outcome::TimedOut => 124,
        Outcome::NotStarted(_) => 127,
    };
    if !matches!(finished.outcome, Outcome::Exited(_)) {
        eprintln!(
            "board: `{}` {}",
            command.join(" "),
            describe(&finished.outcome)
        );
    }
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}
