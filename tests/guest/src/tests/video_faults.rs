// SPDX-License-Identifier: MIT OR Apache-2.0
//! The AXI VDMA when something is wrong: with the stream, with the core, with what it is asked, with its overlay, with
//! the process that uses it. Nobody hangs, nobody is given a torn frame, nobody's memory is written that is not the
//! hardware's any more, and the next frame comes.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use axirq::Error;
use axirq::device::Device;
use axirq::video::AxiVdma;
use axirq::video::Fault;
use axirq::video::Frame;
use axirq::video::Input;
use axirq::video::Mode;
use axirq::video::Output;
use axirq::video::PixelFormat;
use axirq::video::StreamFaults;
use axirq::video::tie;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use plsim::protocol::Mishap;
use plsim::protocol::Way;
use tokio::runtime::Builder;
use tokio::runtime::Runtime;

use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::child::Child;
use crate::rig::fabric::Fabric;
use crate::rig::kernel_log::announce;
use crate::rig::paths;
use crate::rig::tasks::run;
use crate::rig::tasks::soon;
use crate::rig::until;
use crate::rig::wait_for_state;
use crate::video::BUSY;
use crate::video::CELL;
use crate::video::Camera;
use crate::video::DEVICE;
use crate::video::Picture;
use crate::video::apply;
use crate::video::open;
use crate::video::other_studios;
use crate::video::pause;
use crate::video::rgb;
use crate::video::studio;

crate::tests![
    faults_of_the_stream_are_counted_and_cost_their_frames,
    geometry_that_stays_wrong_is_an_error_until_it_is_right,
    display_that_asks_too_early_is_counted,
    errors_that_halt_wake_waiting_tasks,
    errors_that_halt_wake_waiting_threads,
    memory_that_is_all_held_is_said_to_be,
    frames_of_others_are_refused,
    core_and_channels_have_one_owner,
    dead_bus_is_an_error_and_keeps_the_memory,
    cores_that_lack_something_are_told_apart,
    overlay_removed_in_mid_stream_wakes_and_stops,
    device_that_is_unbound_ends_a_tie,
    killed_process_leaves_a_core_that_works,
];

const HALTED: u32 = 1;

const WAYS: [Way; 2] = [Way::Mm2s, Way::S2mm];

/// Pins are awaited in one runtime as long as they are open.
fn new_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn read(input: &mut Input) -> Frame {
    let frame = input.blocking_read_frame_timeout(PATIENCE);
    frame.unwrap().expect("a frame")
}

fn kinds(faults: StreamFaults) -> [u64; 4] {
    [
        faults.too_few_lines,
        faults.too_many_lines,
        faults.short_lines,
        faults.long_lines,
    ]
}

fn faults_of_the_stream_are_counted_and_cost_their_frames() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, _output) = open(CELL);
    let mut picture = Picture::new(rgb());
    input.start(rgb()).unwrap();
    let mut camera = Camera::new(&mut rig.fabric, CELL, 4);
    let mishaps = [
        Mishap::SofEarly,
        Mishap::SofLate,
        Mishap::EolEarly,
        Mishap::EolLate,
    ];
    let (mut next, mut expected) = (0, [0; 4]);
    // Who looks in vain, and who waits in vain.
    for wait in [Duration::ZERO, Duration::from_millis(5)] {
        for (kind, mishap) in mishaps.into_iter().enumerate() {
            let mut read = || input.blocking_read_frame_timeout(wait).unwrap();
            rig.fabric
                .fault_transfer(CELL, Way::S2mm, mishap, 0)
                .unwrap();
            camera.send(&mut rig.fabric, 1);
            assert!(read().is_none(), "{mishap:?}");
            // It might have begun when the fault was seen, and the fault might have been its own.
            camera.send(&mut rig.fabric, 1);
            assert!(read().is_none(), "{mishap:?}");
            camera.send(&mut rig.fabric, 1);
            let frame = read().expect("a frame");
            assert_eq!((frame.number(), frame.dropped()), (next + 2, 2));
            assert_eq!(picture.check(&frame), (camera.base + next + 2) as u8);
            next += 3;
            expected[kind] += 1;
            assert_eq!(kinds(input.faults()), expected, "{mishap:?}");
        }
    }
    input.start(rgb()).unwrap();
    assert_eq!(input.faults(), StreamFaults::default());
}

