// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI Timer, whose driver is a handful of register accesses: an IP core for which the crate has no module.

use axirq::Interrupt;
use axirq::Mmio;
use axirq::list::Trigger;

use crate::rig::Rig;
use crate::rig::tasks::assert_quiet;
use crate::rig::tasks::event;
use crate::rig::tasks::run;

crate::tests![timer_interrupts_once_per_roll_over];

const TCSR0: usize = 0x00;
const TLR0: usize = 0x04;

const UDT: u32 = 1 << 1;
const LOAD: u32 = 1 << 5;
const ENIT: u32 = 1 << 6;
const ENT: u32 = 1 << 7;
const TINT: u32 = 1 << 8;

fn timer_interrupts_once_per_roll_over() {
    let (_rig, _demo) = Rig::with_demo();
    let timer = Mmio::open("axi_timer_0").unwrap();
    // 10 ms at 100 MHz, down to zero once.
    timer.write32(TLR0, 1_000_000).unwrap();
    run(async {
        let interrupt = Interrupt::open("axi_timer_0/interrupt").unwrap();
        assert_eq!(interrupt.trigger(), Trigger::Level);
        for round in 1..=5 {
            timer.write32(TCSR0, LOAD).unwrap();
            timer.write32(TCSR0, UDT | ENIT | ENT).unwrap();
            let woken = event(&interrupt).await;
            assert_eq!((woken.count, woken.sequence), (1, round));
            assert_ne!(timer.read32(TCSR0).unwrap() & TINT, 0);
            timer.write32(TCSR0, UDT | ENIT | TINT).unwrap();
            assert_quiet(&interrupt).await;
        }
    });
}
