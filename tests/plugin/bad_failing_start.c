/* SPDX-License-Identifier: MIT
 * A plugin whose start fails with a text. */
#include <stdio.h>

#include "bad_plugin.h"

static int fail_to_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                         struct cs_error *e)
{
	(void)host;
	(void)self;
	(void)conf;
	(void)state_r;
	snprintf(e->text, sizeof(e->text), "there is no tea");
	return CS_EINVAL;
}

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_failing_start", .start = fail_to_start};
