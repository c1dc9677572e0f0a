/* SPDX-License-Identifier: MIT
 * Tests the sessions of a node in a cluster: claims of one account at the same time, the order in which the bus hears
 * of them, who is online. The test plays the other nodes. */
#include "tests/support/host_cluster.h"

#include <algorithm>

#include "core/plugin/host.h"

/* ---- several claims of this node */

static void a_second_claim_waits_for_what_becomes_of_the_first(void **state)
{
	struct test *t = test_of(state);
	const cs_conn first = connect_one(t), second = connect_one(t);

	keep_claims(t, true);
	claim(t, first, 7);
	claim(t, second, 7);
	wait_kept(t, 1);
	assert_trace(t, "claim:7 ");
	assert_true(t->claims.empty());
	fake_bus_answer(t->bus.get(), 0);
	wait_claims(t, {{first, 0}, {second, CS_EEXIST}});
	assert_trace(t, "claim:7 ");
}

static void a_second_claim_has_its_turn_when_the_first_came_to_nothing(void **state)
{
	struct test *t = test_of(state);
	const cs_conn first = connect_one(t), second = connect_one(t);

	keep_claims(t, true);
	claim(t, first, 7);
	claim(t, second, 7);
	wait_kept(t, 1);
	close_conn(t, first);
	fake_bus_answer(t->bus.get(), 0);
	wait_kept(t, 1);
	assert_trace(t, "claim:7 release:7 claim:7 ");
	fake_bus_answer(t->bus.get(), 0);
	wait_claims(t, {{first, CS_ENOENT}, {second, 0}});
	assert_int_equal(find(t, second)->account, 7);
}

static void a_kick_waits_for_the_first_claim_and_then_takes_its_place(void **state)
{
	struct test *t = test_of(state);
	const cs_conn first = connect_one(t), second = connect_one(t);

	keep_claims(t, true);
	claim(t, first, 7, CS_CLAIM_KICK);
	claim(t, second, 7, CS_CLAIM_KICK);
	wait_kept(t, 1);
	assert_non_null(find(t, first));
	keep_claims(t, false);
	fake_bus_answer(t->bus.get(), 0);
	wait_claims(t, {{first, 0}, {second, 0}});
	assert_null(find(t, first));
	assert_int_equal(find(t, second)->account, 7);
	assert_trace(t, "kick:7 ending:7 release:7 kick:7 ");
}

static void a_login_that_was_overtaken_here_does_not_replace_the_later_one(void **state)
{
	struct test *t = test_of(state);
	const cs_conn older = connect_one(t), later = connect_one(t);

	claim(t, later, 7, CS_CLAIM_KICK, 6);
	wait_claims(t, {{later, 0}});
	claim(t, older, 7, CS_CLAIM_KICK, 5);
	wait_claims(t, {{later, 0}, {older, CS_EEXIST}});
	assert_int_equal(find(t, later)->account, 7);
	claim(t, older, 7, CS_CLAIM_KICK, 7);
	wait_claims(t, {{later, 0}, {older, CS_EEXIST}, {older, 0}});
	assert_null(find(t, later));
	assert_int_equal(find(t, older)->account, 7);
}

static void many_claims_at_once_leave_one_session(void **state)
{
	struct test *t = test_of(state);
	size_t granted = 0;

	answer_claims(t, {CS_EEXIST, CS_EAGAIN, CS_EEXIST}, 0);
	for (int i = 0; i < 9; i++)
		claim(t, connect_one(t), 7, i % 2 != 0 ? CS_CLAIM_KICK : 0);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->claims.size() == 9; }));
	for (const auto &[conn, result] : t->claims)
		granted += find(t, conn) != nullptr && find(t, conn)->account == 7;
	assert_int_equal(granted, 1);
	assert_int_equal(session_count(t->f->shared.sessions), 1);
	/* As many of them were given back as were taken and are not there any more. */
	assert_int_equal(count_calls(t, "ending:7"), count_calls(t, "release:7"));
}

/* ---- the end of a session */

static void the_cluster_hears_of_an_end_in_its_order(void **state)
{
	struct test *t = test_of(state);
	const cs_conn first = connect_one(t), second = connect_one(t);

	t->f->closed_answer = CS_PENDING;
	claim(t, first, 7);
	wait_claims(t, {{first, 0}});
	assert_int_equal(host_table.logout(self_of(t), first), 0);
	worker_fixture_turn(t->f.get());
	claim(t, second, 7);
	worker_fixture_turn(t->f.get());
	assert_trace(t, "claim:7 ending:7 ");
	assert_int_equal(t->bus->conn, first);
	t->f->closed_answer = 0;
	host_table.release(self_of(t), 7, 0);
	wait_claims(t, {{first, 0}, {second, 0}});
	assert_trace(t, "claim:7 ending:7 release:7 claim:7 ");
	close_conn(t, second);
	assert_trace(t, "claim:7 ending:7 release:7 claim:7 ending:7 release:7 ");
	assert_int_equal(t->bus->conn, second);
}

