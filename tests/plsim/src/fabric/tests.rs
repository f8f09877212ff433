// SPDX-License-Identifier: MIT OR Apache-2.0
//! Cells wired together: levels that travel, accesses that count, faults, and everything the bench can do.

use proptest::prelude::*;

use super::*;
use crate::models::gpio;
use crate::models::gpio::Channel;
use crate::models::gpio::Direction;
use crate::models::intc;
use crate::models::intc::Params;
use crate::protocol;
use crate::protocol::Destination;
use crate::protocol::Shape;

const INTC: u64 = 0x0000;
const CHILD: u64 = 0x1000;
const BUTTONS: u64 = 0x2000;
const LEDS: u64 = 0x3000;
const TIMER: u64 = 0x4000;
const LOW: u64 = 0x5000;

fn spec(name: &str, offset: u64, core: Core, output: impl Into<Option<Target>>) -> Spec {
    Spec {
        name: name.to_owned(),
        offset: offset as u32,
        size: 0x1000,
        core,
        outputs: output.into().map(|to| (0, to)).into_iter().collect(),
    }
}

fn to(cell: &str, input: u32) -> Target {
    Target::Input {
        cell: cell.to_owned(),
        input,
    }
}

/// An INTC (0 buttons, 1 timer, 2 child, 3 edge, 4 from an active-low INTC, 5 delayed by nobody) and friends.
fn fabric() -> Fabric {
    let parent = Params {
        kind_of_intr: 0b1000,
        kind_of_lvl: !0b1_0000,
        ..Params::new(6)
    };
    let child = Params {
        irq_is_level: false,
        ..Params::new(2)
    };
    let low = Params {
        irq_active: false,
        ..Params::new(2)
    };
    let buttons = Channel::new(4, Direction::Inputs);
    let leds = Channel::new(4, Direction::Outputs);
    let clock = timer::Params {
        width: 32,
        one_timer_only: false,
        clock_hz: 1_000_000,
    };
    let specs = vec![
        spec("intc", INTC, Core::Intc(Intc::new(parent)), Target::Ps),
        spec("child", CHILD, Core::Intc(Intc::new(child)), to("intc", 3)),
        spec(
            "buttons",
            BUTTONS,
            Core::Gpio(Gpio::new(buttons, None, true)),
            to("intc", 0),
        ),
        spec("leds", LEDS, Core::Gpio(Gpio::new(leds, None, false)), None),
        spec(
            "timer",
            TIMER,
            Core::Timer(Timer::new(clock)),
            to("intc", 1),
        ),
        spec("low", LOW, Core::Intc(Intc::new(low)), to("intc", 4)),
    ];
    Fabric::new(0x1_0000, specs, Intx::new(0)).unwrap()
}

fn write(fabric: &mut Fabric, offset: u64, value: u32) {
    fabric.window_write(offset, &value.to_le_bytes());
}

fn read(fabric: &mut Fabric, offset: u64) -> u32 {
    let mut data = [0; 4];
    fabric.window_read(offset, &mut data);
    u32::from_le_bytes(data)
}

fn enable(fabric: &mut Fabric, intc: u64, bits: u32) {
    write(fabric, intc + u64::from(intc::MER), 3);
    write(fabric, intc + u64::from(intc::IAR), u32::MAX);
    write(fabric, intc + u64::from(intc::IER), bits);
}

const IAR: u64 = intc::IAR as u64;
const IPR: u64 = intc::IPR as u64;

#[test]
fn button_reaches_the_ps_through_gpio_and_intc() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b1);
    write(&mut fabric, BUTTONS + u64::from(gpio::GIER), u32::MAX);
    write(&mut fabric, BUTTONS + u64::from(gpio::IP_IER), 1);
    fabric.press("buttons", 2, 1, true).unwrap();
    assert_eq!(read(&mut fabric, BUTTONS), 0b100);
    assert_eq!(read(&mut fabric, INTC + IPR), 0b1);
    assert_eq!((fabric.irq().level, fabric.irq().raised), (1, 1));
    write(&mut fabric, BUTTONS + u64::from(gpio::IP_ISR), 1);
    write(&mut fabric, INTC + IAR, 1);
    assert_eq!((fabric.irq().level, fabric.irq().raised), (0, 1));
}

#[test]
fn pulse_of_a_child_is_an_edge_at_its_parent() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b1000);
    enable(&mut fabric, CHILD, 0b11);
    fabric.pulse("child", 1).unwrap();
    assert_eq!(read(&mut fabric, INTC + IPR), 0b1000);
    assert_eq!(fabric.input_status("intc", 3).unwrap().raised, 1);
    assert_eq!(fabric.input_status("intc", 3).unwrap().level, 0);
}

#[test]
fn active_low_output_into_active_low_input_idles_inactive() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b1_0000);
    assert_eq!(read(&mut fabric, INTC), 0);
    assert_eq!(fabric.input_status("intc", 4).unwrap().level, 1);
    enable(&mut fabric, LOW, 0b1);
    fabric.drive_input("low", 0, true).unwrap();
    assert_eq!(fabric.input_status("intc", 4).unwrap().level, 0);
    assert_eq!(read(&mut fabric, INTC + IPR), 0b1_0000);
}

