// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts, and the lines that tell them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use syscalls::Sysno;

pub struct Report {
    to: Box<dyn Write>,
    /// By number, since the last line.
    calls: BTreeMap<u64, u64>,
}

impl Report {
    /// Lines go to a file, or to standard error.
    pub fn create(path: Option<&Path>) -> Result<Self, String> {
        let to: Box<dyn Write> = match path {
            None => Box::new(io::stderr()),
            Some(path) => Box::new(
                File::create(path)
                    .map_err(|error| format!("cannot write {}: {error}", path.display()))?,
            ),
        };
        Ok(Self::new(to))
    }

    fn new(to: Box<dyn Write>) -> Self {
        Self {
            to,
            calls: BTreeMap::new(),
        }
    }

    pub fn count(&mut self, number: u64) {
        *self.calls.entry(number).or_default() += 1;
    }

    /// Writes what was counted since the line before.
    pub fn line(&mut self) -> Result<(), String> {
        let total: u64 = self.calls.values().sum();
        let calls: BTreeMap<String, u64> = std::mem::take(&mut self.calls)
            .into_iter()
            .map(|(number, count)| (name(number), count))
            .collect();
        writeln!(self.to, "{}", json!({"total": total, "calls": calls}))
            .map_err(|error| format!("cannot write the counts: {error}"))
    }
}

/// A system call's name, or its number where it has none.
fn name(number: u64) -> String {
    usize::try_from(number)
        .ok()
        .and_then(Sysno::new)
        .map_or_else(|| number.to_string(), |call| call.name().into())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[derive(Default, Clone)]
    struct Shared(Rc<RefCell<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn line_tells_the_calls_since_the_one_before() {
        let lines = Shared::default();
        let mut report = Report::new(Box::new(lines.clone()));
        let write = Sysno::write.id() as u64;
        report.count(write);
        report.count(write);
        report.count(99_999);
        report.line().unwrap();
        report.count(write);
        report.line().unwrap();
        assert_eq!(
            String::from_utf8(lines.0.take()).unwrap(),
            "{\"calls\":{\"99999\":1,\"write\":2},\"total\":3}\n{\"calls\":{\"write\":1},\"total\":1}\n"
        );
    }
}
