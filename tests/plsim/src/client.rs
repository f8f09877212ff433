// SPDX-License-Identifier: MIT OR Apache-2.0
//! The other end of the control socket, for tests, the guest and tools.
//!
//! The stream may be a Unix socket or a terminal set to raw mode with `VMIN` = 1 (a read of no bytes counts as the end
//! of the stream). On a terminal there can be bytes of an earlier user on
//! the way, in either direction: before its first request, and after an answer that did not come, the client ends
//! whatever line was begun, asks for an echo of a word nobody used before, and passes over everything until it comes.
//!
//! ```no_run
//! use plsim::client::Client;
//!
//! # fn main() -> Result<(), plsim::client::Error> {
//! let mut plsim = Client::connect("/run/plsim.control")?;
//! plsim.press("btns_gpio", 0)?;
//! assert_eq!(plsim.irq()?.level, 1);
//! # Ok(())
//! # }
//! ```

use std::collections::VecDeque;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::protocol::CameraStatus;
use crate::protocol::Counts;
use crate::protocol::Described;
use crate::protocol::DisplayStatus;
use crate::protocol::Event;
use crate::protocol::Input;
use crate::protocol::Irq;
use crate::protocol::Mapped;
use crate::protocol::Mishap;
use crate::protocol::Pins;
use crate::protocol::ProcessorStatus;
use crate::protocol::Recorded;
use crate::protocol::Registers;
use crate::protocol::Request;
use crate::protocol::SinkStatus;
use crate::protocol::SourceStatus;
use crate::protocol::TraceVerb;
use crate::protocol::TrainStatus;
use crate::protocol::Way;
use crate::protocol::is_answer;

/// Why a request has no good answer.
#[derive(Debug, Error)]
pub enum Error {
    #[error(
        "cannot connect to the control socket {path}: {source}; is `plsim serve` running with that --control?"
    )]
    Connect { path: PathBuf, source: io::Error },
    #[error("cannot send to plsim: {0}")]
    Send(#[source] io::Error),
    #[error("cannot receive from plsim: {0}")]
    Receive(#[source] io::Error),
    #[error("`{0}` is no request that plsim would answer; `cells` is one")]
    NoRequest(String),
    #[error("plsim did not answer in time")]
    Timeout,
    #[error("plsim has closed the connection")]
    Closed,
    #[error("plsim refuses `{request}`: {reason}")]
    Refused { request: String, reason: String },
    #[error("plsim's answer to `{request}` makes no sense: `{answer}`; are both of one version?")]
    Answer { request: String, answer: String },
}

/// A connection to the simulator.
#[derive(Debug)]
pub struct Client<S> {
    stream: S,
    /// Received, and not yet a whole line.
    partial: Vec<u8>,
    /// Whole lines, not yet taken.
    lines: VecDeque<String>,
    events: VecDeque<Event>,
    /// Requests and answers are in step.
    in_step: bool,
}

impl Client<UnixStream> {
    pub fn connect(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let stream = UnixStream::connect(path).map_err(|source| Error::Connect {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::new(stream))
    }
}

impl<S> Client<S> {
    /// Takes a stream with the simulator at its other end. Timeouts are the stream's own.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            partial: Vec::new(),
            lines: VecDeque::new(),
            events: VecDeque::new(),
            in_step: false,
        }
    }

    /// The stream, for a timeout or its descriptor.
    pub fn stream(&self) -> &S {
        &self.stream
    }
}

impl<S: Read + Write> Client<S> {
    /// Sends a line as it is; gives the text after `ok`, which may be empty.
    pub fn raw(&mut self, line: &str) -> Result<String, Error> {
        // One line break would make it two requests, with two answers.
        let line = line.replace(['\n', '\r'], " ");
        if line.trim().is_empty() || is_answer(&line) {
            return Err(Error::NoRequest(line));
        }
        if !self.in_step {
            self.get_in_step()?;
        }
        self.send(&line)?;
        // If the answer stays out now, it may come before the next one.
        self.in_step = false;
        let answer = self.next_answer()?;
        self.in_step = true;
        answer.map_err(|reason| Error::Refused {
            request: line,
            reason,
        })
    }

    /// Sends a request whose answer is a bare `ok`.
    pub fn order(&mut self, request: &Request) -> Result<(), Error> {
        self.raw(&request.to_string()).map(drop)
    }

    /// Sends a request whose answer has content.
    pub fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, Error> {
        let request = request.to_string();
        let answer = self.raw(&request)?;
        serde_json::from_str(&answer).map_err(|_| Error::Answer { request, answer })
    }

    pub fn cells(&mut self) -> Result<Vec<String>, Error> {
        self.ask(&Request::Cells)
    }

