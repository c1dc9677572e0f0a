/* SPDX-License-Identifier: MIT
 * Claims the place of an account's device for a connection: waits, asks the cluster, kicks or probes the older
 * session. */
#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

#include "core/base/loop.h"
#include "core/base/worker.h"
#include "core/bus/bus.h"
#include "core/net/conn.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"
#include "core/session/session.h"

/* Pauses between two claims on the bus. */
static constexpr int64_t host_first_pause_ms = 20;
static constexpr int64_t host_longest_pause_ms = 100;
/* How long a session of another node may take to end, if it is ending already or was kicked. */
static constexpr int64_t host_ending_ms = 3000;
/* How long another node may take to notice that its client has left for this node. */
static constexpr int64_t host_moving_ms = 150;
/* How long another node may take to find out that the older session's peer is gone, and to end that session. */
static constexpr int64_t host_probing_ms = 7000;
/* Minimum number of tries, so that a stall of this node is not taken for a stall of the other. */
static constexpr unsigned host_fewest_questions = 4;

/* A claim under way. It is freed by its completion. */
struct claim {
	struct cs_self *self = nullptr;
	cs_conn conn = 0;
	cs_account account = 0;
	uint64_t device = 0;
	std::string name;
	uint64_t generation = 0;
	uint64_t want = 0;
	unsigned flags = 0;
	cs_done_fn *done = nullptr;
	void *arg = nullptr;
	int64_t begun_ms = worker_monotonic_ms();
	int64_t pause_ms = host_first_pause_ms;
	unsigned questions = 0; /* how often the bus was asked */
	event_ptr again; /* the timer for the next try; made with the first pause */
	bool reserves = false; /* the place is reserved here while the cluster is asked */
	int result = 0;
};

static struct conn *host_claim_find(const struct claim *cl)
{
	return conn_find(cl->self->worker, cl->conn);
}

static struct session_table *host_claim_table(const struct claim *cl)
{
	return cl->self->worker->shared->sessions;
}

static struct session_key host_claim_key(const struct claim *cl)
{
	return {cl->account, cl->device};
}

static void host_claim_complete(void *arg)
{
	const std::unique_ptr<struct claim> cl(static_cast<struct claim *>(arg));

	cl->self->worker->claims.erase(cl.get());
	cl->self->under_way.fetch_sub(1, std::memory_order_relaxed);
	if (!cl->self->started)
		return; /* start() failed: the instance has no state */
	if (cl->result == 0 && !host_claim_find(cl.get()))
		cl->result = CS_ENOENT; /* the connection ended meanwhile, and its session with it */
	const plugin_call call(cl->self, CALL_COMPLETION);

	cl->done(cl->self->state, cl->conn, cl->result, cl->arg);
}

static void host_claim_finish(struct claim *cl, int result)
{
	struct conn *c = host_claim_find(cl);

	cl->result = result;
	if (c)
		c->claiming = false;
	if (c && c->entering && result != 0) {
		c->entering = false;
		conn_resume(c);
	}
	loop_post(&cl->self->worker->loop, host_claim_complete, cl);
}

static void host_claim_try(void *arg);

/* Waits first, and then kicks or probes the session of the login that has the place. If another one has it by now, the
 * claim is tried again: that login may be a later one. */
static void host_claim_wait_for_holder(struct claim *cl, uint64_t generation)
{
	struct worker *w = cl->self->worker;
	const struct session_waiter waiter {
		.loop = &w->loop, .fn = host_claim_try, .arg = cl
	};
	const struct session_key key = host_claim_key(cl);
	cs_conn conn;

	if (!session_wait(w->shared->sessions, key, generation, &waiter, &conn))
		loop_post(&w->loop, host_claim_try, cl);
	else if (conn == 0)
		return;
	else if (cl->flags & CS_CLAIM_KICK)
		conn_kick(w->shared, conn, key.account, key.device);
	else
		conn_begin_probe(w->shared, conn, key.account, key.device, 0);
}

/* The place is taken by a session of this node. A later login than this one may have come first, because this claim
 * waited or was held up on its way: it must not be replaced. */
