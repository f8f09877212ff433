// SPDX-License-Identifier: MIT OR Apache-2.0
//! PYNQ's MicroBlaze subsystem: programs, both mailboxes, the interrupt and its acknowledgement; its lines on an AXI GPIO
//! and on a GPIO driver of the kernel's.

use std::collections::BTreeMap;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use axirq::Error;
use axirq::device::Device;
use axirq::gpio::AxiGpio;
use axirq::gpio::Output;
use axirq::gpio::Wire;
use axirq::gpio::Wires;
use axirq::microblaze::Answers;
use axirq::microblaze::ControlLine;
use axirq::microblaze::GpioLine;
use axirq::microblaze::Microblaze;
use axirq::microblaze::Program;
use axirq::microblaze::State;
use axirq::microblaze::Width;
use axirq::microblaze::Wiring;
use nix::unistd::getpid;
use plsim::models::microblaze::program::INTERRUPTS;
use plsim::models::microblaze::program::MAILBOX;
use plsim::models::microblaze::program::STREAMS;
use plsim::models::microblaze::program::image;
use plsim::protocol::ProcessorState;
use tokio::time::timeout;

use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::drivers;
use crate::rig::drivers::hand_over;
use crate::rig::modules::Extra;
use crate::rig::overlay::Overlay;
use crate::rig::paths;
use crate::rig::random::Random;
use crate::rig::syscalls::EPOLL_WAIT;
use crate::rig::syscalls::between_marks;
use crate::rig::syscalls::marker;
use crate::rig::syscalls::syscount;
use crate::rig::syscalls::until_asleep;
use crate::rig::tasks::run;
use crate::rig::tasks::soon;
use crate::rig::wait_for_state;

crate::tests![
    mailbox_answers_by_interrupt,
    mailbox_answers_without_interrupts,
    streams_carry_bytes_both_ways,
    no_wake_up_is_lost_between_look_and_acknowledgement,
    interrupt_waits_and_clears,
    dropped_waits_lose_nothing,
    program_that_never_answers_is_an_error,
    late_answer_is_not_taken_for_the_next_one,
    refused_command_is_an_error,
    failed_acknowledgement_is_made_up_for,
    overlay_without_the_interrupt_says_so,
    second_program_is_refused_unless_forced,
    programs_that_cannot_run_are_refused,
    memory_is_read_and_written_within_its_bounds,
    garbage_of_the_dual_port_memory_does_no_harm,
    overlay_removed_during_a_wait_wakes_it,
    subsystem_is_found_by_its_names,
    lines_of_a_gpio_driver_do_as_well,
    request_costs_one_acknowledgement,
    request_costs_four_system_calls,
];

/// What the simulator calls it.
pub const IOP: &str = "iop_pmoda";
const DEVICE: &str = "100c0000.axi_bram_ctrl";
/// In PYNQ's form.
pub const MEMORY: &str = "iop_pmoda/mb_bram_ctrl";
pub const LINES: &str = "iop_lines";
pub const PIN: &str = "data_intc/6";
/// Where the overlay knows it.
const FLIP_FLOP: &str = "iop_pmoda_dff_en_reset_vector_0/q";

pub const COMMAND: usize = 0xfffc;
const DATA: usize = 0xf000;

/// A command that reads one word, of address 0.
pub const READ_WORD: u32 = 0x10f;

/// The overlay with the subsystem, its memory bound.
pub fn subsystem() -> (Rig, Overlay) {
    let mut rig = Rig::new();
    rig.fabric.reset().unwrap();
    (rig, apply())
}

fn apply() -> Overlay {
    let overlay = Overlay::apply("vendor-data");
    for node in [PIN, "iop_lines/regs"] {
        paths::wait_for_node(node);
    }
    Device::find(DEVICE).unwrap().bind().unwrap();
    paths::wait_for_node("iop_pmoda_mb_bram_ctrl/regs");
    overlay
}

fn lines() -> Wires<Output> {
    let gpio = AxiGpio::open(LINES).unwrap();
    gpio.channel(1).unwrap().output(..).unwrap()
}

