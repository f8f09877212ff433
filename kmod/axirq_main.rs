// SPDX-License-Identifier: GPL-2.0

//! axirq: an FPGA interrupt is a file descriptor.
//!
//! ```text
//!   hardware --> intc --> line --> chrdev --> fd --> future
//!    (pin)     (hwirq)   (virq)    (node)  (count)  (await)
//! ```
//!
//! Events walk right, arming walks left; a room knows its left neighbour only. `intc` and `line`
//! meet in a virq number alone, so a line works straight on the GIC as well. `device` and `intc`
//! are the builders: they bind what the device tree describes. All stand on `linux`.
//!
//! Glossary: *cell*, an IP instance; *pin*, a port of it that interrupts; *hwirq*, the
//! controller's own number of an input; *virq* or *irq*, Linux's; *line*, one event source on one
//! virq; *trigger*, edge or level; *one-shot*, disarmed by an event; *window*, an IP's registers.

mod linux;

mod intc;

mod line;

mod device;

mod chrdev;

mod registry;

use kernel::prelude::*;
use linux::{global, platform};
use registry::{Shared, SHARED};

module! {
    type: Axirq,
    name: "axirq",
    description: "FPGA interrupts as file descriptors: AXI INTC and IP core pins",
    license: "GPL v2",
}

struct Axirq {
    // Consumers are unbound before their controllers, and what both use goes last.
    _ip_cores: platform::Registration<device::IpCore>,
    _intcs: platform::Registration<intc::Intc>,
    _shared: global::Guard<Shared>,
}

impl kernel::Module for Axirq {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let shared = SHARED.set(Shared::new()?)?;
        let intcs = platform::Registration::new()?;
        Ok(Self {
            _ip_cores: platform::Registration::new()?,
            _intcs: intcs,
            _shared: shared,
        })
    }
}
