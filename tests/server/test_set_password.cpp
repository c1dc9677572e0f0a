/* SPDX-License-Identifier: MIT
 * Tests SET_PASSWORD on one node: whose sessions and tokens end, wrong passwords, repetitions. */
#include <cstring>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

using wide = long long;

struct people {
	test_client *plain = nullptr, *phone = nullptr, *desk = nullptr;
	int64_t id = 0;
	std::string phone_token, desk_token;
};

static people people_enter(test_server *s)
{
	people p;

	p.plain = client_enter(s, "ann");
	p.id = p.plain->id;
	p.phone = client_open(s);
	p.desk = client_open(s);
	p.phone_token =
		json_text(client_login(p.phone, p.id, R"(,"device":"phone","remember":true)").json.get(), "token");
	p.desk_token = json_text(client_login(p.desk, p.id, R"(,"device":"desk","remember":true)").json.get(), "token");
	return p;
}

static test_frame set_password(test_client *c, int64_t id, const char *from, const char *to, int wire_errno)
{
	return CLIENT_ASK(c, wire_errno, R"({"msgid":112,"id":%lld,"old":"%s","new":"%s")", (wide)id, from, to);
}

static int64_t try_login(test_server *s, int64_t id, const std::string &more)
{
	test_client *c = client_open(s);

	client_sendf(c, R"({"msgid":1,"id":%lld,%s})", (wide)id, more.c_str());
	const int64_t result = json_integer(client_read(c).json.get(), "errno");
	c->id = id;
	if (result == 0)
		client_logout(c);
	client_close(c);
	return result;
}

static void a_new_password_ends_the_other_sessions_and_voids_all_tokens(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const people p = people_enter(s);
	const int64_t begun = check_now();
	const std::string token = json_text(set_password(p.phone, p.id, "secret", "better", 0).json.get(), "token");

	client_expect_end(p.plain);
	client_expect_end(p.desk);
	assert_true(check_now() - begun < check_soon_ms());
	client_expect_quiet(p.phone);
	assert_int_equal(try_login(s, p.id, R"("password":"secret")"), 1);
	assert_int_equal(try_login(s, p.id, R"("password":"better")"), 0);
	assert_int_equal(try_login(s, p.id, R"("device":"desk","token":")" + p.desk_token + "\""), 1);
	client_logout(p.phone);
	assert_int_equal(try_login(s, p.id, R"("device":"phone","token":")" + p.phone_token + "\""), 1);
	assert_int_equal(try_login(s, p.id, R"("device":"phone","token":")" + token + "\""), 0);
	test_server_restart(s);
	assert_int_equal(try_login(s, p.id, R"("device":"phone","token":")" + p.phone_token + "\""), 1);
	assert_int_equal(try_login(s, p.id, R"("device":"phone","token":")" + token + "\""), 0);
}

static void a_session_without_a_token_gets_none_with_the_new_password(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const people p = people_enter(s);

	assert_false(json_has(set_password(p.plain, p.id, "secret", "better", 0).json.get(), "token"));
	client_expect_end(p.phone);
	client_expect_end(p.desk);
	client_expect_quiet(p.plain);
}

static void a_wrong_password_changes_nothing_and_counts_as_a_failed_login(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const people p = people_enter(s);
	int64_t result = 8;

	set_password(p.phone, p.id, "wrong", "better", 8);
	assert_int_equal(try_login(s, p.id, R"("password":"better")"), 1);
	for (int i = 0; i < 5 && result == 8; i++) {
		client_sendf(p.phone, R"({"msgid":112,"id":%lld,"old":"wrong","new":"better","req":7})", (wide)p.id);
		result = json_integer(client_read_answer(p.phone, 7).json.get(), "errno");
	}
	assert_int_equal(result, 10);
	assert_int_equal(try_login(s, p.id, R"("password":"secret")"), 10);
	for (test_client *c : {p.plain, p.phone, p.desk})
		client_expect_quiet(c);
}

static void a_request_that_is_sent_again_is_done_and_ends_no_newer_session(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const people p = people_enter(s);
	test_client *later = client_open(s);

	set_password(p.phone, p.id, "secret", "better", 0);
	client_expect_end(p.plain);
	client_sendf(later, R"({"msgid":1,"id":%lld,"password":"better"})", (wide)p.id);
	client_expect(later, R"({"msgid":2,"errno":0})");
	set_password(p.phone, p.id, "secret", "better", 0);
	set_password(p.phone, p.id, "better", "better", 0);
	client_expect_quiet(later);
	client_expect_quiet(p.phone);
}

static void the_new_password_has_the_limits_of_register(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const people p = people_enter(s);

	set_password(p.phone, p.id, "secret", "", 4);
	set_password(p.phone, p.id, "secret", std::string(129, 'x').c_str(), 12);
	set_password(p.phone, p.id, "secret", std::string(128, 'x').c_str(), 0);
	assert_int_equal(try_login(s, p.id, R"("password":")" + std::string(128, 'x') + "\""), 0);
	set_password(p.phone, p.id + 1, "secret", "better", 8);
	client_sendf(p.phone, R"({"msgid":112,"id":%lld,"new":"x"})", (wide)p.id);
	client_expect(p.phone, R"({"msgid":100,"of":112,"errno":4,"errmsg":"old is missing"})");
}

/* The one that lost is refused, or closed before. */
static bool is_done(test_client *c)
{
	test_frame frame;

	if (!client_try_read(c, &frame, static_cast<int>(check_patience_ms())))
		return false;
	const int64_t result = json_integer(frame.json.get(), "errno");
	assert_true(result == 0 || result == 8);
	return result == 0;
}

/* Two clients that want different passwords: one of them gets it, the other is told. */
static void of_two_changes_at_once_one_wins(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	for (int i = 0; i < 10; i++) {
		const people p = people_enter(s);
		int won = 0;

		client_sendf(p.phone, R"({"msgid":112,"id":%lld,"old":"secret","new":"one","req":1})", (wide)p.id);
		client_sendf(p.desk, R"({"msgid":112,"id":%lld,"old":"secret","new":"two","req":1})", (wide)p.id);
		for (test_client *c : {p.phone, p.desk})
			won += is_done(c);
		assert_int_equal(won, 1);
		assert_int_equal((try_login(s, p.id, R"("password":"one")") == 0) +
		                         (try_login(s, p.id, R"("password":"two")") == 0),
		                 1);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_password_ends_the_other_sessions_and_voids_all_tokens),
		TEST(a_session_without_a_token_gets_none_with_the_new_password),
		TEST(a_wrong_password_changes_nothing_and_counts_as_a_failed_login),
		TEST(a_request_that_is_sent_again_is_done_and_ends_no_newer_session),
		TEST(the_new_password_has_the_limits_of_register),
		TEST(of_two_changes_at_once_one_wins),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
