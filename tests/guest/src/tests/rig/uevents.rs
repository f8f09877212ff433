// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel tells udev.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::socket::AddressFamily;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::NetlinkAddr;
use nix::sys::socket::SockFlag;
use nix::sys::socket::SockProtocol;
use nix::sys::socket::SockType;
use nix::sys::socket::bind;
use nix::sys::socket::recv;
use nix::sys::socket::socket;

use super::PATIENCE;

/// Those of the kernel; udev's own are another group.
const KERNEL: u32 = 1;

pub struct Uevents(OwnedFd);

/// The variables of an event.
pub type Uevent = BTreeMap<String, String>;

impl Uevents {
    /// All from now on.
    pub fn listen() -> Self {
        let socket = socket(
            AddressFamily::Netlink,
            SockType::Datagram,
            SockFlag::SOCK_CLOEXEC,
            SockProtocol::NetlinkKObjectUEvent,
        )
        .unwrap();
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, KERNEL)).unwrap();
        Self(socket)
    }

    /// The next of a subsystem and an action.
    pub fn next_of(&mut self, subsystem: &str, action: &str) -> Uevent {
        loop {
            let event = self.next();
            if event.get("SUBSYSTEM").map(String::as_str) == Some(subsystem)
                && event["ACTION"] == action
            {
                return event;
            }
        }
    }

    fn next(&mut self) -> Uevent {
        let mut fds = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut fds, PollTimeout::try_from(PATIENCE).unwrap()).unwrap();
        assert_eq!(ready, 1, "waited {PATIENCE:?} for an event of the kernel");
        // The kernel's limit is 2 KiB of variables.
        let mut message = [0; 8192];
        let length = recv(self.0.as_raw_fd(), &mut message, MsgFlags::empty()).unwrap();
        // `action@path`, then the variables, each ended by a zero.
        message[..length]
            .split(|&byte| byte == 0)
            .skip(1)
            .filter_map(|text| std::str::from_utf8(text).ok()?.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }
}
