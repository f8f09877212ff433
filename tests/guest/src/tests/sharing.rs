// SPDX-License-Identifier: MIT OR Apache-2.0
//! One file in several hands: dup, fork, sockets, io_uring, threads.

use std::io::IoSlice;
use std::io::IoSliceMut;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::signal::Signal;
use nix::sys::socket::ControlMessage;
use nix::sys::socket::ControlMessageOwned;
use nix::sys::socket::MsgFlags;
use nix::sys::socket::UnixAddr;
use nix::sys::socket::recvmsg;
use nix::sys::socket::sendmsg;
use nix::sys::wait::WaitStatus;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::child::Child;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::ring::Completion;
use crate::rig::ring::Ring;
use crate::rig::ring::workers;
use crate::rig::wait_for_count;
use crate::rig::wait_for_state;

crate::tests![
    uring_read_arms_and_completes_without_a_worker,
    uring_read_of_what_is_there_completes_at_once,
    uring_read_by_a_worker_arms_and_can_be_cancelled,
    cancelled_uring_read_stays_armed_and_loses_nothing,
    cancelled_uring_poll_leaves_the_line_as_it_was,
    uring_read_whose_event_another_took_arms_again,
    uring_multishot_read_in_continuous_mode_tells_of_every_edge,
    uring_multishot_poll_tells_of_each_event,
    uring_request_holds_a_closed_file,
    killed_process_with_uring_requests_masks_the_line,
    removal_completes_uring_requests,
    vectored_read_is_one_read,
    reads_at_an_offset_are_espipe,
    nowait_read_of_a_blocking_file_arms,
    duplicates_share_count_mode_and_arm,
    child_goes_on_waiting_after_its_parent_died,
    file_sent_over_a_socket_outlives_its_sender,
    descriptor_closed_under_a_blocked_read_wakes_nobody,
    disarming_and_polling_threads_disturb_no_blocked_read,
    threads_that_do_everything_at_once_get_on,
];

/// One interrupt, when somebody waits for it.
fn fire(rig: &mut Rig, pin: &str, input: u32) {
    wait_for_state(pin, "armed");
    if pin == LEVEL {
        rig.fabric.raise_input(input);
        wait_for_state(pin, "idle");
        rig.fabric.lower_input(input);
    } else {
        rig.fabric.pulse_input(input);
    }
}

fn uring_read_arms_and_completes_without_a_worker() {
    let (mut rig, _demo) = Rig::with_demo();
    for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
        for open in [LineFile::open_blocking, LineFile::open] {
            let file = open(pin);
            let mut ring = Ring::new();
            let before = attribute(pin, "count").parse::<u64>().unwrap();
            for round in 1..=3 {
                ring.read(&file, 0);
                fire(&mut rig, pin, input);
                let record = ring.record(0);
                assert_eq!((record.count, record.sequence), (1, before + round));
            }
            assert_eq!(workers(), 0, "{pin}");
        }
    }
}

fn uring_read_of_what_is_there_completes_at_once() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    file.arm().unwrap();
    fire(&mut rig, LEVEL, LEVEL_INPUT);
    wait_for_count(LEVEL, 1);
    let mut ring = Ring::new();
    ring.read(&file, 0);
    assert_eq!(ring.record(0).count, 1);
    // Who finds something arms nothing.
    assert_eq!(attribute(LEVEL, "state"), "idle");
}

fn uring_read_by_a_worker_arms_and_can_be_cancelled() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(EDGE);
    let mut ring = Ring::new();
    ring.read_by_a_worker(&file, 0);
    fire(&mut rig, EDGE, EDGE_INPUT);
    assert_eq!(ring.record(0).count, 1);
    ring.read_by_a_worker(&file, 1);
    wait_for_state(EDGE, "armed");
    ring.cancel(1);
    drop((ring, file));
    wait_for_state(EDGE, "unused");
    assert!(!rig.fabric.is_enabled(EDGE_INPUT));
}

