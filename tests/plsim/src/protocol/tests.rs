// SPDX-License-Identifier: MIT OR Apache-2.0
//! Spelling: what parses, what does not and what is then said, and that `PROTOCOL.md` tells the same.

use proptest::prelude::*;

use super::*;

const DOCUMENT: &str = include_str!("../../PROTOCOL.md");

/// The requests in the first column of the document's table.
fn documented() -> Vec<&'static str> {
    let rows = DOCUMENT
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| row.split('|').next());
    rows.flat_map(|cell| cell.split('`'))
        .filter(|part| part.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

fn error(line: &str) -> String {
    match line.parse::<Request>() {
        Ok(request) => panic!("`{line}` parsed as {request:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn document_and_parser_know_the_same_requests() {
    let documented = documented();
    let ParseError::Unknown(_) = "?".parse::<Request>().unwrap_err() else {
        panic!("`?` is known");
    };
    let listed = error("?");
    let (_, listed) = listed.split_once("known are: ").unwrap();
    for verb in listed.split(", ") {
        assert!(usage(verb).is_some(), "{verb} has no usage");
        let row = |row: &&str| row.split(' ').next() == Some(verb);
        assert!(documented.iter().any(row), "{verb} is undocumented");
    }
    for row in documented {
        let verb = row.split(' ').next().unwrap();
        assert!(
            listed.split(", ").any(|known| known == verb),
            "{row} is unknown"
        );
    }
}

#[test]
fn documented_spellings_parse() {
    for row in documented() {
        let line = row
            .replace("BIT [CHANNEL]", "3 2")
            .replace("VALUE [CHANNEL]", "0xf 2")
            .replace("REGISTER VALUE", "IER 0xf")
            .replace("CHANNEL MISHAP AFTER", "s2mm slave 4096")
            .replace("CHANNEL off", "mm2s off")
            .replace("CHANNEL RATE", "mm2s 1000")
            .replace("BYTES LINES", "192 48")
            .replace("CHANNEL COUNT", "s2mm 3")
            .replace("LENGTH [COUNT]", "64 2")
            .replace("[CHANNEL]", "2")
            .replace("CELL", "a")
            .replace("INTC N COUNT", "a 5 100")
            .replace("INTC N", "a 5")
            .replace("WORD…", "some words");
        assert!(line.parse::<Request>().is_ok(), "{row}, tried as {line}");
    }
}

#[test]
fn channel_is_1_unless_told() {
    let expected = Request::Press {
        cell: "btns_gpio".to_owned(),
        bit: 2,
        channel: 1,
    };
    assert_eq!("press btns_gpio 2".parse(), Ok(expected));
}

#[test]
fn numbers_are_decimal_or_hexadecimal() {
    let set = |value| Request::Set {
        cell: "a".to_owned(),
        value,
        channel: 1,
    };
    assert_eq!("set a 0xFfffffff".parse(), Ok(set(u32::MAX)));
    assert_eq!("  set  a\t010\r".parse(), Ok(set(10)));
    for word in [
        "-1",
        "+1",
        "0x",
        "0x+1",
        "1_0",
        "0b1",
        "ten",
        "18446744073709551616",
    ] {
        assert!(error(&format!("set a {word}")).contains("no decimal or 0x number"));
    }
    assert!(error("set a 0x100000000").contains("does not fit 32 bits"));
}

#[test]
fn errors_name_what_is_wrong_and_what_would_be_right() {
    assert_eq!(
        error("press btns_gpio"),
        "BIT is missing; usage: press CELL BIT [CHANNEL]"
    );
    assert_eq!(error("irq now"), "`now` is one word too many; usage: irq");
    assert_eq!(
        error("read a 3"),
        "CHANNEL is 3, but there are only 1 and 2; usage: read CELL [CHANNEL]"
    );
    assert!(error("fault flood").contains("no fault is called `flood`"));
    assert!(error("fault all-ones maybe").contains("neither on nor off"));
    assert!(error("trace later").contains("`later` is not on, off or dump"));
}

#[test]
fn quoted_words_are_short_and_printable() {
    let text = error(&"\u{1b}x".repeat(1000));
    assert!(text.chars().all(|c| !c.is_control()));
    assert!(text.len() < 500);
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![Just(Way::Mm2s), Just(Way::S2mm)]
}

fn mishap() -> impl Strategy<Value = Option<Mishap>> {
    prop::option::of(prop::sample::select(&Mishap::ALL[..]))
}

fn request() -> impl Strategy<Value = Request> {
    let cell = || "[a-z][a-z0-9_/.-]{0,20}";
    let words = "[a-z0-9]{1,5}( [a-z0-9]{1,5}){0,3}";
    let gpio = || (cell(), any::<u32>(), 1u32..=2);
    let input = || (cell(), any::<u32>());
    prop_oneof![
        Just(Request::Cells),
        Just(Request::ResetCounts),
        Just(Request::Irq),
        Just(Request::Violations),
        Just(Request::Vanish),
        Just(Request::Watch),
        Just(Request::Reset),
        Just(Request::Trace(TraceVerb::On)),
        Just(Request::Trace(TraceVerb::Off)),
        Just(Request::Trace(TraceVerb::Dump)),
        any::<bool>().prop_map(Request::AllOnes),
        words.prop_map(Request::Mark),
        words.prop_map(Request::Echo),
        gpio().prop_map(|(cell, bit, channel)| Request::Press { cell, bit, channel }),
        gpio().prop_map(|(cell, bit, channel)| Request::Release { cell, bit, channel }),
        gpio().prop_map(|(cell, value, channel)| Request::Set {
            cell,
            value,
            channel
        }),
        (cell(), 1u32..=2).prop_map(|(cell, channel)| Request::Read { cell, channel }),
        input().prop_map(|(cell, input)| Request::Raise { cell, input }),
        input().prop_map(|(cell, input)| Request::Lower { cell, input }),
        input().prop_map(|(cell, input)| Request::Pulse { cell, input }),
        input().prop_map(|(cell, input)| Request::TrainStatus { cell, input }),
        input().prop_map(|(cell, input)| Request::Input { cell, input }),
        (input(), any::<u64>()).prop_map(|((cell, input), count)| Request::Train {
            cell,
            input,
            count
        }),
        (input(), any::<bool>()).prop_map(|((cell, input), on)| Request::Stuck { cell, input, on }),
        (cell(), any::<bool>()).prop_map(|(cell, on)| Request::Hang { cell, on }),
        (cell(), any::<bool>()).prop_map(|(cell, on)| Request::Collide { cell, on }),
        cell().prop_map(|cell| Request::Microblaze { cell }),
        cell().prop_map(|cell| Request::Camera { cell }),
        cell().prop_map(|cell| Request::Display { cell }),
        (cell(), any::<u32>(), any::<u32>())
            .prop_map(|(cell, bytes, lines)| { Request::CameraSize { cell, bytes, lines } }),
        (cell(), way(), any::<u64>()).prop_map(|(cell, way, count)| Request::Frames {
            cell,
            way,
            count
        }),
        Just(Request::Memory),
        (cell(), any::<u64>(), any::<u64>()).prop_map(|(cell, length, count)| Request::Send {
            cell,
            length,
            count
        }),
        (cell(), way(), any::<u64>()).prop_map(|(cell, way, rate)| Request::Rate {
            cell,
            way,
            rate
        }),
        (cell(), way(), mishap(), any::<u64>()).prop_map(|(cell, way, mishap, after)| {
            Request::Transfer {
                cell,
                way,
                mishap,
                after: if mishap.is_some() { after } else { 0 },
            }
        }),
        cell().prop_map(|cell| Request::Source { cell }),
        cell().prop_map(|cell| Request::Sink { cell }),
        cell().prop_map(|cell| Request::Counts { cell }),
        cell().prop_map(|cell| Request::Peek { cell }),
    ]
}

proptest! {
    #[test]
    fn every_request_is_read_back_from_its_spelling(request in request()) {
        prop_assert_eq!(request.to_string().parse(), Ok(request));
    }

    #[test]
    fn no_line_panics(line in "\\PC{0,80}") {
        let _ = line.parse::<Request>();
    }
}
