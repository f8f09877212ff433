// SPDX-License-Identifier: MIT OR Apache-2.0
//! `board test`: the guest's tests, one process each, all in one boot as long as the kernel lives.
//!
//! A test passes if its process exits with 0, the kernel's log has nothing bad in it that the test did not announce,
//! and the fabric saw no access that it did not announce. Announcements are lines of the test's output:
//! `@expect-log TEXT` and `@expect-violation`. A test that needs what this kernel lacks says `@skip REASON`, and one that
//! leaves the board unusable `@reboot`.

use std::fs::File;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use plsim::client::Client;

use crate::board::Board;
use crate::error::{Context, Error, Result, describe};
use crate::guest::Command;
use crate::kernel_log::{Record, judge};
use crate::leaks;
use crate::process::Workspace;
use crate::protocol::Outcome;

const PROGRAM: &str = "/usr/bin/guest-tests";
/// Where a test finds the seed that it is to use.
const SEED: &str = "AXIRQ_SEED";
const LIST: Duration = Duration::from_secs(30);
/// plsim answers at once, even on a busy machine.
const FABRIC: Duration = Duration::from_secs(30);

/// How many passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub passed: usize,
    pub failed: usize,
    pub skipped: usize,
}

/// What to run.
pub struct Options {
    /// Only tests with this in their name.
    pub filter: String,
    /// For each test.
    pub timeout: Duration,
    /// What tests that try things by chance are to try, in place of seeds of their own.
    pub seed: Option<u64>,
    /// Gets `ran` or `skip` and the name for each test, one a line.
    pub outcomes: Option<PathBuf>,
}

/// Runs the tests and prints a line for each. An error is the board's, not a test's.
pub fn run(
    boot: &dyn Fn() -> Result<Board>,
    workspace: &Workspace,
    options: &Options,
) -> Result<Tally> {
    let mut rig = Rig::start(boot, workspace)?;
    let names = rig
        .board
        .guest()
        .check(Command::new([PROGRAM, "--list"], LIST))?;
    let names: Vec<String> = names
        .lines()
        .filter(|name| name.contains(&options.filter))
        .map(String::from)
        .collect();
    if names.is_empty() {
        return Err(Error::NoSuchTest(options.filter.clone()));
    }
    println!(
        "board: {} tests on Linux {}",
        names.len(),
        rig.board.kernel()
    );
    let mut tally = Tally::default();
    let mut outcomes = String::new();
    for name in &names {
        let start = Instant::now();
        let result = rig.try_test(name, options)?;
        let seconds = start.elapsed().as_secs_f32();
        if let (Some(reason), []) = (&result.skipped, &result.failures[..]) {
            tally.skipped += 1;
            println!("skip {name}: {reason}");
            outcomes.push_str(&format!("skip {name}\n"));
            continue;
        }
        outcomes.push_str(&format!("ran {name}\n"));
        if result.failures.is_empty() {
            tally.passed += 1;
            println!("ok   {name} ({seconds:.2} s)");
        } else {
            tally.failed += 1;
            println!("FAIL {name} ({seconds:.2} s)");
            print!(
                "{}",
                indented([&result.output].into_iter().chain(&result.failures))
            );
        }
        if result.fit != Fit::Well {
            if result.fit == Fit::Spent {
                tally.failed += rig.last_look()?;
            }
            println!("board: rebooting after {name}");
            // First off, then on: both have the same sockets.
            drop(rig);
            rig = Rig::start(boot, workspace)?;
        }
    }
    tally.failed += rig.last_look()?;
    rig.board.power_off()?;
    if let Some(file) = &options.outcomes {
        std::fs::write(file, outcomes).context(|| format!("write {}", file.display()))?;
    }
    Ok(tally)
}

/// A board for tests, and a connection to its fabric.
struct Rig {
    board: Board,
    fabric: Client<UnixStream>,
    kernel_log: File,
    violations: usize,
}

