/* SPDX-License-Identifier: MIT
 * A plugin that was built for a later minor version, whose members this server does not have. */
#include "bad_plugin.h"

const struct cs_plugin cs_plugin = {
	.abi = CS_ABI + 1,
	.size = sizeof(struct cs_plugin) + 8,
	.name = "bad_newer_abi",
	.version = "1",
	.start = bad_start,
	.stop = bad_stop,
};
