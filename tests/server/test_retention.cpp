/* SPDX-License-Identifier: MIT
 * Tests that a server removes what was kept long enough, while people talk: nothing else is lost, numbers go on, and
 * the file gets smaller. */
#include <csignal>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <cjson/cJSON.h>

#include "tests/support/admin_page.h"
#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

using wide = long long;

static test_frame history_of(test_client *c, int64_t peer)
{
	return CLIENT_ASK(c, 0, R"({"msgid":105,"id":%lld,"peer":%lld,"limit":200)", (wide)c->id, (wide)peer);
}

static int messages_of(const test_frame &history)
{
	return cJSON_GetArraySize(cJSON_GetObjectItem(history.json.get(), "messages"));
}

/* Sends until the answers have come, a few at a time. The last seq. */
static int64_t talk(test_client *c, int64_t to, int count, const std::string &text)
{
	int64_t seq = 0;

	for (int i = 0; i < count; i++)
		seq = client_chat_safely(c, to, text);
	return seq;
}

/* Waits until nothing but a blank entry is left of the conversation. */
static void wait_until_empty(test_client *c, int64_t peer)
{
	check_wait("an empty page of HISTORY", [=] { return messages_of(history_of(c, peer)) == 0; });
}

static void set_keep(test_server *s, const char *keep)
{
	test_server_set(s, "mailbox.keep", keep);
	test_server_write_conf(s);
	test_server_signal(s, SIGHUP);
	test_server_wait_log(s, "configuration reloaded");
}

static void a_time_below_a_day_is_warned_of(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "mailbox.keep", "30m");
	test_server_write_conf(s);
	const test_run run = test_server_run(s, {"-t", "-c", s->folder + "/chat.conf"});
	assert_int_equal(run.status, 0);
	assert_non_null(strstr(run.err.c_str(), "keep: messages are kept for less than a day: m is minutes"));
	test_server_set(s, "mailbox.keep", "1d");
	test_server_start(s);
	set_keep(s, "30m");
	test_server_wait_log(s, "messages are kept for less than a day keep_ms=1800000");
	test_server_stop(s);
}

static void what_is_older_than_keep_goes_and_what_comes_later_is_delivered_in_order(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.admin", "127.0.0.1:0");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	const int64_t last = talk(ann, bob, 30, "old");
	assert_int_equal(messages_of(history_of(ann, bob)), 30);
	set_keep(s, "1s");
	wait_until_empty(ann, bob);
	const std::string line = check_format("\nchatserverd_mailbox_entries_removed_total %lld\n", (wide)last);
	check_wait("the figure", [=] { return http_get(admin_port(s), "/metrics").find(line) != std::string::npos; });
	const test_frame page = history_of(ann, bob);
	assert_int_equal(json_integer(page.json.get(), "first"), last);
	assert_int_equal(json_integer(page.json.get(), "last"), last);

	test_frame ack;
	test_client *b = client_return(s, bob, &ack);
	assert_false(json_has(ack.json.get(), "offlinemsg"));
	client_expect_quiet(b);
	for (int64_t i = 1; i <= 3; i++) {
		assert_int_equal(client_chat_safely(ann, bob, "new"), last + i);
		client_expect(b, check_format(R"({"msgid":6,"msg":"new","seq":%lld})", (wide)(last + i)));
	}
	client_expect_quiet(b);
	test_server_stop(s);
}

static void the_file_of_sqlite_gets_smaller(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string text(30000, 'x');

	if (s->database)
		return;
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	talk(ann, bob, 200, text);
	test_server_restart(s); /* the log of SQLite is in the file */
	ann = client_return(s, ann->id);
	const auto before = std::filesystem::file_size(test_server_database(s));
	assert_true(before > 6 * 1000 * 1000);
	set_keep(s, "1s");
	wait_until_empty(ann, bob);
	test_server_wait_log(s, "old entries were removed");
	test_server_stop(s);
	assert_true(std::filesystem::file_size(test_server_database(s)) < before / 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_older_than_keep_goes_and_what_comes_later_is_delivered_in_order),
		TEST(a_time_below_a_day_is_warned_of),
		TEST(the_file_of_sqlite_gets_smaller),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
