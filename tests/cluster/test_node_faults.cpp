/* SPDX-License-Identifier: MIT
 * Tests that nodes that are killed or stand still for a while lose nothing, deliver nothing twice and lock nobody
 * out. */
#include "tests/support/check.h"
#include "tests/support/cluster.h"

static void a_killed_node_loses_nothing_and_locks_nobody_out(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const size_t kills = cluster_is_long() ? 6 : 2;

	for (size_t i = 0; i < kills; i++) {
		load_run(c->work, cluster_time(1500, 10000));
		cluster_kill_node(c, i % 3);
		/* Its clients come back through the others, although it held their sessions. */
		cluster_wait_players(c, 10000);
		load_run(c->work, cluster_time(500, 10000));
		cluster_start_node(c, i % 3);
	}
	assert_true(load_slowest_return(c->work) < 5000 * check_patience_factor());
	cluster_heal(c, "node killed", 45000);
}

/* Between a commit and its hints, now and then: the others notice that the node is gone, and look. */
static void what_a_killed_node_committed_last_arrives_too(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const uint64_t usual = c->work->rate;

	for (size_t i = 0; i < (cluster_is_long() ? 10 : 1); i++) {
		c->work->rate = 3000;
		load_run(c->work, cluster_time(1000, 3000));
		cluster_kill_node(c, i % 3);
		c->work->rate = usual;
		cluster_silence(c);
		cluster_heal(c, "node killed, then silence", 45000);
		cluster_start_node(c, i % 3);
	}
}

static void two_nodes_killed_at_once_lose_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	load_run(c->work, cluster_time(1000, 10000));
	cluster_kill_node(c, 0);
	cluster_kill_node(c, 1);
	cluster_wait_players(c, 10000);
	load_run(c->work, cluster_time(1000, 20000));
	cluster_start_node(c, 0);
	cluster_start_node(c, 1);
	cluster_heal(c, "two nodes killed", 45000);
}

/* Longer than its lease: its people come back elsewhere, and when it wakes up it must not go on as if nothing
 * had happened. */
static void a_node_that_stands_still_for_15_s_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	load_set_patient(c->work, 0);
	load_run(c->work, cluster_time(1000, 10000));
	cluster_pause_node(c, 1);
	load_run(c->work, 14000);
	cluster_wait_players(c, 1000);
	cluster_silence(c);
	cluster_resume_node(c, 1);
	cluster_heal(c, "node stood still", 45000);
	load_run(c->work, cluster_time(1000, 10000));
	cluster_heal(c, "node is awake", 45000);
}

/* Shorter than anything notices. */
static void a_node_that_stands_still_for_a_moment_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (int i = 0; i < (cluster_is_long() ? 20 : 3); i++) {
		cluster_pause_node(c, 2);
		load_run(c->work, 300 + static_cast<int64_t>(c->work->random() % 1500));
		if (i % 2 == 0)
			cluster_silence(c);
		cluster_resume_node(c, 2);
		if (i % 2 == 0)
			cluster_heal(c, "node stood still for a moment", 30000);
		load_run(c->work, 500);
	}
	cluster_heal(c, "node stood still for a moment", 30000);
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge(static_cast<cluster *>(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_killed_node_loses_nothing_and_locks_nobody_out),
		cmocka_unit_test(what_a_killed_node_committed_last_arrives_too),
		cmocka_unit_test(two_nodes_killed_at_once_lose_nothing),
		cmocka_unit_test(a_node_that_stands_still_for_a_moment_loses_nothing),
		cmocka_unit_test(a_node_that_stands_still_for_15_s_loses_nothing),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, cluster_load_setup, cluster_teardown);
}
