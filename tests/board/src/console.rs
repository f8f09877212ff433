// SPDX-License-Identifier: MIT OR Apache-2.0
//! The runner's end of the first UART: takes messages out of the stream, keeps the rest as the console's log, notices
//! when the kernel or QEMU dies.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::{Context, Death, Error, Result};
use crate::process::last_lines;
use crate::protocol::{Decoder, Event, Id, Item, Request, encode};

/// Messages that are about the board, not about one command.
pub const BOARD: Id = 0;

/// What a dying kernel says, in the order of what explains most.
const LAST_WORDS: &[&str] = &[
    "Kernel panic - not syncing",
    "Unable to handle kernel",
    "Internal error:",
    "BUG:",
    "Oops",
];

/// Where console text is copied while somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirror {
    Off,
    Stdout,
    Stderr,
    /// Nowhere yet: it is kept for whoever looks next.
    Later,
}

/// Text that is kept for later at most.
const MOST_KEPT: usize = 64 * 1024;

/// Sends requests and hands out events. Clones share one UART.
#[derive(Clone)]
pub struct Console {
    shared: Arc<Shared>,
}

struct Shared {
    stdin: Mutex<ChildStdin>,
    state: Mutex<State>,
    /// Locked while it writes: once its mirror is changed, nothing more comes out of the old one.
    output: Mutex<Output>,
}

struct State {
    /// Emptied at the board's death, which wakes everybody who waits.
    routes: HashMap<Id, Sender<Event>>,
    next_id: Id,
    death: Option<Death>,
    words: Words,
}

struct Output {
    mirror: Mirror,
    /// While it is [`Mirror::Later`].
    kept: Vec<u8>,
}

