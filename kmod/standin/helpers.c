// SPDX-License-Identifier: GPL-2.0
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "helpers.h"

void *axirq_standin_realloc(void *memory, size_t size)
{
	return krealloc(memory, size, GFP_KERNEL);
}

void axirq_standin_free(void *memory)
{
	kfree(memory);
}

void axirq_standin_print(const char *level, const char *text, size_t length)
{
	_printk("%s%.*s", level, (int)length, text);
}

void __noreturn axirq_standin_bug(void)
{
	BUG();
}
