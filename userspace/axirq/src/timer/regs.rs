// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers of the AXI Timer (PG079): byte offsets, access, meaning. All are 32 bits wide, for counters of any width.
//! Offsets are of timer 0; those of timer 1 are [`TIMER1`] above, and absent if the core has one timer only.

/// TCSR0, read-write: control and status. TINT is cleared by writing 1 to it, so mask it in read-modify-writes.
pub(super) const TCSR: usize = 0x00;
/// TLR0, read-write: what the counter is loaded with.
pub(super) const TLR: usize = 0x04;
/// TCR0, read only: the counter.
pub(super) const TCR: usize = 0x08;

/// The registers of timer 1.
pub(super) const TIMER1: usize = 0x10;
/// The end of a timer's last register.
pub(super) const END: usize = 0x0c;

/// TCSR: counts down.
pub(super) const UDT: u32 = 1 << 1;
/// TCSR: loads the counter again when it has rolled over.
pub(super) const ARHT: u32 = 1 << 4;
/// TCSR: holds the counter at the load value as long as it is set.
pub(super) const LOAD: u32 = 1 << 5;
/// TCSR: lets TINT through to the interrupt pin.
pub(super) const ENIT: u32 = 1 << 6;
/// TCSR: runs.
pub(super) const ENT: u32 = 1 << 7;
/// TCSR: has rolled over; stays until 1 is written.
pub(super) const TINT: u32 = 1 << 8;
