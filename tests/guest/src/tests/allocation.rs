// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory runs out: each allocation that an operation makes fails once, by the kernel's own fault injection. Every time
//! the caller is told so, nothing stays behind, and the next attempt works.

use std::ffi::CString;
use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::ops::Range;
use std::os::fd::FromRawFd;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::DeleteModuleFlags;
use nix::kmod::ModuleInitFlags;
use nix::kmod::delete_module;
use nix::kmod::finit_module;
use nix::sys::mman::MapFlags;
use nix::sys::mman::ProtFlags;

use crate::memory::Window;
use crate::memory::raw;
use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::demo;
use crate::rig::kernel_log::announce;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::line_file::Mapping;
use crate::rig::line_file::ONESHOT;
use crate::rig::modules;
use crate::rig::overlay::FOLDER;
use crate::rig::overlay::Overlay;
use crate::rig::paths;
use crate::rig::random::seeds;
use crate::rig::skip;
use crate::rig::wait_for_demo;

crate::tests![
    waiting_allocates_nothing,
    open_without_memory_leaves_nothing,
    mapping_without_memory_leaves_nothing,
    lending_without_memory_leaves_nothing,
    binding_an_ip_core_without_memory_leaves_nothing,
    binding_a_controller_without_memory_leaves_nothing,
    loading_without_memory_leaves_nothing,
    overlay_without_memory_leaves_nothing,
];

/// Announces what the kernel itself says when its memory runs out.
fn announce_kernels_own() {
    for text in [
        "failed with error -12",
        "really_probe: driver_sysfs_add failed",
        "kobject: kobject_add_internal failed",
        "kobject: can not set name properly!",
        "bus_add_driver: failed to create module links",
        "bus_add_driver: uevent attr",
        "bus_add_driver: add_bind_files",
        // It gets on without.
        "kmemleak: Cannot allocate a scan area, scanning the full object",
        // With who asked for it.
        "vmalloc error: ",
        "Call trace:",
        " [axirq]",
    ] {
        announce(text);
    }
}

const WINDOW: &str = "btns_gpio/regs";

/// A thread's next allocations, counted or made to fail.
struct Memory(File);

