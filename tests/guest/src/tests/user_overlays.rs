// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overlays and binding through the crate: loaded, waited for, removed, loaded again, and everything that is refused.

use std::fs;
use std::thread;
use std::time::Duration;

use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use axirq::device::Device;
use axirq::list;
use axirq::overlay;
use axirq::overlay::Arrival;
use axirq::overlay::Blob;
use axirq::overlay::Overlay;
use axirq::overlay::Status;
use nix::kmod::DeleteModuleFlags;
use nix::kmod::delete_module;
use nix::sys::wait::WaitStatus;
use nix::unistd::Uid;
use nix::unistd::setuid;

use crate::rig::EDGE;
use crate::rig::EDGE_INPUT;
use crate::rig::LEVEL_INPUT;
use crate::rig::PATIENCE;
use crate::rig::Rig;
use crate::rig::child::Child;
use crate::rig::kernel_log::announce;
use crate::rig::modules;
use crate::rig::overlay::FOLDER;
use crate::rig::overlay::Unmounted;
use crate::rig::overlay::has_nodes;
use crate::rig::paths;
use crate::rig::skip;
use crate::rig::tasks::run;
use crate::rig::tasks::soon;

crate::tests![
    loaded_overlay_has_all_its_cells_when_waited_for,
    dropped_handle_leaves_the_overlay_alone,
    reload_makes_everything_usable_again_but_stale_handles,
    tasks_wait_for_pins_of_an_overlay_to_come,
    waits_end_when_their_overlay_is_removed,
    arrival_that_never_comes_names_the_node,
    arrival_without_the_module_is_an_error,
    damaged_overlays_are_refused_before_anything_is_written,
    overlay_that_the_kernel_refuses_leaves_nothing,
    overlay_below_another_is_not_removed,
    names_are_taken_once_and_given_back,
    only_root_changes_overlays,
    missing_interface_is_named_with_its_cure,
    unknown_ip_core_is_bound_by_name_and_let_go,
    controller_and_its_cells_are_unbound_and_bound_again,
    device_that_axirq_refuses_keeps_no_override,
];

/// Pins and windows of each cell of the demo overlay, the last of each.
const DEMO: &[&str] = &[
    "axi_intc_0/7",
    "btns_gpio/ip2intc_irpt",
    "switches_gpio/ip2intc_irpt",
    "leds_gpio/regs",
    "axi_timer_0/interrupt",
];

fn blob(name: &str) -> Blob {
    Blob::read(format!("/lib/firmware/{name}.dtbo")).unwrap()
}

/// Loaded, and all there.
fn load(name: &str) -> Overlay {
    let overlay = Overlay::load(name, &blob(name)).unwrap();
    overlay.arrival().blocking_wait_timeout(PATIENCE).unwrap();
    overlay
}

fn folders() -> usize {
    fs::read_dir(FOLDER).unwrap().count()
}

fn loaded_overlay_has_all_its_cells_when_waited_for() {
    let mut rig = Rig::new();
    let overlay = load("axirq-demo");
    for name in DEMO {
        assert!(paths::node(name).exists(), "{name}");
    }
    assert_eq!(overlay.status().unwrap(), Status::Applied);
    assert_eq!(overlay.firmware(), None);
    let names: Vec<_> = overlay::list()
        .unwrap()
        .iter()
        .map(|overlay| overlay.name().to_owned())
        .collect();
    assert_eq!(names, ["axirq-demo"]);
    rig.interrupt_once();
    overlay.remove().unwrap();
    assert!(overlay::list().unwrap().is_empty());
    assert!(list::cells().unwrap().is_empty());
}

fn dropped_handle_leaves_the_overlay_alone() {
    let mut rig = Rig::new();
    drop(load("axirq-demo"));
    rig.interrupt_once();
    Overlay::find("axirq-demo").unwrap().remove().unwrap();
    assert!(!has_nodes("axi_intc_0"));
}

