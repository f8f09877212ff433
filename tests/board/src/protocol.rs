// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the runner and the guest's pid 1 say to each other over the board's first UART.
//!
//! That UART is the kernel's console too, so a message has to survive strangers: kernel text before, between and in the
//! middle of messages. One message is one frame on a line of its own:
//!
//! ```text
//! RS <crc32 of the payload, 8 hex digits> SP <payload, JSON> LF
//! ```
//!
//! JSON escapes control characters, so a record separator never occurs in a payload: whatever comes between an RS and
//! an LF either has the right sum and is a message, or is console text. A torn frame therefore costs that one
//! message, never the next.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Starts a frame (ASCII record separator).
const START: u8 = 0x1e;
/// Eight hexadecimal digits and a blank.
const SUM_LEN: usize = 9;
/// Longest frame, from RS to LF. Longer candidates are console text.
pub const MAX_FRAME: usize = 16 * 1024;
/// Longest piece of output in one [`Event::Output`]: fits a frame even if every byte needs a six-character escape.
pub const MAX_CHUNK: usize = 2048;

/// Names a command or a question of the runner's; answers carry it.
pub type Id = u32;

/// From the runner to the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Start a program; answered by `Started`, any number of `Output`, then `Ended`.
    Run {
        id: Id,
        argv: Vec<String>,
        env: BTreeMap<String, String>,
        /// After this long the command's process group is killed.
        timeout_ms: Option<u64>,
    },
    /// Send a signal to a running command's process group.
    Kill { id: Id, signal: i32 },
    /// Answered by `Path` when the path exists, or when time is up.
    WaitPath {
        id: Id,
        path: String,
        timeout_ms: u64,
    },
    /// Answered by `Log`s with all kernel records that no earlier answer held, then `LogEnd`.
    KernelLog { id: Id },
    /// Hand the UART to an interactive shell; answered by `ShellStarted`, and by `ShellEnded` when the UART is the
    /// agent's again.
    Shell {
        rows: u16,
        columns: u16,
        term: String,
    },
    /// Switch the board off.
    PowerOff,
}

/// From the guest to the runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The board is up.
    Ready {
        kernel: String,
    },
    /// The board cannot be used; the guest switches itself off.
    Failed {
        reason: String,
    },
    Started {
        id: Id,
        pid: i32,
    },
    Output {
        id: Id,
        stream: Stream,
        #[serde(with = "bytes_as_text")]
        data: Vec<u8>,
    },
    Ended {
        id: Id,
        outcome: Outcome,
    },
    Path {
        id: Id,
        exists: bool,
    },
    /// Records as `/dev/kmsg` gives them, without their dictionaries.
    Log {
        id: Id,
        records: Vec<String>,
    },
    LogEnd {
        id: Id,
    },
    /// From here on the runner's bytes are the shell's.
    ShellStarted,
    ShellEnded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Exited(i32),
    Signalled(i32),
    /// Its time was up and it was killed.
    TimedOut,
    /// It never ran: no such program, not executable, ...
    NotStarted(String),
}

/// Makes the frame of a message, or none if it would be longer than [`MAX_FRAME`].
pub fn encode<M: Serialize>(message: &M) -> Option<Vec<u8>> {
    let payload = serde_json::to_string(message).ok()?;
    let sum = crc32fast::hash(payload.as_bytes());
    let mut frame = vec![START];
    frame.extend_from_slice(format!("{sum:08x} {payload}\n").as_bytes());
    (frame.len() <= MAX_FRAME).then_some(frame)
}

/// One piece of a UART's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<M> {
    Message(M),
    /// Everything else, unchanged.
    Text(Vec<u8>),
}

/// Takes a UART's stream apart. Nothing is lost: the texts and the frames in their order are the stream.
#[derive(Debug, Default)]
pub struct Decoder {
    /// A frame that may be, from its RS on.
    candidate: Vec<u8>,
}

