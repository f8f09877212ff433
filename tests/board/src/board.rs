// SPDX-License-Identifier: MIT OR Apache-2.0
//! A booted board: QEMU, the simulated fabric, and the guest between them. Dropping it leaves nothing behind.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::console::{Console, Inbox, Mirror};
use crate::devicetree;
use crate::error::{Context, Death, Error, Result};
use crate::guest::Guest;
use crate::initramfs::Initramfs;
use crate::process::{CONTROL_SOCKET, Helper, Workspace, last_lines};
use crate::protocol::{Event, Request};
use crate::qemu::{self, Machine};

/// What a board is made of. All but `qemu` and `dtc` (looked up on the PATH) are files of the build.
#[derive(Debug, Clone)]
pub struct Parts {
    pub qemu: PathBuf,
    pub machine: Machine,
    pub dtc: PathBuf,
    pub kernel: PathBuf,
    pub plsim: PathBuf,
    pub design: PathBuf,
    /// Programs for the guest's /usr/bin, or folders of them; `init` becomes pid 1.
    pub guest: Vec<PathBuf>,
    /// Modules for the guest's /lib/axirq.
    pub modules: Vec<PathBuf>,
    /// Modules of the kernel's own, loaded at boot in this order.
    pub boot_modules: Vec<PathBuf>,
    /// The kernel's own for tests to load, in /lib/axirq/extra.
    pub extra_modules: Vec<PathBuf>,
    /// What the kernel's command line says besides.
    pub append: Option<String>,
    /// Folder whose overlays (*.dtbo) go to the guest's /lib/firmware.
    pub overlays: Option<PathBuf>,
    pub busybox: PathBuf,
}

/// From power-on to pid 1's first word: a few seconds, many on a busy machine.
const BOOT: Duration = Duration::from_secs(120);
const PLSIM_START: Duration = Duration::from_secs(30);
const POWER_OFF: Duration = Duration::from_secs(20);

const READY: &str = "plsim: ready";
const PROFILE: &str = "export PATH=/usr/bin:/bin HOME=/root\nPS1='board:\\w# '\ncd\n";

/// The images of a board, built once for any number of boots.
pub struct Images {
    initramfs: PathBuf,
    device_tree: PathBuf,
}

impl Images {
    pub fn build(parts: &Parts, workspace: &Workspace) -> Result<Self> {
        let device_tree =
            devicetree::build(&parts.qemu, parts.machine, &parts.dtc, workspace.folder())?;
        let initramfs = workspace.path("initramfs.cpio");
        let file =
            fs::File::create(&initramfs).context(|| format!("write {}", initramfs.display()))?;
        let mut buffer = std::io::BufWriter::new(file);
        root(parts)?
            .write(&mut buffer)
            .and_then(|()| buffer.flush())
            .context(|| format!("write {}", initramfs.display()))?;
        Ok(Self {
            initramfs,
            device_tree,
        })
    }
}

pub struct Board {
    // Fields drop in this order: QEMU first, which holds on to plsim's sockets.
    _qemu: Helper,
    _plsim: Helper,
    console: Console,
    board_events: Inbox,
    kernel: String,
    control: PathBuf,
}