static void host_claim_meet(struct claim *cl, const struct session_entry &other)
{
	if (other.generation > cl->generation)
		return host_claim_finish(cl, CS_EEXIST);
	if (cl->flags & CS_CLAIM_KICK)
		return host_claim_wait_for_holder(cl, other.generation);
	if (cl->self->worker->draining)
		return host_claim_finish(cl, CS_ECANCELED);
	if (other.proved_ms > cl->begun_ms)
		return host_claim_finish(cl, CS_EEXIST);
	host_claim_wait_for_holder(cl, other.generation);
}

/* Logs the account in on the connection, which has the place now. The peer has just sent its LOGIN, so the session
 * counts as proved. */
static void host_claim_enter(struct claim *cl, struct conn *c)
{
	conn_bind(c, cl->account, cl->device, cl->name);
	c->want = cl->want;
	c->opened_due = true;
	session_prove(host_claim_table(cl), host_claim_key(cl), worker_monotonic_ms());
}

/* ---- asking the cluster. Meanwhile the place is reserved here: other claims of the device on this node wait until
 * this one has ended, and are tried then. */

static void host_claim_ask(struct claim *cl);

/* Frees the reserved place and ends the claim. */
static void host_claim_give_up(struct claim *cl, int result)
{
	cl->reserves = false;
	session_free(host_claim_table(cl), host_claim_key(cl));
	host_claim_finish(cl, result);
}

static void host_claim_ask_again(evutil_socket_t, short, void *arg)
{
	auto *cl = static_cast<struct claim *>(arg);

	if (host_claim_find(cl))
		return host_claim_ask(cl);
	host_claim_give_up(cl, CS_ENOENT);
}

/* How many ms after its beginning the claim still asks again. */
static int64_t host_claim_patience(struct claim *cl, int result)
{
	if (cl->flags & CS_CLAIM_KICK)
		return host_ending_ms;
	if (result == CS_EEXIST && session_proved_ms(host_claim_table(cl), host_claim_key(cl)) > cl->begun_ms)
		return host_moving_ms;
	return host_probing_ms;
}

/* Milliseconds until the next try; 0: the time is over. */
static int64_t host_claim_pause(struct claim *cl, int result)
{
	const int64_t left = cl->begun_ms + host_claim_patience(cl, result) - worker_monotonic_ms();
	const bool has_to_ask = cl->questions < host_fewest_questions;
	const int64_t pause = has_to_ask ? cl->pause_ms : std::min(cl->pause_ms, left);

	cl->pause_ms = std::min(cl->pause_ms * 2, host_longest_pause_ms);
	return std::max<int64_t>(pause, 0);
}

static void host_claim_wait(struct claim *cl, int64_t ms)
{
	const struct timeval time {
		.tv_sec = ms / 1000, .tv_usec = static_cast<suseconds_t>(ms % 1000 * 1000)
	};

	if (!cl->again)
		cl->again.reset(evtimer_new(cl->self->worker->loop.base.get(), host_claim_ask_again, cl));
	if (!cl->again || event_add(cl->again.get(), &time) == -1)
		host_claim_give_up(cl, CS_EEXIST);
}

static void host_claim_refused(struct claim *cl, int result)
{
	/* A later login has the account: this claim belongs to an older one and must not replace it. */
	if (result == CS_EINVAL)
		return host_claim_give_up(cl, CS_EEXIST);
	if (result != CS_EAGAIN && result != CS_EEXIST)
		return host_claim_give_up(cl, result);
	if (cl->self->worker->draining)
		return host_claim_give_up(cl, CS_ECANCELED);
	const int64_t pause = host_claim_pause(cl, result);

	if (pause == 0)
		return host_claim_give_up(cl, CS_EEXIST);
	host_claim_wait(cl, pause);
}

/* The connection has gone. The bus releases the place before this node frees it, so that a later claim of this node
 * comes after the release. */
static void host_claim_granted_for_nothing(struct claim *cl)
{
	bus_release(cl->self->worker->shared->bus, cl->account, cl->device, cl->conn);
	host_claim_give_up(cl, CS_ENOENT);
}

