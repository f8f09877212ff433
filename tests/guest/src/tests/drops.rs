// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every future of the crate, dropped wherever it can be suspended, while its event is not there, is there already, is on
//! its way, or has woken it: nothing stays enabled, and the next wait returns what came, once.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use axirq::Interrupt;
use axirq::Mmio;
use axirq::dma::AxiDma;
use axirq::dma::Channel;
use axirq::gpio::AxiGpio;
use axirq::gpio::Button;
use axirq::gpio::Input;
use axirq::gpio::Wires;
use axirq::memory::Buffer;
use axirq::microblaze::Answers;
use axirq::microblaze::Reader;
use axirq::microblaze::Width;
use axirq::timer::AxiTimer;
use axirq::video::Input as VideoInput;
use axirq::video::Mode;
use axirq::video::Output;
use axirq::video::PixelFormat;
use embedded_hal_async::digital::Wait as _;
use futures_core::Stream;
use plsim::models::microblaze::program::INTERRUPTS;
use plsim::models::microblaze::program::MAILBOX;
use plsim::models::microblaze::program::STREAMS;
use plsim::protocol::Way as Direction;
use tokio::sync::Mutex;

use crate::dma;
use crate::microblaze;
use crate::microblaze::COMMAND;
use crate::microblaze::IOP;
use crate::microblaze::PIN;
use crate::microblaze::READ_WORD;
use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::fabric::Fabric;
use crate::rig::parts;
use crate::rig::tasks::run;
use crate::rig::tasks::soon;
use crate::rig::until;
use crate::video;

crate::tests![
    waits_for_a_pin,
    streams_of_a_pin,
    waits_for_wires_on_a_level_input,
    waits_for_wires_on_an_edge_input,
    ticks,
    interrupts_of_a_program,
    streams_of_a_program,
    commands_to_a_program,
    receives_on_a_level_input,
    receives_on_an_edge_input,
    sends,
    frames_on_a_level_input,
    frames_on_an_edge_input,
    showings,
];

type Wait<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A future, and how to make it ready.
struct Case<'a, 'f> {
    pin: &'a str,
    /// Controller and number of a level input: its mask is in hardware at once.
    level_input: Option<(&'a str, u32)>,
    /// What came during a wait that was dropped is kept for the next. Else each wait counts from its beginning.
    keeps: bool,
    make: &'a dyn Fn() -> Wait<'f>,
    /// What is waited for happens.
    cause: &'a dyn Fn(&mut Fabric),
    /// As before.
    clear: &'a dyn Fn(&mut Fabric),
    /// Something else happens on the same pin. The argument counts.
    noise: &'a dyn Fn(&mut Fabric, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    Never,
    BeforeTheFirstPoll,
    /// After the last poll, and the runtime has not looked.
    Unnoticed,
    /// After the last poll, and the task was woken.
    Noticed,
}

async fn poll_once(wait: &mut Wait<'_>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(wait.as_mut().poll(context).is_ready())).await
}

/// Lets the runtime look for events.
async fn turn() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

impl Case<'_, '_> {
    async fn drop_everywhere(&self, rig: &mut Rig) {
        // Waits that count from the last have one to count from.
        poll_once(&mut (self.make)()).await;
        let mut noises = 0;
        for moment in [
            Moment::Never,
            Moment::BeforeTheFirstPoll,
            Moment::Unnoticed,
            Moment::Noticed,
        ] {
            for polls in [0, 1, 3] {
                let what = format!("{}, {moment:?}, {polls} polls", self.pin);
                let mut wait = (self.make)();
                if moment == Moment::BeforeTheFirstPoll {
                    (self.cause)(&mut rig.fabric);
                }
                let mut done = false;
                for poll in 0..polls {
                    if poll > 0 {
                        (self.noise)(&mut rig.fabric, noises);
                        noises += 1;
                        turn().await;
                    }
                    done = poll_once(&mut wait).await;
                    if done {
                        break;
                    }
                }
                let before = self.count();
                if matches!(moment, Moment::Unnoticed | Moment::Noticed) {
                    (self.cause)(&mut rig.fabric);
                    if polls > 0 {
                        until(&format!("an interrupt: {what}"), || self.count() > before);
                    }
                }
                if moment == Moment::Noticed {
                    turn().await;
                }
                drop(wait);
                self.assert_masked(rig, &what);

                let happened = moment != Moment::Never && !done;
                let mut next = (self.make)();
                if !happened || !self.keeps {
                    (self.clear)(&mut rig.fabric);
                    assert!(!poll_once(&mut next).await, "twice: {what}");
                    turn().await;
                    assert!(!poll_once(&mut next).await, "twice: {what}");
                    (self.cause)(&mut rig.fabric);
                }
                soon(&what, next).await;
                (self.clear)(&mut rig.fabric);
                let mut third = (self.make)();
                for _ in 0..3 {
                    assert!(!poll_once(&mut third).await, "twice: {what}");
                    turn().await;
                }
                drop(third);
                self.assert_masked(rig, &what);
            }
        }
    }