fn reload_makes_everything_usable_again_but_stale_handles() {
    let mut rig = Rig::new();
    let overlay = load("axirq-demo");
    let stale = Interrupt::open(EDGE).unwrap();
    let stale_overlay = overlay.clone();
    overlay.remove().unwrap();
    for _ in 0..3 {
        assert!(matches!(stale.blocking_wait(), Err(Error::Gone { .. })));
        assert!(matches!(stale.sequence(), Err(Error::Gone { .. })));
        assert!(matches!(run(stale.wait()), Err(Error::Gone { .. })));
    }
    assert!(matches!(
        stale_overlay.status(),
        Err(Error::NoSuchOverlay { .. })
    ));
    assert!(matches!(
        stale_overlay.remove(),
        Err(Error::NoSuchOverlay { .. })
    ));
    assert!(matches!(Interrupt::open(EDGE), Err(Error::NoOverlay)));

    for _ in 0..3 {
        let overlay = load("axirq-demo");
        assert!(matches!(stale.blocking_wait(), Err(Error::Gone { .. })));
        let fresh = Interrupt::open(EDGE).unwrap();
        rig.fabric.pulse_input(EDGE_INPUT);
        let event = fresh.blocking_wait_timeout(PATIENCE).unwrap().unwrap();
        assert_eq!((event.count, event.sequence), (1, 1));
        Mmio::open("leds_gpio").unwrap().write32(0, 0b1010).unwrap();
        overlay.remove().unwrap();
    }
}

fn tasks_wait_for_pins_of_an_overlay_to_come() {
    let _rig = Rig::new();
    let arrival = Arrival::of(DEMO).unwrap();
    assert_eq!(arrival.missing().unwrap(), DEMO);
    run(async {
        let files = || fs::read_dir("/proc/self/fd").unwrap().count();
        let before = files();
        let early = tokio::time::timeout(Duration::from_millis(50), arrival.wait()).await;
        assert!(early.is_err());
        assert_eq!(files(), before, "dropped, it holds nothing open");
        let loader = thread::spawn(|| Overlay::load("axirq-demo", &blob("axirq-demo")).unwrap());
        soon("pins", arrival.wait()).await.unwrap();
        let overlay = loader.join().unwrap();
        soon("the overlay", overlay.arrival().wait()).await.unwrap();
        Interrupt::open(DEMO[1]).unwrap();
        overlay.remove().unwrap();
    });
}

fn waits_end_when_their_overlay_is_removed() {
    let _rig = Rig::new();
    let overlay = load("axirq-demo");
    let interrupt = Interrupt::open(EDGE).unwrap();
    run(async {
        let mut wait = std::pin::pin!(interrupt.wait());
        let early = tokio::time::timeout(Duration::from_millis(50), &mut wait).await;
        assert!(early.is_err());
        overlay.remove().unwrap();
        assert!(matches!(
            soon("the end", wait).await,
            Err(Error::Gone { .. })
        ));
    });
}

fn arrival_that_never_comes_names_the_node() {
    let mut rig = Rig::new();
    let overlay = Overlay::load("no-parent", &blob("no-parent")).unwrap();
    announce("probe with driver axirq-intc failed");
    rig.log.expect("no parent interrupt");
    let arrival = overlay.arrival();
    let node = "/amba-pl/interrupt-controller@10000000";
    assert_eq!(arrival.missing().unwrap(), [node]);
    match arrival.blocking_wait_timeout(Duration::from_millis(100)) {
        Err(Error::NotThere { missing }) => assert_eq!(missing, [node]),
        other => panic!("{other:?}"),
    }
    overlay.remove().unwrap();
}

fn arrival_without_the_module_is_an_error() {
    let _rig = Rig::new();
    modules::unload().unwrap();
    let overlay = Overlay::load("axirq-demo", &blob("axirq-demo")).unwrap();
    let error = overlay
        .arrival()
        .blocking_wait_timeout(PATIENCE)
        .unwrap_err();
    assert!(matches!(error, Error::ModuleNotLoaded), "{error}");
    // Loaded late, it finds what is there.
    modules::load();
    overlay.arrival().blocking_wait_timeout(PATIENCE).unwrap();
    overlay.remove().unwrap();
}

