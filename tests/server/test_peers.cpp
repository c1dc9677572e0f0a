/* SPDX-License-Identifier: MIT
 * Tests unusual connections: more than there are descriptors for, half closed, closed in the middle of a frame. */
#include <algorithm>
#include <cstdio>
#include <string>

#include <netinet/in.h>
#include <sqlite3.h>
#include <sys/socket.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/* ---- out of descriptors */

/* Sorts clients that sent a PING by whether it is answered: at least `least` are in time, and half a second later
 * no more than those that are counted. */
static std::vector<test_client *> take_served(std::vector<test_client *> *waiting, size_t least)
{
	std::vector<test_client *> served;
	int64_t end = check_now() + check_patience_ms();
	test_frame frame;

	while (check_now() < end) {
		for (size_t i = 0; i < waiting->size(); i++)
			if (client_try_read((*waiting)[i], &frame, 0)) {
				served.push_back((*waiting)[i]);
				waiting->erase(waiting->begin() + (long)i--);
			}
		if (served.size() >= least)
			end = std::min(end, check_now() + 500);
		check_sleep_ms(5);
	}
	return served;
}

/* Files of plugins, the store and the loops take about half of them. */
static constexpr size_t descriptors = 90;

static void out_of_descriptors_accepting_pauses_and_goes_on(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> all;

	s->most_files = descriptors;
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	for (int i = 0; i < 100; i++) {
		all.push_back(client_open(s));
		client_sendf(all.back(), "{\"msgid\":102}");
	}
	const std::vector<test_client *> served = take_served(&all, 10);
	if (served.size() > descriptors - 4)
		client_fail(ann, test_at::current(), "%zu connections were served with %lld descriptors", served.size(),
		            static_cast<long long>(descriptors));
	const int64_t cpu = test_server_cpu_ms(s);
	check_sleep_ms(1000);
	if (test_server_cpu_ms(s) - cpu > 200 * check_patience_factor())
		client_fail(ann, test_at::current(), "%lld ms of processor time in a second of waiting",
		            (long long)(test_server_cpu_ms(s) - cpu));
	client_chat_safely(ann, bob->id, "x");
	client_expect(bob, "{\"msgid\":6}");
	for (test_client *c : served)
		client_close(c);
	while (all.size() > 20) {
		client_close(all.back());
		all.pop_back();
	}
	for (test_client *c : all)
		client_expect(c, "{\"msgid\":103}");
	test_server_stop(s);
}

static void over_max_connections_others_wait_their_turn(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> all;

	test_server_set(s, "core.max_connections", "10");
	test_server_set(s, "core.login_connections", "10");
	test_server_start(s);
	std::vector<test_client *> in;
	for (int i = 0; i < 10; i++)
		in.push_back(client_enter(s, "in"));
	for (int i = 0; i < 10; i++) {
		all.push_back(client_open(s));
		client_sendf(all.back(), "{\"msgid\":102}");
	}
	check_sleep_ms(500);
	for (test_client *c : all) {
		test_frame frame;

		assert_false(client_try_read(c, &frame, 0));
	}
	for (test_client *c : in)
		client_close(c);
	for (test_client *c : all)
		client_expect(c, "{\"msgid\":103}");
	test_server_stop(s);
}

/* ---- peers that are gone without a word */

/* What the server's end of the connection waits for, as /proc/net/tcp tells it: 0 nothing, 1 that bytes are taken,
 * 2 the moment to ask whether the peer lives, in so many ms. */
static int waits_for(const test_server *s, const test_client *c, int64_t *ms_r)
{
	struct sockaddr_in own {};
	socklen_t size = sizeof(own);
	unsigned timer = 99, ticks = 0;

	assert_int_equal(getsockname(c->fd, (struct sockaddr *)&own, &size), 0);
	const std::string table = check_read_file("/proc/net/tcp"),
			  ends = check_format(":%04X 0100007F:%04X 01 ", s->port, ntohs(own.sin_port));
	const size_t at = table.find(ends);

	assert_true(at != table.npos);
	assert_int_equal(sscanf(table.c_str() + at + ends.size(), "%*x:%*x %x:%x", &timer, &ticks), 2);
	*ms_r = (int64_t)ticks * 10;
	return (int)timer;
}

static void a_peer_that_is_silent_is_asked_whether_it_lives(void **state)
{
	test_server *s = (test_server *)*state;
	int64_t ms = 0;

	for (const char *keepalive : {"5s", "0s"}) {
		const int timer = *keepalive == '0' ? 0 : 2;

		test_server_set(s, "core.keepalive", keepalive);
		test_server_start(s);
		const test_client *ann = client_enter(s, "ann");
		check_wait("TCP to wait for what the option says", [&] { return waits_for(s, ann, &ms) == timer; });
		assert_in_range(ms, 0, 5000);
		test_server_stop(s);
	}
}

