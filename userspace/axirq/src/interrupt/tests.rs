// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting, on a line that tests can fire.

use std::os::fd::AsFd;
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use futures_core::Stream;
use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use tokio::time::timeout;

use super::Core;
use super::Event;
use super::blocking;
use super::fake::FakeLine;
use super::stream::EventsOf;
use crate::Error;
use crate::Result;

/// Longer than anything here takes, unless something is lost.
const LOST: Duration = Duration::from_secs(20);
/// Long enough to see that nothing comes.
const QUIET: Duration = Duration::from_millis(30);

fn edge() -> Core<FakeLine> {
    Core::new(FakeLine::new(false))
}

fn line(core: &Core<FakeLine>) -> &FakeLine {
    &core.shared.line
}

fn calls(core: &Core<FakeLine>) -> (usize, usize) {
    (
        line(core).arms.load(Ordering::Relaxed),
        line(core).disarms.load(Ordering::Relaxed),
    )
}

/// Waits for an event that is sure to come.
async fn event(core: &Core<FakeLine>) -> Event {
    timeout(LOST, core.wait()).await.expect("the event was lost").unwrap()
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

async fn next(stream: &mut EventsOf<'_, FakeLine>) -> Option<Result<Event>> {
    let mut stream = Pin::new(stream);
    timeout(LOST, std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)))
        .await
        .expect("the event was lost")
}

#[tokio::test]
async fn one_arm_per_event_and_nothing_else() {
    let core = edge();
    for round in 1..=100 {
        let (event, ()) = tokio::join!(event(&core), async {
            while !line(&core).is_armed() {
                tokio::task::yield_now().await;
            }
            line(&core).fire();
        });
        assert_eq!((event.count, event.sequence), (1, round));
        assert_eq!(event.timestamp, Duration::from_nanos(round * 1000));
        assert!(!line(&core).is_armed());
    }
    assert_eq!(calls(&core), (100, 0));
}

#[tokio::test]
async fn dropped_wait_disarms_and_loses_no_event() {
    let core = edge();
    assert!(timeout(QUIET, core.wait()).await.is_err());
    assert!(!line(&core).is_armed());
    assert_eq!(calls(&core), (1, 1));
    // Comes while nobody waits, or while a wait is dropped that has not noticed: delivered once.
    line(&core).fire();
    assert_eq!(event(&core).await.count, 1);
    {
        let mut wait = pin!(core.wait());
        assert!(poll_once(wait.as_mut()).is_pending());
        line(&core).fire();
    }
    assert_eq!(event(&core).await.sequence, 2);
    assert!(timeout(QUIET, core.wait()).await.is_err());
    assert!(!line(&core).is_armed());
}

#[tokio::test]
async fn a_wait_never_polled_does_nothing() {
    let core = edge();
    drop(core.wait());
    assert_eq!(calls(&core), (0, 0));
}

#[tokio::test]
async fn events_that_nobody_waited_for_are_merged_and_counted() {
    let core = edge();
    for _ in 0..5 {
        line(&core).fire();
    }
    let merged = event(&core).await;
    assert_eq!((merged.count, merged.sequence), (5, 5));
    // Found on arming: nobody waits now, so nothing stays armed.
    assert!(!line(&core).is_armed());
}

#[tokio::test]
async fn stale_readiness_is_no_event() {
    let core = edge();
    // Registers with tokio, whose driver then reports an event that is taken from the page before.
    assert!(timeout(QUIET, core.wait()).await.is_err());
    line(&core).fire();
    event(&core).await;
    tokio::time::sleep(QUIET).await;
    assert!(timeout(QUIET, core.wait()).await.is_err());
    line(&core).fire();
    assert_eq!(event(&core).await.sequence, 2);
}

#[tokio::test]
async fn all_tasks_that_wait_see_the_event_for_one_arm() {
    let core = Arc::new(edge());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let core = Arc::clone(&core);
            tokio::spawn(async move { event(&core).await.sequence })
        })
        .collect();
    tokio::time::sleep(QUIET).await;
    line(&core).fire();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 1);
    }
    assert_eq!(calls(&core), (1, 0));
}

