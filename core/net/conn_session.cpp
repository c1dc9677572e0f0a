/* SPDX-License-Identifier: MIT
 * Binds a connection to an account, ends its session, and tells the plugins. */
#include "core/net/conn.h"

#include <memory>
#include <utility>

#include "core/base/log.h"
#include "core/base/worker.h"
#include "core/net/conn_internal.h"

void conn_bind(struct conn *c, cs_account account, uint64_t device, std::string_view name)
{
	conn_assert_here(c->worker);
	c->account = account;
	c->device = static_cast<uint32_t>(device);
	c->name = name;
	c->guest_since = worker_monotonic_ms();
	conn_guest_update(c);
	conn_rest(c);
}

void conn_audit_end(const struct conn *c, const char *why)
{
	if (c->account != 0)
		log_audit("session_ended", "account=%llu device=%u peer=%s why=\"%s\"",
		          static_cast<unsigned long long>(c->account), c->device, c->peer.c_str(), why);
}

/* From here on the account is not located, and nobody else can claim it before `closed` has run. */
void conn_leave(struct conn *c)
{
	if (c->account == 0)
		return;
	conn_end_probe(c);
	c->worker->shared->conn_calls->leaving(c);
	c->ended = c->account;
	c->ended_device = c->device;
	c->account = 0;
	c->device = 0;
	c->want = 0;
	c->opened_due = false;
	if (c->entering) {
		c->entering = false;
		conn_resume(c);
	}
}

void conn_tell_opened(struct conn *c)
{
	if (!c->opened_due || c->pending || c->entering || c->closing || c->dead)
		return;
	c->opened_due = false;
	c->worker->shared->conn_calls->opened(c);
}

void conn_tell_closed(struct conn *c)
{
	const cs_account account = std::exchange(c->ended, 0);

	c->name.clear();
	c->was_written = false;
	c->worker->shared->conn_calls->closed(c, account, std::exchange(c->ended_device, 0));
}

static void conn_logout_told(void *arg)
{
	auto *c = static_cast<struct conn *>(arg);

	/* The connection closes in this turn: its end calls `closed`, once. */
	if (c->dead || c->closing)
		return;
	if (c->terminator != CONN_TERMINATOR_UNDECIDED && !c->write_waiting)
		conn_write(c);
	if (c->dead)
		return;
	conn_tell_closed(c);
	conn_guest_check(c);
	conn_arm(c); /* there was no login deadline while LOGOUT was handled */
}

void conn_logout(struct conn *c)
{
	conn_assert_here(c->worker);
	if (c->account == 0)
		return;
	conn_audit_end(c, "logout");
	conn_leave(c);
	c->guest_since = worker_monotonic_ms();
	conn_set_silence(c, c->is_adopted ? 0 : c->worker->conf->idle_timeout, 0);
	loop_at_end_of_turn(&c->worker->loop, conn_logout_told, c);
}

bool conn_has_session(const struct conn *c, cs_account account, uint64_t device)
{
	return c->account == account && c->device == device;
}

/* The connection of an older session; it is closed on its own worker. */
struct conn_to_kick {
	struct worker *worker;
	cs_conn handle;
	cs_account account;
	uint64_t device;
};

static void conn_kick_run(void *arg)
{
	const std::unique_ptr<struct conn_to_kick> kick(static_cast<struct conn_to_kick *>(arg));
	struct conn *c = conn_find(kick->worker, kick->handle);

	if (!c || !conn_has_session(c, kick->account, kick->device))
		return;
	if (kick->device == 0)
		return conn_close(c, "logged in elsewhere");
	conn_set_goodbye(c, CS_GOODBYE_GOING_AWAY);
	conn_send_going_away(c, "this device has logged in on another connection", ",\"reason\":\"replaced\"");
	if (!c->write_waiting)
		conn_write(c);
	if (c->dead)
		return;
	/* The kernel has no room: the peer is slow or gone, and the newer login does not wait for it. */
	if (conn_unsent(c) > 0)
		return conn_close(c, "this device has logged in elsewhere");
	conn_close_after_output(c, "this device has logged in elsewhere");
}

void conn_kick_now(struct conn *c)
{
	static const char why[] = "an operator has ended this session";

	conn_assert_here(c->worker);
	conn_set_goodbye(c, CS_GOODBYE_GOING_AWAY);
	conn_send_going_away(c, why, ",\"reason\":\"kicked\"");
	if (!c->dead)
		conn_close_after_output(c, why);
}

void conn_kick(struct worker_shared *shared, cs_conn handle, cs_account account, uint64_t device)
{
	const unsigned index = conn_worker_index(handle);

	if (index >= shared->workers.size())
		return;
	struct worker *w = shared->workers[index].get();
	auto kick = std::make_unique<struct conn_to_kick>(conn_to_kick{w, handle, account, device});

	loop_post(&w->loop, conn_kick_run, kick.release());
}
