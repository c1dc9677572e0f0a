/* SPDX-License-Identifier: MIT
 * Tests the claims of bus_redis while nothing fails. Faults are in test_bus_redis_trouble.cpp. */
#include "test_bus_redis.h"

static constexpr cs_conn conn_a = UINT64_C(0xffffffffffffff01), conn_b = UINT64_C(0xffffffffffffff02);

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
	bus_wait(f->world, "not alone", [&] { return is_alone(a, 7, 0, false) && is_alone(a, 7, 1, false); });
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
	bus_wait(f->world, "not alone", [&] { return is_alone(b, 7, 1, false) && is_alone(a, 7, 0, false); });
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
	};

	return cmocka_run_group_tests_name("bus_redis claims", tests, nullptr, nullptr);
}
