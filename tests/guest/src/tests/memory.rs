// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory for bus masters: whose it is, that it moves, and that it goes no sooner than the core is kept from it. The
//! core is an AXI DMA, driven by its registers as any core would be.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use axirq::Error;
use axirq::Mmio;
use axirq::device::Device;
use axirq::memory::Buffer;
use axirq::memory::Pool;
use axirq::memory::Step;
use axirq::memory::dma_rmb;
use axirq::memory::dma_wmb;
use nix::errno::Errno;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::mman::mmap;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use plsim::protocol::Way;

use crate::rig::Rig;
use crate::rig::child::Child;
use crate::rig::kernel_log::announce;
use crate::rig::overlay::Overlay;
use crate::rig::paths;
use crate::rig::random::Random;
use crate::rig::until;

crate::tests![
    core_moves_what_the_program_wrote,
    memory_is_zeroed_apart_and_whole_pages,
    memory_runs_out_and_comes_back,
    core_gets_no_memory_that_it_does_not_reach,
    one_at_a_time_lends_memory,
    requests_that_make_no_sense_are_refused,
    only_own_memory_is_mapped,
    freed_memory_is_gone_from_every_mapping,
    killed_process_leaves_a_core_that_is_stopped,
    core_that_is_unbound_is_stopped_first,
    overlay_removed_during_a_transfer_takes_the_memory_along,
    core_that_does_not_stop_keeps_its_memory,
    freed_buffers_stop_nothing,
];

/// What goes out comes back.
pub const LOOPBACK: &str = "axi_dma_1";
const LOOPBACK_DEVICE: &str = "100a0000.dma";
/// A source of packets, and a sink.
const ENDS: &str = "axi_dma_0";
const ENDS_DEVICE: &str = "10090000.dma";

const MM2S: usize = 0x00;
const S2MM: usize = 0x30;
const DMACR: usize = 0x00;
const DMASR: usize = 0x04;
const ADDRESS: usize = 0x18;
const LENGTH: usize = 0x28;

const RUN: u32 = 1;
const RESET: u32 = 1 << 2;
const HALTED: u32 = 1;
const IDLE: u32 = 1 << 1;
const ERRORS: u32 = 0x70;

const RESET_CORE: [Step; 1] = [Step::new(DMACR, RESET).until(RESET, 0)];

pub mod raw {
    pub const STEPS: usize = 4;

    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    pub struct Step {
        pub offset: u32,
        pub value: u32,
        pub mask: u32,
        pub done: u32,
    }

    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    pub struct Stop {
        pub count: u32,
        pub reserved: u32,
        pub steps: [Step; STEPS],
    }

    #[repr(C)]
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Memory {
        pub size: u64,
        pub address: u64,
        pub offset: u64,
    }

    nix::ioctl_write_ptr!(set_stop, 0xb7, 0x10, Stop);
    nix::ioctl_readwrite!(alloc, 0xb7, 0x11, Memory);
    nix::ioctl_write_ptr!(free, 0xb7, 0x12, u64);
}

/// A window's file without the crate.
pub struct Window(File);

impl Window {
    fn open(cell: &str) -> Self {
        Self::try_open(cell, true).unwrap()
    }

    pub fn try_open(cell: &str, writing: bool) -> io::Result<Self> {
        let path = paths::node(&format!("{cell}/regs"));
        let file = OpenOptions::new().read(true).write(writing).open(path);
        file.map(Self)
    }

    pub fn set_stop(&self, stop: &raw::Stop) -> Result<(), Errno> {
        // SAFETY: One such structure is read.
        unsafe { raw::set_stop(self.0.as_raw_fd(), stop) }.map(drop)
    }

    fn reset_core(&self) -> Result<(), Errno> {
        let mut stop = raw::Stop {
            count: 1,
            ..raw::Stop::default()
        };
        stop.steps[0] = raw::Step {
            offset: DMACR as u32,
            value: RESET,
            mask: RESET,
            done: 0,
        };
        self.set_stop(&stop)
    }

    pub fn alloc(&self, size: u64) -> Result<raw::Memory, Errno> {
        let mut memory = raw::Memory {
            size,
            ..raw::Memory::default()
        };
        // SAFETY: One such structure is read and written.
        unsafe { raw::alloc(self.0.as_raw_fd(), &mut memory) }?;
        Ok(memory)
    }