impl Board {
    /// Starts everything and waits until the guest is ready. With `verbose` the kernel's messages can be watched.
    pub fn boot(
        parts: &Parts,
        images: &Images,
        workspace: &Workspace,
        verbose: bool,
    ) -> Result<Self> {
        // Sockets of an earlier boot would make plsim refuse.
        let (fabric, control) = (workspace.path("pl.sock"), workspace.path(CONTROL_SOCKET));
        for socket in [&fabric, &control] {
            let _ = fs::remove_file(socket);
        }
        for (what, path, cure) in [
            (
                "kernel",
                &parts.kernel,
                "name a kernel image for arm64 with --kernel",
            ),
            ("fabric design", &parts.design, "name one with --design"),
        ] {
            if !path.is_file() {
                return Err(Error::NoFile {
                    what,
                    path: path.clone(),
                    cure,
                });
            }
        }
        let mut serve = Command::new(&parts.plsim);
        serve.arg("serve").arg("--design").arg(&parts.design);
        // --keep: its end is then never QEMU's doing, and always worth a report.
        serve
            .arg("--socket")
            .arg(&fabric)
            .arg("--control")
            .arg(&control)
            .arg("--keep");
        let plsim_log = workspace.log("plsim.log");
        let (plsim, _, plsim_stdout) =
            Helper::start(serve, &plsim_log, "build it, and name it with --plsim")?;
        let (ready, plsim_ends) = watch_plsim(plsim_stdout, &plsim_log)?;
        match ready.recv_timeout(PLSIM_START) {
            Ok(()) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::Died(Death::Fabric(last_lines(&plsim_log))));
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(Error::Timeout {
                    what: format!("`{READY}`"),
                    after: PLSIM_START,
                    alarm: None,
                });
            }
        }

        let boot = qemu::Boot {
            kernel: &parts.kernel,
            initramfs: &images.initramfs,
            device_tree: &images.device_tree,
            fabric: &fabric,
            control: &control,
            append: parts.append.as_deref(),
        };
        let qemu_log = workspace.log("qemu.log");
        let (qemu, stdin, stdout) = Helper::start(
            qemu::boot(&parts.qemu, parts.machine, &boot),
            &qemu_log,
            qemu::CURE,
        )?;
        let mirror = if verbose { Mirror::Stderr } else { Mirror::Off };
        let console = Console::start(
            stdin,
            stdout,
            &workspace.log("console.log"),
            &qemu_log,
            mirror,
        )?;
        plsim_ends.tell(console.clone());
        let board_events = console.board_events();
        match board_events.wait("the guest to boot", BOOT)? {
            Event::Ready { kernel } => Ok(Self {
                _qemu: qemu,
                _plsim: plsim,
                console,
                board_events,
                kernel,
                control,
            }),
            Event::Failed { reason } => Err(Error::Guest(reason)),
            other => Err(Error::Guest(format!("its first word was {other:?}"))),
        }
    }

    pub fn guest(&self) -> Guest {
        Guest::new(self.console.clone())
    }

    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Where answers about the board as a whole arrive.
    pub fn board_events(&self) -> &Inbox {
        &self.board_events
    }

    /// The guest's kernel, as `uname` has it.
    pub fn kernel(&self) -> &str {
        &self.kernel
    }

    /// plsim's control socket.
    pub fn control(&self) -> &Path {
        &self.control
    }

    /// Has the guest switch itself off, so that it can say so if it has cause to complain.
    pub fn power_off(self) -> Result<()> {
        self.console.send(&Request::PowerOff)?;
        match self
            .board_events
            .wait("the guest to switch itself off", POWER_OFF)
        {
            // QEMU ended without a cry from the kernel: just what was asked for.
            Err(Error::Died(Death::Qemu(_) | Death::Off)) => Ok(()),
            Err(error) => Err(error),
            Ok(Event::Failed { reason }) => Err(Error::Guest(reason)),
            Ok(other) => Err(Error::Guest(format!(
                "it answered {other:?} to the power switch"
            ))),
        }
    }
}

/// Who hears of plsim's end, once there is a console to tell.
struct PlsimEnds(std::sync::mpsc::Sender<Console>);

impl PlsimEnds {
    fn tell(self, console: Console) {
        // If the watcher is gone, so is plsim; QEMU's own end then tells.
        let _ = self.0.send(console);
    }
}

