/* SPDX-License-Identifier: MIT
 * Tests bus_redis while Redis, a connection or a node fails: epochs, claims made alone, leases that ended. */
#include <algorithm>
#include <csignal>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test_bus_redis.h"

static constexpr cs_conn conn_a = 101, conn_b = 102;

static size_t lines(const std::string &log)
{
	return static_cast<size_t>(std::count(log.begin(), log.end(), '\n'));
}

static void wait_epoch(bus_node *node, size_t count, std::source_location at = std::source_location::current())
{
	bus_wait(
		node->world, "a new epoch", [&] { return node->address && node->epochs.size() >= count; }, at);
}

static bool is_closed(const bus_node *node, cs_account account, cs_conn conn)
{
	return std::find(node->closed.begin(), node->closed.end(), std::pair(account, conn)) != node->closed.end();
}

/* What every kind of outage has to end with. */
static void check_epoch_after(void **state, const std::vector<std::string> &command)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(b, 8, conn_b, 1), 0);
	bus_world_run(f->world, 200);
	const size_t events_a = a->events.size(), events_b = b->events.size();
	const cs_bus_address before = a->address;

	(void)redis_command(f->server, command);
	wait_epoch(a, 2);
	wait_epoch(b, 2);
	assert_true(a->address != before);
	assert_true(bus_node_heard(a, CS_CLUSTER_DEGRADED, events_a));
	assert_int_equal(a->events[events_a + 1], CS_CLUSTER_WHOLE);
	/* Who was back first hears of the other. */
	bus_wait(f->world, "resync", [&] {
		return bus_node_heard(a, CS_CLUSTER_MISSED, events_a) || bus_node_heard(b, CS_CLUSTER_MISSED, events_b);
	});
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_a, 1, 'L').c_str());
	assert_string_equal(redis_command(f->server, {"ZCARD", "chatserverd:nodes"}).c_str(), "2");
	bus_node_send(a, 8, "hello");
	bus_wait(f->world, "message", [&] { return !b->arrived.empty(); });
	assert_string_equal(bus_node_presence(b, {7, 8}).c_str(), "11");
	assert_int_equal(a->closed.size() + b->closed.size(), 0);
}

static void subscriptions_that_redis_drops_begin_an_epoch(void **state)
{
	check_epoch_after(state, {"CLIENT", "KILL", "TYPE", "pubsub"});
}

static void command_connections_that_redis_drops_begin_an_epoch(void **state)
{
	check_epoch_after(state, {"CLIENT", "KILL", "TYPE", "normal"});
}

static void a_node_that_comes_makes_the_others_look(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);

	bus_world_run(f->world, 200);
	const size_t events = a->events.size();

	(void)new_node_up(f);
	bus_wait(f->world, "resync", [&] { return bus_node_heard(a, CS_CLUSTER_MISSED, events); });
	bus_world_run(f->world, 200);
	assert_int_equal(a->events.size(), events + 1);
}

static void while_redis_is_away_everybody_is_let_in(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);

	redis_kill(f->server);
	bus_node_wait_away(a);
	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_string_equal(bus_node_presence(a, {7}).c_str(), "away");
	bus_node_send(a, 8, "hello");
	bus_node_put_all(a, "x");
	bus_node_put_to(a, 5, "x");
	a->driver->ending(a->bus, 7, 0, conn_a);
	a->driver->release(a->bus, 7, 0, conn_a);
	bus_world_run(f->world, 1500);
	assert_int_equal(lines(a->log), 2); /* there, away: not one for each try */
	assert_int_equal(std::count(a->events.begin(), a->events.end(), CS_CLUSTER_DEGRADED), 1);
}

