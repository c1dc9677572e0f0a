/* SPDX-License-Identifier: MIT
 * Tests the life of a connection: handles, terminators, order, output marks, and every way to end. */
#include <string>

#include <sys/socket.h>

#include "tests/support/worker_fixture.h"

using namespace std::literals;

static std::string talk(struct worker_test *t, std::string_view bytes)
{
	return worker_fixture_talk(t->f.get(), t->peer, bytes);
}

static bool is_gone(struct worker_test *t)
{
	return t->f->worker->conns->live == 0;
}

static const char too_long[] = "{\"msgid\":100,\"of\":0,\"errno\":12,\"errmsg\":\"frame longer than 1024 bytes\"}\n";

/* ---- handles */

static void a_handle_is_never_used_again(void **state)
{
	struct worker_test *t = worker_test_of(state);
	cs_conn before = t->handle;

	assert_true(before != 0);
	for (int i = 0; i < 20; i++) {
		int peer;

		conn_close(conn_find(t->f->worker, before), "test");
		assert_null(conn_find(t->f->worker, before));
		worker_fixture_turn(t->f.get());
		const struct conn *c = worker_fixture_connect(t->f.get(), &peer);

		assert_int_equal(t->f->worker->conns->slots.size(), 1);
		assert_int_not_equal(c->handle, before);
		assert_null(conn_find(t->f->worker, before));
		before = c->handle;
	}
	assert_null(conn_find(t->f->worker, 0));
	assert_null(conn_find(t->f->worker, 12345));
}

/* ---- how frames end */

static void frames_end_as_the_first_frame_of_the_client_did(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_true(talk(t, "{\"msgid\":102}\0"sv) == "{\"msgid\":103}\0"sv);
	assert_true(talk(t, "{\"msgid\":102}\n"sv) == "{\"msgid\":103}\0"sv);
}

static void without_a_nul_behind_the_first_frame_they_end_with_lf(void **state)
{
	for (const std::string_view end : {"\n"sv, "\r\n"sv, " \0"sv, "{\"msgid\":102}\0"sv}) {
		struct worker_test *t = worker_test_of(state);

		t->c = worker_fixture_connect(t->f.get(), &t->peer);
		const std::string answer = talk(t, "{\"msgid\":102}" + std::string(end));

		assert_int_equal(answer[sizeof "{\"msgid\":103}" - 1], '\n');
		assert_true(talk(t, "{\"msgid\":102}\0"sv) == "{\"msgid\":103}\n"sv);
	}
}

static void a_nul_that_comes_later_still_decides(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_string_equal(talk(t, "{\"msgid\":102}").c_str(), "");
	assert_true(talk(t, "\0"sv) == "{\"msgid\":103}\0"sv);
}

/* A LOGIN, say, whose password takes longer than output is held. */
static void a_nul_that_comes_while_the_first_frame_is_pending_decides(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_string_equal(talk(t, "{\"msgid\":12}").c_str(), "");
	assert_string_equal(talk(t, "\0{\"msgid\":102}"sv).c_str(), "");
	assert_int_equal(t->c->terminator, CONN_TERMINATOR_NUL);
	assert_false(t->c->reading);
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	assert_true(talk(t, "\n"sv) == "{\"msgid\":103}\0"sv);
}

static void output_is_held_only_for_a_moment(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::string answer;
	const int64_t begin = worker_monotonic_ms();

	assert_string_equal(talk(t, "{\"msgid\":102}").c_str(), "");
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		answer = worker_fixture_receive(t->peer, nullptr);
		return !answer.empty();
	}));
	assert_string_equal(answer.c_str(), "{\"msgid\":103}\n");
	assert_true(worker_monotonic_ms() - begin < 1000);
	/* The byte behind the first frame comes only now: from here on it is known. */
	assert_true(talk(t, "\0{\"msgid\":102}\0"sv) == "{\"msgid\":103}\0"sv);
}

