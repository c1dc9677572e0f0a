/* SPDX-License-Identifier: MIT
 * The state machine of the bus: connecting, the epoch, the lease, losing the connection and trying again.
 *
 * There is only one way down, rbus_drop, and only one way up, the connect timer. So nothing is started twice, whichever
 * part ends first and whatever hiredis calls meanwhile. */
#include "bus_redis.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <utility>

#include <sys/random.h>

static constexpr int64_t rbus_shortest_pause = 50, rbus_longest_pause = 2000;
/* ms. After a shorter connection the pause before the next try is not made short again, because every epoch makes all
 * nodes read the store. */
static constexpr int64_t rbus_stable = 10000;

int64_t rbus_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static uint64_t rbus_random_number(void)
{
	uint64_t number = 0;

	/* For up to 256 bytes getrandom is neither interrupted nor short. */
	(void)!getrandom(&number, sizeof(number), 0);
	return number;
}

std::string rbus_hex(cs_bus_address address)
{
	char text[17];

	snprintf(text, sizeof(text), "%012llx", static_cast<unsigned long long>(address));
	return text;
}

void rbus_timer_stop(struct rbus *b, struct cs_bus_timer **timer)
{
	if (*timer)
		b->host->timer_del(std::exchange(*timer, nullptr));
}

/* ---- up */

static void rbus_handshake_late(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);

	b->handshake_timer = nullptr;
	rbus_drop(b, "connecting takes too long");
}

static void rbus_ask_handshake(struct rbus *b, const struct rbus_command *command, enum rbus_request_kind kind,
                               int script)
{
	struct rbus_request request = {kind};

	request.script = script;
	b->due++;
	rbus_ask(b, command, std::move(request));
}

static void rbus_authenticate(struct rbus *b, struct rbus_command *command)
{
	rbus_command_add(command, "AUTH");
	if (*b->conf->user)
		rbus_command_add(command, b->conf->user);
	rbus_command_add(command, b->conf->password);
}

/* Sends all commands of the handshake at once and counts the answers. */
static void rbus_begin_handshake(struct rbus *b)
{
	if (*b->conf->password) {
		struct rbus_command command;

		rbus_authenticate(b, &command);
		rbus_ask_handshake(b, &command, RBUS_ASKED_HANDSHAKE, 0);
	}
	if (b->conf->database) {
		struct rbus_command command;

		rbus_command_add(&command, "SELECT");
		rbus_command_add_number(&command, static_cast<uint64_t>(b->conf->database));
		rbus_ask_handshake(b, &command, RBUS_ASKED_HANDSHAKE, 0);
	}
	for (int script = 0; script < RBUS_SCRIPTS; script++) {
		struct rbus_command command;

		rbus_command_add(&command, "SCRIPT");
		rbus_command_add(&command, "LOAD");
		rbus_command_add(&command, rbus_script_text(static_cast<enum rbus_script>(script)));
		rbus_ask_handshake(b, &command, RBUS_ASKED_SCRIPT, script);
	}
}

static void rbus_inbox_authenticated(redisAsyncContext *context, void *data, void *)
{
	const auto *link = static_cast<const struct rbus_link *>(context->ev.data);
	const auto *reply = static_cast<const redisReply *>(data);

	if (reply && !link->closing && reply->type == REDIS_REPLY_ERROR)
		rbus_drop_refused(link->bus, reply->str);
}

static void rbus_begin_inbox(struct rbus *b)
{
	if (*b->conf->password) {
		struct rbus_command command;

		rbus_authenticate(b, &command);
		const std::string text = rbus_command_text(&command);

		redisAsyncFormattedCommand(b->inbox.context, rbus_inbox_authenticated, nullptr, text.data(),
		                           text.size());
	}
	b->due += 2;
	rbus_inbox_subscribe(b);
}

void rbus_handshake_step(struct rbus *b)
{
	if (b->state == RBUS_CONNECTING && --b->due == 0)
		rbus_epoch_begin(b);
}

static void rbus_choose_address(struct rbus *b)
{
	do
		b->address = rbus_random_number() & CS_BUS_ADDRESS_MAX;
	while (b->address == 0);
	b->own = rbus_hex(b->address);
	b->head = rbus_message_head(b->address);
}

