/* SPDX-License-Identifier: MIT
 * The way of a plugin's data to its instances: one flat copy for all workers, freed by its last reader; and the choice
 * between this node and the bus. */
#include "core/session/route.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/bus/bus.h"
#include "core/net/conn.h"
#include "core/session/session.h"
#include "core/base/worker.h"

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
};

static struct route_item *route_items(struct route_parcel *p)
{
	return reinterpret_cast<struct route_item *>(p + 1);
}

static const void *route_data(struct route_parcel *p)
{
	return route_items(p) + p->count;
}

static struct route_parcel *route_pack(unsigned plugin, const void *data, size_t size, unsigned count)
{
	void *memory = malloc(sizeof(struct route_parcel) + count * sizeof(struct route_item) + size);

	if (memory == nullptr)
		abort();
	auto *p = new (memory) route_parcel{count, plugin, size, count};

	if (size > 0)
		memcpy(const_cast<void *>(route_data(p)), data, size);
	return p;
}

static void route_unpack(struct route_parcel *p)
{
	if (p->readers.fetch_sub(1, std::memory_order_acq_rel) == 1)
		free(p);
}

/* nullptr: no instance of the plugin runs on that worker. */
static const struct cs_self *route_instance(const struct worker *w, unsigned plugin)
{
	if (plugin >= w->instances.size() || !w->instances[plugin]->started)
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

		if (self != nullptr && self->declared->routed != nullptr) {
			const plugin_call call(self, CALL_ROUTED);

			self->declared->routed(self->state, item->conn, item->account, route_data(p),
			                              p->size);
		}
	}
	route_unpack(p);
}

static void route_post(struct route_parcel *p, unsigned at, const struct route_item *wanted)
{
	struct route_item *item = new (route_items(p) + at) route_item(*wanted);

	item->parcel = p;
	loop_post(&item->worker->loop, route_arrive, item);
}

static bool route_to_session(struct worker_shared *shared, unsigned plugin, cs_account to, const void *data,
                             size_t size)
{
	unsigned worker;
	cs_conn conn;

	if (!session_locate(shared->sessions, to, &worker, &conn))
		return false;
	const struct route_item item = {nullptr, shared->workers[worker].get(), conn, to};

	route_post(route_pack(plugin, data, size, 1), 0, &item);
	return true;
}

int route_to_account(struct cs_self *self, cs_account to, uint64_t device, const void *data, size_t size,
                     unsigned flags)
{
	struct worker_shared *shared = self->worker->shared;

	if (device != 0 && device != CS_EVERY_DEVICE)
		return CS_ENOENT;
	if (route_to_session(shared, self->index, to, data, size))
		return 0;
	return shared->bus == nullptr ? CS_ENOENT : bus_send(shared->bus, self, to, data, size, flags);
}

void route_to_all(struct cs_self *self, const void *data, size_t size, unsigned flags)
{
	struct worker_shared *shared = self->worker->shared;

	route_arrived_for_all(shared, self->index, data, size);
	if (shared->bus != nullptr)
		bus_send_all(shared->bus, self, data, size, flags);
}

/* ---- data from other nodes */

bool route_arrived_for_account(struct worker_shared *shared, unsigned plugin, cs_account to, const void *data,
                               size_t size)
{
	return route_to_session(shared, plugin, to, data, size);
}

void route_arrived_for_all(struct worker_shared *shared, unsigned plugin, const void *data, size_t size)
{
	const auto &workers = shared->workers;
	struct route_parcel *p = route_pack(plugin, data, size, static_cast<unsigned>(workers.size()));

	for (unsigned i = 0; i < workers.size(); i++) {
		const struct route_item item = {nullptr, workers[i].get(), 0, 0};

		route_post(p, i, &item);
	}
}
