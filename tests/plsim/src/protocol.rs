// SPDX-License-Identifier: MIT OR Apache-2.0
//! The control protocol (`PROTOCOL.md`) as types: requests with their spelling, and the JSON of the answers. Both the
//! simulator and [`crate::client`] stand on it, so neither can drift.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::str::SplitAsciiWhitespace;

use serde::Deserialize;
use serde::Serialize;
use thiserror::Error;

/// Longest request line in bytes, without its line feed.
pub const MAX_LINE: usize = 4096;

/// Whether a line is one that the simulator sends: an answer or an event.
pub fn is_answer(line: &str) -> bool {
    matches!(
        line.split_ascii_whitespace().next(),
        Some("ok" | "err" | "!")
    )
}

/// One request. `channel` is counted from 1, as in the manual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Cells,
    Design,
    Press {
        cell: String,
        bit: u32,
        channel: u32,
    },
    Release {
        cell: String,
        bit: u32,
        channel: u32,
    },
    Set {
        cell: String,
        value: u32,
        channel: u32,
    },
    Read {
        cell: String,
        channel: u32,
    },
    Raise {
        cell: String,
        input: u32,
    },
    Lower {
        cell: String,
        input: u32,
    },
    Pulse {
        cell: String,
        input: u32,
    },
    Train {
        cell: String,
        input: u32,
        count: u64,
    },
    TrainStatus {
        cell: String,
        input: u32,
    },
    Input {
        cell: String,
        input: u32,
    },
    Counts {
        cell: String,
    },
    ResetCounts,
    Peek {
        cell: String,
    },
    Poke {
        cell: String,
        register: String,
        value: u32,
    },
    BusReset,
    Memory,
    Send {
        cell: String,
        length: u64,
        count: u64,
    },
    Source {
        cell: String,
    },
    Sink {
        cell: String,
    },
    Rate {
        cell: String,
        way: Way,
        rate: u64,
    },
    Camera {
        cell: String,
    },
    CameraSize {
        cell: String,
        bytes: u32,
        lines: u32,
    },
    Display {
        cell: String,
    },
    Frames {
        cell: String,
        way: Way,
        count: u64,
    },
    Microblaze {
        cell: String,
    },
    Irq,
    Violations,
    Trace(TraceVerb),
    AllOnes(bool),
    StuckIrq(bool),
    Stuck {
        cell: String,
        input: u32,
        on: bool,
    },
    Hang {
        cell: String,
        on: bool,
    },
    Collide {
        cell: String,
        on: bool,
    },
    /// Without a mishap: one asked for before does not happen.
    Transfer {
        cell: String,
        way: Way,
        mishap: Option<Mishap>,
        after: u64,
    },
    Vanish,
    Watch,
    Mark(String),
    Echo(String),
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceVerb {
    On,
    Off,
    Dump,
}

/// A channel of a master: from memory to the stream, or from the stream to memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Mm2s,
    S2mm,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mm2s => "mm2s",
            Self::S2mm => "s2mm",
        })
    }
}

/// What can go wrong with a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    Internal,
    Slave,
    Decode,
    /// A frame has a line too few.
    SofEarly,
    /// A frame's first line is a pixel short.
    EolEarly,
    /// A frame has a line too many.
    SofLate,
    /// A frame's first line is a pixel too long.
    EolLate,
}

impl Mishap {
    const ALL: [Self; 7] = [
        Self::Internal,
        Self::Slave,
        Self::Decode,
        Self::SofEarly,
        Self::EolEarly,
        Self::SofLate,
        Self::EolLate,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Slave => "slave",
            Self::Decode => "decode",
            Self::SofEarly => "sof-early",
            Self::EolEarly => "eol-early",
            Self::SofLate => "sof-late",
            Self::EolLate => "eol-late",
        }
    }
}

/// Why a line is no request.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ParseError {
    #[error(
        "unknown request `{0}`; known are: cells, design, press, release, set, read, raise, lower, pulse, train, \
         train-status, input, counts, reset-counts, peek, poke, bus-reset, memory, send, source, sink, rate, camera, camera-size, \
         display, frames, microblaze, irq, violations, trace, fault, watch, mark, echo, reset"
    )]
    Unknown(String),
    #[error("{what}; usage: {usage}")]
    Usage { what: String, usage: &'static str },
}

/// The words after a request's first, with the usage to show when they do not fit.
struct Words<'a> {
    words: SplitAsciiWhitespace<'a>,
    usage: &'static str,
}

