/* SPDX-License-Identifier: MIT
 * Owns commands whose answer is due: sending them, matching answers to them, and ending them when none
 * will come. It must not know what a command does. */
#include "bus_redis.h"

#include <algorithm>
#include <utility>

/* The first word of an error. Up to Redis 6 an error inside a script has it behind a minus sign. */
static constexpr std::string_view fatal_words[] = {
	"NOSCRIPT", "READONLY", "LOADING",     "MASTERDOWN", "OOM", "NOAUTH",   "WRONGPASS",  "NOPERM",
	"MISCONF",  "BUSY",     "CLUSTERDOWN", "MOVED",      "ASK", "TRYAGAIN", "NOREPLICAS", "UNKILLABLE",
};
/* What a script may not do, in the words of Redis 6 and 7.0, and of 7.2. */
static constexpr std::string_view no_permission[] = {"The user executing the script can't",
                                                     "ACL failure in script"};
static constexpr int64_t ERROR_INTERVAL = 60000;

bool rbus_is_fatal(std::string_view error)
{
	return std::any_of(std::begin(fatal_words), std::end(fatal_words),
	                   [error](std::string_view word) {
				   return error.starts_with(word) ||
		                          error.find("-" + std::string(word)) != error.npos;
			   }) ||
	       std::any_of(std::begin(no_permission), std::end(no_permission),
	                   [error](std::string_view words) { return error.find(words) != error.npos; });
}

void rbus_tell_error(struct rbus *b, const char *request, const redisReply *reply)
{
	const int64_t now = rbus_now();

	if (b->told_error && now - b->told_error < ERROR_INTERVAL)
		return;
	b->told_error = now;
	b->host->log(b->core, CS_LOG_WARNING,
	             "Redis refused a request, further ones are not logged for a minute request=\"%s\" "
	             "reason=\"%s\"",
	             request, reply->type == REDIS_REPLY_ERROR ? reply->str : "no such answer");
}

bool rbus_has_room(const struct rbus *b, size_t bytes, enum rbus_share share)
{
	return b->waiting + bytes <= static_cast<size_t>(b->conf->queue) / 8 * share;
}

bool rbus_count_waiting(struct rbus *b, size_t bytes)
{
	b->waiting += bytes;
	if (b->waiting <= static_cast<size_t>(b->conf->queue) || b->state != RBUS_UP)
		return true;
	rbus_drop(b, "more waits for Redis than the option queue allows");
	return false;
}

struct rbus_command rbus_call(const struct rbus *b, enum rbus_script script, size_t keys)
{
	struct rbus_command command;

	rbus_command_add(&command, "EVALSHA");
	rbus_command_add(&command, b->digests[script]);
	rbus_command_add_number(&command, keys);
	return command;
}

void rbus_request_abandon(struct rbus *b, struct rbus_request *request)
{
	switch (request->kind) {
	case RBUS_ASKED_CLAIM: rbus_claimed(b, request, nullptr); break;
	case RBUS_ASKED_PRESENCE: rbus_presence_abandoned(request); break;
	case RBUS_ASKED_SEND: rbus_outbox_answered(b, request, nullptr); break;
	default: break;
	}
}

/* ---- answers */

static void handshake_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	if (request->kind == RBUS_ASKED_SCRIPT)
		b->digests[static_cast<size_t>(request->script)].assign(reply->str, reply->len);
	rbus_handshake_step(b);
}

static bool is_part_of_beginning(enum rbus_request_kind kind)
{
	return kind <= RBUS_ASKED_AGAIN || kind == RBUS_ASKED_RENEW;
}

static void answer(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	switch (request->kind) {
	case RBUS_ASKED_HANDSHAKE:
	case RBUS_ASKED_SCRIPT: handshake_answered(b, request, reply); break;
	case RBUS_ASKED_REGISTER: rbus_epoch_registered(b, reply); break;
	case RBUS_ASKED_AGAIN: rbus_epoch_again(b, request, reply); break;
	case RBUS_ASKED_RENEW: rbus_lease_renewed(b, reply); break;
	case RBUS_ASKED_CLAIM: rbus_claimed(b, request, reply); break;
	case RBUS_ASKED_PRESENCE: rbus_presence_answered(b, request, reply); break;
	case RBUS_ASKED_SEND: rbus_outbox_answered(b, request, reply); break;
	case RBUS_ASKED_GOODBYE: rbus_left(b); break;
	case RBUS_ASKED_PLAIN:
		if (reply->type == REDIS_REPLY_ERROR)
			rbus_tell_error(b, "the end of a session, or the heartbeat", reply);
		break;
	}
}

/* Replies of null come when the connection ends; rbus_drop has dealt with their requests. */
static void replied(redisAsyncContext *context, void *data, void *)
{
	auto *link = static_cast<struct rbus_link *>(context->ev.data);
	struct rbus *b = link->bus;
	const auto *reply = static_cast<const redisReply *>(data);

	if (!reply || link->closing || b->requests.empty())
		return;
	if (reply->type == REDIS_REPLY_ERROR &&
	    (is_part_of_beginning(b->requests.front().kind) || rbus_is_fatal(reply->str))) {
		rbus_drop_refused(b, reply->str);
		return;
	}
	const struct rbus_request request = std::move(b->requests.front());

	b->requests.pop_front();
	b->waiting -= request.bytes;
	answer(b, &request, reply);
	rbus_outbox_make_good(b);
}

void rbus_ask(struct rbus *b, const struct rbus_command *command, struct rbus_request &&request)
{
	const std::string text = rbus_command_text(command);

	/* What was sent just before may have been too much. */
	if (b->state == RBUS_AWAY || b->state == RBUS_GONE) {
		rbus_request_abandon(b, &request);
		return;
	}
	request.bytes = text.size();
	b->requests.push_back(std::move(request));
	if (!rbus_count_waiting(b, text.size()))
		return;
	if (redisAsyncFormattedCommand(b->command.context, replied, nullptr, text.data(), text.size()) !=
	    REDIS_OK)
		rbus_drop(b, "the connection takes no more commands");
}
