// SPDX-License-Identifier: GPL-2.0

//! Commands on a pin's file, decoded. The numbers are those of the uapi header.

/// The type byte of every command.
const MAGIC: u32 = 0xb7;

/// The kernel's encoding of a command.
const fn encode(direction: u32, number: u32, size: usize) -> u32 {
    (direction << 30) | ((size as u32) << 16) | (MAGIC << 8) | number
}

const NONE: u32 = 0;
const WRITE: u32 = 1;
const READ: u32 = 2;

const ARM: u32 = encode(READ, 0, size_of::<u64>());
const DISARM: u32 = encode(NONE, 1, 0);
const SET_MODE: u32 = encode(WRITE, 2, size_of::<u32>());

const MODE_ONESHOT: u32 = 0;
const MODE_CONTINUOUS: u32 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Arm,
    Disarm,
    SetMode,
}

/// `None` for what is not a command of a pin.
pub(crate) fn decode(command: u32) -> Option<Command> {
    match command {
        ARM => Some(Command::Arm),
        DISARM => Some(Command::Disarm),
        SET_MODE => Some(Command::SetMode),
        _ => None,
    }
}

/// Whether a mode is the continuous one; `None` for no mode.
pub(crate) fn decode_mode(mode: u32) -> Option<bool> {
    match mode {
        MODE_ONESHOT => Some(false),
        MODE_CONTINUOUS => Some(true),
        _ => None,
    }
}