impl Decoder {
    /// Takes the next bytes, in pieces of any size, and gives what they complete.
    pub fn push<M: DeserializeOwned>(&mut self, bytes: &[u8]) -> Vec<Item<M>> {
        let mut items = Vec::new();
        let mut text = Vec::new();
        for &byte in bytes {
            if byte == START {
                text.append(&mut self.candidate);
                self.candidate.push(byte);
            } else if self.candidate.is_empty() {
                text.push(byte);
            } else {
                self.candidate.push(byte);
                if byte == b'\n' {
                    let candidate = std::mem::take(&mut self.candidate);
                    match decode(&candidate) {
                        Some(message) => {
                            if !text.is_empty() {
                                items.push(Item::Text(std::mem::take(&mut text)));
                            }
                            items.push(Item::Message(message));
                        }
                        None => text.extend_from_slice(&candidate),
                    }
                } else if self.candidate.len() >= MAX_FRAME {
                    text.append(&mut self.candidate);
                }
            }
        }
        if !text.is_empty() {
            items.push(Item::Text(text));
        }
        items
    }

    /// What is left of a frame that was begun, when the stream has ended.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.candidate)
    }
}

/// The message of a complete line that starts with RS.
fn decode<M: DeserializeOwned>(line: &[u8]) -> Option<M> {
    let line = line.strip_prefix(&[START])?.strip_suffix(b"\n")?;
    let (sum, payload) = line.split_at_checked(SUM_LEN)?;
    let sum = std::str::from_utf8(sum).ok()?.strip_suffix(' ')?;
    let sum = u32::from_str_radix(sum, 16).ok()?;
    if sum != crc32fast::hash(payload) {
        return None;
    }
    serde_json::from_slice(payload).ok()
}

