// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated FPGA fabric: register-true models of Xilinx/AMD IP, wired as a design file says, behind the socket that
//! QEMU's `vfio-user-pci` device attaches to. What is modelled, and which parts of it are assumptions, is said at the
//! top of each model.
//!
//! ```text
//! QEMU --vfio-user--> vfio --reads, writes--> fabric --> models --> wires --> intx --eventfd--> QEMU
//! tests, guest, people --control socket--> control --> fabric
//! ```
//!
//! - [`models`]: one IP each. A model knows its registers and, through [`Wire`], nothing but time and its own pins.
//! - [`fabric`]: the address map, the wiring, what is counted and recorded. Passive: it is told what time it is.
//! - [`memory`]: the PS's memory, for models that are masters on the bus.
//! - [`intx`]: when the PL-to-GIC wire becomes an event for QEMU.
//! - [`protocol`] and [`client`]: the control socket as its users see it (`PROTOCOL.md`).
//! - with the feature `serve` (default): `design` (TOML to fabric), `sim` (lock and clock), `control`, `vfio`, `serve`.
//!
//! Glossary: a *cell* is an IP instance, the *window* is what the CPU sees of the fabric (BAR0), *PS* is the processor
//! side of the chip, *active* is what a pin's polarity makes of its level.

pub mod client;
#[cfg(feature = "serve")]
pub mod control;
#[cfg(feature = "serve")]
pub mod design;
pub mod fabric;
pub mod faults;
pub mod intx;
pub mod memory;
pub mod models;
pub mod protocol;
#[cfg(feature = "serve")]
pub mod serve;
#[cfg(feature = "serve")]
pub mod sim;
pub mod trace;
#[cfg(feature = "serve")]
pub mod vfio;

use memory::Memory;

/// Time in nanoseconds since the simulator started.
pub type Nanos = u64;

/// One register of a model: where it is and what the manual calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    pub offset: u32,
    pub name: &'static str,
    pub access: Access,
}

/// What a register is for; a write-only one has no value to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    ReadOnly,
    WriteOnly,
    ReadWrite,
}

/// A model's only way out.
pub trait Wire {
    fn now(&self) -> Nanos;

    /// Puts a level on an output pin; driving the level it already has changes nothing.
    fn drive(&mut self, output: usize, level: bool);

    /// Asks for one [`Model::tick`] at that time, in place of what was asked before.
    fn wake_at(&mut self, when: Option<Nanos>);

    /// The PS's memory as the model's master ports reach it.
    fn memory(&mut self) -> &mut Memory;

    /// Notes that the CPU did what no driver should.
    fn blame(&mut self, what: &str);
}

/// An IP as the bus and the wires see it. Offsets are those of aligned 32-bit words; a model answers any of them.
pub trait Model {
    /// Every register the IP can have, synthesised in or not.
    fn registers(&self) -> &'static [Register];

    /// Whether this instance has the register.
    fn present(&self, offset: u32) -> bool;

    fn read(&mut self, offset: u32, wire: &mut dyn Wire) -> u32;

    fn write(&mut self, offset: u32, value: u32, wire: &mut dyn Wire);

    /// A register's value without a side effect.
    fn peek(&self, offset: u32, now: Nanos) -> u32;

    /// An input pin has changed to this level.
    fn input(&mut self, input: usize, level: bool, wire: &mut dyn Wire);

    /// The time asked for by [`Wire::wake_at`] has come.
    fn tick(&mut self, wire: &mut dyn Wire);

    /// The bus reset (`s_axi_aresetn`): registers to their reset values; pins keep their levels.
    fn reset(&mut self, wire: &mut dyn Wire);
}
