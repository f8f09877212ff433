// SPDX-License-Identifier: MIT OR Apache-2.0
//! The system calls on a line's file, as `kmod/uapi/axirq.h` promises them.

use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::PollFlags;
use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::EpollTimeout;
use nix::sys::select::FdSet;
use nix::sys::select::select;
use nix::sys::time::TimeVal;
use nix::sys::time::TimeValLike;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::paths;
use crate::rig::wait_for_state;

crate::tests![
    poll_tells_of_an_event_until_it_is_read,
    polling_does_not_arm,
    epoll_level_triggered_tells_until_it_is_read,
    epoll_edge_triggered_tells_of_each_event_without_a_read,
    exclusive_epolls_of_two_files_are_both_woken,
    select_tells_of_an_event,
    blocking_read_sleeps_armed_and_returns_the_count,
    nonblocking_read_in_vain_arms,
    arm_marks_all_as_seen_and_returns_the_sequence,
    disarm_is_no_error_when_not_armed,
    read_sizes_are_those_of_the_header,
    unknown_ioctls_are_enotty,
    bad_pointers_are_efault,
    unknown_mode_is_einval,
    writing_is_refused,
    window_has_no_calls_of_a_line,
];

fn poll_tells_of_an_event_until_it_is_read() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.arm().unwrap();
    assert_eq!(file.poll(Duration::ZERO), PollFlags::empty());
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    assert_eq!(file.poll(Duration::ZERO), PollFlags::POLLIN);
    assert_eq!(file.read_count(), Ok(1));
    assert_eq!(file.poll(Duration::ZERO), PollFlags::empty());
}

fn polling_does_not_arm() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.assert_quiet();
    assert_eq!(attribute(EDGE, "state"), "idle");
    assert!(!rig.fabric.is_enabled(EDGE_INPUT));
}

fn epoll_with(file: &LineFile, flags: EpollFlags) -> Epoll {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    epoll.add(file.as_fd(), EpollEvent::new(flags, 7)).unwrap();
    epoll
}

fn events(epoll: &Epoll, patience: Duration) -> Vec<EpollFlags> {
    let mut events = [EpollEvent::empty(); 4];
    let count = epoll
        .wait(&mut events, EpollTimeout::try_from(patience).unwrap())
        .unwrap();
    events[..count].iter().map(EpollEvent::events).collect()
}

fn epoll_level_triggered_tells_until_it_is_read() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    let epoll = epoll_with(&file, EpollFlags::EPOLLIN);
    file.arm_by_read();
    assert_eq!(events(&epoll, Duration::ZERO), []);
    rig.fabric.pulse_input(EDGE_INPUT);
    assert_eq!(events(&epoll, PATIENCE), [EpollFlags::EPOLLIN]);
    assert_eq!(events(&epoll, Duration::ZERO), [EpollFlags::EPOLLIN]);
    assert_eq!(file.read_count(), Ok(1));
    assert_eq!(events(&epoll, Duration::ZERO), []);
}

fn exclusive_epolls_of_two_files_are_both_woken() {
    let (mut rig, _demo) = Rig::with_demo();
    let files = [LineFile::open(EDGE), LineFile::open(EDGE)];
    let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
    files[0].arm().unwrap();
    // Both sleep when it comes. Exclusive is among those who wait on one file: each file has its own count.
    std::thread::scope(|scope| {
        let waits = files
            .each_ref()
            .map(|file| scope.spawn(move || events(&epoll_with(file, flags), PATIENCE)));
        std::thread::sleep(Duration::from_millis(200));
        rig.fabric.pulse_input(EDGE_INPUT);
        for wait in waits {
            assert_eq!(wait.join().unwrap(), [EpollFlags::EPOLLIN]);
        }
    });
}

fn epoll_edge_triggered_tells_of_each_event_without_a_read() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    let page = file.page();
    let epoll = epoll_with(&file, EpollFlags::EPOLLIN | EpollFlags::EPOLLET);
    for sequence in 0..5 {
        assert_eq!(file.arm(), Ok(sequence));
        rig.fabric.pulse_input(EDGE_INPUT);
        assert_eq!(events(&epoll, PATIENCE), [EpollFlags::EPOLLIN]);
        assert_eq!(page.snapshot().sequence, sequence + 1);
        assert_eq!(events(&epoll, QUIET / 4), []);
    }
}

fn select_tells_of_an_event() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    let readable = |mut patience: TimeVal| {
        let mut set = FdSet::new();
        set.insert(file.as_fd());
        select(None, Some(&mut set), None, None, Some(&mut patience)).unwrap()
    };
    file.arm().unwrap();
    assert_eq!(readable(TimeVal::zero()), 0);
    rig.fabric.raise_input(LEVEL_INPUT);
    assert_eq!(readable(TimeVal::seconds(20)), 1);
    rig.fabric.lower_input(LEVEL_INPUT);
    assert_eq!(file.read_count(), Ok(1));
    assert_eq!(readable(TimeVal::zero()), 0);
}

