// SPDX-License-Identifier: MIT OR Apache-2.0
//! Errors that name the cure.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;

use axirq::Error;
use axirq::Interrupt;
use axirq::Mmio;
use axirq::gpio::AxiGpio;
use axirq::list;
use axirq::timer::AxiTimer;
use nix::sys::epoll::Epoll;
use nix::sys::epoll::EpollCreateFlags;
use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;
use nix::sys::wait::WaitStatus;
use nix::unistd::Gid;
use nix::unistd::Uid;
use nix::unistd::setgid;
use nix::unistd::setuid;

use crate::rig::EDGE;
use crate::rig::Rig;
use crate::rig::child::Child;
use crate::rig::modules;

crate::tests![
    unknown_pin_names_the_nearest,
    unknown_cell_names_the_nearest,
    bad_names_are_told_from_unknown_ones,
    names_in_the_form_of_pynq_are_accepted,
    raw_input_is_opened_by_its_number,
    full_file_table_is_named,
    module_that_is_not_loaded_is_named,
    missing_overlay_is_named,
    missing_permission_is_named,
    files_of_the_wrong_kind_are_no_lines,
    cell_without_interrupt_says_so,
    cells_and_pins_are_listed,
];

fn unknown_pin_names_the_nearest() {
    let (_rig, _demo) = Rig::with_demo();
    match Interrupt::open("btns_gpio/ip2intc_irq") {
        Err(Error::NoSuchPin { pin, nearest }) => {
            assert_eq!(pin, "btns_gpio/ip2intc_irq");
            assert_eq!(
                nearest.first().map(String::as_str),
                Some("btns_gpio/ip2intc_irpt")
            );
        }
        other => panic!("{other:?}"),
    }
    match Interrupt::open("axi_intc_0/8") {
        Err(Error::NoSuchPin { nearest, .. }) => {
            assert!(
                nearest.iter().all(|name| name.starts_with("axi_intc_0/")),
                "{nearest:?}"
            );
        }
        other => panic!("{other:?}"),
    }
}

fn unknown_cell_names_the_nearest() {
    let (_rig, _demo) = Rig::with_demo();
    match Mmio::open("led_gpio") {
        Err(Error::NoSuchCell { nearest, .. }) => {
            assert_eq!(nearest.first().map(String::as_str), Some("leds_gpio"));
        }
        other => panic!("{other:?}"),
    }
}

fn bad_names_are_told_from_unknown_ones() {
    let (_rig, _demo) = Rig::with_demo();
    for name in [
        "",
        "/",
        "btns_gpio",
        "btns_gpio/",
        "../../kmsg",
        "axi_intc_0/..",
        "a\0b/c",
    ] {
        assert!(
            matches!(Interrupt::open(name), Err(Error::BadName { .. })),
            "{name:?}"
        );
    }
}

fn names_in_the_form_of_pynq_are_accepted() {
    let (_rig, _demo) = Rig::with_demo();
    assert_eq!(
        Interrupt::open("/btns_gpio/ip2intc_irpt").unwrap().pin(),
        "btns_gpio/ip2intc_irpt"
    );
}

fn raw_input_is_opened_by_its_number() {
    let (_rig, _demo) = Rig::with_demo();
    for controller in ["axi_intc_0", "/axi_intc_0"] {
        let interrupt = Interrupt::open_input(controller, 3).unwrap();
        assert_eq!(interrupt.pin(), EDGE);
    }
    assert!(matches!(
        Interrupt::open_input("axi_intc_0", u32::MAX),
        Err(Error::NoSuchPin { .. })
    ));
    assert!(matches!(
        Interrupt::open_input("..", 3),
        Err(Error::BadName { .. })
    ));
}

fn full_file_table_is_named() {
    let (_rig, _demo) = Rig::with_demo();
    let gpio = AxiGpio::open("btns_gpio").unwrap();
    let button = gpio.button(0).unwrap();
    let child = Child::start(|_| {
        let mut files = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            files.push(file);
        }
        let full = |what, error: Error| {
            assert!(
                matches!(error, Error::NoDescriptor { .. }),
                "{what}: {error:?}"
            );
        };
        full("a pin", Interrupt::open(EDGE).unwrap_err());
        full("a window", Mmio::open("leds_gpio").unwrap_err());
        full("a GPIO", AxiGpio::open("leds_gpio").unwrap_err());
        full("a timer", AxiTimer::open("axi_timer_0").unwrap_err());
        full("a list", list::cells().unwrap_err());
        // The first wait opens the pin.
        full("a wait", button.blocking_wait_for_level(1).unwrap_err());
        // With one to spare it works again.
        files.pop();
        button.blocking_wait_for_level(0).unwrap();
        0
    });
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
}

