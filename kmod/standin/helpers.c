// SPDX-License-Identifier: GPL-2.0
#include <linux/bug.h>
#include <linux/math64.h>
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

#ifdef CONFIG_ARM
u64 axirq_standin_divide(u64 numerator, u64 denominator, u64 *remainder)
{
	return div64_u64_rem(numerator, denominator, remainder);
}

/*
 * Where the compiler divides integers of 64 bits, as to print one in decimal, it calls this, which
 * the kernel has not. Numerator in r0 and r1, denominator in r2 and r3; quotient and remainder are
 * returned in their places.
 */
__attribute__((naked, no_instrument_function)) void __aeabi_uldivmod(void)
{
	asm volatile("push	{r11, lr}\n"
		     "sub	sp, sp, #16\n"
		     "add	r12, sp, #8\n"
		     "str	r12, [sp]\n"
		     "bl	axirq_standin_divide\n"
		     "ldr	r2, [sp, #8]\n"
		     "ldr	r3, [sp, #12]\n"
		     "add	sp, sp, #16\n"
		     "pop	{r11, pc}\n");
}
#endif
