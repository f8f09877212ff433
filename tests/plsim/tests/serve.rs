// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program as QEMU and people meet it: over its two sockets, by its exit code and by what it leaves behind.

use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;
use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;
use plsim::client::Client as Control;
use plsim::models::stream::checksum;
use plsim::models::stream::pattern;
use plsim::protocol::Request;
use plsim::protocol::Way;
use tempfile::TempDir;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_TRIGGER;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_ACTION_UNMASK;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_DATA_EVENTFD;
use vfio_bindings::bindings::vfio::VFIO_IRQ_SET_DATA_NONE;
use vfio_bindings::bindings::vfio::VFIO_PCI_BAR0_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_CONFIG_REGION_INDEX;
use vfio_bindings::bindings::vfio::VFIO_PCI_INTX_IRQ_INDEX;
use vfio_user::Client as Qemu;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/designs/demo.toml");
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/designs/data.toml");
const PATIENCE: Duration = Duration::from_secs(20);

const ISR: u64 = 0x00;
const IER: u64 = 0x08;
const IAR: u64 = 0x0c;
const MER: u64 = 0x1c;

/// A running `plsim serve` in a folder of its own.
struct Plsim {
    folder: TempDir,
    child: Child,
}

fn serve(folder: &Path, arguments: &[&str]) -> Command {
    serve_design(DEMO, folder, arguments)
}

