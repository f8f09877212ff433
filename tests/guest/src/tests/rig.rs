// SPDX-License-Identifier: MIT OR Apache-2.0
//! What every test stands on: modules that are loaded, overlays, the fabric's control, the kernel's log. A [`Rig`] is
//! made first and takes away whatever an earlier test may have left.

pub mod child;
pub mod drivers;
pub mod fabric;
pub mod gpio_chip;
pub mod heap;
pub mod kernel_log;
pub mod line_file;
pub mod modules;
pub mod overlay;
pub mod paths;
pub mod random;
pub mod ring;
pub mod syscalls;
pub mod tasks;
pub mod trace;
pub mod uevents;
pub mod uio;

use std::fs;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use fabric::Fabric;
use kernel_log::KernelLog;
use line_file::LineFile;
use overlay::Overlay;

/// Longer than anything that has to happen ever takes, on an emulated board on a busy host.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// How long nothing must happen for "it does not happen". An interrupt takes a tenth of it even on a busy host.
pub const QUIET: Duration = Duration::from_millis(400);

/// A level input of `axi_intc_0` that nothing in the fabric drives.
pub const LEVEL: &str = "axi_intc_0/4";
/// An edge input of the same kind.
pub const EDGE: &str = "axi_intc_0/3";
/// Another one.
pub const EDGE_TOO: &str = "axi_intc_0/5";

/// The inputs' numbers.
pub const LEVEL_INPUT: u32 = 4;
pub const EDGE_INPUT: u32 = 3;
pub const EDGE_TOO_INPUT: u32 = 5;

pub struct Rig {
    pub fabric: Fabric,
    pub log: KernelLog,
}

impl Rig {
    /// Modules loaded, no overlay applied.
    pub fn new() -> Self {
        // From here on, so that what loading says is old.
        modules::load();
        overlay::remove_leftovers();
        Self {
            fabric: Fabric::open(),
            log: KernelLog::from_now(),
        }
    }

    /// One edge to one waiter: all is well.
    pub fn interrupt_once(&mut self) {
        self.interrupt_once_on(EDGE, EDGE_INPUT);
    }

    pub fn interrupt_once_on(&mut self, pin: &str, input: u32) {
        let file = LineFile::open(pin);
        file.arm_by_read();
        self.fabric.pulse_input(input);
        file.wait();
        assert_eq!(file.read_count(), Ok(1));
    }

    /// With the demo overlay applied and all its nodes there.
    pub fn with_demo() -> (Self, Overlay) {
        Self::with(demo)
    }

    /// With an overlay applied.
    pub fn with(apply: fn() -> Overlay) -> (Self, Overlay) {
        let rig = Self::new();
        let overlay = apply();
        (rig, overlay)
    }
}

/// Applies the demo overlay and waits for its devices.
pub fn demo() -> Overlay {
    let demo = Overlay::apply("axirq-demo");
    wait_for_demo();
    demo
}

/// Applies the overlay `parts` and waits for its devices.
pub fn parts() -> Overlay {
    let parts = Overlay::apply("parts");
    for node in [
        "axi_intc_parts/2",
        "gpio_edge/ip2intc_irpt",
        "gpio_level/ip2intc_irpt",
        "timer_edge/interrupt",
    ] {
        paths::wait_for_node(node);
    }
    parts
}

/// Waits until all devices of the demo overlay are bound. They are probed one by one: who removes the overlay meanwhile
/// takes their properties from under a probe, which says so in the log.
pub fn wait_for_demo() {
    for node in [
        "axi_intc_0/7",
        "btns_gpio/ip2intc_irpt",
        "switches_gpio/ip2intc_irpt",
        "leds_gpio/regs",
        "axi_timer_0/interrupt",
    ] {
        paths::wait_for_node(node);
    }
}

/// What the kernel says of a pin in `/sys/class/axirq`.
pub fn attribute(pin: &str, attribute: &str) -> String {
    let path = format!("/sys/class/axirq/{}/{attribute}", pin.replace('/', "!"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.trim_end().to_owned()
}

/// Waits until a pin's `state` is this one. Nothing tells of its changes, so it is asked again and again.
pub fn wait_for_state(pin: &str, state: &str) {
    until(&format!("{pin} to be {state}"), || {
        attribute(pin, "state") == state
    });
}

/// Waits until a pin has had as many interrupts.
pub fn wait_for_count(pin: &str, count: u64) {
    until(&format!("{pin} to count {count}"), || {
        attribute(pin, "count") == count.to_string()
    });
}

/// Ends a test that needs what this kernel lacks. Some kernel of `make test` has to have it.
pub fn skip(reason: &str) -> ! {
    println!("@skip {reason}");
    process::exit(0);
}

/// Whether this kernel checks everything it does, and takes its time for it.
pub fn is_debug_kernel() -> bool {
    Path::new("/sys/kernel/debug/kmemleak").exists()
}

/// Waits for what nothing tells of.
pub fn until(what: &str, condition: impl FnMut() -> bool) {
    until_within(what, PATIENCE, condition);
}

pub fn until_within(what: &str, patience: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience, "waited {patience:?} for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}
