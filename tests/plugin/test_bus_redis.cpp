/* SPDX-License-Identifier: MIT
 * Tests bus_redis while nothing fails: messages, presence, options. Claims are in test_bus_redis_claim.cpp, faults in
 * test_bus_redis_trouble.cpp. */
#include <algorithm>

#include "test_bus_redis.h"

static constexpr cs_conn conn_a = UINT64_C(0xffffffffffffff01), conn_b = UINT64_C(0xffffffffffffff02);

/* ---- messages */

static void a_message_reaches_the_node_that_has_the_account(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f), *c = new_node_up(f);
	const std::string binary("\0\r\n$5\r\n*\xff", 9);

	assert_int_equal(bus_node_claim(b, 7, conn_b, 1), 0);
	bus_node_send(a, 7, binary);
	bus_wait(f->world, "message", [&] { return !b->arrived.empty(); });
	assert_true(b->arrived[0] == binary);
	bus_node_send(a, 7, "");
	bus_wait(f->world, "message", [&] { return b->arrived.size() == 2; });
	assert_int_equal(a->arrived.size() + c->arrived.size(), 0);
}

static void what_nobody_can_take_goes_nowhere(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f), *c = new_node_up(f);

	assert_int_equal(bus_node_claim(b, 7, conn_b, 1), 0);
	assert_int_equal(bus_node_claim(b, 8, conn_b, 1), 0);
	assert_int_equal(bus_node_claim(a, 9, conn_a, 1), 0);
	b->driver->ending(b->bus, 8, 0, conn_b);
	settle(b);
	bus_node_put(a, 6, "nobody's");
	bus_node_put(a, 8, "ending");
	/* It is here: that has to be looked for here. */
	bus_node_put(a, 9, "own");
	bus_node_put(a, 7, "good");
	bus_wait(f->world, "message", [&] { return !b->arrived.empty(); });
	assert_string_equal(b->arrived[0].c_str(), "good");
	kill_node(f, b);
	bus_node_send(a, 7, "to the dead");
	bus_world_run(f->world, 50);
	assert_int_equal(a->arrived.size() + c->arrived.size(), 0);
	assert_int_equal(a->dropped, 0);
}

static std::string number_text(int number)
{
	return check_format("%06d", number);
}

static void messages_arrive_in_the_order_in_which_they_were_sent(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f), *c = new_node_up(f);
	std::vector<std::string> expected_b, expected_c;

	assert_int_equal(bus_node_claim(b, 7, conn_b, 1), 0);
	assert_int_equal(bus_node_claim(c, 8, conn_b, 1), 0);
	for (int i = 0; i < 3000; i++) {
		const std::string text = number_text(i);
		bus_node *to = i % 3 ? b : c;

		(to == b ? expected_b : expected_c).push_back(text);
		if (i % 7 == 0) {
			(to == b ? expected_c : expected_b).push_back(text);
			bus_node_put_all(a, text);
		} else if (i % 5 == 0) {
			bus_node_put_to(a, to->address, text);
		} else {
			bus_node_put(a, to == b ? 7 : 8, text);
		}
		if (i % 100 == 0)
			bus_world_turn(f->world, 0);
	}
	bus_wait(f->world, "messages",
	         [&] { return b->arrived.size() >= expected_b.size() && c->arrived.size() >= expected_c.size(); });
	assert_true(b->arrived == expected_b);
	assert_true(c->arrived == expected_c);
	assert_int_equal(a->arrived.size(), 0);
}

static void what_is_sent_to_all_comes_once_and_not_back(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f), *c = new_node_up(f);

	bus_node_put_all(a, "one");
	bus_node_put_all(a, "two");
	bus_wait(f->world, "messages", [&] { return b->arrived.size() >= 2 && c->arrived.size() >= 2; });
	bus_world_run(f->world, 50);
	assert_true(b->arrived == (std::vector<std::string>{"one", "two"}));
	assert_true(c->arrived == b->arrived);
	assert_int_equal(a->arrived.size(), 0);
}

