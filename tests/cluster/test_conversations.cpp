/* SPDX-License-Identifier: MIT
 * Tests conversations against the model with sessions on three nodes, MariaDB and Redis; see
 * tests/server/test_conversations.cpp.
 *
 * CS_SEED repeats a run; CS_LONG=1 makes it longer; CS_STEPS sets how many steps it has. */
#include "tests/support/check.h"
#include "tests/support/cluster.h"
#include "tests/support/conversation_play.h"

static void start(cluster *c, conversation_play *p)
{
	std::vector<test_server *> nodes;

	for (const cluster_node &node : c->nodes) {
		play_set_options(node.server);
		nodes.push_back(node.server);
	}
	cluster_start(c);
	p->c = c;
	play_begin(p, nodes, play_new_seed());
}

static void every_frame_and_answer_is_what_the_model_says_on_three_nodes(void **state)
{
	conversation_play p;

	start(static_cast<cluster *>(*state), &p);
	while (p.steps < play_steps(1500))
		play_step(&p);
	play_end(&p);
	play_report(&p);
}

static void requests_on_three_nodes_are_done_in_the_order_of_their_seqs(void **state)
{
	conversation_play p;

	start(static_cast<cluster *>(*state), &p);
	while (p.steps < play_steps(1500))
		if (p.clients.size() < 6 || play_roll(&p, 3) == 0)
			play_step(&p);
		else
			play_burst(&p, false);
	play_end(&p);
	play_report(&p);
}

static void strangers_blocks_and_what_is_too_late_are_refused_on_three_nodes(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	conversation_play p;

	for (const cluster_node &node : c->nodes)
		play_set_strict(&p, node.server);
	start(c, &p);
	while (p.steps < play_steps(600))
		play_step(&p);
	play_end(&p);
	play_report(&p);
}

/* The lease is short, because that is how long the others believe in the sessions of a killed node. Then they look for
 * what it has committed without telling them. */
static void what_was_acknowledged_is_done_whenever_a_node_is_killed(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	conversation_play p;

	cluster_set(c, "bus_redis.lease", "2s");
	start(c, &p);
	while (p.steps < play_steps(600))
		if (p.clients.size() < 6 || play_roll(&p, 3))
			play_step(&p);
		else
			play_burst(&p, play_roll(&p, 12) == 0);
	play_end(&p);
	play_report(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_frame_and_answer_is_what_the_model_says_on_three_nodes,
	                                        cluster_setup, cluster_teardown),
		cmocka_unit_test_setup_teardown(requests_on_three_nodes_are_done_in_the_order_of_their_seqs,
	                                        cluster_setup, cluster_teardown),
		cmocka_unit_test_setup_teardown(strangers_blocks_and_what_is_too_late_are_refused_on_three_nodes,
	                                        cluster_setup, cluster_teardown),
		cmocka_unit_test_setup_teardown(what_was_acknowledged_is_done_whenever_a_node_is_killed, cluster_setup,
	                                        cluster_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
