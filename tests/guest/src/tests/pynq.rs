// SPDX-License-Identifier: MIT OR Apache-2.0
//! What PYNQ's users report broken, by the numbers of Xilinx/PYNQ, and the cases of PYNQ's own tests of interrupts: each
//! with this crate, as they should have been.

use std::thread;
use std::time::Duration;

use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use axirq::gpio::AxiGpio;
use axirq::list::Trigger;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::EDGE_TOO_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::child::Child;
use crate::rig::demo;
use crate::rig::fabric::Fabric;
use crate::rig::overlay::Overlay;
use crate::rig::parts;
use crate::rig::paths;
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::tasks::settle;
use crate::rig::wait_for_state;

crate::tests![
    report_1315_1318_1319_no_second_interrupt_is_bogus,
    report_847_interrupted_wait_leaves_nothing_to_the_next,
    report_847_killed_program_leaves_nothing_to_the_next,
    report_964_interrupt_straight_to_the_gic_needs_no_controller,
    report_1505_284_wait_that_could_never_return_is_an_error,
    pattern_of_the_guide_hangs_on_no_input_and_handles_nothing_twice,
    simple_interrupt,
    invalidate,
    duplicate_interrupt,
    double_wait,
    two_interrupts,
    simultaneous_waits,
    direct_interrupt,
    duplicate_direct,
    invalid_pin_name,
    missing_device,
];

/// Waits and clears as PYNQ's users do: the source stands until some time after the wait has returned.
fn report_1315_1318_1319_no_second_interrupt_is_bogus() {
    const ROUNDS: u64 = 10;

    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        for round in 1..=ROUNDS {
            let raise = async { rig.fabric.raise_input(LEVEL_INPUT) };
            let (event, ()) = tokio::join!(event(&interrupt), raise);
            assert_eq!((event.count, event.sequence), (1, round));
            tokio::time::sleep(Duration::from_millis(5)).await;
            rig.fabric.lower_input(LEVEL_INPUT);
        }
        assert_quiet(&interrupt).await;
        assert_eq!(interrupt.sequence().unwrap(), ROUNDS);
    });
    let interrupt = Interrupt::open(LEVEL).unwrap();
    for round in ROUNDS + 1..=2 * ROUNDS {
        rig.fabric.raise_input(LEVEL_INPUT);
        let event = interrupt.blocking_wait_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!((event.count, event.sequence), (1, round));
        thread::sleep(Duration::from_millis(5));
        rig.fabric.lower_input(LEVEL_INPUT);
    }
    assert_eq!(interrupt.blocking_wait_timeout(QUIET).unwrap(), None);
}

/// An event loop that is stopped while its task waits, and another that goes on.
fn report_847_interrupted_wait_leaves_nothing_to_the_next() {
    let (mut rig, _demo) = Rig::with_demo();
    for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
        for _ in 0..3 {
            run(async {
                let interrupt = Interrupt::open(pin).unwrap();
                let task = tokio::spawn(async move { interrupt.wait().await.map(drop) });
                settle().await;
                assert_eq!(attribute(pin, "state"), "armed", "{pin}");
                // The loop ends here, and with it the task.
                drop(task);
            });
            assert_eq!(attribute(pin, "state"), "unused", "{pin}");
        }
        sees_each_event_once(&mut rig.fabric, pin, input);
    }
}

fn report_847_killed_program_leaves_nothing_to_the_next() {
    let (mut rig, _demo) = Rig::with_demo();
    for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
        for signal in [Signal::SIGINT, Signal::SIGKILL] {
            let child = Child::start(|_| {
                Interrupt::open(pin).unwrap().blocking_wait().unwrap();
                1
            });
            wait_for_state(pin, "armed");
            child.signal(signal);
            let pid = child.pid();
            assert_eq!(child.end(), WaitStatus::Signaled(pid, signal, false));
            assert_eq!(attribute(pin, "state"), "unused", "{pin}");
        }
        sees_each_event_once(&mut rig.fabric, pin, input);
    }
}

fn sees_each_event_once(fabric: &mut Fabric, pin: &str, input: u32) {
    run(async {
        let interrupt = Interrupt::open(pin).unwrap();
        let before = interrupt.sequence().unwrap();
        for round in 1..=3 {
            let raise = async { fabric.raise_input(input) };
            let (event, ()) = tokio::join!(event(&interrupt), raise);
            assert_eq!((event.count, event.sequence), (1, before + round), "{pin}");
            fabric.lower_input(input);
        }
        assert_quiet(&interrupt).await;
    });
}

/// A core whose interrupt has a GIC's input to itself. It is the demo's controller, taken for a core: something has to
/// drive the wire.
fn direct() -> (Overlay, Mmio) {
    const IER: usize = 0x08;
    const IAR: usize = 0x0c;
    const MER: usize = 0x1c;

    let overlay = Overlay::apply("gic-wire");
    paths::wait_for_node(DIRECT);
    let registers = Mmio::open("wire").unwrap();
    registers.write32(IER, 1 << LEVEL_INPUT).unwrap();
    registers.write32(MER, 3).unwrap();
    registers.write32(IAR, u32::MAX).unwrap();
    (overlay, registers)
}