#[tokio::test]
async fn a_task_that_arms_again_does_not_hide_the_event_of_another() {
    let core = edge();
    let counter = Arc::new(Counter::default());
    let waker = Waker::from(Arc::clone(&counter));
    let mut slow = pin!(core.wait());
    assert!(slow.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    line(&core).fire();
    // The quick task takes the event and arms anew, before tokio's driver has looked at the file.
    assert_eq!(event(&core).await.sequence, 1);
    let mut quick = pin!(core.wait());
    assert!(poll_once(quick.as_mut()).is_pending());
    assert_eq!(calls(&core), (2, 0));
    assert!(counter.0.load(Ordering::Relaxed) >= 1, "the slow task sleeps on");
    let Poll::Ready(Ok(slow)) = poll_once(slow.as_mut()) else {
        panic!("the slow task lost its event")
    };
    assert_eq!(slow.sequence, 1);
    assert!(line(&core).is_armed(), "the quick task still waits");
}

#[tokio::test]
async fn the_last_waiter_disarms_and_no_other() {
    let core = edge();
    let mut first = Box::pin(core.wait());
    let mut second = Box::pin(core.wait());
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    drop(first);
    assert!(line(&core).is_armed());
    drop(second);
    assert!(!line(&core).is_armed());
    assert_eq!(calls(&core), (1, 1));
}

#[test]
fn a_thread_waits_times_out_and_loses_nothing() {
    let core = edge();
    let soon = || Some(Instant::now() + QUIET);
    assert_eq!(core.blocking_wait(soon()).unwrap(), None);
    assert!(!line(&core).is_armed());
    line(&core).fire();
    assert_eq!(core.blocking_wait(soon()).unwrap().unwrap().sequence, 1);
    assert_eq!(core.blocking_wait(soon()).unwrap(), None);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| core.blocking_wait(Some(Instant::now() + LOST)).unwrap());
        while !line(&core).is_armed() {
            thread::yield_now();
        }
        line(&core).fire();
        assert_eq!(waiter.join().unwrap().unwrap().sequence, 2);
    });
}

#[test]
fn a_device_that_leaves_ends_every_wait() {
    let core = edge();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let gone = |result: Result<Option<Event>>| matches!(result, Err(Error::Gone { name }) if name == "fake/line");
    thread::scope(|scope| {
        let thread = scope.spawn(|| core.blocking_wait(Some(Instant::now() + LOST)));
        let vanisher = scope.spawn(|| {
            while !line(&core).is_armed() {
                thread::yield_now();
            }
            thread::sleep(QUIET);
            line(&core).vanish();
        });
        let task = runtime.block_on(async { timeout(LOST, core.wait()).await.unwrap() });
        assert!(gone(task.map(Some)));
        assert!(gone(thread.join().unwrap()));
        vanisher.join().unwrap();
    });
    assert!(gone(core.blocking_wait(None)));
    runtime.block_on(async {
        assert!(gone(core.wait().await.map(Some)));
        let mut events = EventsOf::new(&core);
        assert!(matches!(next(&mut events).await, Some(Err(Error::Gone { .. }))));
        assert!(next(&mut events).await.is_none());
    });
}

#[test]
fn outside_of_a_runtime_a_wait_is_an_error() {
    let core = edge();
    assert!(matches!(
        poll_once(pin!(core.wait())),
        Poll::Ready(Err(Error::NoRuntime { .. }))
    ));
    assert_eq!(calls(&core), (0, 0));
}

#[test]
fn a_runtime_without_io_is_an_error_and_no_panic() {
    let core = edge();
    let without = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for _ in 0..2 {
        let result = without.block_on(async { timeout(LOST, core.wait()).await.unwrap() });
        assert!(matches!(result, Err(Error::RuntimeWithoutIo { .. })));
    }
    let item = without.block_on(async { next(&mut EventsOf::new(&core)).await });
    assert!(matches!(item, Some(Err(Error::RuntimeWithoutIo { .. }))));
    assert_eq!(calls(&core), (0, 0));
    // Nothing is spoilt for one that has it.
    let with = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    line(&core).fire();
    assert_eq!(with.block_on(event(&core)).sequence, 1);
}

#[test]
fn a_foreign_event_loop_waits_by_readiness_alone() {
    let core = edge();
    let readable = |timeout| {
        let mut files = [PollFd::new(line(&core).as_fd(), PollFlags::POLLIN)];
        poll(&mut files, timeout).unwrap() == 1
    };
    for round in 1..=3 {
        let armed = blocking::arm(&core.shared).unwrap();
        assert_eq!(armed.event().unwrap(), None);
        assert!(line(&core).is_armed() && !readable(PollTimeout::ZERO));
        line(&core).fire();
        assert!(readable(PollTimeout::MAX));
        assert_eq!(armed.event().unwrap().unwrap().sequence, round);
        assert_eq!(armed.event().unwrap().unwrap().sequence, round);
    }
    // Dropped without its event: disarmed, and the event is there at once the next time.
    drop(blocking::arm(&core.shared).unwrap());
    assert!(!line(&core).is_armed());
    line(&core).fire();
    let armed = blocking::arm(&core.shared).unwrap();
    assert_eq!(armed.event().unwrap().unwrap().count, 1);
    assert!(!line(&core).is_armed());
    drop(armed);
    // Gone.
    let armed = blocking::arm(&core.shared).unwrap();
    line(&core).vanish();
    assert!(readable(PollTimeout::MAX));
    assert!(matches!(armed.event(), Err(Error::Gone { .. })));
    drop(armed);
    assert!(matches!(blocking::arm(&core.shared), Err(Error::Gone { .. })));
}