fn geometry_that_stays_wrong_is_an_error_until_it_is_right() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, _output) = open(CELL);
    let mut picture = Picture::new(rgb());
    input.start(rgb()).unwrap();
    rig.fabric.rate(CELL, Way::S2mm, BUSY).unwrap();
    let runtime = new_runtime();
    let wrong = [
        (192, 47, "too few lines"),
        (192, 49, "too many lines"),
        (189, 48, "too short"),
        (195, 48, "too long"),
    ];
    for (bytes, lines, words) in wrong {
        rig.fabric.camera_size(CELL, bytes, lines).unwrap();
        for in_a_task in [true, false] {
            // Some that were right may still be there.
            let error = loop {
                let result = if in_a_task {
                    runtime.block_on(soon("a frame", input.read_frame()))
                } else {
                    input
                        .blocking_read_frame_timeout(PATIENCE)
                        .map(|frame| frame.expect("a frame"))
                };
                match result {
                    Ok(frame) => picture.check(&frame),
                    Err(error) => break error,
                };
            };
            let Error::FrameMismatch { mode, faults, .. } = &error else {
                panic!("{error}");
            };
            assert!(mode.contains("64x48") && faults.contains(words), "{error}");
        }
        rig.fabric.camera_size(CELL, 192, 48).unwrap();
        let mut wrong = 0;
        let frame = loop {
            match runtime.block_on(soon("a frame", input.read_frame())) {
                Ok(frame) => break frame,
                // What came before.
                Err(Error::FrameMismatch { .. }) if wrong < 2 => wrong += 1,
                Err(error) => panic!("{error}"),
            }
        };
        picture.check(&frame);
    }
    assert!(kinds(input.faults()).iter().all(|count| *count >= 4));
}

fn display_that_asks_too_early_is_counted() {
    let (mut rig, _overlay) = studio();
    let (_vdma, _input, mut output) = open(CELL);
    output.start(rgb()).unwrap();
    for round in 1..4 {
        rig.fabric
            .fault_transfer(CELL, Way::Mm2s, Mishap::SofEarly, 0)
            .unwrap();
        let frame = output.new_frame().unwrap();
        output.blocking_write_frame(frame).unwrap();
        // The hardware tells of the failing frame until that is acknowledged.
        rig.fabric.rate(CELL, Way::Mm2s, 20).unwrap();
        assert!(output.blocking_shown_timeout(PATIENCE).unwrap());
        assert!(output.faults().too_few_lines <= round);
        rig.fabric.rate(CELL, Way::Mm2s, 0).unwrap();
        until("the fault", || {
            output.blocking_shown_timeout(Duration::ZERO).unwrap();
            output.faults().too_few_lines == round
        });
    }
}

fn pin(way: Way) -> String {
    format!("{CELL}/{way}_introut")
}

/// Waits for what a channel does next.
fn wait(
    way: Way,
    input: &mut Input,
    output: &mut Output,
    runtime: Option<&Runtime>,
) -> Result<(), Error> {
    match (way, runtime) {
        (Way::S2mm, Some(runtime)) => {
            let frame = runtime.block_on(soon("a frame", input.read_frame()));
            frame.map(drop)
        }
        (Way::S2mm, None) => {
            let frame = input.blocking_read_frame_timeout(PATIENCE)?;
            assert!(frame.is_some(), "no frame");
            Ok(())
        }
        (Way::Mm2s, Some(runtime)) => runtime.block_on(soon("the frame", output.shown())),
        (Way::Mm2s, None) => {
            assert!(output.blocking_shown_timeout(PATIENCE)?, "not shown");
            Ok(())
        }
    }
}