fn open() -> Microblaze {
    let lines = lines();
    let wiring = Wiring::new(lines.wire(0).unwrap())
        .ack(lines.wire(1).unwrap())
        .pin(PIN);
    Microblaze::open(MEMORY, wiring).unwrap()
}

pub fn program(number: u32, options: u32) -> Program {
    Program::from_bytes("test", image(number, options)).unwrap()
}

pub fn open_with(number: u32, options: u32) -> Microblaze {
    let mut iop = open();
    iop.run(&program(number, options)).unwrap();
    iop
}

fn mailbox_answers_by_interrupt() {
    let (mut rig, _overlay) = subsystem();
    let mut iop = open();
    assert_eq!((iop.state(), iop.program()), (State::Reset, None));
    let before = rig.fabric.microblaze(IOP).unwrap();
    assert_eq!(before.state, ProcessorState::Reset);

    iop.run(&program(MAILBOX, INTERRUPTS)).unwrap();
    assert_eq!((iop.state(), iop.program()), (State::Running, Some("test")));
    let status = rig.fabric.microblaze(IOP).unwrap();
    assert_eq!(status.program.as_deref(), Some("mailbox"));
    {
        let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
        mailbox.set_timeout(Some(PATIENCE));
        run(async {
            mailbox
                .write(0x4000, Width::Word, 0x0102_0304)
                .await
                .unwrap();
            let word = mailbox.read(0x4000, Width::Word).await.unwrap();
            assert_eq!(word, 0x0102_0304);
        });
        // Little-endian, as the processor is.
        assert_eq!(mailbox.blocking_read(0x4000, Width::Byte).unwrap(), 4);
        mailbox
            .blocking_write(0x4002, Width::Half, 0xffff_abcd)
            .unwrap();
        // A program of one's own has its words elsewhere.
        let mut words = [7; 2];
        mailbox
            .blocking_command(READ_WORD, &[8, 9], &mut words)
            .unwrap();
        assert_eq!(words, [8, 9]);
    }
    let mut word = [0];
    iop.read(0x4000, &mut word).unwrap();
    assert_eq!(word, [0xabcd_0304]);
    let status = rig.fabric.microblaze(IOP).unwrap();
    assert_eq!(status.interrupts, before.interrupts + 5);
    iop.reset().unwrap();
    assert_eq!(iop.state(), State::Reset);
    let silent = iop.mailbox(Answers::Interrupt).map(drop);
    assert!(matches!(silent, Err(Error::NoProgram { .. })));
}

fn mailbox_answers_without_interrupts() {
    let (mut rig, _overlay) = subsystem();
    let before = rig.fabric.microblaze(IOP).unwrap().interrupts;
    let mut iop = open_with(MAILBOX, 0);
    let mut mailbox = iop
        .mailbox(Answers::Polled(Duration::from_millis(1)))
        .unwrap();
    mailbox.set_timeout(Some(PATIENCE));
    let word = run(mailbox.read(0, Width::Word)).unwrap();
    assert_eq!(word, 0xb000_0000);
    let word = mailbox.blocking_read(4, Width::Word).unwrap();
    assert_eq!(word, 0xb808_0050);
    assert_eq!(rig.fabric.microblaze(IOP).unwrap().interrupts, before);
}

