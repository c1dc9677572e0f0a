/* SPDX-License-Identifier: MIT
 * An adapter of the bus in memory: members that post to each other through a queue and a descriptor. */
#include "bus_hub.h"

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

struct bus_hub_owner {
	unsigned node = 0;
	struct cs_bus_session session {};
	bool ending = false;
};

/* One node. Its bus thread's, but for the queue, which the hub's mutex guards. */
struct bus_hub_member {
	struct bus_hub *hub = nullptr;
	unsigned number = 0;
	const struct cs_bus_host *host = nullptr;
	void *core = nullptr;
	int fd = -1;
	struct cs_bus_watch *watch = nullptr;
	struct cs_bus_timer *timer = nullptr;
	cs_bus_address address = 0;
	std::vector<std::function<void()>> outgoing; /* until flush */

	std::deque<std::function<void(struct bus_hub_member *)>> queue;
	bool open = true, deaf = false;
	unsigned flushes = 0;
};

struct bus_hub {
	std::mutex mutex; /* guards all, and what the members say */
	std::vector<std::unique_ptr<struct bus_hub_member>> members;
	std::unordered_map<uint64_t, struct bus_hub_owner> owners; /* by hub_place */
	std::unordered_map<cs_bus_address, unsigned> nodes; /* connected ones */
	cs_bus_address last_address = 0;
};

/* Of a device: the account, with the device in the bits above those of accounts. */
static uint64_t hub_place(cs_account account, uint64_t device)
{
	return account | device << 53;
}

void bus_hub_deleter::operator()(struct bus_hub *hub) const
{
	std::default_delete<struct bus_hub>()(hub);
}

bus_hub_ptr bus_hub_make(void)
{
	return bus_hub_ptr(std::make_unique<struct bus_hub>().release());
}

static struct bus_hub_member *member_of(void *bus)
{
	return static_cast<struct bus_hub_member *>(bus);
}

/* ---- the queue of a member */

static void member_post(struct bus_hub *hub, unsigned node, std::function<void(struct bus_hub_member *)> fn)
{
	const uint64_t one = 1;
	std::scoped_lock lock(hub->mutex);
	struct bus_hub_member *m = hub->members[node].get();

	if (!m->open)
		return;
	m->queue.push_back(std::move(fn));
	(void)!write(m->fd, &one, sizeof one);
}

static void member_run(void *arg, int readable, int)
{
	struct bus_hub_member *m = member_of(arg);
	std::deque<std::function<void(struct bus_hub_member *)>> queue;
	uint64_t count;

	if (!readable)
		return;
	(void)!read(m->fd, &count, sizeof count);
	{
		std::scoped_lock lock(m->hub->mutex);
		queue.swap(m->queue);
	}
	for (const auto &fn : queue)
		fn(m);
}

static void member_connect(struct bus_hub_member *m)
{
	{
		std::scoped_lock lock(m->hub->mutex);
		m->address = ++m->hub->last_address;
		m->hub->nodes[m->address] = m->number;
	}
	m->host->address(m->core, m->address);
}

static void member_disconnect(struct bus_hub_member *m)
{
	{
		std::scoped_lock lock(m->hub->mutex);
		m->hub->nodes.erase(m->address);
		m->address = 0;
	}
	m->outgoing.clear();
	m->host->address(m->core, 0);
}

static void member_begin(void *arg)
{
	struct bus_hub_member *m = member_of(arg);

	m->timer = nullptr;
	member_connect(m);
}

static bool member_is_deaf(struct bus_hub_member *m)
{
	std::scoped_lock lock(m->hub->mutex);

	return m->deaf;
}

static void member_answer(struct bus_hub_member *m, cs_bus_done_fn *done, void *arg, int result)
{
	if (done && !member_is_deaf(m))
		done(arg, result);
}

/* ---- the driver */

static void never(void *)
{
	abort();
}

static int hub_open(const void *conf, const struct cs_bus_host *host, void *core, void **bus_r, struct cs_error *e)
{
	auto *hub = static_cast<struct bus_hub *>(const_cast<void *>(conf));
	auto m = std::make_unique<struct bus_hub_member>();

	if (!hub) {
		(void)snprintf(e->text, sizeof e->text, "no hub");
		return CS_EINVAL;
	}
	m->hub = hub;
	m->host = host;
	m->core = core;
	m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	m->watch = host->watch(core, m->fd, member_run, m.get());
	host->interest(m->watch, 1, 1);
	host->interest(m->watch, 1, 0);
	m->timer = host->timer_add(core, 0, member_begin, m.get());
	host->timer_del(host->timer_add(core, 0, never, nullptr));
	*bus_r = m.get();
	std::scoped_lock lock(hub->mutex);

	m->number = static_cast<unsigned>(hub->members.size());
	hub->members.push_back(std::move(m));
	return 0;
}