static void a_redis_that_comes_back_empty_is_told_everything(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	for (cs_account account = 1; account <= 1000; account++)
		assert_int_equal(bus_node_claim(a, account, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(b, 2001, conn_b, 1), 0);
	redis_kill(f->server);
	bus_node_wait_away(a);
	bus_node_wait_away(b);
	assert_int_equal(bus_node_claim(a, 2002, conn_a, 4), 0);
	a->driver->release(a->bus, 5, 0, conn_a);
	a->driver->ending(a->bus, 6, 0, conn_a);
	redis_start(f->server);
	bus_node_wait_up(a);
	bus_node_wait_up(b);
	assert_string_equal(bus_node_presence(b, {1, 5, 6, 1000, 2001, 2002, 2003}).c_str(), "1001110");
	assert_string_equal(key_of(f, 6).c_str(), value_of(a, conn_a, 1, 'E').c_str());
	assert_string_equal(redis_command(f->server, {"DBSIZE"}).c_str(), "1002"); /* 1001 sessions and the nodes */
	assert_int_equal(a->closed.size() + b->closed.size(), 0);
}

static void of_two_sessions_made_alone_the_later_login_stays(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *nodes[2] = {new_node_up(f), new_node_up(f)};

	redis_kill(f->server);
	bus_node_wait_away(nodes[0]);
	bus_node_wait_away(nodes[1]);
	for (cs_account account = 1; account <= 20; account++) {
		assert_int_equal(bus_node_claim(nodes[0], account, conn_a, account % 2 ? 5 : 6), 0);
		assert_int_equal(bus_node_claim(nodes[1], account, conn_b, account % 2 ? 6 : 5), 0);
	}
	redis_start(f->server);
	bus_wait(f->world, "the others are closed",
	         [&] { return nodes[0]->closed.size() + nodes[1]->closed.size() >= 20; });
	bus_world_run(f->world, 100);
	for (cs_account account = 1; account <= 20; account++) {
		const bool second = account % 2;

		assert_true(is_closed(nodes[second ? 0 : 1], account, second ? conn_a : conn_b));
		assert_false(is_closed(nodes[second ? 1 : 0], account, second ? conn_b : conn_a));
		assert_string_equal(key_of(f, account).c_str(),
		                    value_of(nodes[second ? 1 : 0], second ? conn_b : conn_a, 6, 'L').c_str());
	}
}

static void calls_under_way_end_when_redis_dies(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);
	const struct cs_bus_session session = {7, conn_a, 1};
	const std::vector<cs_account> accounts(2500, 7);
	std::vector<unsigned char> online(2500, 9);
	bus_outcome claim, presence;

	redis_signal(f->server, SIGSTOP);
	a->driver->claim(a->bus, &session, 0, bus_done, &claim);
	a->driver->presence(a->bus, accounts.data(), nullptr, online.data(), online.size(), bus_done, &presence);
	for (int i = 0; i < 300; i++)
		bus_node_put(a, 8, "x");
	bus_world_turn(f->world);
	assert_int_equal(claim.done + presence.done, 0);
	redis_kill(f->server);
	bus_node_wait_away(a);
	assert_int_equal(claim.done, 1);
	assert_int_equal(claim.result, 0);
	assert_int_equal(presence.done, 1);
	assert_int_equal(presence.result, CS_ENOENT);
	assert_int_equal(std::count(online.begin(), online.end(), 0), 2500);
	assert_in_range(a->dropped, 300, 301); /* perhaps its own announcement, too */
}

static void a_frozen_redis_is_noticed(void **state)
{
	fixture *f = fixture_of(state);
	/* Long for a machine that is busy; the product's default is 3 s. */
	const int64_t watchdog = 2000 * check_patience_factor();
	bus_node *a = new_node_up(f, {{"watchdog", std::to_string(watchdog)}, {"connect_timeout", "500"}});
	const struct cs_bus_session session = {7, conn_a, 1};
	bus_outcome claim;

	bus_world_run(f->world, watchdog);
	redis_signal(f->server, SIGSTOP);
	const int64_t begin = check_now();

	a->driver->claim(a->bus, &session, 0, bus_done, &claim);
	bus_node_wait_away(a);
	assert_true(check_now() - begin >= watchdog / 2);
	assert_int_equal(claim.done, 1);
	assert_int_equal(claim.result, 0);
	assert_true(a->log.find("silent") != std::string::npos);
	/* It stays frozen for some tries, and then nothing is left of them. */
	bus_world_run(f->world, 1500);
	redis_signal(f->server, SIGCONT);
	wait_epoch(a, 2);
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_a, 1, 'L').c_str());
}

static void a_quiet_redis_is_not_taken_for_a_dead_one(void **state)
{
	fixture *f = fixture_of(state);
	const int64_t watchdog = 2000 * check_patience_factor();
	bus_node *a = new_node_up(f, {{"watchdog", std::to_string(watchdog)}});

	bus_world_run(f->world, 2 * watchdog);
	assert_int_equal(a->epochs.size(), 1);
}

