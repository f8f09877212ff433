// SPDX-License-Identifier: MIT OR Apache-2.0
//! `syscount [--json FILE] -- COMMAND…`: runs a command and counts its system calls, those of its threads and children
//! included.
//!
//! The command notices nothing but being slower: it has syscount's standard streams, signals sent to syscount reach it
//! (SIGUSR1 apart, see below), and syscount ends as the command does, with the same exit code or by the same signal.
//! Job control (SIGSTOP, SIGTSTP) is not for traced commands.
//!
//! A SIGUSR1 to syscount is a mark. It may come from outside or, exactly placed, from the command itself by
//! `kill(getppid(), SIGUSR1)`: the calls up to that `kill`, itself included, are before the mark. Each mark and the end
//! give one line of JSON on FILE (standard error without `--json`), with the calls since the line before:
//!
//! ```text
//! {"total":5,"calls":{"epoll_pwait":2,"ioctl":2,"kill":1}}
//! ```

mod report;
mod trace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: syscount [--json FILE] -- COMMAND…";

struct Arguments {
    json: Option<PathBuf>,
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    let counted = parse(std::env::args_os().skip(1)).and_then(|arguments| {
        let mut report = report::Report::create(arguments.json.as_deref())?;
        trace::run(&arguments.command, &mut report)
    });
    match counted {
        Ok(trace::End::Exited(code)) => ExitCode::from(code),
        Ok(trace::End::Signalled(signal)) => trace::die_by(signal),
        Err(error) => {
            eprintln!("syscount: {error}");
            // As env(1) and its like say that the fault is their own.
            ExitCode::from(125)
        }
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Arguments, String> {
    let mut arguments = arguments.peekable();
    let mut json = None;
    if arguments.next_if(|word| word == "--json").is_some() {
        json = Some(arguments.next().ok_or(USAGE)?.into());
    }
    if arguments.next().is_none_or(|word| word != "--") {
        return Err(USAGE.into());
    }
    let command: Vec<OsString> = arguments.collect();
    if command.is_empty() {
        return Err(USAGE.into());
    }
    Ok(Arguments { json, command })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<(Option<PathBuf>, Vec<OsString>)> {
        let arguments = parse(line.split_whitespace().map(OsString::from)).ok()?;
        Some((arguments.json, arguments.command))
    }

    #[test]
    fn command_comes_after_two_dashes() {
        assert_eq!(
            parsed("-- ls -l"),
            Some((None, vec!["ls".into(), "-l".into()]))
        );
        assert_eq!(
            parsed("--json out -- ls"),
            Some((Some("out".into()), vec!["ls".into()]))
        );
        assert_eq!(
            parsed("-- env -- x"),
            Some((None, vec!["env".into(), "--".into(), "x".into()]))
        );
        for wrong in [
            "",
            "ls",
            "--",
            "--json",
            "--json out",
            "--json out ls",
            "--json out --",
        ] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
