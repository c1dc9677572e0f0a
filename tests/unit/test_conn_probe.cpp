/* SPDX-License-Identifier: MIT
 * Tests a login that meets an older session on its own node: if the peer answers, the session stays; if the peer is
 * gone, it makes room. */
#include <algorithm>
#include <cerrno>
#include <string>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "core/plugin/host.h"
#include "tests/support/mute.h"
#include "tests/support/worker_fixture.h"

using claim_results = std::vector<std::pair<cs_conn, int>>;

/* What need not wait until a peer counts as gone, after 4 s, has come by then. */
static constexpr int64_t sooner_ms = 3500;

struct test {
	std::unique_ptr<struct worker_fixture> f;
	claim_results claims; /* as they were completed */
	struct conn *older; /* the connection of account 7 */
	cs_conn handle; /* its */
	int peer; /* its other end, the test's */
};

static test *test_of(void **state)
{
	return static_cast<test *>(*state);
}

/* A connection by TCP. */
static struct conn *connect_tcp(test *t, int *peer_r)
{
	sockaddr_in address = {};
	socklen_t size = sizeof address;
	const unique_fd listener(socket(AF_INET, SOCK_STREAM, 0));

	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener.fd, reinterpret_cast<sockaddr *>(&address), size), 0);
	assert_int_equal(listen(listener.fd, 1), 0);
	assert_int_equal(getsockname(listener.fd, reinterpret_cast<sockaddr *>(&address), &size), 0);
	*peer_r = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	t->f->peers.push_back(*peer_r);
	assert_int_equal(connect(*peer_r, reinterpret_cast<sockaddr *>(&address), size), 0);
	unique_fd fd(accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
	const int number = fd.fd;

	assert_true(conn_reserve(t->f->worker));
	assert_int_equal(conn_open(t->f->worker, std::move(fd), reinterpret_cast<sockaddr *>(&address)), 0);
	for (const auto &c : t->f->worker->conns->slots)
		if (c && c->fd.fd == number)
			return c.get();
	return nullptr;
}

static int set_up(void **state)
{
	auto t = std::make_unique<test>();

	t->f = worker_fixture_make();
	t->f->conf.keepalive = 60000;
	t->older = connect_tcp(t.get(), &t->peer);
	t->handle = t->older->handle;
	worker_fixture_bind(t->f.get(), t->older, 7);
	*state = t.release();
	return 0;
}

static int tear_down(void **state)
{
	const std::unique_ptr<test> t(test_of(state));

	t->f->closed_answer = 0;
	for (const auto &c : t->f->worker->conns->slots)
		if (c)
			conn_close(c.get(), "test ends");
	worker_fixture_turn(t->f.get());
	host_claim_cancel_all(&t->f->shared);
	worker_fixture_free(std::move(t->f));
	return 0;
}

/* ---- what the tests do */

static void note_claim(void *, cs_conn conn, int result, void *arg)
{
	static_cast<test *>(arg)->claims.emplace_back(conn, result);
}

/* A login of account 7, on a connection of its own. */
static cs_conn log_in(test *t, unsigned flags = 0)
{
	int peer;
	const cs_conn conn = worker_fixture_connect(t->f.get(), &peer)->handle;

	const struct cs_claim claim = {.account = 7,
	                               .device = 0,
	                               .name = "zhang san",
	                               .generation = 2,
	                               .want = 0,
	                               .flags = flags,
	                               .spare = {}};

	assert_int_equal(host_table.claim(t->f->worker->instances[0].get(), conn, &claim, note_claim, t), 0);
	return conn;
}

/* Runs turns until so many logins have ended, for as long as a probe may take, and the ticks of a busy machine. */
static void wait_claims(test *t, size_t count)
{
	const auto is_done = [&] {
		return t->claims.size() >= count;
	};

	if (!worker_fixture_wait(t->f.get(), is_done))
		assert_true(worker_fixture_wait(t->f.get(), is_done));
	assert_int_equal(t->claims.size(), count);
}

static void run_for(test *t, int64_t ms)
{
	const int64_t end = worker_monotonic_ms() + ms;

	while (worker_monotonic_ms() < end)
		(void)worker_fixture_wait(t->f.get(), [end] { return worker_monotonic_ms() >= end; });
}