    /// The cells and how they are wired.
    pub fn design(&mut self) -> Result<Vec<Described>, Error> {
        self.ask(&Request::Design)
    }

    /// Presses a button: an input wire of a GPIO's first channel goes to 1.
    pub fn press(&mut self, cell: &str, bit: u32) -> Result<(), Error> {
        let cell = cell.to_owned();
        let channel = 1;
        self.order(&Request::Press { cell, bit, channel })
    }

    pub fn release(&mut self, cell: &str, bit: u32) -> Result<(), Error> {
        let cell = cell.to_owned();
        let channel = 1;
        self.order(&Request::Release { cell, bit, channel })
    }

    /// All input wires of a GPIO's first channel, or all external inputs of another cell.
    pub fn set(&mut self, cell: &str, value: u32) -> Result<(), Error> {
        self.order(&Request::Set {
            cell: cell.to_owned(),
            value,
            channel: 1,
        })
    }

    /// The pins of a GPIO's first channel.
    pub fn read(&mut self, cell: &str) -> Result<Pins, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Read { cell, channel: 1 })
    }

    pub fn raise(&mut self, cell: &str, input: u32) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Raise { cell, input })
    }

    pub fn lower(&mut self, cell: &str, input: u32) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Lower { cell, input })
    }

    pub fn pulse(&mut self, cell: &str, input: u32) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Pulse { cell, input })
    }

    pub fn train(&mut self, cell: &str, input: u32, count: u64) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Train { cell, input, count })
    }

    pub fn train_status(&mut self, cell: &str, input: u32) -> Result<TrainStatus, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::TrainStatus { cell, input })
    }

    pub fn input(&mut self, cell: &str, input: u32) -> Result<Input, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Input { cell, input })
    }

    pub fn counts(&mut self, cell: &str) -> Result<Counts, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Counts { cell })
    }

    pub fn reset_counts(&mut self) -> Result<(), Error> {
        self.order(&Request::ResetCounts)
    }

    pub fn peek(&mut self, cell: &str) -> Result<Registers, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Peek { cell })
    }

    /// Writes a register as somebody else on the bus would.
    pub fn poke(&mut self, cell: &str, register: &str, value: u32) -> Result<(), Error> {
        self.order(&Request::Poke {
            cell: cell.to_owned(),
            register: register.to_owned(),
            value,
        })
    }

    pub fn bus_reset(&mut self) -> Result<(), Error> {
        self.order(&Request::BusReset)
    }

    /// The PS's memory as masters in the fabric know it.
    pub fn memory(&mut self) -> Result<Vec<Mapped>, Error> {
        self.ask(&Request::Memory)
    }

    /// Has the source before a DMA's S2MM channel send packets; [`crate::models::stream::pattern`] is what is in them.
    pub fn send_packets(&mut self, cell: &str, length: u64, count: u64) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Send {
            cell,
            length,
            count,
        })
    }

    pub fn source(&mut self, cell: &str) -> Result<SourceStatus, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Source { cell })
    }

    /// What came out of a DMA's MM2S channel.
    pub fn sink(&mut self, cell: &str) -> Result<SinkStatus, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Sink { cell })
    }

    /// How fast a channel moves, a DMA's in bytes a second and a VDMA's in frames a second; at 0 it stands still.
    pub fn rate(&mut self, cell: &str, way: Way, rate: u64) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Rate { cell, way, rate })
    }

    /// The camera before a VDMA's S2MM channel; [`crate::models::vdma::video::pattern`] is what is in its frames.
    pub fn camera(&mut self, cell: &str) -> Result<CameraStatus, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Camera { cell })
    }

    /// The camera's frames have so many lines of so many bytes.
    pub fn camera_size(&mut self, cell: &str, bytes: u32, lines: u32) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::CameraSize { cell, bytes, lines })
    }

    /// What came out of a VDMA's MM2S channel.
    pub fn display(&mut self, cell: &str) -> Result<DisplayStatus, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Display { cell })
    }

    /// Has a VDMA's camera or display make so many frames, a millisecond each, and then no more.
    pub fn frames(&mut self, cell: &str, way: Way, count: u64) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Frames { cell, way, count })
    }

    /// What runs on a MicroBlaze.
    pub fn microblaze(&mut self, cell: &str) -> Result<ProcessorStatus, Error> {
        let cell = cell.to_owned();
        self.ask(&Request::Microblaze { cell })
    }

    pub fn irq(&mut self) -> Result<Irq, Error> {
        self.ask(&Request::Irq)
    }

    pub fn violations(&mut self) -> Result<Vec<String>, Error> {
        self.ask(&Request::Violations)
    }

    pub fn trace(&mut self, on: bool) -> Result<(), Error> {
        let verb = if on { TraceVerb::On } else { TraceVerb::Off };
        self.order(&Request::Trace(verb))
    }

    /// What was recorded; the recording is empty afterwards.
    pub fn trace_dump(&mut self) -> Result<Vec<Recorded>, Error> {
        self.ask(&Request::Trace(TraceVerb::Dump))
    }

    pub fn fault_all_ones(&mut self, on: bool) -> Result<(), Error> {
        self.order(&Request::AllOnes(on))
    }

    pub fn fault_stuck(&mut self, cell: &str, input: u32, on: bool) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Stuck { cell, input, on })
    }

    /// Holds the PL-to-GIC wire high.
    pub fn fault_irq(&mut self, on: bool) -> Result<(), Error> {
        self.order(&Request::StuckIrq(on))
    }

    /// Lets a DMA's transfer that runs, or else the next, fail after so many bytes, or a VDMA's frame after so many others.
    pub fn fault_transfer(
        &mut self,
        cell: &str,
        way: Way,
        mishap: Mishap,
        after: u64,
    ) -> Result<(), Error> {
        self.order(&Request::Transfer {
            cell: cell.to_owned(),
            way,
            mishap: Some(mishap),
            after,
        })
    }

    /// A MicroBlaze's program does nothing, or goes on.
    pub fn fault_hang(&mut self, cell: &str, on: bool) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Hang { cell, on })
    }

    /// What a MicroBlaze's program has written reads as garbage once.
    pub fn fault_collide(&mut self, cell: &str, on: bool) -> Result<(), Error> {
        let cell = cell.to_owned();
        self.order(&Request::Collide { cell, on })
    }

    pub fn fault_vanish(&mut self) -> Result<(), Error> {
        self.order(&Request::Vanish)
    }

    /// Subscribes to events; [`Self::next_event`] gives them.
    pub fn watch(&mut self) -> Result<(), Error> {
        self.order(&Request::Watch)
    }

    pub fn mark(&mut self, text: &str) -> Result<(), Error> {
        self.order(&Request::Mark(text.to_owned()))
    }

    pub fn reset(&mut self) -> Result<(), Error> {
        self.order(&Request::Reset)
    }

    /// The next event, after [`Self::watch`]; waits for it.
    pub fn next_event(&mut self) -> Result<Event, Error> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let line = self.next_line()?;
            self.keep_event(&line);
        }
    }

    /// An event that came along with an answer or another event; does not wait for one.
    pub fn received_event(&mut self) -> Option<Event> {
        while let Some(line) = self.lines.pop_front() {
            self.keep_event(&line);
        }
        self.events.pop_front()
    }

    fn get_in_step(&mut self) -> Result<(), Error> {
        static USED: AtomicU64 = AtomicU64::new(0);
        let word = format!(
            "step-{}-{}",
            process::id(),
            USED.fetch_add(1, Ordering::Relaxed)
        );
        self.send(&format!("\n{}", Request::Echo(word.clone())))?;
        let expected = format!("\"{word}\"");
        while self.next_answer()? != Ok(expected.clone()) {}
        Ok(())
    }

    fn send(&mut self, line: &str) -> Result<(), Error> {
        self.stream
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| self.stream.flush())
            .map_err(|error| named(error, Error::Send))
    }

    /// The next `ok` or `err`, as such. Events on the way are kept, other lines passed over.
    fn next_answer(&mut self) -> Result<Result<String, String>, Error> {
        loop {
            let line = self.next_line()?;
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "ok" => return Ok(Ok(rest.to_owned())),
                "err" => return Ok(Err(rest.to_owned())),
                _ => self.keep_event(&line),
            }
        }
    }

    fn keep_event(&mut self, line: &str) {
        let event = line
            .strip_prefix("! ")
            .and_then(|json| serde_json::from_str(json).ok());
        self.events.extend(event);
    }

    fn next_line(&mut self) -> Result<String, Error> {
        let mut buffer = [0; 4096];
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Ok(line);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Error::Closed),
                Ok(got) => self.take_bytes(&buffer[..got]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(named(error, Error::Receive)),
            }
        }
    }

    fn take_bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                let line = String::from_utf8_lossy(&self.partial).trim().to_owned();
                self.lines.push_back(line);
                self.partial.clear();
            } else {
                self.partial.push(byte);
            }
        }
    }
}

/// An error of the stream: out of time, or what `other` makes of it.
fn named(error: io::Error, other: impl FnOnce(io::Error) -> Error) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout,
        _ => other(error),
    }
}

#[cfg(test)]
mod tests;
