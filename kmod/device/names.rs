// SPDX-License-Identifier: GPL-2.0

//! Names of cells and pins. No kernel types: host tests include this file.

use core::fmt;

/// A name that is a path component in `/dev` and `/sys`: 1 to 63 bytes, none of them special.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Name {
    bytes: [u8; Name::MAX],
    length: usize,
}

impl Name {
    /// The longest name, in bytes.
    pub(crate) const MAX: usize = 63;

    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; Self::MAX],
            length: 0,
        }
    }

    /// A name made of what a device tree offers: what a path cannot hold becomes `_`, and what is
    /// too long is cut. `None` if nothing is left but dots.
    pub(crate) fn from_tree(text: &[u8]) -> Option<Self> {
        let mut name = Self::new();
        for &byte in text.iter().take(Self::MAX) {
            let byte = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => byte,
                b'_' | b'-' | b'.' | b',' | b'+' | b'@' => byte,
                _ => b'_',
            };
            name.bytes[name.length] = byte;
            name.length += 1;
        }
        // "." and ".." are folders.
        name.as_bytes()
            .iter()
            .any(|&byte| byte != b'.')
            .then_some(name)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The name with `suffix` appended, in place of its own end if there is no room.
    pub(crate) fn with_suffix(&self, suffix: &[u8]) -> Self {
        let suffix = &suffix[..suffix.len().min(Self::MAX)];
        let mut name = *self;
        name.length = name.length.min(Self::MAX - suffix.len());
        name.bytes[name.length..name.length + suffix.len()].copy_from_slice(suffix);
        name.length += suffix.len();
        name
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // ASCII alone gets in.
        f.write_str(core::str::from_utf8(self.as_bytes()).map_err(|_| fmt::Error)?)
    }
}

/// For names made of numbers and literals; refuses what [`Name::from_tree`] would change.
impl fmt::Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.length == Self::MAX
                || !(byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte))
            {
                return Err(fmt::Error);
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// The unit address in a node's name: `a0010000` of `gpio@a0010000`, with its `@`.
pub(crate) fn unit_address(node: &[u8]) -> &[u8] {
    match node.iter().rposition(|&byte| byte == b'@') {
        Some(at) => &node[at..],
        None => b"",
    }
}

/// The name of a device node below the class: `cell!pin`, terminated, as the driver core wants it.
pub(crate) fn entry_name(cell: &Name, pin: &Name) -> [u8; 2 * Name::MAX + 2] {
    let mut joined = [0; 2 * Name::MAX + 2];
    let (cell, pin) = (cell.as_bytes(), pin.as_bytes());
    joined[..cell.len()].copy_from_slice(cell);
    joined[cell.len()] = b'!';
    joined[cell.len() + 1..][..pin.len()].copy_from_slice(pin);
    joined
}
