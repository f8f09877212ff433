// SPDX-License-Identifier: MIT OR Apache-2.0
//! Finds the boards that run on this machine by the folders of their runs.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::process::{CONTROL_SOCKET, FOLDER_PREFIX};

/// The control socket of the one board that runs.
pub fn the_board() -> Result<PathBuf> {
    the_board_in(&std::env::temp_dir())
}

fn the_board_in(folder: &Path) -> Result<PathBuf> {
    let mut running = running(folder)?;
    match (running.pop(), running.is_empty()) {
        (Some(board), true) => Ok(board),
        (None, _) => Err(Error::NoBoard(folder.into())),
        (Some(last), false) => {
            running.push(last);
            Err(Error::ManyBoards(running))
        }
    }
}

/// The control sockets at which somebody answers.
fn running(folder: &Path) -> Result<Vec<PathBuf>> {
    let what = || format!("look for boards in {}", folder.display());
    // Not other people's: what they call a board may be anything.
    let own = Path::new("/proc/self").metadata().context(what)?.uid();
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .context(what)?
        .filter_map(|entry| entry.ok())
        .filter(|entry| {
            entry
                .file_name()
                .to_string_lossy()
                .starts_with(FOLDER_PREFIX)
        })
        .filter(|entry| {
            entry
                .metadata()
                .is_ok_and(|data| data.is_dir() && data.uid() == own)
        })
        .map(|entry| entry.path().join(CONTROL_SOCKET))
        // The folder of a run that was killed outlives it, and so does the socket in it.
        .filter(|control| UnixStream::connect(control).is_ok())
        .collect();
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn board(&self, name: &str) -> (PathBuf, UnixListener) {
            let folder = self.0.path().join(format!("{FOLDER_PREFIX}{name}"));
            fs::create_dir(&folder).unwrap();
            let control = folder.join(CONTROL_SOCKET);
            let listener = UnixListener::bind(&control).unwrap();
            (control, listener)
        }

        fn look(&self) -> Result<PathBuf> {
            the_board_in(self.0.path())
        }
    }

    #[test]
    fn board_that_runs_is_found_among_what_others_left() {
        let machine = Machine::new();
        drop(machine.board("killed"));
        fs::create_dir(machine.0.path().join(format!("{FOLDER_PREFIX}empty"))).unwrap();
        fs::write(machine.0.path().join(format!("{FOLDER_PREFIX}file")), "").unwrap();
        let (control, _listener) = machine.board("runs");
        assert_eq!(machine.look().unwrap(), control);
    }

    #[test]
    fn no_board_names_the_way_to_one() {
        let machine = Machine::new();
        let error = machine.look().unwrap_err().to_string();
        assert!(
            error.contains("no board runs") && error.contains("make board"),
            "{error}"
        );
    }

    #[test]
    fn several_boards_are_listed_to_choose_from() {
        let machine = Machine::new();
        let boards = [machine.board("a"), machine.board("b")];
        let error = machine.look().unwrap_err().to_string();
        for (control, _) in &boards {
            assert!(error.contains(control.to_str().unwrap()), "{error}");
        }
        assert!(error.contains("--control"), "{error}");
    }
}
