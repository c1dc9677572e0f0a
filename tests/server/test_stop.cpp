/* SPDX-License-Identifier: MIT
 * Tests signals: a stop that loses nothing, a reload that changes all or nothing, and the notices to the service
 * manager. */
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/notify_socket.h"
#include "tests/support/server.h"

static void a_stop_tells_everybody_and_ends_with_0(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	for (const int number : {SIGTERM, SIGINT}) {
		std::vector<test_client *> all;

		test_server_start(s);
		for (int i = 0; i < 10; i++)
			all.push_back(client_open(s));
		for (int i = 0; i < 5; i++)
			client_login(all[(size_t)i], client_register(all[(size_t)i], client_new_name("ann")));
		for (test_client *c : all)
			client_expect_quiet(c);
		test_server_signal(s, number);
		for (test_client *c : all) {
			client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":13,\"req\":null}");
			client_expect_end(c);
		}
		assert_int_equal(test_server_wait(s, 10000), 0);
		s->clients.clear();
	}
}

static void two_signals_of_one_wish_are_one_stop(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	client_enter(s, "ann");
	test_server_signal(s, SIGTERM);
	test_server_wait_log(s, "draining");
	test_server_signal(s, SIGTERM);
	assert_int_equal(test_server_wait(s, 10000), 0);
	s->clients.clear();
}

static void a_stop_loses_nothing_and_answers_what_is_under_way(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	int64_t acknowledged = 0;
	bool seen[2001] = {};
	std::string all;

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t a = ann->id, b = client_absent(s, "bob");
	for (int i = 1; i <= 2000; i++)
		all += check_format("{\"msgid\":6,\"id\":%lld,\"toid\":%lld,\"msg\":\"%d\",\"time\":\"\",\"req\":%d}\n",
		                    static_cast<long long>(a), static_cast<long long>(b), i, i);
	client_send(ann, all);
	client_expect(ann, "{\"msgid\":100,\"of\":6,\"req\":1,\"errno\":0}");
	seen[1] = true;
	test_server_signal(s, SIGTERM);
	for (const test_frame &frame : client_read_to_end(ann)) {
		const int64_t req = json_integer(frame.json.get(), "req"),
			      number = json_integer(frame.json.get(), "errno");

		if (number != 0 && number != 13)
			client_fail(ann, test_at::current(), "%s", frame.bytes.c_str());
		if (number == 0)
			seen[req] = true;
	}
	assert_int_equal(test_server_wait(s, 12000), 0);
	for (const bool one : seen)
		acknowledged += one;
	test_server_start(s);
	test_frame ack;
	test_client *bob = client_return(s, b, &ack);
	int64_t got = 0;
	const auto take = [&](const cJSON *json) {
		const int number = atoi(json_text(json, "msg").c_str());

		if (number != ++got || !seen[number])
			client_fail(bob, test_at::current(), "message %d of seq %lld was %sacknowledged", number,
			            static_cast<long long>(json_integer(json, "seq")), seen[number] ? "" : "not ");
	};
	for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg"))
		take(kept.get());
	while (got < acknowledged)
		take(client_read(bob).json.get());
	client_expect_quiet(bob);
	test_server_stop(s);
}

/* The time from SIGTERM to the end of the server, while a session has far more unread than the kernel takes. All of it
 * must be there at the next login. */
static int64_t time_stop_with_unread(test_server *s)
{
	static constexpr int count = 300;
	test_frame ack;

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *lazy = client_open(s, 4096);
	const int64_t id = client_absent(s, "lazy");
	client_login(lazy, id);
	for (int i = 1; i < count; i++)
		client_chat(ann, id, std::string(30000, 'x'));
	/* The disk has all of them then: only the reader is left to wait for. */
	assert_int_equal(client_chat_safely(ann, id, "last"), count);
	const int64_t start = check_now();
	test_server_signal(s, SIGTERM);
	assert_int_equal(test_server_wait(s, 60000), 0);
	const int64_t took = check_now() - start;
	const size_t got = client_read_to_end(lazy).size();

	test_server_start(s);
	test_client *back = client_return(s, id, &ack);
	std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	int64_t seq = json_integer(kept.empty() ? client_read(back).json.get() : kept.front().get(), "seq");

	assert_in_range(seq, 1, got + 1);
	for (seq += kept.empty() ? 0 : static_cast<int64_t>(kept.size()) - 1; seq < count;)
		assert_int_equal(json_integer(client_read(back).json.get(), "seq"), ++seq);
	test_server_stop(s);
	s->clients.clear();
	return took;
}