fn streams_carry_bytes_both_ways() {
    let (_rig, _overlay) = subsystem();
    let mut iop = open_with(STREAMS, 0);
    let mut streams = iop.streams(Answers::Interrupt).unwrap();
    streams.set_timeout(Some(PATIENCE));
    let sent: Vec<u8> = (0..4000u32).map(|n| b'a' + (n % 26) as u8).collect();
    let (stdin, stdout) = (&mut streams.stdin, &mut streams.stdout);
    run(async {
        let mut got = vec![0; sent.len()];
        // More than the rings hold: neither side can do without the other.
        let write = async {
            for piece in sent.chunks(700) {
                stdin.write_all(piece).await.unwrap();
            }
        };
        let read = async {
            let mut at = 0;
            while at < got.len() {
                at += stdout.read(&mut got[at..]).await.unwrap();
            }
        };
        tokio::join!(write, read);
        assert_eq!(got, sent.to_ascii_uppercase());
    });
    // Function 0 adds.
    let request: Vec<u8> = [0u32, 40, 2]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let mut sum = [0; 4];
    run(async {
        streams.rpc_in.write_all(&request).await.unwrap();
        streams.rpc_out.read_exact(&mut sum).await.unwrap();
    });
    assert_eq!(u32::from_le_bytes(sum), 42);
    // In a thread.
    streams.rpc_in.blocking_write_all(&request).unwrap();
    streams.rpc_out.blocking_read_exact(&mut sum).unwrap();
    assert_eq!(u32::from_le_bytes(sum), 42);
    streams.stdin.blocking_write_all(b"bye").unwrap();
    let mut bye = [0; 3];
    streams.stdout.blocking_read_exact(&mut bye).unwrap();
    assert_eq!(&bye, b"BYE");
    assert_eq!(streams.stdout.try_read(&mut bye).unwrap(), 0);
    // More than a ring holds is never there at once.
    let refused = streams.stdin.blocking_write_all(&[0; 1016]);
    assert!(matches!(refused, Err(Error::BadRequest { .. })));
}

/// Answers that come while one looks, and while one acknowledges: the second of two is due at any moment of the wait for
/// the first. Whoever misses one waits until his patience is over, as nothing is polled.
fn no_wake_up_is_lost_between_look_and_acknowledgement() {
    const ROUNDS: u32 = 150;

    let (mut rig, _overlay) = subsystem();
    let before = rig.fabric.microblaze(IOP).unwrap().interrupts;
    let mut iop = open_with(STREAMS, 0);
    let mut streams = iop.streams(Answers::Interrupt).unwrap();
    streams.set_timeout(Some(PATIENCE));
    let mut random = Random::new(6);
    run(async {
        for round in 0..ROUNDS {
            streams.stdin.try_write(b"a").unwrap();
            thread::sleep(Duration::from_micros(random.below(400)));
            streams.stdin.try_write(b"b").unwrap();
            let mut answer = [0; 2];
            let read = streams.stdout.read_exact(&mut answer).await;
            read.unwrap_or_else(|error| panic!("round {round}: {error}"));
            assert_eq!(&answer, b"AB");
        }
    });
    let raised = rig.fabric.microblaze(IOP).unwrap().interrupts - before;
    assert!(
        (u64::from(ROUNDS)..=2 * u64::from(ROUNDS)).contains(&raised),
        "{raised}"
    );
}

fn interrupt_waits_and_clears() {
    let (mut rig, _overlay) = subsystem();
    let mut iop = open_with(MAILBOX, INTERRUPTS);
    run(async {
        for _ in 0..5 {
            iop.write(COMMAND, &[READ_WORD]).unwrap();
            let interrupt = iop.interrupt().expect("the overlay has it");
            assert_eq!(interrupt.pin(), PIN);
            let event = soon("the answer", interrupt.wait()).await.unwrap();
            assert_eq!(event.count, 1);
            let mut done = [1];
            iop.read(COMMAND, &mut done).unwrap();
            assert_eq!(done, [0]);
            // It has acknowledged, so the next one is an edge again.
            assert_eq!(rig.fabric.microblaze(IOP).unwrap().q, 0);
        }
        let interrupt = iop.interrupt().unwrap();
        assert!(timeout(QUIET, interrupt.wait()).await.is_err());
    });
    // Two that nobody waits for are one; both have said all they had to when it is returned.
    for _ in 0..2 {
        iop.write(COMMAND, &[READ_WORD]).unwrap();
        crate::rig::until("the program", || {
            let mut command = [1];
            iop.read(COMMAND, &mut command).unwrap();
            command == [0]
        });
    }
    let interrupt = iop.interrupt().unwrap();
    let event = interrupt.blocking_wait().unwrap();
    assert_eq!(event.count, 1);
    assert_eq!(interrupt.blocking_wait_timeout(QUIET).unwrap(), None);
    interrupt.clear().unwrap();
}

