// SPDX-License-Identifier: MIT OR Apache-2.0
//! Buttons, switches and LEDs, with fingers and eyes of the simulator's.

use std::thread;
use std::time::Duration;

use axirq::gpio::AxiGpio;
use axirq::gpio::Button;
use axirq::gpio::Color;
use axirq::gpio::Led;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::fabric::Fabric;
use crate::rig::parts;
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
    slice_waits_for_several_wires,
    gpio_that_nobody_waits_for_makes_no_interrupt,
    tasks_of_both_channels_share_the_interrupt,
    flips_at_any_moment_are_seen,
    every_subscriber_sees_every_change_once,
    pulse_too_short_to_be_seen_is_reported_as_such,
    blocking_twin_of_a_change,
    driven_wire_cannot_be_awaited,
    wires_are_pins_of_embedded_hal,
    rgb_led_shows_its_colors,
];

const BUTTONS: &str = "btns_gpio";
const LEDS: &str = "leds_gpio";
/// With two channels, on an edge input and on a level input.
const DUAL: [&str; 2] = ["gpio_edge", "gpio_level"];

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

fn slice_waits_for_several_wires() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let buttons = AxiGpio::open(BUTTONS).unwrap().channel(1).unwrap();
        assert_eq!(buttons.width(), 4);
        let middle = buttons.input(1..3).unwrap();
        let task = tokio::spawn(async move { middle.wait_for_value(0b11).await });
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

/// Waits for both levels of a wire in turn, and counts.
async fn follow(wire: Button, seen: mpsc::UnboundedSender<(usize, u8)>, number: usize) {
    for level in [1, 0].into_iter().cycle() {
        wire.wait_for_level(level).await.unwrap();
        seen.send((number, level)).unwrap();
    }
}

/// A task for each of the seven wires of both channels.
fn follow_all(gpio: &AxiGpio) -> (JoinSet<()>, mpsc::UnboundedReceiver<(usize, u8)>) {
    let (sender, seen) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    for number in 0..7 {
        let (channel, wire) = if number < 4 {
            (1, number)
        } else {
            (2, number - 4)
        };
        let wire = gpio.channel(channel).unwrap().button(wire).unwrap();
        tasks.spawn(follow(wire, sender.clone(), number as usize));
    }
    (tasks, seen)
}

fn tasks_of_both_channels_share_the_interrupt() {
    let (mut rig, _parts) = Rig::with(parts);
    run(async {
        for cell in DUAL {
            let gpio = AxiGpio::open(cell).unwrap();
            let (_tasks, mut seen) = follow_all(&gpio);
            settle().await;
            let mut now = 0;
            // All at once, both channels at once, one after the other, and back.
            for value in [
                0b111_1111, 0, 0b001_0001, 0b010_0010, 0b110_0000, 0b000_1111, 0,
            ] {
                let mut changed = u32::count_ones(now ^ value);
                now = value;
                rig.fabric.set(cell, value & 0xf).unwrap();
                rig.fabric.set_second(cell, value >> 4);
                while changed > 0 {
                    let (wire, level) = soon("a wire", seen.recv()).await.unwrap();
                    assert_eq!(u32::from(level), (value >> wire) & 1, "{cell}: wire {wire}");
                    changed -= 1;
                }
            }
            assert!(seen.try_recv().is_err(), "{cell}");
        }
    });
}

fn flips_at_any_moment_are_seen() {
    const FLIPS: u32 = 200;
    let (mut rig, _parts) = Rig::with(parts);
    for cell in DUAL {
        let gpio = AxiGpio::open(cell).unwrap();
        let (to_flipper, flippable) = std::sync::mpsc::channel();
        (0..7).for_each(|wire| to_flipper.send(wire).unwrap());
        thread::scope(|scope| {
            let fabric = &mut rig.fabric;
            // On a thread of its own: flips each wire anew as soon as its task has seen the last flip, whatever the others
            // do.
            let flipper = scope.spawn(move || {
                let mut now = 0_u32;
                for _ in 0..FLIPS {
                    let wire: usize = flippable
                        .recv_timeout(PATIENCE)
                        .expect("a flip was not seen");
                    now ^= 1 << wire;
                    if wire < 4 {
                        fabric.set(cell, now & 0xf).unwrap();
                    } else {
                        fabric.set_second(cell, now >> 4);
                    }
                }
            });
            run(async {
                let (_tasks, mut seen) = follow_all(&gpio);
                for _ in 0..FLIPS {
                    let (wire, _) = soon("a flip", seen.recv()).await.unwrap();
                    // The flipper may have done its last.
                    let _ = to_flipper.send(wire);
                }
            });
            flipper.join().unwrap();
        });
        rig.fabric.set(cell, 0).unwrap();
        rig.fabric.set_second(cell, 0);
    }
}

