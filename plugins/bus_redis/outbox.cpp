/* SPDX-License-Identifier: MIT
 * Owns what is sent: it is gathered into chunks, one script call each, of which a few are under way at a
 * time. So the more there is to send, the fuller the calls are. It must not know what the data is. */
#include "bus_redis.h"

#include <utility>

static constexpr size_t MESSAGES = 64, BYTES = 256 * 1024; /* of a chunk; Redis does nothing else meanwhile */
static constexpr unsigned UNDER_WAY = 4;

static size_t chunk_size(const struct rbus_chunk *chunk)
{
	return chunk->keys.size() + chunk->arguments.size();
}

static void add_argument(std::string *bytes, std::string_view argument)
{
	bytes->append("$")
		.append(std::to_string(argument.size()))
		.append("\r\n")
		.append(argument)
		.append("\r\n");
}

static void add_frame(std::string *bytes, enum rbus_frame_type type, std::string_view body)
{
	bytes->append("$").append(std::to_string(RBUS_FRAME_HEAD + body.size())).append("\r\n");
	rbus_wire_add(bytes, type, body);
	bytes->append("\r\n");
}

static struct rbus_chunk *open_chunk(struct rbus *b, size_t size)
{
	if (b->outbox.empty() || b->outbox.back().messages == MESSAGES ||
	    chunk_size(&b->outbox.back()) + size > BYTES)
		b->outbox.emplace_back();
	return &b->outbox.back();
}

/* target as in the script: '' for the session key, '*', or an address. */
static void put(struct rbus *b, std::string_view target, std::string_view key, enum rbus_frame_type type,
                std::string_view body, cs_bus_done_fn *done, void *arg)
{
	struct rbus_chunk *chunk = open_chunk(b, body.size());
	const size_t before = chunk_size(chunk);

	if (!key.empty()) {
		add_argument(&chunk->keys, key);
		chunk->key_count++;
	}
	add_argument(&chunk->arguments, target);
	add_frame(&chunk->arguments, type, body);
	chunk->messages++;
	if (done)
		chunk->sent.push_back({chunk->messages, done, arg});
	(void)rbus_count_waiting(b, chunk_size(chunk) - before);
}

void rbus_outbox_tell_full(struct rbus *b)
{
	if (!b->told_full)
		b->host->log(b->core, CS_LOG_WARNING,
		             "too much waits for Redis: what other nodes are sent is dropped or refused, "
		             "they look "
		             "at the store instead; further times are not logged");
	b->told_full = true;
}

/* Of no use to anybody any more: the others look at the store once there is room again. */
static void drop(struct rbus *b)
{
	b->host->dropped(b->core, 1);
	if (b->state != RBUS_UP)
		return; /* the next epoch begins with that */
	rbus_outbox_tell_full(b);
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

	/* The next epoch begins with it. */
	if (b->state != RBUS_UP)
		return;
	b->dropping = true;
	rbus_outbox_make_good(b);
}

static void refuse(struct rbus *b, cs_bus_done_fn *done, void *arg)
{
	b->host->refused(b->core, 1);
	if (b->state == RBUS_UP)
		rbus_outbox_tell_full(b);
	done(arg, CS_ENOENT);
}

void rbus_send(void *bus, cs_account to, const void *data, size_t size, cs_bus_done_fn *done, void *arg)
{
	auto *b = static_cast<struct rbus *>(bus);

	if (b->state == RBUS_UP && rbus_has_room(b, size, done ? RBUS_SHARE_TOLD : RBUS_SHARE_HINTS))
		put(b, {}, rbus_session_key(b, to), RBUS_DATA, {static_cast<const char *>(data), size}, done,
		    arg);
	else if (done)
		refuse(b, done, arg);
	else
		drop(b);
}

void rbus_send_to(void *bus, cs_bus_address to, const void *data, size_t size)
{
	auto *b = static_cast<struct rbus *>(bus);

	if (b->state == RBUS_UP && rbus_has_room(b, size, RBUS_SHARE_ANSWERS)) {
		put(b, rbus_hex(to), {}, RBUS_DATA, {static_cast<const char *>(data), size}, nullptr,
		    nullptr);
		return;
	}
	b->host->dropped(b->core, 1);
	if (b->state == RBUS_UP)
		rbus_outbox_tell_full(b);
}

