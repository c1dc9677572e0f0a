/* SPDX-License-Identifier: MIT
 * Tests bus_redis while nothing fails: claims, messages, presence, options. Faults are in
 * test_bus_redis_trouble.cpp. */
#include <algorithm>
#include <csignal>

#include "test_bus_redis.h"

static constexpr cs_conn conn_a = UINT64_C(0xffffffffffffff01), conn_b = UINT64_C(0xffffffffffffff02);

/* ---- claims */

static void an_account_nobody_has_is_granted(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_a, 1, 'L').c_str());
	assert_true(atoi(redis_command(f->server, {"TTL", "chatserverd:d:7"}).c_str()) > 800);
}

static void an_account_that_is_online_elsewhere_is_refused(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), CS_EEXIST);
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_a, 1, 'L').c_str());
	bus_world_run(f->world, 50);
	assert_int_equal(a->closed.size(), 0);
	/* What was refused is held no more: its release changes nothing. */
	b->driver->release(b->bus, 7, 0, conn_b);
	settle(b);
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_a, 1, 'L').c_str());
}

static void a_session_that_is_ending_is_worth_waiting_for(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	a->driver->ending(a->bus, 7, 0, conn_a);
	settle(a);
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_a, 1, 'E').c_str());
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2, CS_CLAIM_KICK), CS_EAGAIN);
	a->driver->release(a->bus, 7, 0, conn_a);
	settle(a);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), 0);
	assert_int_equal(a->closed.size(), 0);
}

static void a_kick_tells_the_other_node_to_close_that_session(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2, CS_CLAIM_KICK), CS_EEXIST);
	bus_wait(f->world, "close", [&] { return !a->closed.empty(); });
	assert_int_equal(a->closed[0].first, 7);
	assert_true(a->closed[0].second == conn_a);
	a->driver->ending(a->bus, 7, 0, conn_a);
	a->driver->release(a->bus, 7, 0, conn_a);
	settle(a);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2, CS_CLAIM_KICK), 0);
}

static void a_refusal_asks_the_other_node_to_probe_that_session(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), CS_EEXIST);
	bus_wait(f->world, "probe", [&] { return !a->probed.empty(); });
	assert_int_equal(a->probed[0].account, 7);
	assert_true(a->probed[0].conn == conn_a);
	assert_true(a->probed[0].asker == b->address);
	assert_true(a->closed.empty());
	/* What it says to that goes to who asked. */
	bus_node_put_to(a, a->probed[0].asker, "proof");
	a->driver->flush(a->bus);
	bus_wait(f->world, "proof", [&] { return !b->arrived.empty(); });
	assert_string_equal(b->arrived[0].c_str(), "proof");
	/* An ending one is not asked. */
	a->driver->ending(a->bus, 7, 0, conn_a);
	settle(a);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), CS_EAGAIN);
	settle(a);
	assert_int_equal(a->probed.size(), 1);
}

/* As after a claim that the node gave up while Redis did not answer. */
static void a_place_that_its_node_knows_nothing_of_is_given_up_when_it_is_to_be_probed(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	set_key(f, 7, value_of(a, conn_a, 1, 'L'));
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), CS_EEXIST);
	bus_wait(f->world, "release", [&] { return key_of(f, 7).starts_with("0:"); });
	assert_true(a->probed.empty());
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), 0);
}

static void a_lower_generation_replaces_nothing_that_lives(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 5), 0);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 4, CS_CLAIM_KICK), CS_EINVAL);
	bus_world_run(f->world, 50);
	assert_int_equal(a->closed.size(), 0);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 4), CS_EINVAL);
	/* One that is gone keeps nobody out: the store may have been set back. */
	kill_node(f, a);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 4), 0);
}

static void a_node_takes_its_own_place_again(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(a, 7, conn_b, 2), 0);
	a->driver->release(a->bus, 7, 0, conn_a);
	settle(a);
	assert_string_equal(key_of(f, 7).c_str(), value_of(a, conn_b, 2, 'L').c_str());
}

static void the_people_of_a_node_that_was_killed_are_free_at_once(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	kill_node(f, a);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), 0);
}

static void the_people_of_a_node_without_lease_are_free(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), CS_EEXIST);
	(void)redis_command(f->server,
	                    {"ZREM", "chatserverd:nodes", check_format("%012llx", (unsigned long long)a->address)});
	assert_string_equal(bus_node_presence(b, {7}).c_str(), "0");
	bus_node_send(b, 7, "hello");
	assert_int_equal(bus_node_claim(b, 7, conn_b, 2), 0);
}

