// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which driver of the kernel binds which platform device, as a user decides it: through sysfs.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use super::paths;

const BUS: &str = "/sys/bus/platform";

pub fn bind(driver: &str, device: &str) -> io::Result<()> {
    fs::write(format!("{BUS}/drivers/{driver}/bind"), device)
}

pub fn unbind(driver: &str, device: &str) {
    let path = format!("{BUS}/drivers/{driver}/unbind");
    fs::write(&path, device).unwrap_or_else(|error| panic!("{device} > {path}: {error}"));
}

/// The driver of a device, if it has one.
pub fn driver_of(device: &str) -> Option<String> {
    let link = fs::read_link(device_folder(device).join("driver")).ok()?;
    Some(link.file_name()?.to_str()?.to_owned())
}

/// Gives a device to this driver and no other.
pub fn hand_over(device: &str, driver: &str) -> io::Result<()> {
    let folder = device_folder(device);
    paths::wait_for(&folder);
    fs::write(folder.join("driver_override"), driver).unwrap();
    if let Some(before) = driver_of(device) {
        unbind(&before, device);
    }
    bind(driver, device)
}

/// What a platform device's one child of this kind is called, such as `uio0` or `gpiochip512`.
pub fn child(device: &str, folder: &str, prefix: &str) -> String {
    let folder = device_folder(device).join(folder);
    fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .find(|name| name.starts_with(prefix))
        .unwrap_or_else(|| panic!("no {prefix}* in {}", folder.display()))
}

fn device_folder(device: &str) -> PathBuf {
    Path::new(BUS).join("devices").join(device)
}
