/* SPDX-License-Identifier: MIT
 * Draining, from the first SIGTERM to the end of the main loop: balancers notice, clients are told to go, requests are
 * finished, connections closed, cursors stored, all before a deadline. It watches counts only. */
#include "core/server.h"

#include <algorithm>

#include <unistd.h>

#include "core/base/log.h"
#include "core/notify.h"

static constexpr int64_t server_poll_ms = 10;
/* Signals that come within this time of the first count as one request. */
static constexpr int64_t server_same_wish_ms = 1000;
/* Time beyond drain_timeout for stopping all threads; then the process ends, as chatserverd(8) says. */
static constexpr int64_t server_stop_ms = 2000;
static constexpr int64_t server_exit_ms = 1000; /* more time that the service manager should wait before it kills */

static bool server_bus_is_idle(const struct server *s)
{
	return !s->bus || bus_unfinished(s->bus.get()) == 0;
}

/* One round of asking every worker. A worker counts after all earlier posts of the store have run on it. */
struct drain_question {
	struct server *server;
	struct worker *worker;
	bool is_idle; /* nothing was under way in the round before */
};

/* How far a worker is to come with telling its clients. */
struct drain_telling {
	struct worker *worker;
	int64_t past_ms, most_ms;
};

static void server_worker_stop_accepting(void *arg)
{
	auto *w = static_cast<struct worker *>(arg);

	listener_end_all(w);
	w->takes_connections = false;
}

static void server_worker_tell(void *arg)
{
	const std::unique_ptr<struct drain_telling> t(static_cast<struct drain_telling *>(arg));

	conn_table_tell(t->worker, t->past_ms, t->most_ms);
	conn_table_close_finished(t->worker, false);
}

static void server_worker_tell_all(void *arg)
{
	conn_table_drain(static_cast<struct worker *>(arg));
}

static void server_worker_close(void *arg)
{
	conn_table_close_all(static_cast<struct worker *>(arg), "node is draining");
}

static void server_worker_cut(void *arg)
{
	for (const auto &c : static_cast<struct worker *>(arg)->conns->slots) {
		if (c && !c->is_operator)
			conn_close(c.get(), "did not end in time");
	}
}

static void server_worker_count(void *arg)
{
	const std::unique_ptr<struct drain_question> q(static_cast<struct drain_question *>(arg));
	struct drain *d = &q->server->drain;

	conn_table_close_finished(q->worker, q->is_idle);
	for (const auto &c : q->worker->conns->slots) {
		if (c && !c->is_operator && (c->pending || c->claiming))
			d->busy.fetch_add(1, std::memory_order_relaxed);
	}
	d->answered.fetch_add(1, std::memory_order_release);
}

static void server_post_all(struct server *s, void (*fn)(void *))
{
	for (const auto &w : s->shared.workers)
		loop_post(&w->loop, fn, w.get());
}

static void server_drain_ask_all(struct server *s)
{
	struct drain *d = &s->drain;

	d->answered.store(0, std::memory_order_relaxed);
	d->busy.store(0, std::memory_order_relaxed);
	d->asked = static_cast<unsigned>(s->shared.workers.size());
	for (const auto &w : s->shared.workers) {
		auto q = std::make_unique<struct drain_question>(
			drain_question{.server = s, .worker = w.get(), .is_idle = d->is_idle});

		loop_post(&w->loop, server_worker_count, q.release());
	}
}

/* Looks at the bus twice: data from the bus may make work for the store, and stored messages are announced over the
 * bus. */
static bool server_is_idle(const struct server *s)
{
	return server_bus_is_idle(s) && store_unfinished(s->store.get()) == 0 && server_bus_is_idle(s);
}

/* Rounds follow each other until the connections have ended. */
static void server_drain_ask_again(struct server *s)
{
	struct drain *d = &s->drain;

	if (d->asked != 0 && d->answered.load(std::memory_order_acquire) != d->asked)
		return;
	d->is_idle = d->asked != 0 && d->busy == 0 && server_is_idle(s);
	server_drain_ask_all(s);
}

static void server_close_connections(struct server *s)
{
	s->drain.closing = true;
	log_warning("draining took too long store_unfinished=%zu", store_unfinished(s->store.get()));
	server_post_all(s, server_worker_close);
}

/* Connections have ended, their places are free (so cursors are stored), and the store has finished. */
static bool server_is_empty(struct server *s)
{
	return s->shared.connections.load() == 0 && session_count(s->shared.sessions) == 0 && server_is_idle(s);
}

