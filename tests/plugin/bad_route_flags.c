/* SPDX-License-Identifier: MIT
 * A plugin with a route that has an unknown flag. */
#include "bad_plugin.h"

static const struct cs_route routes[] = {
	{2001, "here", bad_handler, 0x81, 1},
	{0, NULL, NULL, 0, 0},
};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_route_flags", .routes = routes};
