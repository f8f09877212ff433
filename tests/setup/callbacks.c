// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel calls the modules' functions as: each as ROOM_FUNCTION, of kmod/linux. For callbacks.py, which
 * compares the types that clang knows these by with those that the modules' functions have.
 */
#include <linux/configfs.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/platform_device.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

/* Who takes an address asks for the type. */
#define CALLED_AS(function, pointer)					\
	extern typeof(*(pointer)0) function;				\
	static const void *const __used address_of_##function = function
#define MEMBER(function, tag, member) CALLED_AS(function, typeof(((struct tag *)0)->member))

MEMBER(chrdev_open, file_operations, open);
MEMBER(chrdev_release, file_operations, release);
MEMBER(chrdev_read_iter, file_operations, read_iter);
MEMBER(chrdev_poll, file_operations, poll);
MEMBER(chrdev_ioctl, file_operations, unlocked_ioctl);
MEMBER(chrdev_mmap, file_operations, mmap);
MEMBER(chrdev_show_fdinfo, file_operations, show_fdinfo);
MEMBER(chrdev_fault, vm_operations_struct, fault);
MEMBER(configfs_make_item, configfs_group_operations, make_item);
MEMBER(configfs_drop_item, configfs_group_operations, drop_item);
MEMBER(configfs_release, configfs_item_operations, release);
MEMBER(configfs_show_path, configfs_attribute, show);
MEMBER(configfs_show_status, configfs_attribute, show);
MEMBER(configfs_store_path, configfs_attribute, store);
MEMBER(configfs_read_blob, configfs_bin_attribute, read);
MEMBER(configfs_write_blob, configfs_bin_attribute, write);
CALLED_AS(irq_trampoline, irq_handler_t);
MEMBER(irqdomain_no_match, irq_domain_ops, match);
MEMBER(irqdomain_map, irq_domain_ops, map);
MEMBER(irqdomain_xlate, irq_domain_ops, xlate);
MEMBER(irqdomain_activate, irq_domain_ops, activate);
MEMBER(irqdomain_mask, irq_chip, irq_mask);
MEMBER(irqdomain_unmask, irq_chip, irq_unmask);
MEMBER(irqdomain_ack, irq_chip, irq_ack);
MEMBER(irqdomain_claim, irq_chip, irq_request_resources);
MEMBER(irqdomain_release, irq_chip, irq_release_resources);
MEMBER(irqdomain_state, irq_chip, irq_get_irqchip_state);
MEMBER(irqdomain_set_state, irq_chip, irq_set_irqchip_state);
CALLED_AS(links_notify, notifier_fn_t);
MEMBER(platform_probe, platform_driver, probe);
MEMBER(platform_remove, platform_driver, remove);
MEMBER(platform_shutdown, platform_driver, shutdown);
MEMBER(platform_resume, dev_pm_ops, resume_noirq);
CALLED_AS(wait_wake_later, work_func_t);
CALLED_AS(wait_stay_asleep, wait_queue_func_t);
