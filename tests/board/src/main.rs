// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runner's command line.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use board::board::{Board, Images, Parts};
use board::bring_up::bring_up;
use board::error::{Result, describe};
use board::guest;
use board::process::Workspace;
use board::protocol::{Outcome, Stream};
use board::qemu::Machine;
use board::{demo, shell, signals, suite};
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
    /// QEMU for arm64, which can do both machines, 10.1 or newer
    #[arg(long, value_name = "BIN", default_value = "qemu-system-aarch64")]
    qemu: PathBuf,
    /// The processor, which the kernel and all programs are for
    #[arg(long, value_enum, default_value_t)]
    machine: Machine,
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
    /// Modules of the kernel's own for tests to load, in the guest's /lib/axirq/extra
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    extra_modules: Vec<PathBuf>,
    /// More for the kernel's command line, such as fw_devlink=off
    #[arg(long, value_name = "TEXT")]
    append: Option<String>,
    /// Folder of overlays (*.dtbo) for the guest's /lib/firmware
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,
    /// A static busybox
    #[arg(long, value_name = "FILE")]
    busybox: PathBuf,
}

#[derive(Subcommand)]
enum Verb {
    /// A terminal on the board, with the modules loaded and the demo's overlay applied
    Shell {
        /// How plsim is started in a second terminal, if not by its path
        #[arg(long, value_name = "COMMAND")]
        say_plsim: Option<String>,
        /// How the view of the board is started in a second terminal
        #[arg(long, value_name = "COMMAND", default_value = "board-view")]
        say_view: String,
    },
    /// Four buttons light four LEDs, interrupt by interrupt
    Demo,
    /// Run the guest's tests
    Test {
        /// Only tests with this in their name
        #[arg(long, value_name = "TEXT", default_value = "")]
        filter: String,
        /// Seconds until a test is killed. By default more than any takes on a processor that is emulated, on a busy host,
        /// by a kernel that checks everything: it ends what hangs
        #[arg(long, value_name = "SECONDS", default_value_t = 600)]
        timeout: u64,
        /// Replay what a test did by chance: the seed that it named when it failed
        #[arg(long, value_name = "NUMBER")]
        seed: Option<u64>,
        /// Write `ran` or `skip` and the name of each test to this file
        #[arg(long, value_name = "FILE")]
        outcomes: Option<PathBuf>,
    },
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
        Ok(End::Sound(code)) => code,
        Ok(End::Failed) => fail(workspace),
        Err(error) => {
            complain(&error.to_string());
            fail(workspace)
        }
    }
}

/// How a run came to its end.
enum End {
    /// With this exit code; the board itself did what it should.
    Sound(ExitCode),
    /// A test or the demo failed and has said why.
    Failed,
}

fn end(passed: bool) -> End {
    if passed {
        End::Sound(ExitCode::SUCCESS)
    } else {
        End::Failed
    }
}

fn fail(workspace: Workspace) -> ExitCode {
    eprintln!("board: logs are in {}", workspace.keep_logs().display());
    ExitCode::FAILURE
}

fn complain(error: &str) -> ExitCode {
    eprintln!("board: {error}");
    ExitCode::FAILURE
}

fn perform(cli: &Cli, workspace: &Workspace) -> Result<End> {
    let parts = Parts {
        qemu: cli.parts.qemu.clone(),
        machine: cli.parts.machine,
        dtc: cli.parts.dtc.clone(),
        kernel: cli.parts.kernel.clone(),
        plsim: cli.parts.plsim.clone(),
        design: cli.parts.design.clone(),
        guest: cli.parts.guest_bin.clone(),
        modules: cli.parts.modules.clone(),
        boot_modules: cli.parts.boot_modules.clone(),
        extra_modules: cli.parts.extra_modules.clone(),
        append: cli.parts.append.clone(),
        overlays: cli.parts.overlays.clone(),
        busybox: cli.parts.busybox.clone(),
    };
    let images = Images::build(&parts, workspace)?;
    let boot = || Board::boot(&parts, &images, workspace, cli.verbose);
    match &cli.verb {
        Verb::Shell {
            say_plsim,
            say_view,
        } => {
            let board = boot()?;
            bring_up(&board.guest(), |_| ())?;
            let plsim = match say_plsim {
                Some(command) => command.clone(),
                None => parts.plsim.display().to_string(),
            };
            print!("{}", shell::banner(&board, &plsim, say_view));
            if shell::interact(&board)? == shell::Left::ByExit {
                board.power_off()?;
            }
            Ok(end(true))
        }
        Verb::Demo => {
            let board = boot()?;
            let passed = demo::run(&board)?;
            board.power_off()?;
            Ok(end(passed))
        }
        Verb::Test {
            filter,
            timeout,
            seed,
            outcomes,
        } => {
            let options = suite::Options {
                filter: filter.clone(),
                timeout: Duration::from_secs(*timeout),
                seed: *seed,
                outcomes: outcomes.clone(),
            };
            let tally = suite::run(&boot, workspace, &options)?;
            if tally.skipped != 0 {
                println!(
                    "{} skipped: this kernel lacks what they need",
                    tally.skipped
                );
            }
            println!("{} passed, {} failed", tally.passed, tally.failed);
            Ok(end(tally.failed == 0))
        }
        Verb::Run { timeout, command } => {
            let board = boot()?;
            let code = run(&board, command, Duration::from_secs(*timeout))?;
            board.power_off()?;
            Ok(End::Sound(code))
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