    fn free(&self, offset: u64) -> Result<(), Errno> {
        // SAFETY: One number is read.
        unsafe { raw::free(self.0.as_raw_fd(), &offset) }.map(drop)
    }

    /// Maps for ever.
    fn map(&self, offset: u64, size: usize, flags: MapFlags) -> Result<NonNull<u32>, Errno> {
        let length = NonZeroUsize::new(size).unwrap();
        let prot = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: The kernel picks an address that nothing else uses.
        unsafe { mmap(None, length, prot, flags, &self.0, offset as libc::off_t) }
            .map(NonNull::cast)
    }
}

/// The cells, bound.
pub fn cells() -> (Rig, Overlay) {
    let mut rig = Rig::new();
    rig.fabric.reset().unwrap();
    let overlay = Overlay::apply("vendor-data");
    for (device, cell) in [(LOOPBACK_DEVICE, LOOPBACK), (ENDS_DEVICE, ENDS)] {
        paths::wait_for_node("data_intc/0");
        until("the device", || Device::find(device).is_ok());
        Device::find(device).unwrap().bind().unwrap();
        paths::wait_for_node(&format!("{cell}/regs"));
    }
    (rig, overlay)
}

fn reset(core: &Mmio) {
    core.write32(DMACR, RESET).unwrap();
    until("the reset to end", || {
        core.read32(DMACR).unwrap() & RESET == 0
    });
}

/// The core, whatever an earlier test left it doing.
fn open(cell: &str) -> (Mmio, Pool) {
    let core = Mmio::open(cell).unwrap();
    let pool = Pool::new(&core, &RESET_CORE).unwrap();
    reset(&core);
    (core, pool)
}

fn start(core: &Mmio, channel: usize, buffer: &Buffer, length: usize) {
    core.write32(channel + DMACR, RUN).unwrap();
    core.write32(channel + ADDRESS, buffer.address().try_into().unwrap())
        .unwrap();
    dma_wmb();
    core.write32(channel + LENGTH, length.try_into().unwrap())
        .unwrap();
}

fn wait(core: &Mmio, channel: usize) {
    until("the transfer to end", || {
        let status = core.read32(channel + DMASR).unwrap();
        assert_eq!(status & ERRORS, 0, "{status:#x}");
        status & IDLE != 0
    });
    dma_rmb();
}

fn core_moves_what_the_program_wrote() {
    let (_rig, _overlay) = cells();
    let (core, pool) = open(LOOPBACK);
    let mut random = Random::new(7);
    // Its LENGTH has 14 bits.
    for length in [1, 2, 63, 4096, 4097, 16383] {
        let mut from = pool.allocate(length).unwrap();
        let mut to = pool.allocate(length + 8).unwrap();
        assert!(from.is_of(&pool) && to.is_of(&pool.clone()));
        for byte in from.iter_mut() {
            *byte = random.next() as u8;
        }
        to.fill(0xee);
        start(&core, S2MM, &to, length);
        start(&core, MM2S, &from, length);
        wait(&core, MM2S);
        wait(&core, S2MM);
        assert_eq!(to[..length], from[..]);
        assert_eq!(to[length..], [0xee; 8]);
    }
}

fn memory_is_zeroed_apart_and_whole_pages() {
    let (mut rig, _overlay) = cells();
    let (_core, pool) = open(ENDS);
    let sizes = [1, 4096, 4097, 65_536, 1 << 20];
    for round in 0..3 {
        let mut buffers: Vec<Buffer> = sizes
            .iter()
            .map(|&size| pool.allocate(size).unwrap())
            .collect();
        for (buffer, size) in buffers.iter_mut().zip(sizes) {
            assert_eq!(buffer.len(), size);
            assert!(buffer.iter().all(|&byte| byte == 0), "round {round}");
            assert_eq!(buffer.address() % 4096, 0);
            assert_eq!(buffer.as_ptr() as usize % 4096, 0);
            buffer.fill(0xa5);
        }
        let mut places: Vec<_> = buffers
            .iter()
            .map(|buffer| (buffer.address(), buffer.len() as u64))
            .collect();
        places.sort_unstable();
        for pair in places.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{places:x?}");
        }
        // As the fabric sees the machine's memory.
        let memory = rig.fabric.memory().unwrap();
        for (address, size) in places {
            let has = memory.iter().any(|piece| {
                piece.reachable
                    && piece.address <= address
                    && address + size <= piece.address + piece.size
            });
            assert!(has, "{address:#x} is not in {memory:x?}");
        }
    }
}

