// SPDX-License-Identifier: MIT OR Apache-2.0
//! A forked child, for what must not happen to the test itself.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::sys::wait::WaitStatus;
use nix::sys::wait::waitpid;
use nix::unistd::ForkResult;
use nix::unistd::Pid;
use nix::unistd::fork;

use super::PATIENCE;

/// A running child; killed, if it still runs, when this is dropped.
pub struct Child {
    pid: Pid,
    channel: UnixStream,
    ended: bool,
}

/// The child's way to speak with its parent.
pub struct Parent(UnixStream);

impl Child {
    /// Runs `body` in a child, which exits with what it returns. Only while the process has no other thread.
    pub fn start(body: impl FnOnce(&mut Parent) -> i32) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        // SAFETY: No other thread exists that could hold a lock at this moment.
        match unsafe { fork() }.unwrap() {
            ForkResult::Child => {
                drop(ours);
                // Neither the parent's destructors nor its exit handlers are the child's to run.
                let code =
                    catch_unwind(AssertUnwindSafe(|| body(&mut Parent(theirs)))).unwrap_or(101);
                // SAFETY: Ends the process.
                unsafe { libc::_exit(code) }
            }
            ForkResult::Parent { child } => {
                ours.set_read_timeout(Some(PATIENCE)).unwrap();
                Self {
                    pid: child,
                    channel: ours,
                    ended: false,
                }
            }
        }
    }

    /// Waits until the child says so.
    pub fn wait_until_ready(&mut self) {
        self.channel
            .read_exact(&mut [0])
            .expect("a child that gets ready");
    }

    /// Whether it has said so by now.
    pub fn is_ready(&mut self) -> bool {
        self.channel.set_nonblocking(true).unwrap();
        let ready = self.channel.read(&mut [0]);
        self.channel.set_nonblocking(false).unwrap();
        match ready {
            Ok(1) => true,
            Ok(_) => panic!("the child ended before it was ready"),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                false
            }
        }
    }

    pub fn go_on(&mut self) {
        self.channel.write_all(&[0]).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        kill(self.pid, signal).unwrap();
    }

    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// How it ended; its end of the channel closes with it, which bounds the wait.
    pub fn end(mut self) -> WaitStatus {
        let rest = self.channel.read(&mut [0]).expect("a child that ends");
        assert_eq!(rest, 0, "the child has more to say");
        self.ended = true;
        waitpid(self.pid, None).unwrap()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.ended {
            // It may just have ended by itself.
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

impl Parent {
    pub fn ready(&mut self) {
        self.0.write_all(&[0]).unwrap();
    }

    pub fn wait_for_go(&mut self) {
        self.0.read_exact(&mut [0]).unwrap();
    }
}
