// SPDX-License-Identifier: MIT OR Apache-2.0
//! System calls by chance on everything that the modules offer: pins, windows, attributes, overlay items. Any answer
//! will do, as long as it is one, nothing is written past what it says, and all works afterwards.

use std::ffi::CString;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::fd::OwnedFd;
use std::os::fd::RawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::ptr;

use nix::errno::Errno;
use nix::kmod::ModuleInitFlags;
use nix::kmod::finit_module;
use nix::sys::signal::SaFlags;
use nix::sys::signal::SigAction;
use nix::sys::signal::SigHandler;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use nix::sys::signal::sigaction;
use nix::sys::wait::WaitStatus;
use nix::unistd::Gid;
use nix::unistd::Uid;
use nix::unistd::setgid;
use nix::unistd::setgroups;
use nix::unistd::setuid;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::EDGE_TOO_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::Rig;
use crate::rig::child::Child;
use crate::rig::child::Parent;
use crate::rig::kernel_log::announce;
use crate::rig::line_file::LineFile;
use crate::rig::overlay::FOLDER;
use crate::rig::overlay::remove_leftovers;
use crate::rig::paths;
use crate::rig::random::Random;
use crate::rig::random::seeds;

crate::tests![
    any_call_on_pins_and_windows_has_an_answer,
    any_call_on_attributes_has_an_answer,
    any_call_on_overlay_items_has_an_answer,
    without_permission_nothing_can_be_done,
    passed_file_gives_its_user_that_file_alone,
];

const PAGE: usize = 4096;

/// From the kernel's header; the C library's bindings lack it.
const F_SETSIG: i32 = 10;

/// The kernel's own call: the C library's looks at the lock that it is given, where it is an older one than the kernel's.
#[cfg(target_pointer_width = "32")]
const FCNTL: libc::c_long = libc::SYS_fcntl64;
#[cfg(target_pointer_width = "64")]
const FCNTL: libc::c_long = libc::SYS_fcntl;

/// How many calls each process makes with each seed.
const CALLS: u32 = 3_000;

/// What a file is, as far as answers differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pin,
    Window,
    Text,
}

struct Target {
    file: File,
    kind: Kind,
}

impl Target {
    /// Opens a file with as many rights as it has.
    fn open(path: &Path, kind: Kind) -> Option<Self> {
        let nonblocking =
            |options: &mut OpenOptions| options.custom_flags(libc::O_NONBLOCK).open(path);
        let file = nonblocking(OpenOptions::new().read(true).write(true))
            .or_else(|_| nonblocking(OpenOptions::new().read(true)))
            .or_else(|_| nonblocking(OpenOptions::new().write(true)));
        Some(Self {
            file: file.ok()?,
            kind,
        })
    }
}

/// Every node of the demo, raw inputs and pins that exclude each other among them.
fn nodes() -> Vec<Target> {
    let mut targets = Vec::new();
    for cell in fs::read_dir("/dev/axirq").unwrap() {
        for node in fs::read_dir(cell.unwrap().path()).unwrap() {
            let path = node.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let kind = if name.starts_with("regs") {
                Kind::Window
            } else {
                Kind::Pin
            };
            targets.extend(Target::open(&path, kind));
        }
    }
    // Two files of one line.
    targets.extend(Target::open(&paths::node(EDGE), Kind::Pin));
    targets.extend(Target::open(&paths::node(LEVEL), Kind::Pin));
    targets
}

/// Memory of all sorts to point at.
struct Arena {
    /// Readable and writable, then a hole.
    good: *mut u8,
    read_only: *mut u8,
    /// Room for mappings at fixed addresses.
    room: *mut u8,
}

const ROOM: usize = 16 * PAGE;
const CANARY: u8 = 0x5a;

