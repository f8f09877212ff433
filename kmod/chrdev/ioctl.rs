// SPDX-License-Identifier: GPL-2.0

//! Commands on a pin's and a window's file, decoded. The numbers are those of the uapi header.

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

/// The bytes of `struct axirq_stop` and `struct axirq_memory`.
pub(crate) const STOP_SIZE: usize = 8 + 16 * STEPS;
pub(crate) const MEMORY_SIZE: usize = 24;

/// `AXIRQ_STOP_STEPS`.
pub(crate) const STEPS: usize = 4;

const SET_STOP: u32 = encode(WRITE, 0x10, STOP_SIZE);
const ALLOC: u32 = encode(READ | WRITE, 0x11, MEMORY_SIZE);
const FREE: u32 = encode(WRITE, 0x12, size_of::<u64>());

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowCommand {
    SetStop,
    Alloc,
    Free,
}

/// `None` for what is not a command of a window.
pub(crate) fn decode_window(command: u32) -> Option<WindowCommand> {
    match command {
        SET_STOP => Some(WindowCommand::SetStop),
        ALLOC => Some(WindowCommand::Alloc),
        FREE => Some(WindowCommand::Free),
        _ => None,
    }
}

/// How a core is stopped, as the caller says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) steps: [Step; STEPS],
    /// How many of them there are: 1 to all.
    pub(crate) count: usize,
}

/// A register is written, then waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) offset: u32,
    pub(crate) value: u32,
    pub(crate) mask: u32,
    pub(crate) done: u32,
}

/// `None` for what the header forbids.
pub(crate) fn decode_stop(bytes: &[u8; STOP_SIZE]) -> Option<Stop> {
    let mut words = bytes
        .chunks_exact(4)
        .map(|word| word.try_into().map_or(0, u32::from_ne_bytes));
    let mut next = || words.next().unwrap_or(0);
    let (count, reserved) = (next() as usize, next());
    let mut steps = [Step::default(); STEPS];
    for step in &mut steps {
        *step = Step {
            offset: next(),
            value: next(),
            mask: next(),
            done: next(),
        };
    }
    let can_end = |step: &Step| step.done & !step.mask == 0;
    let is_valid = (1..=STEPS).contains(&count)
        && reserved == 0
        && steps[..count.min(STEPS)].iter().all(can_end);
    is_valid.then_some(Stop { steps, count })
}
