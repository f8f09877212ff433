// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Streams`]: four rings of bytes, two each way.

use std::time::Duration;

use super::memory::Memory;
use super::pace::PAUSE;
use super::pace::Pace;
use super::ring;
use super::ring::Ring;
use crate::Error;
use crate::Result;

/// The stream rings of a running program; made by [`Microblaze::streams`](super::Microblaze::streams).
///
/// Each ring can be used by a task of its own. PYNQ's firmware raises its interrupt for `stdout` alone; the others are
/// looked at every millisecond while somebody waits for them.
#[derive(Debug)]
#[non_exhaustive]
pub struct Streams<'a> {
    /// To the program.
    pub stdin: Writer<'a>,
    /// From the program.
    pub stdout: Reader<'a>,
    /// Requests to the program.
    pub rpc_in: Writer<'a>,
    /// The program's answers to requests.
    pub rpc_out: Reader<'a>,
}

impl<'a> Streams<'a> {
    pub(super) fn new(memory: &'a Memory, cell: &'a str, stdout: Pace<'a>) -> Self {
        let writer = |ring| Writer {
            memory,
            ring,
            pace: Pace::polled(cell, PAUSE),
        };
        let reader = |ring, pace| Reader { memory, ring, pace };
        Self {
            stdin: writer(ring::STDIN),
            stdout: reader(ring::STDOUT, stdout),
            rpc_in: writer(ring::RPC_IN),
            rpc_out: reader(ring::RPC_OUT, Pace::polled(cell, PAUSE)),
        }
    }

    /// [`Reader::set_timeout`] and [`Writer::set_timeout`] of all four.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.stdin.set_timeout(timeout);
        self.stdout.set_timeout(timeout);
        self.rpc_in.set_timeout(timeout);
        self.rpc_out.set_timeout(timeout);
    }
}

/// A ring that the program writes.
#[derive(Debug)]
pub struct Reader<'a> {
    memory: &'a Memory,
    ring: Ring,
    pace: Pace<'a>,
}

impl Reader<'_> {
    /// How long a call may take before it fails with [`NoAnswer`](Error::NoAnswer). `None`, as it is unless told, is as
    /// long as it takes.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.pace.timeout = timeout;
    }

    /// Takes what is there, which may be nothing; says how much.
    ///
    /// # Errors
    ///
    /// [`BrokenRing`](Error::BrokenRing), [`Unsettled`](Error::Unsettled), [`Gone`](Error::Gone) once the device has left.
    pub fn try_read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.ring.take(self.memory, into)
    }

    /// Takes what is there, once that is something; says how much.
    ///
    /// # When it returns
    ///
    /// At once if there is something; else when there is, or when the time is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped future has taken nothing.
    ///
    /// # Errors
    ///
    /// [`NoAnswer`](Error::NoAnswer), [`BrokenRing`](Error::BrokenRing),
    /// [`Unsettled`](Error::Unsettled), [`RuntimeWithoutTime`](Error::RuntimeWithoutTime), and as for
    /// [`Interrupt::wait`](crate::Interrupt::wait).
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example(iop: &mut axirq::microblaze::Microblaze) -> axirq::Result<()> {
    /// use axirq::microblaze::Answers;
    ///
    /// let mut streams = iop.streams(Answers::Interrupt)?;
    /// let mut text = [0; 256];
    /// loop {
    ///     let count = streams.stdout.read(&mut text).await?;
    ///     print!("{}", String::from_utf8_lossy(&text[..count]));
    /// }
    /// # }
    /// ```
    #[cfg(feature = "tokio")]
    pub async fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let (memory, ring, least) = (self.memory, self.ring, into.len().min(1));
        self.pace.until(|| take(memory, ring, into, least)).await
    }

    /// Takes what is there, once that is something; blocking twin of `read`.
    ///
    /// # Errors
    ///
    /// As for `read`, and [`Interrupt::blocking_wait`](crate::Interrupt::blocking_wait).
    pub fn blocking_read(&mut self, into: &mut [u8]) -> Result<usize> {
        let (memory, ring, least) = (self.memory, self.ring, into.len().min(1));
        self.pace.blocking_until(|| take(memory, ring, into, least))
    }

    /// Takes as many bytes as asked for, once all of them are there: 1015 at most, as many as a ring holds.
    ///
    /// # When it returns
    ///
    /// At once if they are there; else when they are, or when the time is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped future has taken nothing.
    ///
    /// # Errors
    ///
    /// As for [`Reader::read`], and [`BadRequest`](Error::BadRequest) for more than a ring holds.
    #[cfg(feature = "tokio")]
    pub async fn read_exact(&mut self, into: &mut [u8]) -> Result<()> {
        let (memory, ring, least) = (self.memory, self.ring, at_once(self.memory, into.len())?);
        self.pace.until(|| take(memory, ring, into, least)).await.map(drop)
    }

    /// Takes as many bytes as asked for; blocking twin of `read_exact`.
    ///
    /// # Errors
    ///
    /// As for [`Reader::blocking_read`], and [`BadRequest`](Error::BadRequest) for more than a ring holds.
    pub fn blocking_read_exact(&mut self, into: &mut [u8]) -> Result<()> {
        let (memory, ring, least) = (self.memory, self.ring, at_once(self.memory, into.len())?);
        self.pace.blocking_until(|| take(memory, ring, into, least)).map(drop)
    }
}

