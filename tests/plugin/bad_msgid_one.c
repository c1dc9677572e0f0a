/* SPDX-License-Identifier: MIT
 * One of two plugins that both want the msgid 2003. */
#include "bad_plugin.h"

static const struct cs_route routes[] = {
	{2003, "one", bad_handler, 0, 1},
	{0, NULL, NULL, 0, 0},
};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_msgid_one", .routes = routes};