impl Words<'_> {
    fn wrong(&self, what: String) -> ParseError {
        ParseError::Usage {
            what,
            usage: self.usage,
        }
    }

    fn word(&mut self, what: &str) -> Result<String, ParseError> {
        match self.words.next() {
            Some(word) => Ok(word.to_owned()),
            None => Err(self.wrong(format!("{what} is missing"))),
        }
    }

    fn number(&mut self, what: &str) -> Result<u64, ParseError> {
        let word = self.word(what)?;
        number(&word).ok_or_else(|| {
            self.wrong(format!(
                "{what} is `{word}`, which is no decimal or 0x number"
            ))
        })
    }

    fn small(&mut self, what: &str) -> Result<u32, ParseError> {
        let value = self.number(what)?;
        u32::try_from(value)
            .map_err(|_| self.wrong(format!("{what} is {value}, which does not fit 32 bits")))
    }

    fn channel(&mut self) -> Result<u32, ParseError> {
        if self.words.clone().next().is_none() {
            return Ok(1);
        }
        match self.small("CHANNEL")? {
            channel @ 1..=2 => Ok(channel),
            other => Err(self.wrong(format!("CHANNEL is {other}, but there are only 1 and 2"))),
        }
    }

    fn way(&mut self) -> Result<Way, ParseError> {
        match self.word("CHANNEL")?.as_str() {
            "mm2s" => Ok(Way::Mm2s),
            "s2mm" => Ok(Way::S2mm),
            other => Err(self.wrong(format!("`{other}` is neither mm2s nor s2mm"))),
        }
    }

    /// The mishap and when it comes, or `off`.
    fn mishap(&mut self) -> Result<(Option<Mishap>, u64), ParseError> {
        let word = self.word("the mishap")?;
        if word == "off" {
            return Ok((None, 0));
        }
        let known = Mishap::ALL.into_iter().find(|known| known.word() == word);
        match known {
            Some(mishap) => Ok((Some(mishap), self.number("AFTER")?)),
            None => Err(self.wrong(format!("no mishap is called `{word}`"))),
        }
    }

    /// A number that may be left out.
    fn or(&mut self, default: u64, what: &str) -> Result<u64, ParseError> {
        if self.words.clone().next().is_none() {
            return Ok(default);
        }
        self.number(what)
    }

    fn switch(&mut self) -> Result<bool, ParseError> {
        match self.word("on or off")?.as_str() {
            "on" => Ok(true),
            "off" => Ok(false),
            other => Err(self.wrong(format!("`{other}` is neither on nor off"))),
        }
    }

    fn rest(&mut self) -> String {
        self.words.by_ref().collect::<Vec<_>>().join(" ")
    }

    fn end(&mut self) -> Result<(), ParseError> {
        match self.words.next() {
            None => Ok(()),
            Some(word) => Err(self.wrong(format!("`{word}` is one word too many"))),
        }
    }
}

fn number(word: &str) -> Option<u64> {
    let (digits, radix) = match word.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (word, 10),
    };
    // `from_str_radix` would take a sign.
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok()
}

impl FromStr for Request {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        let mut words = line.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default();
        let usage = usage(verb).ok_or_else(|| ParseError::Unknown(shortened(verb)))?;
        let mut words = Words { words, usage };
        let request = parse(verb, &mut words)?;
        words.end()?;
        Ok(request)
    }
}

/// A word as it can be quoted in an answer: nothing unprintable, not too long.
fn shortened(word: &str) -> String {
    const MOST: usize = 40;
    let mut short: String = word
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(MOST)
        .collect();
    if word.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}

fn usage(verb: &str) -> Option<&'static str> {
    Some(match verb {
        "cells" => "cells",
        "design" => "design",
        "press" => "press CELL BIT [CHANNEL]",
        "release" => "release CELL BIT [CHANNEL]",
        "set" => "set CELL VALUE [CHANNEL]",
        "read" => "read CELL [CHANNEL]",
        "raise" => "raise INTC N",
        "lower" => "lower INTC N",
        "pulse" => "pulse INTC N",
        "train" => "train INTC N COUNT",
        "train-status" => "train-status INTC N",
        "input" => "input INTC N",
        "counts" => "counts CELL",
        "reset-counts" => "reset-counts",
        "peek" => "peek CELL",
        "poke" => "poke CELL REGISTER VALUE",
        "bus-reset" => "bus-reset",
        "memory" => "memory",
        "send" => "send CELL LENGTH [COUNT]",
        "source" => "source CELL",
        "sink" => "sink CELL",
        "rate" => "rate CELL mm2s|s2mm RATE",
        "camera" => "camera CELL",
        "camera-size" => "camera-size CELL BYTES LINES",
        "display" => "display CELL",
        "frames" => "frames CELL mm2s|s2mm COUNT",
        "microblaze" => "microblaze CELL",
        "irq" => "irq",
        "violations" => "violations",
        "trace" => "trace on|off|dump",
        "fault" => {
            "fault all-ones on|off, fault stuck INTC N on|off, fault irq on|off, \
             fault transfer CELL mm2s|s2mm internal|slave|decode|sof-early|eol-early|sof-late|eol-late AFTER, fault transfer CELL mm2s|s2mm off, \
             fault hang CELL on|off, fault collide CELL on|off, fault vanish"
        }
        "watch" => "watch",
        "mark" => "mark WORD…",
        "echo" => "echo WORD…",
        "reset" => "reset",
        _ => return None,
    })
}

