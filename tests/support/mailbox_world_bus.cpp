/* SPDX-License-Identifier: MIT
 * The bus of the mailbox's world, as bus.h promises it: claims over all nodes, epochs, hints that come in order for
 * each sender only, or not at all; and the death of nodes. */
#include <algorithm>

#include "mailbox_world_host.h"

constexpr int64_t again_after = 20; /* ms, for a claim that was refused, */
constexpr int64_t ending_within = 3000; /* so long, where the other session is ending */
constexpr int64_t moving_within = 150; /* so long, where it is not */

/* ---- who is alive */

/* The node that is heard at that address; NULL: none. */
static world_node *node_at(world *w, uint64_t address)
{
	for (const std::unique_ptr<world_node> &node : w->nodes)
		if (address && node->address == address && !node->lapsed && !node->crashed)
			return node.get();
	return nullptr;
}

static void tell(world_node *node, cs_cluster_event event)
{
	for (world_worker *worker : node->workers)
		worker->posts.push_back([=] { worker->w->plugin->cluster(worker->state, event); });
}

static void send(const world_node *from, world_node *to, std::function<void()> arrive)
{
	if (to->address && !to->crashed)
		to->inbox[from->index].push_back(std::move(arrive));
}

static void ask(world_node *node, std::function<void()> question)
{
	if (node->w->has_bus && !node->crashed)
		node->outbox.push_back(std::move(question));
}

/* To all who listen, the sender too where it is to hear it. */
static void tell_others(world_node *from, cs_cluster_event event)
{
	for (const std::unique_ptr<world_node> &node : from->w->nodes)
		if (node.get() != from)
			send(from, node.get(), [to = node.get(), event] { tell(to, event); });
}

static void close_session(world_node *node, cs_account account, cs_conn conn)
{
	world *w = node->w;
	world_worker *worker = w->workers[world_conn_of(w, conn)->worker].get();

	worker->posts.push_back([=] {
		if (world_conn_of(w, conn)->account == account)
			world_kill(w, conn);
	});
}

static void ask_to_close(world_node *from, cs_account account, const world_bus_session &owner)
{
	if (world_node *to = node_at(from->w, owner.address))
		send(from, to, [=] { close_session(to, account, owner.conn); });
}

/* ---- claims */

static void claim_now(world_node *node, const world_claim &claim);

static void claim_later(world_node *node, const world_claim &claim, int64_t within, int result)
{
	world *w = node->w;

	if (w->clock > claim.begun + within || world_conn_of(w, claim.conn)->ended) {
		world_host_claimed(node, claim, result);
		return;
	}
	w->timers[++w->last_timer] = {node->workers[0], w->clock + again_after, nullptr, nullptr, [=] {
					      world_bus_claim(node, claim);
				      }};
}

static void grant(world_node *node, const world_claim &claim)
{
	node->sessions[claim.account] = {node->address, claim.conn, claim.generation, false};
	if (node->bus == WORLD_BUS_READY)
		node->w->owners[claim.account] = node->sessions[claim.account];
	node->w->workers[world_conn_of(node->w, claim.conn)->worker]->posts.push_back(
		[=] { world_host_claimed(node, claim, 0); });
}

static void claim_now(world_node *node, const world_claim &claim)
{
	world *w = node->w;
	const auto owner = w->owners.find(claim.account);

	if (node->crashed)
		world_host_claimed(node, claim, CS_ENOENT);
	else if (node->bus == WORLD_BUS_AWAY || owner == w->owners.end() || owner->second.address == node->address ||
	         !node_at(w, owner->second.address))
		grant(node, claim);
	else if (owner->second.ending)
		claim_later(node, claim, ending_within, CS_EEXIST);
	else {
		if (w->kick && owner->second.generation < claim.generation)
			ask_to_close(node, claim.account, owner->second);
		claim_later(node, claim, w->kick ? ending_within : moving_within, CS_EEXIST);
	}
}

void world_bus_claim(world_node *node, const world_claim &claim)
{
	if (node->crashed)
		claim_now(node, claim);
	else
		ask(node, [=] { claim_now(node, claim); });
}

static world_bus_session *own_entry(std::map<cs_account, world_bus_session> *all, cs_account account, uint64_t address,
                                    cs_conn conn)
{
	const auto at = all->find(account);

	return at != all->end() && at->second.address == address && at->second.conn == conn ? &at->second : nullptr;
}

void world_bus_ending(world_node *node, cs_account account, cs_conn conn)
{
	ask(node, [=] {
		if (node->sessions.count(account) && node->sessions[account].conn == conn)
			node->sessions[account].ending = true;
		if (node->bus != WORLD_BUS_AWAY)
			if (world_bus_session *entry = own_entry(&node->w->owners, account, node->address, conn))
				entry->ending = true;
	});
}

void world_bus_release(world_node *node, cs_account account, cs_conn conn)
{
	ask(node, [=] {
		if (node->sessions.count(account) && node->sessions[account].conn == conn)
			node->sessions.erase(account);
		if (node->bus != WORLD_BUS_AWAY && own_entry(&node->w->owners, account, node->address, conn))
			node->w->owners.erase(account);
	});
}

/* ---- hints */

static void send_now(world_worker *from, cs_account to, const world_parcel &parcel)
{
	world *w = from->w;
	const auto owner = w->owners.find(to);
	world_node *at = owner == w->owners.end() ? nullptr : node_at(w, owner->second.address);

	if (from->node->bus != WORLD_BUS_READY || !at || at == from->node || owner->second.ending)
		return;
	w->sent++;
	send(from->node, at, [=] { (void)world_host_deliver(at, to, parcel); });
}

