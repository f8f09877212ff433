// SPDX-License-Identifier: GPL-2.0
#include <linux/configfs.h>
#include <linux/firmware.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/of.h>

#include "overlay_helpers.h"

MODULE_AUTHOR("The axirq developers");
MODULE_VERSION(__stringify(AXIRQ_VERSION));

struct module *axirq_this_module(void)
{
	return THIS_MODULE;
}

void axirq_mutex_init(struct mutex *lock)
{
	mutex_init(lock);
}

void axirq_mutex_lock(struct mutex *lock)
{
	mutex_lock(lock);
}

void axirq_mutex_unlock(struct mutex *lock)
{
	mutex_unlock(lock);
}

void axirq_configfs_subsystem_init(struct configfs_subsystem *subsystem, const char *name,
				   const struct config_item_type *type)
{
	config_group_init_type_name(&subsystem->su_group, name, type);
	mutex_init(&subsystem->su_mutex);
}

void axirq_configfs_add_group(struct config_group *group, const char *name,
			      const struct config_item_type *type, struct config_group *parent)
{
	config_group_init_type_name(group, name, type);
	configfs_add_default_group(group, parent);
}

/* The base that later kernels let the caller choose is the root. */
int axirq_overlay_apply(const void *blob, u32 size, int *id)
{
	return of_overlay_fdt_apply(blob, size, id, NULL);
}

int axirq_request_firmware(const struct firmware **firmware, const char *name)
{
	return request_firmware(firmware, name, NULL);
}