fn dropped_waits_lose_nothing() {
    let (_rig, _overlay) = subsystem();
    let mut iop = open_with(MAILBOX, INTERRUPTS);
    run(async {
        for _ in 0..20 {
            let interrupt = iop.interrupt().unwrap();
            let waited = timeout(Duration::from_millis(2), interrupt.wait()).await;
            assert!(waited.is_err());
            wait_for_state(PIN, "idle");
            iop.write(COMMAND, &[READ_WORD]).unwrap();
            let interrupt = iop.interrupt().unwrap();
            // At whatever moment this one gives up, the next returns it, if this one did not.
            let waited = timeout(Duration::from_micros(300), interrupt.wait()).await;
            if waited.is_err() {
                soon("the answer", interrupt.wait()).await.unwrap();
            }
        }
    });
}

fn program_that_never_answers_is_an_error() {
    const SHORT: Duration = Duration::from_millis(200);

    let (mut rig, _overlay) = subsystem();
    let mut iop = open();
    // Stands still, as any that the simulator does not know.
    iop.run(&Program::from_bytes("silent", [0; 64]).unwrap())
        .unwrap();
    assert_eq!(rig.fabric.microblaze(IOP).unwrap().program, None);
    for answers in [Answers::Interrupt, Answers::Polled(SHORT / 10)] {
        let mut mailbox = iop.mailbox(answers).unwrap();
        mailbox.set_timeout(Some(SHORT));
        let silent = mailbox.blocking_command(1, &[], &mut []);
        assert!(matches!(silent, Err(Error::NoAnswer { waited, .. }) if waited >= SHORT));
        let silent = run(mailbox.command(1, &[], &mut []));
        assert!(matches!(silent, Err(Error::NoAnswer { .. })));
        let mut streams = iop.streams(answers).unwrap();
        streams.set_timeout(Some(SHORT));
        let silent = streams.stdout.blocking_read(&mut [0]);
        assert!(matches!(silent, Err(Error::NoAnswer { .. })));
        let silent = run(streams.rpc_out.read(&mut [0]));
        assert!(matches!(silent, Err(Error::NoAnswer { .. })));
    }
    // Another one does.
    iop.replace(&program(MAILBOX, INTERRUPTS)).unwrap();
    let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
    mailbox.set_timeout(Some(PATIENCE));
    mailbox.blocking_read(0, Width::Word).unwrap();
}

fn late_answer_is_not_taken_for_the_next_one() {
    let (mut rig, _overlay) = subsystem();
    let mut iop = open_with(MAILBOX, INTERRUPTS);
    rig.fabric.fault_hang(IOP, true).unwrap();
    let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
    mailbox.set_timeout(Some(Duration::from_millis(50)));
    run(async {
        let late = mailbox.read(0, Width::Word).await;
        assert!(matches!(late, Err(Error::NoAnswer { .. })));
        // It has not even taken the one before.
        let later = mailbox.blocking_read(4, Width::Word);
        assert!(matches!(later, Err(Error::NoAnswer { .. })));
        rig.fabric.fault_hang(IOP, false).unwrap();
        mailbox.set_timeout(Some(PATIENCE));
        let word = mailbox.read(4, Width::Word).await.unwrap();
        assert_eq!(word, 0xb808_0050);
    });
}

fn refused_command_is_an_error() {
    /// Of more items than the program takes.
    const TOO_MANY: u32 = 0xfe0f;

    let (_rig, _overlay) = subsystem();
    let mut iop = open();
    for answers in [
        Answers::Interrupt,
        Answers::Polled(Duration::from_millis(1)),
    ] {
        iop.replace(&program(MAILBOX, INTERRUPTS)).unwrap();
        let mut mailbox = iop.mailbox(answers).unwrap();
        mailbox.set_timeout(Some(PATIENCE));
        let refused = run(mailbox.command(TOO_MANY, &[], &mut []));
        assert!(
            matches!(
                refused,
                Err(Error::CommandRefused {
                    command: TOO_MANY,
                    ..
                })
            ),
            "{refused:?}"
        );
        // It has ended by that, as PYNQ's does.
        mailbox.set_timeout(Some(Duration::from_millis(50)));
        let silent = mailbox.blocking_read(0, Width::Word);
        assert!(matches!(silent, Err(Error::NoAnswer { .. })), "{silent:?}");
    }
}

