// SPDX-License-Identifier: MIT OR Apache-2.0
//! Directions of wires as types, so that reading what is written, or writing what is read, does not compile.

/// Wires that are read, and make interrupts.
#[derive(Debug)]
pub enum Input {}

/// Wires that are written.
#[derive(Debug)]
pub enum Output {}

/// Wires that are both: driven at times, and let go at others (tri-state).
#[derive(Debug)]
pub enum InOut {}

/// A direction: [`Input`], [`Output`] or [`InOut`].
pub trait Direction: sealed::Sealed {}

/// A direction in which wires can be read and waited for: [`Input`] and [`InOut`].
pub trait Reads: Direction {}

/// A direction in which wires can be written: [`Output`] and [`InOut`].
pub trait Drives: Direction {}

impl Direction for Input {}
impl Direction for Output {}
impl Direction for InOut {}
impl Reads for Input {}
impl Reads for InOut {}
impl Drives for Output {}
impl Drives for InOut {}

/// A direction as a value; not to be named outside of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Input`].
    Input,
    /// [`Output`].
    Output,
    /// [`InOut`].
    InOut,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Input => "input",
            Kind::Output => "output",
            Kind::InOut => "tri-state wire",
        }
    }
}

mod sealed {
    use super::InOut;
    use super::Input;
    use super::Kind;
    use super::Output;

    /// Only this crate knows directions.
    pub trait Sealed: 'static {
        /// As a value.
        const KIND: Kind;
    }

    impl Sealed for Input {
        const KIND: Kind = Kind::Input;
    }
    impl Sealed for Output {
        const KIND: Kind = Kind::Output;
    }
    impl Sealed for InOut {
        const KIND: Kind = Kind::InOut;
    }
}
