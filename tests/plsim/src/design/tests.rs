// SPDX-License-Identifier: MIT OR Apache-2.0
//! The shipped designs build; every kind of broken one is refused with its cure.

use super::*;

const DEMO: &str = include_str!("../../designs/demo.toml");

fn refused(text: &str) -> String {
    match parse(text, Intx::new(0)) {
        Ok(_) => panic!("this design was taken:\n{text}"),
        Err(error) => error.to_string(),
    }
}

/// A design of one INTC and what is added.
fn with(more: &str) -> String {
    format!(
        "window = 0x10000\n[[cell]]\nname = \"intc\"\ntype = \"axi_intc\"\noffset = 0\ninputs = 4\noutput = \"ps\"\n{more}"
    )
}

fn cell(kind: &str, offset: u32, keys: &str) -> String {
    format!("[[cell]]\nname = \"x\"\ntype = \"{kind}\"\noffset = {offset}\n{keys}\n")
}

#[test]
fn demo_builds_as_it_is_described() {
    let mut fabric = parse(DEMO, Intx::new(0)).unwrap();
    assert_eq!(fabric.window(), 0x10_0000);
    assert_eq!(
        fabric.cell_names(),
        [
            "axi_intc_0",
            "btns_gpio",
            "switches_gpio",
            "leds_gpio",
            "axi_timer_0",
            "axi_intc_1",
            "axi_intc_bare",
        ]
    );
    // Eight inputs, all eight enabled; the bare one lacks four registers.
    fabric.window_write(0x8, &u32::MAX.to_le_bytes());
    assert_eq!(fabric.peek("axi_intc_0").unwrap()["IER"], 0xff);
    let bare: Vec<String> = fabric.peek("axi_intc_bare").unwrap().into_keys().collect();
    assert_eq!(bare, ["IER", "ISR", "MER"]);
}

#[test]
fn design_adds_to_another() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("designs/tests.toml");
    let mut fabric = load(&tests, Intx::new(0)).unwrap();
    assert_eq!(fabric.window(), 0x10_0000);
    let demo = parse(DEMO, Intx::new(0)).unwrap().cell_names();
    let all = fabric.cell_names();
    assert_eq!(all[..demo.len()], demo);
    for cell in ["axi_dma_0", "axi_vdma_0", "iop_pmoda", "deep_intc_2"] {
        assert!(all.iter().any(|name| name == cell), "{cell}");
    }

    // Three controllers from the PS, where one input is masked and another is not.
    for (offset, enables) in [(0x20000, 1 << 31), (0x21000, 0b100), (0x22000, 0b1001)] {
        for (register, value) in [(0x1c, 3), (0x0c, u32::MAX), (0x08, enables)] {
            fabric.window_write(offset + register, &u32::to_le_bytes(value));
        }
    }
    fabric.pulse("deep_intc_2", 2).unwrap();
    assert_eq!(fabric.irq().level, 0);
    fabric.pulse("deep_intc_2", 3).unwrap();
    assert_eq!(fabric.peek("deep_intc_2").unwrap()["ISR"], 0b1100);
    assert_eq!(fabric.peek("deep_intc_1").unwrap()["IPR"], 0b100);
    assert_eq!(fabric.peek("deep_intc_0").unwrap()["IVR"], 31);
    assert_eq!(fabric.irq().level, 1);
}

#[test]
fn design_without_a_window_or_with_two_is_refused() {
    assert!(refused("").contains("`window`"));
    assert!(refused("adds-to = \"demo.toml\"").contains("`adds-to`"));
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let refused = |name: &str, text: &str| {
        fs::write(path(name), text).unwrap();
        load(&path(name), Intx::new(0)).err().unwrap().to_string()
    };
    fs::write(path("base.toml"), with("")).unwrap();
    let twice = refused("two.toml", "adds-to = 'base.toml'\nwindow = 0x1000");
    assert!(twice.contains("`window`"), "{twice}");
    fs::write(path("one.toml"), "adds-to = 'base.toml'").unwrap();
    assert!(load(&path("one.toml"), Intx::new(0)).is_ok());
    fs::write(path("deep.toml"), "adds-to = 'one.toml'").unwrap();
    assert!(load(&path("deep.toml"), Intx::new(0)).is_ok());
    let circle = refused("circle.toml", "adds-to = 'circle.toml'");
    assert!(circle.contains("`adds-to`"), "{circle}");
    let missing = refused("missing.toml", "adds-to = 'nobody.toml'");
    assert!(missing.contains("nobody.toml"), "{missing}");
}

