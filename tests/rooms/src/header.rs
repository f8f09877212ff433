// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the C compiler makes of `kmod/uapi/axirq.h`: the ABI as users of C see it.

use std::fs;
use std::process::Command;

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../kmod/uapi");

/// The values of constant expressions.
pub fn evaluate<const N: usize>(expressions: [&str; N]) -> [u64; N] {
    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("ask.c"), folder.path().join("ask"));
    let prints = expressions
        .map(|expression| format!("printf(\"%llu\\n\", (unsigned long long)({expression}));\n"))
        .concat();
    let text = format!(
        "#include <errno.h>\n#include <stddef.h>\n#include <stdio.h>\n#include \"axirq.h\"\nint main(void) {{\n{prints}return 0;\n}}\n"
    );
    fs::write(&source, text).unwrap();
    let compiled = Command::new("cc")
        .args(["-Wall", "-Werror", "-I", FOLDER, "-o"])
        .args([&program, &source])
        .status()
        .expect("a C compiler");
    assert!(compiled.success());
    let output = Command::new(&program).output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    let mut answers = answers.lines().map(|line| line.parse().unwrap());
    expressions.map(|expression| {
        answers
            .next()
            .unwrap_or_else(|| panic!("no value of {expression}"))
    })
}
