// SPDX-License-Identifier: MIT OR Apache-2.0
//! The socket's behaviour towards all kinds of clients, over a socket pair.

use std::io::Read;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::client;
use crate::design;
use crate::intx::Intx;
use crate::protocol::Mishap;
use crate::protocol::ProcessorState;
use crate::protocol::Way;

const DEMO: &str = include_str!("../../designs/demo.toml");
const PATIENCE: Duration = Duration::from_secs(10);

struct Rig {
    sim: Arc<Sim>,
    vanished: Arc<AtomicU64>,
}

impl Rig {
    fn new() -> Self {
        Self::of(design::parse(DEMO, Intx::new(0)).unwrap())
    }

    fn of(fabric: Fabric) -> Self {
        Self {
            sim: Sim::start(fabric).unwrap(),
            vanished: Arc::default(),
        }
    }

    fn stream(&self) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let vanished = Arc::clone(&self.vanished);
        let vanish: Vanish = Arc::new(move || {
            vanished.fetch_add(1, Ordering::Relaxed);
        });
        start_client(theirs, &self.sim, &vanish).unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        ours
    }

    fn client(&self) -> client::Client<UnixStream> {
        client::Client::new(self.stream())
    }
}

/// Sends bytes and gives what comes back until the connection is through.
fn talk(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = rig.stream();
    let mut sender = stream.try_clone().unwrap();
    let bytes = bytes.to_vec();
    let sending = thread::spawn(move || {
        sender.write_all(&bytes).unwrap();
        sender.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    sending.join().unwrap();
    text
}

#[test]
fn every_request_of_the_typed_client_is_answered() {
    let rig = Rig::new();
    let mut client = rig.client();
    assert_eq!(client.cells().unwrap().len(), 7);
    assert_eq!(client.design().unwrap().len(), 7);
    client.press("btns_gpio", 1).unwrap();
    assert_eq!(client.read("btns_gpio").unwrap().pins, 0b10);
    client.release("btns_gpio", 1).unwrap();
    client.set("btns_gpio", 0xf).unwrap();
    assert_eq!(client.read("btns_gpio").unwrap().input, 0xf);
    client.raise("axi_intc_0", 7).unwrap();
    assert_eq!(client.input("axi_intc_0", 7).unwrap().level, 1);
    client.lower("axi_intc_0", 7).unwrap();
    client.pulse("axi_intc_0", 7).unwrap();
    assert_eq!(client.input("axi_intc_0", 7).unwrap().raised, 2);
    client.train("axi_intc_0", 3, 5).unwrap();
    assert_eq!(client.train_status("axi_intc_0", 3).unwrap().left, 5);
    client.fault_stuck("axi_intc_0", 4, true).unwrap();
    assert_eq!(client.input("axi_intc_0", 4).unwrap().level, 1);
    client.trace(true).unwrap();
    rig.sim
        .with(|fabric| fabric.window_read(0x9000, &mut [0; 4]));
    rig.sim.with(|fabric| fabric.window_read(0x18, &mut [0; 4]));
    client.trace(false).unwrap();
    let trace = client.trace_dump().unwrap();
    assert_eq!((trace.len(), trace[0].reg.as_str()), (1, "IVR"));
    assert_eq!(client.counts("axi_intc_0").unwrap()["IVR"].r, 1);
    client.reset_counts().unwrap();
    assert!(client.counts("axi_intc_0").unwrap().is_empty());
    assert_eq!(client.peek("axi_intc_0").unwrap()["IVR"], u32::MAX);
    assert_eq!(client.violations().unwrap().len(), 1);
    client.poke("axi_intc_0", "MER", 3).unwrap();
    assert_eq!(client.peek("axi_intc_0").unwrap()["MER"], 3);
    client.bus_reset().unwrap();
    assert_eq!(client.peek("axi_intc_0").unwrap()["MER"], 0);
    client.fault_irq(true).unwrap();
    assert_eq!(client.irq().unwrap().level, 1);
    client.fault_all_ones(true).unwrap();
    client.reset().unwrap();
    assert_eq!(client.input("axi_intc_0", 4).unwrap().level, 0);
    let irq = client.irq().unwrap();
    assert_eq!((irq.level, irq.fired), (0, 0));
    client.fault_vanish().unwrap();
    assert_eq!(rig.vanished.load(Ordering::Relaxed), 1);
}

#[test]
fn every_request_about_what_moves_data_is_answered() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("designs/data.toml");
    let rig = Rig::of(design::load(&data, Intx::new(0)).unwrap());
    let mut client = rig.client();
    assert_eq!(client.memory().unwrap(), []);
    client.rate("axi_dma_0", Way::S2mm, 0).unwrap();
    client
        .fault_transfer("axi_dma_0", Way::Mm2s, Mishap::Slave, 7)
        .unwrap();
    client.send_packets("axi_dma_0", 64, 2).unwrap();
    assert_eq!(client.source("axi_dma_0").unwrap().left, 2);
    assert_eq!(client.sink("axi_dma_0").unwrap(), Default::default());
    client.rate("axi_vdma_0", Way::S2mm, 0).unwrap();
    client.camera_size("axi_vdma_0", 30, 20).unwrap();
    let camera = client.camera("axi_vdma_0").unwrap();
    assert_eq!((camera.bytes, camera.lines), (30, 20));
    client.frames("axi_vdma_0", Way::S2mm, 3).unwrap();
    assert_eq!(client.display("axi_vdma_0").unwrap(), Default::default());
    client.fault_hang("iop_pmoda", true).unwrap();
    client.fault_collide("iop_pmoda", true).unwrap();
    let processor = client.microblaze("iop_pmoda").unwrap();
    assert_eq!(processor.state, ProcessorState::Reset);
    client.reset().unwrap();
    assert_eq!(client.source("axi_dma_0").unwrap().left, 0);

    // As documented, to the letter.
    let text = talk(
        &rig,
        b"source axi_dma_0\nsink axi_dma_0\nmicroblaze iop_pmoda\ndisplay axi_vdma_0\nsend axi_dma_1 4\n",
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], r#"ok {"packets":0,"bytes":0,"left":0}"#);
    assert_eq!(
        lines[1],
        r#"ok {"packets":0,"bytes":0,"open":0,"last":null}"#
    );
    let reset = r#"ok {"state":"reset","program":null,"interrupts":0,"q":0}"#;
    assert_eq!(lines[2], reset);
    assert_eq!(lines[3], r#"ok {"frames":0,"patterned":0,"last":null}"#);
    assert!(lines[4].starts_with("err axi_dma_1 loops its stream back"));
}

#[test]
fn answers_are_one_line_each_in_order() {
    let rig = Rig::new();
    let text = talk(
        &rig,
        b"press btns_gpio 0\nread btns_gpio\n\n  \nbogus\nirq\n",
    );
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "ok");
    assert_eq!(lines[1], r#"ok {"input":1,"output":0,"pins":1}"#);
    assert!(lines[2].starts_with("err unknown request `bogus`"));
    assert_eq!(lines[3], r#"ok {"level":0,"raised":0,"fired":0}"#);
    assert_eq!(lines.len(), 4);
}

#[test]
fn overlong_lines_are_refused_and_skipped() {
    let rig = Rig::new();
    let mut bytes = b"mark ".to_vec();
    bytes.resize(MAX_LINE, b'x');
    bytes.push(b'\n');
    bytes.resize(bytes.len() + MAX_LINE + 1, b'y');
    bytes.push(b'\n');
    bytes.resize(bytes.len() + 1_000_000, b'z');
    bytes.extend_from_slice(b"\nirq\n");
    let text = talk(&rig, &bytes);
    let starts: Vec<&str> = text
        .lines()
        .map(|line| &line[..6.min(line.len())])
        .collect();
    assert_eq!(starts, ["ok", "err th", "err th", "ok {\"l"]);
}

#[test]
fn garbage_is_refused_and_the_next_request_served() {
    let rig = Rig::new();
    let text = talk(&rig, b"\xff\xfe\x00\x1b[A\x80\nirq\r\n");
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("err unknown request"), "{text}");
    assert!(lines[1].starts_with("ok {"), "{text}");
}

#[test]
fn echoed_answers_start_no_conversation() {
    let rig = Rig::new();
    let text = talk(
        &rig,
        b"ok\nok {\"level\":0}\nerr what?\n! {\"us\":1}\nirq\n",
    );
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn line_without_end_is_not_carried_out() {
    let rig = Rig::new();
    assert_eq!(talk(&rig, b"press btns_gpio 0"), "");
    let pins = rig.sim.with(|fabric| fabric.pins("btns_gpio", 1)).unwrap();
    assert_eq!(pins.input, 0);
}

#[test]
fn watchers_get_changes_and_marks_once_each() {
    let rig = Rig::new();
    let mut watcher = rig.client();
    watcher.watch().unwrap();
    watcher.watch().unwrap();
    let mut other = rig.client();
    other.press("btns_gpio", 3).unwrap();
    other.mark("now then").unwrap();
    match watcher.next_event().unwrap() {
        Event::Pins {
            cell,
            channel,
            pins,
            ..
        } => assert_eq!((cell.as_str(), channel, pins), ("btns_gpio", 1, 8)),
        event => panic!("{event:?}"),
    }
    let mark = "now then".to_owned();
    assert_eq!(watcher.next_event().unwrap(), Event::Mark { mark });
}

#[test]
fn watcher_that_does_not_read_holds_up_nobody_and_learns_what_it_lost() {
    let rig = Rig::new();
    let mut watcher = rig.client();
    watcher.watch().unwrap();
    let rounds = 20_000u64;
    for round in 0..rounds {
        let level = round % 2 == 0;
        let pressed = rig
            .sim
            .with(|fabric| fabric.press("btns_gpio", 0, 1, level));
        pressed.unwrap();
    }
    let (mut heard, mut lost) = (0, 0);
    // One more change a round makes the loss known as soon as there is room.
    while lost == 0 {
        match watcher.next_event().unwrap() {
            Event::Lost { lost: some } => lost = some,
            _ => heard += 1,
        }
        rig.sim.announce(&Event::Mark {
            mark: "more".to_owned(),
        });
    }
    assert!(heard > 0);
    assert!(lost > 0);
}

#[test]
fn client_that_leaves_is_forgotten() {
    let rig = Rig::new();
    let mut watcher = rig.client();
    watcher.watch().unwrap();
    drop(watcher);
    let mut other = rig.client();
    for _ in 0..5000 {
        other.press("btns_gpio", 0).unwrap();
        other.release("btns_gpio", 0).unwrap();
    }
    assert_eq!(other.read("btns_gpio").unwrap().input, 0);
}

#[test]
fn timer_s_deadline_arrives_while_nobody_calls() {
    let rig = Rig::new();
    let mut watcher = rig.client();
    watcher.watch().unwrap();
    let write = |offset: u64, value: u32| {
        rig.sim
            .with(|fabric| fabric.window_write(offset, &value.to_le_bytes()));
    };
    // Timer at 0x4000 on input 2: 100,000 ticks of 10 ns.
    write(0x1c, 3);
    write(0x08, 0b100);
    write(0x4004, 100_000);
    write(0x4000, 0x20);
    write(0x4000, 0xc2);
    match watcher.next_event().unwrap() {
        Event::Irq { irq, .. } => assert_eq!(irq, 1),
        event => panic!("{event:?}"),
    }
}
