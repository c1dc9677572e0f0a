/* SPDX-License-Identifier: MIT
 * Tests the account of unsent output of all connections, and what happens when it is too much. */
#include <string>
#include <vector>

#include <sys/socket.h>

#include "core/net/conn_internal.h"
#include "core/plugin/host.h"
#include "core/plugin/plugin.h"
#include "tests/support/worker_fixture.h"

struct reader {
	struct conn *c;
	cs_conn handle;
	int peer;
};

static void use_conf(struct worker_test *t)
{
	conn_table_set_conf(t->f->worker, &t->f->conf);
}

static struct reader add(struct worker_test *t)
{
	struct reader r;

	r.c = worker_fixture_connect(t->f.get(), &r.peer);
	r.handle = r.c->handle;
	return r;
}

static bool is_there(struct worker_test *t, const struct reader &r)
{
	return conn_find(t->f->worker, r.handle) != nullptr;
}

/* Sends until so much is unsent, beyond what the kernel takes. */
static void fill(struct worker_test *t, const struct reader &r, size_t unsent)
{
	const std::string frame = "{\"a\":\"" + std::string(1000, 'x') + "\"}";

	while (conn_unsent(r.c) < unsent) {
		(void)conn_send(r.c, frame.data(), frame.size(), nullptr, nullptr);
		if (conn_unsent(r.c) < 32 * 1024)
			worker_fixture_turn(t->f.get());
	}
	worker_fixture_turn(t->f.get());
}

static void what_clients_do_not_take_is_counted_and_nothing_else(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct reader one = add(t), other = add(t);
	size_t came = 0;

	assert_true(!worker_fixture_talk(t->f.get(), t->peer, "{\"msgid\":102}\n").empty());
	assert_int_equal(t->f->shared.unsent, 0);
	fill(t, one, 100000);
	fill(t, other, 50000);
	assert_int_equal(t->f->shared.unsent, conn_unsent(one.c) + conn_unsent(other.c));
	assert_int_equal(t->f->worker->conns->unsent, t->f->shared.unsent);
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		came += worker_fixture_receive(one.peer, nullptr).size();
		return conn_unsent(one.c) == 0;
	}));
	assert_true(came > 0);
	assert_int_equal(t->f->shared.unsent, conn_unsent(other.c));
	conn_close(other.c, "test");
	assert_int_equal(t->f->shared.unsent, 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->f->shared.unsent, 0);
}

static void of_too_much_those_who_have_most_are_closed(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::vector<struct reader> all;

	t->f->conf.output_memory = 400000;
	use_conf(t);
	for (const size_t unsent : {40000, 160000, 50000, 120000}) {
		all.push_back(add(t));
		fill(t, all.back(), unsent);
	}
	for (const struct reader &r : all)
		assert_true(is_there(t, r));
	const struct reader last = add(t);
	fill(t, last, 60000);
	assert_false(is_there(t, all[1]));
	for (const size_t i : {0, 2, 3})
		assert_true(is_there(t, all[i]));
	assert_true(is_there(t, last));
	assert_in_range(t->f->shared.unsent, 1, 350000);
	assert_int_equal(t->f->worker->conns->turned_away[0][CONN_TURN_OUTPUT_MEMORY], 1);
	assert_int_equal(t->f->shared.trims, 0);
}

static void a_reload_that_lowers_it_counts_at_once(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct reader one = add(t), other = add(t);

	fill(t, one, 100000);
	fill(t, other, 50000);
	t->f->conf.output_memory = 200000;
	use_conf(t);
	worker_fixture_turn(t->f.get());
	assert_true(is_there(t, one));
	t->f->conf.output_memory = 80000;
	use_conf(t);
	worker_fixture_turn(t->f.get());
	assert_false(is_there(t, one));
	assert_true(is_there(t, other));
}

/* ---- logins */

struct outcome {
	int count = 0, result = 1;
};

static void on_claimed(void *, cs_conn, int result, void *arg)
{
	auto *o = static_cast<struct outcome *>(arg);

	o->count++;
	o->result = result;
}

static int claim(struct worker_test *t)
{
	const struct cs_claim wanted = {.account = 13, .device = 0, .name = "li si", .generation = 1};
	struct outcome o;

	assert_int_equal(host_table.claim(t->f->worker->instances[0].get(), t->handle, &wanted, on_claimed, &o), 0);
	worker_fixture_turn(t->f.get());
	assert_int_equal(o.count, 1);
	return o.result;
}

static void before_that_no_login_is_let_in(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct reader one = add(t);

	t->f->conf.output_memory = 100000;
	use_conf(t);
	fill(t, one, 80000);
	assert_int_equal(claim(t), CS_EBUSY);
	assert_int_equal(t->f->shared.logins_refused, 1);
	assert_true(is_there(t, one));
	assert_false(t->c->claiming);
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		(void)worker_fixture_receive(one.peer, nullptr);
		return conn_unsent(one.c) < 70000;
	}));
	assert_int_equal(claim(t), 0);
	assert_int_equal(t->c->account, 13);
}

static void who_keeps_others_out_for_long_is_closed(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct reader one = add(t), other = add(t);

	t->f->conf.output_memory = 100000;
	use_conf(t);
	fill(t, other, 30000);
	fill(t, one, 50000);
	assert_int_equal(claim(t), CS_EBUSY);
	assert_true(t->f->shared.tight_since > 0);
	t->f->shared.tight_since -= 9000;
	assert_int_equal(claim(t), CS_EBUSY);
	assert_true(is_there(t, one));
	t->f->shared.tight_since -= 1000;
	assert_int_equal(claim(t), CS_EBUSY);
	assert_false(is_there(t, one));
	assert_true(is_there(t, other));
	assert_int_equal(t->f->shared.tight_since, 0);
	assert_int_equal(claim(t), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_test_set_up, worker_test_tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(what_clients_do_not_take_is_counted_and_nothing_else),
		TEST(of_too_much_those_who_have_most_are_closed),
		TEST(a_reload_that_lowers_it_counts_at_once),
		TEST(before_that_no_login_is_let_in),
		TEST(who_keeps_others_out_for_long_is_closed),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
