/* SPDX-License-Identifier: MIT
 * Tests the way of data between instances: who gets it, in which order, and who no longer does; also over the bus,
 * where the test plays the other nodes. */
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

static struct cs_self *self_of(test *t)
{
	return t->f->worker->instances[0].get();
}

static int set_up(void **state)
{
	auto t = std::make_unique<test>();

	t->f = worker_fixture_make();
	t->f->plugins.plugins[0]->name = "fake";
	t->f->plugins.plugins[0]->declared.name = "fake";
	t->f->plugins.plugins[0]->declared.routed = on_routed;
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
	return !t->bus ? -1 : 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<test> t(static_cast<test *>(*state));

	if (t->bus) {
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
	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, data, 5, 0), 0);
	data[0] = 'j'; /* it was copied */
	assert_string_equal(t->got.c_str(), "");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "hello ");
	assert_int_equal(t->account, 13);
	assert_int_equal(t->conn, c->handle);
}

/* A worker that is busy takes nothing out of its loop. */
static void casual_data_is_dropped_where_too_much_of_it_waits_and_other_data_is_not(void **state)
{
	auto *t = static_cast<test *>(*state);
	const std::string large(1024 * 1024, 'x');
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	for (int i = 0; i < 20; i++)
		assert_int_equal(
			route_to_account(self_of(t), 13, CS_EVERY_DEVICE, large.data(), large.size(), CS_ROUTE_CASUAL),
			0);
	route_to_all(self_of(t), large.data(), large.size(), CS_ROUTE_CASUAL);
	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, "y", 1, 0), 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->got.size(), 8 * (large.size() + 1) + 2);
	assert_int_equal(t->f->worker->casual_bytes, 0);
	t->got.clear();
	route_to_all(self_of(t), "z", 1, CS_ROUTE_CASUAL);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "z ");
}

static void who_is_not_online_is_not_routed_to(void **state)
{
	auto *t = static_cast<test *>(*state);

	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, "x", 1, 0), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

static void what_arrives_after_the_session_ended_is_dropped(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, "a", 1, 0), 0);
	conn_logout(c);
	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, "b", 1, 0), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	/* The same connection, another account; and a connection that ended. */
	worker_fixture_bind(t->f.get(), c, 14);
	assert_int_equal(route_to_account(self_of(t), 14, CS_EVERY_DEVICE, "c", 1, 0), 0);
	conn_close(c, "test");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

static void everybody_gets_it_without_a_session(void **state)
{
	auto *t = static_cast<test *>(*state);

	route_to_all(self_of(t), "all", 3, 0);
	route_to_all(self_of(t), nullptr, 0, 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "all  ");
	assert_int_equal(t->account, 0);
	assert_int_equal(t->conn, 0);
}

static void an_instance_that_has_stopped_gets_nothing(void **state)
{
	auto *t = static_cast<test *>(*state);

	self_of(t)->started = false;
	route_to_all(self_of(t), "x", 1, 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
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

static std::string make_parcel(enum bus_parcel_kind kind, cs_account account, const char *data)
{
	const struct bus_parcel parcel {
		.kind = kind, .plugin = "fake", .account = account, .data = data
	};

	return bus_parcel_encode(&parcel);
}

static void a_session_of_this_node_is_reached_without_the_bus(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, "a", 1, 0), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a ");
	assert_trace(t, "");
}

static void who_is_not_here_is_looked_for_on_other_nodes(void **state)
{
	auto *t = static_cast<test *>(*state);

	t->bus->online = {14};
	assert_int_equal(route_to_account(self_of(t), 14, CS_EVERY_DEVICE, "hello", 5, 0), 0);
	assert_trace(t, "send:14 ");
	assert_int_equal(parcel_sent(t).kind, BUS_PARCEL_ACCOUNT);
	assert_int_equal(parcel_sent(t).account, 14);
	assert_true(parcel_sent(t).data == "hello");
	assert_int_equal(route_to_account(self_of(t), 14, CS_EVERY_DEVICE, "hello", 5, 0), 0);
	assert_trace(t, "send:14 send:14 ");
}

static void a_place_that_is_only_reserved_is_not_routed_to(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct session_entry other;
	int peer;
	const cs_conn conn = worker_fixture_connect(t->f.get(), &peer)->handle;

	assert_int_equal(session_reserve(t->f->shared.sessions, 13, conn, nullptr, &other), SESSION_GRANTED);
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, "x"));
	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, "y", 1, 0), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
	assert_trace(t, "send:13 ");
}

static void all_are_told_here_and_elsewhere(void **state)
{
	auto *t = static_cast<test *>(*state);

	route_to_all(self_of(t), "all", 3, 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "all ");
	assert_trace(t, "send_all:0 ");
	assert_int_equal(parcel_sent(t).kind, BUS_PARCEL_ALL);
	assert_true(parcel_sent(t).data == "all");
}

static void without_the_bus_a_node_reaches_itself(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	fake_bus_set_address(t->bus.get(), 0);
	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, "b", 1, 0), 0);
	assert_int_equal(route_to_account(self_of(t), 14, CS_EVERY_DEVICE, "c", 1, 0), CS_ENOENT);
	route_to_all(self_of(t), "e", 1, 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "b e ");
	assert_trace(t, "");
}

static void what_arrives_is_delivered_here_and_never_sent_on(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	t->bus->online = {14};
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, "mine"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 14, "moved"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ALL, 0, "all"));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "mine all ");
	assert_trace(t, "");
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
			route_to_all(self_of(t), &n, sizeof n, 0);
		else
			(void)!route_to_account(self_of(t), 13, CS_EVERY_DEVICE, &n, sizeof n, 0);
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
		TEST(casual_data_is_dropped_where_too_much_of_it_waits_and_other_data_is_not),
		TEST(what_arrives_after_the_session_ended_is_dropped),
		TEST(everybody_gets_it_without_a_session),
		TEST(an_instance_that_has_stopped_gets_nothing),
		CLUSTER_TEST(a_session_of_this_node_is_reached_without_the_bus),
		CLUSTER_TEST(who_is_not_here_is_looked_for_on_other_nodes),
		CLUSTER_TEST(a_place_that_is_only_reserved_is_not_routed_to),
		CLUSTER_TEST(all_are_told_here_and_elsewhere),
		CLUSTER_TEST(without_the_bus_a_node_reaches_itself),
		CLUSTER_TEST(what_arrives_is_delivered_here_and_never_sent_on),
		TEST(the_order_of_each_sending_thread_is_kept),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
