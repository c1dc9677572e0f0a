/* SPDX-License-Identifier: MIT
 * Owns the question who of many accounts is online. It must not know who asks. */
#include "bus_redis.h"

#include <algorithm>
#include <utility>

/* Within what Lua can unpack, and short enough not to hold up Redis. */
static constexpr size_t SLICE = 1000;
static constexpr size_t ACCOUNT_BYTES = 16; /* of a command: digits and framing */

/* A slice; the last one carries the completion. */
static void ask(struct rbus *b, const cs_account *accounts, struct rbus_request &&request)
{
	struct rbus_command command = rbus_call(b, RBUS_PRESENCE, 1 + request.count);

	rbus_command_add(&command, b->nodes_key);
	for (size_t i = 0; i < request.count; i++)
		rbus_command_add(&command, rbus_session_key(b, accounts[i]));
	rbus_ask(b, &command, std::move(request));
}

static bool has_room(const struct rbus *b, size_t count)
{
	return rbus_has_room(b, count * (b->session_prefix.size() + ACCOUNT_BYTES), RBUS_SHARE_TOLD);
}

/* Where the bus is lost between two slices the rest of them is abandoned here. */
void rbus_presence(void *bus, const cs_account *accounts, unsigned char *online, size_t count,
                   cs_bus_done_fn *done, void *arg)
{
	auto *b = static_cast<struct rbus *>(bus);

	std::fill_n(online, count, 0);
	if (b->state != RBUS_UP || count == 0) {
		done(arg, b->state == RBUS_UP ? 0 : CS_ENOENT);
		return;
	}
	if (!has_room(b, count)) {
		b->host->refused(b->core, 1);
		rbus_outbox_tell_full(b);
		done(arg, CS_ENOENT);
		return;
	}
	for (size_t from = 0; from < count; from += SLICE) {
		struct rbus_request request = {RBUS_ASKED_PRESENCE};

		request.online = online + from;
		request.count = std::min(SLICE, count - from);
		request.before = from;
		request.done = count - from <= SLICE ? done : nullptr;
		request.arg = arg;
		if (b->state != RBUS_UP)
			rbus_presence_abandoned(&request);
		else
			ask(b, accounts + from, std::move(request));
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
