// SPDX-License-Identifier: MIT OR Apache-2.0
//! Futures that are dropped before they are ready: nothing is lost, nobody is woken twice, the line is masked.

use std::pin::pin;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use axirq::Interrupt;
use tokio::time::timeout;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::until;
use crate::rig::wait_for_count;

crate::tests![
    dropped_wait_then_a_new_one_sees_one_event_once,
    dropped_wait_masks_a_level_line,
    dropped_wait_leaves_the_line_to_those_who_still_wait,
    event_before_a_dropped_wait_noticed_is_kept,
    event_between_wakeup_and_drop_is_kept,
    aborted_task_disarms,
    waits_cancelled_at_any_moment_lose_nothing,
    dropped_stream_disarms_and_keeps_what_came,
    wait_of_a_finished_runtime_is_an_error,
    blocking_wait_that_times_out_disarms_and_loses_nothing,
];

/// Polls a future once.
async fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    let mut future = Some(future);
    std::future::poll_fn(
        |context| match future.take().expect("polled once").poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        },
    )
    .await
}

fn dropped_wait_then_a_new_one_sees_one_event_once() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
            let interrupt = Interrupt::open(pin).unwrap();
            for _ in 0..3 {
                assert!(
                    timeout(Duration::from_millis(20), interrupt.wait())
                        .await
                        .is_err()
                );
            }
            let (woken, ()) =
                tokio::join!(event(&interrupt), async { rig.fabric.raise_input(input) });
            assert_eq!((woken.count, woken.sequence), (1, 1), "{pin}");
            rig.fabric.lower_input(input);
            assert_quiet(&interrupt).await;
        }
    });
}

fn dropped_wait_masks_a_level_line() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        let mut wait = Box::pin(interrupt.wait());
        assert!(poll_once(wait.as_mut()).await.is_none());
        assert!(rig.fabric.is_enabled(LEVEL_INPUT));
        drop(wait);
        assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
        assert_eq!(attribute(LEVEL, "state"), "idle");
    });
}

fn dropped_wait_leaves_the_line_to_those_who_still_wait() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        let mut stays = pin!(interrupt.wait());
        let mut goes = Box::pin(interrupt.wait());
        assert!(poll_once(goes.as_mut()).await.is_none());
        assert!(poll_once(stays.as_mut()).await.is_none());
        drop(goes);
        assert!(rig.fabric.is_enabled(LEVEL_INPUT));
        rig.fabric.raise_input(LEVEL_INPUT);
        assert_eq!(timeout(PATIENCE, stays).await.unwrap().unwrap().count, 1);
        rig.fabric.lower_input(LEVEL_INPUT);
    });
}

fn event_before_a_dropped_wait_noticed_is_kept() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
            let interrupt = Interrupt::open(pin).unwrap();
            let mut wait = Box::pin(interrupt.wait());
            assert!(poll_once(wait.as_mut()).await.is_none());
            rig.fabric.raise_input(input);
            wait_for_count(pin, 1);
            rig.fabric.lower_input(input);
            drop(wait);
            assert_eq!(attribute(pin, "state"), "idle", "{pin}");
            assert_eq!(event(&interrupt).await.sequence, 1, "{pin}");
            assert_quiet(&interrupt).await;
        }
    });
}

fn event_between_wakeup_and_drop_is_kept() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let wait = Box::pin(interrupt.wait());
        let mut wait = wait;
        assert!(poll_once(wait.as_mut()).await.is_none());
        rig.fabric.pulse_input(EDGE_INPUT);
        wait_for_count(EDGE, 1);
        // The reactor runs and wakes this task; the future is not asked.
        tokio::time::sleep(QUIET / 4).await;
        drop(wait);
        assert_eq!(event(&interrupt).await.sequence, 1);
        assert_quiet(&interrupt).await;
    });
}

