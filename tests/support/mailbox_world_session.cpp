/* SPDX-License-Identifier: MIT
 * The session table of each node of the mailbox's world, and the way of a plugin's data to sessions and instances of
 * its own node. */
#include <cstdlib>

#include "core/base/shared.h"
#include "mailbox_world_host.h"

static world_worker *worker_of(cs_self *self)
{
	return reinterpret_cast<world_worker *>(self);
}

/* ---- the session table */

world_node *world_node_of(world *w, const world_conn *c)
{
	return w->workers[c->worker]->node;
}

void world_host_claimed(world_node *node, const world_claim &claim, int result)
{
	world *w = node->w;
	world_place *place = &node->places[claim.account];
	world_conn *c = world_conn_of(w, claim.conn);

	place->reserved = false;
	if (!result && c->ended) {
		world_bus_release(node, claim.account, claim.conn);
		result = CS_ENOENT;
	}
	if (!result) {
		place->conn = claim.conn;
		c->account = claim.account;
		c->login++;
	}
	world_host_place_free(node, claim.account);
	w->workers[c->worker]->posts.push_back([=] { claim.done(nullptr, claim.conn, result, claim.arg); });
}

static void claim_here(world_node *node, const world_claim &claim)
{
	world *w = node->w;
	world_place *place = &node->places[claim.account];

	if (place->held || place->closing || place->reserved) {
		place->waiting.push_back([=] { claim_here(node, claim); });
		return;
	}
	if (place->conn && w->kick && !world_conn_of(w, claim.conn)->ended) {
		place->waiting.push_back([=] { claim_here(node, claim); });
		world_kill(w, place->conn);
		return;
	}
	const int result = place->conn ? CS_EEXIST : world_conn_of(w, claim.conn)->ended ? CS_ENOENT : 0;
	if (result) {
		w->workers[world_conn_of(w, claim.conn)->worker]->posts.push_back(
			[=] { claim.done(nullptr, claim.conn, result, claim.arg); });
		return;
	}
	place->reserved = true;
	if (w->has_bus)
		world_bus_claim(node, claim);
	else
		world_host_claimed(node, claim, 0);
}

void world_host_claim(world *w, cs_conn conn, cs_account account, cs_done_fn *done, void *arg)
{
	claim_here(world_node_of(w, world_conn_of(w, conn)),
	           {conn, account, ++w->generations[account], w->clock, done, arg});
}

void world_host_place_free(world_node *node, cs_account account)
{
	world_place *place = &node->places[account];
	size_t count = place->waiting.size();

	while (!place->held && !place->closing && !place->reserved && count--) {
		const std::function<void()> claim = std::move(place->waiting.front());

		place->waiting.pop_front();
		claim();
	}
}

void world_host_release(cs_self *self, cs_account account)
{
	world_node *node = worker_of(self)->node;

	if (node->crashed)
		return;
	if (!node->places[account].held)
		abort();
	node->places[account].held = false;
	world_bus_release(node, account, node->places[account].ended);
	world_host_place_free(node, account);
}

/* ---- routes */

static bool is_lost(world *w)
{
	if (!w->routed_drops)
		return false;
	w->routed_drops--;
	return true;
}

static void deliver_now(world_worker *worker, cs_conn conn, cs_account to, const world_parcel &p)
{
	cs_shared *body = p.has_body ? shared_make(p.body.data(), p.body.size()) : nullptr;
	const cs_parcel parcel = {p.head.data(), p.head.size(), body};

	worker->w->plugin->routed(worker->state, conn, to, &parcel);
	shared_drop(body);
}

void world_host_deliver_all(world_node *node, uint64_t topic, const world_parcel &parcel)
{
	for (world_worker *worker : node->workers) {
		if ((topic != 0 && !worker->topics.count(topic) && !worker->topics.count(0)) || is_lost(node->w))
			continue;
		worker->routed_all++;
		worker->posts.push_back([=] { deliver_now(worker, 0, 0, parcel); });
	}
}

bool world_host_deliver(world_node *node, cs_account to, const world_parcel &parcel)
{
	world *w = node->w;
	const auto at = node->places.find(to);

	if (at == node->places.end() || !at->second.conn || at->second.reserved)
		return false;
	const cs_conn conn = at->second.conn;
	world_worker *worker = w->workers[world_conn_of(w, conn)->worker].get();
	if (is_lost(w))
		return true;
	worker->posts.push_back([=] {
		const world_conn *c = world_conn_of(w, conn);

		if (!c->ended && c->account == to)
			deliver_now(worker, conn, to, parcel);
	});
	return true;
}

static world_parcel copy_of(const cs_parcel *parcel)
{
	return {{static_cast<const char *>(parcel->head), parcel->head_size},
	        parcel->body ? std::string(parcel->body->bytes, parcel->body->size) : std::string(),
	        parcel->body != nullptr};
}

int world_host_route(cs_self *self, cs_account to, uint64_t, const cs_parcel *parcel, unsigned)
{
	world_worker *from = worker_of(self);
	const world_parcel copy = copy_of(parcel);

	if (from->node->crashed)
		return CS_ENOENT;
	if (world_host_deliver(from->node, to, copy))
		return 0;
	return from->w->has_bus ? world_bus_send(from, to, copy) : CS_ENOENT;
}

int world_host_route_all(cs_self *self, uint64_t topic, const cs_parcel *parcel, unsigned)
{
	world_worker *from = worker_of(self);
	const world_parcel copy = copy_of(parcel);

	if (from->node->crashed)
		return 0;
	world_host_deliver_all(from->node, topic, copy);
	if (from->w->has_bus)
		world_bus_send_all(from, topic, copy);
	return 0;
}

void world_host_subscribe(cs_self *self, uint64_t topic)
{
	worker_of(self)->topics.insert(topic);
}

void world_host_unsubscribe(cs_self *self, uint64_t topic)
{
	worker_of(self)->topics.erase(topic);
}