static void each_sign_of_life_that_comes_back_is_told(void **state)
{
	fixture *f = fixture_of(state);
	const int64_t watchdog = 300 * check_patience_factor();
	bus_node *a = new_node_up(f, {{"watchdog", std::to_string(watchdog)}});

	assert_int_equal(a->echoes, 0);
	bus_world_run(f->world, watchdog);
	assert_true(a->echoes >= 1);
	assert_in_range(a->longest_echo, 0, watchdog);
}

static void a_node_that_stood_still_does_not_take_redis_for_silent(void **state)
{
	fixture *f = fixture_of(state);
	const int64_t watchdog = 300 * check_patience_factor();
	bus_node *a = new_node_up(f, {{"watchdog", std::to_string(watchdog)}});

	bus_world_run(f->world, watchdog);
	check_sleep_ms(3 * watchdog); /* nobody runs the node's loop meanwhile */
	bus_world_run(f->world, watchdog);
	assert_int_equal(a->epochs.size(), 1);
	assert_true(a->log.find("silent") == std::string::npos);
}

static void a_queue_that_grows_too_long_ends_the_epoch(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"queue", "1M"}});
	std::vector<bus_outcome> claims(10000);

	bus_world_run(f->world, 300);
	redis_signal(f->server, SIGSTOP);
	bus_node_put(a, 8, "x");
	bus_node_put_to(a, 99, "x");
	for (size_t i = 0; i < claims.size(); i++) {
		const struct cs_bus_session session = {i + 1, conn_a, 1};

		a->driver->claim(a->bus, &session, 0, bus_done, &claims[i]);
	}
	bus_world_turn(f->world);
	assert_int_equal(a->address, 0);
	assert_true(
		std::all_of(claims.begin(), claims.end(), [](const auto &c) { return c.done == 1 && c.result == 0; }));
	/* Nobody can say what became of these. */
	assert_int_equal(a->dropped, 2);
	redis_signal(f->server, SIGCONT);
	wait_epoch(a, 2);
}

static void answers_that_redis_is_too_slow_for_do_not_end_the_epoch(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"queue", "1M"}});
	const std::string body(60000, 'x');

	redis_signal(f->server, SIGSTOP);
	for (int i = 0; i < 30; i++)
		bus_node_put_to(a, 99, body);
	bus_world_turn(f->world);
	assert_in_range(a->dropped, 14, 20);
	assert_true(a->log.find("too much waits for Redis") != std::string::npos);
	redis_signal(f->server, SIGCONT);
	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(a->epochs.size(), 1);
}

static void what_the_server_had_no_room_for_makes_the_others_look(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	bus_world_run(f->world, 300);
	const size_t events = b->events.size();

	a->driver->missed(a->bus);
	bus_wait(f->world, "a look", [&] { return bus_node_heard(b, CS_CLUSTER_MISSED, events); });
}

static void casual_data_and_questions_make_room_first(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"queue", "1M"}});
	bus_node *b = new_node_up(f);
	const std::string body(60000, 'x');
	const std::vector<cs_account> accounts(20000, 8);
	std::vector<unsigned char> online(accounts.size(), 1);
	bus_outcome presence;

	bus_world_run(f->world, 300);
	const size_t events = b->events.size();

	redis_signal(f->server, SIGSTOP);
	for (int i = 0; i < 30; i++)
		bus_node_put_all(a, body, CS_ROUTE_CASUAL);
	const size_t dropped = a->dropped;

	assert_in_range(dropped, 20, 25);
	a->driver->presence(a->bus, accounts.data(), nullptr, online.data(), accounts.size(), bus_done, &presence);
	assert_int_equal(presence.done, 1);
	assert_int_equal(presence.result, CS_ENOENT);
	assert_int_equal(online.back(), 0);
	assert_int_equal(a->refused, 1);
	assert_true(a->log.find("too much waits for Redis") != std::string::npos);
	assert_true(a->log.find("look at the store") == std::string::npos);
	/* There is still room for hints, */
	bus_node_put_all(a, "hint");
	assert_int_equal(a->dropped, dropped);
	redis_signal(f->server, SIGCONT);
	bus_wait(f->world, "the rest", [&] { return !b->arrived.empty() && b->arrived.back() == "hint"; });
	assert_int_equal(b->arrived.size(), 30 - dropped + 1);
	/* and nobody looks at the store for casual data. */
	bus_world_run(f->world, 300);
	assert_false(bus_node_heard(b, CS_CLUSTER_MISSED, events));
	assert_int_equal(a->epochs.size(), 1);
}