impl Arena {
    fn new() -> Self {
        let map = |length, protection| {
            // SAFETY: At an address of the kernel's choice.
            let at = unsafe {
                libc::mmap(
                    ptr::null_mut(),
                    length,
                    protection,
                    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                    -1,
                    0,
                )
            };
            assert_ne!(at, libc::MAP_FAILED);
            at.cast::<u8>()
        };
        let good = map(3 * PAGE, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: The last page of those just mapped.
        unsafe { libc::munmap(good.add(2 * PAGE).cast(), PAGE) };
        Self {
            good,
            read_only: map(PAGE, libc::PROT_READ),
            room: map(ROOM, libc::PROT_NONE),
        }
    }

    /// Anything that a program could take for a pointer.
    fn pointer(&self, random: &mut Random) -> *mut u8 {
        let wild = match random.below(12) {
            0 => return ptr::null_mut(),
            1 => random.below(PAGE as u64),
            2 => 0xffff_8000_0000_0000 | (random.next() >> 16),
            3 => u64::MAX - random.below(64),
            4 => random.next(),
            // A tag in the top byte.
            5 => self.good.addr() as u64 | (random.next() << 56),
            6 => return self.read_only.wrapping_add(random.below(64) as usize),
            7 => return self.room,
            // Half of it is there.
            8 | 9 => return self.good.wrapping_add(2 * PAGE - random.below(40) as usize),
            _ => return self.good.wrapping_add(random.below(64) as usize),
        };
        // In 32 bits, any number may be the address of something of ours: all but those above the vectors.
        let wild = if cfg!(target_pointer_width = "32") {
            wild as usize | 0xffff_2000
        } else {
            wild as usize
        };
        ptr::without_provenance_mut(wild)
    }
}

fn length(random: &mut Random) -> usize {
    match random.below(4) {
        0 => random.below(40) as usize,
        1 => *random.pick(&[0, 7, 8, 9, 23, 24, 25, PAGE - 1, PAGE, PAGE + 1]),
        2 => *random.pick(&[
            usize::MAX,
            isize::MAX as usize,
            isize::MAX as usize - PAGE,
            1 << 31,
            (1_u64 << 40) as usize,
        ]),
        _ => random.next() as usize,
    }
}

/// Lengths that a mapping may have, most of them.
fn map_length(random: &mut Random) -> usize {
    match random.below(3) {
        0 => length(random),
        _ => (1 + random.below(4) as usize) * PAGE,
    }
}

fn offset(random: &mut Random) -> i64 {
    match random.below(4) {
        0 => 0,
        1 => random.below(64) as i64,
        2 => PAGE as i64 * random.below(4) as i64,
        _ => random.next() as i64,
    }
}

const SET_STOP: u32 = 0x4048_b710;
const ALLOC: u32 = 0xc018_b711;
const FREE: u32 = 0x4008_b712;

/// Memory for a bus master, asked for and given back with arguments that make sense more often than not. The stop writes
/// a register that each window has, and waits for nothing.
fn lend(fd: RawFd, arena: &Arena, random: &mut Random) -> i64 {
    let word = |index: usize, value: u32| {
        // SAFETY: Two pages are there.
        unsafe { arena.good.cast::<u32>().add(index).write(value) }
    };
    let command = match random.below(4) {
        0 => {
            for index in 0..18 {
                word(index, 0);
            }
            word(0, random.below(6) as u32);
            word(1, u32::from(random.below(8) == 0));
            word(2, *random.pick(&[4, 4, 4, 3, 0x1000, u32::MAX]));
            SET_STOP
        }
        1 | 2 => {
            word(0, *random.pick(&[1, 4096, 5000, 1 << 16, 0, u32::MAX]));
            word(1, u32::from(random.below(16) == 0));
            ALLOC
        }
        _ => {
            word(0, (random.below(6) * PAGE as u64) as u32);
            word(1, 0);
            FREE
        }
    };
    // SAFETY: More than any of them reads or writes is there.
    i64::from(unsafe { libc::ioctl(fd, command as _, arena.good) })
}

fn command(random: &mut Random) -> u32 {
    /// Arm, disarm, set mode; set stop, alloc, free: as in the uapi header.
    const OURS: [u32; 6] = [0x8008_b700, 0xb701, 0x4004_b702, SET_STOP, ALLOC, FREE];
    match random.below(4) {
        0 => *random.pick(&OURS),
        1 => *random.pick(&OURS) ^ (1 << random.below(32)),
        2 => {
            *random.pick(&[
                libc::FIONBIO,
                libc::FIOASYNC,
                libc::FIONREAD,
                libc::FIOCLEX,
                libc::FIONCLEX,
                libc::TCGETS,
                // FIGETBSZ, FS_IOC_FIEMAP, FICLONE, FITHAW.
                2,
                0xc020_660b,
                0x4004_9409,
                0xc004_5878,
            ]) as _
        }
        _ => random.next() as u32,
    }
}

/// Read and written, so that what calls wrote past their answer can be seen.
fn fill(arena: &Arena) {
    // SAFETY: Two pages are there.
    unsafe { ptr::write_bytes(arena.good, CANARY, 2 * PAGE) };
}

/// Reads, and looks that no more came than was said.
fn read(target: &Target, arena: &Arena, random: &mut Random) -> i64 {
    let fd = target.file.as_raw_fd();
    fill(arena);
    let size = random.below(64) as usize;
    // SAFETY: So many bytes are there.
    let got = unsafe { libc::read(fd, arena.good.cast(), size) };
    let told = usize::try_from(got).unwrap_or(0);
    assert!(told <= size);
    if target.kind == Kind::Pin {
        assert!([0, 8, 24].contains(&told), "a read of {size} gave {got}");
        // SAFETY: As above.
        let rest = unsafe { std::slice::from_raw_parts(arena.good.add(told), 2 * PAGE - told) };
        assert!(rest.iter().all(|&byte| byte == CANARY));
    }
    got as i64
}

/// One call by chance. Gives what it returned.
///
/// Left out is what would change the node itself, whoever made it: modes, owners, times, attributes.
fn call(targets: &[Target], arena: &Arena, pipe: [RawFd; 2], random: &mut Random) -> i64 {
    let target = random.pick(targets);
    let fd = target.file.as_raw_fd();
    let at = arena.pointer(random);
    let size = length(random);
    let position = offset(random);
    let word = random.next();
    // SAFETY: Wild pointers go to the kernel alone, which checks them. Addresses that are mapped over lie in the arena's
    // room, which nothing else uses.
    unsafe {
        match random.below(30) {
            28 | 29 => lend(fd, arena, random),
            0 | 1 => i64::from(libc::ioctl(fd, command(random) as _, at)),
            2 => i64::from(libc::ioctl(fd, command(random) as _, word as usize)),
            3 | 4 => read(target, arena, random),
            5 => libc::read(fd, at.cast(), size) as i64,
            6 => libc::pread64(fd, at.cast(), size, position) as i64,
            7 => {
                let vectors = [
                    libc::iovec {
                        iov_base: at.cast(),
                        iov_len: size,
                    },
                    libc::iovec {
                        iov_base: arena.pointer(random).cast(),
                        iov_len: length(random),
                    },
                ];
                let count = random.below(3) as i32;
                match random.below(4) {
                    0 => libc::readv(fd, vectors.as_ptr(), count) as i64,
                    1 => libc::preadv64(fd, vectors.as_ptr(), count, position) as i64,
                    2 => libc::readv(fd, at.cast(), word as i32) as i64,
                    _ => refused_on_pins(target, libc::writev(fd, vectors.as_ptr(), count) as i64),
                }
            }
            8 => refused_on_pins(target, libc::write(fd, at.cast(), size) as i64),
            9 => refused_on_pins(target, libc::pwrite64(fd, at.cast(), size, position) as i64),
            10 => libc::lseek64(fd, position, random.below(7) as i32),
            11..=14 => map(target, arena, random),
            15 => libc::syscall(
                FCNTL,
                fd,
                *random.pick(&[
                    libc::F_GETFL,
                    libc::F_SETFD,
                    libc::F_GETLK,
                    libc::F_SETLK,
                    libc::F_SETLKW,
                    libc::F_OFD_SETLK,
                    F_SETSIG,
                    libc::F_SETLEASE,
                    libc::F_NOTIFY,
                    libc::F_SETPIPE_SZ,
                    libc::F_ADD_SEALS,
                ]),
                at,
            ) as i64,
            16 => {
                let others = libc::O_APPEND | libc::O_ASYNC | libc::O_DIRECT | libc::O_NOATIME;
                // Blocking once in a while; signals end that.
                let blocking = if random.below(16) == 0 {
                    0
                } else {
                    libc::O_NONBLOCK
                };
                i64::from(libc::fcntl(
                    fd,
                    libc::F_SETFL,
                    word as i32 & others | blocking,
                ))
            }
            17 => {
                let mut fds = [libc::pollfd {
                    fd,
                    events: word as i16,
                    revents: 0,
                }; 2];
                fds[1].events = 0;
                i64::from(libc::poll(fds.as_mut_ptr(), random.below(3) as _, 0))
            }
            18 => watch(fd, random),
            19 => {
                let flags = word as u32 & 15;
                match random.below(4) {
                    0 => libc::splice(fd, ptr::null_mut(), pipe[1], ptr::null_mut(), size, flags)
                        as i64,
                    1 => libc::splice(pipe[0], ptr::null_mut(), fd, at.cast(), size, flags) as i64,
                    2 => libc::sendfile(pipe[1], fd, ptr::null_mut(), size) as i64,
                    _ => libc::copy_file_range(
                        fd,
                        ptr::null_mut(),
                        random.pick(targets).file.as_raw_fd(),
                        ptr::null_mut(),
                        size,
                        flags,
                    ) as i64,
                }
            }
            20 => i64::from(libc::fallocate64(
                fd,
                word as i32 & 0x7f,
                position,
                size as i64,
            )),
            21 => i64::from(libc::ftruncate64(fd, position)),
            22 => i64::from(match random.below(5) {
                0 => libc::fsync(fd),
                1 => libc::fdatasync(fd),
                2 => libc::posix_fadvise64(fd, position, size as i64, random.below(8) as i32),
                3 => libc::sync_file_range(fd, position, size as i64, word as u32 & 7),
                _ => libc::syncfs(fd),
            }),
            23 => {
                let blocking = if random.below(16) == 0 {
                    0
                } else {
                    libc::LOCK_NB
                };
                i64::from(libc::flock(fd, word as i32 & 15 | blocking))
            }
            24 => {
                let copy = libc::dup(fd);
                let read = libc::read(copy, at.cast(), size);
                libc::close(copy);
                read as i64
            }
            25 => {
                let path = CString::new(format!("/proc/self/fd/{fd}")).unwrap();
                let opened = libc::open(path.as_ptr(), word as i32 & !libc::O_CREAT);
                if opened >= 0 {
                    libc::read(opened, at.cast(), size);
                    libc::close(opened);
                }
                i64::from(opened)
            }
            26 => {
                // Whatever was left in the pipe by the calls above.
                libc::read(pipe[0], arena.good.cast(), PAGE) as i64
            }
            _ => libc::syscall(
                *random.pick(&[
                    libc::SYS_fstat,
                    libc::SYS_fstatfs,
                    libc::SYS_getdents64,
                    libc::SYS_fchdir,
                    libc::SYS_readahead,
                    libc::SYS_vmsplice,
                    libc::SYS_tee,
                    libc::SYS_finit_module,
                    libc::SYS_name_to_handle_at,
                    libc::SYS_connect,
                    libc::SYS_getsockname,
                    libc::SYS_sendmsg,
                ]),
                fd,
                at,
                size,
                position,
            ) as i64,
        }
    }
}

fn refused_on_pins(target: &Target, returned: i64) -> i64 {
    assert!(
        target.kind != Kind::Pin || returned <= 0,
        "a pin was written"
    );
    returned
}

/// Maps, and does things to the mapping.
fn map(target: &Target, arena: &Arena, random: &mut Random) -> i64 {
    let fd = target.file.as_raw_fd();
    let length = map_length(random);
    let protection = random.below(8) as i32;
    let fixed = random.below(4) == 0;
    let flags = match random.below(3) {
        0 => {
            random.next() as i32
                & !(libc::MAP_FIXED | libc::MAP_FIXED_NOREPLACE | libc::MAP_ANONYMOUS)
        }
        1 => libc::MAP_PRIVATE,
        _ => libc::MAP_SHARED | (random.next() as i32 & (libc::MAP_POPULATE | libc::MAP_LOCKED)),
    };
    let (at, flags) = if fixed {
        (arena.room, flags | libc::MAP_FIXED)
    } else {
        (ptr::null_mut(), flags)
    };
    let position = if random.below(3) == 0 {
        offset(random)
    } else {
        0
    };
    if fixed && length > ROOM {
        return 0;
    }
    // SAFETY: At an address of the kernel's choice, or in the arena's room.
    let mapped = unsafe { libc::mmap64(at.cast(), length, protection, flags, fd, position) };
    if mapped == libc::MAP_FAILED {
        return -1;
    }
    let length = length.next_multiple_of(PAGE);
    if target.kind == Kind::Pin {
        assert!(
            protection & libc::PROT_WRITE == 0 && length == PAGE && position == 0,
            "a pin was mapped: {length} bytes, protection {protection}, flags {flags:#x}, at {position}"
        );
        // SAFETY: Mapped above. Whatever comes of it, writing is never part of it.
        let writable =
            unsafe { libc::mprotect(mapped, length, libc::PROT_READ | libc::PROT_WRITE) == 0 };
        assert!(!writable, "a pin's page was made writable");
    }
    if protection & libc::PROT_READ != 0 {
        // SAFETY: Mapped above, at least a page; the first word of every window is a register.
        unsafe { mapped.cast::<u32>().read_volatile() };
    }
    // SAFETY: Mapped above. A mapping that moves goes where the kernel finds room.
    unsafe {
        let mut now = (mapped, length);
        match random.below(6) {
            0 => {
                let wanted = map_length(random)
                    .min(ROOM)
                    .next_multiple_of(PAGE)
                    .max(PAGE);
                let moved = libc::mremap(mapped, length, wanted, libc::MREMAP_MAYMOVE);
                if moved != libc::MAP_FAILED {
                    now = (moved, wanted);
                }
            }
            1 => drop(libc::mprotect(mapped, PAGE, random.below(4) as i32)),
            // Advices that the kernel knows, and some that it does not.
            2 => drop(libc::madvise(mapped, length, random.below(26) as i32)),
            3 => drop(libc::msync(mapped, length, random.below(8) as i32)),
            4 => drop(libc::mlock(mapped, length)),
            _ => {}
        }
        if fixed && now.0 == arena.room.cast() {
            // Back to what it was.
            let room = libc::mmap(
                arena.room.cast(),
                ROOM,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                -1,
                0,
            );
            assert_ne!(room, libc::MAP_FAILED);
        } else {
            libc::munmap(now.0, now.1);
        }
    }
    1
}

/// Adds a file to an epoll, waits a moment, and leaves.
fn watch(fd: RawFd, random: &mut Random) -> i64 {
    // SAFETY: The events are ours, and so is the epoll.
    unsafe {
        let epoll = libc::epoll_create1(0);
        let mut event = libc::epoll_event {
            events: random.next() as u32,
            u64: 0,
        };
        let added = libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event);
        if added == 0 {
            libc::epoll_wait(epoll, &mut event, 1, 0);
            event.events = random.next() as u32;
            libc::epoll_ctl(epoll, libc::EPOLL_CTL_MOD, fd, &mut event);
        }
        libc::close(epoll);
        i64::from(added)
    }
}

