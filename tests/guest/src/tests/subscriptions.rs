// SPDX-License-Identifier: MIT OR Apache-2.0
//! Who sees what when several files, pins, threads or processes are at it.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::channel;
use std::thread;

use axirq::Error;
use axirq::Event;
use axirq::Interrupt;
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::wait::WaitStatus;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::EDGE_TOO_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::child::Child;
use crate::rig::line_file::LineFile;
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::wait_for_count;
use crate::rig::wait_for_state;

crate::tests![
    two_files_of_one_pin_see_every_event,
    file_that_did_not_wait_counts_what_others_waited_for,
    files_count_from_their_own_open,
    one_interrupt_disarms_all_files,
    last_armed_file_masks_the_line,
    two_pins_wake_their_own_tasks,
    simultaneous_interrupts_wake_all_tasks,
    many_tasks_on_one_interrupt_all_wake,
    pin_and_raw_input_of_one_line_exclude_each_other,
    two_threads_blocked_on_one_file_share_its_events,
    blocked_read_whose_event_another_took_stays_armed,
    forked_child_shares_the_subscription,
    threads_and_tasks_on_one_interrupt_all_get_on,
    open_pins_are_named_in_proc_interrupts,
];

fn two_files_of_one_pin_see_every_event() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
            let (first, second) = (Interrupt::open(pin).unwrap(), Interrupt::open(pin).unwrap());
            for round in 1..=3 {
                let source = async { rig.fabric.raise_input(input) };
                let (one, two, ()) = tokio::join!(event(&first), event(&second), source);
                assert_eq!((one.sequence, two.sequence), (round, round), "{pin}");
                assert_eq!((one.count, two.count), (1, 1), "{pin}");
                rig.fabric.lower_input(input);
            }
            tokio::join!(assert_quiet(&first), assert_quiet(&second));
        }
    });
}

fn file_that_did_not_wait_counts_what_others_waited_for() {
    let (mut rig, _demo) = Rig::with_demo();
    let (busy, lazy) = (LineFile::open(EDGE), LineFile::open(EDGE));
    for _ in 0..4 {
        busy.arm_by_read();
        rig.fabric.pulse_input(EDGE_INPUT);
        busy.wait();
        assert_eq!(busy.read_count(), Ok(1));
    }
    assert_eq!(lazy.read_count(), Ok(4));
}

fn files_count_from_their_own_open() {
    let (mut rig, _demo) = Rig::with_demo();
    let first = LineFile::open(EDGE);
    first.arm_by_read();
    rig.fabric.pulse_input(EDGE_INPUT);
    first.wait();
    let second = LineFile::open(EDGE);
    assert_eq!(second.read_count(), Err(Errno::EAGAIN));
    rig.fabric.pulse_input(EDGE_INPUT);
    second.wait();
    let record = second.read_record().unwrap();
    assert_eq!((record.count, record.sequence), (1, 2));
    assert_eq!(first.read_count(), Ok(2));
}

fn one_interrupt_disarms_all_files() {
    let (mut rig, _demo) = Rig::with_demo();
    let (first, second) = (LineFile::open(LEVEL), LineFile::open(LEVEL));
    first.arm_by_read();
    second.arm_by_read();
    rig.fabric.raise_input(LEVEL_INPUT);
    first.wait();
    second.wait();
    wait_for_state(LEVEL, "idle");
    // One of them re-arms: the source still asserts, so both hear of it.
    first.arm().unwrap();
    wait_for_count(LEVEL, 2);
    assert_eq!(second.read_count(), Ok(2));
}

fn last_armed_file_masks_the_line() {
    let (mut rig, _demo) = Rig::with_demo();
    let (first, second) = (LineFile::open(LEVEL), LineFile::open(LEVEL));
    first.arm().unwrap();
    second.arm().unwrap();
    drop(first);
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    second.disarm().unwrap();
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    assert_eq!(attribute(LEVEL, "state"), "idle");
    drop(second);
    assert_eq!(attribute(LEVEL, "state"), "unused");
}

