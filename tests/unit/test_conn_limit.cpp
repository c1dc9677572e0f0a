/* SPDX-License-Identifier: MIT
 * Tests how much is read of a connection and of an address per second, and how many connections an address has: a
 * pause drops nothing, and it is no silence of the peer. */
#include <string>

#include <sys/socket.h>

#include "core/net/conn_internal.h"
#include "tests/support/worker_fixture.h"

static const std::string ping = "{\"msgid\":102}\n", pong = "{\"msgid\":103}\n";

static std::string talk(struct worker_test *t, std::string_view bytes)
{
	return worker_fixture_talk(t->f.get(), t->peer, bytes);
}

static void use_conf(struct worker_test *t)
{
	conn_table_set_conf(t->f->worker, &t->f->conf);
}

static void limit_bytes(struct worker_test *t, int64_t rate, int64_t burst)
{
	t->f->conf.rate_bytes = rate;
	t->f->conf.burst_bytes = burst;
	use_conf(t);
}

static uint64_t pauses(struct worker_test *t, enum conn_pause_reason why)
{
	return t->f->worker->conns->pauses[why];
}

/* Requests with req from 1 on. */
static std::string numbered(int count)
{
	std::string all;

	for (int i = 1; i <= count; i++)
		all += "{\"msgid\":102,\"req\":" + std::to_string(i) + "}\n";
	return all;
}

static std::string numbered_answers(int count)
{
	std::string all;

	for (int i = 1; i <= count; i++)
		all += "{\"msgid\":100,\"of\":102,\"req\":" + std::to_string(i) + ",\"errno\":0}\n";
	return all;
}

static void above_the_rate_of_bytes_nothing_is_read_for_a_while(void **state)
{
	struct worker_test *t = worker_test_of(state);

	limit_bytes(t, 1000, 1024);
	t->c->byte_bucket.tokens = 0;
	const int64_t begun = worker_monotonic_ms();
	assert_string_equal(talk(t, std::string(200, ' ') + ping).c_str(), pong.c_str());
	assert_in_range(t->c->paused_until - begun, 200, 240);
	assert_int_equal(pauses(t, CONN_PAUSE_RATE_BYTES), 1);
	assert_string_equal(talk(t, ping).c_str(), "");
	std::string all;
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		all += worker_fixture_receive(t->peer, nullptr);
		return !all.empty();
	}));
	assert_string_equal(all.c_str(), pong.c_str());
	assert_true(worker_monotonic_ms() - begun >= 200);
}

static void however_much_comes_everything_is_answered_once_and_in_order(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const int count = 3000;
	const std::string requests = numbered(count);
	std::string all;
	size_t sent = 0;

	worker_fixture_bind(t->f.get(), t->c, 13);
	limit_bytes(t, 200000, 8192);
	const int64_t begun = worker_monotonic_ms();
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		for (ssize_t n = 1; n > 0 && sent<requests.size(); sent += n> 0 ? static_cast<size_t>(n) : 0)
			n = send(t->peer, requests.data() + sent, std::min<size_t>(requests.size() - sent, 977),
			         MSG_NOSIGNAL);
		all += worker_fixture_receive(t->peer, nullptr);
		return all.size() >= numbered_answers(count).size();
	}));
	assert_string_equal(all.c_str(), numbered_answers(count).c_str());
	assert_true(pauses(t, CONN_PAUSE_RATE_BYTES) > 3);
	assert_true(worker_monotonic_ms() - begun >=
	            static_cast<int64_t>(requests.size() - 8192 - 4096) * 1000 / 200000);
}

/* A short read brings a short pause. */
static void at_a_low_rate_the_reads_are_small(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_int_equal(t->f->worker->conns->read_size, conn_scratch_size);
	limit_bytes(t, 16 << 20, 1024);
	assert_int_equal(t->f->worker->conns->read_size, conn_scratch_size);
	limit_bytes(t, 1 << 20, 1024);
	assert_int_equal(t->f->worker->conns->read_size, 16384);
	limit_bytes(t, 1, 1024);
	assert_int_equal(t->f->worker->conns->read_size, 4096);
	worker_fixture_bind(t->f.get(), t->c, 13);
	(void)talk(t, std::string(9000, ' '));
	assert_int_equal(t->f->worker->conns->traffic[0].received, 4096);
}

static void a_pause_is_no_silence_of_the_peer(void **state)
{
	struct worker_test *t = worker_test_of(state);

	limit_bytes(t, 1000, 1024);
	conn_set_silence(t->c, 100, 0);
	t->c->byte_bucket.tokens = 0;
	/* The pause is longer than the silence that is allowed, and nothing more comes during it. */
	assert_string_equal(talk(t, std::string(400, ' ') + ping).c_str(), pong.c_str());
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->c->paused_until == 0; }));
	assert_false(t->c->closing || t->c->dead);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return !conn_find(t->f->worker, t->handle); }));
}

