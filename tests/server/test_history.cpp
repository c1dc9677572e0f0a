/* SPDX-License-Identifier: MIT
 * Tests HISTORY, INBOX and READ on a real server: what was said comes again, by pages, also while more is said. */
#include <algorithm>
#include <vector>

#include <cjson/cJSON.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static const char *const wants = ",\"want\":[\"read\"]";

static test_frame ask_history(test_client *c, int64_t peer, const std::string &more)
{
	return CLIENT_ASK(c, 0, "{\"msgid\":105,\"id\":%lld,\"peer\":%lld%s", static_cast<long long>(c->id),
	                  static_cast<long long>(peer), more.c_str());
}

static test_frame ask_inbox(test_client *c, const std::string &more = "")
{
	return CLIENT_ASK(c, 0, "{\"msgid\":106,\"id\":%lld%s", static_cast<long long>(c->id), more.c_str());
}

static std::vector<int64_t> seqs_of(const test_frame &answer)
{
	std::vector<int64_t> seqs;
	const cJSON *message;

	cJSON_ArrayForEach(message, cJSON_GetObjectItem(answer.json.get(), "messages"))
		seqs.push_back(json_integer(message, "seq"));
	return seqs;
}

/* All of it, forwards or backwards; each page goes on where the last one says. */
static std::vector<int64_t> page_through(test_client *c, int64_t peer, bool forwards, const char *limit,
                                         size_t *largest_r = nullptr)
{
	std::vector<int64_t> all;
	std::string more = forwards ? ",\"after\":0" : "";

	for (;;) {
		const test_frame page = ask_history(c, peer, std::string(limit) + more);
		const std::vector<int64_t> seqs = seqs_of(page);

		all.insert(forwards ? all.end() : all.begin(), seqs.begin(), seqs.end());
		if (largest_r)
			*largest_r = std::max(*largest_r, page.bytes.size());
		if (!json_has(page.json.get(), "more"))
			return all;
		more = check_format(",\"%s\":%lld", forwards ? "after" : "before",
		                    static_cast<long long>(json_integer(page.json.get(), "next")));
	}
}

static std::vector<int64_t> numbers(int64_t from, int64_t to)
{
	std::vector<int64_t> all;

	while (from <= to)
		all.push_back(from++);
	return all;
}

static void what_was_said_is_there_for_the_next_connection(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");

	(void)client_chat_safely(ann, bob->id, "one");
	(void)client_chat_safely(bob, ann->id, "two");
	const test_frame delivered = client_expect(bob, "{\"msgid\":6,\"msg\":\"one\"}");
	client_logout(bob);
	client_login(bob, bob->id);
	const test_frame answer = ask_history(bob, ann->id, "");
	assert_true(seqs_of(answer) == numbers(1, 2));
	/* Byte for byte as it was delivered. */
	assert_true(answer.bytes.find("\"messages\":[" + delivered.bytes + ",{") != std::string::npos);
	assert_true(json_matches(answer.json.get(), "{\"of\":105,\"errno\":0,\"first\":1,\"last\":2,\"more\":null}"));
}

static void a_query_needs_a_req_and_a_login(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *guest = client_open(s);

	for (const int msgid : {105, 106}) {
		client_sendf(ann, "{\"msgid\":%d,\"id\":%lld,\"peer\":1}", msgid, static_cast<long long>(ann->id));
		client_expect(ann, check_format("{\"msgid\":100,\"of\":%d,\"errno\":4}", msgid));
		client_sendf(guest, "{\"msgid\":%d,\"id\":1,\"peer\":1,\"req\":1}", msgid);
		client_expect(guest, check_format("{\"msgid\":100,\"of\":%d,\"errno\":3}", msgid));
	}
}

static void pages_of_256_kib_lose_nothing(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string large(50000, 'x'), huge(500000, 'y');
	size_t largest = 0;

	for (int i = 0; i < 14; i++)
		(void)client_chat_safely(ann, bob->id, large);
	assert_true(page_through(bob, ann->id, true, ",\"limit\":200", &largest) == numbers(1, 14));
	assert_true(page_through(bob, ann->id, false, ",\"limit\":200", &largest) == numbers(1, 14));
	assert_true(largest > 200 * 1024 && largest < 257 * 1024);
	/* One that is larger than a page is a page. */
	(void)client_chat_safely(ann, bob->id, huge);
	const test_frame newest = ask_history(bob, ann->id, "");
	assert_true(seqs_of(newest) == numbers(15, 15) && newest.bytes.size() > huge.size());
	assert_int_equal(json_integer(newest.json.get(), "next"), 15);
	assert_true(page_through(bob, ann->id, false, "") == numbers(1, 15));
	const test_frame inbox = ask_inbox(bob);
	assert_true(inbox.bytes.size() > huge.size());
}

static void pages_have_no_gap_while_more_is_said(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	int64_t before = 0;

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 25; i++)
			client_chat(ann, bob->id, "x");
		const std::vector<int64_t> forwards = page_through(bob, ann->id, true, ",\"limit\":40"),
					   backwards = page_through(bob, ann->id, false, ",\"limit\":40");

		assert_true(forwards == numbers(1, static_cast<int64_t>(forwards.size())));
		assert_true(backwards == numbers(1, static_cast<int64_t>(backwards.size())));
		assert_true(static_cast<int64_t>(forwards.size()) >= before && backwards.size() >= forwards.size());
		before = static_cast<int64_t>(backwards.size());
	}
	(void)client_chat_safely(ann, bob->id, "last");
	assert_true(page_through(ann, bob->id, true, "") == numbers(1, 501));
}