    fn count(&self) -> u64 {
        attribute(self.pin, "count").parse().unwrap()
    }

    fn assert_masked(&self, rig: &mut Rig, what: &str) {
        assert_eq!(attribute(self.pin, "state"), "idle", "{what}");
        if let Some((controller, input)) = self.level_input {
            let enabled = rig.fabric.register_of(controller, "IER") & (1 << input);
            assert_eq!(enabled, 0, "{what}");
        }
    }
}

/// Nothing else can happen on a raw input.
fn quiet(_: &mut Fabric, _: u32) {}

async fn event(interrupt: &Interrupt) {
    interrupt.wait().await.unwrap();
}

/// Drops what waits for an event of an interrupt, on a level and on an edge input.
fn drop_on_both_triggers(make: for<'a> fn(&'a Interrupt) -> Wait<'a>) {
    let (mut rig, _demo) = Rig::with_demo();
    run(async {
        let interrupt = Interrupt::open(LEVEL).unwrap();
        let level = Case {
            pin: LEVEL,
            level_input: Some(("axi_intc_0", LEVEL_INPUT)),
            keeps: true,
            make: &|| make(&interrupt),
            cause: &|fabric| fabric.raise_input(LEVEL_INPUT),
            clear: &|fabric| fabric.lower_input(LEVEL_INPUT),
            noise: &quiet,
        };
        level.drop_everywhere(&mut rig).await;
        let interrupt = Interrupt::open(EDGE).unwrap();
        let edge = Case {
            pin: EDGE,
            level_input: None,
            keeps: true,
            make: &|| make(&interrupt),
            cause: &|fabric| fabric.pulse_input(EDGE_INPUT),
            clear: &|_| (),
            noise: &quiet,
        };
        edge.drop_everywhere(&mut rig).await;
    });
}

fn waits_for_a_pin() {
    drop_on_both_triggers(|interrupt| Box::pin(event(interrupt)));
}

/// One event of a stream that is dropped with the future.
async fn next(interrupt: &Interrupt) {
    let mut events = std::pin::pin!(interrupt.events());
    std::future::poll_fn(|context| events.as_mut().poll_next(context))
        .await
        .unwrap()
        .unwrap();
}

fn streams_of_a_pin() {
    drop_on_both_triggers(|interrupt| Box::pin(next(interrupt)));
}

/// Handles of a channel, one for each way to wait.
struct Handles {
    button: Button,
    slice: Wires<Input>,
    changes: Mutex<Wires<Input>>,
    hal: Mutex<Button>,
}

/// A way to wait for wire 0, and whether it keeps what came while it was dropped.
type Way<'a> = (Box<dyn Fn() -> Wait<'a> + 'a>, bool);

impl Handles {
    /// To rise.
    fn rising(&self) -> Vec<Way<'_>> {
        vec![
            (
                Box::new(|| Box::pin(async { self.button.wait_for_level(1).await.unwrap() })),
                true,
            ),
            (
                Box::new(|| Box::pin(async { self.slice.wait_for_value(0b01).await.unwrap() })),
                true,
            ),
            (Box::new(|| Box::pin(self.change())), true),
            (
                Box::new(|| {
                    Box::pin(async { self.hal.lock().await.wait_for_high().await.unwrap() })
                }),
                true,
            ),
            (
                Box::new(|| {
                    Box::pin(async { self.hal.lock().await.wait_for_rising_edge().await.unwrap() })
                }),
                false,
            ),
            (
                Box::new(|| {
                    Box::pin(async { self.hal.lock().await.wait_for_any_edge().await.unwrap() })
                }),
                false,
            ),
        ]
    }

    /// To fall.
    fn falling(&self) -> Vec<Way<'_>> {
        vec![
            (
                Box::new(|| Box::pin(async { self.button.wait_for_level(0).await.unwrap() })),
                true,
            ),
            (
                Box::new(|| {
                    Box::pin(async { self.hal.lock().await.wait_for_low().await.unwrap() })
                }),
                true,
            ),
            (
                Box::new(|| {
                    Box::pin(async { self.hal.lock().await.wait_for_falling_edge().await.unwrap() })
                }),
                false,
            ),
        ]
    }

    async fn change(&self) {
        let change = self
            .changes
            .lock()
            .await
            .wait_for_interrupt()
            .await
            .unwrap();
        assert_eq!((change.value, change.rising, change.pulses), (1, 1, 0));
    }

    /// The change back is one, too: it is taken here, and the next counts from it.
    fn forget_changes(&self) {
        let mut changes = self.changes.try_lock().unwrap();
        while changes
            .blocking_wait_for_interrupt_timeout(Duration::ZERO)
            .unwrap()
            .is_some()
        {}
    }
}

