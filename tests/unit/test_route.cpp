/* SPDX-License-Identifier: MIT
 * Tests the way of data between instances: who gets it, in which order, and who no longer does; also over the bus,
 * where the test plays the other nodes. */
#include <atomic>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/bus/bus_parcel.h"
#include "core/session/route.h"
#include "core/session/session_bus.h"
#include "tests/support/capture.h"
#include "tests/support/fake_bus.h"
#include "tests/support/parcel.h"
#include "tests/support/worker_fixture.h"

struct test {
	std::unique_ptr<struct worker_fixture> f;
	std::unique_ptr<struct fake_bus> bus; /* null: the node is alone */
	std::string got; /* of the fixture's instance */
	std::string not_alone; /* the same */
	cs_account account = 0;
	cs_conn conn = 0;
	int next[4] = {}, received = 0;
	bool in_order = true;
};

static void on_routed(void *state, cs_conn conn, cs_account account, const struct cs_parcel *parcel)
{
	auto *t = static_cast<test *>(state);

	t->got.append(parcel_text(parcel)).append(" ");
	t->account = account;
	t->conn = conn;
}

static struct cs_self *self_of(test *t)
{
	return t->f->worker->instances[0].get();
}

static int send(test *t, cs_account to, std::string_view text, unsigned flags = 0)
{
	const text_parcel p(text);

	return route_to_account(self_of(t), to, CS_EVERY_DEVICE, &p.parcel, flags);
}

static void send_all(test *t, std::string_view text, unsigned flags = 0, uint64_t topic = 0)
{
	const text_parcel p(text);

	assert_int_equal(route_to_all(self_of(t), topic, &p.parcel, flags), 0);
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
	char head[] = "hel";
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	{
		const text_parcel p("lo", head);

		assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, &p.parcel, 0), 0);
	} /* the sender keeps the body no longer, */
	head[0] = 'j'; /* and the head was copied */
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
	const std::string large(1024 * 1024 - 256, 'x');
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	for (int i = 0; i < 20; i++)
		assert_int_equal(send(t, 13, large, CS_ROUTE_CASUAL), 0);
	send_all(t, large, CS_ROUTE_CASUAL);
	assert_int_equal(send(t, 13, "y"), 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->got.size(), 8 * (large.size() + 1) + 2);
	assert_int_equal(t->f->worker->routed_bytes[1], 0);
	t->got.clear();
	send_all(t, "z", CS_ROUTE_CASUAL);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "z ");
}

static void casual_data_without_bytes_is_bounded_too(void **state)
{
	auto *t = static_cast<test *>(*state);

	for (int i = 0; i < 300000; i++)
		send_all(t, "", CS_ROUTE_CASUAL);
	worker_fixture_turn(t->f.get());
	assert_in_range(t->got.size(), 1000, 299999);
	assert_int_equal(t->f->worker->routed_bytes[1], 0);
}

