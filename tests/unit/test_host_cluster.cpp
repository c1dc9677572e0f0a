/* SPDX-License-Identifier: MIT
 * Tests a claim on a node of a cluster: the other nodes, which the test plays, decide, and a claim that fails leaves
 * nothing behind. */
#include "core/bus/bus_parcel.h"
#include "tests/support/host_cluster.h"

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
	assert_int_equal(session_count(t->f->shared.sessions), 0);
	assert_int_equal(find(t, conn)->account, 0);
	/* Nothing of it is left: the next try is as good as the first. */
	answer_claims(t, {}, 0);
	claim(t, conn, 7);
	wait_claims(t, {{conn, CS_EEXIST}, {conn, 0}});
}

/* The first answer comes when the moment of grace is over already. */
static void a_node_that_was_held_up_itself_asks_again_before_it_refuses(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);
	const int64_t begun = worker_monotonic_ms();

	keep_claims(t, true);
	claim(t, conn, 7);
	wait_kept(t, 1);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return worker_monotonic_ms() > begun + 200; }));
	for (int question = 1; question < 4; question++) {
		fake_bus_answer(t->bus.get(), CS_EEXIST);
		wait_kept(t, 1);
	}
	assert_true(t->claims.empty());
	fake_bus_answer(t->bus.get(), CS_EEXIST);
	wait_claims(t, {{conn, CS_EEXIST}});
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
	const cs_conn conn = connect_one(t);
	const int64_t begun = worker_monotonic_ms();

	answer_claims(t, {}, CS_EAGAIN);
	claim(t, conn, 7, CS_CLAIM_KICK);
	wait_claims(t, {{conn, CS_EEXIST}});
	assert_in_range(worker_monotonic_ms() - begun, 2900, 4500);
	assert_int_equal(session_count(t->f->shared.sessions), 0);
}

/* ---- the older session is probed on its node */

static void until_its_peer_is_known_to_be_there_the_place_is_asked_for_again(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);
	const int64_t begun = worker_monotonic_ms();

	t->bus->proves = false;
	answer_claims(t, {}, CS_EEXIST);
	claim(t, conn, 7);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return worker_monotonic_ms() > begun + 4500; }));
	assert_true(t->claims.empty());
	answer_claims(t, {CS_EEXIST, CS_EAGAIN}, 0);
	wait_claims(t, {{conn, 0}});
	assert_int_equal(find(t, conn)->account, 7);
}

static void a_node_that_does_not_say_whether_it_is_there_is_believed_after_a_while(void **state)
{
	struct test *t = test_of(state);
	const cs_conn conn = connect_one(t);
	const int64_t begun = worker_monotonic_ms();

	t->bus->proves = false;
	answer_claims(t, {}, CS_EEXIST);
	claim(t, conn, 7);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return worker_monotonic_ms() > begun + 4500; }));
	assert_true(t->claims.empty());
	wait_claims(t, {{conn, CS_EEXIST}});
	assert_in_range(worker_monotonic_ms() - begun, 6900, 9000);
	assert_int_equal(session_count(t->f->shared.sessions), 0);
}

static void a_proof_for_an_account_that_nobody_here_asks_for_changes_nothing(void **state)
{
	struct test *t = test_of(state);
	const struct bus_parcel proof {
		.kind = BUS_PARCEL_PROOF, .to = 7
	};

	fake_bus_arrive(t->bus.get(), bus_parcel_encode(&proof));
	assert_int_equal(session_count(t->f->shared.sessions), 0);
	assert_int_equal(bus_count(t->bus->bus.get()).received, 1);
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
	assert_int_equal(session_count(t->f->shared.sessions), 0);
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
	assert_int_equal(session_count(t->f->shared.sessions), 0);
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
	assert_int_equal(session_count(t->f->shared.sessions), 0);
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
	assert_int_equal(session_count(t->f->shared.sessions), 0);
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
	assert_int_equal(session_count(t->f->shared.sessions), 0);
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
	assert_int_equal(session_count(t->f->shared.sessions), 0);
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_connection_is_bound_when_the_cluster_has_granted_the_place),
		TEST(who_is_online_elsewhere_is_refused_after_a_moment_of_grace),
		TEST(a_node_that_was_held_up_itself_asks_again_before_it_refuses),
		TEST(a_client_that_comes_over_from_another_node_need_not_wait_for_its_notice),
		TEST(a_session_that_is_ending_elsewhere_is_waited_for),
		TEST(an_ending_that_takes_too_long_is_not_waited_for),
		TEST(until_its_peer_is_known_to_be_there_the_place_is_asked_for_again),
		TEST(a_node_that_does_not_say_whether_it_is_there_is_believed_after_a_while),
		TEST(a_proof_for_an_account_that_nobody_here_asks_for_changes_nothing),
		TEST(a_kick_asks_until_the_other_node_has_closed_the_older_session),
		TEST(a_login_that_was_overtaken_by_a_later_one_is_refused_at_once),
		TEST(any_other_failure_and_a_node_that_drains_do_not_ask_again),
		TEST(a_place_granted_for_nothing_is_given_back),
		TEST(a_place_that_was_refused_is_not_given_back),
		TEST(who_left_while_waiting_is_not_asked_for_again),
		TEST(a_bus_that_stops_leaves_no_claim_behind),
	};

	return cmocka_run_group_tests_name("host_cluster", tests, nullptr, nullptr);
}
