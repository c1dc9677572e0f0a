/* SPDX-License-Identifier: MIT
 * The sessions of this node in Redis, and the question which accounts are online. */
#include "bus_redis.h"

#include <algorithm>
#include <utility>

std::string rbus_session_key(const struct rbus *b, cs_account account)
{
	return b->session_prefix + std::to_string(account);
}

static rbus_held *rbus_find(struct rbus *b, const rbus_key &key, cs_conn conn)
{
	const auto found = b->sessions.find(key);

	return found != b->sessions.end() && found->second.conn == conn ? &found->second : nullptr;
}

/* ---- claims */

static void rbus_ask_claim(struct rbus *b, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done,
                           void *arg)
{
	struct rbus_command command = rbus_call(b, RBUS_CLAIM, 2);
	struct rbus_request request = {RBUS_ASKED_CLAIM};

	rbus_command_add(&command, b->nodes_key);
	rbus_command_add(&command, rbus_session_key(b, session->account));
	rbus_command_add(&command, b->own);
	rbus_command_add(&command, b->inbox_prefix);
	rbus_command_add(&command, b->head);
	rbus_command_add_number(&command, session->account);
	rbus_command_add_number(&command, session->device);
	rbus_command_add_number(&command, session->conn);
	rbus_command_add_number(&command, session->generation);
	rbus_command_add(&command, flags & CS_CLAIM_KICK ? "1" : "0");
	request.session = *session;
	request.done = done;
	request.arg = arg;
	rbus_ask(b, &command, std::move(request));
}

/* Without Redis a claim is granted at once. The next epoch claims the session again; if two nodes have one, one of them
 * is closed. */
void rbus_claim(void *bus, const struct cs_bus_session *session, unsigned flags, cs_bus_done_fn *done, void *arg)
{
	auto *b = static_cast<struct rbus *>(bus);
	const rbus_key key = {session->account, session->device};
	const bool asks = b->state == RBUS_UP;

	b->sessions[key] = {session->conn, session->generation, false, asks, false, false};
	if (asks) {
		rbus_ask_claim(b, session, flags, done, arg);
		return;
	}
	if (b->state == RBUS_RECLAIMING)
		b->unclaimed.push_back(key);
	done(arg, 0);
}

/* What an answer of the script says that is granted, and not alone. */
static constexpr int64_t rbus_granted_not_alone = 4;

/* An error reply says nothing about the account, so it refuses nobody. */
static int rbus_read_claim(struct rbus *b, const redisReply *reply)
{
	static constexpr int results[] = {0, CS_EEXIST, CS_EAGAIN, CS_EINVAL, 0};

	if (!reply)
		return 0;
	if (reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 && reply->integer <= rbus_granted_not_alone)
		return results[reply->integer];
	rbus_tell_error(b, "claim, granted by this node alone", reply);
	return 0;
}

void rbus_claimed(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	const rbus_key key = {request->session.account, request->session.device};
	const int result = rbus_read_claim(b, reply);
	rbus_held *held = rbus_find(b, key, request->session.conn);
	const bool closing = held && !result && held->closing;

	if (held && result)
		b->sessions.erase(key);
	else if (held)
		held->claiming = false;
	if (held && !result && reply && reply->type == REDIS_REPLY_INTEGER)
		rbus_session_answer_alone(b, &request->session, reply->integer != rbus_granted_not_alone);
	request->done(request->arg, result);
	if (closing)
		rbus_session_close(b, key, request->session.conn);
}

/* ---- whether other nodes have sessions of the account */

void rbus_session_answer_alone(struct rbus *b, const struct cs_bus_session *session, bool alone)
{
	const rbus_held *held = rbus_find(b, {session->account, session->device}, session->conn);

	if (held && held->generation == session->generation && !held->told)
		b->host->alone(b->core, session->account, session->device, session->conn, alone);
}

/* The generation tells this session from an earlier one of the same connection. */
void rbus_session_tell_alone(struct rbus *b, const struct rbus_word *word)
{
	rbus_held *held = rbus_find(b, {word->account, word->device}, word->conn);

	if (!held || held->generation != word->generation)
		return;
	held->told = true;
	b->host->alone(b->core, word->account, word->device, word->conn, word->alone != 0);
}

/* ---- the end of sessions */

/* This is right even while sessions are being claimed again: Redis runs the commands in their order. */
static void rbus_tell_ending(struct rbus *b, const rbus_key &key, cs_conn conn)
{
	struct rbus_command command;

	if (b->state != RBUS_UP && b->state != RBUS_RECLAIMING)
		return;
	command = rbus_call(b, RBUS_ENDING, 1);
	rbus_command_add(&command, rbus_session_key(b, key.account));
	rbus_command_add(&command, b->own);
	rbus_command_add_number(&command, key.device);
	rbus_command_add_number(&command, conn);
	rbus_ask(b, &command, {RBUS_ASKED_PLAIN});
}

