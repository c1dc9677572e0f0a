/* SPDX-License-Identifier: MIT
 * Owns the tests of the bus: two nodes in one process, each with two workers and a bus thread of its own, that
 * meet in a hub. Workers have no thread: what is posted to them runs when the test lets it. */
#include <array>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <setjmp.h>

#include "core/bus.h"
#include "core/bus_parcel.h"
#include "core/route.h"
#include "tests/support/bus_hub.h"
#include "tests/support/worker_fixture.h"

extern "C" {
#include <cmocka.h>
}

/* What an instance of the plugin has been told. */
struct told {
	std::string got, returned, events;
	cs_account account = 0, returned_account = 0;
	cs_conn conn = 0;
};

struct node {
	std::unique_ptr<struct worker_fixture> f;
	std::array<struct told, 2> told; /* by worker */
	bus_ptr bus;
};

struct test {
	bus_hub_ptr hub;
	std::array<struct node, 2> nodes;
};

/* ---- the plugin */

static void on_routed(void *state, cs_conn conn, cs_account account, const void *data, size_t size)
{
	auto *t = static_cast<told *>(state);

	t->got.append(static_cast<const char *>(data), size).append(" ");
	t->account = account;
	t->conn = conn;
}

static void on_returned(void *state, cs_account to, const void *data, size_t size)
{
	auto *t = static_cast<told *>(state);

	t->returned.append(static_cast<const char *>(data), size).append(" ");
	t->returned_account = to;
}

static void on_cluster(void *state, enum cs_cluster_event event)
{
	static_cast<told *>(state)->events.append(std::to_string(event)).append(" ");
}

/* ---- nodes */

static void add_worker(struct node *n)
{
	struct worker_shared *shared = &n->f->shared;
	auto w = std::make_unique<worker>();
	auto self = std::make_unique<cs_self>();
	struct cs_error e;

	assert_int_equal(worker_open(w.get(), 1, shared, &n->f->conf, &e), 0);
	self->plugin = n->f->plugins.plugins[0].get();
	self->worker = w.get();
	self->started = true;
	w->instances.push_back(std::move(self));
	shared->workers.push_back(std::move(w));
}

static struct cs_self *self_of(struct node *n, unsigned worker)
{
	return n->f->shared.workers[worker]->instances[0].get();
}

static void make_node(test *t, unsigned at)
{
	struct node *n = &t->nodes[at];
	struct cs_error e;

	n->f = worker_fixture_make();
	add_worker(n);
	struct plugin *p = n->f->plugins.plugins[0].get();

	p->name = "chat";
	p->declared.closed = nullptr;
	p->declared.written = nullptr;
	p->declared.routed = on_routed;
	p->declared.returned = on_returned;
	p->declared.cluster = on_cluster;
	for (unsigned i = 0; i < 2; i++)
		self_of(n, i)->state = &n->told[i];
	assert_int_equal(bus_open(&n->bus, &n->f->shared, &bus_hub_driver, t->hub.get(), &e), 0);
}

static void turn(test *t)
{
	for (struct node &n : t->nodes) {
		worker_fixture_turn(n.f.get());
		loop_drain(&n.f->shared.workers[1]->loop);
	}
}

static bool wait_for(test *t, const std::function<bool()> &condition)
{
	const int64_t end = worker_monotonic_ms() + 10000;

	for (turn(t); !condition(); turn(t)) {
		if (worker_monotonic_ms() > end)
			return false;
		poll(nullptr, 0, 1);
	}
	return true;
}

static bool is_connected(const struct node *n)
{
	return bus_address(n->bus.get()) != 0;
}

static void start(test *t)
{
	for (struct node &n : t->nodes)
		bus_start(n.bus.get());
	assert_true(wait_for(t, [t] { return is_connected(&t->nodes[0]) && is_connected(&t->nodes[1]); }));
}

static int set_up_unstarted(void **state)
{
	auto t = std::make_unique<test>();

	t->hub = bus_hub_make();
	for (unsigned i = 0; i < 2; i++)
		make_node(t.get(), i);
	*state = t.release();
	return 0;
}

static int set_up(void **state)
{
	(void)set_up_unstarted(state);
	start(static_cast<test *>(*state));
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<test> t(static_cast<test *>(*state));

	for (struct node &n : t->nodes) {
		n.bus.reset();
		turn(t.get());
	}
	for (struct node &n : t->nodes)
		worker_fixture_free(std::move(n.f));
	return 0;
}

