/* SPDX-License-Identifier: MIT
 * Tests how much a connection may hold, and for how long, before its login and before its frame is whole. */
#include <string>

#include <sys/socket.h>

#include "core/net/conn_internal.h"
#include "tests/support/worker_fixture.h"

static const char late_frame[] =
	"{\"msgid\":100,\"of\":0,\"errno\":4,\"errmsg\":\"the frame was not whole in time\"}\n";
static const char late_login[] = "{\"msgid\":100,\"of\":0,\"errno\":3,\"errmsg\":\"no login in time\"}\n";
static const char too_many[] =
	"{\"msgid\":100,\"of\":0,\"errno\":10,\"errmsg\":\"too many connections without a login\"}\n";
static const char too_much[] = "{\"msgid\":100,\"of\":0,\"errno\":10,\"errmsg\":\"connections without a login hold "
			       "too many bytes\"}\n";
static const char no_room[] =
	"{\"msgid\":100,\"of\":0,\"errno\":10,\"errmsg\":\"no room for connections without a login\"}\n";

/* Whatever a test did, nothing is counted once all connections are gone. */
static int tear_down(void **state)
{
	const std::unique_ptr<struct worker_test> t(worker_test_of(state));
	struct worker *w = t->f->worker;

	for (const auto &c : w->conns->slots)
		if (c)
			conn_close(c.get(), "test ends");
	worker_fixture_turn(t->f.get());
	const bool is_clean = t->f->shared.guests == 0 && t->f->shared.guest_bytes == 0 && !w->conns->guests.first &&
	                      !w->conns->guests.last && !w->conns->holders.first && !w->conns->holders.last;
	worker_fixture_free(std::move(t->f));
	return is_clean ? 0 : -1;
}

static std::string talk(struct worker_test *t, std::string_view bytes)
{
	return worker_fixture_talk(t->f.get(), t->peer, bytes);
}

static bool is_there(struct worker_test *t)
{
	return conn_find(t->f->worker, t->handle) != nullptr;
}

static uint64_t turned_away(struct worker_test *t, enum conn_turn turn)
{
	return t->f->worker->conns->turned_away[0][turn];
}

/* The options are t->f->conf's from now on. */
static void use_conf(struct worker_test *t)
{
	conn_table_set_conf(t->f->worker, &t->f->conf);
}

/* What the peer got until the connection was closed. */
static std::string last_words(struct worker_test *t, int peer)
{
	std::string all;
	bool eof = false;

	assert_true(worker_fixture_wait(t->f.get(), [&] {
		all += worker_fixture_receive(peer, &eof);
		return eof;
	}));
	return all;
}

/* ---- a frame that is not whole */

static void a_frame_that_is_not_whole_in_time_is_refused(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const int64_t begin = worker_monotonic_ms();

	t->f->conf.frame_timeout = 300;
	assert_string_equal(talk(t, "{\"msgid\":102}\n{\"msgid\":10").c_str(), "{\"msgid\":103}\n");
	assert_string_equal(last_words(t, t->peer).c_str(), late_frame);
	assert_true(worker_monotonic_ms() - begin >= 300);
	assert_int_equal(turned_away(t, CONN_TURN_FRAME_TIMEOUT), 1);
	assert_int_equal(t->f->worker->counters.at(0)->refused[CS_ERRNO_BAD_FRAME], 1);
}

static void more_bytes_do_not_lengthen_the_time(void **state)
{
	struct worker_test *t = worker_test_of(state);
	int dripped = 0;

	t->f->conf.frame_timeout = 300;
	assert_string_equal(talk(t, "{").c_str(), "");
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		dripped += send(t->peer, " ", 1, MSG_NOSIGNAL) == 1;
		return !is_there(t);
	}));
	assert_true(dripped > 10);
	assert_string_equal(last_words(t, t->peer).c_str(), late_frame);
}

static void a_session_is_held_to_it_too(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.frame_timeout = 100;
	worker_fixture_bind(t->f.get(), t->c, 13);
	assert_string_equal(talk(t, "{").c_str(), "");
	assert_string_equal(last_words(t, t->peer).c_str(), late_frame);
	assert_string_equal(t->f->trace.c_str(), "closed:13 ");
}

static void each_frame_has_the_whole_time(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.frame_timeout = 60000;
	assert_string_equal(talk(t, "{\"msgid\"").c_str(), "");
	t->c->partial->since -= 59000;
	assert_string_equal(talk(t, ":102}\n").c_str(), "{\"msgid\":103}\n");
	assert_null(t->c->partial.get());
	assert_string_equal(talk(t, "{\"msgid\"").c_str(), "");
	assert_true(t->c->partial->since + 1000 >= worker_monotonic_ms());
}