#[test]
fn timer_fires_at_its_deadline_and_not_before() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b10);
    write(&mut fabric, TIMER + 4, 9);
    write(&mut fabric, TIMER, timer::LOAD);
    write(&mut fabric, TIMER, timer::UDT | timer::ENT | timer::ENIT);
    assert_eq!(fabric.next_deadline(), Some(10_000));
    fabric.advance(9_999);
    assert_eq!(fabric.irq().level, 0);
    fabric.advance(25_000);
    assert_eq!(fabric.irq().level, 1);
    let events = fabric.take_events();
    assert_eq!(
        events,
        [Event::Irq { us: 10, irq: 1 }],
        "dated when it was due"
    );
    assert_eq!(fabric.next_deadline(), None);
}

#[test]
fn who_cannot_keep_pace_stops_at_what_was_due() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b10);
    write(&mut fabric, TIMER + 4, 9);
    write(&mut fabric, TIMER, timer::LOAD);
    write(&mut fabric, TIMER, timer::UDT | timer::ENT | timer::ENIT);
    assert_eq!(fabric.advance_while(5_000, || false), 5_000, "nothing due");
    assert_eq!(fabric.advance_while(50_000, || false), 5_000);
    assert_eq!(
        (fabric.irq().level, fabric.next_deadline()),
        (0, Some(10_000))
    );
    assert_eq!(fabric.advance_while(50_000, || true), 50_000);
    assert_eq!(fabric.irq().level, 1);
}

#[test]
fn train_sends_the_next_pulse_from_the_acknowledge() {
    const PULSES: u64 = 100_000;
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b1000);
    fabric.train("intc", 3, PULSES).unwrap();
    let mut handled = 0;
    while read(&mut fabric, INTC + IPR) != 0 {
        handled += 1;
        write(&mut fabric, INTC + IAR, 0b1000);
    }
    assert_eq!(handled, PULSES);
    let status = fabric.train_status("intc", 3).unwrap();
    assert_eq!((status.sent, status.left), (PULSES, 0));
    assert_eq!(fabric.irq().raised, PULSES, "a rise each");
    assert_eq!(fabric.input_status("intc", 3).unwrap().raised, PULSES);
}

#[test]
fn train_waits_for_hie_and_for_a_bit_set_before() {
    let mut fabric = fabric();
    fabric.train("intc", 3, 2).unwrap();
    assert_eq!(fabric.train_status("intc", 3).unwrap().sent, 0);
    write(&mut fabric, INTC, 0b1000);
    write(&mut fabric, INTC + u64::from(intc::MER), 3);
    assert_eq!(fabric.train_status("intc", 3).unwrap().sent, 0);
    write(&mut fabric, INTC + IAR, 0b1000);
    assert_eq!(fabric.train_status("intc", 3).unwrap().sent, 1);
    fabric.train("intc", 3, 0).unwrap();
    write(&mut fabric, INTC + IAR, 0b1000);
    assert_eq!(
        fabric.train_status("intc", 3).unwrap().sent,
        0,
        "a new train replaced it"
    );
}

#[test]
fn train_through_a_delayed_input_sends_one_pulse_at_a_time() {
    let params = Params {
        kind_of_intr: 1,
        input_delay: 1000,
        ..Params::new(1)
    };
    let specs = vec![spec("intc", 0, Core::Intc(Intc::new(params)), Target::Ps)];
    let mut fabric = Fabric::new(0x1000, specs, Intx::new(0)).unwrap();
    enable(&mut fabric, 0, 1);
    fabric.train("intc", 0, 3).unwrap();
    for sent in 1..=3 {
        assert_eq!(fabric.train_status("intc", 0).unwrap().sent, sent);
        fabric.advance(sent * 5000);
        assert_eq!(read(&mut fabric, IPR), 1);
        write(&mut fabric, IAR, 1);
        assert_eq!(read(&mut fabric, IPR), 0);
    }
    fabric.advance(100_000);
    assert_eq!(fabric.irq().raised, 3);
}

#[test]
fn only_the_cpu_s_accesses_count_by_register() {
    let mut fabric = fabric();
    fabric.press("buttons", 0, 1, true).unwrap();
    fabric.peek("intc").unwrap();
    assert!(fabric.counts("intc").unwrap().is_empty());
    read(&mut fabric, INTC + IPR);
    read(&mut fabric, INTC + IPR);
    write(&mut fabric, INTC + IAR, 1);
    let counts = fabric.counts("intc").unwrap();
    assert_eq!(counts.len(), 2);
    assert_eq!(counts["IPR"], Count { r: 2, w: 0 });
    assert_eq!(counts["IAR"], Count { r: 0, w: 1 });
    fabric.reset_counts();
    assert!(fabric.counts("intc").unwrap().is_empty());
}