int world_bus_send(world_worker *from, cs_account to, const world_parcel &parcel)
{
	if (from->node->bus != WORLD_BUS_READY)
		return CS_ENOENT;
	ask(from->node, [=] { send_now(from, to, parcel); });
	return 0;
}

void world_bus_send_all(world_worker *from, uint64_t topic, const world_parcel &parcel)
{
	ask(from->node, [=] {
		for (const std::unique_ptr<world_node> &each : from->w->nodes) {
			world_node *to = each.get();

			if (to != from->node && from->node->bus == WORLD_BUS_READY)
				send(from->node, to, [=] { world_host_deliver_all(to, topic, parcel); });
		}
	});
}

/* ---- steps */

bool world_step_bus_ask(world *w, unsigned index)
{
	world_node *node = w->nodes[index].get();

	if (node->outbox.empty() || (node->bus == WORLD_BUS_CLAIMING && !node->crashed))
		return false;
	const std::function<void()> question = std::move(node->outbox.front());
	node->outbox.pop_front();
	question();
	return true;
}

bool world_step_bus_arrive(world *w, unsigned index, unsigned from)
{
	std::deque<std::function<void()>> *inbox = &w->nodes[index]->inbox[from];

	if (inbox->empty())
		return false;
	const std::function<void()> parcel = std::move(inbox->front());
	inbox->pop_front();
	parcel();
	return true;
}

/* A session of an earlier epoch: of two, the one with the higher generation stays. */
static void claim_again(world_node *node, cs_account account)
{
	world *w = node->w;
	const auto own = node->sessions.find(account);
	const auto owner = w->owners.find(account);

	if (own == node->sessions.end())
		return;
	own->second.address = node->address;
	if (owner != w->owners.end() && owner->second.address != node->address && node_at(w, owner->second.address)) {
		if (owner->second.generation > own->second.generation) {
			close_session(node, account, own->second.conn);
			return;
		}
		ask_to_close(node, account, owner->second);
	}
	w->owners[account] = own->second;
}

bool world_step_bus_claim(world *w, unsigned index)
{
	world_node *node = w->nodes[index].get();

	if (node->bus != WORLD_BUS_CLAIMING || node->crashed)
		return false;
	if (!node->to_claim.empty()) {
		const cs_account account = node->to_claim.front();

		node->to_claim.pop_front();
		claim_again(node, account);
		return true;
	}
	node->bus = WORLD_BUS_READY;
	tell(node, CS_CLUSTER_WHOLE);
	tell_others(node, CS_CLUSTER_MISSED);
	return true;
}

/* ---- what happens to nodes */

void world_bus_lose(world *w, unsigned index)
{
	world_node *node = w->nodes[index].get();

	if (node->bus == WORLD_BUS_AWAY || node->crashed)
		return;
	node->bus = WORLD_BUS_AWAY;
	node->address = 0;
	node->lapsed = false;
	node->inbox.clear();
	tell(node, CS_CLUSTER_DEGRADED);
}

void world_bus_find(world *w, unsigned index)
{
	world_node *node = w->nodes[index].get();

	if (node->bus != WORLD_BUS_AWAY || node->crashed)
		return;
	node->bus = WORLD_BUS_CLAIMING;
	node->address = ++w->last_address;
	node->to_claim.clear();
	for (const auto &[account, session] : node->sessions)
		node->to_claim.push_back(account);
}

void world_bus_restart(world *w)
{
	w->owners.clear();
	for (const std::unique_ptr<world_node> &node : w->nodes)
		world_bus_lose(w, node->index);
}

/* Whoever finds the lease lapsed tells all, itself included. */
void world_bus_bury(world *w, unsigned index)
{
	for (const std::unique_ptr<world_node> &node : w->nodes)
		if (node->index != index && node->bus == WORLD_BUS_READY && !node->crashed) {
			tell(node.get(), CS_CLUSTER_DEGRADED);
			tell(node.get(), CS_CLUSTER_MISSED);
		}
}

void world_bus_lapse(world *w, unsigned index)
{
	world_node *node = w->nodes[index].get();

	if (node->bus != WORLD_BUS_READY || node->crashed)
		return;
	node->lapsed = true;
	world_bus_bury(w, index);
}

void world_crash(world *w, unsigned index)
{
	world_node *node = w->nodes[index].get();

	if (node->crashed)
		return;
	node->crashed = true;
	node->address = 0;
	node->inbox.clear();
	for (auto &[id, c] : w->conns)
		if (world_node_of(w, &c) == node) {
			c.ended = true;
			c.account = 0;
			c.phase = WORLD_IDLE;
			c.inbox.clear();
			c.output.clear();
		}
	for (auto &[account, place] : node->places)
		while (!place.waiting.empty()) {
			const std::function<void()> claim = std::move(place.waiting.front());

			place.waiting.pop_front();
			place.held = place.closing = place.reserved = false;
			claim();
		}
	world_host_exhaust(w, node);
	for (world_worker *worker : node->workers) {
		w->plugin->stop(worker->state);
		worker->state = nullptr;
		worker->topics.clear();
	}
	node->places.clear();
	node->sessions.clear();
	node->outbox.clear();
}

void world_restart(world *w, unsigned index)
{
	world_node *node = w->nodes[index].get();

	if (!node->crashed)
		return;
	node->crashed = node->lapsed = false;
	node->bus = WORLD_BUS_AWAY;
	node->address = 0;
	world_host_start(node);
}