static void another_node_can_close_a_session_but_not_the_next_one_of_its_connection(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	claim(t, conn, 7);
	wait_claims(t, {{conn, 0}});
	assert_int_equal(host_table.logout(self_of(t), conn), 0);
	worker_fixture_turn(t->f.get());
	claim(t, conn, 8);
	wait_claims(t, {{conn, 0}, {conn, 0}});
	fake_bus_close_session(t->bus.get(), 7, conn);
	fake_bus_close_session(t->bus.get(), 8, conn + (UINT64_C(200) << 24));
	worker_fixture_turn(t->f.get());
	assert_non_null(find(t, conn));
	fake_bus_close_session(t->bus.get(), 8, conn);
	worker_fixture_turn(t->f.get());
	assert_null(find(t, conn));
	assert_int_equal(session_count(t->f->shared.sessions), 0);
}

/* ---- presence */

static void note_presence(void *, cs_conn, int result, void *arg)
{
	auto *t = static_cast<struct test *>(arg);

	t->presences++;
	t->presence_result = result;
}

static std::string ask_presence(struct test *t, const std::vector<cs_account> &accounts, int result = 0)
{
	std::vector<unsigned char> online(accounts.size(), 9);
	const int before = t->presences;
	std::string text;

	assert_int_equal(
		host_table.presence(self_of(t), 0, accounts.data(), online.data(), accounts.size(), note_presence, t),
		0);
	assert_int_equal(t->presences, before);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->presences > before; }));
	assert_int_equal(t->presence_result, result);
	for (const unsigned char is_online : online)
		text += static_cast<char>('0' + is_online);
	return text;
}

static void who_is_online_is_known_from_here_and_from_the_cluster(void **state)
{
	struct test *t = test_of(state);
	const cs_conn here = connect_one(t), asking = connect_one(t);

	claim(t, here, 7);
	wait_claims(t, {{here, 0}});
	keep_claims(t, true);
	claim(t, asking, 8);
	wait_kept(t, 1);
	{
		std::scoped_lock lock(t->bus->mutex);
		t->bus->online = {21, 23};
	}
	assert_string_equal(ask_presence(t, {21, 7, 22, 23, 8}).c_str(), "11010");
	assert_trace(t, "claim:7 claim:8 presence:4 ");
	assert_string_equal(ask_presence(t, {7, 7}).c_str(), "11");
	assert_string_equal(ask_presence(t, {}).c_str(), "");
	assert_trace(t, "claim:7 claim:8 presence:4 ");
	fake_bus_answer(t->bus.get(), 0);
	wait_claims(t, {{here, 0}, {asking, 0}});
	assert_string_equal(ask_presence(t, {8}).c_str(), "1");
}

static void without_the_bus_only_this_node_counts(void **state)
{
	struct test *t = test_of(state);
	const cs_conn here = connect_one(t);

	claim(t, here, 7);
	wait_claims(t, {{here, 0}});
	{
		std::scoped_lock lock(t->bus->mutex);
		t->bus->online = {21};
		t->bus->is_away = true;
	}
	assert_string_equal(ask_presence(t, {21, 7}, CS_ENOENT).c_str(), "01");
	assert_string_equal(ask_presence(t, {7}).c_str(), "1");
	fake_bus_stop(t->bus.get());
	assert_string_equal(ask_presence(t, {21, 7}, CS_ENOENT).c_str(), "01");
}

static void whether_a_device_is_online_is_not_guessed_without_the_bus(void **state)
{
	struct test *t = test_of(state);
	const uint64_t devices[] = {0, 1};
	const auto ask = [&](const char *expected, int result) {
		unsigned char online[2] = {9, 9};
		const int before = t->presences;

		assert_int_equal(host_table.presence_of(self_of(t), 0, 7, devices, online, 2, note_presence, t), 0);
		assert_true(worker_fixture_wait(t->f.get(), [&] { return t->presences > before; }));
		assert_int_equal(t->presence_result, result);
		assert_int_equal(online[0], expected[0] - '0');
		assert_int_equal(online[1], expected[1] - '0');
	};
	const cs_conn here = connect_one(t);

	claim(t, here, 7);
	wait_claims(t, {{here, 0}});
	ask("10", 0);
	{
		std::scoped_lock lock(t->bus->mutex);
		t->bus->is_away = true;
	}
	ask("10", CS_ENOENT);
}