static void who_is_not_online_is_not_routed_to(void **state)
{
	auto *t = static_cast<test *>(*state);

	assert_int_equal(send(t, 13, "x"), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

static void what_arrives_after_the_session_ended_is_dropped(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	worker_fixture_bind(t->f.get(), c, 13);
	assert_int_equal(send(t, 13, "a"), 0);
	conn_logout(c);
	assert_int_equal(send(t, 13, "b"), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	/* The same connection, another account; and a connection that ended. */
	worker_fixture_bind(t->f.get(), c, 14);
	assert_int_equal(send(t, 14, "c"), 0);
	conn_close(c, "test");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

static void everybody_gets_it_without_a_session(void **state)
{
	auto *t = static_cast<test *>(*state);

	send_all(t, "all");
	send_all(t, "");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "all  ");
	assert_int_equal(t->account, 0);
	assert_int_equal(t->conn, 0);
}

static void an_instance_that_has_stopped_gets_nothing(void **state)
{
	auto *t = static_cast<test *>(*state);

	self_of(t)->started = false;
	send_all(t, "x");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

/* ---- topics */

static void add_worker(test *t, test *other)
{
	auto w = std::make_unique<worker>();
	struct cs_error e;

	assert_int_equal(worker_open(w.get(), 1, &t->f->shared, &e), 0);
	conn_table_open(w.get(), &t->f->conf);
	struct cs_self *self = plugin_add_instance(t->f->plugins.plugins[0].get(), w.get());

	self->started = true;
	self->state = other;
	t->f->shared.workers.push_back(std::move(w));
}

static bool has_posts(const struct worker *w)
{
	return !w->loop.inbox.empty();
}

static void a_topic_wakes_only_workers_that_have_subscribed(void **state)
{
	auto *t = static_cast<test *>(*state);
	test of_other;

	add_worker(t, &of_other);
	struct worker *other = t->f->shared.workers[1].get();

	route_subscribe(self_of(t), 5);
	route_subscribe(self_of(t), 5);
	route_subscribe(other->instances[0].get(), 6);
	send_all(t, "five", 0, 5);
	assert_false(has_posts(other));
	send_all(t, "seven", 0, 7);
	assert_false(has_posts(other));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "five ");
	send_all(t, "six", 0, 6);
	assert_true(has_posts(other));
	assert_false(has_posts(t->f->worker));
	route_unsubscribe(self_of(t), 5);
	send_all(t, "none", 0, 5);
	assert_false(has_posts(t->f->worker));
	loop_drain(&other->loop);
	assert_string_equal(of_other.got.c_str(), "six ");
}

static void a_worker_that_wants_every_topic_gets_all_until_it_gives_that_up(void **state)
{
	auto *t = static_cast<test *>(*state);

	route_subscribe(self_of(t), 5);
	route_subscribe(self_of(t), 0);
	send_all(t, "a", 0, 5);
	send_all(t, "b", 0, 6);
	route_unsubscribe(self_of(t), 0);
	send_all(t, "c", 0, 5);
	send_all(t, "d", 0, 6);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a b c ");
	assert_int_equal(topic_find(&t->f->topics, {0, 5}).count(), 1);
	route_unsubscribe(self_of(t), 5);
	assert_true(t->f->topics.shards[5].entries.empty());
}

static void a_head_that_is_too_long_is_refused(void **state)
{
	auto *t = static_cast<test *>(*state);
	const std::string head(CS_PARCEL_HEAD_MOST + 1, 'x');
	const text_parcel p("", head);

	assert_int_equal(route_to_account(self_of(t), 13, CS_EVERY_DEVICE, &p.parcel, 0), CS_EINVAL);
	assert_int_equal(route_to_all(self_of(t), 0, &p.parcel, 0), CS_EINVAL);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
}

static std::string *told_of(void *state)
{
	return &static_cast<test *>(state)->got;
}

static void body_of_first(void *state, cs_conn, cs_account, const struct cs_parcel *parcel)
{
	char text[32];

	snprintf(text, sizeof text, "%p ", static_cast<const void *>(parcel->body->bytes));
	told_of(state)->append(text);
}

static void the_body_is_the_sender_s_own_bytes(void **state)
{
	auto *t = static_cast<test *>(*state);
	const text_parcel p("hello");
	char expected[32];

	t->f->plugins.plugins[0]->declared.routed = body_of_first;
	snprintf(expected, sizeof expected, "%p ", static_cast<const void *>(p.body->bytes));
	assert_int_equal(route_to_all(self_of(t), 0, &p.parcel, 0), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), expected);
}

/* A store of two threads: a writer commits and then tells the topic; a reader subscribes to all, reads, subscribes to
 * its own topic and gives up the rest, as a session does that attaches. */
static void who_subscribes_before_it_reads_misses_nothing(void **state)
{
	auto *t = static_cast<test *>(*state);
	std::atomic<int> committed = 0;
	constexpr int most = 20000;

	t->f->plugins.plugins[0]->declared.routed = [](void *of, cs_conn, cs_account, const struct cs_parcel *parcel) {
		auto *known = &static_cast<test *>(of)->received;

		*known = std::max(*known, *static_cast<const int *>(parcel->head));
	};
	std::thread writer([&] {
		for (int i = 1; i <= most; i++) {
			const struct cs_parcel parcel = {&i, sizeof i, nullptr};

			committed = i;
			(void)!route_to_all(self_of(t), 5, &parcel, 0);
		}
	});
	while (committed < most) {
		route_subscribe(self_of(t), 0);
		t->received = committed;
		route_subscribe(self_of(t), 5);
		route_unsubscribe(self_of(t), 0);
		const int before = committed;

		/* All that was committed by now was read, or its parcel was posted or is about to be. */
		assert_true(worker_fixture_wait(t->f.get(), [=] { return t->received >= before; }));
		route_unsubscribe(self_of(t), 5);
		worker_fixture_turn(t->f.get());
	}
	writer.join();
	worker_fixture_turn(t->f.get());
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

static std::string make_parcel(enum bus_parcel_kind kind, cs_account account, const char *data, unsigned flags = 0)
{
	const struct bus_parcel parcel {
		.kind = kind, .flags = flags, .plugin = "fake", .to = account, .body = data
	};

	return bus_parcel_encode(&parcel);
}

static void on_not_alone(void *state, cs_account account)
{
	static_cast<test *>(state)->not_alone += std::to_string(account) + " ";
}

static void a_session_that_is_alone_is_reached_without_the_bus(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;
	const struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	t->f->plugins.plugins[0]->declared.not_alone = on_not_alone;
	worker_fixture_bind(t->f.get(), conn_find(t->f->worker, c->handle), 13);
	fake_bus_tell_alone(t->bus.get(), 13, 0, c->handle, true);
	assert_int_equal(send(t, 13, "a"), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a ");
	assert_trace(t, "");
	/* From now on the other nodes get it as well; the plugin makes good what they did not get. */
	fake_bus_tell_alone(t->bus.get(), 13, 0, c->handle, false);
	assert_true(worker_fixture_wait(t->f.get(), [t] { return t->not_alone == "13 "; }));
	assert_int_equal(send(t, 13, "b"), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a b ");
	assert_trace(t, "send:13 ");
	fake_bus_set_address(t->bus.get(), 0);
	assert_int_equal(send(t, 13, "c"), 0);
	assert_int_equal(bus_count(t->bus->bus.get()).dropped, 0);
	assert_trace(t, "send:13 ");
}

/* Nobody has said yet that it is alone. */
static void a_session_of_this_node_may_have_others_elsewhere(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	assert_int_equal(send(t, 13, "a"), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a ");
	assert_trace(t, "send:13 ");
}

static struct conn *bind_device(test *t, cs_account account, uint64_t device)
{
	struct session_entry other;
	int peer;
	struct conn *c = worker_fixture_connect(t->f.get(), &peer);

	assert_int_equal(session_claim(t->f->shared.sessions, {account, device}, c->handle, 1, nullptr, &other),
	                 SESSION_GRANTED);
	conn_bind(c, account, device, "li si");
	return c;
}

static void an_account_that_stops_being_alone_is_told_of_once(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct conn *const conns[] = {bind_device(t, 13, 0), bind_device(t, 13, 1)};

	t->f->plugins.plugins[0]->declared.not_alone = on_not_alone;
	for (const struct conn *c : conns)
		fake_bus_tell_alone(t->bus.get(), 13, c->device, c->handle, true);
	for (const struct conn *c : conns)
		fake_bus_tell_alone(t->bus.get(), 13, c->device, c->handle, false);
	/* The session that the bus named ends. The others must still be told. */
	conn_close(conns[0], "gone");
	assert_true(worker_fixture_wait(t->f.get(), [t] { return !t->not_alone.empty(); }));
	assert_int_equal(send(t, 13, "a"), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "a ");
	assert_string_equal(t->not_alone.c_str(), "13 ");
}

static void each_device_gets_what_is_for_all_of_them(void **state)
{
	auto *t = static_cast<test *>(*state);
	const text_parcel one("one"), none("none");

	(void)bind_device(t, 13, 0);
	(void)bind_device(t, 13, 1);
	(void)bind_device(t, 13, 2);
	(void)bind_device(t, 14, 1);
	assert_int_equal(send(t, 13, "all"), 0);
	assert_int_equal(route_to_account(self_of(t), 13, 1, &one.parcel, 0), 0);
	assert_int_equal(route_to_account(self_of(t), 13, 3, &none.parcel, 0), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "all all all one ");
	/* A device that is here is nowhere else. */
	assert_trace(t, "send:13 send:13/3 ");
	assert_int_equal(parcel_sent(t).device, 3);
	assert_int_equal(route_to_account(self_of(t), 13, CS_DEVICE_MAX + 1, &none.parcel, 0), CS_ENOENT);
}

static void what_comes_for_one_device_goes_to_it_alone(void **state)
{
	auto *t = static_cast<test *>(*state);
	const struct bus_parcel parcel {
		.kind = BUS_PARCEL_DEVICE, .plugin = "fake", .to = 13, .device = 2, .body = "two"
	};

	(void)bind_device(t, 13, 0);
	(void)bind_device(t, 13, 2);
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, "all"));
	fake_bus_arrive(t->bus.get(), bus_parcel_encode(&parcel));
	assert_true(worker_fixture_wait(t->f.get(), [t] { return t->got == "all all two "; }));
}

static void who_is_not_here_is_looked_for_on_other_nodes(void **state)
{
	auto *t = static_cast<test *>(*state);

	t->bus->online = {14};
	assert_int_equal(send(t, 14, "hello"), 0);
	assert_trace(t, "send:14 ");
	assert_int_equal(parcel_sent(t).kind, BUS_PARCEL_ACCOUNT);
	assert_int_equal(parcel_sent(t).to, 14);
	assert_true(parcel_sent(t).body == "hello");
	assert_int_equal(send(t, 14, "hello"), 0);
	assert_trace(t, "send:14 send:14 ");
}

static void nobody_has_account_0_on_any_node(void **state)
{
	auto *t = static_cast<test *>(*state);

	assert_int_equal(send(t, 0, "x"), CS_ENOENT);
	assert_trace(t, "");
}

static void a_place_that_is_only_reserved_is_not_routed_to(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct session_entry other;
	int peer;
	const cs_conn conn = worker_fixture_connect(t->f.get(), &peer)->handle;

	assert_int_equal(session_reserve(t->f->shared.sessions, {13, 0}, conn, 1, nullptr, &other), SESSION_GRANTED);
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, "x"));
	assert_int_equal(send(t, 13, "y"), 0);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
	assert_trace(t, "send:13 ");
}

static void all_are_told_here_and_elsewhere(void **state)
{
	auto *t = static_cast<test *>(*state);

	send_all(t, "all");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "all ");
	assert_trace(t, "send_all:0 ");
	assert_int_equal(parcel_sent(t).kind, BUS_PARCEL_ALL);
	assert_true(parcel_sent(t).body == "all");
}

static void without_the_bus_a_node_reaches_itself(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	fake_bus_set_address(t->bus.get(), 0);
	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	assert_int_equal(send(t, 13, "b"), 0);
	assert_int_equal(send(t, 14, "c"), CS_ENOENT);
	send_all(t, "e");
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

/* A worker that is busy takes nothing out of its loop. What is dropped is in the store. */
static void data_of_other_nodes_is_bounded_and_who_misses_some_is_told_once(void **state)
{
	auto *t = static_cast<test *>(*state);
	const std::string large(1024 * 1024 - 256, 'x');
	const std::string parcel = make_parcel(BUS_PARCEL_ALL, 0, large.c_str());

	t->f->plugins.plugins[0]->declared.cluster = [](void *of, enum cs_cluster_event event) {
		told_of(of)->append(event == CS_CLUSTER_MISSED ? "missed " : "? ");
	};
	const std::string log = capture_stderr([t, &parcel] {
		for (int i = 0; i < 20; i++)
			fake_bus_arrive(t->bus.get(), parcel);
	});
	const size_t told = log.find("too much waits for a worker");

	assert_true(told != log.npos && log.find("too much waits", told + 1) == log.npos);
	assert_int_equal(bus_count(t->bus->bus.get()).received, 16);
	assert_int_equal(bus_count(t->bus->bus.get()).dropped, 4);
	assert_true(t->f->worker->routed_bytes[2] <= 16 * 1024 * 1024);
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->got.size(), 16 * (large.size() + 1) + strlen("missed "));
	assert_true(t->got.ends_with("missed "));
	assert_int_equal(t->f->worker->routed_bytes[2], 0);
	t->got.clear();
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ALL, 0, "y"));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "y ");
}

