/* SPDX-License-Identifier: MIT
 * Owns the tests of the way between instances: who gets what, in which order, and who no longer does; also over
 * the bus, where the other nodes are played. */
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <setjmp.h>

#include "core/bus/bus_parcel.h"
#include "core/session/route.h"
#include "tests/support/fake_bus.h"
#include "tests/support/worker_fixture.h"

extern "C" {
#include <cmocka.h>
}

struct test {
	std::unique_ptr<struct worker_fixture> f;
	std::unique_ptr<struct fake_bus> bus; /* null: the node is alone */
	std::string got; /* of the fixture's instance */
	std::string came_back; /* to it */
	cs_account account = 0;
	cs_conn conn = 0;
	int next[4] = {}, received = 0;
	bool in_order = true;
};

static void on_routed(void *state, cs_conn conn, cs_account account, const void *data, size_t size)
{
	auto *t = static_cast<test *>(state);

	t->got.append(static_cast<const char *>(data), size).append(" ");
	t->account = account;
	t->conn = conn;
}

static void on_returned(void *state, cs_account to, const void *data, size_t size)
{
	auto *t = static_cast<test *>(state);

	t->came_back += std::to_string(to) + ":";
	t->came_back.append(static_cast<const char *>(data), size).append(" ");
}

static struct cs_self *self_of(test *t)
{
	return t->f->worker->instances[0].get();
}

static int set_up(void **state)
{
	auto t = std::make_unique<test>();

	t->f = worker_fixture_make();
	t->f->plugins.plugins[0]->name = "fake";
	t->f->plugins.plugins[0]->declared.routed = on_routed;
	t->f->plugins.plugins[0]->declared.returned = on_returned;
	/* Only `routed` is looked at here. */
	t->f->plugins.plugins[0]->declared.closed = nullptr;
	t->f->plugins.plugins[0]->declared.written = nullptr;
	self_of(t.get())->state = t.get();
	*state = t.release();
	return 0;
}

static int set_up_cluster(void **state)
{
	if (set_up(state) != 0)
		return -1;
	auto *t = static_cast<test *>(*state);

	t->bus = fake_bus_start(&t->f->shared);
	return t->bus == nullptr ? -1 : 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<test> t(static_cast<test *>(*state));

	if (t->bus != nullptr) {
		fake_bus_stop(t->bus.get());
		worker_fixture_turn(t->f.get());
	}
	worker_fixture_free(std::move(t->f));
	return 0;
}

static void what_is_routed_reaches_the_session_after_the_call(void **state)
{
	auto *t = static_cast<test *>(*state);
	char data[] = "hello";
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	assert_int_equal(route_to_account(self_of(t), 13, data, 5, 0), 0);
	data[0] = 'j'; /* it was copied */
	assert_string_equal(t->got.c_str(), "");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "hello ");
	assert_int_equal(t->account, 13);
	assert_int_equal(t->conn, c->handle);
}