static void a_piece_of_the_greatest_length_is_sent_even_if_it_is_casual(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"queue", "1M"}});
	const bus_node *b = new_node_up(f);
	const std::string body(a->driver->longest(a->conf.data()) - sizeof(struct cs_envelope), 'x');

	assert_int_equal(a->driver->longest(a->conf.data()), 512 * 1024);
	bus_world_run(f->world, 300);
	bus_node_put_all(a, body, CS_ROUTE_CASUAL);
	bus_wait(f->world, "the piece", [&] { return b->arrived.size() == 1; });
	assert_true(b->arrived[0] == body);
	assert_int_equal(a->dropped, 0);
}

static void what_redis_is_too_slow_for_makes_the_others_look(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"queue", "1M"}});
	bus_node *b = new_node_up(f);
	const std::string body(60000, 'x');

	bus_world_run(f->world, 300);
	const size_t events = b->events.size();

	redis_signal(f->server, SIGSTOP);
	for (int i = 0; i < 30; i++)
		bus_node_put_all(a, body);
	bus_world_turn(f->world);
	assert_false(bus_node_heard(b, CS_CLUSTER_MISSED, events));
	redis_signal(f->server, SIGCONT);
	bus_wait(f->world, "a look", [&] { return bus_node_heard(b, CS_CLUSTER_MISSED, events); });
	assert_in_range(b->arrived.size(), 1, 29);
	assert_int_equal(a->dropped, 30 - b->arrived.size());
	assert_int_equal(a->refused, 0);
	assert_int_equal(a->epochs.size(), 1);
	assert_true(a->log.find("too much waits for Redis") != std::string::npos);
}

/* They do not know yet what it did not send while it was away. */
static void a_goodbye_before_all_is_claimed_again_makes_the_others_look(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);
	const std::string clients = redis_command(f->server, {"CLIENT", "LIST"});
	const std::string id = clients.substr(3, clients.find(' ') - 3);
	bus_node *b = new_node_up(f);
	std::vector<bus_outcome> outcomes(20000);

	for (size_t i = 0; i < outcomes.size(); i++) {
		const struct cs_bus_session session = {i + 1, conn_a, 1};

		a->driver->claim(a->bus, &session, 0, bus_done, &outcomes[i]);
	}
	bus_wait(f->world, "claims", [&] { return outcomes.back().done == 1; });
	bus_world_run(f->world, 300);
	const std::string before = check_format("%012llx", (unsigned long long)a->address);
	const size_t events = b->events.size();

	(void)redis_command(f->server, {"CLIENT", "KILL", "ID", id});
	bus_node_wait_away(a);
	bus_wait(f->world, "registering", [&] {
		return redis_command(f->server, {"ZSCORE", "chatserverd:nodes", before}).empty();
	});
	/* Claiming all again takes ten times as many. */
	for (int i = 0; i < 4; i++)
		bus_world_turn(f->world);
	assert_int_equal(a->address, 0);
	bus_node_leave(a);
	bus_wait(f->world, "a look", [&] { return bus_node_heard(b, CS_CLUSTER_MISSED, events); });
}

static void scripts_that_redis_forgot_are_loaded_again(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);

	(void)redis_command(f->server, {"SCRIPT", "FLUSH"});
	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	wait_epoch(a, 2);
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_a, 1, 'L').c_str());
}

/* command makes Redis refuse what the node needs, remedy undoes that. */
static void check_refusal(void **state, const std::vector<std::string> &command, const std::vector<std::string> &remedy,
                          const char *word)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"lease", "1s"}});

	(void)redis_command(f->server, command);
	bus_node_wait_away(a);
	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	bus_world_run(f->world, 500);
	assert_int_equal(a->address, 0);
	assert_int_equal(lines(a->log), 2);
	assert_true(a->log.find(word) != std::string::npos);
	(void)redis_command(f->server, remedy);
	wait_epoch(a, 2);
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_a, 1, 'L').c_str());
}

static void a_replica_is_waited_out(void **state)
{
	check_refusal(state, {"REPLICAOF", "127.0.0.1", "1"}, {"REPLICAOF", "NO", "ONE"}, "READONLY");
}

static void a_full_redis_is_waited_out(void **state)
{
	check_refusal(state, {"CONFIG", "SET", "maxmemory", "1"}, {"CONFIG", "SET", "maxmemory", "0"}, "OOM");
}