/// Bytes in a JSON string, each as the character of the same number: lossless, and readable where it is ASCII.
mod bytes_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(
            &bytes
                .iter()
                .map(|&byte| char::from(byte))
                .collect::<String>(),
        )
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(from)?
            .chars()
            .map(|c| {
                u8::try_from(u32::from(c))
                    .map_err(|_| D::Error::custom("a character above U+00FF in bytes"))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn output(data: &[u8]) -> Event {
        Event::Output {
            id: 7,
            stream: Stream::Stderr,
            data: data.to_vec(),
        }
    }

    fn push(decoder: &mut Decoder, bytes: &[u8]) -> Vec<Item<Event>> {
        decoder.push(bytes)
    }

    #[test]
    fn longest_chunk_of_worst_bytes_fits_a_frame() {
        assert!(encode(&output(&[0; MAX_CHUNK])).is_some());
        assert!(encode(&output(&[0xff; MAX_CHUNK])).is_some());
    }

    #[test]
    fn message_too_long_for_a_frame_is_refused() {
        assert_eq!(encode(&output(&[b'x'; MAX_FRAME])), None);
    }

    #[test]
    fn kernel_text_before_a_frame_on_its_line_does_not_hide_it() {
        let mut stream = b"[    3.1] axirq: half a li".to_vec();
        stream.extend(encode(&Event::ShellEnded).unwrap());
        assert_eq!(
            push(&mut Decoder::default(), &stream),
            [
                Item::Text(b"[    3.1] axirq: half a li".to_vec()),
                Item::Message(Event::ShellEnded)
            ]
        );
    }

    #[test]
    fn torn_frame_is_text_and_the_next_one_is_whole() {
        let torn = encode(&output(b"lost")).unwrap();
        let (head, tail) = torn.split_at(20);
        let oops = b"\r\nUnable to handle kernel NULL pointer dereference\r\n";
        let mut stream = [head, oops, tail].concat();
        stream.extend(encode(&Event::ShellEnded).unwrap());
        let items = push(&mut Decoder::default(), &stream);
        assert_eq!(items.len(), 2, "{items:?}");
        assert_eq!(items[0], Item::Text([head, oops, tail].concat()));
        assert_eq!(items[1], Item::Message(Event::ShellEnded));
    }

    #[test]
    fn frame_without_its_end_gives_way_to_the_next() {
        let torn = encode(&output(b"lost")).unwrap();
        let mut stream = torn[..torn.len() - 4].to_vec();
        stream.extend(encode(&Event::ShellEnded).unwrap());
        assert_eq!(
            push(&mut Decoder::default(), &stream).last(),
            Some(&Item::Message(Event::ShellEnded))
        );
    }

    #[test]
    fn endless_candidate_is_given_up_as_text() {
        let mut decoder = Decoder::default();
        let endless = [&[START][..], &[b'x'; MAX_FRAME][..]].concat();
        assert_eq!(push(&mut decoder, &endless), [Item::Text(endless.clone())]);
        assert_eq!(decoder.rest(), b"");
    }

    #[test]
    fn wrong_sum_or_wrong_json_is_text() {
        for line in [
            &b"\x1e00000000 \"ShellEnded\"\n"[..],
            b"\x1e\n",
            b"\x1e12345678\n",
            b"\x1ezzzzzzzz {}\n",
        ] {
            assert_eq!(
                push(&mut Decoder::default(), line),
                [Item::Text(line.to_vec())]
            );
        }
        let sum = crc32fast::hash(b"{\"Nonsense\":1}");
        let line = format!("\x1e{sum:08x} {{\"Nonsense\":1}}\n");
        assert_eq!(
            push(&mut Decoder::default(), line.as_bytes()),
            [Item::Text(line.into_bytes())]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_survive_output(data in prop::collection::vec(any::<u8>(), 0..MAX_CHUNK)) {
            let items = push(&mut Decoder::default(), &encode(&output(&data)).unwrap());
            prop_assert_eq!(items, vec![Item::Message(output(&data))]);
        }

        #[test]
        fn any_request_survives(argv in prop::collection::vec(".{0,40}", 1..5), timeout_ms: Option<u64>) {
            let request = Request::Run { id: 1, argv, env: BTreeMap::new(), timeout_ms };
            let items = Decoder::default().push(&encode(&request).unwrap());
            prop_assert_eq!(items, vec![Item::Message(request)]);
        }

        /// Garbage of any kind between frames, read in pieces of any size: every frame arrives, in order, and every
        /// other byte comes through as text.
        #[test]
        fn garbage_and_piece_size_change_nothing(
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..60), prop::collection::vec(any::<u8>(), 0..60)), 0..8),
            piece in 1usize..100,
        ) {
            let mut stream = Vec::new();
            let mut texts = Vec::new();
            for (garbage, data) in &parts {
                stream.extend_from_slice(garbage);
                texts.extend_from_slice(garbage);
                stream.extend(encode(&output(data)).unwrap());
            }
            let mut decoder = Decoder::default();
            let mut text = Vec::new();
            let mut messages = Vec::new();
            for bytes in stream.chunks(piece) {
                for item in push(&mut decoder, bytes) {
                    match item {
                        Item::Text(bytes) => text.extend(bytes),
                        Item::Message(message) => messages.push(message),
                    }
                }
            }
            text.extend(decoder.rest());
            prop_assert_eq!(text, texts);
            prop_assert_eq!(messages, parts.iter().map(|(_, data)| output(data)).collect::<Vec<_>>());
        }

        #[test]
        fn noise_never_panics_and_is_never_lost(bytes in prop::collection::vec(prop_oneof![Just(START), Just(b'\n'), any::<u8>()], 0..400)) {
            let mut decoder = Decoder::default();
            let mut text: Vec<u8> = push(&mut decoder, &bytes)
                .into_iter()
                .flat_map(|item| match item { Item::Text(text) => text, Item::Message(_) => Vec::new() })
                .collect();
            text.extend(decoder.rest());
            prop_assert_eq!(text, bytes);
        }
    }
}
