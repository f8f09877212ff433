// SPDX-License-Identifier: MIT OR Apache-2.0
//! Threads, tasks and streams that share one file: whoever waits is woken, whatever the order.

use std::pin::Pin;
use std::task::Context;
use std::task::Waker;

use futures_core::Stream;
use loom::future::block_on;
use loom::thread;
use schedules::Gone;
use schedules::interrupt::Event;
use schedules::interrupt::Interrupt;
use schedules::uapi::LineFile;
use schedules::uapi::Source;

/// All schedules in which the processor is taken so often from a thread that could go on: bugs that need more are rare, and
/// schedules are many.
fn model(preemptions: usize) -> loom::model::Builder {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model
}

/// Actors that share a file of a line which interrupts once, when all of them wait, and tokio's driver.
fn one_interrupt<const N: usize>(preemptions: usize, actors: [fn(&Interrupt); N]) {
    all_schedules(preemptions, Source::Once(N), actors);
}

/// The same, and the line interrupts whenever somebody waits.
fn many_interrupts<const N: usize>(preemptions: usize, actors: [fn(&Interrupt); N]) {
    all_schedules(preemptions, Source::Always, actors);
}

fn all_schedules<const N: usize>(preemptions: usize, source: Source, actors: [fn(&Interrupt); N]) {
    model(preemptions).check(move || {
        let interrupt = Interrupt::open(LineFile::new(false, source));
        let (first, others) = actors.split_first().expect("somebody who waits");
        let others: Vec<_> = others
            .iter()
            .map(|actor| {
                let (interrupt, actor) = (interrupt.clone(), *actor);
                thread::spawn(move || actor(&interrupt))
            })
            .collect();
        let board = thread::spawn({
            let interrupt = interrupt.clone();
            move || interrupt.serve()
        });
        first(&interrupt);
        others.into_iter().for_each(|actor| actor.join().unwrap());
        assert!(!interrupt.file().is_armed(), "left armed");
        interrupt.file().close();
        board.join().unwrap();
    });
}

/// Takes an event, which is newer than the last.
fn check(last: &mut u64, event: Event) {
    assert!(
        event.count > 0 && event.sequence > *last,
        "{event:?} after {last}"
    );
    *last = event.sequence;
}

fn thread_waits(interrupt: &Interrupt) {
    check(&mut 0, interrupt.blocking_wait().unwrap());
}

fn thread_waits_twice(interrupt: &Interrupt) {
    let mut last = 0;
    check(&mut last, interrupt.blocking_wait().unwrap());
    check(&mut last, interrupt.blocking_wait().unwrap());
}

fn task_waits(interrupt: &Interrupt) {
    check(&mut 0, block_on(interrupt.wait()).unwrap());
}

fn task_waits_twice(interrupt: &Interrupt) {
    let mut last = 0;
    block_on(async {
        check(&mut last, interrupt.wait().await.unwrap());
        check(&mut last, interrupt.wait().await.unwrap());
    });
}

/// Polled once and dropped: what it may have been about to return is the next wait's.
fn task_is_dropped(interrupt: &Interrupt) {
    let mut wait = Box::pin(interrupt.wait());
    let _ = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
}

fn task_is_dropped_and_waits(interrupt: &Interrupt) {
    task_is_dropped(interrupt);
    task_waits(interrupt);
}

fn stream_takes_two(interrupt: &Interrupt) {
    let mut events = interrupt.events();
    let mut last = 0;
    for _ in 0..2 {
        let next = std::future::poll_fn(|context| Pin::new(&mut events).poll_next(context));
        check(&mut last, block_on(next).unwrap().unwrap());
    }
}

/// The one event that there is.
fn check_only(event: Event) {
    assert_eq!((event.count, event.sequence), (1, 1));
}

fn thread_waits_once(interrupt: &Interrupt) {
    check_only(interrupt.blocking_wait().unwrap());
}

