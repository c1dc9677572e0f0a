/* SPDX-License-Identifier: MIT
 * Passes news between sessions and the bus: tells the bus of the end of a session, and gives data from other nodes to
 * the sessions and instances of this node. */
#include "core/session/session_bus.h"

#include <memory>

#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/net/conn.h"
#include "core/session/route.h"
#include "core/session/session.h"

/* ---- to the bus */

void session_bus_end(struct worker_shared *shared, cs_account account, cs_conn conn)
{
	session_end(shared->sessions, account);
	if (shared->bus)
		bus_ending(shared->bus, account, conn);
}

void session_bus_release(struct worker_shared *shared, cs_account account)
{
	cs_conn conn;

	if (!session_drop(shared->sessions, account, &conn))
		return;
	/* Nobody can take the place before session_free, so the next claim is posted to the bus after this. */
	if (shared->bus)
		bus_release(shared->bus, account, conn);
	session_free(shared->sessions, account);
}

/* ---- from the bus */

static void session_bus_proved(struct worker_shared *shared, cs_account account)
{
	session_prove(shared->sessions, account, worker_monotonic_ms());
}

static void session_bus_close(struct worker_shared *shared, cs_account account, cs_conn conn)
{
	conn_kick(shared, conn, account);
}

static void session_bus_probe(struct worker_shared *shared, cs_account account, cs_conn conn, cs_bus_address asker)
{
	conn_begin_probe(shared, conn, account, asker);
}

/* For one worker. */
struct session_bus_news {
	struct worker *worker;
	enum cs_cluster_event event;
};

static void session_bus_tell(const struct worker *w, enum cs_cluster_event event)
{
	for (const auto &self : w->instances) {
		if (self->started && self->declared->cluster) {
			const plugin_call call(self.get(), CALL_CLUSTER);

			self->declared->cluster(self->state, event);
		}
	}
}

static void session_bus_bring(void *arg)
{
	const std::unique_ptr<struct session_bus_news> news(static_cast<struct session_bus_news *>(arg));

	session_bus_tell(news->worker, news->event);
}

static void session_bus_changed(struct worker_shared *shared, enum cs_cluster_event event)
{
	for (const auto &w : shared->workers) {
		auto news = std::make_unique<struct session_bus_news>(session_bus_news{w.get(), event});

		loop_post(&w->loop, session_bus_bring, news.release());
	}
}

/* What is dropped from now on is told again. */
static void session_bus_tell_missed(void *arg)
{
	auto *w = static_cast<struct worker *>(arg);

	w->missed = false;
	session_bus_tell(w, CS_CLUSTER_MISSED);
}

void session_bus_missed(struct worker *w)
{
	if (!w->missed.exchange(true))
		loop_post(&w->loop, session_bus_tell_missed, w);
}

const struct bus_calls session_bus_calls = {
	.arrived = route_arrived,
	.proved = session_bus_proved,
	.close_session = session_bus_close,
	.probe_session = session_bus_probe,
	.changed = session_bus_changed,
};