fn aborted_task_disarms() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let task = tokio::spawn(async { Interrupt::open(LEVEL).unwrap().wait().await });
        crate::rig::tasks::settle().await;
        assert!(rig.fabric.is_enabled(LEVEL_INPUT));
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
        assert_eq!(attribute(LEVEL, "state"), "unused");
    });
}

fn waits_cancelled_at_any_moment_lose_nothing() {
    const ROUNDS: u64 = 300;
    let (mut rig, _demo) = Rig::with_demo();
    let interrupt = Interrupt::open(EDGE).unwrap();
    let (begin, begun) = mpsc::channel::<Duration>();
    let fabric = &mut rig.fabric;
    thread::scope(|scope| {
        scope.spawn(move || {
            for pause in begun {
                thread::sleep(pause);
                fabric.pulse_input(EDGE_INPUT);
            }
        });
        run(async {
            let mut after_the_drop = 0;
            for round in 0..ROUNDS {
                let mut wait = Box::pin(interrupt.wait());
                // Nothing came since the round before: it arms.
                assert!(poll_once(wait.as_mut()).await.is_none());
                begin
                    .send(Duration::from_micros(round * 71 % 1000))
                    .unwrap();
                // Dropped unasked: before the edge, in its midst, or after it, as it happens.
                thread::sleep(Duration::from_micros(round * 137 % 1500));
                drop(wait);
                after_the_drop += u64::from(attribute(EDGE, "count") == round.to_string());
                let event = event(&interrupt).await;
                assert_eq!((event.sequence, event.count), (round + 1, 1));
            }
            println!("{after_the_drop} of {ROUNDS} edges came after the drop");
            assert_quiet(&interrupt).await;
        });
        drop(begin);
    });
}

fn dropped_stream_disarms_and_keeps_what_came() {
    use futures_core::Stream;

    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE_TOO).unwrap();
        let mut events = Box::pin(interrupt.events());
        let next = std::future::poll_fn(|context| match events.as_mut().poll_next(context) {
            Poll::Pending => Poll::Ready(()),
            Poll::Ready(event) => panic!("{event:?}"),
        });
        next.await;
        assert_eq!(attribute(EDGE_TOO, "state"), "armed");
        for count in 1..=3 {
            rig.fabric.pulse_input(crate::rig::EDGE_TOO_INPUT);
            wait_for_count(EDGE_TOO, count);
        }
        drop(events);
        until("the line to be idle", || {
            attribute(EDGE_TOO, "state") == "idle"
        });
        assert_eq!(event(&interrupt).await.count, 3);
        assert_quiet(&interrupt).await;
    });
}

fn wait_of_a_finished_runtime_is_an_error() {
    let (_rig, _demo) = Rig::with_demo();
    let interrupt = Interrupt::open(LEVEL).unwrap();
    run(async {
        assert!(
            timeout(Duration::from_millis(20), interrupt.wait())
                .await
                .is_err()
        )
    });
    let error = run(async {
        timeout(PATIENCE, interrupt.wait())
            .await
            .unwrap()
            .unwrap_err()
    });
    assert!(matches!(error, axirq::Error::RuntimeGone { .. }), "{error}");
    assert_eq!(attribute(LEVEL, "state"), "idle");
}

fn blocking_wait_that_times_out_disarms_and_loses_nothing() {
    let (mut rig, _demo) = Rig::with_demo();
    for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
        let interrupt = Interrupt::open(pin).unwrap();
        let nothing = interrupt.blocking_wait_timeout(QUIET / 4).unwrap();
        assert!(nothing.is_none(), "{nothing:?}");
        assert_eq!(attribute(pin, "state"), "idle", "{pin}");
        rig.fabric.raise_input(input);
        let event = interrupt.blocking_wait_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!((event.count, event.sequence), (1, 1), "{pin}");
        rig.fabric.lower_input(input);
        let nothing = interrupt.blocking_wait_timeout(QUIET).unwrap();
        assert!(nothing.is_none(), "{nothing:?}");
    }
}