/* ---- completions */

struct answer {
	int calls = 0, result = 1;
};

static void on_done(void *arg, int result)
{
	auto *a = static_cast<answer *>(arg);

	a->calls++;
	a->result = result;
}

static struct loop *loop_of(struct node *n, unsigned worker)
{
	return &n->f->shared.workers[worker]->loop;
}

static int claim(test *t, struct node *n, cs_account account, cs_conn conn, unsigned flags)
{
	const struct cs_bus_session session{.account = account, .conn = conn, .generation = 1};
	answer a;

	bus_claim(n->bus.get(), &session, flags, loop_of(n, 1), on_done, &a);
	assert_true(wait_for(t, [&a] { return a.calls != 0; }));
	return a.result;
}

/* Logs an account in on a node, on its first worker. */
static struct conn *log_in(test *t, struct node *n, cs_account account)
{
	int peer;
	struct conn *c = worker_fixture_connect(n->f.get(), &peer);

	assert_int_equal(claim(t, n, account, c->handle, 0), 0);
	worker_fixture_bind(n->f.get(), c, account);
	return c;
}

static bool is_quiet(test *t)
{
	const struct bus *a = t->nodes[0].bus.get(), *b = t->nodes[1].bus.get();

	return wait_for(t, [a, b] { return bus_unfinished(a) == 0 && bus_unfinished(b) == 0; });
}

static int send(struct node *n, unsigned worker, cs_account to, const std::string &data, unsigned flags)
{
	return bus_send(n->bus.get(), self_of(n, worker), to, data.data(), data.size(), flags);
}

/* ---- sending */

static void what_is_sent_to_an_account_reaches_its_session_in_order(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct conn *c = log_in(t, &t->nodes[1], 13);
	struct told *told = &t->nodes[1].told[0];
	std::string all;

	for (int i = 0; i < 500; i++) {
		assert_int_equal(send(&t->nodes[0], 0, 13, std::to_string(i), 0), 0);
		all += std::to_string(i) + " ";
	}
	assert_true(wait_for(t, [told, &all] { return told->got.size() >= all.size(); }));
	assert_string_equal(told->got.c_str(), all.c_str());
	assert_int_equal(told->account, 13);
	assert_int_equal(told->conn, c->handle);
	assert_string_equal(t->nodes[1].told[1].got.c_str(), "");
	assert_int_equal(bus_count(t->nodes[0].bus.get()).sent, 500);
	assert_int_equal(bus_count(t->nodes[1].bus.get()).received, 500);
	assert_int_equal(bus_count(t->nodes[1].bus.get()).dropped, 0);
}

static void what_is_sent_to_all_reaches_every_instance_of_the_others(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct told *told = t->nodes[1].told.data();

	bus_send_all(t->nodes[0].bus.get(), self_of(&t->nodes[0], 1), "all", 3);
	bus_send_all(t->nodes[0].bus.get(), self_of(&t->nodes[0], 1), nullptr, 0);
	assert_true(wait_for(t, [told] { return told[0].got == "all  " && told[1].got == "all  "; }));
	assert_int_equal(told[1].account, 0);
	assert_int_equal(told[1].conn, 0);
	assert_string_equal(t->nodes[0].told[0].got.c_str(), "");
}

static void what_is_sent_to_a_place_reaches_that_instance(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct bus *from = t->nodes[0].bus.get(), *to = t->nodes[1].bus.get();
	struct cs_self *self = self_of(&t->nodes[0], 0);

	assert_int_equal(bus_send_place(from, self, bus_place(bus_address(to), 1), "here", 4), 0);
	assert_true(wait_for(t, [t] { return t->nodes[1].told[1].got == "here "; }));
	assert_string_equal(t->nodes[1].told[0].got.c_str(), "");
	/* A worker that the other node has not, a node that is no more, places without node or worker. */
	assert_int_equal(bus_send_place(from, self, bus_place(bus_address(to), 2), "x", 1), 0);
	assert_true(wait_for(t, [to] { return bus_count(to).dropped == 1; }));
	assert_int_equal(bus_send_place(from, self, bus_place(99, 0), "x", 1), 0);
	assert_int_equal(bus_send_place(from, self, bus_place(0, 0), "x", 1), CS_ENOENT);
	assert_int_equal(bus_send_place(from, self, bus_address(to) << 16, "x", 1), CS_ENOENT);
	assert_true(is_quiet(t));
}

