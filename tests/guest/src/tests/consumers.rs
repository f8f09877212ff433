// SPDX-License-Identifier: MIT OR Apache-2.0
//! Lines shared with drivers of the kernel's own: `gpio-xilinx`, which chains a handler into its interrupt and asks
//! nobody, and `uio_pdrv_genirq`, which requests it.

use std::fs;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFlags;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::EDGE_TOO_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::demo;
use crate::rig::drivers;
use crate::rig::drivers::driver_of;
use crate::rig::drivers::hand_over;
use crate::rig::gpio_chip::Edge;
use crate::rig::gpio_chip::Lines;
use crate::rig::kernel_log::announce;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::modules;
use crate::rig::modules::Extra;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;
use crate::rig::uevents::Uevents;
use crate::rig::uio;
use crate::rig::uio::Uio;
use crate::rig::until;

crate::tests![
    gpio_driver_delivers_buttons_beside_user_space,
    uio_holds_a_line_until_it_is_unbound,
    uio_on_an_edge_gets_each,
    driver_that_requests_a_held_line_is_refused,
    driver_that_chains_into_a_held_line_gets_it_later,
    line_of_a_driver_that_is_gone_works_again,
    controller_on_a_held_line_is_refused,
    claims_race_with_a_driver_that_chains,
    claims_race_with_a_driver_that_requests,
    overlay_takes_consumers_before_their_controller,
    unbound_controller_takes_its_consumers_and_brings_them_back,
    unloading_takes_consumers_before_their_controllers,
];

const CONTROLLER: &str = "10000000.interrupt-controller";
const INTC: &str = "axirq-intc";
/// On input 0.
const BUTTONS: &str = "10001000.gpio";
const BUTTONS_CELL: &str = "btns_gpio";
const BUTTONS_RAW: &str = "axi_intc_0/0";
const GPIO: &str = "gpio-xilinx";
/// Cores for UIO, on a level, an edge, and the input of the buttons.
const ON_LEVEL: &str = "10010000.core";
const ON_EDGE: &str = "10011000.core";
const ON_BUTTONS: &str = "10012000.core";

/// What the core says of a request that our chip refuses.
const REFUSED: &str = "Failed to request resources for";
const CHAINED: &str = "a kernel driver has taken input 0 while user space holds it: it gets it once that has closed it";

/// Drops what it holds in this order: the modules go last.
struct Consumers {
    _overlay: Option<Overlay>,
    _modules: [Extra; 3],
}

/// The drivers loaded, the overlay applied, none of its IP cores bound to any of them.
fn consumers() -> (Rig, Consumers) {
    let rig = Rig::new();
    // Unloaded from the left: the last is what the one before it stands on.
    let uio = Extra::load("uio", c"");
    let modules = [Extra::load(GPIO, c""), Extra::load(uio::DRIVER, c""), uio];
    let overlay = Overlay::apply("consumers");
    paths::wait_for_node("axi_intc_0/7");
    paths::wait_for_node("btns_gpio/ip2intc_irpt");
    let consumers = Consumers {
        _overlay: Some(overlay),
        _modules: modules,
    };
    (rig, consumers)
}

/// The buttons, as the kernel's own driver has them.
fn bind_buttons() -> Lines {
    hand_over(BUTTONS, GPIO).unwrap();
    lines()
}

fn lines() -> Lines {
    Lines::request(&drivers::child(BUTTONS, "", "gpiochip"), 4)
}

fn press_and_release(rig: &mut Rig, lines: &mut Lines, button: u32) {
    rig.fabric.press(BUTTONS_CELL, button).unwrap();
    assert_eq!(lines.wait(), Edge::Rising(button));
    rig.fabric.release(BUTTONS_CELL, button).unwrap();
    assert_eq!(lines.wait(), Edge::Falling(button));
}

fn assert_busy(pin: &str) {
    assert_eq!(attribute(pin, "state"), "busy", "{pin}");
    let refused = LineFile::try_open(pin).map(drop).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::EBUSY as i32), "{pin}");
}

fn level_once(rig: &mut Rig, file: &LineFile) {
    file.arm().unwrap();
    rig.fabric.raise_input(LEVEL_INPUT);
    file.wait();
    rig.fabric.lower_input(LEVEL_INPUT);
}