const DIRECT: &str = "wire/irq";

/// Takes back the cause of a direct interrupt, as its driver would.
fn clear_direct(rig: &mut Rig, registers: &Mmio) {
    const IAR: usize = 0x0c;

    rig.fabric.lower_input(LEVEL_INPUT);
    registers.write32(IAR, 1 << LEVEL_INPUT).unwrap();
}

fn report_964_interrupt_straight_to_the_gic_needs_no_controller() {
    let mut rig = Rig::new();
    let (_overlay, registers) = direct();
    let interrupt = Interrupt::open(DIRECT).unwrap();
    for round in 1..=3 {
        rig.fabric.raise_input(LEVEL_INPUT);
        let event = interrupt.blocking_wait_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!((event.count, event.sequence), (1, round));
        clear_direct(&mut rig, &registers);
    }
    assert_eq!(interrupt.blocking_wait_timeout(QUIET).unwrap(), None);
}

/// Each mistake that left a program of PYNQ's waiting without a word.
fn report_1505_284_wait_that_could_never_return_is_an_error() {
    let _rig = Rig::new();
    assert!(matches!(Interrupt::open(EDGE), Err(Error::NoOverlay)));
    let overlay = demo();
    // Another pin than there is, a cell that is no interrupt, an input that the controller has not.
    for pin in ["axi_timer_0/irq", "leds_gpio/ip2intc_irpt", "axi_intc_0/9"] {
        let error = Interrupt::open(pin).unwrap_err();
        assert!(
            matches!(&error, Error::NoSuchPin { pin: named, .. } if named == pin),
            "{error}"
        );
    }
    // A wait on a core without an interrupt, and for what cannot change.
    let leds = AxiGpio::open("leds_gpio").unwrap().channel(1).unwrap();
    assert!(matches!(leds.input(..), Err(Error::FixedDirection { .. })));
    // A wait under way when its design goes.
    thread::scope(|scope| {
        let waiter = scope.spawn(|| Interrupt::open(LEVEL).unwrap().blocking_wait());
        wait_for_state(LEVEL, "armed");
        overlay.remove();
        assert!(matches!(waiter.join().unwrap(), Err(Error::Gone { .. })));
    });
}

fn simple_interrupt() {
    let (mut rig, _demo) = Rig::with_demo();
    sees_each_event_once(&mut rig.fabric, EDGE, EDGE_INPUT);
    sees_each_event_once(&mut rig.fabric, LEVEL, LEVEL_INPUT);
}

/// Another overlay takes the place of the one whose interrupt is awaited: an error, now and from then on.
fn invalidate() {
    let (mut rig, old) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let replace = async {
            wait_for_state(EDGE, "armed");
            old.remove();
            demo()
        };
        let (ended, _new) = tokio::join!(interrupt.wait(), replace);
        assert!(matches!(ended, Err(Error::Gone { .. })));
        assert!(matches!(interrupt.wait().await, Err(Error::Gone { .. })));
        let interrupt = Interrupt::open(EDGE).unwrap();
        let raise = async { rig.fabric.pulse_input(EDGE_INPUT) };
        let (event, ()) = tokio::join!(event(&interrupt), raise);
        assert_eq!((event.count, event.sequence), (1, 1));
    });
}

/// "Drain the device, then wait", with a timer that fires while it is drained, on a level input and on an edge input.
fn pattern_of_the_guide_hangs_on_no_input_and_handles_nothing_twice() {
    const TCSR0: usize = 0x00;
    const TLR0: usize = 0x04;
    const LOAD: u32 = 1 << 5;
    const TINT: u32 = 1 << 8;
    /// Counts down, again and again, with its interrupt.
    const RUN: u32 = (1 << 7) | (1 << 6) | (1 << 4) | (1 << 1);
    const CAUSES: u64 = 50;

    for (apply, cell) in [
        (demo as fn() -> Overlay, "axi_timer_0"),
        (parts, "timer_edge"),
    ] {
        let (_rig, _overlay) = Rig::with(apply);
        let timer = Mmio::open(cell).unwrap();
        let interrupt = Interrupt::open(&format!("{cell}/interrupt")).unwrap();
        let is_level = interrupt.trigger() == Trigger::Level;
        assert_eq!(is_level, cell == "axi_timer_0");
        // Two milliseconds: less than the emulated board sometimes takes for a round.
        timer.write32(TLR0, 200_000).unwrap();
        timer.write32(TCSR0, LOAD | TINT).unwrap();
        timer.write32(TCSR0, RUN).unwrap();
        let (mut handled, mut in_vain) = (0, 0);
        run(async {
            while handled < CAUSES {
                let before = handled;
                while timer.read32(TCSR0).unwrap() & TINT != 0 {
                    timer.write32(TCSR0, RUN | TINT).unwrap();
                    handled += 1;
                }
                in_vain += u64::from(handled == before);
                event(&interrupt).await;
            }
        });
        timer.write32(TCSR0, TINT).unwrap();
        // Of an edge input, the edge of a cause that was drained before the wait is kept for it.
        assert!(in_vain <= if is_level { 1 } else { handled }, "{in_vain}");
        // Each cause has made one edge at most, and a level's only while somebody waited.
        assert!(interrupt.sequence().unwrap() <= handled + 1, "{cell}");
        let last = interrupt.blocking_wait_timeout(QUIET).unwrap();
        assert!(last.is_none() || !is_level, "{cell}: {last:?}");
        assert_eq!(interrupt.blocking_wait_timeout(QUIET).unwrap(), None);
    }
}