static void a_place_is_here_also_in_the_epochs_after_its_own(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	struct cs_self *self = self_of(n, 1);

	n->f->shared.bus = n->bus.get();
	const cs_place place = route_place_of(self);
	bus_hub_disconnect(t->hub.get(), 0);
	assert_true(wait_for(t, [n] { return !is_connected(n); }));
	assert_int_equal(route_to_place(self, place, "away", 4), 0);
	bus_hub_connect(t->hub.get(), 0);
	assert_true(wait_for(t, [n] { return is_connected(n); }));
	assert_true(place != route_place_of(self));
	assert_int_equal(route_to_place(self, place, "back", 4), 0);
	assert_true(wait_for(t, [n] { return n->told[1].got == "away back "; }));
	n->f->shared.bus = nullptr;
}

static void what_nobody_has_is_returned_to_the_instance_that_sent_it(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];

	(void)log_in(t, &t->nodes[1], 13);
	assert_int_equal(send(n, 1, 14, "lost", CS_ROUTE_RETURN), 0);
	assert_int_equal(send(n, 1, 14, "not wanted back", 0), 0);
	assert_int_equal(send(n, 1, 13, "had", CS_ROUTE_RETURN), 0);
	assert_true(is_quiet(t));
	assert_string_equal(n->told[1].returned.c_str(), "lost ");
	assert_int_equal(n->told[1].returned_account, 14);
	assert_string_equal(n->told[0].returned.c_str(), "");
	assert_true(wait_for(t, [t] { return t->nodes[1].told[0].got == "had "; }));
}

static void what_arrives_for_a_session_that_ended_is_dropped(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct conn *c = log_in(t, &t->nodes[1], 13);

	conn_logout(c);
	assert_int_equal(send(&t->nodes[0], 0, 13, "late", 0), 0);
	assert_true(wait_for(t, [t] { return bus_count(t->nodes[1].bus.get()).dropped == 1; }));
	assert_string_equal(t->nodes[1].told[0].got.c_str(), "");
}

static void what_arrives_for_who_has_just_left_comes_back_to_who_asked_for_that(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	struct conn *c = log_in(t, &t->nodes[1], 13);

	conn_logout(c); /* without the bus: the others still believe that it is there */
	t->nodes[1].f->shared.bus = t->nodes[1].bus.get();
	assert_int_equal(send(n, 1, 13, "late", CS_ROUTE_RETURN), 0);
	assert_int_equal(send(n, 1, 13, "not wanted back", 0), 0);
	assert_true(wait_for(t, [n] { return n->told[1].returned == "late "; }));
	assert_int_equal(n->told[1].returned_account, 13);
	assert_string_equal(n->told[0].returned.c_str(), "");
	assert_string_equal(t->nodes[1].told[0].got.c_str(), "");
	assert_true(is_quiet(t));
	t->nodes[1].f->shared.bus = nullptr;
}

static void the_sends_of_one_turn_leave_together(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	std::binary_semaphore hold(0);

	(void)log_in(t, &t->nodes[1], 13);
	const unsigned before = bus_hub_flushes(t->hub.get(), 0);

	bus_hub_run(t->hub.get(), 0, [&hold] { hold.acquire(); });
	for (int i = 0; i < 100; i++)
		assert_int_equal(send(n, 0, 13, "x", 0), 0);
	hold.release();
	assert_true(wait_for(t, [t] { return bus_count(t->nodes[1].bus.get()).received == 100; }));
	assert_int_equal(bus_hub_flushes(t->hub.get(), 0) - before, 1);
}

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
	assert_int_equal(send(n, 0, 13, "x", CS_ROUTE_RETURN), CS_ENOENT);
	bus_send_all(b, self_of(n, 0), "x", 1);
	assert_int_equal(bus_send_place(b, self_of(n, 0), bus_place(2, 0), "x", 1), CS_ENOENT);
	assert_int_equal(bus_count(b).dropped, 3);
	bus_presence(b, accounts, online, 1, loop_of(n, 0), on_done, &a);
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
	const struct cs_bus_session session{.account = 13, .conn = 1, .generation = 1};
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
	bus_ending(holder, 13, 1);
	assert_true(wait_for(t, [t] { return bus_hub_is_ending(t->hub.get(), 13); }));
	assert_int_equal(claim(t, &t->nodes[1], 13, 2, 0), CS_EAGAIN);
	bus_release(holder, 13, 1);
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
	bus_presence(n->bus.get(), accounts, online, 3, loop_of(n, 0), on_done, &a);
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
	assert_true(wait_for(t, [w, handle] { return conn_find(w, handle) == nullptr; }));
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