/// A wire that fails when it is told to.
#[derive(Debug)]
struct Flaky {
    wire: Wire<Output>,
    fails: Arc<AtomicBool>,
}

impl ControlLine for Flaky {
    fn set(&self, level: bool) -> axirq::Result<()> {
        if self.fails.swap(false, Ordering::Relaxed) {
            return Err(Error::NoGpioLine {
                line: "flaky".to_owned(),
            });
        }
        ControlLine::set(&self.wire, level)
    }
}

/// The flip-flop stays set, so nothing raises an edge until it has been made up for.
fn failed_acknowledgement_is_made_up_for() {
    let (mut rig, _overlay) = subsystem();
    let lines = lines();
    let fails = Arc::new(AtomicBool::new(false));
    let flaky = Flaky {
        wire: lines.wire(1).unwrap(),
        fails: Arc::clone(&fails),
    };
    let wiring = Wiring::new(lines.wire(0).unwrap()).ack(flaky).pin(PIN);
    let mut iop = Microblaze::open(MEMORY, wiring).unwrap();
    iop.run(&program(MAILBOX, INTERRUPTS)).unwrap();
    run(async {
        for blocking in [false, true] {
            iop.write(COMMAND, &[READ_WORD]).unwrap();
            fails.store(true, Ordering::Relaxed);
            let interrupt = iop.interrupt().unwrap();
            let failed = soon("the answer", interrupt.wait()).await;
            assert!(
                matches!(failed, Err(Error::NoGpioLine { .. })),
                "{failed:?}"
            );
            assert_eq!(rig.fabric.microblaze(IOP).unwrap().q, 1);
            let event = match blocking {
                false => soon("the same", interrupt.wait()).await.unwrap(),
                true => interrupt.blocking_wait_timeout(PATIENCE).unwrap().unwrap(),
            };
            assert_eq!(event.count, 1);
            assert_eq!(rig.fabric.microblaze(IOP).unwrap().q, 0);
            assert_eq!(interrupt.blocking_wait_timeout(QUIET).unwrap(), None);
        }
    });
}

fn overlay_without_the_interrupt_says_so() {
    let (_rig, _overlay) = subsystem();
    let lines = lines();
    // No node has PYNQ's name for it.
    let wiring = Wiring::new(lines.wire(0).unwrap()).ack(lines.wire(1).unwrap());
    let mut iop = Microblaze::open(MEMORY, wiring).unwrap();
    assert!(iop.interrupt().is_none());
    iop.run(&program(MAILBOX, 0)).unwrap();
    for refused in [
        iop.mailbox(Answers::Interrupt).map(drop),
        iop.streams(Answers::Interrupt).map(drop),
    ] {
        assert!(matches!(refused, Err(Error::NoInterrupt { .. })));
    }
    let mut mailbox = iop
        .mailbox(Answers::Polled(Duration::from_millis(1)))
        .unwrap();
    mailbox.set_timeout(Some(PATIENCE));
    mailbox.blocking_read(0, Width::Word).unwrap();
    drop(iop);
    // A pin that one has named has to be there.
    let wiring = Wiring::new(lines.wire(0).unwrap())
        .ack(lines.wire(1).unwrap())
        .pin("iop_pmoda/dff_en_reset_vector_0/q");
    let missing = Microblaze::open(MEMORY, wiring).map(drop);
    assert!(matches!(missing, Err(Error::NoSuchPin { .. })));
    // Without a line to acknowledge with there is none either.
    let wiring = Wiring::new(lines.wire(0).unwrap()).pin(PIN);
    let mut iop = Microblaze::open(MEMORY, wiring).unwrap();
    assert!(iop.interrupt().is_none());
}