void rbus_send_all(void *bus, const void *data, size_t size)
{
	auto *b = static_cast<struct rbus *>(bus);

	if (b->state != RBUS_UP || !rbus_has_room(b, size, RBUS_SHARE_HINTS))
		drop(b);
	else
		put(b, "*", {}, RBUS_DATA, {static_cast<const char *>(data), size}, nullptr, nullptr);
}

void rbus_outbox_announce(struct rbus *b, enum rbus_frame_type type)
{
	put(b, "*", {}, type, {}, nullptr, nullptr);
	rbus_flush(b);
}

/* ---- leaving */

static void ask_send(struct rbus *b, struct rbus_chunk &&chunk)
{
	struct rbus_command command = rbus_call(b, RBUS_SEND, 1 + chunk.key_count);
	struct rbus_request request = {RBUS_ASKED_SEND};

	command.bytes.reserve(command.bytes.size() + chunk_size(&chunk) + 256);
	rbus_command_add(&command, b->nodes_key);
	command.bytes += chunk.keys;
	rbus_command_add(&command, b->own);
	rbus_command_add(&command, b->inbox_prefix);
	rbus_command_add(&command, b->all_channel);
	rbus_command_add(&command, b->head);
	command.bytes += chunk.arguments;
	command.count += chunk.key_count + 2 * chunk.messages;
	request.count = chunk.messages;
	request.sent = std::move(chunk.sent);
	b->waiting -= chunk_size(&chunk);
	b->sending++;
	rbus_ask(b, &command, std::move(request));
}

void rbus_outbox_pump(struct rbus *b, bool all)
{
	while (!b->outbox.empty() && (all || b->sending < UNDER_WAY)) {
		struct rbus_chunk chunk = std::move(b->outbox.front());

		b->outbox.pop_front();
		ask_send(b, std::move(chunk));
	}
}

void rbus_flush(void *bus)
{
	auto *b = static_cast<struct rbus *>(bus);

	if (b->state == RBUS_UP)
		rbus_outbox_pump(b, false);
	rbus_link_flush(&b->command);
}

/* No reply, or none that makes sense: nobody can say where anything went. */
static std::vector<bool> read_nowhere(const struct rbus_request *request, const redisReply *reply)
{
	const bool good = reply && reply->type == REDIS_REPLY_ARRAY;
	std::vector<bool> nowhere(request->count + 1, !good);

	for (size_t i = 0; good && i < reply->elements; i++) {
		const long long place = reply->element[i]->integer;

		if (place >= 1 && static_cast<size_t>(place) <= request->count)
			nowhere[static_cast<size_t>(place)] = true;
	}
	return nowhere;
}

/* They may have gone out all the same. */
static void count_lost(const struct rbus *b, size_t messages, size_t told)
{
	b->host->dropped(b->core, messages - told);
	b->host->refused(b->core, told);
}

void rbus_outbox_answered(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	if (!reply)
		count_lost(b, request->count, request->sent.size());
	else if (b->sending > 0)
		b->sending--;
	if (reply && reply->type != REDIS_REPLY_ARRAY)
		rbus_tell_error(b, "send", reply);
	if (!request->sent.empty()) {
		const std::vector<bool> nowhere = read_nowhere(request, reply);

		for (const rbus_sent &sent : request->sent)
			sent.done(sent.arg, nowhere[sent.index] ? CS_ENOENT : 0);
	}
	if (reply && b->state == RBUS_UP)
		rbus_outbox_pump(b, false);
}

void rbus_outbox_abandon(struct rbus *b)
{
	const std::deque<rbus_chunk> outbox = std::exchange(b->outbox, {});

	for (const rbus_chunk &chunk : outbox) {
		count_lost(b, chunk.messages, chunk.sent.size());
		for (const rbus_sent &sent : chunk.sent)
			sent.done(sent.arg, CS_ENOENT);
	}
}
