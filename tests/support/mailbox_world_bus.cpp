/* SPDX-License-Identifier: MIT
 * The bus of the mailbox's world, as bus.h promises it: claims over all nodes, epochs, hints that come in order for
 * each sender only, or not at all; and the death of nodes. */
#include <utility>

#include "mailbox_world.h"

constexpr int64_t again_after = 20; /* ms, for a claim that was refused, */
constexpr int64_t ending_within = 3000; /* so long, where the other session is ending */
constexpr int64_t moving_within = 150; /* so long, where it is not */

/* ---- who is alive */

/* The node that is heard at that address; NULL: none. */
static world_node *node_at(world *w, uint64_t address)
{
	for (world_node &node : w->nodes)
		if (address && node.address == address && !node.lapsed && !node.crashed)
			return &node;
	return nullptr;
}

static void tell(world *w, const world_node *node, cs_cluster_event event)
{
	for (unsigned worker = 0; worker < w->workers.size(); worker++)
		if (world_node_of(w, worker) == node)
			fake_host_defer(w->host.get(), worker,
			                [=] { w->plugin->cluster(fake_self_state(w->workers[worker]), event); });
}

static void send(const world_node *from, world_node *to, std::function<void()> arrive)
{
	if (to->address && !to->crashed)
		to->inbox[from->index].push_back(std::move(arrive));
}

static void ask(world_node *node, std::function<void()> question)
{
	if (!node->crashed)
		node->outbox.push_back(std::move(question));
}

static void close_session(world *w, cs_account account, cs_conn conn)
{
	fake_host_defer(w->host.get(), world_conn_of(w, conn)->at->worker, [=] {
		if (world_conn_of(w, conn)->at->account == account)
			world_kill(w, conn);
	});
}

static void ask_to_close(world *w, const world_node *from, cs_account account, const world_bus_session &owner)
{
	if (world_node *to = node_at(w, owner.address))
		send(from, to, [=] { close_session(w, account, owner.conn); });
}

/* ---- claims */

/* That the local table has granted; again and again until it is decided. */
struct bus_claim {
	world *w;
	world_node *node;
	fake_claim claim;
	int64_t begun;
};

static void decide(const bus_claim &c, int result)
{
	fake_host_defer(c.w->host.get(), world_conn_of(c.w, c.claim.conn)->at->worker,
	                [=] { fake_host_claimed(c.w->host.get(), c.claim, result); });
}

static void claim_now(const bus_claim &c);

static void claim_again_later(void *, void *arg)
{
	const std::unique_ptr<bus_claim> c(static_cast<bus_claim *>(arg));

	if (c->node->crashed)
		decide(*c, CS_ENOENT);
	else
		ask(c->node, [again = *c] { claim_now(again); });
}

static void claim_later(const bus_claim &c, int64_t within)
{
	if (fake_clock > c.begun + within || !world_conn_of(c.w, c.claim.conn)->at->open)
		decide(c, CS_EEXIST);
	else
		(void)c.w->host->table.timer_add(fake_self_handle(c.claim.self), again_after, 0, claim_again_later,
		                                 std::make_unique<bus_claim>(c).release());
}

static void grant(const bus_claim &c)
{
	c.node->sessions[c.claim.account] = {c.node->address, c.claim.conn, c.claim.generation, false};
	if (c.node->bus == WORLD_BUS_READY)
		c.w->owners[c.claim.account] = c.node->sessions[c.claim.account];
	decide(c, 0);
}

static void claim_now(const bus_claim &c)
{
	const auto owner = c.w->owners.find(c.claim.account);

	if (c.node->crashed)
		decide(c, CS_ENOENT);
	else if (c.node->bus == WORLD_BUS_AWAY || owner == c.w->owners.end() ||
	         owner->second.address == c.node->address || !node_at(c.w, owner->second.address))
		grant(c);
	else if (owner->second.ending)
		claim_later(c, ending_within);
	else {
		if (c.w->kick && owner->second.generation < c.claim.generation)
			ask_to_close(c.w, c.node, c.claim.account, owner->second);
		claim_later(c, c.w->kick ? ending_within : moving_within);
	}
}

