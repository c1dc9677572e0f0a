/* SPDX-License-Identifier: MIT
 * Tests a cluster while MariaDB is killed or cannot be reached: requests are refused soon, nothing is acknowledged, no
 * client is disconnected, and nothing is lost. */
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"

/* What was under way: a batch whose commit was sent is run again for 10 s, and its last try may take the connect and
 * the read time-outs of 3 and 5 s. */
static constexpr int64_t longest_answer = 20000;
/* Later: only the request that tries whether the database is back waits for those time-outs. */
static constexpr int64_t longest_answer_while_away = 10000;

static void heal(cluster *c, const char *what)
{
	const int64_t slowest = load_slowest_answer(c->work);

	cluster_heal(c, what, 45000);
	if (slowest > longest_answer * check_patience_factor())
		check_fail(std::source_location::current(), "an answer took %lld ms", (long long)slowest);
}

static int set_up(void **state)
{
	const int result = cluster_load_setup(state);

	load_set_patient((static_cast<cluster *>(*state))->work, 0);
	(static_cast<cluster *>(*state))->work->cuts_wanted = 0; /* who waits for an answer must get it */
	return result;
}

static void mariadb_killed_and_started_again_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (int i = 0; i < (cluster_is_long() ? 6 : 2); i++) {
		load_run(c->work, cluster_time(1000, 10000));
		mariadb_kill(c->database);
		load_run(c->work, cluster_time(1000, 5000));
		mariadb_launch(c->database);
		assert_true(load_run_until(c->work, 40000, [&] { return mariadb_is_ready(c->database); }));
		heal(c, "MariaDB killed");
	}
}

/* Sets the way of all nodes, or of one. */
static void part(cluster *c, enum relay_mode mode, size_t nodes = 3)
{
	for (size_t i = 0; i < nodes; i++)
		relay_set(c->nodes[i].to_mariadb, mode);
}

static uint64_t refusals(const cluster *c)
{
	uint64_t count = 0;

	for (const player &p : c->work->players)
		count += p.refused;
	return count;
}

/* Who is logged in stays so, and gets answers; pings do not need the store. */
static void mariadb_out_of_reach_for_20_s_loses_nothing_and_acknowledges_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	load_run(c->work, cluster_time(1000, 10000));
	part(c, RELAY_HOLD);
	load_run(c->work, 200); /* what was under way when it happened */
	const uint64_t before = c->work->book.acknowledged;
	load_run(c->work, 18000);
	load_forget_slowest(c->work);
	load_run(c->work, cluster_time(4000, 10000));
	assert_true(refusals(c) > 0);
	assert_true(load_slowest_answer(c->work) < longest_answer_while_away * check_patience_factor());
	for (const cluster_node &node : c->nodes)
		client_expect_quiet(client_open(node.server));
	assert_int_equal(c->work->book.acknowledged, before);
	assert_true(load_all_are_in(c->work)); /* nobody was thrown out */
	cluster_silence(c);
	part(c, RELAY_PASS);
	heal(c, "MariaDB out of reach");
}

static void mariadb_that_refuses_connections_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	load_run(c->work, cluster_time(500, 10000));
	part(c, RELAY_CUT);
	load_run(c->work, cluster_time(3000, 20000));
	cluster_silence(c);
	part(c, RELAY_PASS);
	heal(c, "MariaDB refuses connections");
}

/* Its own people get refusals; everybody else goes on. */
static void a_node_cut_off_from_mariadb_only_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	load_run(c->work, cluster_time(500, 10000));
	part(c, RELAY_HOLD, 1);
	const uint64_t before = c->work->book.acknowledged;
	load_run(c->work, cluster_time(6000, 20000));
	assert_true(c->work->book.acknowledged > before);
	cluster_silence(c);
	part(c, RELAY_PASS, 1);
	heal(c, "node without MariaDB");
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge(static_cast<cluster *>(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mariadb_killed_and_started_again_loses_nothing),
		cmocka_unit_test(mariadb_out_of_reach_for_20_s_loses_nothing_and_acknowledges_nothing),
		cmocka_unit_test(mariadb_that_refuses_connections_loses_nothing),
		cmocka_unit_test(a_node_cut_off_from_mariadb_only_loses_nothing),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, set_up, cluster_teardown);
}
