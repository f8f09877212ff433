// SPDX-License-Identifier: MIT OR Apache-2.0
//! A controller as any other of the kernel's: where its interrupts are handled, what becomes of them between two holders
//! and over a sleep of the system.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::skip;

crate::tests![
    edge_in_flight_at_the_last_close_reaches_nobody,
    controller_moves_to_another_cpu_with_its_lines,
    lines_outlive_a_sleep_of_the_system,
    lines_outlive_a_sleep_that_cost_the_fabric_its_power,
];

fn edge_in_flight_at_the_last_close_reaches_nobody() {
    let (mut rig, _demo) = Rig::with_demo();
    for _ in 0..60 {
        let file = LineFile::open(EDGE);
        file.set_mode(CONTINUOUS).unwrap();
        rig.fabric
            .train("axi_intc_0", EDGE_INPUT, 1_000_000)
            .unwrap();
        file.wait();
        // Closed in the midst of it; the one that came last waits, latched.
        drop(file);
        rig.fabric.reset().unwrap();
        let file = LineFile::open(EDGE);
        file.arm_by_read();
        assert!(file.poll(Duration::from_millis(20)).is_empty());
    }
    let file = LineFile::open(EDGE);
    file.arm().unwrap();
    file.assert_quiet();
    drop(file);
    rig.interrupt_once();
}

/// The line of `/proc/interrupts` that ends in this name: the interrupt, and how often it came on each CPU.
fn counted(name: &str) -> Option<(u32, Vec<u64>)> {
    let text = fs::read_to_string("/proc/interrupts").unwrap();
    let line = text
        .lines()
        .find(|line| line.split_whitespace().last() == Some(name))?;
    let (irq, rest) = line.split_once(':').unwrap();
    let counts = rest.split_whitespace().map_while(|word| word.parse().ok());
    Some((irq.trim().parse().unwrap(), counts.collect()))
}

fn controller_moves_to_another_cpu_with_its_lines() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    let (line, _) = counted("axi_intc_0:3").expect("a line by its pin");
    let (output, before) = counted("axi_intc_0").expect("a controller by its cell");
    if before.len() < 2 {
        skip("needs a kernel for several CPUs");
    }
    assert_eq!(attribute(EDGE, "irq"), line.to_string());
    // A line has no CPU of its own.
    assert!(fs::write(format!("/proc/irq/{line}/smp_affinity"), "2").is_err());
    for cpu in [1, 0, 1] {
        fs::write(
            format!("/proc/irq/{output}/smp_affinity"),
            (1 << cpu).to_string(),
        )
        .unwrap();
        // What is under way may still come to the old one.
        file.arm().unwrap();
        rig.fabric.pulse_input(EDGE_INPUT);
        file.wait();
        let (_, start) = counted("axi_intc_0:3").unwrap();
        for _ in 0..10 {
            file.arm().unwrap();
            rig.fabric.pulse_input(EDGE_INPUT);
            file.wait();
        }
        let (_, end) = counted("axi_intc_0:3").unwrap();
        assert_eq!(end[cpu], start[cpu] + 10);
        assert_eq!(end[1 - cpu], start[1 - cpu]);
    }
}

/// Puts the system to sleep as far as devices are concerned, for a second.
fn sleep() {
    const POWER: &str = "/sys/power";
    if !Path::new(POWER).join("pm_test").exists() {
        skip("needs a kernel with CONFIG_SUSPEND and CONFIG_PM_DEBUG");
    }
    fs::write("/sys/module/suspend/parameters/pm_test_delay", "1").unwrap();
    fs::write(format!("{POWER}/pm_test"), "platform").unwrap();
    fs::write(format!("{POWER}/state"), "freeze").unwrap();
    fs::write(format!("{POWER}/pm_test"), "none").unwrap();
}

fn lines_outlive_a_sleep_of_the_system() {
    let (mut rig, _demo) = Rig::with_demo();
    let (edge, level) = (LineFile::open(EDGE), LineFile::open(LEVEL));
    edge.arm().unwrap();
    level.arm().unwrap();
    sleep();
    edge.assert_quiet();
    level.assert_quiet();
    rig.fabric.pulse_input(EDGE_INPUT);
    edge.wait();
    rig.fabric.raise_input(LEVEL_INPUT);
    level.wait();
    assert_eq!((edge.read_count(), level.read_count()), (Ok(1), Ok(1)));
    rig.fabric.lower_input(LEVEL_INPUT);
    // An edge that nobody waits for is there afterwards, once.
    rig.fabric.pulse_input(EDGE_INPUT);
    sleep();
    assert_eq!(edge.read_count(), Ok(1));
    edge.arm_by_read();
    level.arm_by_read();
    level.assert_quiet();
    assert_eq!(rig.fabric.register("MER"), 3);
}

fn lines_outlive_a_sleep_that_cost_the_fabric_its_power() {
    let (mut rig, _demo) = Rig::with_demo();
    let (edge, level) = (LineFile::open(EDGE), LineFile::open(LEVEL));
    let idle = LineFile::open(EDGE_TOO);
    edge.arm().unwrap();
    level.arm().unwrap();
    rig.fabric.bus_reset().unwrap();
    assert_eq!(
        (rig.fabric.register("MER"), rig.fabric.register("IER")),
        (0, 0)
    );
    sleep();
    assert_eq!(
        (rig.fabric.register("MER"), rig.fabric.register("IER")),
        (3, (1 << EDGE_INPUT) | (1 << LEVEL_INPUT))
    );
    // Nothing to tell anybody.
    assert_eq!(rig.log.count("somebody else has written"), 0);
    rig.fabric.pulse_input(EDGE_INPUT);
    edge.wait();
    rig.fabric.raise_input(LEVEL_INPUT);
    level.wait();
    idle.assert_quiet();
}
