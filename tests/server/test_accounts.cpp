/* SPDX-License-Identifier: MIT
 * Tests the verbs about accounts with a real server: who logs in afterwards, whose sessions end, what others still
 * read. */
#include <csignal>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

using wide = long long;

static int set_up(void **state)
{
	const int result = test_server_setup(state);
	auto *s = static_cast<test_server *>(*state);

	operator_allow(s);
	test_server_set(s, "core.audit", "file:" + s->folder + "/audit.log");
	return result;
}

/* The answer to a LOGIN, and the session if it was let in. */
static test_frame log_in(test_server *s, int64_t id, const std::string &proof, test_client **c_r = nullptr)
{
	test_client *c = client_open(s);

	client_sendf(c, R"({"msgid":1,"id":%lld,%s})", (wide)id, proof.c_str());
	test_frame ack = client_read(c);

	c->id = id;
	if (c_r)
		*c_r = c;
	else
		client_close(c);
	return ack;
}

static std::string errmsg_of(test_server *s, int64_t id, const std::string &proof)
{
	return json_text(log_in(s, id, proof).json.get(), "errmsg");
}

static const char *const by_password = R"("password":"secret")";
static const char *const locked = "this account is locked", *const wrong = "no such id or wrong password";

static test_frame order(test_client *o, int msgid, int64_t id, const std::string &more = "", int wire_errno = 0)
{
	return CLIENT_ASK(o, wire_errno, R"({"msgid":%d,"account":%lld%s)", msgid, (wide)id, more.c_str());
}

/* ---- adding, passwords */

static void an_account_that_is_added_logs_in_also_where_registration_is_closed(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_set(s, "login.registration", "closed");
	test_server_start(s);
	test_client *o = operator_open(s), *c = nullptr;
	const test_frame added = CLIENT_ASK(o, 0, R"({"msgid":920,"name":"zhang \"san\"","password":"secret")");
	const int64_t id = json_integer(added.json.get(), "account");

	assert_string_equal(json_text(added.json.get(), "name").c_str(), "zhang \"san\"");
	const test_frame ack = log_in(s, id, by_password, &c);
	assert_true(json_matches(ack.json.get(), R"({"errno":0,"name":"zhang \"san\""})"));
	(void)CLIENT_ASK(o, 9, R"({"msgid":920,"name":"zhang \"san\"","password":"other")");
	(void)CLIENT_ASK(o, 4, R"({"msgid":920,"name":"","password":"secret")");
	(void)CLIENT_ASK(o, 12, R"({"msgid":920,"name":"li si","password":"%s")", std::string(129, 'x').c_str());
	(void)CLIENT_ASK(o, 4, R"({"msgid":920,"name":"li si","password":"")");
	(void)CLIENT_ASK(o, 4, R"({"msgid":920,"name":"li si")");
	/* Nobody else has the verbs. */
	(void)CLIENT_ASK(c, 5, R"({"msgid":920,"name":"li si","password":"secret")");
}

static void a_password_that_an_operator_sets_ends_all_sessions_and_voids_all_tokens(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *o = operator_open(s), *plain = client_enter(s, "ann"), *phone = client_open(s);
	const std::string token =
		json_text(client_login(phone, plain->id, R"(,"device":"phone","remember":true)").json.get(), "token");
	const int64_t begun = check_now();

	(void)order(o, 921, plain->id, R"(,"password":"better")");
	client_expect_end(plain);
	client_expect_end(phone);
	assert_true(check_now() - begun < check_soon_ms());
	assert_string_equal(errmsg_of(s, plain->id, by_password).c_str(), wrong);
	assert_int_equal(
		json_integer(log_in(s, plain->id, R"("device":"phone","token":")" + token + "\"").json.get(), "errno"),
		1);
	assert_int_equal(json_integer(log_in(s, plain->id, R"("password":"better")").json.get(), "errno"), 0);
	(void)order(o, 921, 99, R"(,"password":"better")", 6);
	(void)order(o, 921, plain->id, R"(,"password":"")", 4);
}

/* ---- locking */

