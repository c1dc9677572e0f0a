/* SPDX-License-Identifier: MIT
 * Tests how a connection and a session end, by the peer, by the server or by silence, and what plugins are told. */
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <sys/socket.h>

#include "tests/support/worker_fixture.h"

static std::string talk(struct worker_test *t, std::string_view bytes)
{
	return worker_fixture_talk(t->f.get(), t->peer, bytes);
}

static bool is_gone(struct worker_test *t)
{
	return t->f->worker->conns->live == 0;
}

static bool is_located(struct worker_test *t, cs_account account)
{
	cs_conn conn;

	return session_locate(t->f->shared.sessions, {account, 0}, &conn);
}

static void the_end_of_the_peer_ends_the_connection(void **state)
{
	struct worker_test *t = worker_test_of(state);

	worker_fixture_bind(t->f.get(), t->c, 13);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	assert_true(is_gone(t));
	assert_string_equal(t->f->trace.c_str(), "closed:13 ");
	assert_int_equal(session_count(t->f->shared.sessions), 0);
	assert_int_equal(t->f->shared.connections, 0);
}

static void frames_before_the_end_are_still_dispatched_and_answered(void **state)
{
	struct worker_test *t = worker_test_of(state);
	bool eof = false;

	(void)send(t->peer, "{\"msgid\":11}{\"msgid\":102}", 26, MSG_NOSIGNAL);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	/* No byte follows the first frame: nothing is held for it. */
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(), "{\"msgid\":103}\n");
	assert_true(eof);
	assert_string_equal(t->f->trace.c_str(), "open closed:0 ");
}

static void a_peer_that_only_listens_gets_what_is_pending(void **state)
{
	struct worker_test *t = worker_test_of(state);
	bool eof = true;

	(void)send(t->peer, "{\"msgid\":12}{\"msgid\":102}", 26, MSG_NOSIGNAL);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(), "");
	assert_false(eof);
	conn_note_sender(t->c, t->f->worker->instances[0].get());
	(void)conn_send(t->c, "{\"msgid\":5}", 11, nullptr, nullptr);
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(), "{\"msgid\":5}\n{\"msgid\":103}\n");
	assert_true(eof);
	assert_true(is_gone(t));
}

static void a_peer_that_only_listens_gets_the_answers_that_it_is_owed(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct cs_request first = {.msgid = FIXTURE_OPEN, .req = 1}, second = {.msgid = FIXTURE_OPEN, .req = 2};
	bool eof = true;

	(void)send(t->peer, "{\"msgid\":11,\"req\":1}{\"msgid\":11,\"req\":2}", 40, MSG_NOSIGNAL);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	conn_answer(t->c, &first, "");
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(),
	                    "{\"msgid\":100,\"of\":11,\"req\":1,\"errno\":0}\n");
	assert_false(eof);
	conn_answer(t->c, &second, ",\"seq\":7");
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(),
	                    "{\"msgid\":100,\"of\":11,\"req\":2,\"errno\":0,\"seq\":7}\n");
	assert_true(eof);
	assert_true(is_gone(t));
}

static void a_frame_for_a_peer_that_only_listens_is_not_taken_for_its_answer(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct cs_request request = {.msgid = FIXTURE_WAIT, .req = 1};
	bool eof = true;

	(void)send(t->peer, "{\"msgid\":12,\"req\":1}", 20, MSG_NOSIGNAL);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	conn_table_drain(t->f->worker);
	(void)conn_send(t->c, "{\"msgid\":6}", 11, nullptr, nullptr);
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	(void)worker_fixture_receive(t->peer, &eof);
	assert_false(eof);
	conn_answer(t->c, &request, "");
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(),
	                    "{\"msgid\":100,\"of\":12,\"req\":1,\"errno\":0}\n");
	assert_true(eof);
	assert_true(is_gone(t));
}

static void an_answer_of_its_own_form_is_all_that_a_request_gets(void **state)
{
	struct worker_test *t = worker_test_of(state);
	bool eof = false;

	(void)send(t->peer, "{\"msgid\":12,\"req\":1}", 20, MSG_NOSIGNAL);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	conn_note_sender(t->c, t->f->worker->instances[0].get());
	(void)conn_send(t->c, "{\"msgid\":5,\"req\":1}", 19, nullptr, nullptr);
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(), "{\"msgid\":5,\"req\":1}\n");
	assert_true(eof);
	assert_true(is_gone(t));
}

