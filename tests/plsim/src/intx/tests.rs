// SPDX-License-Identifier: MIT OR Apache-2.0
//! Both promises: nothing lost, hardly anything spurious.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::*;

const SETTLE: Nanos = 3_000_000;

struct Eventfd(Arc<AtomicU64>);

impl Trigger for Eventfd {
    fn fire(&mut self) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn connected() -> (Intx, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let mut intx = Intx::new(SETTLE);
    intx.connect(Some(Box::new(Eventfd(Arc::clone(&count)))));
    (intx, count)
}

#[test]
fn rise_fires_at_once_and_once() {
    let (mut intx, count) = connected();
    intx.drive(true);
    intx.drive(true);
    assert_eq!(count.load(Ordering::Relaxed), 1);
    assert_eq!(intx.fired(), 1);
    assert_eq!(intx.deadline(), None);
}

#[test]
fn unmask_of_a_handled_interrupt_fires_nothing() {
    let (mut intx, _) = connected();
    intx.drive(true);
    intx.unmask(1000);
    intx.drive(false);
    assert_eq!(intx.deadline(), None);
    intx.tick(SETTLE * 10);
    assert_eq!(intx.fired(), 1);
}

#[test]
fn output_still_high_after_the_settle_time_fires_again() {
    let (mut intx, _) = connected();
    intx.drive(true);
    intx.unmask(1000);
    assert_eq!(intx.deadline(), Some(1000 + SETTLE));
    intx.tick(1000 + SETTLE - 1);
    assert_eq!(intx.fired(), 1);
    intx.tick(1000 + SETTLE);
    assert_eq!(intx.fired(), 2);
    assert_eq!(intx.deadline(), None, "until the next unmask");
}

#[test]
fn new_rise_while_settling_fires_at_once_and_takes_the_deadline_with_it() {
    let (mut intx, _) = connected();
    intx.drive(true);
    intx.unmask(0);
    intx.drive(false);
    intx.drive(true);
    assert_eq!(intx.fired(), 2);
    assert_eq!(intx.deadline(), None);
    intx.unmask(5000);
    assert_eq!(intx.deadline(), Some(5000 + SETTLE));
}

#[test]
fn listener_that_comes_late_hears_of_a_high_output() {
    let mut intx = Intx::new(SETTLE);
    intx.drive(true);
    assert_eq!(intx.fired(), 0);
    let count = Arc::new(AtomicU64::new(0));
    intx.connect(Some(Box::new(Eventfd(Arc::clone(&count)))));
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn masked_rise_fires_at_unmask_even_if_it_was_a_pulse() {
    let (mut intx, _) = connected();
    intx.mask();
    intx.drive(true);
    intx.drive(false);
    assert_eq!(intx.fired(), 0);
    intx.unmask(0);
    assert_eq!(intx.fired(), 1);
    intx.unmask(1);
    assert_eq!(intx.fired(), 1);
}

#[test]
fn intx_disable_bit_holds_interrupts_back() {
    let (mut intx, _) = connected();
    intx.set_disabled(true);
    intx.drive(true);
    assert_eq!(intx.fired(), 0);
    intx.set_disabled(true);
    intx.set_disabled(false);
    assert_eq!(intx.fired(), 1);
}

#[test]
fn after_a_disconnect_the_next_listener_starts_clean() {
    let (mut intx, _) = connected();
    intx.mask();
    intx.set_disabled(true);
    intx.disconnect();
    let count = Arc::new(AtomicU64::new(0));
    intx.connect(Some(Box::new(Eventfd(Arc::clone(&count)))));
    intx.drive(true);
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn failing_eventfd_is_not_counted() {
    struct Broken;
    impl Trigger for Broken {
        fn fire(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let mut intx = Intx::new(SETTLE);
    intx.connect(Some(Box::new(Broken)));
    intx.drive(true);
    assert_eq!(intx.fired(), 0);
}

/// What can happen, in any order.
#[derive(Clone, Copy, Debug)]
enum Step {
    Output(bool),
    /// QEMU's main loop gets to the eventfd.
    QemuLooks,
    /// The guest accesses the BAR.
    Access,
    Pass(Nanos),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        any::<bool>().prop_map(Step::Output),
        Just(Step::QemuLooks),
        Just(Step::Access),
        (0..2 * SETTLE).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 0..100)
}

proptest! {
    /// QEMU as it is: a pending flag set from the eventfd, cleared with an UNMASK at an access.
    #[test]
    fn while_the_output_is_high_the_guest_gets_to_know(steps in steps()) {
        let (mut intx, count) = connected();
        let (mut now, mut seen, mut pending, mut output) = (0, 0, false, false);
        for step in steps {
            match step {
                Step::Output(level) => {
                    output = level;
                    intx.drive(level);
                }
                Step::QemuLooks => {
                    let fired = count.load(Ordering::Relaxed);
                    pending |= fired > seen;
                    seen = fired;
                }
                Step::Access if pending => {
                    pending = false;
                    intx.unmask(now);
                }
                Step::Access => {}
                Step::Pass(time) => {
                    now += time;
                    intx.tick(now);
                }
            }
            let on_its_way = count.load(Ordering::Relaxed) > seen;
            prop_assert!(!output || pending || on_its_way || intx.deadline().is_some());
            // A deadline without a cause would be a spurious interrupt.
            prop_assert!(output || intx.deadline().is_none());
        }
    }
}
