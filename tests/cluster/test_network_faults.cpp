/* SPDX-License-Identifier: MIT
 * Tests that a node whose packets get lost, those to one service or all of them, loses no message and locks nobody
 * out.
 *
 * Unlike a relay that holds everything back, a network that drops packets leaves connections half open for
 * good. */
#include <sched.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
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
	world *w = static_cast<world *>(*state);
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
	world *w = static_cast<world *>(*state);
	const uint16_t port = relay_port(w->c->nodes[0].to_redis);

	fault(w, port, NETWORK_BOTH_WAYS, cluster_time(12000, 20000), "no packets to and from Redis");
	if (!cluster_is_long())
		return;
	fault(w, port, NETWORK_ONLY_TO_PROCESS, 20000, "no packets from Redis");
	fault(w, port, NETWORK_ONLY_FROM_PROCESS, 20000, "no packets to Redis");
}

static void a_node_that_cannot_reach_mariadb_loses_nothing(void **state)
{
	world *w = static_cast<world *>(*state);
	const uint16_t port = relay_port(w->c->nodes[0].to_mariadb);

	fault(w, port, NETWORK_BOTH_WAYS, cluster_time(7000, 20000), "no packets to and from MariaDB");
	if (!cluster_is_long())
		return;
	fault(w, port, NETWORK_ONLY_TO_PROCESS, 20000, "no packets from MariaDB");
	fault(w, port, NETWORK_ONLY_FROM_PROCESS, 20000, "no packets to MariaDB");
}

/* HAProxy finds it out, its people come in elsewhere as soon as its lease lapses, and what it still holds of
 * them is closed when it is back. */
static void a_node_whose_cable_is_pulled_loses_nothing_and_locks_nobody_out(void **state)
{
	world *w = static_cast<world *>(*state);
	cluster *c = w->c;

	load_run(c->work, cluster_time(500, 10000));
	network_drop(w->cable, 0);
	/* HAProxy needs 6 s to see it, and the lease 10 s to lapse. */
	load_run(c->work, 12000);
	/* Who met a refusal while the lease held tries again, and a busy machine needs a moment more. */
	cluster_wait_players(c, 5000);
	assert_string_equal(haproxy_node_status(c->proxy, "node1").c_str(), "DOWN");
	load_run(c->work, cluster_time(500, 20000));
	cluster_silence(c);
	network_heal(w->cable);
	cluster_heal(c, "cable pulled", 60000);
	load_run(c->work, cluster_time(500, 10000));
	cluster_heal(c, "afterwards", 30000);
}

/* Asks until it is let in; how long that took. */
static int64_t log_in_patiently(test_client *c, int64_t id)
{
	const int64_t begun = check_now();

	for (;;) {
		client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", static_cast<long long>(id));
		const test_frame ack = client_read(c);

		if (json_integer(ack.json.get(), "errno") == 0)
			return check_now() - begun;
		assert_int_equal(json_integer(ack.json.get(), "errno"), 2);
		if (check_now() > begun + 15000)
			check_fail(std::source_location::current(), "account %lld is locked out", (long long)id);
		check_sleep_ms(50);
	}
}

static size_t epochs_of(const test_server *s)
{
	const std::string log = test_server_log(s);
	size_t count = 0;

	for (size_t at = log.find("the bus is there"); at != log.npos; at = log.find("the bus is there", at + 1))
		count++;
	return count;
}

/* Nobody has used the node since its cable was pulled, so its store may still wait for a connection that began then. */
static void wait_for_store(test_server *s)
{
	test_client *c = client_open(s);

	check_wait("the node's store", [c] {
		client_sendf(c, "{\"msgid\":4,\"name\":\"%s\",\"password\":\"secret\"}",
		             client_new_name("early").c_str());
		return json_integer(client_read(c).json.get(), "errno") == 0;
	});
}

/* The node cannot know that its connection is dead: the reset was lost like everything else. */
static void who_left_meanwhile_is_not_locked_out_by_a_node_that_comes_back(void **state)
{
	world *w = static_cast<world *>(*state);
	cluster *c = w->c;
	test_server *other = c->nodes[1].server;

	wait_for_store(c->nodes[0].server);
	test_client *ann = client_enter(c->nodes[0].server, "ann");
	const int64_t id = ann->id;
	const size_t epochs = epochs_of(c->nodes[0].server);
	check_sleep_ms(500); /* until nothing is left that the node's kernel would send again */
	network_drop(w->cable, 0);
	client_reset(ann);
	test_client *again = client_open(other);
	log_in_patiently(again, id);
	again->id = id;
	client_leave(again);
	network_heal(w->cable);
	check_wait("its bus", [&] { return epochs_of(c->nodes[0].server) > epochs; });
	const int64_t took = log_in_patiently(client_open(other), id);
	print_message("let in after %lld ms\n", static_cast<long long>(took));
	assert_true(took < check_soon_ms());
	cluster_heal(c, "afterwards", 60000);
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge((static_cast<world *>(*state))->c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_that_cannot_reach_redis_loses_nothing),
		cmocka_unit_test(a_node_that_cannot_reach_mariadb_loses_nothing),
		cmocka_unit_test(a_node_whose_cable_is_pulled_loses_nothing_and_locks_nobody_out),
		cmocka_unit_test(who_left_meanwhile_is_not_locked_out_by_a_node_that_comes_back),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
