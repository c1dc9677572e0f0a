/* SPDX-License-Identifier: MIT
 * A plugin of the test of replacements, in several versions: it tells its version and how many sessions it knows, and
 * leaves requests pending in a work, a hook, a timer and a thread of its own. Each version sets TURN_VERSION, and
 * TURN_SAVES or not. */
#ifndef TURN_H
#define TURN_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

#include <chatserverd/plugin.h>

enum {
	TURN_WHO = 2001,
	TURN_WORK = 2002,
	TURN_HOOK = 2003,
	TURN_POST = 2004,
	TURN_TIMER = 2005,
	TURN_ROUTE = 2006,
	TURN_HOLD = 2007
};

/* They wait for this file, the option turn.until, and look every so many ms. */
struct turn_conf {
	const char *until;
};

enum { TURN_LOOK_MS = 5 };

struct turn {
	const struct cs_host *host;
	struct cs_self *self;
	const char *until;
	unsigned sessions; /* that it knows */
	int restored;
	cs_conn routed_for;
	struct cs_request routed_request;
};

struct turn_wait {
	struct turn *turn;
	cs_conn conn;
	struct cs_request request;
	pthread_t thread;
};

static void turn_answer(struct turn *t, cs_conn conn, const struct cs_request *request)
{
	char more[128];

	snprintf(more, sizeof more, ",\"version\":%d,\"sessions\":%u,\"restored\":%d,\"worker\":%u", TURN_VERSION,
	         t->sessions, t->restored, t->host->worker(t->self));
	t->host->answer(t->self, conn, request, more);
}

static int turn_on_who(void *state, const struct cs_frame *frame)
{
	turn_answer((struct turn *)state, frame->conn, &frame->request);
	return CS_DONE;
}

static struct turn_wait *turn_wait_make(struct turn *t, const struct cs_frame *frame)
{
	struct turn_wait *w = (struct turn_wait *)calloc(1, sizeof *w);

	if (!w)
		abort();
	w->turn = t;
	w->conn = frame->conn;
	w->request = frame->request;
	return w;
}

static void turn_wait_end(struct turn_wait *w)
{
	turn_answer(w->turn, w->conn, &w->request);
	(void)w->turn->host->finish(w->turn->self, w->conn);
	free(w);
}

/* On other threads. */
static void turn_await(const struct turn_wait *w)
{
	const struct timespec time = {0, TURN_LOOK_MS * 1000000L};

	while (access(w->turn->until, F_OK) != 0)
		(void)thrd_sleep(&time, NULL);
}

static int turn_sleep(struct cs_db *db, void *arg)
{
	(void)db;
	turn_await((struct turn_wait *)arg);
	return 0;
}

static void turn_slept(void *state, cs_conn conn, int result, void *arg)
{
	(void)state;
	(void)conn;
	(void)result;
	turn_wait_end((struct turn_wait *)arg);
}

static int turn_on_work(void *state, const struct cs_frame *frame)
{
	struct turn *t = (struct turn *)state;

	(void)t->host->work(t->self, 0, CS_WORK_HASH, turn_sleep, turn_slept, turn_wait_make(t, frame));
	return CS_PENDING;
}

static void turn_posted(void *state, void *arg)
{
	(void)state;
	(void)pthread_join(((struct turn_wait *)arg)->thread, NULL);
	turn_wait_end((struct turn_wait *)arg);
}

static void *turn_thread(void *arg)
{
	struct turn_wait *w = (struct turn_wait *)arg;

	turn_await(w);
	(void)w->turn->host->post(w->turn->self, turn_posted, w);
	return NULL;
}

static int turn_on_post(void *state, const struct cs_frame *frame)
{
	struct turn_wait *w = turn_wait_make((struct turn *)state, frame);

	if (pthread_create(&w->thread, NULL, turn_thread, w) != 0)
		abort();
	return CS_PENDING;
}

static void turn_on_time(void *state, void *arg)
{
	struct turn *t = (struct turn *)state;

	if (access(t->until, F_OK) != 0)
		(void)t->host->timer_add(t->self, TURN_LOOK_MS, 0, turn_on_time, arg);
	else
		turn_wait_end((struct turn_wait *)arg);
}

static int turn_on_timer(void *state, const struct cs_frame *frame)
{
	struct turn *t = (struct turn *)state;

	turn_on_time(t, turn_wait_make(t, frame));
	return CS_PENDING;
}

static void turn_pass(void *state, void *arg)
{
	struct turn *t = (struct turn *)state;
	struct turn_wait *w = (struct turn_wait *)arg;

	if (access(t->until, F_OK) != 0) {
		(void)t->host->timer_add(t->self, TURN_LOOK_MS, 0, turn_pass, w);
		return;
	}
	(void)t->host->resume(t->self, w->conn, CS_PASS);
	free(w);
}

static int turn_before(void *state, const struct cs_frame *frame)
{
	struct turn *t = (struct turn *)state;

	if (!t->host->has(frame, "wait"))
		return CS_PASS;
	(void)t->host->timer_add(t->self, 0, 0, turn_pass, turn_wait_make(t, frame));
	return CS_PENDING;
}