impl Memory {
    /// Of this thread. Ends the test where the kernel cannot do it.
    fn of_this_thread() -> Self {
        const DEBUGFS: &str = "/sys/kernel/debug";
        let Ok(file) = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth")
        else {
            skip("no fault injection: CONFIG_FAULT_INJECTION");
        };
        for (knob, value) in [
            // Allocations that may wait, as nearly all of them, are to fail as well.
            ("failslab/ignore-gfp-wait", "N"),
            ("fail_page_alloc/ignore-gfp-wait", "N"),
            ("fail_page_alloc/ignore-gfp-highmem", "N"),
            ("fail_page_alloc/min-order", "0"),
            ("failslab/verbose", "0"),
            ("fail_page_alloc/verbose", "0"),
        ] {
            let path = format!("{DEBUGFS}/{knob}");
            fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        Self(file)
    }

    /// Runs an operation whose `nth` allocation fails. The number says how many there were before it was reached, if
    /// it was not.
    fn fail<R>(&self, nth: u32, operation: impl FnOnce() -> R) -> (R, Option<u32>) {
        let set = |value: u32| {
            self.0
                .write_all_at(value.to_string().as_bytes(), 0)
                .unwrap();
        };
        set(nth);
        let result = operation();
        let mut left = [0; 16];
        let length = self.0.read_at(&mut left, 0).unwrap();
        set(0);
        let left = std::str::from_utf8(&left[..length]).unwrap().trim_end();
        let left: u32 = left.parse().unwrap();
        (result, (left != 0).then_some(nth - left))
    }

    /// How many allocations an operation makes.
    fn count<R>(&self, operation: impl FnOnce() -> R) -> (R, u32) {
        let (result, made) = self.fail(1_000_000, operation);
        (result, made.expect("fewer than a million"))
    }
}

/// What of the modules' doings can be seen from outside.
#[derive(PartialEq)]
struct Traces {
    /// What the modules do, or fail to do.
    ours: Vec<String>,
    /// What the kernel adds, and tells nobody if it cannot.
    kernels: Vec<String>,
}

impl Traces {
    fn now() -> Self {
        let mut ours = Vec::new();
        let mut kernels = Vec::new();
        for line in text_of("/proc/iomem").lines() {
            if line.contains("axirq") {
                ours.push(line.trim().to_owned());
            }
        }
        for line in text_of("/proc/interrupts").lines() {
            if line.contains("axi") {
                // Number, a count for each of the CPUs, chip, input, actions.
                let mut words = line.split_whitespace();
                let number = words.next().unwrap_or_default();
                let rest: Vec<&str> = words.filter(|word| word.parse::<u64>().is_err()).collect();
                ours.push(format!("{number} {}", rest.join(" ")));
            }
        }
        for folder in ["/sys/class/axirq", FOLDER] {
            ours.push(format!("{folder}: {}", names_in(folder).join(" ")));
        }
        for file in [
            "/proc/devices",
            "/sys/module/axirq/refcnt",
            "/sys/module/axirq_overlay/refcnt",
            "/sys/kernel/debug/clk/misc-clk-0/clk_enable_count",
        ] {
            ours.push(format!("{file}: {}", text_of(file).replace('\n', " ")));
        }
        for cell in names_in("/dev/axirq") {
            let folder = format!("/dev/axirq/{cell}");
            kernels.push(format!("{folder}: {}", names_in(&folder).join(" ")));
        }
        for folder in [
            "/sys/kernel/irq",
            "/sys/bus/platform/drivers/axirq",
            "/sys/bus/platform/drivers/axirq-intc",
            "/sys/bus/platform/devices",
        ] {
            kernels.push(format!("{folder}: {}", names_in(folder).join(" ")));
        }
        Self { ours, kernels }
    }

    /// All is as it was then.
    fn assert_are(&self, then: &Self, what: &str) {
        self.assert_ours_are(then, what);
        assert_same(&self.kernels, &then.kernels, what);
    }

