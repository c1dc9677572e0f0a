/* SPDX-License-Identifier: MIT
 * Tests that clients only have to connect again when HAProxy is killed, stopped or reloaded. */
#include "tests/support/check.h"
#include "tests/support/cluster.h"

static uint64_t logins(const cluster *c)
{
	uint64_t count = 0;

	for (const player &p : c->work->players)
		count += p.logins;
	return count;
}

static void haproxy_killed_and_started_again_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (int i = 0; i < (cluster_is_long() ? 10 : 2); i++) {
		load_run(c->work, cluster_time(1000, 5000));
		if (i % 2 == 0)
			haproxy_kill(c->proxy);
		else
			haproxy_stop(c->proxy);
		load_run(c->work, cluster_time(500, 5000));
		haproxy_start(c->proxy);
		load_run(c->work, cluster_time(1000, 5000));
	}
	cluster_heal(c, "HAProxy restarted", 30000);
}

static void haproxy_loaded_anew_throws_nobody_out(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	c->work->cuts_wanted = 0;
	cluster_wait_players(c, 10000);
	const uint64_t before = logins(c);
	for (int i = 0; i < (cluster_is_long() ? 10 : 2); i++) {
		load_run(c->work, cluster_time(500, 5000));
		haproxy_reload(c->proxy);
	}
	load_run(c->work, cluster_time(500, 5000));
	assert_int_equal(logins(c), before);
	cluster_heal(c, "HAProxy loaded anew", 30000);
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge(static_cast<cluster *>(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(haproxy_killed_and_started_again_loses_nothing),
		cmocka_unit_test(haproxy_loaded_anew_throws_nobody_out),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, cluster_load_setup, cluster_teardown);
}
