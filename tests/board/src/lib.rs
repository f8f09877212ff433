// SPDX-License-Identifier: MIT OR Apache-2.0
//! The emulated board: a kernel under QEMU beside a simulated fabric, and the means to run programs in it.
//!
//! ```text
//! runner --first UART (console, agent)--> QEMU: kernel, pid 1 --vfio-user--> plsim
//!        --control socket----------------------- second UART ---------------> plsim
//! ```
//!
//! - [`protocol`]: what runner and pid 1 say over the first UART; all that the guest's side takes from this crate.
//! - [`board`]: the parts of a board, booted; on [`process`], [`qemu`], [`devicetree`], [`initramfs`].
//! - [`console`]: the runner's end of that UART; [`guest`]: what can be asked of the guest over it.
//! - [`kernel_log`]: what must not be in a kernel's log; [`leaks`]: nor in its memory.
//! - [`view`]: the simulated board on a terminal, beside or in front of the shell; [`terminal`] is what it draws on.
//! - [`shell`], [`demo`], [`suite`]: what the command line offers on top; [`bring_up`] prepares the demo fabric.

#[cfg(feature = "host")]
pub mod board;
#[cfg(feature = "host")]
pub mod bring_up;
#[cfg(feature = "host")]
pub mod console;
#[cfg(feature = "host")]
pub mod demo;
#[cfg(feature = "host")]
pub mod devicetree;
#[cfg(feature = "host")]
pub mod error;
#[cfg(feature = "host")]
pub mod guest;
#[cfg(feature = "host")]
pub mod initramfs;
#[cfg(feature = "host")]
pub mod kernel_log;
#[cfg(feature = "host")]
pub mod leaks;
#[cfg(feature = "host")]
pub mod process;
pub mod protocol;
#[cfg(feature = "host")]
pub mod qemu;
#[cfg(feature = "host")]
pub mod shell;
#[cfg(feature = "host")]
pub mod signals;
#[cfg(feature = "host")]
pub mod suite;
#[cfg(feature = "host")]
pub mod terminal;
#[cfg(feature = "host")]
pub mod view;
