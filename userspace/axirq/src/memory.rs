// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory for IP cores that are bus masters: a DMA, a frame buffer, a core of your own.
//!
//! ```no_run
//! # fn main() -> axirq::Result<()> {
//! use axirq::Mmio;
//! use axirq::memory::Pool;
//! use axirq::memory::Step;
//!
//! // A core of ours: CONTROL at 0 (bit 0 runs it, and reads 0 when it has stopped), SOURCE at 8.
//! let core = Mmio::open("filter_0")?;
//! let pool = Pool::new(&core, &[Step::new(0x0, 0x0).until(0x1, 0x0)])?;
//! let mut samples = pool.allocate(1 << 20)?;
//! samples.fill(0x55);
//! core.write32(0x8, u32::try_from(samples.address()).expect("its bus has 32 bits"))?;
//! axirq::memory::dma_wmb();
//! core.write32(0x0, 0x1)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Whose memory this is
//!
//! A [`Buffer`] is contiguous on the core's bus, and coherent: what one side has written the other reads, with
//! [`dma_wmb`] and [`dma_rmb`] in between. The kernel allocates it for the device of this very core (its
//! `dma_alloc_coherent`): nothing is reserved at boot, no heap has to be configured, and IOMMU, `dma-ranges` and
//! `xlnx,addrwidth` of its node are respected.
//!
//! It is the kernel that frees it, and no sooner than the core is kept from it: a [`Pool`] is told how to stop the core
//! ([`Step`]). When the process ends, however it does, or when the overlay is removed, the kernel takes these steps
//! first; a core that does not stop keeps its memory until the next boot. A buffer that is dropped before is freed at
//! once: the core must not reach it any more. That is up to the driver, as is all that its registers are told.
//!
//! # Once the overlay is removed
//!
//! Memory goes as registers do: touching a buffer then raises `SIGBUS` (see [`Mmio`]).

use std::fmt;
use std::fs::File;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;

use nix::errno::Errno;

use crate::Error;
use crate::Mmio;
use crate::Result;
use crate::map::Bytes;
pub use crate::map::dma_rmb;
pub use crate::map::dma_wmb;
use crate::uapi::window;

/// How many steps stop a core at most.
pub const STEPS: usize = window::STEPS;

/// A step of stopping a core: write a register, then wait until it answers, for a second at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub(crate) offset: usize,
    pub(crate) value: u32,
    pub(crate) mask: u32,
    pub(crate) done: u32,
}

impl Step {
    /// Writes `value` to the register at this byte offset, and waits for nothing.
    pub const fn new(offset: usize, value: u32) -> Self {
        Self {
            offset,
            value,
            mask: 0,
            done: 0,
        }
    }

    /// And then waits until the register's bits `mask` are `done`. A register that reads as all ones has not answered.
    #[must_use]
    pub const fn until(self, mask: u32, done: u32) -> Self {
        Self { mask, done, ..self }
    }
}

/// The right to lend memory to a core, one file's at a time.
///
/// It ends when this and all its buffers are dropped, and the window it was made of.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Lender>);

#[derive(Debug)]
struct Lender {
    name: String,
    file: File,
}

impl Pool {
    /// Says how a core is stopped, and makes this process the one that lends it memory. Nothing is written to the core.
    ///
    /// The steps are what must have happened before the core's memory may go; most cores have a reset bit that clears
    /// itself when all is quiet.
    ///
    /// # Errors
    ///
    /// [`BadStep`](Error::BadStep), [`Lent`](Error::Lent) if another has lent memory to the core,
    /// [`Gone`](Error::Gone), and what the system calls say.
    pub fn new(window: &Mmio, stop: &[Step]) -> Result<Self> {
        for step in stop {
            window.check(step.offset)?;
        }
        let name = window.name().to_owned();
        let file = window
            .file()
            .try_clone()
            .map_err(|error| Error::system("dup", name.as_str(), error))?;
        match window::set_stop(&file, stop) {
            Ok(()) => Ok(Self(Arc::new(Lender { name, file }))),
            Err(Errno::EBUSY) => Err(Error::Lent { window: name }),
            Err(Errno::EINVAL) => Err(Error::BadStep { window: name }),
            Err(errno) => Err(failed("SET_STOP ioctl", &name, errno)),
        }
    }

    /// Allocates memory of this many bytes, zeroed.
    ///
    /// # Errors
    ///
    /// [`NoMemory`](Error::NoMemory) if there is not so much in one piece, or if it is none,
    /// [`Gone`](Error::Gone), and what the system calls say.
    pub fn allocate(&self, bytes: usize) -> Result<Buffer> {
        let Self(lender) = self;
        let no_memory = || Error::NoMemory {
            window: lender.name.clone(),
            size: bytes,
        };
        let len = NonZeroUsize::new(bytes).ok_or_else(no_memory)?;
        let piece = window::allocate(&lender.file, len).map_err(|errno| match errno {
            Errno::ENOMEM => no_memory(),
            _ => failed("ALLOC ioctl", &lender.name, errno),
        })?;
        match Bytes::new(&lender.file, len, piece.offset) {
            Ok(bytes) => Ok(Buffer {
                bytes: Some(bytes),
                offset: Some(piece.offset),
                address: piece.address,
                lender: lender.clone(),
            }),
            Err(errno) => {
                // Nobody has seen it. If this fails too, the kernel frees it with the file.
                let _ = window::free(&lender.file, piece.offset);
                Err(failed("mmap", &lender.name, errno))
            }
        }
    }

    /// The window's name, `cell/regs`.
    pub fn name(&self) -> &str {
        &self.0.name
    }
}

/// Names the errors that have a meaning of their own on a window's file.
fn failed(call: &'static str, name: &str, errno: Errno) -> Error {
    match errno {
        Errno::ENODEV => Error::Gone { name: name.to_owned() },
        _ => Error::system(call, name, errno),
    }
}

/// Memory that a core and this process share, as bytes. See the [module](self) for whose it is when.
///
/// Dropping it frees it: the core must not reach it any more.
pub struct Buffer {
    /// `None` only while it is dropped.
    bytes: Option<Bytes>,
    /// In the file. `None` once it is the kernel's to free.
    offset: Option<u64>,
    address: u64,
    lender: Arc<Lender>,
}

impl Buffer {
    /// Where the core finds it: an address on its bus.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Whether it was allocated from this pool, or a clone of it: no other core reaches it.
    pub fn is_of(&self, pool: &Pool) -> bool {
        Arc::ptr_eq(&self.lender, &pool.0)
    }

    /// Gives up memory that the core may still reach: the kernel frees it when it has stopped the core.
    #[cfg(any(feature = "dma", feature = "video"))]
    pub(crate) fn abandon(mut self) {
        self.offset = None;
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.as_ref().map_or(&[], Bytes::as_slice)
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.bytes.as_mut().map_or(&mut [], Bytes::as_mut_slice)
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer")
            .field("window", &self.lender.name)
            .field("address", &format_args!("{:#x}", self.address))
            .field("len", &self.len())
            .finish()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // The kernel can use the place in the file anew as soon as it is free.
        self.bytes = None;
        if let Some(offset) = self.offset {
            // A device that has left took its memory along.
            let _ = window::free(&self.lender.file, offset);
        }
    }
}