fn gpio_driver_delivers_buttons_beside_user_space() {
    let (mut rig, _consumers) = consumers();
    let mut buttons = bind_buttons();
    let (edge, level) = (LineFile::open(EDGE), LineFile::open(LEVEL));
    assert_busy(BUTTONS_RAW);
    for button in [0, 3, 1, 2] {
        edge.arm().unwrap();
        press_and_release(&mut rig, &mut buttons, button);
        rig.fabric.pulse_input(EDGE_INPUT);
        edge.wait();
        level_once(&mut rig, &level);
    }
    buttons.assert_quiet();
    assert_eq!(edge.page().snapshot().sequence, 4);
    // Back to user space, whatever state the driver left the interrupt in.
    drop(buttons);
    hand_over(BUTTONS, "axirq").unwrap();
    paths::wait_for_node("btns_gpio/ip2intc_irpt");
    for pin in [BUTTONS_RAW, "btns_gpio/ip2intc_irpt"] {
        let file = LineFile::open(pin);
        file.arm().unwrap();
        file.assert_quiet();
    }
}

fn uio_holds_a_line_until_it_is_unbound() {
    let (mut rig, _consumers) = consumers();
    hand_over(ON_LEVEL, uio::DRIVER).unwrap();
    assert_busy(LEVEL);
    let mut uio = Uio::open(ON_LEVEL);
    for round in 1..=3 {
        rig.fabric.raise_input(LEVEL_INPUT);
        assert_eq!(uio.wait(), round);
        rig.fabric.lower_input(LEVEL_INPUT);
        uio.enable();
        assert_busy(LEVEL);
    }
    drop(uio);
    drivers::unbind(uio::DRIVER, ON_LEVEL);
    assert_eq!(attribute(LEVEL, "state"), "unused");
    level_once(&mut rig, &LineFile::open(LEVEL));
}

fn uio_on_an_edge_gets_each() {
    let (mut rig, _consumers) = consumers();
    hand_over(ON_EDGE, uio::DRIVER).unwrap();
    let mut uio = Uio::open(ON_EDGE);
    for round in 1..=5 {
        rig.fabric.pulse_input(EDGE_INPUT);
        assert_eq!(uio.wait(), round);
        uio.enable();
    }
    drop(uio);
    drivers::unbind(uio::DRIVER, ON_EDGE);
    rig.interrupt_once();
}

fn driver_that_requests_a_held_line_is_refused() {
    let (mut rig, _consumers) = consumers();
    let file = LineFile::open(LEVEL);
    for _ in 0..3 {
        let refused = hand_over(ON_LEVEL, uio::DRIVER).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(Errno::EBUSY as i32));
        level_once(&mut rig, &file);
    }
    rig.log.expect(REFUSED);
    announce("unable to register uio device");
    announce("probe with driver uio_pdrv_genirq failed with error -16");
    drop(file);
    hand_over(ON_LEVEL, uio::DRIVER).unwrap();
    assert_busy(LEVEL);
}

fn driver_that_chains_into_a_held_line_gets_it_later() {
    let (mut rig, _consumers) = consumers();
    let file = LineFile::open(BUTTONS_RAW);
    let mut buttons = bind_buttons();
    rig.log.expect(CHAINED);
    // The driver is told nothing, and user space all.
    file.arm().unwrap();
    rig.fabric.press(BUTTONS_CELL, 2).unwrap();
    file.wait();
    buttons.assert_quiet();
    assert_eq!(file.read_count(), Ok(1));
    // Nobody else comes in.
    let refused = LineFile::try_open("btns_gpio/ip2intc_irpt").map(drop);
    assert!(refused.is_err());
    drop(file);
    // What is still asserted is the driver's now.
    assert_eq!(buttons.wait(), Edge::Rising(2));
    assert_busy(BUTTONS_RAW);
    rig.fabric.release(BUTTONS_CELL, 2).unwrap();
    assert_eq!(buttons.wait(), Edge::Falling(2));
    press_and_release(&mut rig, &mut buttons, 0);

    // A driver that is gone before user space is leaves nothing behind.
    drop(buttons);
    drivers::unbind(GPIO, BUTTONS);
    let file = LineFile::open(BUTTONS_RAW);
    drivers::bind(GPIO, BUTTONS).unwrap();
    drivers::unbind(GPIO, BUTTONS);
    file.arm().unwrap();
    file.assert_quiet();
    drop(file);
    let mut buttons = bind_buttons();
    press_and_release(&mut rig, &mut buttons, 1);
}

