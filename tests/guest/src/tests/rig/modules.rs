// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel modules under test.

use std::ffi::CStr;
use std::ffi::CString;
use std::fs;
use std::fs::File;
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::DeleteModuleFlags;
use nix::kmod::ModuleInitFlags;
use nix::kmod::delete_module;
use nix::kmod::finit_module;

use super::overlay;

/// Where the board keeps them.
const FOLDER: &str = "/lib/axirq";

/// IP cores of the vendor's that the tests' overlays hold.
const OF_ID: &str = "xlnx,xps-gpio-1.00.a:xlnx,xps-timer-1.00.a";

/// Loads what is not loaded. A kernel that can apply overlays itself needs no module for it.
pub fn load() {
    if !Path::new(overlay::FOLDER).exists() {
        insert("axirq_overlay", c"");
    }
    if !is_loaded() {
        insert("axirq", &CString::new(format!("of_id={OF_ID}")).unwrap());
    } else if fs::read_to_string("/sys/module/axirq/parameters/of_id")
        .unwrap()
        .trim_end()
        != OF_ID
    {
        unload().expect("to load axirq with other parameters nobody may use it");
        load();
    }
}

/// Unloads the driver; the overlays' module stays.
pub fn unload() -> nix::Result<()> {
    // Without waiting for users: `EWOULDBLOCK` if there are some.
    delete_module(c"axirq", DeleteModuleFlags::O_NONBLOCK)
}

pub fn is_loaded() -> bool {
    Path::new("/sys/module/axirq").exists()
}

/// A module of the kernel's own, unloaded when dropped.
pub struct Extra(CString);

impl Extra {
    /// Loads one of those that the board was given beside ours. Ends the test if it has none.
    pub fn load(file: &str, parameters: &CStr) -> Self {
        if !Path::new(&format!("{FOLDER}/extra/{file}.ko")).exists() {
            super::skip(&format!("needs a kernel with {file}.ko"));
        }
        insert(&format!("extra/{file}"), parameters);
        Self(CString::new(file.replace('-', "_")).unwrap())
    }
}

impl Drop for Extra {
    fn drop(&mut self) {
        let unloaded = delete_module(&self.0, DeleteModuleFlags::O_NONBLOCK);
        if !std::thread::panicking() {
            unloaded.unwrap_or_else(|error| panic!("rmmod {:?}: {error}", self.0));
        }
    }
}

fn insert(name: &str, parameters: &CStr) {
    let path = format!("{FOLDER}/{name}.ko");
    let file = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    match finit_module(&file, parameters, ModuleInitFlags::empty()) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(error) => panic!("cannot load {path}: {error}"),
    }
}
