/* SPDX-License-Identifier: MIT
 * A plugin that holds up its worker when a client asks: {"msgid":2000,"until":"FILE"} blocks until that file is
 * there. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <chatserverd/plugin.h>

struct block {
	const struct cs_host *host;
	struct cs_self *self;
};

static int block_on_frame(void *state, const struct cs_frame *frame)
{
	const struct block *b = state;
	const struct timespec time = {0, 2000000};
	const char *path;
	size_t size;

	if (b->host->get_text(frame, "until", &path, &size) != 0)
		return b->host->refuse(b->self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "until is missing");
	b->host->log(b->self, CS_LOG_INFO, "block hangs");
	while (access(path, F_OK) != 0)
		(void)nanosleep(&time, NULL);
	b->host->answer(b->self, frame->conn, &frame->request, "");
	return CS_DONE;
}

static int block_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                       struct cs_error *e)
{
	struct block *b = malloc(sizeof(*b));

	(void)conf;
	(void)e;
	if (!b)
		abort();
	*b = (struct block){host, self};
	*state_r = b;
	return 0;
}

static const struct cs_route block_routes[] = {{2000, "block", block_on_frame, CS_ROUTE_NEEDS_LOGIN, 1}, {0}};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD, .name = "block", .version = "1", .routes = block_routes, .start = block_start, .stop = free,
};
