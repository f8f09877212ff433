/* SPDX-License-Identifier: GPL-2.0 */
/* C inlines and macros of axirq_overlay.ko as symbols, for Rust. */
#ifndef AXIRQ_OVERLAY_HELPERS_H
#define AXIRQ_OVERLAY_HELPERS_H

struct config_group;
struct config_item;
struct config_item_type;
struct configfs_subsystem;
struct module;
struct mutex;

struct module *axirq_this_module(void);
void axirq_mutex_init(struct mutex *lock);
void axirq_mutex_lock(struct mutex *lock);
void axirq_mutex_unlock(struct mutex *lock);
void axirq_configfs_subsystem_init(struct configfs_subsystem *subsystem, const char *name,
				   const struct config_item_type *type);
void axirq_configfs_add_group(struct config_group *group, const char *name,
			      const struct config_item_type *type, struct config_group *parent);
int axirq_overlay_apply(const void *blob, u32 size, int *id);
int axirq_request_firmware(const struct firmware **firmware, const char *name);

#endif
