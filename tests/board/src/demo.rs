// SPDX-License-Identifier: MIT OR Apache-2.0
//! `board demo`: four buttons, four LEDs, an async program between them, and the proof that it costs nothing while
//! nobody presses.

mod fabric;
mod fingers;
mod summary;
mod view;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde::Deserialize;

use self::fabric::Fabric;
use self::fingers::{MOVES, REHEARSAL};
use self::summary::Summary;
use self::view::View;
use crate::board::Board;
use crate::bring_up::{bring_up, shell};
use crate::error::{Error, Result, describe};
use crate::guest::{Command, Guest, Progress, Running};
use crate::protocol::Outcome;

const INTC: &str = "axi_intc_0";
const BUTTONS: &str = "btns_gpio";
const LEDS: &str = "leds_gpio";
const COUNT: &str = "cat '/sys/class/axirq/btns_gpio!ip2intc_irpt/count'";

/// How long nothing may happen while nobody presses.
const IDLE: Duration = Duration::from_secs(2);
/// The program's whole life.
const PROGRAM: Duration = Duration::from_secs(300);

/// What `button_to_led` says at its end, as far as it matters here.
#[derive(Deserialize)]
struct Words {
    wakeups: u64,
}

/// Runs the demo; false if an LED did not follow its button or something moved while nobody pressed.
pub fn run(board: &Board) -> Result<bool> {
    let guest = board.guest();
    println!("The board runs Linux {}. In it:", board.kernel());
    bring_up(&guest, |step| println!("  # {step}"))?;
    println!("  # axirq list");
    let list = guest.check(Command::new(["axirq", "list"], Duration::from_secs(30)))?;
    list.lines().for_each(|line| println!("  {line}"));

    println!("\nbutton_to_led waits for four buttons. Fingers press them:");
    let mut stage = Stage {
        guest,
        fabric: Fabric::connect(board)?,
        view: View::on_stdout(),
    };
    let problems = match stage.perform()? {
        Ok(summary) => {
            println!("\n{summary}");
            summary.problems()
        }
        Err(Fault(why)) => vec![why],
    };
    for problem in &problems {
        println!("board: {problem}");
    }
    Ok(problems.is_empty())
}

/// An LED did not do what it should, and the program's own words on it.
struct Fault(String);

struct Stage {
    guest: Guest,
    fabric: Fabric,
    view: View,
}

impl Stage {
    fn perform(&mut self) -> Result<Result<Summary, Fault>> {
        let program = Program::start(&self.guest, &["button_to_led"])?;
        // The first press finds out that the program has come to its loop; what it takes until then is not counted.
        if let Some(why) = self.fabric.play(REHEARSAL, &mut self.view)? {
            return Ok(Err(program.blame(why)?));
        }
        self.fabric.take_latencies();
        let (interrupts, wire, start) = (
            guest_count(&self.guest)?,
            self.fabric.wire()?,
            Instant::now(),
        );
        self.fabric.control.reset_counts()?;
        if let Some(why) = self.fabric.play(MOVES, &mut self.view)? {
            return Ok(Err(program.blame(why)?));
        }
        let played = start.elapsed();
        let intc_accesses = self.fabric.control.counts(INTC)?;
        let (interrupts, wire) = (
            guest_count(&self.guest)? - interrupts,
            self.fabric.wire()? - wire,
        );

        self.view.say("Nobody presses anything now.");
        let (cpu, registers) = (
            cpu_time(&self.guest, program.pid)?,
            self.fabric.all_accesses()?,
        );
        if let Some(why) = self.fabric.pause(IDLE, &mut self.view)? {
            return Ok(Err(program.blame(why)?));
        }
        let idle_cpu = cpu_time(&self.guest, program.pid)? - cpu;
        let idle_accesses = self.fabric.all_accesses()? - registers;
        let words = program.end(&self.guest)?;
        let latencies = self.fabric.take_latencies();

        self.view.say("Once more, with its system calls counted.");
        let calls = match self.count_calls()? {
            Ok(calls) => calls,
            Err(fault) => return Ok(Err(fault)),
        };
        Ok(Ok(Summary {
            moves: MOVES.len() as u64,
            wire,
            interrupts,
            // What the rehearsal took is not part of it.
            resumed: words.wakeups.saturating_sub(REHEARSAL.len() as u64),
            intc_accesses,
            calls,
            latencies,
            played,
            idle: IDLE,
            idle_cpu,
            idle_accesses,
        }))
    }

