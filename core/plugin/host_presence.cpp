/* SPDX-License-Identifier: MIT
 * Tells who is online: from the session table of this node, and from the bus for those without a session here. */
#include <memory>
#include <vector>

#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"
#include "core/session/session.h"

/* A question under way. It is freed by its completion. */
struct presence {
	struct cs_self *self;
	cs_conn conn;
	unsigned char *online; /* the caller's */
	cs_done_fn *done;
	void *arg;
	int result; /* of the bus */
	/* Those without a session here; the bus is asked for these. */
	std::vector<cs_account> elsewhere;
	std::vector<uint64_t> devices; /* of them; CS_EVERY_DEVICE: any */
	std::vector<unsigned char> found;
	std::vector<size_t> indexes; /* their indexes in online */
};

static bool host_presence_is_here(struct session_table *sessions, cs_account account, uint64_t device)
{
	struct session_places places;

	if (device != CS_EVERY_DEVICE)
		return session_is_claimed(sessions, {account, device});
	return session_locate_all(sessions, account, device, &places);
}

static void host_presence_look_here(struct presence *p, size_t index, cs_account account, uint64_t device)
{
	struct worker_shared *shared = p->self->worker->shared;

	p->online[index] = host_presence_is_here(shared->sessions, account, device);
	if (p->online[index] || !shared->bus)
		return;
	p->elsewhere.push_back(account);
	p->devices.push_back(device);
	p->indexes.push_back(index);
}

static void host_presence_complete(void *arg)
{
	const std::unique_ptr<struct presence> p(static_cast<struct presence *>(arg));

	p->self->under_way.fetch_sub(1, std::memory_order_relaxed);
	if (!p->self->started)
		return; /* start() failed: the instance has no state */
	const plugin_call call(p->self, CALL_COMPLETION);

	p->done(p->self->state, p->conn, p->result, p->arg);
}

/* While the bus is away, accounts of other nodes are shown as offline. */
static void host_presence_answered(void *arg, int result)
{
	auto *p = static_cast<struct presence *>(arg);

	p->result = result;
	for (size_t i = 0; i < p->indexes.size(); i++)
		p->online[p->indexes[i]] = p->found[i];
	host_presence_complete(p);
}

static struct presence *host_presence_make(struct cs_self *self, cs_conn conn, unsigned char *online, cs_done_fn *done,
                                           void *arg)
{
	self->under_way.fetch_add(1, std::memory_order_relaxed);
	return std::make_unique<struct presence>(presence{.self = self,
	                                                  .conn = conn,
	                                                  .online = online,
	                                                  .done = done,
	                                                  .arg = arg,
	                                                  .result = 0,
	                                                  .elsewhere = {},
	                                                  .devices = {},
	                                                  .found = {},
	                                                  .indexes = {}})
	        .release();
}

static void host_presence_ask(struct presence *p)
{
	struct worker *w = p->self->worker;

	p->found.resize(p->elsewhere.size());
	if (p->elsewhere.empty())
		loop_post(&w->loop, host_presence_complete, p);
	else
		bus_presence(w->shared->bus, p->elsewhere.data(), p->devices.data(), p->found.data(),
		             p->elsewhere.size(), &w->loop, host_presence_answered, p);
}

int host_presence(struct cs_self *self, cs_conn conn, const cs_account *accounts, unsigned char *online, size_t count,
                  cs_done_fn *done, void *arg)
{
	struct presence *p = host_presence_make(self, conn, online, done, arg);

	for (size_t i = 0; i < count; i++)
		host_presence_look_here(p, i, accounts[i], CS_EVERY_DEVICE);
	host_presence_ask(p);
	return 0;
}

int host_presence_of(struct cs_self *self, cs_conn conn, cs_account account, const uint64_t *devices,
                     unsigned char *online, size_t count, cs_done_fn *done, void *arg)
{
	struct presence *p = host_presence_make(self, conn, online, done, arg);

	for (size_t i = 0; i < count; i++)
		host_presence_look_here(p, i, account, devices[i]);
	host_presence_ask(p);
	return 0;
}