/* Else it could lose its cursors to a new device in the middle of its login. */
static void a_device_whose_login_is_under_way_is_not_offline(void **state)
{
	struct test *t = test_of(state);
	const cs_conn here = connect_one(t);
	const uint64_t devices[] = {1, 2};
	unsigned char online[2] = {9, 9};

	keep_claims(t, true);
	claim(t, here, 7, CS_CLAIM_KICK, 1, 1);
	wait_kept(t, 1);
	assert_int_equal(host_table.presence_of(self_of(t), 0, 7, devices, online, 2, note_presence, t), 0);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->presences == 1; }));
	assert_int_equal(online[0], 1);
	assert_int_equal(online[1], 0);
	assert_string_equal(ask_presence(t, {7}).c_str(), "0");
	keep_claims(t, false);
	fake_bus_answer(t->bus.get(), 0);
	wait_claims(t, {{here, 0}});
}

static void ten_thousand_accounts_can_be_asked_for_at_once(void **state)
{
	struct test *t = test_of(state);
	std::vector<cs_account> accounts;
	std::string expected;

	for (cs_account account = 1; account <= 10000; account++) {
		accounts.push_back(account);
		expected += account % 3 == 0 ? '1' : '0';
		if (account % 3 == 0)
			t->bus->online.insert(account);
	}
	assert_true(ask_presence(t, accounts) == expected);
}

/* ---- the end of the node */

static void what_still_waits_when_the_node_stops_is_answered(void **state)
{
	struct test *t = test_of(state);
	const cs_conn held = connect_one(t), waiting = connect_one(t), asking = connect_one(t);

	t->f->closed_answer = CS_PENDING;
	claim(t, held, 7);
	wait_claims(t, {{held, 0}});
	close_conn(t, held);
	claim(t, waiting, 7);
	answer_claims(t, {}, CS_EAGAIN);
	claim(t, asking, 8);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return count_calls(t, "claim:8") >= 2; }));
	fake_bus_stop(t->bus.get());
	loop_drain(&t->f->worker->loop);
	assert_int_equal(t->claims.size(), 1);
	host_claim_cancel_all(&t->f->shared);
	std::sort(t->claims.begin() + 1, t->claims.end());
	claim_results expected = {{waiting, CS_ECANCELED}, {asking, CS_ECANCELED}};
	std::sort(expected.begin(), expected.end());
	expected.insert(expected.begin(), {held, 0});
	assert_true(t->claims == expected);
	/* Nobody is woken who is no more, and the reserved place is free. */
	host_table.release(self_of(t), 7, 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->claims.size(), 3);
	assert_int_equal(session_count(t->f->shared.sessions), 0);
}

static void each_device_is_claimed_and_released_for_itself(void **state)
{
	struct test *t = test_of(state);
	const cs_conn plain = connect_one(t), phone = connect_one(t), next = connect_one(t);

	claim(t, plain, 7);
	wait_claims(t, {{plain, 0}});
	claim(t, phone, 7, CS_CLAIM_KICK, 2, 1);
	wait_claims(t, {{plain, 0}, {phone, 0}});
	assert_trace(t, "claim:7 kick:7/1 ");
	/* The same device again: the older session ends first; that of device 0 stays. */
	claim(t, next, 7, CS_CLAIM_KICK, 3, 1);
	wait_claims(t, {{plain, 0}, {phone, 0}, {next, 0}});
	assert_trace(t, "claim:7 kick:7/1 ending:7/1 release:7/1 kick:7/1 ");
	assert_null(find(t, phone));
	assert_true(is_located(t, 7, 0) && is_located(t, 7, 1));
	/* Another node asks for one of them. */
	fake_bus_close_session(t->bus.get(), 7, next, 0); /* of another device: not this one */
	fake_bus_close_session(t->bus.get(), 7, next, 1);
	assert_true(worker_fixture_wait(t->f.get(), [=] { return !is_located(t, 7, 1); }));
	assert_true(is_located(t, 7, 0));
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(each_device_is_claimed_and_released_for_itself),
		TEST(a_second_claim_waits_for_what_becomes_of_the_first),
		TEST(a_second_claim_has_its_turn_when_the_first_came_to_nothing),
		TEST(a_kick_waits_for_the_first_claim_and_then_takes_its_place),
		TEST(a_login_that_was_overtaken_here_does_not_replace_the_later_one),
		TEST(many_claims_at_once_leave_one_session),
		TEST(the_cluster_hears_of_an_end_in_its_order),
		TEST(another_node_can_close_a_session_but_not_the_next_one_of_its_connection),
		TEST(who_is_online_is_known_from_here_and_from_the_cluster),
		TEST(without_the_bus_only_this_node_counts),
		TEST(whether_a_device_is_online_is_not_guessed_without_the_bus),
		TEST(a_device_whose_login_is_under_way_is_not_offline),
		TEST(ten_thousand_accounts_can_be_asked_for_at_once),
		TEST(what_still_waits_when_the_node_stops_is_answered),
	};

	return cmocka_run_group_tests_name("host_cluster_sessions", tests, nullptr, nullptr);
}
