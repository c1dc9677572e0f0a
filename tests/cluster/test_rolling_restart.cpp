/* SPDX-License-Identifier: MIT
 * Tests that all nodes can be stopped and started, one after the other, under load, and that clients only have to
 * connect again. In check-long they are 5,000. */
#include "tests/support/check.h"
#include "tests/support/cluster.h"

static size_t many(void)
{
	return cluster_is_long() ? 5000 : 200;
}

/* As chatserverd-cluster(7) says; briefly: all of it in less time. Here all clients have one address, so the limit of
 * connections from one is lifted. */
static int set_up(void **state)
{
	cluster *c = cluster_new();

	*state = c;
	cluster_set(c, "core.drain_grace", cluster_is_long() ? "3s" : "800ms");
	cluster_set(c, "core.drain_spread", cluster_is_long() ? "30s" : "500ms");
	cluster_set(c, "core.drain_delay", cluster_is_long() ? "1s" : "200ms");
	haproxy_replace(c->proxy, "src_conn_rate ge 2000", "src_conn_rate ge 1000000");
	if (!cluster_is_long())
		haproxy_replace(c->proxy, "agent-inter 1s", "agent-inter 200ms");
	cluster_start(c);
	cluster_load(c);
	load_add_pairs(c->work, c->nodes[0].server, many() - c->work->players.size());
	for (player &p : c->work->players)
		p.longest_pause = 400;
	cluster_wait_players(c, 120000);
	load_forget_slowest(c->work);
	return 0;
}

static void a_rolling_restart_of_all_nodes_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (size_t i = 0; i < c->nodes.size(); i++) {
		load_run(c->work, cluster_time(500, 5000));
		cluster_stop_node(c, i);
		load_run(c->work, cluster_time(500, 5000));
		cluster_start_node(c, i);
		print_message("node%zu: slowest return so far: %lld ms\n", i + 1,
		              static_cast<long long>(load_slowest_return(c->work)));
	}
	print_message("%zu clients, the longest time without a session: %lld ms\n", c->work->players.size(),
	              static_cast<long long>(load_slowest_return(c->work)));
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

	return cmocka_run_group_tests(tests, set_up, cluster_teardown);
}
