// SPDX-License-Identifier: MIT OR Apache-2.0
//! Buttons, switches and LEDs, with fingers and eyes of the simulator's.

use std::thread;
use std::time::Duration;

use axirq::gpio::AxiGpio;
use axirq::gpio::Button;
use axirq::gpio::Led;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::fabric::Fabric;
use crate::rig::tasks::run;
use crate::rig::tasks::settle;
use crate::rig::tasks::soon;
use crate::rig::until;
use crate::rig::wait_for_state;

crate::tests![
    leds_follow_the_buttons,
    level_that_is_there_already_returns_at_once,
    four_tasks_see_each_press_of_their_button_once,
    tasks_of_one_gpio_do_not_disturb_each_other,
    cancelled_wait_for_a_level_leaves_the_rest_alone,
    blocking_twin_waits_too,
    blocking_timeout_is_no_error,
    switches_tell_their_level,
    leds_remember_what_they_were_told,
    channel_waits_for_several_wires,
    gpio_that_nobody_waits_for_makes_no_interrupt,
];

const BUTTONS: &str = "btns_gpio";
const LEDS: &str = "leds_gpio";

async fn button_to_led(button: Button, led: Led) -> axirq::Result<()> {
    loop {
        button.wait_for_level(1).await?;
        led.on()?;
        button.wait_for_level(0).await?;
        led.off()?;
    }
}

/// Runs the tasks of this thread until the LEDs show a pattern.
async fn wait_for_leds(fabric: &mut Fabric, pattern: u32) {
    let look = async {
        while fabric.read(LEDS).unwrap().pins != pattern {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, look)
        .await
        .unwrap_or_else(|_| panic!("waited {PATIENCE:?} for LEDs {pattern:#06b}"));
}

fn leds_follow_the_buttons() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let (buttons, leds) = (
            AxiGpio::open(BUTTONS).unwrap(),
            AxiGpio::open(LEDS).unwrap(),
        );
        let mut tasks = JoinSet::new();
        for wire in 0..4 {
            tasks.spawn(button_to_led(
                buttons.button(wire).unwrap(),
                leds.led(wire).unwrap(),
            ));
        }
        // One by one, all at once, and a pattern that changes in many places.
        for pattern in [1, 3, 7, 15, 0, 15, 5, 10, 0, 8, 0] {
            rig.fabric.set(BUTTONS, pattern).unwrap();
            wait_for_leds(&mut rig.fabric, pattern).await;
        }
        assert!(tasks.try_join_next().is_none(), "a task ended");
    });
}

fn level_that_is_there_already_returns_at_once() {
    let (mut rig, _demo) = Rig::with_demo();
    rig.fabric.press(BUTTONS, 1).unwrap();
    run(async {
        let gpio = AxiGpio::open(BUTTONS).unwrap();
        // Without an interrupt: there is no change to make one.
        soon(
            "a level that is there",
            gpio.button(1).unwrap().wait_for_level(1),
        )
        .await
        .unwrap();
        soon(
            "a level that is there",
            gpio.button(0).unwrap().wait_for_level(0),
        )
        .await
        .unwrap();
    });
    let button = AxiGpio::open(BUTTONS).unwrap().button(1).unwrap();
    button.blocking_wait_for_level(1).unwrap();
    assert_eq!(
        crate::rig::attribute("btns_gpio/ip2intc_irpt", "count"),
        "0"
    );
}

fn four_tasks_see_each_press_of_their_button_once() {
    const PRESSES: usize = 10;
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let (buttons, leds) = (
            AxiGpio::open(BUTTONS).unwrap(),
            AxiGpio::open(LEDS).unwrap(),
        );
        let tasks: Vec<_> = (0..4)
            .map(|wire| {
                let (button, led) = (buttons.button(wire).unwrap(), leds.led(wire).unwrap());
                tokio::spawn(async move {
                    let mut presses = 0;
                    while presses < PRESSES {
                        button.wait_for_level(1).await.unwrap();
                        presses += 1;
                        led.on().unwrap();
                        button.wait_for_level(0).await.unwrap();
                        led.off().unwrap();
                    }
                    presses
                })
            })
            .collect();
        // The LED says that a press was seen, so that the finger may go.
        for _ in 0..PRESSES {
            for wire in 0..4 {
                rig.fabric.press(BUTTONS, wire).unwrap();
                wait_for_leds(&mut rig.fabric, 1 << wire).await;
                rig.fabric.release(BUTTONS, wire).unwrap();
                wait_for_leds(&mut rig.fabric, 0).await;
            }
        }
        for task in tasks {
            assert_eq!(soon("a task's end", task).await.unwrap(), PRESSES);
        }
    });
}

fn tasks_of_one_gpio_do_not_disturb_each_other() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let gpio = AxiGpio::open(BUTTONS).unwrap();
        let waiting = gpio.button(3).unwrap();
        let task = tokio::spawn(async move { waiting.wait_for_level(1).await });
        settle().await;
        for _ in 0..5 {
            let pressed = gpio.button(0).unwrap();
            let press = async { rig.fabric.press(BUTTONS, 0).unwrap() };
            let (seen, ()) = tokio::join!(soon("button 0", pressed.wait_for_level(1)), press);
            seen.unwrap();
            rig.fabric.release(BUTTONS, 0).unwrap();
            soon("button 0", pressed.wait_for_level(0)).await.unwrap();
        }
        assert!(!task.is_finished());
        rig.fabric.press(BUTTONS, 3).unwrap();
        soon("button 3", task).await.unwrap().unwrap();
    });
}