fn line_of_a_driver_that_is_gone_works_again() {
    let (mut rig, _consumers) = consumers();
    for _ in 0..3 {
        let mut buttons = bind_buttons();
        press_and_release(&mut rig, &mut buttons, 1);
        drop(buttons);
        drivers::unbind(GPIO, BUTTONS);
        // A driver that chained into its interrupt leaves it such that nobody could request it.
        hand_over(ON_BUTTONS, uio::DRIVER).unwrap();
        assert_busy(BUTTONS_RAW);
        drivers::unbind(uio::DRIVER, ON_BUTTONS);
        drop(LineFile::open(BUTTONS_RAW));
    }
}

fn controller_on_a_held_line_is_refused() {
    const CHILD: &str = "10005000.interrupt-controller";

    let mut rig = Rig::new();
    let _cascade = Overlay::apply("cascade");
    paths::wait_for_node("axi_intc_1/3");
    assert_busy("axi_intc_0/6");
    drivers::unbind(INTC, CHILD);
    let file = LineFile::open("axi_intc_0/6");
    let refused = drivers::bind(INTC, CHILD).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::EBUSY as i32));
    rig.log
        .expect("is taken: another controller or driver, or user space holds it");
    announce("probe with driver axirq-intc failed with error -16");
    // Not a write to the refused one's registers reaches the holder.
    file.arm().unwrap();
    file.assert_quiet();
    drop(file);
    drivers::bind(INTC, CHILD).unwrap();
    paths::wait_for_node("axi_intc_1/1");
    let file = LineFile::open("axi_intc_1/1");
    file.arm().unwrap();
    rig.fabric.pulse("axi_intc_1", 1).unwrap();
    file.wait();
}

/// Opens and closes a pin until told to stop; how often it was ours.
fn claim_again_and_again(pin: &str, stop: &AtomicBool) -> u32 {
    let mut claimed = 0;
    while !stop.load(Ordering::Relaxed) {
        match LineFile::try_open(pin) {
            Ok(file) => {
                claimed += 1;
                file.arm().unwrap();
            }
            Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::EBUSY as i32)),
        }
        // The driver's turn.
        thread::sleep(Duration::from_micros(500));
    }
    claimed
}

fn claims_race_with_a_driver_that_chains() {
    let (mut rig, _consumers) = consumers();
    announce(CHAINED);
    // Of an open that looked before the driver came.
    announce(REFUSED);
    hand_over(BUTTONS, GPIO).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let claiming = scope.spawn(|| claim_again_and_again(BUTTONS_RAW, &stop));
        for _ in 0..20 {
            drivers::unbind(GPIO, BUTTONS);
            drivers::bind(GPIO, BUTTONS).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        assert!(claiming.join().unwrap() != 0);
    });
    // Whoever came first each time, it is the driver's now.
    assert_busy(BUTTONS_RAW);
    press_and_release(&mut rig, &mut lines(), 3);
    drivers::unbind(GPIO, BUTTONS);
    drop(LineFile::open(BUTTONS_RAW));
}

fn claims_race_with_a_driver_that_requests() {
    let (mut rig, _consumers) = consumers();
    announce(REFUSED);
    announce("unable to register uio device");
    announce("probe with driver uio_pdrv_genirq failed with error -16");
    hand_over(ON_LEVEL, uio::DRIVER).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let claiming = scope.spawn(|| claim_again_and_again(LEVEL, &stop));
        for _ in 0..20 {
            drivers::unbind(uio::DRIVER, ON_LEVEL);
            until("the driver's turn", || {
                bound(drivers::bind(uio::DRIVER, ON_LEVEL))
            });
        }
        stop.store(true, Ordering::Relaxed);
        assert!(claiming.join().unwrap() != 0);
    });
    assert_busy(LEVEL);
    let mut uio = Uio::open(ON_LEVEL);
    rig.fabric.raise_input(LEVEL_INPUT);
    assert_eq!(uio.wait(), 1);
    rig.fabric.lower_input(LEVEL_INPUT);
    drop(uio);
    drivers::unbind(uio::DRIVER, ON_LEVEL);
    level_once(&mut rig, &LineFile::open(LEVEL));
}

fn bound(result: io::Result<()>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(Errno::EBUSY as i32));
            false
        }
    }
}