/* ---- what does not belong */

static void odd_bytes_and_plugins_that_are_not_here_are_dropped(void **state)
{
	auto *t = static_cast<test *>(*state);
	const struct bus_parcel stranger{.kind = BUS_PARCEL_ALL, .plugin = "games", .data = "x"};
	const struct bus_parcel good{.kind = BUS_PARCEL_ALL, .plugin = "chat", .data = "good"};
	struct bus *b = t->nodes[1].bus.get();

	bus_hub_inject(t->hub.get(), 1, "");
	bus_hub_inject(t->hub.get(), 1, "what is this, that comes over the bus?");
	bus_hub_inject(t->hub.get(), 1, bus_parcel_encode(&stranger));
	bus_hub_inject(t->hub.get(), 1, bus_parcel_encode(&good));
	assert_true(wait_for(t, [t] { return t->nodes[1].told[1].got == "good "; }));
	assert_string_equal(t->nodes[1].told[0].got.c_str(), "good ");
	assert_int_equal(bus_count(b).dropped, 3);
	assert_int_equal(bus_count(b).received, 1);
}

static void an_adapter_that_cannot_be_opened_says_why(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct cs_error e{};
	bus_ptr bus;

	assert_int_equal(bus_open(&bus, &t->nodes[0].f->shared, &bus_hub_driver, nullptr, &e), CS_EINVAL);
	assert_string_equal(e.text, "no hub");
	assert_null(bus.get());
}

/* ---- the end */

static void a_goodbye_sends_what_waits_and_gives_up_the_places(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];

	assert_int_equal(claim(t, n, 12, 1, 0), 0);
	(void)log_in(t, &t->nodes[1], 13);
	assert_int_equal(send(n, 0, 13, "last", 0), 0);
	bus_stop(n->bus.get(), 10000);
	assert_false(bus_hub_has(t->hub.get(), 12));
	assert_true(bus_hub_has(t->hub.get(), 13));
	assert_true(wait_for(t, [t] { return t->nodes[1].told[0].got == "last "; }));
}

static void a_bus_that_has_stopped_answers_as_one_that_is_away(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	const cs_account accounts[] = {13};
	unsigned char online[] = {0};
	answer a;

	bus_stop(n->bus.get(), 10000);
	assert_int_equal(claim(t, n, 13, 1, 0), 0);
	bus_ending(n->bus.get(), 13, 1);
	bus_release(n->bus.get(), 13, 1);
	bus_presence(n->bus.get(), accounts, online, 1, loop_of(n, 0), on_done, &a);
	assert_int_equal(send(n, 0, 13, "x", CS_ROUTE_RETURN), CS_ENOENT);
	assert_true(is_quiet(t));
	assert_int_equal(a.result, CS_ENOENT);
	assert_false(bus_hub_has(t->hub.get(), 13));
}

static void a_bus_that_does_not_answer_does_not_hold_up_the_end(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	const struct cs_bus_session session{.account = 13, .conn = 1, .generation = 1};
	const int64_t before = worker_monotonic_ms();
	answer a;

	bus_hub_deafen(t->hub.get(), 0);
	bus_claim(n->bus.get(), &session, 0, loop_of(n, 0), on_done, &a);
	assert_int_equal(send(n, 0, 14, "back", CS_ROUTE_RETURN), 0);
	bus_stop(n->bus.get(), 50);
	assert_true(worker_monotonic_ms() - before < 5000);
	assert_true(is_quiet(t));
	assert_int_equal(a.calls, 1);
	assert_string_equal(n->told[0].returned.c_str(), "back ");
}

