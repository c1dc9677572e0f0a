/* SPDX-License-Identifier: MIT
 * Owns the tests of claims and presence on a node of a cluster: what the bus says decides, its order is kept, and
 * nothing stays behind of a claim that came to nothing. The other nodes are played. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <setjmp.h>

#include "core/session.h"
#include "tests/support/fake_bus.h"
#include "tests/support/worker_fixture.h"

extern "C" {
#include <cmocka.h>
}

using claim_results = std::vector<std::pair<cs_conn, int>>;

struct test {
	std::unique_ptr<struct worker_fixture> f;
	std::unique_ptr<struct fake_bus> bus;
	claim_results claims; /* as they were completed */
	int presences = 0, presence_result = -1;
};

static struct test *test_of(void **state)
{
	return static_cast<struct test *>(*state);
}

static struct cs_self *self_of(struct test *t)
{
	return t->f->worker->instances[0].get();
}

static int set_up(void **state)
{
	auto t = std::make_unique<struct test>();

	t->f = worker_fixture_make();
	t->bus = fake_bus_start(&t->f->shared);
	if (t->bus == nullptr)
		return -1;
	*state = t.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<struct test> t(test_of(state));

	t->f->closed_answer = 0;
	for (const auto &c : t->f->worker->conns.slots)
		if (c != nullptr)
			conn_close(c.get(), "test ends");
	worker_fixture_turn(t->f.get());
	fake_bus_stop(t->bus.get());
	worker_fixture_turn(t->f.get());
	worker_fixture_free(std::move(t->f));
	return 0;
}

/* ---- what the tests do */

static cs_conn connect_one(struct test *t)
{
	int peer;

	return worker_fixture_connect(t->f.get(), &peer)->handle;
}

static void note_claim(void *, cs_conn conn, int result, void *arg)
{
	static_cast<struct test *>(arg)->claims.emplace_back(conn, result);
}

static void claim(struct test *t, cs_conn conn, cs_account account, unsigned flags = 0, uint64_t generation = 1)
{
	assert_int_equal(host_table.claim(self_of(t), conn, account, "zhang san", generation, flags, note_claim, t),
	                 0);
}

/* Runs turns until so many claims were completed. */
static void wait_claims(struct test *t, const claim_results &expected)
{
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->claims.size() >= expected.size(); }));
	assert_true(t->claims == expected);
}

/* Runs turns until the cluster was asked so often in vain so far. */
static void wait_kept(struct test *t, size_t count)
{
	assert_true(worker_fixture_wait(t->f.get(), [&] { return fake_bus_kept(t->bus.get()) == count; }));
}

static void assert_trace(struct test *t, const char *expected)
{
	assert_string_equal(fake_bus_trace(t->bus.get()).c_str(), expected);
}

/* How many questions of one kind are in the trace. */
static size_t count_calls(struct test *t, const std::string &call)
{
	const std::string trace = fake_bus_trace(t->bus.get());
	size_t count = 0;

	for (size_t at = trace.find(call); at != std::string::npos; at = trace.find(call, at + 1))
		count++;
	return count;
}

static bool is_located(struct test *t, cs_account account)
{
	unsigned worker;
	cs_conn conn;

	return session_locate(&t->f->shared.sessions, account, &worker, &conn);
}

static struct conn *find(struct test *t, cs_conn conn)
{
	return conn_find(t->f->worker, conn);
}

static void keep_claims(struct test *t, bool keeps)
{
	std::scoped_lock lock(t->bus->mutex);

	t->bus->keeps = keeps;
}

static void answer_claims(struct test *t, std::deque<int> answers, int then)
{
	std::scoped_lock lock(t->bus->mutex);

	t->bus->claim_answers = std::move(answers);
	t->bus->claim_answer = then;
}

static void close_conn(struct test *t, cs_conn conn)
{
	conn_close(find(t, conn), "test");
	worker_fixture_turn(t->f.get());
}

/* ---- the answer of the cluster */