fn waits_for_wires(cell: &str, level_input: Option<(&str, u32)>) {
    let (mut rig, _parts) = Rig::with(parts);
    let pin = format!("{cell}/ip2intc_irpt");
    let channel = AxiGpio::open(cell).unwrap().channel(1).unwrap();
    let handles = Handles {
        button: channel.button(0).unwrap(),
        slice: channel.input(..2).unwrap(),
        changes: Mutex::new(channel.input(..1).unwrap()),
        hal: Mutex::new(channel.button(0).unwrap()),
    };
    let press = |fabric: &mut Fabric| fabric.press(cell, 0).unwrap();
    let release = |fabric: &mut Fabric| fabric.release(cell, 0).unwrap();
    // Of another wire of the channel, and of the other channel.
    let noise = |fabric: &mut Fabric, count: u32| {
        fabric.set_second(cell, count & 0b111);
        if count % 2 == 0 {
            fabric.press(cell, 3).unwrap();
        } else {
            fabric.release(cell, 3).unwrap();
        }
    };
    run(async {
        for (make, keeps) in handles.rising() {
            let case = Case {
                pin: &pin,
                level_input,
                keeps,
                make: &*make,
                cause: &press,
                clear: &|fabric| {
                    release(fabric);
                    handles.forget_changes();
                },
                noise: &noise,
            };
            case.drop_everywhere(&mut rig).await;
        }
        press(&mut rig.fabric);
        for (make, keeps) in handles.falling() {
            let case = Case {
                pin: &pin,
                level_input,
                keeps,
                make: &*make,
                cause: &release,
                clear: &|fabric| {
                    press(fabric);
                    handles.forget_changes();
                },
                noise: &noise,
            };
            case.drop_everywhere(&mut rig).await;
        }
    });
}

fn waits_for_wires_on_a_level_input() {
    waits_for_wires("gpio_level", Some(("axi_intc_parts", 1)));
}

fn waits_for_wires_on_an_edge_input() {
    waits_for_wires("gpio_edge", None);
}

async fn tick(timer: &Mutex<AxiTimer>) {
    timer.lock().await.tick().await.unwrap();
}

fn ticks() {
    const TIMER: &str = "axi_timer_0";
    /// The timer's input that halts it.
    const FREEZE: u32 = 2;
    const TINT: u32 = 1 << 8;

    let (mut rig, _demo) = Rig::with_demo();
    rig.fabric.raise(TIMER, FREEZE).unwrap();
    run(async {
        let timer = Mutex::new(AxiTimer::open(TIMER).unwrap());
        timer
            .lock()
            .await
            .start_periodic(Duration::from_millis(1))
            .unwrap();
        let case = Case {
            pin: "axi_timer_0/interrupt",
            level_input: Some(("axi_intc_0", 2)),
            keeps: true,
            make: &|| Box::pin(tick(&timer)),
            cause: &|fabric| {
                fabric.lower(TIMER, FREEZE).unwrap();
                until("a tick", || fabric.register_of(TIMER, "TCSR0") & TINT != 0);
                fabric.raise(TIMER, FREEZE).unwrap();
            },
            clear: &|_| (),
            noise: &quiet,
        };
        case.drop_everywhere(&mut rig).await;
    });
    rig.fabric.lower(TIMER, FREEZE).unwrap();
}

fn interrupts_of_a_program() {
    let (mut rig, _overlay) = microblaze::subsystem();
    let mut iop = microblaze::open_with(MAILBOX, INTERRUPTS);
    let memory = Mmio::open("iop_pmoda_mb_bram_ctrl").unwrap();
    let answer = |_: &mut Fabric| {
        memory.write32(COMMAND, READ_WORD).unwrap();
        until("the program", || memory.read32(COMMAND).unwrap() == 0);
    };
    let interrupt = Mutex::new(iop.interrupt().unwrap());
    let case = Case {
        pin: PIN,
        level_input: None,
        keeps: true,
        make: &|| {
            Box::pin(async { assert_eq!(interrupt.lock().await.wait().await.unwrap().count, 1) })
        },
        cause: &answer,
        clear: &|_| (),
        noise: &quiet,
    };
    run(case.drop_everywhere(&mut rig));
}