fn memory_runs_out_and_comes_back() {
    let (_rig, _overlay) = cells();
    let (_core, pool) = open(ENDS);
    for size in [0, usize::MAX, usize::MAX / 2, 1 << (usize::BITS - 2)] {
        let error = pool.allocate(size).unwrap_err();
        assert!(matches!(error, Error::NoMemory { .. }), "{size}: {error}");
    }
    const PIECE: usize = 1 << 20;
    let mut counts = [0; 3];
    for count in &mut counts {
        let mut buffers = Vec::new();
        let error = loop {
            match pool.allocate(PIECE) {
                Ok(buffer) => buffers.push(buffer),
                Err(error) => break error,
            }
            if buffers.len() == 32 {
                // There is more than that to be had.
                break pool.allocate(0).unwrap_err();
            }
        };
        assert!(matches!(error, Error::NoMemory { .. }), "{error}");
        assert!(error.to_string().contains("cma="), "{error}");
        *count = buffers.len();
    }
    println!("{counts:?} pieces of a mebibyte");
    assert!(counts[0] > 8, "{counts:?}");
    // Others use memory as well; a leak would take it all.
    assert!(counts[2] >= counts[0] / 2, "{counts:?}");
    for _ in 0..100 {
        pool.allocate(PIECE).unwrap()[0] = 1;
    }
}

fn core_gets_no_memory_that_it_does_not_reach() {
    let mut rig = Rig::new();
    announce("xlnx,addrwidth");
    let _overlay = Overlay::apply("narrow-masters");
    for cell in ["narrow_dma", "wide_dma", "odd_dma"] {
        paths::wait_for_node(&format!("{cell}/regs"));
    }
    rig.log
        .expect("xlnx,addrwidth is 65, no number of address bits: taken for 32");
    // The board's memory begins at 1 GiB.
    let memory = rig.fabric.memory().unwrap();
    assert!(memory.iter().all(|piece| piece.address >= 1 << 30));
    let narrow = Mmio::open("narrow_dma").unwrap();
    let pool = Pool::new(&narrow, &RESET_CORE).unwrap();
    let error = pool.allocate(1).unwrap_err();
    assert!(matches!(error, Error::NoMemory { .. }), "{error}");
    for cell in ["wide_dma", "odd_dma"] {
        let core = Mmio::open(cell).unwrap();
        let pool = Pool::new(&core, &RESET_CORE).unwrap();
        assert!(pool.allocate(1).unwrap().address() >= 1 << 30, "{cell}");
    }
}

fn one_at_a_time_lends_memory() {
    let (_rig, _overlay) = cells();
    let core = Mmio::open(ENDS).unwrap();
    let window = Window::open(ENDS);
    assert_eq!(window.alloc(4096), Err(Errno::EPERM));

    let pool = Pool::new(&core, &RESET_CORE).unwrap();
    assert_eq!(window.reset_core(), Err(Errno::EBUSY));
    assert_eq!(window.alloc(4096), Err(Errno::EPERM));
    let again = Mmio::open(ENDS).unwrap();
    let error = Pool::new(&again, &RESET_CORE).unwrap_err();
    assert!(matches!(error, Error::Lent { .. }), "{error}");
    // The same file may say it anew.
    Pool::new(&core, &RESET_CORE).unwrap();
    // Another core is another matter.
    let other = Mmio::open(LOOPBACK).unwrap();
    let others = Pool::new(&other, &RESET_CORE).unwrap();
    let buffer = pool.allocate(1).unwrap();
    assert!(!buffer.is_of(&others));

    // It ends with the last of window, pools and buffers.
    drop((core, pool));
    assert_eq!(window.reset_core(), Err(Errno::EBUSY));
    drop(buffer);
    assert_eq!(window.reset_core(), Ok(()));
    assert_eq!(window.alloc(1).unwrap().size, 4096);
}