static void a_peer_that_only_listens_gets_the_refusal_of_what_had_no_req(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct cs_request request = {.msgid = FIXTURE_OPEN, .req = -1};
	bool eof = true;

	t->f->on_open = [](const struct cs_frame *) {
		return static_cast<int>(CS_DONE);
	};
	(void)send(t->peer, "{\"msgid\":11}{\"msgid\":11}", 24, MSG_NOSIGNAL);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	conn_refuse(t->c, &request, CS_MSGID_ACK, CS_ERRNO_NO_SUCH_USER, "nobody");
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(),
	                    "{\"msgid\":100,\"of\":11,\"errno\":6,\"errmsg\":\"nobody\"}\n");
	assert_false(eof);
	/* The other one went well, which is not told but ends the waiting. */
	conn_answer(t->c, &request, "");
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(), "");
	assert_true(eof);
	assert_true(is_gone(t));
}

/* The second request is answered at once, the first is still owed then. */
static void assert_first_is_waited_for(void **state, std::string_view both)
{
	struct worker_test *t = worker_test_of(state);
	const struct cs_request first = {.msgid = FIXTURE_OPEN, .req = 1};
	bool eof = true;

	t->f->on_open = [](const struct cs_frame *) {
		return static_cast<int>(CS_DONE);
	};
	(void)send(t->peer, both.data(), both.size(), MSG_NOSIGNAL);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	assert_string_not_equal(worker_fixture_receive(t->peer, &eof).c_str(), "");
	assert_false(eof);
	conn_answer(t->c, &first, "");
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(),
	                    "{\"msgid\":100,\"of\":11,\"req\":1,\"errno\":0}\n");
	assert_true(eof);
	assert_true(is_gone(t));
}

static void an_unknown_request_does_not_pay_what_another_is_owed(void **state)
{
	assert_first_is_waited_for(state, "{\"msgid\":11,\"req\":1}{\"msgid\":9999}");
}

static void a_ping_does_not_pay_what_another_is_owed(void **state)
{
	assert_first_is_waited_for(state, "{\"msgid\":11,\"req\":1}{\"msgid\":102,\"req\":2}");
}

static void who_goes_while_a_request_is_pending_is_let_go(void **state)
{
	struct worker_test *t = worker_test_of(state);

	/* With what old clients put behind a frame. */
	(void)send(t->peer, "{\"msgid\":12}\0", 13, MSG_NOSIGNAL);
	worker_fixture_turn(t->f.get());
	assert_true(t->c->pending && t->c->end_at == 0);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	assert_true(t->c->end_at != 0 && t->c->end_at <= worker_monotonic_ms() + 5000);
	/* The same timer, only sooner. */
	t->c->end_at = worker_monotonic_ms() + 10;
	conn_set_silence(t->c, 0, 0);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return is_gone(t); }));
}

static void a_debt_that_nobody_pays_does_not_keep_the_connection(void **state)
{
	struct worker_test *t = worker_test_of(state);

	(void)send(t->peer, "{\"msgid\":11,\"req\":1}", 20, MSG_NOSIGNAL);
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	assert_false(is_gone(t));
	assert_true(t->c->end_at != 0 && t->c->end_at <= worker_monotonic_ms() + 5000);
	/* The same timer, only sooner. */
	t->c->end_at = worker_monotonic_ms() + 10;
	conn_set_silence(t->c, 0, 0);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return is_gone(t); }));
}

static void closing_writes_first_and_tells_afterwards(void **state)
{
	struct worker_test *t = worker_test_of(state);
	bool eof = false;

	worker_fixture_bind(t->f.get(), t->c, 13);
	(void)conn_send(t->c, "{}", 2, nullptr, nullptr);
	conn_close_after_output(t->c, "test");
	assert_null(conn_find(t->f->worker, t->handle));
	assert_false(is_located(t, 13));
	assert_int_equal(session_count(t->f->shared.sessions), 1);
	assert_string_equal(t->f->trace.c_str(), "");
	assert_int_equal(conn_send(t->c, "{}", 2, nullptr, nullptr), CS_ENOENT);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, &eof).c_str(), "{}\n");
	assert_true(eof);
	assert_string_equal(t->f->trace.c_str(), "closed:13 ");
	assert_int_equal(t->f->closed_written, 3);
	assert_true(is_gone(t));
}

