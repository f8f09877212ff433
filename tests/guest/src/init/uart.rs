// SPDX-License-Identifier: MIT OR Apache-2.0
//! A UART as a plain wire: eight bits, nothing echoed, nothing translated.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use board::protocol::{Decoder, Event, Item, Request, encode};
use nix::fcntl::OFlag;
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};

use crate::{Context, Error};

pub struct Uart {
    path: &'static str,
    tty: File,
    decoder: Decoder,
    /// As the kernel had set it up: what a shell wants.
    cooked: Termios,
}

impl Uart {
    /// Opens a tty and makes it raw.
    pub fn open(path: &'static str) -> Result<Self, Error> {
        let tty = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(path)
            .context(|| format!("cannot open {path}"))?;
        let cooked = tcgetattr(&tty).context(|| format!("{path} is no tty"))?;
        let uart = Self {
            path,
            tty,
            decoder: Decoder::default(),
            cooked,
        };
        let mut raw = uart.cooked.clone();
        cfmakeraw(&mut raw);
        uart.set(&raw)?;
        Ok(uart)
    }

    /// Takes the tty back from a session whose leader has ended: the kernel has hung up every handle of it, this one
    /// too.
    pub fn reopen(&mut self) -> Result<(), Error> {
        *self = Self::open(self.path)?;
        Ok(())
    }

    pub fn make_cooked(&self) -> Result<(), Error> {
        self.set(&self.cooked)
    }

    fn set(&self, settings: &Termios) -> Result<(), Error> {
        tcsetattr(&self.tty, SetArg::TCSADRAIN, settings)
            .context(|| "cannot set up the UART".into())
    }

    /// Another handle of the tty, for a child's standard streams.
    pub fn tty(&self) -> Result<File, Error> {
        self.tty
            .try_clone()
            .context(|| "cannot duplicate the UART".into())
    }

    pub fn send(&mut self, event: &Event) -> Result<(), Error> {
        let sent = match encode(event) {
            Some(frame) => self.tty.write_all(&frame),
            None => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "longer than a frame",
            )),
        };
        sent.context(|| format!("cannot send {event:?}"))
    }

    /// The requests that have arrived; what is no request is dropped. Blocks if there is nothing to read.
    pub fn receive(&mut self) -> Result<Vec<Request>, Error> {
        let mut bytes = [0; 4096];
        let length = self
            .tty
            .read(&mut bytes)
            .context(|| "cannot read the UART".into())?;
        Ok(self
            .decoder
            .push(&bytes[..length])
            .into_iter()
            .filter_map(|item| match item {
                Item::Message(request) => Some(request),
                Item::Text(_) => None,
            })
            .collect())
    }
}

impl AsFd for Uart {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tty.as_fd()
    }
}
