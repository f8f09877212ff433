// SPDX-License-Identifier: MIT OR Apache-2.0
//! Runtimes of every kind: tokio on several threads, and one that is not tokio.

use std::future::poll_fn;
use std::os::fd::AsFd;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use async_io::Async;
use axirq::Error;
use axirq::Event;
use axirq::Interrupt;
use tokio::runtime::Builder;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::tasks::soon;
use crate::rig::wait_for_state;

crate::tests![
    tasks_on_several_threads_see_every_event,
    foreign_runtime_waits_by_readiness,
    foreign_wait_that_is_dropped_disarms_and_loses_nothing,
    runtime_without_io_is_an_error,
];

const EVENTS: u64 = 20;

/// What a task says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Waits,
    Saw(u64),
}

fn tasks_on_several_threads_see_every_event() {
    let (mut rig, _demo) = Rig::with_demo();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    // Two tasks that share a file, and two with files of their own.
    let shared = Arc::new(Interrupt::open(EDGE).unwrap());
    let own = || Arc::new(Interrupt::open(EDGE).unwrap());
    let tasks = [Arc::clone(&shared), shared, own(), own()].map(|interrupt| {
        let (sender, says) = mpsc::channel();
        let task = runtime.spawn(async move {
            for _ in 0..EVENTS {
                let mut wait = pin!(interrupt.wait());
                let first = poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_ready()));
                assert!(!first.await);
                sender.send(Said::Waits).unwrap();
                let event = soon("an event", wait).await.unwrap();
                sender.send(Said::Saw(event.sequence)).unwrap();
            }
        });
        (task, says)
    });
    for sequence in 1..=EVENTS {
        let all_say = |what: Said| {
            for (_, says) in &tasks {
                assert_eq!(says.recv_timeout(PATIENCE).as_ref(), Ok(&what));
            }
        };
        all_say(Said::Waits);
        rig.fabric.pulse_input(EDGE_INPUT);
        all_say(Said::Saw(sequence));
    }
    for (task, _) in tasks {
        runtime.block_on(soon("a task's end", task)).unwrap();
    }
}

/// As in the documentation of [`Interrupt::arm`].
async fn wait(interrupt: &mut Interrupt, file: &Async<OwnedFd>) -> axirq::Result<Event> {
    let armed = interrupt.arm()?;
    loop {
        match armed.event()? {
            Some(event) => return Ok(event),
            None => file.readable().await.unwrap(),
        }
    }
}

fn open(pin: &str) -> (Interrupt, Async<OwnedFd>) {
    let interrupt = Interrupt::open(pin).unwrap();
    let file = Async::new(interrupt.as_fd().try_clone_to_owned().unwrap()).unwrap();
    (interrupt, file)
}

fn foreign_runtime_waits_by_readiness() {
    let (mut rig, demo) = Rig::with_demo();
    for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
        let (mut interrupt, file) = open(pin);
        let (sender, seen) = mpsc::channel();
        let (go, gone_on) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                async_io::block_on(async {
                    for _ in 0..EVENTS {
                        let event = wait(&mut interrupt, &file).await.unwrap();
                        sender.send((event.count, event.sequence)).unwrap();
                        // A level is cleared before waiting again.
                        gone_on.recv_timeout(PATIENCE).unwrap();
                    }
                });
            });
            for sequence in 1..=EVENTS {
                rig.fabric.raise_input(input);
                assert_eq!(seen.recv_timeout(PATIENCE), Ok((1, sequence)), "{pin}");
                rig.fabric.lower_input(input);
                go.send(()).unwrap();
            }
        });
    }
    let (mut interrupt, file) = open(LEVEL);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| async_io::block_on(wait(&mut interrupt, &file)));
        wait_for_state(LEVEL, "armed");
        demo.remove();
        assert!(matches!(waiter.join().unwrap(), Err(Error::Gone { .. })));
    });
}

fn foreign_wait_that_is_dropped_disarms_and_loses_nothing() {
    let (mut rig, _demo) = Rig::with_demo();
    let (mut interrupt, file) = open(LEVEL);
    drop(interrupt.arm().unwrap());
    assert_eq!(attribute(LEVEL, "state"), "idle");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    {
        let armed = interrupt.arm().unwrap();
        assert!(armed.event().unwrap().is_none());
        assert!(rig.fabric.is_enabled(LEVEL_INPUT));
        rig.fabric.raise_input(LEVEL_INPUT);
        wait_for_state(LEVEL, "idle");
        rig.fabric.lower_input(LEVEL_INPUT);
    }
    let event = async_io::block_on(wait(&mut interrupt, &file)).unwrap();
    assert_eq!((event.count, event.sequence), (1, 1));
    assert!(interrupt.arm().unwrap().event().unwrap().is_none());
}

fn runtime_without_io_is_an_error() {
    let (_rig, _demo) = Rig::with_demo();
    let interrupt = Interrupt::open(LEVEL).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(interrupt.wait()).unwrap_err();
    assert!(matches!(error, Error::RuntimeWithoutIo { .. }), "{error}");
    assert_eq!(attribute(LEVEL, "state"), "idle");
}