static void a_pause_does_not_count_against_a_frame_that_is_not_whole(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.frame_timeout = 100;
	limit_bytes(t, 1000, 1024);
	t->c->byte_bucket.tokens = 0;
	std::string part(400, ' ');

	part += "{\"msgid\"";
	assert_string_equal(talk(t, part).c_str(), "");
	assert_string_equal(talk(t, ":102}\n").c_str(), "");
	std::string all;
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		all += worker_fixture_receive(t->peer, nullptr);
		return !all.empty();
	}));
	assert_string_equal(all.c_str(), pong.c_str());
}

static void who_leaves_during_a_pause_is_noticed_behind_it(void **state)
{
	struct worker_test *t = worker_test_of(state);

	limit_bytes(t, 1000, 1024);
	t->c->byte_bucket.tokens = 0;
	assert_string_equal(talk(t, std::string(100, ' ') + ping).c_str(), pong.c_str());
	assert_int_equal(send(t->peer, ping.data(), ping.size(), MSG_NOSIGNAL), ping.size());
	assert_int_equal(shutdown(t->peer, SHUT_WR), 0);
	std::string all;
	bool eof = false;
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		all += worker_fixture_receive(t->peer, &eof);
		return eof;
	}));
	assert_string_equal(all.c_str(), pong.c_str());
}

static void a_reload_that_raises_the_rate_ends_a_pause(void **state)
{
	struct worker_test *t = worker_test_of(state);

	limit_bytes(t, 1, 1024);
	t->c->byte_bucket.tokens = 0;
	assert_string_equal(talk(t, std::string(4000, ' ') + ping).c_str(), pong.c_str());
	assert_true(t->c->paused_until - worker_monotonic_ms() > 3000 * 1000);
	limit_bytes(t, 1 << 20, 1024);
	std::string all = talk(t, ping);
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		all += worker_fixture_receive(t->peer, nullptr);
		return !all.empty();
	}));
	assert_string_equal(all.c_str(), pong.c_str());
}

/* ---- addresses */

struct two {
	struct conn *c[2];
	int peer[2];
};

/* Another connection, of the same address. */
static struct two both(struct worker_test *t)
{
	struct two all = {{t->c}, {t->peer}};

	all.c[1] = worker_fixture_connect(t->f.get(), &all.peer[1]);
	return all;
}

static void limit_address(struct worker_test *t, int64_t rate, int64_t burst, int64_t rate_bytes, int64_t burst_bytes)
{
	t->f->conf.address_rate = rate;
	t->f->conf.address_burst = burst;
	t->f->conf.address_rate_bytes = rate_bytes;
	t->f->conf.address_burst_bytes = burst_bytes;
	use_conf(t);
}

static void what_one_connection_uses_up_the_other_of_its_address_waits_for(void **state)
{
	struct worker_test *t = worker_test_of(state);

	limit_address(t, 100, 10, 0, 0);
	const struct two all = both(t);
	const int64_t begun = worker_monotonic_ms();
	assert_int_equal(talk(t, numbered(40)).size(), numbered_answers(40).size());
	assert_true(all.c[0]->paused_until != 0);
	assert_int_equal(pauses(t, CONN_PAUSE_ADDRESS), 1);
	std::string answer = worker_fixture_talk(t->f.get(), all.peer[1], ping);
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		answer += worker_fixture_receive(all.peer[1], nullptr);
		return !answer.empty();
	}));
	assert_string_equal(answer.c_str(), pong.c_str());
	assert_true(worker_monotonic_ms() - begun >= 290);
	assert_true(pauses(t, CONN_PAUSE_ADDRESS) >= 2);
}

/* One sends as much as it can, all the time. The other gets its turn. */
static void connections_of_an_address_take_turns(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const std::string flood = std::string(20000, ' ');
	std::string all_answers;

	limit_address(t, 0, 1, 100000, 1024);
	const struct two all = both(t);
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		(void)send(all.peer[0], flood.data(), flood.size(), MSG_NOSIGNAL);
		(void)send(all.peer[1], ping.data(), all_answers.size() < pong.size() * 5 ? ping.size() : 0,
		           MSG_NOSIGNAL);
		all_answers += worker_fixture_receive(all.peer[1], nullptr);
		return all_answers.size() >= pong.size() * 5;
	}));
	assert_true(all.c[0]->paused_until != 0);
}

static void requests_that_waited_in_the_server_are_charged_too(void **state)
{
	struct worker_test *t = worker_test_of(state);

	limit_address(t, 1, 10, 0, 0);
	assert_string_equal(talk(t, "{\"msgid\":12}\n" + numbered(20)).c_str(), "");
	assert_int_equal(t->c->paused_until, 0);
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, nullptr).c_str(), numbered_answers(20).c_str());
	assert_in_range(t->c->paused_until - worker_monotonic_ms(), 9000, 11000);
}

