/* SPDX-License-Identifier: MIT
 * A host for an adapter of the bus, on a libevent loop, with calls that wait for their result. */
#include "tests/support/bus_node.h"

#include <algorithm>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <endian.h>

#include <dlfcn.h>
#include <event2/event.h>

/* ---- descriptors and time */

struct cs_bus_watch {
	bus_node *node;
	struct event *event;
	int fd;
	void (*ready)(void *arg, int readable, int writable);
	void *arg;
};

struct cs_bus_timer {
	bus_node *node;
	struct event *event;
	void (*fn)(void *arg);
	void *arg;
};

static void on_ready(evutil_socket_t, short what, void *arg)
{
	const auto *watch = static_cast<const struct cs_bus_watch *>(arg);

	watch->ready(watch->arg, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

static struct cs_bus_watch *host_watch(void *core, int fd, void (*ready)(void *, int, int), void *arg)
{
	auto *node = static_cast<bus_node *>(core);
	auto *watch = new cs_bus_watch{node, nullptr, fd, ready, arg};

	watch->event = event_new(node->world->base, fd, EV_PERSIST, on_ready, watch);
	node->watches++;
	return watch;
}

static void host_interest(struct cs_bus_watch *watch, int read, int write)
{
	const short what = static_cast<short>(EV_PERSIST | (read ? EV_READ : 0) | (write ? EV_WRITE : 0));

	event_del(watch->event);
	event_assign(watch->event, watch->node->world->base, watch->fd, what, on_ready, watch);
	if (read || write)
		event_add(watch->event, nullptr);
}

static void host_unwatch(struct cs_bus_watch *watch)
{
	watch->node->watches--;
	event_free(watch->event);
	delete watch;
}

static void host_timer_del(struct cs_bus_timer *timer)
{
	timer->node->timers--;
	event_free(timer->event);
	delete timer;
}

static void on_due(evutil_socket_t, short, void *arg)
{
	auto *timer = static_cast<struct cs_bus_timer *>(arg);
	void (*const fn)(void *) = timer->fn;
	void *const of_fn = timer->arg;

	host_timer_del(timer);
	fn(of_fn);
}

static struct cs_bus_timer *host_timer_add(void *core, int64_t ms, void (*fn)(void *), void *arg)
{
	auto *node = static_cast<bus_node *>(core);
	auto *timer = new cs_bus_timer{node, nullptr, fn, arg};
	const struct timeval time = {ms / 1000, ms % 1000 * 1000};

	timer->event = event_new(node->world->base, -1, 0, on_due, timer);
	event_add(timer->event, &time);
	node->timers++;
	return timer;
}

/* ---- events */

static void host_log(void *core, enum cs_log_level level, const char *format, ...)
{
	auto *node = static_cast<bus_node *>(core);
	char text[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (level < CS_LOG_DEBUG)
		node->log.append(text).append("\n");
}

static void host_address(void *core, cs_bus_address address)
{
	auto *node = static_cast<bus_node *>(core);

	assert_false(node->left);
	node->address = address;
	if (address)
		node->epochs.push_back(address);
}

static void host_arrived(void *core, const void *data, size_t size)
{
	auto *node = static_cast<bus_node *>(core);

	assert_true(size >= sizeof(struct cs_envelope));
	node->arrived.emplace_back(static_cast<const char *>(data) + sizeof(struct cs_envelope),
	                           size - sizeof(struct cs_envelope));
	if (node->on_arrived)
		node->on_arrived(node);
}

static void host_close_session(void *core, cs_account account, uint64_t, cs_conn conn)
{
	static_cast<bus_node *>(core)->closed.emplace_back(account, conn);
}

static void host_probe_session(void *core, cs_account account, uint64_t, cs_conn conn, cs_bus_address asker)
{
	static_cast<bus_node *>(core)->probed.push_back({account, conn, asker});
}

static void host_alone(void *core, cs_account account, uint64_t device, cs_conn, int alone)
{
	static_cast<bus_node *>(core)->alone[{account, device}] = alone != 0;
}

static void host_changed(void *core, enum cs_cluster_event event)
{
	static_cast<bus_node *>(core)->events.push_back(event);
}

static void host_dropped(void *core, size_t count)
{
	static_cast<bus_node *>(core)->dropped += count;
}

static void host_refused(void *core, size_t count)
{
	static_cast<bus_node *>(core)->refused += count;
}

static void host_echoed(void *core, int64_t ms)
{
	auto *node = static_cast<bus_node *>(core);

	node->echoes++;
	node->longest_echo = std::max(node->longest_echo, ms);
}

static const struct cs_bus_host host_table = {
	.abi = CS_ABI,
	.size = sizeof(struct cs_bus_host),
	.log = host_log,
	.watch = host_watch,
	.interest = host_interest,
	.unwatch = host_unwatch,
	.timer_add = host_timer_add,
	.timer_del = host_timer_del,
	.address = host_address,
	.arrived = host_arrived,
	.close_session = host_close_session,
	.changed = host_changed,
	.dropped = host_dropped,
	.refused = host_refused,
	.probe_session = host_probe_session,
	.alone = host_alone,
	.echoed = host_echoed,
};

/* ---- the plugin */

static const struct cs_plugin *open_plugin(void)
{
	const char *build = getenv("CS_BUILD");
	const std::string path = std::string(build ? build : "build") + "/plugins/bus_redis.so";
	void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

	if (!library)
		check_fail(std::source_location::current(), "%s", dlerror());
	return static_cast<const struct cs_plugin *>(dlsym(library, CS_PLUGIN_SYMBOL));
}

static int64_t number_of(const char *text)
{
	char *unit = nullptr;
	const int64_t number = strtoll(text, &unit, 10);

	return number * (strcmp(unit, "s") == 0   ? 1000
	                 : strcmp(unit, "K") == 0 ? 1024
	                 : strcmp(unit, "M") == 0 ? 1048576
	                                          : 1);
}

static void set_option(bus_node *node, const struct cs_option *option, const std::string &value)
{
	node->texts.push_back(value);
	const char *text = node->texts.back().c_str();
	const int64_t number = number_of(text);

	if (option->type == CS_OPTION_TEXT || option->type == CS_OPTION_SECRET)
		memcpy(node->conf.data() + option->offset, &text, sizeof(text));
	else
		memcpy(node->conf.data() + option->offset, &number, sizeof(number));
}

static void set_options(bus_node *node, const struct cs_plugin *plugin,
                        const std::vector<std::pair<std::string, std::string>> &options)
{
	node->conf.resize(plugin->conf_size);
	for (const struct cs_option *o = plugin->options; o->key; o++) {
		std::string value = o->default_text;

		for (const auto &[key, text] : options)
			value = key == o->key ? text : value;
		set_option(node, o, value);
	}
}

static bus_node *make_node(bus_world *world, const std::vector<std::pair<std::string, std::string>> &options)
{
	const struct cs_plugin *plugin = open_plugin();
	bus_node *node = new bus_node;

	assert_string_equal(plugin->provides[0].name, CS_BUS_SERVICE);
	assert_int_equal(plugin->provides[0].version, CS_BUS_VERSION);
	node->world = world;
	node->driver = static_cast<const struct cs_bus_driver *>(plugin->provides[0].table);
	set_options(node, plugin, options);
	world->nodes.push_back(node);
	return node;
}

bus_node *bus_node_new(bus_world *world, const std::vector<std::pair<std::string, std::string>> &options)
{
	bus_node *node = make_node(world, options);
	cs_error e = {};

	if (node->driver->open(node->conf.data(), &host_table, node, &node->bus, &e))
		check_fail(std::source_location::current(), "%s", e.text);
	return node;
}

std::string bus_node_refusal(bus_world *world, const std::vector<std::pair<std::string, std::string>> &options)
{
	const bus_node *node = make_node(world, options);
	const char *key = "";
	cs_error e = {};

	assert_int_equal(open_plugin()->check(node->conf.data(), &key, &e), CS_EINVAL);
	return std::string(key) + ": " + e.text;
}

static void node_left(void *arg, int)
{
	static_cast<bus_node *>(arg)->left = true;
}

void bus_node_kill(bus_node *node)
{
	if (node->bus)
		node->driver->close(node->bus);
	node->bus = nullptr;
	assert_int_equal(node->watches, 0);
	assert_int_equal(node->timers, 0);
}

void bus_node_leave(bus_node *node, std::source_location at)
{
	node->driver->leave(node->bus, node_left, node);
	bus_wait(
		node->world, "goodbye", [&] { return node->left; }, at);
	bus_node_kill(node);
}

/* ---- the loop */

bus_world *bus_world_new(void)
{
	bus_world *world = new bus_world;

	signal(SIGPIPE, SIG_IGN);
	world->base = event_base_new();
	return world;
}

void bus_world_free(bus_world *world)
{
	for (bus_node *node : world->nodes)
		if (node->bus)
			bus_node_leave(node);
	for (bus_node *node : world->nodes)
		delete node;
	event_base_free(world->base);
	delete world;
}

void bus_world_turn(bus_world *world, int64_t ms)
{
	const struct timeval time = {ms / 1000, ms % 1000 * 1000};

	event_base_loopexit(world->base, &time);
	event_base_loop(world->base, EVLOOP_ONCE);
	for (bus_node *node : world->nodes)
		if (node->bus && !node->left)
			node->driver->flush(node->bus);
}

void bus_world_run(bus_world *world, int64_t ms)
{
	const int64_t end = check_now() + ms;

	while (check_now() < end)
		bus_world_turn(world);
}

void bus_done(void *outcome, int result)
{
	auto *o = static_cast<bus_outcome *>(outcome);

	o->done++;
	o->result = result;
}

/* ---- calls that are waited for */

void bus_node_wait_up(bus_node *node, std::source_location at)
{
	bus_wait(
		node->world, "the bus is there", [&] { return node->address != 0; }, at);
}

void bus_node_wait_away(bus_node *node, std::source_location at)
{
	bus_wait(
		node->world, "the bus is away", [&] { return node->address == 0; }, at);
}

static int wait_done(bus_node *node, const bus_outcome *outcome, const char *what, std::source_location at)
{
	bus_wait(
		node->world, what, [&] { return outcome->done > 0; }, at);
	assert_int_equal(outcome->done, 1);
	return outcome->result;
}

int bus_node_claim(bus_node *node, cs_account account, cs_conn conn, uint64_t generation, unsigned flags,
                   std::source_location at)
{
	return bus_node_claim_device(node, account, 0, conn, generation, flags, at);
}

int bus_node_claim_device(bus_node *node, cs_account account, uint64_t device, cs_conn conn, uint64_t generation,
                          unsigned flags, std::source_location at)
{
	const struct cs_bus_session session = {account, conn, generation, device};
	bus_outcome outcome;

	node->driver->claim(node->bus, &session, flags, bus_done, &outcome);
	return wait_done(node, &outcome, "claim", at);
}

static std::string piece_of(const std::string &text)
{
	const struct cs_envelope envelope = {
		htole32(static_cast<uint32_t>(sizeof(envelope) + text.size())), 1, 0, 0, 0, 0};

	return std::string(reinterpret_cast<const char *>(&envelope), sizeof(envelope)).append(text);
}

void bus_node_put(bus_node *node, cs_account to, const std::string &text, unsigned flags, uint64_t device)
{
	const std::string piece = piece_of(text);

	node->driver->send(node->bus, to, device, piece.data(), piece.size(), flags);
}

void bus_node_put_to(bus_node *node, cs_bus_address to, const std::string &text)
{
	const std::string piece = piece_of(text);

	node->driver->send_to(node->bus, to, piece.data(), piece.size());
}

void bus_node_put_all(bus_node *node, const std::string &text, unsigned flags)
{
	const std::string piece = piece_of(text);

	node->driver->send_all(node->bus, piece.data(), piece.size(), flags);
}

void bus_node_send(bus_node *node, cs_account to, const std::string &text, std::source_location at)
{
	bus_node_put(node, to, text);
	node->driver->flush(node->bus);
	(void)bus_node_presence(node, {1}, at);
}

std::string bus_node_presence(bus_node *node, const std::vector<cs_account> &accounts, std::source_location at,
                              const std::vector<uint64_t> &devices)
{
	std::vector<unsigned char> online(accounts.size() + 1, 9);
	bus_outcome outcome;
	std::string text;

	node->driver->presence(node->bus, accounts.data(), devices.empty() ? nullptr : devices.data(), online.data(),
	                       accounts.size(), bus_done, &outcome);
	const int result = wait_done(node, &outcome, "presence", at);

	assert_int_equal(online[accounts.size()], 9);
	for (size_t i = 0; i < accounts.size(); i++)
		text.push_back(static_cast<char>('0' + online[i]));
	if (result)
		assert_int_equal(text.find('1'), std::string::npos);
	return result ? "away" : text;
}

bool bus_node_heard(const bus_node *node, enum cs_cluster_event event, size_t from)
{
	return std::find(node->events.begin() + static_cast<ptrdiff_t>(std::min(from, node->events.size())),
	                 node->events.end(), event) != node->events.end();
}
