// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the demo fabric usable, as one would by hand: load the modules, apply the overlay, wait for the devices.

use std::time::Duration;

use crate::error::Result;
use crate::guest::{Command, Guest};

/// The pins and windows that the demo overlay makes.
const DEVICES: &[&str] = &[
    "/dev/axirq/btns_gpio/ip2intc_irpt",
    "/dev/axirq/switches_gpio/ip2intc_irpt",
    "/dev/axirq/axi_timer_0/interrupt",
    "/dev/axirq/leds_gpio/regs",
];

/// What a person would type, line by line. Kernels that can apply overlays themselves need no module for it.
pub const STEPS: &[&str] = &[
    "[ -d /sys/kernel/config/device-tree/overlays ] || insmod /lib/axirq/axirq_overlay.ko",
    "insmod /lib/axirq/axirq.ko of_id=xlnx,xps-gpio-1.00.a:xlnx,xps-timer-1.00.a",
    "mkdir /sys/kernel/config/device-tree/overlays/demo",
    "cat /lib/firmware/axirq-demo.dtbo > /sys/kernel/config/device-tree/overlays/demo/dtbo",
    // configfs does not tell the writer of a binary file.
    "grep -qx applied /sys/kernel/config/device-tree/overlays/demo/status",
];

const STEP: Duration = Duration::from_secs(30);
/// The kernel probes consumers of an interrupt after their controller, when it has the time.
const PROBE: Duration = Duration::from_secs(30);

/// Performs the steps, telling each before it is done.
pub fn bring_up(guest: &Guest, mut on_step: impl FnMut(&str)) -> Result<()> {
    for step in STEPS {
        on_step(step);
        guest.check(shell(step))?;
    }
    DEVICES
        .iter()
        .try_for_each(|device| guest.wait_path(device, PROBE))
}

/// A line for the guest's shell.
pub fn shell(line: &str) -> Command {
    Command::new(["/bin/sh", "-c", line], STEP)
}
