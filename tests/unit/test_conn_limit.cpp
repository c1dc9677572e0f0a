/* SPDX-License-Identifier: MIT
 * Tests how much is read of a connection per second: a pause drops nothing, and it is no silence of the peer. */
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
		const ssize_t n = send(t->peer, requests.data() + sent, std::min<size_t>(requests.size() - sent, 977),
		                       MSG_NOSIGNAL);

		sent += n > 0 ? static_cast<size_t>(n) : 0;
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
	assert_string_equal(talk(t, std::string(400, ' ') + "{\"msgid\"").c_str(), "");
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
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
