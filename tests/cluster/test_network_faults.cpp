/* SPDX-License-Identifier: MIT
 * Owns the proof that a node whose packets get lost, those to one service or all of them, loses no message and locks
 * nobody out. It must not know which time-outs find it out.
 *
 * Unlike a relay that holds everything back, a network that drops packets leaves connections half open for good. */
#include <sched.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/namespace.h"
#include "tests/support/network.h"

struct world {
	network *cable; /* of the first node */
	cluster *c;
};

static int set_up(void **state)
{
	world *w = new world;

	*state = w;
	namespace_enter(CLONE_NEWNET);
	w->cable = network_new();
	w->c = cluster_new();
	cluster_put_node(w->c, 0, w->cable);
	cluster_start(w->c);
	cluster_load(w->c);
	load_set_patient(w->c->work, 0);
	return 0;
}

static int tear_down(void **state)
{
	world *w = (world *)*state;
	void *c = w->c;
	const int result = cluster_teardown(&c);

	network_free(w->cable);
	delete w;
	return result;
}

static void fault(world *w, uint16_t port, enum network_loss loss, int64_t ms, const char *what)
{
	cluster *c = w->c;

	load_run(c->work, cluster_time(500, 10000));
	network_drop(w->cable, port, loss);
	load_run(c->work, ms);
	cluster_silence(c);
	network_heal(w->cable);
	cluster_heal(c, what, 60000);
	load_run(c->work, cluster_time(500, 10000));
	cluster_heal(c, "afterwards", 30000);
}

static void a_node_that_cannot_reach_redis_loses_nothing(void **state)
{
	world *w = (world *)*state;
	const uint16_t port = relay_port(w->c->nodes[0].to_redis);

	fault(w, port, NETWORK_BOTH_WAYS, cluster_time(12000, 20000), "no packets to and from Redis");
	if (!cluster_is_long())
		return;
	fault(w, port, NETWORK_ONLY_TO_PROCESS, 20000, "no packets from Redis");
	fault(w, port, NETWORK_ONLY_FROM_PROCESS, 20000, "no packets to Redis");
}

static void a_node_that_cannot_reach_mariadb_loses_nothing(void **state)
{
	world *w = (world *)*state;
	const uint16_t port = relay_port(w->c->nodes[0].to_mariadb);

	fault(w, port, NETWORK_BOTH_WAYS, cluster_time(7000, 20000), "no packets to and from MariaDB");
	if (!cluster_is_long())
		return;
	fault(w, port, NETWORK_ONLY_TO_PROCESS, 20000, "no packets from MariaDB");
	fault(w, port, NETWORK_ONLY_FROM_PROCESS, 20000, "no packets to MariaDB");
}

/* HAProxy finds it out, its people come in elsewhere as soon as its lease lapses, and what it still holds of them is
 * closed when it is back. */
static void a_node_whose_cable_is_pulled_loses_nothing_and_locks_nobody_out(void **state)
{
	world *w = (world *)*state;
	cluster *c = w->c;

	load_run(c->work, cluster_time(500, 10000));
	network_drop(w->cable, 0);
	/* HAProxy needs 6 s to see it, and the lease 10 s to lapse. */
	load_run(c->work, 12000);
	cluster_wait_players(c, 1000);
	assert_string_equal(haproxy_node_status(c->proxy, "node1").c_str(), "DOWN");
	load_run(c->work, cluster_time(500, 20000));
	cluster_silence(c);
	network_heal(w->cable);
	cluster_heal(c, "cable pulled", 60000);
	load_run(c->work, cluster_time(500, 10000));
	cluster_heal(c, "afterwards", 30000);
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge(((world *)*state)->c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_that_cannot_reach_redis_loses_nothing),
		cmocka_unit_test(a_node_that_cannot_reach_mariadb_loses_nothing),
		cmocka_unit_test(a_node_whose_cable_is_pulled_loses_nothing_and_locks_nobody_out),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