#[test]
fn every_key_of_every_type_is_taken() {
    let text = "
        window = 0x10000
        [[cell]]
        name = 'intc'
        type = 'axi_intc'
        offset = 0
        size = 0x1000
        inputs = 20
        sw-inputs = 12
        kind-of-intr = 0xff
        kind-of-edge = 0
        kind-of-lvl = 0
        has-ipr = true
        has-sie = true
        has-cie = true
        has-ivr = true
        has-ilr = true
        has-fast = true
        irq-is-level = false
        irq-active-high = false
        isr-write = 'or'
        me-clear = 'drops'
        input-delay-us = 5
        [[cell]]
        name = 'gpio'
        type = 'axi_gpio'
        offset = 0x1000
        width = 4
        all-inputs = false
        all-outputs = false
        tri-default = 0xc
        dout-default = 0x3
        width2 = 8
        all-inputs-2 = true
        all-outputs-2 = false
        tri-default-2 = 0
        dout-default-2 = 0
        interrupt = ['intc', 19]
        [[cell]]
        name = 'timer'
        type = 'axi_timer'
        offset = 0x2000
        clock-hz = 1000
        width = 16
        one-timer-only = true
        interrupt = 'ps'
    ";
    let fabric = parse(text, Intx::new(0)).unwrap();
    let gpio = fabric.peek("gpio").unwrap();
    assert_eq!((gpio["GPIO_TRI"], gpio["GPIO_DATA"]), (0xc, 0x3));
    assert!(fabric.peek("intc").unwrap().contains_key("IVAR31"));
    assert!(!fabric.peek("timer").unwrap().contains_key("TCSR1"));
}

#[test]
fn text_that_is_no_design_is_refused() {
    assert!(refused("window = ").contains("no valid TOML"));
    assert!(refused("").contains("window"));
    assert!(refused("window = 0x100000\ncolour = 1").contains("colour"));
    assert!(refused("window = 0x10000").contains("add a [[cell]]"));
    assert!(
        refused("window = 5000\n[[cell]]\nname='x'\ntype='axi_gpio'\noffset=0\nwidth=1")
            .contains("power of two")
    );
    assert!(refused("window = -1").contains("no valid TOML"));
}

#[test]
fn cells_without_name_type_or_offset_are_counted_out() {
    for (key, text) in [
        ("name", "[[cell]]\ntype = \"axi_gpio\"\noffset = 0x1000"),
        ("type", "[[cell]]\nname = \"x\"\noffset = 0x1000"),
        ("offset", "[[cell]]\nname = \"x\"\ntype = \"axi_gpio\""),
    ] {
        let error = refused(&with(text));
        assert!(
            error.starts_with(&format!("cell number 2 has no `{key}`")),
            "{error}"
        );
    }
}