static void rbus_try_connect(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);

	b->connect_timer = nullptr;
	b->state = RBUS_CONNECTING;
	b->due = b->sending = b->reclaiming = 0;
	b->waiting = 0;
	rbus_choose_address(b);
	b->handshake_timer = b->host->timer_add(b->core, b->conf->connect_timeout, rbus_handshake_late, b);
	rbus_resolve(b);
}

void rbus_resolved(struct rbus *b, const char *address)
{
	std::string why;

	if (rbus_link_open(&b->command, b->conf, address, &why) || rbus_link_open(&b->inbox, b->conf, address, &why)) {
		rbus_drop(b, why.c_str());
		return;
	}
	rbus_begin_handshake(b);
	if (b->state == RBUS_CONNECTING)
		rbus_begin_inbox(b);
}

void rbus_connect_now(struct rbus *b)
{
	b->pause = rbus_shortest_pause;
	b->connect_timer = b->host->timer_add(b->core, 0, rbus_try_connect, b);
}

/* The pause is partly random, so that nodes that lost the bus together do not come back together. */
static void rbus_connect_later(struct rbus *b)
{
	const int64_t half = b->pause / 2;
	const auto more = static_cast<int64_t>(rbus_random_number() % static_cast<uint64_t>(half + 1));

	b->pause = std::min(2 * b->pause, rbus_longest_pause);
	b->connect_timer = b->host->timer_add(b->core, half + more, rbus_try_connect, b);
}

/* ---- down */

/* Logs one warning when the bus goes away, and one for each new reason that Redis gives. The other tries are logged at
 * debug level. */
static void rbus_log_away(struct rbus *b, bool news, const char *why)
{
	const rbus_conf *conf = b->conf;
	const enum cs_log_level level = news ? CS_LOG_WARNING : CS_LOG_DEBUG;

	if (*conf->socket)
		b->host->log(b->core, level, "the bus is away socket=%s reason=\"%s\"", conf->socket, why);
	else
		b->host->log(b->core, level, "the bus is away host=%s port=%d reason=\"%s\"", conf->host,
		             static_cast<int>(conf->port), why);
}

void rbus_timers_stop(struct rbus *b)
{
	rbus_timer_stop(b, &b->connect_timer);
	rbus_timer_stop(b, &b->lookup_timer);
	rbus_timer_stop(b, &b->handshake_timer);
	rbus_timer_stop(b, &b->heartbeat_timer);
	rbus_timer_stop(b, &b->renew_timer);
	rbus_timer_stop(b, &b->missed_timer);
}

/* Completions can make new requests. The state is RBUS_AWAY by now, so these are refused at once. */
static void rbus_abandon_all(struct rbus *b)
{
	std::deque<rbus_request> requests = std::exchange(b->requests, {});

	for (struct rbus_request &request : requests)
		rbus_request_abandon(b, &request);
	rbus_outbox_abandon(b);
}

/* Tells the server that the bus is away: each time when it was up before, and once if it was never up. */
static void rbus_tell_away(struct rbus *b, enum rbus_state was, bool refused, const char *why)
{
	const bool first = was == RBUS_UP || !b->told_away;

	/* Cut off the name of the script: each script gets the same refusal, which is to be logged once. */
	const std::string refusal = refused ? std::string(why).substr(0, std::string_view(why).find(" script: ")) : "";

	rbus_log_away(b, first || refusal != b->told_refusal, why);
	b->told_away = true;
	b->told_refusal = refusal;
	if (!first)
		return;
	b->host->address(b->core, 0);
	rbus_tell_degraded(b, true);
}

static void rbus_connect_drop(struct rbus *b, bool refused, const char *why)
{
	const enum rbus_state was = b->state;
	const std::string reason = why; /* a copy: the text may belong to a connection that is freed below */

	if (was == RBUS_AWAY || was == RBUS_GONE)
		return;
	b->state = RBUS_AWAY;
	b->unclaimed.clear();
	rbus_timers_stop(b);
	rbus_link_close(&b->command);
	rbus_link_close(&b->inbox);
	if (was == RBUS_UP && rbus_now() - b->up_since >= rbus_stable)
		b->pause = rbus_shortest_pause;
	if (was != RBUS_LEAVING)
		rbus_tell_away(b, was, refused, reason.c_str());
	rbus_abandon_all(b);
	if (was == RBUS_LEAVING)
		rbus_left(b);
	else
		rbus_connect_later(b);
}

void rbus_drop(struct rbus *b, const char *why)
{
	rbus_connect_drop(b, false, why);
}

