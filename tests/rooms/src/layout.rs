// SPDX-License-Identifier: MIT OR Apache-2.0
//! The ABI is one for programs of 32 and 64 bits, under a kernel of either.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::header::{evaluate, FOLDER};

/// All that a program compiles into itself.
const ABI: [&str; 30] = [
    "sizeof(struct axirq_event)",
    "_Alignof(struct axirq_event)",
    "offsetof(struct axirq_event, count)",
    "offsetof(struct axirq_event, sequence)",
    "offsetof(struct axirq_event, timestamp_ns)",
    "sizeof(struct axirq_page)",
    "_Alignof(struct axirq_page)",
    "offsetof(struct axirq_page, generation)",
    "offsetof(struct axirq_page, sequence)",
    "offsetof(struct axirq_page, timestamp_ns)",
    "offsetof(struct axirq_page, state)",
    "offsetof(struct axirq_page, reserved)",
    "AXIRQ_IOC_ARM",
    "AXIRQ_IOC_DISARM",
    "AXIRQ_IOC_SET_MODE",
    "sizeof(struct axirq_step)",
    "offsetof(struct axirq_step, offset)",
    "offsetof(struct axirq_step, value)",
    "offsetof(struct axirq_step, mask)",
    "offsetof(struct axirq_step, done)",
    "sizeof(struct axirq_stop)",
    "offsetof(struct axirq_stop, reserved)",
    "offsetof(struct axirq_stop, steps)",
    "sizeof(struct axirq_memory)",
    "offsetof(struct axirq_memory, size)",
    "offsetof(struct axirq_memory, address)",
    "offsetof(struct axirq_memory, offset)",
    "AXIRQ_IOC_SET_STOP",
    "AXIRQ_IOC_ALLOC",
    "AXIRQ_IOC_FREE",
];

/// The last one aligns 64-bit integers to 32 bits, where no more is asked for.
const COMPILERS: [&[&str]; 3] = [
    &["aarch64-linux-gnu-gcc-14"],
    &["arm-linux-gnueabihf-gcc-14"],
    &["cc", "-m32"],
];

#[test]
fn every_compiler_sees_the_same_abi() {
    let values = evaluate(ABI);
    let mut asserts = String::new();
    for (expression, value) in ABI.iter().zip(values) {
        writeln!(
            asserts,
            "_Static_assert(({expression}) == {value}ULL, \"{expression}\");"
        )
        .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("abi.c");
    for compiler in COMPILERS {
        let compiles = |text: &str| {
            fs::write(&source, text).unwrap();
            let output = Command::new(compiler[0])
                .args(&compiler[1..])
                .args(["-fsyntax-only", "-I", FOLDER])
                .arg(&source)
                .output()
                .expect(compiler[0]);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.success(), said)
        };
        let (same, said) = compiles(&format!(
            "#include <stddef.h>\n#include \"axirq.h\"\n{asserts}"
        ));
        assert!(same, "{compiler:?}: {said}");
        // It would have said.
        let (same, said) = compiles(&format!(
            "#include \"axirq.h\"\n_Static_assert(sizeof(struct axirq_event) == {}, \"\");\n",
            values[0] + 1
        ));
        assert!(
            !same && said.contains("assertion failed"),
            "{compiler:?}: {said}"
        );
    }
}