type Stdout<'a> = Mutex<Reader<'a>>;

async fn read_some(stdout: &Stdout<'_>) {
    let mut bytes = [0; 2];
    let count = stdout.lock().await.read(&mut bytes).await.unwrap();
    assert_eq!(&bytes[..count], b"A");
}

async fn read_exactly(stdout: &Stdout<'_>) {
    let mut byte = [0];
    stdout.lock().await.read_exact(&mut byte).await.unwrap();
    assert_eq!(&byte, b"A");
}

fn ways_to_read<'a>(stdout: &'a Stdout<'_>) -> [Box<dyn Fn() -> Wait<'a> + 'a>; 2] {
    [
        Box::new(|| Box::pin(read_some(stdout))),
        Box::new(|| Box::pin(read_exactly(stdout))),
    ]
}

fn streams_of_a_program() {
    let (mut rig, _overlay) = microblaze::subsystem();
    let mut iop = microblaze::open_with(STREAMS, 0);
    let mut streams = iop.streams(Answers::Interrupt).unwrap();
    streams.set_timeout(Some(PATIENCE));
    let stdin = RefCell::new(streams.stdin);
    let stdout = Mutex::new(streams.stdout);
    let say = |_: &mut Fabric| assert_eq!(stdin.borrow_mut().try_write(b"a").unwrap(), 1);
    run(async {
        for make in ways_to_read(&stdout) {
            let case = Case {
                pin: PIN,
                level_input: None,
                keeps: true,
                make: &*make,
                cause: &say,
                clear: &|_| (),
                noise: &quiet,
            };
            case.drop_everywhere(&mut rig).await;
        }
    });
}

/// A command that nobody waits for any more is carried out before the next, whose answer is its own.
fn commands_to_a_program() {
    let (mut rig, _overlay) = microblaze::subsystem();
    let mut iop = microblaze::open_with(MAILBOX, INTERRUPTS);
    let mut mailbox = iop.mailbox(Answers::Interrupt).unwrap();
    mailbox.set_timeout(Some(PATIENCE));
    run(async {
        for hangs in [true, false] {
            for polls in [0, 1, 3] {
                for notices in [false, true] {
                    let what = format!("hangs: {hangs}, {polls} polls, notices: {notices}");
                    rig.fabric.fault_hang(IOP, hangs).unwrap();
                    let mut wait: Wait<'_> = Box::pin(async {
                        assert_eq!(mailbox.read(0, Width::Word).await.unwrap(), 0xb000_0000);
                    });
                    for poll in 0..polls {
                        if poll > 0 {
                            turn().await;
                        }
                        if poll_once(&mut wait).await {
                            assert!(!hangs, "{what}");
                            break;
                        }
                    }
                    rig.fabric.fault_hang(IOP, false).unwrap();
                    if notices {
                        turn().await;
                    }
                    drop(wait);
                    assert_eq!(attribute(PIN, "state"), "idle", "{what}");
                    let word = soon(&what, mailbox.read(4, Width::Word)).await.unwrap();
                    assert_eq!(word, 0xb808_0050, "{what}");
                }
            }
        }
    });
}

/// A channel of a DMA, and the memory while it has none.
struct Mover {
    channel: Channel,
    buffer: Option<Buffer>,
}

impl Mover {
    fn new(dma: &AxiDma, channel: Channel) -> Self {
        let buffer = Some(dma.allocate(64).unwrap());
        Self { channel, buffer }
    }
}

/// A whole transfer: the one that a dropped wait has left, or a new one.
async fn moved(mover: &Mutex<Mover>) {
    let mut mover = mover.lock().await;
    if let Some(buffer) = mover.buffer.take() {
        mover.channel.start(buffer, ..).unwrap();
    }
    let done = mover.channel.wait().await.unwrap();
    assert_eq!(done.range, 0..64);
    mover.buffer = Some(done.buffer);
}

fn receives_on_a_level_input() {
    let (mut rig, _overlay) = dma::movers();
    let (dma, _send, receive) = dma::open(dma::OPEN);
    run(async {
        let mover = Mutex::new(Mover::new(&dma, receive));
        let case = Case {
            pin: "axi_dma_0/s2mm_introut",
            level_input: Some(("data_intc", 1)),
            keeps: true,
            make: &|| Box::pin(moved(&mover)),
            cause: &|fabric| fabric.send_packets(dma::OPEN, 64, 1).unwrap(),
            clear: &|_| (),
            noise: &quiet,
        };
        case.drop_everywhere(&mut rig).await;
    });
}

