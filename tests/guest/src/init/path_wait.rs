// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for a path to appear, woken by the file system.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use board::protocol::Id;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use crate::{Context, Error};

pub struct PathWait {
    id: Id,
    path: PathBuf,
    deadline: Instant,
    inotify: Inotify,
}

impl PathWait {
    pub fn start(id: Id, path: PathBuf, timeout: Duration) -> Result<Self, Error> {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .context(|| "cannot make an inotify".into())?;
        Ok(Self {
            id,
            path,
            deadline: Instant::now() + timeout,
            inotify,
        })
    }

    pub fn id(&self) -> Id {
        self.id
    }

    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Does the path exist? No answer while it does not and there is time left.
    pub fn look(&mut self, now: Instant) -> Option<bool> {
        while self
            .inotify
            .read_events()
            .is_ok_and(|events| !events.is_empty())
        {}
        // First watch, then look: what appears in between is seen either way. Folders on the way may appear one
        // by one, so the deepest existing one is watched; watching it again changes nothing.
        while let Some(folder) = deepest_existing(&self.path) {
            let interest = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
            let watched = self.inotify.add_watch(folder, interest).is_ok();
            if deepest_existing(&self.path) == Some(folder) && watched {
                break;
            }
        }
        if self.path.exists() {
            Some(true)
        } else if self.deadline <= now {
            Some(false)
        } else {
            None
        }
    }
}

impl AsFd for PathWait {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn deepest_existing(path: &Path) -> Option<&Path> {
    path.ancestors().skip(1).find(|folder| folder.is_dir())
}