fn parse(verb: &str, words: &mut Words<'_>) -> Result<Request, ParseError> {
    Ok(match verb {
        "cells" => Request::Cells,
        "design" => Request::Design,
        "press" => Request::Press {
            cell: words.word("CELL")?,
            bit: words.small("BIT")?,
            channel: words.channel()?,
        },
        "release" => Request::Release {
            cell: words.word("CELL")?,
            bit: words.small("BIT")?,
            channel: words.channel()?,
        },
        "set" => Request::Set {
            cell: words.word("CELL")?,
            value: words.small("VALUE")?,
            channel: words.channel()?,
        },
        "read" => Request::Read {
            cell: words.word("CELL")?,
            channel: words.channel()?,
        },
        "raise" => Request::Raise {
            cell: words.word("INTC")?,
            input: words.small("N")?,
        },
        "lower" => Request::Lower {
            cell: words.word("INTC")?,
            input: words.small("N")?,
        },
        "pulse" => Request::Pulse {
            cell: words.word("INTC")?,
            input: words.small("N")?,
        },
        "train" => Request::Train {
            cell: words.word("INTC")?,
            input: words.small("N")?,
            count: words.number("COUNT")?,
        },
        "train-status" => Request::TrainStatus {
            cell: words.word("INTC")?,
            input: words.small("N")?,
        },
        "input" => Request::Input {
            cell: words.word("INTC")?,
            input: words.small("N")?,
        },
        "counts" => Request::Counts {
            cell: words.word("CELL")?,
        },
        "reset-counts" => Request::ResetCounts,
        "peek" => Request::Peek {
            cell: words.word("CELL")?,
        },
        "poke" => Request::Poke {
            cell: words.word("CELL")?,
            register: words.word("REGISTER")?,
            value: words.small("VALUE")?,
        },
        "bus-reset" => Request::BusReset,
        "memory" => Request::Memory,
        "send" => Request::Send {
            cell: words.word("CELL")?,
            length: words.number("LENGTH")?,
            count: words.or(1, "COUNT")?,
        },
        "source" => Request::Source {
            cell: words.word("CELL")?,
        },
        "sink" => Request::Sink {
            cell: words.word("CELL")?,
        },
        "rate" => Request::Rate {
            cell: words.word("CELL")?,
            way: words.way()?,
            rate: words.number("RATE")?,
        },
        "camera" => Request::Camera {
            cell: words.word("CELL")?,
        },
        "camera-size" => Request::CameraSize {
            cell: words.word("CELL")?,
            bytes: words.small("BYTES")?,
            lines: words.small("LINES")?,
        },
        "display" => Request::Display {
            cell: words.word("CELL")?,
        },
        "frames" => Request::Frames {
            cell: words.word("CELL")?,
            way: words.way()?,
            count: words.number("COUNT")?,
        },
        "microblaze" => Request::Microblaze {
            cell: words.word("CELL")?,
        },
        "irq" => Request::Irq,
        "violations" => Request::Violations,
        "trace" => Request::Trace(match words.word("on, off or dump")?.as_str() {
            "on" => TraceVerb::On,
            "off" => TraceVerb::Off,
            "dump" => TraceVerb::Dump,
            other => return Err(words.wrong(format!("`{other}` is not on, off or dump"))),
        }),
        "fault" => match words.word("the fault")?.as_str() {
            "all-ones" => Request::AllOnes(words.switch()?),
            "stuck" => Request::Stuck {
                cell: words.word("INTC")?,
                input: words.small("N")?,
                on: words.switch()?,
            },
            "irq" => Request::StuckIrq(words.switch()?),
            "transfer" => {
                let cell = words.word("CELL")?;
                let way = words.way()?;
                let (mishap, after) = words.mishap()?;
                Request::Transfer {
                    cell,
                    way,
                    mishap,
                    after,
                }
            }
            "hang" => Request::Hang {
                cell: words.word("CELL")?,
                on: words.switch()?,
            },
            "collide" => Request::Collide {
                cell: words.word("CELL")?,
                on: words.switch()?,
            },
            "vanish" => Request::Vanish,
            other => return Err(words.wrong(format!("no fault is called `{other}`"))),
        },
        "watch" => Request::Watch,
        "mark" => Request::Mark(words.rest()),
        "echo" => Request::Echo(words.rest()),
        "reset" => Request::Reset,
        other => return Err(ParseError::Unknown(shortened(other))),
    })
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let switch = |on: bool| if on { "on" } else { "off" };
        match self {
            Self::Cells => f.write_str("cells"),
            Self::Design => f.write_str("design"),
            Self::Press { cell, bit, channel } => write!(f, "press {cell} {bit} {channel}"),
            Self::Release { cell, bit, channel } => write!(f, "release {cell} {bit} {channel}"),
            Self::Set {
                cell,
                value,
                channel,
            } => write!(f, "set {cell} {value:#x} {channel}"),
            Self::Read { cell, channel } => write!(f, "read {cell} {channel}"),
            Self::Raise { cell, input } => write!(f, "raise {cell} {input}"),
            Self::Lower { cell, input } => write!(f, "lower {cell} {input}"),
            Self::Pulse { cell, input } => write!(f, "pulse {cell} {input}"),
            Self::Train { cell, input, count } => write!(f, "train {cell} {input} {count}"),
            Self::TrainStatus { cell, input } => write!(f, "train-status {cell} {input}"),
            Self::Input { cell, input } => write!(f, "input {cell} {input}"),
            Self::Counts { cell } => write!(f, "counts {cell}"),
            Self::ResetCounts => f.write_str("reset-counts"),
            Self::Peek { cell } => write!(f, "peek {cell}"),
            Self::Poke {
                cell,
                register,
                value,
            } => write!(f, "poke {cell} {register} {value:#x}"),
            Self::BusReset => f.write_str("bus-reset"),
            Self::Memory => f.write_str("memory"),
            Self::Send {
                cell,
                length,
                count,
            } => write!(f, "send {cell} {length} {count}"),
            Self::Source { cell } => write!(f, "source {cell}"),
            Self::Sink { cell } => write!(f, "sink {cell}"),
            Self::Rate { cell, way, rate } => write!(f, "rate {cell} {way} {rate}"),
            Self::Irq => f.write_str("irq"),
            Self::Violations => f.write_str("violations"),
            Self::Trace(TraceVerb::On) => f.write_str("trace on"),
            Self::Trace(TraceVerb::Off) => f.write_str("trace off"),
            Self::Trace(TraceVerb::Dump) => f.write_str("trace dump"),
            Self::AllOnes(on) => write!(f, "fault all-ones {}", switch(*on)),
            Self::Stuck { cell, input, on } => {
                write!(f, "fault stuck {cell} {input} {}", switch(*on))
            }
            Self::StuckIrq(on) => write!(f, "fault irq {}", switch(*on)),
            Self::Transfer {
                cell,
                way,
                mishap: Some(mishap),
                after,
            } => write!(f, "fault transfer {cell} {way} {} {after}", mishap.word()),
            Self::Transfer { cell, way, .. } => write!(f, "fault transfer {cell} {way} off"),
            Self::Camera { cell } => write!(f, "camera {cell}"),
            Self::CameraSize { cell, bytes, lines } => {
                write!(f, "camera-size {cell} {bytes} {lines}")
            }
            Self::Display { cell } => write!(f, "display {cell}"),
            Self::Frames { cell, way, count } => write!(f, "frames {cell} {way} {count}"),
            Self::Microblaze { cell } => write!(f, "microblaze {cell}"),
            Self::Hang { cell, on } => write!(f, "fault hang {cell} {}", switch(*on)),
            Self::Collide { cell, on } => write!(f, "fault collide {cell} {}", switch(*on)),
            Self::Vanish => f.write_str("fault vanish"),
            Self::Watch => f.write_str("watch"),
            Self::Mark(text) => write!(f, "mark {text}"),
            Self::Echo(text) => write!(f, "echo {text}"),
            Self::Reset => f.write_str("reset"),
        }
    }
}