fn requests_that_make_no_sense_are_refused() {
    let (_rig, _overlay) = cells();
    let window = Window::open(ENDS);
    let good = raw::Step {
        offset: DMACR as u32,
        value: RESET,
        mask: RESET,
        done: 0,
    };
    let stop = |count, reserved, step| raw::Stop {
        count,
        reserved,
        steps: [step; raw::STEPS],
    };
    for (what, bad) in [
        ("no steps", stop(0, 0, good)),
        ("five steps", stop(5, 0, good)),
        ("a wild count", stop(u32::MAX, 0, good)),
        ("reserved", stop(1, 1, good)),
        ("misaligned", stop(1, 0, raw::Step { offset: 2, ..good })),
        (
            "outside",
            stop(
                1,
                0,
                raw::Step {
                    offset: 0x1_0000,
                    ..good
                },
            ),
        ),
        ("far outside", stop(1, 0, raw::Step { offset: !3, ..good })),
        ("never done", stop(4, 0, raw::Step { done: 1, ..good })),
    ] {
        assert_eq!(window.set_stop(&bad), Err(Errno::EINVAL), "{what}");
    }
    assert_eq!(window.alloc(4096), Err(Errno::EPERM));
    // The last register, and as many steps as can be; what comes after the count is not looked at.
    let last = raw::Step {
        offset: 0xfffc,
        ..good
    };
    assert_eq!(window.set_stop(&stop(4, 0, last)), Ok(()));
    let mut one = stop(1, 0, raw::Step { offset: 1, ..good });
    one.steps[0] = good;
    assert_eq!(window.set_stop(&one), Ok(()));

    assert_eq!(window.alloc(0), Err(Errno::EINVAL));
    assert_eq!(window.alloc(u64::MAX), Err(Errno::ENOMEM));
    let memory = window.alloc(5000).unwrap();
    assert_eq!(memory.size, 8192);
    for offset in [0, 4096, memory.offset + 4096, memory.offset + 1, u64::MAX] {
        assert_eq!(window.free(offset), Err(Errno::EINVAL), "{offset:#x}");
    }
    let fd = window.0.as_raw_fd();
    // SAFETY: The kernel checks the addresses, which nobody can use.
    let refused = unsafe {
        [
            raw::set_stop(fd, std::ptr::without_provenance(8)),
            raw::alloc(fd, std::ptr::without_provenance_mut(8)),
            raw::free(fd, std::ptr::without_provenance(8)),
        ]
    };
    assert_eq!(refused, [Err(Errno::EFAULT); 3]);
    // What was allocated for an answer that could not be given is free again: the first gap is where it was.
    window.free(memory.offset).unwrap();
    assert_eq!(window.alloc(4096).unwrap().offset, memory.offset);

    let reader = Window::try_open(ENDS, false).unwrap();
    assert_eq!(reader.reset_core(), Err(Errno::EBADF));
    assert_eq!(reader.alloc(4096), Err(Errno::EBADF));
    assert_eq!(reader.free(0), Err(Errno::EBADF));

    // The same through the crate.
    let core = Mmio::open(LOOPBACK).unwrap();
    for steps in [&[][..], &[RESET_CORE[0]; 5], &[Step::new(0, 0).until(1, 2)]] {
        let error = Pool::new(&core, steps).unwrap_err();
        assert!(matches!(error, Error::BadStep { .. }), "{error}");
    }
    let error = Pool::new(&core, &[Step::new(0x1_0000, 0)]).unwrap_err();
    assert!(matches!(error, Error::OutOfBounds { .. }), "{error}");
    let error = Pool::new(&core, &[Step::new(2, 0)]).unwrap_err();
    assert!(matches!(error, Error::Misaligned { .. }), "{error}");
}