fn cancelled_wait_for_a_level_leaves_the_rest_alone() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let gpio = AxiGpio::open(BUTTONS).unwrap();
        let (zero, one) = (gpio.button(0).unwrap(), gpio.button(1).unwrap());
        let task = tokio::spawn(async move { one.wait_for_level(1).await });
        settle().await;
        assert!(timeout(QUIET / 4, zero.wait_for_level(1)).await.is_err());
        rig.fabric.press(BUTTONS, 1).unwrap();
        soon("button 1", task).await.unwrap().unwrap();
        rig.fabric.press(BUTTONS, 0).unwrap();
        soon("button 0", zero.wait_for_level(1)).await.unwrap();
    });
}

fn blocking_twin_waits_too() {
    let (mut rig, _demo) = Rig::with_demo();
    let gpio = AxiGpio::open(BUTTONS).unwrap();
    thread::scope(|scope| {
        let threads = [0, 1].map(|wire| {
            let button = gpio.button(wire).unwrap();
            scope.spawn(move || button.blocking_wait_for_level_timeout(1, PATIENCE).unwrap())
        });
        wait_for_state("btns_gpio/ip2intc_irpt", "armed");
        let [zero, one] = threads;
        rig.fabric.press(BUTTONS, 0).unwrap();
        assert!(zero.join().unwrap());
        assert!(!one.is_finished());
        rig.fabric.press(BUTTONS, 1).unwrap();
        assert!(one.join().unwrap());
    });
}

fn blocking_timeout_is_no_error() {
    let (mut rig, _demo) = Rig::with_demo();
    let button = AxiGpio::open(BUTTONS).unwrap().button(2).unwrap();
    assert!(!button.blocking_wait_for_level_timeout(1, QUIET).unwrap());
    rig.fabric.press(BUTTONS, 2).unwrap();
    assert!(button.blocking_wait_for_level_timeout(1, PATIENCE).unwrap());
}

fn switches_tell_their_level() {
    let (mut rig, _demo) = Rig::with_demo();
    let gpio = AxiGpio::open("switches_gpio").unwrap();
    let switches = [gpio.switch(0).unwrap(), gpio.switch(1).unwrap()];
    assert!(matches!(
        gpio.switch(2),
        Err(axirq::Error::NoSuchWire { width: 2, .. })
    ));
    for value in 0..4 {
        rig.fabric.set("switches_gpio", value).unwrap();
        let levels = [switches[0].level().unwrap(), switches[1].level().unwrap()];
        assert_eq!(levels.map(u32::from), [value & 1, value >> 1]);
    }
    run(async {
        let flip = async { rig.fabric.set("switches_gpio", 1).unwrap() };
        let (seen, ()) = tokio::join!(soon("the switch", switches[1].wait_for_level(0)), flip);
        seen.unwrap();
    });
}

fn leds_remember_what_they_were_told() {
    let (mut rig, _demo) = Rig::with_demo();
    let gpio = AxiGpio::open(LEDS).unwrap();
    let leds = [0, 1, 2, 3].map(|wire| gpio.led(wire).unwrap());
    leds.iter().for_each(|led| led.off().unwrap());
    assert_eq!(rig.fabric.read(LEDS).unwrap().pins, 0);
    leds[0].on().unwrap();
    leds[2].set(true).unwrap();
    assert_eq!(rig.fabric.read(LEDS).unwrap().pins, 0b0101);
    leds[0].toggle().unwrap();
    leds[3].toggle().unwrap();
    assert_eq!(rig.fabric.read(LEDS).unwrap().pins, 0b1100);
    assert_eq!(
        [0, 1, 2, 3].map(|wire| leds[wire].is_on().unwrap()),
        [false, false, true, true]
    );
    leds[2].off().unwrap();
    leds[3].set(false).unwrap();
    assert_eq!(rig.fabric.read(LEDS).unwrap().pins, 0);
    assert!(matches!(
        gpio.button(0),
        Err(axirq::Error::FixedDirection { .. })
    ));
}

fn channel_waits_for_several_wires() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let buttons = AxiGpio::open(BUTTONS).unwrap().channel(1).unwrap();
        assert_eq!(buttons.width(), 4);
        let waiting = buttons.clone();
        let task = tokio::spawn(async move { waiting.wait_for(0b0110, 0b0110).await });
        settle().await;
        for (value, done) in [(0b0010, false), (0b1101, false), (0b1110, true)] {
            rig.fabric.set(BUTTONS, value).unwrap();
            tokio::time::sleep(QUIET).await;
            assert_eq!(task.is_finished(), done, "{value:#06b}");
        }
        task.await.unwrap().unwrap();
    });
}

fn gpio_that_nobody_waits_for_makes_no_interrupt() {
    const PIN: &str = "btns_gpio/ip2intc_irpt";
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let button = AxiGpio::open(BUTTONS).unwrap().button(0).unwrap();
        let press = async { rig.fabric.press(BUTTONS, 0).unwrap() };
        tokio::join!(
            async { soon("the press", button.wait_for_level(1)).await.unwrap() },
            press
        );
        let before: u64 = crate::rig::attribute(PIN, "count").parse().unwrap();
        for _ in 0..10 {
            rig.fabric.release(BUTTONS, 0).unwrap();
            rig.fabric.press(BUTTONS, 0).unwrap();
        }
        tokio::time::sleep(QUIET).await;
        until("the line to rest", || {
            crate::rig::attribute(PIN, "state") == "idle"
        });
        let after: u64 = crate::rig::attribute(PIN, "count").parse().unwrap();
        assert_eq!(after, before);
    });
}