/// One cell in the answer to `design`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Described {
    pub cell: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// Inputs that wires of the fabric or `raise` drive.
    pub inputs: u32,
    /// Of these, those that an interrupt controller takes as edges.
    pub edge: u32,
    /// A GPIO's, from channel 1.
    pub channels: Vec<Shape>,
    /// Its outputs that lead somewhere.
    pub outputs: Vec<Pin>,
}

/// An output pin, and where it leads.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Pin {
    /// What the block calls it, as in `irq`.
    pub pin: String,
    pub to: Destination,
}

/// A GPIO channel as it was synthesised.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Shape {
    pub width: u32,
    pub direction: Direction,
}

/// Which way a channel's bits can face.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    In,
    Out,
    /// The direction register decides.
    Both,
}

/// Where an output leads.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Destination {
    Ps,
    Input { cell: String, input: u32 },
}

/// Answer to `read`: what a person sees at a GPIO channel's pins.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Pins {
    pub input: u32,
    pub output: u32,
    pub pins: u32,
}

/// Answer to `train-status`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct TrainStatus {
    pub sent: u64,
    pub left: u64,
}

/// Answer to `input`: the wire's level, and how often it went active.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Input {
    pub level: u8,
    pub raised: u64,
}

/// A line of the answer to `memory`: a piece of the PS's memory that masters in the fabric know of.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Mapped {
    pub address: u64,
    pub size: u64,
    pub readable: bool,
    pub writable: bool,
    /// False if it is there, but an access from here gets a slave error.
    pub reachable: bool,
}

