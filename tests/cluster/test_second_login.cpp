/* SPDX-License-Identifier: MIT
 * Tests that an account is online once in the whole cluster: a second login is refused, or, with kick, closes the
 * first session on whichever node it is. */
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"
#include "tests/support/mute.h"

static void expect_refusal(test_server *where, int64_t id)
{
	test_client *c = client_open(where);

	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", static_cast<long long>(id));
	client_expect(c, "{\"msgid\":2,\"errno\":2}");
	client_close(c);
}

static void a_second_login_on_any_node_is_refused(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	for (const cluster_node &first : c->nodes) {
		test_client *ann = client_enter(first.server, "ann");

		for (const cluster_node &second : c->nodes)
			expect_refusal(second.server, ann->id);
		expect_refusal(c->front, ann->id);
		client_chat_safely(ann, ann->id, "still here");
		client_expect(ann, "{\"msg\":\"still here\"}");
	}
}

static void who_has_changed_the_network_is_in_on_any_node_within_five_seconds(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	for (size_t i = 1; i <= 2; i++) {
		test_client *ann = client_enter(c->nodes[0].server, "ann");
		test_client *eve = client_enter(c->nodes[1].server, "eve");
		test_client *next = client_open(c->nodes[i].server);

		assert_true(mute_socket(ann->fd));
		const int64_t begun = check_now();
		client_login(next, ann->id);
		assert_true(check_now() - begun < 5000 + check_soon_ms());
		client_chat_safely(eve, ann->id, "are you there?");
		client_expect(next, "{\"msg\":\"are you there?\"}");
		/* A live one is told so at once, also to other nodes. */
		for (const cluster_node &node : c->nodes) {
			const int64_t again = check_now();

			expect_refusal(node.server, ann->id);
			assert_true(check_now() - again < 2000 * check_patience_factor());
		}
	}
}

/* HAProxy answers for the dead client until its own keepalive, or what the client was sent, has found it out. */
static void behind_haproxy_it_takes_what_its_keepalive_takes(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_start(c);
	test_client *eve = client_enter(c->nodes[0].server, "eve");
	test_client *quiet = client_enter(c->front, "ann"), *busy = client_enter(c->front, "bob");

	assert_true(mute_socket(quiet->fd));
	assert_true(mute_socket(busy->fd));
	client_chat_safely(eve, busy->id, "are you there?");
	const int64_t begun = check_now();
	for (const int64_t id : {quiet->id, busy->id})
		expect_refusal(c->nodes[1].server, id);
	for (const int64_t id : {quiet->id, busy->id}) {
		test_client *next = client_open(c->front);

		do {
			client_sendf(next, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}",
			             static_cast<long long>(id));
			check_sleep_ms(200);
		} while (json_integer(client_read(next).json.get(), "errno") != 0);
		assert_in_range(check_now() - begun, 10000, 25000 + 5000 * check_patience_factor());
	}
}

/* A client that reconnects at once, elsewhere, before its old node has noticed. */
static void who_has_left_may_come_back_anywhere_at_once(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const int rounds = cluster_is_long() ? 300 : 60;

	cluster_start(c);
	test_client *ann = client_enter(c->nodes[0].server, "ann");
	const int64_t id = ann->id;
	for (int i = 0; i < rounds; i++) {
		if (i % 3 == 0)
			client_reset(ann);
		else if (i % 3 == 1)
			client_close(ann);
		else
			client_leave(ann);
		ann = client_open(c->nodes[(size_t)(i + 1) % 3].server);
		client_login(ann, id);
	}
}

static void with_kick_the_older_session_is_closed_wherever_it_is(void **state)
{
	cluster *c = static_cast<cluster *>(*state);

	cluster_set(c, "login.duplicate_login", "kick");
	cluster_start(c);
	test_client *eve = client_enter(c->nodes[0].server, "eve"), *ann = client_enter(c->nodes[0].server, "ann");
	for (size_t i = 1; i <= 6; i++) {
		test_client *next = client_open(c->nodes[i % 3].server);

		client_login(next, ann->id);
		client_read_to_end(ann);
		client_close(ann);
		ann = next;
		client_chat_safely(eve, ann->id, std::to_string(i));
		client_expect(ann, check_format("{\"msg\":\"%zu\",\"seq\":%zu}", i, i));
	}
	client_expect_quiet(ann);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cluster_setup, cluster_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_second_login_on_any_node_is_refused),
		TEST(who_has_changed_the_network_is_in_on_any_node_within_five_seconds),
		TEST(who_has_left_may_come_back_anywhere_at_once),
		TEST(with_kick_the_older_session_is_closed_wherever_it_is),
	};

	const struct CMUnitTest patient[] = {
		TEST(behind_haproxy_it_takes_what_its_keepalive_takes),
	};
	const int failed = cmocka_run_group_tests(tests, nullptr, nullptr);

	return cluster_is_long() ? failed + cmocka_run_group_tests(patient, nullptr, nullptr) : failed;
}