#[test]
fn narrow_and_misaligned_accesses_are_violations_and_store_the_whole_word() {
    let mut fabric = fabric();
    write(&mut fabric, INTC + 8, 0b11_1111);
    fabric.window_write(INTC + 8, &[0b101]);
    assert_eq!(
        read(&mut fabric, INTC + 8),
        0b101,
        "the other bytes as zeros"
    );
    let mut byte = [0xaa];
    fabric.window_read(INTC + 8, &mut byte);
    assert_eq!(byte, [0b101]);
    let mut half = [0xaa; 2];
    fabric.window_read(INTC + 9, &mut half);
    assert_eq!(half, [0, 0]);
    fabric.window_write(INTC + 6, &[0, 0, 7, 0]);
    assert_eq!(read(&mut fabric, INTC + 8), 7);
    assert_eq!(
        fabric.violations(),
        [
            "intc: 8-bit write at 0x8",
            "intc: 8-bit read at 0x8",
            "intc: 16-bit read at 0x9",
            "intc: misaligned 32-bit write at 0x6",
        ]
    );
}

#[test]
fn wide_access_is_two_words_and_wider_ones_are_dropped() {
    let mut fabric = fabric();
    let mut data = [0xaa; 8];
    write(&mut fabric, INTC + 8, 5);
    fabric.window_read(INTC + 8, &mut data);
    assert_eq!(data, [5, 0, 0, 0, 0, 0, 0, 0]);
    let mut page = vec![0xaa; 4096];
    fabric.window_read(INTC, &mut page);
    assert_eq!(page, vec![0; 4096]);
    assert_eq!(
        fabric.violations(),
        ["intc: 64-bit read at 0x8", "intc: 32768-bit read at 0x0"]
    );
}

#[test]
fn places_without_cell_or_register_read_0_and_are_violations() {
    let mut fabric = fabric();
    for offset in [0x9000, 0xffff_fffc, 0x1_0000_0000, u64::MAX - 3] {
        assert_eq!(read(&mut fabric, offset), 0);
    }
    write(&mut fabric, INTC + 0x30, 1);
    assert_eq!(read(&mut fabric, INTC + 0x200), 0);
    let violations = fabric.violations();
    assert_eq!(violations.len(), 6);
    assert_eq!(violations[0], "window: read at 0x9000, where no cell is");
    assert_eq!(violations[4], "intc: write at 0x30, where no register is");
}

#[test]
fn registers_synthesised_out_may_be_tried() {
    let mut fabric = fabric();
    assert_eq!(read(&mut fabric, INTC + u64::from(intc::ILR)), 0);
    assert!(fabric.violations().is_empty());
}

#[test]
fn violations_are_kept_up_to_a_number_and_counted_beyond() {
    let mut fabric = fabric();
    for _ in 0..1234 {
        read(&mut fabric, 0x9000);
    }
    let violations = fabric.violations();
    assert_eq!(violations.len(), 1001);
    assert_eq!(violations[1000], "and 234 more");
}

#[test]
fn all_ones_bus_answers_ones_drops_writes_and_counts_nothing() {
    let mut fabric = fabric();
    fabric.set_all_ones(true);
    write(&mut fabric, INTC + 8, 1);
    assert_eq!(read(&mut fabric, INTC + 8), u32::MAX);
    assert_eq!(read(&mut fabric, 0x9000), u32::MAX);
    fabric.set_all_ones(false);
    assert_eq!(fabric.peek("intc").unwrap()["IER"], 0);
    assert!(fabric.counts("intc").unwrap().is_empty());
}

#[test]
fn stuck_input_stays_active_whatever_is_asked() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b10_0000);
    fabric.set_stuck("intc", 5, true).unwrap();
    for _ in 0..3 {
        fabric.drive_input("intc", 5, false).unwrap();
        fabric.pulse("intc", 5).unwrap();
        write(&mut fabric, INTC + IAR, u32::MAX);
        assert_eq!(read(&mut fabric, INTC + IPR), 0b10_0000);
    }
    assert_eq!(fabric.input_status("intc", 5).unwrap().raised, 1);
    fabric.set_stuck("intc", 5, false).unwrap();
    write(&mut fabric, INTC + IAR, u32::MAX);
    assert_eq!(read(&mut fabric, INTC + IPR), 0);
}

#[test]
fn poke_writes_like_the_cpu_and_counts_nothing() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b1000);
    fabric.reset_counts();
    fabric.pulse("intc", 3).unwrap();
    assert_eq!(fabric.irq().level, 1);
    fabric.poke("intc", "IER", 0).unwrap();
    assert_eq!(fabric.irq().level, 0);
    assert!(fabric.counts("intc").unwrap().is_empty());
    assert!(fabric.violations().is_empty());
    for register in ["IVR", "ILR", "ier", ""] {
        let error = fabric.poke("intc", register, 1).unwrap_err().to_string();
        assert!(
            error.contains("it has: ISR, IER, IAR, SIE, CIE, MER"),
            "{error}"
        );
    }
}