static void a_query_sees_what_was_answered_before_it(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");

	for (int64_t seq = 1; seq <= 50; seq++) {
		assert_int_equal(client_chat_safely(ann, bob, "x"), seq);
		assert_int_equal(json_integer(ask_history(ann, bob, ",\"limit\":1").json.get(), "last"), seq);
	}
}

static void the_inbox_counts_what_was_not_read(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann", wants), *bob = client_enter(s, "bob"),
		    *carl = client_enter(s, "carl");
	const int64_t group = client_create_group(carl, client_new_name("group"));

	client_join_group(bob, group);
	for (const char *text : {"one", "two", "three"})
		(void)client_chat_safely(ann, bob->id, text);
	/* MariaDB orders conversations by the milliseconds of their newest messages. */
	const int64_t said = check_now();
	check_wait("another millisecond", [=] { return check_now() > said + 1; });
	(void)client_group_chat_safely(carl, group, "hello");
	test_frame inbox = ask_inbox(bob);
	const cJSON *list = cJSON_GetObjectItem(inbox.json.get(), "conversations");
	assert_int_equal(cJSON_GetArraySize(list), 2);
	assert_true(json_matches(
		cJSON_GetArrayItem(list, 0),
		check_format("{\"groupid\":%lld,\"role\":\"normal\",\"members\":2,\"unread\":1,\"peer\":null}",
	                     static_cast<long long>(group))));
	assert_true(
		json_matches(cJSON_GetArrayItem(list, 1),
	                     check_format("{\"peer\":%lld,\"name\":\"%s\",\"state\":\"online\",\"seq\":3,\"read\":0,"
	                                  "\"unread\":3,\"seen\":0,\"groupid\":null}",
	                                  static_cast<long long>(ann->id), ann->name.c_str())));
	(void)CLIENT_ASK(bob, 0, "{\"msgid\":120,\"id\":%lld,\"peer\":%lld,\"seq\":2,\"show\":true",
	                 static_cast<long long>(bob->id), static_cast<long long>(ann->id));
	client_expect(ann, check_format("{\"msgid\":120,\"id\":%lld,\"peer\":%lld,\"seq\":2,\"show\":true,\"ts\":null}",
	                                static_cast<long long>(bob->id), static_cast<long long>(ann->id)));
	inbox = ask_inbox(bob);
	list = cJSON_GetObjectItem(inbox.json.get(), "conversations");
	assert_true(json_matches(cJSON_GetArrayItem(list, 1), "{\"read\":2,\"unread\":1}"));
	inbox = ask_inbox(ann);
	list = cJSON_GetObjectItem(inbox.json.get(), "conversations");
	assert_true(json_matches(cJSON_GetArrayItem(list, 0), "{\"read\":0,\"unread\":0,\"seen\":2}"));
	(void)CLIENT_ASK(bob, 4, "{\"msgid\":120,\"id\":%lld,\"peer\":%lld,\"seq\":4", static_cast<long long>(bob->id),
	                 static_cast<long long>(ann->id));
}

/* 40 pages of 100 messages in one segment cost about 4,500; 1,000 are free. Who asks for one meanwhile gets it. A
 * machine that stands still may delay one answer, but not each of three. */
static void who_asks_for_many_pages_waits_and_others_do_not(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	std::string pages;
	bool waited = true, others_waited = true;

	test_server_set(s, "core.rate", "5000");
	test_server_set(s, "core.burst", "1000");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	for (int i = 0; i < 100; i++)
		(void)client_chat_safely(ann, bob->id, "x");
	(void)client_read_many(bob, 100);
	for (int i = 0; i < 40; i++)
		pages += check_format("{\"msgid\":105,\"id\":%lld,\"peer\":%lld,\"limit\":100,\"req\":%d}\n",
		                      static_cast<long long>(ann->id), static_cast<long long>(bob->id), 1000 + i);
	for (int round = 0; round < 3; round++) {
		const int64_t start = check_now();
		client_send(ann, pages);
		(void)ask_history(bob, ann->id, ",\"limit\":1");
		const int64_t others = check_now() - start;
		for (int i = 0; i < 40; i++)
			assert_int_equal(seqs_of(client_read_answer(ann, 1000 + i)).size(), 100);
		const int64_t took = check_now() - start;
		print_message("40 pages took %lld ms, one of another client %lld ms\n", static_cast<long long>(took),
		              static_cast<long long>(others));
		waited = waited && took >= 500;
		others_waited = others_waited && others > took / 2;
	}
	assert_true(waited);
	assert_false(others_waited);
	test_server_stop(s);
}

static int set_up(void **state)
{
	test_server *s = test_server_new();

	test_server_set(s, "core.max_frame", "1M");
	test_server_start(s);
	*state = s;
	return 0;
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_said_is_there_for_the_next_connection),
		TEST(a_query_needs_a_req_and_a_login),
		TEST(pages_of_256_kib_lose_nothing),
		TEST(pages_have_no_gap_while_more_is_said),
		TEST(a_query_sees_what_was_answered_before_it),
		TEST(the_inbox_counts_what_was_not_read),
	};
	const struct CMUnitTest own_server_tests[] = {
		cmocka_unit_test_setup_teardown(who_asks_for_many_pages_waits_and_others_do_not, test_server_setup,
	                                        test_server_teardown),
	};
	const int failed = cmocka_run_group_tests(tests, set_up, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