static bool is_alone(const bus_node *node, cs_account account, uint64_t device, bool alone)
{
	const auto at = node->alone.find({account, device});

	return at != node->alone.end() && at->second == alone;
}

static void each_device_of_an_account_is_claimed_for_itself(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim_device(a, 7, 0, conn_a, 1), 0);
	assert_int_equal(bus_node_claim_device(b, 7, 1, conn_b, 2), 0);
	assert_int_equal(bus_node_claim_device(b, 7, 0, conn_b + 1, 3), CS_EEXIST);
	/* Generations are compared by device. */
	assert_int_equal(bus_node_claim_device(a, 7, 2, conn_a + 1, 1), 0);
	assert_string_equal(key_of(f, 7, 1).c_str(), value_of(b, conn_b, 2, 'L').c_str());
	assert_string_equal(
		bus_node_presence(a, {7, 7, 7, 7}, std::source_location::current(), {0, 1, 3, CS_EVERY_DEVICE}).c_str(),
		"1101");
	a->driver->release(a->bus, 7, 0, conn_a);
	a->driver->release(a->bus, 7, 2, conn_a + 1);
	settle(a);
	assert_string_equal(bus_node_presence(a, {7, 7}, std::source_location::current(), {0, CS_EVERY_DEVICE}).c_str(),
	                    "01");
	b->driver->release(b->bus, 7, 1, conn_b);
	settle(b);
	assert_string_equal(bus_node_presence(a, {7}).c_str(), "0");
}

static void a_node_with_several_sessions_of_an_account_gets_a_piece_once(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f), *c = new_node_up(f);

	assert_int_equal(bus_node_claim_device(a, 7, 0, conn_a, 1), 0);
	assert_int_equal(bus_node_claim_device(a, 7, 1, conn_a + 1, 2), 0);
	assert_int_equal(bus_node_claim_device(b, 7, 2, conn_b, 3), 0);
	bus_node_send(c, 7, "all");
	bus_node_put(c, 7, "two", 0, 2);
	bus_node_put(c, 7, "three", 0, 3);
	bus_node_send(c, 7, "end");
	bus_wait(f->world, "the end", [&] {
		return !a->arrived.empty() && a->arrived.back() == "end" && !b->arrived.empty() &&
		       b->arrived.back() == "end";
	});
	assert_true(a->arrived == std::vector<std::string>({"all", "end"}));
	assert_true(b->arrived == std::vector<std::string>({"all", "two", "end"}));
}

static void a_session_is_told_whether_others_of_its_account_are_elsewhere(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim_device(a, 7, 0, conn_a, 1), 0);
	assert_true(is_alone(a, 7, 0, true));
	assert_int_equal(bus_node_claim_device(a, 7, 1, conn_a + 1, 2), 0);
	assert_true(is_alone(a, 7, 1, true));
	assert_int_equal(bus_node_claim_device(b, 7, 2, conn_b, 3), 0);
	assert_true(is_alone(b, 7, 2, false));
	bus_wait(f->world, "company", [&] { return is_alone(a, 7, 0, false) && is_alone(a, 7, 1, false); });
	/* One of two on a node: the other is still there. */
	a->driver->release(a->bus, 7, 1, conn_a + 1);
	settle(a);
	bus_world_run(f->world, 50);
	assert_true(is_alone(b, 7, 2, false));
	b->driver->release(b->bus, 7, 2, conn_b);
	bus_wait(f->world, "alone again", [&] { return is_alone(a, 7, 0, true); });
	/* A word about an earlier session of the connection is none of this one. */
	a->driver->release(a->bus, 7, 0, conn_a);
	assert_int_equal(bus_node_claim_device(a, 7, 0, conn_a, 4), 0);
	assert_true(is_alone(a, 7, 0, true));
}

static void a_node_that_comes_back_tells_the_others_of_its_sessions(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim_device(a, 7, 0, conn_a, 1), 0);
	/* Nobody in Redis knows of it, as after a lapse. */
	(void)redis_command(f->server, {"DEL", "chatserverd:d:7"});
	assert_int_equal(bus_node_claim_device(b, 7, 1, conn_b, 2), 0);
	assert_true(is_alone(b, 7, 1, true));
	const size_t epochs = a->epochs.size();
	(void)redis_command(f->server, {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"});
	bus_wait(f->world, "a new epoch", [&] { return a->epochs.size() > epochs && a->address != 0; });
	bus_wait(f->world, "company", [&] { return is_alone(b, 7, 1, false) && is_alone(a, 7, 0, false); });
}

static void only_the_owner_gives_a_place_up(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f), *b = new_node_up(f);

	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	/* Another node has taken it over, as after a lapse that this one has not noticed. */
	const std::string others = value_of(b, conn_b, 2, 'L');

	set_key(f, 7, others);
	a->driver->ending(a->bus, 7, 0, conn_a);
	a->driver->release(a->bus, 7, 0, conn_a);
	settle(a);
	assert_string_equal(key_of(f, 7).c_str(), others.c_str());
}