extern "C" fn ignore(_: libc::c_int) {}

/// No call blocks for longer than this: signals end them.
fn start_interruptions() {
    const EVERY: libc::timeval = libc::timeval {
        tv_sec: 0,
        tv_usec: 2_000,
    };
    for signal in [Signal::SIGALRM, Signal::SIGIO, Signal::SIGPIPE] {
        let action = SigAction::new(
            SigHandler::Handler(ignore),
            SaFlags::empty(),
            SigSet::empty(),
        );
        // SAFETY: The handler does nothing.
        unsafe { sigaction(signal, &action) }.unwrap();
    }
    let timer = libc::itimerval {
        it_interval: EVERY,
        it_value: EVERY,
    };
    // SAFETY: The kernel copies the timer.
    unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, ptr::null_mut()) };
}

/// Calls by chance. Some must have been understood, else nothing was tried.
fn fuzz(targets: &[Target], seed: u64, calls: u32) {
    assert!(!targets.is_empty());
    start_interruptions();
    let mut random = Random::new(seed);
    let arena = Arena::new();
    let mut pipe = [0; 2];
    // SAFETY: The kernel writes two numbers.
    let made = unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_NONBLOCK) };
    assert_eq!(made, 0);
    let understood = (0..calls)
        .filter(|_| call(targets, &arena, pipe, &mut random) >= 0)
        .count();
    assert!(understood > calls as usize / 100, "{understood} of {calls}");
}