/* Fills the connection until it answers EAGAIN. */
static void fill(struct worker_test *t)
{
	const std::string frame = "{\"a\":\"" + std::string(8000, 'x') + "\"}";

	while (conn_send(t->c, frame.data(), frame.size(), nullptr, nullptr) == 0)
		;
	assert_true(t->c->over_soft);
}

static void while_the_server_does_not_read_the_time_stands_still(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.frame_timeout = 500;
	worker_fixture_bind(t->f.get(), t->c, 13);
	assert_string_equal(talk(t, "{\"msgid\"").c_str(), "");
	fill(t);
	(void)send(t->peer, ":11}\n", 5, MSG_NOSIGNAL);
	worker_fixture_turn(t->f.get());
	assert_false(t->c->reading);
	t->c->partial->since -= 500;
	conn_arm(t->c);
	worker_fixture_turn(t->f.get());
	assert_true(
		worker_fixture_wait(t->f.get(), [&] { return t->c->partial->since + 400 > worker_monotonic_ms(); }));
	assert_true(is_there(t));
	while (t->c->over_soft) {
		(void)worker_fixture_receive(t->peer, nullptr);
		worker_fixture_turn(t->f.get());
	}
	assert_string_equal(t->f->trace.c_str(), "open ");
	assert_int_equal(turned_away(t, CONN_TURN_FRAME_TIMEOUT), 0);
}

/* ---- a connection without a login */

static void who_does_not_log_in_in_time_is_told_so(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_timeout = 200;
	use_conf(t);
	assert_string_equal(last_words(t, t->peer).c_str(), late_login);
	assert_int_equal(turned_away(t, CONN_TURN_LOGIN_TIMEOUT), 1);
}

static void a_ping_does_not_lengthen_it(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::string all;

	t->f->conf.login_timeout = 300;
	use_conf(t);
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		all += talk(t, "{\"msgid\":102}\n");
		return !is_there(t);
	}));
	all += last_words(t, t->peer);
	assert_true(all.starts_with("{\"msgid\":103}\n"));
	assert_true(all.ends_with(late_login));
}

static void a_session_is_not_concerned(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_timeout = 100;
	use_conf(t);
	worker_fixture_bind(t->f.get(), t->c, 13);
	t->c->guest_since -= 1000;
	conn_arm(t->c);
	assert_string_equal(talk(t, "{\"msgid\":102}\n").c_str(), "{\"msgid\":103}\n");
	assert_int_equal(t->f->shared.guests, 0);
}

static void a_login_that_is_under_way_is_let_finish(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_timeout = 100;
	use_conf(t);
	assert_string_equal(talk(t, "{\"msgid\":12}\n").c_str(), "");
	t->c->guest_since -= 1000;
	conn_arm(t->c);
	worker_fixture_turn(t->f.get());
	assert_true(is_there(t));
	worker_fixture_bind(t->f.get(), t->c, 13);
	conn_finish(t->c);
	assert_string_equal(talk(t, "{\"msgid\":102}\n").c_str(), "{\"msgid\":103}\n");
}

static void a_login_that_failed_ends_what_is_over_time_whatever_waits_behind_it(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_timeout = 60000;
	use_conf(t);
	assert_string_equal(talk(t, "{\"msgid\":12}{\"msgid\":12}{\"msgid\":12}\n").c_str(), "");
	t->c->guest_since -= 61000;
	conn_finish(t->c);
	assert_string_equal(last_words(t, t->peer).c_str(), late_login);
	assert_string_equal(t->f->trace.c_str(), "wait closed:0 ");
}

static void after_a_logout_the_time_begins_again(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_timeout = 200;
	worker_fixture_bind(t->f.get(), t->c, 13);
	t->c->guest_since -= 100000;
	conn_logout(t->c);
	worker_fixture_turn(t->f.get());
	assert_true(is_there(t));
	assert_int_equal(t->f->shared.guests, 1);
	assert_string_equal(last_words(t, t->peer).c_str(), late_login);
}

/* While its handler runs a request counts as pending. */
static void the_time_after_a_logout_ends_also_where_that_was_a_request(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_timeout = 200;
	worker_fixture_bind(t->f.get(), t->c, 13);
	t->c->pending = true;
	conn_logout(t->c);
	t->c->pending = false;
	assert_string_equal(last_words(t, t->peer).c_str(), late_login);
}

