/* SPDX-License-Identifier: MIT
 * Tests a node that HAProxy cannot reach while the node still reaches Redis and the database: it loses no message, and
 * its people can log in elsewhere, at once with kick, else as soon as the older session was probed.
 *
 * Only HAProxy notices the cut: the node sees silent clients, and the other nodes take them for online there. */
#include <sched.h>

#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/namespace.h"
#include "tests/support/network.h"

struct world {
	network *cable = nullptr; /* of the first node */
	cluster *c = nullptr;
};

static int set_up(void **state, const char *duplicate_login)
{
	world *w = new world;

	*state = w;
	namespace_enter(CLONE_NEWNET);
	w->cable = network_new();
	w->c = cluster_new();
	cluster_put_node(w->c, 0, w->cable);
	cluster_set(w->c, "login.duplicate_login", duplicate_login);
	cluster_start(w->c);
	cluster_load(w->c);
	load_set_patient(w->c->work, 0);
	return 0;
}

static int set_up_kick(void **state)
{
	return set_up(state, "kick");
}

static int set_up_refuse(void **state)
{
	return set_up(state, "refuse");
}

static int tear_down(void **state)
{
	world *w = static_cast<world *>(*state);
	void *c = w->c;
	const int result = cluster_teardown(&c);

	network_free(w->cable);
	delete w;
	return result;
}

/* Everybody is in again that long after the cut at the latest. */
static void cut_off(world *w, int64_t all_are_in_ms)
{
	cluster *c = w->c;

	load_run(c->work, cluster_time(1000, 10000));
	network_drop_listener(w->cable, c->nodes[0].server->port);
	/* HAProxy needs 6 s to see it. */
	load_run_until(c->work, check_patience_ms(), [&] { return haproxy_node_status(c->proxy, "node1") == "DOWN"; });
	load_run(c->work, 1000);
	cluster_wait_players(c, all_are_in_ms);
	assert_string_equal(haproxy_node_status(c->proxy, "node1").c_str(), "DOWN");
	load_run(c->work, cluster_time(1000, 20000));
	cluster_silence(c);
	network_heal(w->cable);
	cluster_heal(c, "cut off from HAProxy", 60000);
	load_run(c->work, cluster_time(1000, 10000));
	cluster_heal(c, "afterwards", 30000);
	cluster_judge(c);
}

/* Who comes back closes what is left of their session on that node: it still hears the bus. */
static void with_kick_everybody_is_back_as_soon_as_haproxy_has_seen_it(void **state)
{
	cut_off(static_cast<world *>(*state), 3000);
}

/* The node finds that HAProxy does not answer for them: 5 s, as where clients connect directly. */
static void with_refuse_everybody_is_back_once_their_sessions_were_probed(void **state)
{
	cut_off(static_cast<world *>(*state), 7000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(with_kick_everybody_is_back_as_soon_as_haproxy_has_seen_it, set_up_kick,
	                                        tear_down),
		cmocka_unit_test_setup_teardown(with_refuse_everybody_is_back_once_their_sessions_were_probed,
	                                        set_up_refuse, tear_down),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
