// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reading `/sys/class/axirq`, where anything may vanish at any moment: an overlay can be removed while we look.

use std::fs;
use std::io;
use std::path::Path;

use super::Pin;
use super::State;
use super::Trigger;
use super::Window;
use crate::Error;
use crate::Result;

/// What a directory of the class stands for.
pub(super) enum Entry {
    Pin(Pin),
    Window(Window),
}

impl Entry {
    pub(super) fn cell(&self) -> &str {
        match self {
            Entry::Pin(pin) => &pin.cell,
            Entry::Window(window) => &window.cell,
        }
    }
}

/// Everything in the class. A class that does not exist has nothing in it.
pub(super) fn read_class(dir: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for dir_entry in present(dir, fs::read_dir(dir))?.into_iter().flatten() {
        if let Some(dir_entry) = present(dir, dir_entry)? {
            entries.extend(read_entry(&dir_entry.path())?);
        }
    }
    Ok(entries)
}

/// The entry of one directory. `None` if it is not there, or no longer.
pub(super) fn read_entry(dir: &Path) -> Result<Option<Entry>> {
    // The presence of `hwirq` tells a pin from a window; if it vanishes in between, so do the others.
    if dir.join("hwirq").exists() {
        Ok(read_pin(dir)?.map(Entry::Pin))
    } else {
        Ok(read_window(dir)?.map(Entry::Window))
    }
}

fn read_pin(dir: &Path) -> Result<Option<Pin>> {
    let attribute = |name| Attribute::read(dir, name);
    let (Some(cell), Some(pin), Some(controller), Some(hwirq)) = (
        attribute("cell")?,
        attribute("pin")?,
        attribute("controller")?,
        attribute("hwirq")?,
    ) else {
        return Ok(None);
    };
    let (Some(irq), Some(trigger), Some(count), Some(state)) = (
        attribute("irq")?,
        attribute("trigger")?,
        attribute("count")?,
        attribute("state")?,
    ) else {
        return Ok(None);
    };
    Ok(Some(Pin {
        cell: cell.value,
        pin: pin.value,
        controller: controller.value,
        hwirq: hwirq.parse(parse_number)?,
        irq: irq.parse(parse_number)?,
        trigger: trigger.parse(parse_trigger)?,
        count: count.parse(parse_number)?,
        state: state.parse(parse_state)?,
    }))
}

fn read_window(dir: &Path) -> Result<Option<Window>> {
    let attribute = |name| Attribute::read(dir, name);
    let (Some(cell), Some(name), Some(address), Some(size)) = (
        attribute("cell")?,
        attribute("name")?,
        attribute("address")?,
        attribute("size")?,
    ) else {
        return Ok(None);
    };
    Ok(Some(Window {
        window: name.parse(|name| name.rsplit_once('/').map(|(_, window)| window.to_owned()))?,
        cell: cell.value,
        address: address.parse(parse_number)?,
        size: size.parse(parse_number)?,
    }))
}

/// A property of a device-tree node: one big-endian cell. `None` if there is no such property; an empty one, which is
/// how a device tree says yes, is 1.
#[cfg(any(feature = "dma", feature = "gpio", feature = "timer", feature = "video"))]
pub(super) fn read_property(path: &Path) -> Result<Option<u32>> {
    let Some(bytes) = present(path, fs::read(path))? else {
        return Ok(None);
    };
    match bytes[..] {
        [] => Ok(Some(1)),
        [a, b, c, d] => Ok(Some(u32::from_be_bytes([a, b, c, d]))),
        _ => Err(Error::Attribute {
            path: path.to_owned(),
            value: format!("{bytes:02x?}"),
        }),
    }
}

/// An attribute as it was read.
struct Attribute<'a> {
    dir: &'a Path,
    name: &'static str,
    value: String,
}

impl<'a> Attribute<'a> {
    fn read(dir: &'a Path, name: &'static str) -> Result<Option<Self>> {
        let path = dir.join(name);
        let value = present(&path, fs::read_to_string(&path))?;
        Ok(value.map(|value| Self {
            dir,
            name,
            value: value.trim_end_matches('\n').to_owned(),
        }))
    }

    fn parse<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        parse(&self.value).ok_or_else(|| Error::Attribute {
            path: self.dir.join(self.name),
            value: self.value.clone(),
        })
    }
}

/// Tells what has vanished from what failed.
fn present<T>(path: &Path, result: io::Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if error.kind() == io::ErrorKind::NotFound
                || matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO)) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::system("read", path.display().to_string(), error)),
    }
}

fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn parse_trigger(text: &str) -> Option<Trigger> {
    match text {
        "edge" => Some(Trigger::Edge),
        "level" => Some(Trigger::Level),
        _ => None,
    }
}

fn parse_state(text: &str) -> Option<State> {
    match text {
        "unused" => Some(State::Unused),
        "idle" => Some(State::Idle),
        "armed" => Some(State::Armed),
        "busy" => Some(State::Busy),
        "gone" => Some(State::Gone),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        assert_eq!(parse_number("42"), Some(42));
        assert_eq!(parse_number("0xa0010000"), Some(0xa001_0000));
        for bad in ["", "0x", "-1", "1 ", "0x1_0", "99999999999999999999"] {
            assert_eq!(parse_number(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn any_number_survives_both_notations(n: u64) {
            prop_assert_eq!(parse_number(&n.to_string()), Some(n));
            prop_assert_eq!(parse_number(&format!("{n:#x}")), Some(n));
        }
    }
}
