/* SPDX-License-Identifier: MIT
 * Tests sessions on the bus and the notices of the cluster to a node: claims, presence, sessions that have to end, the
 * bus that is away. */
#include "tests/support/bus_pair.h"

/* ---- the bus is away */

static void while_the_bus_is_away_nothing_is_sent_and_claims_are_granted(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	struct bus *b = n->bus.get();
	const cs_bus_address before = bus_address(b);
	const cs_account accounts[] = {13};
	unsigned char online[] = {1};
	answer a;

	(void)log_in(t, &t->nodes[1], 13);
	assert_false(bus_count(b).away);
	assert_int_equal(bus_count(b).epochs, 1);
	bus_hub_disconnect(t->hub.get(), 0);
	assert_true(wait_for(t, [n] { return !is_connected(n); }));
	assert_true(bus_count(b).away);
	assert_int_equal(send(n, 0, 13, "x", 0), CS_ENOENT);
	send_all(n, 0, "x", 0);
	assert_int_equal(bus_count(b).dropped, 2);
	bus_presence(b, accounts, nullptr, online, 1, loop_of(n, 0), on_done, &a);
	assert_int_equal(claim(t, n, 13, 99, 0), 0);
	assert_int_equal(a.result, CS_ENOENT);
	assert_int_equal(online[0], 0);
	bus_hub_connect(t->hub.get(), 0);
	assert_true(wait_for(t, [n] { return is_connected(n); }));
	assert_true(bus_address(b) != before);
	assert_int_equal(bus_count(b).epochs, 2);
	assert_int_equal(bus_count(b).sent, 0);
}

/* ---- sessions */

static void a_completion_comes_on_the_loop_that_was_named(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	const struct cs_bus_session session {
		.account = 13, .conn = 1, .generation = 1
	};
	const int64_t end = worker_monotonic_ms() + 10000;
	answer a;

	bus_claim(n->bus.get(), &session, 0, loop_of(n, 1), on_done, &a);
	while (!bus_hub_has(t->hub.get(), 13) && worker_monotonic_ms() < end)
		poll(nullptr, 0, 1);
	/* The claim is through, but the second worker has not run. */
	worker_fixture_turn(n->f.get());
	assert_int_equal(a.calls, 0);
	assert_int_equal(bus_unfinished(n->bus.get()), 1);
	assert_true(wait_for(t, [&a] { return a.calls == 1; }));
	assert_int_equal(a.result, 0);
	assert_true(is_quiet(t));
}

static void an_account_has_one_place_until_it_is_released(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct bus *holder = t->nodes[0].bus.get();

	assert_int_equal(claim(t, &t->nodes[0], 13, 1, 0), 0);
	assert_int_equal(claim(t, &t->nodes[1], 13, 2, 0), CS_EEXIST);
	bus_ending(holder, 13, 0, 1);
	assert_true(wait_for(t, [t] { return bus_hub_is_ending(t->hub.get(), 13); }));
	assert_int_equal(claim(t, &t->nodes[1], 13, 2, 0), CS_EAGAIN);
	bus_release(holder, 13, 0, 1);
	assert_true(wait_for(t, [t] { return !bus_hub_has(t->hub.get(), 13); }));
	assert_int_equal(claim(t, &t->nodes[1], 13, 2, 0), 0);
}

static void presence_covers_all_nodes(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	const cs_account accounts[] = {12, 13, 14};
	unsigned char online[] = {9, 9, 9};
	answer a;

	(void)log_in(t, &t->nodes[0], 12);
	(void)log_in(t, &t->nodes[1], 13);
	bus_presence(n->bus.get(), accounts, nullptr, online, 3, loop_of(n, 0), on_done, &a);
	assert_true(wait_for(t, [&a] { return a.calls == 1; }));
	assert_int_equal(a.result, 0);
	assert_int_equal(online[0] * 100 + online[1] * 10 + online[2], 110);
}

static void a_session_that_has_to_end_is_closed_where_it_is(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct conn *c = log_in(t, &t->nodes[1], 13);
	const cs_conn handle = c->handle;
	struct worker *w = t->nodes[1].f->worker;

	/* Not when the connection belongs to another account by now, and no worker that is not there. */
	bus_hub_close_session(t->hub.get(), 1, 12, handle);
	bus_hub_close_session(t->hub.get(), 1, 13, handle | 0x7f000000);
	bus_hub_change(t->hub.get(), 1, CS_CLUSTER_MISSED);
	assert_true(wait_for(t, [t] { return t->nodes[1].told[0].events == "3 "; }));
	assert_non_null(conn_find(w, handle));
	assert_int_equal(claim(t, &t->nodes[0], 13, 1, CS_CLAIM_KICK), CS_EEXIST);
	assert_true(wait_for(t, [w, handle] { return !conn_find(w, handle); }));
}

static void a_session_that_another_node_asks_for_is_probed_and_its_proof_comes_back(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct conn *c = log_in(t, &t->nodes[1], 13);
	struct session_table *asking = t->nodes[0].f->shared.sessions;
	struct worker_shared *probed = &t->nodes[1].f->shared;
	struct session_entry other;

	probed->bus = t->nodes[1].bus.get();
	assert_int_equal(session_reserve(asking, {13, 0}, 1, 1, nullptr, &other), SESSION_GRANTED);
	assert_int_equal(claim(t, &t->nodes[0], 13, 1, 0), CS_EEXIST);
	assert_true(wait_for(t, [asking] { return session_proved_ms(asking, {13, 0}) != 0; }));
	assert_int_equal(c->account, 13);
	assert_true(session_proved_ms(probed->sessions, {13, 0}) != 0);
	assert_true(is_quiet(t));
	/* One that has ended since is not proved. */
	session_free(asking, {13, 0});
	assert_int_equal(session_reserve(asking, {13, 0}, 1, 1, nullptr, &other), SESSION_GRANTED);
	const cs_conn handle = c->handle;
	conn_close(c, "test");
	conn_begin_probe(probed, handle, 13, 0, bus_address(t->nodes[0].bus.get()));
	assert_true(is_quiet(t));
	assert_int_equal(session_proved_ms(asking, {13, 0}), 0);
	probed->bus = nullptr;
}

static void what_happens_to_the_cluster_is_told_to_every_instance(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct told *told = t->nodes[0].told.data();

	bus_hub_change(t->hub.get(), 0, CS_CLUSTER_DEGRADED);
	bus_hub_change(t->hub.get(), 0, CS_CLUSTER_WHOLE);
	assert_true(wait_for(t, [told] { return told[0].events == "1 2 " && told[1].events == "1 2 "; }));
	assert_string_equal(t->nodes[1].told[0].events.c_str(), "");
}

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(while_the_bus_is_away_nothing_is_sent_and_claims_are_granted),
		TEST(a_completion_comes_on_the_loop_that_was_named),
		TEST(an_account_has_one_place_until_it_is_released),
		TEST(presence_covers_all_nodes),
		TEST(a_session_that_has_to_end_is_closed_where_it_is),
		TEST(a_session_that_another_node_asks_for_is_probed_and_its_proof_comes_back),
		TEST(what_happens_to_the_cluster_is_told_to_every_instance),
	};

	return cmocka_run_group_tests_name("bus_session", tests, nullptr, nullptr);
}
