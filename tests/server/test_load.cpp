/* SPDX-License-Identifier: MIT
 * Tests that a client that behaves badly harms only itself: slow readers, floods, login storms, crowds and connections
 * that come and go. */
#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>

#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/* One message there and one back, in ms. */
static int64_t round_trip(test_client *ann, test_client *bob)
{
	const int64_t start = check_now();

	client_chat(ann, bob->id, "there");
	client_expect(bob, "{\"msgid\":6,\"msg\":\"there\"}");
	client_chat(bob, ann->id, "back");
	client_expect(ann, "{\"msgid\":6,\"msg\":\"back\"}");
	return check_now() - start;
}

/* Nine of ten round trips were faster, in ms: a machine that is busy with other things delays single ones. */
static int64_t most_took(std::vector<int64_t> times)
{
	std::sort(times.begin(), times.end());
	return times.empty() ? 0 : times[times.size() * 9 / 10];
}

static void a_reader_that_never_reads_costs_nobody_anything(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *sender = client_enter(s, "sender");
	test_client *lazy = client_open(s, 4096);
	const int64_t id = client_absent(s, "lazy");
	const std::string text(8000, 'x');
	std::vector<int64_t> times;

	client_login(lazy, id);
	const int64_t before = test_server_resident_kib(s);
	for (int i = 1; i <= 3000; i++) {
		client_chat(sender, id, text);
		if (i % 100 == 0) {
			client_read_all(sender);
			times.push_back(round_trip(ann, bob));
		}
	}
	const int64_t last = client_chat_safely(sender, id, "last");
	assert_int_equal(last, 3001);
	const int64_t grown = test_server_resident_kib(s) - before;
	/* The writer of the store keeps what it has just written in memory, up to 64 MB, and that is all of it here. */
	const int64_t kept_by_store = 3000 * static_cast<int64_t>(text.size()) / 1024;
	print_message("the server grew by %lld KiB\n", static_cast<long long>(grown));
	if (check_patience_factor() == 1 && grown > kept_by_store + 20000)
		client_fail(ann, test_at::current(), "the server grew by %lld KiB", (long long)grown);
	if (most_took(times) > 500 * check_patience_factor())
		client_fail(ann, test_at::current(), "a round trip of others took %lld ms",
		            (long long)most_took(times));
	client_reset(lazy);
	test_frame ack;
	lazy = client_return(s, id, &ack);
	int64_t seq = 0;
	for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg")) {
		assert_true(seq == 0 || json_integer(kept.get(), "seq") == seq + 1);
		seq = json_integer(kept.get(), "seq");
	}
	assert_true(seq > 0);
	while (seq < last) {
		const test_frame frame = client_read(lazy);

		if (json_integer(frame.json.get(), "seq") != seq + 1)
			client_fail(lazy, test_at::current(), "seq %lld after %lld",
			            (long long)json_integer(frame.json.get(), "seq"), (long long)seq);
		seq++;
	}
}

static void who_asks_without_reading_the_answers_is_held_or_cut_off(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *greedy = client_open(s, 4096);
	const int64_t before = test_server_resident_kib(s), end = check_now() + 3000;
	std::string pings;
	std::vector<int64_t> times;
	int64_t stuck = 0;

	for (int i = 0; i < 2000; i++)
		pings += "{\"msgid\":102,\"req\":1234567890}";
	while (check_now() < end && stuck < 20) {
		const int sent = client_pour(greedy, pings);

		if (sent < 0)
			break;
		stuck = sent == 0 ? stuck + 1 : 0;
		times.push_back(round_trip(ann, bob));
	}
	const int64_t grown = test_server_resident_kib(s) - before;
	print_message("the server grew by %lld KiB\n", static_cast<long long>(grown));
	if (check_patience_factor() == 1 && grown > 30000)
		client_fail(ann, test_at::current(), "the server grew by %lld KiB", (long long)grown);
	if (most_took(times) > 500 * check_patience_factor())
		client_fail(ann, test_at::current(), "a round trip of others took %lld ms",
		            (long long)most_took(times));
}

static size_t hashes_that_wait(const test_server *s)
{
	const std::string name = "\nchatserverd_store_waiting_hashes ", text = http_get(admin_port(s), "/metrics");
	const size_t at = text.find(name);

	assert_true(at != std::string::npos);
	return strtoull(text.c_str() + at + name.size(), nullptr, 10);
}