    /// System calls of the program and how often each, for all of [`MOVES`].
    fn count_calls(&mut self) -> Result<Result<BTreeMap<String, u64>, Fault>> {
        #[derive(Deserialize)]
        struct Line {
            calls: BTreeMap<String, u64>,
        }
        const REPORT: &str = "/tmp/calls";
        let program = Program::start(
            &self.guest,
            &["syscount", "--json", REPORT, "--", "button_to_led"],
        )?;
        let mark = format!("kill -USR1 {}", program.pid);
        for moves in [REHEARSAL, MOVES] {
            if let Some(why) = self.fabric.play(moves, &mut self.view)? {
                return Ok(Err(program.blame(why)?));
            }
            self.guest.check(shell(&mark))?;
        }
        program.end(&self.guest)?;
        let report = self.guest.check(shell(&format!("cat {REPORT}")))?;
        // The first line is the start and the rehearsal.
        let played = report
            .lines()
            .nth(1)
            .and_then(|line| serde_json::from_str::<Line>(line).ok());
        let played = played.ok_or_else(|| Error::Guest(format!("syscount reports {report:?}")))?;
        Ok(Ok(played.calls))
    }
}

/// A program of the demo's in the guest.
struct Program {
    running: Running,
    pid: i32,
}

impl Program {
    fn start(guest: &Guest, argv: &[&str]) -> Result<Self> {
        let running = guest.start(Command::new(argv.iter().copied(), PROGRAM))?;
        match running.next()? {
            Progress::Started { pid } => Ok(Self { running, pid }),
            Progress::Ended(outcome) => Err(failed(argv[0], outcome, &[])),
            other => Err(Error::Guest(format!(
                "its agent began a program with {other:?}"
            ))),
        }
    }

    /// Ends it, and adds what it has to say.
    fn blame(self, why: String) -> Result<Fault> {
        self.running.kill(Signal::SIGKILL)?;
        let finished = self.running.finish(|_, _| ())?;
        let output = String::from_utf8_lossy(&finished.output).into_owned();
        // If it was still there to be killed, its end says nothing.
        Ok(Fault(match finished.outcome {
            Outcome::Signalled(signal) if signal == Signal::SIGKILL as i32 => {
                format!("{why}\n{output}")
            }
            outcome => format!("{why}: button_to_led {}\n{output}", describe(&outcome)),
        }))
    }

    /// Asks it to end and takes its last words.
    fn end(self, guest: &Guest) -> Result<Words> {
        // To the one process: syscount passes it on to what it runs.
        guest.check(shell(&format!(
            "kill -{} {}",
            Signal::SIGTERM as i32,
            self.pid
        )))?;
        let finished = self.running.finish(|_, _| ())?;
        if finished.outcome != Outcome::Exited(0) {
            return Err(failed("button_to_led", finished.outcome, &finished.output));
        }
        let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
        let words = stdout
            .lines()
            .last()
            .and_then(|line| serde_json::from_str(line).ok());
        words.ok_or_else(|| Error::Guest(format!("button_to_led said {stdout:?}")))
    }
}

fn failed(program: &str, outcome: Outcome, output: &[u8]) -> Error {
    let output = String::from_utf8_lossy(output).trim_end().to_string();
    Error::Command {
        command: program.into(),
        outcome,
        output,
    }
}

/// Interrupts that the kernel has taken from the buttons.
fn guest_count(guest: &Guest) -> Result<u64> {
    let count = guest.check(shell(COUNT))?;
    count
        .trim()
        .parse()
        .map_err(|_| Error::Guest(format!("`{COUNT}` says {count:?}")))
}

/// CPU time of all threads of a process.
fn cpu_time(guest: &Guest, pid: i32) -> Result<Duration> {
    let command = format!("cat /proc/{pid}/task/*/schedstat");
    let said = guest.check(shell(&command))?;
    // Nanoseconds on a CPU come first on each thread's line.
    let times: Option<Vec<u64>> = said
        .lines()
        .map(|line| line.split(' ').next()?.parse().ok())
        .collect();
    match times {
        Some(times) if !times.is_empty() => Ok(Duration::from_nanos(times.iter().sum())),
        _ => Err(Error::Guest(format!("`{command}` says {said:?}"))),
    }
}
