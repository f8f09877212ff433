// SPDX-License-Identifier: GPL-2.0

//! A configfs subsystem with one group in which user space makes items by `mkdir`.

use super::{
    bindings,
    compat::{c_str, from_c_str, to_errno, to_result},
    KBox, Result, GFP_KERNEL,
};
use core::{
    cell::UnsafeCell,
    ffi::{c_char, c_void, CStr},
    marker::PhantomData,
    mem::MaybeUninit,
    ptr,
};

/// Text as the files of an item hold it: a line of at most this many bytes.
pub(crate) const LINE: usize = 1024;

/// An item with the files `path` and `status` (text) and `dtbo` (binary).
pub(crate) trait Item: Sized + Send + 'static {
    /// `mkdir`.
    fn new(name: &CStr) -> Result<Self>;

    /// Read of `path`.
    fn path(&self) -> &[u8];

    /// Write of `path`, without its newline.
    fn set_path(&mut self, path: &CStr) -> Result;

    /// Read of `status`.
    fn status(&self) -> &'static str;

    /// Read of `dtbo`.
    fn blob(&self) -> &[u8];

    /// A file was written to `dtbo` and closed.
    fn set_blob(&mut self, blob: &[u8]) -> Result;

    /// `rmdir`. The item itself may live on while one of its files is open.
    fn removed(&mut self);
}

/// The largest blob that `dtbo` takes.
const MAX_BLOB: usize = 1 << 20;

/// What configfs hands around. The item comes first, so that their addresses are one.
#[repr(C)]
struct Entry<T> {
    item: bindings::config_item,
    // Files of one item may be used by several tasks.
    lock: UnsafeCell<bindings::mutex>,
    content: UnsafeCell<T>,
}

impl<T: Item> Entry<T> {
    /// Runs `f` on the content of the item.
    ///
    /// # Safety
    ///
    /// `item` is alive and part of an `Entry<T>`.
    unsafe fn with<R>(item: *mut bindings::config_item, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: Alive, says the caller; the entry is only ever shared.
        let entry = unsafe { &*item.cast::<Self>() };
        // SAFETY: Initialised in `make_item`.
        unsafe { bindings::axirq_mutex_lock(entry.lock.get()) };
        // SAFETY: The lock is held, so this is the only borrow.
        let result = f(unsafe { &mut *entry.content.get() });
        // SAFETY: Taken above.
        unsafe { bindings::axirq_mutex_unlock(entry.lock.get()) };
        result
    }
}

/// The subsystem, registered until it is dropped. Its items hold the module.
pub(crate) struct Subsystem<T: Item> {
    tables: KBox<UnsafeCell<Tables>>,
    _item: PhantomData<T>,
}

// SAFETY: After registration only configfs touches the tables, under its own locks.
unsafe impl<T: Item> Send for Subsystem<T> {}
// SAFETY: As above.
unsafe impl<T: Item> Sync for Subsystem<T> {}

/// Everything configfs keeps pointers to, in one allocation that does not move.
struct Tables {
    subsystem: bindings::configfs_subsystem,
    group: bindings::config_group,
    root_type: bindings::config_item_type,
    group_type: bindings::config_item_type,
    group_ops: bindings::configfs_group_operations,
    item_ops: bindings::configfs_item_operations,
    path: bindings::configfs_attribute,
    status: bindings::configfs_attribute,
    blob: bindings::configfs_bin_attribute,
    attributes: [*mut bindings::configfs_attribute; 3],
    bin_attributes: [*mut bindings::configfs_bin_attribute; 2],
    item_type: bindings::config_item_type,
}

/// The tables of the one subsystem, for `make_item`, which configfs gives the group alone: the
/// group is a field of `Tables`, so its address leads there.
fn tables_of(group: *mut bindings::config_group) -> *mut Tables {
    group
        .cast::<u8>()
        .wrapping_sub(core::mem::offset_of!(Tables, group))
        .cast()
}

