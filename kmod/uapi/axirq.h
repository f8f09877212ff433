/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * axirq: an FPGA interrupt is a file descriptor.
 *
 * User-space ABI of the nodes in /dev/axirq. Additions only, once released. The
 * attributes in /sys/class/axirq and the variables for udev are described in
 * sysfs-class-axirq, beside this file.
 */
#ifndef _UAPI_LINUX_AXIRQ_H
#define _UAPI_LINUX_AXIRQ_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * DOC: A line's file, /dev/axirq/<cell>/<pin>
 *
 * A line is an interrupt input. An open file is a subscription of its own and
 * sees every interrupt that arrives after open(). The line is enabled in
 * hardware only while at least one subscription is armed. In one-shot mode (the
 * default) an interrupt disarms all one-shot subscriptions of the line; waiting
 * again arms again.
 *
 * open():
 *	a new subscription: its count is zero, it is not armed, its mode is
 *	one-shot. Any access mode that permits reading; nothing can be written.
 *	Any number of files of one name; those of the line's other names are
 *	refused meanwhile.
 * read(), length >= 8 and < sizeof(struct axirq_event):
 *	as an eventfd: the number of interrupts since this file's last read or
 *	arm, as a native u64; the file's count is zero afterwards.
 * read(), length >= sizeof(struct axirq_event):
 *	one struct axirq_event; what is longer stays untouched.
 * read(), nothing to report:
 *	blocks, armed while it blocks; with O_NONBLOCK (or RWF_NOWAIT) fails
 *	with EAGAIN and leaves the subscription armed: who asks in vain is
 *	waiting. A read() that finds something arms nothing.
 * readv(), preadv2() with offset -1:
 *	as one read() of the whole length. A line has no position: lseek() and
 *	reads at an offset fail with ESPIPE.
 * poll(), select(), epoll:
 *	EPOLLIN when a read would not block; EPOLLERR | EPOLLHUP once the device
 *	is gone. Polling does not arm: arm first, or read in vain, or be in
 *	continuous mode. EPOLLET reports each interrupt once, with no read
 *	between. EPOLLEXCLUSIVE does not choose among files: each has a count
 *	of its own, so an interrupt wakes somebody of each.
 * ioctl():
 *	%AXIRQ_IOC_ARM, %AXIRQ_IOC_DISARM, %AXIRQ_IOC_SET_MODE, below. None
 *	of them sleeps, and 32-bit programs use the same numbers.
 * mmap():
 *	offset 0, one page, PROT_READ, MAP_SHARED: struct axirq_page. The
 *	mapping is the line's, the same from each of its files; it outlives the
 *	file and the device.
 * close(), also by a killed process:
 *	disarms; the last file of a line masks it and gives the interrupt back.
 *	"Last" as everywhere: no descriptor, no mapping, no running call refers
 *	to the file any more.
 *
 * The trigger decides when a line is masked:
 *
 * level:
 *	at once, by the interrupt. It is acknowledged when it is armed again, so
 *	clear the cause first: if the source still asserts then, there is
 *	another interrupt at once, and if not, there is none.
 * edge:
 *	not before an edge comes that nobody waits for. It is acknowledged by
 *	the interrupt, before anybody is woken: an edge during your handling is
 *	latched, and delivered when the line is armed again, once. One that came
 *	before open() is forgotten.
 */

/**
 * DOC: One file in several hands
 *
 * dup(), fork() and descriptors sent over a socket refer to one file: one
 * count, one mode, one arm. It stays armed when one of its holders closes his
 * descriptor, or dies; it ends with the last.
 *
 * Threads may use one file at the same time. Each interrupt is counted once a
 * file: of several who read, one is told, and the others sleep on, armed.
 * AXIRQ_IOC_DISARM ends what AXIRQ_IOC_ARM or a read in vain began; who
 * blocks in read() stays armed. Closing a descriptor wakes nobody who blocks in
 * a read() that began with it.
 *
 * Want each of several programs to see every interrupt? Each opens the line.
 */

