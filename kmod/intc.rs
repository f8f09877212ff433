// SPDX-License-Identifier: GPL-2.0

//! One AXI INTC as a Linux irqchip.
//!
//! Probe takes, in this order: the window, its mapping, the parent's interrupt, the started chip,
//! the irq domain, a mapping and a raw node per input, and last the parent's interrupt, which is
//! named for the controller in `/proc/interrupts`. All is given back in reverse; fields are
//! dropped from the top down.

pub(crate) mod chip;
pub(crate) mod regs;

use crate::{
    chrdev::pin::{Pin, Published},
    device::names::Name,
    linux::{
        clk::Clocks,
        code,
        device::{dev_err, dev_info, dev_warn},
        io::{Mapping, Region},
        irq,
        irqdomain::{Controller, Domain, Output},
        of::Node,
        platform, Arc, KVec, Result, GFP_KERNEL,
    },
    registry::{Cell, SHARED},
};
use chip::{Chip, Defect};
use core::{ffi::CStr, fmt::Write};

/// A bound controller.
pub(crate) struct Intc {
    // First nobody new comes in, those who wait are told and the lines are given back; then the
    // parent's interrupt is given back, and only then the domain goes.
    _pins: KVec<Published>,
    _output: Output<Chip>,
    domain: Arc<Domain<Chip>>,
    _cell: Cell,
    // The chip, which the domain owned, was the last to touch the registers.
    _region: Region,
    _clocks: Clocks,
}

/// What the node says of the controller.
struct Description {
    inputs: u32,
    edges: u32,
}

fn describe(device: &crate::linux::device::Device, node: &Node<'_>) -> Result<Description> {
    let count = match node.u32(c"xlnx,num-intr-inputs") {
        Some(count @ 1..=32) => count,
        Some(count) => {
            dev_err!(
                device,
                "xlnx,num-intr-inputs is {}: it has to be 1 to 32, as the block design says",
                count
            );
            return Err(code::EINVAL);
        }
        None => {
            dev_err!(
                device,
                "no xlnx,num-intr-inputs: add the number of inputs of the block design, 1 to 32"
            );
            return Err(code::EINVAL);
        }
    };
    // Software interrupts lie above the hardware's and are raised by writing ISR.
    let inputs = u32::MAX >> (32 - count);
    let kind = match node.u32(c"xlnx,kind-of-intr") {
        Some(kind) => kind,
        None => {
            dev_warn!(
                device,
                "no xlnx,kind-of-intr: taking every input for a level"
            );
            0
        }
    };
    // Ones above the inputs are the generator's padding; anything else there is a mistake.
    let padding = kind & !inputs;
    if padding != 0 && padding != !inputs {
        dev_warn!(
            device,
            "xlnx,kind-of-intr is {:#x}: it has bits for more inputs than xlnx,num-intr-inputs, {}",
            kind,
            count
        );
    }
    Ok(Description {
        inputs,
        edges: kind & inputs,
    })
}

impl platform::Driver for Intc {
    const NAME: &'static CStr = c"axirq-intc";
    const IDS: platform::Ids = platform::Ids::Intc;
    const IS_SUPPLIER: bool = true;