fn receives_on_an_edge_input() {
    let (mut rig, _overlay) = dma::movers();
    let (dma, send, receive) = dma::open(dma::LOOP);
    run(async {
        let mover = Mutex::new(Mover::new(&dma, receive));
        let sender = RefCell::new(Mover::new(&dma, send));
        let case = Case {
            pin: "axi_dma_1/s2mm_introut",
            level_input: None,
            keeps: true,
            make: &|| Box::pin(moved(&mover)),
            cause: &|_| {
                let mut sender = sender.borrow_mut();
                let buffer = sender.buffer.take().unwrap();
                let sent = sender.channel.blocking_transfer(buffer, ..);
                sender.buffer = Some(sent.unwrap().buffer);
            },
            clear: &|_| (),
            noise: &quiet,
        };
        case.drop_everywhere(&mut rig).await;
    });
}

fn sends() {
    let (mut rig, _overlay) = dma::movers();
    let (dma, send, _receive) = dma::open(dma::OPEN);
    let rate = |fabric: &mut Fabric, rate| fabric.rate(dma::OPEN, Direction::Mm2s, rate).unwrap();
    rate(&mut rig.fabric, 0);
    run(async {
        let mover = Mutex::new(Mover::new(&dma, send));
        let case = Case {
            pin: "axi_dma_0/mm2s_introut",
            level_input: Some(("data_intc", 0)),
            keeps: true,
            make: &|| Box::pin(moved(&mover)),
            cause: &|fabric| rate(fabric, dma::FAST),
            clear: &|fabric| rate(fabric, 0),
            noise: &quiet,
        };
        case.drop_everywhere(&mut rig).await;
    });
}

/// The next frame, and that none was lost before it.
async fn framed(input: &Mutex<(VideoInput, u64)>) {
    let (input, next) = &mut *input.lock().await;
    let frame = input.read_frame().await.unwrap();
    assert_eq!((frame.number(), frame.dropped()), (*next, 0));
    *next += 1;
}

fn frames(rig: &mut Rig, cell: &str, mode: Mode, level_input: Option<(&str, u32)>) {
    let (_vdma, mut input, _output) = video::open(cell);
    input.start(mode).unwrap();
    run(async {
        let input = Mutex::new((input, 0));
        let case = Case {
            pin: &format!("{cell}/s2mm_introut"),
            level_input,
            keeps: true,
            make: &|| Box::pin(framed(&input)),
            cause: &|fabric| fabric.frames(cell, Direction::S2mm, 1).unwrap(),
            clear: &|_| (),
            noise: &quiet,
        };
        case.drop_everywhere(rig).await;
    });
}

fn frames_on_a_level_input() {
    let (mut rig, _overlay) = video::studio();
    let level_input = Some(("data_intc", 4));
    frames(&mut rig, video::CELL, video::rgb(), level_input);
}

fn frames_on_an_edge_input() {
    let (mut rig, _overlay) = video::other_studios();
    let mode = Mode::new(10, 7, PixelFormat::Bgr24).unwrap();
    frames(&mut rig, "vdma_few", mode, None);
}

/// Until what was given is shown; then the next is given.
async fn shown(output: &Mutex<Output>) {
    let mut output = output.lock().await;
    output.shown().await.unwrap();
    let frame = output.new_frame().unwrap();
    output.write_frame(frame).await.unwrap();
}

fn showings() {
    let (mut rig, _overlay) = video::studio();
    let (_vdma, _input, mut output) = video::open(video::CELL);
    output.start(video::rgb()).unwrap();
    run(async {
        let frame = output.new_frame().unwrap();
        output.write_frame(frame).await.unwrap();
        let output = Mutex::new(output);
        let case = Case {
            pin: "axi_vdma_0/mm2s_introut",
            level_input: Some(("data_intc", 5)),
            keeps: true,
            make: &|| Box::pin(shown(&output)),
            // To its end, so that no interrupt is left for the next.
            cause: &|fabric| {
                let before = fabric.display(video::CELL).unwrap().frames;
                fabric.frames(video::CELL, Direction::Mm2s, 1).unwrap();
                until("the display", || {
                    fabric.display(video::CELL).unwrap().frames > before
                });
            },
            clear: &|_| (),
            noise: &quiet,
        };
        case.drop_everywhere(&mut rig).await;
    });
}
