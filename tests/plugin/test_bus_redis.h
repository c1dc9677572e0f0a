/* SPDX-License-Identifier: MIT
 * Helpers of the tests of bus_redis: a private Redis and nodes on it. */
#ifndef TEST_BUS_REDIS_H
#define TEST_BUS_REDIS_H

#include <ctime>

#include "tests/support/bus_node.h"
#include "tests/support/redis.h"

using options = std::vector<std::pair<std::string, std::string>>;

struct fixture {
	redis *server;
	bus_world *world;
};

/* Only a connection that is lost begins an epoch, not a Redis or a test that a busy machine lets wait. A test of
 * silence has a watchdog of its own. */
static inline bus_node *new_node(fixture *f, const options &more = {})
{
	options all = {
		{"port", std::to_string(f->server->port)},
		{"watchdog", "60s"},
		{"connect_timeout", "10s"},
	};

	all.insert(all.end(), more.begin(), more.end());
	return bus_node_new(f->world, all);
}

static inline bus_node *new_node_up(fixture *f, const options &more = {},
                                    std::source_location at = std::source_location::current())
{
	bus_node *node = new_node(f, more);

	bus_node_wait_up(node, at);
	return node;
}

static inline int set_up(void **state)
{
	fixture *f = new fixture{redis_new(), bus_world_new()};

	redis_start(f->server);
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	fixture *f = static_cast<fixture *>(*state);

	bus_world_free(f->world);
	redis_free(f->server);
	delete f;
	return 0;
}

static inline fixture *fixture_of(void **state)
{
	return static_cast<fixture *>(*state);
}

/* The place of a device, without the time at which it was written. */
static inline std::string key_of(fixture *f, cs_account account, uint64_t device = 0)
{
	const std::string value =
		redis_command(f->server, {"HGET", "chatserverd:d:" + std::to_string(account), std::to_string(device)});

	return value.substr(0, value.rfind(':'));
}

static inline void set_key(fixture *f, cs_account account, const std::string &value)
{
	(void)redis_command(f->server, {"HSET", "chatserverd:d:" + std::to_string(account), "0",
	                                value + ":" + std::to_string(time(nullptr))});
}

static inline std::string value_of(const bus_node *node, cs_conn conn, uint64_t generation, char state,
                                   cs_bus_address address = 0)
{
	return check_format("%012llx:%llu:%llu:%c", static_cast<unsigned long long>(address ? address : node->address),
	                    static_cast<unsigned long long>(conn), static_cast<unsigned long long>(generation), state);
}

/* Waits until what was asked so far has been done: answers come in order. */
static inline void settle(bus_node *node)
{
	(void)bus_node_presence(node, {1});
}

/* Ends a node as SIGKILL would, and waits until Redis has noticed. */
static inline void kill_node(fixture *f, bus_node *node)
{
	const std::string inbox =
		check_format("chatserverd:0:in:%012llx", static_cast<unsigned long long>(node->address));

	bus_node_kill(node);
	check_wait("Redis notices", [&] {
		return redis_command(f->server, {"PUBSUB", "NUMSUB", inbox}) == inbox + "\n0";
	});
}

#define REDIS_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