static void host_claim_answered(void *arg, int result)
{
	auto *cl = static_cast<struct claim *>(arg);
	struct conn *c = host_claim_find(cl);

	if (!c)
		return result == 0 ? host_claim_granted_for_nothing(cl) : host_claim_give_up(cl, CS_ENOENT);
	if (result != 0)
		return host_claim_refused(cl, result);
	host_claim_enter(cl, c);
	cl->reserves = false;
	session_end_reservation(host_claim_table(cl), host_claim_key(cl));
	host_claim_finish(cl, 0);
}

static void host_claim_ask(struct claim *cl)
{
	const struct cs_bus_session session {
		.account = cl->account, .conn = cl->conn, .generation = cl->generation, .device = cl->device
	};
	struct worker *w = cl->self->worker;

	cl->questions++;
	bus_claim(w->shared->bus, &session, cl->flags, &w->loop, host_claim_answered, cl);
}

/* ---- claiming here */

static void host_claim_granted(struct claim *cl, struct conn *c)
{
	cl->reserves = cl->self->worker->shared->bus != nullptr;
	if (cl->reserves)
		return host_claim_ask(cl);
	host_claim_enter(cl, c);
	host_claim_finish(cl, 0);
}

/* Tries the claim, at first or after a wake. A woken claim has no right to the place: it claims again, and its
 * connection may have ended meanwhile. */
static void host_claim_try(void *arg)
{
	auto *cl = static_cast<struct claim *>(arg);
	struct worker *w = cl->self->worker;
	struct conn *c = host_claim_find(cl);
	const struct session_waiter waiter {
		.loop = &w->loop, .fn = host_claim_try, .arg = cl
	};
	struct session_entry other;

	if (!c)
		return host_claim_finish(cl, CS_ENOENT);
	const auto take = w->shared->bus ? session_reserve : session_claim;

	switch (take(w->shared->sessions, host_claim_key(cl), cl->conn, cl->generation, &waiter, &other)) {
	case SESSION_GRANTED: return host_claim_granted(cl, c);
	case SESSION_WAIT: return;
	case SESSION_TAKEN: return host_claim_meet(cl, other);
	case SESSION_FULL: return host_claim_finish(cl, CS_EBUSY);
	}
}

static bool host_claim_has_spare(const struct cs_claim *claim)
{
	return std::any_of(std::begin(claim->spare), std::end(claim->spare), [](uint32_t n) { return n != 0; });
}

int host_claim(struct cs_self *self, cs_conn conn, const struct cs_claim *claim, cs_done_fn *done, void *arg)
{
	struct conn *c = conn_find(self->worker, conn);
	struct claim *cl = std::make_unique<struct claim>().release();

	cl->self = self;
	cl->conn = conn;
	cl->account = claim->account;
	cl->device = claim->device;
	cl->name = claim->name;
	cl->generation = claim->generation;
	cl->want = claim->want;
	cl->flags = claim->flags;
	cl->done = done;
	cl->arg = arg;
	self->worker->claims.insert(cl);
	self->under_way.fetch_add(1, std::memory_order_relaxed);
	if (claim->device > CS_DEVICE_MAX || host_claim_has_spare(claim) || (c && (c->claiming || c->account != 0))) {
		cl->result = CS_EINVAL;
		loop_post(&self->worker->loop, host_claim_complete, cl);
		return 0;
	}
	if (conn_refuses_session(self->worker)) {
		cl->result = CS_EBUSY;
		loop_post(&self->worker->loop, host_claim_complete, cl);
		return 0;
	}
	if (c) {
		c->claiming = true;
		c->entering = c->is_adopted && !c->pending;
	}
	host_claim_try(cl);
	return 0;
}

int host_may_claim(struct cs_self *self)
{
	return conn_refuses_session(self->worker) ? CS_EBUSY : 0;
}

/* Claims that were answered are completed already; those left wait for a timer or for a place. */
void host_claim_cancel_all(struct worker_shared *shared)
{
	session_forget_waiters(shared->sessions);
	for (const auto &w : shared->workers) {
		const std::unordered_set<struct claim *> left = std::exchange(w->claims, {});

		for (struct claim *cl : left) {
			if (cl->reserves)
				session_free(host_claim_table(cl), host_claim_key(cl));
			cl->result = CS_ECANCELED;
			host_claim_complete(cl);
		}
	}
}
