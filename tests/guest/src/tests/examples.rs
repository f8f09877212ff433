// SPDX-License-Identifier: MIT OR Apache-2.0
//! The crate's examples, run as their readers would.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Cursor;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use plsim::models::microblaze::program::STREAMS;
use plsim::models::microblaze::program::image;
use plsim::models::stream::checksum;
use plsim::models::vdma::video::pattern;
use plsim::protocol::Way;
use serde_json::Value;

use crate::dma;
use crate::memory;
use crate::microblaze;
use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::overlay::Overlay;
use crate::rig::paths::wait_for_node;
use crate::rig::until;
use crate::rig::wait_for_state;
use crate::video;

crate::tests![
    wake_up_is_suspended_and_goes_on,
    driver_class_handles_its_interrupts_in_a_task,
    driver_class_handles_its_interrupts_in_a_thread,
    driver_class_warns_and_refuses_where_there_is_no_interrupt,
    custom_ip_copies_by_its_own_core,
    wait_and_clear_is_never_woken_in_vain,
    button_to_led_lights_each_led_with_its_button,
    wait_pin_tells_of_each_interrupt,
    microblaze_answers_what_it_is_told,
    dma_loopback_compares_what_comes_back,
    video_pipeline_shows_negatives_and_writes_a_png,
    video_pipeline_counts_what_it_drops_itself,
    video_pipeline_counts_what_the_hardware_drops,
];

const TIMER: &str = "axi_timer_0";
const TIMER_PIN: &str = "axi_timer_0/interrupt";