fn second_program_is_refused_unless_forced() {
    let (mut rig, _overlay) = subsystem();
    let mut iop = open_with(STREAMS, 0);
    let refused = iop.run(&program(MAILBOX, 0));
    assert!(matches!(refused, Err(Error::ProgramRuns { program, .. }) if program == "test"));
    let status = rig.fabric.microblaze(IOP).unwrap();
    assert_eq!(status.program.as_deref(), Some("streams"));
    // Nor by another handle.
    let lines = lines();
    let second = Microblaze::open(MEMORY, Wiring::new(lines.wire(0).unwrap())).map(drop);
    assert!(matches!(second, Err(Error::InUse { .. })));
    assert_eq!(
        rig.fabric.microblaze(IOP).unwrap().state,
        ProcessorState::Running
    );
    iop.replace(&program(MAILBOX, 0)).unwrap();
    let status = rig.fabric.microblaze(IOP).unwrap();
    assert_eq!(status.program.as_deref(), Some("mailbox"));
    iop.reset().unwrap();
    iop.run(&program(STREAMS, 0)).unwrap();
    drop(iop);
    // Nothing runs that nobody owns.
    assert_eq!(
        rig.fabric.microblaze(IOP).unwrap().state,
        ProcessorState::Reset
    );
    drop(open());
}

fn programs_that_cannot_run_are_refused() {
    let (mut rig, _overlay) = subsystem();
    let mut iop = open_with(STREAMS, 0);
    let own = Program::read("/proc/self/exe").unwrap_err();
    assert!(matches!(own, Error::ForeignProgram { .. }), "{own}");
    let large = Program::from_bytes("large", vec![1; iop.size() + 1]).unwrap();
    let refused = iop.replace(&large);
    assert!(matches!(
        refused,
        Err(Error::ProgramTooLarge { room: 0x1_0000, .. })
    ));
    // What ran still does.
    let mut streams = iop.streams(Answers::Interrupt).unwrap();
    streams.set_timeout(Some(PATIENCE));
    streams.stdin.blocking_write_all(b"x").unwrap();
    let mut answer = [0];
    streams.stdout.blocking_read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"X");
    let status = rig.fabric.microblaze(IOP).unwrap();
    assert_eq!(status.program.as_deref(), Some("streams"));
}

fn memory_is_read_and_written_within_its_bounds() {
    let (_rig, _overlay) = subsystem();
    let iop = open();
    let mut words = [0; 3];
    iop.write(0xfff4, &[1, 2, 3]).unwrap();
    iop.read(0xfff4, &mut words).unwrap();
    assert_eq!(words, [1, 2, 3]);
    for offset in [0xfff8, 0x1_0000, usize::MAX - 3] {
        // As a whole or not at all.
        let outside = iop.write(offset, &[7, 7, 7]);
        assert!(matches!(outside, Err(Error::OutOfBounds { .. })));
        let outside = iop.read(offset, &mut words);
        assert!(matches!(outside, Err(Error::OutOfBounds { .. })));
    }
    iop.read(0xfff4, &mut words).unwrap();
    assert_eq!(words, [1, 2, 3]);
    let between = iop.read(2, &mut words);
    assert!(matches!(between, Err(Error::Misaligned { .. })));
}

fn garbage_of_the_dual_port_memory_does_no_harm() {
    let (mut rig, _overlay) = subsystem();
    let mut iop = open_with(STREAMS, 0);
    rig.fabric.fault_collide(IOP, true).unwrap();
    let mut streams = iop.streams(Answers::Interrupt).unwrap();
    streams.set_timeout(Some(PATIENCE));
    for _ in 0..10 {
        streams.stdin.blocking_write_all(b"hello").unwrap();
        let mut answer = [0; 5];
        streams.stdout.blocking_read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HELLO");
    }
    iop.replace(&program(MAILBOX, INTERRUPTS)).unwrap();
    let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
    mailbox.set_timeout(Some(PATIENCE));
    for _ in 0..10 {
        let word = mailbox.blocking_read(4, Width::Word).unwrap();
        assert_eq!(word, 0xb808_0050);
    }
    rig.fabric.fault_collide(IOP, false).unwrap();
}