    fn assert_ours_are(&self, then: &Self, what: &str) {
        assert_same(&self.ours, &then.ours, what);
    }
}

fn assert_same(now: &[String], then: &[String], what: &str) {
    let missing = |from: &[String], of: &[String]| -> Vec<String> {
        of.iter()
            .filter(|line| !from.contains(line))
            .cloned()
            .collect()
    };
    assert!(
        now == then,
        "{what}: there is {:#?}, there was {:#?}",
        missing(then, now),
        missing(now, then)
    );
}

/// Empty if there is no such file.
fn text_of(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// None if there is no such folder.
fn names_in(folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// An operation with its opposite.
trait Operation {
    /// What it says when memory runs out.
    const ERRORS: &'static [Errno] = &[Errno::ENOMEM];

    fn perform(&mut self) -> Result<(), Errno>;

    fn undo(&mut self);
}

/// All that an operation makes.
fn all(made: u32) -> Range<u32> {
    0..made
}

/// At most this many allocations of an operation fail, evenly spread; the seed says which.
const MOST: u32 = 40;

/// Fails allocations of an operation, one each time. If it fails, it leaves nothing and works at once; if it passes all
/// the same, all is there. `which` says which allocations are worth trying, when there are so many.
fn fail_each<O: Operation>(
    memory: &Memory,
    what: &str,
    which: impl Fn(u32) -> Range<u32>,
    operation: &mut O,
) {
    let nothing = Traces::now();
    let (done, made) = memory.count(|| operation.perform());
    done.unwrap();
    let all = Traces::now();
    operation.undo();
    Traces::now().assert_are(&nothing, &format!("{what}, undone"));
    assert!(made > 0, "{what}");

    let seed = seeds()[0];
    let which = which(made);
    // Odd: where each object comes with one of a leak detector, every second alone would be tried.
    let stride = (which.end - which.start).div_ceil(MOST) | 1;
    let (mut told, mut passed) = (0, 0);
    for nth in which
        .skip((seed % u64::from(stride)) as usize)
        .step_by(stride as usize)
    {
        let nth = nth + 1;
        let (result, missed) = memory.fail(nth, || operation.perform());
        match result {
            Ok(()) => {
                // What failed was not needed, or nothing did.
                Traces::now()
                    .assert_ours_are(&all, &format!("{what} passed without allocation {nth}"));
                operation.undo();
                passed += 1;
            }
            Err(error) => {
                assert!(
                    O::ERRORS.contains(&error),
                    "{what} without allocation {nth}: {error}"
                );
                assert_eq!(missed, None, "{what} failed with nothing failing");
                told += 1;
            }
        }
        Traces::now().assert_are(&nothing, &format!("{what} without allocation {nth}"));
        // Not each time, since it takes its time.
        if nth % 8 == 0 {
            operation.perform().unwrap();
            operation.undo();
        }
    }
    println!("{what}: {made} allocations; seed {seed}: {told} told, {passed} passed");
    assert!(told > 0, "{what}");
    operation.perform().unwrap();
    operation.undo();
}

/// Opens a node, with nothing between the caller and the system call.
struct Open {
    path: CString,
    file: Option<OwnedFd>,
}

impl Operation for Open {
    fn perform(&mut self) -> Result<(), Errno> {
        // SAFETY: The path is terminated; the descriptor is new and nobody else's.
        self.file = unsafe {
            let fd = libc::open(self.path.as_ptr(), libc::O_RDONLY | libc::O_NONBLOCK);
            Some(OwnedFd::from_raw_fd(Errno::result(fd)?))
        };
        Ok(())
    }

    fn undo(&mut self) {
        self.file = None;
    }
}

struct Map {
    file: LineFile,
    flags: MapFlags,
    mapping: Option<Mapping>,
}

impl Operation for Map {
    fn perform(&mut self) -> Result<(), Errno> {
        self.mapping = Some(self.file.map(4096, ProtFlags::PROT_READ, self.flags, 0)?);
        Ok(())
    }

    fn undo(&mut self) {
        self.mapping = None;
    }
}

/// Binds a device to its driver.
struct Bind {
    device: &'static str,
    bind: File,
    unbind: File,
}

impl Bind {
    fn new(driver: &str, device: &'static str) -> Self {
        let open = |what: &str| {
            let path = format!("/sys/bus/platform/drivers/{driver}/{what}");
            OpenOptions::new().write(true).open(path).unwrap()
        };
        Self {
            device,
            bind: open("bind"),
            unbind: open("unbind"),
        }
    }
}

impl Operation for Bind {
    fn perform(&mut self) -> Result<(), Errno> {
        nix::unistd::write(&self.bind, self.device.as_bytes()).map(drop)
    }

    fn undo(&mut self) {
        self.unbind.write_all_at(self.device.as_bytes(), 0).unwrap();
    }
}

struct Load {
    name: CString,
    file: File,
}

impl Load {
    fn new(name: &str) -> Self {
        Self {
            name: CString::new(name).unwrap(),
            file: File::open(format!("/lib/axirq/{name}.ko")).unwrap(),
        }
    }
}

impl Operation for Load {
    // The driver core's word for a folder in /sys/module that it could not make.
    const ERRORS: &'static [Errno] = &[Errno::ENOMEM, Errno::EINVAL];

    fn perform(&mut self) -> Result<(), Errno> {
        finit_module(&self.file, c"", ModuleInitFlags::empty())
    }

    fn undo(&mut self) {
        delete_module(&self.name, DeleteModuleFlags::O_NONBLOCK).unwrap();
    }
}

/// A folder for an overlay.
struct Folder(CString);

impl Folder {
    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Operation for Folder {
    fn perform(&mut self) -> Result<(), Errno> {
        // SAFETY: The path is terminated.
        Errno::result(unsafe { libc::mkdir(self.0.as_ptr(), 0o755) }).map(drop)
    }

    fn undo(&mut self) {
        fs::remove_dir(self.path()).unwrap();
    }
}

/// Applies an overlay in a folder.
struct Apply {
    folder: Folder,
    blob: Vec<u8>,
}

impl Apply {
    fn write(&self) -> Result<(), Errno> {
        let file = OpenOptions::new()
            .write(true)
            .open(format!("{}/dtbo", self.folder.path()))
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap()))?;
        nix::unistd::write(&file, &self.blob)?;
        // Now it is applied; who closes is not told how that went.
        drop(file);
        Ok(())
    }
}

impl Operation for Apply {
    fn perform(&mut self) -> Result<(), Errno> {
        self.write()?;
        match text_of(&format!("{}/status", self.folder.path())).trim_end() {
            "applied" => Ok(()),
            _ => Err(Errno::ENOMEM),
        }
    }

    fn undo(&mut self) {
        self.folder.undo();
        self.folder.perform().unwrap();
    }
}

fn waiting_allocates_nothing() {
    let memory = Memory::of_this_thread();
    let (mut rig, _demo) = Rig::with_demo();
    for pin in [EDGE, LEVEL] {
        let file = LineFile::open(pin);
        let mut buffer = [0u8; 24];
        let mut read = || {
            // SAFETY: So many bytes are there.
            unsafe { libc::read(file.as_fd_number(), buffer.as_mut_ptr().cast(), 24) }
        };
        let sequence = || file.arm().unwrap();
        for (what, made) in [
            ("arm", memory.count(sequence).1),
            ("read in vain", memory.count(&mut read).1),
            ("disarm", memory.count(|| file.disarm().unwrap()).1),
            (
                "poll in vain",
                memory.count(|| file.poll(std::time::Duration::ZERO)).1,
            ),
            ("mode", memory.count(|| file.set_mode(ONESHOT).unwrap()).1),
        ] {
            assert_eq!(made, 0, "{what} of {pin}");
        }
    }
    let file = LineFile::open(EDGE);
    assert_eq!(memory.count(|| file.set_mode(CONTINUOUS).unwrap()).1, 0);
    rig.fabric.pulse_input(EDGE_INPUT);
    file.wait();
    let mut buffer = [0u8; 24];
    let (got, made) = memory.count(|| {
        // SAFETY: So many bytes are there.
        unsafe { libc::read(file.as_fd_number(), buffer.as_mut_ptr().cast(), 24) }
    });
    assert_eq!((got, made), (24, 0));
}

fn open_without_memory_leaves_nothing() {
    let memory = Memory::of_this_thread();
    let (mut rig, _demo) = Rig::with_demo();
    for node in [EDGE, LEVEL, WINDOW] {
        let mut open = Open {
            path: CString::new(paths::node(node).to_str().unwrap()).unwrap(),
            file: None,
        };
        fail_each(&memory, &format!("open of {node}"), all, &mut open);
    }
    for pin in [EDGE, LEVEL] {
        assert_eq!(attribute(pin, "state"), "unused");
    }
    rig.interrupt_once();
}

fn mapping_without_memory_leaves_nothing() {
    let memory = Memory::of_this_thread();
    let (mut rig, _demo) = Rig::with_demo();
    for (node, flags) in [
        (EDGE, MapFlags::MAP_SHARED),
        (WINDOW, MapFlags::MAP_SHARED),
        (WINDOW, MapFlags::MAP_SHARED | MapFlags::MAP_POPULATE),
    ] {
        let mut map = Map {
            file: LineFile::open(node),
            flags,
            mapping: None,
        };
        fail_each(&memory, &format!("{flags:?} of {node}"), all, &mut map);
    }
    rig.interrupt_once();
}

/// Lends memory to a core, opening its window for it.
struct Lend(Option<Window>);

impl Operation for Lend {
    fn perform(&mut self) -> Result<(), Errno> {
        let window = Window::try_open("leds_gpio", true).map_err(|error| {
            let number = error.raw_os_error().expect("what the kernel said");
            Errno::from_raw(number)
        })?;
        let mut stop = raw::Stop {
            count: 1,
            ..raw::Stop::default()
        };
        // Its direction register; the LEDs go dark.
        stop.steps[0].offset = 4;
        window.set_stop(&stop)?;
        for size in [1, 1 << 16] {
            window.alloc(size)?;
        }
        self.0 = Some(window);
        Ok(())
    }

    fn undo(&mut self) {
        self.0 = None;
    }
}

fn lending_without_memory_leaves_nothing() {
    announce_kernels_own();
    let (_rig, _demo) = Rig::with_demo();
    let memory = Memory::of_this_thread();
    fail_each(&memory, "lending memory", all, &mut Lend(None));
}

fn bind(driver: &str, device: &'static str) {
    let memory = Memory::of_this_thread();
    announce_kernels_own();
    let mut bind = Bind::new(driver, device);
    bind.undo();
    fail_each(&memory, &format!("bind of {device}"), all, &mut bind);
    bind.perform().unwrap();
}

fn binding_an_ip_core_without_memory_leaves_nothing() {
    let (mut rig, _demo) = Rig::with_demo();
    bind("axirq", "10001000.gpio");
    wait_for_demo();
    rig.interrupt_once();
}

fn binding_a_controller_without_memory_leaves_nothing() {
    let mut rig = Rig::new();
    // One that nobody is wired to: consumers would come by themselves, some time after it.
    let controller = Overlay::apply("bare-controller");
    paths::wait_for_node("axi_intc_bare/3");
    bind("axirq-intc", "10006000.interrupt-controller");
    paths::wait_for_node("axi_intc_bare/3");
    controller.remove();
    let _demo = demo();
    rig.interrupt_once();
}

fn loading_without_memory_leaves_nothing() {
    // What comes before is the module loader's, and has nothing to do with the module.
    let ours = |made| made - 150..made;
    let memory = Memory::of_this_thread();
    let _rig = Rig::new();
    announce_kernels_own();
    modules::unload().unwrap();
    fail_each(&memory, "loading of axirq", ours, &mut Load::new("axirq"));
    let mut overlays = Load::new("axirq_overlay");
    if Path::new("/sys/module/axirq_overlay").exists() {
        overlays.undo();
        fail_each(&memory, "loading of axirq_overlay", ours, &mut overlays);
    }
    let (mut rig, _demo) = Rig::with_demo();
    rig.interrupt_once();
}

fn overlay_without_memory_leaves_nothing() {
    let memory = Memory::of_this_thread();
    let _rig = Rig::new();
    let mut folder = Folder(CString::new(format!("{FOLDER}/hungry")).unwrap());
    fail_each(&memory, "mkdir", all, &mut folder);
    folder.perform().unwrap();
    let mut apply = Apply {
        folder,
        blob: fs::read("/lib/firmware/gic-ip.dtbo").unwrap(),
    };
    // An interrupt once mapped stays mapped.
    apply.perform().unwrap();
    apply.undo();
    // As far as an overlay comes whose labels are unknown: what comes after that changes the live tree. There the kernel
    // takes back what it has not done (a WARNING), and dereferences names that it could not allocate.
    let refused = Apply {
        folder: Folder(apply.folder.0.clone()),
        blob: fs::read("/lib/firmware/unknown-label.dtbo").unwrap(),
    };
    announce_kernels_own();
    for text in [
        "OF: resolver:",
        "OF: overlay:",
        "the kernel refuses the overlay",
        "no memory for the overlay",
    ] {
        announce(text);
    }
    let (written, resolved) = memory.count(|| refused.write());
    written.unwrap();
    fail_each(&memory, "apply", |_| 0..resolved, &mut apply);
    apply.folder.undo();
    let (mut rig, _demo) = Rig::with_demo();
    rig.interrupt_once();
}