/* Holds up its worker until the file of the member `until` is there. */
static int turn_on_hold(void *state, const struct cs_frame *frame)
{
	struct turn *t = (struct turn *)state;
	const struct timespec time = {0, TURN_LOOK_MS * 1000000L};
	const char *path = "/";
	size_t size;

	(void)t->host->get_text(frame, "until", &path, &size);
	t->host->log(t->self, CS_LOG_INFO, "turn hangs");
	while (access(path, F_OK) != 0)
		(void)thrd_sleep(&time, NULL);
	turn_answer(t, frame->conn, &frame->request);
	return CS_DONE;
}

/* Answered when the parcel has come back. */
static int turn_on_route(void *state, const struct cs_frame *frame)
{
	struct turn *t = (struct turn *)state;
	const struct cs_parcel parcel = {"", 0, NULL};

	t->routed_for = frame->conn;
	t->routed_request = frame->request;
	(void)t->host->route_all(t->self, 7, &parcel, 0);
	return CS_DONE;
}

static void turn_routed(void *state, cs_conn conn, cs_account account, const struct cs_parcel *parcel)
{
	struct turn *t = (struct turn *)state;

	(void)conn;
	(void)account;
	(void)parcel;
	if (t->routed_for)
		turn_answer(t, t->routed_for, &t->routed_request);
	t->routed_for = 0;
}

static void turn_opened(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t want)
{
	(void)conn;
	(void)account;
	(void)device;
	(void)want;
	((struct turn *)state)->sessions++;
}

static int turn_closed(void *state, cs_conn conn, cs_account account, uint64_t device, uint64_t written)
{
	(void)conn;
	(void)device;
	(void)written;
	if (account != 0)
		((struct turn *)state)->sessions--;
	return 0;
}

#ifdef TURN_LATE
/* On the second worker only. */
static void turn_start_late(const struct turn *t)
{
	const struct timespec time = {0, TURN_LOOK_MS * 1000000L};

	t->host->log(t->self, CS_LOG_INFO, "turn starts worker=%u", t->host->worker(t->self));
	while (t->host->worker(t->self) == 1 && access(t->until, F_OK) != 0)
		(void)thrd_sleep(&time, NULL);
}
#endif

static int turn_start(const struct cs_host *host, struct cs_self *self, const void *conf, void **state_r,
                      struct cs_error *e)
{
	struct turn *t = (struct turn *)calloc(1, sizeof *t);

	if (!t)
		abort();
	t->until = ((const struct turn_conf *)conf)->until;
	t->host = host;
	t->self = self;
	host->subscribe(self, 7);
	if (TURN_FAILS && host->worker(self) == 1) {
		(void)host->timer_add(self, 1, 1, turn_on_time, NULL);
		snprintf(e->text, sizeof e->text, "worker 1 is none of mine");
		free(t);
		return CS_EINVAL;
	}
#ifdef TURN_LATE
	turn_start_late(t);
#endif
	*state_r = t;
	return 0;
}

static void turn_stop(void *state)
{
	free(state);
}

#if TURN_SAVES
static struct cs_shared *turn_save(void *state)
{
	struct turn *t = (struct turn *)state;

	return t->host->share(&t->sessions, sizeof t->sessions);
}

static int turn_restore(void *state, const struct cs_shared *saved)
{
	struct turn *t = (struct turn *)state;

	if (saved->size != sizeof t->sessions)
		return CS_EINVAL;
	memcpy(&t->sessions, saved->bytes, sizeof t->sessions);
	t->restored = 1;
	return 0;
}
#endif

static const struct cs_route turn_routes[] = {
	{TURN_WHO, "turn_who", turn_on_who, 0, 1},       {TURN_WORK, "turn_work", turn_on_work, 0, 1},
	{TURN_HOOK, "turn_hook", turn_on_who, 0, 1},     {TURN_POST, "turn_post", turn_on_post, 0, 1},
	{TURN_TIMER, "turn_timer", turn_on_timer, 0, 1}, {TURN_ROUTE, "turn_route", turn_on_route, 0, 1},
	{TURN_HOLD, "turn_hold", turn_on_hold, 0, 1},    {0, NULL, NULL, 0, 0},
};

static const struct cs_hook turn_hooks[] = {
	{TURN_HOOK, 0, turn_before, 0},
	{0, 0, NULL, 0},
};

static const struct cs_option turn_options[] = {
	{"until", CS_OPTION_TEXT, offsetof(struct turn_conf, until), 1, 200, "/nowhere", NULL, 0, "see turn_conf"},
	{NULL, CS_OPTION_BOOL, 0, 0, 0, NULL, NULL, 0, NULL},
};

const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "turn",
	.version = TURN_NAME,
	.routes = turn_routes,
	.options = turn_options,
	.hooks = turn_hooks,
	.conf_size = sizeof(struct turn_conf),
	.start = turn_start,
	.opened = turn_opened,
	.closed = turn_closed,
	.routed = turn_routed,
	.stop = turn_stop,
#if TURN_SAVES
	.save = turn_save,
	.restore = turn_restore,
#endif
};

#endif
