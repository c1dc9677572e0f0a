/* SPDX-License-Identifier: MIT
 * The traffic of the bus: commands and their answers, sending, receiving. */
#include "bus_redis.h"

#include <algorithm>
#include <cstring>
#include <utility>

/* ---- commands that wait for an answer */

/* The first words of errors that end the epoch. Up to Redis 6, an error inside a script has a minus sign before it. */
static constexpr std::string_view rbus_fatal_words[] = {
	"NOSCRIPT", "READONLY", "LOADING",     "MASTERDOWN", "OOM", "NOAUTH",   "WRONGPASS",  "NOPERM",
	"MISCONF",  "BUSY",     "CLUSTERDOWN", "MOVED",      "ASK", "TRYAGAIN", "NOREPLICAS", "UNKILLABLE",
};
/* The texts for a script without permission: in Redis 6 and 7.0, and in 7.2. */
static constexpr std::string_view rbus_no_permission[] = {"The user executing the script can't",
                                                          "ACL failure in script"};
static constexpr int64_t rbus_error_interval = 60000;

bool rbus_is_fatal(std::string_view error)
{
	return std::any_of(std::begin(rbus_fatal_words), std::end(rbus_fatal_words),
	                   [error](std::string_view word) {
				   return error.starts_with(word) || error.find("-" + std::string(word)) != error.npos;
			   }) ||
	       std::any_of(std::begin(rbus_no_permission), std::end(rbus_no_permission),
	                   [error](std::string_view words) { return error.find(words) != error.npos; });
}

void rbus_tell_error(struct rbus *b, const char *request, const redisReply *reply)
{
	const int64_t now = rbus_now();

	if (b->told_error && now - b->told_error < rbus_error_interval)
		return;
	b->told_error = now;
	b->host->log(b->core, CS_LOG_WARNING,
	             "Redis refused a request, further ones are not logged for a minute request=\"%s\" "
	             "reason=\"%s\"",
	             request, reply->type == REDIS_REPLY_ERROR ? reply->str : "no such answer");
}

static size_t rbus_share_size(const rbus_conf *conf, enum rbus_share share)
{
	return static_cast<size_t>(conf->queue) / 8 * share;
}

bool rbus_has_room(const struct rbus *b, size_t bytes, enum rbus_share share)
{
	return b->waiting + bytes <= rbus_share_size(b->conf, share);
}

size_t rbus_longest(const void *conf)
{
	return rbus_share_size(static_cast<const rbus_conf *>(conf), RBUS_SHARE_CASUAL);
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

static void rbus_handshake_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	if (request->kind == RBUS_ASKED_SCRIPT)
		b->digests[static_cast<size_t>(request->script)].assign(reply->str, reply->len);
	rbus_handshake_step(b);
}

static bool rbus_is_part_of_beginning(enum rbus_request_kind kind)
{
	return kind <= RBUS_ASKED_AGAIN || kind == RBUS_ASKED_RENEW;
}

static void rbus_answer(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	switch (request->kind) {
	case RBUS_ASKED_HANDSHAKE:
	case RBUS_ASKED_SCRIPT: rbus_handshake_answered(b, request, reply); break;
	case RBUS_ASKED_REGISTER: rbus_epoch_registered(b, reply); break;
	case RBUS_ASKED_AGAIN: rbus_epoch_again(b, request, reply); break;
	case RBUS_ASKED_RENEW: rbus_lease_renewed(b, reply); break;
	case RBUS_ASKED_CLAIM: rbus_claimed(b, request, reply); break;
	case RBUS_ASKED_PRESENCE: rbus_presence_answered(b, request, reply); break;
	case RBUS_ASKED_SEND: rbus_outbox_answered(b, request, reply); break;
	case RBUS_ASKED_GOODBYE: rbus_left(b); break;
	case RBUS_ASKED_PLAIN:
		if (reply->type == REDIS_REPLY_ERROR)
			rbus_tell_error(b, "the end of a session, the heartbeat, or an announcement", reply);
		break;
	}
}

/* A null reply means that the connection has ended; rbus_drop has ended the requests already. */
static void rbus_replied(redisAsyncContext *context, void *data, void *)
{
	auto *link = static_cast<struct rbus_link *>(context->ev.data);
	struct rbus *b = link->bus;
	const auto *reply = static_cast<const redisReply *>(data);

	if (!reply || link->closing || b->requests.empty())
		return;
	if (reply->type == REDIS_REPLY_ERROR &&
	    (rbus_is_part_of_beginning(b->requests.front().kind) || rbus_is_fatal(reply->str))) {
		rbus_drop_refused(b, reply->str);
		return;
	}
	const struct rbus_request request = std::move(b->requests.front());

	b->requests.pop_front();
	b->waiting -= request.bytes;
	rbus_answer(b, &request, reply);
	rbus_outbox_make_good(b);
}