/// Lets a channel fail, under a wait that begins before.
fn errors_that_halt_wake(runtime: Option<&Runtime>) {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, mut output) = open(CELL);
    let mut picture = Picture::new(rgb());
    let mishaps = [
        (Mishap::Internal, Fault::Internal, "DMAIntErr"),
        (Mishap::Slave, Fault::Slave, "DMASlvErr"),
        (Mishap::Decode, Fault::Decode, "DMADecErr"),
    ];
    input.start(rgb()).unwrap();
    output.start(rgb()).unwrap();
    for (mishap, expected, word) in mishaps {
        for way in WAYS {
            for after in [0, 1] {
                let frame = output.new_frame().unwrap();
                output.blocking_write_frame(frame).unwrap();
                rig.fabric.fault_transfer(CELL, way, mishap, after).unwrap();
                for round in 0..=after {
                    let ended = thread::scope(|scope| {
                        let waiter = scope.spawn(|| wait(way, &mut input, &mut output, runtime));
                        wait_for_state(&pin(way), "armed");
                        rig.fabric.frames(CELL, way, 1).unwrap();
                        waiter.join().unwrap()
                    });
                    if round < after {
                        ended.unwrap();
                        let frame = output.new_frame().unwrap();
                        if way == Way::Mm2s {
                            output.blocking_write_frame(frame).unwrap();
                        }
                        continue;
                    }
                    let error = ended.unwrap_err();
                    let Error::VideoHalted { fault, channel, .. } = error else {
                        panic!("{way} {mishap:?}: {error}");
                    };
                    assert_eq!(fault, expected);
                    assert_eq!(channel == "input", way == Way::S2mm);
                    assert!(error.to_string().contains(word), "{error}");
                }
                // It was stopped.
                let error = wait(way, &mut input, &mut output, runtime).unwrap_err();
                assert!(matches!(error, Error::VideoStopped { .. }), "{error}");
                match way {
                    Way::S2mm => {
                        input.start(rgb()).unwrap();
                        // The other one goes on.
                        rig.fabric.frames(CELL, Way::Mm2s, 1).unwrap();
                    }
                    Way::Mm2s => {
                        output.start(rgb()).unwrap();
                        let frame = output.new_frame().unwrap();
                        output.blocking_write_frame(frame).unwrap();
                        rig.fabric.frames(CELL, Way::Mm2s, 1).unwrap();
                    }
                }
                assert!(output.blocking_shown_timeout(PATIENCE).unwrap());
                rig.fabric.frames(CELL, Way::S2mm, 1).unwrap();
                picture.check(&read(&mut input));
            }
        }
    }
}

fn errors_that_halt_wake_waiting_tasks() {
    errors_that_halt_wake(Some(&new_runtime()));
}

fn errors_that_halt_wake_waiting_threads() {
    errors_that_halt_wake(None);
}

fn memory_that_is_all_held_is_said_to_be() {
    let (mut rig, _overlay) = studio();
    let (_vdma, mut input, _output) = open(CELL);
    let mut picture = Picture::new(rgb());
    for spares in [4, 1, 6, 0] {
        if spares != 4 {
            input.set_spares(spares);
        }
        let spares = spares.max(1);
        input.start(rgb()).unwrap();
        rig.fabric.rate(CELL, Way::S2mm, BUSY).unwrap();
        let mut held: Vec<_> = (0..spares).map(|_| read(&mut input)).collect();
        for _ in 0..2 {
            let error = input.blocking_read_frame_timeout(PATIENCE).unwrap_err();
            assert!(
                matches!(error, Error::FramesHeld { held, .. } if held == spares),
                "{error}"
            );
        }
        let last = held.last().unwrap().number();
        drop(held.remove(0));
        let frame = read(&mut input);
        assert_eq!(frame.number(), last + 1 + frame.dropped());
        held.push(frame);
        for frame in &held {
            picture.check(frame);
        }
        rig.fabric.rate(CELL, Way::S2mm, 0).unwrap();
    }
}