static void hub_close(void *bus)
{
	struct bus_hub_member *m = member_of(bus);

	if (m->timer)
		m->host->timer_del(m->timer);
	m->host->unwatch(m->watch);
	std::scoped_lock lock(m->hub->mutex);

	m->open = false;
	m->hub->nodes.erase(m->address);
	(void)close(m->fd);
}

static void hub_flush(void *bus)
{
	struct bus_hub_member *m = member_of(bus);

	for (const auto &send : m->outgoing)
		send();
	m->outgoing.clear();
	std::scoped_lock lock(m->hub->mutex);

	m->flushes++;
}

static void hub_leave(void *bus, cs_bus_done_fn *done, void *arg)
{
	struct bus_hub_member *m = member_of(bus);

	hub_flush(bus);
	{
		std::scoped_lock lock(m->hub->mutex);
		std::erase_if(m->hub->owners, [m](const auto &o) { return o.second.node == m->number; });
	}
	member_answer(m, done, arg, 0);
}

static void member_ask_to_probe(struct bus_hub_member *m, const struct bus_hub_owner *owner)
{
	const cs_account account = owner->session.account;
	const uint64_t device = owner->session.device;
	const cs_conn conn = owner->session.conn;
	const cs_bus_address asker = m->address;

	member_post(m->hub, owner->node, [=](struct bus_hub_member *other) {
		other->host->probe_session(other->core, account, device, conn, asker);
	});
}

static void hub_claim(void *bus, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done, void *arg)
{
	struct bus_hub_member *m = member_of(bus);
	struct bus_hub_owner owner = {m->number, *session, false};
	int result = 0;

	if (m->address != 0) {
		std::scoped_lock lock(m->hub->mutex);
		const auto [place, is_new] =
			m->hub->owners.try_emplace(hub_place(session->account, session->device), owner);

		owner = place->second;
		if (!is_new && owner.node != m->number)
			result = owner.ending ? CS_EAGAIN : CS_EEXIST;
		else
			place->second = {m->number, *session, false};
	}
	if (result == CS_EEXIST && (flags & CS_CLAIM_KICK) != 0)
		bus_hub_close_session(m->hub, owner.node, owner.session.account, owner.session.conn,
		                      owner.session.device);
	else if (result == CS_EEXIST)
		member_ask_to_probe(m, &owner);
	member_answer(m, done, arg, result);
}

/* The place, where it is still this connection's. The mutex is held. */
static struct bus_hub_owner *member_find(struct bus_hub_member *m, cs_account account, uint64_t device, cs_conn conn)
{
	const auto place = m->hub->owners.find(hub_place(account, device));

	if (place == m->hub->owners.end() || place->second.node != m->number)
		return nullptr;
	return place->second.session.conn == conn ? &place->second : nullptr;
}

static void hub_ending(void *bus, cs_account account, uint64_t device, cs_conn conn)
{
	struct bus_hub_member *m = member_of(bus);
	std::scoped_lock lock(m->hub->mutex);
	struct bus_hub_owner *owner = member_find(m, account, device, conn);

	if (owner)
		owner->ending = true;
}

static void hub_release(void *bus, cs_account account, uint64_t device, cs_conn conn)
{
	struct bus_hub_member *m = member_of(bus);
	std::scoped_lock lock(m->hub->mutex);

	if (member_find(m, account, device, conn))
		m->hub->owners.erase(hub_place(account, device));
}

static void hub_presence(void *bus, const cs_account *accounts, const uint64_t *, unsigned char *online, size_t count,
                         cs_bus_done_fn *done, void *arg)
{
	struct bus_hub_member *m = member_of(bus);

	for (size_t i = 0; i < count; i++)
		online[i] = m->address != 0 && bus_hub_has(m->hub, accounts[i]) ? 1 : 0;
	member_answer(m, done, arg, m->address != 0 ? 0 : CS_ENOENT);
}