static void a_server_that_says_nothing_is_given_up(void **state)
{
	fixture *f = fixture_of(state);
	const int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in address = {};
	socklen_t size = sizeof(address);

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, reinterpret_cast<struct sockaddr *>(&address), size), 0);
	assert_int_equal(listen(listener, 10), 0);
	assert_int_equal(getsockname(listener, reinterpret_cast<struct sockaddr *>(&address), &size), 0);
	bus_node *a = new_node(f, {{"port", std::to_string(ntohs(address.sin_port))}, {"connect_timeout", "200"}});

	bus_wait(f->world, "the log", [&] { return a->log.find("takes too long") != std::string::npos; });
	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_true(bus_node_heard(a, CS_CLUSTER_DEGRADED));
	bus_world_run(f->world, 1000);
	assert_int_equal(lines(a->log), 1);
	close(listener);
}

static void a_name_that_does_not_exist_holds_nobody_up(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node(f, {{"host", "redis.invalid"}});
	const int64_t begin = check_now();

	bus_world_turn(f->world);
	bus_world_turn(f->world);
	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_in_range(check_now() - begin, 0, 4000); /* a resolver without an answer takes 5 s */
	bus_wait(f->world, "the log", [&] { return a->log.find("away") != std::string::npos; });
	assert_int_equal(a->address, 0);
}

static void a_name_is_as_good_as_an_address(void **state)
{
	(void)new_node_up(fixture_of(state), {{"host", "localhost"}});
}

/* ---- leases */

static void a_node_that_fell_silent_makes_the_others_look(void **state)
{
	fixture *f = fixture_of(state);
	const options quick = {{"lease", "1s"}};
	bus_node *a = new_node_up(f, quick), *b = new_node_up(f, quick), *c = new_node_up(f, quick);

	bus_world_run(f->world, 300);
	const size_t events_a = a->events.size(), events_c = c->events.size();

	bus_node_kill(b);
	for (const auto &[node, events] : {std::pair(a, events_a), std::pair(c, events_c)})
		bus_wait(f->world, "degraded", [&, node = node, events = events] {
			return bus_node_heard(node, CS_CLUSTER_DEGRADED, events) &&
			       bus_node_heard(node, CS_CLUSTER_MISSED, events);
		});
	assert_string_equal(redis_command(f->server, {"ZCARD", "chatserverd:nodes"}).c_str(), "2");
	/* Who comes meanwhile is told as well. */
	bus_node *late = new_node_up(f, quick);

	assert_true(bus_node_heard(late, CS_CLUSTER_DEGRADED));
	assert_false(bus_node_heard(late, CS_CLUSTER_WHOLE));
	bus_wait(f->world, "whole", [&] {
		return bus_node_heard(a, CS_CLUSTER_WHOLE, events_a) && bus_node_heard(c, CS_CLUSTER_WHOLE, events_c) &&
		       bus_node_heard(late, CS_CLUSTER_WHOLE);
	});
	assert_int_equal(
		std::count(a->events.begin() + static_cast<ptrdiff_t>(events_a), a->events.end(), CS_CLUSTER_DEGRADED),
		1);
}

static void a_node_whose_lease_lapsed_claims_again(void **state)
{
	fixture *f = fixture_of(state);
	const options quick = {{"lease", "1s"}};
	bus_node *a = new_node_up(f, quick), *b = new_node_up(f, quick);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(a, 8, conn_a, 1), 0);
	/* As if it had stood still. */
	(void)redis_command(f->server,
	                    {"ZREM", "chatserverd:nodes", check_format("%012llx", (unsigned long long)a->address)});
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), 0);
	wait_epoch(a, 2);
	assert_true(is_closed(a, 7, conn_a));
	assert_int_equal(a->closed.size(), 1);
	assert_int_equal(b->closed.size(), 0);
	assert_string_equal(key_of(f, 7).c_str(), value_of(b, conn_b, 2, 'L').c_str());
	assert_string_equal(key_of(f, 8).c_str(), value_of(a, conn_a, 1, 'L').c_str());
}

static void who_left_meanwhile_is_not_brought_back_by_a_node_that_returns(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	(void)redis_command(f->server,
	                    {"ZREM", "chatserverd:nodes", check_format("%012llx", (unsigned long long)a->address)});
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), 0);
	b->driver->ending(b->bus, 7, 0, conn_b);
	b->driver->release(b->bus, 7, 0, conn_b);
	settle(b);
	assert_string_equal(bus_node_presence(b, {7}).c_str(), "0");
	wait_epoch(a, 2);
	assert_true(is_closed(a, 7, conn_a));
	assert_string_equal(bus_node_presence(b, {7}).c_str(), "0");
	assert_int_equal(bus_node_claim(b, 7, conn_b, 3), 0);
}