static void a_locked_account_is_out_until_it_is_unlocked_and_loses_nothing(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *o = operator_open(s), *plain = client_enter(s, "ann"), *phone = client_open(s),
		    *bob = client_enter(s, "bob");
	const std::string token =
		R"("device":"phone","token":")" +
		json_text(client_login(phone, plain->id, R"(,"device":"phone","remember":true)").json.get(), "token") +
		"\"";
	const int64_t id = plain->id, begun = check_now();
	test_client *back = nullptr;

	(void)order(o, 922, id, R"(,"reason":"spam")");
	client_expect_end(plain);
	client_expect_end(phone);
	assert_true(check_now() - begun < check_soon_ms());
	assert_string_equal(errmsg_of(s, id, by_password).c_str(), locked);
	assert_string_equal(errmsg_of(s, id, token).c_str(), locked);
	assert_string_equal(errmsg_of(s, id, R"("password":"wrong")").c_str(), wrong);
	client_chat_safely(bob, id, "for later");
	const test_frame shown = order(o, 925, id);
	assert_true(json_matches(shown.json.get(), R"({"state":"locked","reason":"spam"})"));
	client_expect_quiet(bob);
	test_server_restart(s);
	o = operator_open(s);
	assert_string_equal(errmsg_of(s, id, by_password).c_str(), locked);
	(void)order(o, 923, id);
	const test_frame ack = log_in(s, id, token, &back);
	assert_int_equal(json_integer(ack.json.get(), "errno"), 0);
	const test_frame ack_plain = log_in(s, id, by_password);
	assert_non_null(strstr(ack_plain.bytes.c_str(), "for later"));
	assert_false(json_has(order(o, 925, id).json.get(), "reason"));
}

static void locking_races_with_logins_and_leaves_no_session(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *o = operator_open(s);
	const int64_t id = client_absent(s, "ann");

	for (int round = 0; round < 10; round++) {
		std::vector<test_client *> clients;

		for (int i = 0; i < 4; i++) {
			clients.push_back(client_open(s));
			client_sendf(clients.back(), R"({"msgid":1,"id":%lld,"device":"d%d",%s})", (wide)id, i,
			             by_password);
		}
		(void)order(o, 922, id);
		for (test_client *c : clients) {
			test_frame frame;

			/* It is refused, or let in and then closed, or closed before. */
			if (client_try_read(c, &frame, static_cast<int>(check_patience_ms())) &&
			    json_integer(frame.json.get(), "errno") == 0)
				client_expect_end(c);
		}
		check_wait("no session of the account", [=] {
			const test_frame list = CLIENT_ASK(o, 0, R"({"msgid":902,"account":%lld)", (wide)id);
			return cJSON_GetArraySize(cJSON_GetObjectItem(list.json.get(), "sessions")) == 0;
		});
		(void)order(o, 923, id);
		for (test_client *c : clients)
			client_close(c);
	}
}

/* ---- lists */

static void accounts_are_named_by_number_or_name_and_come_by_pages(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *o = operator_open(s), *c = client_open(s);
	const int64_t first = client_register(c, "ann"), second = client_register(c, std::to_string(first)),
		      third = client_register(c, "12345");

	const auto number_of = [o](const char *words) {
		return json_integer(CLIENT_ASK(o, 0, R"({"msgid":925,%s)", words).json.get(), "account");
	};
	assert_int_equal(number_of(R"("name":"ann")"), first);
	assert_int_equal(number_of(check_format(R"("account":%lld)", static_cast<long long>(first)).c_str()), first);
	/* A name may look like a number. */
	assert_int_equal(number_of(check_format(R"("name":"%lld")", static_cast<long long>(first)).c_str()), second);
	assert_int_equal(number_of(R"("name":"12345")"), third);
	(void)CLIENT_ASK(o, 4, R"({"msgid":925,"account":%lld,"name":"ann")", static_cast<long long>(first));
	(void)CLIENT_ASK(o, 6, R"({"msgid":925,"name":"nobody")");
	(void)CLIENT_ASK(o, 4, R"({"msgid":925)");
	const test_frame page = CLIENT_ASK(o, 0, R"({"msgid":924,"limit":2)");
	assert_true(json_matches(page.json.get(), R"({"more":true})"));
	const test_frame last =
		CLIENT_ASK(o, 0, R"({"msgid":924,"limit":2,"after":"%s")", json_text(page.json.get(), "next").c_str());
	assert_false(json_has(last.json.get(), "more"));
	assert_int_equal(
		json_integer(cJSON_GetArrayItem(cJSON_GetObjectItem(last.json.get(), "accounts"), 0), "account"),
		third);
	assert_true(second > 0);
}

/* ---- the export */

