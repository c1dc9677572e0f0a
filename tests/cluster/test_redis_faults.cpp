/* SPDX-License-Identifier: MIT
 * Tests that Redis carries hints only: if it is killed and empty, frozen, or out of a node's reach, this costs time
 * but no message and no session. */
#include <csignal>

#include "tests/support/check.h"
#include "tests/support/cluster.h"

static uint64_t logins(const cluster *c)
{
	uint64_t count = 0;

	for (const player &p : c->work->players)
		count += p.logins;
	return count;
}

static void subscribers_that_redis_drops_lose_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (int i = 0; i < (cluster_is_long() ? 20 : 4); i++) {
		load_run(c->work, cluster_time(500, 3000));
		redis_drop_subscribers(c->bus);
		load_run(c->work, i % 2 == 0 ? 5 : cluster_time(500, 3000));
		cluster_heal(c, "subscribers dropped", 30000);
	}
	cluster_wait_bus(c);
}

/* Nobody is thrown out for it: clients notice a delay at the most. */
static void redis_killed_and_started_again_empty_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	c->work->cuts_wanted = 0;
	load_run(c->work, cluster_time(1000, 10000));
	cluster_wait_players(c, 10000);
	const uint64_t before = logins(c);
	redis_kill(c->bus);
	load_run(c->work, cluster_time(6000, 20000));
	cluster_silence(c);
	assert_int_equal(logins(c), before);
	redis_start(c->bus);
	cluster_wait_bus(c);
	cluster_heal(c, "Redis killed", 30000);
	load_run(c->work, cluster_time(500, 10000));
	assert_int_equal(logins(c), before);
	c->work->cuts_wanted = 2;
}

/* Connections come and go meanwhile: claims are granted locally and settled later. */
static void people_come_and_go_while_redis_is_away(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (int i = 0; i < (cluster_is_long() ? 10 : 3); i++) {
		c->work->cuts_wanted = 20;
		redis_kill(c->bus);
		load_run(c->work, cluster_time(2000, 5000));
		if (i % 2 == 0)
			cluster_silence(c);
		redis_start(c->bus);
		c->work->cuts_wanted = 2;
		cluster_heal(c, "Redis killed, people come and go", 30000);
		load_run(c->work, cluster_time(500, 5000));
	}
	cluster_wait_bus(c);
}

static void frozen_redis_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	load_run(c->work, cluster_time(1000, 10000));
	redis_signal(c->bus, SIGSTOP);
	load_run(c->work, cluster_time(6000, 10000));
	cluster_silence(c);
	redis_signal(c->bus, SIGCONT);
	cluster_heal(c, "Redis frozen", 30000);
	redis_signal(c->bus, SIGSTOP);
	load_run(c->work, 1000); /* shorter than anybody notices */
	cluster_silence(c);
	redis_signal(c->bus, SIGCONT);
	cluster_heal(c, "Redis frozen for a moment", 30000);
	cluster_wait_bus(c);
}

/* Its lease lapses meanwhile, and the others go on without it. */
static void a_node_cut_off_from_redis_only_loses_nothing(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (const enum relay_mode mode : {RELAY_HOLD, RELAY_CUT}) {
		load_run(c->work, cluster_time(1000, 10000));
		relay_set(c->nodes[0].to_redis, mode);
		load_run(c->work, cluster_time(mode == RELAY_HOLD ? 13000 : 5000, 20000));
		cluster_silence(c);
		relay_set(c->nodes[0].to_redis, RELAY_PASS);
		cluster_heal(c, mode == RELAY_HOLD ? "node without Redis, silently" : "node without Redis", 45000);
		cluster_wait_bus(c);
	}
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge(static_cast<cluster *>(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subscribers_that_redis_drops_lose_nothing),
		cmocka_unit_test(redis_killed_and_started_again_empty_loses_nothing),
		cmocka_unit_test(people_come_and_go_while_redis_is_away),
		cmocka_unit_test(frozen_redis_loses_nothing),
		cmocka_unit_test(a_node_cut_off_from_redis_only_loses_nothing),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, cluster_load_setup, cluster_teardown);
}