/// What arms again hides the event from those who have not looked yet.
fn thread_waits_and_arms(interrupt: &Interrupt) {
    thread_waits_once(interrupt);
    interrupt.arm_and_leave();
}

fn task_waits_once(interrupt: &Interrupt) {
    check_only(block_on(interrupt.wait()).unwrap());
}

fn task_waits_and_arms(interrupt: &Interrupt) {
    task_waits_once(interrupt);
    let mut wait = Box::pin(interrupt.wait());
    let again = wait.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(again.is_pending(), "{again:?}");
}

fn stream_takes_one(interrupt: &Interrupt) {
    let mut events = interrupt.events();
    let next = std::future::poll_fn(|context| Pin::new(&mut events).poll_next(context));
    check_only(block_on(next).unwrap().unwrap());
}

#[test]
fn one_interrupt_wakes_two_threads() {
    one_interrupt(2, [thread_waits_once, thread_waits_and_arms]);
}

#[test]
fn one_interrupt_wakes_three_threads() {
    one_interrupt(
        1,
        [
            thread_waits_once,
            thread_waits_and_arms,
            thread_waits_and_arms,
        ],
    );
}

#[test]
fn one_interrupt_wakes_two_tasks() {
    one_interrupt(2, [task_waits_once, task_waits_and_arms]);
}

#[test]
fn one_interrupt_wakes_a_thread_beside_a_task_that_arms() {
    one_interrupt(2, [thread_waits_once, task_waits_and_arms]);
}

#[test]
fn one_interrupt_wakes_a_task_beside_a_thread_that_arms() {
    one_interrupt(2, [task_waits_once, thread_waits_and_arms]);
}

#[test]
fn one_interrupt_wakes_a_stream_and_a_thread() {
    one_interrupt(2, [stream_takes_one, thread_waits_and_arms]);
}

#[test]
fn one_interrupt_wakes_a_stream_and_a_task() {
    one_interrupt(1, [stream_takes_one, task_waits_and_arms]);
}

#[test]
fn two_threads() {
    many_interrupts(2, [thread_waits_twice, thread_waits_twice]);
}

#[test]
fn three_threads() {
    many_interrupts(2, [thread_waits, thread_waits, thread_waits]);
}

#[test]
fn two_tasks() {
    many_interrupts(1, [task_waits_twice, task_waits]);
}

#[test]
fn a_thread_and_a_task() {
    many_interrupts(2, [thread_waits, task_waits]);
}

#[test]
fn a_thread_and_a_task_that_comes_back() {
    many_interrupts(2, [thread_waits, task_waits_twice]);
}

#[test]
fn a_task_that_is_dropped() {
    many_interrupts(2, [task_is_dropped_and_waits, task_waits]);
}

#[test]
fn a_task_that_is_dropped_beside_a_thread() {
    many_interrupts(3, [task_is_dropped, thread_waits]);
}

#[test]
fn a_stream_and_a_thread() {
    many_interrupts(1, [stream_takes_two, thread_waits]);
}

#[test]
fn a_stream_and_a_task() {
    many_interrupts(1, [stream_takes_two, task_waits]);
}

#[test]
fn a_device_that_leaves_ends_every_wait() {
    model(2).check(|| {
        let interrupt = Interrupt::open(LineFile::new(true, Source::Never));
        let task = thread::spawn({
            let interrupt = interrupt.clone();
            move || assert_eq!(block_on(interrupt.wait()), Err(Gone))
        });
        let waiter = thread::spawn({
            let interrupt = interrupt.clone();
            move || assert_eq!(interrupt.blocking_wait(), Err(Gone))
        });
        let board = thread::spawn({
            let interrupt = interrupt.clone();
            move || interrupt.serve()
        });
        interrupt.file().vanish();
        task.join().unwrap();
        waiter.join().unwrap();
        interrupt.file().close();
        board.join().unwrap();
    });
}