/* An answer for which a password was hashed. On a busy machine that takes long, for hashing gives way. */
static test_frame read_hashed(test_client *c)
{
	test_frame ack;

	assert_true(client_try_read(c, &ack, static_cast<int>(3 * check_patience_ms())));
	assert_int_equal(json_integer(ack.json.get(), "errno"), 0);
	return ack;
}

/* A hash takes half a second of a processor or more: all of them would take five times as long as any other test
 * waits. Little memory, for the pages of much take longer than the hash on some machines. */
static void logins_that_were_given_up_hold_up_no_other(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> storm;

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_set(s, "login.password_ops", "48");
	test_server_set(s, "login.password_memory", "16M");
	test_server_set(s, "store.hashers", "1");
	test_server_start(s);
	test_client *c = client_open(s);
	client_sendf(c, "{\"msgid\":4,\"name\":%s,\"password\":\"secret\"}",
	             json_quote(client_new_name("late")).c_str());
	const int64_t id = json_integer(read_hashed(c).json.get(), "id");

	for (int64_t i = 0; i < 100 * check_patience_factor(); i++) {
		storm.push_back(client_open(s));
		client_sendf(storm.back(), "{\"msgid\":1,\"id\":%lld,\"password\":\"wrong\"}", (long long)id);
	}
	/* The first ones may be done before the last one has come. */
	check_wait("the hashes to wait", [&] { return hashes_that_wait(s) >= storm.size() / 2; });
	for (test_client *one : storm)
		client_reset(one);
	check_wait("nobody to wait any longer", [&] { return hashes_that_wait(s) == 0; });
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)id);
	(void)read_hashed(c);
	test_server_stop(s);
}

/* A real password cost here: the hashing takes seconds of processor time in all. */
static void a_login_storm_does_not_delay_those_who_chat(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> storm;
	std::vector<int64_t> ids;
	std::vector<int64_t> times;
	size_t in = 0;

	test_server_set(s, "login.password_ops", "2");
	test_server_set(s, "login.password_memory", "19M");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *c = client_open(s);
	for (int i = 0; i < 200; i++)
		ids.push_back(client_register(c, client_new_name("storm")));
	for (const int64_t id : ids) {
		storm.push_back(client_open(s));
		client_sendf(storm.back(), "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)id);
	}
	for (test_client *one : storm) {
		test_frame ack;

		while (!client_try_read(one, &ack, 0)) {
			times.push_back(round_trip(ann, bob));
			if (times.size() > 100000)
				client_fail(one, test_at::current(), "no answer to a login");
		}
		in += json_matches(ack.json.get(), "{\"msgid\":2,\"errno\":0}");
	}
	print_message("round trips during the storm: most within %lld ms, %lld round trips\n",
	              (long long)most_took(times), (long long)times.size());
	assert_int_equal(in, 200);
	assert_true(times.size() > 3);
	if (most_took(times) > 500 * check_patience_factor())
		client_fail(ann, test_at::current(), "a round trip took %lld ms", (long long)most_took(times));
	test_server_stop(s);
}

static void connections_that_come_and_go_leave_nothing_behind(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann");
	const size_t before = test_server_open_files(s);

	for (int i = 0; i < 400; i++) {
		test_client *c = client_open(s);

		if (i % 4 == 1)
			client_send(c, "{\"msgid\":102");
		if (i % 4 == 2)
			client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)ann->id);
		if (i % 2)
			client_reset(c);
		else
			client_close(c);
	}
	check_wait("all connections to be closed", [&] { return test_server_open_files(s) <= before; });
	client_expect_quiet(ann);
	const int64_t cpu = test_server_cpu_ms(s);
	check_sleep_ms(500);
	if (test_server_cpu_ms(s) - cpu > 100 * check_patience_factor())
		client_fail(ann, test_at::current(), "an idle server used %lld ms of 500",
		            (long long)(test_server_cpu_ms(s) - cpu));
}

static void a_crowd_of_800_connections_is_served(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> all;
	struct rlimit files;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < 800; i++)
		all.push_back(client_open(s));
	for (size_t i = 0; i < all.size(); i++)
		client_sendf(all[i], "{\"msgid\":102,\"req\":%zu}", i);
	for (size_t i = 0; i < all.size(); i++)
		client_expect(all[i], check_format("{\"msgid\":100,\"req\":%zu,\"errno\":0}", i));
}