static void what_was_handed_in_before_the_thread_runs_is_done_by_it(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	const struct cs_bus_session session{.account = 13, .conn = 1, .generation = 1};
	answer a;

	bus_claim(n->bus.get(), &session, 0, loop_of(n, 0), on_done, &a);
	turn(t);
	assert_int_equal(a.calls, 0);
	start(t);
	assert_true(wait_for(t, [&a] { return a.calls == 1; }));
}

/* A server that cannot open its last part stops what never ran. */
static void a_bus_whose_thread_never_ran_can_be_stopped(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *n = &t->nodes[0];
	answer a;
	const struct cs_bus_session session{.account = 13, .conn = 1, .generation = 1};

	bus_claim(n->bus.get(), &session, 0, loop_of(n, 0), on_done, &a);
	bus_stop(n->bus.get(), 10000);
	assert_true(is_quiet(t));
	assert_int_equal(a.calls, 1);
}

/* ---- from several threads */

static constexpr int senders = 4, messages = 2000;

struct note {
	int from, number;
};

struct notes {
	int next[senders] = {}, received = 0;
	bool in_order = true;
};

static void on_note(void *state, cs_conn, cs_account, const void *data, size_t size)
{
	auto *all = static_cast<notes *>(state);
	const auto *n = static_cast<const struct note *>(data);

	all->in_order = all->in_order && size == sizeof *n && all->next[n->from] == n->number;
	all->next[n->from]++;
	all->received++;
}

static void send_notes(struct node *n, int from, cs_place to)
{
	for (int i = 0; i < messages; i++) {
		const struct note note = {from, i};

		if (i % 3 == 0)
			(void)!bus_send_place(n->bus.get(), self_of(n, 0), to, &note, sizeof note);
		else
			(void)!bus_send(n->bus.get(), self_of(n, 0), 13, &note, sizeof note, CS_ROUTE_RETURN);
	}
}

static void the_order_of_each_sending_thread_is_kept(void **state)
{
	auto *t = static_cast<test *>(*state);
	struct node *to = &t->nodes[1];
	std::vector<std::thread> all;
	notes notes;

	(void)log_in(t, to, 13);
	to->f->plugins.plugins[0]->declared.routed = on_note;
	self_of(to, 0)->state = &notes;
	for (int from = 0; from < senders; from++)
		all.emplace_back(send_notes, &t->nodes[0], from, bus_place(bus_address(to->bus.get()), 0));
	for (std::thread &thread : all)
		thread.join();
	assert_true(wait_for(t, [&notes] { return notes.received == senders * messages; }));
	assert_true(notes.in_order);
	assert_true(is_quiet(t));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define UNSTARTED(name) cmocka_unit_test_setup_teardown(name, set_up_unstarted, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(what_is_sent_to_an_account_reaches_its_session_in_order),
		TEST(what_is_sent_to_all_reaches_every_instance_of_the_others),
		TEST(what_is_sent_to_a_place_reaches_that_instance),
		TEST(a_place_is_here_also_in_the_epochs_after_its_own),
		TEST(what_nobody_has_is_returned_to_the_instance_that_sent_it),
		TEST(what_arrives_for_a_session_that_ended_is_dropped),
		TEST(what_arrives_for_who_has_just_left_comes_back_to_who_asked_for_that),
		TEST(the_sends_of_one_turn_leave_together),
		TEST(while_the_bus_is_away_nothing_is_sent_and_claims_are_granted),
		TEST(a_completion_comes_on_the_loop_that_was_named),
		TEST(an_account_has_one_place_until_it_is_released),
		TEST(presence_covers_all_nodes),
		TEST(a_session_that_has_to_end_is_closed_where_it_is),
		TEST(what_happens_to_the_cluster_is_told_to_every_instance),
		TEST(odd_bytes_and_plugins_that_are_not_here_are_dropped),
		TEST(an_adapter_that_cannot_be_opened_says_why),
		TEST(a_goodbye_sends_what_waits_and_gives_up_the_places),
		TEST(a_bus_that_has_stopped_answers_as_one_that_is_away),
		TEST(a_bus_that_does_not_answer_does_not_hold_up_the_end),
		UNSTARTED(what_was_handed_in_before_the_thread_runs_is_done_by_it),
		UNSTARTED(a_bus_whose_thread_never_ran_can_be_stopped),
		TEST(the_order_of_each_sending_thread_is_kept),
	};

	return cmocka_run_group_tests_name("bus", tests, nullptr, nullptr);
}
