// SPDX-License-Identifier: MIT OR Apache-2.0
//! Memory of the kernel's that nothing points to any more, on a kernel that looks for it (`DEBUG_KMEMLEAK`).

use std::time::Duration;

use crate::error::Result;
use crate::guest::{Command, Guest};

/// A scan reads all memory, on an emulated machine.
const SCANS: Duration = Duration::from_secs(300);

/// An object counts as leaked if two scans found no pointer to it and it is five seconds old: the kernel's rules.
const LOOK: &str = "file=/sys/kernel/debug/kmemleak
[ -e $file ] || exit 0
echo scan >$file && sleep 5 && echo scan >$file && cat $file && echo clear >$file";

const HEADING: &str = "unreferenced object";

/// Calls that leak by themselves. gpiolib's character device forgets what it allocated for a line that is still held when
/// its chip goes, as the tests of the kernel's consumers have it.
const BENIGN: &[&str] = &["gpiod_request_commit+", "edge_detector_setup+"];

/// What the kernel leaked since it was last asked, one text an object, with the calls that allocated it. Empty on a
/// kernel that does not look.
pub fn find(guest: &Guest) -> Result<Vec<String>> {
    let report = guest.check(Command::new(["sh", "-c", LOOK], SCANS))?;
    Ok(objects(&report)
        .into_iter()
        .filter(|object| !BENIGN.iter().any(|call| object.contains(call)))
        .collect())
}

fn objects(report: &str) -> Vec<String> {
    let mut objects: Vec<String> = Vec::new();
    for line in report.lines() {
        if line.starts_with(HEADING) {
            objects.push(String::new());
        }
        if let Some(object) = objects.last_mut() {
            object.push_str(line);
            object.push('\n');
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_apart() {
        let report = "unreferenced object 0xffff000001 (size 64):\n  comm \"sh\", pid 1\n    [<0>] kmalloc\n\
                      unreferenced object 0xffff000002 (size 8):\n  comm \"sh\", pid 2\n";
        assert_eq!(
            objects(report),
            [
                "unreferenced object 0xffff000001 (size 64):\n  comm \"sh\", pid 1\n    [<0>] kmalloc\n",
                "unreferenced object 0xffff000002 (size 8):\n  comm \"sh\", pid 2\n",
            ]
        );
        assert_eq!(objects(""), [""; 0]);
    }
}