static void limits_that_a_reload_brings_count_who_is_there(void **state)
{
	struct worker_test *t = worker_test_of(state);
	int peer;

	assert_null(t->c->address);
	t->f->conf.address_connections = 1;
	use_conf(t);
	assert_non_null(t->c->address);
	(void)worker_fixture_connect(t->f.get(), &peer);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(peer, nullptr).c_str(),
	                    "{\"msgid\":100,\"of\":0,\"errno\":10,\"errmsg\":\"too many connections from this "
	                    "address\"}\n");
	t->f->conf.address_connections = 0;
	use_conf(t);
	assert_null(t->c->address);
	/* That a refusal was logged is remembered for a minute. */
	assert_int_equal(t->f->addresses.count, 1);
}

static void of_many_refused_at_once_only_a_few_wait_for_their_answer(void **state)
{
	struct worker_test *t = worker_test_of(state);
	int peers[50], told = 0;

	t->f->conf.address_connections = 1;
	t->f->conf.max_connections = 100;
	use_conf(t);
	for (int &peer : peers)
		(void)worker_fixture_connect(t->f.get(), &peer);
	worker_fixture_turn(t->f.get());
	for (const int peer : peers) {
		bool eof = false;

		told += !worker_fixture_receive(peer, &eof).empty();
		assert_true(eof);
	}
	assert_int_equal(told, 8);
	assert_int_equal(t->f->worker->conns->turned_away[0][CONN_TURN_ADDRESS_CONNECTIONS], 50);
	assert_string_equal(talk(t, ping).c_str(), pong.c_str());
}

static void a_login_frees_a_place_of_guests_and_a_logout_takes_it_again(void **state)
{
	struct worker_test *t = worker_test_of(state);
	int peer;

	t->f->conf.address_guests = 1;
	use_conf(t);
	const auto is_admitted = [&] {
		struct conn *c = worker_fixture_connect(t->f.get(), &peer);
		const bool is_open = c && !c->closing;

		if (is_open)
			conn_close(c, "test");
		worker_fixture_turn(t->f.get());
		return is_open;
	};
	assert_false(is_admitted());
	assert_string_equal(worker_fixture_receive(peer, nullptr).c_str(),
	                    "{\"msgid\":100,\"of\":0,\"errno\":10,\"errmsg\":\"too many connections without a login "
	                    "from this address\"}\n");
	worker_fixture_bind(t->f.get(), t->c, 13);
	assert_true(is_admitted());
	conn_logout(t->c);
	worker_fixture_turn(t->f.get());
	assert_false(is_admitted());
	conn_close(t->c, "test");
	worker_fixture_turn(t->f.get());
	assert_true(is_admitted());
}

static const std::string header = "PROXY TCP6 2001:db8::7 2001:db8::1 4660 6000\r\n";

static void behind_a_proxy_the_address_of_the_header_counts(void **state)
{
	struct worker_test *t = worker_test_of(state);
	int peer;

	t->f->conf.address_connections = 1;
	t->c->may_proxy = true;
	t->c->has_address = false;
	use_conf(t);
	/* Its own address is the proxy's, and counts for nobody. */
	assert_null(t->c->address);
	assert_non_null(worker_fixture_connect(t->f.get(), &peer)->address);
	assert_string_equal(talk(t, header + ping).c_str(), pong.c_str());
	assert_non_null(t->c->address);
	assert_int_equal(t->f->addresses.count, 2);
}

static void a_check_of_a_proxy_has_no_address(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.address_rate = 1;
	t->f->conf.address_burst = 1;
	t->c->may_proxy = true;
	t->c->has_address = false;
	use_conf(t);
	assert_int_equal(talk(t, numbered(50)).size(), numbered_answers(50).size());
	assert_string_equal(talk(t, ping).c_str(), pong.c_str());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_test_set_up, worker_test_tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(above_the_rate_of_bytes_nothing_is_read_for_a_while),
		TEST(however_much_comes_everything_is_answered_once_and_in_order),
		TEST(at_a_low_rate_the_reads_are_small),
		TEST(a_pause_is_no_silence_of_the_peer),
		TEST(a_pause_does_not_count_against_a_frame_that_is_not_whole),
		TEST(who_leaves_during_a_pause_is_noticed_behind_it),
		TEST(a_reload_that_raises_the_rate_ends_a_pause),
		TEST(what_one_connection_uses_up_the_other_of_its_address_waits_for),
		TEST(connections_of_an_address_take_turns),
		TEST(requests_that_waited_in_the_server_are_charged_too),
		TEST(limits_that_a_reload_brings_count_who_is_there),
		TEST(of_many_refused_at_once_only_a_few_wait_for_their_answer),
		TEST(a_login_frees_a_place_of_guests_and_a_logout_takes_it_again),
		TEST(behind_a_proxy_the_address_of_the_header_counts),
		TEST(a_check_of_a_proxy_has_no_address),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
