// SPDX-License-Identifier: MIT OR Apache-2.0
//! `plsim serve`: two sockets in, a running fabric behind them, nothing left behind at the end.

use std::fs;
use std::io;
use std::io::ErrorKind;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::sys::signal::Signal;
use thiserror::Error;

use crate::Nanos;
use crate::control;
use crate::control::Vanish;
use crate::design;
use crate::design::DesignError;
use crate::intx::Intx;
use crate::sim::Sim;
use crate::vfio;
use crate::vfio::Device;

/// What to serve, and where.
pub struct Options {
    pub design: PathBuf,
    pub socket: PathBuf,
    pub control: PathBuf,
    /// How long the output must stay high after an UNMASK to fire again.
    pub refire: Duration,
    /// Accept the next QEMU when one has left.
    pub keep: bool,
}

/// Why the simulator does not run.
#[derive(Debug, Error)]
pub enum Error {
    #[error("{path}: {source}")]
    Design { path: PathBuf, source: DesignError },
    #[error("--socket and --control are both {0}; give each a path of its own")]
    SamePath(PathBuf),
    #[error("{0} is in use by a running process; stop that one, or choose another path")]
    InUse(PathBuf),
    #[error("{0} exists and is no socket; choose another path")]
    NotASocket(PathBuf),
    #[error(
        "cannot listen on {path}: {source}; the folder must exist and be writable, the path at most 107 bytes"
    )]
    Listen { path: PathBuf, source: io::Error },
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
    #[error("cannot wait for signals: {0}")]
    Signal(#[source] nix::Error),
    #[error("cannot say that it is ready: {0}")]
    Ready(#[source] io::Error),
    #[error(transparent)]
    Vfio(#[from] vfio::Failed),
    #[error("the vfio-user side broke down; what was printed above says why")]
    Panicked,
}

/// A listening socket's place in the file system, given back in the end.
struct Place(PathBuf);

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Runs until QEMU leaves (or for ever with `keep`), or until SIGTERM or SIGINT.
pub fn run(options: &Options) -> Result<(), Error> {
    // Before any thread starts, so that every thread inherits the mask and only the one below gets the signals.
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    signals.add(Signal::SIGINT);
    signals.thread_block().map_err(Error::Signal)?;

    if options.socket == options.control {
        return Err(Error::SamePath(options.socket.clone()));
    }
    let settle = Nanos::try_from(options.refire.as_nanos()).unwrap_or(Nanos::MAX);
    let fabric = design::load(&options.design, Intx::new(settle)).map_err(|source| {
        let path = options.design.clone();
        Error::Design { path, source }
    })?;
    let (device, _socket) = listen(&options.socket)?;
    let (clients, _control) = listen(&options.control)?;
    let sim = Sim::start(fabric).map_err(Error::Thread)?;

    let (ended, end) = mpsc::channel();
    let vanished = Arc::new(AtomicBool::new(false));
    start_signals(signals, ended.clone())?;
    start_control(
        clients,
        &sim,
        vanish(options.socket.clone(), Arc::clone(&vanished)),
    )?;
    let device = Device::new(device, sim);
    start_device(device, options.keep, vanished, ended)?;
    let mut out = io::stdout();
    writeln!(out, "plsim: ready")
        .and_then(|()| out.flush())
        .map_err(Error::Ready)?;
    // The signals' thread holds a sender too, so a device thread that panicked says so itself.
    end.recv().unwrap_or(Err(Error::Panicked))
}

/// Listens on a path, in place of a socket that nobody listens on any more.
fn listen(path: &Path) -> Result<(UnixListener, Place), Error> {
    let failed = |source| Error::Listen {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(Error::NotASocket(path.to_owned()));
        }
        // A datagram socket cannot connect to a stream one, but learns whether there is any: a real connection would
        // be taken for a QEMU.
        Ok(_) => match UnixDatagram::unbound().and_then(|probe| probe.connect(path)) {
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                fs::remove_file(path).map_err(failed)?;
            }
            Err(error) if error.raw_os_error() != Some(Errno::EPROTOTYPE as i32) => {
                return Err(failed(error));
            }
            _ => return Err(Error::InUse(path.to_owned())),
        },
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    Ok((listener, Place(path.to_owned())))
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let builder = thread::Builder::new().name(name.to_owned());
    builder.spawn(body).map_err(Error::Thread)?;
    Ok(())
}

fn start_signals(signals: SigSet, ended: Sender<Result<(), Error>>) -> Result<(), Error> {
    spawn("signals", move || {
        let caught = signals.wait().map(drop).map_err(Error::Signal);
        // Nobody to tell means that the end has come another way.
        let _ = ended.send(caught);
    })
}

fn vanish(socket: PathBuf, vanished: Arc<AtomicBool>) -> Vanish {
    Arc::new(move || {
        vanished.store(true, Ordering::SeqCst);
        if let Err(error) = vfio::cut_connection(&socket) {
            eprintln!("plsim: cannot cut the vfio-user connection: {error}");
        }
    })
}

fn start_control(listener: UnixListener, sim: &Arc<Sim>, vanish: Vanish) -> Result<(), Error> {
    let sim = Arc::clone(sim);
    spawn("control", move || control::serve(&listener, &sim, &vanish))
}

/// Tells of the end even when the thread it lives in panics.
struct Ending(Option<Sender<Result<(), Error>>>);

impl Ending {
    fn tell(mut self, result: Result<(), Error>) {
        if let Some(ended) = self.0.take() {
            let _ = ended.send(result);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(ended) = self.0.take() {
            let _ = ended.send(Err(Error::Panicked));
        }
    }
}

fn start_device(
    device: Device,
    keep: bool,
    vanished: Arc<AtomicBool>,
    ended: Sender<Result<(), Error>>,
) -> Result<(), Error> {
    spawn("vfio-user", move || {
        let ending = Ending(Some(ended));
        loop {
            let result = device.serve_one();
            // A device that vanished on request can be plugged in again.
            let again = vanished.swap(false, Ordering::SeqCst) || keep;
            match result {
                Err(error) if again => eprintln!("plsim: {error}"),
                result if !again => return ending.tell(result.map_err(Error::from)),
                _ => {}
            }
        }
    })
}
