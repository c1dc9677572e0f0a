/* SPDX-License-Identifier: MIT
 * The fixture of the tests of sessions on a node of a cluster: a worker, a bus on which the test plays the other
 * nodes, claims and their results. */
#ifndef TESTS_SUPPORT_HOST_CLUSTER_H
#define TESTS_SUPPORT_HOST_CLUSTER_H

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/session/session.h"
#include "tests/support/fake_bus.h"
#include "tests/support/worker_fixture.h"

using claim_results = std::vector<std::pair<cs_conn, int>>;

struct test {
	std::unique_ptr<struct worker_fixture> f;
	std::unique_ptr<struct fake_bus> bus;
	claim_results claims; /* as they were completed */
	int presences = 0, presence_result = -1;
};

static inline struct test *test_of(void **state)
{
	return static_cast<struct test *>(*state);
}

static inline struct cs_self *self_of(struct test *t)
{
	return t->f->worker->instances[0].get();
}

static inline int set_up(void **state)
{
	auto t = std::make_unique<struct test>();

	t->f = worker_fixture_make();
	t->bus = fake_bus_start(&t->f->shared);
	if (!t->bus)
		return -1;
	*state = t.release();
	return 0;
}

static inline int tear_down(void **state)
{
	const std::unique_ptr<struct test> t(test_of(state));

	t->f->closed_answer = 0;
	for (const auto &c : t->f->worker->conns->slots)
		if (c)
			conn_close(c.get(), "test ends");
	worker_fixture_turn(t->f.get());
	fake_bus_stop(t->bus.get());
	worker_fixture_turn(t->f.get());
	worker_fixture_free(std::move(t->f));
	return 0;
}

/* ---- what the tests do */

static inline cs_conn connect_one(struct test *t)
{
	int peer;

	return worker_fixture_connect(t->f.get(), &peer)->handle;
}

static inline void note_claim(void *, cs_conn conn, int result, void *arg)
{
	static_cast<struct test *>(arg)->claims.emplace_back(conn, result);
}

static inline void claim(struct test *t, cs_conn conn, cs_account account, unsigned flags = 0, uint64_t generation = 1,
                         uint64_t device = 0)
{
	const struct cs_claim wanted = {.account = account,
	                                .device = device,
	                                .name = "zhang san",
	                                .generation = generation,
	                                .want = 0,
	                                .flags = flags,
	                                .spare = {}};

	assert_int_equal(host_table.claim(self_of(t), conn, &wanted, note_claim, t), 0);
}

/* Runs turns until so many claims were completed. */
static inline void wait_claims(struct test *t, const claim_results &expected)
{
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->claims.size() >= expected.size(); }));
	assert_true(t->claims == expected);
}

/* Runs turns until the cluster was asked so often in vain so far. */
static inline void wait_kept(struct test *t, size_t count)
{
	assert_true(worker_fixture_wait(t->f.get(), [&] { return fake_bus_kept(t->bus.get()) == count; }));
}

static inline void assert_trace(struct test *t, const char *expected)
{
	assert_string_equal(fake_bus_trace(t->bus.get()).c_str(), expected);
}

/* How many questions of one kind are in the trace. */
static inline size_t count_calls(struct test *t, const std::string &call)
{
	const std::string trace = fake_bus_trace(t->bus.get());
	size_t count = 0;

	for (size_t at = trace.find(call); at != std::string::npos; at = trace.find(call, at + 1))
		count++;
	return count;
}

static inline bool is_located(struct test *t, cs_account account, uint64_t device = 0)
{
	cs_conn conn;

	return session_locate(t->f->shared.sessions, {account, device}, &conn);
}

static inline struct conn *find(struct test *t, cs_conn conn)
{
	return conn_find(t->f->worker, conn);
}

static inline void keep_claims(struct test *t, bool keeps)
{
	std::scoped_lock lock(t->bus->mutex);

	t->bus->keeps = keeps;
}

static inline void answer_claims(struct test *t, std::deque<int> answers, int then)
{
	std::scoped_lock lock(t->bus->mutex);

	t->bus->claim_answers = std::move(answers);
	t->bus->claim_answer = then;
}

static inline void close_conn(struct test *t, cs_conn conn)
{
	conn_close(find(t, conn), "test");
	worker_fixture_turn(t->f.get());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
