/* SPDX-License-Identifier: MIT
 * Tells who is online: from the session table of this node, and from the bus for accounts without a session here. */
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
	/* Accounts without a session here; the bus is asked for these. */
	std::vector<cs_account> elsewhere;
	std::vector<unsigned char> found;
	std::vector<size_t> indexes; /* their indexes in online */
};

static void host_presence_look_here(struct presence *p, const cs_account *accounts, size_t count)
{
	struct worker_shared *shared = p->self->worker->shared;
	cs_conn conn;

	for (size_t i = 0; i < count; i++) {
		p->online[i] = session_locate(shared->sessions, accounts[i], &conn);
		if (p->online[i] || !shared->bus)
			continue;
		p->elsewhere.push_back(accounts[i]);
		p->indexes.push_back(i);
	}
	p->found.resize(p->elsewhere.size());
}

static void host_presence_complete(void *arg)
{
	const std::unique_ptr<struct presence> p(static_cast<struct presence *>(arg));

	const plugin_call call(p->self, CALL_COMPLETION);

	p->done(p->self->state, p->conn, 0, p->arg);
}

/* The result of the bus does not matter: while it is away, accounts of other nodes count as offline. */
static void host_presence_answered(void *arg, int)
{
	auto *p = static_cast<struct presence *>(arg);

	for (size_t i = 0; i < p->indexes.size(); i++)
		p->online[p->indexes[i]] = p->found[i];
	host_presence_complete(p);
}

int host_presence(struct cs_self *self, cs_conn conn, const cs_account *accounts, unsigned char *online, size_t count,
                  cs_done_fn *done, void *arg)
{
	auto owner = std::make_unique<struct presence>(presence{.self = self,
	                                                        .conn = conn,
	                                                        .online = online,
	                                                        .done = done,
	                                                        .arg = arg,
	                                                        .elsewhere = {},
	                                                        .found = {},
	                                                        .indexes = {}});
	struct presence *p = owner.release();
	struct worker *w = self->worker;

	host_presence_look_here(p, accounts, count);
	if (p->elsewhere.empty())
		loop_post(&w->loop, host_presence_complete, p);
	else
		bus_presence(w->shared->bus, p->elsewhere.data(), p->found.data(), p->elsewhere.size(), &w->loop,
		             host_presence_answered, p);
	return 0;
}