static void what_is_sent_before_the_first_frame_ends_with_lf(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_int_equal(conn_send(t->c, "{}", 2, nullptr, nullptr), 0);
	assert_string_equal(talk(t, "").c_str(), "{}\n");
}

/* ---- input */

static void a_hundred_frames_in_one_write_are_all_dispatched(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::string bytes, answers;

	for (int i = 0; i < 100; i++) {
		bytes += "{\"msgid\":102,\"req\":" + std::to_string(i) + "}\n";
		answers += "{\"msgid\":100,\"of\":102,\"req\":" + std::to_string(i) + ",\"errno\":0}\n";
	}
	assert_string_equal(talk(t, bytes).c_str(), answers.c_str());
}

static void a_frame_that_comes_byte_by_byte_is_dispatched_once(void **state)
{
	struct worker_test *t = worker_test_of(state);

	for (const char c : "{\"msgid\":11,\"a\":\"}{\\\"\"}"sv)
		assert_string_equal(talk(t, {&c, 1}).c_str(), "");
	assert_string_equal(t->f->trace.c_str(), "open ");
	assert_null(t->c->partial.get());
}

static void a_frame_of_exactly_max_frame_passes(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const std::string head = "{\"msgid\":102,\"a\":\"", tail = "\"}";
	const std::string most = head + std::string(1024 - head.size() - tail.size(), 'x') + tail;

	assert_string_equal(talk(t, most + "\n").c_str(), "{\"msgid\":103}\n");
	assert_string_equal(talk(t, most.substr(0, 500)).c_str(), "");
	assert_string_equal(talk(t, most.substr(500)).c_str(), "{\"msgid\":103}\n");
	assert_string_equal(talk(t, " " + head + "x" + most.substr(head.size())).c_str(), too_long);
}

static void a_frame_without_end_is_refused_as_soon_as_it_is_too_long(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_string_equal(talk(t, "{\"msgid\":102,\"a\":\"" + std::string(2000, 'x')).c_str(), too_long);
	assert_null(conn_find(t->f->worker, t->handle));
	/* What else the peer sends is thrown away, and the end follows its own. */
	assert_string_equal(talk(t, std::string(100000, 'y')).c_str(), "");
	shutdown(t->peer, SHUT_WR);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return is_gone(t); }));
	assert_string_equal(t->f->trace.c_str(), "closed:0 ");
}

static void bytes_that_cannot_begin_a_frame_end_the_connection(void **state)
{
	struct worker_test *t = worker_test_of(state);
	bool eof = false;

	assert_string_equal(talk(t, "{\"msgid\":102}\nGET / HTTP/1.1\r\n\r\n{\"msgid\":102}").c_str(),
	                    "{\"msgid\":103}\n{\"msgid\":100,\"of\":0,\"errno\":4,\"errmsg\":"
	                    "\"byte 0x47 cannot begin a frame\"}\n");
	(void)worker_fixture_receive(t->peer, &eof);
	assert_true(eof);
	/* Also when the peer does not end its side. */
	assert_true(worker_fixture_wait(t->f.get(), [&] { return is_gone(t); }));
}

/* ---- PENDING */

static void nothing_is_dispatched_behind_a_pending_frame(void **state)
{
	struct worker_test *t = worker_test_of(state);

	assert_string_equal(talk(t, "{\"msgid\":11}{\"msgid\":12}{\"msgid\":11}{\"msgid\":12}{\"msgid\":11}\n").c_str(),
	                    "");
	assert_string_equal(t->f->trace.c_str(), "open wait ");
	assert_string_equal(talk(t, "{\"msgid\":11}\n").c_str(), "");
	assert_string_equal(t->f->trace.c_str(), "open wait ");
	conn_finish(t->c);
	assert_string_equal(t->f->trace.c_str(), "open wait ");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "open wait open wait ");
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "open wait open wait open open ");
	assert_null(t->c->waiting.get());
}

