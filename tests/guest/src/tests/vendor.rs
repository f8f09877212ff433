// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overlays as the vendor's generators write them, unmodified: what binds, by which way, and what an IP core offers
//! while it is bound, however often that changes.

use std::fs;
use std::path::Path;

use axirq::Interrupt;
use axirq::Mmio;
use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::child::Child;
use crate::rig::drivers::bind;
use crate::rig::drivers::hand_over;
use crate::rig::drivers::unbind;
use crate::rig::kernel_log::announce;
use crate::rig::line_file::LineFile;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::until;

crate::tests![
    overlay_of_the_device_tree_generator_binds_unmodified,
    overlay_of_the_system_device_tree_generator_binds_unmodified,
    clocks_of_each_core_run_while_it_is_bound,
    cores_are_unbound_and_bound_while_they_are_in_use,
    core_waits_for_a_clock_without_a_driver,
];

const DRIVER: &str = "axirq";

/// Bound by a compatible in `of_id=`.
const BUTTONS: &str = "10001000.gpio";
/// Bound by `driver_override`.
const ACCELERATOR: &str = "10005000.TopLevel";
const DMA: &str = "10060000.dma";
const MEMORY: &str = "10040000.axi_bram_ctrl";

fn bind_by_override(device: &str) {
    hand_over(device, DRIVER).unwrap_or_else(|error| panic!("{device}: {error}"));
}

fn apply(name: &str) -> Overlay {
    // Of firmware-name and resets, which it puts into a node of the base tree; any kernel says so of such overlays.
    announce("OF: overlay: WARNING: memory leak will occur if overlay removed");
    Overlay::apply(name)
}

/// The generator's overlay, with what `of_id=` binds.
fn generated() -> (Rig, Overlay) {
    let rig = Rig::new();
    let overlay = apply("vendor-dtg");
    for node in [
        "axi_intc_0/7",
        "btns_gpio/ip2intc_irpt",
        "trace_analyzer_axi_timer/interrupt",
    ] {
        paths::wait_for_node(node);
    }
    (rig, overlay)
}