#[test]
fn wrong_values_are_named_with_the_cell() {
    for (kind, keys, says) in [
        (
            "axi_uart",
            "",
            "use axi_intc, axi_gpio, axi_timer, axi_dma, axi_vdma or microblaze",
        ),
        ("axi_gpio", "", "missing field `width`"),
        (
            "axi_gpio",
            "width = 4\nheight = 2",
            "unknown field `height`",
        ),
        ("axi_gpio", "width = 0", "1 to 32 bits wide"),
        ("axi_gpio", "width = 33", "1 to 32 bits wide"),
        ("axi_gpio", "width = 4\nwidth2 = 0", "`width2` is 0"),
        (
            "axi_gpio",
            "width = 4\nall-inputs = true\nall-outputs = true",
            "exclude each other",
        ),
        (
            "axi_gpio",
            "width = 4\nall-inputs-2 = true",
            "needs `width2`",
        ),
        ("axi_gpio", "width = \"four\"", "invalid type"),
        (
            "axi_gpio",
            "width = 4\ninterrupt = \"gic\"",
            "expected \"ps\" or an input",
        ),
        (
            "axi_gpio",
            "width = 4\ninterrupt = [\"intc\"]",
            "expected \"ps\" or an input",
        ),
        (
            "axi_gpio",
            "width = 4\ninterrupt = [\"intc\", 1, 2]",
            "expected \"ps\" or an input",
        ),
        (
            "axi_gpio",
            "width = 4\ninterrupt = 5",
            "expected \"ps\" or an input",
        ),
        ("axi_intc", "inputs = 0", "1 to 32 inputs"),
        ("axi_intc", "inputs = 33", "1 to 32 inputs"),
        ("axi_intc", "inputs = 20\nsw-inputs = 13", "1 to 32 inputs"),
        (
            "axi_intc",
            "inputs = 4294967295\nsw-inputs = 4294967295",
            "1 to 32 inputs",
        ),
        (
            "axi_intc",
            "inputs = 2\nisr-write = \"and\"",
            "unknown variant `and`",
        ),
        ("axi_timer", "", "missing field `clock-hz`"),
        ("axi_timer", "clock-hz = 0", "it can be 1 to 1000000000"),
        ("axi_timer", "clock-hz = 1\nwidth = 24", "8, 16 or 32"),
        (
            "axi_gpio",
            "width = 4\npins = { 4 = [\"intc\", 0] }",
            "names a bit `4`",
        ),
        (
            "axi_gpio",
            "width = 4\npins-2 = { 0 = [\"intc\", 0] }",
            "names a bit `0`",
        ),
        (
            "axi_gpio",
            "width = 4\npins = { one = \"ps\" }",
            "names a bit `one`",
        ),
        (
            "axi_dma",
            "include-sg = true",
            "scatter-gather is not modelled",
        ),
        ("axi_dma", "sg-length-width = 27", "it can be 8 to 26"),
        ("microblaze", "size = 0x8000", "need 0x10000"),
        ("axi_vdma", "num-fstores = 33", "it can be 1 to 32"),
        ("axi_vdma", "rate = 10001", "10000 frames a second"),
        (
            "axi_vdma",
            "addr-width = 40\nnum-fstores = 9",
            "it can be 1 to 8",
        ),
        ("axi_vdma", "camera-pixel = 0", "it can be 1 to 16"),
        ("axi_vdma", "camera-bytes = 70000", "it can be 1 to 65535"),
        ("microblaze", "latency-us = 0", "at least 1"),
        ("axi_dma", "addr-width = 31", "it can be 32 to 64"),
        ("axi_dma", "data-width = 48", "power of two"),
        (
            "axi_dma",
            "stream = \"loopback\"\nfifo-depth = 0",
            "nothing would ever go through",
        ),
    ] {
        let error = refused(&with(&cell(kind, 0x1000, keys)));
        assert!(error.contains(says), "{keys}: {error}");
        assert!(error.contains("`x`"), "{error}");
    }
}

#[test]
fn wrong_places_are_refused() {
    let gpio = |offset, keys: &str| with(&cell("axi_gpio", offset, &format!("width = 4\n{keys}")));
    assert!(
        refused(&gpio(0x800, ""))
            .contains("no multiple of its size 0x1000; the next that is: 0x1000")
    );
    assert!(refused(&gpio(0, "")).contains("overlaps"));
    assert!(
        refused(&gpio(0x800, "size = 0x800"))
            .contains("x at 0x800 overlaps intc, which ends at 0x1000")
    );
    assert!(refused(&gpio(0x1_0000, "")).contains("does not fit the window"));
    assert!(refused(&gpio(0xffff_f000, "")).contains("does not fit the window"));
    assert!(refused(&gpio(0x1000, "size = 0x300")).contains("power of two"));
    assert!(refused(&gpio(0x1000, "size = 0x100")).contains("at least 0x200"));
}

#[test]
fn wrong_names_are_refused() {
    let same = with("").replace("\"intc\"", "\"x\"") + &cell("axi_gpio", 0x1000, "width = 4");
    assert!(refused(&same).contains("two cells are named `x`"));
    for name in ["", "a b", "naïve"] {
        let text = with("").replace("\"intc\"", &format!("\"{name}\""));
        assert!(refused(&text).contains("no name for a cell"));
    }
}

