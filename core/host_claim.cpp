/* SPDX-License-Identifier: MIT
 * Owns claiming an account's place for a connection: trying, waiting, kicking the older session. It must not know
 * what a session is for. */
#include <memory>
#include <string>

#include "conn.h"
#include "host.h"
#include "loop.h"
#include "plugin.h"
#include "session.h"
#include "worker.h"

namespace {

/* A claim under way. It owns itself: it ends with the post of its completion. */
struct claim {
	struct cs_self *self;
	cs_conn conn;
	cs_account account;
	std::string name;
	uint64_t generation;
	unsigned flags;
	cs_done_fn *done;
	void *arg;
	int result;
};

/* An older session's connection, to be closed on its own worker. */
struct kick {
	struct worker *worker;
	cs_conn conn;
};

struct conn *find(struct cs_self *self, cs_conn conn)
{
	return conn_find(self->worker, conn);
}

void claim_complete(void *arg)
{
	const std::unique_ptr<struct claim> cl((struct claim *)arg);

	if (cl->result == 0 && !find(cl->self, cl->conn))
		cl->result = CS_ENOENT;   /* it ended since, and its session with it */
	cl->done(cl->self->state, cl->conn, cl->result, cl->arg);
}

void claim_finish(struct claim *cl, int result)
{
	cl->result = result;
	if (struct conn *c = find(cl->self, cl->conn))
		c->claiming = false;
	loop_post(&cl->self->worker->loop, claim_complete, cl);
}

void kick_run(void *arg)
{
	const std::unique_ptr<struct kick> k((struct kick *)arg);

	if (struct conn *c = conn_find(k->worker, k->conn))
		conn_close(c, "logged in elsewhere");
}

void kick_post(struct cs_self *self, unsigned worker_index, cs_conn conn)
{
	struct worker *worker = self->worker->shared->workers[worker_index].get();
	auto k = std::make_unique<struct kick>(kick{.worker = worker, .conn = conn});

	loop_post(&worker->loop, kick_run, k.release());
}

void claim_try(void *arg);

/* Waits first and kicks whoever holds the place then: the holder may have changed since the claim, and one that
 * nobody kicks could keep the place, and the waiter, for ever. */
void claim_kick(struct claim *cl)
{
	struct worker *w = cl->self->worker;
	const struct session_waiter waiter{.loop = &w->loop, .fn = claim_try, .arg = cl};
	const cs_account account = cl->account;
	struct cs_self *self = cl->self;
	unsigned worker;
	cs_conn conn;

	if (!session_wait(&w->shared->sessions, account, &waiter))
		loop_post(&w->loop, claim_try, cl);
	else if (session_locate(&w->shared->sessions, account, &worker, &conn))
		kick_post(self, worker, conn);
}

void claim_granted(struct claim *cl, struct conn *c)
{
	conn_bind(c, cl->account, cl->name);
	claim_finish(cl, 0);
}

/* Tries the claim, for the first time or after a wake. A woken waiter has no right to the place: it claims
 * again, and its connection may be gone by now. */
void claim_try(void *arg)
{
	auto *cl = (struct claim *)arg;
	struct worker *w = cl->self->worker;
	struct conn *c = find(cl->self, cl->conn);
	const struct session_waiter waiter{.loop = &w->loop, .fn = claim_try, .arg = cl};
	struct session_entry other;

	if (!c)
		return claim_finish(cl, CS_ENOENT);
	switch (session_claim(&w->shared->sessions, cl->account, w->index, cl->conn, &waiter, &other)) {
	case SESSION_GRANTED:
		return claim_granted(cl, c);
	case SESSION_WAIT:
		return;
	case SESSION_TAKEN:
		if (cl->flags & CS_CLAIM_KICK)
			return claim_kick(cl);
		return claim_finish(cl, CS_EEXIST);
	}
}

}

int host_claim(struct cs_self *self, cs_conn conn, cs_account account, const char *name, uint64_t generation,
               unsigned flags, cs_done_fn *done, void *arg)
{
	struct conn *c = find(self, conn);
	auto owner = std::make_unique<struct claim>(claim{.self = self, .conn = conn, .account = account,
	                                                  .name = name, .generation = generation,
	                                                  .flags = flags, .done = done, .arg = arg,
	                                                  .result = 0});
	struct claim *cl = owner.release();

	if (c && (c->claiming || c->account != 0)) {
		cl->result = CS_EINVAL;
		loop_post(&self->worker->loop, claim_complete, cl);
		return 0;
	}
	if (c)
		c->claiming = true;
	claim_try(cl);
	return 0;
}
