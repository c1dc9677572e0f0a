/* SPDX-License-Identifier: MIT
 * A plugin with an option whose minimum is above its maximum. */
#include "bad_plugin.h"

static const struct cs_option options[] = {
	{"cups", CS_OPTION_INTEGER, 0, 9, 1, "5", NULL, 0, "how many"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

const struct cs_plugin cs_plugin = {
	BAD_PLUGIN,
	.name = "bad_option_range",
	.options = options,
	.conf_size = sizeof(int64_t),
};
