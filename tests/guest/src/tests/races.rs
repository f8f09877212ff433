// SPDX-License-Identifier: MIT OR Apache-2.0
//! Everything at once, in an order that a seed decides: threads and processes open, arm, read, poll, map and close while
//! interrupts come, processes die, devices are unbound and modules asked to go. A model says what every file must have
//! been told: each event once, none missing, none twice.
//!
//! Edges come from trains, which send the next when the one before was acknowledged: what the wire counts is what the
//! line has to count. Each file's reads are intervals of sequence numbers that must lie side by side; only arming skips.

use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

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
use crate::rig::EDGE_TOO_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::child::Child;
use crate::rig::fabric::Fabric;
use crate::rig::is_debug_kernel;
use crate::rig::kernel_log::announce;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::line_file::ONESHOT;
use crate::rig::line_file::Record;
use crate::rig::modules;
use crate::rig::overlay::Overlay;
use crate::rig::random::Random;
use crate::rig::random::seeds;
use crate::rig::until;
use crate::rig::wait_for_demo;

crate::tests![
    every_file_is_told_of_each_event_once_whatever_others_do,
    files_are_told_the_truth_while_devices_come_and_go,
];

const INTC: &str = "axi_intc_0";
const BUTTONS: &str = "btns_gpio/ip2intc_irpt";
const INTC_DRIVER: &str = "/sys/bus/platform/drivers/axirq-intc";
const IP_DRIVER: &str = "/sys/bus/platform/drivers/axirq";

/// The lines under test. Nothing interrupts on the last.
const PINS: [&str; 4] = [EDGE, EDGE_TOO, LEVEL, BUTTONS];
const EDGES: [(&str, u32); 2] = [(EDGE, EDGE_INPUT), (EDGE_TOO, EDGE_TOO_INPUT)];

/// A level input with one waiter only: elsewhere, whoever arms next has everybody woken with him, and hides a wake-up
/// that was missed.
const LONE: &str = "axi_intc_0/7";
const LONE_INPUT: u32 = 7;

/// Longer than any test runs.
const ENDLESS: u64 = 1_000_000_000;

/// Whether devices stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Devices {
    Stay,
    ComeAndGo,
}

/// How long each seed is followed; longer where the kernel checks everything, and is slow.
fn duration() -> Duration {
    if is_debug_kernel() {
        Duration::from_secs(45)
    } else {
        Duration::from_secs(5)
    }
}

/// What a file must have been told.
#[derive(Default)]
struct Model {
    /// The line's sequence number when the file was opened lies between these.
    opened: (u64, u64),
    /// The first number not told by a read, and the last that was.
    told: Vec<(u64, u64)>,
    /// The numbers at which the file was armed: all before is skipped.
    armed: Vec<u64>,
}

impl Model {
    fn read(&mut self, record: Record) {
        assert!(record.count > 0 && record.timestamp > 0, "{record:?}");
        self.told
            .push((record.sequence - record.count, record.sequence));
    }

    /// Nothing was told twice, and what was not told was skipped by arming.
    fn check(&mut self) {
        self.told.sort_unstable();
        let mut before = None;
        for &(from, to) in &self.told {
            let follows = match before {
                Some(before) => from == before,
                None => (self.opened.0..=self.opened.1).contains(&from),
            };
            let skipped = self.armed.contains(&from) && before.is_none_or(|before| from > before);
            assert!(
                follows || skipped,
                "a read told of {from} to {to}, the one before ended at {before:?}; opened at {:?}; armed at {:?}",
                self.opened,
                self.armed
            );
            before = Some(to);
        }
    }

    /// All has been told or skipped up to here.
    fn assert_told_up_to(&self, sequence: u64) {
        let told = self.told.iter().map(|&(_, to)| to);
        if let Some(seen) = told.chain(self.armed.iter().copied()).max() {
            assert_eq!(seen, sequence);
        }
    }
}

/// A file that several threads use, with what it must have told them.
struct Shared {
    pin: &'static str,
    file: LineFile,
    model: Mutex<Model>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.model.get_mut().unwrap().check();
        }
    }
}

