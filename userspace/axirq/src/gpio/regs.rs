// SPDX-License-Identifier: MIT OR Apache-2.0
//! Registers of the AXI GPIO (PG144): byte offsets, access, meaning. All are 32 bits wide.

/// Of a channel: DATA, then TRI, 8 bytes per channel.
pub(super) const CHANNEL_STRIDE: usize = 0x008;

/// GPIO_DATA, GPIO2_DATA, read-write. Reads input wires as they are; writes the output latch of all wires.
pub(super) const fn data(channel: usize) -> usize {
    CHANNEL_STRIDE * channel
}

/// GPIO_TRI, GPIO2_TRI, read-write: 1 is an input, 0 an output. Does nothing where the direction is fixed.
pub(super) const fn tri(channel: usize) -> usize {
    CHANNEL_STRIDE * channel + 0x004
}

/// GIER, read-write: global interrupt enable, the gate of `ip2intc_irpt`.
pub(super) const GIER: usize = 0x11c;
/// GIER: the only bit.
pub(super) const GIER_ENABLE: u32 = 1 << 31;

/// IP_ISR, toggle-on-write: bit n is set by any change of an input of channel n, and inverted by writing 1 to it. So
/// write exactly what was read; writing 1 to a clear bit makes an interrupt.
pub(super) const IP_ISR: usize = 0x120;

/// IP_IER, read-write: bit n lets IP_ISR's bit n through.
pub(super) const IP_IER: usize = 0x128;

/// The bit of a channel in IP_ISR and IP_IER.
pub(super) const fn channel_bit(channel: usize) -> u32 {
    1 << channel
}

/// The implemented bits of IP_ISR.
pub(super) const CHANNEL_BITS: u32 = channel_bit(0) | channel_bit(1);

/// The end of the last register.
pub(super) const END: usize = IP_IER + 4;
