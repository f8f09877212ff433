// SPDX-License-Identifier: MIT OR Apache-2.0
//! Storms and broken hardware: sources that never rest, interrupts with nothing pending, registers that change under the
//! driver, a fabric that is gone. The system stays responsive, and who waits is told or can leave.

use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
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
use crate::rig::kernel_log::announce;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::modules;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::random::Random;
use crate::rig::random::seeds;
use crate::rig::until;
use crate::rig::until_within;
use crate::rig::wait_for_count;
use crate::rig::wait_for_state;

crate::tests![
    stuck_level_that_nobody_waits_for_costs_one_interrupt,
    stuck_level_with_a_waiter_leaves_the_system_responsive,
    edges_at_full_speed_that_nobody_waits_for_stop_at_the_mask,
    edges_at_full_speed_into_many_files_leave_the_system_responsive,
    spurious_interrupts_wake_nobody,
    input_enabled_by_somebody_else_is_masked_again,
    lines_disabled_by_somebody_else_come_back_with_the_next_open,
    registers_written_by_somebody_else_break_nothing,
    fabric_that_vanishes_hangs_nobody,
];

const INTC: &str = "axi_intc_0";

/// What the driver says when it finds registers that it did not leave so.
const CHANGED: &str = "somebody else has written the registers";

fn sequence(file: &LineFile) -> u64 {
    file.page().snapshot().sequence
}

fn stuck_level_that_nobody_waits_for_costs_one_interrupt() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    rig.fabric.fault_stuck(INTC, LEVEL_INPUT, true).unwrap();
    thread::sleep(QUIET);
    assert_eq!(sequence(&file), 0);
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));

    file.arm().unwrap();
    file.wait();
    assert_eq!(file.read_count(), Ok(1));
    // Had, and not waited for any more.
    rig.fabric.reset_counts().unwrap();
    let fired = rig.fabric.irq().unwrap().fired;
    thread::sleep(2 * QUIET);
    assert_eq!(sequence(&file), 1);
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    assert_eq!(rig.fabric.irq().unwrap().fired, fired);
    assert!(rig.fabric.counts(INTC).unwrap().is_empty());
    rig.interrupt_once();
}

