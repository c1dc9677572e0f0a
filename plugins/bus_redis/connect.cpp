/* SPDX-License-Identifier: MIT
 * Owns the state of the bus: connecting both connections, the handshake, the watchdog's verdict, losing
 * everything and trying again. It must not know what is claimed or sent.
 *
 * There is one way down, rbus_drop, and one way up, the connect timer; so whatever ends first, and
 * whatever hiredis calls while it ends, nothing is begun twice. */
#include "bus_redis.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <utility>

#include <sys/random.h>

static constexpr int64_t SHORTEST_PAUSE = 50, LONGEST_PAUSE = 2000;
/* A bus that does not last longer is not worth a short pause: every epoch makes all nodes read the
 * store. */
static constexpr int64_t STABLE = 10000;

int64_t rbus_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static uint64_t random_number(void)
{
	uint64_t number = 0;

	/* Up to 256 bytes it is neither interrupted nor short. */
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

static void handshake_late(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);

	b->handshake_timer = nullptr;
	rbus_drop(b, "connecting takes too long");
}

static void ask_handshake(struct rbus *b, const struct rbus_command *command, enum rbus_request_kind kind,
                          int script)
{
	struct rbus_request request = {kind};

	request.script = script;
	b->due++;
	rbus_ask(b, command, std::move(request));
}

static void authenticate(struct rbus *b, struct rbus_command *command)
{
	rbus_command_add(command, "AUTH");
	if (*b->conf->user)
		rbus_command_add(command, b->conf->user);
	rbus_command_add(command, b->conf->password);
}

/* All at once; the answers are counted. */
static void begin_handshake(struct rbus *b)
{
	if (*b->conf->password) {
		struct rbus_command command;

		authenticate(b, &command);
		ask_handshake(b, &command, RBUS_ASKED_HANDSHAKE, 0);
	}
	if (b->conf->database) {
		struct rbus_command command;

		rbus_command_add(&command, "SELECT");
		rbus_command_add_number(&command, static_cast<uint64_t>(b->conf->database));
		ask_handshake(b, &command, RBUS_ASKED_HANDSHAKE, 0);
	}
	for (int script = 0; script < RBUS_SCRIPTS; script++) {
		struct rbus_command command;

		rbus_command_add(&command, "SCRIPT");
		rbus_command_add(&command, "LOAD");
		rbus_command_add(&command, rbus_script_text(static_cast<enum rbus_script>(script)));
		ask_handshake(b, &command, RBUS_ASKED_SCRIPT, script);
	}
}

static void inbox_authenticated(redisAsyncContext *context, void *data, void *)
{
	const auto *link = static_cast<const struct rbus_link *>(context->ev.data);
	const auto *reply = static_cast<const redisReply *>(data);

	if (reply && !link->closing && reply->type == REDIS_REPLY_ERROR)
		rbus_drop_refused(link->bus, reply->str);
}

static void begin_inbox(struct rbus *b)
{
	if (*b->conf->password) {
		struct rbus_command command;

		authenticate(b, &command);
		const std::string text = rbus_command_text(&command);

		redisAsyncFormattedCommand(b->inbox.context, inbox_authenticated, nullptr, text.data(),
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

static void choose_address(struct rbus *b)
{
	do
		b->address = random_number() & CS_BUS_ADDRESS_MAX;
	while (b->address == 0);
	b->own = rbus_hex(b->address);
	b->head = rbus_wire_head(b->address);
}

static void try_connect(void *arg)
{
	auto *b = static_cast<struct rbus *>(arg);

	b->connect_timer = nullptr;
	b->state = RBUS_CONNECTING;
	b->due = b->sending = b->settling = 0;
	b->waiting = 0;
	choose_address(b);
	b->handshake_timer = b->host->timer_add(b->core, b->conf->connect_timeout, handshake_late, b);
	rbus_resolve(b);
}

void rbus_resolved(struct rbus *b, const char *address)
{
	std::string why;

	if (rbus_link_open(&b->command, b->conf, address, &why) ||
	    rbus_link_open(&b->inbox, b->conf, address, &why)) {
		rbus_drop(b, why.c_str());
		return;
	}
	begin_handshake(b);
	if (b->state == RBUS_CONNECTING)
		begin_inbox(b);
}

void rbus_connect_now(struct rbus *b)
{
	b->pause = SHORTEST_PAUSE;
	b->connect_timer = b->host->timer_add(b->core, 0, try_connect, b);
}

/* With a random part, so that nodes that lost the bus together do not come back in step. */
static void connect_later(struct rbus *b)
{
	const int64_t half = b->pause / 2;
	const auto more = static_cast<int64_t>(random_number() % static_cast<uint64_t>(half + 1));

	b->pause = std::min(2 * b->pause, LONGEST_PAUSE);
	b->connect_timer = b->host->timer_add(b->core, half + more, try_connect, b);
}

/* ---- down */

/* One line when it goes away, one more for each reason that Redis itself then gives; the tries between are for who
 * debugs. */
static void log_away(struct rbus *b, bool news, const char *why)
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

/* What completions ask for meanwhile is answered as away. */
static void abandon_all(struct rbus *b)
{
	std::deque<rbus_request> requests = std::exchange(b->requests, {});

	for (struct rbus_request &request : requests)
		rbus_request_abandon(b, &request);
	rbus_outbox_abandon(b);
}

/* Once for each time that it goes away, and once when it was away from the beginning. */
static void tell_away(struct rbus *b, enum rbus_state was, bool refused, const char *why)
{
	const bool first = was == RBUS_UP || !b->told_away;

	/* What follows names the script, and each script meets the same refusal. */
	const std::string refusal =
		refused ? std::string(why).substr(0, std::string_view(why).find(" script: ")) : "";

	log_away(b, first || refusal != b->told_refusal, why);
	b->told_away = true;
	b->told_refusal = refusal;
	if (!first)
		return;
	b->host->address(b->core, 0);
	rbus_tell_degraded(b, true);
}

static void drop(struct rbus *b, bool refused, const char *why)
{
	const enum rbus_state was = b->state;
	const std::string reason = why; /* it may belong to what is freed below */

	if (was == RBUS_AWAY || was == RBUS_GONE)
		return;
	b->state = RBUS_AWAY;
	b->unsettled.clear();
	rbus_timers_stop(b);
	rbus_link_close(&b->command);
	rbus_link_close(&b->inbox);
	if (was == RBUS_UP && rbus_now() - b->up_since >= STABLE)
		b->pause = SHORTEST_PAUSE;
	if (was != RBUS_LEAVING)
		tell_away(b, was, refused, reason.c_str());
	abandon_all(b);
	if (was == RBUS_LEAVING)
		rbus_left(b);
	else
		connect_later(b);
}

void rbus_drop(struct rbus *b, const char *why)
{
	drop(b, false, why);
}

void rbus_drop_refused(struct rbus *b, const char *why)
{
	drop(b, true, why);
}

void rbus_link_ended(struct rbus_link *link, bool refused, const char *why)
{
	drop(link->bus, refused, why);
}