/// What a test leaves of the board.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// Fit for another test.
    #[default]
    Well,
    /// Alive, but no longer fit for another test.
    Spent,
    Dead,
}

/// Why a test failed, if it did, and what it said.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    failures: Vec<String>,
    output: String,
    fit: Fit,
    /// Why the test had nothing to try.
    skipped: Option<String>,
}

impl Rig {
    fn start(boot: &dyn Fn() -> Result<Board>, workspace: &Workspace) -> Result<Self> {
        let board = boot()?;
        let fabric = Client::connect(board.control())?;
        fabric
            .stream()
            .set_read_timeout(Some(FABRIC))
            .context(|| "set a timeout".into())?;
        let log = workspace.log("kernel.log");
        let kernel_log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .context(|| format!("write {}", log.display()))?;
        let mut rig = Self {
            board,
            fabric,
            kernel_log,
            violations: 0,
        };
        // What was said while booting is no test's fault; from here on every message is.
        rig.read_kernel_log("boot")?;
        Ok(rig)
    }

    /// Whatever becomes of the board during the test is the test's failure.
    fn try_test(&mut self, name: &str, options: &Options) -> Result<Verdict> {
        let mut output = Vec::new();
        let tried = self.test(name, options, &mut output);
        match tried {
            Ok(verdict) => Ok(verdict),
            Err(
                error @ (Error::Died(_)
                | Error::Timeout { .. }
                | Error::Fabric(_)
                | Error::Guest(_)),
            ) => {
                let output = String::from_utf8_lossy(&output).into_owned();
                Ok(Verdict {
                    failures: vec![error.to_string()],
                    output,
                    fit: Fit::Dead,
                    skipped: None,
                })
            }
            Err(error) => Err(error),
        }
    }

    fn test(&mut self, name: &str, options: &Options, output: &mut Vec<u8>) -> Result<Verdict> {
        self.fabric.reset()?;
        let mut command = Command::new([PROGRAM, "--exact", name], options.timeout);
        if let Some(seed) = options.seed {
            command = command.env(SEED, seed.to_string());
        }
        let test = self.board.guest().start(command)?;
        let outcome = test
            .finish(|_, data| output.extend_from_slice(data))?
            .outcome;
        let log = self.read_kernel_log(name)?;
        let violations = self.fabric.violations()?;
        let new = violations.get(self.violations..).unwrap_or_default();
        let verdict = verdict(&outcome, &String::from_utf8_lossy(output), &log, new);
        self.violations = violations.len();
        Ok(verdict)
    }

    /// What shows only when all is over: late messages, leaked memory. Says so, and counts it.
    fn last_look(&mut self) -> Result<usize> {
        let leaked = leaks::find(&self.board.guest())?;
        let late: Vec<String> = judge(&self.read_kernel_log("after the last test")?, &[])
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut failed = 0;
        for (what, found) in [("the kernel's memory", leaked), ("the kernel's log", late)] {
            if !found.is_empty() {
                failed += 1;
                println!("FAIL {what} after the last test");
                print!("{}", indented(&found));
            }
        }
        Ok(failed)
    }

    fn read_kernel_log(&mut self, of: &str) -> Result<Vec<Record>> {
        let records = self.board.guest().kernel_log()?;
        let mut text = format!("---- {of}\n");
        for record in &records {
            text.push_str(&format!("{record}\n"));
        }
        self.kernel_log
            .write_all(text.as_bytes())
            .context(|| "write the kernel's log".into())?;
        Ok(records)
    }
}