static void a_handler_may_close_and_its_frame_stays_readable(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::string seen;

	t->f->on_open = [&](const struct cs_frame *frame) {
		conn_close_after_output(t->c, "test");
		conn_close(t->c, "test");
		seen.assign(frame->bytes, frame->size);
		return static_cast<int>(CS_DONE);
	};
	/* In two parts, so that it lies in the connection's own buffer; one more waits behind it. */
	assert_string_equal(talk(t, "{\"msgid\":").c_str(), "");
	(void)talk(t, "11}{\"msgid\":11}");
	assert_string_equal(seen.c_str(), "{\"msgid\":11}");
	assert_string_equal(t->f->trace.c_str(), "open closed:0 ");
	assert_true(is_gone(t));
}

static void a_logout_ends_the_session_and_leaves_the_connection(void **state)
{
	struct worker_test *t = worker_test_of(state);

	worker_fixture_bind(t->f.get(), t->c, 13);
	(void)conn_send(t->c, "{}", 2, nullptr, nullptr);
	conn_logout(t->c);
	assert_false(is_located(t, 13));
	assert_string_equal(t->f->trace.c_str(), "");
	worker_fixture_turn(t->f.get());
	/* What was queued before is counted, so that it does not come again at the next login. */
	assert_int_equal(t->f->closed_written, 3);
	assert_string_equal(t->f->trace.c_str(), "closed:13 ");
	assert_int_equal(session_count(t->f->shared.sessions), 0);
	assert_string_equal(talk(t, "{\"msgid\":13}\n").c_str(),
	                    "{}\n{\"msgid\":100,\"of\":13,\"errno\":3,\"errmsg\":\"log in first\"}\n");
	worker_fixture_bind(t->f.get(), t->c, 14);
	assert_string_equal(talk(t, "{\"msgid\":13}\n").c_str(), "");
	shutdown(t->peer, SHUT_WR);
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "closed:13 login:li si closed:14 ");
}

static void a_logout_and_the_end_in_one_turn_are_told_once(void **state)
{
	struct worker_test *t = worker_test_of(state);

	worker_fixture_bind(t->f.get(), t->c, 13);
	conn_logout(t->c);
	conn_logout(t->c);
	conn_close(t->c, "test");
	conn_close(t->c, "test");
	worker_fixture_turn(t->f.get());
	assert_string_equal(t->f->trace.c_str(), "closed:13 ");
	assert_int_equal(session_count(t->f->shared.sessions), 0);
}

static void a_plugin_can_hold_the_place_of_an_ended_session(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->closed_answer = CS_PENDING;
	worker_fixture_bind(t->f.get(), t->c, 13);
	conn_close(t->c, "test");
	worker_fixture_turn(t->f.get());
	assert_true(is_gone(t));
	assert_false(is_located(t, 13));
	assert_int_equal(session_count(t->f->shared.sessions), 1);
	session_release(t->f->shared.sessions, {13, 0});
	assert_int_equal(session_count(t->f->shared.sessions), 0);
}

static void silence_ends_a_connection_that_must_not_be_silent(void **state)
{
	struct worker_test *t = worker_test_of(state);

	conn_set_silence(t->c, 100, 0);
	for (int i = 0; i < 5; i++) {
		const int64_t until = worker_monotonic_ms() + 50;

		assert_true(worker_fixture_wait(t->f.get(), [&] { return worker_monotonic_ms() >= until; }));
		assert_string_equal(talk(t, "{\"msgid\":102}\n").c_str(), "{\"msgid\":103}\n");
	}
	assert_true(worker_fixture_wait(t->f.get(), [&] { return is_gone(t); }));
}

static void the_longest_silence_is_for_ever(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const int64_t until = worker_monotonic_ms() + 20;

	conn_set_silence(t->c, INT64_MAX, 0);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return worker_monotonic_ms() >= until; }));
	assert_false(is_gone(t));
}

static void a_peer_that_is_not_read_is_not_silent(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const int64_t until = worker_monotonic_ms() + 200;

	assert_string_equal(talk(t, "{\"msgid\":12}\n").c_str(), "");
	assert_string_equal(talk(t, "{\"msgid\":102}\n").c_str(), "");
	conn_set_silence(t->c, 50, 0);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return worker_monotonic_ms() >= until; }));
	assert_false(is_gone(t));
}