#[test]
fn stuck_wire_to_the_ps_stays_high_whatever_is_pending() {
    let mut fabric = fabric();
    fabric.set_stuck_irq(true);
    assert_eq!((fabric.irq().level, fabric.irq().raised), (1, 1));
    enable(&mut fabric, INTC, 0b1000);
    fabric.pulse("intc", 3).unwrap();
    write(&mut fabric, INTC + u64::from(intc::IAR), 0b1000);
    assert_eq!((fabric.irq().level, fabric.irq().raised), (1, 1));
    fabric.pulse("intc", 3).unwrap();
    fabric.set_stuck_irq(false);
    // Now it says what is pending.
    assert_eq!(fabric.irq().level, 1);
    write(&mut fabric, INTC + u64::from(intc::IAR), 0b1000);
    assert_eq!(fabric.irq().level, 0);
}

#[test]
fn external_level_and_wire_are_merged() {
    let mut fabric = fabric();
    fabric.drive_input("intc", 0, true).unwrap();
    fabric.press("buttons", 0, 1, true).unwrap();
    assert_eq!(fabric.input_status("intc", 0).unwrap().level, 1);
    fabric.drive_input("intc", 0, false).unwrap();
    assert_eq!(fabric.input_status("intc", 0).unwrap().level, 0);
}

#[test]
fn trace_keeps_the_newest_in_order() {
    let mut fabric = fabric();
    read(&mut fabric, INTC);
    fabric.switch_trace(true);
    fabric.advance(7_000);
    write(&mut fabric, INTC + 8, 5);
    for _ in 0..crate::trace::CAPACITY {
        read(&mut fabric, INTC + 8);
    }
    read(&mut fabric, INTC + 0x30);
    let trace = fabric.take_trace();
    assert_eq!(trace.len(), crate::trace::CAPACITY);
    assert_eq!((trace[0].reg.as_str(), trace[0].value), ("IER", 5));
    assert_eq!(trace[0].us, 7);
    assert_eq!(trace[trace.len() - 1].reg, "0x30");
    fabric.switch_trace(false);
    read(&mut fabric, INTC);
    assert!(fabric.take_trace().is_empty());
}

#[test]
fn watchers_hear_of_pins_and_of_the_wire_to_the_ps() {
    let mut fabric = fabric();
    write(&mut fabric, LEDS, 0b101);
    write(&mut fabric, LEDS, 0b101);
    fabric.press("buttons", 1, 1, true).unwrap();
    let pins = |cell: &str, pins| Event::Pins {
        us: 0,
        cell: cell.to_owned(),
        channel: 1,
        pins,
    };
    assert_eq!(
        fabric.take_events(),
        [pins("leds", 0b101), pins("buttons", 0b10)]
    );
}

#[test]
fn reset_of_the_bench_cleans_up_after_killed_programs() {
    let mut fabric = fabric();
    fabric.poke("buttons", "GIER", 1 << 31).unwrap();
    fabric.poke("buttons", "IP_IER", 1).unwrap();
    fabric.set("buttons", 0xf, 1).unwrap();
    assert_eq!(fabric.peek("buttons").unwrap()["IP_ISR"], 1);
    fabric.reset_bench();
    let registers = fabric.peek("buttons").unwrap();
    for name in ["GIER", "IP_IER", "IP_ISR"] {
        assert_eq!(registers[name], 0, "{name}");
    }
}

#[test]
fn reset_of_the_bench_leaves_the_kernels_registers_alone() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b10_0000);
    fabric.set("buttons", 0xf, 1).unwrap();
    fabric.set_stuck("intc", 5, true).unwrap();
    fabric.drive_input("intc", 3, true).unwrap();
    fabric.train("intc", 0, 5).unwrap();
    fabric.set_all_ones(true);
    fabric.reset_bench();
    assert_eq!(fabric.pins("buttons", 1).unwrap().input, 0);
    assert_eq!(fabric.input_status("intc", 5).unwrap().level, 0);
    assert_eq!(fabric.input_status("intc", 3).unwrap().level, 0);
    assert_eq!(fabric.train_status("intc", 0).unwrap().left, 0);
    assert!(fabric.counts("intc").unwrap().is_empty());
    assert_eq!(read(&mut fabric, INTC + 8), 0b10_0000);
}

#[test]
fn bus_reset_clears_registers_and_keeps_wires() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b10_0000);
    fabric.drive_input("intc", 5, true).unwrap();
    fabric.bus_reset();
    assert_eq!(fabric.irq().level, 0);
    assert_eq!(fabric.peek("intc").unwrap()["MER"], 0);
    assert_eq!(fabric.input_status("intc", 5).unwrap().level, 1);
}