fn every_subscriber_sees_every_change_once() {
    let (mut rig, _parts) = Rig::with(parts);
    run(async {
        for cell in DUAL {
            let channel = AxiGpio::open(cell).unwrap().channel(1).unwrap();
            let (mut all, mut low) = (channel.input(..).unwrap(), channel.input(..2).unwrap());
            // Begins the subscriptions.
            assert!(timeout(QUIET / 8, all.wait_for_interrupt()).await.is_err());
            assert!(timeout(QUIET / 8, low.wait_for_interrupt()).await.is_err());
            for (value, rising, falling) in [
                (0b0001, 0b0001, 0),
                (0b0110, 0b0110, 0b0001),
                (0b0100, 0, 0b0010),
            ] {
                let (change, ()) =
                    tokio::join!(soon("a change", all.wait_for_interrupt()), async {
                        rig.fabric.set(cell, value).unwrap()
                    });
                let change = change.unwrap();
                // One after the other, as `set` moves one wire at a time.
                let mut seen = (change.rising, change.falling);
                while seen != (rising, falling) {
                    let more = soon("the rest", all.wait_for_interrupt()).await.unwrap();
                    seen = (seen.0 | more.rising, seen.1 | more.falling);
                }
            }
            // The slow one gets all of its wires' changes together, and once.
            let change = soon("what was missed", low.wait_for_interrupt())
                .await
                .unwrap();
            assert_eq!(
                (change.value, change.rising, change.falling),
                (0b00, 0b11, 0b11),
                "{cell}"
            );
            assert_eq!(change.pulses, 0);
            assert!(timeout(QUIET / 8, low.wait_for_interrupt()).await.is_err());
            // A wire that is not his does not wake him; one that is does, once, though the wait was dropped meanwhile.
            rig.fabric.set(cell, 0b1101).unwrap();
            let change = soon("his wire", low.wait_for_interrupt()).await.unwrap();
            assert_eq!((change.rising, change.falling), (0b01, 0));
            rig.fabric.set(cell, 0).unwrap();
        }
    });
}

fn pulse_too_short_to_be_seen_is_reported_as_such() {
    let (mut rig, _parts) = Rig::with(parts);
    run(async {
        for cell in DUAL {
            let gpio = AxiGpio::open(cell).unwrap();
            let mut first = gpio.channel(1).unwrap().input(..).unwrap();
            let mut second = gpio.channel(2).unwrap().input(..).unwrap();
            let button = first.wire(0).unwrap();
            let waiting = tokio::spawn(async move { button.wait_for_level(1).await });
            settle().await;
            for _ in 0..3 {
                // This thread is busy with the finger, so nobody looks in between.
                let (change, ()) =
                    tokio::join!(soon("a pulse", first.wait_for_interrupt()), async {
                        rig.fabric.press(cell, 0).unwrap();
                        rig.fabric.release(cell, 0).unwrap();
                    });
                let change = change.unwrap();
                assert!(change.is_pulse(), "{cell}: {change:?}");
                assert_eq!((change.value, change.pulses), (0, 1), "{cell}");
                settle().await;
                assert!(!waiting.is_finished(), "a pulse was taken for a level");
            }
            // Of the other channel it was not.
            assert!(
                timeout(QUIET / 8, second.wait_for_interrupt())
                    .await
                    .is_err()
            );
            // Not even one that came while nobody waited is lost.
            waiting.abort();
            let _ = waiting.await;
            rig.fabric.press(cell, 3).unwrap();
            rig.fabric.release(cell, 3).unwrap();
            assert_eq!(
                soon("a pulse", first.wait_for_interrupt())
                    .await
                    .unwrap()
                    .pulses,
                1
            );
            assert!(
                timeout(QUIET / 8, first.wait_for_interrupt())
                    .await
                    .is_err()
            );
        }
    });
}