fn output(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// What a program prints that succeeds and has nothing to complain of.
fn printed(program: &str, arguments: &[&str]) -> String {
    let output = output(program, arguments);
    let (said, complaints) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{said}{complaints}");
    assert_eq!(complaints, "");
    said
}

/// An example that runs until it is ended.
struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Running {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        let mut child = command
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn send(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wake_up_is_suspended_and_goes_on() {
    let said = printed("wake_up", &["0.2"]);
    let steps = [
        "Creating a task",
        "The time is: ",
        "Suspending future `wake_up`",
        "Resuming future `wake_up`",
        "suspended for precisely: ",
    ];
    let mut rest = said.as_str();
    for step in steps {
        (_, rest) = rest
            .split_once(step)
            .unwrap_or_else(|| panic!("no {step:?} in its place in:\n{said}"));
    }
    let seconds: f64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(seconds >= 0.2, "{said}");
}

fn driver_class_handles_its_interrupts_in_a_task() {
    let (_rig, _demo) = Rig::with_demo();
    assert_eq!(printed("driver_class", &[TIMER, "3"]), rings(&[1, 2, 3]));
    assert_eq!(attribute(TIMER_PIN, "count"), "3");
}

fn driver_class_handles_its_interrupts_in_a_thread() {
    let (_rig, _demo) = Rig::with_demo();
    let said = printed("driver_class", &["--blocking", TIMER, "2"]);
    assert_eq!(said, rings(&[1, 2]));
    assert_eq!(attribute(TIMER_PIN, "count"), "2");
}

fn rings(sequences: &[u64]) -> String {
    let ring = |(ring, sequence): (usize, &u64)| {
        format!("ring {}, interrupt {sequence} of this line\n", ring + 1)
    };
    sequences.iter().enumerate().map(ring).collect()
}

fn driver_class_warns_and_refuses_where_there_is_no_interrupt() {
    let _rig = Rig::new();
    let _overlay = Overlay::apply("timer-without-interrupt");
    wait_for_node("axi_timer_0/regs");
    for arguments in [&[TIMER, "1"][..], &["--blocking", TIMER, "1"]] {
        let output = output("driver_class", arguments);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(
            text(output.stderr),
            "warning: interrupts are not available in this overlay\n\
             driver_class: interrupts are not available in this overlay\n"
        );
    }
}

fn custom_ip_copies_by_its_own_core() {
    let (mut rig, _overlay) = memory::cells();
    // A tenth of a second for five bytes: nobody finds them there at the first look.
    rig.fabric.rate(memory::LOOPBACK, Way::S2mm, 50).unwrap();
    for blocking in [&["--blocking"][..], &[]] {
        let arguments = [blocking, &[memory::LOOPBACK, "hello", "", "fabric"]].concat();
        assert_eq!(printed("custom_ip", &arguments), "hello\n\nfabric\n");
    }
    // An interrupt for each text that is not empty, on an edge input.
    let pin = format!("{}/s2mm_introut", memory::LOOPBACK);
    assert_eq!(attribute(&pin, "trigger"), "edge");
    assert_eq!(attribute(&pin, "count"), "4");
}

fn wait_and_clear_is_never_woken_in_vain() {
    let (_rig, _demo) = Rig::with_demo();
    let said = printed("wait_and_clear", &[TIMER, "20"]);
    assert_eq!(said, "handled 20, woken in vain 0\n");
    let count: u64 = attribute(TIMER_PIN, "count").parse().unwrap();
    assert_eq!(count, 20, "an interrupt for each");
}

fn button_to_led_lights_each_led_with_its_button() {
    let (mut rig, _demo) = Rig::with_demo();
    let mut program = Running::start("button_to_led", &[]);
    wait_for_state("btns_gpio/ip2intc_irpt", "armed");
    for pattern in [0b0001, 0b1001, 0b1111, 0b0110, 0] {
        rig.fabric.set("btns_gpio", pattern).unwrap();
        until(&format!("LEDs {pattern:#06b}"), || {
            rig.fabric.read("leds_gpio").unwrap().pins == pattern
        });
    }
    program.send(Signal::SIGTERM);
    let summary: Value = serde_json::from_str(&program.next_line()).unwrap();
    // Each button was pressed once and released once.
    assert_eq!(summary["wakeups"], 8);
}

fn wait_pin_tells_of_each_interrupt() {
    let (mut rig, _demo) = Rig::with_demo();
    let mut program = Running::start("wait_pin", &[EDGE]);
    for _ in 0..3 {
        wait_for_state(EDGE, "armed");
        rig.fabric.pulse_input(EDGE_INPUT);
        let line = program.next_line();
        assert!(
            line.starts_with(&format!("{EDGE}: 1 interrupt(s), the newest ")),
            "{line:?}"
        );
    }
}

fn microblaze_answers_what_it_is_told() {
    const PROGRAM: &str = "/tmp/streams.bin";

    let (_rig, _overlay) = microblaze::subsystem();
    fs::write(PROGRAM, image(STREAMS, 0)).unwrap();
    let (memory, lines, pin) = (microblaze::MEMORY, microblaze::LINES, microblaze::PIN);
    let said = printed(
        "microblaze",
        &[memory, lines, pin, PROGRAM, "hello, fabric"],
    );
    assert_eq!(said, "HELLO, FABRIC\n");
}

fn dma_loopback_compares_what_comes_back() {
    let (_rig, _overlay) = dma::movers();
    let said = printed("dma_loopback", &[dma::LOOP, "5"]);
    assert_eq!(
        said,
        format!("{} bytes came back as they went\n", 5 * 16_383)
    );
}

/// The camera's frames.
const PIXELS: (usize, usize) = (64, 48);
/// Where the pipeline writes its picture.
const PNG: &str = "/tmp/frame.png";

/// Camera and display run, as designed.
fn running_studio() -> (Rig, Overlay) {
    let mut rig = Rig::new();
    rig.fabric.reset().unwrap();
    (rig, video::apply())
}

/// What became of the frames, as the pipeline tells.
#[derive(Debug)]
struct Tally {
    by_hardware: u64,
    by_pipeline: u64,
    shown: u64,
}

/// The camera's frame as the pipeline shows it, pixels of three bytes.
fn negative(number: u64) -> Vec<u8> {
    let (width, height) = PIXELS;
    let lines = 0..height as u32;
    let bytes = lines.flat_map(|line| pattern(number, line, 3, 3 * width as u32));
    bytes.map(|byte| !byte).collect()
}

/// Runs the pipeline for so many frames, and asserts that its numbers add up, that its picture is that of a frame, and
/// that nothing else was shown.
fn run_pipeline(rig: &mut Rig, count: u64, delay: &str) -> Tally {
    // What is there must be this run's.
    let _ = fs::remove_file(PNG);
    let before = rig.fabric.camera(video::CELL).unwrap().frames;
    let said = printed(
        "video_pipeline",
        &[video::CELL, "64x48", &count.to_string(), PNG, delay],
    );
    let after = rig.fabric.camera(video::CELL).unwrap().frames;
    print!("{said}");
    let numbers: Vec<u64> = said
        .split(|letter: char| !letter.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
        .collect();
    let [came, by_hardware, by_pipeline, shown] = numbers[..] else {
        panic!("{said}");
    };
    assert_eq!(
        said,
        format!(
            "{came} frames came: {by_hardware} dropped by the hardware, {by_pipeline} by the \
             pipeline, {shown} shown\n"
        )
    );
    assert_eq!(came, by_hardware + by_pipeline + shown);
    assert_eq!(count, by_pipeline + shown, "frames that were read");
    assert!(came <= after - before, "{came}: the camera made fewer");

    let number = assert_picture();
    let taken = (before..after).any(|frame| frame as u8 == number);
    assert!(taken, "frame {number} is none of {before} to {after}");
    // The last one has begun, so the one before is whole.
    assert!(shown >= 2, "{said}");
    let last = rig.fabric.display(video::CELL).unwrap().last.unwrap();
    assert!(
        (before..after).any(|frame| checksum(&negative(frame)) == last.crc32),
        "{last:?} is no frame's negative"
    );
    Tally {
        by_hardware,
        by_pipeline,
        shown,
    }
}

/// The picture is a camera's, negated, pixel by pixel; its number's lower eight bits.
fn assert_picture() -> u8 {
    let file = fs::read(PNG).unwrap();
    let mut reader = png::Decoder::new(Cursor::new(file)).read_info().unwrap();
    let mut picture = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut picture).unwrap();
    assert_eq!((info.width as usize, info.height as usize), PIXELS);
    assert_eq!(
        (info.color_type, info.bit_depth),
        (png::ColorType::Rgb, png::BitDepth::Eight)
    );
    let number = !picture[2];
    let expected = negative(number.into());
    assert_eq!(picture.len(), expected.len());
    let wrong = picture
        .chunks(3)
        .zip(expected.chunks(3))
        .position(|(pixel, expected)| pixel != expected);
    assert_eq!(wrong, None, "pixel of frame {number}");
    number
}

fn video_pipeline_shows_negatives_and_writes_a_png() {
    let (mut rig, _overlay) = running_studio();
    let Tally { shown, .. } = run_pipeline(&mut rig, 60, "0");
    assert!(shown > 30, "the worker keeps up");
}

fn video_pipeline_counts_what_it_drops_itself() {
    let (mut rig, _overlay) = running_studio();
    // Ten frames a second for who takes half a second.
    rig.fabric.rate(video::CELL, Way::S2mm, 10).unwrap();
    let Tally { by_pipeline, .. } = run_pipeline(&mut rig, 20, "500");
    assert!(by_pipeline > 0);
}

fn video_pipeline_counts_what_the_hardware_drops() {
    let (mut rig, _overlay) = running_studio();
    // Faster than anybody reads.
    rig.fabric.rate(video::CELL, Way::S2mm, 2000).unwrap();
    let Tally { by_hardware, .. } = run_pipeline(&mut rig, 60, "0");
    assert!(by_hardware > 0);
}