static void a_pending_connection_is_not_read(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const std::string part(64 * 1024, ' ');

	assert_string_equal(talk(t, "{\"msgid\":12}\n").c_str(), "");
	for (int i = 0; i < 100 && send(t->peer, part.data(), part.size(), MSG_NOSIGNAL) > 0; i++)
		worker_fixture_turn(t->f.get());
	assert_true((t->c->waiting ? t->c->waiting->bytes.size() : 0) +
	                    (t->c->partial ? t->c->partial->bytes.size() : 0) <=
	            1024 + conn_scratch_size);
	assert_false(t->c->reading);
	conn_finish(t->c);
	assert_string_equal(talk(t, "{\"msgid\":102}\n").c_str(), "{\"msgid\":103}\n");
}

static void a_handler_may_finish_before_it_returns(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->on_open = [t](const struct cs_frame *) {
		conn_finish(t->c);
		return static_cast<int>(CS_PENDING);
	};
	assert_string_equal(talk(t, "{\"msgid\":11}{\"msgid\":102}\n").c_str(), "{\"msgid\":103}\n");
}

/* ---- output */

static void a_tail_takes_the_place_of_the_closing_brace(void **state)
{
	struct worker_test *t = worker_test_of(state);
	uint64_t first = 0, second = 0;

	assert_int_equal(conn_send(t->c, "{\"a\":1}", 7, ",\"seq\":7}", &first), 0);
	assert_int_equal(conn_send(t->c, "{}", 2, nullptr, &second), 0);
	assert_string_equal(talk(t, "").c_str(), "{\"a\":1,\"seq\":7}\n{}\n");
	assert_int_equal(first, 16);
	assert_int_equal(second, 19);
	assert_int_equal(t->c->written, 19);
}

static void written_is_told_once_a_turn_and_to_sessions_only(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->traces_written = true;
	(void)conn_send(t->c, "{}", 2, nullptr, nullptr);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "");
	worker_fixture_bind(t->f.get(), t->c, 13);
	(void)conn_send(t->c, "{}", 2, nullptr, nullptr);
	(void)conn_send(t->c, "{}", 2, nullptr, nullptr);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "written:9 ");
}

static void what_the_hook_sends_is_told_in_the_next_turn(void **state)
{
	struct worker_test *t = worker_test_of(state);
	uint64_t turn = 0;
	int left = 5;

	t->f->traces_written = true;
	worker_fixture_bind(t->f.get(), t->c, 13);
	t->f->on_written = [&] {
		assert_int_not_equal(t->f->worker->loop.turn + 1, turn);
		turn = t->f->worker->loop.turn + 1;
		if (left-- > 0)
			(void)conn_send(t->c, "{}", 2, nullptr, nullptr);
	};
	(void)conn_send(t->c, "{}", 2, nullptr, nullptr);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return left == -1; }));
	assert_string_equal(t->f->trace.c_str(), "written:3 written:6 written:9 written:12 written:15 written:18 ");
}

/* Fills the connection until it answers EAGAIN; returns the bytes. */
static size_t fill(struct worker_test *t)
{
	const std::string frame = "{\"a\":\"" + std::string(8000, 'x') + "\"}";
	size_t all = 0;
	int result;

	do {
		result = conn_send(t->c, frame.data(), frame.size(), nullptr, nullptr);
		all += frame.size() + 1;
	} while (result == 0 && all < 64 * 1024 * 1024);
	assert_int_equal(result, CS_EAGAIN);
	return all;
}

static void over_the_soft_mark_nothing_is_read_until_half_of_it(void **state)
{
	struct worker_test *t = worker_test_of(state);
	size_t expected = fill(t), received = 0;

	assert_true(t->c->over_soft);
	(void)send(t->peer, "{\"msgid\":11}\n", 13, MSG_NOSIGNAL);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "");
	while (received < expected) {
		const size_t n = worker_fixture_receive(t->peer, nullptr).size();

		assert_int_not_equal(n, 0);
		received += n;
		worker_fixture_turn(t->f.get());
	}
	assert_int_equal(received, expected);
	assert_string_equal(t->f->trace.c_str(), "open ");
	assert_false(t->c->over_soft);
}

