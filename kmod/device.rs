// SPDX-License-Identifier: GPL-2.0

//! An IP core in the fabric: its interrupt pins by name and its register windows, whatever
//! controller the pins are wired to.

pub(crate) mod master;
pub(crate) mod names;

use crate::{
    chrdev::{pin, window},
    linux::{
        clk::Clocks,
        code,
        device::{dev_err, dev_info, dev_warn, Device},
        dma,
        io::Region,
        irq,
        mm::Revocable,
        of::Node,
        platform, KVec, Result, GFP_KERNEL,
    },
    registry::{Cell, Shared, SHARED},
};
use core::{ffi::CStr, fmt::Write};
use master::Master;
use names::Name;

/// What windows are named, with a number from the second on.
const WINDOW: &[u8] = b"regs";

/// A bound IP core.
pub(crate) struct IpCore {
    // Nodes go first, each with those who use it; then the regions and the name are free.
    _pins: KVec<pin::Published>,
    _windows: KVec<window::Published>,
    _regions: KVec<Region>,
    _clocks: Clocks,
    _cell: Cell,
}

impl platform::Driver for IpCore {
    const NAME: &'static CStr = c"axirq";
    const IDS: platform::Ids = platform::Ids::Device;

    fn probe(device: &platform::Device<'_>) -> Result<Self> {
        let shared = SHARED.get()?;
        let log = device.device();
        let Some(node) = device.node() else {
            dev_err!(log, "no device-tree node: an IP core needs one");
            return Err(code::EINVAL);
        };
        // Before anything is claimed: the controller may be late.
        let interrupts = interrupts(&log, &node)?;
        let clocks = Clocks::enable(device)?;
        let reach = reach(device, &log, &node);
        let cell = shared.cells.claim(&log, &node)?;
        let (regions, windows) = windows(shared, &log, &node, cell.name(), reach)?;
        if interrupts.is_empty() && windows.is_empty() {
            if regions.is_empty() && device.has_registers() {
                // Its overlay is being removed, which takes a node's properties before its device.
                return Err(code::ENODEV);
            }
            dev_err!(log, "neither interrupts nor reg: nothing to offer");
            return Err(code::EINVAL);
        }
        let mut pins = KVec::with_capacity(interrupts.len(), GFP_KERNEL)?;
        let mut names = KVec::with_capacity(interrupts.len(), GFP_KERNEL)?;
        for (index, &irq) in interrupts.iter().enumerate() {
            let name = pin_name(&log, &node, index as u32, &names);
            names.push(name, GFP_KERNEL)?;
            let controller = shared.cells.controller(irq);
            let pin = pin::Pin::new(*cell.name(), name, controller, irq)?;
            pins.push(pin.publish(shared, &log)?, GFP_KERNEL)?;
        }
        dev_info!(
            log,
            "{}: {} pins, {} windows",
            cell.name(),
            pins.len(),
            windows.len()
        );
        Ok(Self {
            _pins: pins,
            _windows: windows,
            _regions: regions,
            _clocks: clocks,
            _cell: cell,
        })
    }
}

/// The node's interrupts, all of them: a node that lists one that cannot be had is in error.
fn interrupts(log: &Device, node: &Node<'_>) -> Result<KVec<u32>> {
    let mut interrupts = KVec::new();
    for index in 0..node.interrupt_count() {
        let irq = node.interrupt_of_users(index).inspect_err(|&error| {
            // Its controller may only be late.
            if error != code::EPROBE_DEFER && error != code::ENOMEM {
                dev_err!(
                    log,
                    "interrupt {} of the node cannot be had ({}): does its controller have that input?",
                    index,
                    error.to_errno()
                );
            }
        })?;
        if irq::sleeps(irq) {
            dev_err!(
                log,
                "interrupt {} of the node comes from {}, a controller behind a bus that sleeps: wire the pin to one that is memory-mapped",
                index,
                irq::with_chip_name(irq, Name::from_tree).unwrap_or(Name::new())
            );
            return Err(code::ENOTSUPP);
        }
        interrupts.push(irq, GFP_KERNEL)?;
    }
    Ok(interrupts)
}

/// The last address that the core reaches if it is a bus master.
fn reach(device: &platform::Device<'_>, log: &Device, node: &Node<'_>) -> u64 {
    const USUAL: u64 = u32::MAX as u64;

    let Some(bits) = node.u32(c"xlnx,addrwidth") else {
        return USUAL;
    };
    if !(1..=64).contains(&bits) {
        dev_warn!(
            log,
            "xlnx,addrwidth is {}, no number of address bits: taken for 32",
            bits
        );
        return USUAL;
    }
    if let Err(error) = dma::set_address_width(device, bits) {
        dev_warn!(
            log,
            "xlnx,addrwidth: there may be no memory that {} address bits reach ({}): what lies beyond is not lent",
            bits,
            error.to_errno()
        );
    }
    u64::MAX >> (64 - bits)
}

/// The pin's port name on the block; its number if the node names none, or one that is taken.
fn pin_name(log: &Device, node: &Node<'_>, index: u32, taken: &[Name]) -> Name {
    let mut numbered = Name::new();
    // A short literal and a number always fit.
    let _ = write!(numbered, "irq{}", index);
    let Some(name) = node
        .string(c"interrupt-names", index)
        .and_then(Name::from_tree)
    else {
        dev_warn!(
            log,
            "no interrupt-names for interrupt {}: pin {}",
            index,
            numbered
        );
        return numbered;
    };
    if taken.contains(&name) || name.as_bytes().starts_with(WINDOW) {
        dev_warn!(
            log,
            "interrupt-names has {} for interrupt {}, which is taken: pin {}",
            name,
            index,
            numbered
        );
        return numbered;
    }
    name
}

type Windows = (KVec<Region>, KVec<window::Published>);

/// Claims the node's windows. One that is no whole pages is claimed but not offered.
fn windows(
    shared: &Shared,
    log: &Device,
    node: &Node<'_>,
    cell: &Name,
    reach: u64,
) -> Result<Windows> {
    let mut regions = KVec::new();
    let mut windows = KVec::new();
    for index in 0.. {
        let Ok(range) = node.window(index) else {
            break;
        };
        let region = Region::request(range, c"axirq").inspect_err(|&error| {
            if error == code::EBUSY {
                dev_err!(
                    log,
                    "reg {:#x} of {:#x} bytes overlaps another device's: see /proc/iomem",
                    range.start,
                    range.size
                );
            }
        })?;
        regions.push(region, GFP_KERNEL)?;
        let window = match Revocable::new(range) {
            Err(error) if error == code::EINVAL => {
                dev_warn!(
                    log,
                    "reg {:#x} of {:#x} bytes is not whole pages: mapping it would give away its neighbours",
                    range.start,
                    range.size
                );
                continue;
            }
            window => window?,
        };
        let mut name = Name::new();
        // A short literal and a number always fit.
        let _ = match index {
            0 => write!(name, "regs"),
            more => write!(name, "regs{}", more),
        };
        let master = Master::new(log.clone(), reach)?;
        let window = window::Window::new(*cell, name, window, master)?;
        windows.push(window.publish(shared, log)?, GFP_KERNEL)?;
    }
    Ok((regions, windows))
}
