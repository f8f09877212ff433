// SPDX-License-Identifier: MIT OR Apache-2.0
//! How long an interrupt's handler takes, as the kernel's own tracing says.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::mount::MsFlags;
use nix::mount::mount;

use super::skip;

const TRACEFS: &str = "/sys/kernel/tracing";

/// An instance of our own: nobody else's tracing is touched.
const INSTANCE: &str = "/sys/kernel/tracing/instances/axirq";

const EVENTS: [&str; 2] = ["irq_handler_entry", "irq_handler_exit"];

/// Traces the handlers of one interrupt, until it is dropped.
pub struct HandlerTrace(());

impl HandlerTrace {
    /// Skips the test if the kernel does not trace.
    pub fn start(irq: &str) -> Self {
        if !Path::new(TRACEFS).is_dir() {
            skip("the kernel was built without tracing");
        }
        if !Path::new(TRACEFS).join("events").exists() {
            let none: Option<&str> = None;
            mount(
                Some("tracefs"),
                TRACEFS,
                Some("tracefs"),
                MsFlags::empty(),
                none,
            )
            .unwrap();
        }
        // What a killed test has left.
        let _ = fs::remove_dir(INSTANCE);
        fs::create_dir(INSTANCE).unwrap();
        let trace = Self(());
        for event in EVENTS {
            fs::write(of_event(event, "filter"), format!("irq == {irq}")).unwrap();
            fs::write(of_event(event, "enable"), "1").unwrap();
        }
        trace
    }

    /// How long the handler took each time since this was last asked.
    pub fn take(&mut self) -> Vec<Duration> {
        let path = format!("{INSTANCE}/trace");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, "").unwrap();
        durations(&text)
    }
}

impl Drop for HandlerTrace {
    fn drop(&mut self) {
        for event in EVENTS {
            // The folder is not empty, yet it is removed as if it were.
            let _ = fs::write(of_event(event, "enable"), "0");
        }
        let _ = fs::remove_dir(INSTANCE);
    }
}

fn of_event(event: &str, file: &str) -> String {
    format!("{INSTANCE}/events/irq/{event}/{file}")
}

/// Reads lines like
///
/// ```text
///  guest-tests-123     [000] d.h1.    12.345678: irq_handler_entry: irq=20 name=axi_intc_0:3
/// ```
///
/// A handler is left on the CPU that it was entered on, before it is entered again.
fn durations(text: &str) -> Vec<Duration> {
    let mut entered = None;
    let mut durations = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (before, event) = EVENTS
            .iter()
            .find_map(|event| Some((line.split_once(&format!(": {event}:"))?.0, *event)))
            .unwrap_or_else(|| panic!("no trace of an interrupt: {line}"));
        let time = before.split_whitespace().next_back().expect("a time");
        let (seconds, micros) = time.split_once('.').expect("seconds and microseconds");
        assert_eq!(micros.len(), 6, "{line}");
        let time = Duration::from_secs(seconds.parse().unwrap())
            + Duration::from_micros(micros.parse().unwrap());
        if event == EVENTS[0] {
            entered = Some(time);
        } else if let Some(entered) = entered.take() {
            durations.push(time - entered);
        }
    }
    durations
}
