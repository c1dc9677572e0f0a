/* SPDX-License-Identifier: MIT
 * Tests that old clients, which know neither req nor cid nor ack and end frames with NUL, notice nothing when they are
 * on different nodes.
 *
 * For such clients a message counts as received once it is written to the connection. So a node that is killed
 * under load may lose such a message. Messages that were kept while they were away are never lost. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"

static test_client *enter(test_server *where, const char *stem)
{
	test_client *c = client_open(where);

	c->ending = std::string(1, '\0');
	client_login(c, client_register(c, client_new_name(stem)));
	return c;
}

static void two_of_them_talk_in_order_and_get_nothing_else(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *ann = enter(c->nodes[0].server, "ann"), *bob = enter(c->nodes[1].server, "bob");

	for (int i = 0; i < 300; i++) {
		client_chat(ann, bob->id, std::to_string(i));
		client_chat(bob, ann->id, std::to_string(-i));
	}
	for (int i = 0; i < 300; i++) {
		const test_frame there = client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\"}", i));

		assert_true(client_frame_ends_with(&there, 0));
		client_expect(ann, check_format("{\"msgid\":6,\"msg\":\"%d\"}", -i));
	}
	client_expect_quiet(ann);
	client_expect_quiet(bob);
}

static void a_group_over_three_nodes_hears_everybody(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *members[3];

	for (size_t i = 0; i < 3; i++)
		members[i] = enter(c->nodes[i].server, "member");
	const int64_t group = client_create_group(members[0], client_new_name("group"));
	client_join_group(members[1], group);
	client_join_group(members[2], group);
	for (size_t speaker = 0; speaker < 3; speaker++) {
		client_group_chat(members[speaker], group, std::to_string(speaker));
		for (size_t i = 0; i < 3; i++)
			if (i != speaker)
				client_expect(members[i], check_format("{\"msgid\":10,\"msg\":\"%zu\"}", speaker));
	}
	for (test_client *member : members)
		client_expect_quiet(member);
}

static void what_is_sent_after_a_node_died_is_kept_for_its_people(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *ann = enter(c->nodes[0].server, "ann"), *bob = enter(c->nodes[2].server, "bob");
	const int64_t b = bob->id;

	cluster_kill_node(c, 2);
	for (int i = 0; i < 20; i++)
		client_chat_safely(ann, b, std::to_string(i));
	test_client *again = client_open(c->nodes[1].server);
	again->ending = std::string(1, '\0');
	const test_frame ack = client_login(again, b);
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(kept.size(), 20);
	for (size_t i = 0; i < kept.size(); i++)
		assert_string_equal(json_text(kept[i].get(), "msg").c_str(), std::to_string(i).c_str());
	client_chat(ann, b, "live");
	client_expect(again, "{\"msgid\":6,\"msg\":\"live\"}");
}

/* What they sent or were sent before they noticed the end of their connection may be gone; all that was sent
 * later is kept for them, nothing is out of order, and those who confirm miss nothing that is stored. */
static void a_killed_node_takes_nothing_from_them_but_what_was_on_its_way(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	for (size_t i = 0; i < (cluster_is_long() ? 9 : 3); i++) {
		load_run(c->work, cluster_time(1000, 10000));
		cluster_kill_node(c, i % 3);
		cluster_wait_players(c, 10000);
		load_run(c->work, cluster_time(500, 10000));
		cluster_start_node(c, i % 3);
	}
	cluster_heal(c, "node killed", 45000);
	cluster_judge(c);
}

static int load_setup(void **state)
{
	cluster *c = cluster_new();

	*state = c;
	cluster_start(c);
	cluster_load(c, 16, 3);
	return 0;
}

static int group_setup(void **state)
{
	cluster *c = cluster_new();

	*state = c;
	cluster_start(c);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_of_them_talk_in_order_and_get_nothing_else),
		cmocka_unit_test(a_group_over_three_nodes_hears_everybody),
		cmocka_unit_test(what_is_sent_after_a_node_died_is_kept_for_its_people),
	};

	const struct CMUnitTest under_load[] = {
		cmocka_unit_test(a_killed_node_takes_nothing_from_them_but_what_was_on_its_way),
	};
	const int failed = cmocka_run_group_tests(tests, group_setup, cluster_teardown);

	return failed + cmocka_run_group_tests(under_load, load_setup, cluster_teardown);
}
