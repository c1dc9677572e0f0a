/* SPDX-License-Identifier: MIT
 * Owns an epoch of the bus: registering its address, claiming the node's sessions again under it, and
 * what is done when it has begun. It must not know how connections are made. */
#include "bus_redis.h"

#include <algorithm>
#include <utility>

static constexpr unsigned SLICES_UNDER_WAY = 2; /* other nodes' commands get their turn between them */

void rbus_epoch_begin(struct rbus *b)
{
	rbus_lease_ask(b, true);
	b->previous = b->address;
}

/* ---- claiming again */

static void add_again(struct rbus_command *command, const rbus_held *held, cs_account account)
{
	rbus_command_add_number(command, account);
	rbus_command_add_number(command, held->conn);
	rbus_command_add_number(command, held->generation);
	rbus_command_add(command, held->ending ? "E" : "L");
}

bool rbus_ask_again(struct rbus *b, std::vector<cs_account> accounts)
{
	struct rbus_request request = {RBUS_ASKED_AGAIN};

	std::erase_if(accounts, [b](cs_account account) { return !b->sessions.contains(account); });
	if (accounts.empty())
		return false;
	struct rbus_command command = rbus_call(b, RBUS_AGAIN, 1 + accounts.size());

	rbus_command_add(&command, b->nodes_key);
	for (const cs_account account : accounts)
		rbus_command_add(&command, rbus_session_key(b, account));
	rbus_command_add(&command, b->own);
	rbus_command_add(&command, b->inbox_prefix);
	rbus_command_add(&command, b->head);
	for (const cs_account account : accounts) {
		const rbus_held *held = &b->sessions[account];

		add_again(&command, held, account);
		request.sessions.push_back({account, held->conn, held->generation});
	}
	rbus_ask(b, &command, std::move(request));
	return true;
}

/* The address first: what the server does about the others needs it. */
static void go_up(struct rbus *b)
{
	b->state = RBUS_UP;
	b->up_since = rbus_now();
	b->dropping = false;
	b->told_away = b->told_garbage = b->told_full = false;
	b->host->log(b->core, CS_LOG_INFO, "the bus is there address=%s sessions=%zu lapsed=%d",
	             b->own.c_str(), b->sessions.size(), static_cast<int>(b->lapsed));
	b->host->address(b->core, b->address);
	if (b->lapsed > 0) {
		rbus_tell_degraded(b, true);
		b->host->changed(b->core, CS_CLUSTER_MISSED);
	} else {
		b->told_degraded = false;
		b->host->changed(b->core, CS_CLUSTER_WHOLE);
	}
	rbus_outbox_announce(b, RBUS_RESYNC);
}

static void settle(struct rbus *b)
{
	while (b->state == RBUS_SETTLING && b->settling < SLICES_UNDER_WAY && !b->unsettled.empty()) {
		const size_t size = std::min(RBUS_SLICE, b->unsettled.size());
		std::vector<cs_account> slice(b->unsettled.end() - static_cast<ptrdiff_t>(size),
		                              b->unsettled.end());

		b->unsettled.resize(b->unsettled.size() - size);
		b->settling++;
		if (!rbus_ask_again(b, std::move(slice)))
			b->settling--;
	}
	if (b->state == RBUS_SETTLING && b->settling == 0 && b->unsettled.empty())
		go_up(b);
}

void rbus_epoch_again(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
		const auto place = static_cast<size_t>(reply->element[i]->integer);

		if (place < 1 || place > request->sessions.size())
			continue;
		const struct cs_bus_session *lost = &request->sessions[place - 1];

		rbus_session_close(b, lost->account, lost->conn);
	}
	if (b->state != RBUS_SETTLING)
		return;
	b->settling--;
	settle(b);
}

void rbus_epoch_registered(struct rbus *b, const redisReply *reply)
{
	int64_t just = 0;

	if (!rbus_lease_read(b, reply, &just)) {
		rbus_drop(b, "Redis gave an answer that makes no sense");
		return;
	}
	rbus_timer_stop(b, &b->handshake_timer);
	b->state = RBUS_SETTLING;
	rbus_lease_start(b);
	for (const auto &[account, held] : b->sessions)
		b->unsettled.push_back(account);
	settle(b);
}