/// What all threads know.
struct World {
    devices: Devices,
    stop: AtomicBool,
    /// For each pin, a number that its line has reached.
    reached: [AtomicU64; PINS.len()],
    slots: Vec<Mutex<Arc<Shared>>>,
}

impl World {
    fn new(devices: Devices) -> Self {
        let mut world = Self {
            devices,
            stop: AtomicBool::new(false),
            reached: Default::default(),
            slots: Vec::new(),
        };
        for pin in PINS.into_iter().chain(PINS) {
            let file = world.open(pin).expect("devices are there");
            world.slots.push(Mutex::new(Arc::new(file)));
        }
        world
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn reach(&self, pin: &str, sequence: u64) {
        let index = PINS.iter().position(|&known| known == pin).unwrap();
        self.reached[index].fetch_max(sequence, Ordering::SeqCst);
    }

    /// Opens a pin; none while its device is away.
    fn open(&self, pin: &'static str) -> Option<Shared> {
        let index = PINS.iter().position(|&known| known == pin).unwrap();
        let reached = match self.devices {
            Devices::Stay => self.reached[index].load(Ordering::SeqCst),
            // Another line perhaps, which begins anew.
            Devices::ComeAndGo => 0,
        };
        let file = self.check_gone(
            LineFile::try_open(pin).map_err(|error| Errno::from_raw(error.raw_os_error().unwrap())),
        )?;
        let now = file.page().snapshot().sequence;
        Some(Shared {
            pin,
            file,
            model: Mutex::new(Model {
                opened: (reached, now),
                ..Model::default()
            }),
        })
    }

    /// A call's result; none if it says that the device is away, as it may.
    fn check_gone<T>(&self, result: nix::Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Errno::ENODEV | Errno::ENOENT | Errno::ENXIO)
                if self.devices == Devices::ComeAndGo =>
            {
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// One call by chance on a file by chance.
    fn act(&self, random: &mut Random) {
        let slot = random.pick(&self.slots);
        let shared = slot.lock().unwrap().clone();
        let file = &shared.file;
        match random.below(16) {
            0..=4 => self.read(&shared),
            5 | 6 => {
                if let Some(sequence) = self.check_gone(file.arm()) {
                    shared.model.lock().unwrap().armed.push(sequence);
                    self.reach(shared.pin, sequence);
                }
            }
            7 => _ = self.check_gone(file.disarm()),
            8 if shared.pin == EDGE || shared.pin == EDGE_TOO => {
                let mode = *random.pick(&[CONTINUOUS, ONESHOT]);
                _ = self.check_gone(file.set_mode(mode));
            }
            8 => drop(file.poll(Duration::ZERO)),
            9 | 10 => {
                let events = file.poll(Duration::from_millis(random.below(5)));
                let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
                assert!(
                    events.is_empty()
                        || events == PollFlags::POLLIN
                        || events == gone && self.devices == Devices::ComeAndGo,
                    "{events:?}"
                );
            }
            11 => {
                let page = file.page();
                let (first, second) = (page.snapshot(), page.snapshot());
                assert!(first.sequence <= second.sequence);
                assert!(first.timestamp <= second.timestamp);
                assert_eq!(first.sequence == 0, first.timestamp == 0);
                self.reach(shared.pin, second.sequence);
            }
            12 => {
                let epoll = watch(file, EpollFlags::EPOLLIN | EpollFlags::EPOLLET);
                wait(&epoll, Duration::from_millis(random.below(5)));
            }
            _ => {
                // Whoever uses the old one still closes it.
                if let Some(new) = self.open(shared.pin) {
                    *slot.lock().unwrap() = Arc::new(new);
                }
            }
        }
    }

    /// Reads without blocking.
    fn read(&self, shared: &Shared) {
        match shared.file.read_record() {
            Ok(record) => {
                shared.model.lock().unwrap().read(record);
                self.reach(shared.pin, record.sequence);
            }
            Err(Errno::EAGAIN) => {}
            Err(error) => _ = self.check_gone::<()>(Err(error)),
        }
    }
}

fn watch(file: &LineFile, flags: EpollFlags) -> Epoll {
    let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
    epoll.add(file, EpollEvent::new(flags, 0)).unwrap();
    epoll
}

/// Whether something came in time.
fn wait(epoll: &Epoll, patience: Duration) -> bool {
    let timeout = EpollTimeout::try_from(patience).unwrap();
    epoll.wait(&mut [EpollEvent::empty()], timeout).unwrap() != 0
}

/// A waiter with files of its own: whoever is armed is woken. Its reads are all there are, so each follows the last.
fn wait_again_and_again(world: &World, pin: &'static str, seed: u64) {
    let mut random = Random::new(seed);
    while !world.is_over() {
        let Some(shared) = world.open(pin) else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let blocking = LineFile::open_blocking_if_there(pin);
        for _ in 0..random.below(40) {
            if world.is_over() || !wait_once(world, &shared, blocking.as_ref(), &mut random) {
                break;
            }
        }
    }
}

/// Waits for an event in some way; false if the device is gone.
fn wait_once(
    world: &World,
    shared: &Shared,
    blocking: Option<&LineFile>,
    random: &mut Random,
) -> bool {
    let file = &shared.file;
    let woken = match random.below(4) {
        0 => match blocking.map(LineFile::read_record) {
            Some(result) => return world.check_gone(result).is_some(),
            None => return true,
        },
        1 => {
            let Some(sequence) = world.check_gone(file.arm()) else {
                return false;
            };
            shared.model.lock().unwrap().armed.push(sequence);
            !file.poll(PATIENCE).is_empty()
        }
        2 => {
            let epoll = watch(file, EpollFlags::EPOLLIN | EpollFlags::EPOLLET);
            let Some(sequence) = world.check_gone(file.arm()) else {
                return false;
            };
            shared.model.lock().unwrap().armed.push(sequence);
            wait(&epoll, PATIENCE)
        }
        _ => match file.read_record() {
            Ok(record) => {
                shared.model.lock().unwrap().read(record);
                true
            }
            // Who asks in vain is armed.
            Err(Errno::EAGAIN) => !file.poll(PATIENCE).is_empty(),
            Err(error) => return world.check_gone::<()>(Err(error)).is_some(),
        },
    };
    assert!(woken, "armed on {}, and nothing came", shared.pin);
    true
}

/// Where the source and the one waiter of a line are with each other.
#[derive(Default)]
struct Lone {
    /// How often the source was raised.
    raised: AtomicU64,
    /// How often it was found raised, and lowered again since.
    lowered: AtomicU64,
    /// How often the waiter was woken.
    woken: AtomicU64,
}

impl Lone {
    /// The waiter: each raise wakes it, once.
    fn wait(&self, world: &World, seed: u64) {
        let mut random = Random::new(seed);
        while !world.is_over() {
            let Some(file) = LineFile::open_blocking_if_there(LONE) else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            while !world.is_over() {
                let result = match random.below(2) {
                    0 => file.read_record().map(drop),
                    _ => file.arm().and_then(|_| {
                        assert!(
                            !file.poll(PATIENCE).is_empty(),
                            "armed alone on {LONE}, and nothing came"
                        );
                        file.read_record().map(drop)
                    }),
                };
                if world.check_gone(result).is_none() {
                    break;
                }
                let woken = self.woken.fetch_add(1, Ordering::SeqCst) + 1;
                while self.lowered.load(Ordering::SeqCst) < woken && !world.is_over() {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    /// The source: raised, until the waiter has been woken.
    fn drive(&self, fabric: &mut Fabric) {
        let raised = self.raised.load(Ordering::SeqCst);
        let woken = self.woken.load(Ordering::SeqCst);
        assert!(woken <= raised, "{raised} raises woke {woken} times");
        if self.lowered.load(Ordering::SeqCst) < raised {
            if woken == raised {
                fabric.lower_input(LONE_INPUT);
                self.lowered.store(raised, Ordering::SeqCst);
            }
        } else {
            self.raised.store(raised + 1, Ordering::SeqCst);
            fabric.raise_input(LONE_INPUT);
        }
    }
}

/// A process that lives until it is killed: opens, waits and closes, or touches a register window. It may find its
/// device gone at any moment.
fn mortal(seed: u64) -> Child {
    Child::start(move |_| {
        let mut random = Random::new(seed);
        loop {
            if random.below(4) == 0 {
                let window = LineFile::try_open("btns_gpio/regs");
                let map = window.and_then(|window| {
                    Ok(window.map(4096, ProtFlags::PROT_READ, MapFlags::MAP_SHARED, 0)?)
                });
                // Gone with its device: killed by that, which is death enough.
                map.into_iter().for_each(|map| map.touch());
                continue;
            }
            let pin = *random.pick(&PINS[..3]);
            let Some(file) = LineFile::open_blocking_if_there(pin) else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            for _ in 0..random.below(10) {
                match random.below(3) {
                    0 => drop(file.read_record()),
                    1 => drop(file.arm()),
                    _ => drop(file.set_mode(CONTINUOUS)),
                }
            }
        }
    })
}

fn kill(child: Child, devices: Devices) {
    child.signal(Signal::SIGKILL);
    match child.end() {
        WaitStatus::Signaled(_, Signal::SIGKILL, _) => {}
        WaitStatus::Signaled(_, Signal::SIGBUS, _) if devices == Devices::ComeAndGo => {}
        other => panic!("{other:?}"),
    }
}

/// Unbinds or binds a device, if it can be done now.
fn attach(driver: &str, what: &str, device: &str) {
    if let Err(error) = fs::write(format!("{driver}/{what}"), device) {
        let error = Errno::from_raw(error.raw_os_error().unwrap());
        // Bound already, unbound already, or waiting for its controller; the last, if its driver is away.
        assert!(
            matches!(
                error,
                Errno::ENODEV | Errno::EBUSY | Errno::EAGAIN | Errno::ENOENT
            ),
            "{what} {device}: {error}"
        );
    }
}

/// Takes a device or module away and brings it back.
fn shake(demo: &mut Option<Overlay>, random: &mut Random) {
    let pause = Duration::from_millis(random.below(30));
    match random.below(5) {
        0 => {
            attach(IP_DRIVER, "unbind", "10001000.gpio");
            thread::sleep(pause);
            attach(IP_DRIVER, "bind", "10001000.gpio");
        }
        1 | 2 => {
            attach(INTC_DRIVER, "unbind", "10000000.interrupt-controller");
            thread::sleep(pause);
            attach(INTC_DRIVER, "bind", "10000000.interrupt-controller");
        }
        3 => {
            *demo = None;
            thread::sleep(pause);
            *demo = Some(Overlay::apply("axirq-demo"));
        }
        _ => match modules::unload() {
            // Nobody had a file open.
            Ok(()) => modules::load(),
            Err(error) => assert_eq!(error, Errno::EWOULDBLOCK),
        },
    }
}

/// Runs everything for a while with one seed.
fn run(rig: &mut Rig, demo: &mut Option<Overlay>, devices: Devices, seed: u64) {
    const WORKERS: u64 = 3;
    println!("seed {seed}");
    let mut random = Random::new(seed);
    // Before there are threads.
    let mut mortals: Vec<Child> = (0..4).map(|n| mortal(seed ^ n)).collect();
    let world = World::new(devices);
    let before = EDGES.map(|(pin, input)| (sequence_of(pin), raised(&mut rig.fabric, input)));
    for (_, input) in EDGES {
        rig.fabric.train(INTC, input, ENDLESS).unwrap();
    }
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for worker in 0..WORKERS {
            let (world, mut random) = (&world, Random::new(random.next() ^ worker));
            threads.push(scope.spawn(move || {
                while !world.is_over() {
                    world.act(&mut random);
                }
            }));
        }
        for pin in [EDGE, EDGE_TOO, LEVEL] {
            let (world, seed) = (&world, random.next());
            threads.push(scope.spawn(move || wait_again_and_again(world, pin, seed)));
        }
        let lone = Arc::new(Lone::default());
        let (waiter, waited_for, seed) = (lone.clone(), &world, random.next());
        threads.push(scope.spawn(move || waiter.wait(waited_for, seed)));
        let end = Instant::now() + duration();
        let mut progress = (0, Instant::now());
        // On a slow board longer: until something was tried.
        while Instant::now() < end || devices == Devices::Stay && !enough(&mut rig.fabric, &before)
        {
            assert!(end.elapsed() < 2 * PATIENCE, "hardly an edge comes");
            match random.below(12) {
                0..=3 => rig.fabric.raise_input(LEVEL_INPUT),
                4..=6 => rig.fabric.lower_input(LEVEL_INPUT),
                7 if random.below(20) == 0 => {
                    mortals
                        .pop()
                        .into_iter()
                        .for_each(|child| kill(child, devices));
                }
                8 if devices == Devices::ComeAndGo => shake(demo, &mut random),
                _ => thread::sleep(Duration::from_millis(random.below(10))),
            }
            lone.drive(&mut rig.fabric);
            let woken = lone.woken.load(Ordering::SeqCst);
            if woken != progress.0 {
                progress = (woken, Instant::now());
            }
            assert!(
                progress.1.elapsed() < 2 * PATIENCE,
                "the waiter on {LONE} was woken {woken} times, and then no more"
            );
            assert!(
                !threads.iter().any(|thread| thread.is_finished()),
                "a thread has ended"
            );
        }
        // So that every waiter comes to an end.
        world.stop.store(true, Ordering::Relaxed);
        rig.fabric.raise_input(LEVEL_INPUT);
        rig.fabric.raise_input(LONE_INPUT);
        until("the threads", || {
            threads.iter().all(|thread| thread.is_finished())
        });
    });
    mortals.into_iter().for_each(|child| kill(child, devices));
    rig.fabric.lower_input(LEVEL_INPUT);
    rig.fabric.lower_input(LONE_INPUT);
    for ((pin, input), (sequence, sent)) in EDGES.into_iter().zip(before) {
        // No more; the last is taken by whoever waits.
        rig.fabric.train(INTC, input, 0).unwrap();
        if devices == Devices::Stay {
            let last = LineFile::open(pin);
            last.arm().unwrap();
            until("the last edge", || !rig.fabric.is_latched(input));
            let sent = raised(&mut rig.fabric, input) - sent;
            until(&format!("{pin} to count {sent} edges"), || {
                sequence_of(pin) - sequence == sent
            });
        }
    }
    for slot in &world.slots {
        let shared = slot.lock().unwrap();
        world.read(&shared);
        if devices == Devices::Stay {
            let now = shared.file.page().snapshot().sequence;
            shared.model.lock().unwrap().assert_told_up_to(now);
        }
    }
}

fn sequence_of(pin: &str) -> u64 {
    attribute(pin, "count").parse().unwrap()
}

/// Whether a good number of edges came on each of [`EDGES`], of which so many had been sent before.
fn enough(fabric: &mut Fabric, before: &[(u64, u64); EDGES.len()]) -> bool {
    EDGES
        .iter()
        .zip(before)
        .all(|((_, input), (_, sent))| raised(fabric, *input) - sent > 100)
}

fn raised(fabric: &mut Fabric, input: u32) -> u64 {
    fabric.input(INTC, input).unwrap().raised
}

/// All files are closed: no line is enabled, and each starts afresh.
fn assert_at_rest(rig: &mut Rig) {
    assert_eq!(rig.fabric.register("IER"), 0);
    for pin in PINS {
        assert_eq!(attribute(pin, "state"), "unused");
    }
    let level = LineFile::open(LEVEL);
    level.arm_by_read();
    level.assert_quiet();
    rig.interrupt_once_on(EDGE, EDGE_INPUT);
    rig.interrupt_once_on(EDGE_TOO, EDGE_TOO_INPUT);
}

fn every_file_is_told_of_each_event_once_whatever_others_do() {
    let (mut rig, demo) = Rig::with_demo();
    let mut demo = Some(demo);
    for seed in seeds() {
        run(&mut rig, &mut demo, Devices::Stay, seed);
        assert_at_rest(&mut rig);
    }
}

fn files_are_told_the_truth_while_devices_come_and_go() {
    let (mut rig, demo) = Rig::with_demo();
    // A probe that a removal overtakes finds properties gone, and says so.
    announce("axirq 1000");
    let mut demo = Some(demo);
    for seed in seeds() {
        run(&mut rig, &mut demo, Devices::ComeAndGo, seed);
        // Whatever was on its way when all stopped.
        attach(INTC_DRIVER, "bind", "10000000.interrupt-controller");
        attach(IP_DRIVER, "bind", "10001000.gpio");
        wait_for_demo();
        assert_at_rest(&mut rig);
    }
}