fn cancelled_uring_read_stays_armed_and_loses_nothing() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    let mut ring = Ring::new();
    ring.read(&file, 0);
    wait_for_state(LEVEL, "armed");
    ring.cancel(0);
    assert_eq!(attribute(LEVEL, "state"), "armed");
    file.disarm().unwrap();
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    // Without disarming, one interrupt is still counted, and masks the line.
    ring.read(&file, 0);
    wait_for_state(LEVEL, "armed");
    ring.cancel(0);
    rig.fabric.raise_input(LEVEL_INPUT);
    wait_for_state(LEVEL, "idle");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    ring.read(&file, 0);
    assert_eq!(ring.record(0).count, 1);
    // Closing does as disarming.
    ring.read(&file, 0);
    rig.fabric.lower_input(LEVEL_INPUT);
    let again = ring.completion();
    assert_eq!(again.result, Ok(24), "the source still asserted");
    ring.read(&file, 0);
    wait_for_state(LEVEL, "armed");
    ring.cancel(0);
    drop(file);
    wait_for_state(LEVEL, "unused");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn cancelled_uring_poll_leaves_the_line_as_it_was() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    let mut ring = Ring::new();
    // Polling does not arm, so cancelling has nothing to disarm.
    ring.poll(&file, 0);
    ring.assert_quiet();
    assert_eq!(attribute(LEVEL, "state"), "idle");
    ring.cancel(0);
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
    ring.poll_multishot(&file, 1);
    file.arm().unwrap();
    ring.cancel(1);
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    drop(file);
    wait_for_state(LEVEL, "unused");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn uring_read_whose_event_another_took_arms_again() {
    let (mut rig, _demo) = Rig::with_demo();
    for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
        let file = LineFile::open_blocking(pin);
        let mut ring = Ring::new();
        ring.read(&file, 0);
        fire(&mut rig, pin, input);
        // The request was woken, and gets its turn when the ring is asked: too late.
        file.wait();
        assert_eq!(file.read_count(), Ok(1));
        assert_eq!(attribute(pin, "state"), "idle");
        ring.assert_quiet();
        assert_eq!(attribute(pin, "state"), "armed", "{pin}");
        fire(&mut rig, pin, input);
        assert_eq!(ring.record(0).count, 1);
    }
}

fn uring_multishot_read_in_continuous_mode_tells_of_every_edge() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(EDGE);
    file.set_mode(CONTINUOUS).unwrap();
    let mut ring = Ring::new();
    ring.read_multishot(&file, 3);
    for sequence in 1..=5 {
        rig.fabric.pulse_input(EDGE_INPUT);
        let completion = ring.completion();
        assert_eq!(
            (completion.slot, completion.result, completion.more),
            (3, Ok(24), true)
        );
        let record = ring.read_by(&completion);
        assert_eq!((record.count, record.sequence), (1, sequence));
    }
    assert_eq!(workers(), 0);
    ring.cancel(3);
    drop(file);
    wait_for_state(EDGE, "unused");
}

fn uring_multishot_poll_tells_of_each_event() {
    let (mut rig, _demo) = Rig::with_demo();
    for mode in [None, Some(CONTINUOUS)] {
        let file = LineFile::open(EDGE);
        let page = file.page();
        if let Some(mode) = mode {
            file.set_mode(mode).unwrap();
        }
        let mut ring = Ring::new();
        ring.poll_multishot(&file, 2);
        for _ in 0..4 {
            if mode.is_none() {
                file.arm().unwrap();
            }
            let before = page.snapshot().sequence;
            rig.fabric.pulse_input(EDGE_INPUT);
            let Completion {
                slot, result, more, ..
            } = ring.completion();
            assert_eq!((slot, more), (2, true));
            assert_ne!(result.unwrap() & libc::POLLIN as u32, 0);
            assert_eq!(page.snapshot().sequence, before + 1);
            ring.assert_quiet();
        }
        ring.cancel(2);
    }
}