/// Several children at it at once; the caller stirs meanwhile.
fn fuzz_in_children(
    seed: u64,
    processes: u64,
    targets: impl Fn() -> Vec<Target>,
    mut stir: impl FnMut(&mut Random),
) {
    println!("seed {seed}");
    let body = |process: u64| {
        let targets = &targets;
        move |parent: &mut Parent| {
            let targets = targets();
            parent.ready();
            parent.wait_for_go();
            fuzz(&targets, seed.wrapping_add(process), CALLS);
            parent.ready();
            0
        }
    };
    let mut children: Vec<_> = (0..processes)
        .map(|process| Child::start(body(process)))
        .collect();
    for child in &mut children {
        child.wait_until_ready();
        child.go_on();
    }
    let mut random = Random::new(seed);
    for mut child in children {
        while !child.is_ready() {
            stir(&mut random);
        }
        let pid = child.pid();
        assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
    }
}

fn any_call_on_pins_and_windows_has_an_answer() {
    let (mut rig, _demo) = Rig::with_demo();
    for seed in seeds() {
        fuzz_in_children(seed, 3, nodes, |random| match random.below(4) {
            0 => rig.fabric.pulse_input(EDGE_INPUT),
            1 => rig.fabric.pulse_input(EDGE_TOO_INPUT),
            2 => rig.fabric.raise_input(LEVEL_INPUT),
            _ => rig.fabric.lower_input(LEVEL_INPUT),
        });
    }
    rig.fabric.lower_input(LEVEL_INPUT);
    // All is closed, so nothing is enabled.
    assert_eq!(rig.fabric.register("IER"), 0);
    for pin in [EDGE, EDGE_TOO, LEVEL] {
        assert_eq!(crate::rig::attribute(pin, "state"), "unused");
    }
    rig.interrupt_once();
}

