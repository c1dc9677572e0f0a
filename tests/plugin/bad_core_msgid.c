/* SPDX-License-Identifier: MIT
 * A plugin with a route for a msgid of the core. */
#include "bad_plugin.h"

static const struct cs_route routes[] = {
	{CS_MSGID_PING, "ping", bad_handler, 0, 1},
	{0, NULL, NULL, 0, 0},
};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_core_msgid", .routes = routes};
