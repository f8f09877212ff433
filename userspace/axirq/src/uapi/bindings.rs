// SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note
// Made by bindgen.sh from kmod/uapi/axirq.h; do not edit.

pub const AXIRQ_STATE_GONE: u32 = 1;
pub const AXIRQ_STATE_LEVEL: u32 = 2;
pub const AXIRQ_PAGE_VERSION: u32 = 1;
pub const AXIRQ_MODE_ONESHOT: u32 = 0;
pub const AXIRQ_MODE_CONTINUOUS: u32 = 1;
pub const AXIRQ_IOC_MAGIC: u32 = 183;
pub const AXIRQ_IOC_ARM: u32 = 2148054784;
pub const AXIRQ_IOC_DISARM: u32 = 46849;
pub const AXIRQ_IOC_SET_MODE: u32 = 1074050818;
pub const AXIRQ_STOP_STEPS: u32 = 4;
pub const AXIRQ_IOC_SET_STOP: u32 = 1078507280;
pub const AXIRQ_IOC_ALLOC: u32 = 3222845201;
pub const AXIRQ_IOC_FREE: u32 = 1074312978;
pub type __u32 = ::core::ffi::c_uint;
pub type __u64 = ::core::ffi::c_ulonglong;
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct axirq_event {
    pub count: __u64,
    pub sequence: __u64,
    pub timestamp_ns: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of axirq_event"][::core::mem::size_of::<axirq_event>() - 24usize];
    ["Alignment of axirq_event"][::core::mem::align_of::<axirq_event>() - 8usize];
    [
        "Offset of field: axirq_event::count",
    ][::core::mem::offset_of!(axirq_event, count) - 0usize];
    [
        "Offset of field: axirq_event::sequence",
    ][::core::mem::offset_of!(axirq_event, sequence) - 8usize];
    [
        "Offset of field: axirq_event::timestamp_ns",
    ][::core::mem::offset_of!(axirq_event, timestamp_ns) - 16usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct axirq_page {
    pub version: __u32,
    pub generation: __u32,
    pub sequence: __u64,
    pub timestamp_ns: __u64,
    pub state: __u32,
    pub reserved: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of axirq_page"][::core::mem::size_of::<axirq_page>() - 32usize];
    ["Alignment of axirq_page"][::core::mem::align_of::<axirq_page>() - 8usize];
    [
        "Offset of field: axirq_page::version",
    ][::core::mem::offset_of!(axirq_page, version) - 0usize];
    [
        "Offset of field: axirq_page::generation",
    ][::core::mem::offset_of!(axirq_page, generation) - 4usize];
    [
        "Offset of field: axirq_page::sequence",
    ][::core::mem::offset_of!(axirq_page, sequence) - 8usize];
    [
        "Offset of field: axirq_page::timestamp_ns",
    ][::core::mem::offset_of!(axirq_page, timestamp_ns) - 16usize];
    [
        "Offset of field: axirq_page::state",
    ][::core::mem::offset_of!(axirq_page, state) - 24usize];
    [
        "Offset of field: axirq_page::reserved",
    ][::core::mem::offset_of!(axirq_page, reserved) - 28usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct axirq_step {
    pub offset: __u32,
    pub value: __u32,
    pub mask: __u32,
    pub done: __u32,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of axirq_step"][::core::mem::size_of::<axirq_step>() - 16usize];
    ["Alignment of axirq_step"][::core::mem::align_of::<axirq_step>() - 4usize];
    [
        "Offset of field: axirq_step::offset",
    ][::core::mem::offset_of!(axirq_step, offset) - 0usize];
    [
        "Offset of field: axirq_step::value",
    ][::core::mem::offset_of!(axirq_step, value) - 4usize];
    [
        "Offset of field: axirq_step::mask",
    ][::core::mem::offset_of!(axirq_step, mask) - 8usize];
    [
        "Offset of field: axirq_step::done",
    ][::core::mem::offset_of!(axirq_step, done) - 12usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct axirq_stop {
    pub count: __u32,
    pub reserved: __u32,
    pub steps: [axirq_step; 4usize],
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of axirq_stop"][::core::mem::size_of::<axirq_stop>() - 72usize];
    ["Alignment of axirq_stop"][::core::mem::align_of::<axirq_stop>() - 4usize];
    [
        "Offset of field: axirq_stop::count",
    ][::core::mem::offset_of!(axirq_stop, count) - 0usize];
    [
        "Offset of field: axirq_stop::reserved",
    ][::core::mem::offset_of!(axirq_stop, reserved) - 4usize];
    [
        "Offset of field: axirq_stop::steps",
    ][::core::mem::offset_of!(axirq_stop, steps) - 8usize];
};
#[repr(C)]
#[derive(Debug, Copy, Clone)]
pub struct axirq_memory {
    pub size: __u64,
    pub address: __u64,
    pub offset: __u64,
}
#[allow(clippy::unnecessary_operation, clippy::identity_op)]
const _: () = {
    ["Size of axirq_memory"][::core::mem::size_of::<axirq_memory>() - 24usize];
    ["Alignment of axirq_memory"][::core::mem::align_of::<axirq_memory>() - 8usize];
    [
        "Offset of field: axirq_memory::size",
    ][::core::mem::offset_of!(axirq_memory, size) - 0usize];
    [
        "Offset of field: axirq_memory::address",
    ][::core::mem::offset_of!(axirq_memory, address) - 8usize];
    [
        "Offset of field: axirq_memory::offset",
    ][::core::mem::offset_of!(axirq_memory, offset) - 16usize];
};