/// The regular files of a folder.
fn files_of(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = folder.as_ref();
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.path())
        .collect()
}

fn any_call_on_attributes_has_an_answer() {
    let (mut rig, _demo) = Rig::with_demo();
    // The driver core's own, of any device in the system.
    announce("synth uevent: ");
    announce("uevent: failed to send synthetic uevent");
    for seed in seeds() {
        let attributes = || {
            let mut files = files_of("/sys/module/axirq/parameters");
            for device in fs::read_dir("/sys/class/axirq").unwrap() {
                files.extend(files_of(device.unwrap().path()));
            }
            let open = |path: PathBuf| Target::open(&path, Kind::Text);
            files.into_iter().filter_map(open).collect()
        };
        fuzz_in_children(seed, 2, attributes, |_| rig.fabric.pulse_input(EDGE_INPUT));
    }
    rig.interrupt_once();
}

fn any_call_on_overlay_items_has_an_answer() {
    let mut rig = Rig::new();
    // Nothing of what is written is an overlay or names a file.
    announce("axirq_overlay: ");
    announce("OF: overlay: ");
    announce("Direct firmware load for");
    announce("failed to load");
    for seed in seeds() {
        let items = ["one", "two"].map(|name| format!("{FOLDER}/{name}"));
        items.iter().for_each(|item| fs::create_dir(item).unwrap());
        let open = || {
            let files = items.iter().flat_map(files_of);
            files
                .filter_map(|path| Target::open(&path, Kind::Text))
                .collect()
        };
        fuzz_in_children(seed, 2, open, |random| {
            // Folders come and go beside them.
            let name = format!("{FOLDER}/{}", random.below(3));
            if fs::create_dir(&name).is_err() {
                fs::remove_dir(&name).unwrap();
            }
        });
        for item in &items {
            assert_eq!(fs::read(format!("{item}/status")).unwrap(), b"unapplied\n");
        }
        remove_leftovers();
    }
    let _demo = crate::rig::demo();
    rig.interrupt_once();
}

