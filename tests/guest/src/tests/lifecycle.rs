// SPDX-License-Identifier: MIT OR Apache-2.0
//! Modules, overlays and drivers come and go, in any order and many times.

use std::fs;

use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use nix::errno::Errno;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::Rig;
use crate::rig::demo;
use crate::rig::drivers::bind;
use crate::rig::drivers::hand_over;
use crate::rig::drivers::unbind;
use crate::rig::is_debug_kernel;
use crate::rig::kernel_log::announce;
use crate::rig::line_file::LineFile;
use crate::rig::modules;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::tasks::settle;
use crate::rig::tasks::soon;
use crate::rig::wait_for_demo;

crate::tests![
    overlay_comes_and_goes_again_and_again,
    open_file_holds_the_module,
    open_window_holds_the_module,
    unloaded_module_comes_back_clean,
    module_unloaded_under_an_overlay_binds_again_when_loaded,
    file_of_a_removed_device_holds_the_module,
    controller_unbound_under_waiters_and_bound_again,
    ip_core_unbound_under_a_waiter_and_bound_again,
    ip_core_is_bound_by_driver_override,
    unbinding_quiesces_the_controller,
    clocks_run_while_devices_are_bound,
];

const INTC_DRIVER: &str = "axirq-intc";
const IP_DRIVER: &str = "axirq";
const INTC: &str = "10000000.interrupt-controller";
const BUTTONS: &str = "10001000.gpio";

fn overlay_comes_and_goes_again_and_again() {
    let mut rig = Rig::new();
    // A probe that the removal overtakes finds properties gone, and says so.
    announce("axirq 1000");
    // Where everything is checked, each takes ten times as long.
    let cycles = if is_debug_kernel() { 20 } else { 200 };
    for cycle in 0..cycles {
        let demo = Overlay::apply("axirq-demo");
        match cycle % 4 {
            // Not even waiting for its devices.
            0 => {}
            1 => paths::wait_for_node("btns_gpio/ip2intc_irpt"),
            2 => {
                paths::wait_for_node(EDGE);
                rig.interrupt_once();
            }
            _ => {
                paths::wait_for_node(EDGE);
                let file = LineFile::open(EDGE);
                file.arm().unwrap();
                rig.fabric.pulse_input(EDGE_INPUT);
                // Removed with an interrupt perhaps under way.
                demo.remove();
                assert_eq!(file.arm(), Err(Errno::ENODEV));
            }
        }
    }
    let _demo = demo();
    rig.interrupt_once();
}

fn open_file_holds_the_module() {
    let (mut rig, demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    assert_eq!(modules::unload(), Err(Errno::EWOULDBLOCK));
    // The attempt has done no harm.
    file.arm_by_read();
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    drop(file);
    demo.remove();
    modules::unload().unwrap();
}

fn open_window_holds_the_module() {
    let (_rig, demo) = Rig::with_demo();
    let window = Mmio::open("leds_gpio").unwrap();
    assert_eq!(modules::unload(), Err(Errno::EWOULDBLOCK));
    drop(window);
    demo.remove();
    modules::unload().unwrap();
}

fn unloaded_module_comes_back_clean() {
    for _ in 0..5 {
        let (mut rig, demo) = Rig::with_demo();
        rig.interrupt_once();
        demo.remove();
        modules::unload().unwrap();
        assert!(!modules::is_loaded());
        assert!(!std::path::Path::new("/sys/class/axirq").exists());
    }
}

fn module_unloaded_under_an_overlay_binds_again_when_loaded() {
    let (mut rig, _demo) = Rig::with_demo();
    modules::unload().unwrap();
    assert!(!has_nodes("axi_intc_0"));
    modules::load();
    wait_for_demo();
    rig.interrupt_once();
}

fn file_of_a_removed_device_holds_the_module() {
    let (_rig, demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    demo.remove();
    assert_eq!(modules::unload(), Err(Errno::EWOULDBLOCK));
    drop(file);
    modules::unload().unwrap();
}

fn controller_unbound_under_waiters_and_bound_again() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let waits = [EDGE, "btns_gpio/ip2intc_irpt", "axi_timer_0/interrupt"].map(|pin| {
            let interrupt = Interrupt::open(pin).unwrap();
            tokio::spawn(async move { soon("to be told", interrupt.wait()).await })
        });
        settle().await;
        unbind(INTC_DRIVER, INTC);
        for wait in waits {
            assert!(matches!(wait.await.unwrap(), Err(Error::Gone { .. })));
        }
        // Who is wired to it cannot do without.
        assert!(!has_nodes("axi_intc_0") && !has_nodes("btns_gpio"));
        bind(INTC_DRIVER, INTC).unwrap();
        wait_for_demo();
        let interrupt = Interrupt::open(EDGE).unwrap();
        let (event, ()) = tokio::join!(event(&interrupt), async {
            rig.fabric.pulse_input(EDGE_INPUT)
        });
        assert_eq!(event.count, 1);
    });
}

fn ip_core_unbound_under_a_waiter_and_bound_again() {
    const PIN: &str = "btns_gpio/ip2intc_irpt";
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(PIN).unwrap();
        let wait = tokio::spawn(async move { soon("to be told", interrupt.wait()).await });
        settle().await;
        unbind(IP_DRIVER, BUTTONS);
        assert!(matches!(wait.await.unwrap(), Err(Error::Gone { .. })));
        assert!(!has_nodes("btns_gpio"));
    });
    // Its line is free for others meanwhile, and nobody else has noticed.
    drop(LineFile::open("axi_intc_0/0"));
    rig.interrupt_once();
    bind(IP_DRIVER, BUTTONS).unwrap();
    paths::wait_for_node(PIN);
    drop(LineFile::open(PIN));
}

fn ip_core_is_bound_by_driver_override() {
    let _rig = Rig::new();
    let _overlay = Overlay::apply("unknown-ip");
    paths::wait_for_node(EDGE);
    assert!(!has_nodes("strange_0"));
    hand_over("10007000.strange", IP_DRIVER).unwrap();
    paths::wait_for_node("strange_0/irq_out");
    paths::wait_for_node("strange_0/regs");
    drop(LineFile::open("strange_0/irq_out"));
}

fn unbinding_quiesces_the_controller() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.arm().unwrap();
    unbind(INTC_DRIVER, INTC);
    assert_eq!(rig.fabric.register("IER"), 0);
    // HIE, once set, stays.
    assert_eq!(rig.fabric.register("MER"), 2);
    rig.fabric.pulse_input(EDGE_INPUT);
    assert_eq!(rig.fabric.irq().unwrap().level, 0);
    bind(INTC_DRIVER, INTC).unwrap();
    wait_for_demo();
    drop(file);
    // What came while nobody drove it is old.
    let file = LineFile::open(EDGE);
    file.arm_by_read();
    file.assert_quiet();
}

fn clocks_run_while_devices_are_bound() {
    const USERS: &str = "/sys/kernel/debug/clk/misc-clk-0/clk_enable_count";
    let users = || fs::read_to_string(USERS).unwrap().trim_end().to_owned();

    let _rig = Rig::new();
    assert_eq!(users(), "0");
    let demo = demo();
    // The controller and four IP cores.
    assert_eq!(users(), "5");
    unbind(IP_DRIVER, BUTTONS);
    assert_eq!(users(), "4");
    demo.remove();
    assert_eq!(users(), "0");
}