static void large_messages_arrive_whole(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);
	const std::string body(100000, 'x'), larger(1000000, 'y');

	assert_int_equal(bus_node_claim(b, 7, conn_b, 1), 0);
	for (int i = 0; i < 30; i++)
		bus_node_put(a, 7, body);
	bus_node_put(a, 7, larger);
	bus_wait(f->world, "messages", [&] { return b->arrived.size() >= 31; });
	for (int i = 0; i < 30; i++)
		assert_true(b->arrived[static_cast<size_t>(i)] == body);
	assert_true(b->arrived[30] == larger);
}

/* In hex to Redis: an argument of a command cannot hold a byte 0. */
static void publish(fixture *f, const std::string &channel, const std::string &bytes)
{
	std::string hex;

	for (const char c : bytes)
		hex += check_format("%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
	(void)redis_command(f->server,
	                    {"EVAL",
	                     "local bytes = string.gsub(ARGV[2], '..', function(hex) return "
	                     "string.char(tonumber(hex, 16)) end) return redis.call('PUBLISH', ARGV[1], bytes)",
	                     "0", channel, hex});
}

static void garbage_on_a_channel_is_dropped_and_logged_once(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);
	const std::string inbox = check_format("chatserverd:0:in:%012llx", (unsigned long long)a->address);
	const std::string address("\x02\x01\x02\x03\x04\x05\x06", 7);
	const std::string bad[] = {
		"x",
		"hello, world",
		address + "\x01",
		address + std::string(200, '\x7f'),
		address + std::string("\x0f\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16), /* too small, */
		address + std::string("\x11\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16), /* too large, */
		address + std::string("\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16), /* of no kind, */
		address + std::string("\x10\0\0\0\x7f\0\0\0\0\0\0\0\0\0\0\0", 16), /* of no known one, */
		address + std::string("\x11\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0", 16) + "x", /* no session */
		"\x02" + address,
		"\x01\x01\x02\x03\x04\x05\x06",
	};

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	for (const std::string &text : bad) {
		publish(f, inbox, text);
		publish(f, "chatserverd:0:all", text);
	}
	bus_node_send(b, 7, "good");
	bus_wait(f->world, "message", [&] { return !a->arrived.empty(); });
	assert_int_equal(a->arrived.size(), 1);
	assert_int_equal(a->closed.size(), 0);
	const size_t first = a->log.find("dropped a message");

	assert_true(first != std::string::npos);
	assert_true(a->log.find("dropped a message", first + 1) == std::string::npos);
}

/* As a later version of the adapter may send it. */
static void a_piece_of_an_unknown_kind_costs_only_itself(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);
	const std::string head("\x02\x01\x02\x03\x04\x05\x06", 7);
	const std::string good("\x11\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0g", 17);
	const std::string unknown("\x11\0\0\0\x45\0\0\0\0\0\0\0\0\0\0\0?", 17);

	publish(f, "chatserverd:0:all", head + good + unknown + good);
	bus_wait(f->world, "both", [&] { return a->arrived.size() == 2; });
	assert_true(a->log.find("dropped a message") != std::string::npos);
}

static void a_message_that_cannot_be_read_makes_this_node_look(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);
	const size_t events = a->events.size();

	publish(f, "chatserverd:0:all", "hello, world");
	bus_wait(f->world, "a look", [&] { return bus_node_heard(a, CS_CLUSTER_MISSED, events); });
	assert_int_equal(a->arrived.size(), 0);
}

static void sends_from_within_an_arrival_go_out(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	b->on_arrived = [](bus_node *node) {
		bus_node_put_all(node, "echo");
	};
	bus_node_put_all(a, "call");
	bus_wait(f->world, "echo", [&] { return !a->arrived.empty(); });
	assert_string_equal(a->arrived[0].c_str(), "echo");
}

/* ---- presence */

static void presence_knows_every_node_that_lives(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);
	std::vector<cs_account> many;
	std::string expected;

	for (cs_account account = 1; account <= 2500; account++) {
		many.push_back(account);
		expected.push_back(account % 100 == 0 ? '1' : '0');
		if (account % 100 == 0)
			assert_int_equal(bus_node_claim(account % 200 ? a : b, account, conn_a, 1), 0);
	}
	assert_string_equal(bus_node_presence(a, many).c_str(), expected.c_str());
	assert_string_equal(bus_node_presence(a, {}).c_str(), "");
	a->driver->ending(a->bus, 100, 0, conn_a);
	settle(a);
	assert_string_equal(bus_node_presence(b, {100, 200, 300}).c_str(), "011");
}

