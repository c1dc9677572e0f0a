/* SPDX-License-Identifier: MIT
 * Passes news between sessions and the bus: tells the bus of the end of a session, and gives data from other nodes to
 * the sessions and instances of this node. */
#include "core/session/session_bus.h"

#include <memory>
#include <set>

#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/net/conn.h"
#include "core/session/route.h"
#include "core/session/session.h"

/* ---- to the bus */

void session_bus_end(struct worker_shared *shared, const struct session_key &key, cs_conn conn)
{
	session_end(shared->sessions, key);
	if (shared->bus)
		bus_ending(shared->bus, key.account, key.device, conn);
}

void session_bus_release(struct worker_shared *shared, const struct session_key &key)
{
	cs_conn conn;

	if (!session_drop(shared->sessions, key, &conn))
		return;
	/* Nobody can take the place before session_free, so the next claim is posted to the bus after this. */
	if (shared->bus)
		bus_release(shared->bus, key.account, key.device, conn);
	session_free(shared->sessions, key);
}

/* ---- from the bus */

static void session_bus_proved(struct worker_shared *shared, cs_account account, uint64_t device)
{
	session_prove(shared->sessions, {account, device}, worker_monotonic_ms());
}

static void session_bus_close(struct worker_shared *shared, cs_account account, uint64_t device, cs_conn conn)
{
	conn_kick(shared, conn, account, device);
}

static void session_bus_probe(struct worker_shared *shared, cs_account account, uint64_t device, cs_conn conn,
                              cs_bus_address asker)
{
	conn_begin_probe(shared, conn, account, device, asker);
}

/* An account whose sessions are no longer alone. */
struct session_bus_not_alone {
	struct worker *worker;
	cs_account account;
};

/* Even if the session here has ended by now: the session of the other node may lack what was routed before. */
static void session_bus_tell_not_alone(void *arg)
{
	const std::unique_ptr<struct session_bus_not_alone> of(static_cast<struct session_bus_not_alone *>(arg));

	for (const auto &self : of->worker->instances) {
		if (self->started && self->declared->not_alone) {
			const plugin_call call(self.get(), CALL_CLUSTER);

			self->declared->not_alone(self->state, of->account);
		}
	}
}

static void session_bus_alone(struct worker_shared *shared, cs_account account, uint64_t device, cs_conn conn,
                              bool alone)
{
	if (!session_set_alone(shared->sessions, {account, device}, conn, alone))
		return;
	struct session_places places;
	std::set<unsigned> workers = {0, conn_worker_index(conn)};

	if (session_locate_all(shared->sessions, account, CS_EVERY_DEVICE, &places)) {
		for (size_t i = 0; i < places.count; i++)
			workers.insert(conn_worker_index(places.list[i].conn));
	}
	for (const unsigned index : workers) {
		struct worker *w = shared->workers[index].get();
		auto of = std::make_unique<struct session_bus_not_alone>(session_bus_not_alone{w, account});

		loop_post(&w->loop, session_bus_tell_not_alone, of.release());
	}
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
	.alone = session_bus_alone,
	.changed = session_bus_changed,
};