#[test]
fn external_inputs_are_set_at_once() {
    let mut fabric = fabric();
    enable(&mut fabric, INTC, 0b11_1111);
    let before = fabric.irq().raised;
    fabric.set("intc", 0b10_1000, 1).unwrap();
    assert_eq!(read(&mut fabric, INTC), 0b10_1000);
    assert_eq!(fabric.irq().raised, before + 1);
    // The edge stays captured; what drives the others is left as it is.
    fabric.press("buttons", 0, 1, true).unwrap();
    fabric.set("intc", 0, 1).unwrap();
    write(&mut fabric, INTC + IAR, u32::MAX & !0b1000);
    assert_eq!(read(&mut fabric, INTC), 0b1000);
    assert_eq!(fabric.input_status("intc", 3).unwrap().level, 0);
    assert_eq!(
        fabric.set("intc", 0x40, 1).unwrap_err().to_string(),
        "intc has 6 inputs: 0x40 does not fit"
    );
    assert!(fabric.set("intc", 1, 2).is_err());
}

#[test]
fn design_is_told_as_it_is_wired() {
    let told = fabric().design();
    let cell = |name: &str| told.iter().find(|cell| cell.cell == name).unwrap();
    let intc = cell("intc");
    assert_eq!(
        (intc.kind.as_str(), intc.inputs, intc.edge),
        ("axi_intc", 6, 0b1000)
    );
    let pin = |pin: &str, to| {
        let pin = pin.to_owned();
        vec![protocol::Pin { pin, to }]
    };
    assert_eq!(intc.outputs, pin("irq", Destination::Ps));
    assert!(cell("leds").outputs.is_empty());
    let to = Destination::Input {
        cell: "intc".to_owned(),
        input: 1,
    };
    assert_eq!(cell("timer").outputs, pin("interrupt", to));
    let four = |direction| {
        vec![Shape {
            width: 4,
            direction,
        }]
    };
    assert_eq!(cell("buttons").channels, four(protocol::Direction::In));
    assert_eq!(cell("leds").channels, four(protocol::Direction::Out));
    assert!(intc.channels.is_empty());
}

#[test]
fn pins_of_a_gpio_lead_to_other_cells() {
    let intc = Params {
        kind_of_intr: 0b10,
        ..Params::new(3)
    };
    let first = Channel {
        dout_default: 0b100,
        tri_default: 0,
        ..Channel::new(3, Direction::Both)
    };
    let second = Channel::new(1, Direction::Outputs);
    let wired = Spec {
        outputs: vec![
            (gpio::pin_output(0, 2), to("intc", 0)),
            (gpio::pin_output(0, 0), to("intc", 1)),
            (gpio::pin_output(1, 0), to("intc", 2)),
        ],
        ..spec(
            "gpio",
            0x1000,
            Core::Gpio(Gpio::new(first, Some(second), false)),
            None,
        )
    };
    let specs = vec![
        spec("intc", 0, Core::Intc(Intc::new(intc)), Target::Ps),
        wired,
    ];
    let mut fabric = Fabric::new(0x1_0000, specs, Intx::new(0)).unwrap();
    let levels =
        |fabric: &Fabric| [0, 1, 2].map(|input| fabric.input_status("intc", input).unwrap().level);
    assert_eq!(levels(&fabric), [1, 0, 0], "what it drives after reset");
    enable(&mut fabric, 0, 0b111);
    write(&mut fabric, 0x1000, 0b001);
    write(&mut fabric, 0x1008, 0b1);
    assert_eq!(levels(&fabric), [0, 1, 1]);
    write(&mut fabric, 0x1004, 0b111);
    assert_eq!(levels(&fabric), [0, 0, 1], "an input drives nothing");
    fabric.press("gpio", 0, 1, true).unwrap();
    assert_eq!(levels(&fabric), [0, 0, 1]);
    assert_eq!(read(&mut fabric, IPR), 0b111);
    let told = fabric.design();
    let pins: Vec<&str> = told[1].outputs.iter().map(|pin| pin.pin.as_str()).collect();
    assert_eq!(pins, ["gpio_io_o[2]", "gpio_io_o[0]", "gpio2_io_o[0]"]);
    fabric.bus_reset();
    assert_eq!(levels(&fabric), [1, 0, 0]);
}

/// A DMA whose channels interrupt inputs 0 and 1.
fn data_fabric() -> Fabric {
    let dma = Dma::new(dma::Params::default(), dma::Ends::open());
    let dma = Spec {
        outputs: vec![(0, to("intc", 0)), (1, to("intc", 1))],
        ..spec("dma", 0x1000, Core::Dma(dma), None)
    };
    let intc = Core::Intc(Intc::new(Params::new(2)));
    let specs = vec![spec("intc", 0, intc, Target::Ps), dma];
    let mut fabric = Fabric::new(0x1_0000, specs, Intx::new(0)).unwrap();
    let ram = crate::memory::Region {
        size: 0x1000,
        readable: true,
        writable: true,
        backing: Some(Box::new(vec![0u8; 0x1000])),
    };
    fabric.memory().map(0, ram).unwrap();
    enable(&mut fabric, 0, 0b11);
    fabric
}