/**
 * DOC: io_uring
 *
 * read:
 *	needs no O_NONBLOCK and occupies no thread of the kernel: it arms, and
 *	completes with an interrupt. Cancelling it takes nothing from the count,
 *	and leaves the subscription armed, as any read in vain does: until the
 *	next interrupt, AXIRQ_IOC_DISARM, or close().
 * read, multishot:
 *	for continuous mode: a completion for each wake-up, with no system call.
 *	In one-shot mode it arms when it begins, and not again.
 * poll, multishot:
 *	as EPOLLET. Arm for each interrupt, or be in continuous mode.
 *
 * A request in flight holds the file: the line stays armed past close() until
 * the request completes or is cancelled, by the ring's end at the latest.
 */

/**
 * DOC: Errors
 *
 * EINVAL	read() shorter than 8 bytes; a mapping that is private, writable,
 *		longer than a page or not at offset 0; unknown mode;
 *		%AXIRQ_MODE_CONTINUOUS on a level-triggered line; write()
 * EAGAIN	O_NONBLOCK and nothing to report; the subscription is armed now
 * EINTR	a signal arrived while read() blocked (and its handler was not
 *		installed with SA_RESTART); what the read() armed is disarmed
 * EFAULT	the buffer is not writable: a read() has read nothing then, and
 *		the count is as before; AXIRQ_IOC_ARM has armed all the same
 * EBUSY	open(): a kernel driver holds the line, or a file of its other name
 *		does: a pin and the raw input that it is wired to are one line
 * ENOMEM	open(): no memory for it
 * ENOTTY	unknown ioctl
 * ESPIPE	lseek(), or reading at an offset
 * EACCES	open(): the node is root's, until a udev rule says otherwise;
 *		mmap() for writing of a file that is open for reading
 * ENODEV	the device is gone; nothing but close() works. Who blocks or polls
 *		is woken at once. The page stays mapped and says so
 */

/**
 * DOC: /proc/<pid>/fdinfo/<fd>
 *
 * Lines of "key:<tab>value" besides the usual ones. More may come.
 *
 * axirq-pin	<cell>/<pin>
 * axirq-irq	Linux's number of the interrupt
 * axirq-state	"armed" or "idle" (this file, not the line), or "gone"
 * axirq-mode	"oneshot" or "continuous"
 * axirq-count	interrupts that a read() would tell of; 0 if it would block
 * axirq-sequence
 *		the line's sequence number
 * axirq-readers
 *		how many calls of read() block on the file; requests of io_uring
 *		do not count, for they do not block
 *
 * and of a register window:
 *
 * axirq-window	<cell>/<window>
 * axirq-state	"present" or "gone"
 * axirq-address, axirq-size
 *		as its attributes
 */

/**
 * DOC: Limits
 *
 * 1024 pins and 1024 windows at a time; files as many as memory and descriptors
 * allow. Counts and sequence numbers are 64 bits wide and start at zero when
 * the device is bound; they do not overflow. An interrupt costs the same
 * whatever the number of files; only waking takes longer the more there are to
 * wake.
 */

/**
 * DOC: A register window's file, /dev/axirq/<cell>/<window>
 *
 * mmap():
 *	any whole pages inside the window, MAP_SHARED, uncached. Writing needs
 *	O_RDWR. Accesses are those of the bus: aligned, and as wide as the IP's
 *	registers, 32 bits with AXI4-Lite. EINVAL for anything outside.
 *
 * Any number of files and mappings; nothing keeps them from each other. The node
 * exists for windows that are whole pages: a part of a page would give away its
 * neighbours. Once the device is gone, open(), mmap() and ioctl() fail with ENODEV,
 * and touching a mapping raises SIGBUS. read() fails with EINVAL, and there is
 * nothing to poll for.
 */

