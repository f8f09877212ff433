// SPDX-License-Identifier: GPL-2.0

//! Character devices: a region of minors whose files are a Rust type, and the `extern "C"` entry
//! points of its file operations.

use super::{
    bindings,
    class::{Class, Entry, Show},
    code,
    compat::{c_str, swap_remove, to_errno, to_result},
    device::Device,
    iov::IovIterDest,
    lock::{self, Mutex},
    mm::{Area, Attachment, Revocable},
    seq_file::SeqFile,
    wait::Queue,
    Arc, KBox, KVec, Result, GFP_KERNEL,
};
use core::{
    cell::UnsafeCell,
    ffi::{c_int, c_long, c_uint, c_ulong, c_void, CStr},
    fmt,
    marker::PhantomData,
    mem::MaybeUninit,
};

/// An open file.
pub(crate) trait File: Sized + Send + Sync + 'static {
    /// What a minor stands for. It may outlive its hardware: files hold a reference.
    type Node: Send + Sync + 'static;

    fn open(node: &Arc<Self::Node>) -> Result<Self>;

    /// Writes to the user and returns how many bytes.
    fn read(&self, _to: IovIterDest<'_>, _nonblocking: bool) -> Result<usize> {
        Err(code::EINVAL)
    }

    /// Whom a poller of the file is woken by.
    fn queue(&self) -> Option<&Queue> {
        None
    }

    /// What a poller sees; called when he is on the queue already.
    fn poll(&self) -> Events {
        Events::NONE
    }

    /// `ENOTTY` for what is not a command. `window` is given if [`File::window`] gives one.
    fn ioctl(&self, _command: u32, _argument: UserPtr, _window: Option<&Attachment>) -> Result {
        Err(code::ENOTTY)
    }

    /// Maps memory of the kernel's.
    fn mmap(&self, _area: Area<'_>) -> Result {
        Err(code::ENODEV)
    }

    /// What `/proc/<pid>/fdinfo` tells of the file.
    fn show_fdinfo(&self, out: &mut dyn fmt::Write) -> fmt::Result;

    /// The register window that files of this node map, instead of [`File::mmap`].
    fn window(_node: &Self::Node) -> Option<&Arc<Revocable>> {
        None
    }
}

/// A caller's pointer: the argument of a command.
pub(crate) struct UserPtr(*mut c_void);

impl UserPtr {
    /// `EFAULT` if the memory is not writable.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result {
        // SAFETY: The kernel checks the user's side; ours has that many bytes.
        let copied =
            unsafe { bindings::axirq_copy_to_user(self.0, bytes.as_ptr().cast(), bytes.len()) };
        copied.then_some(()).ok_or(code::EFAULT)
    }

    /// Reads as many bytes as an array has.
    pub(crate) fn read<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        // SAFETY: The kernel checks the user's side; ours has that many bytes.
        let copied =
            unsafe { bindings::axirq_copy_from_user(bytes.as_mut_ptr().cast(), self.0, N) };
        copied.then_some(bytes).ok_or(code::EFAULT)
    }
}

/// What a poll reports.
#[derive(Clone, Copy)]
pub(crate) struct Events(bindings::axirq_poll_events);

impl Events {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const READABLE: Self = Self(bindings::axirq_poll_events_AXIRQ_POLL_IN);
    pub(crate) const GONE: Self = Self(bindings::axirq_poll_events_AXIRQ_POLL_GONE);
}

/// How many minors a region has.
const MINORS: u32 = 1024;

/// A region of minors whose files are of type `F`.
///
/// # Invariants
///
/// `shared` is registered with its cdev, and an open file's `i_cdev` points into it.
pub(crate) struct Region<F: File> {
    shared: KBox<Shared<F>>,
    major: u32,
    class: Arc<Class>,
}

/// What `open` finds by way of the inode. The cdev comes first, so that their addresses are one.
#[repr(C)]
struct Shared<F: File> {
    cdev: UnsafeCell<bindings::cdev>,
    nodes: Mutex<KVec<Minor<F>>>,
}

struct Minor<F: File> {
    number: u32,
    node: Arc<F::Node>,
}

// SAFETY: The cdev is used by the kernel, under its own locks.
unsafe impl<F: File> Send for Region<F> {}
// SAFETY: As above.
unsafe impl<F: File> Sync for Region<F> {}

