/* SPDX-License-Identifier: MIT
 * A plugin with a verb of operators that needs a login, which operators do not have. */
#include "bad_plugin.h"

static const struct cs_route routes[] = {
	{2001, "here", bad_handler, CS_ROUTE_OPERATOR | CS_ROUTE_NEEDS_LOGIN, 1},
	{0, NULL, NULL, 0, 0},
};

const struct cs_plugin cs_plugin = {BAD_PLUGIN, .name = "bad_verb", .routes = routes};