/* Every pair talks in both directions at full speed; each direction must arrive whole and in order. */
static void forty_pairs_at_full_speed_lose_nothing(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> all;
	const int each = 40; /* 3,200 in all: below the bound of the store's queue */

	for (int i = 0; i < 80; i++)
		all.push_back(client_enter(s, "talker"));
	for (int round = 0; round < each; round++)
		for (size_t i = 0; i < all.size(); i++)
			client_chat(all[i], all[i ^ 1]->id, check_format("%d", round));
	for (test_client *c : all) {
		int64_t last = 0;

		for (int round = 0; round < each; round++) {
			const test_frame frame = client_expect(c, check_format("{\"msgid\":6,\"msg\":\"%d\"}", round));

			assert_true(json_integer(frame.json.get(), "seq") > last);
			last = json_integer(frame.json.get(), "seq");
		}
		client_expect_quiet(c);
	}
}

/* What is over the queue's bound is refused, the rest stored: nothing in between. */
static void a_full_queue_says_busy_and_loses_nothing_that_it_took(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> all;
	std::vector<std::string> taken(8);
	int64_t busy = 0, count = 0;

	test_server_set(s, "store.queue", "16");
	test_server_start(s);
	for (int i = 0; i < 8; i++)
		all.push_back(client_enter(s, "talker"));
	const int64_t bob = client_absent(s, "bob");
	for (int i = 0; i < 200; i++)
		for (test_client *c : all)
			client_chat(c, bob, check_format("%d", i), check_format(",\"req\":%d", i));
	for (size_t k = 0; k < all.size(); k++)
		for (int i = 0; i < 200; i++) {
			const test_frame frame = client_expect(all[k], "{\"msgid\":100,\"of\":6}");
			const int64_t number = json_integer(frame.json.get(), "errno");

			if (number != 0 && number != 10)
				client_fail(all[k], test_at::current(), "%s", frame.bytes.c_str());
			if (number == 0)
				taken[k] += check_format("%lld ", (long long)json_integer(frame.json.get(), "req"));
			busy += number == 10;
			count++;
		}
	assert_int_equal(count, 1600);
	print_message("%lld of 1600 were told BUSY\n", (long long)busy);
	std::vector<std::string> got(8);
	test_frame ack;
	test_client *b = client_return(s, bob, &ack);
	const auto take = [&](const cJSON *json) {
		for (size_t k = 0; k < all.size(); k++)
			if (all[k]->id == json_integer(json, "id"))
				got[k] += json_text(json, "msg") + " ";
	};
	for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg"))
		take(kept.get());
	for (int64_t i = 200; i < count - busy; i++)
		take(client_expect(b, "{\"msgid\":6}").json.get());
	client_expect_quiet(b);
	for (size_t k = 0; k < all.size(); k++)
		assert_string_equal(got[k].c_str(), taken[k].c_str());
	test_server_stop(s);
}

static void a_limited_rate_slows_a_flooder_and_refuses_nothing(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_set(s, "core.rate", "200");
	test_server_set(s, "core.burst", "50");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t start = check_now();
	for (int i = 0; i < 250; i++)
		client_chat(ann, bob->id, check_format("%d", i));
	for (int i = 0; i < 250; i++)
		client_expect(bob, check_format("{\"msgid\":6,\"msg\":\"%d\"}", i));
	if (check_now() - start < 700)
		client_fail(ann, test_at::current(), "250 requests at 200 a second took %lld ms",
		            (long long)(check_now() - start));
	client_expect_quiet(ann);
	test_server_stop(s);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(connections_that_come_and_go_leave_nothing_behind),
		TEST(a_crowd_of_800_connections_is_served),
		TEST(forty_pairs_at_full_speed_lose_nothing),
		TEST(who_asks_without_reading_the_answers_is_held_or_cut_off),
		TEST(a_reader_that_never_reads_costs_nobody_anything),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(logins_that_were_given_up_hold_up_no_other),
		OWN_SERVER(a_login_storm_does_not_delay_those_who_chat),
		OWN_SERVER(a_full_queue_says_busy_and_loses_nothing_that_it_took),
		OWN_SERVER(a_limited_rate_slows_a_flooder_and_refuses_nothing),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