/* The best of three: the disk and the machine may be slow, the reader costs a second each time. */
static void who_does_not_read_costs_a_stop_one_second_and_loses_nothing(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	int64_t best = INT64_MAX;

	test_server_set(s, "core.drain_timeout", "60s");
	for (int i = 0; i < 3 && best >= 2500; i++)
		best = std::min(best, time_stop_with_unread(s));
	print_message("a stop beside a peer that does not read took %lld ms\n", static_cast<long long>(best));
	assert_true(best < 2500 * check_patience_factor());
}

static void received_positions_are_kept_over_a_stop(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t b = bob->id;
	for (int i = 0; i < 20; i++)
		client_chat_safely(ann, b, "x");
	client_read_many(bob, 20);
	test_server_stop(s);
	s->clients.clear();
	test_server_start(s);
	test_frame ack;
	client_return(s, b, &ack);
	assert_false(json_has(ack.json.get(), "offlinemsg"));
	test_server_stop(s);
}

static void a_reload_changes_what_it_can_and_keeps_connections(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string frame = "{\"msgid\":102,\"x\":\"" + std::string(2000, 'x') + "\"}\n";

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *other = client_open(s);
	client_send(other, frame);
	client_expect(other, "{\"msgid\":103}");
	test_server_set(s, "core.max_frame", "1K");
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	check_wait("the shorter limit", [&] {
		test_client *c = client_open(s);
		client_send(c, frame);
		const bool refused = json_matches(client_read(c).json.get(), "{\"msgid\":100,\"errno\":12}");
		client_close(c);
		return refused;
	});
	client_expect_quiet(ann);
	client_chat_safely(ann, ann->id, "still here");
	client_expect(ann, "{\"msgid\":6}");
	test_server_stop(s);
}

static void a_bad_reload_changes_nothing(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string frame = "{\"msgid\":102,\"x\":\"" + std::string(2000, 'x') + "\"}\n";

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	test_server_set(s, "core.max_frame", "1K");
	for (const char *key : {"core.log_level", "login.password_ops", "core.nosuch"}) {
		test_server_set(s, key, "wrong");
		test_server_write_conf(s);
		test_server_signal(s, SIGHUP);
		test_server_wait_log(s, strchr(key, '.') + 1);
		client_send(ann, frame);
		client_expect(ann, "{\"msgid\":103}");
		test_server_set(s, key, "");
	}
	test_server_stop(s);
}

static void fifty_reloads_under_load_disturb_nobody(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	for (int i = 1; i <= 50; i++) {
		test_server_set(s, "core.max_frame", i % 2 ? "32K" : "64K");
		test_server_set(s, "core.log_level", i % 3 ? "info" : "debug");
		test_server_set(s, "login.password_ops", i % 2 ? "2" : "1");
		test_server_write_conf(s);
		test_server_signal(s, SIGHUP);
		for (int k = 0; k < 20; k++)
			client_chat(ann, bob->id, "x");
		assert_int_equal(client_chat_safely(ann, bob->id, "x"), i * 21);
	}
	for (int i = 1; i <= 50 * 21; i++)
		client_expect(bob, check_format("{\"msgid\":6,\"seq\":%d}", i));
	client_expect_quiet(bob);
	test_server_stop(s);
}

static void the_service_manager_hears_when_it_serves_and_when_it_stops(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string path = s->folder + "/notify";
	const int fd = open_notify_socket(path);

	s->environment.push_back("NOTIFY_SOCKET=" + path);
	test_server_launch(s);
	assert_true(wait_notification(fd, "READY=1"));
	client_expect_quiet(client_open(s));
	test_server_stop(s);
	/* With the time that it may take: drain_timeout, 10 s, and some for the end itself. */
	assert_true(wait_notification(fd, "STOPPING=1\nEXTEND_TIMEOUT_USEC=13000000"));
	close(fd);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(a_stop_tells_everybody_and_ends_with_0),
		OWN_SERVER(two_signals_of_one_wish_are_one_stop),
		OWN_SERVER(a_stop_loses_nothing_and_answers_what_is_under_way),
		OWN_SERVER(who_does_not_read_costs_a_stop_one_second_and_loses_nothing),
		OWN_SERVER(received_positions_are_kept_over_a_stop),
		OWN_SERVER(a_reload_changes_what_it_can_and_keeps_connections),
		OWN_SERVER(a_bad_reload_changes_nothing),
		OWN_SERVER(fifty_reloads_under_load_disturb_nobody),
		OWN_SERVER(the_service_manager_hears_when_it_serves_and_when_it_stops),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
