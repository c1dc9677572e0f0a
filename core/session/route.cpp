/* SPDX-License-Identifier: MIT
 * The way of a plugin's parcels to its instances: one copy of the head for all workers, a reference to the body, both
 * given up by the last reader; and the choice between this node and the bus. */
#include "core/session/route.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "core/base/shared.h"
#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/bus/bus_parcel.h"
#include "core/net/conn.h"
#include "core/session/route_bundle.h"
#include "core/session/route_internal.h"
#include "core/session/session.h"
#include "core/session/session_bus.h"
#include "core/session/topic.h"

static constexpr size_t route_most[] = {0, route_most_casual, route_most_arrived};

struct route_pack;

/* The part of a pack for one worker. */
struct route_item {
	struct route_pack *pack;
	struct worker *worker;
	cs_conn conn; /* 0: to the instance, not to a session */
	cs_account account;
	uint64_t device;
};

/* Whose parcel it is. */
struct route_origin {
	unsigned plugin; /* index */
	uint32_t version;
};

/* A parcel for several workers. One allocation: this struct, then count items, then the head. */
struct route_pack {
	std::atomic<unsigned> readers;
	unsigned plugin;
	uint32_t version; /* of the form of the parcel */
	unsigned count;
	enum route_class counted;
	struct cs_parcel parcel;
};

static struct route_item *route_items(struct route_pack *p)
{
	return reinterpret_cast<struct route_item *>(p + 1);
}

/* What a parcel that waits for one worker takes: without bytes it takes memory, too. */
static size_t route_size(const struct cs_parcel *parcel)
{
	return sizeof(struct route_pack) + sizeof(struct route_item) + parcel->head_size +
	       (parcel->body ? parcel->body->size : 0);
}

static struct route_pack *route_pack_make(const struct route_origin *from, const struct cs_parcel *parcel,
                                          unsigned count, enum route_class counted)
{
	void *memory = malloc(sizeof(struct route_pack) + count * sizeof(struct route_item) + parcel->head_size);

	if (!memory)
		abort();
	auto *p = new (memory) route_pack{count, from->plugin, from->version, count, counted, *parcel};

	p->parcel.head = route_items(p) + count;
	if (parcel->head_size > 0)
		memcpy(route_items(p) + count, parcel->head, parcel->head_size);
	shared_keep(parcel->body);
	return p;
}

