/* SPDX-License-Identifier: MIT
 * A plugin with a verb of operators: {"msgid":990,"req":R} is answered with "said":"done". It logs each frame that its
 * hook sees, which sees all msgids. */
#include <stdlib.h>

#include <chatserverd/plugin.h>

struct verb {
	const struct cs_host *host;
	struct cs_self *self;
};

static int verb_on_frame(void *state, const struct cs_frame *frame)
{
	const struct verb *v = state;

	v->host->answer(v->self, frame->conn, &frame->request, ",\"said\":\"done\"");
	return CS_DONE;
}

static int verb_before(void *state, const struct cs_frame *frame)
{
	const struct verb *v = state;

	v->host->log(v->self, CS_LOG_INFO, "hook sees msgid=%u", frame->request.msgid);
	return CS_PASS;
}

static int verb_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                      struct cs_error *e)
{
	struct verb *v = malloc(sizeof(*v));

	(void)conf;
	(void)e;
	if (!v)
		abort();
	*v = (struct verb){host, self};
	*state_r = v;
	return 0;
}

static const struct cs_route verb_routes[] = {{990, "verb", verb_on_frame, CS_ROUTE_OPERATOR, 1}, {0}};
static const struct cs_hook verb_hooks[] = {{0, 0, verb_before, 0}, {0}};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,      .name = "verb",      .version = "1", .routes = verb_routes,
	.hooks = verb_hooks, .start = verb_start, .stop = free,
};