fn only_own_memory_is_mapped() {
    let (_rig, _overlay) = cells();
    let window = Window::open(ENDS);
    let other = Window::open(ENDS);
    window.reset_core().unwrap();
    let first = window.alloc(8192).unwrap();
    let second = window.alloc(4096).unwrap();
    let shared = MapFlags::MAP_SHARED;

    assert_eq!(other.map(first.offset, 4096, shared), Err(Errno::EINVAL));
    for (what, offset, size) in [
        ("beyond its end", second.offset, 8192),
        ("from its middle beyond its end", first.offset + 4096, 8192),
        ("where nothing is", second.offset + 4096, 4096),
        ("far away", 1 << 30, 4096),
        ("from the registers on", first.offset - 4096, 8192),
    ] {
        assert_eq!(
            window.map(offset, size, shared),
            Err(Errno::EINVAL),
            "{what}"
        );
    }
    let private = window.map(first.offset, 4096, MapFlags::MAP_PRIVATE);
    assert_eq!(private, Err(Errno::EINVAL));

    // Twice, and in parts: it is the same memory.
    let whole = window.map(first.offset, 8192, shared).unwrap();
    let part = window.map(first.offset + 4096, 4096, shared).unwrap();
    let neighbour = window.map(second.offset, 4096, shared).unwrap();
    // SAFETY: Just mapped, and nobody else's.
    unsafe {
        whole.byte_add(4096).write_volatile(0x1234_5678);
        assert_eq!(part.read_volatile(), 0x1234_5678);
        assert_eq!(whole.read_volatile(), 0);
        assert_eq!(neighbour.read_volatile(), 0);
    }
}

/// What becomes of a child that reads there.
fn read_in_a_child(at: NonNull<u32>) -> WaitStatus {
    let child = Child::start(|_| {
        // SAFETY: It was mapped once; a fault is what this is about.
        let _ = unsafe { at.read_volatile() };
        0
    });
    child.end()
}

fn assert_faults(at: NonNull<u32>) {
    let end = read_in_a_child(at);
    assert!(
        matches!(end, WaitStatus::Signaled(_, Signal::SIGBUS, _)),
        "{end:?}"
    );
}

fn freed_memory_is_gone_from_every_mapping() {
    let (_rig, _overlay) = cells();
    let window = Window::open(ENDS);
    window.reset_core().unwrap();
    let kept = window.alloc(4096).unwrap();
    let memory = window.alloc(8192).unwrap();
    let touched = window
        .map(memory.offset, 8192, MapFlags::MAP_SHARED)
        .unwrap();
    let untouched = window
        .map(memory.offset, 8192, MapFlags::MAP_SHARED)
        .unwrap();
    let neighbour = window.map(kept.offset, 4096, MapFlags::MAP_SHARED).unwrap();
    // SAFETY: Just mapped, and nobody else's.
    unsafe {
        touched.write_volatile(1);
        neighbour.write_volatile(2);
    }
    window.free(memory.offset).unwrap();
    assert_eq!(window.free(memory.offset), Err(Errno::EINVAL));
    assert_faults(touched);
    assert_faults(untouched);
    assert!(matches!(
        read_in_a_child(neighbour),
        WaitStatus::Exited(_, 0)
    ));
    // SAFETY: As above.
    assert_eq!(unsafe { neighbour.read_volatile() }, 2);
}

/// Starts to receive slowly.
fn receive_slowly(rig: &mut Rig, core: &Mmio, buffer: &Buffer) {
    // A second for a tenth of it.
    rig.fabric
        .rate(ENDS, Way::S2mm, buffer.len() as u64 / 10)
        .unwrap();
    rig.fabric
        .send_packets(ENDS, buffer.len() as u64, 1)
        .unwrap();
    start(core, S2MM, buffer, buffer.len());
}

fn is_stopped(rig: &mut Rig) -> bool {
    let status = rig.fabric.register_of(ENDS, "S2MM_DMASR");
    let control = rig.fabric.register_of(ENDS, "S2MM_DMACR");
    status & HALTED != 0 && control & RUN == 0
}

const LARGE: usize = 1 << 20;

