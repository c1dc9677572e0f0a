/* SPDX-License-Identifier: MIT
 * Two nodes in one process for the tests of the bus, each with two workers and a bus thread of its own, that meet in a
 * hub. Workers have no thread: posts to them run when the test lets them. */
#ifndef TESTS_SUPPORT_BUS_PAIR_H
#define TESTS_SUPPORT_BUS_PAIR_H

#include <array>
#include <functional>
#include <memory>
#include <string>

#include <poll.h>

#include "core/bus/bus.h"
#include "tests/support/bus_hub.h"
#include "tests/support/parcel.h"
#include "tests/support/worker_fixture.h"

/* What an instance of the plugin has been told. */
struct told {
	std::string got, events;
	cs_account account = 0;
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

static inline void on_routed(void *state, cs_conn conn, cs_account account, const struct cs_parcel *parcel)
{
	auto *t = static_cast<told *>(state);

	t->got.append(parcel_text(parcel)).append(" ");
	t->account = account;
	t->conn = conn;
}

static inline void on_cluster(void *state, enum cs_cluster_event event)
{
	static_cast<told *>(state)->events.append(std::to_string(event)).append(" ");
}

/* ---- nodes */

static inline void add_worker(struct node *n)
{
	struct worker_shared *shared = &n->f->shared;
	auto w = std::make_unique<worker>();
	struct cs_error e;

	assert_int_equal(worker_open(w.get(), 1, shared, &e), 0);
	conn_table_open(w.get(), &n->f->conf);
	plugin_add_instance(n->f->plugins.plugins[0].get(), w.get())->started = true;
	shared->workers.push_back(std::move(w));
}

static inline struct cs_self *self_of(struct node *n, unsigned worker)
{
	return n->f->shared.workers[worker]->instances[0].get();
}

static inline void make_node(test *t, unsigned at)
{
	struct node *n = &t->nodes[at];
	struct cs_error e;

	n->f = worker_fixture_make();
	add_worker(n);
	struct plugin *p = n->f->plugins.plugins[0].get();

	p->name = "chat";
	p->declared.name = "chat";
	n->f->shared.slots[0].name = "chat";
	p->declared.closed = nullptr;
	p->declared.written = nullptr;
	p->declared.routed = on_routed;
	p->declared.cluster = on_cluster;
	for (unsigned i = 0; i < 2; i++)
		self_of(n, i)->state = &n->told[i];
	assert_int_equal(bus_open(&n->bus, &n->f->shared, &bus_hub_driver, t->hub.get(), &e), 0);
}

static inline void turn(test *t)
{
	for (struct node &n : t->nodes) {
		worker_fixture_turn(n.f.get());
		loop_drain(&n.f->shared.workers[1]->loop);
	}
}

static inline bool wait_for(test *t, const std::function<bool()> &condition)
{
	const int64_t end = worker_monotonic_ms() + 10000;

	for (turn(t); !condition(); turn(t)) {
		if (worker_monotonic_ms() > end)
			return false;
		poll(nullptr, 0, 1);
	}
	return true;
}

static inline bool is_connected(const struct node *n)
{
	return bus_address(n->bus.get()) != 0;
}

static inline void start(test *t)
{
	for (struct node &n : t->nodes)
		bus_start(n.bus.get());
	assert_true(wait_for(t, [t] { return is_connected(&t->nodes[0]) && is_connected(&t->nodes[1]); }));
}

static inline int set_up_unstarted(void **state)
{
	auto t = std::make_unique<test>();

	t->hub = bus_hub_make();
	for (unsigned i = 0; i < 2; i++)
		make_node(t.get(), i);
	*state = t.release();
	return 0;
}

static inline int set_up(void **state)
{
	(void)set_up_unstarted(state);
	start(static_cast<test *>(*state));
	return 0;
}

static inline int tear_down(void **state)
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

static inline void on_done(void *arg, int result)
{
	auto *a = static_cast<answer *>(arg);

	a->calls++;
	a->result = result;
}

static inline struct loop *loop_of(struct node *n, unsigned worker)
{
	return &n->f->shared.workers[worker]->loop;
}

static inline int claim(test *t, struct node *n, cs_account account, cs_conn conn, unsigned flags)
{
	const struct cs_bus_session session {
		.account = account, .conn = conn, .generation = 1, .device = 0
	};
	answer a;

	bus_claim(n->bus.get(), &session, flags, loop_of(n, 1), on_done, &a);
	assert_true(wait_for(t, [&a] { return a.calls != 0; }));
	return a.result;
}

/* Logs an account in on a node, on its first worker. */
static inline struct conn *log_in(test *t, struct node *n, cs_account account)
{
	int peer;
	struct conn *c = worker_fixture_connect(n->f.get(), &peer);

	assert_int_equal(claim(t, n, account, c->handle, 0), 0);
	worker_fixture_bind(n->f.get(), c, account);
	return c;
}

static inline bool is_quiet(test *t)
{
	const struct bus *a = t->nodes[0].bus.get(), *b = t->nodes[1].bus.get();

	return wait_for(t, [a, b] { return bus_unfinished(a) == 0 && bus_unfinished(b) == 0; });
}

static inline int send(struct node *n, unsigned worker, cs_account to, const std::string &data, unsigned flags)
{
	const text_parcel p(data);

	return bus_send(n->bus.get(), self_of(n, worker), to, CS_EVERY_DEVICE, &p.parcel, flags);
}

static inline void send_all(struct node *n, unsigned worker, std::string_view data, unsigned flags)
{
	const text_parcel p(data);

	bus_send_all(n->bus.get(), self_of(n, worker), 0, &p.parcel, flags);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define UNSTARTED(name) cmocka_unit_test_setup_teardown(name, set_up_unstarted, tear_down)

#endif