fn uring_request_holds_a_closed_file() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    let mut ring = Ring::new();
    ring.read(&file, 0);
    drop(file);
    fire(&mut rig, LEVEL, LEVEL_INPUT);
    assert_eq!(ring.record(0).count, 1);
    wait_for_state(LEVEL, "unused");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn killed_process_with_uring_requests_masks_the_line() {
    let (mut rig, _demo) = Rig::with_demo();
    let mut child = Child::start(|parent| {
        let files = [LEVEL, EDGE].map(LineFile::open_blocking);
        let mut ring = Ring::new();
        ring.read(&files[0], 0);
        ring.read_by_a_worker(&files[1], 1);
        ring.poll_multishot(&files[1], 2);
        parent.ready();
        ring.completion();
        1
    });
    child.wait_until_ready();
    for pin in [LEVEL, EDGE] {
        wait_for_state(pin, "armed");
    }
    child.signal(Signal::SIGKILL);
    let pid = child.pid();
    assert_eq!(
        child.end(),
        WaitStatus::Signaled(pid, Signal::SIGKILL, false)
    );
    for (pin, input) in [(LEVEL, LEVEL_INPUT), (EDGE, EDGE_INPUT)] {
        wait_for_state(pin, "unused");
        assert!(!rig.fabric.is_enabled(input), "{pin}");
    }
}

fn removal_completes_uring_requests() {
    let (_rig, demo) = Rig::with_demo();
    let (file, other) = (LineFile::open_blocking(LEVEL), LineFile::open(EDGE));
    let mut ring = Ring::new();
    ring.read(&file, 0);
    ring.poll(&file, 1);
    ring.read(&other, 2);
    ring.read_by_a_worker(&other, 3);
    wait_for_state(LEVEL, "armed");
    wait_for_state(EDGE, "armed");
    demo.remove();
    let mut results = [None; 4];
    for _ in 0..4 {
        let completion = ring.completion();
        results[usize::from(completion.slot)] = Some(completion.result);
    }
    let gone = (libc::POLLERR | libc::POLLHUP) as u32;
    for slot in [0, 2, 3] {
        assert_eq!(results[slot], Some(Err(Errno::ENODEV)), "request {slot}");
    }
    assert_eq!(
        results[1].unwrap().unwrap() & gone,
        gone,
        "{:?}",
        results[1]
    );
    // And nothing starts any more.
    ring.read(&file, 5);
    assert_eq!(ring.completion().result, Err(Errno::ENODEV));
}

fn vectored_read_is_one_read() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    file.arm().unwrap();
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    let (mut count, mut rest) = ([0; 8], [0; 16]);
    let pieces = &mut [IoSliceMut::new(&mut count), IoSliceMut::new(&mut rest)];
    assert_eq!(nix::sys::uio::readv(&file, pieces), Ok(24));
    assert_eq!(u64::from_ne_bytes(count), 1);
    assert_eq!(rest[..8], 1_u64.to_ne_bytes());
    // Nor has it asked a second time, in vain.
    assert_eq!(attribute(EDGE, "state"), "idle");
}

fn reads_at_an_offset_are_espipe() {
    let (_rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    let mut bytes = [0; 8];
    for offset in [0, 8] {
        assert_eq!(
            nix::sys::uio::pread(&file, &mut bytes, offset),
            Err(Errno::ESPIPE)
        );
    }
    let seek = nix::unistd::lseek(&file, 0, nix::unistd::Whence::SeekSet);
    assert_eq!(seek, Err(Errno::ESPIPE));
    assert_eq!(attribute(EDGE, "state"), "idle");
}

fn nowait_read_of_a_blocking_file_arms() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    let mut count = 0_u64;
    let piece = libc::iovec {
        iov_base: (&raw mut count).cast(),
        iov_len: 8,
    };
    let read = || {
        // SAFETY: One piece of 8 bytes, which are there.
        let result =
            unsafe { libc::preadv2(file.as_fd().as_raw_fd(), &piece, 1, -1, libc::RWF_NOWAIT) };
        Errno::result(result)
    };
    assert_eq!(read(), Err(Errno::EAGAIN));
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    rig.fabric.raise_input(LEVEL_INPUT);
    file.wait();
    assert_eq!(read(), Ok(8));
    assert_eq!(count, 1);
}

