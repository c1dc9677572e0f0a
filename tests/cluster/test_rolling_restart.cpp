/* SPDX-License-Identifier: MIT
 * Tests that all nodes can be stopped and started, one after the other, under load, and that clients only have to
 * connect again. */
#include "tests/support/check.h"
#include "tests/support/cluster.h"

static void a_rolling_restart_of_all_nodes_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (int round = 0; round < (cluster_is_long() ? 5 : 1); round++)
		for (size_t i = 0; i < c->nodes.size(); i++) {
			load_run(c->work, cluster_time(500, 5000));
			cluster_stop_node(c, i);
			load_run(c->work, cluster_time(500, 5000));
			cluster_start_node(c, i);
		}
	print_message("slowest return: %lld ms\n", static_cast<long long>(load_slowest_return(c->work)));
	assert_true(load_slowest_return(c->work) < 5000 * check_patience_factor());
	cluster_heal(c, "rolling restart", 30000);
}

/* Adding a node needs no restart of anything else: the others find it as they find a restarted one. */
static void a_node_that_is_away_for_long_is_missed_by_nobody(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_stop_node(c, 2);
	load_run(c->work, cluster_time(2000, 30000));
	cluster_wait_players(c, 10000);
	cluster_heal(c, "two nodes", 10000);
	cluster_start_node(c, 2);
	load_run(c->work, cluster_time(1000, 10000));
	cluster_heal(c, "three nodes again", 10000);
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge(static_cast<cluster *>(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rolling_restart_of_all_nodes_loses_nothing),
		cmocka_unit_test(a_node_that_is_away_for_long_is_missed_by_nobody),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, cluster_load_setup, cluster_teardown);
}
