// SPDX-License-Identifier: MIT OR Apache-2.0
//! Commands on a pin's file.

#[path = "../../../kmod/chrdev/ioctl.rs"]
mod room;

use proptest::prelude::*;
use room::{decode, decode_mode, Command};

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
fn modes_are_those_of_the_header() {
    let [oneshot, continuous] = evaluate(["AXIRQ_MODE_ONESHOT", "AXIRQ_MODE_CONTINUOUS"])
        .map(|mode| u32::try_from(mode).unwrap());
    assert_eq!(decode_mode(oneshot), Some(false));
    assert_eq!(decode_mode(continuous), Some(true));
}

/// The whole space of commands holds three.
#[test]
fn no_other_number_is_a_command() {
    // Direction, size, type and number in every combination that is near a right one.
    let mut known = 0;
    for direction in 0..4_u32 {
        for size in 0..64_u32 {
            for kind in 0..256_u32 {
                for number in 0..16_u32 {
                    let command = (direction << 30) | (size << 16) | (kind << 8) | number;
                    known += u32::from(decode(command).is_some());
                }
            }
        }
    }
    assert_eq!(known, 3);
}

proptest! {
    #[test]
    fn unknown_modes_are_none(mode in 2_u32..) {
        prop_assert_eq!(decode_mode(mode), None);
    }
}
