/* SPDX-License-Identifier: MIT
 * Tests that messages follow a person who moves from node to node while they are sent: each arrives once and in
 * order. */
#include "tests/support/check.h"
#include "tests/support/cluster.h"

static uint64_t received(const cluster *c, int64_t account)
{
	uint64_t count = 0;

	for (const auto &[cid, m] : c->work->book.messages)
		count += m.receivers.contains(account);
	return count;
}

/* The others stay where they are. */
static void a_thousand_messages_follow_a_person_from_node_to_node(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	player *mover = &c->work->players[0];
	const uint64_t wanted = cluster_is_long() ? 10000 : 1000;
	uint64_t moves = 0;

	c->work->cuts_wanted = 0;
	c->work->rate = 2000;
	mover->longest_pause = 10;
	for (const cluster_node &node : c->nodes)
		c->work->ports.push_back(node.server->port);
	while ((received(c, mover->id) < wanted || moves < wanted / 50) && c->work->book.fault_count == 0) {
		load_run(c->work, 2 + static_cast<int64_t>(c->work->random() % 60));
		if (mover->state != PLAYER_IN)
			continue;
		player_cut(mover);
		moves++;
	}
	print_message("%llu moves\n", static_cast<unsigned long long>(moves));
	cluster_heal(c, "a person moves", 20000);
}

/* Everybody at once. */
static void everybody_moves_and_nothing_is_lost(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	c->work->cuts_wanted = 30;
	c->work->rate = 400;
	load_run(c->work, cluster_time(5000, 60000));
	c->work->cuts_wanted = 0;
	cluster_heal(c, "everybody moves", 20000);
}

static void the_database_agrees_with_all_that_was_said(void **state)
{
	cluster_judge(static_cast<cluster *>(*state));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thousand_messages_follow_a_person_from_node_to_node),
		cmocka_unit_test(everybody_moves_and_nothing_is_lost),
		cmocka_unit_test(the_database_agrees_with_all_that_was_said),
	};

	return cmocka_run_group_tests(tests, cluster_load_setup, cluster_teardown);
}