static void assert_ended(const test *t, cs_conn conn, int result)
{
	assert_true(std::count(t->claims.begin(), t->claims.end(), std::pair(conn, result)) == 1);
}

static bool is_there(test *t, cs_conn conn)
{
	const struct conn *c = conn_find(t->f->worker, conn);

	return c != nullptr && c->account == 7;
}

static int option_of(const struct conn *c, int level, int option)
{
	int value = -1;
	socklen_t size = sizeof value;

	assert_int_equal(getsockopt(c->fd.fd, level, option, &value, &size), 0);
	return value;
}

static void assert_usual_keepalive(const struct conn *c)
{
	assert_null(c->probe.get());
	assert_int_equal(option_of(c, SOL_SOCKET, SO_KEEPALIVE), 1);
	assert_int_equal(option_of(c, IPPROTO_TCP, TCP_KEEPIDLE), 60);
	assert_int_equal(option_of(c, IPPROTO_TCP, TCP_KEEPINTVL), 10);
}

/* ---- the peer is there */

static void a_session_whose_peer_is_there_stays(void **state)
{
	test *t = test_of(state);
	const int64_t begun = worker_monotonic_ms();
	const cs_conn second = log_in(t);

	wait_claims(t, 1);
	assert_ended(t, second, CS_EEXIST);
	assert_true(worker_monotonic_ms() - begun < sooner_ms);
	assert_true(is_there(t, t->handle));
	assert_usual_keepalive(t->older);
	/* A quiet one is asked at once. */
	run_for(t, 1100);
	const int64_t again = worker_monotonic_ms();
	const cs_conn third = log_in(t);
	wait_claims(t, 2);
	assert_ended(t, third, CS_EEXIST);
	assert_true(worker_monotonic_ms() - again < 1000); /* one that was heard just now is asked after a second */
	assert_true(is_there(t, t->handle));
}

static void without_keepalive_it_is_asked_all_the_same(void **state)
{
	test *t = test_of(state);

	t->f->conf.keepalive = 0;
	const int one = 0;
	assert_int_equal(setsockopt(t->older->fd.fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one), 0);
	const cs_conn second = log_in(t);
	wait_claims(t, 1);
	assert_ended(t, second, CS_EEXIST);
	assert_int_equal(option_of(t->older, SOL_SOCKET, SO_KEEPALIVE), 0);
	assert_true(is_there(t, t->handle));
}

static void logins_that_wait_share_the_answer(void **state)
{
	test *t = test_of(state);

	for (int i = 0; i < 5; i++)
		(void)log_in(t);
	worker_fixture_turn(t->f.get());
	assert_non_null(t->older->probe.get());
	assert_int_equal(t->claims.size(), 0);
	wait_claims(t, 5);
	for (const auto &[conn, result] : t->claims)
		assert_int_equal(result, CS_EEXIST);
	assert_usual_keepalive(t->older);
}

static size_t unsent_of(const struct conn *c)
{
	int waiting = 0;

	(void)ioctl(c->fd.fd, TIOCOUTQ, &waiting);
	return static_cast<size_t>(waiting);
}

/* The kernel asks such a peer whether it takes something after 0.2 s, 0.4 s and so on; in the end too rarely for a
 * probe to see it. */
