/* SPDX-License-Identifier: MIT
 * A plugin that does not say how large its options are. */
#include "bad_plugin.h"

static const struct cs_option options[] = {
	{"cups", CS_OPTION_INTEGER, 0, 1, 9, "5", NULL, 0, "how many"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

const struct cs_plugin cs_plugin = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_plugin),
	.name = "bad_no_stride",
	.version = "1",
	.options = options,
	.conf_size = sizeof(int64_t),
	.start = bad_start,
	.stop = bad_stop,
};
