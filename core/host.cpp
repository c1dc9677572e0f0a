/* SPDX-License-Identifier: MIT
 * Owns the table of functions that plugins get: the only file that sees plugins and the inside of the core at
 * once. It must not know what any plugin does. */
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "conn.h"
#include "dispatch.h"
#include "frame.h"
#include "log.h"
#include "loop.h"
#include "plugin.h"
#include "route.h"
#include "session.h"
#include "store.h"
#include "worker.h"

/* A timer of a plugin. It may be deleted from within its own call. */
struct cs_timer {
	struct cs_self *self;
	event_ptr event;
	cs_timer_fn *fn;
	void *arg;
	size_t place;        /* in self->timers */
	bool repeat;
	bool running;
	bool deleted;
};

namespace {

constexpr size_t most_text = 512;

/* A claim under way. It owns itself: it ends with the post of its completion. */
struct claim {
	struct cs_self *self;
	cs_conn conn;
	cs_account account;
	std::string name;
	unsigned flags;
	cs_done_fn *done;
	void *arg;
	int result;
};

/* An older session's connection, to be closed on its own worker. */
struct kick {
	struct worker *worker;
	cs_conn conn;
};

struct conn *find(struct cs_self *self, cs_conn conn)
{
	return conn_find(self->worker, conn);
}

/* Cuts what does not fit without leaving half a character, which no client could parse. */
void cut_text(char *text, size_t size)
{
	if (size < most_text)
		return;
	size_t end = most_text - 1;

	while (end > 0 && ((unsigned char)text[end - 1] & 0xc0) == 0x80)
		end--;
	if (end > 0 && (unsigned char)text[end - 1] >= 0xc0)
		end--;
	text[end] = '\0';
}

/* ---- log and frames */

void host_log(struct cs_self *self, enum cs_log_level level, const char *format, ...)
{
	char text[1024];
	va_list arguments;

	if (!log_enabled(level))
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log_write(level, "%s plugin=%s worker=%u", text, self->plugin->name.c_str(), self->worker->index);
}

void host_answer(struct cs_self *self, cs_conn conn, const struct cs_request *request, const char *more)
{
	if (struct conn *c = find(self, conn))
		conn_answer(c, request, more);
}

int host_refuse(struct cs_self *self, cs_conn conn, const struct cs_request *request, int wire_errno,
                const char *format, ...)
{
	char text[most_text];
	va_list arguments;

	va_start(arguments, format);
	const int size = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	cut_text(text, size < 0 ? 0 : (size_t)size);
	if (struct conn *c = find(self, conn))
		conn_refuse(c, request, wire_errno, text);
	return CS_REJECT;
}

int host_refuse_result(struct cs_self *self, cs_conn conn, const struct cs_request *request, int result)
{
	switch (result) {
	case CS_EBUSY:
		return host_refuse(self, conn, request, CS_ERRNO_BUSY, "too much is waiting; try again later");
	case CS_ECANCELED:
		return host_refuse(self, conn, request, CS_ERRNO_GOING_AWAY, "this node is draining; connect again");
	case CS_EUNKNOWN:
		return host_refuse(self, conn, request, CS_ERRNO_UNAVAILABLE,
		                   "the store does not answer; whether it was done is unknown");
	case CS_DB_BAD_VALUE:
		return host_refuse(self, conn, request, CS_ERRNO_BAD_FRAME, "the store cannot hold this value");
	default:
		return host_refuse(self, conn, request, CS_ERRNO_UNAVAILABLE,
		                   "the store does not answer; nothing was changed");
	}
}

/* ---- connections */

int host_send(struct cs_self *self, cs_conn conn, const char *frame, size_t size, const char *tail,
              uint64_t *position_r)
{
	struct conn *c = find(self, conn);

	return c ? conn_send(c, frame, size, tail, position_r) : CS_ENOENT;
}

int host_finish(struct cs_self *self, cs_conn conn)
{
	struct conn *c = find(self, conn);

	if (!c)
		return CS_ENOENT;
	conn_finish(c);
	return 0;
}

int host_close(struct cs_self *self, cs_conn conn, const char *why)
{
	struct conn *c = find(self, conn);

	if (!c)
		return CS_ENOENT;
	conn_close_after_output(c, why);
	return 0;
}

int host_set_silence(struct cs_self *self, cs_conn conn, int64_t ms)
{
	struct conn *c = find(self, conn);

	if (!c)
		return CS_ENOENT;
	if (ms < 0)
		return CS_EINVAL;
	conn_set_silence(c, ms);
	return 0;
}

/* ---- sessions */

void claim_complete(void *arg)
{
	const std::unique_ptr<struct claim> cl((struct claim *)arg);

	if (cl->result == 0 && !find(cl->self, cl->conn))
		cl->result = CS_ENOENT;   /* it ended since, and its session with it */
	cl->done(cl->self->state, cl->conn, cl->result, cl->arg);
}

void claim_finish(struct claim *cl, int result)
{
	cl->result = result;
	if (struct conn *c = find(cl->self, cl->conn))
		c->claiming = false;
	loop_post(&cl->self->worker->loop, claim_complete, cl);
}

void kick_run(void *arg)
{
	const std::unique_ptr<struct kick> k((struct kick *)arg);

	if (struct conn *c = conn_find(k->worker, k->conn))
		conn_close(c, "logged in elsewhere");
}

void kick_post(struct cs_self *self, unsigned worker_index, cs_conn conn)
{
	struct worker *worker = self->worker->shared->workers[worker_index].get();
	auto k = std::make_unique<struct kick>(kick{.worker = worker, .conn = conn});

	loop_post(&worker->loop, kick_run, k.release());
}

void claim_try(void *arg);

/* Waits first and kicks whoever holds the place then: the holder may have changed since the claim, and one that
 * nobody kicks could keep the place, and the waiter, for ever. */
void claim_kick(struct claim *cl)
{
	struct worker *w = cl->self->worker;
	const struct session_waiter waiter{.loop = &w->loop, .fn = claim_try, .arg = cl};
	const cs_account account = cl->account;
	struct cs_self *self = cl->self;
	unsigned worker;
	cs_conn conn;

	if (!session_wait(&w->shared->sessions, account, &waiter))
		loop_post(&w->loop, claim_try, cl);
	else if (session_locate(&w->shared->sessions, account, &worker, &conn))
		kick_post(self, worker, conn);
}

void claim_granted(struct claim *cl, struct conn *c)
{
	conn_bind(c, cl->account, cl->name);
	claim_finish(cl, 0);
}

/* Tries the claim, for the first time or after a wake. A woken waiter has no right to the place: it claims
 * again, and its connection may be gone by now. */
void claim_try(void *arg)
{
	auto *cl = (struct claim *)arg;
	struct worker *w = cl->self->worker;
	struct conn *c = find(cl->self, cl->conn);
	const struct session_waiter waiter{.loop = &w->loop, .fn = claim_try, .arg = cl};
	struct session_entry other;

	if (!c)
		return claim_finish(cl, CS_ENOENT);
	switch (session_claim(&w->shared->sessions, cl->account, w->index, cl->conn, &waiter, &other)) {
	case SESSION_GRANTED:
		return claim_granted(cl, c);
	case SESSION_WAIT:
		return;
	case SESSION_TAKEN:
		if (cl->flags & CS_CLAIM_KICK)
			return claim_kick(cl);
		return claim_finish(cl, CS_EEXIST);
	}
}

int host_claim(struct cs_self *self, cs_conn conn, cs_account account, const char *name, unsigned flags,
               cs_done_fn *done, void *arg)
{
	struct conn *c = find(self, conn);
	auto owner = std::make_unique<struct claim>(claim{.self = self, .conn = conn, .account = account,
	                                                  .name = name, .flags = flags, .done = done,
	                                                  .arg = arg, .result = 0});
	struct claim *cl = owner.release();

	if (c && (c->claiming || c->account != 0)) {
		cl->result = CS_EINVAL;
		loop_post(&self->worker->loop, claim_complete, cl);
		return 0;
	}
	if (c)
		c->claiming = true;
	claim_try(cl);
	return 0;
}

int host_logout(struct cs_self *self, cs_conn conn)
{
	struct conn *c = find(self, conn);

	if (!c)
		return CS_ENOENT;
	if (c->account == 0)
		return CS_EINVAL;
	conn_logout(c);
	return 0;
}

void host_release(struct cs_self *self, cs_account account)
{
	session_release(&self->worker->shared->sessions, account);
}

int host_is_online(struct cs_self *self, cs_account account)
{
	unsigned worker;
	cs_conn conn;

	return session_locate(&self->worker->shared->sessions, account, &worker, &conn);
}

/* ---- store */

int host_work(struct cs_self *self, cs_conn conn, enum cs_work_kind kind, cs_work_fn *fn, cs_done_fn *done,
              void *arg)
{
	return store_work(self->worker->shared->store, self, conn, kind, fn, done, arg);
}

int host_batch(struct cs_self *self, const struct cs_batch *batch, uint64_t key, void *item, size_t bytes)
{
	return store_batch(self->worker->shared->store, self, batch, key, item, bytes);
}

int host_outcome_can_be_unknown(struct cs_self *self)
{
	return store_outcome_can_be_unknown(self->worker->shared->store);
}

cs_place host_place(struct cs_self *self)
{
	return route_place_of(self);
}

/* ---- time */

/* The wall clock may be set back; what clients see as `ts` must not go back with it. */
int64_t host_now()
{
	static constinit std::atomic<int64_t> latest{0};
	struct timespec time;

	(void)clock_gettime(CLOCK_REALTIME, &time);
	const int64_t now = (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
	int64_t before = latest.load(std::memory_order_relaxed);

	while (before < now && !latest.compare_exchange_weak(before, now, std::memory_order_relaxed)) {
	}
	return std::max(before, now);
}

void timer_free(struct cs_timer *timer)
{
	const std::unique_ptr<struct cs_timer> owner(timer);
	auto &timers = timer->self->timers;

	timers.back()->place = timer->place;
	timers[timer->place] = timers.back();
	timers.pop_back();
}

void timer_fire(evutil_socket_t, short, void *arg)
{
	auto *timer = (struct cs_timer *)arg;

	timer->running = true;
	timer->fn(timer->self->state, timer->arg);
	timer->running = false;
	if (timer->deleted || !timer->repeat)
		timer_free(timer);
}

struct cs_timer *host_timer_add(struct cs_self *self, int64_t ms, int repeat, cs_timer_fn *fn, void *arg)
{
	auto owner = std::make_unique<struct cs_timer>();
	struct cs_timer *timer = owner.release();
	const int64_t wait = std::max<int64_t>(ms, repeat ? 1 : 0);
	const struct timeval time{.tv_sec = wait / 1000, .tv_usec = (suseconds_t)(wait % 1000 * 1000)};

	timer->self = self;
	timer->fn = fn;
	timer->arg = arg;
	timer->repeat = repeat;
	timer->place = self->timers.size();
	timer->event.reset(event_new(self->worker->loop.base.get(), -1, (short)(repeat ? EV_PERSIST : 0), timer_fire,
	                             timer));
	self->timers.push_back(timer);
	(void)event_add(timer->event.get(), &time);
	return timer;
}

void host_timer_del(struct cs_self *, struct cs_timer *timer)
{
	if (!timer)
		return;
	if (!timer->running)
		return timer_free(timer);
	timer->deleted = true;
	(void)event_del(timer->event.get());
}

/* ---- services */

int host_service(struct cs_self *self, const char *name, uint32_t version, const void **table_r, void **context_r)
{
	for (const auto &provider : self->worker->instances) {
		const struct cs_service *s = provider->started ? provider->plugin->declared.provides : nullptr;

		for (; s && s->name; s++) {
			if (strcmp(s->name, name) != 0 || s->version != version)
				continue;
			*table_r = s->table;
			*context_r = provider->state;
			return 0;
		}
	}
	return CS_ENOENT;
}

}

void host_timers_free(struct cs_self *self)
{
	while (!self->timers.empty())
		timer_free(self->timers.back());
}

const struct cs_host host_table = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_host),
	.log = host_log,
	.get_integer = frame_get_integer,
	.get_text = frame_get_text,
	.get_flag = frame_get_flag,
	.has = frame_has,
	.answer = host_answer,
	.refuse = host_refuse,
	.refuse_result = host_refuse_result,
	.send = host_send,
	.finish = host_finish,
	.close = host_close,
	.set_silence = host_set_silence,
	.claim = host_claim,
	.logout = host_logout,
	.release = host_release,
	.is_online = host_is_online,
	.work = host_work,
	.batch = host_batch,
	.outcome_can_be_unknown = host_outcome_can_be_unknown,
	.route = route_to_account,
	.route_all = route_to_all,
	.route_place = route_to_place,
	.place = host_place,
	.now = host_now,
	.timer_add = host_timer_add,
	.timer_del = host_timer_del,
	.service = host_service,
};
