// SPDX-License-Identifier: GPL-2.0
/* The same once more: an object belongs to one module. */
#include "helpers.c"
