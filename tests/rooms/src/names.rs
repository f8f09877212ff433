// SPDX-License-Identifier: MIT OR Apache-2.0
//! Names of cells and pins, made of what device trees offer.

#[path = "../../../kmod/device/names.rs"]
mod room;

use std::fmt::Write;

use proptest::prelude::*;
use room::{entry_name, unit_address, Name};

fn name(text: &str) -> Name {
    Name::from_tree(text.as_bytes()).unwrap_or_else(|| panic!("no name of {text:?}"))
}

#[test]
fn usual_names_are_kept() {
    for text in [
        "axi_gpio_0",
        "ip2intc_irpt",
        "gpio@a0010000",
        "a,b+c-d.e",
        "0",
    ] {
        assert_eq!(name(text).to_string(), text);
    }
}

#[test]
fn what_a_path_cannot_hold_becomes_an_underscore() {
    assert_eq!(name("a/b c!d\0é").to_string(), "a_b_c_d___");
}

#[test]
fn dots_alone_are_no_name() {
    for text in ["", ".", "..", "...."] {
        assert!(Name::from_tree(text.as_bytes()).is_none(), "{text:?}");
    }
    assert_eq!(name("..a").to_string(), "..a");
}

#[test]
fn long_names_are_cut() {
    let text = "x".repeat(Name::MAX + 10);
    assert_eq!(name(&text).to_string(), text[..Name::MAX]);
}

#[test]
fn suffix_takes_the_place_of_the_end_if_there_is_no_room() {
    assert_eq!(name("twin").with_suffix(b"@a0").to_string(), "twin@a0");
    let long = name(&"x".repeat(Name::MAX)).with_suffix(b"@a0").to_string();
    assert_eq!(long, "x".repeat(Name::MAX - 3) + "@a0");
}

#[test]
fn unit_address_is_what_follows_the_last_at() {
    assert_eq!(unit_address(b"gpio@a0010000"), b"@a0010000");
    assert_eq!(unit_address(b"odd@name@10"), b"@10");
    assert_eq!(unit_address(b"core"), b"");
}

#[test]
fn numbers_and_literals_can_be_written() {
    let mut made = Name::new();
    write!(made, "irq{}", 31).unwrap();
    assert_eq!(made.to_string(), "irq31");
    assert!(write!(made, "/").is_err());
}

#[test]
fn too_much_cannot_be_written() {
    let mut made = Name::new();
    write!(made, "{}", "x".repeat(Name::MAX)).unwrap();
    assert!(write!(made, "x").is_err());
}

#[test]
fn names_compare_by_what_they_say() {
    let mut made = name("abc").with_suffix(b"def");
    assert!(made == name("abcdef"));
    // Something shorter leaves no trace of the longer.
    made = name("x");
    assert!(made == name("x") && made != name("xy"));
}

#[test]
fn entry_name_has_the_driver_cores_slash() {
    let entry = entry_name(&name("cell"), &name("pin"));
    assert!(entry.starts_with(b"cell!pin\0"));
}

#[test]
fn longest_entry_name_is_terminated() {
    let longest = name(&"x".repeat(Name::MAX));
    let entry = entry_name(&longest, &longest);
    assert_eq!(
        entry.iter().position(|&byte| byte == 0),
        Some(2 * Name::MAX + 1)
    );
}

/// What `from_tree` promises of every name.
fn is_path_component(bytes: &[u8]) -> bool {
    (1..=Name::MAX).contains(&bytes.len())
        && bytes
            .iter()
            .all(|&byte| byte.is_ascii_graphic() && !b"/!".contains(&byte))
        && bytes != b"."
        && bytes != b".."
}

proptest! {
    #[test]
    fn any_bytes_make_a_path_component_or_none(text in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Some(name) = Name::from_tree(&text) {
            prop_assert!(is_path_component(name.as_bytes()), "{name}");
        } else {
            prop_assert!(text.iter().take(Name::MAX).all(|&byte| byte == b'.'));
        }
    }

    #[test]
    fn name_of_a_name_is_itself(text in prop::collection::vec(any::<u8>(), 0..100)) {
        if let Some(name) = Name::from_tree(&text) {
            prop_assert!(Name::from_tree(name.as_bytes()) == Some(name));
        }
    }

    #[test]
    fn suffixed_name_ends_with_its_suffix(text in "[a-z]{1,80}", suffix in "@[0-9a-f]{1,80}") {
        let suffixed = name(&text).with_suffix(suffix.as_bytes());
        prop_assert!(suffixed.as_bytes().len() <= Name::MAX);
        let kept = &suffix.as_bytes()[..suffix.len().min(Name::MAX)];
        prop_assert!(suffixed.as_bytes().ends_with(kept));
    }
}