fn frames_of_others_are_refused() {
    let (mut rig, _overlay) = other_studios();
    let mode = Mode::new(16, 4, PixelFormat::Rgb24).unwrap();
    let (_few, _few_input, mut few) = open("vdma_few");
    let (_many, mut many_input, mut many) = open("vdma_many");
    few.start(mode).unwrap();
    many.start(mode).unwrap();
    let refused = |output: &mut Output, frame: Frame| {
        let error = output.blocking_write_frame(frame).unwrap_err();
        assert!(matches!(error, Error::WrongFrame { .. }), "{error}");
        assert_eq!(output.frame_count(), 0);
    };
    // Another core's.
    refused(&mut few, many.new_frame().unwrap());
    refused(&mut many, few.new_frame().unwrap());
    // Another mode's: as many bytes, other pixels, another stride.
    let frame = many.new_frame().unwrap();
    for other in [
        Mode::new(4, 16, PixelFormat::Rgb24).unwrap(),
        Mode::new(16, 4, PixelFormat::Bgr24).unwrap(),
        mode.with_stride(52).unwrap(),
    ] {
        many.start(other).unwrap();
        let other = many.new_frame().unwrap();
        many.start(mode).unwrap();
        refused(&mut many, other);
    }
    // One that is older than the start is as good as any.
    many.blocking_write_frame(frame).unwrap();
    many_input
        .start(Mode::new(22, 9, PixelFormat::Gray8).unwrap())
        .unwrap();
    rig.fabric.rate("vdma_many", Way::S2mm, BUSY).unwrap();
    many.start(mode).unwrap();
    refused(&mut many, read(&mut many_input));
}

fn core_and_channels_have_one_owner() {
    let (mut rig, _overlay) = studio();
    let (vdma, mut input, output) = open(CELL);
    for error in [
        AxiVdma::open(CELL).unwrap_err(),
        vdma.input().unwrap_err(),
        vdma.output().unwrap_err(),
    ] {
        assert!(matches!(error, Error::InUse { .. }), "{error}");
    }
    let child = Child::start(|_| match AxiVdma::open(CELL) {
        Err(Error::InUse { .. } | Error::Lent { .. }) => 0,
        other => panic!("{other:?}"),
    });
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
    drop(output);
    drop(vdma.output().unwrap());
    rig.fabric.rate(CELL, Way::S2mm, BUSY).unwrap();
    input.start(rgb()).unwrap();
    let frame = read(&mut input);
    drop((vdma, input));
    // A frame alone keeps the memory.
    let error = AxiVdma::open(CELL).unwrap_err();
    assert!(matches!(error, Error::Lent { .. }), "{error}");
    Picture::new(rgb()).check(&frame);
    drop(frame);
    open(CELL);
}

/// Where a channel has its frames.
fn starts(fabric: &mut Fabric, way: &str) -> BTreeSet<u32> {
    let address = |store| fabric.register_of(CELL, &format!("{way}_START_ADDRESS{store}"));
    (1..=4).map(address).collect()
}

fn dead_bus_is_an_error_and_keeps_the_memory() {
    let (mut rig, _overlay) = studio();
    announce("the bus reads all ones");
    rig.fabric.fault_all_ones(true).unwrap();
    let vdma = AxiVdma::open(CELL).unwrap();
    for error in [vdma.input().unwrap_err(), vdma.output().unwrap_err()] {
        assert!(matches!(error, Error::StuckStatus { .. }), "{error}");
    }
    drop(vdma);
    rig.fabric.fault_all_ones(false).unwrap();
    let (_vdma, mut input, mut output) = open(CELL);
    let runtime = new_runtime();
    for runtime in [None, Some(&runtime)] {
        input.start(rgb()).unwrap();
        output.start(rgb()).unwrap();
        let given = output.new_frame().unwrap();
        output.blocking_write_frame(given).unwrap();
        let written = starts(&mut rig.fabric, "S2MM");
        let shown = starts(&mut rig.fabric, "MM2S");
        rig.fabric.fault_all_ones(true).unwrap();
        for way in WAYS {
            let error = wait(way, &mut input, &mut output, runtime).unwrap_err();
            assert!(matches!(error, Error::StuckStatus { .. }), "{error}");
        }
        for error in [input.stop().unwrap_err(), output.stop().unwrap_err()] {
            let Error::StuckStatus { register, .. } = error else {
                panic!("{error}");
            };
            assert_eq!(register, "VDMACR");
        }
        rig.fabric.fault_all_ones(false).unwrap();
        // For all that is known it still wrote to what it had, so nobody else is given that.
        input.start(rgb()).unwrap();
        output.start(rgb()).unwrap();
        let now: BTreeSet<_> = &starts(&mut rig.fabric, "S2MM") | &starts(&mut rig.fabric, "MM2S");
        assert!(now.is_disjoint(&written) && now.is_disjoint(&shown));
        rig.fabric.frames(CELL, Way::S2mm, 1).unwrap();
        Picture::new(rgb()).check(&read(&mut input));
    }
}

