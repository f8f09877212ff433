// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fabric as a PCI device behind vfio-user: BAR0 is the window, INTx pin A the wire to the PS, and the guest's
//! memory what the fabric's masters reach.

mod dma;
mod pci;

use std::fs::File;
use std::io;
use std::io::Write;
use std::os::fd::BorrowedFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;

use nix::sys::socket::Shutdown;
use nix::sys::socket::UnixAddr;
use nix::sys::socket::getsockname;
use nix::sys::socket::getsockopt;
use nix::sys::socket::shutdown;
use nix::sys::socket::sockopt;
use thiserror::Error;
use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_AUTOMASKED;
use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_IRQ_INFO_MASKABLE;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_MASK;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_TRIGGER;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_TYPE_MASK;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_UNMASK;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_DATA_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_PCI_BAR0_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_CONFIG_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_INTX_IRQ_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_NUM_IRQS;
use vfio_bindings::bindings::vfio::VFIO_PCI_NUM_REGIONS;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_READ;
use vfio_bindings::bindings::vfio::VFIO_REGION_INFO_FLAG_WRITE;
use vfio_bindings::bindings::vfio::vfio_region_info;
use vfio_user::DmaMapFlags;
use vfio_user::DmaUnmapFlags;
use vfio_user::IrqInfo;
use vfio_user::Server;
use vfio_user::ServerBackend;
use vfio_user::ServerRegion;

use crate::intx::Trigger;
use crate::sim::Sim;
use pci::Config;

/// A connection that ended otherwise than by the other side's leaving.
#[derive(Debug, Error)]
#[error("the vfio-user connection failed: {0}")]
pub struct Failed(#[from] vfio_user::Error);

/// Serves one QEMU after the other on a listening socket.
pub struct Device {
    server: Server,
    sim: Arc<Sim>,
    window: u32,
}

impl Device {
    pub fn new(listener: UnixListener, sim: Arc<Sim>) -> Self {
        let window = sim.with(|fabric| fabric.window());
        let server = Server::from_owned_fd(OwnedFd::from(listener), true, irqs(), regions(window));
        Self {
            server,
            sim,
            window,
        }
    }

    /// Waits for a QEMU and serves it until it leaves. Each starts with a fabric fresh from bus reset.
    pub fn serve_one(&self) -> Result<(), Failed> {
        self.sim.with(|fabric| fabric.bus_reset());
        let mut backend = Backend {
            sim: Arc::clone(&self.sim),
            config: Config::new(self.window),
        };
        let result = self.server.run(&mut backend);
        self.sim.with(|fabric| {
            fabric.memory().clear();
            fabric.intx().disconnect();
        });
        Ok(result?)
    }
}

/// Cuts the connection that was accepted on the socket at `path`, if there is one.
///
/// `vfio_user` keeps the connection to itself, but the kernel knows it: an accepted socket carries the address it was
/// accepted on, and unlike the listening one does not accept.
pub fn cut_connection(path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(fd) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<RawFd>().ok())
        else {
            continue;
        };
        let ours = getsockname::<UnixAddr>(fd).is_ok_and(|address| address.path() == Some(path));
        if !ours {
            continue;
        }
        // SAFETY: `getsockname` has just found the descriptor open. Only `Server::run` closes a socket of this address,
        // and should it do so in between, the calls below fail or, at worst, end some other connection of ours.
        let socket = unsafe { BorrowedFd::borrow_raw(fd) };
        if getsockopt(&socket, sockopt::AcceptConn).is_ok_and(|listens| !listens) {
            shutdown(fd, Shutdown::Both)?;
        }
    }
    Ok(())
}

fn regions(window: u32) -> Vec<ServerRegion> {
    (0..VFIO_PCI_NUM_REGIONS)
        .map(|index| {
            let size = match index {
                VFIO_PCI_BAR0_REGION_INDEX => u64::from(window),
                VFIO_PCI_CONFIG_REGION_INDEX => pci::SIZE as u64,
                _ => 0,
            };
            let flags = match size {
                0 => 0,
                _ => VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
            };
            ServerRegion {
                region_info: vfio_region_info {
                    argsz: size_of::<vfio_region_info>() as u32,
                    index,
                    size,
                    flags,
                    ..Default::default()
                },
                sparse_areas: Vec::new(),
                mmap_fd: None,
            }
        })
        .collect()
}

