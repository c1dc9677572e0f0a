/* SPDX-License-Identifier: MIT
 * A plugin that holds up its worker when a client asks: {"msgid":2000,"until":"FILE"} blocks until that file is
 * there; {"msgid":2001,"until":"FILE"} stays pending until then, one at a time. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <chatserverd/plugin.h>

struct block {
	const struct cs_host *host;
	struct cs_self *self;
	struct cs_timer *timer;
	cs_conn conn;
	struct cs_request request;
	char path[256];
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

static void block_look(void *state, void *arg)
{
	struct block *b = state;

	(void)arg;
	if (access(b->path, F_OK) != 0)
		return;
	b->host->timer_del(b->self, b->timer);
	b->host->answer(b->self, b->conn, &b->request, "");
	(void)b->host->finish(b->self, b->conn);
}

static int block_on_wait(void *state, const struct cs_frame *frame)
{
	struct block *b = state;
	const char *path;
	size_t size;

	if (b->host->get_text(frame, "until", &path, &size) != 0)
		return b->host->refuse(b->self, frame->conn, &frame->request, CS_ERRNO_BAD_FRAME, "until is missing");
	(void)snprintf(b->path, sizeof(b->path), "%s", path);
	b->conn = frame->conn;
	b->request = frame->request;
	b->timer = b->host->timer_add(b->self, 2, 1, block_look, NULL);
	b->host->log(b->self, CS_LOG_INFO, "block waits");
	return CS_PENDING;
}

static int block_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                       struct cs_error *e)
{
	struct block *b = malloc(sizeof(*b));

	(void)conf;
	(void)e;
	if (!b)
		abort();
	*b = (struct block){.host = host, .self = self};
	*state_r = b;
	return 0;
}

static const struct cs_route block_routes[] = {
	{2000, "block", block_on_frame, CS_ROUTE_NEEDS_LOGIN, 1}, {2001, "wait", block_on_wait, 0, 1}, {0}};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD, .name = "block", .version = "1", .routes = block_routes, .start = block_start, .stop = free,
};
