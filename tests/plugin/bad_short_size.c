/* SPDX-License-Identifier: MIT
 * A plugin whose size is too small for its members. */
#include "bad_plugin.h"

const struct cs_plugin cs_plugin = {
	.abi = CS_ABI,
	.size = 24,
	.name = "bad_short_size",
	.version = "1",
	.start = bad_start,
	.stop = bad_stop,
};