fn overlay_removed_during_a_wait_wakes_it() {
    let (_rig, overlay) = subsystem();
    let mut iop = open_with(STREAMS, 0);
    let waiting = thread::spawn(move || {
        let waited = {
            let mut streams = iop.streams(Answers::Interrupt).unwrap();
            run(streams.stdout.read(&mut [0])).map(drop)
        };
        (iop, waited)
    });
    wait_for_state(PIN, "armed");
    overlay.remove();
    let (mut iop, waited) = waiting.join().unwrap();
    assert!(matches!(waited, Err(Error::Gone { .. })), "{waited:?}");
    for gone in [
        iop.replace(&program(STREAMS, 0)),
        iop.reset(),
        iop.read(DATA, &mut [0]),
        iop.interrupt().unwrap().clear(),
    ] {
        assert!(matches!(gone, Err(Error::Gone { .. })), "{gone:?}");
    }
    // Touches nothing that is not there.
    drop(iop);
    // One without an interrupt to tell.
    let overlay = apply();
    let lines = lines();
    let mut iop = Microblaze::open(MEMORY, Wiring::new(lines.wire(0).unwrap())).unwrap();
    iop.run(&program(MAILBOX, 0)).unwrap();
    overlay.remove();
    assert!(matches!(iop.reset(), Err(Error::Gone { .. })));
    drop((iop, lines));
    // And all works again once it is back.
    let _overlay = apply();
    let mut iop = open_with(STREAMS, 0);
    let mut streams = iop.streams(Answers::Interrupt).unwrap();
    streams.set_timeout(Some(PATIENCE));
    streams.stdin.blocking_write_all(b"again").unwrap();
    let mut answer = [0; 5];
    streams.stdout.blocking_read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"AGAIN");
}

/// The overlay that knows all that PYNQ has a name for.
fn named_subsystem() -> (Rig, Overlay) {
    let mut rig = Rig::new();
    rig.fabric.reset().unwrap();
    let overlay = Overlay::apply("iop");
    for node in [FLIP_FLOP, "iop_pmoda_mb_bram_ctrl/regs", "iop_lines/regs"] {
        paths::wait_for_node(node);
    }
    (rig, overlay)
}

fn subsystem_is_found_by_its_names() {
    let (mut rig, _overlay) = named_subsystem();
    let before = rig.fabric.microblaze(IOP).unwrap().interrupts;
    let lines = lines();
    let wiring = Wiring::new(lines.wire(0).unwrap()).ack(lines.wire(1).unwrap());
    let mut iop = Microblaze::open(MEMORY, wiring).unwrap();
    assert_eq!(iop.interrupt().expect("its pin").pin(), FLIP_FLOP);
    iop.run(&program(MAILBOX, INTERRUPTS)).unwrap();
    let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
    mailbox.set_timeout(Some(PATIENCE));
    let word = run(mailbox.read(0, Width::Word)).unwrap();
    assert_eq!(word, 0xb000_0000);
    assert_eq!(rig.fabric.microblaze(IOP).unwrap().interrupts, before + 1);
}

