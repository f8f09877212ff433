// SPDX-License-Identifier: MIT OR Apache-2.0
//! What tools and administrators see: fdinfo, uevents, the udev rule, modinfo.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::path::PathBuf;
use std::thread;

use nix::errno::Errno;
use nix::sys::wait::WaitStatus;
use nix::unistd::Gid;
use nix::unistd::Uid;
use nix::unistd::setgid;
use nix::unistd::setgroups;
use nix::unistd::setuid;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL;
use crate::rig::Rig;
use crate::rig::attribute;
use crate::rig::child::Child;
use crate::rig::demo;
use crate::rig::line_file::CONTINUOUS;
use crate::rig::line_file::LineFile;
use crate::rig::overlay::Overlay;
use crate::rig::paths;
use crate::rig::uevents::Uevents;
use crate::rig::wait_for_count;
use crate::rig::wait_for_state;

crate::tests![
    fdinfo_tells_what_a_file_waits_for,
    fdinfo_of_a_window_tells_where_it_is,
    uevents_name_cell_and_pin,
    udev_rule_matches_what_uevents_say,
    attributes_are_those_of_the_abi_document,
    nodes_belong_to_root_alone,
    group_opens_the_nodes_it_was_given_and_no_others,
    modules_say_what_they_are,
    modules_load_for_their_devices_and_no_others,
];

const ABI: &str = include_str!("../../../../kmod/uapi/sysfs-class-axirq");
const RULE: &str = include_str!("../../../../userspace/udev/60-axirq.rules");

/// What the kernel tells of an open file, without what it tells of every file.
fn fdinfo(file: &impl AsFd) -> BTreeMap<String, String> {
    let path = format!("/proc/self/fdinfo/{}", file.as_fd().as_raw_fd());
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("axirq-")?.split_once(":\t"))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// What of a line's file changes: state, mode, count, sequence, readers.
fn changing(file: &impl AsFd) -> [String; 5] {
    let mut info = fdinfo(file);
    ["state", "mode", "count", "sequence", "readers"].map(|key| info.remove(key).expect(key))
}

fn fdinfo_tells_what_a_file_waits_for() {
    let (mut rig, demo) = Rig::with_demo();
    let (file, other) = (LineFile::open_blocking(EDGE), LineFile::open(EDGE));
    let info = fdinfo(&file);
    assert_eq!(info["pin"], EDGE);
    assert_eq!(info["irq"], attribute(EDGE, "irq"));
    assert_eq!(changing(&file), ["idle", "oneshot", "0", "0", "0"]);
    // The line is armed by one file, and fdinfo tells by which.
    other.arm().unwrap();
    assert_eq!(changing(&file), ["idle", "oneshot", "0", "0", "0"]);
    assert_eq!(changing(&other), ["armed", "oneshot", "0", "0", "0"]);
    rig.fabric.pulse_input(EDGE_INPUT);
    other.wait();
    assert_eq!(changing(&other), ["idle", "oneshot", "1", "1", "0"]);
    assert_eq!(file.read_count(), Ok(1));
    assert_eq!(changing(&file), ["idle", "oneshot", "0", "1", "0"]);
    // Looking has changed nothing.
    assert_eq!(other.read_count(), Ok(1));
    other.set_mode(CONTINUOUS).unwrap();
    assert_eq!(changing(&other), ["armed", "continuous", "0", "1", "0"]);
    drop(other);
    thread::scope(|scope| {
        let reader = scope.spawn(|| file.read_count());
        wait_for_state(EDGE, "armed");
        assert_eq!(changing(&file), ["armed", "oneshot", "0", "1", "1"]);
        rig.fabric.pulse_input(EDGE_INPUT);
        assert_eq!(reader.join().unwrap(), Ok(1));
    });
    file.arm().unwrap();
    rig.fabric.pulse_input(EDGE_INPUT);
    wait_for_count(EDGE, 3);
    demo.remove();
    assert_eq!(changing(&file), ["gone", "oneshot", "1", "3", "0"]);
}

