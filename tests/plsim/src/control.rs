// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control socket's side of the simulator: lines in, answers out (`PROTOCOL.md`).
//!
//! A client may be anything, the serial line of a guest among others: bytes that are no request get an `err`, and lines
//! that look like our own answers are passed over, because a terminal that still echoes would send each of them back
//! and the two sides would never stop.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::SyncSender;
use std::thread;

use serde::Serialize;

use crate::fabric::BenchError;
use crate::fabric::Fabric;
use crate::protocol::Event;
use crate::protocol::MAX_LINE;
use crate::protocol::Request;
use crate::protocol::TraceVerb;
use crate::protocol::is_answer;
use crate::sim::Sim;

/// Lines a client may be behind before it loses watch lines.
const QUEUE: usize = 1024;

/// Cuts the vfio-user connection, if there is one.
pub type Vanish = Arc<dyn Fn() + Send + Sync>;

/// Serves clients until the process ends.
pub fn serve(listener: &UnixListener, sim: &Arc<Sim>, vanish: &Vanish) {
    for stream in listener.incoming() {
        let served = stream.and_then(|stream| start_client(stream, sim, vanish));
        if let Err(error) = served {
            eprintln!("plsim: control socket: {error}");
            // Out of descriptors, most likely: give clients time to leave.
            thread::sleep(std::time::Duration::from_millis(100));
        }
    }
}

/// A thread that reads and one that writes: a client that does not read its answers holds up nobody else.
fn start_client(stream: UnixStream, sim: &Arc<Sim>, vanish: &Vanish) -> io::Result<()> {
    let output = stream.try_clone()?;
    let (lines, queue) = mpsc::sync_channel(QUEUE);
    let client = Client {
        sim: Arc::clone(sim),
        vanish: Arc::clone(vanish),
        lines,
        watches: false,
    };
    let builder = |name: &str| thread::Builder::new().name(name.to_owned());
    builder("control write").spawn(move || write_lines(&output, &queue))?;
    builder("control read").spawn(move || client.run(stream))?;
    Ok(())
}

/// Ends when the client is gone, or nobody is left to send.
fn write_lines(mut output: &UnixStream, queue: &Receiver<String>) {
    while let Ok(line) = queue.recv() {
        if output.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    // Wakes the reading thread, should the stream have failed in this direction alone.
    let _ = output.shutdown(std::net::Shutdown::Both);
}

struct Client {
    sim: Arc<Sim>,
    vanish: Vanish,
    lines: SyncSender<String>,
    watches: bool,
}

impl Client {
    fn run(mut self, stream: UnixStream) {
        let mut input = BufReader::new(stream);
        while let Ok(Some(line)) = next_line(&mut input) {
            let Some(answer) = self.answer(&line) else {
                continue;
            };
            if self.lines.send(answer).is_err() {
                break;
            }
        }
    }

    fn answer(&mut self, line: &Line) -> Option<String> {
        let text = match line {
            Line::TooLong => {
                return Some(format!(
                    "err the line is longer than {MAX_LINE} bytes and was skipped; send shorter ones\n"
                ));
            }
            Line::Text(bytes) => String::from_utf8_lossy(bytes),
        };
        let text = text.trim();
        if text.is_empty() || is_answer(text) {
            return None;
        }
        let answer = match text.parse() {
            Ok(request) => self.carry_out(request),
            Err(error) => Err(format!("{error}")),
        };
        Some(match answer {
            Ok(json) if json.is_empty() => "ok\n".to_owned(),
            Ok(json) => format!("ok {json}\n"),
            Err(error) => format!("err {error}\n"),
        })
    }

    /// The JSON of the answer, empty if it is a bare `ok`.
    fn carry_out(&mut self, request: Request) -> Result<String, String> {
        match request {
            Request::Watch => {
                if !self.watches {
                    self.sim.watch(self.lines.clone());
                    self.watches = true;
                }
                Ok(String::new())
            }
            Request::Mark(mark) => {
                self.sim.announce(&Event::Mark { mark });
                Ok(String::new())
            }
            Request::Echo(text) => json(&text),
            Request::Vanish => {
                (self.vanish)();
                Ok(String::new())
            }
            request => self.sim.with(|fabric| apply(fabric, request)),
        }
    }
}

enum Line {
    Text(Vec<u8>),
    TooLong,
}

/// The next line without its end; none at the end of the stream. Never holds more than a line's worth of bytes.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            return Ok(None);
        }
        let end = chunk.iter().position(|&byte| byte == b'\n');
        let text = end.map_or(chunk, |end| &chunk[..end]);
        let used = text.len() + usize::from(end.is_some());
        if line.len() + text.len() > MAX_LINE {
            too_long = true;
            line.clear();
        }
        if !too_long {
            line.extend_from_slice(text);
        }
        input.consume(used);
        if end.is_some() {
            return Ok(Some(if too_long {
                Line::TooLong
            } else {
                Line::Text(line)
            }));
        }
    }
}

