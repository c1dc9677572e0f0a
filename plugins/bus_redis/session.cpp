/* SPDX-License-Identifier: MIT
 * Owns this node's sessions: what it holds, and what Redis is told of it. It must not know what is sent
 * to them. */
#include "bus_redis.h"

#include <utility>

std::string rbus_session_key(const struct rbus *b, cs_account account)
{
	return b->session_prefix + std::to_string(account);
}

static rbus_held *find(struct rbus *b, cs_account account, cs_conn conn)
{
	const auto found = b->sessions.find(account);

	return found != b->sessions.end() && found->second.conn == conn ? &found->second : nullptr;
}

/* ---- claims */

static void ask_claim(struct rbus *b, const struct cs_bus_session *session, unsigned flags,
                      cs_bus_done_fn *done, void *arg)
{
	struct rbus_command command = rbus_call(b, RBUS_CLAIM, 2);
	struct rbus_request request = {RBUS_ASKED_CLAIM};

	rbus_command_add(&command, b->nodes_key);
	rbus_command_add(&command, rbus_session_key(b, session->account));
	rbus_command_add(&command, b->own);
	rbus_command_add(&command, b->inbox_prefix);
	rbus_command_add(&command, b->head);
	rbus_command_add_number(&command, session->account);
	rbus_command_add_number(&command, session->conn);
	rbus_command_add_number(&command, session->generation);
	rbus_command_add(&command, flags & CS_CLAIM_KICK ? "1" : "0");
	request.session = *session;
	request.done = done;
	request.arg = arg;
	rbus_ask(b, &command, std::move(request));
}

/* Without Redis it is granted at once; the next epoch claims it again, and one of two is closed. */
void rbus_claim(void *bus, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done,
                void *arg)
{
	auto *b = static_cast<struct rbus *>(bus);
	const bool asks = b->state == RBUS_UP;

	b->sessions[session->account] = {session->conn, session->generation, false, asks, false};
	if (asks) {
		ask_claim(b, session, flags, done, arg);
		return;
	}
	if (b->state == RBUS_SETTLING)
		b->unsettled.push_back(session->account);
	done(arg, 0);
}

/* An error that says nothing about the account is no reason to refuse anybody. */
static int read_claim(struct rbus *b, const redisReply *reply)
{
	static constexpr int results[] = {0, CS_EEXIST, CS_EAGAIN, CS_EINVAL};

	if (!reply)
		return 0;
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer <= 3)
		return results[reply->integer];
	rbus_tell_error(b, "claim, granted by this node alone", reply);
	return 0;
}

void rbus_claimed(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	const int result = read_claim(b, reply);
	rbus_held *held = find(b, request->session.account, request->session.conn);
	const bool closing = held && !result && held->closing;

	if (held && result)
		b->sessions.erase(request->session.account);
	else if (held)
		held->claiming = false;
	request->done(request->arg, result);
	if (closing)
		rbus_session_close(b, request->session.account, request->session.conn);
}

/* ---- their end */

/* Also while sessions are being claimed again: the order of the commands makes it right. */
static void tell(struct rbus *b, enum rbus_script script, cs_account account, cs_conn conn)
{
	struct rbus_command command;

	if (b->state != RBUS_UP && b->state != RBUS_SETTLING)
		return;
	command = rbus_call(b, script, 1);
	rbus_command_add(&command, rbus_session_key(b, account));
	rbus_command_add(&command, b->own);
	rbus_command_add_number(&command, conn);
	rbus_ask(b, &command, {RBUS_ASKED_PLAIN});
}

void rbus_ending(void *bus, cs_account account, cs_conn conn)
{
	auto *b = static_cast<struct rbus *>(bus);
	rbus_held *held = find(b, account, conn);

	if (!held)
		return;
	held->ending = true;
	tell(b, RBUS_ENDING, account, conn);
}

void rbus_release(void *bus, cs_account account, cs_conn conn)
{
	auto *b = static_cast<struct rbus *>(bus);

	if (!find(b, account, conn))
		return;
	b->sessions.erase(account);
	tell(b, RBUS_RELEASE, account, conn);
}

/* That may come on one connection before, on the other, what made the session: then the server first
 * hears of that. A place that nobody here answers for would keep the account from everybody. */
void rbus_session_close(struct rbus *b, cs_account account, cs_conn conn)
{
	rbus_held *held = find(b, account, conn);

	if (!held)
		tell(b, RBUS_RELEASE, account, conn);
	else if (held->claiming)
		held->closing = true;
	else
		b->host->close_session(b->core, account, conn);
}

/* One that Redis has not granted yet is asked for again. */
void rbus_session_probe(struct rbus *b, cs_account account, cs_conn conn, cs_bus_address asker)
{
	const rbus_held *held = find(b, account, conn);

	if (!held)
		tell(b, RBUS_RELEASE, account, conn);
	else if (!held->claiming)
		b->host->probe_session(b->core, account, conn, asker);
}
