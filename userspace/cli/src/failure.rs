// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Failure`]: why a verb did not do what it was asked to, and the exit code for it.

use std::error::Error;
use std::io;
use std::process::ExitCode;

/// Why a verb did not do what it was asked to.
pub enum Failure {
    /// The time was over before; with a reason if there is more to say.
    TimedOut(Option<axirq::Error>),
    /// Problems were found, and printed.
    Unwell,
    /// Who read our output wants no more of it.
    NoReader,
    Other(Box<dyn Error>),
}

impl Failure {
    /// Says on standard error what there is to say.
    pub fn report(self) -> ExitCode {
        match self {
            Failure::NoReader => ExitCode::SUCCESS,
            Failure::Unwell => ExitCode::FAILURE,
            Failure::TimedOut(error) => {
                if let Some(error) = error {
                    eprintln!("axirq: {}", with_causes(&error));
                }
                ExitCode::from(124)
            }
            Failure::Other(error) => {
                eprintln!("axirq: {}", with_causes(error.as_ref()));
                ExitCode::FAILURE
            }
        }
    }
}

impl From<axirq::Error> for Failure {
    fn from(error: axirq::Error) -> Self {
        match error {
            axirq::Error::NotThere { .. } => Failure::TimedOut(Some(error)),
            _ => Failure::Other(error.into()),
        }
    }
}

/// Standard output, mostly.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::NoReader,
            _ => Failure::Other(error.into()),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        io::Error::from(error).into()
    }
}

/// On one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}