/// A ring that the program reads.
#[derive(Debug)]
pub struct Writer<'a> {
    memory: &'a Memory,
    ring: Ring,
    pace: Pace<'a>,
}

impl Writer<'_> {
    /// How long a call may take before it fails with [`NoAnswer`](Error::NoAnswer). `None`, as it is unless told, is as
    /// long as it takes.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.pace.timeout = timeout;
    }

    /// Puts in as much as there is room for, which may be nothing; says how much.
    ///
    /// # Errors
    ///
    /// [`BrokenRing`](Error::BrokenRing), [`Unsettled`](Error::Unsettled), [`Gone`](Error::Gone) once the device has left.
    pub fn try_write(&mut self, from: &[u8]) -> Result<usize> {
        self.ring.put(self.memory, from)
    }

    /// Puts in all of it, once there is room for all: 1015 bytes at most, as many as a ring holds.
    ///
    /// # When it returns
    ///
    /// At once if there is room; else when there is, or when the time is over. That the program has read it is not
    /// waited for.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a dropped future has put in nothing.
    ///
    /// # Errors
    ///
    /// As for [`Reader::read_exact`].
    #[cfg(feature = "tokio")]
    pub async fn write_all(&mut self, from: &[u8]) -> Result<()> {
        let (memory, ring, least) = (self.memory, self.ring, at_once(self.memory, from.len())?);
        self.pace.until(|| put(memory, ring, from, least)).await
    }

    /// Puts in all of it; blocking twin of `write_all`.
    ///
    /// # Errors
    ///
    /// As for [`Reader::blocking_read_exact`].
    pub fn blocking_write_all(&mut self, from: &[u8]) -> Result<()> {
        let (memory, ring, least) = (self.memory, self.ring, at_once(self.memory, from.len())?);
        self.pace.blocking_until(|| put(memory, ring, from, least))
    }
}

/// What goes at once, if it can.
fn at_once(memory: &Memory, bytes: usize) -> Result<usize> {
    use super::memory::Words;

    if bytes <= ring::MOST {
        return Ok(bytes);
    }
    Err(Error::BadRequest {
        cell: memory.cell().to_owned(),
        reason: "a ring holds 1015 bytes: move more than that in pieces",
    })
}

fn take(memory: &Memory, ring: Ring, into: &mut [u8], least: usize) -> Result<Option<usize>> {
    if ring.filled(memory)? < least {
        return Ok(None);
    }
    ring.take(memory, into).map(Some)
}

fn put(memory: &Memory, ring: Ring, from: &[u8], least: usize) -> Result<Option<()>> {
    if ring::MOST - ring.filled(memory)? < least {
        return Ok(None);
    }
    ring.put(memory, from).map(|_| Some(()))
}
