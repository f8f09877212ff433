// SPDX-License-Identifier: GPL-2.0

//! Memory that is lent to an IP core which is a bus master, and how the core is kept from it
//! before it goes.

use crate::{
    chrdev::ioctl::{self, Step},
    linux::{
        code,
        device::{dev_err, Device},
        dma::Coherent,
        io::{is_register, Mapping, Range},
        lock::{Class, Mutex},
        mm::{Attachment, Memory, Revocable},
        time, Result,
    },
};

/// How long a core may take for a step of stopping. Finishing what is on the bus takes
/// microseconds; this is an eternity.
const STEP_NS: u64 = 1_000_000_000;

/// How often it is asked.
const ASK_US: u32 = 100;

/// What stops a core: its registers are inside the core's window.
struct Stop(ioctl::Stop);

impl Stop {
    /// `EINVAL` if a register is outside of a window of `size` bytes.
    fn new(stop: ioctl::Stop, size: u64) -> Result<Self> {
        let stop = Self(stop);
        let are_inside = |step: &Step| is_register(size, step.offset);
        if !stop.steps().iter().all(are_inside) {
            return Err(code::EINVAL);
        }
        Ok(stop)
    }

    fn steps(&self) -> &[Step] {
        let Self(stop) = self;
        &stop.steps[..stop.count]
    }

    /// Whether the core has stopped.
    fn run(&self, registers: &Mapping<0>) -> bool {
        self.steps()
            .iter()
            .all(|step| take(step, registers).unwrap_or(false))
    }
}

/// Whether the core has done a step.
fn take(step: &Step, registers: &Mapping<0>) -> Result<bool> {
    registers.try_write32(step.offset, step.value)?;
    if step.mask == 0 {
        return Ok(true);
    }
    let deadline = time::monotonic_ns() + STEP_NS;
    loop {
        let is_late = time::monotonic_ns() > deadline;
        let value = registers.try_read32(step.offset)?;
        // All ones is a bus with nobody there.
        if value != u32::MAX && value & step.mask == step.done {
            return Ok(true);
        }
        if is_late {
            return Ok(false);
        }
        time::sleep_us(ASK_US);
    }
}

/// A core to which at most one file lends memory. It may outlive its device, which holds no
/// reference past [`Master::leave`].
pub(crate) struct Master(Mutex<State>);

struct State {
    /// `None` once the device has left.
    device: Option<Device>,
    /// The last address that the core reaches.
    reach: u64,
    lender: Option<Lender>,
}

struct Lender {
    file: FileId,
    stop: Stop,
    registers: Mapping<0>,
}

/// Tells the files of a window apart.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(pub(crate) u64);

/// Memory that was lent.
pub(crate) struct Lent {
    pub(crate) size: u64,
    /// Where the core finds it.
    pub(crate) address: u64,
    /// Where the file maps it.
    pub(crate) offset: u64,
}

impl Master {
    pub(crate) fn new(device: Device, reach: u64) -> Result<Self> {
        let state = State {
            device: Some(device),
            reach,
            lender: None,
        };
        Ok(Self(Mutex::new(state, Class::MASTER)?))
    }

    /// Makes a file the lender.
    pub(crate) fn set_stop(&self, file: FileId, range: Range, stop: ioctl::Stop) -> Result {
        let stop = Stop::new(stop, range.size)?;
        let mut state = self.0.lock();
        if state.device.is_none() {
            return Err(code::ENODEV);
        }
        match state.lender.as_mut() {
            None => {
                state.lender = Some(Lender {
                    file,
                    stop,
                    registers: Mapping::new(range)?,
                });
            }
            Some(lender) if lender.file == file => lender.stop = stop,
            Some(_) => return Err(code::EBUSY),
        }
        Ok(())
    }

    /// Allocates memory for the core.
    pub(crate) fn lend(&self, file: FileId, window: &Attachment, size: u64) -> Result<Lent> {
        let size = usize::try_from(size).map_err(|_| code::ENOMEM)?;
        let state = self.0.lock();
        // Bound until the lock is released: `leave` waits for it.
        let device = state.device.as_ref().ok_or(code::ENODEV)?;
        if state.lender.as_ref().map(|lender| lender.file) != Some(file) {
            return Err(code::EPERM);
        }
        let memory = Coherent::new(device, size)?;
        let (size, address) = (memory.size() as u64, memory.address());
        // The kernel knows what the core reaches, unless it has no such memory at all.
        if address + (size - 1) > state.reach {
            return Err(code::ENOMEM);
        }
        Ok(Lent {
            size,
            address,
            offset: window.add(memory)?,
        })
    }

    /// Frees memory that the core does not reach any more.
    pub(crate) fn take_back(&self, window: &Attachment, offset: u64) -> Result {
        let state = self.0.lock();
        // Bound until the memory is freed.
        let _device = state.device.as_ref().ok_or(code::ENODEV)?;
        window.remove(offset).map(drop).ok_or(code::EINVAL)
    }

    /// A file is closed: nobody maps its memory any more.
    pub(crate) fn close(&self, file: FileId, window: &Revocable) {
        let mut state = self.0.lock();
        if state.lender.as_ref().map(|lender| lender.file) == Some(file) {
            // All there is is the lender's.
            state.end(window.take_memory());
        }
    }

    /// The device leaves. What is mapped of the window goes first, that the program starts nothing
    /// anew.
    pub(crate) fn leave(&self, window: &Revocable) {
        let mut state = self.0.lock();
        state.end(window.revoke());
        state.device = None;
    }
}

impl State {
    /// Ends the loan: frees the memory once the core has stopped.
    fn end(&mut self, memory: Memory) {
        let Some(lender) = self.lender.take() else {
            return;
        };
        if memory.is_empty() || lender.stop.run(&lender.registers) {
            return;
        }
        if let Some(device) = &self.device {
            dev_err!(
                device,
                "the core does not stop: {} bytes of memory stay lent to it until the next boot",
                memory.size()
            );
        }
        memory.leak();
    }
}
