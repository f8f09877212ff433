// SPDX-License-Identifier: MIT OR Apache-2.0
//! What can be wrong with a fabric, besides its design: faults that a test switches on and off.

/// The faults of the window as a whole. A stuck input is kept with the input, a vanished device with the connection.
#[derive(Debug, Default)]
pub struct Faults {
    /// Every read answers all ones and writes are dropped, as on a bus with nobody behind it.
    pub all_ones: bool,
}
