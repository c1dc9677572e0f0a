/* SPDX-License-Identifier: MIT
 * A plugin with a route that has no handler. */
#include "bad_plugin.h"

static const struct cs_route routes[] = {
	{2001, "here", bad_handler, 0, 1},
	{2002, "nowhere", NULL, 0, 1},
	{0, NULL, NULL, 0, 0},
};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_null_handler", .routes = routes};