void rbus_ask(struct rbus *b, const struct rbus_command *command, struct rbus_request &&request)
{
	const std::string text = rbus_command_text(command);

	/* The command before this one may have exceeded the limit and dropped the bus. */
	if (b->state == RBUS_AWAY || b->state == RBUS_GONE) {
		rbus_request_abandon(b, &request);
		return;
	}
	request.bytes = text.size();
	b->requests.push_back(std::move(request));
	if (!rbus_count_waiting(b, text.size()))
		return;
	if (redisAsyncFormattedCommand(b->command.context, rbus_replied, nullptr, text.data(), text.size()) != REDIS_OK)
		rbus_drop(b, "the connection takes no more commands");
}

/* ---- sending. Messages are collected into chunks; each chunk is one script call. Only a few calls are under way at a
 * time, so chunks get larger when there is more to send */

static constexpr size_t rbus_messages = 64, rbus_bytes = 256 * 1024; /* of a chunk; a long script blocks Redis */
static constexpr unsigned rbus_under_way = 4;

static size_t rbus_chunk_size(const struct rbus_chunk *chunk)
{
	return chunk->keys.size() + chunk->arguments.size();
}

static void rbus_add_argument(std::string *bytes, std::string_view argument)
{
	bytes->append("$").append(std::to_string(argument.size())).append("\r\n").append(argument).append("\r\n");
}

static struct rbus_chunk *rbus_open_chunk(struct rbus *b, size_t size)
{
	if (b->outbox.empty() || b->outbox.back().messages == rbus_messages ||
	    rbus_chunk_size(&b->outbox.back()) + size > rbus_bytes)
		b->outbox.emplace_back();
	return &b->outbox.back();
}

/* target as in the script: an empty text for the sessions of key, "#" and a device for one of them, "*" for all, or an
 * address. */
static void rbus_put(struct rbus *b, std::string_view target, std::string_view key, std::string_view piece)
{
	struct rbus_chunk *chunk = rbus_open_chunk(b, piece.size());
	const size_t before = rbus_chunk_size(chunk);

	if (!key.empty()) {
		rbus_add_argument(&chunk->keys, key);
		chunk->key_count++;
	}
	rbus_add_argument(&chunk->arguments, target);
	rbus_add_argument(&chunk->arguments, piece);
	chunk->messages++;
	(void)rbus_count_waiting(b, rbus_chunk_size(chunk) - before);
}

void rbus_outbox_tell_full(struct rbus *b)
{
	if (!b->told_full)
		b->host->log(b->core, CS_LOG_WARNING,
		             "too much waits for Redis: what other nodes are sent is dropped, questions are refused; "
		             "further times are not logged");
	b->told_full = true;
}

/* Drops a piece. If it was no casual one, the other nodes are told to read the store as soon as there is room again. */
static void rbus_outbox_drop(struct rbus *b, unsigned flags)
{
	b->host->dropped(b->core, 1);
	if (b->state != RBUS_UP)
		return; /* the next epoch tells them anyway */
	rbus_outbox_tell_full(b);
	if (!(flags & CS_ROUTE_CASUAL))
		b->dropping = true;
}

void rbus_outbox_make_good(struct rbus *b)
{
	if (!b->dropping || b->state != RBUS_UP || b->waiting > static_cast<size_t>(b->conf->queue) / 4)
		return;
	b->dropping = false;
	rbus_outbox_announce(b, RBUS_RESYNC);
}

void rbus_missed(void *bus)
{
	auto *b = static_cast<struct rbus *>(bus);

	/* The next epoch tells them anyway. */
	if (b->state != RBUS_UP)
		return;
	b->dropping = true;
	rbus_outbox_make_good(b);
}

static bool rbus_may_send(const struct rbus *b, size_t size, unsigned flags)
{
	return b->state == RBUS_UP &&
	       rbus_has_room(b, size, flags & CS_ROUTE_CASUAL ? RBUS_SHARE_CASUAL : RBUS_SHARE_HINTS);
}

void rbus_send(void *bus, cs_account to, uint64_t device, const void *piece, size_t size, unsigned flags)
{
	auto *b = static_cast<struct rbus *>(bus);
	const std::string target = device == CS_EVERY_DEVICE ? std::string() : "#" + std::to_string(device);

	if (rbus_may_send(b, size, flags))
		rbus_put(b, target, rbus_session_key(b, to), {static_cast<const char *>(piece), size});
	else
		rbus_outbox_drop(b, flags);
}

