// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI Timer: ticks, once and periodic, on a level input and on an edge input.

use std::num::NonZeroU32;
use std::time::Duration;
use std::time::Instant;

use axirq::Error;
use axirq::timer::AxiTimer;
use tokio::time::timeout;

use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::demo;
use crate::rig::overlay::Overlay;
use crate::rig::parts;
use crate::rig::tasks::run;
use crate::rig::tasks::soon;

crate::tests![
    periodic_timer_ticks_on_a_level_input,
    periodic_timer_ticks_on_an_edge_input,
    ticks_that_nobody_took_are_counted,
    one_shot_timer_ticks_once,
    blocking_twin_ticks_too,
    dropped_tick_is_returned_by_the_next_call,
    timer_that_cannot_tick_says_why,
    timer_of_a_removed_device_says_so,
];

const TIMER: &str = "axi_timer_0";
const TIMER_ON_EDGE: &str = "timer_edge";
const HZ: NonZeroU32 = NonZeroU32::new(100_000_000).unwrap();

/// Long enough that a busy host does not make every tick a missed one.
const PERIOD: Duration = Duration::from_millis(20);

fn open(cell: &str) -> AxiTimer {
    let mut timer = AxiTimer::open(cell).unwrap();
    if timer.clock_hz().is_none() {
        timer.set_clock_hz(HZ);
    }
    timer
}

fn ticks_are_numbered(apply: fn() -> Overlay, cell: &str) {
    let (_rig, _overlay) = Rig::with(apply);
    run(async {
        let mut timer = open(cell);
        assert_eq!(timer.start_periodic(PERIOD).unwrap(), PERIOD);
        let start = Instant::now();
        let (mut calls, mut last, mut missed) = (0, 0, 0);
        while last < 25 {
            let tick = soon("a tick", timer.tick()).await.unwrap();
            assert_eq!(tick.number, last + tick.missed + 1);
            (calls, last, missed) = (calls + 1, tick.number, missed + tick.missed);
        }
        // Each was returned or missed, and none made up: the clock knows how many there were.
        assert_eq!(last, calls + missed);
        let elapsed = start.elapsed().as_millis() / PERIOD.as_millis();
        assert!(
            elapsed.abs_diff(u128::from(last)) <= 2,
            "{last} ticks in {elapsed} periods"
        );
        // No tick makes more than one.
        let interrupts: u64 = attribute(&format!("{cell}/interrupt"), "count")
            .parse()
            .unwrap();
        assert!(
            interrupts <= last + 1,
            "{interrupts} interrupts for {last} ticks"
        );
    });
}

fn periodic_timer_ticks_on_a_level_input() {
    ticks_are_numbered(demo, TIMER);
}

fn periodic_timer_ticks_on_an_edge_input() {
    ticks_are_numbered(parts, TIMER_ON_EDGE);
}

fn ticks_that_nobody_took_are_counted() {
    for (apply, cell) in [(demo as fn() -> Overlay, TIMER), (parts, TIMER_ON_EDGE)] {
        let (_rig, _overlay) = Rig::with(apply);
        run(async {
            let mut timer = open(cell);
            timer.start_periodic(PERIOD).unwrap();
            let first = soon("a tick", timer.tick()).await.unwrap();
            let start = Instant::now();
            std::thread::sleep(10 * PERIOD);
            let late = soon("a tick that is there", timer.tick()).await.unwrap();
            let periods = start.elapsed().as_millis() / PERIOD.as_millis();
            assert_eq!(late.number, first.number + late.missed + 1);
            assert!(late.missed >= 8, "{late:?}");
            assert!(
                u128::from(late.missed) <= periods + 1,
                "{late:?} in {periods} periods"
            );
            // They are told of once.
            let next = soon("a tick", timer.tick()).await.unwrap();
            assert_eq!(next.number, late.number + next.missed + 1);
            // Starting anew forgets all.
            timer.start_periodic(PERIOD).unwrap();
            let first = soon("a tick", timer.tick()).await.unwrap();
            assert_eq!(first.number, first.missed + 1);
            timer.stop().unwrap();
            assert!(matches!(timer.tick().await, Err(Error::NotStarted { .. })));
        });
    }
}

