/* SPDX-License-Identifier: MIT
 * A plugin with an option that SIGHUP may change, but without a reload function. */
#include "bad_plugin.h"

static const struct cs_option options[] = {
	{"cups", CS_OPTION_INTEGER, 0, 1, 9, "5", NULL, 1, "how many"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

const struct cs_plugin cs_plugin = {
	BAD_PLUGIN,
	.name = "bad_option_reload",
	.options = options,
	.conf_size = sizeof(int64_t),
};