void rbus_send_to(void *bus, cs_bus_address to, const void *piece, size_t size)
{
	auto *b = static_cast<struct rbus *>(bus);

	if (b->state == RBUS_UP && rbus_has_room(b, size, RBUS_SHARE_ANSWERS))
		rbus_put(b, rbus_hex(to), {}, {static_cast<const char *>(piece), size});
	else
		rbus_outbox_drop(b, CS_ROUTE_CASUAL);
}

void rbus_send_all(void *bus, const void *piece, size_t size, unsigned flags)
{
	auto *b = static_cast<struct rbus *>(bus);

	if (rbus_may_send(b, size, flags))
		rbus_put(b, "*", {}, {static_cast<const char *>(piece), size});
	else
		rbus_outbox_drop(b, flags);
}

void rbus_outbox_announce(struct rbus *b, enum rbus_kind kind)
{
	rbus_put(b, "*", {}, rbus_message_piece(kind));
	rbus_flush(b);
}

/* ---- leaving */

static void rbus_ask_send(struct rbus *b, struct rbus_chunk &&chunk)
{
	struct rbus_command command = rbus_call(b, RBUS_SEND, 1 + chunk.key_count);
	struct rbus_request request = {RBUS_ASKED_SEND};

	command.bytes.reserve(command.bytes.size() + rbus_chunk_size(&chunk) + 256);
	rbus_command_add(&command, b->nodes_key);
	command.bytes += chunk.keys;
	rbus_command_add(&command, b->own);
	rbus_command_add(&command, b->inbox_prefix);
	rbus_command_add(&command, b->all_channel);
	rbus_command_add(&command, b->head);
	command.bytes += chunk.arguments;
	command.count += chunk.key_count + 2 * chunk.messages;
	request.count = chunk.messages;
	b->waiting -= rbus_chunk_size(&chunk);
	b->sending++;
	rbus_ask(b, &command, std::move(request));
}

void rbus_outbox_pump(struct rbus *b, bool all)
{
	while (!b->outbox.empty() && (all || b->sending < rbus_under_way)) {
		struct rbus_chunk chunk = std::move(b->outbox.front());

		b->outbox.pop_front();
		rbus_ask_send(b, std::move(chunk));
	}
}

void rbus_flush(void *bus)
{
	auto *b = static_cast<struct rbus *>(bus);

	if (b->state == RBUS_UP)
		rbus_outbox_pump(b, false);
	rbus_link_flush(&b->command);
}

/* Redis refused the script, so it may refuse it for the announcement, too: this is a command of its own, and nothing is
 * told again if that fails as well. */
static void rbus_outbox_failed(struct rbus *b)
{
	struct rbus_command command;

	rbus_command_add(&command, "PUBLISH");
	rbus_command_add(&command, b->all_channel);
	rbus_command_add(&command, b->head + rbus_message_piece(RBUS_RESYNC));
	rbus_ask(b, &command, {RBUS_ASKED_PLAIN});
}

/* Without a reply, or after an error, the pieces count as dropped, although Redis may have sent them. */
void rbus_outbox_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	const bool failed = reply && reply->type != REDIS_REPLY_INTEGER;

	if (!reply || failed)
		b->host->dropped(b->core, request->count);
	if (reply && b->sending > 0)
		b->sending--;
	if (failed) {
		rbus_tell_error(b, "send", reply);
		rbus_outbox_failed(b);
	}
	if (reply && b->state == RBUS_UP)
		rbus_outbox_pump(b, false);
}

void rbus_outbox_abandon(struct rbus *b)
{
	for (const rbus_chunk &chunk : std::exchange(b->outbox, {}))
		b->host->dropped(b->core, chunk.messages);
}

/* ---- receiving */

/* ms. Several reports within that time become one: every node announces itself when Redis is back. */
static constexpr int64_t rbus_missed_delay = 100;

void rbus_tell_degraded(struct rbus *b, bool degraded)
{
	if (b->told_degraded == degraded)
		return;
	b->told_degraded = degraded;
	b->host->changed(b->core, degraded ? CS_CLUSTER_DEGRADED : CS_CLUSTER_WHOLE);
}

static void rbus_tell_missed(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);

	b->missed_timer = nullptr;
	b->host->changed(b->core, CS_CLUSTER_MISSED);
}

/* Before the bus is up nothing is reported: the new epoch makes every session read the store anyway. */
void rbus_missed_soon(struct rbus *b)
{
	if (b->state == RBUS_UP && !b->missed_timer)
		b->missed_timer = b->host->timer_add(b->core, rbus_missed_delay, rbus_tell_missed, b);
}