static void a_connection_is_bound_when_the_cluster_has_granted_the_place(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	keep_claims(t, true);
	claim(t, conn, 7, 0, 42);
	wait_kept(t, 1);
	assert_int_equal(t->bus->generation, 42);
	assert_int_equal(t->bus->conn, conn);
	assert_true(t->claims.empty());
	assert_int_equal(find(t, conn)->account, 0);
	assert_true(find(t, conn)->claiming);
	assert_false(is_located(t, 7));
	fake_bus_answer(t->bus.get(), 0);
	wait_claims(t, {{conn, 0}});
	assert_int_equal(find(t, conn)->account, 7);
	assert_string_equal(find(t, conn)->name.c_str(), "zhang san");
	assert_false(find(t, conn)->claiming);
	assert_true(is_located(t, 7));
	assert_trace(t, "claim:7 ");
}

static void who_is_online_elsewhere_is_refused_after_a_moment_of_grace(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);
	const int64_t begun = worker_monotonic_ms();

	answer_claims(t, {}, CS_EEXIST);
	claim(t, conn, 7);
	wait_claims(t, {{conn, CS_EEXIST}});
	assert_in_range(worker_monotonic_ms() - begun, 140, 1500);
	assert_in_range(count_calls(t, "claim:7"), 2, 6);
	assert_int_equal(count_calls(t, "release"), 0);
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
	assert_int_equal(find(t, conn)->account, 0);
	/* Nothing of it is left: the next try is as good as the first. */
	answer_claims(t, {}, 0);
	claim(t, conn, 7);
	wait_claims(t, {{conn, CS_EEXIST}, {conn, 0}});
}

static void a_client_that_comes_over_from_another_node_need_not_wait_for_its_notice(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	answer_claims(t, {CS_EEXIST, CS_EEXIST}, 0);
	claim(t, conn, 7);
	wait_claims(t, {{conn, 0}});
	assert_trace(t, "claim:7 claim:7 claim:7 ");
}

static void a_session_that_is_ending_elsewhere_is_waited_for(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);
	const int64_t begun = worker_monotonic_ms();

	answer_claims(t, {CS_EAGAIN, CS_EAGAIN, CS_EAGAIN, CS_EAGAIN, CS_EAGAIN}, 0);
	claim(t, conn, 7);
	wait_claims(t, {{conn, 0}});
	assert_in_range(worker_monotonic_ms() - begun, 300, 3000);
}

static void an_ending_that_takes_too_long_is_not_waited_for(void **state)
{
	struct test *t = test_of(state);
	const cs_conn first = connect_one(t), second = connect_one(t);
	const int64_t begun = worker_monotonic_ms();

	answer_claims(t, {}, CS_EAGAIN);
	claim(t, first, 7);
	claim(t, second, 8, CS_CLAIM_KICK);
	wait_claims(t, {{first, CS_EEXIST}, {second, CS_EEXIST}});
	assert_in_range(worker_monotonic_ms() - begun, 2900, 4500);
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
}

static void a_kick_asks_until_the_other_node_has_closed_the_older_session(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	answer_claims(t, {CS_EEXIST, CS_EEXIST, CS_EEXIST, CS_EEXIST, CS_EAGAIN, CS_EAGAIN}, 0);
	claim(t, conn, 7, CS_CLAIM_KICK);
	wait_claims(t, {{conn, 0}});
	assert_trace(t, "kick:7 kick:7 kick:7 kick:7 kick:7 kick:7 kick:7 ");
}

static void a_login_that_was_overtaken_by_a_later_one_is_refused_at_once(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	answer_claims(t, {CS_EINVAL}, 0);
	claim(t, conn, 7, CS_CLAIM_KICK);
	wait_claims(t, {{conn, CS_EEXIST}});
	assert_trace(t, "kick:7 ");
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
}

static void any_other_failure_and_a_node_that_drains_do_not_ask_again(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	answer_claims(t, {CS_ENOSTORE}, CS_EAGAIN);
	claim(t, conn, 7);
	wait_claims(t, {{conn, CS_ENOSTORE}});
	t->f->worker->draining = true;
	claim(t, conn, 7);
	wait_claims(t, {{conn, CS_ENOSTORE}, {conn, CS_ECANCELED}});
	assert_trace(t, "claim:7 claim:7 ");
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
}

/* ---- a connection that goes meanwhile */

static void a_place_granted_for_nothing_is_given_back(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	keep_claims(t, true);
	claim(t, conn, 7);
	wait_kept(t, 1);
	close_conn(t, conn);
	assert_true(t->claims.empty());
	fake_bus_answer(t->bus.get(), 0);
	wait_claims(t, {{conn, CS_ENOENT}});
	assert_trace(t, "claim:7 release:7 ");
	assert_int_equal(t->bus->conn, conn);
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
}