fn one_shot_timer_ticks_once() {
    for (apply, cell) in [(demo as fn() -> Overlay, TIMER), (parts, TIMER_ON_EDGE)] {
        let (_rig, _overlay) = Rig::with(apply);
        run(async {
            let mut timer = open(cell);
            for _ in 0..3 {
                timer.start_once(PERIOD / 4).unwrap();
                let tick = soon("the tick", timer.tick()).await.unwrap();
                assert_eq!((tick.number, tick.missed), (1, 0));
                assert!(matches!(timer.tick().await, Err(Error::NotStarted { .. })));
            }
            // One that went by unseen is there, and is one.
            timer.start_once(PERIOD / 4).unwrap();
            std::thread::sleep(PERIOD);
            assert_eq!(soon("the tick", timer.tick()).await.unwrap().number, 1);
        });
    }
}

fn blocking_twin_ticks_too() {
    let (_rig, _demo) = Rig::with_demo();
    let mut timer = open(TIMER);
    timer.start_once(PATIENCE).unwrap();
    assert_eq!(timer.blocking_tick_timeout(PERIOD).unwrap(), None);
    timer.start_periodic(PERIOD).unwrap();
    let first = timer.blocking_tick().unwrap();
    let second = timer.blocking_tick_timeout(PATIENCE).unwrap().unwrap();
    assert_eq!(second.number, first.number + second.missed + 1);
}

fn dropped_tick_is_returned_by_the_next_call() {
    let (_rig, _demo) = Rig::with_demo();
    run(async {
        let mut timer = open(TIMER);
        timer.start_once(QUIET).unwrap();
        assert!(timeout(QUIET / 8, timer.tick()).await.is_err());
        assert_eq!(attribute("axi_timer_0/interrupt", "state"), "idle");
        assert_eq!(soon("the tick", timer.tick()).await.unwrap().number, 1);
    });
}

fn timer_that_cannot_tick_says_why() {
    let (_rig, demo) = Rig::with_demo();
    let mut timer = open(TIMER);
    assert!(matches!(AxiTimer::open(TIMER), Err(Error::InUse { .. })));
    assert!(matches!(
        timer.blocking_tick(),
        Err(Error::NotStarted { .. })
    ));
    // 32 bits at 100 MHz.
    let longest = Duration::from_nanos((u64::from(u32::MAX) + 2) * 10);
    match timer.start_periodic(Duration::from_secs(60)) {
        Err(Error::BadPeriod {
            shortest,
            longest: l,
            ..
        }) => assert_eq!((shortest, l), (Duration::from_nanos(20), longest)),
        other => panic!("{other:?}"),
    }
    assert_eq!(timer.start_periodic(longest).unwrap(), longest);
    drop(timer);
    AxiTimer::open(TIMER).unwrap();
    demo.remove();
    let _parts = parts();
    let mut timer = AxiTimer::open(TIMER_ON_EDGE).unwrap();
    assert!(matches!(
        timer.start_once(PERIOD),
        Err(Error::NoClock { .. })
    ));
}

fn timer_of_a_removed_device_says_so() {
    let (_rig, demo) = Rig::with_demo();
    run(async {
        let mut timer = open(TIMER);
        timer.start_once(PATIENCE).unwrap();
        let task = tokio::spawn(async move {
            let result = soon("to be told", timer.tick()).await;
            (result, timer)
        });
        crate::rig::tasks::settle().await;
        demo.remove();
        let (result, mut timer) = task.await.unwrap();
        assert!(matches!(result, Err(Error::Gone { .. })), "{result:?}");
        assert!(matches!(timer.blocking_tick(), Err(Error::Gone { .. })));
        assert!(matches!(timer.start_once(PERIOD), Err(Error::Gone { .. })));
        assert!(matches!(timer.stop(), Err(Error::Gone { .. })));
        // Dropping it touches no register that is no more.
        drop(timer);
    });
}
