/* SPDX-License-Identifier: MIT
 * Tests that `state` in friends and groups is right in the whole cluster, also after a node crashed or stood still,
 * and that this locks nobody out. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"

/* Logs in there once more: what the ACK says of the friend, "online" or "offline". */
static std::string state_of(test_server *where, int64_t observer, int64_t friend_id)
{
	test_frame ack;
	test_client *c = client_return(where, observer, &ack);
	std::string state;

	for (const json_ptr &one : json_parse_all(ack.json.get(), "friends"))
		if (json_integer(one.get(), "id") == friend_id)
			state = json_text(one.get(), "state");
	client_leave(c);
	return state;
}

/* How long it takes until the observer, asking on each node in turn, is told so. */
static int64_t wait_for_state(cluster *c, int64_t observer, int64_t friend_id, const char *state, size_t nodes = 3)
{
	const int64_t begun = check_now(), end = begun + 3 * check_patience_ms();
	size_t agreed = 0;

	for (size_t i = 0; agreed < nodes; i++) {
		agreed = state_of(c->nodes[i % nodes].server, observer, friend_id) == state ? agreed + 1 : 0;
		if (check_now() > end)
			check_fail(std::source_location::current(), "the friend never gets %s", state);
		if (agreed == 0)
			check_sleep_ms(50);
	}
	return check_now() - begun;
}

/* Two accounts that are not online; the second is the first one's friend. */
struct pair {
	int64_t observer, subject;
};

static pair make_pair_of_friends(cluster *c)
{
	const auto [ann, bob] = cluster_enter_two(c);
	const pair made = {ann->id, bob->id};

	CLIENT_ASK(ann, 0, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", (long long)ann->id, (long long)bob->id);
	client_leave(ann);
	client_leave(bob);
	return made;
}

static void friends_and_members_are_online_wherever_they_are(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const pair p = make_pair_of_friends(c);

	wait_for_state(c, p.observer, p.subject, "offline");
	for (const cluster_node &node : c->nodes) {
		test_client *bob = client_return(node.server, p.subject);

		assert_true(wait_for_state(c, p.observer, p.subject, "online") < 3000 * check_patience_factor());
		client_close(bob);
		assert_true(wait_for_state(c, p.observer, p.subject, "offline") < 3000 * check_patience_factor());
	}
}

static void the_state_of_group_members_is_that_of_the_whole_cluster(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	test_client *members[3];
	const pair p = make_pair_of_friends(c);
	size_t online = 0, offline = 0;

	for (size_t i = 0; i < 3; i++)
		members[i] = client_enter(c->nodes[i].server, "member");
	const int64_t group = client_create_group(members[0], client_new_name("group"));
	client_join_group(members[1], group);
	client_join_group(members[2], group);
	test_client *bob = client_return(c->nodes[0].server, p.subject);
	client_join_group(bob, group);
	client_leave(bob);
	wait_for_state(c, p.observer, p.subject, "offline");
	client_logout(members[2]);
	const test_frame ack = client_login(members[2], members[2]->id);
	for (const json_ptr &one : json_parse_all(ack.json.get(), "groups"))
		for (const json_ptr &user : json_parse_all(one.get(), "users")) {
			online += json_text(user.get(), "state") == "online";
			offline += json_text(user.get(), "state") == "offline";
		}
	assert_int_equal(online, 3);
	assert_int_equal(offline, 1);
}

static void people_of_a_killed_node_are_offline_within_10_s(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const pair p = make_pair_of_friends(c);

	client_return(c->nodes[2].server, p.subject);
	wait_for_state(c, p.observer, p.subject, "online");
	cluster_kill_node(c, 2);
	const int64_t took = wait_for_state(c, p.observer, p.subject, "offline", 2);
	print_message("offline after %lld ms\n", static_cast<long long>(took));
	assert_true(took < 10000 + check_soon_ms());
	test_server_start(c->nodes[2].server);
	cluster_wait_bus(c);
}

static void people_of_a_killed_node_can_log_in_elsewhere_at_once(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const pair p = make_pair_of_friends(c);

	client_return(c->nodes[2].server, p.subject);
	cluster_kill_node(c, 2);
	const int64_t begun = check_now();
	client_login(client_open(c->nodes[0].server), p.subject);
	print_message("in again after %lld ms\n", static_cast<long long>(check_now() - begun));
	assert_true(check_now() - begun < check_soon_ms());
	assert_string_equal(state_of(c->nodes[1].server, p.observer, p.subject).c_str(), "online");
	test_server_start(c->nodes[2].server);
	cluster_wait_bus(c);
}

/* Its lease lapses, and its people may come in elsewhere; when it wakes up it finds their sessions taken. */
static void a_node_that_wakes_up_closes_what_was_taken_elsewhere_and_nothing_else(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const pair p = make_pair_of_friends(c);
	test_client *taken = client_return(c->nodes[1].server, p.subject),
		    *kept = client_enter(c->nodes[1].server, "kept"), *eve = client_enter(c->nodes[0].server, "eve");

	cluster_pause_node(c, 1);
	const int64_t begun = check_now();
	test_client *again = client_open(c->nodes[0].server);
	for (;;) {
		client_sendf(again, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}",
		             static_cast<long long>(p.subject));
		const test_frame ack = client_read(again);

		if (json_integer(ack.json.get(), "errno") == 0)
			break;
		assert_int_equal(json_integer(ack.json.get(), "errno"), 2);
		assert_true(check_now() - begun < 10000 + check_soon_ms());
		check_sleep_ms(100);
	}
	print_message("in elsewhere after %lld ms\n", static_cast<long long>(check_now() - begun));
	again->id = p.subject;
	/* It must sleep for longer than its lease in any case. */
	while (check_now() < begun + 13000)
		check_sleep_ms(100);
	client_chat_safely(eve, p.subject, "while it slept");
	client_expect(again, "{\"msg\":\"while it slept\"}");
	cluster_resume_node(c, 1);
	client_read_to_end(taken);
	cluster_wait_bus(c);
	client_chat_safely(eve, p.subject, "it is awake");
	client_expect(again, "{\"msg\":\"it is awake\"}");
	client_chat_safely(eve, kept->id, "to who stayed");
	client_expect(kept, "{\"msg\":\"to who stayed\"}");
	assert_string_equal(state_of(c->nodes[1].server, p.observer, p.subject).c_str(), "online");
}

#define TEST(name) cmocka_unit_test_teardown(name, cluster_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(friends_and_members_are_online_wherever_they_are),
		TEST(the_state_of_group_members_is_that_of_the_whole_cluster),
		TEST(people_of_a_killed_node_are_offline_within_10_s),
		TEST(people_of_a_killed_node_can_log_in_elsewhere_at_once),
		TEST(a_node_that_wakes_up_closes_what_was_taken_elsewhere_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, cluster_three_nodes_setup, cluster_teardown);
}
