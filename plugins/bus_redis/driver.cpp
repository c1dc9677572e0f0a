/* SPDX-License-Identifier: MIT
 * Opens, leaves and closes the bus, and exports the plugin. */
#include "bus_redis.h"

#include <cstdio>
#include <memory>
#include <utility>

static int rbus_check(const void *of, const char **key_r, struct cs_error *e)
{
	const auto *conf = static_cast<const rbus_conf *>(of);

	*key_r = "user";
	if (!*conf->user || *conf->password)
		return 0;
	snprintf(e->text, sizeof(e->text), "it needs the option password");
	return CS_EINVAL;
}

static void rbus_choose_names(struct rbus *b)
{
	const std::string prefix = b->conf->prefix;
	const std::string channels = prefix + ":" + std::to_string(b->conf->database);

	b->nodes_key = prefix + ":nodes";
	b->lapsed_key = prefix + ":lapsed";
	b->session_prefix = prefix + ":d:";
	b->inbox_prefix = channels + ":in:";
	b->all_channel = channels + ":all";
}

static int rbus_open(const void *conf, const struct cs_bus_host *host, void *core, void **bus_r, struct cs_error *e)
{
	if (host->abi >> 16 != CS_ABI_MAJOR || host->size < sizeof(struct cs_bus_host)) {
		snprintf(e->text, sizeof(e->text), "the adapter was built for another version of the server");
		return CS_EINVAL;
	}
	auto *b = new rbus;

	b->conf = static_cast<const rbus_conf *>(conf);
	b->host = host;
	b->core = core;
	b->command.bus = b->inbox.bus = b;
	rbus_choose_names(b);
	rbus_connect_now(b);
	*bus_r = b;
	return 0;
}

/* ---- the end */

static void rbus_end(struct rbus *b)
{
	b->state = RBUS_GONE;
	rbus_timers_stop(b);
	rbus_link_close(&b->command);
	rbus_link_close(&b->inbox);
}

void rbus_left(struct rbus *b)
{
	rbus_end(b);
	if (b->left)
		std::exchange(b->left, nullptr)(b->left_arg, 0);
}

static void rbus_ask_goodbye(struct rbus *b, const std::vector<rbus_key> *keys, bool last)
{
	struct rbus_command command = rbus_call(b, RBUS_LEAVE, 1 + keys->size());

	rbus_command_add(&command, b->nodes_key);
	for (const rbus_key &key : *keys)
		rbus_command_add(&command, rbus_session_key(b, key.account));
	rbus_command_add(&command, b->own);
	rbus_command_add(&command, b->inbox_prefix);
	rbus_command_add(&command, b->head);
	rbus_command_add(&command, last ? "1" : "0");
	for (const rbus_key &key : *keys) {
		rbus_command_add_number(&command, key.account);
		rbus_command_add_number(&command, key.device);
	}
	rbus_ask(b, &command, {last ? RBUS_ASKED_GOODBYE : RBUS_ASKED_PLAIN});
}

/* In this order: waiting messages, sessions, lease. */
static void rbus_say_goodbye(struct rbus *b)
{
	const auto sessions = std::exchange(b->sessions, {});
	std::vector<rbus_key> slice;

	rbus_outbox_pump(b, true);
	for (const auto &[key, held] : sessions) {
		slice.push_back(key);
		if (slice.size() < rbus_slice_size)
			continue;
		rbus_ask_goodbye(b, &slice, false);
		slice.clear();
	}
	rbus_ask_goodbye(b, &slice, true);
	rbus_link_flush(&b->command);
}

static void rbus_leave(void *bus, cs_bus_done_fn *done, void *arg)
{
	auto *b = static_cast<struct rbus *>(bus);
	const bool connected = b->state == RBUS_UP || b->state == RBUS_RECLAIMING;

	b->left = done;
	b->left_arg = arg;
	rbus_timer_stop(b, &b->renew_timer);
	rbus_timer_stop(b, &b->missed_timer);
	if (!connected) {
		rbus_left(b);
		return;
	}
	/* The other nodes do not know yet that they missed messages of this node. */
	const bool owes = b->state == RBUS_RECLAIMING || b->dropping;

	b->state = RBUS_LEAVING;
	if (owes)
		rbus_outbox_announce(b, RBUS_RESYNC);
	rbus_say_goodbye(b);
}

