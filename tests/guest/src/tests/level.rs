// SPDX-License-Identifier: MIT OR Apache-2.0
//! Level lines: the part everybody gets wrong. Masked by the interrupt, acknowledged when armed again.

use std::future::poll_fn;
use std::pin::pin;

use axirq::Interrupt;
use axirq::Mmio;
use axirq::list::Trigger;
use futures_core::Stream;
use nix::errno::Errno;

use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::tasks::soon;
use crate::rig::wait_for_state;

crate::tests![
    level_interrupt_wakes_waiting_task,
    pin_of_an_ip_wakes_waiting_task,
    level_source_cleared_late_wakes_once,
    level_source_still_asserted_wakes_once_per_wait,
    level_raised_while_nobody_waits_is_delivered_once,
    level_gone_before_anybody_waited_is_no_event,
    level_line_is_masked_between_waits,
    level_line_interrupts_once_per_arm_however_long_it_stays,
    level_line_cannot_be_continuous,
    stream_of_a_level_line_waits_for_its_user,
];

fn level_interrupt_wakes_waiting_task() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        assert_eq!(interrupt.trigger(), Trigger::Level);
        let task = async { soon("the event", interrupt.wait()).await.unwrap() };
        let (event, ()) = tokio::join!(task, async { rig.fabric.raise_input(LEVEL_INPUT) });
        assert_eq!((event.count, event.sequence), (1, 1));
    });
}

fn pin_of_an_ip_wakes_waiting_task() {
    const GIER: usize = 0x11c;
    const IP_ISR: usize = 0x120;
    const IP_IER: usize = 0x128;

    let (mut rig, _demo) = Rig::with_demo();
    let gpio = Mmio::open("btns_gpio").unwrap();
    gpio.write32(IP_IER, 1).unwrap();
    gpio.write32(GIER, 1 << 31).unwrap();
    run(async {
        let interrupt = Interrupt::open("btns_gpio/ip2intc_irpt").unwrap();
        for pressed in [true, false, true] {
            let finger = async {
                match pressed {
                    true => rig.fabric.press("btns_gpio", 2).unwrap(),
                    false => rig.fabric.release("btns_gpio", 2).unwrap(),
                }
            };
            let (event, ()) = tokio::join!(event(&interrupt), finger);
            assert_eq!(event.count, 1);
            gpio.write32(IP_ISR, 1).unwrap();
        }
        assert_quiet(&interrupt).await;
    });
    gpio.write32(GIER, 0).unwrap();
}

fn level_source_cleared_late_wakes_once() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        for round in 1..=3 {
            let (event, ()) = tokio::join!(event(&interrupt), async {
                rig.fabric.raise_input(LEVEL_INPUT)
            });
            assert_eq!((event.count, event.sequence), (1, round));
            // All this while the source has asserted, so its latch is set: a stale event for a driver that
            // acknowledged before.
            assert!(rig.fabric.is_latched(LEVEL_INPUT));
            rig.fabric.lower_input(LEVEL_INPUT);
            assert_quiet(&interrupt).await;
        }
    });
}

fn level_source_still_asserted_wakes_once_per_wait() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        rig.fabric.raise_input(LEVEL_INPUT);
        for round in 1..=5 {
            let event = event(&interrupt).await;
            assert_eq!((event.count, event.sequence), (1, round));
        }
        tokio::time::sleep(QUIET).await;
        assert_eq!(
            interrupt.sequence().unwrap(),
            5,
            "an interrupt that nobody asked for"
        );
        rig.fabric.lower_input(LEVEL_INPUT);
        assert_quiet(&interrupt).await;
    });
}

fn level_raised_while_nobody_waits_is_delivered_once() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        rig.fabric.raise_input(LEVEL_INPUT);
        tokio::time::sleep(QUIET).await;
        assert_eq!(interrupt.sequence().unwrap(), 0);
        assert_eq!(event(&interrupt).await.count, 1);
        rig.fabric.lower_input(LEVEL_INPUT);
        assert_quiet(&interrupt).await;
    });
}

fn level_gone_before_anybody_waited_is_no_event() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        rig.fabric.raise_input(LEVEL_INPUT);
        rig.fabric.lower_input(LEVEL_INPUT);
        assert!(rig.fabric.is_latched(LEVEL_INPUT), "the latch remembers");
        assert_quiet(&interrupt).await;
    });
}

fn level_line_is_masked_between_waits() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    assert_eq!(file.arm(), Ok(0));
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    rig.fabric.raise_input(LEVEL_INPUT);
    file.wait();
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    rig.fabric.lower_input(LEVEL_INPUT);
    assert_eq!(file.arm(), Ok(1));
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    file.disarm().unwrap();
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn level_line_interrupts_once_per_arm_however_long_it_stays() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    rig.fabric.raise_input(LEVEL_INPUT);
    for armed_at in 0..5 {
        assert_eq!(file.arm(), Ok(armed_at));
        file.wait();
        std::thread::sleep(QUIET / 4);
        assert_eq!(file.page().snapshot().sequence, armed_at + 1);
    }
    wait_for_state(LEVEL, "idle");
}

fn level_line_cannot_be_continuous() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    assert_eq!(file.set_mode(CONTINUOUS), Err(Errno::EINVAL));
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn stream_of_a_level_line_waits_for_its_user() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        let mut events = pin!(interrupt.events());
        let mut next = async || {
            let event = poll_fn(|context| events.as_mut().poll_next(context));
            soon("an event", event).await.unwrap().unwrap()
        };
        for round in 1..=3 {
            let raise = async { rig.fabric.raise_input(LEVEL_INPUT) };
            let (event, ()) = tokio::join!(next(), raise);
            assert_eq!((event.count, event.sequence), (1, round));
            // Until it is polled again the cause may be cleared in peace.
            assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
            rig.fabric.lower_input(LEVEL_INPUT);
        }
    });
}