/// From now on the process is nobody in particular.
fn become_nobody() {
    const NOBODY: u32 = 65534;
    setgroups(&[]).unwrap();
    setgid(Gid::from_raw(NOBODY)).unwrap();
    setuid(Uid::from_raw(NOBODY)).unwrap();
}

/// Runs in a child that must come to its end.
fn in_child(body: impl FnOnce()) {
    let child = Child::start(|_| {
        body();
        0
    });
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
}

fn errno<T>(result: io::Result<T>) -> Option<Errno> {
    result
        .err()
        .and_then(|error| error.raw_os_error())
        .map(Errno::from_raw)
}

/// Asserts that nothing of ours can be opened or changed.
fn assert_locked_out() {
    const READ_WRITE: i32 = libc::O_RDWR;
    for cell in fs::read_dir("/dev/axirq").unwrap() {
        for node in fs::read_dir(cell.unwrap().path()).unwrap() {
            let path = node.unwrap().path();
            for flags in [libc::O_RDONLY, libc::O_WRONLY, READ_WRITE] {
                assert_eq!(
                    nix::fcntl::open(
                        &path,
                        nix::fcntl::OFlag::from_bits_retain(flags),
                        nix::sys::stat::Mode::empty()
                    )
                    .err(),
                    Some(Errno::EACCES),
                    "{}",
                    path.display()
                );
            }
            // A path is no way in.
            let place = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_PATH)
                .open(&path)
                .unwrap();
            let again = format!("/proc/self/fd/{}", place.as_raw_fd());
            assert_eq!(errno(File::open(again)), Some(Errno::EACCES));
            assert!(errno(fs::remove_file(&path)).is_some());
        }
    }
    for device in fs::read_dir("/sys/class/axirq").unwrap() {
        for attribute in files_of(device.unwrap().path()) {
            assert_eq!(
                errno(OpenOptions::new().write(true).open(&attribute)),
                Some(Errno::EACCES),
                "{}",
                attribute.display()
            );
        }
    }
    for path in [
        "/sys/bus/platform/drivers/axirq/unbind",
        "/sys/bus/platform/drivers/axirq-intc/unbind",
        "/sys/bus/platform/drivers/axirq-intc/bind",
        "/sys/module/axirq/parameters/of_id",
    ] {
        assert_eq!(
            errno(OpenOptions::new().write(true).open(path)),
            Some(Errno::EACCES)
        );
    }
    assert_eq!(
        errno(fs::create_dir(format!("{FOLDER}/mine"))),
        Some(Errno::EACCES)
    );
    assert_eq!(
        errno(fs::remove_dir(format!("{FOLDER}/axirq-demo"))),
        Some(Errno::EACCES)
    );
    let module = File::open("/lib/axirq/axirq.ko").unwrap();
    assert_eq!(
        finit_module(&module, c"", ModuleInitFlags::empty()),
        Err(Errno::EPERM)
    );
}

