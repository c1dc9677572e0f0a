/* SPDX-License-Identifier: MIT
 * Owns the way of a plugin's data to its instances on other workers: one flat copy, freed by its last reader. It
 * must not know what the data is. */
#include "route.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "conn.h"
#include "plugin.h"
#include "session.h"
#include "worker.h"

struct route_parcel;

/* One worker's part of a parcel. */
struct route_item {
	struct route_parcel *parcel;
	struct worker *worker;
	cs_conn conn; /* 0: to the instance, not to a session */
	cs_account account;
};

/* One allocation: this, then count items, then the data. */
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

/* The session may have ended, or its connection belong to somebody else by now. */
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

	if (p->plugin < item->worker->instances.size() && route_is_wanted(item)) {
		const struct cs_self *self = item->worker->instances[p->plugin].get();

		if (self->started && self->plugin->declared.routed != nullptr)
			self->plugin->declared.routed(self->state, item->conn, item->account, route_data(p),
			                              p->size);
	}
	route_unpack(p);
}

static void route_post(struct route_parcel *p, unsigned at, struct worker *w, cs_conn conn,
                       cs_account account)
{
	struct route_item *item = new (route_items(p) + at) route_item{p, w, conn, account};

	loop_post(&w->loop, route_arrive, item);
}

bool route_arrived_for_account(struct worker_shared *shared, unsigned plugin, cs_account to, const void *data,
                               size_t size)
{
	unsigned worker;
	cs_conn conn;

	if (!session_locate(&shared->sessions, to, &worker, &conn))
		return false;
	route_post(route_pack(plugin, data, size, 1), 0, shared->workers[worker].get(), conn, to);
	return true;
}

bool route_arrived_for_worker(struct worker_shared *shared, unsigned plugin, unsigned worker, const void *data,
                              size_t size)
{
	if (worker >= shared->workers.size())
		return false;
	route_post(route_pack(plugin, data, size, 1), 0, shared->workers[worker].get(), 0, 0);
	return true;
}

void route_arrived_for_all(struct worker_shared *shared, unsigned plugin, const void *data, size_t size)
{
	const auto &workers = shared->workers;
	struct route_parcel *p = route_pack(plugin, data, size, static_cast<unsigned>(workers.size()));

	for (unsigned i = 0; i < workers.size(); i++)
		route_post(p, i, workers[i].get(), 0, 0);
}

int route_to_account(struct cs_self *self, cs_account to, const void *data, size_t size, unsigned)
{
	const bool is_here =
		route_arrived_for_account(self->worker->shared, self->plugin->index, to, data, size);

	return is_here ? 0 : CS_ENOENT;
}

void route_to_all(struct cs_self *self, const void *data, size_t size)
{
	route_arrived_for_all(self->worker->shared, self->plugin->index, data, size);
}

/* The worker's number plus one; the upper bits are for the node's. */
int route_to_place(struct cs_self *self, cs_place to, const void *data, size_t size)
{
	struct worker_shared *shared = self->worker->shared;

	if (to == 0 || to > shared->workers.size())
		return CS_ENOENT;
	(void)route_arrived_for_worker(shared, self->plugin->index, static_cast<unsigned>(to - 1), data, size);
	return 0;
}

cs_place route_place_of(const struct cs_self *self)
{
	return static_cast<cs_place>(self->worker->index) + 1;
}
