/* SPDX-License-Identifier: MIT
 * Tests what an adopted connection counts as, and when none can be adopted. What it does is tested by
 * test_host_contract. */
#include <sys/socket.h>

#include "core/base/log.h"
#include "core/net/transport.h"
#include "core/plugin/plugin.h"
#include "tests/support/check.h"
#include "tests/support/worker_fixture.h"

static int adopt(struct worker_fixture *f, unique_fd *other_r, cs_conn *conn_r)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	other_r->reset(pair[1]);
	const int result = host_table.adopt(f->worker->instances[0].get(), pair[0], "push", 0, conn_r);

	if (result != 0)
		assert_int_equal(close(pair[0]), 0); /* it is the caller's still */
	return result;
}

static void it_counts_as_a_connection_and_not_as_a_guest(void **state)
{
	struct worker_fixture *f = worker_test_of(state)->f.get();
	const struct transport_counters *counters = &f->worker->conns->traffic[transport_adopted];
	const int64_t connections = f->shared.connections, guests = f->shared.guests;
	unique_fd other;
	cs_conn conn = 0;

	assert_int_equal(adopt(f, &other, &conn), 0);
	worker_fixture_turn(f);
	assert_int_equal(f->shared.connections, connections + 1);
	assert_int_equal(f->shared.guests, guests);
	assert_int_equal(counters->accepted, 1);
	assert_string_equal(conn_transport_label(conn_find(f->worker, conn)), "adopted");
	assert_int_equal(send(other.fd, "{\"msgid\":1}\n", 12, 0), 12);
	worker_fixture_turn(f);
	assert_int_equal(counters->received, 12);
	assert_int_equal(f->shared.guest_bytes, 0);
	other.reset(-1);
	worker_fixture_turn(f);
	assert_int_equal(f->shared.connections, connections);
	assert_int_equal(counters->ended, 1);
}

/* A client would have been closed by both. */
static void it_may_be_silent_before_and_after_its_login(void **state)
{
	struct worker_test *t = worker_test_of(state);
	struct worker_fixture *f = t->f.get();
	unique_fd other;
	cs_conn conn = 0;

	f->conf.login_timeout = f->conf.idle_timeout = 20;
	conn_table_set_conf(f->worker, &f->conf);
	assert_int_equal(adopt(f, &other, &conn), 0);
	assert_true(worker_fixture_wait(f, [t] { return !conn_find(t->f->worker, t->handle); }));
	assert_non_null(conn_find(f->worker, conn));
	conn_logout(conn_find(f->worker, conn));
	assert_int_equal(conn_find(f->worker, conn)->silence, 0);
	conn_set_silence(conn_find(f->worker, conn), 20, 0);
	assert_true(worker_fixture_wait(f, [=] { return !conn_find(f->worker, conn); }));
}

static void none_is_adopted_above_the_limit_or_while_the_node_drains(void **state)
{
	struct worker_fixture *f = worker_test_of(state)->f.get();
	unique_fd other;
	cs_conn conn = 0;

	f->conf.max_connections = f->shared.connections;
	assert_int_equal(adopt(f, &other, &conn), CS_EBUSY);
	f->conf.max_connections++;
	assert_int_equal(adopt(f, &other, &conn), 0);
	f->conf.max_connections++;
	f->worker->draining = true;
	assert_int_equal(adopt(f, &other, &conn), CS_ECANCELED);
	f->worker->draining = false;
	f->worker->instances[0]->started = false;
	assert_int_equal(adopt(f, &other, &conn), CS_EINVAL);
	f->worker->instances[0]->started = true;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_test_set_up, worker_test_tear_down)

int main(void)
{
	log_set_level(static_cast<enum cs_log_level>(-1));
	const struct CMUnitTest tests[] = {
		TEST(it_counts_as_a_connection_and_not_as_a_guest),
		TEST(it_may_be_silent_before_and_after_its_login),
		TEST(none_is_adopted_above_the_limit_or_while_the_node_drains),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