fn fdinfo_of_a_window_tells_where_it_is() {
    let (_rig, demo) = Rig::with_demo();
    let file = File::open(paths::node("leds_gpio/regs")).unwrap();
    let expect = |state: &str| {
        BTreeMap::from(
            [
                ("window", "leds_gpio/regs"),
                ("state", state),
                ("address", "0x10003000"),
                ("size", "0x1000"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        )
    };
    assert_eq!(fdinfo(&file), expect("present"));
    demo.remove();
    assert_eq!(fdinfo(&file), expect("gone"));
}

/// Nodes of the demo overlay, below `/dev/axirq`.
fn demo_nodes() -> BTreeSet<String> {
    let mut nodes = BTreeSet::new();
    for cell in fs::read_dir("/dev/axirq").unwrap() {
        let cell = cell.unwrap();
        for node in fs::read_dir(cell.path()).unwrap() {
            let [cell, node] = [cell.file_name(), node.unwrap().file_name()]
                .map(|name| name.into_string().unwrap());
            nodes.insert(format!("{cell}/{node}"));
        }
    }
    nodes
}

fn uevents_name_cell_and_pin() {
    let _rig = Rig::new();
    let mut uevents = Uevents::listen();
    let demo = demo();
    let nodes = demo_nodes();
    let mut added = BTreeMap::new();
    while added.len() < nodes.len() {
        let event = uevents.next_of("axirq", "add");
        let node = event["DEVNAME"].strip_prefix("axirq/").unwrap().to_owned();
        assert!(added.insert(node, event).is_none(), "added twice");
    }
    assert_eq!(added.keys().cloned().collect::<BTreeSet<_>>(), nodes);
    let ours = |node: &str| -> Vec<(String, String)> {
        added[node]
            .iter()
            .filter(|(key, _)| key.starts_with("AXIRQ_"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    let wanted = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| (format!("AXIRQ_{key}"), (*value).to_owned()))
            .collect()
    };
    // In the order of their names.
    assert_eq!(
        ours("btns_gpio/ip2intc_irpt"),
        wanted(&[
            ("CELL", "btns_gpio"),
            ("CONTROLLER", "axi_intc_0"),
            ("KIND", "pin"),
            ("PIN", "ip2intc_irpt"),
            ("TRIGGER", "level"),
        ])
    );
    assert_eq!(
        ours(EDGE),
        wanted(&[
            ("CELL", "axi_intc_0"),
            ("CONTROLLER", "axi_intc_0"),
            ("KIND", "pin"),
            ("PIN", "3"),
            ("TRIGGER", "edge"),
        ])
    );
    assert_eq!(
        ours("leds_gpio/regs"),
        wanted(&[
            ("CELL", "leds_gpio"),
            ("KIND", "window"),
            ("WINDOW", "regs")
        ])
    );
    // Variables are attributes that never change; udev's database is made anew from the file.
    for (node, event) in &added {
        let folder = class_folder(node);
        let again = fs::read_to_string(folder.join("uevent")).unwrap();
        for (key, value) in event {
            if let Some(name) = key.strip_prefix("AXIRQ_") {
                assert_eq!(*value, attribute(node, &name.to_lowercase()), "{node}");
                assert!(again.contains(&format!("{key}={value}\n")), "{again}");
            }
        }
    }
    demo.remove();
    let mut removed = BTreeSet::new();
    while removed.len() < nodes.len() {
        let event = uevents.next_of("axirq", "remove");
        assert!(event.contains_key("AXIRQ_CELL"), "{event:?}");
        removed.insert(event["DEVNAME"].strip_prefix("axirq/").unwrap().to_owned());
    }
    assert_eq!(removed, nodes);
}

/// All that the rule and its examples ask for is told, but for what they tell each other.
fn udev_rule_matches_what_uevents_say() {
    let (_rig, _demo) = Rig::with_demo();
    let mut told = BTreeSet::new();
    for node in demo_nodes() {
        let uevent = fs::read_to_string(class_folder(&node).join("uevent")).unwrap();
        told.extend(
            uevent
                .lines()
                .filter_map(|line| line.split_once('='))
                .filter(|(key, _)| key.starts_with("AXIRQ_"))
                .map(|(key, _)| key.to_owned()),
        );
    }
    let named: BTreeSet<String> = RULE
        .split(|c: char| !(c.is_ascii_uppercase() || c == '_'))
        .filter(|word| word.starts_with("AXIRQ_"))
        .map(str::to_owned)
        .collect();
    let mut known = told;
    known.insert("AXIRQ_GROUP".to_owned());
    assert_eq!(named, known);
    // The examples are of the demo design.
    for line in RULE.lines().filter(|line| line.starts_with("#\tSUBSYSTEM")) {
        let value = |key: &str| {
            let (_, rest) = line.split_once(&format!("{key}}}==\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let cell = value("AXIRQ_CELL").expect("a cell");
        let pin = value("AXIRQ_PIN").unwrap_or_else(|| "*".to_owned());
        let matches = demo_nodes().iter().any(|node| {
            pin.split('|')
                .any(|pin| fits(&format!("{cell}/{pin}"), node))
        });
        assert!(matches, "no node for {line}");
    }
}

/// Shell patterns, as in rules and aliases.
fn fits(pattern: &str, text: &str) -> bool {
    let [pattern, text] = [pattern, text].map(|text| CString::new(text).unwrap());
    // SAFETY: Two strings that end.
    unsafe { libc::fnmatch(pattern.as_ptr(), text.as_ptr(), 0) == 0 }
}

fn class_folder(node: &str) -> PathBuf {
    Path::new("/sys/class/axirq").join(node.replace('/', "!"))
}

fn attributes_are_those_of_the_abi_document() {
    /// What the driver core adds to every device.
    const COMMON: [&str; 7] = [
        "dev",
        "device",
        "power",
        "subsystem",
        "uevent",
        "waiting_for_supplier",
        "suppliers",
    ];
    let (_rig, _demo) = Rig::with_demo();
    for (node, kind) in [
        ("btns_gpio/ip2intc_irpt", "pin"),
        ("btns_gpio/regs", "window"),
    ] {
        let there: BTreeSet<String> = fs::read_dir(class_folder(node))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !COMMON.contains(&name.as_str()))
            .collect();
        let documented: BTreeSet<String> = ABI
            .lines()
            .filter_map(|line| line.strip_prefix("What:\t\t/sys/class/axirq/<cell>!<"))
            .filter_map(|rest| rest.split_once(">/"))
            .filter(|(of, name)| !name.is_empty() && [kind, "node"].contains(of))
            .map(|(_, name)| name.to_owned())
            .collect();
        assert_eq!(there, documented, "{node}");
        for name in &there {
            let path = class_folder(node).join(name);
            assert_eq!(mode(&path), 0o444, "{}", path.display());
            let text = fs::read_to_string(&path).unwrap();
            assert!(
                text.ends_with('\n') && text.lines().count() == 1,
                "{text:?}"
            );
        }
        assert_eq!(attribute(node, "kind"), kind);
        assert_eq!(attribute(node, "name"), node);
        assert_eq!(format!("btns_gpio/{}", attribute(node, kind)), node);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A group that owns nothing, and a user of no name.
const GROUP: u32 = 4242;
const USER: u32 = 4343;

/// What a process without privileges, of these groups, gets when it opens each node.
fn as_user(groups: &[u32], body: impl FnOnce()) {
    let child = Child::start(|_| {
        let groups: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups).unwrap();
        setgid(Gid::from_raw(USER)).unwrap();
        setuid(Uid::from_raw(USER)).unwrap();
        body();
        0
    });
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
}

fn open(node: &str) -> nix::Result<()> {
    File::options()
        .read(true)
        .write(true)
        .open(paths::node(node))
        .map(drop)
        .map_err(|error: io::Error| Errno::from_raw(error.raw_os_error().unwrap()))
}

fn nodes_belong_to_root_alone() {
    let (_rig, _demo) = Rig::with_demo();
    let nodes = demo_nodes();
    for node in &nodes {
        let metadata = fs::metadata(paths::node(node)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (0, 0), "{node}");
        assert_eq!(mode(&paths::node(node)), 0o600, "{node}");
    }
    as_user(&[GROUP], || {
        for node in &nodes {
            assert_eq!(open(node), Err(Errno::EACCES), "{node}");
        }
        // What there is may be known.
        assert_eq!(attribute(EDGE, "state"), "unused");
    });
}

/// What the shipped rule does, for `ENV{AXIRQ_CELL}=="btns_gpio"` and for one raw input.
fn group_opens_the_nodes_it_was_given_and_no_others() {
    let (mut rig, demo) = Rig::with_demo();
    let given = |node: &str| node.starts_with("btns_gpio/") || node == EDGE;
    let nodes = demo_nodes();
    for node in nodes.iter().filter(|node| given(node)) {
        let path = paths::node(node);
        chown(&path, None, Some(GROUP)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o660)).unwrap();
    }
    as_user(&[GROUP], || {
        for node in &nodes {
            let wanted = if given(node) {
                Ok(())
            } else {
                Err(Errno::EACCES)
            };
            assert_eq!(open(node), wanted, "{node}");
        }
        // And may do all that there is to do with them.
        let file = LineFile::open(EDGE);
        assert_eq!(file.page().snapshot().sequence, 0);
        file.set_mode(CONTINUOUS).unwrap();
        file.arm().unwrap();
        file.disarm().unwrap();
        let gpio = axirq::Mmio::open("btns_gpio").unwrap();
        assert!(gpio.size() >= 0x1000);
    });
    as_user(&[GROUP + 1], || {
        for node in &nodes {
            assert_eq!(open(node), Err(Errno::EACCES), "{node}");
        }
    });
    let waiter = thread::spawn(|| {
        as_user(&[GROUP], || {
            assert_eq!(LineFile::open_blocking(EDGE).read_count(), Ok(1));
        });
    });
    wait_for_state(EDGE, "armed");
    rig.fabric.pulse_input(EDGE_INPUT);
    waiter.join().unwrap();
    // A group's node is the kernel's again when its overlay is: the next is root's.
    demo.remove();
    let _demo = self::demo();
    assert_eq!(mode(&paths::node(EDGE)), 0o600);
    assert_eq!(mode(&paths::node(LEVEL)), 0o600);
}

/// A section of a little-endian object file.
fn elf_section<'a>(file: &'a [u8], name: &str) -> &'a [u8] {
    // Bytes of an address, and where they are: the section headers, their size, number and names; a header's section.
    let (word, [headers, size, count, names, at, length]) = match file[4] {
        1 => (4, [0x20, 0x2e, 0x30, 0x32, 0x10, 0x14]),
        2 => (8, [0x28, 0x3a, 0x3c, 0x3e, 0x18, 0x20]),
        class => panic!("an object file of class {class}"),
    };
    let number = |at: usize, length: usize| {
        let mut bytes = [0; 8];
        bytes[..length].copy_from_slice(&file[at..at + length]);
        usize::try_from(u64::from_le_bytes(bytes)).unwrap()
    };
    let headers = number(headers, word);
    let [size, count, names] = [size, count, names].map(|at| number(at, 2));
    let content = |index: usize| {
        let header = headers + index * size;
        &file[number(header + at, word)..][..number(header + length, word)]
    };
    (0..count)
        .find(|index| {
            let own = &content(names)[number(headers + index * size, 4)..];
            own.starts_with(name.as_bytes()) && own[name.len()] == 0
        })
        .map(content)
        .unwrap_or_else(|| panic!("no section {name}"))
}

/// `modinfo`: what a module says of itself, each key with all its values.
fn modinfo(module: &str) -> BTreeMap<String, Vec<String>> {
    let path = format!("/lib/axirq/{module}.ko");
    let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut info = BTreeMap::<String, Vec<String>>::new();
    // Strings that end in zero.
    for (key, value) in elf_section(&bytes, ".modinfo")
        .split(|&byte| byte == 0)
        .filter_map(|text| std::str::from_utf8(text).ok()?.split_once('='))
    {
        let (key, value) = (key.to_owned(), value.to_owned());
        info.entry(key).or_default().push(value);
    }
    info
}

fn modules_say_what_they_are() {
    // The overlays' module may not be loaded, but the folder has it.
    let axirq = modinfo("axirq");
    let overlay = modinfo("axirq_overlay");
    for info in [&axirq, &overlay] {
        for key in [
            "description",
            "author",
            "license",
            "version",
            "vermagic",
            "name",
        ] {
            let values = &info[key];
            assert!(
                values.len() == 1 && !values[0].is_empty(),
                "{key}: {values:?}"
            );
        }
        assert_eq!(info["license"], ["GPL v2"]);
    }
    assert_eq!(axirq["version"], overlay["version"]);
    assert_eq!(axirq["name"], ["axirq"]);
    assert_eq!(overlay["name"], ["axirq_overlay"]);
    assert!(axirq["parm"][0].starts_with("of_id:compatibles of IP cores"));
    assert_eq!(axirq["parmtype"], ["of_id:string"]);
    // What a loaded module tells in /sys is the same.
    let _rig = Rig::new();
    let version = fs::read_to_string("/sys/module/axirq/version").unwrap();
    assert_eq!(version.trim_end(), axirq["version"][0]);
}

fn modules_load_for_their_devices_and_no_others() {
    let aliases = &modinfo("axirq")["alias"];
    let (_rig, _demo) = Rig::with_demo();
    let _direct = Overlay::apply("gic-ip");
    paths::wait_for_node("direct/irq");
    let mut loaded_for = BTreeSet::new();
    for device in fs::read_dir("/sys/bus/platform/devices").unwrap() {
        let device = device.unwrap();
        let Ok(modalias) = fs::read_to_string(device.path().join("modalias")) else {
            continue;
        };
        let modalias = modalias.trim_end();
        if aliases.iter().any(|alias| fits(alias, modalias)) {
            loaded_for.insert(modalias.to_owned());
        }
    }
    let ours = |modalias: &String| {
        modalias.contains("Cxlnx,xps-intc-1.00.a") || modalias.contains("Caxirq,ip-core")
    };
    assert!(loaded_for.iter().all(ours), "{loaded_for:#?}");
    // The controller, and the core whose compatible is the driver's own.
    assert_eq!(loaded_for.len(), 2, "{loaded_for:#?}");
}
