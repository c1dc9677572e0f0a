/* SPDX-License-Identifier: MIT
 * A plugin that uses the service tea if it is there, and logs whether it was. Its name comes before that of the
 * provider, so by name alone it would start first. */
#include "bad_plugin.h"

static int good_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                      struct cs_error *e)
{
	const void *table;
	void *context;

	host->log(self, CS_LOG_INFO, "tea=%d", host->service(self, "tea", 1, &table, &context) == 0);
	return bad_start(host, self, conf, state_r, e);
}

static const char *const uses[] = {"tea", NULL};

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_a_user", .uses = uses, .start = good_start};