fn two_pins_wake_their_own_tasks() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let (three, five) = (
            Interrupt::open(EDGE).unwrap(),
            Interrupt::open(EDGE_TOO).unwrap(),
        );
        for _ in 0..3 {
            let pulse = async { rig.fabric.pulse_input(EDGE_INPUT) };
            let (woken, (), ()) = tokio::join!(event(&three), assert_quiet(&five), pulse);
            assert_eq!(woken.count, 1);
            let pulse = async { rig.fabric.pulse_input(EDGE_TOO_INPUT) };
            let (woken, (), ()) = tokio::join!(event(&five), assert_quiet(&three), pulse);
            assert_eq!(woken.count, 1);
        }
    });
}

fn simultaneous_interrupts_wake_all_tasks() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let pins = [EDGE, EDGE_TOO, LEVEL].map(|pin| Interrupt::open(pin).unwrap());
        // Latched while masked; all three are pending the moment they are enabled.
        rig.fabric.pulse_input(EDGE_INPUT);
        rig.fabric.pulse_input(EDGE_TOO_INPUT);
        rig.fabric.raise_input(LEVEL_INPUT);
        let (a, b, c) = tokio::join!(event(&pins[0]), event(&pins[1]), event(&pins[2]));
        assert_eq!((a.count, b.count, c.count), (1, 1, 1));
        rig.fabric.lower_input(LEVEL_INPUT);
        tokio::join!(
            assert_quiet(&pins[0]),
            assert_quiet(&pins[1]),
            assert_quiet(&pins[2])
        );
    });
}

fn many_tasks_on_one_interrupt_all_wake() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        for round in 1..=3 {
            let all =
                async { tokio::join!(event(&interrupt), event(&interrupt), event(&interrupt)) };
            let ((a, b, c), ()) = tokio::join!(all, async { rig.fabric.pulse_input(EDGE_INPUT) });
            assert_eq!([a.sequence, b.sequence, c.sequence], [round; 3]);
        }
    });
}

fn pin_and_raw_input_of_one_line_exclude_each_other() {
    const PIN: &str = "btns_gpio/ip2intc_irpt";
    const RAW: &str = "axi_intc_0/0";

    let (_rig, _demo) = Rig::with_demo();
    for (first, second) in [(PIN, RAW), (RAW, PIN)] {
        let file = LineFile::open(first);
        assert_eq!(attribute(second, "state"), "busy");
        let refused = LineFile::try_open(second).map(drop).unwrap_err();
        assert_eq!(
            refused.raw_os_error(),
            Some(Errno::EBUSY as i32),
            "{second}"
        );
        match Interrupt::open(second) {
            Err(Error::Busy { pin, holder }) => {
                assert_eq!(pin, second);
                assert_eq!(
                    holder
                        .as_deref()
                        .map(|name| name.replace(':', "/"))
                        .as_deref(),
                    Some(first)
                );
            }
            other => panic!("{other:?}"),
        }
        drop(file);
        assert_eq!(attribute(second, "state"), "unused");
        drop(LineFile::open(second));
    }
}

fn two_threads_blocked_on_one_file_share_its_events() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(EDGE);
    thread::scope(|scope| {
        let threads = [(); 2].map(|()| scope.spawn(|| file.read_count().unwrap()));
        wait_for_state(EDGE, "armed");
        // The file has one count: whoever reads first has it, the other sleeps on, armed.
        rig.fabric.pulse_input(EDGE_INPUT);
        wait_for_count(EDGE, 1);
        wait_for_state(EDGE, "armed");
        rig.fabric.pulse_input(EDGE_INPUT);
        let counts = threads.map(|thread| thread.join().unwrap());
        assert_eq!(counts.iter().sum::<u64>(), 2);
    });
}

fn forked_child_shares_the_subscription() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    file.arm().unwrap();
    let child = Child::start(|_| 0);
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
    // The child's end closed its descriptor, not the file.
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    rig.fabric.raise_input(LEVEL_INPUT);
    file.wait();
}

