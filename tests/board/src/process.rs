// SPDX-License-Identifier: MIT OR Apache-2.0
//! A helper process that does not outlive the runner, whatever happens to that.

use std::fs::File;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;

use crate::error::{Context, Error, Result};

/// How the folder of a run begins, in the folder for temporary files.
pub const FOLDER_PREFIX: &str = "board-";
/// What plsim's control socket is called in there.
pub const CONTROL_SOCKET: &str = "control.sock";

/// How much of a log is quoted.
const LAST_LINES: usize = 12;

/// A running helper; dropping it kills it.
pub struct Helper {
    child: Child,
}

impl Helper {
    /// Starts a helper with pipes to its standard input and output; its standard error goes to a file.
    ///
    /// The kernel kills it when the calling *thread* ends: start helpers from the main one.
    pub fn start(
        mut command: Command,
        stderr: &Path,
        cure: &'static str,
    ) -> Result<(Self, ChildStdin, ChildStdout)> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(stderr)
            .context(|| format!("write {}", stderr.display()))?;
        let runner = std::process::id();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // A terminal's Ctrl-C is for the runner, which then ends everybody in order.
            .process_group(0);
        let tie_to_runner = move || {
            set_pdeathsig(Signal::SIGKILL)?;
            // If the runner died before that took effect, nobody else will tell.
            if parent_id() == runner {
                Ok(())
            } else {
                Err(Errno::ESRCH.into())
            }
        };
        // SAFETY: between fork and exec only async-signal-safe calls are allowed: prctl() and getppid() are plain
        // system calls, and neither path allocates (an errno becomes an `io::Error` without a box).
        unsafe { command.pre_exec(tie_to_runner) };
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command.spawn().map_err(|source| Error::Start {
            program,
            source,
            cure,
        })?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let helper = Self { child };
        match (stdin, stdout) {
            (Some(stdin), Some(stdout)) => Ok((helper, stdin, stdout)),
            _ => unreachable!("both were asked for as pipes"),
        }
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        // Neither fails but for a child that is gone already. Helpers have nothing to save, so no need to ask nicely.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a log, for an error message.
pub fn last_lines(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

/// The folder of one run: sockets, images, logs. Removed with its owner, but for the logs of a failed run.
pub struct Workspace {
    folder: tempfile::TempDir,
    logs: PathBuf,
}

impl Workspace {
    /// Logs go to `logs`, or else to a folder inside.
    pub fn create(logs: Option<&Path>) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix(FOLDER_PREFIX)
            .tempdir()
            .context(|| format!("make a folder in {}", std::env::temp_dir().display()))?;
        let logs = logs.map_or_else(|| folder.path().join("logs"), Path::to_path_buf);
        std::fs::create_dir_all(&logs).context(|| format!("make the folder {}", logs.display()))?;
        Ok(Self { folder, logs })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.logs.join(name)
    }

    /// Where the logs stay when all else is removed; they go on existing.
    pub fn keep_logs(self) -> PathBuf {
        if !self.logs.starts_with(self.folder.path()) {
            return self.logs;
        }
        let kept = self.folder.keep();
        // Everything but the logs goes; what cannot be removed does no harm.
        for entry in std::fs::read_dir(&kept).into_iter().flatten().flatten() {
            if entry.path() != self.logs {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        self.logs
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn dropped_helper_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (helper, _stdin, mut stdout) = Helper::start(
            Command::new("cat"),
            &folder.path().join("log"),
            "install coreutils",
        )
        .unwrap();
        drop(helper);
        // The pipe's other end is closed: nobody holds it any more. (`_stdin` still open, so it was no normal end.)
        assert_eq!(stdout.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn missing_program_names_its_cure() {
        let folder = tempfile::tempdir().unwrap();
        let started = Helper::start(
            Command::new("/nonexistent/qemu"),
            &folder.path().join("log"),
            "install QEMU",
        );
        let error = started.err().unwrap().to_string();
        assert!(
            error.contains("/nonexistent/qemu") && error.contains("install QEMU"),
            "{error}"
        );
    }

    #[test]
    fn kept_logs_are_all_that_is_left() {
        let workspace = Workspace::create(None).unwrap();
        let folder = workspace.folder().to_path_buf();
        std::fs::write(workspace.path("initramfs"), "big").unwrap();
        std::fs::write(workspace.log("console"), "Oops").unwrap();
        let logs = workspace.keep_logs();
        assert_eq!(
            std::fs::read_to_string(logs.join("console")).unwrap(),
            "Oops"
        );
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn workspace_goes_with_its_owner() {
        let workspace = Workspace::create(None).unwrap();
        let folder = workspace.folder().to_path_buf();
        drop(workspace);
        assert!(!folder.exists());
    }
}