/// Two objects of one pin.
fn duplicate_interrupt() {
    let (mut rig, _demo) = Rig::with_demo();
    let (first, second) = (
        Interrupt::open(EDGE).unwrap(),
        Interrupt::open(EDGE).unwrap(),
    );
    wakes_both(&mut rig, &first, &second, EDGE_INPUT);
}

/// One object, two waits.
fn double_wait() {
    let (mut rig, _demo) = Rig::with_demo();
    let interrupt = Interrupt::open(EDGE).unwrap();
    wakes_both(&mut rig, &interrupt, &interrupt, EDGE_INPUT);
}

fn wakes_both(rig: &mut Rig, first: &Interrupt, second: &Interrupt, input: u32) {
    run(async {
        for round in 1..=3 {
            let raise = async { rig.fabric.pulse_input(input) };
            let (a, b, ()) = tokio::join!(event(first), event(second), raise);
            assert_eq!((a.count, a.sequence), (1, round));
            assert_eq!((b.count, b.sequence), (1, round));
        }
    });
}

/// One after the other: each wakes its own.
fn two_interrupts() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let (first, second) = (
            Interrupt::open(EDGE).unwrap(),
            Interrupt::open(EDGE_TOO).unwrap(),
        );
        for _ in 0..3 {
            let raise = async { rig.fabric.pulse_input(EDGE_INPUT) };
            tokio::join!(event(&first), raise);
            assert_quiet(&second).await;
            let raise = async { rig.fabric.pulse_input(EDGE_TOO_INPUT) };
            tokio::join!(event(&second), raise);
            assert_quiet(&first).await;
        }
    });
}

/// Two pins that fire while both are awaited.
fn simultaneous_waits() {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let (first, second) = (
            Interrupt::open(EDGE).unwrap(),
            Interrupt::open(EDGE_TOO).unwrap(),
        );
        for round in 1..=3 {
            let raise = async {
                rig.fabric.pulse_input(EDGE_TOO_INPUT);
                rig.fabric.pulse_input(EDGE_INPUT);
            };
            let (a, b, ()) = tokio::join!(event(&first), event(&second), raise);
            assert_eq!((a.sequence, b.sequence), (round, round));
        }
    });
}

fn direct_interrupt() {
    let mut rig = Rig::new();
    let (_overlay, registers) = direct();
    run(async {
        let interrupt = Interrupt::open(DIRECT).unwrap();
        for round in 1..=3 {
            let raise = async { rig.fabric.raise_input(LEVEL_INPUT) };
            let (event, ()) = tokio::join!(event(&interrupt), raise);
            assert_eq!((event.count, event.sequence), (1, round));
            clear_direct(&mut rig, &registers);
        }
        assert_quiet(&interrupt).await;
    });
}

fn duplicate_direct() {
    let mut rig = Rig::new();
    let (_overlay, registers) = direct();
    run(async {
        let (first, second) = (
            Interrupt::open(DIRECT).unwrap(),
            Interrupt::open(DIRECT).unwrap(),
        );
        for round in 1..=3 {
            let raise = async { rig.fabric.raise_input(LEVEL_INPUT) };
            let (a, b, ()) = tokio::join!(event(&first), event(&second), raise);
            assert_eq!((a.sequence, b.sequence), (round, round));
            clear_direct(&mut rig, &registers);
        }
    });
}

fn invalid_pin_name() {
    let (_rig, _demo) = Rig::with_demo();
    assert!(matches!(
        Interrupt::open("axi_gpio_nowhere/ip2intc_irpt"),
        Err(Error::NoSuchPin { .. })
    ));
    assert!(matches!(
        Interrupt::open("no pin of any cell"),
        Err(Error::BadName { .. })
    ));
}

/// PYNQ's device is the one UIO device; ours are the module's and the design's.
fn missing_device() {
    let _rig = Rig::new();
    assert!(matches!(
        Interrupt::open("axi_gpio_0/ip2intc_irpt"),
        Err(Error::NoOverlay)
    ));
    crate::rig::modules::unload().unwrap();
    assert!(matches!(
        Interrupt::open("axi_gpio_0/ip2intc_irpt"),
        Err(Error::ModuleNotLoaded)
    ));
}