fn damaged_overlays_are_refused_before_anything_is_written() {
    let _rig = Rig::new();
    let whole = blob("axirq-demo").as_bytes().to_vec();
    for length in [0, 3, 39, 40, whole.len() / 2, whole.len() - 1] {
        assert!(
            matches!(
                Blob::from_bytes(&whole[..length]),
                Err(Error::BadOverlay { .. })
            ),
            "{length}"
        );
    }
    for file in ["/bin/busybox", "/proc/self/cmdline", "/sys/firmware/fdt"] {
        let error = Blob::read(file).unwrap_err();
        assert!(matches!(error, Error::BadOverlay { .. }), "{file}: {error}");
    }
    for name in ["", "..", "a/b", "a\0b"] {
        let error = Overlay::load(name, &blob("axirq-demo")).unwrap_err();
        assert!(
            matches!(error, Error::BadOverlayName { .. }),
            "{name:?}: {error}"
        );
    }
    // The kernel would say so in its log alone.
    match Overlay::load("x", &blob("unknown-label")) {
        Err(Error::MissingLabels {
            labels, has_labels, ..
        }) => {
            assert_eq!(
                (&labels[..], has_labels),
                (&["no_such_bus".to_owned()][..], true)
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(folders(), 0);
}

fn overlay_that_the_kernel_refuses_leaves_nothing() {
    let mut rig = Rig::new();
    // It changes the bus's #address-cells from 2 to 3, which nobody may.
    let mut bytes = blob("axirq-demo").as_bytes().to_vec();
    let name = b"__overlay__\0";
    let at = bytes
        .windows(name.len())
        .position(|window| window == name)
        .unwrap()
        + name.len();
    // A property's token, its length, its name; then the value.
    let value = &mut bytes[at + 12..at + 16];
    assert_eq!(value, 2_u32.to_be_bytes());
    value.copy_from_slice(&3_u32.to_be_bytes());
    announce("OF: overlay:");
    let error = Overlay::load("changed", &Blob::from_bytes(bytes).unwrap()).unwrap_err();
    assert!(
        matches!(&error, Error::OverlayRefused { name } if name == "changed"),
        "{error}"
    );
    rig.log.expect("changed: the kernel refuses the overlay");
    assert_eq!(folders(), 0);
    load("axirq-demo").remove().unwrap();
}

fn overlay_below_another_is_not_removed() {
    let mut rig = Rig::new();
    // Whatever their names: the order is that of loading.
    for (name, other) in [("a", "b"), ("b", "a")] {
        let load = |name: &str, file: &str| Overlay::load(name, &blob(file)).unwrap();
        let below = load(name, "axirq-demo");
        below.arrival().blocking_wait_timeout(PATIENCE).unwrap();
        let above = load(other, "gic-ip");
        above.arrival().blocking_wait_timeout(PATIENCE).unwrap();
        match below.clone().remove() {
            Err(Error::OverlayCovered { name: refused, by }) => {
                assert_eq!((refused.as_str(), by.as_str()), (name, other));
            }
            unexpected => panic!("{unexpected:?}"),
        }
        rig.interrupt_once();
        above.remove().unwrap();
        below.remove().unwrap();
        assert!(list::cells().unwrap().is_empty());
    }
}

fn names_are_taken_once_and_given_back() {
    let _rig = Rig::new();
    let overlay = load("axirq-demo");
    match Overlay::load("axirq-demo", &blob("gic-ip")) {
        Err(Error::OverlayExists { applied: true, .. }) => {}
        other => panic!("{other:?}"),
    }
    match Overlay::find("axirq-dema") {
        Err(Error::NoSuchOverlay { nearest, .. }) => assert_eq!(nearest, ["axirq-demo"]),
        other => panic!("{other:?}"),
    }
    overlay.remove().unwrap();
    // Left by one who was killed before he wrote the blob.
    fs::create_dir(format!("{FOLDER}/axirq-demo")).unwrap();
    match Overlay::load("axirq-demo", &blob("axirq-demo")) {
        Err(Error::OverlayExists { applied: false, .. }) => {}
        other => panic!("{other:?}"),
    }
    let left = Overlay::find("axirq-demo").unwrap();
    assert_eq!(left.status().unwrap(), Status::Unapplied);
    left.remove().unwrap();
    load("axirq-demo").remove().unwrap();
}

fn only_root_changes_overlays() {
    const NOBODY: u32 = 65534;

    let _rig = Rig::new();
    let overlay = load("axirq-demo");
    let child = Child::start(|_| {
        setuid(Uid::from_raw(NOBODY)).unwrap();
        let error = Overlay::load("gic-ip", &blob("gic-ip")).unwrap_err();
        assert!(matches!(error, Error::NotRoot { .. }), "{error}");
        let error = overlay.clone().remove().unwrap_err();
        assert!(matches!(error, Error::NotRoot { .. }), "{error}");
        let device = Device::find("btns_gpio").unwrap();
        let error = device.unbind().unwrap_err();
        assert!(matches!(error, Error::NotRoot { .. }), "{error}");
        // Anybody may look, and wait.
        assert_eq!(overlay::list().unwrap().len(), 1);
        overlay.arrival().blocking_wait_timeout(PATIENCE).unwrap();
        0
    });
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
    overlay.remove().unwrap();
}

fn missing_interface_is_named_with_its_cure() {
    let _rig = Rig::new();
    let load = || Overlay::load("axirq-demo", &blob("axirq-demo"));
    let unmounted = Unmounted::new();
    assert!(matches!(load(), Err(Error::ConfigfsNotMounted { .. })));
    assert!(matches!(
        overlay::list(),
        Err(Error::ConfigfsNotMounted { .. })
    ));
    drop(unmounted);
    if delete_module(c"axirq_overlay", DeleteModuleFlags::O_NONBLOCK).is_err() {
        skip("the kernel has the interface itself");
    }
    let error = load().unwrap_err();
    assert!(
        matches!(&error, Error::NoOverlayInterface { path } if path.to_str() == Some(FOLDER)),
        "{error}"
    );
    modules::load();
    load().unwrap().remove().unwrap();
}

fn unknown_ip_core_is_bound_by_name_and_let_go() {
    let mut rig = Rig::new();
    let overlay = load("unknown-ip");
    let device = Device::find("strange_0").unwrap();
    assert_eq!(
        (device.driver(), device.is_matched().unwrap()),
        (None, Some(false))
    );
    let folder = format!("/sys/bus/platform/devices/{}", device.name());
    let driver_override = || fs::read_to_string(format!("{folder}/driver_override")).unwrap();
    let before = driver_override();
    for _ in 0..2 {
        device.bind().unwrap();
        device.bind().unwrap();
        assert_eq!(Device::find(device.node()).unwrap().driver(), Some("axirq"));
        assert_eq!(driver_override(), "axirq\n");
        let mut files = device.files();
        files.sort();
        assert_eq!(files, ["strange_0/irq_out", "strange_0/regs"]);
        let interrupt = Interrupt::open("strange_0/irq_out").unwrap();
        rig.fabric.raise_input(LEVEL_INPUT);
        assert_eq!(
            interrupt
                .blocking_wait_timeout(PATIENCE)
                .unwrap()
                .unwrap()
                .count,
            1
        );
        rig.fabric.lower_input(LEVEL_INPUT);
        device.unbind().unwrap();
        assert!(matches!(interrupt.blocking_wait(), Err(Error::Gone { .. })));
        assert!(!has_nodes("strange_0"));
        assert_eq!(driver_override(), before);
    }
    overlay.remove().unwrap();
    assert!(matches!(device.bind(), Err(Error::NoSuchDevice { .. })));
}

fn controller_and_its_cells_are_unbound_and_bound_again() {
    let mut rig = Rig::new();
    let overlay = load("axirq-demo");
    // One that axirq binds by itself needs no override.
    let buttons = Device::find("btns_gpio").unwrap();
    buttons.unbind().unwrap();
    assert!(!has_nodes("btns_gpio"));
    assert_eq!(overlay.arrival().missing().unwrap(), [buttons.node()]);
    buttons.bind().unwrap();
    overlay.arrival().blocking_wait_timeout(PATIENCE).unwrap();
    let text = fs::read_to_string(format!(
        "/sys/bus/platform/devices/{}/driver_override",
        buttons.name()
    ));
    assert_ne!(text.unwrap(), "axirq\n");
    // With a controller go those that are wired to it.
    let controller = Device::find("axi_intc_0").unwrap();
    controller.unbind().unwrap();
    assert!(!has_nodes("axi_intc_0") && !has_nodes("btns_gpio"));
    controller.bind().unwrap();
    for device in Device::all().unwrap() {
        if device.is_matched().unwrap() == Some(true) {
            device.bind().unwrap();
        }
    }
    overlay.arrival().blocking_wait_timeout(PATIENCE).unwrap();
    rig.interrupt_once();
    overlay.remove().unwrap();
}

fn device_that_axirq_refuses_keeps_no_override() {
    let mut rig = Rig::new();
    let overlay = load("axirq-demo");
    // It has neither interrupts nor registers.
    let device = Device::find("gpio-keys").unwrap();
    let path = format!(
        "/sys/bus/platform/devices/{}/driver_override",
        device.name()
    );
    let before = fs::read_to_string(&path).unwrap();
    announce("gpio-keys: probe with driver axirq failed");
    let error = device.bind().unwrap_err();
    assert!(matches!(error, Error::NotBound { .. }), "{error}");
    rig.log.expect("neither interrupts nor reg");
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    // Nor is one taken from its driver.
    let taken = Device::all()
        .unwrap()
        .into_iter()
        .find(|device| {
            device
                .driver()
                .is_some_and(|driver| !driver.starts_with("axirq"))
        })
        .expect("a device of another driver");
    assert!(matches!(taken.bind(), Err(Error::Bound { .. })));
    overlay.remove().unwrap();
}