fn duplicates_share_count_mode_and_arm() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    let twin = LineFile::from(file.as_fd().try_clone_to_owned().unwrap());
    file.arm().unwrap();
    rig.fabric.pulse_input(EDGE_INPUT);
    twin.wait();
    assert_eq!(file.poll(PATIENCE), PollFlags::POLLIN);
    assert_eq!(twin.read_count(), Ok(1));
    assert_eq!(file.poll(QUIET / 8), PollFlags::empty());
    // Armed by one, disarmed by the other.
    file.arm().unwrap();
    twin.disarm().unwrap();
    assert_eq!(attribute(EDGE, "state"), "idle");
    // What one set stays when he goes.
    file.set_mode(CONTINUOUS).unwrap();
    drop(file);
    assert_eq!(attribute(EDGE, "state"), "armed");
    for _ in 0..2 {
        rig.fabric.pulse_input(EDGE_INPUT);
        twin.wait();
        assert_eq!(twin.read_count(), Ok(1));
    }
    drop(twin);
    assert_eq!(attribute(EDGE, "state"), "unused");
}

fn child_goes_on_waiting_after_its_parent_died() {
    let (mut rig, _demo) = Rig::with_demo();
    // The file's opener dies; his child inherits it, and tells us by a socket, for it is not our child.
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut parent = Child::start(|parent| {
        let file = LineFile::open_blocking(LEVEL);
        file.arm().unwrap();
        let grandchild = Child::start(|_| {
            let count = file.read_count().unwrap_or(u64::MAX);
            nix::unistd::write(&theirs, &count.to_ne_bytes()).map_or(1, |_| 0)
        });
        // Ours to kill is this process, not that one.
        std::mem::forget(grandchild);
        parent.ready();
        parent.wait_for_go();
        0
    });
    drop(theirs);
    parent.wait_until_ready();
    parent.signal(Signal::SIGKILL);
    // Not its end of the channel, which the grandchild has too.
    nix::sys::wait::waitpid(parent.pid(), None).unwrap();
    wait_for_state(LEVEL, "armed");
    rig.fabric.raise_input(LEVEL_INPUT);
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut count = [0; 8];
    std::io::Read::read_exact(&mut &ours, &mut count).unwrap();
    assert_eq!(u64::from_ne_bytes(count), 1);
    wait_for_state(LEVEL, "unused");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

/// Takes a file that comes over a socket.
fn receive(socket: &UnixStream) -> LineFile {
    let mut space = nix::cmsg_space!([i32; 1]);
    let mut byte = [0];
    let mut pieces = [IoSliceMut::new(&mut byte)];
    let message = recvmsg::<UnixAddr>(
        socket.as_raw_fd(),
        &mut pieces,
        Some(&mut space),
        MsgFlags::MSG_CMSG_CLOEXEC,
    )
    .unwrap();
    let rights = message
        .cmsgs()
        .unwrap()
        .find_map(|control| match control {
            ControlMessageOwned::ScmRights(files) => files.first().copied(),
            _ => None,
        })
        .expect("a file");
    // SAFETY: Made for us a moment ago.
    LineFile::from(unsafe { OwnedFd::from_raw_fd(rights) })
}

fn file_sent_over_a_socket_outlives_its_sender() {
    let (mut rig, _demo) = Rig::with_demo();
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut sender = Child::start(|parent| {
        let file = LineFile::open(LEVEL);
        file.arm().unwrap();
        let rights = [file.as_fd().as_raw_fd()];
        sendmsg::<UnixAddr>(
            theirs.as_raw_fd(),
            &[IoSlice::new(&[0])],
            &[ControlMessage::ScmRights(&rights)],
            MsgFlags::empty(),
            None,
        )
        .unwrap();
        parent.ready();
        parent.wait_for_go();
        0
    });
    drop(theirs);
    sender.wait_until_ready();
    sender.signal(Signal::SIGKILL);
    sender.end();
    // Nobody but the socket holds it now.
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    let file = receive(&ours);
    let page = file.page();
    rig.fabric.raise_input(LEVEL_INPUT);
    file.wait();
    assert_eq!(page.snapshot().sequence, 1);
    assert_eq!(file.read_count(), Ok(1));
    rig.fabric.lower_input(LEVEL_INPUT);
    // One that nobody takes from the socket ends with it.
    file.arm().unwrap();
    let (ours, theirs) = UnixStream::pair().unwrap();
    let rights = [file.as_fd().as_raw_fd()];
    let control = [ControlMessage::ScmRights(&rights)];
    sendmsg::<UnixAddr>(
        theirs.as_raw_fd(),
        &[IoSlice::new(&[0])],
        &control,
        MsgFlags::empty(),
        None,
    )
    .unwrap();
    drop((page, file));
    assert!(rig.fabric.is_enabled(LEVEL_INPUT));
    drop((ours, theirs));
    wait_for_state(LEVEL, "unused");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn descriptor_closed_under_a_blocked_read_wakes_nobody() {
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    let descriptor = file.as_fd().as_raw_fd();
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut count = 0_u64;
            // SAFETY: Eight bytes that are there; the descriptor is closed only when this call is under way.
            let length = unsafe { libc::read(descriptor, (&raw mut count).cast(), 8) };
            (Errno::result(length), count)
        });
        wait_for_state(LEVEL, "armed");
        drop(file);
        thread::sleep(QUIET / 2);
        assert!(!reader.is_finished());
        assert_eq!(attribute(LEVEL, "state"), "armed");
        rig.fabric.raise_input(LEVEL_INPUT);
        assert_eq!(reader.join().unwrap(), (Ok(8), 1));
    });
    wait_for_state(LEVEL, "unused");
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}