bool world_bus_try_again(world *w, const world_node *node)
{
	std::vector<void *> claims;

	std::erase_if(w->host->timers, [&](const fake_timer_entry &timer) {
		const bool is_one =
			timer.fn == claim_again_later && (!node || static_cast<bus_claim *>(timer.arg)->node == node);

		if (is_one)
			claims.push_back(timer.arg);
		return is_one;
	});
	for (void *claim : claims)
		claim_again_later(nullptr, claim);
	return !claims.empty();
}

static world_bus_session *own_entry(std::map<cs_account, world_bus_session> *all, cs_account account, uint64_t address,
                                    cs_conn conn)
{
	const auto at = all->find(account);

	return at != all->end() && at->second.address == address && at->second.conn == conn ? &at->second : nullptr;
}

static void note_ending(world *w, world_node *node, cs_account account, cs_conn conn)
{
	if (node->sessions.count(account) && node->sessions[account].conn == conn)
		node->sessions[account].ending = true;
	if (node->bus != WORLD_BUS_AWAY)
		if (world_bus_session *entry = own_entry(&w->owners, account, node->address, conn))
			entry->ending = true;
}

static void note_release(world *w, world_node *node, cs_account account, cs_conn conn)
{
	if (node->sessions.count(account) && node->sessions[account].conn == conn)
		node->sessions.erase(account);
	if (node->bus != WORLD_BUS_AWAY && own_entry(&w->owners, account, node->address, conn))
		w->owners.erase(account);
}

/* ---- hints */

static void send_now(world *w, const world_node *from, cs_account to, const fake_parcel &parcel)
{
	const auto owner = w->owners.find(to);
	world_node *at = owner == w->owners.end() ? nullptr : node_at(w, owner->second.address);

	if (from->bus == WORLD_BUS_READY && at && at != from && !owner->second.ending)
		send(from, at, [=] { (void)fake_host_deliver(w->host.get(), at->index, to, parcel); });
}

static void send_all_now(world *w, const world_node *from, uint64_t topic, const fake_parcel &parcel)
{
	for (world_node &to : w->nodes)
		if (&to != from && from->bus == WORLD_BUS_READY)
			send(from, &to,
			     [=, at = to.index] { fake_host_deliver_all(w->host.get(), at, topic, parcel); });
}

void world_bus_open(world *w)
{
	for (world_node &node : w->nodes) {
		node.bus = WORLD_BUS_READY;
		node.address = ++w->last_address;
	}
	w->host->bus.claim = [w](unsigned index, const fake_claim &claim) {
		const bus_claim c = {w, &w->nodes[index], claim, fake_clock};

		ask(c.node, [c] { claim_now(c); });
	};
	w->host->bus.ending = [w](unsigned index, cs_account account, cs_conn conn) {
		world_node *node = &w->nodes[index];

		ask(node, [=] { note_ending(w, node, account, conn); });
	};
	w->host->bus.release = [w](unsigned index, cs_account account, cs_conn conn) {
		world_node *node = &w->nodes[index];

		ask(node, [=] { note_release(w, node, account, conn); });
	};
	w->host->bus.send = [w](unsigned index, cs_account to, const fake_parcel &parcel) -> int {
		world_node *node = &w->nodes[index];

		if (node->bus != WORLD_BUS_READY)
			return CS_ENOENT;
		ask(node, [=] { send_now(w, node, to, parcel); });
		return 0;
	};
	w->host->bus.send_all = [w](unsigned index, uint64_t topic, const fake_parcel &parcel) {
		world_node *node = &w->nodes[index];

		ask(node, [=] { send_all_now(w, node, topic, parcel); });
	};
}

/* ---- steps */

bool world_step_bus_ask(world *w, unsigned index)
{
	world_node *node = &w->nodes[index];

	if (node->outbox.empty() || (node->bus == WORLD_BUS_CLAIMING && !node->crashed))
		return false;
	const std::function<void()> question = std::move(node->outbox.front());
	node->outbox.pop_front();
	question();
	return true;
}