/* ---- options */

static void a_password_opens_redis_and_a_wrong_one_does_not(void **state)
{
	fixture *f = fixture_of(state);

	redis_kill(f->server);
	f->server->password = "open sesame";
	redis_start(f->server);
	bus_node *none = new_node(f), *wrong = new_node(f, {{"password", "wrong"}}),
		 *unknown = new_node(f, {{"user", "nobody"}, {"password", "open sesame"}});
	bus_node *right = new_node_up(f, {{"password", "open sesame"}});
	bus_node *named = new_node_up(f, {{"user", "default"}, {"password", "open sesame"}});

	bus_wait(f->world, "refusals", [&] {
		return none->log.find("NOAUTH") != std::string::npos &&
		       wrong->log.find("WRONGPASS") != std::string::npos &&
		       unknown->log.find("WRONGPASS") != std::string::npos;
	});
	bus_world_run(f->world, 300);
	assert_int_equal(none->address + wrong->address + unknown->address, 0);
	/* One line, however often it tries, and no password in it. */
	assert_int_equal(std::count(wrong->log.begin(), wrong->log.end(), '\n'), 1);
	assert_true(unknown->log.find("sesame") == std::string::npos);
	assert_int_equal(bus_node_claim(right, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(named, 7, conn_b, 2), CS_EEXIST);
	assert_int_equal(bus_node_claim(wrong, 7, conn_b, 2), 0); /* alone */
}

/* As chat.conf(5) says. */
static void an_account_with_few_rights_is_enough(void **state)
{
	fixture *f = fixture_of(state);

	(void)redis_command(f->server,
	                    {"ACL", "SETUSER", "chat", "on", ">secret", "~chatserverd:*", "&chatserverd:*", "+@read",
	                     "+@write", "+@pubsub", "+@scripting", "+@connection", "+time", "-@dangerous"});
	(void)redis_command(f->server, {"ACL", "SETUSER", "default", "resetpass", "off"});
	const options account = {{"user", "chat"}, {"password", "secret"}, {"lease", "1s"}};
	bus_node *a = new_node_up(f, account), *b = new_node_up(f, account);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2, CS_CLAIM_KICK), CS_EEXIST);
	bus_wait(f->world, "close", [&] { return !a->closed.empty(); });
	bus_node_send(b, 7, "hello");
	bus_world_run(f->world, 1000);
	assert_int_equal(a->epochs.size() + b->epochs.size(), 2);
}

static void a_user_without_password_is_refused(void **state)
{
	fixture *f = fixture_of(state);

	assert_string_equal(bus_node_refusal(f->world, {{"user", "me"}}).c_str(), "user: it needs the option password");
}

static void clusters_with_other_names_do_not_meet(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *database = new_node_up(f, {{"database", "3"}}),
		 *prefix = new_node_up(f, {{"prefix", "other"}});

	for (bus_node *node : {a, database, prefix})
		assert_int_equal(bus_node_claim(node, 7, conn_a, 1), 0);
	for (bus_node *node : {a, database, prefix})
		bus_node_put_all(node, "hello");
	assert_int_equal(bus_node_claim(a, 8, conn_a, 1), 0);
	bus_node_send(database, 8, "x");
	bus_node_send(prefix, 8, "x");
	bus_world_run(f->world, 50);
	assert_int_equal(a->arrived.size() + database->arrived.size() + prefix->arrived.size(), 0);
}