/// The judgement of a test that has come to an end.
fn verdict(outcome: &Outcome, said: &str, log: &[Record], violations: &[String]) -> Verdict {
    let mut expected_log = Vec::new();
    let mut expects_violation = false;
    let mut skipped = None;
    let mut fit = Fit::Well;
    let mut output = String::new();
    for line in said.lines() {
        if let Some(text) = line.strip_prefix("@expect-log ") {
            expected_log.push(text.to_string());
        } else if line == "@expect-violation" {
            expects_violation = true;
        } else if line == "@reboot" {
            fit = Fit::Spent;
        } else if let Some(reason) = line.strip_prefix("@skip ") {
            skipped = Some(reason.to_string());
        } else {
            output.push_str(line);
            output.push('\n');
        }
    }
    let mut failures = Vec::new();
    if *outcome != Outcome::Exited(0) {
        failures.push(describe(outcome));
    }
    failures.extend(
        judge(log, &expected_log)
            .iter()
            .map(|complaint| format!("kernel: {complaint}")),
    );
    if !expects_violation {
        failures.extend(
            violations
                .iter()
                .map(|violation| format!("fabric: {violation}")),
        );
    }
    Verdict {
        failures,
        output,
        fit,
        skipped,
    }
}

fn indented<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let lines = texts.into_iter().flat_map(|text| text.lines());
    lines.fold(String::new(), |text, line| text + "     " + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSED: Outcome = Outcome::Exited(0);

    fn log(line: &str) -> Vec<Record> {
        vec![Record::parse(line).unwrap()]
    }

    #[test]
    fn quiet_success_passes() {
        let verdict = verdict(&PASSED, "all well\n", &log("6,1,10,-;axirq: bound"), &[]);
        assert_eq!(
            verdict,
            Verdict {
                output: "all well\n".into(),
                ..Verdict::default()
            }
        );
    }

    #[test]
    fn exit_code_kernel_and_fabric_each_fail_a_test() {
        for (outcome, line, violations, why) in [
            (
                Outcome::Exited(101),
                "6,1,10,-;fine",
                &[][..],
                "exited with 101",
            ),
            (Outcome::TimedOut, "6,1,10,-;fine", &[][..], "took too long"),
            (
                PASSED,
                "4,1,10,-;axirq: odd",
                &[][..],
                "kernel: <4>[    0.000010] axirq: odd",
            ),
            (
                PASSED,
                "6,1,10,-;fine",
                &["axi_intc_0: 8-bit write at 0x8".to_string()][..],
                "fabric: axi_intc_0",
            ),
        ] {
            let failures = verdict(&outcome, "", &log(line), violations).failures;
            assert_eq!(failures.len(), 1, "{failures:?}");
            assert!(failures[0].contains(why), "{failures:?}");
        }
    }

    #[test]
    fn announced_messages_and_violations_pass_and_announcements_are_not_shown() {
        let said = "one\n@expect-log axirq: odd\n@expect-violation\n@reboot\ntwo\n";
        let violations = ["8-bit write".to_string()];
        let verdict = verdict(&PASSED, said, &log("4,1,10,-;axirq: odd"), &violations);
        assert_eq!(
            verdict,
            Verdict {
                output: "one\ntwo\n".into(),
                fit: Fit::Spent,
                ..Verdict::default()
            }
        );
    }

    #[test]
    fn a_skipped_test_says_why_and_can_still_fail() {
        let skipped = verdict(
            &PASSED,
            "@skip no such option\n",
            &log("6,1,10,-;fine"),
            &[],
        );
        assert_eq!(skipped.skipped.as_deref(), Some("no such option"));
        assert!(skipped.failures.is_empty());
        let failed = verdict(
            &PASSED,
            "@skip no such option\n",
            &log("4,1,10,-;axirq: odd"),
            &[],
        );
        assert_eq!(failed.failures.len(), 1);
    }

    #[test]
    fn announcing_one_message_does_not_excuse_another() {
        let failures = verdict(
            &PASSED,
            "@expect-log odd\n",
            &log("4,1,10,-;axirq: worse"),
            &[],
        )
        .failures;
        assert_eq!(failures, ["kernel: <4>[    0.000010] axirq: worse"]);
    }
}