bool world_step_bus_arrive(world *w, unsigned index, unsigned from)
{
	std::deque<std::function<void()>> *inbox = &w->nodes[index].inbox[from];

	if (inbox->empty())
		return false;
	const std::function<void()> parcel = std::move(inbox->front());
	inbox->pop_front();
	parcel();
	return true;
}

/* A session of an earlier epoch: of two, the one with the higher generation stays. */
static void claim_again(world *w, world_node *node, cs_account account)
{
	const auto own = node->sessions.find(account);
	const auto owner = w->owners.find(account);

	if (own == node->sessions.end())
		return;
	own->second.address = node->address;
	if (owner != w->owners.end() && owner->second.address != node->address && node_at(w, owner->second.address)) {
		if (owner->second.generation > own->second.generation) {
			close_session(w, account, own->second.conn);
			return;
		}
		ask_to_close(w, node, account, owner->second);
	}
	w->owners[account] = own->second;
}

bool world_step_bus_claim(world *w, unsigned index)
{
	world_node *node = &w->nodes[index];

	if (node->bus != WORLD_BUS_CLAIMING || node->crashed)
		return false;
	if (!node->to_claim.empty()) {
		const cs_account account = node->to_claim.front();

		node->to_claim.pop_front();
		claim_again(w, node, account);
		return true;
	}
	node->bus = WORLD_BUS_READY;
	tell(w, node, CS_CLUSTER_WHOLE);
	for (world_node &other : w->nodes)
		if (&other != node)
			send(node, &other, [=, to = &other] { tell(w, to, CS_CLUSTER_MISSED); });
	return true;
}

/* ---- what happens to nodes */

void world_bus_lose(world *w, unsigned index)
{
	world_node *node = &w->nodes[index];

	if (node->bus == WORLD_BUS_AWAY || node->crashed)
		return;
	node->bus = WORLD_BUS_AWAY;
	node->address = 0;
	node->lapsed = false;
	node->inbox.clear();
	tell(w, node, CS_CLUSTER_DEGRADED);
}

void world_bus_find(world *w, unsigned index)
{
	world_node *node = &w->nodes[index];

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
	for (const world_node &node : w->nodes)
		world_bus_lose(w, node.index);
}

/* Whoever finds the lease lapsed tells all, itself included. */
void world_bus_bury(world *w, unsigned index)
{
	for (const world_node &node : w->nodes)
		if (node.index != index && node.bus == WORLD_BUS_READY && !node.crashed) {
			tell(w, &node, CS_CLUSTER_DEGRADED);
			tell(w, &node, CS_CLUSTER_MISSED);
		}
}

void world_bus_lapse(world *w, unsigned index)
{
	world_node *node = &w->nodes[index];

	if (node->bus != WORLD_BUS_READY || node->crashed)
		return;
	node->lapsed = true;
	world_bus_bury(w, index);
}

void world_crash(world *w, unsigned index)
{
	world_node *node = &w->nodes[index];

	if (node->crashed)
		return;
	node->crashed = true;
	node->address = 0;
	node->inbox.clear();
	w->host->nodes[index].is_stopping = true;
	w->host->nodes[index].online.clear();
	for (auto &[id, c] : w->conns)
		if (world_node_of(w, c.at->worker) == node) {
			c.at->open = false;
			c.at->account = 0;
			c.phase = WORLD_IDLE;
			c.inbox.clear();
		}
	world_exhaust(w, node);
	for (unsigned worker = 0; worker < w->workers.size(); worker++)
		if (world_node_of(w, worker) == node)
			fake_host_stop(w->host.get(), std::exchange(w->workers[worker], nullptr));
	w->host->nodes[index] = {};
	node->sessions.clear();
	node->outbox.clear();
}

void world_restart(world *w, unsigned index)
{
	world_node *node = &w->nodes[index];

	if (!node->crashed)
		return;
	node->crashed = node->lapsed = false;
	node->bus = WORLD_BUS_AWAY;
	for (unsigned worker = 0; worker < w->workers.size(); worker++)
		if (!w->workers[worker] && world_node_of(w, worker) == node)
			w->workers[worker] = fake_host_add(w->host.get(), w->plugin, worker);
}
