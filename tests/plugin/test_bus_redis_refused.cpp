/* SPDX-License-Identifier: MIT
 * Tests that the log names the commands that Redis refuses while bus_redis runs. */
#include <algorithm>

#include "test_bus_redis.h"

static bool has(const std::string &text, const char *part)
{
	return text.find(part) != text.npos;
}

/* Versions of Redis say it differently, and differently of what a script may not do. */
static bool names_a_permission(const std::string &log)
{
	return has(log, "NOPERM") || has(log, "The user executing the script can't") || has(log, "ACL failure");
}

static void change_account(fixture *f, const std::vector<std::string> &rules)
{
	std::vector<std::string> command = {"ACL", "SETUSER", "chat"};

	command.insert(command.end(), rules.begin(), rules.end());
	(void)redis_command(f->server, command);
}

static bus_node *new_node_with_account(fixture *f)
{
	change_account(f, {"on", ">secret", "~chatserverd:*", "&chatserverd:*", "+@read", "+@write", "+@pubsub",
	                   "+@scripting", "+@connection", "+time"});
	return new_node_up(f, {{"user", "chat"}, {"password", "secret"}, {"lease", "2s"}, {"watchdog", "1500"}});
}

/* Everything that a node asks of Redis. */
static void work(bus_node *a, uint64_t generation)
{
	(void)bus_node_claim(a, 7, generation, generation);
	bus_node_send(a, 8, "x");
	(void)bus_node_presence(a, {7, 8});
	a->driver->ending(a->bus, 7, 0, generation);
	a->driver->release(a->bus, 7, 0, generation);
	bus_world_turn(a->world);
}

struct removal {
	std::vector<std::string> rules, remedy;
	bool reconnects; /* it is met by new connections only */
};

static const removal removals[] = {
	{{"-hget"}, {"+hget"}, false},
	{{"-hset"}, {"+hset"}, false},
	{{"-hgetall"}, {"+hgetall"}, false},
	{{"-expire"}, {"+expire"}, false},
	{{"-time"}, {"+time"}, false},
	{{"-hvals"}, {"+hvals"}, false},
	{{"-zscore"}, {"+zscore"}, false},
	{{"-zadd"}, {"+zadd"}, false},
	{{"-publish"}, {"+publish"}, false},
	{{"-evalsha"}, {"+evalsha"}, false},
	{{"resetkeys"}, {"~chatserverd:*"}, false},
	{{"resetchannels"}, {"&chatserverd:*"}, false},
	{{"resetkeys", "~chatserverd:d:*"}, {"~chatserverd:*"}, false},
	{{"-subscribe"}, {"+subscribe"}, true},
	{{"-script|load"}, {"+script|load"}, true},
	{{"-zadd"}, {"+zadd"}, true},
};

static void a_permission_that_is_taken_away_is_named(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_with_account(f);
	uint64_t generation = 1;

	for (const removal &r : removals) {
		a->log.clear();
		change_account(f, r.rules);
		if (r.reconnects)
			(void)redis_command(f->server, {"CLIENT", "KILL", "TYPE", "pubsub"});
		bus_wait(f->world, r.rules[0].c_str(), [&] {
			work(a, ++generation);
			return names_a_permission(a->log);
		});
		assert_true(has(a->log, "the bus is away"));
		change_account(f, r.remedy);
		bus_node_wait_up(a);
		assert_int_equal(bus_node_claim(a, 9, generation, generation), 0);
		a->driver->release(a->bus, 9, 0, generation);
	}
}

/* The reason of the first line is not that of the next. */
static void each_new_reason_is_named(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_with_account(f);

	(void)redis_command(f->server, {"ACL", "DELUSER", "chat"});
	bus_wait(f->world, "the refusal of the password", [&] { return has(a->log, "WRONGPASS"); });
	change_account(f, {"on", ">secret", "+@all", "-subscribe", "~*", "&*"});
	bus_wait(f->world, "the refusal of a command", [&] { return has(a->log, "NOPERM"); });
	change_account(f, {"+subscribe"});
	bus_node_wait_up(a);
}

/* Redis lives and has what the node needs, but one key is something else. */
static void a_request_that_fails_is_named(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"lease", "60s"}}), *b = new_node_up(f, {{"lease", "60s"}});

	assert_int_equal(bus_node_claim(b, 7, 1, 1), 0);
	(void)redis_command(f->server, {"SET", "chatserverd:nodes", "x"});
	assert_string_equal(bus_node_presence(a, {7}).c_str(), "0");
	const size_t events = b->events.size();

	/* What was not sent makes the others look, */
	bus_node_send(a, 7, "x");
	bus_wait(f->world, "a look", [&] { return bus_node_heard(b, CS_CLUSTER_MISSED, events); });
	/* once. */
	bus_world_run(f->world, 300);
	assert_int_equal(
		std::count(b->events.begin() + static_cast<ptrdiff_t>(events), b->events.end(), CS_CLUSTER_MISSED), 1);
	assert_int_equal(a->dropped, 1);
	assert_true(has(a->log, "Redis refused a request"));
	assert_true(has(a->log, "WRONGTYPE"));
	assert_true(a->log.find("Redis refused") == a->log.rfind("Redis refused"));
}

static void too_many_clients_are_named(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);

	redis_kill(f->server);
	f->server->options = {"--maxclients", "1"};
	redis_launch(f->server);
	bus_wait(f->world, "the refusal", [&] { return has(a->log, "max number of clients reached"); });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(a_permission_that_is_taken_away_is_named),
		REDIS_TEST(each_new_reason_is_named),
		REDIS_TEST(a_request_that_fails_is_named),
		REDIS_TEST(too_many_clients_are_named),
	};

	return cmocka_run_group_tests_name("bus_redis_refused", tests, nullptr, nullptr);
}
