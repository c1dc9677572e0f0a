/* SPDX-License-Identifier: MIT
 * Whether this server should get new clients. */
#include "core/ready.h"

#include "core/server.h"

static int ready_touch(struct cs_db *, void *)
{
	return 0;
}

static void ready_touched(void *, cs_conn, int, void *) {}

static void ready_touch_store(void *arg)
{
	struct worker *w = static_cast<struct worker *>(arg);

	if (!w->instances.empty())
		(void)store_work(w->shared->store, w->instances.front().get(), 0, 0, CS_WORK_READ, ready_touch,
		                 ready_touched, nullptr);
}

/* The connection to the database is opened for the read; that is the try. The store bounds how often it tries.
 * Instances belong to their worker's thread. */
static void ready_try_store(struct server *s)
{
	struct worker *w = s->shared.workers.front().get();

	loop_post(&w->loop, ready_touch_store, w);
}

const char *ready_why_not(struct server *s)
{
	if (s->drain.begun)
		return "draining";
	if (!store_is_away(s->store.get()))
		return nullptr;
	ready_try_store(s);
	return "store";
}