static void rbus_log_garbage(struct rbus *b, const redisReply *channel, size_t size)
{
	if (b->told_garbage)
		return;
	b->told_garbage = true;
	b->host->log(b->core, CS_LOG_WARNING,
	             "dropped a message that no node of this version sends, further ones are not logged "
	             "channel=%.*s size=%zu",
	             static_cast<int>(channel->len), channel->str, size);
}

/* ---- pieces */

static int rbus_asked(struct rbus *b, cs_bus_address sender, const rbus_piece *piece)
{
	struct rbus_word word;

	if (rbus_message_parse_session(piece->body, &word))
		return CS_EINVAL;
	if (piece->kind == RBUS_CLOSE)
		rbus_session_close(b, {word.account, word.device}, word.conn);
	else
		rbus_session_probe(b, {word.account, word.device}, word.conn, sender);
	return 0;
}

static int rbus_told_alone(struct rbus *b, const rbus_piece *piece)
{
	struct rbus_word word;

	if (rbus_message_parse_alone(piece->body, &word))
		return CS_EINVAL;
	rbus_session_tell_alone(b, &word);
	return 0;
}

static int rbus_from_other(struct rbus *b, cs_bus_address sender, const rbus_piece *piece)
{
	switch (piece->kind) {
	case RBUS_CLOSE:
	case RBUS_PROBE: return rbus_asked(b, sender, piece);
	case RBUS_ALONE: return rbus_told_alone(b, piece);
	case RBUS_LAPSED:
		if (b->state == RBUS_UP)
			rbus_tell_degraded(b, true);
		[[fallthrough]];
	case RBUS_RESYNC: rbus_missed_soon(b); return 0;
	default:
		if (piece->kind == 0 || piece->kind >= CS_ENVELOPE_ADAPTER)
			return CS_EINVAL;
		b->host->arrived(b->core, piece->bytes.data(), piece->bytes.size());
		return 0;
	}
}

static bool rbus_is_listening(const struct rbus *b)
{
	return b->state == RBUS_RECLAIMING || b->state == RBUS_UP || b->state == RBUS_LEAVING;
}

/* The message may be this node's own: the heartbeat, or a message to all. A piece that makes no sense costs the
 * others of its message nothing. Nobody knows what a malformed message was to bring, so it counts as missed. */
static void rbus_take(struct rbus *b, const redisReply *channel, std::string_view message)
{
	std::vector<rbus_piece> pieces;
	cs_bus_address sender = 0;
	const int failed = rbus_message_parse(message, &sender, &pieces);
	bool odd = failed != 0;

	if (!failed && sender == b->address) {
		if (pieces.size() == 1 && pieces[0].kind == RBUS_HEARTBEAT) {
			b->echo = rbus_now();
			b->host->echoed(b->core, b->echo - b->beat);
		}
		return;
	}
	if (failed)
		rbus_missed_soon(b);
	for (size_t i = 0; !failed && i < pieces.size() && rbus_is_listening(b); i++)
		odd = rbus_from_other(b, sender, &pieces[i]) != 0 || odd;
	if (odd)
		rbus_log_garbage(b, channel, message.size());
}

/* ---- messages from hiredis */

static bool rbus_is_kind(const redisReply *element, const char *kind)
{
	return element->type == REDIS_REPLY_STRING && strcmp(element->str, kind) == 0;
}

static void rbus_received(redisAsyncContext *context, void *data, void *)
{
	const auto *link = static_cast<const struct rbus_link *>(context->ev.data);
	const auto *reply = static_cast<const redisReply *>(data);

	if (!reply || link->closing || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3)
		return;
	if (rbus_is_kind(reply->element[0], "subscribe"))
		rbus_handshake_step(link->bus);
	else if (rbus_is_kind(reply->element[0], "message") && reply->element[2]->type == REDIS_REPLY_STRING)
		rbus_take(link->bus, reply->element[1], {reply->element[2]->str, reply->element[2]->len});
}

void rbus_inbox_subscribe(struct rbus *b)
{
	struct rbus_command command;

	rbus_command_add(&command, "SUBSCRIBE");
	rbus_command_add(&command, b->inbox_prefix + b->own);
	rbus_command_add(&command, b->all_channel);
	const std::string text = rbus_command_text(&command);

	if (redisAsyncFormattedCommand(b->inbox.context, rbus_received, nullptr, text.data(), text.size()) != REDIS_OK)
		rbus_drop(b, "the connection takes no more commands");
}
