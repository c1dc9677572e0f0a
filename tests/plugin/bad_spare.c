/* SPDX-License-Identifier: MIT
 * A plugin that sets a spare member. */
#include "bad_plugin.h"

static const struct cs_hook hooks[] = {
	{6, 0, bad_handler, 1},
	{0, 0, NULL, 0},
};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_spare", .hooks = hooks};