impl Console {
    /// Starts to listen. `qemu_log` is where QEMU's own messages go.
    pub fn start(
        stdin: ChildStdin,
        stdout: ChildStdout,
        log: &Path,
        qemu_log: &Path,
        mirror: Mirror,
    ) -> Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .context(|| format!("write {}", log.display()))?;
        let state = State {
            routes: HashMap::new(),
            next_id: BOARD + 1,
            death: None,
            words: Words::default(),
        };
        let output = Output {
            mirror,
            kept: Vec::new(),
        };
        let console = Self {
            shared: Arc::new(Shared {
                stdin: Mutex::new(stdin),
                state: Mutex::new(state),
                output: Mutex::new(output),
            }),
        };
        let (listener, qemu_log) = (console.clone(), qemu_log.to_path_buf());
        thread::spawn(move || {
            listener.listen(stdout, file);
            let words = listener.state().words.last();
            listener.declare_dead(
                words.map_or_else(|| Death::Qemu(last_lines(&qemu_log)), Death::Kernel),
            );
        });
        Ok(console)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves nothing half-done in here.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn listen(&self, mut stdout: ChildStdout, mut log: File) {
        let mut decoder = Decoder::default();
        let mut bytes = [0; 4096];
        loop {
            let text = match stdout.read(&mut bytes) {
                Ok(0) => break,
                Ok(length) => decoder.push(&bytes[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            for item in text {
                match item {
                    Item::Text(text) => self.take_text(&text, &mut log),
                    Item::Message(event) => self.route(event),
                }
            }
        }
        self.take_text(&decoder.rest(), &mut log);
    }

    fn take_text(&self, text: &[u8], log: &mut File) {
        self.state().words.push(text);
        // A full disk must not keep the guest from being heard.
        let _ = log.write_all(text);
        self.output().put(text);
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.shared
            .output
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn route(&self, event: Event) {
        let id = match event {
            Event::Ready { .. }
            | Event::Failed { .. }
            | Event::ShellStarted
            | Event::ShellEnded => BOARD,
            Event::Started { id, .. }
            | Event::Output { id, .. }
            | Event::Ended { id, .. }
            | Event::Path { id, .. }
            | Event::Log { id, .. }
            | Event::LogEnd { id } => id,
        };
        let mut state = self.state();
        // Nobody waits any more: the one who asked has given up.
        if state
            .routes
            .get(&id)
            .is_some_and(|to| to.send(event).is_err())
        {
            state.routes.remove(&id);
        }
    }

    /// The first cause counts; everybody who waits wakes up.
    pub fn declare_dead(&self, death: Death) {
        let mut state = self.state();
        state.death.get_or_insert(death);
        state.routes.clear();
    }

    pub fn death(&self) -> Option<Death> {
        self.state().death.clone()
    }

    pub fn mirror(&self, mirror: Mirror) {
        self.output().change(mirror);
    }

    /// Where events about the board arrive; once.
    pub fn board_events(&self) -> Inbox {
        self.inbox(|_| BOARD)
    }

    /// An id of its own for a request, and where its answers arrive.
    pub fn new_inbox(&self) -> Inbox {
        self.inbox(|state| {
            let id = state.next_id;
            state.next_id += 1;
            id
        })
    }

    fn inbox(&self, id: impl FnOnce(&mut State) -> Id) -> Inbox {
        let (sender, events) = channel();
        let mut state = self.state();
        let id = id(&mut state);
        if state.death.is_none() {
            state.routes.insert(id, sender);
        }
        Inbox {
            id,
            events,
            console: self.clone(),
        }
    }

    pub fn send(&self, request: &Request) -> Result<()> {
        self.send_bytes(&encode(request).ok_or(Error::RequestTooLong)?)
    }

    /// Raw bytes, for the shell that has the UART.
    pub fn send_bytes(&self, bytes: &[u8]) -> Result<()> {
        let sent = {
            let mut stdin = self
                .shared
                .stdin
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            stdin.write_all(bytes).and_then(|()| stdin.flush())
        };
        match (sent, self.death()) {
            (Err(_), Some(death)) => Err(Error::Died(death)),
            (sent, _) => sent.context(|| "write to the guest's console".into()),
        }
    }
}

impl Output {
    fn put(&mut self, text: &[u8]) {
        // Nor must a closed terminal.
        let _ = match self.mirror {
            Mirror::Off => Ok(()),
            Mirror::Stdout => std::io::stdout()
                .write_all(text)
                .and_then(|()| std::io::stdout().flush()),
            Mirror::Stderr => std::io::stderr().write_all(text),
            Mirror::Later => {
                self.kept.extend_from_slice(text);
                let too_many = self.kept.len().saturating_sub(MOST_KEPT);
                self.kept.drain(..too_many);
                Ok(())
            }
        };
    }

    fn change(&mut self, mirror: Mirror) {
        self.mirror = mirror;
        if mirror != Mirror::Later {
            let kept = std::mem::take(&mut self.kept);
            self.put(&kept);
        }
    }
}

/// Where the answers to one request arrive.
pub struct Inbox {
    pub id: Id,
    events: Receiver<Event>,
    console: Console,
}

impl Inbox {
    pub fn wait(&self, what: &str, timeout: Duration) -> Result<Event> {
        match self.events.recv_timeout(timeout) {
            Ok(event) => Ok(event),
            Err(RecvTimeoutError::Timeout) => Err(Error::Timeout {
                what: what.into(),
                after: timeout,
                alarm: self.console.state().words.last(),
            }),
            Err(RecvTimeoutError::Disconnected) => {
                Err(Error::Died(self.console.death().unwrap_or(Death::Off)))
            }
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.console.state().routes.remove(&self.id);
    }
}

/// Listens for the last words of a dying kernel.
#[derive(Default)]
struct Words {
    line: Vec<u8>,
    /// For each of [`LAST_WORDS`] the first line that had it.
    said: [Option<String>; LAST_WORDS.len()],
}

/// Longer console lines are cut here.
const LONGEST_LINE: usize = 1024;

impl Words {
    fn push(&mut self, text: &[u8]) {
        for &byte in text {
            if byte == b'\n' {
                self.end_line();
            } else if self.line.len() < LONGEST_LINE {
                self.line.push(byte);
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).trim().to_string();
        self.line.clear();
        for (words, said) in LAST_WORDS.iter().zip(&mut self.said) {
            if said.is_none() && line.contains(words) {
                *said = Some(line.clone());
            }
        }
    }

    /// All that was said, what explains most first.
    fn last(&self) -> Option<String> {
        let mut said: Vec<&str> = Vec::new();
        for line in self.said.iter().flatten() {
            if !said.contains(&line.as_str()) {
                said.push(line);
            }
        }
        (!said.is_empty()).then(|| said.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(text: &str) -> Option<String> {
        let mut words = Words::default();
        // In the pieces a pipe might give.
        for piece in text.as_bytes().chunks(7) {
            words.push(piece);
        }
        words.last()
    }

    #[test]
    fn text_for_later_is_kept_up_to_a_number_of_bytes() {
        let mut output = Output {
            mirror: Mirror::Later,
            kept: Vec::new(),
        };
        output.put(b"old ");
        output.put(b"new");
        assert_eq!(output.kept, b"old new");
        output.put(&vec![b'x'; MOST_KEPT - 3]);
        assert_eq!(
            (output.kept.len(), &output.kept[..3]),
            (MOST_KEPT, &b"new"[..])
        );
        output.change(Mirror::Off);
        assert!(output.kept.is_empty());
    }

    #[test]
    fn panic_is_quoted_with_the_oops_that_led_to_it() {
        let words = heard(include_str!("../testdata/oops.txt")).unwrap();
        assert_eq!(
            words.lines().map(str::trim).collect::<Vec<_>>(),
            [
                "[   12.345690] Kernel panic - not syncing: Oops: Fatal exception in interrupt",
                "[   12.345601] Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008",
                "[   12.345640] Internal error: Oops: 0000000096000004 [#1]  SMP",
            ]
        );
    }

    #[test]
    fn quiet_console_has_no_last_words() {
        assert_eq!(heard(include_str!("../testdata/boot.txt")), None);
    }
}
