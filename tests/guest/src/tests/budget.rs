// SPDX-License-Identifier: MIT OR Apache-2.0
//! What an interrupt costs: counted, not timed.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io::BufRead;
use std::io::BufReader;
use std::pin::pin;
use std::process::Stdio;

use axirq::Event;
use axirq::Interrupt;
use futures_core::Stream;
use nix::unistd::getpid;

use crate::dma;
use crate::microblaze;
use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::Rig;
use crate::rig::heap::allocations;
use crate::rig::syscalls::EPOLL_WAIT;
use crate::rig::syscalls::between_marks;
use crate::rig::syscalls::marker;
use crate::rig::syscalls::syscount;
use crate::rig::syscalls::until_asleep;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::tasks::soon;
use crate::video;

crate::tests![
    edge_costs_two_register_accesses,
    level_costs_four_register_accesses,
    continuous_edge_costs_two_register_accesses,
    waiting_in_vain_costs_what_arming_does,
    awaited_event_costs_two_system_calls,
    continuous_event_costs_one_system_call,
    awaited_event_allocates_nothing,
];

const EVENTS: u64 = 200;

/// How often the events are made anew, in the hope of a quiet wire.
const ROUNDS: u32 = 10;

/// Makes events, one at a time, and asserts what the CPU does to `axi_intc_0` for them: each of these registers is
/// written once an event, and no other; ISR is read once a parent interrupt, and nothing else is read.
///
/// A parent interrupt that finds nothing pending costs one read of its own. Real wires have few of them; the emulated
/// one fires anew when its output was high for some time after an access, the more often the busier the host. So the
/// simulator's count of fires says how many there can have been at most, and one round has to have few: else the budget
/// would be met in name only.
async fn assert_accesses(
    rig: &mut Rig,
    written: &[&str],
    mut make_event: impl AsyncFnMut(&mut Rig),
) {
    for _ in 0..ROUNDS {
        rig.fabric.reset_counts().unwrap();
        let before = rig.fabric.irq().unwrap().fired;
        for _ in 0..EVENTS {
            make_event(rig).await;
        }
        let fires = rig.fabric.irq().unwrap().fired - before;
        let counts = rig.fabric.counts("axi_intc_0").unwrap();
        for (register, count) in &counts {
            let expected = if written.contains(&register.as_str()) {
                EVENTS
            } else {
                0
            };
            assert_eq!(count.w, expected, "writes of {register}; all: {counts:?}");
            if register != "ISR" {
                assert_eq!(count.r, 0, "reads of {register}");
            }
        }
        let reads = counts["ISR"].r;
        println!("{EVENTS} events, {fires} fires, {reads} reads of ISR");
        assert!((EVENTS..=fires).contains(&reads));
        if reads - EVENTS <= EVENTS / 10 {
            return;
        }
    }
    panic!("each round had many parent interrupts with nothing pending");
}

fn edge_costs_two_register_accesses() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let make_event = async |rig: &mut Rig| {
            tokio::join!(event(&interrupt), async {
                rig.fabric.pulse_input(EDGE_INPUT)
            });
        };
        // The first wait enables the line, which then stays enabled.
        make_event(&mut rig).await;
        assert_accesses(&mut rig, &["IAR"], make_event).await;
    });
}

fn level_costs_four_register_accesses() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        let make_event = async |rig: &mut Rig| {
            tokio::join!(event(&interrupt), async {
                rig.fabric.raise_input(LEVEL_INPUT)
            });
            rig.fabric.lower_input(LEVEL_INPUT);
        };
        make_event(&mut rig).await;
        assert_accesses(&mut rig, &["CIE", "IAR", "SIE"], make_event).await;
    });
}

fn continuous_edge_costs_two_register_accesses() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let mut events = pin!(interrupt.events());
        let mut make_event = async |rig: &mut Rig| {
            let next = poll_fn(|context| events.as_mut().poll_next(context));
            let (event, ()) = tokio::join!(soon("an event", next), async {
                rig.fabric.pulse_input(EDGE_INPUT)
            });
            assert_eq!(event.unwrap().unwrap().count, 1);
        };
        make_event(&mut rig).await;
        assert_accesses(&mut rig, &["IAR"], make_event).await;
    });
}

