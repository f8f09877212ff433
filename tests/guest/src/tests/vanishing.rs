// SPDX-License-Identifier: MIT OR Apache-2.0
//! A design that vanishes in the middle of each operation of the crate: done over and over in a process of its own, it
//! ends with an error that says so; register accesses may end with `SIGBUS`. None hangs, panics, or says anything else.

use std::fs;
use std::pin::pin;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use axirq::Result;
use axirq::gpio::AxiGpio;
use axirq::list;
use axirq::list::System;
use axirq::overlay::Overlay;
use axirq::timer::AxiTimer;
use futures_core::Stream;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;

use crate::rig::EDGE;
use crate::rig::LEVEL;
use crate::rig::Rig;
use crate::rig::child::Child;
use crate::rig::demo;

crate::tests![every_operation_ends_when_its_device_vanishes];

/// Does it once more.
type Operation = Box<dyn FnMut() -> Result<()>>;

struct Case {
    name: &'static str,
    /// It touches registers, which is `SIGBUS` once they are gone.
    touches: bool,
    /// What is done before the device vanishes.
    make: fn() -> Operation,
}

const fn case(name: &'static str, make: fn() -> Operation) -> Case {
    Case {
        name,
        touches: false,
        make,
    }
}

const fn touching(name: &'static str, make: fn() -> Operation) -> Case {
    Case {
        name,
        touches: true,
        make,
    }
}

const CASES: &[Case] = &[
    case("open a pin", || {
        Box::new(|| Interrupt::open(EDGE).map(drop))
    }),
    case("open a pin and wait", || {
        Box::new(|| {
            Interrupt::open(LEVEL)?
                .blocking_wait_timeout(Duration::ZERO)
                .map(drop)
        })
    }),
    case("wait and give up", || {
        let interrupt = Interrupt::open(EDGE).unwrap();
        Box::new(move || interrupt.blocking_wait_timeout(Duration::ZERO).map(drop))
    }),
    case("arm and look", || {
        let mut interrupt = Interrupt::open(LEVEL).unwrap();
        Box::new(move || interrupt.arm()?.event().map(drop))
    }),
    case("look at the number", || {
        let interrupt = Interrupt::open(EDGE).unwrap();
        Box::new(move || interrupt.sequence().map(drop))
    }),
    case("await and drop", || {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let runtime = runtime();
        Box::new(move || runtime.block_on(async { poll_and_drop(interrupt.wait()) }))
    }),
    case("stream and drop", || {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let runtime = runtime();
        Box::new(move || {
            runtime.block_on(async {
                let mut events = pin!(interrupt.events());
                poll_and_drop(std::future::poll_fn(|context| {
                    events.as_mut().poll_next(context).map(Option::unwrap)
                }))
            })
        })
    }),
    case("list", || Box::new(list_until_it_is_empty)),
    case("look at who holds what", || {
        Box::new(|| {
            System::new().holders();
            list_until_it_is_empty()
        })
    }),
    case("look at the overlay", || {
        let overlay = Overlay::find("axirq-demo").unwrap();
        Box::new(move || {
            overlay.status()?;
            overlay.arrival().missing().map(drop)
        })
    }),
    case("open a window", || {
        Box::new(|| Mmio::open("leds_gpio").map(drop))
    }),
    touching("read a register", || {
        let window = Mmio::open("leds_gpio").unwrap();
        Box::new(move || window.read32(0).map(drop))
    }),
    touching("open a GPIO", || {
        Box::new(|| AxiGpio::open("leds_gpio").map(drop))
    }),
    touching("toggle an LED", || {
        let led = AxiGpio::open("leds_gpio").unwrap().led(1).unwrap();
        Box::new(move || led.toggle())
    }),
    touching("read wires", || {
        let wires = AxiGpio::open("switches_gpio").unwrap().channel(1).unwrap();
        let wires = wires.input(..).unwrap();
        Box::new(move || wires.read().map(drop))
    }),
    touching("wait for a button and give up", || {
        let button = AxiGpio::open("btns_gpio").unwrap().button(0).unwrap();
        Box::new(move || {
            button
                .blocking_wait_for_level_timeout(1, Duration::ZERO)
                .map(drop)
        })
    }),
    touching("open, start and stop a timer", || {
        Box::new(|| {
            let mut timer = AxiTimer::open("axi_timer_0")?;
            timer.start_periodic(Duration::from_micros(100))?;
            timer.blocking_tick_timeout(Duration::from_millis(1))?;
            timer.stop()
        })
    }),
];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn poll_and_drop<T>(wait: impl Future<Output = Result<T>>) -> Result<()> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(wait).poll(&mut context) {
        Poll::Ready(result) => result.map(drop),
        Poll::Pending => Ok(()),
    }
}

/// An empty list is no error; here it stands for one.
fn list_until_it_is_empty() -> Result<()> {
    match list::cells()?.is_empty() {
        true => Err(Error::NoOverlay),
        false => Ok(()),
    }
}

/// Whether an error says that the device, or the whole design, is not there any more.
fn says_so(error: &Error) -> bool {
    matches!(
        error,
        Error::Gone { .. }
            | Error::NoSuchPin { .. }
            | Error::NoSuchCell { .. }
            | Error::NoDeviceFile { .. }
            | Error::NoOverlay
            | Error::NoSuchOverlay { .. }
    )
}

fn every_operation_ends_when_its_device_vanishes() {
    let _rig = Rig::new();
    for held_up in [0, 3, 30] {
        let demo = demo();
        let mut children: Vec<_> = CASES
            .iter()
            .map(|case| {
                let child = Child::start(move |parent| {
                    let mut operation = (case.make)();
                    parent.ready();
                    loop {
                        if let Err(error) = operation() {
                            if says_so(&error) {
                                return 0;
                            }
                            println!("{}: {error}, {error:?}", case.name);
                            return 1;
                        }
                        // Else so many would leave the board no time for anything else.
                        thread::sleep(Duration::from_millis(1));
                    }
                });
                (case, child)
            })
            .collect();
        for (_, child) in &mut children {
            child.wait_until_ready();
        }
        thread::sleep(Duration::from_millis(held_up));
        demo.remove();
        assert!(fs::metadata("/dev/axirq").is_err());
        for (case, child) in children {
            let pid = child.pid();
            let end = child.end();
            let gone = WaitStatus::Exited(pid, 0);
            let bus_error = WaitStatus::Signaled(pid, Signal::SIGBUS, false);
            assert!(
                end == gone || case.touches && end == bus_error,
                "{}: {end:?}",
                case.name
            );
        }
    }
}
