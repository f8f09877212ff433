// SPDX-License-Identifier: MIT OR Apache-2.0
//! The configuration space: one 32-bit memory BAR, interrupt pin A, no capabilities.
//!
//! The command register's bus master bit can be set and gates nothing: masters of a real fabric go to ports of the PS,
//! which no PCI driver opens or shuts. It is here because guests expect it.

/// Bytes of configuration space.
pub const SIZE: usize = 256;

const VENDOR_XILINX: u16 = 0x10ee;
/// A prototype's: no driver claims it.
const DEVICE: u16 = 0x9011;
/// Signal processing controller, other: no driver of the kernel goes by it.
const CLASS: [u8; 3] = [0x00, 0x80, 0x11];

const COMMAND: usize = 0x04;
const COMMAND_MEMORY: u8 = 1 << 1;
const COMMAND_MASTER: u8 = 1 << 2;
/// In the command register's high byte.
const COMMAND_INTX_DISABLE: u8 = 1 << 2;
const CLASS_CODE: usize = 0x09;
const CACHE_LINE: usize = 0x0c;
const LATENCY: usize = 0x0d;
const BAR0: usize = 0x10;
const SUBSYSTEM: usize = 0x2c;
const INTERRUPT_LINE: usize = 0x3c;
const INTERRUPT_PIN: usize = 0x3d;
const PIN_A: u8 = 1;

pub struct Config {
    bytes: [u8; SIZE],
    writable: [u8; SIZE],
    window: u32,
}

impl Config {
    /// The configuration space of a device whose BAR0 is `window` bytes, a power of two.
    pub fn new(window: u32) -> Self {
        let mut bytes = [0; SIZE];
        let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
        put(0, &VENDOR_XILINX.to_le_bytes());
        put(2, &DEVICE.to_le_bytes());
        put(CLASS_CODE, &CLASS);
        put(SUBSYSTEM, &VENDOR_XILINX.to_le_bytes());
        put(SUBSYSTEM + 2, &DEVICE.to_le_bytes());
        put(INTERRUPT_PIN, &[PIN_A]);

        let mut writable = [0; SIZE];
        writable[COMMAND] = COMMAND_MEMORY | COMMAND_MASTER;
        writable[COMMAND + 1] = COMMAND_INTX_DISABLE;
        writable[CACHE_LINE] = 0xff;
        writable[LATENCY] = 0xff;
        writable[INTERRUPT_LINE] = 0xff;
        let address = !window.wrapping_sub(1);
        writable[BAR0..BAR0 + 4].copy_from_slice(&address.to_le_bytes());
        Self {
            bytes,
            writable,
            window,
        }
    }

    pub fn window(&self) -> u32 {
        self.window
    }

    /// Any access at any offset; past the end there are zeros.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        let from = usize::try_from(offset).unwrap_or(SIZE).min(SIZE);
        let known = &self.bytes[from..];
        let most = known.len().min(data.len());
        data.fill(0);
        data[..most].copy_from_slice(&known[..most]);
    }

    pub fn write(&mut self, offset: u64, data: &[u8]) {
        let from = usize::try_from(offset).unwrap_or(SIZE).min(SIZE);
        let places = self.bytes[from..].iter_mut().zip(&self.writable[from..]);
        for ((byte, &mask), &new) in places.zip(data) {
            *byte = (*byte & !mask) | (new & mask);
        }
    }

    pub fn intx_disabled(&self) -> bool {
        self.bytes[COMMAND + 1] & COMMAND_INTX_DISABLE != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(config: &Config, offset: u64) -> u32 {
        let mut data = [0; 4];
        config.read(offset, &mut data);
        u32::from_le_bytes(data)
    }

    #[test]
    fn identity_class_and_pin_are_what_the_guest_will_see() {
        let config = Config::new(0x10_0000);
        assert_eq!(word(&config, 0x00), 0x9011_10ee);
        assert_eq!(word(&config, 0x08), 0x1180_0000);
        assert_eq!(word(&config, 0x3c), 0x0000_0100);
    }

    #[test]
    fn bar_gives_its_size_when_probed_and_keeps_its_address() {
        let mut config = Config::new(0x10_0000);
        config.write(0x10, &u32::MAX.to_le_bytes());
        assert_eq!(word(&config, 0x10), 0xfff0_0000);
        config.write(0x10, &0x1000_0000u32.to_le_bytes());
        assert_eq!(word(&config, 0x10), 0x1000_0000);
    }

    #[test]
    fn identity_cannot_be_written_and_the_disable_bit_can() {
        let mut config = Config::new(0x1000);
        config.write(0, &[0; 4]);
        assert_eq!(word(&config, 0), 0x9011_10ee);
        config.write(4, &[0x00, 0x04]);
        assert!(config.intx_disabled());
    }

    #[test]
    fn accesses_across_the_end_are_cut() {
        let mut config = Config::new(0x1000);
        let mut data = [0xaa; 300];
        config.read(200, &mut data);
        assert_eq!(data[56..], [0; 244]);
        config.write(u64::MAX, &[1, 2, 3]);
        config.read(u64::MAX, &mut data);
        assert_eq!(data, [0; 300]);
    }
}