#[test]
fn transfer_ends_in_an_interrupt_of_its_channel() {
    let mut fabric = data_fabric();
    fabric.send("dma", 100, 1).unwrap();
    write(&mut fabric, 0x1000 + 0x30, 0x5001);
    write(&mut fabric, 0x1000 + 0x48, 0x200);
    write(&mut fabric, 0x1000 + 0x58, 0x400);
    assert_eq!(fabric.irq().level, 0);
    fabric.advance(1_000_000);
    assert_eq!(fabric.irq().level, 1);
    assert_eq!(read(&mut fabric, IPR), 0b10);
    assert_eq!(read(&mut fabric, 0x1000 + 0x58), 100);
    let mut bytes = vec![0; 100];
    fabric.memory().read(0x200, &mut bytes).unwrap();
    assert_eq!(bytes, crate::models::stream::pattern(0, 0, 100));
    write(&mut fabric, 0x1000 + 0x34, 0x1000);
    write(&mut fabric, IAR, 0b10);
    assert_eq!(fabric.irq().level, 0);
    assert_eq!(
        fabric.counts("dma").unwrap()["S2MM_LENGTH"],
        Count { r: 1, w: 1 }
    );
    assert!(fabric.violations().is_empty());
}

#[test]
fn what_goes_wrong_on_a_stream_is_asked_for_and_forgotten() {
    let mut fabric = data_fabric();
    let (way, other) = (protocol::Way::Mm2s, protocol::Way::S2mm);
    let slave = Some(protocol::Mishap::Slave);
    let transfer = |fabric: &mut Fabric| {
        write(fabric, 0x1000, 0x4);
        write(fabric, 0x1000, 0x5001);
        write(fabric, 0x1000 + 0x28, 0x400);
        fabric.advance(fabric.now + 1_000_000_000);
        read(fabric, 0x1000 + 0x04) & 0x7ff3
    };
    fabric.fail_transfer("dma", way, slave, 0x100).unwrap();
    assert_eq!(transfer(&mut fabric), 0x4021);
    assert_eq!(transfer(&mut fabric), 0x1002);
    fabric.fail_transfer("dma", way, slave, 0).unwrap();
    fabric.fail_transfer("dma", way, None, 0).unwrap();
    assert_eq!(transfer(&mut fabric), 0x1002);
    fabric.fail_transfer("dma", way, slave, 0).unwrap();
    fabric.set_rate("dma", way, 0).unwrap();
    assert_eq!(transfer(&mut fabric), 0);
    fabric.send("dma", 8, 3).unwrap();
    fabric.set_rate("dma", other, 0).unwrap();
    fabric.reset_bench();
    assert_eq!(transfer(&mut fabric), 0x1002);
    assert_eq!(fabric.source("dma").unwrap().left, 0);
    let packets = fabric.sink("dma").unwrap().packets;
    assert_eq!(packets, 2, "the one that stood still goes on");
    for refused in [
        fabric.send("dma", 0, 1),
        fabric.send("dma", 1, 0),
        fabric.send("intc", 1, 1),
        fabric.set_rate("intc", way, 1),
        fabric.fail_transfer("nobody", way, slave, 1),
    ] {
        assert!(refused.is_err());
    }
    write(&mut fabric, 0x1000, 0);
    write(&mut fabric, 0x1000 + 0x28, 4);
    let violations = fabric.violations();
    assert!(
        violations[0].starts_with("dma: mm2s: LENGTH"),
        "{violations:?}"
    );
}

#[test]
fn video_s_ends_are_asked_and_told() {
    let way = protocol::Way::S2mm;
    let mut fabric = data_fabric();
    let vdma = Core::Vdma(Box::new(Vdma::new(vdma::Params::default())));
    let specs = vec![spec("vdma", 0, vdma, None)];
    let mut video = Fabric::new(0x1000, specs, Intx::new(0)).unwrap();
    let ram = crate::memory::Region {
        size: 0x1_0000,
        readable: true,
        writable: true,
        backing: Some(Box::new(vec![0u8; 0x1_0000])),
    };
    video.memory().map(0, ram).unwrap();
    video.set_rate("vdma", way, 0).unwrap();
    video.set_camera("vdma", 96, 8).unwrap();
    for (offset, value) in [(0x30, 0x5003), (0xa8, 96), (0xa4, 96), (0xa0, 8)] {
        write(&mut video, offset, value);
    }
    video.single_frames("vdma", way, 3).unwrap();
    video.advance(1_000_000_000);
    assert_eq!(read(&mut video, 0x34), 0x0001_1000);
    assert_eq!(video.camera("vdma").unwrap().frames, 3);
    let mut line = [0; 96];
    video.memory().read(7 * 96, &mut line).unwrap();
    assert_eq!(line[..], crate::models::vdma::video::pattern(2, 7, 3, 96));

    // The other way, one of the frames with an error of the bus.
    let slave = Some(protocol::Mishap::Slave);
    let other = protocol::Way::Mm2s;
    for (offset, value) in [(0x00, 0x5001), (0x58, 96), (0x54, 96), (0x50, 8)] {
        write(&mut video, offset, value);
    }
    video.fail_transfer("vdma", other, slave, 2).unwrap();
    video.advance(2_000_000_000);
    assert_eq!(read(&mut video, 0x04), 0x0001_5021);
    let shown = video.display("vdma").unwrap();
    assert_eq!((shown.frames, shown.patterned), (2, 2));
    assert_eq!(shown.last.unwrap().number, Some(2));
    video.reset_bench();
    assert_eq!(video.display("vdma").unwrap(), Default::default());
    assert_eq!(video.camera("vdma").unwrap().bytes, 192);
    assert!(video.violations().is_empty());

    for refused in [
        video.set_rate("vdma", way, 10_001),
        video.set_camera("vdma", 0, 8),
        video.set_camera("vdma", 96, 0x1_0000),
        fabric.set_camera("dma", 1, 1),
        fabric.single_frames("dma", way, 1),
        fabric.fail_transfer("dma", way, Some(protocol::Mishap::SofLate), 0),
        fabric.display("dma").map(drop),
        video.sink("vdma").map(drop),
    ] {
        assert!(refused.is_err());
    }
}