/* ---- peers that close half */

static void who_has_said_all_and_closed_half_still_gets_the_answers(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *bob = client_enter(s, "bob");
	const long long a = client_absent(s, "ann");

	for (const bool with_login : {false, true}) {
		test_client *c = client_open(s);

		if (with_login)
			client_send(c, check_format("{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}"
			                            "{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\","
			                            "\"time\":\"\",\"req\":1}",
			                            a, a, (long long)bob->id));
		client_send(c, "{\"msgid\":102}");
		shutdown(c->fd, SHUT_WR);
		const std::vector<test_frame> frames = client_read_to_end(c);
		if (frames.size() != (with_login ? 3u : 1u) || c->reset)
			client_fail(c, test_at::current(), "%zu frames before the end%s", frames.size(),
			            c->reset ? " (reset)" : "");
	}
	client_expect(bob, "{\"msgid\":6,\"msg\":\"x\"}");
}

/* More than are taken at once, so some are held back, and each message also comes back to its sender. */
static void who_has_closed_half_gets_every_answer_while_messages_come_in(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann");
	const auto id = (long long)ann->id;
	int64_t answered = 0, refused = 0;
	std::string all;

	for (int i = 1; i <= 600; i++)
		all += check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"x\",\"time\":\"\",\"req\":%d}\n",
		                    id, id, i);
	all += check_format("{\"msgid\":6,\"id\":%lld,\"toid\":999999999,\"msg\":\"x\",\"time\":\"\"}\n", id);
	client_send(ann, all);
	shutdown(ann->fd, SHUT_WR);
	for (const test_frame &frame : client_read_to_end(ann)) {
		answered += json_matches(frame.json.get(), "{\"msgid\":100,\"of\":6,\"errno\":0}");
		refused += json_matches(frame.json.get(), "{\"msgid\":100,\"of\":6,\"errno\":6,\"req\":null}");
	}
	assert_int_equal(answered, 600);
	assert_int_equal(refused, 1);
}

/* As many messages as are taken at once wait for the store, the last of them is held back, one more is behind it:
 * what comes in meanwhile is no answer to any of them. */
static void who_has_closed_half_gets_the_last_answer_although_somebody_wrote_to_it(void **state)
{
	test_server *s = (test_server *)*state;
	sqlite3 *db = nullptr;
	int64_t answered = 0;

	test_server_set(s, "db_sqlite.busy_timeout", "60s");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann", ",\"want\":[\"signal\"]"), *bob = client_enter(s, "bob");
	const int64_t away = client_absent(s, "away");
	assert_int_equal(sqlite3_open(test_server_database(s).c_str(), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
	for (int i = 1; i <= 257; i++)
		client_chat(ann, away, "x", check_format(",\"req\":%d", i));
	shutdown(ann->fd, SHUT_WR);
	client_expect_quiet(bob);
	client_sendf(bob, "{\"msgid\":122,\"id\":%lld,\"toid\":%lld,\"kind\":\"typing\"}", (long long)bob->id,
	             (long long)ann->id);
	client_expect(ann, "{\"msgid\":122,\"kind\":\"typing\"}");
	sqlite3_close(db);
	for (const test_frame &frame : client_read_to_end(ann))
		answered += json_matches(frame.json.get(), "{\"msgid\":100,\"of\":6,\"errno\":0}");
	assert_int_equal(answered, 257);
	test_server_stop(s);
}

static void half_a_frame_and_the_end_is_nothing(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *c = client_open(s);

	client_send(c, "{\"msgid\":102}\n{\"msgid\":10");
	shutdown(c->fd, SHUT_WR);
	client_expect(c, "{\"msgid\":103}");
	client_read_to_end(c);
}

static void half_closed_connections_are_not_kept(void **state)
{
	test_server *s = (test_server *)*state;
	const size_t before = test_server_open_files(s);

	for (int i = 0; i < 50; i++)
		shutdown(client_open(s)->fd, SHUT_WR);
	check_wait("all to be closed", [&] { return test_server_open_files(s) <= before; });
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(a_peer_that_is_silent_is_asked_whether_it_lives),
		TEST(who_has_said_all_and_closed_half_still_gets_the_answers),
		TEST(who_has_closed_half_gets_every_answer_while_messages_come_in),
		TEST(half_a_frame_and_the_end_is_nothing),
		TEST(half_closed_connections_are_not_kept),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(who_has_closed_half_gets_the_last_answer_although_somebody_wrote_to_it),
		OWN_SERVER(over_max_connections_others_wait_their_turn),
		OWN_SERVER(out_of_descriptors_accepting_pauses_and_goes_on),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