static void rbus_close(void *bus)
{
	const std::unique_ptr<struct rbus> b(static_cast<struct rbus *>(bus));

	rbus_end(b.get());
}

const struct cs_bus_driver rbus_driver = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_bus_driver),
	.open = rbus_open,
	.close = rbus_close,
	.leave = rbus_leave,
	.claim = rbus_claim,
	.ending = rbus_ending,
	.release = rbus_release,
	.presence = rbus_presence,
	.send = rbus_send,
	.send_to = rbus_send_to,
	.send_all = rbus_send_all,
	.flush = rbus_flush,
	.missed = rbus_missed,
	.longest = rbus_longest,
};

/* ---- what the plugin exports */

/* The instance of a worker does nothing: the server calls the driver on the thread of the bus. */
static int rbus_start(const struct cs_host *, struct cs_self *, const void *, void **state_r, struct cs_error *)
{
	*state_r = nullptr;
	return 0;
}

static void rbus_stop(void *) {}

static const struct cs_service rbus_services[] = {
	{CS_BUS_SERVICE, CS_BUS_VERSION, &rbus_driver},
	{nullptr, 0, nullptr},
};

static const struct cs_option rbus_options[] = {
	{"host", CS_OPTION_TEXT, offsetof(rbus_conf, host), 1, 255, "127.0.0.1", nullptr, 0,
         "name or address of the Redis server"},
	{"port", CS_OPTION_INTEGER, offsetof(rbus_conf, port), 1, 65535, "6379", nullptr, 0, "its TCP port"},
	{"socket", CS_OPTION_TEXT, offsetof(rbus_conf, socket), 0, 107, "", nullptr, 0,
         "path of its Unix socket, instead of host and port; empty: TCP"},
	{"user", CS_OPTION_TEXT, offsetof(rbus_conf, user), 0, 128, "", nullptr, 0,
         "the account to authenticate as; empty: the default one"},
	{"password", CS_OPTION_SECRET, offsetof(rbus_conf, password), 0, 512, "", nullptr, 0,
         "its password; empty: do not authenticate"},
	{"database", CS_OPTION_INTEGER, offsetof(rbus_conf, database), 0, 65535, "0", nullptr, 0,
         "number of the database"},
	{"prefix", CS_OPTION_TEXT, offsetof(rbus_conf, prefix), 1, 64, "chatserverd", nullptr, 0,
         "what names of keys and channels begin with; the same on all nodes of a cluster"},
	{"lease", CS_OPTION_TIME, offsetof(rbus_conf, lease), 1000, 300000, "10s", nullptr, 0,
         "how long a silent node counts as alive"},
	{"connect_timeout", CS_OPTION_TIME, offsetof(rbus_conf, connect_timeout), 100, 60000, "2s", nullptr, 0,
         "how long connecting and authenticating may take"},
	{"watchdog", CS_OPTION_TIME, offsetof(rbus_conf, watchdog), 300, 60000, "3s", nullptr, 0,
         "how long Redis may be silent before it counts as gone"},
	{"queue", CS_OPTION_SIZE, offsetof(rbus_conf, queue), 1 << 20, INT64_C(1) << 30, "16M", nullptr, 0,
         "bytes that may wait to be sent before Redis counts as gone"},
	{nullptr, CS_OPTION_TEXT, 0, 0, 0, nullptr, nullptr, 0, nullptr},
};

CS_EXPORT extern const struct cs_plugin cs_plugin = {
	CS_PLUGIN_HEAD,
	.name = "bus_redis",
	.version = CS_VERSION,
	.needs = nullptr,
	.provides = rbus_services,
	.routes = nullptr,
	.options = rbus_options,
	.conf_size = sizeof(rbus_conf),
	.start = rbus_start,
	.reload = nullptr,
	.closed = nullptr,
	.written = nullptr,
	.routed = nullptr,
	.cluster = nullptr,
	.stop = rbus_stop,
	.check = rbus_check,
};
