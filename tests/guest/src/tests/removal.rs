// SPDX-License-Identifier: MIT OR Apache-2.0
//! The overlay is removed while its devices are in use: everybody is told at once, and nothing hangs.

use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use axirq::gpio::AxiGpio;
use axirq::timer::AxiTimer;
use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::epoll::EpollEvent;
use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::EpollTimeout;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::EDGE_TOO;
use crate::rig::LEVEL;
use crate::rig::PATIENCE;
use crate::rig::QUIET;
use crate::rig::Rig;
use crate::rig::child::Child;
use crate::rig::demo;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::line_file::ONESHOT;
use crate::rig::line_file::STATE_GONE;
use crate::rig::overlay::Overlay;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;
use crate::rig::tasks::event;
use crate::rig::tasks::run;
use crate::rig::tasks::settle;
use crate::rig::tasks::soon;
use crate::rig::wait_for_state;

crate::tests![
    removal_wakes_waiting_tasks,
    removal_wakes_a_stream,
    removal_wakes_tasks_of_a_gpio,
    removal_ends_every_kind_of_wait,
    removal_wakes_blocked_reads,
    removal_wakes_blocking_waits,
    removal_wakes_poll,
    removal_wakes_epoll,
    files_of_a_removed_device_say_so_and_can_be_closed_later,
    removal_takes_the_nodes_away,
    overlay_applied_again_works_beside_old_files,
    mapped_window_of_a_removed_device_raises_sigbus,
    window_file_of_a_removed_device_maps_nothing,
];

/// Removing itself may take its time; being told of it may not.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Removes an overlay. Everybody has to be told before this returns, or at once after it.
fn remove(overlay: Overlay) -> Instant {
    overlay.remove();
    Instant::now()
}

fn removal_wakes_waiting_tasks() {
    let (_rig, demo) = Rig::with_demo();
    run(async {
        let pins = [
            EDGE,
            LEVEL,
            "btns_gpio/ip2intc_irpt",
            "axi_timer_0/interrupt",
        ];
        let tasks = pins.map(|pin| {
            let interrupt = Interrupt::open(pin).unwrap();
            tokio::spawn(async move { (soon("to be told", interrupt.wait()).await, interrupt) })
        });
        settle().await;
        let removed = remove(demo);
        for (task, pin) in tasks.into_iter().zip(pins) {
            let (result, interrupt) = task.await.unwrap();
            assert!(
                matches!(&result, Err(Error::Gone { name }) if name == pin),
                "{result:?}"
            );
            assert!(matches!(interrupt.wait().await, Err(Error::Gone { .. })));
            assert!(matches!(interrupt.sequence(), Err(Error::Gone { .. })));
        }
        assert!(removed.elapsed() < AT_ONCE);
    });
}

fn removal_wakes_a_stream() {
    use futures_core::Stream;

    let (mut rig, demo) = Rig::with_demo();
    run(async {
        let task = tokio::spawn(async {
            let interrupt = Interrupt::open(EDGE).unwrap();
            let mut events = Box::pin(interrupt.events());
            let mut seen = Vec::new();
            while let Some(event) = soon(
                "an event",
                std::future::poll_fn(|context| events.as_mut().poll_next(context)),
            )
            .await
            {
                seen.push(event.map(|event| event.count));
            }
            seen
        });
        settle().await;
        rig.fabric.pulse_input(EDGE_INPUT);
        crate::rig::wait_for_count(EDGE, 1);
        settle().await;
        let removed = remove(demo);
        let seen = task.await.unwrap();
        assert!(
            matches!(seen[..], [Ok(1), Err(Error::Gone { .. })]),
            "{seen:?}"
        );
        assert!(removed.elapsed() < AT_ONCE);
    });
}

fn removal_wakes_tasks_of_a_gpio() {
    let (_rig, demo) = Rig::with_demo();
    run(async {
        let gpio = AxiGpio::open("btns_gpio").unwrap();
        let button = gpio.button(1).unwrap();
        let wires = gpio.channel(1).unwrap().input(..).unwrap();
        let task = tokio::spawn(async move { soon("to be told", button.wait_for_level(1)).await });
        settle().await;
        wait_for_state("btns_gpio/ip2intc_irpt", "armed");
        let removed = remove(demo);
        assert!(matches!(task.await.unwrap(), Err(Error::Gone { .. })));
        assert!(removed.elapsed() < AT_ONCE);
        assert!(matches!(wires.read(), Err(Error::Gone { .. })));
        assert!(matches!(gpio.button(0), Err(Error::Gone { .. })));
    });
}