static void a_place_that_was_refused_is_not_given_back(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	keep_claims(t, true);
	claim(t, conn, 7);
	wait_kept(t, 1);
	close_conn(t, conn);
	fake_bus_answer(t->bus.get(), CS_EEXIST);
	wait_claims(t, {{conn, CS_ENOENT}});
	assert_trace(t, "claim:7 ");
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
}

static void who_left_while_waiting_is_not_asked_for_again(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);

	keep_claims(t, true);
	claim(t, conn, 7);
	wait_kept(t, 1);
	fake_bus_answer(t->bus.get(), CS_EAGAIN);
	worker_fixture_turn(t->f.get());
	close_conn(t, conn);
	wait_claims(t, {{conn, CS_ENOENT}});
	assert_trace(t, "claim:7 ");
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
}

static void a_bus_that_stops_leaves_no_claim_behind(void **state)
{
	struct test *t = test_of(state);
	const cs_conn first = connect_one(t), second = connect_one(t);

	keep_claims(t, true);
	claim(t, first, 7);
	claim(t, second, 8);
	wait_kept(t, 2);
	close_conn(t, second);
	fake_bus_stop(t->bus.get());
	worker_fixture_turn(t->f.get());
	assert_true(t->claims == (claim_results{{first, 0}, {second, CS_ENOENT}}));
	close_conn(t, first);
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
}

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
	assert_int_equal(session_count(&t->f->shared.sessions), 1);
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
	host_table.release(self_of(t), 7);
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
	assert_int_equal(session_count(&t->f->shared.sessions), 0);
}

/* ---- presence */

static void note_presence(void *, cs_conn, int result, void *arg)
{
	auto *t = static_cast<struct test *>(arg);

	t->presences++;
	t->presence_result = result;
}

static std::string ask_presence(struct test *t, const std::vector<cs_account> &accounts)
{
	std::vector<unsigned char> online(accounts.size(), 9);
	const int before = t->presences;
	std::string text;

	assert_int_equal(host_table.presence(self_of(t), 0, accounts.data(), online.data(), accounts.size(),
	                                     note_presence, t),
	                 0);
	assert_int_equal(t->presences, before);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->presences > before; }));
	assert_int_equal(t->presence_result, 0);
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
	assert_string_equal(ask_presence(t, {21, 7}).c_str(), "01");
	fake_bus_stop(t->bus.get());
	assert_string_equal(ask_presence(t, {21, 7}).c_str(), "01");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_connection_is_bound_when_the_cluster_has_granted_the_place),
		TEST(who_is_online_elsewhere_is_refused_after_a_moment_of_grace),
		TEST(a_client_that_comes_over_from_another_node_need_not_wait_for_its_notice),
		TEST(a_session_that_is_ending_elsewhere_is_waited_for),
		TEST(an_ending_that_takes_too_long_is_not_waited_for),
		TEST(a_kick_asks_until_the_other_node_has_closed_the_older_session),
		TEST(a_login_that_was_overtaken_by_a_later_one_is_refused_at_once),
		TEST(any_other_failure_and_a_node_that_drains_do_not_ask_again),
		TEST(a_place_granted_for_nothing_is_given_back),
		TEST(a_place_that_was_refused_is_not_given_back),
		TEST(who_left_while_waiting_is_not_asked_for_again),
		TEST(a_bus_that_stops_leaves_no_claim_behind),
		TEST(a_second_claim_waits_for_what_becomes_of_the_first),
		TEST(a_second_claim_has_its_turn_when_the_first_came_to_nothing),
		TEST(a_kick_waits_for_the_first_claim_and_then_takes_its_place),
		TEST(many_claims_at_once_leave_one_session),
		TEST(the_cluster_hears_of_an_end_in_its_order),
		TEST(another_node_can_close_a_session_but_not_the_next_one_of_its_connection),
		TEST(who_is_online_is_known_from_here_and_from_the_cluster),
		TEST(without_the_bus_only_this_node_counts),
		TEST(ten_thousand_accounts_can_be_asked_for_at_once),
	};

	return cmocka_run_group_tests_name("host_cluster", tests, nullptr, nullptr);
}
