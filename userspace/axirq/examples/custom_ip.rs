// SPDX-License-Identifier: MIT OR Apache-2.0
//! A driver for an IP core that nobody has written one for: registers, an interrupt, and memory that it reads and writes
//! by itself. The guide's chapter on a core of your own says why it looks as it does.
//!
//! `custom_ip [--blocking] CELL TEXT…` sends each text through the core and prints what came back. The core copies memory
//! from one place to another; it is an AXI DMA (PG021, direct register mode) whose stream leads back to it.

use std::process::ExitCode;

use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use axirq::Result;
use axirq::memory::Buffer;
use axirq::memory::Pool;
use axirq::memory::Step;
use axirq::memory::dma_rmb;
use axirq::memory::dma_wmb;

/// PG021, "Register Space": MM2S reads memory, S2MM, 0x30 behind it, writes.
mod regs {
    pub const MM2S: usize = 0x00;
    pub const S2MM: usize = 0x30;

    /// Control: the bits below.
    pub const CR: usize = 0x00;
    /// Status: [`IDLE`] once it is done, [`IOC`] until a 1 is written there.
    pub const SR: usize = 0x04;
    pub const ADDRESS: usize = 0x18;
    /// In bytes; writing it starts.
    pub const LENGTH: usize = 0x28;

    pub const RUN: u32 = 1;
    pub const RESET: u32 = 1 << 2;
    pub const IDLE: u32 = 1 << 1;
    /// Enables the interrupt in CR, tells of it in SR.
    pub const IOC: u32 = 1 << 12;
}

/// The longest text.
const ROOM: usize = 4096;

/// The core. It runs one job at a time: that is why its methods take `&mut self`.
struct Copier {
    registers: Mmio,
    done: Interrupt,
    from: Buffer,
    to: Buffer,
    /// The job that was started and whose result nobody has taken, in bytes.
    job: Option<usize>,
}

impl Copier {
    fn open(cell: &str) -> Result<Self> {
        let registers = Mmio::open(cell)?;
        // What the kernel does before it takes the memory back, should this process die in the midst of a job.
        let pool = Pool::new(&registers, &[Step::new(regs::CR, regs::RESET).until(regs::RESET, 0)])?;
        let copier = Self {
            done: Interrupt::open(&format!("{cell}/s2mm_introut"))?,
            from: pool.allocate(ROOM)?,
            to: pool.allocate(ROOM)?,
            registers,
            job: None,
        };
        // What an earlier program may have left.
        copier.reset()?;
        Ok(copier)
    }

    /// Copies the bytes by way of the core, the first 4 KiB of them.
    ///
    /// Cancel safe: a dropped future leaves the core to end its job, and the next call waits for that first.
    async fn copy(&mut self, bytes: &[u8]) -> Result<&[u8]> {
        self.finish().await?;
        self.start(bytes)?;
        self.finish().await
    }

    async fn finish(&mut self) -> Result<&[u8]> {
        // Look first, then wait: an interrupt between the two is kept for the wait.
        while !self.is_done()? {
            self.done.wait().await?;
        }
        self.take()
    }

    /// Blocking twin of [`Copier::copy`].
    fn blocking_copy(&mut self, bytes: &[u8]) -> Result<&[u8]> {
        self.blocking_finish()?;
        self.start(bytes)?;
        self.blocking_finish()
    }

    fn blocking_finish(&mut self) -> Result<&[u8]> {
        while !self.is_done()? {
            self.done.blocking_wait()?;
        }
        self.take()
    }

    fn start(&mut self, bytes: &[u8]) -> Result<()> {
        let length = bytes.len().min(ROOM);
        self.from[..length].copy_from_slice(&bytes[..length]);
        if length == 0 {
            return Ok(());
        }
        self.job = Some(length);
        // Memory first, then the registers that start.
        dma_wmb();
        // Only the end of the whole is of interest.
        for (channel, buffer, enabled) in [(regs::S2MM, &self.to, regs::IOC), (regs::MM2S, &self.from, 0)] {
            let address = u32::try_from(buffer.address()).expect("the core's bus has 32 bits");
            self.registers.write32(channel + regs::CR, regs::RUN | enabled)?;
            self.registers.write32(channel + regs::ADDRESS, address)?;
            self.registers.write32(channel + regs::LENGTH, length as u32)?;
        }
        Ok(())
    }

    fn is_done(&self) -> Result<bool> {
        Ok(self.job.is_none() || self.registers.read32(regs::S2MM + regs::SR)? & regs::IDLE != 0)
    }

    /// Clears the cause in the core before anybody waits again.
    fn take(&mut self) -> Result<&[u8]> {
        let length = self.job.take().unwrap_or(0);
        if length != 0 {
            self.registers.write32(regs::S2MM + regs::SR, regs::IOC)?;
            dma_rmb();
        }
        Ok(&self.to[..length])
    }

    fn reset(&self) -> Result<()> {
        self.registers.write32(regs::CR, regs::RESET)?;
        // It takes microseconds, unless the bus answers nonsense.
        for _ in 0..1000 {
            if self.registers.read32(regs::CR)? & regs::RESET == 0 {
                return Ok(());
            }
        }
        Err(Error::StuckStatus {
            cell: self.registers.name().to_owned(),
            register: "DMACR",
        })
    }
}

impl Drop for Copier {
    fn drop(&mut self) {
        // Before the buffers go.
        if self.job.is_some() && self.done.sequence().is_ok() {
            let _ = self.reset();
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(copier: &mut Copier, texts: &[String]) -> Result<()> {
    for text in texts {
        show(copier.copy(text.as_bytes()).await?);
    }
    Ok(())
}

fn blocking_run(copier: &mut Copier, texts: &[String]) -> Result<()> {
    for text in texts {
        show(copier.blocking_copy(text.as_bytes())?);
    }
    Ok(())
}

fn show(bytes: &[u8]) {
    println!("{}", String::from_utf8_lossy(bytes));
}

fn main() -> ExitCode {
    let mut arguments: Vec<_> = std::env::args().skip(1).collect();
    let blocking = arguments.first().is_some_and(|first| first == "--blocking");
    if blocking {
        arguments.remove(0);
    }
    let Some((cell, texts)) = arguments.split_first() else {
        eprintln!("usage: custom_ip [--blocking] CELL TEXT…");
        return ExitCode::from(2);
    };
    let done = Copier::open(cell).and_then(|mut copier| match blocking {
        true => blocking_run(&mut copier, texts),
        false => run(&mut copier, texts),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("custom_ip: {error}");
            ExitCode::FAILURE
        }
    }
}
