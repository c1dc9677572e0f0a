/* SPDX-License-Identifier: MIT
 * Owns what other nodes send: subscribing, taking messages apart, and what of it the server hears. It
 * must not know how anything is sent. */
#include "bus_redis.h"

#include <cstring>

/* One report for what comes at once: every node announces itself when Redis is back. */
static constexpr int64_t MISSED_DELAY = 100;

void rbus_tell_degraded(struct rbus *b, bool degraded)
{
	if (b->told_degraded == degraded)
		return;
	b->told_degraded = degraded;
	b->host->changed(b->core, degraded ? CS_CLUSTER_DEGRADED : CS_CLUSTER_WHOLE);
}

static void tell_missed(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);

	b->missed_timer = nullptr;
	b->host->changed(b->core, CS_CLUSTER_MISSED);
}

/* Before the bus is up there is no need: the epoch looks for everything. */
void rbus_missed_soon(struct rbus *b)
{
	if (b->state == RBUS_UP && !b->missed_timer)
		b->missed_timer = b->host->timer_add(b->core, MISSED_DELAY, tell_missed, b);
}

static void log_garbage(struct rbus *b, const redisReply *channel, size_t size)
{
	if (b->told_garbage)
		return;
	b->told_garbage = true;
	b->host->log(b->core, CS_LOG_WARNING,
	             "dropped a message that no node of this version sends, further ones are not logged "
	             "channel=%.*s size=%zu",
	             static_cast<int>(channel->len), channel->str, size);
}

/* ---- frames */

static int asked(struct rbus *b, cs_bus_address sender, const rbus_frame *frame)
{
	cs_account account;
	cs_conn conn;

	if (rbus_wire_parse_session(frame->body, &account, &conn))
		return CS_EINVAL;
	if (frame->type == RBUS_CLOSE)
		rbus_session_close(b, account, conn);
	else
		rbus_session_probe(b, account, conn, sender);
	return 0;
}

static int from_other(struct rbus *b, cs_bus_address sender, const rbus_frame *frame)
{
	switch (frame->type) {
	case RBUS_DATA: b->host->arrived(b->core, frame->body.data(), frame->body.size()); return 0;
	case RBUS_CLOSE:
	case RBUS_PROBE: return asked(b, sender, frame);
	case RBUS_LAPSED:
		if (b->state == RBUS_UP)
			rbus_tell_degraded(b, true);
		[[fallthrough]];
	case RBUS_RESYNC: rbus_missed_soon(b); return 0;
	default: return CS_EINVAL;
	}
}

static bool is_listening(const struct rbus *b)
{
	return b->state == RBUS_SETTLING || b->state == RBUS_UP || b->state == RBUS_LEAVING;
}

/* Our own: the heartbeat, and what we sent to all. */
static void take(struct rbus *b, const redisReply *channel, std::string_view message)
{
	std::vector<rbus_frame> frames;
	cs_bus_address sender = 0;
	int result = rbus_wire_parse(message, &sender, &frames);

	if (!result && sender == b->address) {
		if (frames.size() == 1 && frames[0].type == RBUS_HEARTBEAT)
			b->echo = rbus_now();
		return;
	}
	for (size_t i = 0; !result && i < frames.size() && is_listening(b); i++)
		result = from_other(b, sender, &frames[i]);
	if (result)
		log_garbage(b, channel, message.size());
}

/* ---- what hiredis hands over */

static bool is_kind(const redisReply *element, const char *kind)
{
	return element->type == REDIS_REPLY_STRING && strcmp(element->str, kind) == 0;
}

static void received(redisAsyncContext *context, void *data, void *)
{
	const auto *link = static_cast<const struct rbus_link *>(context->ev.data);
	const auto *reply = static_cast<const redisReply *>(data);

	if (!reply || link->closing || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return;
	if (is_kind(reply->element[0], "subscribe"))
		rbus_handshake_step(link->bus);
	else if (is_kind(reply->element[0], "message") && reply->element[2]->type == REDIS_REPLY_STRING)
		take(link->bus, reply->element[1], {reply->element[2]->str, reply->element[2]->len});
}

void rbus_inbox_subscribe(struct rbus *b)
{
	struct rbus_command command;

	rbus_command_add(&command, "SUBSCRIBE");
	rbus_command_add(&command, b->inbox_prefix + b->own);
	rbus_command_add(&command, b->all_channel);
	const std::string text = rbus_command_text(&command);

	if (redisAsyncFormattedCommand(b->inbox.context, received, nullptr, text.data(), text.size()) !=
	    REDIS_OK)
		rbus_drop(b, "the connection takes no more commands");
}
