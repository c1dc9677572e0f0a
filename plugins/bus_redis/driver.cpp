/* SPDX-License-Identifier: MIT
 * Owns the life of the bus: opening, saying goodbye, closing, and the table of functions that the server
 * calls. It must not know how any of them works. */
#include "bus_redis.h"

#include <cstdio>
#include <memory>
#include <utility>

static int check(const rbus_conf *conf, const struct cs_bus_host *host, struct cs_error *e)
{
	if (host->abi >> 16 != CS_ABI_MAJOR || host->size < sizeof(struct cs_bus_host)) {
		snprintf(e->text, sizeof(e->text), "the adapter was built for another version of the server");
		return CS_EINVAL;
	}
	if (*conf->user && !*conf->password) {
		snprintf(e->text, sizeof(e->text), "the option user needs the option password");
		return CS_EINVAL;
	}
	return 0;
}

static void choose_names(struct rbus *b)
{
	const std::string prefix = b->conf->prefix;
	const std::string channels = prefix + ":" + std::to_string(b->conf->database);

	b->nodes_key = prefix + ":nodes";
	b->lapsed_key = prefix + ":lapsed";
	b->session_prefix = prefix + ":s:";
	b->inbox_prefix = channels + ":in:";
	b->all_channel = channels + ":all";
}

static int open(const void *conf, const struct cs_bus_host *host, void *core, void **bus_r,
                struct cs_error *e)
{
	if (check(static_cast<const rbus_conf *>(conf), host, e))
		return CS_EINVAL;
	auto *b = new rbus;

	b->conf = static_cast<const rbus_conf *>(conf);
	b->host = host;
	b->core = core;
	b->command.bus = b->inbox.bus = b;
	choose_names(b);
	rbus_connect_now(b);
	*bus_r = b;
	return 0;
}

/* ---- the end */

static void end(struct rbus *b)
{
	b->state = RBUS_GONE;
	rbus_timers_stop(b);
	rbus_link_close(&b->command);
	rbus_link_close(&b->inbox);
}

void rbus_left(struct rbus *b)
{
	end(b);
	if (b->left)
		std::exchange(b->left, nullptr)(b->left_arg, 0);
}

static void ask_goodbye(struct rbus *b, const std::vector<cs_account> *accounts, bool last)
{
	struct rbus_command command = rbus_call(b, RBUS_LEAVE, 1 + accounts->size());

	rbus_command_add(&command, b->nodes_key);
	for (const cs_account account : *accounts)
		rbus_command_add(&command, rbus_session_key(b, account));
	rbus_command_add(&command, b->own);
	rbus_command_add(&command, last ? "1" : "0");
	rbus_ask(b, &command, {last ? RBUS_ASKED_GOODBYE : RBUS_ASKED_PLAIN});
}

/* In the order of the commands: what waits, the sessions, the lease. */
static void say_goodbye(struct rbus *b)
{
	const std::unordered_map<cs_account, rbus_held> sessions = std::exchange(b->sessions, {});
	std::vector<cs_account> slice;

	rbus_outbox_pump(b, true);
	for (const auto &[account, held] : sessions) {
		slice.push_back(account);
		if (slice.size() < RBUS_SLICE)
			continue;
		ask_goodbye(b, &slice, false);
		slice.clear();
	}
	ask_goodbye(b, &slice, true);
	rbus_link_flush(&b->command);
}

static void leave(void *bus, cs_bus_done_fn *done, void *arg)
{
	auto *b = static_cast<struct rbus *>(bus);
	const bool connected = b->state == RBUS_UP || b->state == RBUS_SETTLING;

	b->left = done;
	b->left_arg = arg;
	rbus_timer_stop(b, &b->renew_timer);
	rbus_timer_stop(b, &b->missed_timer);
	if (!connected) {
		rbus_left(b);
		return;
	}
	/* The others do not know yet what they missed of this node. */
	const bool owes = b->state == RBUS_SETTLING || b->dropping;

	b->state = RBUS_LEAVING;
	if (owes)
		rbus_outbox_announce(b, RBUS_RESYNC);
	say_goodbye(b);
}

static void close(void *bus)
{
	const std::unique_ptr<struct rbus> b(static_cast<struct rbus *>(bus));

	end(b.get());
}

const struct cs_bus_driver rbus_driver = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_bus_driver),
	.open = open,
	.close = close,
	.leave = leave,
	.claim = rbus_claim,
	.ending = rbus_ending,
	.release = rbus_release,
	.presence = rbus_presence,
	.send = rbus_send,
	.send_to = rbus_send_to,
	.send_all = rbus_send_all,
	.flush = rbus_flush,
	.missed = rbus_missed,
};