/**
 * DOC: Memory for a bus master
 *
 * A core that reads or writes memory by itself is lent memory through the file of
 * its register window, opened O_RDWR:
 *
 *	%AXIRQ_IOC_SET_STOP	says how to stop the core, and makes this file the
 *				one that lends it memory
 *	%AXIRQ_IOC_ALLOC	zeroed memory: its address on the core's bus for the
 *				registers, and its offset in the file for mmap()
 *	mmap()			at that offset, whole pages of one piece, MAP_SHARED
 *	%AXIRQ_IOC_FREE		takes a piece away
 *
 * The memory is the core's as much as the program's, contiguous on the core's bus,
 * and coherent: what one has written the other reads, after the barriers that
 * registers need. (A core that the device tree calls dma-coherent is mapped cached,
 * others uncached.) It comes from the kernel's allocator for this very device: a
 * memory-mapped IOMMU, reachable ranges (dma-ranges) and the core's address width
 * (xlnx,addrwidth; 32 bits unless told) are respected. No other memory can be mapped
 * through the file. What the core itself can be told to reach is limited by an
 * IOMMU only: a window of a bus master belongs in trusted hands.
 *
 * The memory outlives the core's access to it. Whenever it goes without FREE, be it
 * with the file (close(), a killed process; "last" as for a line) or because the
 * device is unbound, the driver first stops the core as SET_STOP has said: each
 * step writes a register, then waits until the register answers. A core that takes
 * more than a second for a step keeps its memory until the next boot, and the log
 * says how much. FREE stops nothing: it is for memory that the core has no address
 * of any more.
 *
 * Once the device is gone the memory goes as register windows do: touching a mapping
 * raises SIGBUS.
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
 * @version: %AXIRQ_PAGE_VERSION; never changes
 * @generation: sequence lock: odd while the kernel writes the fields below
 * @sequence: as in struct axirq_event
 * @timestamp_ns: as in struct axirq_event; 0 before the first interrupt
 * @state: AXIRQ_STATE_* bits
 * @reserved: zero
 *
 * One CPU at a time writes the page, in this order:
 *
 *	store generation + 1 (odd)
 *	release fence
 *	store sequence, timestamp_ns, state
 *	store-release generation + 2 (even)
 *
 * So a reader takes a consistent copy with:
 *
 *	do {
 *		before = load-acquire generation
 *		copy sequence, timestamp_ns, state	(relaxed)
 *		acquire fence
 *		after = load generation			(relaxed)
 *	} while (before is odd || before != after)
 *
 * Each load has to be made, once, by volatile or atomic accesses of at most the
 * machine's word: on a 32-bit CPU the 64-bit fields take two, which the
 * generation holds together. The kernel writes with interrupts off, so the loop
 * is short; it must not run at a priority that keeps the interrupt's CPU from
 * finishing, which no user program has. A single field of one word may be read
 * without the loop: @state does not need it, nor does asking whether
 * @sequence has changed on a 64-bit CPU. Neither orders anything else.
 *
 * What is ordered against the page:
 *
 * - Wake-ups. The page is written before anybody is woken: who comes back from
 *   read(), poll() or epoll_wait() because of an interrupt, or takes its
 *   completion from an io_uring, reads at least that interrupt's sequence
 *   number. %AXIRQ_STATE_GONE likewise.
 * - Arming. A page read after AXIRQ_IOC_ARM has returned n says at least n. An
 *   interrupt that makes it more than n finds the subscription armed and wakes:
 *   arm, compare n with the last number you handled, sleep only if they are
 *   equal, and nothing is lost between looking and sleeping.
 * - The sequence number never goes back, and the timestamp belongs to it.
 *
 * What is not: the device. The page tells that the interrupt was taken, nothing
 * of what the device wrote to memory before it. Read a register of the device
 * first, or do whatever its bus asks for.
 */
struct axirq_page {
	__u32 version;
	__u32 generation;
	__aligned_u64 sequence;
	__aligned_u64 timestamp_ns;
	__u32 state;
	__u32 reserved;
};

/** An interrupt disarms the subscription (the default). For any line. */
#define AXIRQ_MODE_ONESHOT	0
/**
 * The line stays enabled until the file is closed or made one-shot again, and no
 * interrupt disarms this subscription; one read tells of any number of them. For
 * edge-triggered lines only: a level would interrupt without end.
 */
#define AXIRQ_MODE_CONTINUOUS	1

#define AXIRQ_IOC_MAGIC		0xB7

