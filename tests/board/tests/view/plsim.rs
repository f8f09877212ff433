// SPDX-License-Identifier: MIT OR Apache-2.0
//! The real simulator, and a CPU's hand on its registers.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use plsim::client::Client;

use crate::PATIENCE;

pub const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plsim/designs/demo.toml");
const BAR0: u32 = 0;

/// The simulator's program, which the workspace's build puts beside the runner's.
pub fn program() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_board")).with_file_name("plsim");
    assert!(path.exists(), "build it first: cargo build -p plsim");
    path
}

/// A running board's folder, in a folder for temporary files of its own: only the simulator is there.
pub struct Plsim {
    temporary: tempfile::TempDir,
    child: Child,
}

impl Plsim {
    pub fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("board-test");
        std::fs::create_dir(&folder).unwrap();
        let mut child = Command::new(program())
            .args(["serve", "--keep", "--design", DEMO, "--socket"])
            .arg(folder.join("pl.sock"))
            .arg("--control")
            .arg(folder.join("control.sock"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "plsim: ready\n");
        Self { temporary, child }
    }

    pub fn temporary(&self) -> &Path {
        self.temporary.path()
    }

    pub fn control(&self) -> PathBuf {
        self.temporary().join("board-test/control.sock")
    }

    pub fn client(&self) -> Client<UnixStream> {
        let client = Client::connect(self.control()).unwrap();
        client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
        client
    }

    pub fn cpu(&self) -> Cpu {
        let socket = self.temporary().join("board-test/pl.sock");
        Cpu(vfio_user::Client::new(&socket).unwrap())
    }

    pub fn end(&mut self) {
        // Already ended, if the test has done so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Plsim {
    fn drop(&mut self) {
        self.end();
    }
}

pub struct Cpu(vfio_user::Client);

impl Cpu {
    /// Writes a register, by its offset in the window.
    pub fn writes(&mut self, offset: u64, value: u32) {
        self.0
            .region_write(BAR0, offset, &value.to_le_bytes())
            .unwrap();
    }
}