fn stuck_level_with_a_waiter_leaves_the_system_responsive() {
    const OTHERS: u64 = 50;
    const STEPS: u32 = 200;
    let (mut rig, _demo) = Rig::with_demo();
    let storm = Child::start(|_| {
        let file = LineFile::open_blocking(LEVEL);
        loop {
            // Each read waits anew, and clears nothing.
            if file.read_count() != Ok(1) {
                return 1;
            }
        }
    });
    let worker = Child::start(|_| {
        (0..STEPS).for_each(|_| thread::sleep(Duration::from_millis(1)));
        0
    });
    rig.fabric.fault_stuck(INTC, LEVEL_INPUT, true).unwrap();
    wait_for_more(LEVEL, 100);
    let other = LineFile::open(EDGE);
    for round in 1..=OTHERS {
        other.arm().unwrap();
        rig.fabric.pulse_input(EDGE_INPUT);
        other.wait();
        assert_eq!(other.read_record().unwrap().sequence, round);
    }
    let pid = worker.pid();
    assert_eq!(worker.end(), WaitStatus::Exited(pid, 0));
    // Still at it.
    wait_for_more(LEVEL, 100);
    storm.signal(Signal::SIGKILL);
    let pid = storm.pid();
    assert_eq!(
        storm.end(),
        WaitStatus::Signaled(pid, Signal::SIGKILL, false)
    );
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

/// Waits until a pin has had as many interrupts more.
fn wait_for_more(pin: &str, more: u64) {
    let count = || attribute(pin, "count").parse::<u64>().unwrap();
    let start = count();
    until(&format!("{more} more interrupts"), || {
        count() >= start + more
    });
}

fn edges_at_full_speed_that_nobody_waits_for_stop_at_the_mask() {
    const EDGES: u64 = 1_000;
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.arm().unwrap();
    rig.fabric.train(INTC, EDGE_INPUT, EDGES).unwrap();
    file.wait();
    // The second finds nobody who waits.
    wait_for_count(EDGE, 2);
    until("the mask", || !rig.fabric.is_enabled(EDGE_INPUT));
    rig.fabric.reset_counts().unwrap();
    thread::sleep(QUIET);
    assert_eq!(sequence(&file), 2);
    assert!(rig.fabric.counts(INTC).unwrap().is_empty());
    // Those that were acknowledged, and the one in the latch.
    assert_eq!(
        rig.fabric.train_status(INTC, EDGE_INPUT).unwrap().left,
        EDGES - 3
    );

    file.set_mode(CONTINUOUS).unwrap();
    let mut total = 0;
    while total < EDGES {
        file.wait();
        total += file.read_count().unwrap();
    }
    file.assert_quiet();
    assert_eq!((total, sequence(&file)), (EDGES, EDGES));
}

fn edges_at_full_speed_into_many_files_leave_the_system_responsive() {
    const EDGES: u64 = 1_000;
    const FILES: usize = 32;
    const OTHERS: u64 = 20;
    let (mut rig, _demo) = Rig::with_demo();
    let mut readers = [EDGE, EDGE_TOO].map(|pin| {
        Child::start(move |parent| {
            let files: Vec<LineFile> = (0..FILES).map(|_| LineFile::open(pin)).collect();
            files
                .iter()
                .for_each(|file| file.set_mode(CONTINUOUS).unwrap());
            parent.ready();
            for file in &files {
                let mut total = 0;
                while total < EDGES {
                    file.wait();
                    total += file.read_count().unwrap();
                }
                assert_eq!(total, EDGES);
            }
            0
        })
    });
    readers.iter_mut().for_each(Child::wait_until_ready);
    let other = LineFile::open(LEVEL);
    let inputs = [EDGE_INPUT, EDGE_TOO_INPUT];
    for input in inputs {
        rig.fabric.train(INTC, input, EDGES).unwrap();
    }
    for round in 1..=OTHERS {
        other.arm().unwrap();
        rig.fabric.raise_input(LEVEL_INPUT);
        other.wait();
        rig.fabric.lower_input(LEVEL_INPUT);
        assert_eq!(other.read_record().unwrap().sequence, round);
    }
    for input in inputs {
        until_within("the end of the train", 5 * PATIENCE, || {
            let train = rig.fabric.train_status(INTC, input).unwrap();
            train.left == 0
        });
    }
    for reader in readers {
        let pid = reader.pid();
        assert_eq!(reader.end(), WaitStatus::Exited(pid, 0));
    }
}

fn spurious_interrupts_wake_nobody() {
    const ROUNDS: u64 = 5;
    /// Enough in a row for the driver to look at its registers.
    const SPURIOUS: u64 = 40;
    let (mut rig, _demo) = Rig::with_demo();
    let (edge, level) = (LineFile::open(EDGE), LineFile::open(LEVEL));
    for round in 1..=ROUNDS {
        edge.arm().unwrap();
        level.arm().unwrap();
        rig.fabric.reset_counts().unwrap();
        for number in 1..=SPURIOUS {
            rig.fabric.fault_irq(true).unwrap();
            until("the handler", || rig.fabric.accesses("ISR").0 >= number);
            rig.fabric.fault_irq(false).unwrap();
        }
        edge.assert_quiet();
        assert_eq!(level.poll(Duration::ZERO), PollFlags::empty());
        let counts = rig.fabric.counts(INTC).unwrap();
        assert!(counts.values().all(|count| count.w == 0), "{counts:?}");
        rig.fabric.pulse_input(EDGE_INPUT);
        edge.wait();
        assert_eq!((sequence(&edge), sequence(&level)), (round, 0));
    }
    for complaint in [CHANGED, "shut off"] {
        assert_eq!(rig.log.count(complaint), 0);
    }
}

fn input_enabled_by_somebody_else_is_masked_again() {
    let (mut rig, _demo) = Rig::with_demo();
    let edge = LineFile::open(EDGE);
    edge.arm().unwrap();
    let enabled = rig.fabric.register("IER");
    // A level that nobody waits for, and never falls.
    rig.fabric.raise_input(LEVEL_INPUT);
    for round in 1..=3 {
        rig.fabric.poke(INTC, "SIE", 1 << LEVEL_INPUT).unwrap();
        until("the mask", || rig.fabric.register("IER") == enabled);
        rig.log.expect(CHANGED);
        until("the wire to fall", || rig.fabric.irq().unwrap().level == 0);
        assert_eq!(rig.log.count(CHANGED), round);
    }
    rig.fabric.pulse_input(EDGE_INPUT);
    edge.wait();
    assert_eq!(edge.read_count(), Ok(1));
    assert_eq!(attribute(LEVEL, "count"), "0");
}

fn lines_disabled_by_somebody_else_come_back_with_the_next_open() {
    let (mut rig, _demo) = Rig::with_demo();
    let edge = LineFile::open(EDGE);
    edge.set_mode(CONTINUOUS).unwrap();
    let level = LineFile::open(LEVEL);
    for (round, disable) in [
        (|rig| rig.fabric.poke(INTC, "IER", 0)) as fn(&mut Rig) -> _,
        |rig| rig.fabric.poke(INTC, "CIE", u32::MAX),
        |rig| rig.fabric.poke(INTC, "MER", 0),
        |rig| rig.fabric.bus_reset(),
    ]
    .into_iter()
    .enumerate()
    {
        level.arm().unwrap();
        disable(&mut rig).unwrap();
        // Nothing tells of it, and nothing comes.
        rig.fabric.pulse_input(EDGE_INPUT);
        rig.fabric.raise_input(LEVEL_INPUT);
        edge.assert_quiet();
        assert_eq!(rig.log.count(CHANGED), round);
        // Not even what is latched is lost once somebody looks.
        drop(LineFile::open(EDGE_TOO));
        rig.log.expect(CHANGED);
        edge.wait();
        assert_eq!(edge.read_count(), Ok(1));
        level.wait();
        rig.fabric.lower_input(LEVEL_INPUT);
        assert_eq!(level.read_count(), Ok(1));
        assert_eq!(rig.log.count(CHANGED), round + 1);
    }
    rig.interrupt_once_on(EDGE_TOO, EDGE_TOO_INPUT);
}

fn registers_written_by_somebody_else_break_nothing() {
    let (mut rig, _demo) = Rig::with_demo();
    announce(CHANGED);
    for seed in seeds() {
        println!("seed {seed}");
        write_registers(&mut rig, &mut Random::new(seed));
    }
}

/// Leaves everything working.
fn write_registers(rig: &mut Rig, random: &mut Random) {
    const POKES: u32 = 300;
    let files = [EDGE, EDGE_TOO, LEVEL].map(LineFile::open);
    files[1].set_mode(CONTINUOUS).unwrap();
    for _ in 0..POKES {
        let register = *random.pick(&["ISR", "IER", "IAR", "SIE", "CIE", "MER"]);
        let value = random.next() as u32;
        rig.fabric.poke(INTC, register, value).unwrap();
        match random.below(6) {
            0 => rig.fabric.pulse_input(EDGE_INPUT),
            1 => rig.fabric.pulse_input(EDGE_TOO_INPUT),
            2 => rig.fabric.raise_input(LEVEL_INPUT),
            3 => rig.fabric.lower_input(LEVEL_INPUT),
            4 => drop(LineFile::open("axi_intc_0/7")),
            _ => {}
        }
        // Whatever has come or not: each call has an answer.
        for file in &files {
            assert!(matches!(file.read_count(), Ok(_) | Err(Errno::EAGAIN)));
        }
    }
    rig.fabric.lower_input(LEVEL_INPUT);
    // Whoever opens a line makes all of them work again.
    drop(LineFile::open("axi_intc_0/7"));
    drop(files);
    rig.interrupt_once();
    let level = LineFile::open(LEVEL);
    level.arm().unwrap();
    rig.fabric.raise_input(LEVEL_INPUT);
    level.wait();
    rig.fabric.lower_input(LEVEL_INPUT);
}

fn fabric_that_vanishes_hangs_nobody() {
    println!("@reboot");
    let (mut rig, demo) = Rig::with_demo();
    let mut sleeper = Child::start(|parent| {
        let file = LineFile::open_blocking(LEVEL);
        file.arm().unwrap();
        parent.ready();
        loop {
            // A last look at a bus that reads all ones may say that it fired.
            if let Err(error) = file.read_count() {
                return error as i32;
            }
        }
    });
    let mut reader = Child::start(|parent| {
        let window = axirq::Mmio::open("btns_gpio").unwrap();
        parent.ready();
        loop {
            window.read32(0).unwrap();
        }
    });
    sleeper.wait_until_ready();
    reader.wait_until_ready();
    wait_for_state(LEVEL, "armed");
    let edge = LineFile::open(EDGE);
    edge.set_mode(CONTINUOUS).unwrap();
    let window = LineFile::open("leds_gpio/regs");
    let map = window
        .map(4096, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, 0)
        .unwrap();
    rig.fabric.train(INTC, EDGE_INPUT, 1_000_000).unwrap();
    edge.wait();

    rig.fabric.fault_vanish().unwrap();
    // Who asks gets an answer.
    thread::sleep(QUIET);
    let _ = edge.read_count();
    until("the last edge", || edge.read_count() == Err(Errno::EAGAIN));
    assert_eq!(edge.poll(QUIET), PollFlags::empty());
    edge.arm().unwrap();
    edge.disarm().unwrap();
    // Who opens one more line is told in the log.
    let late = LineFile::open(EDGE_TOO);
    rig.log.expect("the bus reads all ones: no line");
    late.arm_by_read();
    late.assert_quiet();
    // Who waits can be ended.
    for child in [sleeper, reader] {
        child.signal(Signal::SIGKILL);
        let pid = child.pid();
        assert_eq!(
            child.end(),
            WaitStatus::Signaled(pid, Signal::SIGKILL, false)
        );
    }
    drop((edge, late, window, map));
    demo.remove();
    assert!(!has_nodes(INTC));
    modules::unload().unwrap();
    modules::load();
    // A controller alone: cores behind it would be probed again and again, and removed in the midst of it.
    let dead = Overlay::apply("bare-controller");
    rig.log.expect("the bus reads all ones: is the bitstream");
    dead.remove();
}
