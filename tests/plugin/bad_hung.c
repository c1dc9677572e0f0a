/* SPDX-License-Identifier: MIT
 * A plugin that blocks its worker for `hang`, once, `after` its start. */
#define _POSIX_C_SOURCE 200809L
#include <stddef.h>
#include <time.h>

#include "bad_plugin.h"

struct hung_conf {
	int64_t after, hang; /* ms */
};

static const struct cs_option options[] = {
	{"after", CS_OPTION_TIME, offsetof(struct hung_conf, after), 1, 3600000, "1s", NULL, 0, "when it blocks"},
	{"hang", CS_OPTION_TIME, offsetof(struct hung_conf, hang), 0, 3600000, "1h", NULL, 0, "for how long"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

static void hang(void *state, void *arg)
{
	const struct hung_conf *conf = state;
	const struct timespec time = {conf->hang / 1000, conf->hang % 1000 * 1000000};

	(void)arg;
	(void)nanosleep(&time, NULL);
}

static int start_to_hang(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                         struct cs_error *e)
{
	const struct hung_conf *own = conf;

	(void)e;
	*state_r = (void *)conf;
	host->timer_add(self, own->after, 0, hang, NULL);
	return 0;
}

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_hung", .start = start_to_hang, .options = options,
                                    .conf_size = sizeof(struct hung_conf)};
