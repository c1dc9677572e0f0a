/* SPDX-License-Identifier: MIT
 * A plugin whose start ends the process. */
#include <stdlib.h>

#include "bad_plugin.h"

static int crash(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r, struct cs_error *e)
{
	(void)host;
	(void)self;
	(void)conf;
	(void)state_r;
	(void)e;
	abort();
}

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_crash_start", .start = crash};
