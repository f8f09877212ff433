// SPDX-License-Identifier: MIT OR Apache-2.0
//! The simulator's control, over the board's second UART.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::ops::Deref;
use std::ops::DerefMut;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::termios::SetArg;
use nix::sys::termios::cfmakeraw;
use nix::sys::termios::tcgetattr;
use nix::sys::termios::tcsetattr;
use plsim::client::Client;
use plsim::protocol::Request;

use super::PATIENCE;

const UART: &str = "/dev/ttyAMA1";

/// The controller that tests ask about most.
const INTC: &str = "axi_intc_0";

/// plsim's client, and questions that tests ask.
pub struct Fabric(Client<Uart>);

impl Fabric {
    pub fn open() -> Self {
        let tty = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY)
            .open(UART)
            .unwrap();
        let mut raw = tcgetattr(&tty).unwrap();
        cfmakeraw(&mut raw);
        tcsetattr(&tty, SetArg::TCSANOW, &raw).unwrap();
        Self(Client::new(Uart(tty)))
    }

    /// A register of `axi_intc_0`.
    pub fn register(&mut self, register: &str) -> u32 {
        self.register_of(INTC, register)
    }

    pub fn register_of(&mut self, cell: &str, register: &str) -> u32 {
        self.peek(cell).unwrap()[register]
    }

    /// Whether an input of `axi_intc_0` is enabled in hardware.
    pub fn is_enabled(&mut self, input: u32) -> bool {
        self.register("IER") & (1 << input) != 0
    }

    /// Whether `axi_intc_0` has captured an input.
    pub fn is_latched(&mut self, input: u32) -> bool {
        self.register("ISR") & (1 << input) != 0
    }

    /// Drives an external input of `axi_intc_0` active; the same below.
    pub fn raise_input(&mut self, input: u32) {
        self.raise(INTC, input).unwrap();
    }

    pub fn lower_input(&mut self, input: u32) {
        self.lower(INTC, input).unwrap();
    }

    pub fn pulse_input(&mut self, input: u32) {
        self.pulse(INTC, input).unwrap();
    }

    /// All input wires of a GPIO's second channel.
    pub fn set_second(&mut self, cell: &str, value: u32) {
        let (cell, channel) = (cell.to_owned(), 2);
        self.order(&Request::Set {
            cell,
            value,
            channel,
        })
        .unwrap();
    }

    /// How often the CPU read and wrote a register of `axi_intc_0` since the counters were reset.
    pub fn accesses(&mut self, register: &str) -> (u64, u64) {
        let counts = self.counts(INTC).unwrap();
        counts
            .get(register)
            .map_or((0, 0), |count| (count.r, count.w))
    }
}

impl Deref for Fabric {
    type Target = Client<Uart>;

    fn deref(&self) -> &Client<Uart> {
        &self.0
    }
}

impl DerefMut for Fabric {
    fn deref_mut(&mut self) -> &mut Client<Uart> {
        &mut self.0
    }
}

/// A raw UART whose reads end.
pub struct Uart(File);

impl Read for Uart {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(PATIENCE).unwrap())? {
            0 => Err(io::ErrorKind::TimedOut.into()),
            _ => self.0.read(buffer),
        }
    }
}

impl Write for Uart {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
