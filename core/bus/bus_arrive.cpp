/* SPDX-License-Identifier: MIT
 * Owns what the bus brings: where a parcel of another node goes, which connection is to close, what the
 * instances are told. It must not know what a parcel holds. Bus thread. */
#include <memory>

#include "core/bus/bus_internal.h"
#include "core/bus/bus_parcel.h"
#include "core/net/conn.h"
#include "core/base/log.h"
#include "core/plugin/plugin.h"
#include "core/session/route.h"
#include "core/base/worker.h"
#include "core/session/session.h"

void bus_on_address(void *core, cs_bus_address address)
{
	auto *b = static_cast<struct bus *>(core);

	if (address != 0)
		b->epochs.fetch_add(1, std::memory_order_relaxed);
	b->address.store(address, std::memory_order_release);
}

void bus_on_dropped(void *core, size_t count)
{
	static_cast<struct bus *>(core)->dropped.fetch_add(count, std::memory_order_relaxed);
}

void bus_on_refused(void *core, size_t count)
{
	static_cast<struct bus *>(core)->refused.fetch_add(count, std::memory_order_relaxed);
}

/* ---- parcels */

static bool bus_find_plugin(const struct bus *b, std::string_view name, unsigned *index_r)
{
	for (const auto &self : b->shared->workers.front()->instances) {
		if (self->plugin->name != name)
			continue;
		*index_r = self->plugin->index;
		return true;
	}
	return false;
}

static bool bus_deliver(struct bus *b, unsigned plugin, const struct bus_parcel *p)
{
	struct worker_shared *shared = b->shared;

	switch (p->kind) {
	case BUS_PARCEL_ACCOUNT:
		return route_arrived_for_account(shared, plugin, p->account, p->data.data(), p->data.size());
	case BUS_PARCEL_ALL:
		route_arrived_for_all(shared, plugin, p->data.data(), p->data.size());
		return true;
	case BUS_PARCEL_PROOF:
		break; /* of no plugin */
	}
	return false;
}

/* Once: it comes again with every message of that node. */
static void bus_log_oddity(struct bus *b, const char *why, size_t size)
{
	if (!b->oddity_logged)
		log_warning("what came over the bus is dropped reason=\"%s\" size=%zu", why, size);
	b->oddity_logged = true;
}

static void bus_log_stranger(struct bus *b, std::string_view name)
{
	if (!b->stranger_logged)
		log_warning("another node has a plugin that this one has not; what it sends is dropped "
		            "plugin=%.*s", static_cast<int>(name.size()), name.data());
	b->stranger_logged = true;
}

static bool bus_take_proof(struct bus *b, cs_account account)
{
	session_prove(b->shared->sessions, account, worker_monotonic_ms());
	return true;
}

void bus_on_arrived(void *core, const void *data, size_t size)
{
	auto *b = static_cast<struct bus *>(core);
	struct bus_parcel parcel;
	const char *why;
	unsigned plugin;
	bool good = false;

	if (bus_parcel_decode({static_cast<const char *>(data), size}, &parcel, &why) != 0)
		bus_log_oddity(b, why, size);
	else if (parcel.kind == BUS_PARCEL_PROOF)
		good = bus_take_proof(b, parcel.account);
	else if (!bus_find_plugin(b, parcel.plugin, &plugin))
		bus_log_stranger(b, parcel.plugin);
	else
		good = bus_deliver(b, plugin, &parcel);
	(good ? &b->received : &b->dropped)->fetch_add(1, std::memory_order_relaxed);
}

/* ---- events */

void bus_on_close_session(void *core, cs_account account, cs_conn conn)
{
	conn_kick(static_cast<struct bus *>(core)->shared, conn, account);
}

void bus_on_probe_session(void *core, cs_account account, cs_conn conn, cs_bus_address asker)
{
	conn_begin_probe(static_cast<struct bus *>(core)->shared, conn, account, asker);
}

/* To one worker. */
struct bus_news {
	struct worker *worker;
	enum cs_cluster_event event;
};

static void bus_tell_instances(void *arg)
{
	const std::unique_ptr<struct bus_news> news(static_cast<struct bus_news *>(arg));

	for (const auto &self : news->worker->instances) {
		if (self->started && self->plugin->declared.cluster != nullptr) {
			const plugin_call call(self.get(), CALL_CLUSTER);

			self->plugin->declared.cluster(self->state, news->event);
		}
	}
}

void bus_on_changed(void *core, enum cs_cluster_event event)
{
	for (const auto &w : static_cast<struct bus *>(core)->shared->workers) {
		auto news = std::make_unique<struct bus_news>(bus_news{.worker = w.get(), .event = event});

		loop_post(&w->loop, bus_tell_instances, news.release());
	}
}
