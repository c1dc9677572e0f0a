/* SPDX-License-Identifier: MIT
 * Tests that plugins of one node are replaced while messages fly between it and another one, with MariaDB and Redis. */
#include <cstdlib>
#include <string>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/plugin_folder.h"

static int set_up(void **state)
{
	cluster *c = cluster_new(2);

	*state = c;
	plugin_folder_link(c->nodes[0].server);
	cluster_set(c, "core.log_level", "info");
	cluster_start(c);
	cluster_load(c);
	return 0;
}

/* Players cut their connections now and then, as in all loads of a cluster: logins are under way at each switch. */
static void plugins_of_one_node_are_replaced_while_parcels_fly(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_server *s = c->nodes[0].server;
	const char *const names[] = {"chat", "login", "group", "signal", "presence"};
	const int rounds = cluster_is_long() ? 300 : 10;
	size_t seen = 0;

	for (int i = 0; i < rounds; i++) {
		const char *name = names[i % 5];

		plugin_folder_put(s, name, plugin_folder_version(name, i));
		plugin_folder_reload_under(s, c->work, "configuration reloaded", &seen);
		load_run(c->work, 100);
	}
	assert_int_equal(plugin_folder_lines(s, "plugin replaced"), rounds);
	cluster_heal(c, "replacements", 30000);
	for (const char *name : names)
		plugin_folder_wait_one(s, name);
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge(static_cast<cluster *>(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plugins_of_one_node_are_replaced_while_parcels_fly),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, set_up, cluster_teardown);
}