/// A MicroBlaze on edge input 0, whose lines are pins of a GPIO.
fn processor_fabric() -> Fabric {
    let params = Params {
        kind_of_intr: 1,
        ..Params::new(1)
    };
    let lines = Channel {
        dout_default: 1,
        ..Channel::new(2, Direction::Outputs)
    };
    let lines = Spec {
        outputs: vec![
            (gpio::pin_output(0, 0), to("iop", 0)),
            (gpio::pin_output(0, 1), to("iop", 1)),
        ],
        ..spec(
            "lines",
            0x1000,
            Core::Gpio(Gpio::new(lines, None, false)),
            None,
        )
    };
    let iop = Microblaze::new(microblaze::Params::default());
    let iop = Spec {
        size: 0x1_0000,
        ..spec("iop", 0x1_0000, Core::Microblaze(iop), to("intc", 0))
    };
    let intc = Core::Intc(Intc::new(params));
    let specs = vec![spec("intc", 0, intc, Target::Ps), lines, iop];
    let mut fabric = Fabric::new(0x2_0000, specs, Intx::new(0)).unwrap();
    enable(&mut fabric, 0, 1);
    fabric
}

#[test]
fn processor_is_loaded_through_the_window_and_answers_with_an_interrupt() {
    use microblaze::program;
    use protocol::ProcessorState;
    const IOP: u64 = 0x1_0000;
    let mut fabric = processor_fabric();
    assert_eq!(
        fabric.processor("iop").unwrap().state,
        ProcessorState::Reset
    );
    fabric.switch_trace(true);
    fabric.window_write(IOP, &program::image(program::MAILBOX, program::INTERRUPTS));
    write(&mut fabric, 0x1000, 0);
    assert_eq!(
        fabric.processor("iop").unwrap().program.as_deref(),
        Some("mailbox")
    );
    write(&mut fabric, IOP + 0xfffc, 0x10f);
    fabric.advance(1_000_000);
    assert_eq!(
        read(&mut fabric, IOP + 0xff00),
        0xb000_0000,
        "its own reset vector"
    );
    assert_eq!(fabric.irq().level, 1);
    write(&mut fabric, 0x1000, 2);
    write(&mut fabric, 0x1000, 0);
    write(&mut fabric, IAR, 1);
    assert_eq!(fabric.irq().level, 0);
    assert_eq!(
        fabric.counts("iop").unwrap()["MEMORY"],
        Count { r: 1, w: 2 }
    );
    assert_eq!(fabric.take_trace()[2].reg, "0xfffc");
    assert!(fabric.peek("iop").unwrap().is_empty());
    assert!(fabric.poke("iop", "MEMORY", 1).is_err());
    assert!(fabric.violations().is_empty());

    fabric.set_hangs("iop", true).unwrap();
    write(&mut fabric, IOP + 0xfffc, 0x10f);
    fabric.advance(2_000_000);
    assert_eq!(read(&mut fabric, IOP + 0xfffc), 0x10f);
    fabric.set_collides("iop", true).unwrap();
    fabric.reset_bench();
    // The GPIO that holds its reset line is as after configuration.
    assert_eq!(
        fabric.processor("iop").unwrap().state,
        ProcessorState::Reset
    );
    write(&mut fabric, 0x1000, 0);
    write(&mut fabric, IOP + 0xfffc, 0x10f);
    fabric.advance(3_000_000);
    assert_eq!(read(&mut fabric, IOP + 0xfffc), 0);
    assert!(fabric.set_hangs("lines", true).is_err());
    assert!(fabric.set_collides("lines", true).is_err());
}