static void who_does_not_read_either_is_closed_without_a_word(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_timeout = 100;
	fill(t);
	worker_fixture_turn(t->f.get());
	t->c->guest_since -= 1000;
	conn_arm(t->c);
	assert_true(worker_fixture_wait(t->f.get(), [&] { return t->f->worker->conns->live == 0; }));
	assert_int_equal(t->f->shared.guest_bytes, 0);
}

static void a_reload_that_shortens_the_time_counts_at_once(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_timeout = 3600 * 1000;
	use_conf(t);
	assert_string_equal(talk(t, "{\"msgid\":102}\n").c_str(), "{\"msgid\":103}\n");
	t->f->conf.login_timeout = 50;
	use_conf(t);
	assert_string_equal(last_words(t, t->peer).c_str(), late_login);
}

/* ---- how many */

struct crowd {
	struct conn *c[4];
	cs_conn handle[4];
	int peer[4];
};

/* The connection of the test is the first. */
static struct crowd gather(struct worker_test *t)
{
	struct crowd all = {{t->c}, {t->handle}, {t->peer}};

	for (int i = 1; i < 4; i++) {
		all.c[i] = worker_fixture_connect(t->f.get(), &all.peer[i]);
		all.handle[i] = all.c[i]->handle;
	}
	return all;
}

static void of_too_many_the_oldest_makes_room(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_connections = 3;
	const struct crowd all = gather(t);
	assert_string_equal(last_words(t, all.peer[0]).c_str(), too_many);
	for (int i = 1; i < 4; i++)
		assert_non_null(conn_find(t->f->worker, all.handle[i]));
	assert_int_equal(turned_away(t, CONN_TURN_CONNECTIONS), 1);
	assert_int_equal(t->f->shared.guests, 3);
}

static void who_is_turned_away_in_a_proxy_header_gets_the_reason_and_keeps_no_header(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->c->may_proxy = true;
	assert_string_equal(talk(t, "PROXY TCP4 192.0.2.7").c_str(), "");
	assert_non_null(t->c->start.get());
	conn_turn_away(t->c, CONN_TURN_CONNECTIONS);
	assert_null(t->c->start.get());
	assert_int_equal(shutdown(t->peer, SHUT_WR), 0);
	assert_string_equal(last_words(t, t->peer).c_str(), too_many);
}

static void who_is_logging_in_or_has_done_so_is_not_counted(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct crowd all = gather(t);
	int peer;

	assert_string_equal(worker_fixture_talk(t->f.get(), all.peer[0], "{\"msgid\":12}\n").c_str(), "");
	worker_fixture_bind(t->f.get(), all.c[1], 13);
	assert_int_equal(t->f->shared.guests, 2);
	t->f->conf.login_connections = 2;
	assert_non_null(worker_fixture_connect(t->f.get(), &peer));
	assert_string_equal(last_words(t, all.peer[2]).c_str(), too_many);
	for (const int i : {0, 1, 3})
		assert_non_null(conn_find(t->f->worker, all.handle[i]));
	/* A login that failed is one more, and keeps its age: nobody stays by trying now and then. */
	all.c[0]->guest_since -= 1000;
	conn_finish(all.c[0]);
	assert_string_equal(last_words(t, all.peer[0]).c_str(), too_many);
	assert_non_null(conn_find(t->f->worker, all.handle[3]));
}

static void half_of_all_may_be_without_a_login_unless_said_otherwise(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_connections = 0;
	t->f->conf.max_connections = 7;
	const struct crowd all = gather(t);
	int peer;

	assert_int_equal(t->f->shared.guests, 4);
	assert_non_null(worker_fixture_connect(t->f.get(), &peer));
	assert_string_equal(last_words(t, all.peer[0]).c_str(), too_many);
	assert_int_equal(t->f->shared.guests, 4);
}

static void where_nobody_can_be_accepted_the_oldest_makes_room_but_no_newcomer(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct crowd all = gather(t);

	conn_guest_make_room(t->f->worker);
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->f->shared.guests, 4);
	all.c[0]->guest_since -= 6000;
	conn_guest_make_room(t->f->worker);
	conn_guest_make_room(t->f->worker);
	assert_string_equal(last_words(t, all.peer[0]).c_str(), no_room);
	assert_int_equal(t->f->shared.guests, 3);
	assert_int_equal(turned_away(t, CONN_TURN_FULL), 1);
}

