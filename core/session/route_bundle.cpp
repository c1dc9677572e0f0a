/* SPDX-License-Identifier: MIT
 * Fills bundles, hands them over and empties them. Who empties a bundle keeps its memory for the own ones: traffic goes
 * both ways, so nearly none is allocated. */
#include "core/session/route_bundle.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "core/base/shared.h"
#include "core/base/worker.h"
#include "core/session/route.h"
#include "core/session/route_internal.h"
#include "core/session/topic.h"

/* A parcel in a bundle. Its head follows, then bytes up to the next multiple of eight. */
struct bundled_parcel {
	cs_conn conn;
	cs_account account;
	uint64_t device;
	struct cs_shared *body;
	unsigned plugin, head_size;
	uint32_t version;
};

static constexpr size_t route_bundle_room = 16 * 1024; /* bytes of a whole bundle for parcels */
static constexpr size_t route_bundle_spares = 8; /* bundles that a worker keeps */

/* One allocation: this struct, then room for parcels. */
struct route_bundle {
	struct worker *from, *to;
	size_t room, used; /* bytes behind this struct */
	size_t waiting; /* bytes that it holds, with the bodies */
};

/* Of one worker, for its thread. */
struct route_bundles {
	std::array<struct route_bundle *, topic_most_workers> open = {}; /* by the worker that they are for */
	std::vector<unsigned> ending; /* those that the end of this turn ends */
	std::vector<struct route_bundle *> spares; /* whole ones */
};

void route_bundles_deleter::operator()(struct route_bundles *all) const
{
	for (struct route_bundle *b : all->spares)
		free(b);
	delete all;
}

static char *route_bundle_bytes(struct route_bundle *b)
{
	return reinterpret_cast<char *>(b + 1);
}

static struct route_bundles *route_bundles_of(struct worker *w)
{
	if (!w->bundles)
		w->bundles.reset(std::make_unique<struct route_bundles>().release());
	return w->bundles.get();
}

static struct route_bundle *route_bundle_allocate(size_t room)
{
	void *memory = malloc(sizeof(struct route_bundle) + room);

	if (!memory)
		abort();
	return new (memory) route_bundle{nullptr, nullptr, room, 0, 0};
}

/* ---- memory: whole bundles are kept for later */

static struct route_bundle *route_bundle_take(struct route_bundles *all)
{
	if (all->spares.empty())
		return route_bundle_allocate(route_bundle_room);
	struct route_bundle *b = all->spares.back();

	all->spares.pop_back();
	b->used = b->waiting = 0;
	return b;
}

static void route_bundle_give_back(struct route_bundles *all, struct route_bundle *b)
{
	if (b->room == route_bundle_room && all->spares.size() < route_bundle_spares)
		all->spares.push_back(b);
	else
		free(b);
}

/* A bundle with little in it goes as a small copy, so that memory that waits for a busy worker is full of parcels. */
static struct route_bundle *route_bundle_shrink(struct route_bundles *all, struct route_bundle *b)
{
	if (b->used > b->room / 2)
		return b;
	struct route_bundle *small = route_bundle_allocate(b->used);

	small->from = b->from;
	small->to = b->to;
	small->used = b->used;
	small->waiting = b->waiting;
	memcpy(route_bundle_bytes(small), route_bundle_bytes(b), b->used);
	route_bundle_give_back(all, b);
	return small;
}

/* ---- emptying */

static size_t route_bundle_size(size_t head_size)
{
	return sizeof(struct bundled_parcel) + (head_size + 7) / 8 * 8;
}

static void route_bundle_arrive(void *arg)
{
	auto *b = static_cast<struct route_bundle *>(arg);

	if (b->from == b->to)
		route_bundle_end(b->from, b->to);
	for (size_t at = 0; at < b->used;) {
		const auto *p = reinterpret_cast<const struct bundled_parcel *>(route_bundle_bytes(b) + at);
		const struct cs_parcel parcel = {p + 1, p->head_size, p->body};

		/* Nothing replaces a casual parcel, also not one of another version. */
		(void)route_deliver(b->to, p->plugin, p->version, p->conn, p->account, p->device, &parcel);
		shared_drop(p->body);
		at += route_bundle_size(p->head_size);
	}
	b->to->routed_bytes[ROUTE_CASUAL].fetch_sub(b->waiting, std::memory_order_relaxed);
	route_bundle_give_back(route_bundles_of(b->to), b);
}

/* ---- handing over */

void route_bundle_end(struct worker *from, struct worker *to)
{
	struct route_bundles *all = from->bundles.get();
	struct route_bundle *b = all ? all->open[to->index] : nullptr;

	if (!b)
		return;
	all->open[to->index] = nullptr;
	if (from != to)
		b = route_bundle_shrink(all, b);
	b->waiting += sizeof *b + b->room;
	to->routed_bytes[ROUTE_CASUAL].fetch_add(b->waiting, std::memory_order_relaxed);
	if (from != to)
		loop_post(&to->loop, route_bundle_arrive, b);
}

void route_bundles_end(struct worker *from)
{
	struct route_bundles *all = from->bundles.get();

	if (!all)
		return;
	for (const unsigned to : all->ending)
		route_bundle_end(from, from->shared->workers[to].get());
	all->ending.clear();
}

static void route_bundles_end_turn(void *arg)
{
	route_bundles_end(static_cast<struct worker *>(arg));
}

/* ---- filling */

static struct route_bundle *route_bundle_begin(struct worker *from, struct worker *to)
{
	struct route_bundles *all = route_bundles_of(from);
	struct route_bundle *b = route_bundle_take(all);

	b->from = from;
	b->to = to;
	all->open[to->index] = b;
	if (from == to) {
		loop_post(&to->loop, route_bundle_arrive, b);
		return b;
	}
	if (all->ending.empty())
		loop_at_end_of_turn(&from->loop, route_bundles_end_turn, from);
	all->ending.push_back(to->index);
	return b;
}

bool route_bundle_add(struct worker *from, struct worker *to, unsigned plugin, uint32_t version, cs_conn conn,
                      cs_account account, uint64_t device, const struct cs_parcel *parcel)
{
	const size_t size = route_bundle_size(parcel->head_size), body_size = parcel->body ? parcel->body->size : 0;
	struct route_bundle *b = route_bundles_of(from)->open[to->index];
	const size_t waiting =
		to->routed_bytes[ROUTE_CASUAL].load(std::memory_order_relaxed) + (b ? b->waiting + b->used : 0);

	if (waiting > 0 && waiting + size + body_size > route_most_casual)
		return false;
	if (b && b->used + size > b->room) {
		route_bundle_end(from, to);
		b = nullptr;
	}
	if (!b)
		b = route_bundle_begin(from, to);
	auto *p = new (route_bundle_bytes(b) + b->used) bundled_parcel{
		conn, account, device, parcel->body, plugin, static_cast<unsigned>(parcel->head_size), version};

	if (parcel->head_size > 0)
		memcpy(static_cast<void *>(p + 1), parcel->head, parcel->head_size);
	shared_keep(parcel->body);
	b->used += size;
	b->waiting += body_size;
	return true;
}