#[test]
fn memory_takes_any_access_inside_of_it_and_none_across_its_end() {
    let mut fabric = processor_fabric();
    fabric.window_write(0x1_0003, &[1]);
    fabric.window_write(0x1_0004, &[2, 3, 4, 5, 6, 7, 8, 9]);
    let mut data = [0; 16];
    fabric.window_read(0x1_0001, &mut data);
    assert_eq!(data, [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0, 0]);
    assert!(fabric.violations().is_empty());
    fabric.window_write(0x1_fffc, &[0xff; 8]);
    assert_eq!(fabric.violations()[0], "iop: 64-bit write at 0xfffc");
}

#[test]
fn what_a_design_cannot_do_is_refused_with_what_it_can() {
    let mut fabric = fabric();
    let no_cell = fabric.press("button", 0, 1, true).unwrap_err();
    assert!(
        no_cell
            .to_string()
            .contains("there are: intc, child, buttons")
    );
    let outputs = fabric.press("leds", 0, 1, true).unwrap_err();
    assert!(outputs.to_string().contains("outputs only"));
    assert!(matches!(
        fabric.press("buttons", 4, 1, true),
        Err(BenchError::NoBit { last: 3, .. })
    ));
    assert!(matches!(
        fabric.set("buttons", 16, 1),
        Err(BenchError::TooWide { .. })
    ));
    assert!(matches!(
        fabric.pins("buttons", 2),
        Err(BenchError::NoChannel { .. })
    ));
    assert!(matches!(
        fabric.pins("buttons", 0),
        Err(BenchError::NoChannel { .. })
    ));
    assert!(matches!(
        fabric.pins("timer", 1),
        Err(BenchError::NoGpio { .. })
    ));
    assert!(matches!(
        fabric.drive_input("buttons", 0, true),
        Err(BenchError::UsePress(_))
    ));
    assert!(matches!(
        fabric.drive_input("intc", 6, true),
        Err(BenchError::NoInput { last: 5, .. })
    ));
    assert!(matches!(
        fabric.train("timer", 0, 1),
        Err(BenchError::NoIntc { .. })
    ));
    assert!(matches!(fabric.counts("x"), Err(BenchError::NoCell { .. })));
}

#[derive(Clone, Debug)]
enum Step {
    Read(u64, usize),
    Write(u64, Vec<u8>),
    Bench(u8, u32, bool),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Mostly registers, sometimes anywhere.
    let offset = || {
        prop_oneof![
            8 => (0u64..7, 0u64..0x50).prop_map(|(cell, word)| cell * 0x1000 + word * 4),
            2 => (0u64..7, 0u64..0x240).prop_map(|(cell, byte)| cell * 0x1000 + byte),
            1 => any::<u64>(),
        ]
    };
    let step = prop_oneof![
        (offset(), 0usize..20).prop_map(|(offset, bytes)| Step::Read(offset, bytes)),
        (offset(), prop::collection::vec(any::<u8>(), 4)).prop_map(|(o, d)| Step::Write(o, d)),
        (offset(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(o, d)| Step::Write(o, d)),
        (0u8..8, 0u32..40, any::<bool>()).prop_map(|(what, n, on)| Step::Bench(what, n, on)),
        (0u64..10_000_000).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn no_access_at_all_panics_and_the_wiring_stays_consistent(steps in steps()) {
        let mut fabric = fabric();
        let mut now = 0;
        for step in steps {
            match step {
                Step::Read(offset, bytes) => fabric.window_read(offset, &mut vec![0; bytes]),
                Step::Write(offset, data) => fabric.window_write(offset, &data),
                Step::Bench(what, n, on) => {
                    // Refusals are part of the game.
                    let _ = match what {
                        0 => fabric.press("buttons", n, 1, on),
                        1 => fabric.drive_input("intc", n, on),
                        2 => fabric.pulse("child", n),
                        3 => fabric.train("intc", n, u64::from(n)),
                        4 => fabric.set_stuck("low", n, on),
                        5 => fabric.set("buttons", n, 1),
                        6 => fabric.drive_input("timer", n, on),
                        _ => fabric.set_stuck("intc", n, on),
                    };
                }
                Step::Pass(time) => {
                    now += time;
                    fabric.advance(now);
                    prop_assert!(fabric.next_deadline().is_none_or(|when| when > now));
                }
            }
            let timer = fabric.peek("timer").unwrap();
            let requests = |tcsr: &str| {
                let wanted = timer::TINT | timer::ENIT;
                timer[tcsr] & wanted == wanted
            };
            prop_assert_eq!(
                fabric.cells[4].outputs[0].level,
                requests("TCSR0") || requests("TCSR1")
            );
            let intc = fabric.peek("intc").unwrap();
            prop_assert_eq!(intc["IPR"], intc["ISR"] & intc["IER"]);
            prop_assert_eq!(fabric.irq().level == 1, fabric.cells[0].outputs[0].level);
            if intc["IPR"] != 0 && intc["MER"] & 1 != 0 {
                prop_assert_eq!(fabric.irq().level, 1);
            }
        }
    }
}