fn without_permission_nothing_can_be_done() {
    let (mut rig, _demo) = Rig::with_demo();
    in_child(|| {
        become_nobody();
        assert_locked_out();
        // Looking is free.
        assert_eq!(crate::rig::attribute(EDGE, "state"), "unused");
    });
    rig.interrupt_once();
}

fn passed_file_gives_its_user_that_file_alone() {
    let (mut rig, _demo) = Rig::with_demo();
    // Opened by root, as a service that hands out pins would.
    let pin = LineFile::open(EDGE);
    let kept = pin.try_clone();
    let window = LineFile::open("leds_gpio/regs");
    let child = Child::start(move |parent| {
        become_nobody();
        assert_locked_out();
        assert_eq!(pin.arm(), Ok(0));
        parent.ready();
        pin.wait();
        assert_eq!(pin.read_count(), Ok(1));
        let target = |file: OwnedFd, kind| Target {
            file: file.into(),
            kind,
        };
        let targets = [
            target(pin.into_fd(), Kind::Pin),
            target(window.into_fd(), Kind::Window),
        ];
        fuzz(&targets, 1, CALLS / 4);
        assert_locked_out();
        0
    });
    let mut child = child;
    child.wait_until_ready();
    rig.fabric.pulse_input(EDGE_INPUT);
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
    drop(kept);
    rig.interrupt_once();
}
