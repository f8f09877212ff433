/* SPDX-License-Identifier: GPL-2.0 */
/* What the stand-in for the kernel crate uses of the kernel, as symbols for Rust: sys.rs. */
#ifndef AXIRQ_STANDIN_HELPERS_H
#define AXIRQ_STANDIN_HELPERS_H

#include <linux/types.h>

void *axirq_standin_realloc(void *memory, size_t size);
void axirq_standin_free(void *memory);
void axirq_standin_print(const char *level, const char *text, size_t length);
void __noreturn axirq_standin_bug(void);

#ifdef CONFIG_ARM
void __aeabi_uldivmod(void);
u64 axirq_standin_divide(u64 numerator, u64 denominator, u64 *remainder);
#endif

#endif