impl<F: File> Region<F> {
    pub(crate) fn new(name: &'static CStr, class: Arc<Class>) -> Result<Self> {
        let shared = KBox::new(
            Shared::<F> {
                cdev: UnsafeCell::new(bindings::cdev::default()),
                nodes: Mutex::new(KVec::new(), lock::Class::NODES)?,
            },
            GFP_KERNEL,
        )?;
        let mut first: bindings::dev_t = 0;
        // SAFETY: The name is a constant of the module.
        to_result(unsafe { bindings::alloc_chrdev_region(&mut first, 0, MINORS, c_str(name)) })?;
        // SAFETY: The cdev is in a box that does not move and is deleted in `drop`; its
        // operations are a constant for files of `F`.
        let added = to_result(unsafe {
            bindings::axirq_cdev_init(shared.cdev.get(), Tables::<F>::FILE);
            bindings::cdev_add(shared.cdev.get(), first, MINORS)
        });
        if let Err(error) = added {
            // SAFETY: Allocated above.
            unsafe { bindings::unregister_chrdev_region(first, MINORS) };
            return Err(error);
        }
        Ok(Self {
            shared,
            // SAFETY: No preconditions.
            major: unsafe { bindings::axirq_major(first) },
            class,
        })
    }

    /// Adds a node named `name` (with `!` for each slash), with its attributes.
    pub(crate) fn add(
        self: &Arc<Self>,
        parent: &Device,
        name: &CStr,
        node: Arc<F::Node>,
        shown: Arc<dyn Show>,
    ) -> Result<Registration<F>> {
        let mut nodes = self.shared.nodes.lock();
        let number = (0..MINORS)
            .find(|&number| nodes.iter().all(|minor| minor.number != number))
            .ok_or(code::ENOSPC)?;
        nodes.push(Minor { number, node }, GFP_KERNEL)?;
        drop(nodes);
        // From here on the guard takes the minor back. The node is in the table before the device
        // shows up: udev may open it at once.
        let mut registration = Registration {
            entry: None,
            region: self.clone(),
            number,
        };
        // SAFETY: No preconditions.
        let device_number = unsafe { bindings::axirq_mkdev(self.major, number) };
        registration.entry = Some(self.class.add(parent, device_number, name, shown)?);
        Ok(registration)
    }
}

impl<F: File> Drop for Region<F> {
    fn drop(&mut self) {
        // SAFETY: Made by `new`. The module is being unloaded, so no file is open, and none can
        // be opened any more.
        unsafe {
            bindings::cdev_del(self.shared.cdev.get());
            bindings::unregister_chrdev_region(bindings::axirq_mkdev(self.major, 0), MINORS);
        }
    }
}

/// A node; dropping it removes it from `/dev` and `/sys`. Open files stay.
pub(crate) struct Registration<F: File> {
    // First the device goes, then the minor is free for the next.
    entry: Option<Entry>,
    region: Arc<Region<F>>,
    number: u32,
}

impl<F: File> Drop for Registration<F> {
    fn drop(&mut self) {
        self.entry = None;
        let mut nodes = self.region.shared.nodes.lock();
        let at = nodes.iter().position(|minor| minor.number == self.number);
        // Its node is dropped after the lock.
        let _minor = at.map(|at| swap_remove(&mut nodes, at));
        drop(nodes);
    }
}

/// What an open file of the kernel's points to.
struct Private<F: File> {
    file: F,
    window: Option<Attachment>,
}

/// # Safety
///
/// `file` is an open file of a region of `F`.
unsafe fn private<'a, F: File>(file: *mut bindings::file) -> &'a Private<F> {
    // SAFETY: `open` left a box of this type there, which `release` takes back last.
    unsafe { &*(*file).private_data.cast::<Private<F>>() }
}

struct Tables<F>(PhantomData<F>);