    fn probe(device: &platform::Device<'_>) -> Result<Self> {
        let shared = SHARED.get()?;
        let log = device.device();
        let Some(node) = device.node() else {
            dev_err!(log, "no device-tree node: an AXI INTC needs one");
            return Err(code::EINVAL);
        };
        let description = describe(&log, &node)?;
        let window = node.window(0).inspect_err(|_| {
            dev_err!(
                log,
                "no usable reg: give the address and size of the controller"
            );
        })?;
        let region = Region::request(window, c"axirq-intc").inspect_err(|&error| {
            if error == code::EBUSY {
                dev_err!(
                    log,
                    "reg {:#x} of {:#x} bytes overlaps another device's: see /proc/iomem",
                    window.start,
                    window.size
                );
            }
        })?;
        let clocks = Clocks::enable(device)?;
        let registers = Mapping::new(window).inspect_err(|&error| {
            if error == code::EINVAL {
                dev_err!(
                    log,
                    "reg of {:#x} bytes cannot be mapped: an AXI INTC has {:#x} at least",
                    window.size,
                    regs::SIZE
                );
            }
        })?;
        if node.interrupt_count() == 0 {
            dev_err!(
                log,
                "no parent interrupt: give interrupt-parent and interrupts, or interrupts-extended"
            );
            return Err(code::EINVAL);
        }
        let parent = node.interrupt(0).inspect_err(|&error| {
            // Its controller may only be late.
            if error != code::EPROBE_DEFER && error != code::ENOMEM {
                dev_err!(
                    log,
                    "the parent interrupt cannot be had ({}): is it right, and of the trigger type that it had before?",
                    error.to_errno()
                );
            }
        })?;
        if irq::sleeps(parent) {
            dev_err!(
                log,
                "the parent interrupt comes from {}, a controller behind a bus that sleeps: wire the output to one that is memory-mapped",
                irq::with_chip_name(parent, Name::from_tree).unwrap_or(Name::new())
            );
            return Err(code::ENOTSUPP);
        }
        let started = Chip::start(
            log.clone(),
            registers,
            description.inputs,
            description.edges,
            irq::trigger(parent),
        )?;
        let chip = started.map_err(|defect| {
            match defect {
                Defect::DeadBus => dev_err!(
                    log,
                    "the bus reads all ones: is the bitstream loaded, its clock running and reg right?"
                ),
                Defect::NotAnIntc { mer } => dev_err!(
                    log,
                    "MER reads {:#x} after 0x3 was written: no AXI INTC at this address",
                    mer
                ),
                Defect::NoInputs => dev_err!(
                    log,
                    "no enable bit can be set: no AXI INTC at this address, or one without inputs"
                ),
            }
            code::ENXIO
        })?;
        if chip.inputs() != description.inputs {
            dev_warn!(
                log,
                "xlnx,num-intr-inputs is {}, the hardware has {}: using those it has",
                description.inputs.count_ones(),
                chip.inputs().count_ones()
            );
        }
        let inputs = chip.inputs();
        let with_set_clear = chip.has_set_clear();

        let cell = shared.cells.claim(&log, &node)?;
        let domain = Arc::new(
            Domain::new(&node, 32 - inputs.leading_zeros(), chip)?,
            GFP_KERNEL,
        )?;
        let mut pins = KVec::new();
        for input in (0..32).filter(|&input| inputs & (1 << input) != 0) {
            let mut name = Name::new();
            // A number always fits.
            let _ = write!(name, "{}", input);
            let pin = Pin::new(*cell.name(), name, *cell.name(), domain.map(input)?)?;
            pins.push(pin.publish(shared, &log)?, GFP_KERNEL)?;
        }
        let output =
            Output::new(parent, cell.name().as_bytes(), domain.clone()).inspect_err(|&error| {
                if error == code::EBUSY {
                    dev_err!(
                        log,
                        "parent interrupt {} is taken: another controller or driver, or user space holds it",
                        parent
                    );
                }
            })?;
        dev_info!(
            log,
            "{}: {} inputs, {} of them edges{}",
            cell.name(),
            inputs.count_ones(),
            (description.edges & inputs).count_ones(),
            if with_set_clear {
                ""
            } else {
                ", without SIE and CIE"
            }
        );
        Ok(Self {
            _pins: pins,
            _output: output,
            domain,
            _cell: cell,
            _region: region,
            _clocks: clocks,
        })
    }

    /// The next kernel must find nothing that interrupts.
    fn shutdown(&self) {
        self.domain.controller().quiesce();
    }

    fn resume(&self) {
        self.domain.controller().resume();
    }
}
