/* SPDX-License-Identifier: MIT
 * A plugin with an ABI that this server does not support. */
#include "bad_plugin.h"

const struct cs_plugin cs_plugin = {
	.abi = 9u << 16 | 3,
	.size = sizeof(struct cs_plugin),
	.name = "bad_wrong_abi",
	.version = "1",
	.start = bad_start,
	.stop = bad_stop,
};