fn waiting_in_vain_costs_what_arming_does() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        rig.fabric.reset_counts().unwrap();
        let patience = std::time::Duration::from_millis(5);
        for _ in 0..50 {
            assert!(
                tokio::time::timeout(patience, interrupt.wait())
                    .await
                    .is_err()
            );
        }
        assert_eq!(rig.fabric.accesses("IAR"), (0, 50));
        assert_eq!(rig.fabric.accesses("SIE"), (0, 50));
        assert_eq!(rig.fabric.accesses("CIE"), (0, 50));
        assert_eq!(rig.fabric.accesses("ISR"), (0, 0));
    });
}

/// How many events the counted process waits for between its marks.
const COUNTED: u64 = 50;

/// The counted process: one event, a mark, many events, a mark. The first event sets up what then stays. It prints its
/// number, and a line after each event, so that the next one comes when it has done with the last.
pub fn be_counted(how: &str) {
    match how {
        "transfers" => return dma::be_counted(),
        "frames" => return video::be_counted(),
        "requests" => return microblaze::be_counted(),
        _ => {}
    }
    println!("{}", getpid());
    let mark = marker();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let mut events = pin!(interrupt.events());
        let mut next = async || match how {
            "wait" => interrupt.wait().await.unwrap(),
            "stream" => poll_fn(|context| events.as_mut().poll_next(context))
                .await
                .unwrap()
                .unwrap(),
            _ => panic!("{how}: wait, stream, transfers, frames or requests"),
        };
        assert_eq!(next().await.count, 1);
        mark();
        println!();
        for _ in 0..COUNTED {
            assert_eq!(next().await.count, 1);
            println!();
        }
        mark();
    });
}

/// The system calls between the marks, by name, without those that the test itself makes.
fn count_calls(how: &str) -> BTreeMap<String, u64> {
    let (mut rig, _demo) = Rig::with_demo();
    let mut child = syscount(how).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut line = move || lines.next().expect("a line").unwrap();
    let process = line();
    for _ in 0..=COUNTED {
        // An event that comes before it sleeps needs no sleep.
        until_asleep(&process);
        rig.fabric.pulse_input(EDGE_INPUT);
        assert_eq!(line(), "");
    }
    assert!(child.wait().unwrap().success());
    let mut calls = between_marks();
    assert_eq!(calls.remove("write"), Some(COUNTED + 1), "the lines");
    calls
}

fn awaited_event_costs_two_system_calls() {
    let expected = [(EPOLL_WAIT.1, COUNTED), ("ioctl", COUNTED)];
    assert_eq!(
        count_calls("wait"),
        BTreeMap::from(expected.map(|(name, count)| (name.to_owned(), count)))
    );
}

fn continuous_event_costs_one_system_call() {
    assert_eq!(
        count_calls("stream"),
        BTreeMap::from([(EPOLL_WAIT.1.to_owned(), COUNTED)])
    );
}

fn awaited_event_allocates_nothing() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
            let interrupt = Interrupt::open(pin).unwrap();
            let wait = async || interrupt.wait().await.unwrap();
            assert_eq!(count_allocations(&mut rig, input, wait).await, 0, "{pin}");
            let mut events = pin!(interrupt.events());
            let next = async || {
                let next = poll_fn(|context| events.as_mut().poll_next(context));
                next.await.unwrap().unwrap()
            };
            assert_eq!(count_allocations(&mut rig, input, next).await, 0, "{pin}");
        }
    });
}

/// How often the heap was used for many events.
async fn count_allocations(rig: &mut Rig, input: u32, mut next: impl AsyncFnMut() -> Event) -> u64 {
    // The first wait registers with the reactor, and makes a place for a waiter.
    tokio::join!(next(), async { rig.fabric.raise_input(input) });
    rig.fabric.lower_input(input);
    let mut allocated = 0;
    for _ in 0..EVENTS {
        let before = allocations();
        // The fabric's client allocates as well.
        let source = async {
            let before = allocations();
            rig.fabric.raise_input(input);
            allocations() - before
        };
        let (event, by_source) = tokio::join!(next(), source);
        allocated += allocations() - before - by_source;
        assert_eq!(event.count, 1);
        rig.fabric.lower_input(input);
    }
    allocated
}
