/* SPDX-License-Identifier: MIT
 * A plugin with a hook that has no function. */
#include "bad_plugin.h"

static const struct cs_hook hooks[] = {
	{6, 0, bad_handler, 0},
	{2002, 0, NULL, 0},
	{0, 0, NULL, 0},
};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_null_hook", .hooks = hooks};
