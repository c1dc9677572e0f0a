/* SPDX-License-Identifier: MIT
 * A plugin that calls itself until the stack is full: in its start, in a timer, or on a thread of the store. */
#include "bad_plugin.h"

struct bad_conf {
	int where;
};

static int overflow(const volatile char *outer)
{
	volatile char here[1024];

	here[0] = outer ? outer[0] : 0;
	return here[0] ? 0 : overflow(here) + here[0];
}

static void overflow_in_timer(void *state, void *arg)
{
	(void)state;
	(void)overflow(arg);
}

static int overflow_in_work(struct cs_db *db, void *arg)
{
	(void)db;
	return overflow(arg);
}

static void work_done(void *state, cs_conn conn, int result, void *arg)
{
	(void)state;
	(void)conn;
	(void)result;
	(void)arg;
}

static int start_to_overflow(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                             struct cs_error *e)
{
	const int where = ((const struct bad_conf *)conf)->where;

	if (where == 0)
		(void)overflow(NULL);
	else if (where == 1)
		host->timer_add(self, 1, 0, overflow_in_timer, NULL);
	else
		(void)host->work(self, 0, CS_WORK_HASH, overflow_in_work, work_done, NULL);
	return bad_start(host, self, conf, state_r, e);
}

static const struct cs_option options[] = {
	{"where", CS_OPTION_CHOICE, offsetof(struct bad_conf, where), 0, 0, "start", "start|timer|work", 0, "Where."},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_overflow", .options = options,
                                    .conf_size = sizeof(struct bad_conf), .start = start_to_overflow};