/// Copies what plsim says to its log, and tells when it is ready and when it has ended.
fn watch_plsim(
    stdout: std::process::ChildStdout,
    log: &Path,
) -> Result<(std::sync::mpsc::Receiver<()>, PlsimEnds)> {
    let mut file = fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .context(|| format!("write {}", log.display()))?;
    let (ready, is_ready) = channel();
    let (console_to, console) = channel::<Console>();
    let log = log.to_path_buf();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(|line| line.ok()) {
            let _ = writeln!(file, "{line}");
            if line == READY {
                let _ = ready.send(());
            }
        }
        drop(ready);
        if let Ok(console) = console.recv() {
            console.declare_dead(Death::Fabric(last_lines(&log)));
        }
    });
    Ok((is_ready, PlsimEnds(console_to)))
}

/// The guest's root.
fn root(parts: &Parts) -> Result<Initramfs> {
    let mut root = Initramfs::default();
    for folder in [
        "dev",
        "proc",
        "root",
        "run",
        "sys",
        "tmp",
        "lib/axirq",
        "lib/firmware",
        "usr/bin",
    ] {
        root.directory(folder);
    }
    root.file("etc/profile", PROFILE.into())?;
    root.program(
        "bin/busybox",
        read(
            "busybox",
            &parts.busybox,
            "name a static one for arm64 with --busybox",
        )?,
    )?;
    let programs = programs(&parts.guest)?;
    if !programs
        .iter()
        .any(|path| path.file_name() == Some(OsStr::new("init")))
    {
        let path = parts
            .guest
            .first()
            .cloned()
            .unwrap_or_default()
            .join("init");
        return Err(Error::NoFile {
            what: "pid 1",
            path,
            cure: "build the crate `guest`, and name it with --guest-bin",
        });
    }
    for path in programs {
        let content = read("program for the guest", &path, "name it with --guest-bin")?;
        match file_name(&path) {
            name if name == "init" => root.program("init", content)?,
            name => root.program(Path::new("usr/bin").join(name), content)?,
        }
    }
    for path in &parts.modules {
        let content = read(
            "kernel module",
            path,
            "build it, and name it with --modules",
        )?;
        root.file(Path::new("lib/axirq").join(file_name(path)), content)?;
    }
    for path in &parts.extra_modules {
        let content = read(
            "kernel module",
            path,
            "build the kernel's modules, and name it with --extra-modules",
        )?;
        root.file(Path::new("lib/axirq/extra").join(file_name(path)), content)?;
    }
    for (index, path) in parts.boot_modules.iter().enumerate() {
        let content = read(
            "kernel module",
            path,
            "take it from the kernel's package, and name it with --boot-modules",
        )?;
        let name = format!("{index:02}-{}", file_name(path));
        root.file(Path::new("lib/boot-modules").join(name), content)?;
    }
    if let Some(folder) = &parts.overlays {
        for path in list(folder)?
            .iter()
            .filter(|path| path.extension() == Some(OsStr::new("dtbo")))
        {
            root.file(
                Path::new("lib/firmware").join(file_name(path)),
                read("overlay", path, "build it")?,
            )?;
        }
    }
    Ok(root)
}