impl<F: File> Tables<F> {
    const FILE: &'static bindings::file_operations = &{
        // SAFETY: Pointers, `Option`s of functions and flags: zero means absent. The owner is
        // absent because the cdev has it, which an open file holds.
        let mut ops: bindings::file_operations = unsafe { MaybeUninit::zeroed().assume_init() };
        ops.open = Some(open::<F>);
        ops.release = Some(release::<F>);
        // Not `read`: what asks asynchronously (io_uring) is then never told to block, and one
        // vectored read is one read.
        ops.read_iter = Some(read_iter::<F>);
        ops.poll = Some(poll::<F>);
        ops.unlocked_ioctl = Some(ioctl::<F>);
        // Every argument is a pointer or nothing, and of one layout on 32 and 64 bits.
        ops.compat_ioctl = Some(bindings::axirq_compat_ioctl);
        ops.mmap = Some(mmap::<F>);
        ops.show_fdinfo = Some(show_fdinfo::<F>);
        ops
    };

    const FAULTS: &'static bindings::vm_operations_struct = &{
        // SAFETY: All fields are `Option`s of functions: zero means absent.
        let mut ops: bindings::vm_operations_struct =
            unsafe { MaybeUninit::zeroed().assume_init() };
        ops.fault = Some(fault::<F>);
        ops
    };
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn open<F: File>(
    inode: *mut bindings::inode,
    file: *mut bindings::file,
) -> c_int {
    // SAFETY: The inode is one of the region's, so its cdev is the first field of `Shared<F>`,
    // which lives until the module is unloaded; the file being opened prevents that.
    let shared = unsafe { &*bindings::axirq_inode_cdev(inode).cast::<Shared<F>>() };
    // SAFETY: As above.
    let number = unsafe { bindings::axirq_inode_minor(inode) };
    let node = shared
        .nodes
        .lock()
        .iter()
        .find(|minor| minor.number == number)
        .map(|minor| minor.node.clone());
    to_errno((|| {
        let node = node.ok_or(code::ENODEV)?;
        let window = match F::window(&node) {
            // SAFETY: The attachment is part of the file's private data, dropped in `release`.
            Some(window) => Some(unsafe { window.attach(file) }?),
            None => None,
        };
        let private = KBox::new(
            Private {
                file: F::open(&node)?,
                window,
            },
            GFP_KERNEL,
        )?;
        // SAFETY: The file is ours to set up.
        unsafe {
            (*file).private_data = KBox::into_raw(private).cast();
            bindings::axirq_file_is_stream(inode, file);
        }
        Ok(())
    })())
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn release<F: File>(
    _inode: *mut bindings::inode,
    file: *mut bindings::file,
) -> c_int {
    // SAFETY: `open` succeeded for this file and left the box there; nothing uses the file past
    // its release.
    drop(unsafe { KBox::from_raw((*file).private_data.cast::<Private<F>>()) });
    0
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn read_iter<F: File>(
    request: *mut bindings::kiocb,
    to: *mut bindings::iov_iter,
) -> isize {
    // SAFETY: A request on an open file of this region, and its iterator, both the caller's for
    // the time of this call.
    let (private, nonblocking, to) = unsafe {
        (
            private::<F>((*request).ki_filp),
            bindings::axirq_kiocb_is_nonblocking(request),
            IovIterDest::new(&mut *to),
        )
    };
    match private.file.read(to, nonblocking) {
        Ok(count) => count as isize,
        Err(error) => error.to_errno() as isize,
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn poll<F: File>(
    file: *mut bindings::file,
    table: *mut bindings::poll_table_struct,
) -> bindings::__poll_t {
    // SAFETY: An open file of this region.
    let private = unsafe { private::<F>(file) };
    if let Some(queue) = private.file.queue() {
        // SAFETY: File and table are valid during the poll. Pollers leave the queue before the
        // file is released, and the file keeps its queue.
        unsafe { bindings::axirq_poll_wait(file, queue.as_raw(), table) };
    }
    private.file.poll().0
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn ioctl<F: File>(
    file: *mut bindings::file,
    command: c_uint,
    argument: c_ulong,
) -> c_long {
    // SAFETY: An open file of this region.
    let private = unsafe { private::<F>(file) };
    let argument = UserPtr(argument as *mut c_void);
    c_long::from(to_errno(private.file.ioctl(
        command,
        argument,
        private.window.as_ref(),
    )))
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn mmap<F: File>(
    file: *mut bindings::file,
    area: *mut bindings::vm_area_struct,
) -> c_int {
    // SAFETY: An open file of this region, and an area that the caller has locked.
    let (private, raw) = unsafe { (private::<F>(file), &mut *area) };
    let mut area = Area(raw);
    to_errno(match &private.window {
        Some(window) => window
            .map(&mut area)
            .map(|()| area.0.vm_ops = Tables::<F>::FAULTS),
        None => private.file.mmap(area),
    })
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn show_fdinfo<F: File>(
    text: *mut bindings::seq_file,
    file: *mut bindings::file,
) {
    // SAFETY: An open file of this region, held by the caller, and a text that is his alone.
    let (private, text) = unsafe { (private::<F>(file), &mut *text) };
    // It has room for everything.
    let _ = private.file.show_fdinfo(&mut SeqFile::new(text));
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn fault<F: File>(fault: *mut bindings::vm_fault) -> bindings::vm_fault_t {
    // SAFETY: Only areas of files of `F` have this handler, and an area holds its file.
    unsafe {
        let file = bindings::axirq_fault_file(fault);
        match &private::<F>(file).window {
            Some(window) => window.fault(fault),
            None => bindings::axirq_fault_sigbus(),
        }
    }
}