fn threads_and_tasks_on_one_interrupt_all_get_on() {
    const EVENTS: u64 = 100;
    let (mut rig, _demo) = Rig::with_demo();
    let interrupt = &Interrupt::open(EDGE).unwrap();
    /// Events come in order, each once; a waiter who is late finds several in one.
    fn follow(mut next: impl FnMut() -> Event) {
        let mut last = 0;
        while last < EVENTS {
            let event = next();
            assert!(
                event.count > 0 && event.sequence > last,
                "{event:?} after {last}"
            );
            last = event.sequence;
        }
    }
    thread::scope(|scope| {
        let blocking = || follow(|| interrupt.blocking_wait_timeout(PATIENCE).unwrap().unwrap());
        let waiters = [
            scope.spawn(blocking),
            scope.spawn(blocking),
            scope.spawn(|| run(async { while event(interrupt).await.sequence < EVENTS {} })),
        ];
        for count in 1..=EVENTS {
            wait_for_state(EDGE, "armed");
            rig.fabric.pulse_input(EDGE_INPUT);
            wait_for_count(EDGE, count);
        }
        // The last event went to those who waited then; others may still need one.
        while !waiters.iter().all(thread::ScopedJoinHandle::is_finished) {
            rig.fabric.pulse_input(EDGE_INPUT);
        }
        for waiter in waiters {
            waiter.join().unwrap();
        }
    });
}

fn blocked_read_whose_event_another_took_stays_armed() {
    const WINS: u32 = 10;
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    let mut wins = 0;
    for round in 0..500 {
        // One sleeps in read. The other, who arms nothing, polls, and reads if he is the first to see the event.
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (done, finished) = channel();
            let (file, over, sleeper_done) = (&file, &over, done.clone());
            scope.spawn(move || sleeper_done.send(("sleeper", file.read_count())));
            wait_for_state(LEVEL, "armed");
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    if file.poll(QUIET / 20) == PollFlags::POLLIN {
                        let _ = done.send(("poller", file.read_count()));
                        break;
                    }
                }
            });
            rig.fabric.raise_input(LEVEL_INPUT);
            let mut first = finished.recv_timeout(PATIENCE).unwrap();
            rig.fabric.lower_input(LEVEL_INPUT);
            if first == ("poller", Ok(1)) {
                wins += 1;
                rig.fabric.raise_input(LEVEL_INPUT);
                first = finished.recv_timeout(PATIENCE).unwrap_or_else(|error| {
                    // Lets the scope end.
                    LineFile::open(LEVEL).arm().unwrap();
                    panic!("round {round}: {error}")
                });
                rig.fabric.lower_input(LEVEL_INPUT);
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(first, ("sleeper", Ok(1)), "round {round}");
            // The poller may have seen the event and come too late: then he sleeps in read for the next.
            while finished.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                rig.fabric.raise_input(LEVEL_INPUT);
            }
            rig.fabric.lower_input(LEVEL_INPUT);
        });
        if wins == WINS {
            return;
        }
    }
    assert!(wins > 0, "the poller was never first");
}

fn open_pins_are_named_in_proc_interrupts() {
    let (_rig, _demo) = Rig::with_demo();
    let named = |name: &str| {
        let table = std::fs::read_to_string("/proc/interrupts").unwrap();
        table
            .lines()
            .any(|line| line.split_whitespace().last() == Some(name))
    };
    assert!(!named("btns_gpio:ip2intc_irpt"));
    let file = LineFile::open("btns_gpio/ip2intc_irpt");
    assert!(named("btns_gpio:ip2intc_irpt"));
    // With what the controller says of its inputs.
    let edge = LineFile::open(EDGE);
    let table = std::fs::read_to_string("/proc/interrupts").unwrap();
    for (name, trigger) in [
        ("btns_gpio:ip2intc_irpt", "Level"),
        ("axi_intc_0:3", "Edge"),
    ] {
        let line = table.lines().find(|line| line.ends_with(name)).unwrap();
        assert!(line.contains(trigger), "{line}");
    }
    drop((file, edge));
    assert!(!named("btns_gpio:ip2intc_irpt"));
}