static void a_topic_crosses_the_bus_and_finds_its_subscribers(void **state)
{
	auto *t = static_cast<test *>(*state);

	send_all(t, "out", 0, 5);
	assert_trace(t, "send_all:0 ");
	assert_int_equal(parcel_sent(t).to, 5);
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ALL, 5, "nobody"));
	route_subscribe(self_of(t), 5);
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ALL, 5, "five"));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "five ");
}

/* Its contents are in the store, and nobody else may look there soon. */
static void a_parcel_of_another_version_is_dropped_and_who_would_have_got_it_is_told_once(void **state)
{
	auto *t = static_cast<test *>(*state);
	int peer;

	t->f->plugins.plugins[0]->declared.parcel_version = 2;
	plugin_publish(&t->f->shared, t->f->plugins.plugins[0].get());
	t->f->plugins.plugins[0]->declared.cluster = [](void *of, enum cs_cluster_event event) {
		told_of(of)->append(event == CS_CLUSTER_MISSED ? "missed " : "? ");
	};
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, "old"));
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ALL, 0, "old", CS_ROUTE_CASUAL));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "");
	for (int i = 0; i < 2; i++)
		fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ALL, 5, "old"));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "missed ");
	worker_fixture_bind(t->f.get(), worker_fixture_connect(t->f.get(), &peer), 13);
	fake_bus_arrive(t->bus.get(), make_parcel(BUS_PARCEL_ACCOUNT, 13, "old"));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->got.c_str(), "missed missed ");
	assert_int_equal(bus_count(t->bus->bus.get()).dropped, 5);
}

