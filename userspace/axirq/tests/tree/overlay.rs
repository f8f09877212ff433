// SPDX-License-Identifier: MIT OR Apache-2.0
//! Overlays as far as plain files go: what is checked before anything is written, what is taken back, and waiting.
//! (Applying one takes a kernel, hence a board.)

use std::fs;
use std::thread;
use std::time::Duration;

use crate::dtbo::core;
use crate::dtbo::overlay;
use crate::dtbo::strings;
use crate::tree::Tree;
use axirq::Error;
use axirq::overlay::Arrival;
use axirq::overlay::Bitstream;
use axirq::overlay::Blob;
use axirq::overlay::Overlay;
use axirq::overlay::Status;

const FOLDER: &str = "sys/kernel/config/device-tree/overlays";
/// Longer than a file takes to appear.
const PATIENCE: Duration = Duration::from_secs(20);

/// A kernel with the interface, and a base tree with the label that overlays refer to.
fn machine() -> Tree {
    let tree = Tree::loaded();
    fs::create_dir_all(tree.path(FOLDER)).unwrap();
    tree.write("sys/firmware/devicetree/base/__symbols__/amba_pl", b"/amba_pl\0");
    fs::create_dir_all(tree.path("sys/firmware/devicetree/base/amba_pl")).unwrap();
    tree
}

fn blob() -> Blob {
    Blob::from_bytes(overlay(vec![], vec![core("core@a0000000")])).unwrap()
}

fn folders(tree: &Tree) -> usize {
    fs::read_dir(tree.path(FOLDER)).unwrap().count()
}

/// As the kernel shows an overlay.
fn applied(tree: &Tree, name: &str, blob: &Blob) {
    tree.write(format!("{FOLDER}/{name}/status"), "applied\n");
    tree.write(format!("{FOLDER}/{name}/path"), "\n");
    tree.write(format!("{FOLDER}/{name}/dtbo"), blob.as_bytes());
}

/// A device of axirq's, and its one pin.
fn bound(tree: &Tree, node: &str, name: &str, cell: &str) {
    let device = format!("sys/bus/platform/devices/{name}");
    tree.write(
        format!("{device}/uevent"),
        format!("DRIVER=axirq\nOF_NAME=core\nOF_FULLNAME={node}\nOF_COMPATIBLE_0=axirq,ip-core\nOF_COMPATIBLE_N=1\n"),
    );
    fs::create_dir_all(tree.path(format!("{device}/axirq/{cell}!irq"))).unwrap();
}

#[test]
fn names_are_checked_before_anything_is_written() {
    let tree = machine();
    for name in ["", "..", "a/b", "../../etc", "a\0b", "a\nb"] {
        let error = Overlay::load_in(&tree.system(), name, &blob()).unwrap_err();
        assert!(matches!(error, Error::BadOverlayName { .. }), "{name:?}: {error}");
        assert!(!error.to_string().contains(['\0', '\n']));
        assert!(matches!(
            Overlay::find_in(&tree.system(), name),
            Err(Error::BadOverlayName { .. })
        ));
    }
    assert_eq!(folders(&tree), 0);
}

#[test]
fn what_the_kernel_lacks_is_named_with_its_cure() {
    let load = |tree: &Tree| Overlay::load_in(&tree.system(), "x", &blob()).unwrap_err();
    let tree = Tree::empty();
    assert!(matches!(load(&tree), Error::NoConfigfs));
    // Known, but not mounted.
    tree.write("proc/filesystems", "nodev\tsysfs\nnodev\tconfigfs\n");
    let error = load(&tree);
    assert!(matches!(&error, Error::ConfigfsNotMounted { path } if path.ends_with("sys/kernel/config")));
    assert!(error.to_string().contains("mount -t configfs none"));
    tree.write("proc/filesystems", "");
    fs::create_dir_all(tree.path("sys/kernel/config")).unwrap();
    assert!(matches!(load(&tree), Error::ConfigfsNotMounted { .. }));
    // Mounted, here or elsewhere, without the interface.
    for place in ["/sys/kernel/config", "/config"] {
        tree.write(
            "proc/mounts",
            format!("proc /proc proc rw 0 0\nnone {place} configfs rw 0 0\n"),
        );
        let error = load(&tree);
        assert!(
            matches!(&error, Error::NoOverlayInterface { path } if path.ends_with(format!("{}/device-tree/overlays", &place[1..]))),
            "{error}"
        );
        assert!(error.to_string().contains("modprobe axirq_overlay"));
    }
    // Found where it is.
    fs::create_dir_all(tree.path("config/device-tree/overlays")).unwrap();
    assert!(Overlay::list_in(&tree.system()).unwrap().is_empty());
}