fn removal_ends_every_kind_of_wait() {
    use embedded_hal_async::digital::Wait as _;

    type Wait = Box<dyn FnOnce() -> axirq::Result<()> + Send>;

    let (_rig, demo) = Rig::with_demo();
    let buttons = AxiGpio::open("btns_gpio").unwrap().channel(1).unwrap();
    let button = || buttons.button(0).unwrap();
    let wires = || buttons.input(..).unwrap();
    let timer = || {
        let mut timer = AxiTimer::open("axi_timer_0").unwrap();
        timer.start_once(2 * PATIENCE).unwrap();
        timer
    };
    let line = || Interrupt::open(EDGE_TOO).unwrap();
    let waits: Vec<Wait> = vec![
        Box::new({
            let line = line();
            move || run(line.wait()).map(drop)
        }),
        Box::new({
            let line = line();
            move || line.blocking_wait().map(drop)
        }),
        Box::new({
            let line = line();
            move || line.blocking_wait_timeout(2 * PATIENCE).map(drop)
        }),
        Box::new({
            let button = button();
            move || run(button.wait_for_level(1))
        }),
        Box::new({
            let button = button();
            move || button.blocking_wait_for_level(1)
        }),
        Box::new({
            let wires = wires();
            move || run(wires.wait_for_value(3))
        }),
        Box::new({
            let mut wires = wires();
            move || wires.blocking_wait_for_interrupt().map(drop)
        }),
        Box::new({
            let mut button = button();
            move || {
                button
                    .blocking_wait_for_level_timeout(1, 2 * PATIENCE)
                    .map(drop)
                    .and(run(button.wait_for_low()))
            }
        }),
        Box::new({
            let mut timer = timer();
            move || timer.blocking_tick().map(drop)
        }),
    ];
    thread::scope(|scope| {
        let waits: Vec<_> = waits.into_iter().map(|wait| scope.spawn(wait)).collect();
        for pin in [EDGE_TOO, "btns_gpio/ip2intc_irpt", "axi_timer_0/interrupt"] {
            wait_for_state(pin, "armed");
        }
        // So that most of them sleep; the others find it gone.
        thread::sleep(QUIET / 4);
        demo.remove();
        for (number, wait) in waits.into_iter().enumerate() {
            let result = wait.join().unwrap();
            assert!(
                matches!(result, Err(Error::Gone { .. })),
                "wait {number}: {result:?}"
            );
        }
    });
}

fn removal_wakes_blocked_reads() {
    let (_rig, demo) = Rig::with_demo();
    thread::scope(|scope| {
        let readers =
            [EDGE, LEVEL].map(|pin| scope.spawn(move || LineFile::open_blocking(pin).read_count()));
        wait_for_state(EDGE, "armed");
        wait_for_state(LEVEL, "armed");
        let removed = remove(demo);
        for reader in readers {
            assert_eq!(reader.join().unwrap(), Err(Errno::ENODEV));
        }
        assert!(removed.elapsed() < AT_ONCE);
    });
}

fn removal_wakes_blocking_waits() {
    let (_rig, demo) = Rig::with_demo();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| Interrupt::open(LEVEL).unwrap().blocking_wait());
        wait_for_state(LEVEL, "armed");
        let removed = remove(demo);
        assert!(matches!(waiter.join().unwrap(), Err(Error::Gone { .. })));
        assert!(removed.elapsed() < AT_ONCE);
    });
}

fn removal_wakes_poll() {
    let (_rig, demo) = Rig::with_demo();
    thread::scope(|scope| {
        let poller = scope.spawn(|| {
            let file = LineFile::open(LEVEL);
            file.arm().unwrap();
            file.poll(PATIENCE)
        });
        wait_for_state(LEVEL, "armed");
        let removed = remove(demo);
        assert_eq!(
            poller.join().unwrap(),
            PollFlags::POLLERR | PollFlags::POLLHUP
        );
        assert!(removed.elapsed() < AT_ONCE);
    });
}

