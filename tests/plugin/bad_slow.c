/* SPDX-License-Identifier: MIT
 * A plugin that blocks its worker for two seconds and then stops the server. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "bad_plugin.h"

static void block(void *state, void *arg)
{
	const struct timespec time = {2, 0};

	(void)state;
	(void)arg;
	(void)nanosleep(&time, NULL);
	(void)kill(getpid(), SIGTERM);
}

static int start_to_block(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                          struct cs_error *e)
{
	host->timer_add(self, 1, 0, block, NULL);
	return bad_start(host, self, conf, state_r, e);
}

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_slow", .start = start_to_block};