static void server_give_up(struct server *s)
{
	const struct store_figures f = store_figures_read(s->store.get());
	const size_t waiting = f.waiting_read + f.waiting_write + f.waiting_hash;
	const size_t unfinished = store_unfinished(s->store.get());

	log_error("drain timeout connections=%lld sessions=%zu store_waiting=%zu store_running=%zu bus_unfinished=%zu",
	          (long long)s->shared.connections.load(), session_count(s->shared.sessions), waiting,
	          unfinished - std::min(waiting, unfinished), s->bus ? bus_unfinished(s->bus.get()) : 0);
	s->status = 1;
	loop_stop(&s->main);
}

/* ---- the phases */

static void server_begin_to_tell(struct server *s)
{
	s->drain.phase = DRAIN_TELLS;
	log_info("clients are told to go connections=%lld", (long long)s->shared.connections.load());
	server_post_all(s, server_worker_stop_accepting);
}

static void server_tell(struct server *s, int64_t now)
{
	const struct drain *d = &s->drain;

	for (const auto &w : s->shared.workers) {
		auto telling = std::make_unique<struct drain_telling>(drain_telling{
			.worker = w.get(), .past_ms = now - d->tell_ms, .most_ms = d->told_ms - d->tell_ms});

		loop_post(&w->loop, server_worker_tell, telling.release());
	}
}

/* Three quarters of the time are for requests under way, the rest for closing and for storing cursors. */
static void server_finish_draining(struct server *s, int64_t now)
{
	const int64_t timeout = s->drain.timeout, past = now - s->drain.told_ms;

	if (past >= timeout)
		return server_give_up(s);
	if (server_is_empty(s))
		return loop_stop(&s->main);
	server_drain_ask_again(s);
	if (!s->drain.closing && past >= timeout * 3 / 4)
		server_close_connections(s);
	if (!s->drain.forced && past >= timeout * 7 / 8) {
		s->drain.forced = true;
		server_post_all(s, server_worker_cut);
	}
}

static void server_poll(evutil_socket_t, short, void *arg)
{
	auto *s = static_cast<struct server *>(arg);
	const int64_t now = worker_monotonic_ms();

	if (s->drain.phase == DRAIN_GRACE && now >= s->drain.tell_ms)
		server_begin_to_tell(s);
	if (s->drain.phase == DRAIN_TELLS && now >= s->drain.told_ms) {
		s->drain.phase = DRAIN_FINISHES;
		server_post_all(s, server_worker_tell_all);
	}
	if (s->drain.phase == DRAIN_TELLS)
		server_tell(s, now);
	else if (s->drain.phase == DRAIN_FINISHES)
		server_finish_draining(s, now);
}

void server_drain(struct server *s, const char *why)
{
	const struct timeval interval {
		.tv_sec = 0, .tv_usec = server_poll_ms * 1000
	};
	const struct core_conf *conf = server_core_conf(s->conf.get());
	struct drain *d = &s->drain;

	if (d->begun)
		return;
	d->begun = true;
	d->timeout = conf->drain_timeout;
	d->begun_ms = worker_monotonic_ms();
	d->tell_ms = d->begun_ms + conf->drain_grace;
	d->told_ms = d->tell_ms + conf->drain_spread;
	const int64_t most_ms = conf->drain_grace + conf->drain_spread + conf->drain_timeout + server_stop_ms;

	log_info("draining why=%s connections=%lld grace_ms=%lld spread_ms=%lld", why,
	         (long long)s->shared.connections.load(), (long long)conf->drain_grace, (long long)conf->drain_spread);
	notify_stopping(most_ms + server_exit_ms);
	s->deadline = deadline_start(most_ms);
	d->timer.reset(event_new(s->main.base.get(), -1, EV_PERSIST, server_poll, s));
	(void)event_add(d->timer.get(), &interval);
	server_poll(-1, 0, s);
}

void server_drain_by_signal(struct server *s, const char *signal)
{
	const int64_t now = worker_monotonic_ms();

	if (s->drain.signal_ms == 0) {
		s->drain.signal_ms = now;
		if (s->drain.begun)
			log_info("draining already signal=%s", signal);
		return server_drain(s, signal);
	}
	/* timeout(1) and terminals signal the process and its group: two signals for one request to stop. */
	if (now - s->drain.signal_ms < server_same_wish_ms)
		return;
	log_error("stopping at once signal=%s", signal);
	log_flush(server_log_ms);
	_exit(1);
}
