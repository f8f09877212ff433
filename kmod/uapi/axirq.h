/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * axirq: an FPGA interrupt is a file descriptor.
 *
 * User-space ABI of /dev/axirq/<cell>/<pin>. Additions only, once released.
 */
#ifndef _UAPI_LINUX_AXIRQ_H
#define _UAPI_LINUX_AXIRQ_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: A line's file
 *
 * Every open file is a subscription of its own and sees every interrupt that
 * arrives after open(). The line is enabled in hardware only while at least one
 * subscription is armed. In one-shot mode (the default) an interrupt disarms
 * all one-shot subscriptions of the line; waiting again arms again.
 *
 * read(), length >= 8 and < sizeof(struct axirq_event):
 *	as an eventfd: the number of interrupts since this file's last read or
 *	arm, as a native u64; the file's count is zero afterwards.
 * read(), length >= sizeof(struct axirq_event):
 *	one struct axirq_event.
 * read(), nothing to report:
 *	blocks, armed while it blocks; with O_NONBLOCK fails with EAGAIN and
 *	leaves the subscription armed.
 * poll():
 *	EPOLLIN when a read would not block; EPOLLERR | EPOLLHUP once the device
 *	is gone. Polling does not arm.
 * mmap():
 *	offset 0, one page, PROT_READ, MAP_SHARED: struct axirq_page.
 * close(), also by a killed process:
 *	disarms; the last file of a line masks it.
 *
 * Errors:
 * EINVAL	read() shorter than 8 bytes; unknown mode; a write mapping;
 *		%AXIRQ_MODE_CONTINUOUS on a level-triggered line
 * EAGAIN	O_NONBLOCK and nothing to report; the subscription is armed now
 * EINTR	a signal arrived while read() blocked; what it armed is disarmed
 * EFAULT	the buffer is not writable
 * EBUSY	open(): a kernel driver holds the line, or a file of its other name
 *		does: a pin and the raw input that it is wired to are one line
 * ENOTTY	unknown ioctl
 * ENODEV	the device is gone; nothing but close() works
 */

/**
 * struct axirq_event - what read() tells of the interrupts since the last read
 * @count: interrupts since this file's last read or arm, at least 1
 * @sequence: the line's sequence number after the newest of them; it counts
 *	every interrupt of the line since the line was created, whoever
 *	was listening
 * @timestamp_ns: CLOCK_MONOTONIC time of the newest, taken in the hard interrupt
 *	handler
 */
struct axirq_event {
	__aligned_u64 count;
	__aligned_u64 sequence;
	__aligned_u64 timestamp_ns;
};

/** The device is gone; set once, never cleared. */
#define AXIRQ_STATE_GONE	(1U << 0)
/** The line is level-triggered (else edge-triggered); never changes. */
#define AXIRQ_STATE_LEVEL	(1U << 1)

/** Layout of struct axirq_page. */
#define AXIRQ_PAGE_VERSION	1

/**
 * struct axirq_page - the read-only page of a line: a wake-up's data without a
 *	system call
 * @version: %AXIRQ_PAGE_VERSION
 * @generation: sequence lock: odd while the kernel writes the fields below. Read
 *	it (acquire), read the fields, then (after an acquire fence) read
 *	it again: the fields belong together if both values are equal and
 *	even.
 * @sequence: as in struct axirq_event
 * @timestamp_ns: as in struct axirq_event; 0 before the first interrupt
 * @state: AXIRQ_STATE_* bits
 * @reserved: zero
 *
 * The page is updated before sleepers are woken: who was woken by an interrupt
 * reads at least that interrupt's sequence number.
 */
struct axirq_page {
	__u32 version;
	__u32 generation;
	__aligned_u64 sequence;
	__aligned_u64 timestamp_ns;
	__u32 state;
	__u32 reserved;
};

/** An interrupt disarms the subscription (the default). */
#define AXIRQ_MODE_ONESHOT	0
/**
 * The line stays enabled until the file is closed or made one-shot again. For
 * edge-triggered lines only.
 */
#define AXIRQ_MODE_CONTINUOUS	1

#define AXIRQ_IOC_MAGIC		0xB7

/**
 * AXIRQ_IOC_ARM - arm, and mark everything so far as seen
 *
 * Writes the line's sequence number: a caller who compares it with the last one
 * he saw loses nothing between looking and arming.
 */
#define AXIRQ_IOC_ARM		_IOR(AXIRQ_IOC_MAGIC, 0x00, __u64)

/** AXIRQ_IOC_DISARM - stop waiting; no error when not armed */
#define AXIRQ_IOC_DISARM	_IO(AXIRQ_IOC_MAGIC, 0x01)

/**
 * AXIRQ_IOC_SET_MODE - AXIRQ_MODE_*, by pointer
 *
 * Continuous mode arms at once; going back to one-shot disarms.
 */
#define AXIRQ_IOC_SET_MODE	_IOW(AXIRQ_IOC_MAGIC, 0x02, __u32)

#endif /* _UAPI_LINUX_AXIRQ_H */