static void who_is_not_online_is_not_routed_to(void **state)
{
	auto *t = static_cast<test *>(*state);

	assert_int_equal(route_to_account(self_of(t), 13, "x", 1, 0), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

static void what_arrives_after_the_session_ended_is_dropped(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	assert_int_equal(route_to_account(self_of(t), 13, "a", 1, 0), 0);
	conn_logout(c);
	assert_int_equal(route_to_account(self_of(t), 13, "b", 1, 0), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	/* The same connection, another account; and a connection that ended. */
	worker_fixture_bind(t->f.get(), c, 14);
	assert_int_equal(route_to_account(self_of(t), 14, "c", 1, 0), 0);
	conn_close(c, "test");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

static void everybody_and_a_place_get_it_without_a_session(void **state)
{
	auto *t = static_cast<test *>(*state);
	const cs_place place = route_place_of(self_of(t));

	assert_true(place != 0);
	route_to_all(self_of(t), "all", 3);
	assert_int_equal(route_to_place(self_of(t), place, "place", 5), 0);
	assert_int_equal(route_to_place(self_of(t), 0, "x", 1), CS_ENOENT);
	assert_int_equal(route_to_place(self_of(t), place + 1, "x", 1), CS_ENOENT);
	route_to_all(self_of(t), nullptr, 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "all place  ");
	assert_int_equal(t->account, 0);
	assert_int_equal(t->conn, 0);
}

static void an_instance_that_has_stopped_gets_nothing(void **state)
{
	auto *t = static_cast<test *>(*state);

	self_of(t)->started = false;
	route_to_all(self_of(t), "x", 1);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

static void what_asked_for_its_return_comes_back_when_the_session_has_ended(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	assert_int_equal(route_to_account(self_of(t), 13, "a", 1, CS_ROUTE_RETURN), 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(route_to_account(self_of(t), 13, "b", 1, CS_ROUTE_RETURN), 0);
	assert_int_equal(route_to_account(self_of(t), 13, "c", 1, 0), 0);
	assert_int_equal(route_to_account(self_of(t), 13, "d", 1, CS_ROUTE_RETURN), 0);
	conn_logout(c);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a ");
	assert_string_equal(t->came_back.c_str(), "13:b 13:d ");
}

/* ---- with other nodes */

static void assert_trace(test *t, const char *expected)
{
	assert_string_equal(fake_bus_trace(t->bus.get()).c_str(), expected);
}

static struct bus_parcel parcel_sent(test *t)
{
	struct bus_parcel parcel;
	const char *why = "";

	assert_int_equal(bus_parcel_decode(t->bus->sent, &parcel, &why), 0);
	assert_true(parcel.plugin == "fake");
	return parcel;
}

static std::string make_parcel(enum bus_parcel_kind kind, cs_account account, unsigned worker, const char *data)
{
	const struct bus_parcel parcel{.kind = kind, .plugin = "fake", .account = account, .worker = worker,
	                               .data = data};

	return bus_parcel_encode(&parcel);
}

static std::string make_returnable(cs_account account, cs_place back, const char *data)
{
	const struct bus_parcel parcel{.kind = BUS_PARCEL_ACCOUNT, .plugin = "fake", .account = account,
	                               .back = back, .data = data};

	return bus_parcel_encode(&parcel);
}

static void a_session_of_this_node_is_reached_without_the_bus(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	assert_int_equal(route_to_account(self_of(t), 13, "a", 1, 0), 0);
	assert_int_equal(route_to_place(self_of(t), route_place_of(self_of(t)), "b", 1), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a b ");
	assert_trace(t, "");
}

static void who_is_not_here_is_looked_for_on_other_nodes(void **state)
{
	auto *t = static_cast<test *>(*state);

	t->bus->online = {14};
	assert_int_equal(route_to_account(self_of(t), 14, "hello", 5, CS_ROUTE_RETURN), 0);
	assert_trace(t, "send:14 ");
	assert_int_equal(parcel_sent(t).kind, BUS_PARCEL_ACCOUNT);
	assert_int_equal(parcel_sent(t).account, 14);
	assert_true(parcel_sent(t).data == "hello");
	assert_true(parcel_sent(t).back == route_place_of(self_of(t)));
	assert_int_equal(route_to_account(self_of(t), 14, "hello", 5, 0), 0);
	assert_trace(t, "send:14 send:14 ");
	assert_true(parcel_sent(t).back == 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->came_back.c_str(), "");
}

static void what_nobody_has_comes_back_to_who_asked_for_that(void **state)
{
	auto *t = static_cast<test *>(*state);

	assert_int_equal(route_to_account(self_of(t), 14, "a", 1, CS_ROUTE_RETURN), 0);
	assert_int_equal(route_to_account(self_of(t), 14, "b", 1, 0), 0);
	assert_int_equal(route_to_account(self_of(t), 15, "c", 1, CS_ROUTE_RETURN), 0);
	assert_trace(t, "send:14 send:14 send:15 ");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->came_back.c_str(), "14:a 15:c ");
	assert_string_equal(t->got.c_str(), "");
}

static void a_place_that_is_only_reserved_is_not_routed_to(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct session_entry other;
	int peer;
	const cs_conn conn = worker_fixture_connect(t->f.get(), &peer)->handle;

	assert_int_equal(session_reserve(t->f->shared.sessions, 13, 0, conn, nullptr, &other), SESSION_GRANTED);
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, 0, "x"));
	assert_int_equal(route_to_account(self_of(t), 13, "y", 1, 0), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
	assert_trace(t, "send:13 ");
}

static void all_are_told_here_and_elsewhere(void **state)
{
	auto *t = static_cast<test *>(*state);

	route_to_all(self_of(t), "all", 3);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "all ");
	assert_trace(t, "send_all:0 ");
	assert_int_equal(parcel_sent(t).kind, BUS_PARCEL_ALL);
	assert_true(parcel_sent(t).data == "all");
}

static void a_place_names_its_node(void **state)
{
	auto *t = static_cast<test *>(*state);
	const cs_place here = route_place_of(self_of(t));

	assert_int_equal(here, bus_place(fake_bus_address, 0));
	assert_int_equal(route_to_place(self_of(t), bus_place(0x77, 2), "far", 3), 0);
	assert_trace(t, "send_to:119 ");
	assert_int_equal(parcel_sent(t).worker, 2);
	assert_int_equal(route_to_place(self_of(t), bus_place(0, 0), "near", 4), 0);
	assert_int_equal(route_to_place(self_of(t), bus_place(fake_bus_address, 1), "x", 1), CS_ENOENT);
	assert_int_equal(route_to_place(self_of(t), bus_place(0x77, 0) - 1, "x", 1), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "near ");
}

static void without_the_bus_a_node_reaches_itself(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	fake_bus_set_address(t->bus.get(), 0);
	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	assert_int_equal(route_place_of(self_of(t)), bus_place(0, 0));
	assert_int_equal(route_to_place(self_of(t), route_place_of(self_of(t)), "a", 1), 0);
	assert_int_equal(route_to_account(self_of(t), 13, "b", 1, 0), 0);
	assert_int_equal(route_to_account(self_of(t), 14, "c", 1, CS_ROUTE_RETURN), CS_ENOENT);
	assert_int_equal(route_to_place(self_of(t), bus_place(0x77, 0), "d", 1), CS_ENOENT);
	route_to_all(self_of(t), "e", 1);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a b e ");
	assert_string_equal(t->came_back.c_str(), "");
	assert_trace(t, "");
}

static void what_arrives_is_delivered_here_and_never_sent_on(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	t->bus->online = {14};
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, 0, "mine"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 14, 0, "moved"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ALL, 0, 0, "all"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_PLACE, 0, 0, "place"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_PLACE, 0, 1, "nobody"));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "mine all place ");
	assert_trace(t, "");
}

static void what_arrives_for_who_is_not_here_is_given_back_to_who_asked_for_that(void **state)
{
	auto *t = static_cast<test *>(*state);

	fake_bus_arrive(t->bus.get(), make_returnable(14, bus_place(0x77, 2), "moved"));
	assert_trace(t, "send_to:119 ");
	assert_int_equal(parcel_sent(t).kind, BUS_PARCEL_RETURN);
	assert_int_equal(parcel_sent(t).account, 14);
	assert_int_equal(parcel_sent(t).worker, 2);
	assert_true(parcel_sent(t).data == "moved");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->came_back.c_str(), "");
}