static void a_burst_of_one_turn_that_the_kernel_takes_is_no_slow_reader(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const std::string frame(40000, ' ');

	t->f->conf.output_soft = 50000;
	t->f->conf.output_hard = 60000;
	for (int i = 0; i < 4; i++)
		assert_int_equal(conn_send(t->c, frame.data(), frame.size(), nullptr, nullptr), 0);
	assert_int_equal(talk(t, "").size(), 4 * (frame.size() + 1));
}

static void one_frame_longer_than_the_hard_mark_is_no_slow_reader(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const std::string frame(static_cast<size_t>(t->f->conf.output_hard) * 2, ' ');
	size_t received = 0;

	(void)fill(t);
	const size_t expected = conn_unsent(t->c) + frame.size() + 1;

	assert_int_equal(conn_send(t->c, frame.data(), frame.size(), nullptr, nullptr), CS_EAGAIN);
	assert_int_equal(conn_send(t->c, "{}", 2, nullptr, nullptr), CS_EAGAIN);
	while (!is_gone(t) && t->c->over_soft) {
		received += worker_fixture_receive(t->peer, nullptr).size();
		worker_fixture_turn(t->f.get());
	}
	assert_false(is_gone(t));
	received += worker_fixture_receive(t->peer, nullptr).size();
	assert_true(received > expected);
}

static void over_the_hard_mark_the_connection_ends_as_a_slow_reader(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const std::string frame(100000, ' ');
	int result = CS_EAGAIN;

	worker_fixture_bind(t->f.get(), t->c, 13);
	(void)fill(t);
	for (int i = 0; i < 4 && result == CS_EAGAIN; i++)
		result = conn_send(t->c, frame.data(), frame.size(), nullptr, nullptr);
	assert_int_equal(result, CS_ENOENT);
	/* Nothing is told inside the call, but nobody is found any longer. */
	assert_string_equal(t->f->trace.c_str(), "");
	assert_null(conn_find(t->f->worker, t->handle));
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "closed:13 ");
	assert_true(is_gone(t));
	assert_int_equal(session_count(t->f->shared.sessions), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_test_set_up, worker_test_tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_handle_is_never_used_again),
		TEST(frames_end_as_the_first_frame_of_the_client_did),
		TEST(without_a_nul_behind_the_first_frame_they_end_with_lf),
		TEST(a_nul_that_comes_later_still_decides),
		TEST(a_nul_that_comes_while_the_first_frame_is_pending_decides),
		TEST(output_is_held_only_for_a_moment),
		TEST(what_is_sent_before_the_first_frame_ends_with_lf),
		TEST(a_hundred_frames_in_one_write_are_all_dispatched),
		TEST(a_frame_that_comes_byte_by_byte_is_dispatched_once),
		TEST(a_frame_of_exactly_max_frame_passes),
		TEST(a_frame_without_end_is_refused_as_soon_as_it_is_too_long),
		TEST(bytes_that_cannot_begin_a_frame_end_the_connection),
		TEST(nothing_is_dispatched_behind_a_pending_frame),
		TEST(a_pending_connection_is_not_read),
		TEST(a_handler_may_finish_before_it_returns),
		TEST(a_tail_takes_the_place_of_the_closing_brace),
		TEST(written_is_told_once_a_turn_and_to_sessions_only),
		TEST(what_the_hook_sends_is_told_in_the_next_turn),
		TEST(over_the_soft_mark_nothing_is_read_until_half_of_it),
		TEST(a_burst_of_one_turn_that_the_kernel_takes_is_no_slow_reader),
		TEST(one_frame_longer_than_the_hard_mark_is_no_slow_reader),
		TEST(over_the_hard_mark_the_connection_ends_as_a_slow_reader),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