impl<T: Item> Subsystem<T> {
    /// Makes `/sys/kernel/config/<name>/<group>`. `EEXIST` if the kernel has the subsystem.
    pub(crate) fn new(name: &'static CStr, group: &'static CStr) -> Result<Self> {
        // SAFETY: Pointers, `Option`s of functions, integers and C structures that configfs
        // initialises below: all may be zero.
        let empty = unsafe { MaybeUninit::<Tables>::zeroed().assume_init() };
        let tables = KBox::new(UnsafeCell::new(empty), GFP_KERNEL)?;
        let raw = tables.get();
        // SAFETY: No preconditions.
        let module = unsafe { bindings::axirq_this_module() };
        // SAFETY: The tables are ours alone until `configfs_register_subsystem`, and stay where
        // they are until `drop` has unregistered it. Callbacks fit their slots.
        to_result(unsafe {
            (*raw).path = attribute(c"path", 0o644, module);
            (*raw).path.show = Some(show_path::<T>);
            (*raw).path.store = Some(store_path::<T>);
            (*raw).status = attribute(c"status", 0o444, module);
            (*raw).status.show = Some(show_status::<T>);
            (*raw).blob.cb_attr = attribute(c"dtbo", 0o644, module);
            (*raw).blob.cb_max_size = MAX_BLOB;
            (*raw).blob.read = Some(read_blob::<T>);
            (*raw).blob.write = Some(write_blob::<T>);
            (*raw).attributes[0] = &raw mut (*raw).path;
            (*raw).attributes[1] = &raw mut (*raw).status;
            (*raw).bin_attributes[0] = &raw mut (*raw).blob;
            (*raw).item_ops.release = Some(release::<T>);
            (*raw).item_type.ct_owner = module;
            (*raw).item_type.ct_item_ops = &raw mut (*raw).item_ops;
            (*raw).item_type.ct_attrs = (&raw mut (*raw).attributes).cast();
            (*raw).item_type.ct_bin_attrs = (&raw mut (*raw).bin_attributes).cast();
            (*raw).group_ops.make_item = Some(make_item::<T>);
            (*raw).group_ops.drop_item = Some(drop_item::<T>);
            (*raw).group_type.ct_owner = module;
            (*raw).group_type.ct_group_ops = &raw mut (*raw).group_ops;
            (*raw).root_type.ct_owner = module;
            bindings::axirq_configfs_subsystem_init(
                &raw mut (*raw).subsystem,
                c_str(name),
                &raw const (*raw).root_type,
            );
            bindings::axirq_configfs_add_group(
                &raw mut (*raw).group,
                c_str(group),
                &raw const (*raw).group_type,
                &raw mut (*raw).subsystem.su_group,
            );
            bindings::configfs_register_subsystem(&raw mut (*raw).subsystem)
        })?;
        Ok(Self {
            tables,
            _item: PhantomData,
        })
    }
}

impl<T: Item> Drop for Subsystem<T> {
    fn drop(&mut self) {
        // SAFETY: Registered by `new`; each item holds the module, so none is left.
        unsafe { bindings::configfs_unregister_subsystem(&raw mut (*self.tables.get()).subsystem) };
    }
}