fn removal_wakes_epoll() {
    let (_rig, demo) = Rig::with_demo();
    thread::scope(|scope| {
        let poller = scope.spawn(|| {
            let file = LineFile::open(LEVEL);
            let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
            epoll
                .add(
                    file.as_fd(),
                    EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0),
                )
                .unwrap();
            file.arm().unwrap();
            let mut events = [EpollEvent::empty()];
            assert_eq!(
                epoll.wait(&mut events, EpollTimeout::try_from(PATIENCE).unwrap()),
                Ok(1)
            );
            events[0].events()
        });
        wait_for_state(LEVEL, "armed");
        let removed = remove(demo);
        assert_eq!(
            poller.join().unwrap(),
            EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP
        );
        assert!(removed.elapsed() < AT_ONCE);
    });
}

fn files_of_a_removed_device_say_so_and_can_be_closed_later() {
    let (mut rig, demo) = Rig::with_demo();
    let (file, blocking) = (LineFile::open(EDGE), LineFile::open_blocking(EDGE));
    let page = file.page();
    // One that nobody has read by then.
    file.arm().unwrap();
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    demo.remove();
    assert_eq!(file.read_count(), Err(Errno::ENODEV));
    assert_eq!(blocking.read_count(), Err(Errno::ENODEV));
    assert_eq!(file.arm(), Err(Errno::ENODEV));
    assert_eq!(file.disarm(), Err(Errno::ENODEV));
    assert_eq!(file.set_mode(CONTINUOUS), Err(Errno::ENODEV));
    assert_eq!(file.set_mode(ONESHOT), Err(Errno::ENODEV));
    assert_eq!(
        file.poll(Duration::ZERO),
        PollFlags::POLLERR | PollFlags::POLLHUP
    );
    assert_eq!(page.snapshot().state & STATE_GONE, STATE_GONE);
    assert_eq!(page.snapshot().sequence, 1);
    drop(file);
    drop(blocking);
}

fn removal_takes_the_nodes_away() {
    let (_rig, demo) = Rig::with_demo();
    let _held = LineFile::open(EDGE);
    demo.remove();
    for cell in [
        "axi_intc_0",
        "btns_gpio",
        "switches_gpio",
        "leds_gpio",
        "axi_timer_0",
    ] {
        assert!(!has_nodes(cell), "{cell}");
    }
    assert_eq!(std::fs::read_dir("/sys/class/axirq").unwrap().count(), 0);
}

fn overlay_applied_again_works_beside_old_files() {
    let (mut rig, first) = Rig::with_demo();
    let old = LineFile::open(EDGE);
    old.arm().unwrap();
    first.remove();
    let _second = demo();
    run(async {
        let interrupt = Interrupt::open(EDGE).unwrap();
        let (event, ()) = tokio::join!(event(&interrupt), async {
            rig.fabric.pulse_input(EDGE_INPUT)
        });
        assert_eq!((event.count, event.sequence), (1, 1));
    });
    assert_eq!(old.arm(), Err(Errno::ENODEV));
    drop(old);
    let again = LineFile::open(EDGE);
    again.arm().unwrap();
    rig.fabric.pulse_input(EDGE_INPUT);
    again.wait();
}

fn mapped_window_of_a_removed_device_raises_sigbus() {
    let (_rig, demo) = Rig::with_demo();
    let mut children = ["touched before", "never touched"].map(|which| {
        Child::start(move |parent| {
            let window = Mmio::open("btns_gpio").unwrap();
            if which == "touched before" {
                window.read32(0).unwrap();
            }
            parent.ready();
            parent.wait_for_go();
            i32::from(window.read32(0).is_ok())
        })
    });
    children.iter_mut().for_each(Child::wait_until_ready);
    demo.remove();
    for mut child in children {
        child.go_on();
        let pid = child.pid();
        assert_eq!(
            child.end(),
            WaitStatus::Signaled(pid, Signal::SIGBUS, false)
        );
    }
}

fn window_file_of_a_removed_device_maps_nothing() {
    let (_rig, demo) = Rig::with_demo();
    let window = LineFile::open("leds_gpio/regs");
    let map = || {
        window
            .map(4096, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, 0)
            .map(drop)
    };
    assert_eq!(map(), Ok(()));
    demo.remove();
    assert_eq!(map(), Err(Errno::ENODEV));
    assert!(!paths::node("leds_gpio/regs").exists());
}
