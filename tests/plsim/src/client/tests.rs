// SPDX-License-Identifier: MIT OR Apache-2.0
//! The client over streams that misbehave as terminals do.

use std::io::Cursor;

use super::*;

/// What comes in is fixed beforehand, but for the word that the client makes up to get in step.
struct Script {
    before: Vec<u8>,
    after: Cursor<Vec<u8>>,
    sent: Vec<u8>,
    /// How many bytes a read gives at most.
    piece: usize,
    answered: bool,
}

impl Script {
    fn new(before: &str, after: &str) -> Self {
        Self {
            before: before.into(),
            after: Cursor::new(after.into()),
            sent: Vec::new(),
            piece: 3,
            answered: false,
        }
    }
}

impl Read for Script {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let sent = String::from_utf8_lossy(&self.sent).into_owned();
        if let Some((_, word)) = sent.split_once("\necho ").filter(|_| !self.answered) {
            let word = word.split('\n').next().unwrap_or_default();
            self.before
                .extend(format!("ok \"{word}\"\r\n").into_bytes());
            self.answered = true;
        }
        let piece = buffer.len().min(self.piece);
        if !self.before.is_empty() {
            let piece = piece.min(self.before.len());
            buffer[..piece].copy_from_slice(&self.before[..piece]);
            self.before.drain(..piece);
            return Ok(piece);
        }
        match self.after.read(&mut buffer[..piece])? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            got => Ok(got),
        }
    }
}

impl Write for Script {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sent.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn stale_bytes_before_the_first_request_are_passed_over() {
    let stale = "lf of an answer\nok 7\nerr old\n\u{fffd}\u{1b}garbage\nok \"step-0-0\"\n";
    let mut client = Client::new(Script::new(stale, "ok [\"a\"]\n"));
    assert_eq!(client.cells().unwrap(), ["a"]);
    let sent = String::from_utf8_lossy(&client.stream().sent);
    assert!(sent.starts_with("\necho step-"), "{sent}");
    assert!(sent.ends_with("\ncells\n"), "{sent}");
}

#[test]
fn events_between_answers_are_kept_for_later() {
    let lines = "! {\"us\":1,\"irq\":1}\nok\n! {\"mark\":\"x\"}\nnoise\n! {\"lost\":3}\n";
    let mut client = Client::new(Script::new("", lines));
    client.watch().unwrap();
    assert_eq!(client.next_event().unwrap(), Event::Irq { us: 1, irq: 1 });
    let mark = "x".to_owned();
    assert_eq!(client.next_event().unwrap(), Event::Mark { mark });
    assert_eq!(client.next_event().unwrap(), Event::Lost { lost: 3 });
    assert!(matches!(client.next_event(), Err(Error::Timeout)));
}

#[test]
fn refusal_carries_request_and_reason() {
    let mut client = Client::new(Script::new("", "err no cell is called `x`\r\n"));
    let error = client.press("x", 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "plsim refuses `press x 0 1`: no cell is called `x`"
    );
}

#[test]
fn answer_of_another_shape_is_an_error() {
    let mut client = Client::new(Script::new("", "ok {\"colour\":1}\n"));
    assert!(matches!(client.irq(), Err(Error::Answer { .. })));
}

#[test]
fn after_a_timeout_the_client_gets_in_step_again() {
    let mut client = Client::new(Script::new("", ""));
    assert!(matches!(client.irq(), Err(Error::Timeout)));
    client.stream.answered = false;
    client.stream.sent.clear();
    let late = "ok {\"level\":1,\"raised\":1,\"fired\":1}\n";
    client.stream.before = late.into();
    client.stream.after = Cursor::new(b"ok {\"level\":0,\"raised\":1,\"fired\":1}\n".to_vec());
    assert_eq!(client.irq().unwrap().level, 0, "not the late answer");
}

#[test]
fn what_would_get_no_answer_is_not_sent() {
    let mut client = Client::new(Script::new("", ""));
    for line in ["", " \n ", "ok", "! {}"] {
        assert!(matches!(client.raw(line), Err(Error::NoRequest(_))));
    }
    assert!(client.stream().sent.is_empty());
}

#[test]
fn line_breaks_make_no_second_request() {
    let mut client = Client::new(Script::new("", "ok\n"));
    client.mark("a\nreset\r").unwrap();
    let sent = String::from_utf8_lossy(&client.stream().sent);
    assert!(sent.ends_with("\nmark a reset \n"), "{sent}");
}

#[test]
fn end_of_the_stream_is_told_apart() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    drop(theirs);
    let mut client = Client::new(ours);
    assert!(matches!(client.irq(), Err(Error::Closed | Error::Send(_))));
}

#[test]
fn nobody_listening_names_the_path() {
    let error = Client::connect("/no/such/socket").unwrap_err();
    assert!(error.to_string().contains("/no/such/socket"));
}

#[test]
fn events_that_came_along_are_given_without_waiting() {
    let first = r#"! {"us":1,"cell":"a","channel":1,"pins":1}"#;
    let second = r#"! {"us":2,"irq":1}"#;
    let mut script = Script::new("", &format!("{first}\nok\n{second}\n"));
    // All in one read.
    script.piece = 1000;
    let mut client = Client::new(script);
    client.watch().unwrap();
    assert!(matches!(
        client.received_event(),
        Some(Event::Pins { pins: 1, .. })
    ));
    assert_eq!(client.received_event(), Some(Event::Irq { us: 2, irq: 1 }));
    assert_eq!(client.received_event(), None);
}