fn attribute(
    name: &'static CStr,
    mode: bindings::umode_t,
    owner: *mut bindings::module,
) -> bindings::configfs_attribute {
    bindings::configfs_attribute {
        ca_name: c_str(name),
        ca_owner: owner,
        ca_mode: mode,
        ..Default::default()
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn make_item<T: Item>(
    group: *mut bindings::config_group,
    name: *const c_char,
) -> *mut bindings::config_item {
    let made = (|| {
        // SAFETY: configfs passes a terminated name.
        let content = T::new(unsafe { from_c_str(name) })?;
        let entry = KBox::new(
            Entry {
                item: bindings::config_item::default(),
                lock: UnsafeCell::new(bindings::mutex::default()),
                content: UnsafeCell::new(content),
            },
            GFP_KERNEL,
        )?;
        Ok(KBox::into_raw(entry))
    })();
    match made {
        // SAFETY: A fresh allocation that `release` takes back; the type lives in the tables of
        // the group.
        Ok(entry) => unsafe {
            bindings::axirq_mutex_init((*entry).lock.get());
            bindings::config_item_init_type_name(
                &raw mut (*entry).item,
                name,
                &raw const (*tables_of(group)).item_type,
            );
            &raw mut (*entry).item
        },
        Err(error) => {
            let error: super::Error = error;
            // C's convention for an errno in a pointer.
            ptr::without_provenance_mut(error.to_errno() as isize as usize)
        }
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn drop_item<T: Item>(
    _group: *mut bindings::config_group,
    item: *mut bindings::config_item,
) {
    // SAFETY: An item of ours, alive until this function gives back configfs' count.
    unsafe {
        Entry::<T>::with(item, T::removed);
        bindings::config_item_put(item);
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn release<T: Item>(item: *mut bindings::config_item) {
    // SAFETY: The last count is gone; `make_item` made the entry from a box.
    drop(unsafe { KBox::from_raw(item.cast::<Entry<T>>()) });
}

/// Copies one line into a page of configfs.
///
/// # Safety
///
/// `page` is a page.
unsafe fn print(page: *mut c_char, text: &[u8]) -> isize {
    let length = text.len().min(LINE);
    // SAFETY: A page has room for `LINE` bytes and a newline.
    unsafe {
        ptr::copy_nonoverlapping(text.as_ptr(), page.cast(), length);
        page.cast::<u8>().add(length).write(b'\n');
    }
    length as isize + 1
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn show_path<T: Item>(
    item: *mut bindings::config_item,
    page: *mut c_char,
) -> isize {
    // SAFETY: An item of ours, held by the open file.
    unsafe { Entry::<T>::with(item, |content| print(page, content.path())) }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn show_status<T: Item>(
    item: *mut bindings::config_item,
    page: *mut c_char,
) -> isize {
    // SAFETY: As above.
    unsafe { Entry::<T>::with(item, |content| print(page, content.status().as_bytes())) }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn store_path<T: Item>(
    item: *mut bindings::config_item,
    page: *const c_char,
    length: usize,
) -> isize {
    // SAFETY: configfs passes `length` bytes.
    let text = unsafe { core::slice::from_raw_parts(page.cast::<u8>(), length) };
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut line = [0; LINE + 1];
    if text.is_empty() || text.len() > LINE || text.contains(&0) {
        return super::code::EINVAL.to_errno() as isize;
    }
    line[..text.len()].copy_from_slice(text);
    let Ok(path) = CStr::from_bytes_until_nul(&line) else {
        return super::code::EINVAL.to_errno() as isize;
    };
    // SAFETY: An item of ours, held by the open file.
    match to_errno(unsafe { Entry::<T>::with(item, |content| content.set_path(path)) }) {
        0 => length as isize,
        errno => errno as isize,
    }
}

/// With no buffer, says how long the blob is.
///
/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn read_blob<T: Item>(
    item: *mut bindings::config_item,
    buffer: *mut c_void,
    length: usize,
) -> isize {
    // SAFETY: An item of ours, held by the open file. A buffer has `length` bytes.
    unsafe {
        Entry::<T>::with(item, |content| {
            let blob = content.blob();
            if !buffer.is_null() {
                ptr::copy_nonoverlapping(blob.as_ptr(), buffer.cast(), blob.len().min(length));
            }
            blob.len() as isize
        })
    }
}

/// # Safety
///
/// For the kernel alone, which calls it as the slot that holds it says.
unsafe extern "C" fn write_blob<T: Item>(
    item: *mut bindings::config_item,
    buffer: *const c_void,
    length: usize,
) -> isize {
    // A file that was opened for writing and closed with nothing in it.
    if buffer.is_null() || length == 0 {
        return super::code::EINVAL.to_errno() as isize;
    }
    // SAFETY: configfs passes `length` bytes; an item of ours, held by the open file.
    let result = unsafe {
        let blob = core::slice::from_raw_parts(buffer.cast::<u8>(), length);
        Entry::<T>::with(item, |content| content.set_blob(blob))
    };
    match to_errno(result) {
        0 => length as isize,
        errno => errno as isize,
    }
}