fn blocking_read_sleeps_armed_and_returns_the_count() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    thread::scope(|scope| {
        let reader = scope.spawn(|| (file.read_record().unwrap(), Instant::now()));
        wait_for_state(LEVEL, "armed");
        thread::sleep(QUIET);
        assert!(!reader.is_finished());
        let raised = Instant::now();
        rig.fabric.raise_input(LEVEL_INPUT);
        let (record, woken) = reader.join().unwrap();
        assert_eq!((record.count, record.sequence), (1, 1));
        assert!(woken > raised);
    });
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn nonblocking_read_in_vain_arms() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    assert_eq!(file.read_count(), Err(Errno::EAGAIN));
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    assert_eq!(attribute(LEVEL, "state"), "armed");
    rig.fabric.raise_input(LEVEL_INPUT);
    file.wait();
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    // A read that gives something does not arm.
    rig.fabric.lower_input(LEVEL_INPUT);
    assert_eq!(file.read_count(), Ok(1));
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn arm_marks_all_as_seen_and_returns_the_sequence() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    assert_eq!(file.arm(), Ok(0));
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    assert_eq!(file.arm(), Ok(1));
    assert_eq!(file.poll(Duration::ZERO), PollFlags::empty());
    assert_eq!(file.read_count(), Err(Errno::EAGAIN));
    assert_eq!(file.arm(), Ok(1), "arming twice is arming");
}

fn disarm_is_no_error_when_not_armed() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(LEVEL);
    file.disarm().unwrap();
    file.arm().unwrap();
    file.disarm().unwrap();
    file.disarm().unwrap();
    rig.fabric.raise_input(LEVEL_INPUT);
    file.assert_quiet();
    assert_eq!(file.page().snapshot().sequence, 0);
}

fn read_sizes_are_those_of_the_header() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.set_mode(CONTINUOUS).unwrap();
    for (index, (length, given)) in [(8, 8), (9, 8), (23, 8), (24, 24), (4096, 24)]
        .into_iter()
        .enumerate()
    {
        for length in [0, 7] {
            assert_eq!(
                file.read(length),
                Err(Errno::EINVAL),
                "nothing to read, {length} bytes"
            );
        }
        rig.fabric.pulse_input(EDGE_INPUT);
        file.wait();
        for length in [0, 7] {
            assert_eq!(
                file.read(length),
                Err(Errno::EINVAL),
                "something to read, {length} bytes"
            );
        }
        let bytes = file.read(length).unwrap();
        assert_eq!(bytes.len(), given, "{length} bytes");
        assert_eq!(
            bytes[..8],
            1_u64.to_ne_bytes(),
            "a refused read takes nothing"
        );
        if given == 24 {
            assert_eq!(bytes[8..16], (index as u64 + 1).to_ne_bytes());
        }
    }
}

fn unknown_ioctls_are_enotty() {
    let (_rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    let fd = file.as_fd().as_raw_fd();
    let mut room = 0_u64;
    // FIONREAD, a number of ours that is not, the right numbers with another size, TCGETS.
    for request in [0x541b_u32, 0xb703, 0x8004_b700, 0x4008_b702, 0x5401] {
        // SAFETY: Nothing of this size is written anywhere but to `room`.
        let answer = unsafe { libc::ioctl(fd, request as _, &raw mut room) };
        assert_eq!((answer, Errno::last()), (-1, Errno::ENOTTY), "{request:#x}");
    }
    assert_eq!(room, 0);
}

fn bad_pointers_are_efault() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    let fd = file.as_fd().as_raw_fd();
    let nowhere = 16 as *mut libc::c_void;
    // ARM and SET_MODE.
    for request in [0x8008_b700_u32, 0x4004_b702] {
        // SAFETY: The kernel checks the address.
        let answer = unsafe { libc::ioctl(fd, request as _, nowhere) };
        assert_eq!((answer, Errno::last()), (-1, Errno::EFAULT), "{request:#x}");
    }
    for length in [8, 24, usize::MAX / 2] {
        file.arm().unwrap();
        rig.fabric.pulse_input(EDGE_INPUT);
        file.wait();
        // SAFETY: The kernel checks the address.
        let answer = unsafe { libc::read(fd, nowhere, length) };
        assert_eq!(
            (answer, Errno::last()),
            (-1, Errno::EFAULT),
            "{length} bytes"
        );
        // What could not be told is still to be told.
        assert_eq!(file.read_count(), Ok(1), "{length} bytes");
    }
}

fn unknown_mode_is_einval() {
    let (_rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    for mode in [2, 7, u32::MAX] {
        assert_eq!(file.set_mode(mode), Err(Errno::EINVAL), "{mode}");
    }
    assert_eq!(attribute(EDGE, "state"), "idle");
}

fn writing_is_refused() {
    let (_rig, _demo) = Rig::with_demo();
    let file = nix::fcntl::open(
        &paths::node(EDGE),
        OFlag::O_RDWR,
        nix::sys::stat::Mode::empty(),
    )
    .unwrap();
    assert_eq!(nix::unistd::write(&file, &[0; 8]), Err(Errno::EINVAL));
}

fn window_has_no_calls_of_a_line() {
    let (_rig, _demo) = Rig::with_demo();
    let window = LineFile::open("leds_gpio/regs");
    assert_eq!(window.arm(), Err(Errno::ENOTTY));
    assert_eq!(window.disarm(), Err(Errno::ENOTTY));
    assert_eq!(window.read(24), Err(Errno::EINVAL));
}