fn module_that_is_not_loaded_is_named() {
    let _rig = Rig::new();
    modules::unload().unwrap();
    assert!(matches!(Interrupt::open(EDGE), Err(Error::ModuleNotLoaded)));
    assert!(matches!(
        Mmio::open("leds_gpio"),
        Err(Error::ModuleNotLoaded)
    ));
    assert!(matches!(list::pins(), Err(Error::ModuleNotLoaded)));
}

fn missing_overlay_is_named() {
    let _rig = Rig::new();
    assert!(matches!(Interrupt::open(EDGE), Err(Error::NoOverlay)));
    assert!(matches!(AxiGpio::open("btns_gpio"), Err(Error::NoOverlay)));
    assert!(list::cells().unwrap().is_empty());
}

fn missing_permission_is_named() {
    const NOBODY: u32 = 65534;

    let (_rig, _demo) = Rig::with_demo();
    let child = Child::start(|_| {
        setgid(Gid::from_raw(NOBODY)).unwrap();
        setuid(Uid::from_raw(NOBODY)).unwrap();
        let pin = Interrupt::open(EDGE);
        assert!(
            matches!(pin, Err(Error::PermissionDenied { .. })),
            "{pin:?}"
        );
        let window = Mmio::open("leds_gpio");
        assert!(
            matches!(window, Err(Error::PermissionDenied { .. })),
            "{window:?}"
        );
        // Anybody may look at what there is.
        assert_eq!(list::cells().unwrap().len(), 5);
        0
    });
    let pid = child.pid();
    assert_eq!(child.end(), WaitStatus::Exited(pid, 0));
}

fn files_of_the_wrong_kind_are_no_lines() {
    let (_rig, _demo) = Rig::with_demo();
    let is_no_line = |result: axirq::Result<Interrupt>, what: &str| {
        assert!(matches!(result, Err(Error::NotALine { .. })), "{what}");
    };
    is_no_line(Interrupt::open("leds_gpio/regs"), "a window, by its name");
    let open = |path: &str| OwnedFd::from(File::open(path).unwrap());
    let (pipe, _) = nix::unistd::pipe().unwrap();
    let (socket, _) = UnixStream::pair().unwrap();
    let files: Vec<(&str, OwnedFd)> = vec![
        ("a window", open("/dev/axirq/leds_gpio/regs")),
        ("another device", open("/dev/null")),
        ("a folder", open("/dev/axirq")),
        ("a plain file", open("/proc/self/exe")),
        ("an attribute", open("/sys/class/axirq/leds_gpio!regs/size")),
        ("a path", {
            let mut options = File::options();
            options.read(true).custom_flags(libc::O_PATH);
            options.open("/dev/null").unwrap().into()
        }),
        ("a pipe", pipe),
        ("a socket", socket.into()),
        (
            "an eventfd",
            EventFd::from_value_and_flags(1, EfdFlags::EFD_NONBLOCK)
                .unwrap()
                .into(),
        ),
        ("an epoll", Epoll::new(EpollCreateFlags::empty()).unwrap().0),
    ];
    for (what, file) in files {
        is_no_line(Interrupt::from_fd(file), what);
    }
    // What is a line is one, whoever opened it.
    let line = open(&format!("/dev/axirq/{EDGE}"));
    assert_eq!(Interrupt::from_fd(line).unwrap().pin(), EDGE);
}

fn cell_without_interrupt_says_so() {
    let (_rig, _demo) = Rig::with_demo();
    let error = AxiTimer::open("leds_gpio").unwrap_err();
    assert!(matches!(error, Error::NoInterrupt { .. }), "{error:?}");
}

fn cells_and_pins_are_listed() {
    let (_rig, _demo) = Rig::with_demo();
    let cells = list::cells().unwrap();
    let mut names: Vec<_> = cells.iter().map(|cell| cell.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "axi_intc_0",
            "axi_timer_0",
            "btns_gpio",
            "leds_gpio",
            "switches_gpio"
        ]
    );
    let pins = list::pins().unwrap();
    assert_eq!(pins.iter().filter(|pin| pin.is_raw()).count(), 8);
    let button = pins
        .iter()
        .find(|pin| pin.name() == "btns_gpio/ip2intc_irpt")
        .unwrap();
    assert_eq!(
        (button.controller.as_str(), button.hwirq),
        ("axi_intc_0", 0)
    );
    assert!(
        pins.iter()
            .any(|pin| pin.is_raw() && pin.is_same_line(button))
    );
}