static void a_unix_socket_will_do(void **state)
{
	fixture *f = fixture_of(state);
	const std::string path = f->server->folder + "/socket";

	redis_kill(f->server);
	f->server->options = {"--unixsocket", path};
	redis_start(f->server);
	bus_node *a = new_node_up(f, {{"socket", path}}), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), CS_EEXIST);
}

/* ---- goodbye */

static void a_goodbye_gives_everything_up_and_alarms_nobody(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	bus_wait(f->world, "resync of b", [&] { return bus_node_heard(a, CS_CLUSTER_MISSED); });
	const size_t events = b->events.size();

	for (cs_account account = 1; account <= 600; account++)
		assert_int_equal(bus_node_claim(a, account, conn_a, 1), 0);
	bus_node_put_all(a, "last words");
	bus_node_leave(a);
	bus_wait(f->world, "last words", [&] { return !b->arrived.empty(); });
	assert_string_equal(key_of(f, 1).c_str(), check_format("0:%llu:1:L", (unsigned long long)conn_a).c_str());
	assert_string_equal(redis_command(f->server, {"ZCARD", "chatserverd:nodes"}).c_str(), "1");
	assert_string_equal(bus_node_presence(b, {1, 600}).c_str(), "00");
	bus_node_send(b, 600, "hello");
	assert_int_equal(bus_node_claim(b, 600, conn_b, 2), 0);
	bus_world_run(f->world, 300);
	assert_int_equal(b->events.size(), events);
}

static void a_goodbye_tells_who_remains_that_it_is_alone(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);
	const std::pair<cs_account, uint64_t> mine = {7, 2};

	assert_int_equal(bus_node_claim_device(a, 7, 0, conn_a, 1), 0);
	assert_int_equal(bus_node_claim_device(a, 7, 1, conn_a + 1, 2), 0);
	assert_int_equal(bus_node_claim_device(b, 7, 2, conn_b, 3), 0);
	assert_false(b->alone.at(mine));
	bus_node_leave(a);
	bus_wait(f->world, "alone", [&] { return b->alone.at(mine); });
}

static void a_goodbye_without_redis_is_said_at_once(void **state)
{
	fixture *f = fixture_of(state);

	redis_kill(f->server);
	bus_node *a = new_node(f);

	bus_wait(f->world, "a line in the log", [&] { return !a->log.empty(); });
	bus_node_leave(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		REDIS_TEST(a_message_reaches_the_node_that_has_the_account),
		REDIS_TEST(what_nobody_can_take_goes_nowhere),
		REDIS_TEST(messages_arrive_in_the_order_in_which_they_were_sent),
		REDIS_TEST(what_is_sent_to_all_comes_once_and_not_back),
		REDIS_TEST(large_messages_arrive_whole),
		REDIS_TEST(garbage_on_a_channel_is_dropped_and_logged_once),
		REDIS_TEST(a_piece_of_an_unknown_kind_costs_only_itself),
		REDIS_TEST(a_message_that_cannot_be_read_makes_this_node_look),
		REDIS_TEST(sends_from_within_an_arrival_go_out),
		REDIS_TEST(presence_knows_every_node_that_lives),
		REDIS_TEST(a_password_opens_redis_and_a_wrong_one_does_not),
		REDIS_TEST(an_account_with_few_rights_is_enough),
		REDIS_TEST(a_user_without_password_is_refused),
		REDIS_TEST(clusters_with_other_names_do_not_meet),
		REDIS_TEST(a_unix_socket_will_do),
		REDIS_TEST(a_goodbye_gives_everything_up_and_alarms_nobody),
		REDIS_TEST(a_goodbye_tells_who_remains_that_it_is_alone),
		REDIS_TEST(a_goodbye_without_redis_is_said_at_once),
	};

	return cmocka_run_group_tests_name("bus_redis", tests, nullptr, nullptr);
}
