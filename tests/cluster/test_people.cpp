/* SPDX-License-Identifier: MIT
 * Tests presence, contacts and blocks between two nodes. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/cluster.h"

using wide = long long;

static const char *const wants_all = ",\"want\":[\"presence\",\"signal\"]";

static void set_contact(test_client *c, int64_t of, const char *what)
{
	CLIENT_ASK(c, 0, "{\"msgid\":131,\"id\":%lld,\"account\":%lld,%s", (wide)c->id, (wide)of, what);
}

static void expect_state(test_client *c, int64_t of, const char *state, int timeout_ms)
{
	test_frame frame;

	if (!client_try_read(c, &frame, timeout_ms))
		check_fail(test_at::current(), "nobody says that it is %s", state);
	if (!json_matches(frame.json.get(),
	                  check_format("{\"msgid\":123,\"id\":%lld,\"state\":\"%s\"}", (wide)of, state)))
		check_fail(test_at::current(), "not %s: %s", state, frame.bytes.c_str());
}

static void who_comes_and_goes_on_another_node_is_told(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const auto [ann, bob] = cluster_enter_two(c, wants_all);
	const int64_t b = bob->id;
	const int patience = static_cast<int>(check_patience_ms());

	CLIENT_ASK(ann, 0, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", (wide)ann->id, (wide)b);
	client_expect(bob, check_format("{\"msgid\":134,\"id\":%lld}", (wide)ann->id));
	expect_state(ann, b, "online", patience);
	const int64_t gone = check_now();
	client_close(bob);
	expect_state(ann, b, "offline", 10000 + patience);
	assert_true(check_now() - gone >= 9900);
	test_client *back = client_return(c->nodes[1].server, b);
	expect_state(ann, b, "online", 10000 + patience);
	/* It moves to the other node: that is no absence. */
	client_close(back);
	(void)client_return(c->nodes[0].server, b);
	test_frame frame;
	assert_false(client_try_read(ann, &frame, 12000));
}

static void a_block_counts_on_the_other_node_once_it_is_answered(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const auto [ann, bob] = cluster_enter_two(c, wants_all);

	for (int round = 0; round < 200; round++) {
		const bool blocked = round % 2 == 0;

		set_contact(bob, ann->id, blocked ? "\"blocked\":true" : "\"blocked\":false");
		CLIENT_ASK(ann, blocked ? 8 : 0, "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\"", (wide)ann->id,
		           (wide)bob->id);
	}
	assert_int_equal(client_read_many(bob, 100).size(), 100);
}

static void a_block_ends_signals_of_the_other_node_within_a_second(void **state)
{
	cluster *c = static_cast<cluster *>(*state);
	const auto [ann, bob] = cluster_enter_two(c, wants_all);

	client_sendf(ann, "{\"msgid\":122,\"id\":%lld,\"toid\":%lld,\"kind\":\"x\"}", (wide)ann->id, (wide)bob->id);
	client_expect(bob, "{\"msgid\":122}");
	set_contact(bob, ann->id, "\"blocked\":true");
	/* The promised time. */
	check_sleep_ms(1000);
	test_client *eve = client_enter(c->nodes[0].server, "eve");
	for (test_client *from : {ann, ann, ann, eve})
		CLIENT_ASK(from, 0, "{\"msgid\":122,\"id\":%lld,\"toid\":%lld,\"kind\":\"x\"", (wide)from->id,
		           (wide)bob->id);
	/* The signal of eve comes on the same way behind those of ann, and is the next that bob gets. */
	client_expect(bob, check_format("{\"msgid\":122,\"id\":%lld}", (wide)eve->id));
	client_expect_quiet(bob);
}

#define TEST(name) cmocka_unit_test_teardown(name, cluster_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_comes_and_goes_on_another_node_is_told),
		TEST(a_block_counts_on_the_other_node_once_it_is_answered),
		TEST(a_block_ends_signals_of_the_other_node_within_a_second),
	};

	return cmocka_run_group_tests(tests, cluster_two_nodes_setup, cluster_teardown);
}
