/* SPDX-License-Identifier: MIT
 * A plugin that hands in work when it starts, and logs what became of it. */
#include <stdlib.h>

#include "bad_plugin.h"

struct waiting {
	const struct cs_host *host;
	struct cs_self *self;
};

static int work(struct cs_db *db, void *arg)
{
	(void)db;
	(void)arg;
	return 0;
}

static void work_done(void *state, cs_conn conn, int result, void *arg)
{
	const struct waiting *w = state;

	(void)conn;
	w->host->log(w->self, CS_LOG_INFO, "work ended result=%d same=%d", result, arg == state);
}

static int start_to_work(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                         struct cs_error *e)
{
	struct waiting *w = calloc(1, sizeof *w);

	(void)conf;
	(void)e;
	if (!w)
		abort();
	w->host = host;
	w->self = self;
	*state_r = w;
	return host->work(self, 0, CS_WORK_HASH, work, work_done, w);
}

static void stop_and_free(void *state)
{
	free(state);
}

const struct cs_plugin cs_plugin = {CS_PLUGIN_HEAD, .version = "1", .name = "working_start", .start = start_to_work,
                                    .stop = stop_and_free};