static void keys_are_kept_alive_and_made_again(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"lease", "1s"}}), *b = new_node_up(f);

	for (cs_account account = 7; account <= 9; account++)
		assert_int_equal(bus_node_claim(a, account, conn_a, 1), 0);
	(void)redis_command(f->server, {"EXPIRE", "chatserverd:d:7", "100"});
	(void)redis_command(f->server, {"DEL", "chatserverd:d:8"});
	set_key(f, 9, value_of(b, conn_b, 2, 'L'));
	bus_wait(f->world, "close", [&] { return is_closed(a, 9, conn_a); });
	bus_wait(f->world, "a new key", [&] { return key_of(f, 8) == value_of(a, conn_a, 1, 'L'); });
	bus_wait(f->world, "a longer life", [&] {
		return atoi(redis_command(f->server, {"TTL", "chatserverd:d:7"}).c_str()) > 800;
	});
	assert_string_equal(key_of(f, 9).c_str(), value_of(b, conn_b, 2, 'L').c_str());
	assert_int_equal(a->epochs.size(), 1);
}

static void a_node_may_end_with_calls_under_way(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);
	const struct cs_bus_session session = {7, conn_a, 1};
	bus_outcome claim;

	redis_signal(f->server, SIGSTOP);
	a->driver->claim(a->bus, &session, 0, bus_done, &claim);
	bus_node_put(a, 8, "x");
	bus_world_turn(f->world);
	bus_node_kill(a);
	assert_int_equal(claim.done, 0);
}

static void a_goodbye_to_a_frozen_redis_comes_to_an_end(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f, {{"watchdog", "3s"}});

	redis_signal(f->server, SIGSTOP);
	bus_node_leave(a);
	redis_signal(f->server, SIGCONT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(subscriptions_that_redis_drops_begin_an_epoch),
		REDIS_TEST(command_connections_that_redis_drops_begin_an_epoch),
		REDIS_TEST(a_node_that_comes_makes_the_others_look),
		REDIS_TEST(while_redis_is_away_everybody_is_let_in),
		REDIS_TEST(a_redis_that_comes_back_empty_is_told_everything),
		REDIS_TEST(of_two_sessions_made_alone_the_later_login_stays),
		REDIS_TEST(calls_under_way_end_when_redis_dies),
		REDIS_TEST(a_frozen_redis_is_noticed),
		REDIS_TEST(a_quiet_redis_is_not_taken_for_a_dead_one),
		REDIS_TEST(each_sign_of_life_that_comes_back_is_told),
		REDIS_TEST(a_node_that_stood_still_does_not_take_redis_for_silent),
		REDIS_TEST(a_queue_that_grows_too_long_ends_the_epoch),
		REDIS_TEST(answers_that_redis_is_too_slow_for_do_not_end_the_epoch),
		REDIS_TEST(what_the_server_had_no_room_for_makes_the_others_look),
		REDIS_TEST(casual_data_and_questions_make_room_first),
		REDIS_TEST(a_piece_of_the_greatest_length_is_sent_even_if_it_is_casual),
		REDIS_TEST(what_redis_is_too_slow_for_makes_the_others_look),
		REDIS_TEST(scripts_that_redis_forgot_are_loaded_again),
		REDIS_TEST(a_replica_is_waited_out),
		REDIS_TEST(a_full_redis_is_waited_out),
		REDIS_TEST(a_server_that_says_nothing_is_given_up),
		REDIS_TEST(a_name_that_does_not_exist_holds_nobody_up),
		REDIS_TEST(a_name_is_as_good_as_an_address),
		REDIS_TEST(a_node_that_fell_silent_makes_the_others_look),
		REDIS_TEST(a_node_whose_lease_lapsed_claims_again),
		REDIS_TEST(who_left_meanwhile_is_not_brought_back_by_a_node_that_returns),
		REDIS_TEST(keys_are_kept_alive_and_made_again),
		REDIS_TEST(a_node_may_end_with_calls_under_way),
		REDIS_TEST(a_goodbye_to_a_frozen_redis_comes_to_an_end),
		REDIS_TEST(a_goodbye_before_all_is_claimed_again_makes_the_others_look),
	};

	return cmocka_run_group_tests_name("bus_redis_trouble", tests, nullptr, nullptr);
}
