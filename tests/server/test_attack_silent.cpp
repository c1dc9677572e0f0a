/* SPDX-License-Identifier: MIT
 * Tests a server under attack by connections that never log in: unfinished frames, slow drips, silence. People log
 * in and chat meanwhile. */
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static int64_t figure(const test_server *s, const std::string &name)
{
	const std::string text = http_get(admin_port(s), "/metrics"), line = "\nchatserverd_" + name + " ";
	const size_t at = text.find(line);

	assert_true(at != text.npos);
	return atoll(text.c_str() + at + line.size());
}

static int64_t closed_for(const test_server *s, const char *reason)
{
	return figure(s, check_format("connections_closed_total{transport=\"%s\",reason=\"%s\"}",
	                              transport_name(s->transport), reason));
}

/* Two people come, log in, write to each other and go. */
static void people_chat(test_server *s)
{
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	client_chat_safely(ann, bob->id, "there");
	client_expect(bob, "{\"msgid\":6,\"msg\":\"there\"}");
	client_chat_safely(bob, ann->id, "back");
	client_expect(ann, "{\"msgid\":6,\"msg\":\"back\"}");
	client_close(ann);
	client_close(bob);
}

static std::vector<test_client *> open_many(test_server *s, size_t count)
{
	std::vector<test_client *> all;
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
	setrlimit(RLIMIT_NOFILE, &files);
	for (size_t i = 0; i < count; i++)
		all.push_back(client_open(s));
	return all;
}

/* What the server may grow by for so many connections, beside the same over plain TCP. These took 14 to 15 KiB more
 * with TLS and no more with WebSocket; with both, and parts of messages, 20 to 27 KiB. */
static int64_t transport_kib(const test_server *s, size_t connections)
{
	const int64_t each = s->transport == TRANSPORT_WSS ? 30 : transport_has_tls(s->transport) ? 16 : 0;

	return each * static_cast<int64_t>(connections);
}

static void unfinished_frames_hold_little_and_not_for_long(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string part = "{\"msgid\":1,\"password\":\"" + std::string(63 * 1024, 'x');
	const int64_t most = 4 << 20;

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.login_memory", std::to_string(most));
	test_server_set(s, "core.frame_timeout", check_format("%ds", 3 * static_cast<int>(check_patience_factor())));
	test_server_start(s);
	people_chat(s);
	const int64_t before = test_server_resident_kib(s);
	int64_t held = 0, grown = 0;
	/* 600 connections with 63 KiB would hold 37 MiB. */
	const std::vector<test_client *> all = open_many(s, 600);

	for (size_t i = 0; i < all.size(); i++) {
		(void)client_try_send(all[i], part);
		if (i % 60 != 59)
			continue;
		people_chat(s);
		held = std::max(held, figure(s, "connections_without_login_bytes"));
		grown = std::max(grown, test_server_resident_kib(s) - before);
	}
	print_message("held %lld bytes, the server grew by %lld KiB\n", static_cast<long long>(held),
	              static_cast<long long>(grown));
	assert_in_range(held, 100000, most + 200000);
	if (check_patience_factor() == 1)
		assert_in_range(grown, 0, 16 * 1024 + transport_kib(s, all.size()));
	for (test_client *c : all) {
		const std::vector<test_frame> last = client_read_to_end(c);

		/* Where it was still sending, a reset may have overtaken the answer. */
		assert_true(c->reset || last.size() == 1);
	}
	assert_true(closed_for(s, "login_memory") > 0);
	assert_true(closed_for(s, "frame_timeout") > 0);
	assert_int_equal(closed_for(s, "login_memory") + closed_for(s, "frame_timeout"), 600);
	check_wait("nothing to be held any longer", [&] { return figure(s, "connections_without_login_bytes") == 0; });
	people_chat(s);
	test_server_stop(s);
}

static bool logins_began(const test_server *s, size_t count)
{
	const std::string line = check_format("\nchatserverd_requests_total{msgid=\"1\",name=\"login\"} %zu\n", count);

	return http_get(admin_port(s), "/metrics").find(line) != std::string::npos;
}

