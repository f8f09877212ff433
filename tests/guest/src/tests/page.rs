// SPDX-License-Identifier: MIT OR Apache-2.0
//! A line's page: read-only, one page, and true.

use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::stat::Mode;
use nix::time::ClockId;
use nix::time::clock_gettime;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::Rig;
use crate::rig::line_file::LineFile;
use crate::rig::line_file::Mapping;
use crate::rig::line_file::STATE_GONE;
use crate::rig::line_file::STATE_LEVEL;
use crate::rig::paths;

crate::tests![
    page_can_only_be_mapped_as_promised,
    page_never_becomes_writable,
    fresh_page_says_what_the_line_is,
    page_follows_the_interrupts,
    page_outlives_file_and_device,
];

const PAGE: usize = 4096;

fn page_can_only_be_mapped_as_promised() {
    let (_rig, _demo) = Rig::with_demo();
    let read = ProtFlags::PROT_READ;
    let write = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let file = LineFile::open(EDGE);
    let refused = |length, protection, flags, offset| {
        file.map(length, protection, flags, offset)
            .map(drop)
            .expect_err("a mapping to be refused")
    };
    assert_eq!(refused(PAGE, read, MapFlags::MAP_PRIVATE, 0), Errno::EINVAL);
    assert_eq!(
        refused(PAGE, write, MapFlags::MAP_PRIVATE, 0),
        Errno::EINVAL
    );
    assert_eq!(
        refused(PAGE, read, MapFlags::MAP_SHARED, PAGE as _),
        Errno::EINVAL
    );
    assert_eq!(
        refused(2 * PAGE, read, MapFlags::MAP_SHARED, 0),
        Errno::EINVAL
    );
    // Not even for those who may write to the file.
    assert_eq!(refused(PAGE, write, MapFlags::MAP_SHARED, 0), Errno::EACCES);
    let writable = nix::fcntl::open(&paths::node(EDGE), OFlag::O_RDWR, Mode::empty()).unwrap();
    let mapped = Mapping::new(
        &writable,
        PAGE.try_into().unwrap(),
        write,
        MapFlags::MAP_SHARED,
        0,
    );
    assert_eq!(mapped.map(drop), Err(Errno::EINVAL));
}

fn page_never_becomes_writable() {
    let (_rig, _demo) = Rig::with_demo();
    let file = nix::fcntl::open(&paths::node(EDGE), OFlag::O_RDWR, Mode::empty()).unwrap();
    let mapping = Mapping::new(
        &file,
        PAGE.try_into().unwrap(),
        ProtFlags::PROT_READ,
        MapFlags::MAP_SHARED,
        0,
    )
    .unwrap();
    assert_eq!(mapping.make_writable(), Err(Errno::EACCES));
}

fn fresh_page_says_what_the_line_is() {
    let (_rig, _demo) = Rig::with_demo();
    for (pin, state) in [(EDGE, 0), (LEVEL, STATE_LEVEL)] {
        let page = LineFile::open(pin).page().snapshot();
        assert_eq!(
            (
                page.version,
                page.sequence,
                page.timestamp,
                page.state,
                page.reserved
            ),
            (1, 0, 0, state, 0),
            "{pin}"
        );
    }
}

fn monotonic() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    Duration::from(now).as_nanos() as u64
}

fn page_follows_the_interrupts() {
    let (mut rig, _demo) = Rig::with_demo();
    for (pin, input) in [(EDGE, EDGE_INPUT), (LEVEL, LEVEL_INPUT)] {
        let file = LineFile::open(pin);
        let page = file.page();
        let mut last = monotonic();
        for sequence in 1..=20 {
            file.arm().unwrap();
            rig.fabric.raise_input(input);
            file.wait();
            let snapshot = page.snapshot();
            assert_eq!(snapshot.sequence, sequence);
            assert!(
                last < snapshot.timestamp && snapshot.timestamp < monotonic(),
                "{snapshot:?}, last {last}"
            );
            last = snapshot.timestamp;
            let record = file.read_record().unwrap();
            assert_eq!(
                (record.count, record.sequence, record.timestamp),
                (1, sequence, snapshot.timestamp)
            );
            rig.fabric.lower_input(input);
        }
    }
}

fn page_outlives_file_and_device() {
    let (mut rig, demo) = Rig::with_demo();
    let file = LineFile::open(EDGE);
    let page = file.page();
    file.arm().unwrap();
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    drop(file);
    let before = page.snapshot();
    assert_eq!((before.sequence, before.state), (1, 0));
    demo.remove();
    let after = page.snapshot();
    assert_eq!(
        (after.sequence, after.timestamp, after.state),
        (1, before.timestamp, STATE_GONE)
    );
}