void rbus_drop_refused(struct rbus *b, const char *why)
{
	rbus_connect_drop(b, true, why);
}

void rbus_link_ended(struct rbus_link *link, bool refused, const char *why)
{
	rbus_connect_drop(link->bus, refused, why);
}

/* ---- the epoch: registering, and claiming the sessions again */

static constexpr unsigned rbus_slices_under_way = 2; /* so that commands of other nodes can run between them */

void rbus_epoch_begin(struct rbus *b)
{
	rbus_lease_ask(b, true);
	b->previous = b->address;
}

/* ---- claiming again */

static void rbus_add_again(struct rbus_command *command, const rbus_held *held, const rbus_key &key)
{
	rbus_command_add_number(command, key.account);
	rbus_command_add_number(command, key.device);
	rbus_command_add_number(command, held->conn);
	rbus_command_add_number(command, held->generation);
	rbus_command_add(command, held->ending ? "E" : "L");
}

bool rbus_ask_again(struct rbus *b, std::vector<rbus_key> keys)
{
	struct rbus_request request = {RBUS_ASKED_AGAIN};

	std::erase_if(keys, [b](const rbus_key &key) { return !b->sessions.contains(key); });
	if (keys.empty())
		return false;
	struct rbus_command command = rbus_call(b, RBUS_AGAIN, 1 + keys.size());

	rbus_command_add(&command, b->nodes_key);
	for (const rbus_key &key : keys)
		rbus_command_add(&command, rbus_session_key(b, key.account));
	rbus_command_add(&command, b->own);
	rbus_command_add(&command, b->inbox_prefix);
	rbus_command_add(&command, b->head);
	for (const rbus_key &key : keys) {
		rbus_held *held = &b->sessions[key];

		held->told = false;
		rbus_add_again(&command, held, key);
		request.sessions.push_back({key.account, held->conn, held->generation, key.device});
	}
	rbus_ask(b, &command, std::move(request));
	return true;
}