/* 300 times 60 KiB, if they were kept. */
static void long_passwords_that_wait_for_their_turn_hold_little(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string password(60 * 1024, 'x');

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "login.password_ops", "100");
	test_server_set(s, "login.password_memory", "8M");
	test_server_set(s, "store.hashers", "1");
	/* A hash that was begun is finished, which takes a busy machine seconds. */
	test_server_set(s, "core.drain_timeout", "60s");
	test_server_start(s);
	const int64_t before = test_server_resident_kib(s);
	const std::vector<test_client *> all = open_many(s, 300);

	for (size_t i = 0; i < all.size(); i++) {
		client_sendf(all[i], "{\"msgid\":1,\"id\":1,\"password\":\"%s\"}", password.c_str());
		/* Frames that are still in parts may hold core.login_memory, which the allocator then keeps. So only
		 * ten at a time are in parts, however slow the server is. */
		if (i % 10 == 9)
			check_wait("the frames to be whole", [&] { return logins_began(s, i + 1); });
	}
	check_wait("the logins to wait", [&] { return figure(s, "store_waiting_hashes") > 250; });
	const int64_t grown = test_server_resident_kib(s) - before;

	print_message("the server grew by %lld KiB\n", static_cast<long long>(grown));
	assert_in_range(figure(s, "connections_without_login_bytes"), 0, all.size() * 1024);
	/* One of them is being hashed. */
	if (check_patience_factor() == 1)
		assert_in_range(grown, 0, (8 + 12) * 1024 + transport_kib(s, all.size()));
	for (test_client *c : all)
		client_reset(c);
	check_wait("nobody to wait any longer", [&] { return figure(s, "store_waiting_hashes") == 0; });
	test_server_signal(s, SIGTERM);
	assert_int_equal(test_server_wait(s, 60000), 0);
}

static void a_frame_that_drips_is_cut_off_in_time(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int64_t most_ms = 3000 * check_patience_factor();
	size_t ended = 0;

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.frame_timeout", check_format("%lldms", static_cast<long long>(most_ms)));
	test_server_start(s);
	const std::vector<test_client *> all = open_many(s, 200);
	const int64_t begin = check_now();

	for (test_client *c : all)
		client_send(c, "{\"msgid\":102,");
	people_chat(s);
	while (ended < all.size() && check_now() - begin < most_ms * 5) {
		ended = 0;
		for (test_client *c : all)
			ended += !client_try_send(c, " ");
	}
	assert_int_equal(ended, all.size());
	assert_true(check_now() - begin >= most_ms - 100);
	for (test_client *c : all)
		for (const test_frame &last : client_read_to_end(c))
			assert_true(json_matches(last.json.get(), "{\"msgid\":100,\"of\":0,\"errno\":4}"));
	assert_int_equal(closed_for(s, "frame_timeout"), 200);
	people_chat(s);
	test_server_stop(s);
}

static void silent_connections_end_after_login_timeout(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.login_timeout", check_format("%ds", 3 * static_cast<int>(check_patience_factor())));
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *left = client_enter(s, "left");
	const std::vector<test_client *> all = open_many(s, 100);

	client_logout(left);
	for (test_client *c : all)
		client_expect(c, "{\"msgid\":100,\"of\":0,\"errno\":3}");
	for (test_client *c : all)
		client_expect_end(c);
	client_expect(left, "{\"msgid\":100,\"of\":0,\"errno\":3}");
	client_expect_end(left);
	client_expect_quiet(ann);
	assert_int_equal(closed_for(s, "login_timeout"), 101);
	test_server_stop(s);
}

static void silent_connections_keep_nobody_out(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::vector<test_client *> people;
	size_t told = 0;

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.max_connections", "60");
	test_server_set(s, "core.login_connections", "30");
	test_server_start(s);
	const std::vector<test_client *> all = open_many(s, 200);

	for (int i = 0; i < 20; i++)
		people.push_back(client_enter(s, "person"));
	for (test_client *c : people)
		client_expect_quiet(c);
	for (test_client *c : all) {
		test_frame last;

		if (!client_try_read(c, &last, 0))
			continue;
		assert_true(json_matches(last.json.get(), "{\"msgid\":100,\"of\":0,\"errno\":10}"));
		told++;
	}
	/* Each worker may have one more than its share. */
	assert_in_range(told, 168, 200);
	assert_in_range(figure(s, "connections_without_login"), 0, 32);
	assert_in_range(closed_for(s, "login_connections"), told, 200);
	test_server_stop(s);
}

static void where_the_node_is_full_silent_connections_make_room(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "core.max_connections", "20");
	test_server_set(s, "core.login_connections", "20");
	test_server_start(s);
	open_many(s, 20);
	people_chat(s);
	assert_in_range(closed_for(s, "full"), 1, 20);
	test_server_stop(s);
}

#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OWN_SERVER(unfinished_frames_hold_little_and_not_for_long),
		OWN_SERVER(long_passwords_that_wait_for_their_turn_hold_little),
		OWN_SERVER(a_frame_that_drips_is_cut_off_in_time),
		OWN_SERVER(silent_connections_end_after_login_timeout),
		OWN_SERVER(silent_connections_keep_nobody_out),
		OWN_SERVER(where_the_node_is_full_silent_connections_make_room),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