fn json(value: &impl Serialize) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| format!("the answer is no JSON: {error}"))
}

/// Requests that concern the fabric alone.
fn apply(fabric: &mut Fabric, request: Request) -> Result<String, String> {
    let done: Result<(), BenchError> = match request {
        Request::Cells => return json(&fabric.cell_names()),
        Request::Design => return json(&fabric.design()),
        Request::Read { cell, channel } => return answer(fabric.pins(&cell, channel)),
        Request::TrainStatus { cell, input } => return answer(fabric.train_status(&cell, input)),
        Request::Input { cell, input } => return answer(fabric.input_status(&cell, input)),
        Request::Counts { cell } => return answer(fabric.counts(&cell)),
        Request::Peek { cell } => return answer(fabric.peek(&cell)),
        Request::Memory => return json(&fabric.memory_map()),
        Request::Source { cell } => return answer(fabric.source(&cell)),
        Request::Sink { cell } => return answer(fabric.sink(&cell)),
        Request::Camera { cell } => return answer(fabric.camera(&cell)),
        Request::Display { cell } => return answer(fabric.display(&cell)),
        Request::Microblaze { cell } => return answer(fabric.processor(&cell)),
        Request::Irq => return json(&fabric.irq()),
        Request::Violations => return json(&fabric.violations()),
        Request::Trace(TraceVerb::Dump) => return json(&fabric.take_trace()),
        Request::Press { cell, bit, channel } => fabric.press(&cell, bit, channel, true),
        Request::Release { cell, bit, channel } => fabric.press(&cell, bit, channel, false),
        Request::Set {
            cell,
            value,
            channel,
        } => fabric.set(&cell, value, channel),
        Request::Raise { cell, input } => fabric.drive_input(&cell, input, true),
        Request::Lower { cell, input } => fabric.drive_input(&cell, input, false),
        Request::Pulse { cell, input } => fabric.pulse(&cell, input),
        Request::Train { cell, input, count } => fabric.train(&cell, input, count),
        Request::Stuck { cell, input, on } => fabric.set_stuck(&cell, input, on),
        Request::Poke {
            cell,
            register,
            value,
        } => fabric.poke(&cell, &register, value),
        Request::Send {
            cell,
            length,
            count,
        } => fabric.send(&cell, length, count),
        Request::Rate { cell, way, rate } => fabric.set_rate(&cell, way, rate),
        Request::Transfer {
            cell,
            way,
            mishap,
            after,
        } => fabric.fail_transfer(&cell, way, mishap, after),
        Request::CameraSize { cell, bytes, lines } => fabric.set_camera(&cell, bytes, lines),
        Request::Frames { cell, way, count } => fabric.single_frames(&cell, way, count),
        Request::Hang { cell, on } => fabric.set_hangs(&cell, on),
        Request::Collide { cell, on } => fabric.set_collides(&cell, on),
        Request::BusReset => {
            fabric.bus_reset();
            Ok(())
        }
        Request::ResetCounts => {
            fabric.reset_counts();
            Ok(())
        }
        Request::Trace(TraceVerb::On) => {
            fabric.switch_trace(true);
            Ok(())
        }
        Request::Trace(TraceVerb::Off) => {
            fabric.switch_trace(false);
            Ok(())
        }
        Request::AllOnes(on) => {
            fabric.set_all_ones(on);
            Ok(())
        }
        Request::StuckIrq(on) => {
            fabric.set_stuck_irq(on);
            Ok(())
        }
        Request::Reset => {
            fabric.reset_bench();
            Ok(())
        }
        request @ (Request::Watch | Request::Mark(_) | Request::Echo(_) | Request::Vanish) => {
            return Err(format!("`{request}` needs a client"));
        }
    };
    done.map(|()| String::new())
        .map_err(|error| error.to_string())
}

fn answer(result: Result<impl Serialize, BenchError>) -> Result<String, String> {
    json(&result.map_err(|error| error.to_string())?)
}

#[cfg(test)]
mod tests;