/**
 * AXIRQ_IOC_ARM - arm, and mark everything so far as seen
 *
 * Sets the file's count to zero, enables the line if it was not, and returns at
 * once. Writes the line's sequence number to the pointer: a caller who compares
 * it with the last one he saw loses nothing between looking and arming. No error
 * when armed already.
 *
 * Errors: EFAULT (armed all the same), ENODEV.
 */
#define AXIRQ_IOC_ARM		_IOR(AXIRQ_IOC_MAGIC, 0x00, __u64)

/**
 * AXIRQ_IOC_DISARM - stop waiting; no error when not armed
 *
 * Takes nothing from the count. Neither ends continuous mode nor disturbs those
 * who block in read() on the same file.
 *
 * Errors: ENODEV.
 */
#define AXIRQ_IOC_DISARM	_IO(AXIRQ_IOC_MAGIC, 0x01)

/**
 * AXIRQ_IOC_SET_MODE - AXIRQ_MODE_*, by pointer
 *
 * Continuous mode arms at once; going back to one-shot disarms. The count stays.
 *
 * Errors: EFAULT and EINVAL (nothing has changed), ENODEV.
 */
#define AXIRQ_IOC_SET_MODE	_IOW(AXIRQ_IOC_MAGIC, 0x02, __u32)

/**
 * struct axirq_step - a step of stopping a core
 * @offset: of a 32-bit register, in bytes from the window's start
 * @value: is written there first
 * @mask: the bits to wait for; 0 waits for nothing
 * @done: what they are when the step is done. A register that reads as all ones has
 *	not answered, whatever is asked for
 */
struct axirq_step {
	__u32 offset;
	__u32 value;
	__u32 mask;
	__u32 done;
};

#define AXIRQ_STOP_STEPS	4

/**
 * struct axirq_stop - how a core is kept from memory
 * @count: how many steps there are, 1 to %AXIRQ_STOP_STEPS
 * @reserved: zero
 * @steps: in their order
 */
struct axirq_stop {
	__u32 count;
	__u32 reserved;
	struct axirq_step steps[AXIRQ_STOP_STEPS];
};

/**
 * struct axirq_memory - a piece of memory that a core reaches
 * @size: in bytes; ALLOC rounds it up to whole pages
 * @address: by ALLOC: where the core finds it
 * @offset: by ALLOC: where mmap() finds it
 */
struct axirq_memory {
	__aligned_u64 size;
	__aligned_u64 address;
	__aligned_u64 offset;
};

/**
 * AXIRQ_IOC_SET_STOP - lend memory to the core, and say how it is stopped
 *
 * One file at a time does, until it is closed: there is one core to stop. The same
 * file may change the steps. Nothing is written to the core now.
 *
 * Errors: EBADF (not open for writing), EFAULT, EINVAL (no steps or too many, a step
 * outside the window or misaligned, @done outside of @mask, @reserved not zero),
 * EBUSY (another file lends memory to the core), ENODEV, ENOMEM.
 */
#define AXIRQ_IOC_SET_STOP	_IOW(AXIRQ_IOC_MAGIC, 0x10, struct axirq_stop)

/**
 * AXIRQ_IOC_ALLOC - memory that the core reaches
 *
 * Errors: EBADF, EFAULT (nothing is allocated), EINVAL (no bytes), EPERM (this file
 * has not said SET_STOP), ENODEV, ENOMEM (not so much in one piece: see "cma=" in the
 * kernel's parameters).
 */
#define AXIRQ_IOC_ALLOC		_IOWR(AXIRQ_IOC_MAGIC, 0x11, struct axirq_memory)

/**
 * AXIRQ_IOC_FREE - takes back the piece at an offset, by pointer, and its mappings
 *
 * The core must not reach it any more. Touching what was mapped raises SIGBUS.
 *
 * Errors: EBADF, EFAULT, EINVAL (no such piece of this file's), ENODEV.
 */
#define AXIRQ_IOC_FREE		_IOW(AXIRQ_IOC_MAGIC, 0x12, __u64)

#endif /* _UAPI_LINUX_AXIRQ_H */