fn blocking_twin_of_a_change() {
    let (mut rig, _demo) = Rig::with_demo();
    let mut buttons = AxiGpio::open(BUTTONS)
        .unwrap()
        .channel(1)
        .unwrap()
        .input(..)
        .unwrap();
    assert_eq!(
        buttons
            .blocking_wait_for_interrupt_timeout(QUIET / 8)
            .unwrap(),
        None
    );
    rig.fabric.press(BUTTONS, 2).unwrap();
    let change = buttons.blocking_wait_for_interrupt().unwrap();
    assert_eq!(
        (change.value, change.rising, change.falling),
        (0b0100, 0b0100, 0)
    );
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            buttons
                .blocking_wait_for_interrupt_timeout(PATIENCE)
                .unwrap()
        });
        wait_for_state("btns_gpio/ip2intc_irpt", "armed");
        rig.fabric.release(BUTTONS, 2).unwrap();
        assert_eq!(waiter.join().unwrap().unwrap().falling, 0b0100);
    });
}

fn driven_wire_cannot_be_awaited() {
    let (mut rig, _parts) = Rig::with(parts);
    run(async {
        for cell in DUAL {
            let mut bus = AxiGpio::open(cell)
                .unwrap()
                .channel(1)
                .unwrap()
                .in_out(..2)
                .unwrap();
            bus.write(0b10).unwrap();
            bus.drive().unwrap();
            assert_eq!(rig.fabric.read(cell).unwrap().pins, 0b10);
            assert!(matches!(
                bus.wait_for_value(0b01).await,
                Err(axirq::Error::Driven { wire: 0, .. })
            ));
            assert!(matches!(
                bus.wait_for_interrupt().await,
                Err(axirq::Error::Driven { .. })
            ));
            rig.fabric.set(cell, 0b01).unwrap();
            bus.release().unwrap();
            soon("the other's value", bus.wait_for_value(0b01))
                .await
                .unwrap();
            // What turned up when it let go is no change.
            assert!(timeout(QUIET / 8, bus.wait_for_interrupt()).await.is_err());
            let (change, ()) = tokio::join!(soon("a change", bus.wait_for_interrupt()), async {
                rig.fabric.set(cell, 0b00).unwrap()
            });
            assert_eq!(change.unwrap().falling, 0b01, "{cell}");
        }
    });
}

fn wires_are_pins_of_embedded_hal() {
    use embedded_hal::digital::InputPin;
    use embedded_hal::digital::StatefulOutputPin;
    use embedded_hal_async::digital::Wait;

    /// As a driver written for a microcontroller sees them.
    async fn check(
        rig: &mut Rig,
        mut button: impl InputPin + Wait,
        mut led: impl StatefulOutputPin,
    ) {
        led.set_low().unwrap();
        assert!(led.is_set_low().unwrap() && button.is_low().unwrap());
        led.toggle().unwrap();
        assert!(led.is_set_high().unwrap());
        assert_eq!(rig.fabric.read(LEDS).unwrap().pins, 0b01);
        soon("low", button.wait_for_low()).await.unwrap();
        let press = async { rig.fabric.press(BUTTONS, 0).unwrap() };
        let (seen, ()) = tokio::join!(soon("a rise", button.wait_for_rising_edge()), press);
        seen.unwrap();
        soon("high", button.wait_for_high()).await.unwrap();
        // It is high already: that is no edge.
        assert!(
            timeout(QUIET / 4, button.wait_for_rising_edge())
                .await
                .is_err()
        );
        let release = async { rig.fabric.release(BUTTONS, 0).unwrap() };
        let (seen, ()) = tokio::join!(soon("a fall", button.wait_for_falling_edge()), release);
        seen.unwrap();
        let press = async { rig.fabric.press(BUTTONS, 0).unwrap() };
        let (seen, ()) = tokio::join!(soon("an edge", button.wait_for_any_edge()), press);
        seen.unwrap();
    }

    let (mut rig, _demo) = Rig::with_demo();
    let button = AxiGpio::open(BUTTONS).unwrap().button(0).unwrap();
    let led = AxiGpio::open(LEDS).unwrap().led(0).unwrap();
    run(check(&mut rig, button, led));
}

fn rgb_led_shows_its_colors() {
    let (mut rig, _demo) = Rig::with_demo();
    let led = AxiGpio::open(LEDS).unwrap().rgb_led(0).unwrap();
    for (color, pins) in [
        (Color::Blue, 0b001),
        (Color::Yellow, 0b110),
        (Color::White, 0b111),
    ] {
        led.on(color).unwrap();
        assert_eq!(rig.fabric.read(LEDS).unwrap().pins, pins);
        assert_eq!(led.color().unwrap(), color);
    }
    led.off().unwrap();
    assert_eq!(rig.fabric.read(LEDS).unwrap().pins, 0);
}