#[test]
fn a_runtime_that_has_shut_down_is_an_error_and_not_a_hang() {
    let core = edge();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    runtime().block_on(async { assert!(timeout(QUIET, core.wait()).await.is_err()) });
    let result = runtime().block_on(async { timeout(LOST, core.wait()).await.unwrap() });
    assert!(matches!(result, Err(Error::RuntimeGone { .. })));
    assert!(!line(&core).is_armed());
}

#[tokio::test]
async fn a_stream_keeps_an_edge_line_enabled_until_it_is_dropped() {
    let core = edge();
    let mut events = EventsOf::new(&core);
    assert!(!line(&core).is_continuous());
    line(&core).fire();
    assert_eq!(next(&mut events).await.unwrap().unwrap().sequence, 1);
    assert!(line(&core).is_continuous());
    for round in 1..=10 {
        for _ in 0..3 {
            line(&core).fire();
        }
        let event = next(&mut events).await.unwrap().unwrap();
        assert_eq!((event.count, event.sequence), (3, 1 + 3 * round));
    }
    assert_eq!(calls(&core), (0, 0));
    line(&core).fire();
    drop(events);
    assert!(!line(&core).is_continuous() && !line(&core).is_armed());
    // What the stream did not return, the next wait does.
    assert_eq!(event(&core).await.sequence, 32);
}

#[tokio::test]
async fn a_stream_of_a_level_line_arms_for_each_event() {
    let core = Core::new(FakeLine::new(true));
    let mut events = EventsOf::new(&core);
    for round in 1..=3 {
        {
            let mut poll = pin!(next(&mut events));
            assert!(poll_once(poll.as_mut()).is_pending());
            assert!(line(&core).is_armed());
            line(&core).fire();
            assert_eq!(poll.await.unwrap().unwrap().sequence, round);
        }
        assert!(!line(&core).is_armed());
    }
    assert_eq!(calls(&core), (3, 0));
}

#[tokio::test]
async fn a_stream_that_ends_leaves_the_line_armed_for_those_who_wait() {
    let core = edge();
    let mut events = EventsOf::new(&core);
    line(&core).fire();
    next(&mut events).await.unwrap().unwrap();
    let mut wait = pin!(core.wait());
    assert!(poll_once(wait.as_mut()).is_pending());
    drop(events);
    assert!(line(&core).is_armed() && !line(&core).is_continuous());
    line(&core).fire();
    assert_eq!(timeout(LOST, wait).await.unwrap().unwrap().sequence, 2);
}

/// Threads, tasks and a stream on one file, each faster or slower than the others: whoever waits is woken.
#[test]
fn nobody_is_forgotten_under_load() {
    const WAITS: usize = 2000;
    let core = Arc::new(edge());
    let stop = AtomicBool::new(false);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                if line(&core).is_armed() {
                    line(&core).fire();
                }
                thread::yield_now();
            }
        });
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    for _ in 0..WAITS {
                        let event = core.blocking_wait(Some(Instant::now() + LOST)).unwrap();
                        let event = event.expect("the thread's event was lost");
                        assert!(event.count > 0 && event.sequence >= last);
                        last = event.sequence;
                    }
                })
            })
            .collect();
        let mut tasks: Vec<_> = (0..3)
            .map(|_| {
                let core = Arc::clone(&core);
                runtime.spawn(async move {
                    let mut last = 0;
                    for round in 0..WAITS {
                        if round % 16 == 0 {
                            let _ = timeout(Duration::from_micros(50), core.wait()).await;
                        }
                        let event = event(&core).await;
                        assert!(event.count > 0 && event.sequence >= last);
                        last = event.sequence;
                    }
                })
            })
            .collect();
        tasks.push(runtime.spawn({
            let core = Arc::clone(&core);
            async move {
                for _ in 0..WAITS / 10 {
                    let mut events = EventsOf::new(&core);
                    for _ in 0..10 {
                        assert!(next(&mut events).await.unwrap().unwrap().count > 0);
                    }
                }
            }
        }));
        let results: Vec<_> = tasks.into_iter().map(|task| runtime.block_on(task)).collect();
        let threads: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        stop.store(true, Ordering::Relaxed);
        assert!(results.iter().all(std::result::Result::is_ok), "a task was forgotten");
        assert!(threads.iter().all(std::result::Result::is_ok), "a thread was forgotten");
    });
    assert!(!line(&core).is_armed() && !line(&core).is_continuous());
}
