/* SPDX-License-Identifier: MIT
 * A plugin that calls a function which no library has. */
#include "bad_plugin.h"

int brew_tea(void);

static int start_with_tea(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                          struct cs_error *e)
{
	(void)bad_start(host, self, conf, state_r, e);
	return brew_tea();
}

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_missing_symbol", .start = start_with_tea};