static void rbus_tell_release(struct rbus *b, const rbus_key &key, cs_conn conn)
{
	struct rbus_command command;

	if (b->state != RBUS_UP && b->state != RBUS_RECLAIMING)
		return;
	command = rbus_call(b, RBUS_RELEASE, 2);
	rbus_command_add(&command, rbus_session_key(b, key.account));
	rbus_command_add(&command, b->nodes_key);
	rbus_command_add(&command, b->own);
	rbus_command_add_number(&command, key.device);
	rbus_command_add_number(&command, conn);
	rbus_command_add(&command, b->inbox_prefix);
	rbus_command_add(&command, b->head);
	rbus_command_add_number(&command, key.account);
	rbus_ask(b, &command, {RBUS_ASKED_PLAIN});
}

void rbus_ending(void *bus, cs_account account, uint64_t device, cs_conn conn)
{
	auto *b = static_cast<struct rbus *>(bus);
	rbus_held *held = rbus_find(b, {account, device}, conn);

	if (!held)
		return;
	held->ending = true;
	rbus_tell_ending(b, {account, device}, conn);
}

void rbus_release(void *bus, cs_account account, uint64_t device, cs_conn conn)
{
	auto *b = static_cast<struct rbus *>(bus);
	const rbus_key key = {account, device};

	if (!rbus_find(b, key, conn))
		return;
	b->sessions.erase(key);
	rbus_tell_release(b, key, conn);
}

/* The request can come on the inbox before the claim's answer comes on the command connection; then close after that
 * answer. If the session is not here, release its place: otherwise nobody could get the account. */
void rbus_session_close(struct rbus *b, const rbus_key &key, cs_conn conn)
{
	rbus_held *held = rbus_find(b, key, conn);

	if (!held)
		rbus_tell_release(b, key, conn);
	else if (held->claiming)
		held->closing = true;
	else
		b->host->close_session(b->core, key.account, key.device, conn);
}

/* If the session is not here, release its place. If Redis has not granted the claim yet, do nothing: the asker tries
 * again. */
void rbus_session_probe(struct rbus *b, const rbus_key &key, cs_conn conn, cs_bus_address asker)
{
	const rbus_held *held = rbus_find(b, key, conn);

	if (!held)
		rbus_tell_release(b, key, conn);
	else if (!held->claiming)
		b->host->probe_session(b->core, key.account, key.device, conn, asker);
}

/* ---- presence */

/* accounts in one script call: as many as Lua can unpack, and so few that Redis is not blocked for long */
static constexpr size_t rbus_slice = 1000;
static constexpr size_t rbus_account_bytes = 32; /* bytes of one account and its device in a command */

static std::string rbus_device_text(const uint64_t *devices, size_t i)
{
	return !devices || devices[i] == CS_EVERY_DEVICE ? std::string() : std::to_string(devices[i]);
}

/* Asks for one slice. The last slice completes the request. */
static void rbus_presence_ask(struct rbus *b, const cs_account *accounts, const uint64_t *devices,
                              struct rbus_request &&request)
{
	struct rbus_command command = rbus_call(b, RBUS_PRESENCE, 1 + request.count);

	rbus_command_add(&command, b->nodes_key);
	for (size_t i = 0; i < request.count; i++)
		rbus_command_add(&command, rbus_session_key(b, accounts[i]));
	for (size_t i = 0; i < request.count; i++)
		rbus_command_add(&command, rbus_device_text(devices, i));
	rbus_ask(b, &command, std::move(request));
}

static bool rbus_presence_has_room(const struct rbus *b, size_t count)
{
	return rbus_has_room(b, count * (b->session_prefix.size() + rbus_account_bytes), RBUS_SHARE_CASUAL);
}

/* If the bus is lost between two slices, the remaining slices are abandoned here. */
void rbus_presence(void *bus, const cs_account *accounts, const uint64_t *devices, unsigned char *online, size_t count,
                   cs_bus_done_fn *done, void *arg)
{
	auto *b = static_cast<struct rbus *>(bus);

	std::fill_n(online, count, 0);
	if (b->state != RBUS_UP || count == 0) {
		done(arg, b->state == RBUS_UP ? 0 : CS_ENOENT);
		return;
	}
	if (!rbus_presence_has_room(b, count)) {
		b->host->refused(b->core, 1);
		rbus_outbox_tell_full(b);
		done(arg, CS_ENOENT);
		return;
	}
	for (size_t from = 0; from < count; from += rbus_slice) {
		struct rbus_request request = {RBUS_ASKED_PRESENCE};

		request.online = online + from;
		request.count = std::min(rbus_slice, count - from);
		request.before = from;
		request.done = count - from <= rbus_slice ? done : nullptr;
		request.arg = arg;
		if (b->state != RBUS_UP)
			rbus_presence_abandoned(&request);
		else
			rbus_presence_ask(b, accounts + from, devices ? devices + from : nullptr, std::move(request));
	}
}

void rbus_presence_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	const bool good = reply->type == REDIS_REPLY_STRING && reply->len == request->count;

	if (!good)
		rbus_tell_error(b, "presence", reply);
	for (size_t i = 0; good && i < request->count; i++)
		request->online[i] = reply->str[i] == '1';
	if (request->done)
		request->done(request->arg, 0);
}

void rbus_presence_abandoned(const struct rbus_request *request)
{
	if (!request->done)
		return;
	std::fill_n(request->online - request->before, request->before + request->count, 0);
	request->done(request->arg, CS_ENOENT);
}