#[test]
fn labels_that_the_base_tree_lacks_are_named_before_anything_is_written() {
    let tree = machine();
    fs::remove_file(tree.path("sys/firmware/devicetree/base/__symbols__/amba_pl")).unwrap();
    let error = Overlay::load_in(&tree.system(), "x", &blob()).unwrap_err();
    let Error::MissingLabels { labels, has_labels, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((&labels[..], has_labels), (&["amba_pl".to_owned()][..], &true));
    fs::remove_dir(tree.path("sys/firmware/devicetree/base/__symbols__")).unwrap();
    let error = Overlay::load_in(&tree.system(), "x", &blob()).unwrap_err();
    assert!(error.to_string().contains("dtc -@"), "{error}");
    assert_eq!(folders(&tree), 0);
}

#[test]
fn a_bitstream_that_the_overlay_names_must_be_installed() {
    let tree = machine();
    let named = |file: &str| {
        Blob::from_bytes(overlay(
            vec![("firmware-name", strings(&[file]))],
            vec![core("core@a0000000")],
        ))
        .unwrap()
    };
    for file in ["design.bit.bin", "../design.bit.bin", "/etc/passwd", "a//b"] {
        let error = Overlay::load_in(&tree.system(), "x", &named(file)).unwrap_err();
        assert!(matches!(error, Error::NoFirmware { .. }), "{error}");
    }
    assert_eq!(folders(&tree), 0);
    // Found, it is the kernel's turn; this one has no file for the blob.
    tree.write("lib/firmware/design.bit.bin", "bits");
    let error = Overlay::load_in(&tree.system(), "x", &named("design.bit.bin")).unwrap_err();
    assert!(matches!(error, Error::System { call: "write", .. }), "{error}");
}

#[test]
fn a_folder_that_came_to_nothing_is_removed_again() {
    let tree = machine();
    let error = Overlay::load_in(&tree.system(), "x", &blob()).unwrap_err();
    assert!(matches!(error, Error::System { call: "write", .. }), "{error}");
    assert_eq!(folders(&tree), 0);
}

#[test]
fn a_name_that_is_taken_stays_as_it_is() {
    let tree = machine();
    applied(&tree, "x", &blob());
    let error = Overlay::load_in(&tree.system(), "x", &blob()).unwrap_err();
    assert!(matches!(error, Error::OverlayExists { applied: true, .. }), "{error}");
    tree.write(format!("{FOLDER}/x/status"), "unapplied\n");
    let error = Overlay::load_in(&tree.system(), "x", &blob()).unwrap_err();
    assert!(matches!(error, Error::OverlayExists { applied: false, .. }), "{error}");
    assert!(tree.path(format!("{FOLDER}/x/status")).exists());
}

#[test]
fn overlays_are_listed_and_found() {
    let tree = machine();
    applied(&tree, "two", &blob());
    applied(&tree, "one", &blob());
    tree.write(format!("{FOLDER}/one/status"), "unapplied\n");
    tree.write(format!("{FOLDER}/one/path"), "one.dtbo\n");
    let overlays = Overlay::list_in(&tree.system()).unwrap();
    let shown: Vec<_> = overlays
        .iter()
        .map(|overlay| (overlay.name(), overlay.status().unwrap(), overlay.firmware()))
        .collect();
    assert_eq!(
        shown,
        [
            ("one", Status::Unapplied, Some("one.dtbo".to_owned())),
            ("two", Status::Applied, None)
        ]
    );
    let error = Overlay::find_in(&tree.system(), "too").unwrap_err();
    assert!(
        matches!(&error, Error::NoSuchOverlay { nearest, .. } if nearest[0] == "two"),
        "{error}"
    );
    tree.write(format!("{FOLDER}/two/status"), "thinking\n");
    assert!(matches!(overlays[1].status(), Err(Error::Attribute { .. })));
}

#[test]
fn an_overlay_that_is_gone_is_said_to_be() {
    let tree = machine();
    fs::create_dir(tree.path(format!("{FOLDER}/x"))).unwrap();
    let overlay = Overlay::find_in(&tree.system(), "x").unwrap();
    let again = overlay.clone();
    overlay.remove().unwrap();
    assert!(matches!(again.status(), Err(Error::NoSuchOverlay { .. })));
    assert!(matches!(again.remove(), Err(Error::NoSuchOverlay { .. })));
}

#[test]
fn named_files_and_cells_are_waited_for() {
    let tree = machine();
    let arrival = Arrival::of_in(&tree.system(), &["late/irq", "/late/regs", "other"]).unwrap();
    assert_eq!(arrival.missing().unwrap(), ["late/irq", "late/regs", "other"]);
    let error = arrival.blocking_wait_timeout(Duration::from_millis(20)).unwrap_err();
    assert!(
        matches!(&error, Error::NotThere { missing } if missing.len() == 3),
        "{error}"
    );
    thread::scope(|scope| {
        // Folders come and go as devtmpfs makes them.
        scope.spawn(|| {
            for file in ["dev/axirq/late/irq", "dev/axirq/other/x"] {
                thread::sleep(Duration::from_millis(20));
                tree.write(file, "");
            }
            thread::sleep(Duration::from_millis(20));
            fs::remove_dir_all(tree.path("dev/axirq/late")).unwrap();
            for file in ["dev/axirq/late/regs", "dev/axirq/late/irq"] {
                thread::sleep(Duration::from_millis(20));
                tree.write(file, "");
            }
        });
        arrival.blocking_wait_timeout(PATIENCE).unwrap();
    });
    assert!(arrival.missing().unwrap().is_empty());
    for bad in ["", "/", "..", "a/..", "a\0b"] {
        assert!(matches!(
            Arrival::of_in(&tree.system(), &[bad]),
            Err(Error::BadName { .. })
        ));
    }
}

#[test]
fn an_overlay_is_there_when_all_that_axirq_binds_is() {
    let tree = machine();
    tree.write("sys/module/axirq/parameters/of_id", "acme,known\n");
    let node = |name, properties: &[(&'static str, &str)]| {
        let properties = properties.iter().map(|(name, value)| (*name, strings(&[value])));
        crate::dtbo::Node(name, properties.collect(), vec![])
    };
    let blob = Blob::from_bytes(overlay(
        vec![],
        vec![
            core("core@a0000000"),
            node("known@a0001000", &[("compatible", "acme,known")]),
            node("foreign@a0002000", &[("compatible", "acme,foreign")]),
            node(
                "off@a0003000",
                &[("compatible", "axirq,ip-core"), ("status", "disabled")],
            ),
            core("taken@a0004000"),
        ],
    ))
    .unwrap();
    applied(&tree, "x", &blob);
    tree.write(
        "sys/bus/platform/devices/a0004000.taken/uevent",
        "DRIVER=other\nOF_FULLNAME=/amba_pl/taken@a0004000\nOF_COMPATIBLE_0=axirq,ip-core\n",
    );
    let arrival = Overlay::find_in(&tree.system(), "x").unwrap().arrival();
    assert_eq!(
        arrival.missing().unwrap(),
        ["/amba_pl/core@a0000000", "/amba_pl/known@a0001000"]
    );
    bound(&tree, "/amba_pl/core@a0000000", "a0000000.core", "core");
    bound(&tree, "/amba_pl/known@a0001000", "a0001000.known", "known");
    // The device is bound, its files are on their way.
    tree.write("dev/axirq/core/irq", "");
    assert_eq!(arrival.missing().unwrap(), ["/amba_pl/known@a0001000"]);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            tree.write("dev/axirq/known/irq", "");
        });
        arrival.blocking_wait_timeout(PATIENCE).unwrap();
    });
    // Nobody will bind anything.
    fs::remove_dir_all(tree.path("sys/module/axirq")).unwrap();
    assert!(matches!(arrival.missing(), Err(Error::ModuleNotLoaded)));
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn tasks_wait_for_files_as_threads_do() {
    let tree = machine();
    let arrival = Arrival::of_in(&tree.system(), &["late/irq"]).unwrap();
    let early = tokio::time::timeout(Duration::from_millis(20), arrival.wait()).await;
    assert!(early.is_err());
    let write = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        tree.write("dev/axirq/early/irq", "");
        tokio::time::sleep(Duration::from_millis(20)).await;
        tree.write("dev/axirq/late/irq", "");
    };
    let (waited, ()) = tokio::join!(tokio::time::timeout(PATIENCE, arrival.wait()), write);
    waited.unwrap().unwrap();
    arrival.wait().await.unwrap();
}