static std::string export_all(test_client *o, int64_t id, int limit)
{
	std::string all, after;

	for (;;) {
		const test_frame page = order(o, 926, id, R"(,"limit":)" + std::to_string(limit) + after);
		const cJSON *items = cJSON_GetObjectItem(page.json.get(), "items"), *item;

		assert_true(cJSON_GetArraySize(items) <= limit);
		cJSON_ArrayForEach(item, items)
		{
			char *text = cJSON_PrintUnformatted(item);

			all += std::string(text) + "\n";
			cJSON_free(text);
		}
		if (!json_has(page.json.get(), "more"))
			return all;
		after = R"(,"after":")" + json_text(page.json.get(), "next") + "\"";
	}
}

static size_t count_of(const std::string &text, const char *part)
{
	size_t count = 0;

	for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
		count++;
	return count;
}

static void an_export_has_all_that_the_account_may_read_each_once_whatever_the_pages(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *o = operator_open(s), *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"),
		    *cid = client_enter(s, "cid");
	const int64_t group = client_create_group(bob, client_new_name("group"));

	(void)client_group_chat_safely(bob, group, "before ann");
	client_join_group(ann, group);
	(void)client_group_chat_safely(ann, group, "hello group");
	(void)client_group_chat_safely(bob, group, "hello ann");
	(void)CLIENT_ASK(ann, 0, R"({"msgid":141,"id":%lld,"groupid":%lld,"account":%lld)", (wide)ann->id, (wide)group,
	                 (wide)ann->id);
	(void)client_group_chat_safely(bob, group, "after ann");
	for (int i = 0; i < 30; i++)
		(void)client_chat_safely(ann, bob->id, "to bob " + std::to_string(i));
	(void)client_chat_safely(cid, bob->id, "not for ann");
	(void)CLIENT_ASK(ann, 0, R"({"msgid":7,"id":%lld,"friendid":%lld)", (wide)ann->id, (wide)bob->id);
	const std::string all = export_all(o, ann->id, 200);
	for (const int limit : {1, 3, 7})
		assert_string_equal(export_all(o, ann->id, limit).c_str(), all.c_str());
	assert_int_equal(count_of(all, R"("msg":"to bob )"), 30);
	for (const char *part :
	     {R"({"kind":"account","account":)", R"("kind":"device")", R"("kind":"contact")", R"("kind":"group")",
	      R"("kind":"pair")", R"("msg":"hello group")", R"("msg":"hello ann")"})
		assert_int_equal(count_of(all, part), 1);
	for (const char *part : {"before ann", "after ann", "not for ann", "password", "argon2"})
		assert_int_equal(count_of(all, part), 0);
	(void)order(o, 926, ann->id, R"(,"after":"3-1")", 4);
	(void)order(o, 926, ann->id, R"(,"after":"x")", 4);
	(void)order(o, 926, 99999, "", 6);
}

/* ---- erasing */

static void wait_until_erased(test_client *o, int64_t id)
{
	check_wait("an erased account", [=] { return json_text(order(o, 925, id).json.get(), "state") == "erased"; });
}

static test_frame history(test_client *c, const char *whose, int64_t of)
{
	return CLIENT_ASK(c, 0, R"({"msgid":105,"id":%lld,"%s":%lld,"limit":200)", (wide)c->id, whose, (wide)of);
}

/* The messages have the seqs 1 to count. */
static void expect_no_gap(const test_frame &page, int64_t count)
{
	const cJSON *message;
	int64_t last = 0;

	cJSON_ArrayForEach(message, cJSON_GetObjectItem(page.json.get(), "messages"))
	{
		assert_int_equal(json_integer(message, "seq"), ++last);
		count--;
	}
	assert_int_equal(count, 0);
}

static void others_read_blanks_without_a_gap_and_the_groups_go_on(void **state)
{
	auto *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *o = operator_open(s), *ann = client_enter(s, "Ann O'Nymous"),
		    *bob = client_enter(s, "bob", R"(,"want":["event"])"), *cid = client_enter(s, "cid");
	const int64_t group = client_create_group(ann, client_new_name("group")),
		      alone = client_create_group(ann, client_new_name("alone")), id = ann->id;
	const std::string name = ann->name;

	client_join_group(cid, group);
	client_join_group(bob, group);
	(void)CLIENT_ASK(ann, 0, R"({"msgid":142,"id":%lld,"groupid":%lld,"account":%lld,"role":"admin")", (wide)id,
	                 (wide)group, (wide)bob->id);
	for (int i = 0; i < 5; i++) {
		(void)client_chat_safely(ann, bob->id, "a secret");
		(void)client_group_chat_safely(ann, group, "a secret");
		(void)client_group_chat_safely(cid, group, "an answer");
	}
	(void)CLIENT_ASK(ann, 0, R"({"msgid":160,"id":%lld,"toid":%lld,"of":1,"msg":"another secret")", (wide)id,
	                 (wide)bob->id);
	(void)client_read_all(bob);
	(void)order(o, 927, id);
	(void)client_read_to_end(ann);
	wait_until_erased(o, id);
	/* bob hears who has the group, and that ann left. */
	test_frame event = client_read(bob);
	while (json_integer(event.json.get(), "msgid") != 142)
		event = client_read(bob); /* what was on its way before */
	assert_true(json_matches(event.json.get(), (R"({"id":)" + std::to_string(id) + R"(,"account":)" +
	                                            std::to_string(bob->id) + R"(,"role":"creator"})")));
	client_expect(bob,
	              (R"({"msgid":141,"id":)" + std::to_string(id) + R"(,"account":)" + std::to_string(id) + "}"));
	const test_frame pair = history(bob, "peer", id), both = history(cid, "groupid", group);
	expect_no_gap(pair, 6);
	for (const test_frame *page : {&pair, &both})
		assert_true(page->bytes.find("secret") == std::string::npos &&
		            page->bytes.find(name) == std::string::npos);
	assert_int_equal(count_of(both.bytes, "an answer"), 5);
	(void)client_group_chat_safely(cid, group, "we go on");
	(void)CLIENT_ASK(bob, 6, R"({"msgid":6,"id":%lld,"toid":%lld,"msg":"hello?","time":"2026-11-30 12:00:00")",
	                 (wide)bob->id, (wide)id);
	assert_string_equal(errmsg_of(s, id, by_password).c_str(), wrong);
	(void)CLIENT_ASK(cid, 7, R"({"msgid":144,"id":%lld,"groupid":%lld)", (wide)cid->id, (wide)alone);
	/* The name is free, the number is not. */
	assert_true(client_register(client_open(s), name) > cid->id);
	(void)order(o, 927, id, "", 6);
	const std::string log = test_server_log(s), audit = check_read_file(s->folder + "/audit.log");
	assert_non_null(strstr(log.c_str(), "order verb=account_erase by="));
	assert_non_null(strstr(audit.c_str(), "account_erased account="));
	assert_null(strstr(log.c_str(), "secret"));
}

static void erasing_goes_on_after_the_server_was_killed(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	static constexpr int count = 900;

	test_server_start(s);
	test_client *o = operator_open(s), *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t id = ann->id;
	std::string sent;

	for (int i = 0; i < count; i++)
		client_chat(ann, bob->id, "a secret");
	(void)client_chat_safely(ann, bob->id, "a secret");
	(void)client_read_all(bob);
	(void)order(o, 927, id);
	test_server_kill(s);
	test_server_start(s);
	o = operator_open(s);
	wait_until_erased(o, id);
	bob = client_return(s, bob->id);
	int64_t blanks = 0, before = 0;
	do {
		const test_frame page =
			CLIENT_ASK(bob, 0, R"({"msgid":105,"id":%lld,"peer":%lld,"limit":200%s)", (wide)bob->id,
		                   (wide)id, before ? (R"(,"before":)" + std::to_string(before)).c_str() : "");
		const cJSON *messages = cJSON_GetObjectItem(page.json.get(), "messages"), *message;

		assert_true(cJSON_GetArraySize(messages) > 0);
		before = json_integer(cJSON_GetArrayItem(messages, 0), "seq");
		cJSON_ArrayForEach(message, messages)
		{
			assert_string_equal(json_text(message, "msg").c_str(), "");
			blanks++;
		}
	} while (before > 1);
	assert_int_equal(blanks, count + 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, test_server_teardown)

int main(void)
{
	const CMUnitTest tests[] = {
		TEST(an_account_that_is_added_logs_in_also_where_registration_is_closed),
		TEST(a_password_that_an_operator_sets_ends_all_sessions_and_voids_all_tokens),
		TEST(a_locked_account_is_out_until_it_is_unlocked_and_loses_nothing),
		TEST(locking_races_with_logins_and_leaves_no_session),
		TEST(accounts_are_named_by_number_or_name_and_come_by_pages),
		TEST(an_export_has_all_that_the_account_may_read_each_once_whatever_the_pages),
		TEST(others_read_blanks_without_a_gap_and_the_groups_go_on),
		TEST(erasing_goes_on_after_the_server_was_killed),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