/// All drivers bound, their lines in use, and lines of user space's as well.
fn in_use() -> (Lines, Uio, Uio, LineFile) {
    let buttons = bind_buttons();
    hand_over(ON_LEVEL, uio::DRIVER).unwrap();
    hand_over(ON_EDGE, uio::DRIVER).unwrap();
    let users = LineFile::open(EDGE_TOO);
    users.set_mode(CONTINUOUS).unwrap();
    (buttons, Uio::open(ON_LEVEL), Uio::open(ON_EDGE), users)
}

/// Takes the controller away and asserts that it was the last to go.
fn assert_controller_goes_last(take_away: impl FnOnce()) {
    const ALL: [&str; 4] = [BUTTONS, ON_LEVEL, ON_EDGE, CONTROLLER];

    let mut uevents = Uevents::listen();
    take_away();
    let mut order = Vec::new();
    while order.len() < ALL.len() {
        let event = uevents.next_of("platform", "unbind");
        let device = event["DEVPATH"].rsplit('/').next().unwrap();
        order.extend(ALL.contains(&device).then(|| device.to_owned()));
    }
    assert_eq!(
        order.last().map(String::as_str),
        Some(CONTROLLER),
        "{order:?}"
    );
}

/// Whoever still has a file of a driver that went is told, and can close it.
fn assert_told(in_use: &(Lines, Uio, Uio, LineFile)) {
    let (buttons, level, edge, users) = in_use;
    assert!(buttons.poll(PATIENCE).contains(PollFlags::POLLERR));
    assert!(level.is_gone() && edge.is_gone());
    assert_eq!(users.arm(), Err(Errno::ENODEV));
}

fn overlay_takes_consumers_before_their_controller() {
    let (mut rig, mut consumers) = consumers();
    // With lines in use, with lines that fire meanwhile, and with a controller that is found
    // after some of its consumers.
    for _ in 0..3 {
        let in_use = in_use();
        rig.fabric
            .train("axi_intc_0", EDGE_TOO_INPUT, 100_000)
            .unwrap();
        in_use.3.wait();
        let overlay = consumers._overlay.take();
        assert_controller_goes_last(|| drop(overlay));
        assert_told(&in_use);
        drop(in_use);
        assert!(!has_nodes("axi_intc_0"));
        rig.fabric.reset().unwrap();
        consumers._overlay = Some(Overlay::apply("consumers"));
        paths::wait_for_node("axi_intc_0/7");
        paths::wait_for_node("btns_gpio/ip2intc_irpt");
    }
    rig.interrupt_once();
}

fn unbound_controller_takes_its_consumers_and_brings_them_back() {
    let (mut rig, _consumers) = consumers();
    for _ in 0..3 {
        let in_use = in_use();
        assert_controller_goes_last(|| drivers::unbind(INTC, CONTROLLER));
        for device in [BUTTONS, ON_LEVEL, ON_EDGE] {
            assert_eq!(driver_of(device), None, "{device}");
        }
        assert_told(&in_use);
        drop(in_use);
        drivers::bind(INTC, CONTROLLER).unwrap();
        for (device, driver) in [
            (BUTTONS, GPIO),
            (ON_LEVEL, uio::DRIVER),
            (ON_EDGE, uio::DRIVER),
        ] {
            until("the drivers to be back", || {
                driver_of(device).as_deref() == Some(driver)
            });
        }
        until("the buttons", || {
            fs::read_dir("/sys/bus/gpio/devices").is_ok_and(|chips| chips.count() != 0)
        });
        press_and_release(&mut rig, &mut lines(), 0);
        assert_busy(LEVEL);
        assert_busy(EDGE);
        paths::wait_for_node(EDGE_TOO);
    }
}

fn unloading_takes_consumers_before_their_controllers() {
    let (mut rig, mut consumers) = consumers();
    let in_use = in_use();
    // A file of ours keeps the module; a driver's interrupt does not.
    assert_eq!(modules::unload(), Err(Errno::EWOULDBLOCK));
    let (buttons, level, edge, users) = in_use;
    drop(users);
    assert_controller_goes_last(|| modules::unload().unwrap());
    assert!(buttons.poll(PATIENCE).contains(PollFlags::POLLERR));
    drop((buttons, level, edge));
    drop(consumers._overlay.take());
    modules::load();
    drop(consumers);
    let _demo = demo();
    rig.interrupt_once();
}