#[test]
fn wrong_wiring_is_refused() {
    let gpio = |to: &str| {
        with(&cell(
            "axi_gpio",
            0x1000,
            &format!("width = 4\ninterrupt = {to}"),
        ))
    };
    assert!(refused(&gpio("[\"axi\", 0]")).contains("there are: intc, x"));
    assert!(refused(&gpio("[\"intc\", 4]")).contains("wired to input 4 of intc, which has 4"));
    assert!(refused(&gpio("[\"x\", 0]")).contains("which has 0"));
    let twice = gpio("[\"intc\", 1]")
        + &cell(
            "axi_timer",
            0x2000,
            "clock-hz = 1\ninterrupt = [\"intc\", 1]",
        )
        .replace("\"x\"", "\"y\"");
    assert!(refused(&twice).contains("input 1 of intc is driven by both x and y"));
    assert!(refused(&with("irq-active-high = false")).contains("active high"));
}

#[test]
fn circles_are_refused_with_their_path() {
    let two = "
        window = 0x10000
        [[cell]]
        name = 'a'
        type = 'axi_intc'
        offset = 0
        inputs = 2
        output = ['b', 0]
        [[cell]]
        name = 'b'
        type = 'axi_intc'
        offset = 0x1000
        inputs = 2
        output = ['a', 1]
    ";
    assert!(refused(two).contains("a -> b -> a"));
    let own = two.replace("['b', 0]", "['a', 0]");
    assert!(refused(&own).contains("a -> a"));
}

#[test]
fn data_mover_s_keys_reach_the_model() {
    let text = with(
        "[[cell]]
        name = 'dma'
        type = 'axi_dma'
        offset = 0x1000
        size = 0x1000
        include-mm2s = false
        include-s2mm = true
        include-sg = false
        sg-length-width = 14
        addr-width = 40
        data-width = 64
        include-dre = true
        stream = 'open'
        rate = 1000
        mm2s-introut = ['intc', 0]
        s2mm-introut = ['intc', 1]
        [[cell]]
        name = 'vdma'
        type = 'axi_vdma'
        offset = 0x3000
        size = 0x1000
        include-mm2s = false
        include-s2mm = true
        num-fstores = 2
        addr-width = 64
        data-width = 128
        include-dre = true
        frame-counter = false
        enable-vert-flip = true
        camera-bytes = 32
        camera-lines = 4
        camera-pixel = 4
        rate = 25
        mm2s-introut = ['intc', 2]
        s2mm-introut = ['intc', 3]
        [[cell]]
        name = 'mb'
        type = 'microblaze'
        offset = 0x10000
        size = 0x10000
        ddr-base = 0x20000000
        latency-us = 5
        [[cell]]
        name = 'loop'
        type = 'axi_dma'
        offset = 0x2000
        size = 0x1000
        stream = 'loopback'
        fifo-depth = 64
        ",
    );
    let text = text.replace("window = 0x10000", "window = 0x100000");
    let fabric = parse(&text, Intx::new(0)).unwrap();
    let registers: Vec<String> = fabric.peek("dma").unwrap().into_keys().collect();
    let s2mm = ["DA", "DA_MSB", "DMACR", "DMASR", "LENGTH"];
    assert_eq!(registers, s2mm.map(|name| format!("S2MM_{name}")));
    assert!(fabric.sink("dma").is_ok());
    let stores = |name: &String| name.starts_with("S2MM_START_ADDRESS");
    let registers: Vec<String> = fabric.peek("vdma").unwrap().into_keys().collect();
    assert_eq!(registers.iter().filter(|name| stores(name)).count(), 4);
    assert!(registers.contains(&"ENABLE_VERTICAL_FLIP".to_owned()));
    assert!(!registers.contains(&"MM2S_VSIZE".to_owned()));
    let camera = fabric.camera("vdma").unwrap();
    assert_eq!((camera.bytes, camera.lines), (32, 4));
    assert!(fabric.processor("mb").is_ok());
    let told = fabric.design();
    let pins: Vec<&str> = told[1].outputs.iter().map(|pin| pin.pin.as_str()).collect();
    assert_eq!(pins, ["mm2s_introut", "s2mm_introut"]);
    assert_eq!(told[1].kind, "axi_dma");
    assert!(told[2].outputs.is_empty());
    let refused = fabric.sink("loop").unwrap_err().to_string();
    assert!(refused.contains("loops its stream back"), "{refused}");
    let refused = fabric.source("intc").unwrap_err().to_string();
    assert!(refused.contains("name one of: dma, loop"), "{refused}");
}

#[test]
fn missing_file_is_named() {
    let error = load(Path::new("/no/such/design.toml"), Intx::new(0))
        .map(|_| ())
        .unwrap_err();
    assert!(error.to_string().contains("/no/such/design.toml"));
}
