// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel module.

use super::Examination;

pub fn check(examination: &mut Examination<'_>) {
    if !examination.root.join("sys/module/axirq").exists() {
        examination.problem(
            "the kernel module axirq is not loaded",
            "modprobe axirq (or insmod axirq.ko)",
        );
        return;
    }
    let of_id = examination.read("sys/module/axirq/parameters/of_id");
    let also = match of_id.trim_end() {
        "" => String::new(),
        of_id => format!("; it binds {}, too", of_id.replace(':', ", ")),
    };
    examination.ok(format!("axirq is loaded{also}"));
}