#[cfg(feature = "tokio")]
#[test]
fn waiting_outside_of_a_runtime_is_an_error() {
    let tree = machine();
    let arrival = Arrival::of_in(&tree.system(), &["late/irq"]).unwrap();
    let mut wait = std::pin::pin!(arrival.wait());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(
        wait.as_mut().poll(&mut context),
        std::task::Poll::Ready(Err(Error::NoRuntime { .. }))
    ));
}

#[test]
fn waiting_in_a_runtime_without_io_is_an_error_and_no_panic() {
    let tree = machine();
    let arrival = Arrival::of_in(&tree.system(), &["late/irq"]).unwrap();
    let without = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..2 {
        let result = without.block_on(arrival.wait());
        assert!(matches!(result, Err(Error::RuntimeWithoutIo { .. })), "{result:?}");
    }
}

#[test]
fn a_bitstream_goes_through_the_vendors_fpga_manager() {
    const MANAGER: &str = "sys/class/fpga_manager/fpga0";
    let tree = machine();
    let program = |bitstream: Bitstream| bitstream.program_in(&tree.system());
    let full = || program(Bitstream::full("design.bit.bin"));

    assert!(matches!(full(), Err(Error::NoFirmware { .. })));
    tree.write("lib/firmware/design.bit.bin", "bits");
    assert!(matches!(full(), Err(Error::NoFpgaManager { any: false })));
    // A mainline kernel's.
    tree.write(format!("{MANAGER}/state"), "unknown\n");
    assert!(matches!(full(), Err(Error::NoFpgaManager { any: true })));
    tree.write(format!("{MANAGER}/firmware"), "");
    tree.write(format!("{MANAGER}/flags"), "");
    // It does not come to life.
    let error = full().unwrap_err();
    assert!(
        matches!(&error, Error::NotProgrammed { state, .. } if state == "unknown"),
        "{error}"
    );

    tree.write(format!("{MANAGER}/state"), "operating\n");
    full().unwrap();
    let written = |file: &str| fs::read_to_string(tree.path(format!("{MANAGER}/{file}"))).unwrap();
    assert_eq!(
        (written("flags").as_str(), written("firmware").as_str()),
        ("0", "design.bit.bin")
    );
    // Not under cells that are bound; a part of the design is its maker's business.
    tree.pin("core", "irq", "axi_intc_0", 0, "edge");
    let error = full().unwrap_err();
    assert!(
        matches!(&error, Error::FabricInUse { cells } if cells == &["core"]),
        "{error}"
    );
    program(Bitstream::partial("design.bit.bin")).unwrap();
    assert_eq!(written("flags"), "1");
    // The kernel looks elsewhere, too.
    fs::remove_file(tree.path("lib/firmware/design.bit.bin")).unwrap();
    tree.write("sys/module/firmware_class/parameters/path", "/opt/firmware\n");
    tree.write("opt/firmware/design.bit.bin.zst", "bits");
    program(Bitstream::partial("design.bit.bin")).unwrap();
}
