/* SPDX-License-Identifier: MIT
 * Tests tokens on one node: over a restart, after END_DEVICE, and in a store that was restored. */
#include <cstring>

#include <sqlite3.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

using wide = long long;

/* The token of a new session with these members, which stays open in *c_r. */
static std::string remember(test_server *s, int64_t id, const std::string &more, test_client **c_r = nullptr)
{
	test_client *c = client_open(s);
	const test_frame ack = client_login(c, id, R"(,"remember":true)" + more);
	const std::string token = json_text(ack.json.get(), "token");

	assert_false(token.empty());
	if (c_r)
		*c_r = c;
	else
		client_logout(c);
	return token;
}

static int64_t use(test_server *s, int64_t id, const std::string &token, const std::string &more)
{
	test_client *c = client_open(s);
	test_frame ack;

	client_sendf(c, R"({"msgid":1,"id":%lld,"token":"%s"%s})", (wide)id, token.c_str(), more.c_str());
	ack = client_read(c);
	const int64_t result = json_integer(ack.json.get(), "errno");
	c->id = id;
	if (result == 0)
		client_logout(c);
	client_close(c);
	return result;
}

static void a_token_is_good_after_a_restart_and_for_several_logins(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const int64_t ann = client_absent(s, "ann");
	const std::string phone = remember(s, ann, R"(,"device":"phone")"), plain = remember(s, ann, "");

	test_server_restart(s);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(use(s, ann, phone, R"(,"device":"phone")"), 0);
		assert_int_equal(use(s, ann, plain, ""), 0);
	}
	assert_int_equal(use(s, ann, phone, ""), 1);
	assert_int_equal(use(s, ann, plain, R"(,"device":"phone")"), 1);
}

static void end_device_voids_the_tokens_of_that_device_alone(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *desk = nullptr;

	test_server_start(s);
	const int64_t ann = client_absent(s, "ann");
	const std::string phone = remember(s, ann, R"(,"device":"phone")"), plain = remember(s, ann, "");
	const std::string own = remember(s, ann, R"(,"device":"desk")", &desk);

	CLIENT_ASK(desk, 0, R"({"msgid":111,"id":%lld,"device":"phone")", (wide)ann);
	assert_int_equal(use(s, ann, phone, R"(,"device":"phone")"), 1);
	assert_int_equal(use(s, ann, plain, ""), 0);
	CLIENT_ASK(desk, 0, R"({"msgid":111,"id":%lld,"device":"")", (wide)ann);
	assert_int_equal(use(s, ann, plain, ""), 1);
	/* A new device of that name is another one. */
	const std::string again = remember(s, ann, R"(,"device":"phone")");
	assert_int_equal(use(s, ann, phone, R"(,"device":"phone")"), 1);
	assert_int_equal(use(s, ann, again, R"(,"device":"phone")"), 0);
	client_logout(desk);
	assert_int_equal(use(s, ann, own, R"(,"device":"desk")"), 0);
}

static void run_sql(const test_server *s, const char *sql)
{
	sqlite3 *db = nullptr;

	assert_int_equal(sqlite3_open(test_server_database(s).c_str(), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* As chatserverd(8) says: a store that is restored gets a new id. */
static void a_store_that_was_restored_takes_no_token_of_before(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	const int64_t ann = client_absent(s, "ann");
	const std::string plain = remember(s, ann, "");

	test_server_stop(s);
	run_sql(s, "UPDATE store SET id = lower(hex(randomblob(16)))");
	test_server_start(s);
	assert_int_equal(use(s, ann, plain, ""), 1);
	assert_int_equal(use(s, ann, remember(s, ann, ""), ""), 0);
}

static void neither_tokens_nor_keys_are_in_the_log(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.log_level", "debug");
	test_server_start(s);
	const int64_t ann = client_absent(s, "ann");
	const std::string plain = remember(s, ann, "");

	assert_int_equal(use(s, ann, plain, ""), 0);
	assert_int_equal(use(s, ann, plain, R"(,"device":"phone")"), 1);
	test_server_wait_log(s, "reason=token");
	assert_null(strstr(test_server_log(s).c_str(), plain.substr(0, 30).c_str()));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_token_is_good_after_a_restart_and_for_several_logins),
		TEST(end_device_voids_the_tokens_of_that_device_alone),
		TEST(a_store_that_was_restored_takes_no_token_of_before),
		TEST(neither_tokens_nor_keys_are_in_the_log),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
