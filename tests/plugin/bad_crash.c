/* SPDX-License-Identifier: MIT
 * A plugin that ends the process as soon as its worker runs. */
#include <stdlib.h>

#include "bad_plugin.h"

static void crash(void *state, void *arg)
{
	(void)state;
	(void)arg;
	abort();
}

static int start_to_crash(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                          struct cs_error *e)
{
	host->timer_add(self, 1, 0, crash, NULL);
	return bad_start(host, self, conf, state_r, e);
}

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_crash", .start = start_to_crash};