fn lines_of_a_gpio_driver_do_as_well() {
    const DRIVER: &str = "gpio-xilinx";
    const GPIO: &str = "100d0000.gpio";

    let (mut rig, overlay) = named_subsystem();
    let module = Extra::load(DRIVER, c"");
    hand_over(GPIO, DRIVER).unwrap();
    let chip = Path::new("/dev").join(drivers::child(GPIO, "", "gpiochip"));
    paths::wait_for(&chip);
    let line = |number, level| GpioLine::open(&chip, number, level);
    let reset = GpioLine::find("mb_iop_pmoda_reset", true).unwrap();
    let wiring = Wiring::new(reset).ack(line(1, false).unwrap());
    // Each is one's alone, and there are two.
    for number in [0, 1] {
        let refused = line(number, false).map(drop);
        assert!(
            matches!(&refused, Err(Error::GpioLineInUse { consumer, .. }) if consumer == "axirq"),
            "{refused:?}"
        );
    }
    // This machine has no EMIO.
    for missing in [line(2, false), GpioLine::emio(0, true)] {
        assert!(matches!(missing, Err(Error::NoGpioLine { .. })));
    }
    let mut iop = Microblaze::open(MEMORY, wiring).unwrap();
    assert_eq!(
        rig.fabric.microblaze(IOP).unwrap().state,
        ProcessorState::Reset
    );
    let before = rig.fabric.microblaze(IOP).unwrap().interrupts;
    iop.run(&program(MAILBOX, INTERRUPTS)).unwrap();
    {
        let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
        mailbox.set_timeout(Some(PATIENCE));
        run(async {
            for _ in 0..5 {
                let word = mailbox.read(0, Width::Word).await.unwrap();
                assert_eq!(word, 0xb000_0000);
            }
        });
    }
    assert_eq!(rig.fabric.microblaze(IOP).unwrap().interrupts, before + 5);
    // A chip that goes takes its lines with it.
    drivers::unbind(DRIVER, GPIO);
    assert!(matches!(iop.reset(), Err(Error::Gone { .. })));
    drop((iop, overlay, module));
}

const COUNTED: u64 = 50;

/// Beside those to the shared memory, which are as many as the request has words.
fn request_costs_one_acknowledgement() {
    let (mut rig, _overlay) = subsystem();
    let mut iop = open_with(MAILBOX, INTERRUPTS);
    let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
    mailbox.set_timeout(Some(PATIENCE));
    rig.fabric.reset_counts().unwrap();
    run(async {
        for _ in 0..COUNTED {
            // It answers when somebody waits for that.
            rig.fabric.fault_hang(IOP, true).unwrap();
            let mut word = [0];
            let (done, ()) = tokio::join!(mailbox.command(READ_WORD, &[8], &mut word), async {
                rig.fabric.fault_hang(IOP, false).unwrap()
            });
            done.unwrap();
        }
    });
    let counts = rig.fabric.counts(LINES).unwrap();
    let written: u64 = counts.values().map(|count| count.w).sum();
    let read: u64 = counts.values().map(|count| count.r).sum();
    // Up, and down again, each beside what the other wires are.
    assert_eq!((read, written), (2 * COUNTED, 2 * COUNTED), "{counts:?}");
}

/// The counted process: a request, a mark, many requests, a mark. It makes one for each line that it reads, and prints a
/// line after it; at first its number.
pub fn be_counted() {
    println!("{}", getpid());
    let mark = marker();
    let mut iop = open_with(MAILBOX, INTERRUPTS);
    let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
    // Timers wake up as they see fit.
    mailbox.set_timeout(None);
    let mut lines = io::stdin().lines();
    run(async {
        for round in 0..=COUNTED {
            lines.next().expect("a line").unwrap();
            let mut word = [0];
            mailbox.command(READ_WORD, &[8], &mut word).await.unwrap();
            if round == 0 {
                mark();
            }
            println!();
        }
        mark();
    });
}

fn request_costs_four_system_calls() {
    let (mut rig, _overlay) = subsystem();
    let mut child = syscount("requests")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut commands = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = move || lines.next().expect("a line").unwrap();
    let process = line();
    for _ in 0..=COUNTED {
        rig.fabric.fault_hang(IOP, true).unwrap();
        commands.write_all(b"\n").unwrap();
        until_asleep(&process);
        rig.fabric.fault_hang(IOP, false).unwrap();
        assert_eq!(line(), "");
    }
    assert!(child.wait().unwrap().success());
    let mut calls = between_marks();
    assert_eq!(calls.remove("write"), Some(COUNTED + 1), "the lines");
    assert_eq!(calls.remove("read"), Some(COUNTED), "the commands");
    // The GPIO has no interrupt whose page would tell that it has left: that is asked before its wire is moved.
    let expected = [
        (EPOLL_WAIT.1, COUNTED),
        ("ioctl", COUNTED),
        ("statx", 2 * COUNTED),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(calls, BTreeMap::from(expected));
}