/// Files as they are, and the executable ones of folders.
fn programs(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut programs = Vec::new();
    for path in named {
        if path.is_dir() {
            programs.extend(list(path)?.into_iter().filter(|path| {
                path.metadata()
                    .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
            }));
        } else {
            programs.push(path.clone());
        }
    }
    Ok(programs)
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed =
        fs::read_dir(folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut paths: Vec<PathBuf> = listed.context(|| format!("list {}", folder.display()))?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn read(what: &'static str, path: &Path, cure: &'static str) -> Result<Vec<u8>> {
    if !path.is_file() {
        return Err(Error::NoFile {
            what,
            path: path.into(),
            cure,
        });
    }
    fs::read(path).context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set of files to build a root from.
    fn parts(folder: &Path) -> Parts {
        let guest = folder.join("guest");
        fs::create_dir_all(&guest).unwrap();
        for program in ["init", "guest-tests"] {
            fs::write(guest.join(program), program).unwrap();
            fs::set_permissions(guest.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(guest.join("init.d"), "no program").unwrap();
        for file in [
            "busybox",
            "axirq.ko",
            "configfs.ko.xz",
            "uio.ko",
            "demo.dtbo",
            "demo.dtso",
        ] {
            fs::write(folder.join(file), file).unwrap();
        }
        Parts {
            qemu: "qemu-system-aarch64".into(),
            machine: Machine::default(),
            dtc: "dtc".into(),
            kernel: folder.join("vmlinuz"),
            plsim: folder.join("plsim"),
            design: folder.join("design"),
            guest: vec![guest],
            modules: vec![folder.join("axirq.ko")],
            boot_modules: vec![folder.join("configfs.ko.xz")],
            extra_modules: vec![folder.join("uio.ko")],
            append: None,
            overlays: Some(folder.to_path_buf()),
            busybox: folder.join("busybox"),
        }
    }

    fn names(root: &Initramfs) -> Vec<String> {
        let mut archive = Vec::new();
        root.write(&mut archive).unwrap();
        let mut rest = &archive[..];
        let mut names = Vec::new();
        loop {
            let reader = cpio::newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                return names;
            }
            names.push(reader.entry().name().to_string());
            rest = reader.finish().unwrap();
        }
    }

    #[test]
    fn root_has_every_part_in_its_place_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<String> = names(&root(&parts(folder.path())).unwrap());
        for file in [
            "init",
            "bin/busybox",
            "usr/bin/guest-tests",
            "lib/axirq/axirq.ko",
            "lib/axirq/extra/uio.ko",
            "lib/boot-modules/00-configfs.ko.xz",
            "lib/firmware/demo.dtbo",
            "etc/profile",
            "proc",
        ] {
            assert!(
                files.iter().any(|name| name == file),
                "{file} is missing: {files:?}"
            );
        }
        assert!(
            !files
                .iter()
                .any(|name| name.ends_with("init.d") || name.ends_with(".dtso")),
            "{files:?}"
        );
    }

    #[test]
    fn missing_parts_are_named_with_their_option() {
        let folder = tempfile::tempdir().unwrap();
        let sound = parts(folder.path());
        let gone = || folder.path().join("gone");
        for (parts, option) in [
            (
                Parts {
                    busybox: gone(),
                    ..sound.clone()
                },
                "--busybox",
            ),
            (
                Parts {
                    guest: vec![gone()],
                    ..sound.clone()
                },
                "--guest-bin",
            ),
            (
                Parts {
                    guest: vec![],
                    ..sound.clone()
                },
                "--guest-bin",
            ),
            (
                Parts {
                    modules: vec![gone()],
                    ..sound.clone()
                },
                "--modules",
            ),
            (
                Parts {
                    boot_modules: vec![gone()],
                    ..sound.clone()
                },
                "--boot-modules",
            ),
            (
                Parts {
                    extra_modules: vec![gone()],
                    ..sound.clone()
                },
                "--extra-modules",
            ),
        ] {
            let error = root(&parts).err().expect("a part is missing").to_string();
            assert!(error.contains(option), "{error}");
        }
    }

    #[test]
    fn missing_kernel_and_missing_plsim_name_their_options() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::create(None).unwrap();
        let images = Images {
            initramfs: "initramfs".into(),
            device_tree: "dtb".into(),
        };
        let mut parts = parts(folder.path());
        let error = |parts: &Parts| {
            Board::boot(parts, &images, &workspace, false)
                .err()
                .unwrap()
                .to_string()
        };
        assert!(error(&parts).contains("--kernel"), "{}", error(&parts));
        fs::write(&parts.kernel, "").unwrap();
        assert!(error(&parts).contains("--design"), "{}", error(&parts));
        fs::write(&parts.design, "").unwrap();
        assert!(error(&parts).contains("--plsim"), "{}", error(&parts));
        // A simulator that ends at once is quoted.
        parts.plsim = folder.path().join("broken");
        fs::write(&parts.plsim, "#!/bin/sh\necho 'no such cell' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&parts.plsim, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(error(&parts).contains("no such cell"), "{}", error(&parts));
    }
}