/* ---- from several threads */

static constexpr int senders = 4, messages = 5000;

struct note {
	int from, number;
};

static void on_note(void *state, cs_conn, cs_account, const struct cs_parcel *parcel)
{
	auto *t = static_cast<test *>(state);
	const auto *n = static_cast<const struct note *>(parcel->head);

	t->in_order = t->in_order && parcel->head_size == sizeof *n && t->next[n->from] == n->number;
	t->next[n->from]++;
	if (++t->received == senders * messages)
		loop_stop(&t->f->worker->loop);
}

static void send_notes(test *t, int from)
{
	for (int i = 0; i < messages; i++) {
		const struct note n = {from, i};
		const struct cs_parcel parcel = {&n, sizeof n, nullptr};

		if (i % 2 == 0)
			(void)!route_to_all(self_of(t), 0, &parcel, 0);
		else
			(void)!route_to_account(self_of(t), 13, CS_EVERY_DEVICE, &parcel, 0);
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
		TEST(casual_data_without_bytes_is_bounded_too),
		TEST(what_arrives_after_the_session_ended_is_dropped),
		TEST(everybody_gets_it_without_a_session),
		TEST(an_instance_that_has_stopped_gets_nothing),
		TEST(a_topic_wakes_only_workers_that_have_subscribed),
		TEST(a_worker_that_wants_every_topic_gets_all_until_it_gives_that_up),
		TEST(a_head_that_is_too_long_is_refused),
		TEST(the_body_is_the_sender_s_own_bytes),
		TEST(who_subscribes_before_it_reads_misses_nothing),
		CLUSTER_TEST(data_of_other_nodes_is_bounded_and_who_misses_some_is_told_once),
		CLUSTER_TEST(a_topic_crosses_the_bus_and_finds_its_subscribers),
		CLUSTER_TEST(a_parcel_of_another_version_is_dropped_and_who_would_have_got_it_is_told_once),
		CLUSTER_TEST(a_session_that_is_alone_is_reached_without_the_bus),
		CLUSTER_TEST(a_session_of_this_node_may_have_others_elsewhere),
		CLUSTER_TEST(an_account_that_stops_being_alone_is_told_of_once),
		CLUSTER_TEST(each_device_gets_what_is_for_all_of_them),
		CLUSTER_TEST(what_comes_for_one_device_goes_to_it_alone),
		CLUSTER_TEST(who_is_not_here_is_looked_for_on_other_nodes),
		CLUSTER_TEST(nobody_has_account_0_on_any_node),
		CLUSTER_TEST(a_place_that_is_only_reserved_is_not_routed_to),
		CLUSTER_TEST(all_are_told_here_and_elsewhere),
		CLUSTER_TEST(without_the_bus_a_node_reaches_itself),
		CLUSTER_TEST(what_arrives_is_delivered_here_and_never_sent_on),
		TEST(the_order_of_each_sending_thread_is_kept),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
