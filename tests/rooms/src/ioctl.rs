// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands on a pin's and a window's file.

#[path = "../../../kmod/chrdev/ioctl.rs"]
mod room;

use proptest::prelude::*;
use room::{
    decode, decode_mode, decode_stop, decode_window, Command, Step, Stop, WindowCommand,
    MEMORY_SIZE, STEPS, STOP_SIZE,
};

use crate::header::evaluate;

#[test]
fn numbers_are_those_of_the_header() {
    let [arm, disarm, set_mode] =
        evaluate(["AXIRQ_IOC_ARM", "AXIRQ_IOC_DISARM", "AXIRQ_IOC_SET_MODE"])
            .map(|number| u32::try_from(number).unwrap());
    assert_eq!(decode(arm), Some(Command::Arm));
    assert_eq!(decode(disarm), Some(Command::Disarm));
    assert_eq!(decode(set_mode), Some(Command::SetMode));
}

#[test]
fn numbers_of_windows_are_those_of_the_header() {
    let [set_stop, alloc, free] =
        evaluate(["AXIRQ_IOC_SET_STOP", "AXIRQ_IOC_ALLOC", "AXIRQ_IOC_FREE"])
            .map(|number| u32::try_from(number).unwrap());
    assert_eq!(decode_window(set_stop), Some(WindowCommand::SetStop));
    assert_eq!(decode_window(alloc), Some(WindowCommand::Alloc));
    assert_eq!(decode_window(free), Some(WindowCommand::Free));
    let sizes = evaluate([
        "sizeof(struct axirq_stop)",
        "sizeof(struct axirq_memory)",
        "AXIRQ_STOP_STEPS",
    ]);
    assert_eq!(
        sizes,
        [STOP_SIZE, MEMORY_SIZE, STEPS].map(|size| size as u64)
    );
}

#[test]
fn modes_are_those_of_the_header() {
    let [oneshot, continuous] = evaluate(["AXIRQ_MODE_ONESHOT", "AXIRQ_MODE_CONTINUOUS"])
        .map(|mode| u32::try_from(mode).unwrap());
    assert_eq!(decode_mode(oneshot), Some(false));
    assert_eq!(decode_mode(continuous), Some(true));
}

/// The whole space of commands holds three for a pin, and three for a window.
#[test]
fn no_other_number_is_a_command() {
    // Direction, size, type and number in every combination that is near a right one.
    let (mut known, mut known_of_windows) = (0, 0);
    for direction in 0..4_u32 {
        for size in 0..128_u32 {
            for kind in 0..256_u32 {
                for number in 0..32_u32 {
                    let command = (direction << 30) | (size << 16) | (kind << 8) | number;
                    known += u32::from(decode(command).is_some());
                    known_of_windows += u32::from(decode_window(command).is_some());
                }
            }
        }
    }
    assert_eq!((known, known_of_windows), (3, 3));
}

fn words(stop: [u32; 2 + 4 * STEPS]) -> [u8; STOP_SIZE] {
    let bytes: Vec<u8> = stop.into_iter().flat_map(u32::to_ne_bytes).collect();
    bytes.try_into().unwrap()
}

proptest! {
    #[test]
    fn unknown_modes_are_none(mode in 2_u32..) {
        prop_assert_eq!(decode_mode(mode), None);
    }

    /// What is in the structure comes out, where the header lets it.
    #[test]
    fn stops_are_read_as_the_header_says(
        count in 0_u32..7,
        reserved in prop_oneof![9 => Just(0_u32), 1 => any::<u32>()],
        steps in proptest::array::uniform4((any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>())),
        done_is_inside in proptest::array::uniform4(proptest::bool::weighted(0.9)),
    ) {
        let steps: Vec<Step> = steps
            .into_iter()
            .zip(done_is_inside)
            .map(|((offset, value, mask, done), inside)| Step {
                offset,
                value,
                mask,
                done: if inside { done & mask } else { done },
            })
            .collect();
        let mut raw = vec![count, reserved];
        for step in &steps {
            raw.extend([step.offset, step.value, step.mask, step.done]);
        }
        let steps: [Step; STEPS] = steps.try_into().unwrap();
        let used = (count as usize).min(STEPS);
        let is_valid = count >= 1
            && count as usize <= STEPS
            && reserved == 0
            && steps[..used].iter().all(|step| step.done | step.mask == step.mask);
        let expected = is_valid.then_some(Stop { steps, count: count as usize });
        prop_assert_eq!(decode_stop(&words(raw.try_into().unwrap())), expected);
    }
}