fn killed_process_leaves_a_core_that_is_stopped() {
    let (mut rig, _overlay) = cells();
    rig.fabric.rate(ENDS, Way::S2mm, LARGE as u64 / 10).unwrap();
    rig.fabric.send_packets(ENDS, LARGE as u64, 1).unwrap();
    let mut child = Child::start(|parent| {
        let core = Mmio::open(ENDS).unwrap();
        let pool = Pool::new(&core, &RESET_CORE).unwrap();
        let buffer = pool.allocate(LARGE).unwrap();
        start(&core, S2MM, &buffer, LARGE);
        until("the first bytes", || {
            // SAFETY: A word of the buffer, which the core writes.
            unsafe { buffer.as_ptr().add(4).cast::<u32>().read_volatile() != 0 }
        });
        parent.ready();
        parent.wait_for_go();
        0
    });
    child.wait_until_ready();
    assert!(!is_stopped(&mut rig));
    child.signal(Signal::SIGKILL);
    child.end();
    // The file is closed before the process is seen to have ended.
    assert!(is_stopped(&mut rig));
    // Nothing is left to the next.
    let (_core, pool) = open(ENDS);
    assert!(pool.allocate(LARGE).unwrap().iter().all(|&byte| byte == 0));
}

fn core_that_is_unbound_is_stopped_first() {
    let (mut rig, _overlay) = cells();
    let (core, pool) = open(ENDS);
    let buffer = pool.allocate(LARGE).unwrap();
    let at = NonNull::from(&buffer[0]).cast();
    receive_slowly(&mut rig, &core, &buffer);
    assert!(matches!(read_in_a_child(at), WaitStatus::Exited(_, 0)));
    Device::find(ENDS_DEVICE).unwrap().unbind().unwrap();
    assert!(is_stopped(&mut rig));
    assert_faults(at);
    let error = pool.allocate(4096).unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error}");
    let error = Pool::new(&core, &RESET_CORE).unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error}");
    // Bound anew, it starts from nothing, whatever handles of the old one there are.
    Device::find(ENDS_DEVICE).unwrap().bind().unwrap();
    let (core_now, pool_now) = open(ENDS);
    drop((buffer, pool, core));
    let buffer = pool_now.allocate(LARGE).unwrap();
    receive_slowly(&mut rig, &core_now, &buffer);
    assert!(!is_stopped(&mut rig));
    // Before its memory goes.
    reset(&core_now);
}

fn overlay_removed_during_a_transfer_takes_the_memory_along() {
    let (mut rig, overlay) = cells();
    let (core, pool) = open(ENDS);
    let buffer = pool.allocate(LARGE).unwrap();
    receive_slowly(&mut rig, &core, &buffer);
    overlay.remove();
    assert!(is_stopped(&mut rig));
    assert_faults(NonNull::from(&buffer[0]).cast());
}

fn core_that_does_not_stop_keeps_its_memory() {
    let (mut rig, _overlay) = cells();
    let (core, pool) = open(ENDS);
    let buffers = [pool.allocate(LARGE).unwrap(), pool.allocate(4096).unwrap()];
    receive_slowly(&mut rig, &core, &buffers[0]);
    announce("the core does not stop");
    rig.fabric.fault_all_ones(true).unwrap();
    let addresses = buffers.each_ref().map(Buffer::address);
    Device::find(ENDS_DEVICE).unwrap().unbind().unwrap();
    rig.log.expect(&format!(
        "the core does not stop: {} bytes of memory stay lent to it",
        LARGE + 4096
    ));
    rig.fabric.fault_all_ones(false).unwrap();
    // Nobody else gets it.
    Device::find(ENDS_DEVICE).unwrap().bind().unwrap();
    let (_core_now, pool_now) = open(ENDS);
    let later: Vec<Buffer> = (0..16).map(|_| pool_now.allocate(LARGE).unwrap()).collect();
    for (buffer, lost) in later
        .iter()
        .flat_map(|buffer| addresses.map(|lost| (buffer, lost)))
    {
        let is_apart = lost + 4096 <= buffer.address() || buffer.address() + LARGE as u64 <= lost;
        assert!(is_apart, "{lost:#x} is given away again");
    }
}

fn freed_buffers_stop_nothing() {
    let (mut rig, _overlay) = cells();
    let (core, pool) = open(ENDS);
    let busy = pool.allocate(4096).unwrap();
    rig.fabric.rate(ENDS, Way::S2mm, 4096 / 2).unwrap();
    rig.fabric.send_packets(ENDS, 4096, 1).unwrap();
    start(&core, S2MM, &busy, 4096);
    for _ in 0..10 {
        drop(pool.allocate(LARGE).unwrap());
    }
    assert!(!is_stopped(&mut rig));
    wait(&core, S2MM);
    assert_eq!(core.read32(S2MM + LENGTH).unwrap(), 4096);
}
