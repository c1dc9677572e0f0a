/* SPDX-License-Identifier: MIT
 * Tests a real server that is flooded: it reads who sends too much more slowly, loses nothing of it, and serves others
 * meanwhile. Over each transport, because bytes may wait in a transport, too. */
#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static const char *const flooder = "127.0.0.2";

static int64_t figure(const test_server *s, const std::string &name)
{
	const std::string page = http_get(admin_port(s), "/metrics");
	const size_t at = page.find("\n" + name + " ");

	assert_int_not_equal(at, std::string::npos);
	return atoll(page.c_str() + at + name.size() + 2);
}

/* Requests with req from `first` on. */
static std::string numbered(int first, int count)
{
	std::string all;

	for (int i = first; i < first + count; i++)
		all += check_format("{\"msgid\":102,\"req\":%d}\n", i);
	return all;
}

static void require_answers(test_client *c, int count)
{
	for (int i = 0; i < count; i++)
		client_expect(c, check_format("{\"msgid\":100,\"of\":102,\"req\":%d,\"errno\":0}", i));
}

static void over_its_rate_of_bytes_a_client_is_slowed_down_and_loses_nothing(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int count = 3000;
	const std::string all = numbered(0, count);

	test_server_set(s, "core.rate_bytes", "100K");
	test_server_set(s, "core.burst_bytes", "8K");
	test_server_set(s, "core.idle_timeout", "1s"); /* a pause is no silence */
	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_start(s);
	test_client *c = client_open(s);
	const int64_t begun = check_now();
	client_send(c, all);
	require_answers(c, count);
	assert_true(check_now() - begun >= static_cast<int64_t>(all.size() - 16384) * 1000 / (100 * 1024));
	assert_true(figure(s, "chatserverd_pauses_total{limit=\"rate_bytes\"}") > 2);
}

static void a_long_frame_is_let_become_whole_however_slowly_it_is_read(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.rate_bytes", "20K");
	test_server_set(s, "core.burst_bytes", "8K");
	test_server_set(s, "core.frame_timeout", "1s");
	test_server_start(s);
	test_client *c = client_open(s);
	client_send(c, "{\"msgid\":102,\"req\":1,\"x\":\"" + std::string(60000, 'x') + "\"}\n");
	client_expect(c, "{\"msgid\":100,\"of\":102,\"req\":1,\"errno\":0}");
}

/* Four connections of one address send as much as they can. */
static void while_one_address_floods_others_are_answered(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int64_t rate = 2000, burst = 1000, pings = 40;
	const std::string flood = numbered(0, 200);
	std::vector<test_client *> flooders;
	int64_t longest = 0;

	test_server_set(s, "core.address_rate", std::to_string(rate));
	test_server_set(s, "core.address_burst", std::to_string(burst));
	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_start(s);
	test_client *victim = client_open(s);
	for (int i = 0; i < 4; i++) {
		flooders.push_back(client_open_from(s, flooder));
		client_send(flooders.back(), "{\"msgid\":102}\n");
		client_expect(flooders.back(), "{\"msgid\":103}");
	}
	const int64_t begun = check_now();
	for (int i = 0; i < pings; i++) {
		for (test_client *c : flooders)
			assert_true(client_pour(c, flood) >= 0);
		const int64_t asked = check_now();
		client_send(victim, "{\"msgid\":102}\n");
		client_expect(victim, "{\"msgid\":103}");
		longest = std::max(longest, check_now() - asked);
		check_sleep_ms(5);
	}
	const int64_t taken = figure(s, "chatserverd_requests_total{msgid=\"102\",name=\"PING\"}") - pings;
	/* Each of the four may be read once more when the rate is used up. */
	const int64_t most = burst + rate * (check_now() - begun) / 1000 + 4 * 4096 / 20 + rate / 10;

	print_message("longest answer: %lld ms; taken of the flood: %lld, at most %lld\n",
	              static_cast<long long>(longest), static_cast<long long>(taken), static_cast<long long>(most));
	assert_in_range(taken, burst, most);
	assert_true(figure(s, "chatserverd_pauses_total{limit=\"address\"}") > 0);
}

/* Who shares an address with a flooder waits for its turn, and gets it. */
static void what_an_address_sends_is_all_answered_in_order(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const int count = 1500;
	std::vector<test_client *> all;

	test_server_set(s, "core.address_rate_bytes", "100K");
	test_server_set(s, "core.address_burst_bytes", "4K");
	test_server_start(s);
	for (int i = 0; i < 3; i++)
		all.push_back(client_open(s));
	for (test_client *c : all)
		client_send(c, numbered(0, count));
	for (test_client *c : all)
		require_answers(c, count);
}

static void an_address_with_too_many_connections_is_refused_another(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_frame frame;

	test_server_set(s, "core.address_connections", "2");
	test_server_start(s);
	test_client *one = client_open(s), *two = client_open(s);
	client_expect_quiet(one);
	client_expect_quiet(two);
	test_client *third = client_open_from(s, "127.0.0.1");
	if (transport_wanted() == TRANSPORT_PLAIN)
		client_expect(third, "{\"msgid\":100,\"of\":0,\"errno\":10,"
		                     "\"errmsg\":\"too many connections from this address\"}");
	client_expect_end(third);
	test_client *stranger = client_open_from(s, flooder);
	client_send(stranger, "{\"msgid\":102}\n");
	client_expect(stranger, "{\"msgid\":103}");
	client_expect_quiet(one);
	client_close(two);
	check_wait("a place is free", [s, &frame] {
		test_client *next = client_open_from(s, "127.0.0.1");
		const bool is_in = client_try_send(next, "{\"msgid\":102}\n") &&
		                   client_try_read(next, &frame, static_cast<int>(check_patience_ms())) &&
		                   json_matches(frame.json.get(), "{\"msgid\":103}");

		client_close(next);
		return is_in;
	});
	test_server_wait_log(s, "connections of an address are refused");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(over_its_rate_of_bytes_a_client_is_slowed_down_and_loses_nothing),
		TEST(a_long_frame_is_let_become_whole_however_slowly_it_is_read),
		TEST(while_one_address_floods_others_are_answered),
		TEST(what_an_address_sends_is_all_answered_in_order),
		TEST(an_address_with_too_many_connections_is_refused_another),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
