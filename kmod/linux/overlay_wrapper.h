/* SPDX-License-Identifier: GPL-2.0 */
/* The headers whose declarations axirq_overlay.ko uses, for bindgen. */
#include <linux/configfs.h>
#include <linux/firmware.h>
#include <linux/mutex.h>
#include <linux/of.h>

#include "overlay_helpers.h"
