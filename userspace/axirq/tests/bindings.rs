// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checked-in bindings are those of the module's header, ioctl numbers included.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

#[test]
fn bindings_are_fresh() {
    if let Err(error) = Command::new("bindgen").arg("--version").output() {
        assert_ne!(
            error.kind(),
            ErrorKind::NotFound,
            "this test needs bindgen: apt install bindgen"
        );
        panic!("bindgen does not run: {error}");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bindgen.sh");
    let output = Command::new(script).arg("--check").output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
