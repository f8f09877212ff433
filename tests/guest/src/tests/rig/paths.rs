// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waiting for files to appear, woken by the file system.

use std::os::fd::AsFd;
use std::path::Path;
use std::path::PathBuf;
use std::time::Instant;

use nix::poll::PollFd;
use nix::poll::PollFlags;
use nix::poll::PollTimeout;
use nix::poll::poll;
use nix::sys::inotify::AddWatchFlags;
use nix::sys::inotify::InitFlags;
use nix::sys::inotify::Inotify;

use super::PATIENCE;

/// The device file of a pin or window.
pub fn node(name: &str) -> PathBuf {
    Path::new("/dev/axirq").join(name)
}

pub fn wait_for_node(name: &str) {
    wait_for(&node(name));
}

pub fn wait_for(path: &Path) {
    let deadline = Instant::now() + PATIENCE;
    while !path.exists() {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).unwrap();
        let interest =
            AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_DELETE_SELF;
        let folder = deepest_existing(path);
        let watched = inotify.add_watch(folder, interest).is_ok();
        // First watch, then look: what appeared in between is seen either way.
        if !watched || path.exists() || deepest_existing(path) != folder {
            continue;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(
            !left.is_zero(),
            "waited {PATIENCE:?} for {}",
            path.display()
        );
        let mut fds = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap();
    }
}

fn deepest_existing(path: &Path) -> &Path {
    path.ancestors()
        .skip(1)
        .find(|folder| folder.is_dir())
        .unwrap_or(Path::new("/"))
}
