/* SPDX-License-Identifier: MIT
 * Owns what a node does to count as alive, and to notice that Redis is not: renewing its lease,
 * refreshing the keys of its sessions, and the heartbeat. It must not know how an epoch begins. */
#include "bus_redis.h"

#include <algorithm>

static constexpr int64_t MEMORY = 6; /* leases: how long a lapse is remembered */
/* ms for the keys of all sessions, a third of what they live (script.cpp) */
static constexpr int64_t ROUND = 300000;

static int64_t renew_interval(const struct rbus *b)
{
	return b->conf->lease * 3 / 10;
}

void rbus_lease_ask(struct rbus *b, bool registers)
{
	struct rbus_command command = rbus_call(b, RBUS_RENEW, 2);

	rbus_command_add(&command, b->nodes_key);
	rbus_command_add(&command, b->lapsed_key);
	rbus_command_add(&command, b->own);
	rbus_command_add_number(&command, static_cast<uint64_t>(b->conf->lease));
	rbus_command_add_number(&command, static_cast<uint64_t>(b->conf->lease * MEMORY));
	rbus_command_add(&command, b->all_channel);
	rbus_command_add(&command, b->head);
	rbus_command_add(&command, registers && b->previous ? rbus_hex(b->previous) : std::string());
	rbus_command_add(&command, registers ? "1" : "0");
	rbus_ask(b, &command, {registers ? RBUS_ASKED_REGISTER : RBUS_ASKED_RENEW});
}

bool rbus_lease_read(struct rbus *b, const redisReply *reply, int64_t *just_r)
{
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
		return false;
	*just_r = reply->element[0]->integer;
	b->lapsed = reply->element[1]->integer;
	return true;
}

void rbus_lease_renewed(struct rbus *b, const redisReply *reply)
{
	int64_t just = 0;

	if (!rbus_lease_read(b, reply, &just)) {
		rbus_drop(b, "this node's lease has lapsed");
		return;
	}
	if (b->state != RBUS_UP)
		return;
	if (just > 0)
		rbus_missed_soon(b);
	rbus_tell_degraded(b, b->lapsed > 0);
}

/* A slice of the table at each renewal. Where the table grows meanwhile some are passed over; they live
 * for three rounds. */
static std::vector<cs_account> next_slice(struct rbus *b)
{
	const size_t buckets = b->sessions.bucket_count();
	const auto steps = static_cast<size_t>(std::max<int64_t>(ROUND / renew_interval(b), 1));
	const size_t end = std::min(buckets, b->refreshed + buckets / steps + 1);
	std::vector<cs_account> slice;

	for (; b->refreshed < end; b->refreshed++)
		for (auto at = b->sessions.begin(b->refreshed); at != b->sessions.end(b->refreshed); ++at)
			if (!at->second.claiming)
				slice.push_back(at->first);
	if (b->refreshed >= buckets)
		b->refreshed = 0;
	return slice;
}

static void refresh(struct rbus *b)
{
	const std::vector<cs_account> slice = next_slice(b);

	for (size_t i = 0; i < slice.size() && b->state == RBUS_UP; i += RBUS_SLICE)
		(void)rbus_ask_again(
			b, {slice.begin() + static_cast<ptrdiff_t>(i),
		            slice.begin() + static_cast<ptrdiff_t>(std::min(i + RBUS_SLICE, slice.size()))});
}

static void renew(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);

	b->renew_timer = b->host->timer_add(b->core, renew_interval(b), renew, b);
	rbus_lease_ask(b, false);
	if (b->state == RBUS_UP)
		refresh(b);
}

/* Redis may stand still, or a connection may be dead, without any error: only what comes back is a
 * proof. */
static void heartbeat(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);
	struct rbus_command command;
	std::string message = b->head;

	b->heartbeat_timer = b->host->timer_add(b->core, b->conf->watchdog / 3, heartbeat, b);
	if (rbus_now() - b->echo > b->conf->watchdog) {
		rbus_drop(b, "Redis is silent");
		return;
	}
	rbus_wire_add(&message, RBUS_HEARTBEAT, {});
	rbus_command_add(&command, "PUBLISH");
	rbus_command_add(&command, b->inbox_prefix + b->own);
	rbus_command_add(&command, message);
	rbus_ask(b, &command, {RBUS_ASKED_PLAIN});
}

void rbus_lease_start(struct rbus *b)
{
	b->echo = rbus_now();
	b->heartbeat_timer = b->host->timer_add(b->core, b->conf->watchdog / 3, heartbeat, b);
	b->renew_timer = b->host->timer_add(b->core, renew_interval(b), renew, b);
}