/// Answer to `source`: packets and bytes sent, packets still to send.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct SourceStatus {
    pub packets: u64,
    pub bytes: u64,
    pub left: u64,
}

/// Answer to `sink`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct SinkStatus {
    /// Packets and bytes that came.
    pub packets: u64,
    pub bytes: u64,
    /// Bytes of a packet that has begun.
    pub open: u64,
    pub last: Option<Packet>,
}

/// A packet that a sink got.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Packet {
    pub length: u64,
    /// CRC-32 as in Ethernet and zip files.
    pub crc32: u32,
    /// Its first 64 bytes, in hexadecimal.
    pub head: String,
}

/// Answer to `camera`: the frames it has begun so far, and what the next ones are.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct CameraStatus {
    pub frames: u64,
    /// Bytes of a line.
    pub bytes: u32,
    pub lines: u32,
}

/// Answer to `display`.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct DisplayStatus {
    pub frames: u64,
    /// Of these, those that were a camera's frame, byte by byte.
    pub patterned: u64,
    pub last: Option<Frame>,
}

/// A frame that a display got.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Frame {
    /// The frame store it came from, from 0.
    pub store: u32,
    /// Bytes of a line.
    pub bytes: u32,
    pub lines: u32,
    /// Of all lines, without what the stride leaves between them.
    pub crc32: u32,
    /// The lower 8 bits of its number, if it was a camera's.
    pub number: Option<u8>,
}

/// Answer to `microblaze`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct ProcessorStatus {
    pub state: ProcessorState,
    /// None if the image names no program known here: it never answers.
    pub program: Option<String>,
    /// How often the program has pulsed its interrupt.
    pub interrupts: u64,
    /// The flip-flop.
    pub q: u8,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ProcessorState {
    /// The reset line is high.
    Reset,
    Running,
}

/// Answer to `irq`: the PL-to-GIC wire.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Irq {
    pub level: u8,
    pub raised: u64,
    pub fired: u64,
}

/// How often a register was read and written by the CPU.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Count {
    pub r: u64,
    pub w: u64,
}

/// Answer to `counts`: by register name, only registers touched.
pub type Counts = BTreeMap<String, Count>;

/// Answer to `peek`: register values by name.
pub type Registers = BTreeMap<String, u32>;

/// One recorded access of the CPU.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Recorded {
    pub us: u64,
    pub op: Op,
    pub cell: String,
    /// The register's name, or the offset in the cell where there is none.
    pub reg: String,
    pub value: u32,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub enum Op {
    #[serde(rename = "r")]
    Read,
    #[serde(rename = "w")]
    Write,
}

/// A line that watchers get, after `! `.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A GPIO's pins have changed.
    Pins {
        us: u64,
        cell: String,
        channel: u32,
        pins: u32,
    },
    /// The PL-to-GIC wire has changed.
    Irq { us: u64, irq: u8 },
    /// Somebody said `mark`.
    Mark { mark: String },
    /// This watcher read too slowly for so many lines.
    Lost { lost: u64 },
}

#[cfg(test)]
mod tests;