static void a_value_that_is_no_session_counts_as_none(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);

	(void)redis_command(f->server, {"SET", "chatserverd:d:7", "nonsense"});
	(void)redis_command(f->server, {"LPUSH", "chatserverd:d:8", "a list"});
	assert_string_equal(bus_node_presence(a, {7, 8}).c_str(), "00");
	bus_node_send(a, 8, "hello");
	assert_int_equal(bus_node_claim(a, 7, conn_a, 1), 0);
	assert_int_equal(bus_node_claim(a, 8, conn_b, 1), 0);
	assert_string_equal(bus_node_presence(a, {7, 8}).c_str(), "11");
}

static void of_devices_that_went_only_the_newest_are_remembered(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *a = new_node_up(f);
	std::vector<std::string> command = {"HSET", "chatserverd:d:7"};

	for (int device = 1; device <= 100; device++) {
		command.push_back(std::to_string(device));
		command.push_back(
			check_format("0:1:%d:L:%lld", device, static_cast<long long>(time(nullptr)) - 100 + device));
	}
	(void)redis_command(f->server, command);
	assert_int_equal(bus_node_claim_device(a, 7, 101, conn_a, 101), 0);
	assert_int_equal(atoi(redis_command(f->server, {"HLEN", "chatserverd:d:7"}).c_str()), 65);
	assert_string_equal(key_of(f, 7, 36).c_str(), "");
	assert_string_equal(key_of(f, 7, 37).c_str(), "0:1:37:L");
	assert_string_equal(key_of(f, 7, 101).c_str(), value_of(a, conn_a, 101, 'L').c_str());
}

static void of_two_nodes_that_claim_at_once_one_wins(void **state)
{
	fixture *f = fixture_of(state);
	bus_node *nodes[2] = {new_node_up(f), new_node_up(f)};

	for (cs_account account = 1; account <= 1000; account++) {
		bus_outcome outcomes[2];

		for (unsigned i = 0; i < 2; i++) {
			const struct cs_bus_session session = {account, i + 1, i + 1};

			nodes[i]->driver->claim(nodes[i]->bus, &session, 0, bus_done, &outcomes[i]);
		}
		bus_wait(f->world, "both", [&] { return outcomes[0].done && outcomes[1].done; });
		/* A higher generation may not take the place of one that lives, a lower one finds it
		 * taken. */
		assert_int_equal((outcomes[0].result == 0) + (outcomes[1].result == 0), 1);
	}
}

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
		REDIS_TEST(an_account_nobody_has_is_granted),
		REDIS_TEST(an_account_that_is_online_elsewhere_is_refused),
		REDIS_TEST(each_device_of_an_account_is_claimed_for_itself),
		REDIS_TEST(a_node_with_several_sessions_of_an_account_gets_a_piece_once),
		REDIS_TEST(a_session_is_told_whether_others_of_its_account_are_elsewhere),
		REDIS_TEST(a_node_that_comes_back_tells_the_others_of_its_sessions),
		REDIS_TEST(a_session_that_is_ending_is_worth_waiting_for),
		REDIS_TEST(a_kick_tells_the_other_node_to_close_that_session),
		REDIS_TEST(a_refusal_asks_the_other_node_to_probe_that_session),
		REDIS_TEST(a_place_that_its_node_knows_nothing_of_is_given_up_when_it_is_to_be_probed),
		REDIS_TEST(a_lower_generation_replaces_nothing_that_lives),
		REDIS_TEST(a_node_takes_its_own_place_again),
		REDIS_TEST(the_people_of_a_node_that_was_killed_are_free_at_once),
		REDIS_TEST(the_people_of_a_node_without_lease_are_free),
		REDIS_TEST(only_the_owner_gives_a_place_up),
		REDIS_TEST(a_value_that_is_no_session_counts_as_none),
		REDIS_TEST(of_devices_that_went_only_the_newest_are_remembered),
		REDIS_TEST(of_two_nodes_that_claim_at_once_one_wins),
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
		REDIS_TEST(a_goodbye_without_redis_is_said_at_once),
	};

	return cmocka_run_group_tests_name("bus_redis", tests, nullptr, nullptr);
}
