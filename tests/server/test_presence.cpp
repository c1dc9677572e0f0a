/* SPDX-License-Identifier: MIT
 * Tests presence: who is online for whom, and what a person gets who comes and goes. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static std::string state_of(test_client *observer, int64_t friend_id)
{
	client_logout(observer);
	const test_frame ack = client_login(observer, observer->id);

	for (const json_ptr &entry : json_parse_all(ack.json.get(), "friends"))
		if (json_integer(entry.get(), "id") == friend_id)
			return json_text(entry.get(), "state");
	return "no friend";
}

static void wait_for_state(test_client *observer, int64_t friend_id, const std::string &state,
                           test_at at = test_at::current())
{
	check_wait(
		state.c_str(), [&] { return state_of(observer, friend_id) == state; }, at);
}

static void the_friend_list_says_who_is_online_however_they_left(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t b = bob->id;

	CLIENT_ASK(ann, 0, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", (long long)ann->id, (long long)b);
	assert_string_equal(state_of(ann, b).c_str(), "online");
	client_logout(bob);
	assert_string_equal(state_of(ann, b).c_str(), "offline");
	client_login(bob, b);
	assert_string_equal(state_of(ann, b).c_str(), "online");
	client_close(bob);
	wait_for_state(ann, b, "offline");
	bob = client_return(s, b);
	assert_string_equal(state_of(ann, b).c_str(), "online");
	client_reset(bob);
	wait_for_state(ann, b, "offline");
}

static void a_failed_login_leaves_nobody_online(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *c = client_open(s);
	const int64_t bob = client_absent(s, "bob");

	CLIENT_ASK(ann, 0, "{\"msgid\":7,\"id\":%lld,\"friendid\":%lld", (long long)ann->id, (long long)bob);
	client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"wrong\"}", (long long)bob);
	client_expect(c, "{\"msgid\":2,\"errno\":1}");
	assert_string_equal(state_of(ann, bob).c_str(), "offline");
}

static void who_leaves_in_the_middle_of_a_login_is_not_left_online(void **state)
{
	test_server *s = (test_server *)*state;
	const int64_t bob = client_absent(s, "bob");

	for (int i = 0; i < 60; i++) {
		test_client *c = client_open(s);

		client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)bob);
		check_sleep_ms(i % 6);
		if (i % 2)
			client_reset(c);
		else
			client_close(c);
	}
	client_return(s, bob);
}

/* The new connection's LOGIN comes while the old one's FIN is perhaps not yet seen: client_return then meets
 * errno 2 and tries again; what is promised is that nothing comes twice and nothing is lost. */
static void who_reconnects_at_once_gets_nothing_twice(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t b = bob->id;
	int64_t expected = 0;

	for (int round = 0; round < 40; round++) {
		const int64_t seq = client_chat_safely(ann, b, "x");
		test_frame ack;

		client_expect(bob, check_format("{\"msgid\":6,\"seq\":%lld}", (long long)seq));
		expected = seq;
		if (round % 3 == 0)
			client_logout(bob);
		client_close(bob);
		bob = client_return(s, b, &ack);
		if (json_has(ack.json.get(), "offlinemsg"))
			client_fail(bob, test_at::current(), "round %d: message %lld came again", round,
			            (long long)expected);
		client_expect_quiet(bob);
	}
}

static void messages_sent_while_somebody_reconnects_arrive_once_and_in_order(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t b = bob->id;
	int64_t last = 0;
	const auto take = [&](const cJSON *json) {
		const int64_t seq = json_integer(json, "seq");

		if (seq != last + 1)
			client_fail(bob, test_at::current(), "seq %lld after %lld", (long long)seq, (long long)last);
		last = seq;
	};

	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 10; i++)
			client_chat(ann, b, "x");
		/* All up to the answer of LOGOUT was read, so nothing is lost in a socket that closes. */
		client_sendf(bob, "{\"msgid\":3,\"id\":%lld,\"req\":1}", (long long)b);
		for (test_frame frame = client_read(bob); json_integer(frame.json.get(), "msgid") == 6;
		     frame = client_read(bob))
			take(frame.json.get());
		if (round % 2) {
			client_close(bob);
			bob = client_open(s);
		}
		const test_frame ack = client_login(bob, b);
		for (const json_ptr &kept : json_parse_all(ack.json.get(), "offlinemsg"))
			take(kept.get());
	}
	while (last < 300)
		take(client_expect(bob, "{\"msgid\":6}").json.get());
	client_expect_quiet(bob);
}

static void logins_of_one_account_at_once_let_one_in(void **state)
{
	test_server *s = (test_server *)*state;
	const int64_t bob = client_absent(s, "bob");
	std::vector<test_client *> all;
	int in = 0, refused = 0;

	for (int i = 0; i < 20; i++)
		all.push_back(client_open(s));
	for (test_client *c : all)
		client_sendf(c, "{\"msgid\":1,\"id\":%lld,\"password\":\"secret\"}", (long long)bob);
	for (test_client *c : all) {
		const int64_t number = json_integer(client_expect(c, "{\"msgid\":2}").json.get(), "errno");

		in += number == 0;
		refused += number == 2;
	}
	assert_int_equal(in, 1);
	assert_int_equal(refused, 19);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_friend_list_says_who_is_online_however_they_left),
		TEST(a_failed_login_leaves_nobody_online),
		TEST(who_leaves_in_the_middle_of_a_login_is_not_left_online),
		TEST(who_reconnects_at_once_gets_nothing_twice),
		TEST(messages_sent_while_somebody_reconnects_arrive_once_and_in_order),
		TEST(logins_of_one_account_at_once_let_one_in),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
