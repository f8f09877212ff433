// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel module's line, in every order that its steps can happen in.
//!
//! The very source that runs in the kernel, `kmod/line.rs` and the files below it, is compiled here against [`linux`]:
//! what the kernel offers, made of loom's locks and atomics. Loom runs a scenario again and again, each time with
//! another order of its threads' steps and another choice of what a weakly ordered load may see, until there is none
//! left. It reports a deadlock, so a wake-up that is missed is found as a thread that sleeps for ever.
//!
//! Every scenario has a CPU that takes the line's interrupts, as a thread of its own; see [`bench`] for what is asserted
//! of all of them. Scenarios of more than two waiters or events bound how often a thread may be preempted, which loom's
//! authors found to miss next to nothing from two on.

#[cfg(test)]
mod bench;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod defects;
#[cfg(test)]
mod edge;
#[cfg(test)]
mod level;
#[cfg(test)]
mod linux;
#[cfg(test)]
mod page;
#[cfg(test)]
mod users;

// Inline, so that the files below `line.rs` are found where the kernel module has them.
#[cfg(test)]
#[path = "../../../kmod"]
mod kmod {
    pub(crate) mod line;
}