/* Set the address first: the server needs it for what it does on the event. */
static void rbus_go_up(struct rbus *b)
{
	b->state = RBUS_UP;
	b->up_since = rbus_now();
	b->dropping = false;
	b->told_away = b->told_garbage = b->told_full = false;
	b->host->log(b->core, CS_LOG_INFO, "the bus is there address=%s sessions=%zu lapsed=%d", b->own.c_str(),
	             b->sessions.size(), static_cast<int>(b->lapsed));
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

static void rbus_reclaim(struct rbus *b)
{
	while (b->state == RBUS_RECLAIMING && b->reclaiming < rbus_slices_under_way && !b->unclaimed.empty()) {
		const size_t size = std::min(rbus_slice_size, b->unclaimed.size());
		std::vector<rbus_key> slice(b->unclaimed.end() - static_cast<ptrdiff_t>(size), b->unclaimed.end());

		b->unclaimed.resize(b->unclaimed.size() - size);
		b->reclaiming++;
		if (!rbus_ask_again(b, std::move(slice)))
			b->reclaiming--;
	}
	if (b->state == RBUS_RECLAIMING && b->reclaiming == 0 && b->unclaimed.empty())
		rbus_go_up(b);
}

enum rbus_again { RBUS_AGAIN_ALONE, RBUS_AGAIN_IN_COMPANY, RBUS_AGAIN_LOST };

/* What became of each session. */
static std::vector<rbus_again> rbus_read_again(const struct rbus_request *request, const redisReply *reply)
{
	std::vector<rbus_again> found(request->sessions.size(), RBUS_AGAIN_ALONE);

	for (size_t i = 0; i < reply->elements; i++) {
		const int64_t number = reply->element[i]->integer;
		const auto index = static_cast<size_t>(number < 0 ? -number : number);

		if (index >= 1 && index <= found.size())
			found[index - 1] = number < 0 ? RBUS_AGAIN_IN_COMPANY : RBUS_AGAIN_LOST;
	}
	return found;
}

static void rbus_take_again(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	const std::vector<rbus_again> found = rbus_read_again(request, reply);

	for (size_t i = 0; i < found.size(); i++) {
		const struct cs_bus_session *session = &request->sessions[i];

		if (found[i] == RBUS_AGAIN_LOST)
			rbus_session_close(b, {session->account, session->device}, session->conn);
		else
			rbus_session_answer_alone(b, session, found[i] == RBUS_AGAIN_ALONE);
	}
}

void rbus_epoch_again(struct rbus *b, const struct rbus_request *request, const redisReply *reply)
{
	if (reply->type == REDIS_REPLY_ARRAY)
		rbus_take_again(b, request, reply);
	if (b->state != RBUS_RECLAIMING)
		return;
	b->reclaiming--;
	rbus_reclaim(b);
}

void rbus_epoch_registered(struct rbus *b, const redisReply *reply)
{
	int64_t just = 0;

	if (!rbus_lease_read(b, reply, &just)) {
		rbus_drop(b, "Redis gave an answer that makes no sense");
		return;
	}
	rbus_timer_stop(b, &b->handshake_timer);
	b->state = RBUS_RECLAIMING;
	rbus_lease_start(b);
	for (const auto &[key, held] : b->sessions)
		b->unclaimed.push_back(key);
	rbus_reclaim(b);
}

/* ---- the lease: renewing it, refreshing the keys of the sessions, the heartbeat */

static constexpr int64_t rbus_memory = 6; /* how long a lapse is remembered, in lease times */
/* ms in which the keys of all sessions are refreshed once: a third of their lifetime (TTL in scripts.cpp) */
static constexpr int64_t rbus_round = 300000;

static int64_t rbus_renew_interval(const struct rbus *b)
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
	rbus_command_add_number(&command, static_cast<uint64_t>(b->conf->lease * rbus_memory));
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

/* Each renewal of the lease refreshes a part of the sessions. If the table grows meanwhile, some are left out; their
 * keys live for three rounds. */
static std::vector<rbus_key> rbus_next_slice(struct rbus *b)
{
	const size_t buckets = b->sessions.bucket_count();
	const auto steps = static_cast<size_t>(std::max<int64_t>(rbus_round / rbus_renew_interval(b), 1));
	const size_t end = std::min(buckets, b->refreshed + buckets / steps + 1);
	std::vector<rbus_key> slice;

	for (; b->refreshed < end; b->refreshed++)
		for (auto at = b->sessions.begin(b->refreshed); at != b->sessions.end(b->refreshed); ++at)
			if (!at->second.claiming)
				slice.push_back(at->first);
	if (b->refreshed >= buckets)
		b->refreshed = 0;
	return slice;
}

static void rbus_refresh(struct rbus *b)
{
	const std::vector<rbus_key> slice = rbus_next_slice(b);

	for (size_t i = 0; i < slice.size() && b->state == RBUS_UP; i += rbus_slice_size)
		(void)rbus_ask_again(
			b, {slice.begin() + static_cast<ptrdiff_t>(i),
		            slice.begin() + static_cast<ptrdiff_t>(std::min(i + rbus_slice_size, slice.size()))});
}

static void rbus_lease_renew(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);

	b->renew_timer = b->host->timer_add(b->core, rbus_renew_interval(b), rbus_lease_renew, b);
	rbus_lease_ask(b, false);
	if (b->state == RBUS_UP)
		rbus_refresh(b);
}

/* Redis may hang, or a connection may be dead, without any error. So this node publishes to itself: only a message that
 * comes back proves that the bus works. While the node itself stood still (stopped, swapped out, moved to another
 * machine) it sent no heartbeat: that time is not Redis' silence. */
static void rbus_heartbeat(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);
	struct rbus_command command;
	const std::string message = b->head + rbus_message_piece(RBUS_HEARTBEAT);
	const int64_t interval = b->conf->watchdog / 3, now = rbus_now();

	b->heartbeat_timer = b->host->timer_add(b->core, interval, rbus_heartbeat, b);
	b->echo = std::min(now, b->echo + std::max<int64_t>(now - b->beat - interval, 0));
	b->beat = now;
	if (now - b->echo > b->conf->watchdog) {
		rbus_drop(b, "Redis is silent");
		return;
	}
	rbus_command_add(&command, "PUBLISH");
	rbus_command_add(&command, b->inbox_prefix + b->own);
	rbus_command_add(&command, message);
	rbus_ask(b, &command, {RBUS_ASKED_PLAIN});
}

void rbus_lease_start(struct rbus *b)
{
	b->echo = b->beat = rbus_now();
	b->heartbeat_timer = b->host->timer_add(b->core, b->conf->watchdog / 3, rbus_heartbeat, b);
	b->renew_timer = b->host->timer_add(b->core, rbus_renew_interval(b), rbus_lease_renew, b);
}
