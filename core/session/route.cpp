/* SPDX-License-Identifier: MIT
 * The way of a plugin's data to its instances: one flat copy for all workers, freed by its last reader; and the choice
 * between this node and the bus. */
#include "core/session/route.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/net/conn.h"
#include "core/session/session.h"

struct route_parcel;

/* The part of a parcel for one worker. */
struct route_item {
	struct route_parcel *parcel;
	struct worker *worker;
	cs_conn conn; /* 0: to the instance, not to a session */
	cs_account account;
};

/* One allocation: this struct, then count items, then the data. */
struct route_parcel {
	std::atomic<unsigned> readers;
	unsigned plugin;
	size_t size;
	unsigned count;
	bool casual; /* counted in worker.casual_bytes */
};

static struct route_item *route_items(struct route_parcel *p)
{
	return reinterpret_cast<struct route_item *>(p + 1);
}

static const void *route_data(struct route_parcel *p)
{
	return route_items(p) + p->count;
}

static struct route_parcel *route_pack(unsigned plugin, const void *data, size_t size, unsigned count, unsigned flags)
{
	void *memory = malloc(sizeof(struct route_parcel) + count * sizeof(struct route_item) + size);

	if (!memory)
		abort();
	auto *p = new (memory) route_parcel{count, plugin, size, count, (flags & CS_ROUTE_CASUAL) != 0};

	if (size > 0)
		memcpy(const_cast<void *>(route_data(p)), data, size);
	return p;
}

static void route_unpack(struct route_parcel *p)
{
	if (p->readers.fetch_sub(1, std::memory_order_acq_rel) == 1)
		free(p);
}

/* nullptr: no instance of the plugin runs on that worker, or its worker has stopped: data that brings more data would
 * keep the server from ending. */
static const struct cs_self *route_instance(const struct worker *w, unsigned plugin)
{
	if (plugin >= w->instances.size() || !w->instances[plugin]->started || w->instances[plugin]->posts_ended)
		return nullptr;
	return w->instances[plugin].get();
}

/* Whether the session is still there: it may have ended, or its connection may belong to another account by now. */
static bool route_is_wanted(const struct route_item *item)
{
	if (item->conn == 0)
		return true;
	const struct conn *c = conn_find(item->worker, item->conn);

	return c != nullptr && c->account == item->account;
}

static void route_arrive(void *arg)
{
	auto *item = static_cast<struct route_item *>(arg);
	struct route_parcel *p = item->parcel;

	if (route_is_wanted(item)) {
		const struct cs_self *self = route_instance(item->worker, p->plugin);

		if (self && self->declared->routed) {
			const plugin_call call(self, CALL_ROUTED);

			self->declared->routed(self->state, item->conn, item->account, route_data(p), p->size);
		}
	}
	if (p->casual)
		item->worker->casual_bytes.fetch_sub(p->size, std::memory_order_relaxed);
	route_unpack(p);
}

/* Nobody makes casual data good, and nobody who sends it has to wait: without a bound, one client could fill the memory
 * of a worker that is busy. */
static constexpr size_t route_most_casual = 8 * 1024 * 1024; /* bytes that wait for one worker */

static bool route_has_room(const struct route_parcel *p, const struct worker *w)
{
	const size_t waiting = w->casual_bytes.load(std::memory_order_relaxed);

	/* A parcel that is larger than the bound goes alone. */
	return !p->casual || waiting == 0 || waiting + p->size <= route_most_casual;
}

/* Drops casual data where too much of it waits. */
static void route_post(struct route_parcel *p, unsigned at, const struct route_item *wanted)
{
	if (!route_has_room(p, wanted->worker)) {
		route_unpack(p);
		return;
	}
	struct route_item *item = new (route_items(p) + at) route_item(*wanted);

	item->parcel = p;
	if (p->casual)
		item->worker->casual_bytes.fetch_add(p->size, std::memory_order_relaxed);
	loop_post(&item->worker->loop, route_arrive, item);
}

static bool route_to_session(struct worker_shared *shared, unsigned plugin, cs_account to, const void *data,
                             size_t size, unsigned flags)
{
	cs_conn conn;

	if (!session_locate(shared->sessions, to, &conn))
		return false;
	const struct route_item item = {nullptr, shared->workers[conn_worker_index(conn)].get(), conn, to};

	route_post(route_pack(plugin, data, size, 1, flags), 0, &item);
	return true;
}

int route_to_account(struct cs_self *self, cs_account to, uint64_t device, const void *data, size_t size,
                     unsigned flags)
{
	struct worker_shared *shared = self->worker->shared;

	if (device != 0 && device != CS_EVERY_DEVICE)
		return CS_ENOENT;
	if (route_to_session(shared, self->index, to, data, size, flags))
		return 0;
	return !shared->bus ? CS_ENOENT : bus_send(shared->bus, self, to, data, size, flags);
}

static void route_to_instances(struct worker_shared *shared, unsigned plugin, const void *data, size_t size,
                               unsigned flags)
{
	const auto &workers = shared->workers;
	struct route_parcel *p = route_pack(plugin, data, size, static_cast<unsigned>(workers.size()), flags);

	for (unsigned i = 0; i < workers.size(); i++) {
		const struct route_item item = {nullptr, workers[i].get(), 0, 0};

		route_post(p, i, &item);
	}
}

void route_to_all(struct cs_self *self, const void *data, size_t size, unsigned flags)
{
	struct worker_shared *shared = self->worker->shared;

	route_to_instances(shared, self->index, data, size, flags);
	if (shared->bus)
		bus_send_all(shared->bus, self, data, size, flags);
}

/* ---- data from other nodes */

bool route_arrived_for_account(struct worker_shared *shared, unsigned plugin, cs_account to, const void *data,
                               size_t size)
{
	return route_to_session(shared, plugin, to, data, size, 0);
}

void route_arrived_for_all(struct worker_shared *shared, unsigned plugin, const void *data, size_t size)
{
	route_to_instances(shared, plugin, data, size, 0);
}