fn serve_design(design: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plsim"));
    command.args(["serve", "--design", design, "--socket"]);
    command.arg(folder.join("vfio")).arg("--control");
    command.arg(folder.join("control")).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Plsim {
    fn start(arguments: &[&str]) -> Self {
        Self::with_design(DEMO, arguments)
    }

    fn with_design(design: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = serve_design(design, folder.path(), arguments);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "plsim: ready\n");
        Self { folder, child }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn qemu(&self) -> Qemu {
        Qemu::new(&self.path("vfio")).unwrap()
    }

    fn control(&self) -> Control<std::os::unix::net::UnixStream> {
        let control = Control::connect(self.path("control")).unwrap();
        control.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        control
    }

    fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "plsim does not end");
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn leaves_nothing_behind(&self) {
        let left: Vec<_> = fs::read_dir(self.folder.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl Drop for Plsim {
    fn drop(&mut self) {
        // Already ended in most tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read(qemu: &mut Qemu, offset: u64) -> u32 {
    let mut data = [0; 4];
    qemu.region_read(VFIO_PCI_BAR0_REGION_INDEX, offset, &mut data)
        .unwrap();
    u32::from_le_bytes(data)
}

fn write(qemu: &mut Qemu, offset: u64, value: u32) {
    qemu.region_write(VFIO_PCI_BAR0_REGION_INDEX, offset, &value.to_le_bytes())
        .unwrap();
}

/// Hands over an eventfd for INTx, as QEMU does.
fn listen(qemu: &mut Qemu) -> EventFd {
    let eventfd =
        EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC).unwrap();
    let flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
    qemu.set_irqs(
        VFIO_PCI_INTX_IRQ_INDEX,
        flags,
        0,
        1,
        &[eventfd.as_fd().as_raw_fd()],
    )
    .unwrap();
    eventfd
}

fn unmask(qemu: &mut Qemu) {
    let flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK;
    qemu.set_irqs(VFIO_PCI_INTX_IRQ_INDEX, flags, 0, 1, &[])
        .unwrap();
}

/// Waits for the eventfd; 0 if nothing came.
fn fires(eventfd: &EventFd, patience: Duration) -> u64 {
    let mut fds = [PollFd::new(eventfd.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(patience).unwrap();
    if poll(&mut fds, timeout).unwrap() == 0 {
        return 0;
    }
    eventfd.read().unwrap()
}

fn start_intc(qemu: &mut Qemu) {
    write(qemu, MER, 3);
    write(qemu, IAR, u32::MAX);
    write(qemu, IER, 0xff);
}

#[test]
fn bar0_is_the_window_and_config_space_a_pci_device() {
    let mut plsim = Plsim::start(&[]);
    let mut qemu = plsim.qemu();
    assert_eq!(
        qemu.region(VFIO_PCI_BAR0_REGION_INDEX).unwrap().size,
        0x10_0000
    );
    let mut id = [0; 4];
    qemu.region_read(VFIO_PCI_CONFIG_REGION_INDEX, 0, &mut id)
        .unwrap();
    assert_eq!(u32::from_le_bytes(id), 0x9011_10ee);
    let irq = qemu.get_irq_info(VFIO_PCI_INTX_IRQ_INDEX).unwrap();
    assert_eq!((irq.count, irq.flags), (1, 0b111));

    write(&mut qemu, 0x3000, 0xa);
    assert_eq!(read(&mut qemu, 0x3000), 0xa);
    let mut control = plsim.control();
    assert_eq!(control.read("leds_gpio").unwrap().pins, 0xa);
    assert_eq!(control.counts("leds_gpio").unwrap()["GPIO_DATA"].w, 1);
    qemu.shutdown().unwrap();
    assert!(plsim.wait().success());
    plsim.leaves_nothing_behind();
}

#[test]
fn rise_fires_the_eventfd_and_a_level_that_stays_fires_again_after_unmask() {
    let plsim = Plsim::start(&["--refire-ms", "400"]);
    let mut qemu = plsim.qemu();
    let mut control = plsim.control();
    let eventfd = listen(&mut qemu);
    start_intc(&mut qemu);

    control.raise("axi_intc_0", 4).unwrap();
    assert_eq!(fires(&eventfd, PATIENCE), 1);
    assert_eq!(read(&mut qemu, ISR), 0x10);
    // Handled in time: nothing spurious.
    unmask(&mut qemu);
    control.lower("axi_intc_0", 4).unwrap();
    write(&mut qemu, IAR, 0x10);
    assert_eq!(fires(&eventfd, Duration::from_millis(600)), 0);
    assert_eq!(control.irq().unwrap().fired, 1);

    // Not handled: it comes again, once an unmask.
    control.raise("axi_intc_0", 4).unwrap();
    assert_eq!(fires(&eventfd, PATIENCE), 1);
    for _ in 0..3 {
        unmask(&mut qemu);
        assert_eq!(fires(&eventfd, PATIENCE), 1);
    }
    assert_eq!(fires(&eventfd, Duration::from_millis(600)), 0);
    let irq = control.irq().unwrap();
    assert_eq!((irq.level, irq.raised, irq.fired), (1, 2, 5));
}

#[test]
fn train_runs_on_acknowledges_alone() {
    const PULSES: u64 = 2000;
    let plsim = Plsim::start(&[]);
    let mut qemu = plsim.qemu();
    let mut control = plsim.control();
    let eventfd = listen(&mut qemu);
    start_intc(&mut qemu);
    control.train("axi_intc_0", 3, PULSES).unwrap();
    for _ in 0..PULSES {
        assert_eq!(fires(&eventfd, PATIENCE), 1);
        write(&mut qemu, IAR, 0x08);
    }
    let status = control.train_status("axi_intc_0", 3).unwrap();
    assert_eq!((status.sent, status.left), (PULSES, 0));
    assert_eq!(control.irq().unwrap().fired, PULSES);
}

const DATA_INTC: u64 = 0x8_1000;
const DMA: u64 = 0x9_0000;
const S2MM: u64 = DMA + 0x30;

/// Runs one transfer of `axi_dma_0` from its stream to memory, and gives its status.
fn receive(qemu: &mut Qemu, eventfd: &EventFd, address: u32, length: u32) -> u32 {
    write(qemu, S2MM, 0x5001);
    write(qemu, S2MM + 0x18, address);
    write(qemu, S2MM + 0x28, length);
    assert_eq!(fires(eventfd, PATIENCE), 1);
    let status = read(qemu, S2MM + 0x04);
    write(qemu, S2MM + 0x04, 0x7000);
    write(qemu, DATA_INTC + IAR, u32::MAX);
    status & 0x7ff3
}

#[test]
fn data_moves_through_memory_that_qemu_has_mapped() {
    const RAM: u64 = 0x4000_0000;
    let mut plsim = Plsim::with_design(DATA, &["--keep"]);
    let mut qemu = plsim.qemu();
    let mut control = plsim.control();
    let eventfd = listen(&mut qemu);
    write(&mut qemu, DATA_INTC + MER, 3);
    write(&mut qemu, DATA_INTC + IER, 0x3);
    control.send_packets("axi_dma_0", 10_000, 3).unwrap();

    assert_eq!(receive(&mut qemu, &eventfd, RAM as u32, 0x4000), 0x4041);
    let memory = tempfile::tempfile().unwrap();
    memory.set_len(0x10_0000).unwrap();
    qemu.dma_map(0x1000, RAM, 0x8000, memory.as_raw_fd())
        .unwrap();
    let map = control.memory().unwrap();
    assert_eq!((map.len(), map[0].address, map[0].size), (1, RAM, 0x8000));
    assert!(map[0].reachable && map[0].writable);

    write(&mut qemu, S2MM, 0x4);
    assert_eq!(
        receive(&mut qemu, &eventfd, RAM as u32 + 0x40, 0x4000),
        0x1002
    );
    let packet = control.source("axi_dma_0").unwrap().packets - 1;
    let mut bytes = vec![0; 10_000];
    memory.read_exact_at(&mut bytes, 0x1040).unwrap();
    assert_eq!(bytes, pattern(packet, 0, 10_000));
    assert_eq!(read(&mut qemu, S2MM + 0x28), 10_000);

    // What the guest wrote goes out.
    memory.write_all_at(&[0x5a; 3000], 0x2000).unwrap();
    write(&mut qemu, DMA, 0x5001);
    write(&mut qemu, DMA + 0x18, RAM as u32 + 0x1000);
    write(&mut qemu, DMA + 0x28, 3000);
    assert_eq!(fires(&eventfd, PATIENCE), 1);
    let last = control.sink("axi_dma_0").unwrap().last.unwrap();
    assert_eq!((last.length, last.crc32), (3000, checksum(&[0x5a; 3000])));
    write(&mut qemu, DMA + 0x04, 0x7000);
    write(&mut qemu, DATA_INTC + IAR, u32::MAX);

    // Half way, the memory goes.
    control.rate("axi_dma_0", Way::S2mm, 0).unwrap();
    write(&mut qemu, S2MM + 0x28, 0x4000);
    qemu.dma_unmap(RAM, 0x8000).unwrap();
    control.rate("axi_dma_0", Way::S2mm, 1_000_000).unwrap();
    assert_eq!(fires(&eventfd, PATIENCE), 1);
    assert_eq!(read(&mut qemu, S2MM + 0x04) & 0x7ff1, 0x4041);

    // Memory that is not there on the other side is one that refuses; the next QEMU has none of it.
    qemu.dma_map(0, RAM, 0x20_0000, memory.as_raw_fd()).unwrap();
    assert!(!control.memory().unwrap()[0].reachable);
    qemu.shutdown().unwrap();
    drop(qemu);
    let mut qemu = plsim.qemu();
    assert_eq!(read(&mut qemu, S2MM + 0x04), 0x0001_0001);
    assert_eq!(control.memory().unwrap(), []);
    let pid = Pid::from_raw(plsim.child.id().try_into().unwrap());
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(plsim.wait().success());
}

/// A camera that sends more than can be computed slows models down, and nobody else.
#[test]
fn everybody_is_served_while_too_much_is_to_do() {
    const VDMA: u64 = 0xb_0000;
    let plsim = Plsim::with_design(DATA, &[]);
    let mut qemu = plsim.qemu();
    let mut control = plsim.control();
    let memory = tempfile::tempfile().unwrap();
    memory.set_len(0x80_0000).unwrap();
    qemu.dma_map(0, 0, 0x80_0000, memory.as_raw_fd()).unwrap();
    control
        .order(&Request::CameraSize {
            cell: "axi_vdma_0".to_owned(),
            bytes: 4096,
            lines: 1024,
        })
        .unwrap();
    control.rate("axi_vdma_0", Way::S2mm, 10_000).unwrap();
    write(&mut qemu, VDMA + 0x30, 0x1_0003);
    write(&mut qemu, VDMA + 0xa8, 4096);
    write(&mut qemu, VDMA + 0xa4, 4096);
    write(&mut qemu, VDMA + 0xa0, 1024);
    let start = Instant::now();
    let mut frames = Vec::new();
    while frames.len() < 8 || frames.first() == frames.last() {
        frames.push(control.camera("axi_vdma_0").unwrap().frames);
        assert_eq!(read(&mut qemu, VDMA + 0xa0), 1024);
        assert!(start.elapsed() < PATIENCE, "{frames:?}");
    }
}

#[test]
fn narrow_and_stray_accesses_are_answered_and_noted() {
    let plsim = Plsim::start(&[]);
    let mut qemu = plsim.qemu();
    qemu.region_write(VFIO_PCI_BAR0_REGION_INDEX, 0x8, &[1])
        .unwrap();
    let mut long = vec![0; 100_000];
    qemu.region_read(VFIO_PCI_BAR0_REGION_INDEX, 0xff_ffff, &mut long)
        .unwrap();
    assert_eq!(read(&mut qemu, 0x9000), 0);
    let violations = plsim.control().violations().unwrap();
    assert_eq!(violations.len(), 3);
    assert_eq!(violations[0], "axi_intc_0: 8-bit write at 0x8");
}

#[test]
fn device_that_vanishes_can_be_plugged_in_again() {
    let mut plsim = Plsim::start(&[]);
    let mut control = plsim.control();
    control.fault_vanish().unwrap();
    let mut qemu = plsim.qemu();
    start_intc(&mut qemu);
    control.fault_vanish().unwrap();
    let mut data = [0; 4];
    let gone = qemu.region_read(VFIO_PCI_BAR0_REGION_INDEX, MER, &mut data);
    assert!(gone.is_err());
    let mut again = plsim.qemu();
    assert_eq!(read(&mut again, MER), 0, "fresh from reset");
    again.shutdown().unwrap();
    assert!(plsim.wait().success());
}

#[test]
fn keep_accepts_one_after_the_other_until_sigterm() {
    let mut plsim = Plsim::start(&["--keep"]);
    for _ in 0..3 {
        let mut qemu = plsim.qemu();
        assert_eq!(read(&mut qemu, IER), 0);
        write(&mut qemu, IER, 5);
        qemu.shutdown().unwrap();
    }
    kill(
        Pid::from_raw(plsim.child.id().try_into().unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert!(plsim.wait().success());
    plsim.leaves_nothing_behind();
}

/// Starts a second `serve` that cannot succeed, and gives what it says.
fn refused(folder: &Path, arguments: &[&str]) -> String {
    let output = serve(folder, arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn socket_in_use_is_refused_and_its_owner_undisturbed() {
    let plsim = Plsim::start(&[]);
    let said = refused(plsim.folder.path(), &[]);
    assert!(said.contains("is in use by a running process"), "{said}");
    let mut qemu = plsim.qemu();
    assert_eq!(read(&mut qemu, MER), 0);
    let said = refused(plsim.folder.path(), &[]);
    assert!(said.contains("is in use by a running process"), "{said}");
    assert_eq!(read(&mut qemu, MER), 0);
    assert!(plsim.path("vfio").exists());
}

#[test]
fn stale_socket_is_replaced_and_other_files_are_not() {
    let folder = tempfile::tempdir().unwrap();
    drop(UnixListener::bind(folder.path().join("vfio")).unwrap());
    fs::write(folder.path().join("control"), "mine").unwrap();
    let said = refused(folder.path(), &[]);
    assert!(said.contains("exists and is no socket"), "{said}");
    assert_eq!(
        fs::read_to_string(folder.path().join("control")).unwrap(),
        "mine"
    );
}

#[test]
fn bad_paths_and_designs_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let said = refused(&missing, &[]);
    assert!(said.contains("missing/vfio"), "{said}");
    assert!(said.contains("must exist and be writable"), "{said}");

    let design = folder.path().join("bad.toml");
    fs::write(&design, "window = 5\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_plsim"))
        .args(["serve", "--socket", "/s", "--control", "/s", "--design"])
        .arg(&design)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("each a path of its own"), "{said}");
    let output = Command::new(env!("CARGO_BIN_EXE_plsim"))
        .args(["serve", "--socket", "/s", "--control", "/c", "--design"])
        .arg(&design)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("bad.toml: the window is 0x5 bytes"), "{said}");
}

fn ctl(plsim: &Plsim, words: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_plsim"))
        .arg("ctl")
        .arg("--control")
        .arg(plsim.path("control"))
        .args(words)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    (said, output.status.code())
}

#[test]
fn ctl_prints_the_answer_and_fails_on_err() {
    let plsim = Plsim::start(&[]);
    assert_eq!(
        ctl(&plsim, &["press", "btns_gpio", "0"]),
        ("ok\n".to_owned(), Some(0))
    );
    let (said, code) = ctl(&plsim, &["read", "btns_gpio"]);
    assert_eq!(said, "ok {\"input\":1,\"output\":0,\"pins\":1}\n");
    assert_eq!(code, Some(0));
    let (said, code) = ctl(&plsim, &["press", "btns_gpio", "9"]);
    assert!(said.starts_with("err "), "{said}");
    assert_eq!(code, Some(1));
    assert_eq!(ctl(&plsim, &[""]).1, Some(1));
}

#[test]
fn ctl_watch_streams_until_the_simulator_ends() {
    let mut plsim = Plsim::start(&[]);
    let mut watch = Command::new(env!("CARGO_BIN_EXE_plsim"))
        .arg("ctl")
        .arg("--control")
        .arg(plsim.path("control"))
        .arg("watch")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "ok\n");
    let mut control = plsim.control();
    control
        .order(&Request::Mark("hello there".to_owned()))
        .unwrap();
    line.clear();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "! {\"mark\":\"hello there\"}\n");
    plsim.qemu().shutdown().unwrap();
    assert!(plsim.wait().success());
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert!(watch.wait().unwrap().success());
}