static void draining_is_told_to_everybody_once(void **state)
{
	struct worker_test *t = worker_test_of(state);
	static const char going_away[] = "{\"msgid\":100,\"of\":0,\"errno\":13,\"errmsg\":\"this node is "
					 "going away, connect again\"}\n";
	int peer;

	worker_fixture_connect(t->f.get(), &peer);
	conn_table_drain(t->f->worker);
	conn_table_drain(t->f->worker);
	worker_fixture_turn(t->f.get());
	assert_string_equal(worker_fixture_receive(t->peer, nullptr).c_str(), going_away);
	assert_string_equal(worker_fixture_receive(peer, nullptr).c_str(), going_away);
	conn_table_close_all(t->f->worker, "test");
	worker_fixture_turn(t->f.get());
	assert_true(is_gone(t));
}

static size_t count_told(const std::vector<int> &peers)
{
	return static_cast<size_t>(std::count_if(peers.begin(), peers.end(), [](int peer) {
		return worker_fixture_receive(peer, nullptr).find("\"errno\":13") != std::string::npos;
	}));
}

static void telling_follows_the_time_and_gives_each_a_delay_of_its_own(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::vector<int> peers{t->peer};

	t->f->conf.drain_delay = 1000;
	for (int peer; peers.size() < 8; peers.push_back(peer))
		worker_fixture_connect(t->f.get(), &peer);
	conn_table_tell(t->f->worker, 0, 100);
	worker_fixture_turn(t->f.get());
	assert_int_equal(count_told(peers), 0);
	conn_table_tell(t->f->worker, 13, 100);
	worker_fixture_turn(t->f.get());
	assert_non_null(strstr(worker_fixture_receive(t->peer, nullptr).c_str(), "connect again\",\"delay\":618}\n"));
	conn_table_tell(t->f->worker, 99, 100);
	worker_fixture_turn(t->f.get());
	assert_int_equal(count_told(peers), 6);
	/* Who was not told works on; who was told is refused. */
	assert_non_null(strstr(talk(t, "{\"msgid\":11,\"req\":1}\n").c_str(), "\"errno\":13"));
	assert_string_equal(worker_fixture_talk(t->f.get(), peers.back(), "{\"msgid\":11,\"req\":1}\n").c_str(), "");
	conn_table_drain(t->f->worker);
	worker_fixture_turn(t->f.get());
	assert_int_equal(count_told(peers), 1);
}

static void who_was_told_is_closed_when_its_requests_are_finished(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const auto closed = [t] {
		conn_table_close_finished(t->f->worker, false);
		return is_gone(t);
	};
	const int64_t begun = worker_monotonic_ms();

	(void)talk(t, "{\"msgid\":12,\"req\":1}\n");
	conn_table_drain(t->f->worker);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return worker_monotonic_ms() >= begun + 50; }));
	assert_false(closed());
	conn_finish(t->c);
	worker_fixture_turn(t->f.get());
	/* It is owed an answer, unless nothing is under way any more. */
	assert_false(closed());
	conn_table_close_finished(t->f->worker, true);
	worker_fixture_turn(t->f.get());
	assert_true(is_gone(t));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_test_set_up, worker_test_tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(the_end_of_the_peer_ends_the_connection),
		TEST(frames_before_the_end_are_still_dispatched_and_answered),
		TEST(a_peer_that_only_listens_gets_what_is_pending),
		TEST(a_peer_that_only_listens_gets_the_answers_that_it_is_owed),
		TEST(a_frame_for_a_peer_that_only_listens_is_not_taken_for_its_answer),
		TEST(an_answer_of_its_own_form_is_all_that_a_request_gets),
		TEST(a_peer_that_only_listens_gets_the_refusal_of_what_had_no_req),
		TEST(an_unknown_request_does_not_pay_what_another_is_owed),
		TEST(a_ping_does_not_pay_what_another_is_owed),
		TEST(who_goes_while_a_request_is_pending_is_let_go),
		TEST(a_debt_that_nobody_pays_does_not_keep_the_connection),
		TEST(closing_writes_first_and_tells_afterwards),
		TEST(a_handler_may_close_and_its_frame_stays_readable),
		TEST(a_logout_ends_the_session_and_leaves_the_connection),
		TEST(a_logout_and_the_end_in_one_turn_are_told_once),
		TEST(a_plugin_can_hold_the_place_of_an_ended_session),
		TEST(silence_ends_a_connection_that_must_not_be_silent),
		TEST(the_longest_silence_is_for_ever),
		TEST(a_peer_that_is_not_read_is_not_silent),
		TEST(draining_is_told_to_everybody_once),
		TEST(telling_follows_the_time_and_gives_each_a_delay_of_its_own),
		TEST(who_was_told_is_closed_when_its_requests_are_finished),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
