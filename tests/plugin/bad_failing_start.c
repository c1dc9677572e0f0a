/* SPDX-License-Identifier: MIT
 * A plugin whose start hands in work and then fails with a text. Its instance has no state, so nothing may call it. */
#include <stdio.h>
#include <stdlib.h>

#include "bad_plugin.h"

static int work(struct cs_db *db, void *arg)
{
	(void)db;
	(void)arg;
	return 0;
}

static void work_done(void *state, cs_conn conn, int result, void *arg)
{
	(void)state;
	(void)conn;
	(void)result;
	(void)arg;
	abort();
}

static int fail_to_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                         struct cs_error *e)
{
	(void)conf;
	(void)state_r;
	(void)host->work(self, 0, CS_WORK_HASH, work, work_done, NULL);
	snprintf(e->text, sizeof(e->text), "there is no tea");
	return CS_EINVAL;
}

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_failing_start", .start = fail_to_start};
