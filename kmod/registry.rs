// SPDX-License-Identifier: GPL-2.0

//! What the bound devices share: the names of cells, and the kinds of node.

use crate::{
    chrdev::{pin::PinFile, window::WindowFile},
    device::names::{unit_address, Name},
    linux::{
        chrdev::Region,
        class::Class,
        code,
        device::{dev_warn, Device},
        global::Global,
        irq,
        lock::{self, Mutex},
        of::Node,
        swap_remove, Arc, KVec, Result, GFP_KERNEL,
    },
};

/// The one instance, for the probe functions.
pub(crate) static SHARED: Global<Shared> = Global::new();

pub(crate) struct Shared {
    pub(crate) cells: Cells,
    pub(crate) pins: Arc<Region<PinFile>>,
    pub(crate) windows: Arc<Region<WindowFile>>,
}

impl Shared {
    pub(crate) fn new() -> Result<Self> {
        let class = Arc::new(Class::new()?, GFP_KERNEL)?;
        Ok(Self {
            cells: Cells {
                taken: Arc::new(Mutex::new(KVec::new(), lock::Class::CELLS)?, GFP_KERNEL)?,
            },
            pins: Arc::new(Region::new(c"axirq", class.clone())?, GFP_KERNEL)?,
            windows: Arc::new(Region::new(c"axirq-regs", class)?, GFP_KERNEL)?,
        })
    }
}

/// The names of bound cells.
pub(crate) struct Cells {
    taken: Arc<Mutex<KVec<Taken>>>,
}

struct Taken {
    name: Name,
    /// The node, to find a controller's name by.
    node: usize,
}

impl Cells {
    /// Names a cell: the first of `xlnx,name`, its label, its node's name. A name that is taken
    /// gets the unit address appended.
    pub(crate) fn claim(&self, device: &Device, node: &Node<'_>) -> Result<Cell> {
        let mut buffer = [0; 128];
        let node_name = node.write_name(&mut buffer);
        let wanted = node
            .string(c"xlnx,name", 0)
            .and_then(Name::from_tree)
            .or_else(|| {
                let mut label = None;
                node.find_label(|text| {
                    label = Name::from_tree(text);
                    label.is_some()
                });
                label
            })
            .or_else(|| Name::from_tree(node_name))
            .ok_or(code::EINVAL)?;

        let mut taken = self.taken.lock();
        let is_taken = |name: &Name| taken.iter().any(|cell| cell.name == *name);
        let mut name = wanted;
        if is_taken(&wanted) {
            name = wanted.with_suffix(unit_address(node_name));
            dev_warn!(
                device,
                "another cell is named {}: this one becomes {}",
                wanted,
                name
            );
            if is_taken(&name) {
                dev_warn!(
                    device,
                    "{} is taken as well: give the cell an xlnx,name",
                    name
                );
                return Err(code::EEXIST);
            }
        }
        taken.push(
            Taken {
                name,
                node: node.id(),
            },
            GFP_KERNEL,
        )?;
        Ok(Cell {
            name,
            taken: self.taken.clone(),
        })
    }

    /// The name of an interrupt's controller: a cell of ours, or else the irqchip's or
    /// its node's.
    pub(crate) fn controller(&self, irq: u32) -> Name {
        let node = irq::controller_node(irq);
        if let Some(cell) = self.taken.lock().iter().find(|cell| cell.node == node) {
            return cell.name;
        }
        irq::with_chip_name(irq, Name::from_tree).unwrap_or(Name::new())
    }
}

/// A cell's name, taken until this is dropped.
pub(crate) struct Cell {
    name: Name,
    taken: Arc<Mutex<KVec<Taken>>>,
}

impl Cell {
    pub(crate) fn name(&self) -> &Name {
        &self.name
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(at) = taken.iter().position(|cell| cell.name == self.name) {
            swap_remove(&mut taken, at);
        }
    }
}