fn cores_that_lack_something_are_told_apart() {
    let (mut rig, _overlay) = other_studios();
    let vdma = AxiVdma::open("vdma_bare").unwrap();
    let (mut input, mut output) = (vdma.input().unwrap(), vdma.output().unwrap());
    let mode = Mode::new(64, 48, PixelFormat::Rgb24).unwrap();
    let error = input.start(mode).unwrap_err();
    assert!(
        matches!(
            error,
            Error::TooFewStores {
                stores: 2,
                needed: 3,
                ..
            }
        ),
        "{error}"
    );
    let error = output.start(mode).unwrap_err();
    assert!(matches!(error, Error::NoFrameCounter { .. }), "{error}");
    assert_eq!(output.mode(), None);
    let status = rig.fabric.register_of("vdma_bare", "MM2S_VDMASR");
    assert_ne!(status & HALTED, 0);

    // Of this one the device tree says nothing.
    let vdma = AxiVdma::open("vdma_silent").unwrap();
    assert_eq!(vdma.stores(), 1);
    let error = vdma.input().unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoInterrupt {
                pin: "s2mm_introut",
                ..
            }
        ),
        "{error}"
    );
    let error = vdma.output().unwrap_err();
    assert!(
        matches!(
            error,
            Error::NoInterrupt {
                pin: "mm2s_introut",
                ..
            }
        ),
        "{error}"
    );
}

fn is_gone(error: &Error) {
    assert!(matches!(error, Error::Gone { .. }), "{error}");
}

/// The core stands still, and no frame is on its way.
fn assert_stopped(fabric: &mut Fabric) {
    for register in ["S2MM_VDMASR", "MM2S_VDMASR"] {
        assert_ne!(fabric.register_of(CELL, register) & HALTED, 0, "{register}");
    }
    let frames = fabric.display(CELL).unwrap().frames;
    thread::sleep(QUIET);
    assert_eq!(fabric.display(CELL).unwrap().frames, frames);
}

fn overlay_removed_in_mid_stream_wakes_and_stops() {
    let (mut rig, mut overlay) = studio();
    for round in 0..6 {
        let (vdma, mut input, mut output) = open(CELL);
        input.start(rgb()).unwrap();
        output.start(rgb()).unwrap();
        for way in WAYS {
            rig.fabric.rate(CELL, way, BUSY).unwrap();
        }
        // Their bytes leave with the device, so they are not looked at.
        let first = read(&mut input);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let runtime = new_runtime();
                let error = loop {
                    let result = match round % 2 {
                        0 => runtime.block_on(soon("a frame", input.read_frame())),
                        _ => input.blocking_read_frame(),
                    };
                    if let Err(error) = result {
                        break error;
                    }
                };
                is_gone(&error);
                // At once, while the removal goes on.
                if round < 4 {
                    drop(input);
                    return;
                }
                is_gone(&input.blocking_read_frame().unwrap_err());
                is_gone(&input.start(rgb()).unwrap_err());
                is_gone(&input.stop().unwrap_err());
            });
            let writer = scope.spawn(|| {
                let runtime = new_runtime();
                let error = loop {
                    let result = output.new_frame().and_then(|frame| match round % 2 {
                        0 => runtime.block_on(soon("a frame", output.write_frame(frame))),
                        _ => output.blocking_write_frame(frame),
                    });
                    if let Err(error) = result {
                        break error;
                    }
                };
                is_gone(&error);
                drop(output);
            });
            thread::sleep(Duration::from_millis(20 * round));
            overlay.remove();
            reader.join().unwrap();
            writer.join().unwrap();
        });
        assert_stopped(&mut rig.fabric);
        // The memory went with the device; what is dropped late frees nothing of anybody's.
        drop(first);
        drop(vdma);
        pause(&mut rig.fabric, CELL);
        overlay = apply();
    }
    let (_vdma, mut input, _output) = open(CELL);
    input.start(rgb()).unwrap();
    rig.fabric.rate(CELL, Way::S2mm, BUSY).unwrap();
    Picture::new(rgb()).check(&read(&mut input));
}

