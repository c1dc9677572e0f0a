/* SPDX-License-Identifier: MIT
 * A plugin whose rows have a size that no server ever had. */
#include "bad_plugin.h"

static const struct cs_route routes[] = {
	{2001, "here", bad_handler, 0, 1},
	{0, NULL, NULL, 0, 0},
};

const struct cs_plugin cs_plugin = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_plugin),
	.route_size = 9,
	.name = "bad_stride",
	.version = "1",
	.routes = routes,
	.start = bad_start,
	.stop = bad_stop,
};
