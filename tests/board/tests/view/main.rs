// SPDX-License-Identifier: MIT OR Apache-2.0
//! The view as a person has it: on a terminal, over a running simulator.
//!
//! The terminal is a pty with an emulator behind it, the simulator is the real one; what a CPU would do to the fabric
//! is done over its vfio-user socket, as QEMU does.

mod alone;
mod guest;
mod in_shell;
mod person;
mod plsim;

use std::time::Duration;

/// For what takes an instant, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