/* ---- how much */

static void over_the_memory_who_holds_longest_is_closed(void **state)
{
	struct worker_test *t = worker_test_of(state);
	const struct crowd all = gather(t);
	const std::string part = "{\"a\":\"" + std::string(900, 'x');

	t->f->conf.login_memory = 2500;
	/* The oldest connection holds nothing, the first session as much as the others: neither is touched. */
	worker_fixture_bind(t->f.get(), all.c[1], 13);
	for (const int i : {1, 3, 2})
		assert_string_equal(worker_fixture_talk(t->f.get(), all.peer[i], part).c_str(), "");
	/* What the parser knows of a frame that is not whole counts as well. */
	assert_in_range(t->f->shared.guest_bytes, 2 * (part.size() + sizeof(struct frame_parser)), 2500);
	all.c[0]->guest_since -= 1000;
	t->f->conf.login_memory = 2400;
	(void)worker_fixture_talk(t->f.get(), all.peer[2], "y");
	assert_string_equal(last_words(t, all.peer[3]).c_str(), too_much);
	for (const int i : {0, 1, 2})
		assert_non_null(conn_find(t->f->worker, all.handle[i]));
	assert_int_equal(turned_away(t, CONN_TURN_MEMORY), 1);
	assert_in_range(t->f->shared.guest_bytes, part.size(), 2400);
}

static void what_waits_behind_a_login_is_little_and_costs_it_nothing(void **state)
{
	struct worker_test *t = worker_test_of(state);
	std::string bytes = "{\"msgid\":12}";

	for (int i = 0; i < 2000; i++)
		bytes += "{\"msgid\":102,\"req\":1}\n";
	t->f->conf.login_memory = 1000;
	(void)send(t->peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
	worker_fixture_turn(t->f.get());
	assert_non_null(t->c->waiting.get());
	assert_in_range(t->c->waiting->bytes.size(), 1, 4096);
	assert_in_range(t->f->shared.guest_bytes, t->c->waiting->bytes.size(), 8192);
	assert_true(is_there(t));
	worker_fixture_bind(t->f.get(), t->c, 13);
	assert_int_equal(t->f->shared.guest_bytes, 0);
	conn_finish(t->c);
	std::string answers;
	assert_true(worker_fixture_wait(t->f.get(), [&] {
		answers += worker_fixture_receive(t->peer, nullptr);
		return answers.size() == 2000 * (sizeof "{\"msgid\":100,\"of\":102,\"req\":1,\"errno\":0}");
	}));
}

static void answers_that_a_guest_does_not_read_count(void **state)
{
	struct worker_test *t = worker_test_of(state);

	t->f->conf.login_memory = 60 * 1024;
	fill(t);
	worker_fixture_turn(t->f.get());
	assert_int_equal(t->f->worker->conns->live, 0);
	assert_int_equal(turned_away(t, CONN_TURN_MEMORY), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_test_set_up, tear_down)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(a_frame_that_is_not_whole_in_time_is_refused),
		TEST(more_bytes_do_not_lengthen_the_time),
		TEST(a_session_is_held_to_it_too),
		TEST(each_frame_has_the_whole_time),
		TEST(while_the_server_does_not_read_the_time_stands_still),
		TEST(who_does_not_log_in_in_time_is_told_so),
		TEST(a_ping_does_not_lengthen_it),
		TEST(a_session_is_not_concerned),
		TEST(a_login_that_is_under_way_is_let_finish),
		TEST(a_login_that_failed_ends_what_is_over_time_whatever_waits_behind_it),
		TEST(after_a_logout_the_time_begins_again),
		TEST(the_time_after_a_logout_ends_also_where_that_was_a_request),
		TEST(who_does_not_read_either_is_closed_without_a_word),
		TEST(a_reload_that_shortens_the_time_counts_at_once),
		TEST(of_too_many_the_oldest_makes_room),
		TEST(who_is_turned_away_in_a_proxy_header_gets_the_reason_and_keeps_no_header),
		TEST(who_is_logging_in_or_has_done_so_is_not_counted),
		TEST(half_of_all_may_be_without_a_login_unless_said_otherwise),
		TEST(where_nobody_can_be_accepted_the_oldest_makes_room_but_no_newcomer),
		TEST(over_the_memory_who_holds_longest_is_closed),
		TEST(what_waits_behind_a_login_is_little_and_costs_it_nothing),
		TEST(answers_that_a_guest_does_not_read_count),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