fn irqs() -> Vec<IrqInfo> {
    (0..VFIO_PCI_NUM_IRQS)
        .map(|index| match index {
            VFIO_PCI_INTX_IRQ_INDEX => IrqInfo {
                index,
                count: 1,
                flags: VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED,
            },
            _ => IrqInfo {
                index,
                count: 0,
                flags: 0,
            },
        })
        .collect()
}

/// QEMU's eventfd.
struct EventFd(File);

impl Trigger for EventFd {
    fn fire(&mut self) -> io::Result<()> {
        self.0.write_all(&1u64.to_ne_bytes())
    }
}

struct Backend {
    sim: Arc<Sim>,
    config: Config,
}

impl ServerBackend for Backend {
    fn region_read(&mut self, region: u32, offset: u64, data: &mut [u8]) -> io::Result<()> {
        match region {
            VFIO_PCI_BAR0_REGION_INDEX => {
                self.sim.with(|fabric| fabric.window_read(offset, data));
            }
            VFIO_PCI_CONFIG_REGION_INDEX => self.config.read(offset, data),
            _ => data.fill(0),
        }
        Ok(())
    }

    fn region_write(&mut self, region: u32, offset: u64, data: &[u8]) -> io::Result<()> {
        match region {
            VFIO_PCI_BAR0_REGION_INDEX => {
                self.sim.with(|fabric| fabric.window_write(offset, data));
            }
            VFIO_PCI_CONFIG_REGION_INDEX => {
                self.config.write(offset, data);
                let disabled = self.config.intx_disabled();
                self.sim.with(|fabric| fabric.intx().set_disabled(disabled));
            }
            _ => {}
        }
        Ok(())
    }

    fn dma_map(
        &mut self,
        flags: DmaMapFlags,
        offset: u64,
        address: u64,
        size: u64,
        fd: Option<File>,
    ) -> io::Result<()> {
        let (region, wrong) = dma::region(flags, offset, size, fd);
        if let Some(wrong) = wrong {
            // A refusal would end QEMU's device; a guest whose masters never go there misses nothing.
            eprintln!("plsim: guest memory at {address:#x} is out of reach: {wrong}");
        }
        let done = self.sim.with(|fabric| fabric.memory().map(address, region));
        done.map_err(io::Error::other)
    }

    fn dma_unmap(&mut self, flags: DmaUnmapFlags, address: u64, size: u64) -> io::Result<()> {
        // Under the fabric's lock, so between two bursts: the next one of a transfer that runs meets no memory.
        self.sim.with(|fabric| {
            let memory = fabric.memory();
            if flags.contains(DmaUnmapFlags::UNMAP_ALL) {
                memory.clear();
                return Ok(());
            }
            memory.unmap(address, size).map_err(io::Error::other)
        })
    }

    fn reset(&mut self) -> io::Result<()> {
        self.config = Config::new(self.config.window());
        self.sim.with(|fabric| {
            fabric.bus_reset();
            fabric.intx().set_disabled(false);
        });
        Ok(())
    }

    fn set_irqs(
        &mut self,
        index: u32,
        flags: u32,
        _start: u32,
        count: u32,
        fds: Vec<File>,
    ) -> io::Result<()> {
        if index != VFIO_PCI_INTX_IRQ_INDEX {
            return Ok(());
        }
        let eventfd = fds.into_iter().next();
        self.sim.with(|fabric| {
            let now = self.sim.now();
            let intx = fabric.intx();
            match flags & VFIO_IRQ_SET_ACTION_TYPE_MASK {
                VFIO_IRQ_SET_ACTION_MASK => intx.mask(),
                VFIO_IRQ_SET_ACTION_UNMASK => intx.unmask(now),
                VFIO_IRQ_SET_ACTION_TRIGGER => {
                    let wanted = flags & VFIO_IRQ_SET_DATA_EVENTFD != 0 && count > 0;
                    intx.connect(eventfd.filter(|_| wanted).map(trigger));
                }
                _ => {}
            }
        });
        Ok(())
    }
}

fn trigger(eventfd: File) -> Box<dyn Trigger> {
    Box::new(EventFd(eventfd))
}