fn disarming_and_polling_threads_disturb_no_blocked_read() {
    const EVENTS: u64 = 60;
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(EDGE);
    let (told, over) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let readers = [(); 3].map(|()| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    told.fetch_add(file.read_count().unwrap(), Ordering::Relaxed);
                }
            })
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                file.disarm().unwrap();
            }
        });
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                file.poll(QUIET / 100);
            }
        });
        for count in 1..=EVENTS {
            wait_for_state(EDGE, "armed");
            rig.fabric.pulse_input(EDGE_INPUT);
            wait_for_count(EDGE, count);
        }
        over.store(true, Ordering::Relaxed);
        while !readers.iter().all(thread::ScopedJoinHandle::is_finished) {
            rig.fabric.pulse_input(EDGE_INPUT);
        }
    });
    // Each event once, whoever was told.
    let count = attribute(EDGE, "count").parse::<u64>().unwrap();
    let mut rest = 0;
    if file.poll(QUIET / 8) == PollFlags::POLLIN {
        rest = file.read_count().unwrap();
    }
    assert_eq!(told.load(Ordering::Relaxed) + rest, count);
}

fn threads_that_do_everything_at_once_get_on() {
    const EVENTS: u64 = 60;
    let (mut rig, _demo) = Rig::with_demo();
    let file = LineFile::open_blocking(LEVEL);
    let over = AtomicBool::new(false);
    let working = || !over.load(Ordering::Relaxed);
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| {
            scope.spawn(|| {
                let mut last = 0;
                while working() {
                    let record = file.read_record().unwrap();
                    assert!(record.count > 0 && record.sequence > last, "{record:?}");
                    last = record.sequence;
                }
            })
        });
        // Marks as seen what the readers would have been told; they sleep on, armed.
        scope.spawn(|| {
            let (page, mut last) = (file.page(), 0);
            while working() {
                let sequence = file.arm().unwrap();
                assert!(sequence >= last && page.snapshot().sequence >= sequence);
                last = sequence;
            }
        });
        scope.spawn(|| {
            while working() {
                file.disarm().unwrap();
            }
        });
        scope.spawn(|| {
            while working() {
                let events = file.poll(QUIET / 100);
                assert!(PollFlags::POLLIN.contains(events), "{events:?}");
            }
        });
        // A file of one's own comes and goes beside them.
        scope.spawn(|| {
            while working() {
                LineFile::open(LEVEL).arm().unwrap();
            }
        });
        for count in 1..=EVENTS {
            rig.fabric.raise_input(LEVEL_INPUT);
            crate::rig::until("the next interrupt", || {
                attribute(LEVEL, "count").parse::<u64>().unwrap() >= count
            });
            rig.fabric.lower_input(LEVEL_INPUT);
        }
        over.store(true, Ordering::Relaxed);
        while !readers.iter().all(thread::ScopedJoinHandle::is_finished) {
            rig.fabric.raise_input(LEVEL_INPUT);
            rig.fabric.lower_input(LEVEL_INPUT);
        }
    });
    file.disarm().unwrap();
    assert!(!rig.fabric.is_enabled(LEVEL_INPUT));
}