static void route_pack_drop(struct route_pack *p)
{
	if (p->readers.fetch_sub(1, std::memory_order_acq_rel) != 1)
		return;
	shared_drop(p->parcel.body);
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

/* Whether the session is still there: it may have ended, or its connection may have another one by now. */
static bool route_is_wanted(struct worker *w, cs_conn conn, cs_account account, uint64_t device)
{
	if (conn == 0)
		return true;
	const struct conn *c = conn_find(w, conn);

	return c != nullptr && conn_has_session(c, account, device);
}

bool route_deliver(struct worker *to, unsigned plugin, uint32_t version, cs_conn conn, cs_account account,
                   uint64_t device, const struct cs_parcel *parcel)
{
	if (!route_is_wanted(to, conn, account, device))
		return true;
	const struct cs_self *self = route_instance(to, plugin);

	if (!self || !self->declared->routed)
		return true;
	if (self->declared->parcel_version != version)
		return false;
	const plugin_call call(self, CALL_ROUTED);

	self->declared->routed(self->state, conn, account, parcel);
	return true;
}

static void route_arrive(void *arg)
{
	auto *item = static_cast<struct route_item *>(arg);
	struct route_pack *p = item->pack;

	/* A reload has replaced the plugin, while this was on its way, by one that cannot read it. */
	if (!route_deliver(item->worker, p->plugin, p->version, item->conn, item->account, item->device, &p->parcel) &&
	    p->counted != ROUTE_CASUAL)
		session_bus_missed(item->worker);
	if (p->counted != ROUTE_OWN)
		item->worker->routed_bytes[p->counted].fetch_sub(route_size(&p->parcel), std::memory_order_relaxed);
	route_pack_drop(p);
}

/* A parcel that is larger than the bound goes alone. */
static bool route_has_room(const struct route_pack *p, const struct worker *w)
{
	if (p->counted == ROUTE_OWN)
		return true;
	const size_t waiting = w->routed_bytes[p->counted].load(std::memory_order_relaxed);

	return waiting == 0 || waiting + route_size(&p->parcel) <= route_most[p->counted];
}

/* The worker whose thread this is, inside its loop: only such a thread fills bundles. nullptr: it is another. */
static struct worker *route_worker_here(const struct cs_self *self)
{
	return loop_runs_here(&self->worker->loop) ? self->worker : nullptr;
}

/* Where too much waits: drops the parcel, makes the worker look at the store if that makes it good, and answers
 * false. here: see route_worker_here; what it has put into a bundle comes first. */
static bool route_post(struct worker *here, struct route_pack *p, unsigned at, const struct route_item *wanted)
{
	if (!route_has_room(p, wanted->worker)) {
		if (p->counted == ROUTE_ARRIVED)
			session_bus_missed(wanted->worker);
		route_pack_drop(p);
		return false;
	}
	struct route_item *item = new (route_items(p) + at) route_item(*wanted);

	item->pack = p;
	if (p->counted != ROUTE_OWN)
		item->worker->routed_bytes[p->counted].fetch_add(route_size(&p->parcel), std::memory_order_relaxed);
	if (here)
		route_bundle_end(here, item->worker);
	loop_post(&item->worker->loop, route_arrive, item);
	return true;
}

/* false: at least one session does not get it. */
static bool route_to_sessions(struct worker *here, struct worker_shared *shared, const struct route_origin *from,
                              cs_account to, const struct session_places *places, const struct cs_parcel *parcel,
                              enum route_class counted)
{
	const bool bundled = here && counted == ROUTE_CASUAL;
	struct route_pack *p =
		bundled ? nullptr : route_pack_make(from, parcel, static_cast<unsigned>(places->count), counted);
	bool good = true;

	for (unsigned i = 0; i < places->count; i++) {
		const struct session_place *place = &places->list[i];
		struct worker *receiver = shared->workers[conn_worker_index(place->conn)].get();
		const struct route_item item = {nullptr, receiver, place->conn, to, place->device};
		const bool sent = bundled ? route_bundle_add(here, receiver, from->plugin, from->version, place->conn,
		                                             to, place->device, parcel)
		                          : route_post(here, p, i, &item);

		good = sent && good;
	}
	return good;
}

static enum route_class route_class_of(unsigned flags)
{
	return flags & CS_ROUTE_CASUAL ? ROUTE_CASUAL : ROUTE_OWN;
}

/* Whether other nodes may have sessions that get the parcel as well. A device has one session; an account that is alone
 * has none elsewhere, and while the bus is away they cannot be reached. */
static bool route_goes_on(struct worker_shared *shared, uint64_t device, const struct session_places *places)
{
	return shared->bus && device == CS_EVERY_DEVICE && !places->alone && bus_address(shared->bus) != 0;
}

static struct route_origin route_origin_of(const struct cs_self *self)
{
	return {self->index, self->declared->parcel_version};
}

int route_to_account(struct cs_self *self, cs_account to, uint64_t device, const struct cs_parcel *parcel,
                     unsigned flags)
{
	struct worker_shared *shared = self->worker->shared;
	struct session_places places;

	if (parcel->head_size > CS_PARCEL_HEAD_MOST)
		return CS_EINVAL;
	if (to == 0 || (device > CS_DEVICE_MAX && device != CS_EVERY_DEVICE))
		return CS_ENOENT;
	if (!session_locate_all(shared->sessions, to, device, &places))
		return !shared->bus ? CS_ENOENT : bus_send(shared->bus, self, to, device, parcel, flags);
	const struct route_origin from = route_origin_of(self);

	(void)route_to_sessions(route_worker_here(self), shared, &from, to, &places, parcel, route_class_of(flags));
	if (route_goes_on(shared, device, &places))
		(void)bus_send(shared->bus, self, to, device, parcel, flags);
	return 0;
}

/* ---- topics */

static_assert(topic_most_workers == worker_most);

/* That of an instance which is not in force counts when it comes into force. */
static void route_set_every_topic(struct cs_self *self, bool every_topic)
{
	const struct worker *w = self->worker;

	self->every_topic = every_topic;
	if (self->index < w->instances.size() && w->instances[self->index].get() == self)
		w->shared->slots[self->index].every_topic[w->index] = every_topic;
}

void route_subscribe(struct cs_self *self, uint64_t topic)
{
	self->subscribed = true;
	if (topic == 0)
		route_set_every_topic(self, true);
	else
		topic_subscribe(self->worker->shared->topics, {self->topics, topic}, self->worker->index);
}

void route_unsubscribe(struct cs_self *self, uint64_t topic)
{
	if (topic == 0)
		route_set_every_topic(self, false);
	else
		topic_unsubscribe(self->worker->shared->topics, {self->topics, topic}, self->worker->index);
}

void route_forget_topics(struct cs_self *self)
{
	if (self->subscribed)
		topic_forget(self->worker->shared->topics, self->topics, self->worker->index);
}

/* every_topic is read first: an instance that has just given it up has its topics in the table by then. */
static topic_workers route_subscribers(struct worker_shared *shared, unsigned plugin, uint64_t topic)
{
	const struct plugin_slot *slot = &shared->slots[plugin];
	topic_workers found;

	for (const auto &w : shared->workers)
		found[w->index] = topic == 0 ? slot->in_force[w->index] : slot->every_topic[w->index];
	return topic == 0 ? found : found | topic_find(shared->topics, {slot->topics, topic});
}

/* false: at least one worker does not get it. */
static bool route_to_instances(struct worker *here, struct worker_shared *shared, const struct route_origin *from,
                               const topic_workers &subscribers, const struct cs_parcel *parcel,
                               enum route_class counted)
{
	const auto count = static_cast<unsigned>(subscribers.count());

	bool good = true;

	if (count == 0)
		return true;
	struct route_pack *p = route_pack_make(from, parcel, count, counted);

	for (unsigned i = 0, at = 0; at < count; i++) {
		const struct route_item item = {nullptr, shared->workers[i].get(), 0, 0, 0};

		if (subscribers[i])
			good = route_post(here, p, at++, &item) && good;
	}
	return good;
}

int route_to_all(struct cs_self *self, uint64_t topic, const struct cs_parcel *parcel, unsigned flags)
{
	struct worker_shared *shared = self->worker->shared;

	if (parcel->head_size > CS_PARCEL_HEAD_MOST)
		return CS_EINVAL;
	const struct route_origin from = route_origin_of(self);

	(void)route_to_instances(route_worker_here(self), shared, &from, route_subscribers(shared, self->index, topic),
	                         parcel, route_class_of(flags));
	if (shared->bus && !(flags & CS_ROUTE_HERE))
		bus_send_all(shared->bus, self, topic, parcel, flags);
	return 0;
}

/* ---- parcels of other nodes */

/* false: no plugin has that name. */
static bool route_find_plugin(const struct worker_shared *shared, std::string_view name, struct route_origin *found_r)
{
	const unsigned count = shared->slot_count.load(std::memory_order_acquire);

	for (unsigned i = 0; i < count; i++)
		if (name == shared->slots[i].name) {
			*found_r = {i, shared->slots[i].parcel_version};
			return true;
		}
	return false;
}

static bool route_locate(struct worker_shared *shared, const struct bus_parcel *p, struct session_places *places_r)
{
	const uint64_t device = p->kind == BUS_PARCEL_DEVICE ? p->device : CS_EVERY_DEVICE;

	return session_locate_all(shared->sessions, p->to, device, places_r);
}

/* Nobody here can read a parcel of another version. The workers that may have its receivers look at the store; for a
 * topic these are all, because the topic may mean something else in that version. */
static void route_tell_missed(struct worker_shared *shared, const struct bus_parcel *p)
{
	struct session_places places;

	if (p->kind == BUS_PARCEL_ALL) {
		for (const auto &w : shared->workers)
			session_bus_missed(w.get());
		return;
	}
	(void)route_locate(shared, p, &places);
	for (size_t i = 0; i < places.count; i++)
		session_bus_missed(shared->workers[conn_worker_index(places.list[i].conn)].get());
}

/* The body is copied only if somebody here gets it. */
int route_arrived(struct worker_shared *shared, const struct bus_parcel *p)
{
	const enum route_class counted = p->flags & CS_ROUTE_CASUAL ? ROUTE_CASUAL : ROUTE_ARRIVED;
	struct route_origin from {};
	const bool known = route_find_plugin(shared, p->plugin, &from);
	const bool to_all = p->kind == BUS_PARCEL_ALL;
	topic_workers subscribers;
	struct session_places places;

	if (!known || from.version != p->version) {
		if (known && counted == ROUTE_ARRIVED)
			route_tell_missed(shared, p);
		return CS_EINVAL;
	}
	if (to_all)
		subscribers = route_subscribers(shared, from.plugin, p->to);
	else if (!route_locate(shared, p, &places))
		return CS_ENOENT;
	if (to_all && subscribers.none())
		return 0;
	const struct cs_parcel parcel = {p->head.data(), p->head.size(),
	                                 p->body.empty() ? nullptr : shared_make(p->body.data(), p->body.size())};
	const bool good = to_all ? route_to_instances(nullptr, shared, &from, subscribers, &parcel, counted)
	                         : route_to_sessions(nullptr, shared, &from, p->to, &places, &parcel, counted);

	shared_drop(parcel.body);
	return good ? 0 : CS_EAGAIN;
}