/* The bus thread still saw it, the worker does not. */
static void what_arrives_with_the_end_of_its_session_is_given_back_too(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	fake_bus_arrive(t->bus.get(), make_returnable(13, bus_place(0x77, 0), "late"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, 0, "hint"));
	conn_logout(c);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
	assert_trace(t, "ending:13 send_to:119 release:13 ");
	assert_int_equal(parcel_sent(t).kind, BUS_PARCEL_RETURN);
	assert_true(parcel_sent(t).data == "late");
}

static void what_was_given_back_is_told_to_its_sender_and_goes_no_further(void **state)
{
	auto *t = static_cast<test *>(*state);

	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_RETURN, 14, 0, "back"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_RETURN, 14, 1, "nobody"));
	/* A way back that claims to be ours. */
	fake_bus_arrive(t->bus.get(), make_returnable(15, bus_place(fake_bus_address, 7), "x"));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->came_back.c_str(), "14:back ");
	assert_string_equal(t->got.c_str(), "");
}

/* ---- from several threads */

static constexpr int senders = 4, messages = 5000;

struct note {
	int from, number;
};

static void on_note(void *state, cs_conn, cs_account, const void *data, size_t size)
{
	auto *t = static_cast<test *>(state);
	const auto *n = static_cast<const struct note *>(data);

	t->in_order = t->in_order && size == sizeof *n && t->next[n->from] == n->number;
	t->next[n->from]++;
	if (++t->received == senders * messages)
		loop_stop(&t->f->worker->loop);
}

static void send_notes(test *t, int from)
{
	for (int i = 0; i < messages; i++) {
		const struct note n = {from, i};

		if (i % 2 == 0)
			route_to_all(self_of(t), &n, sizeof n);
		else
			(void)!route_to_account(self_of(t), 13, &n, sizeof n, 0);
	}
}

static void the_order_of_each_sending_thread_is_kept(void **state)
{
	auto *t = static_cast<test *>(*state);
	std::vector<std::thread> all;
	int peer;

	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	t->f->plugins.plugins[0]->declared.routed = on_note;
	worker_start(t->f->worker);
	for (int from = 0; from < senders; from++)
		all.emplace_back(send_notes, t, from);
	for (std::thread &thread : all)
		thread.join();
	t->f->worker->thread.join();
	assert_true(t->in_order);
	assert_int_equal(t->received, senders * messages);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CLUSTER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_cluster, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(what_is_routed_reaches_the_session_after_the_call),
		TEST(who_is_not_online_is_not_routed_to),
		TEST(what_arrives_after_the_session_ended_is_dropped),
		TEST(everybody_and_a_place_get_it_without_a_session),
		TEST(an_instance_that_has_stopped_gets_nothing),
		TEST(what_asked_for_its_return_comes_back_when_the_session_has_ended),
		CLUSTER_TEST(a_session_of_this_node_is_reached_without_the_bus),
		CLUSTER_TEST(who_is_not_here_is_looked_for_on_other_nodes),
		CLUSTER_TEST(what_nobody_has_comes_back_to_who_asked_for_that),
		CLUSTER_TEST(a_place_that_is_only_reserved_is_not_routed_to),
		CLUSTER_TEST(all_are_told_here_and_elsewhere),
		CLUSTER_TEST(a_place_names_its_node),
		CLUSTER_TEST(without_the_bus_a_node_reaches_itself),
		CLUSTER_TEST(what_arrives_is_delivered_here_and_never_sent_on),
		CLUSTER_TEST(what_arrives_for_who_is_not_here_is_given_back_to_who_asked_for_that),
		CLUSTER_TEST(what_arrives_with_the_end_of_its_session_is_given_back_too),
		CLUSTER_TEST(what_was_given_back_is_told_to_its_sender_and_goes_no_further),
		TEST(the_order_of_each_sending_thread_is_kept),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