static void a_peer_that_only_reads_too_slowly_is_there(void **state)
{
	test *t = test_of(state);
	const std::string frame = "{\"msgid\":6,\"msg\":\"" + std::string(50000, 'x') + "\"}";
	const int small = 4096;

	assert_int_equal(setsockopt(t->peer, SOL_SOCKET, SO_RCVBUF, &small, sizeof small), 0);
	assert_int_equal(setsockopt(t->older->fd.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
	for (int i = 0; i < 4; i++)
		(void)conn_send(t->older, frame.data(), frame.size(), nullptr, nullptr);
	run_for(t, 6600);
	assert_true(unsent_of(t->older) > 0);
	const cs_conn second = log_in(t);
	wait_claims(t, 1);
	assert_ended(t, second, CS_EEXIST);
	assert_true(is_there(t, t->handle));
}

/* ---- the peer is gone */

static void a_session_whose_peer_is_gone_makes_room(void **state)
{
	test *t = test_of(state);

	assert_true(mute_socket(t->peer));
	const int64_t begun = worker_monotonic_ms();
	const cs_conn second = log_in(t);
	wait_claims(t, 1);
	assert_ended(t, second, 0);
	assert_in_range(worker_monotonic_ms() - begun, 3500, 5000);
	assert_null(conn_find(t->f->worker, t->handle));
	assert_true(is_there(t, second));
	assert_true(t->f->trace.find("closed:7") != std::string::npos);
}

static void so_does_one_that_was_sent_something_meanwhile(void **state)
{
	test *t = test_of(state);
	const std::string frame = "{\"msgid\":6}";

	assert_true(mute_socket(t->peer));
	(void)conn_send(t->older, frame.data(), frame.size(), nullptr, nullptr);
	worker_fixture_turn(t->f.get());
	assert_true(unsent_of(t->older) > 0);
	const cs_conn second = log_in(t);
	wait_claims(t, 1);
	assert_ended(t, second, 0);
	assert_true(is_there(t, second));
}

static void a_peer_that_comes_back_in_time_stays(void **state)
{
	test *t = test_of(state);

	assert_true(mute_socket(t->peer));
	const cs_conn second = log_in(t);
	run_for(t, 1500);
	assert_int_equal(t->claims.size(), 0);
	assert_true(unmute_socket(t->peer));
	wait_claims(t, 1);
	assert_ended(t, second, CS_EEXIST);
	assert_true(is_there(t, t->handle));
	assert_usual_keepalive(t->older);
}

/* One takes the place; for the other its session is a live one. */
static void of_two_logins_that_wait_for_the_place_one_gets_it(void **state)
{
	test *t = test_of(state);

	assert_true(mute_socket(t->peer));
	const cs_conn second = log_in(t), third = log_in(t);
	wait_claims(t, 2);
	assert_true(is_there(t, second) != is_there(t, third));
	assert_ended(t, is_there(t, second) ? second : third, 0);
	assert_ended(t, is_there(t, second) ? third : second, CS_EEXIST);
	assert_int_equal(session_count(t->f->shared.sessions), 1);
}

/* ---- silence */

static void a_client_that_promised_to_speak_and_does_not_is_dead_at_once(void **state)
{
	test *t = test_of(state);

	conn_set_silence(t->older, 75000, 35000);
	t->older->heard -= 36000;
	const int64_t begun = worker_monotonic_ms();
	const cs_conn second = log_in(t);
	wait_claims(t, 1);
	assert_ended(t, second, 0);
	assert_true(worker_monotonic_ms() - begun < sooner_ms);
	assert_null(conn_find(t->f->worker, t->handle));
}

static void one_that_spoke_in_time_is_asked_by_tcp(void **state)
{
	test *t = test_of(state);

	conn_set_silence(t->older, 75000, 35000);
	t->older->heard -= 33000;
	const cs_conn second = log_in(t);
	wait_claims(t, 1);
	assert_ended(t, second, CS_EEXIST);
	/* Nor is it silence that it was not listened to, or not yet. */
	t->older->heard -= 10000;
	assert_int_equal(send(t->peer, "\n", 1, 0), 1);
	conn_begin_probe(&t->f->shared, t->handle, 7, 0, 0);
	loop_drain(&t->f->worker->loop);
	assert_true(is_there(t, t->handle));
}

static void a_promise_ends_with_its_session(void **state)
{
	test *t = test_of(state);

	conn_set_silence(t->older, 75000, 35000);
	conn_logout(t->older);
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->older->doubt, 0);
	worker_fixture_bind(t->f.get(), t->older, 7);
	t->older->heard -= 100000;
	const cs_conn second = log_in(t);
	wait_claims(t, 1);
	assert_ended(t, second, CS_EEXIST);
}

/* ---- what else may happen meanwhile */

static void a_logout_meanwhile_makes_room_at_once(void **state)
{
	test *t = test_of(state);

	assert_true(mute_socket(t->peer));
	const cs_conn second = log_in(t);
	run_for(t, 300);
	assert_non_null(t->older->probe.get());
	const int64_t begun = worker_monotonic_ms();
	conn_logout(t->older);
	wait_claims(t, 1);
	assert_ended(t, second, 0);
	assert_true(worker_monotonic_ms() - begun < sooner_ms);
	assert_usual_keepalive(t->older);
	assert_non_null(conn_find(t->f->worker, t->handle));
}

static void a_close_or_a_kick_meanwhile_makes_room_at_once(void **state)
{
	test *t = test_of(state);

	assert_true(mute_socket(t->peer));
	const cs_conn second = log_in(t);
	run_for(t, 100);
	const cs_conn third = log_in(t, CS_CLAIM_KICK);
	wait_claims(t, 2);
	assert_ended(t, third, 0);
	assert_null(conn_find(t->f->worker, t->handle));
	/* The one that waited either came first and was kicked then, or met the other one. */
	assert_true(is_there(t, third));
	assert_false(is_there(t, second));
}

static void a_login_that_gives_up_leaves_nothing_behind(void **state)
{
	test *t = test_of(state);

	assert_true(mute_socket(t->peer));
	const cs_conn second = log_in(t);
	run_for(t, 100);
	conn_close(conn_find(t->f->worker, second), "test");
	wait_claims(t, 1);
	assert_ended(t, second, CS_ENOENT);
	assert_int_equal(session_count(t->f->shared.sessions), 0);
	assert_int_equal(t->f->worker->conns->live, 0);
}

static void a_session_that_ends_before_the_probe_begins_is_not_looked_for(void **state)
{
	test *t = test_of(state);

	conn_begin_probe(&t->f->shared, t->handle, 8, 0, 0);
	conn_begin_probe(&t->f->shared, t->handle + 1, 7, 0, 0);
	conn_begin_probe(&t->f->shared, t->handle | UINT64_C(0x7f000000), 7, 0, 0);
	worker_fixture_turn(t->f.get());
	assert_null(t->older->probe.get());
	assert_true(is_there(t, t->handle));
}

static void a_drain_refuses_who_waits(void **state)
{
	test *t = test_of(state);

	assert_true(mute_socket(t->peer));
	const cs_conn second = log_in(t);
	run_for(t, 100);
	conn_table_drain(t->f->worker);
	const int64_t begun = worker_monotonic_ms();
	wait_claims(t, 1);
	assert_ended(t, second, CS_ECANCELED);
	assert_true(worker_monotonic_ms() - begun < sooner_ms);
}

static void a_stop_ends_a_probe_and_who_waits_for_it(void **state)
{
	test *t = test_of(state);

	assert_true(mute_socket(t->peer));
	const cs_conn second = log_in(t);
	worker_fixture_turn(t->f.get());
	assert_non_null(t->older->probe.get());
	host_claim_cancel_all(&t->f->shared);
	assert_int_equal(t->claims.size(), 1);
	assert_ended(t, second, CS_ECANCELED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_session_whose_peer_is_there_stays),
		TEST(without_keepalive_it_is_asked_all_the_same),
		TEST(logins_that_wait_share_the_answer),
		TEST(a_peer_that_only_reads_too_slowly_is_there),
		TEST(a_session_whose_peer_is_gone_makes_room),
		TEST(so_does_one_that_was_sent_something_meanwhile),
		TEST(a_peer_that_comes_back_in_time_stays),
		TEST(of_two_logins_that_wait_for_the_place_one_gets_it),
		TEST(a_client_that_promised_to_speak_and_does_not_is_dead_at_once),
		TEST(one_that_spoke_in_time_is_asked_by_tcp),
		TEST(a_promise_ends_with_its_session),
		TEST(a_logout_meanwhile_makes_room_at_once),
		TEST(a_close_or_a_kick_meanwhile_makes_room_at_once),
		TEST(a_login_that_gives_up_leaves_nothing_behind),
		TEST(a_session_that_ends_before_the_probe_begins_is_not_looked_for),
		TEST(a_drain_refuses_who_waits),
		TEST(a_stop_ends_a_probe_and_who_waits_for_it),
	};

	return cmocka_run_group_tests_name("conn_probe", tests, nullptr, nullptr);
}