fn device_that_is_unbound_ends_a_tie() {
    let (mut rig, _overlay) = studio();
    for _ in 0..3 {
        let (vdma, mut input, mut output) = open(CELL);
        input.start(rgb()).unwrap();
        output.start(rgb()).unwrap();
        for way in WAYS {
            rig.fabric.rate(CELL, way, BUSY).unwrap();
        }
        let tied = thread::scope(|scope| {
            let tied = scope.spawn(|| run(soon("the end", tie(&mut input, &mut output))));
            until("some frames", || {
                rig.fabric.display(CELL).unwrap().patterned > 2
            });
            Device::find(DEVICE).unwrap().unbind().unwrap();
            tied.join().unwrap()
        });
        is_gone(&tied.map(|never| match never {}).unwrap_err());
        assert_stopped(&mut rig.fabric);
        is_gone(&vdma.input().map(drop).unwrap_err());
        drop((vdma, input, output));
        rig.fabric.reset().unwrap();
        pause(&mut rig.fabric, CELL);
        Device::find(DEVICE).unwrap().bind().unwrap();
        paths::wait_for_node(&format!("{CELL}/regs"));
    }
}

fn killed_process_leaves_a_core_that_works() {
    let (mut rig, _overlay) = studio();
    for way in WAYS {
        rig.fabric.rate(CELL, way, BUSY).unwrap();
    }
    // Memory that does not come back is missed by the last ones.
    let large = Mode::new(1024, 1024, PixelFormat::Rgba32).unwrap();
    for round in 0..8 {
        let mut child = Child::start(|parent| {
            let (_vdma, mut input, mut output) = open(CELL);
            output.start(rgb()).unwrap();
            if round % 2 == 0 {
                input.set_spares(6);
                input.start(large).unwrap();
                parent.ready();
                // None of these is whole.
                loop {
                    let error = input.blocking_read_frame().unwrap_err();
                    assert!(matches!(error, Error::FrameMismatch { .. }), "{error}");
                }
            }
            input.start(rgb()).unwrap();
            let _held = read(&mut input);
            parent.ready();
            run(tie(&mut input, &mut output))
                .map(|never| match never {})
                .unwrap()
        });
        child.wait_until_ready();
        thread::sleep(Duration::from_millis(7 * round));
        child.signal(Signal::SIGKILL);
        let pid = child.pid();
        assert_eq!(
            child.end(),
            WaitStatus::Signaled(pid, Signal::SIGKILL, false)
        );
        // The kernel has stopped it, or does so in a moment.
        for register in ["S2MM_VDMASR", "MM2S_VDMASR"] {
            until("the core to stand still", || {
                rig.fabric.register_of(CELL, register) & HALTED != 0
            });
        }
    }
    let (_vdma, mut input, mut output) = open(CELL);
    input.start(rgb()).unwrap();
    output.start(rgb()).unwrap();
    let frame = read(&mut input);
    Picture::new(rgb()).check(&frame);
    output.blocking_write_frame(frame).unwrap();
    assert!(output.blocking_shown_timeout(PATIENCE).unwrap());
}
