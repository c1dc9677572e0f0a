/* SPDX-License-Identifier: MIT
 * A plugin whose posts, and data for itself, each bring the next one for ever. It stops the server. */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <unistd.h>

#include "bad_plugin.h"

struct bad_state {
	const struct cs_host *host;
	struct cs_self *self;
};

static void post_again(void *state, void *arg)
{
	const struct bad_state *s = state;

	(void)s->host->post(s->self, post_again, arg);
}

static void route_again(void *state, cs_conn conn, cs_account account, const struct cs_parcel *parcel)
{
	const struct bad_state *s = state;

	(void)conn;
	(void)account;
	(void)s->host->route_all(s->self, 0, parcel, 0);
}

static void end_server(void *state, void *arg)
{
	(void)state;
	(void)arg;
	(void)kill(getpid(), SIGTERM);
}

static int start_endless(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                         struct cs_error *e)
{
	static struct bad_state state;
	const struct cs_parcel parcel = {NULL, 0, NULL};

	(void)conf;
	(void)e;
	state = (struct bad_state){host, self};
	*state_r = &state;
	(void)host->post(self, post_again, NULL);
	(void)host->route_all(self, 0, &parcel, 0);
	host->timer_add(self, 1, 0, end_server, NULL);
	return 0;
}

const struct cs_plugin cs_plugin = {BAD_PLUGIN_HEAD, .name = "bad_endless", .start = start_endless,
                                    .routed = route_again};