static void member_send(struct bus_hub_member *m, unsigned to, std::string bytes)
{
	struct bus_hub *hub = m->hub;

	m->outgoing.emplace_back([hub, to, bytes = std::move(bytes)] { bus_hub_inject(hub, to, bytes); });
}

static std::string copy(const void *data, size_t size)
{
	return {static_cast<const char *>(data), size};
}

static void hub_send(void *bus, cs_account to, uint64_t device, const void *data, size_t size, unsigned)
{
	struct bus_hub_member *m = member_of(bus);
	std::set<unsigned> nodes;

	if (m->address != 0) {
		std::scoped_lock lock(m->hub->mutex);

		for (const auto &[place, owner] : m->hub->owners)
			if (owner.session.account == to &&
			    (device == CS_EVERY_DEVICE || owner.session.device == device) && owner.node != m->number)
				nodes.insert(owner.node);
	}
	for (const unsigned node : nodes)
		member_send(m, node, copy(data, size));
}

static void hub_send_to(void *bus, cs_bus_address to, const void *data, size_t size)
{
	struct bus_hub_member *m = member_of(bus);
	std::scoped_lock lock(m->hub->mutex);
	const auto place = m->hub->nodes.find(to);

	if (m->address != 0 && place != m->hub->nodes.end())
		member_send(m, place->second, copy(data, size));
}

static void hub_send_all(void *bus, const void *data, size_t size, unsigned)
{
	struct bus_hub_member *m = member_of(bus);
	std::scoped_lock lock(m->hub->mutex);

	for (const auto &[address, node] : m->hub->nodes) {
		if (m->address != 0 && node != m->number)
			member_send(m, node, copy(data, size));
	}
}

static void hub_missed(void *bus)
{
	const struct bus_hub_member *m = member_of(bus);
	size_t count;

	{
		std::scoped_lock lock(m->hub->mutex);
		count = m->hub->members.size();
	}
	for (unsigned node = 0; node < count; node++)
		if (node != m->number)
			bus_hub_change(m->hub, node, CS_CLUSTER_MISSED);
}

const struct cs_bus_driver bus_hub_driver = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_bus_driver),
	.open = hub_open,
	.close = hub_close,
	.leave = hub_leave,
	.claim = hub_claim,
	.ending = hub_ending,
	.release = hub_release,
	.presence = hub_presence,
	.send = hub_send,
	.send_to = hub_send_to,
	.send_all = hub_send_all,
	.flush = hub_flush,
	.missed = hub_missed,
};

/* ---- what a test does to it */

void bus_hub_disconnect(struct bus_hub *hub, unsigned node)
{
	member_post(hub, node, member_disconnect);
}

void bus_hub_connect(struct bus_hub *hub, unsigned node)
{
	member_post(hub, node, member_connect);
}

void bus_hub_run(struct bus_hub *hub, unsigned node, std::function<void()> fn)
{
	member_post(hub, node, [fn = std::move(fn)](struct bus_hub_member *) { fn(); });
}

void bus_hub_inject(struct bus_hub *hub, unsigned node, std::string_view bytes)
{
	member_post(hub, node, [bytes = std::string(bytes)](struct bus_hub_member *m) {
		m->host->arrived(m->core, bytes.data(), bytes.size());
	});
}

void bus_hub_change(struct bus_hub *hub, unsigned node, enum cs_cluster_event event)
{
	member_post(hub, node, [event](struct bus_hub_member *m) { m->host->changed(m->core, event); });
}

void bus_hub_close_session(struct bus_hub *hub, unsigned node, cs_account account, cs_conn conn, uint64_t device)
{
	member_post(hub, node,
	            [=](struct bus_hub_member *m) { m->host->close_session(m->core, account, device, conn); });
}

void bus_hub_deafen(struct bus_hub *hub, unsigned node)
{
	std::scoped_lock lock(hub->mutex);

	hub->members[node]->deaf = true;
}

bool bus_hub_has(struct bus_hub *hub, cs_account account)
{
	std::scoped_lock lock(hub->mutex);

	return hub->owners.contains(account);
}

bool bus_hub_is_ending(struct bus_hub *hub, cs_account account)
{
	std::scoped_lock lock(hub->mutex);
	const auto place = hub->owners.find(account);

	return place != hub->owners.end() && place->second.ending;
}

unsigned bus_hub_flushes(struct bus_hub *hub, unsigned node)
{
	std::scoped_lock lock(hub->mutex);

	return hub->members[node]->flushes;
}