/// The names below `/dev/axirq/CELL`.
fn nodes(cell: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(paths::node(cell))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The buttons' own interrupt, through the registers of the core.
async fn press_interrupts(rig: &mut Rig, cell: &str) {
    const GIER: usize = 0x11c;
    const ISR: usize = 0x120;
    const IER: usize = 0x128;

    let registers = Mmio::open(cell).unwrap();
    registers.write32(GIER, 1 << 31).unwrap();
    registers.write32(IER, 1).unwrap();
    let interrupt = Interrupt::open(&format!("{cell}/ip2intc_irpt")).unwrap();
    for press in [true, false] {
        let (woken, ()) = tokio::join!(event(&interrupt), async {
            match press {
                true => rig.fabric.press("btns_gpio", 0).unwrap(),
                false => rig.fabric.release("btns_gpio", 0).unwrap(),
            }
        });
        assert_eq!(woken.count, 1);
        assert_eq!(registers.read32(ISR).unwrap(), 1);
        registers.write32(ISR, 1).unwrap();
    }
    registers.write32(IER, 0).unwrap();
}

async fn raw_input_interrupts(rig: &mut Rig, pin: &str, input: u32) {
    let interrupt = Interrupt::open(pin).unwrap();
    let (woken, ()) = tokio::join!(event(&interrupt), async { rig.fabric.raise_input(input) });
    assert_eq!(woken.count, 1, "{pin}");
    rig.fabric.lower_input(input);
}

fn overlay_of_the_device_tree_generator_binds_unmodified() {
    let (mut rig, overlay) = generated();
    // Nobody has said that these are for user space.
    for cell in ["accel_TopLevel_0", "axi_dma", "iop_pmoda_mb_bram_ctrl"] {
        assert!(!has_nodes(cell), "{cell}");
    }
    [ACCELERATOR, DMA, MEMORY].map(bind_by_override);
    for (cell, expected) in [
        ("btns_gpio", &["ip2intc_irpt", "regs"] as &[_]),
        ("trace_analyzer_axi_timer", &["interrupt", "regs"]),
        ("accel_TopLevel_0", &["interrupt", "regs", "regs1"]),
        ("axi_dma", &["mm2s_introut", "regs", "s2mm_introut"]),
        ("iop_pmoda_mb_bram_ctrl", &["regs"]),
    ] {
        assert_eq!(nodes(cell), expected, "{cell}");
    }
    for (pin, hwirq, trigger) in [
        ("accel_TopLevel_0/interrupt", "7", "level"),
        ("axi_dma/mm2s_introut", "4", "level"),
        ("axi_dma/s2mm_introut", "5", "edge"),
    ] {
        assert_eq!(attribute(pin, "hwirq"), hwirq, "{pin}");
        assert_eq!(attribute(pin, "trigger"), trigger, "{pin}");
        assert_eq!(attribute(pin, "controller"), "axi_intc_0", "{pin}");
    }
    assert_eq!(attribute("iop_pmoda_mb_bram_ctrl/regs", "size"), "0x10000");
    run(async {
        press_interrupts(&mut rig, "btns_gpio").await;
        raw_input_interrupts(&mut rig, "accel_TopLevel_0/interrupt", 7).await;
        raw_input_interrupts(&mut rig, "axi_dma/mm2s_introut", 4).await;
        raw_input_interrupts(&mut rig, "axi_dma/s2mm_introut", 5).await;
    });
    overlay.remove();
    assert!(!Path::new("/dev/axirq").exists());
}

fn overlay_of_the_system_device_tree_generator_binds_unmodified() {
    const FILTER: &str = "10006000.conv_filter";
    let mut rig = Rig::new();
    let overlay = apply("vendor-sdt");
    for node in [
        "system_interrupts/7",
        "iop_pmod0_btns/ip2intc_irpt",
        "axi_timer_1/interrupt",
    ] {
        paths::wait_for_node(node);
    }
    // A hierarchy of the block design, as PYNQ writes it.
    let nested = Interrupt::open("iop/pmod0/btns/ip2intc_irpt").unwrap();
    assert_eq!(nested.pin(), "iop_pmod0_btns/ip2intc_irpt");
    drop(nested);
    bind_by_override(FILTER);
    // The instance's name goes before the label.
    assert_eq!(nodes("conv-filter.0"), ["interrupt", "regs"]);
    assert_eq!(attribute("conv-filter.0/interrupt", "trigger"), "edge");
    run(async {
        press_interrupts(&mut rig, "iop_pmod0_btns").await;
        raw_input_interrupts(&mut rig, "conv-filter.0/interrupt", 3).await;
    });
    overlay.remove();
    assert!(!Path::new("/dev/axirq").exists());
}

/// How many users a clock has that want it to run.
fn users(clock: &str) -> u32 {
    let path = format!("/sys/kernel/debug/clk/{clock}/clk_enable_count");
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.trim_end().parse().unwrap()
}

fn clocks_of_each_core_run_while_it_is_bound() {
    const FIRMWARE: &str = "zynqmp-clk";
    let (_rig, overlay) = generated();
    let both = || (users(FIRMWARE), users("misc_clk_1"));
    // The controller and the buttons; the timer.
    assert_eq!(both(), (2, 1));
    bind_by_override(ACCELERATOR);
    assert_eq!(both(), (3, 2));
    bind_by_override(DMA);
    // Its three are two.
    assert_eq!(both(), (4, 4));
    bind_by_override(MEMORY);
    assert_eq!(both(), (5, 4));
    // However it is used.
    let file = LineFile::open("axi_dma/s2mm_introut");
    let window = Mmio::open("axi_dma").unwrap();
    unbind(DRIVER, DMA);
    assert_eq!(both(), (4, 2));
    drop((file, window));
    unbind(DRIVER, ACCELERATOR);
    bind(DRIVER, ACCELERATOR).unwrap();
    assert_eq!(both(), (4, 2));
    // With a clock of its own, which goes with it.
    overlay.remove();
    assert_eq!(users(FIRMWARE), 0);
    assert!(!Path::new("/sys/kernel/debug/clk/misc_clk_1").exists());

    // One that is a multiple of another keeps that one running.
    let overlay = apply("vendor-sdt");
    paths::wait_for_node("system_interrupts/7");
    paths::wait_for_node("axi_timer_1/interrupt");
    paths::wait_for_node("iop_pmod0_btns/ip2intc_irpt");
    assert_eq!(both(), (3, 1));
    overlay.remove();
    assert_eq!(users(FIRMWARE), 0);
}

/// A child that has mapped a core's registers; let go on, it ends by the signal of its next access.
fn mapped(cell: &'static str) -> Child {
    let mut child = Child::start(move |parent| {
        let registers = Mmio::open(cell).unwrap();
        registers.read32(0).unwrap();
        parent.ready();
        parent.wait_for_go();
        i32::from(registers.read32(0).is_ok())
    });
    child.wait_until_ready();
    child
}

fn cores_are_unbound_and_bound_while_they_are_in_use() {
    let (mut rig, _overlay) = generated();
    bind_by_override(ACCELERATOR);
    for round in 0..12 {
        for (device, cell, pin, input) in [
            (BUTTONS, "btns_gpio", "btns_gpio/ip2intc_irpt", 0),
            (
                ACCELERATOR,
                "accel_TopLevel_0",
                "accel_TopLevel_0/interrupt",
                7,
            ),
        ] {
            let open = LineFile::open(pin);
            let waiting = LineFile::open(pin);
            waiting.arm().unwrap();
            let page = waiting.page();
            let before = page.snapshot().sequence;
            // Every other time an interrupt has come that nobody has looked at.
            if round % 2 == 1 {
                rig.fabric.raise_input(input);
                waiting.wait();
            }
            let user = (round % 4 == 0).then(|| mapped(cell));
            unbind(DRIVER, device);
            assert!(!has_nodes(cell), "{cell}");
            for file in [&open, &waiting] {
                assert_eq!(file.arm(), Err(Errno::ENODEV), "{cell}");
                assert!(!file.poll(PATIENCE).is_empty(), "{cell}");
            }
            if let Some(mut user) = user {
                user.go_on();
                let pid = user.pid();
                let died = WaitStatus::Signaled(pid, Signal::SIGBUS, false);
                assert_eq!(user.end(), died, "{cell}");
            }
            assert!(!rig.fabric.is_enabled(input), "{cell}");
            bind(DRIVER, device).unwrap();
            paths::wait_for_node(pin);
            // What is open knows nothing of the new one, and the new one nothing of the old.
            assert_eq!(open.arm(), Err(Errno::ENODEV));
            assert_eq!(page.snapshot().sequence, before + round % 2);
            let again = LineFile::open(pin);
            assert_eq!(again.arm(), Ok(0));
            rig.fabric.raise_input(input);
            again.wait();
            assert_eq!(again.read_count(), Ok(1));
            rig.fabric.lower_input(input);
        }
    }
}

fn core_waits_for_a_clock_without_a_driver() {
    let mut rig = Rig::new();
    let overlay = Overlay::apply("clockless-ip");
    paths::wait_for_node("axi_intc_0/7");
    let deferred = || fs::read_to_string("/sys/kernel/debug/devices_deferred").unwrap();
    until("the core to wait", || deferred().contains("10007000.core"));
    assert!(!has_nodes("clockless"));
    // It says nothing of its own, and stands in nobody's way.
    assert_eq!(rig.log.count("axirq 10007000.core"), 0);
    rig.interrupt_once();
    overlay.remove();
    assert!(!deferred().contains("10007000.core"));
}
