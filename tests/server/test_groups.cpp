/* SPDX-License-Identifier: MIT
 * Tests groups: CREATE_GROUP, JOIN_GROUP, GROUP_CHAT and the groups in LOGIN_ACK. */
#include <cstdlib>
#include <string>

#include <sys/resource.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static void group_chat_reaches_every_member_but_the_sender(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *cid = client_enter(s, "cid");
	test_client *eve = client_enter(s, "eve");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	client_join_group(cid, group);
	/* 1 to 3 are the entries that made the group and its members. */
	assert_int_equal(client_group_chat_safely(ann, group, "hello all"), 4);
	for (test_client *c : {bob, cid})
		client_expect(
			c, check_format("{\"msgid\":10,\"id\":%lld,\"groupid\":%lld,\"msg\":\"hello all\",\"seq\":4}",
		                        (long long)ann->id, (long long)group));
	assert_int_equal(client_group_chat_safely(bob, group, "hello ann"), 5);
	for (test_client *c : {ann, cid})
		client_expect(c, check_format("{\"msgid\":10,\"id\":%lld,\"msg\":\"hello ann\",\"seq\":5}",
		                              (long long)bob->id));
	for (test_client *c : {ann, bob, cid, eve})
		client_expect_quiet(c);
}

static void a_group_chat_keeps_the_senders_own_bytes(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	const std::string frame = check_format(
		"{\"z\":[ ],\"msgid\":10, \"id\":%lld,\"groupid\":%lld,\"msg\":\"\\u4f60\",\"time\":\"t\" }",
		(long long)ann->id, (long long)group);
	client_send(ann, frame + "\n");
	const test_frame got = client_expect(bob, "{\"msgid\":10,\"seq\":3}");
	assert_int_equal(got.bytes.rfind(frame.substr(0, frame.size() - 1) + ",\"seq\":3,\"ts\":", 0), 0);
	client_expect_quiet(ann);
}

static void only_members_may_speak_and_only_groups_can_be_joined(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *eve = client_enter(s, "eve");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_group_chat(eve, group, "let me in");
	client_expect(eve, "{\"msgid\":100,\"of\":10,\"errno\":8,\"req\":null}");
	client_group_chat(ann, 7000000, "nowhere");
	client_expect(ann, "{\"msgid\":100,\"of\":10,\"errno\":7,\"req\":null}");
	CLIENT_ASK(eve, 7, "{\"msgid\":9,\"id\":%lld,\"groupid\":7000000", (long long)eve->id);
	client_join_group(eve, group);
	CLIENT_ASK(eve, 9, "{\"msgid\":9,\"id\":%lld,\"groupid\":%lld", (long long)eve->id, (long long)group);
	CLIENT_ASK(ann, 9, "{\"msgid\":9,\"id\":%lld,\"groupid\":%lld", (long long)ann->id, (long long)group);
	client_group_chat_safely(eve, group, "thanks");
	client_expect(ann, "{\"msgid\":10,\"msg\":\"thanks\",\"seq\":3}");
	client_expect_quiet(ann);
	client_expect_quiet(eve);
}

/* A pair is a conversation with a number too: it must not pass for a group. */
static void a_pairs_conversation_is_no_group(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *eve = client_enter(s, "eve");
	const int64_t before = client_create_group(eve, client_new_name("g"));

	client_chat_safely(ann, bob->id, "private");
	client_expect(bob, "{\"msg\":\"private\"}");
	for (int64_t id = before + 1; id < before + 3; id++) {
		CLIENT_ASK(eve, 7, "{\"msgid\":9,\"id\":%lld,\"groupid\":%lld", (long long)eve->id, (long long)id);
		CLIENT_ASK(eve, 7, "{\"msgid\":10,\"id\":%lld,\"groupid\":%lld,\"msg\":\"x\",\"time\":\"\"",
		           (long long)eve->id, (long long)id);
	}
	client_expect_quiet(ann);
	client_expect_quiet(bob);
}

static std::string repeated(const char *text, int count)
{
	std::string all;

	for (int i = 0; i < count; i++)
		all += text;
	return all;
}

static void group_names_are_unique_and_bounded(void **state)
{
	test_client *ann = client_enter((test_server *)*state, "ann");
	const long long id = ann->id;
	const std::string name = client_new_name("g");

	client_create_group(ann, name);
	CLIENT_ASK(ann, 9, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"%s\",\"groupdesc\":\"x\"", id, name.c_str());
	CLIENT_ASK(ann, 12, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"%s\",\"groupdesc\":\"x\"", id,
	           repeated("n", 51).c_str());
	CLIENT_ASK(ann, 12, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"n\",\"groupdesc\":\"%s\"", id,
	           repeated("d", 201).c_str());
	CLIENT_ASK(ann, 4, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"\",\"groupdesc\":\"x\"", id);
	CLIENT_ASK(ann, 4, "{\"msgid\":8,\"id\":%lld,\"groupname\":\" \xe2\x80\x8b\",\"groupdesc\":\"x\"", id);
	CLIENT_ASK(ann, 0, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"%s\",\"groupdesc\":\"%s\"", id,
	           repeated("\xc3\xb6", 50).c_str(), repeated("\xe5\xbc\xa0", 200).c_str());
	client_sendf(ann, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"%s\",\"groupdesc\":\"x\"}", id, name.c_str());
	client_expect(ann, "{\"msgid\":100,\"of\":8,\"errno\":9,\"req\":null}");
	client_expect_quiet(ann);
}

static void the_login_lists_groups_with_all_members_roles_and_states(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t a = ann->id, b = bob->id;
	const std::string name = client_new_name("c++ \"talk\"");
	const int64_t group = client_create_group(ann, name), other = client_create_group(bob, client_new_name("g"));

	client_join_group(bob, group);
	client_logout(ann);
	client_logout(bob);
	const test_frame ack = client_login(bob, b);
	const std::vector<json_ptr> groups = json_parse_all(ack.json.get(), "groups");
	assert_int_equal(groups.size(), 2);
	assert_true(json_matches(groups[0].get(), check_format("{\"id\":%lld,\"groupname\":%s,\"groupdesc\":\"talk\"}",
	                                                       (long long)group, json_quote(name).c_str())));
	assert_true(json_matches(groups[1].get(), check_format("{\"id\":%lld}", (long long)other)));
	const std::vector<json_ptr> users = json_parse_all(groups[0].get(), "users");
	assert_int_equal(users.size(), 2);
	for (const json_ptr &user : users)
		assert_true(json_integer(user.get(), "id") == a
		                    ? json_matches(user.get(), check_format("{\"id\":%lld,\"name\":\"%s\",\"state\":"
		                                                            "\"offline\",\"role\":\"creator\"}",
		                                                            (long long)a, ann->name.c_str()))
		                    : json_matches(user.get(), check_format("{\"id\":%lld,\"name\":\"%s\",\"state\":"
		                                                            "\"online\",\"role\":\"normal\"}",
		                                                            (long long)b, bob->name.c_str())));
}

static void members_who_are_away_get_it_later_and_newcomers_only_what_comes_after_them(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *cid = client_enter(s, "cid");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	client_logout(bob);
	for (int i = 1; i <= 10; i++)
		client_group_chat_safely(ann, group, check_format("%d", i));
	client_join_group(cid, group);
	for (int i = 11; i <= 20; i++)
		client_group_chat_safely(ann, group, check_format("%d", i));
	for (int i = 11; i <= 20; i++)
		client_expect(cid, check_format("{\"msgid\":10,\"msg\":\"%d\",\"seq\":%d}", i, i + 3));
	client_expect_quiet(cid);
	const test_frame ack = client_login(bob, bob->id);
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(kept.size(), 20);
	for (int i = 1; i <= 20; i++)
		assert_true(
			json_matches(kept[(size_t)i - 1].get(), check_format("{\"msgid\":10,\"msg\":\"%d\",\"seq\":%d}",
		                                                             i, i <= 10 ? i + 2 : i + 3)));
	client_logout(cid);
	const test_frame again = client_login(cid, cid->id);
	assert_false(json_has(again.json.get(), "offlinemsg"));
}

/* Many join while one speaks: each sees, from its join on, every message once and in order, the last included. */
static void who_joins_in_the_middle_of_talk_misses_nothing_after_the_answer(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann");
	const int64_t group = client_create_group(ann, client_new_name("g"));
	std::vector<test_client *> others;
	int last = 0;

	for (int i = 0; i < 12; i++)
		others.push_back(client_enter(s, "newcomer"));
	for (test_client *c : others) {
		for (int i = 0; i < 5; i++)
			client_group_chat(ann, group, check_format("%d", ++last));
		client_sendf(c, "{\"msgid\":9,\"id\":%lld,\"groupid\":%lld,\"req\":1}", (long long)c->id,
		             (long long)group);
		for (int i = 0; i < 5; i++)
			client_group_chat(ann, group, check_format("%d", ++last));
	}
	for (test_client *c : others)
		client_read_answer(c, 1);
	last++;
	/* The joins took a seq each. */
	assert_int_equal(client_group_chat_safely(ann, group, check_format("%d", last)), last + 13);
	for (test_client *c : others) {
		int at = 0;

		while (at < last) {
			const int next = atoi(json_text(client_expect(c, "{\"msgid\":10}").json.get(), "msg").c_str());

			if (at != 0 && next != at + 1)
				client_fail(c, test_at::current(), "message %d after %d", next, at);
			at = next;
		}
		client_expect_quiet(c);
	}
}

/* A join that was answered is there after kill -9, for the member and for who comes back. */
static void joins_reach_who_wants_events_and_survive_a_kill(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann", ",\"want\":[\"event\"]"), *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(ann, client_new_name("g")), a = ann->id, b = bob->id;
	const std::string join = check_format("{\"msgid\":9,\"id\":%lld,\"groupid\":%lld,\"name\":\"%s\",\"seq\":2}",
	                                      (long long)b, (long long)group, bob->name.c_str());
	test_frame ack;

	client_join_group(bob, group);
	client_expect(ann, join);
	client_expect_quiet(bob);
	test_server_kill(s);
	test_server_start(s);
	ann = client_return(s, a, nullptr, ",\"want\":[\"event\",\"echo\"]");
	bob = client_return(s, b, &ack);
	assert_int_equal(json_parse_all(ack.json.get(), "groups").size(), 1);
	assert_int_equal(client_group_chat_safely(ann, group, "back"), 3);
	client_expect(bob, "{\"msgid\":10,\"msg\":\"back\",\"seq\":3}");
	client_expect_quiet(bob);
}

static void all_members_see_the_messages_of_many_senders_in_one_order(void **state)
{
	test_server *s = (test_server *)*state;
	std::vector<test_client *> all;
	int64_t group = 0;

	for (int i = 0; i < 10; i++) {
		all.push_back(client_enter(s, "member"));
		if (i == 0)
			group = client_create_group(all[0], client_new_name("g"));
		else
			client_join_group(all[(size_t)i], group);
	}
	for (int round = 0; round < 20; round++)
		for (test_client *c : all)
			client_group_chat(c, group, check_format("%lld", (long long)c->id));
	for (test_client *c : all) {
		int64_t last = 0;

		for (int i = 0; i < 180; i++) {
			const int64_t seq = json_integer(client_expect(c, "{\"msgid\":10}").json.get(), "seq");

			if (seq <= last)
				client_fail(c, test_at::current(), "seq %lld after %lld", (long long)seq,
				            (long long)last);
			last = seq;
		}
		client_expect_quiet(c);
	}
	assert_int_equal(client_group_chat_safely(all[0], group, "end"), 211);
}

static void one_group_name_asked_for_many_times_at_once_is_given_once(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string name = client_new_name("contested");
	std::vector<test_client *> all;
	int given = 0;

	for (int i = 0; i < 10; i++)
		all.push_back(client_enter(s, "founder"));
	for (test_client *c : all)
		client_sendf(c, "{\"msgid\":8,\"id\":%lld,\"groupname\":\"%s\",\"groupdesc\":\"\",\"req\":1}",
		             (long long)c->id, name.c_str());
	for (test_client *c : all) {
		const int64_t number =
			json_integer(client_expect(c, "{\"msgid\":100,\"of\":8,\"req\":1}").json.get(), "errno");

		assert_true(number == 0 || number == 9);
		given += number == 0;
	}
	assert_int_equal(given, 1);
}

static void a_group_of_500_members_hears_everything(void **state)
{
	test_server *s = (test_server *)*state;
	struct rlimit files;
	std::vector<test_client *> all;
	int64_t group = 0;

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < 500; i++) {
		all.push_back(client_enter(s, "crowd"));
		if (i == 0)
			group = client_create_group(all[0], client_new_name("crowd"));
		else
			client_join_group(all.back(), group);
	}
	for (int i = 0; i < 5; i++)
		client_group_chat_safely(all[(size_t)i * 100], group, check_format("%d", i));
	for (size_t k = 0; k < all.size(); k++) {
		for (int i = 0; i < 5; i++)
			if (k != (size_t)i * 100)
				client_expect(all[k],
				              check_format("{\"msgid\":10,\"msg\":\"%d\",\"seq\":%d}", i, i + 501));
	}
	client_logout(all[7]);
	const test_frame ack = client_login(all[7], all[7]->id);
	const std::vector<json_ptr> groups = json_parse_all(ack.json.get(), "groups");
	assert_int_equal(json_parse_all(groups.at(0).get(), "users").size(), 500);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(group_chat_reaches_every_member_but_the_sender),
		TEST(a_group_chat_keeps_the_senders_own_bytes),
		TEST(only_members_may_speak_and_only_groups_can_be_joined),
		TEST(a_pairs_conversation_is_no_group),
		TEST(group_names_are_unique_and_bounded),
		TEST(the_login_lists_groups_with_all_members_roles_and_states),
		TEST(members_who_are_away_get_it_later_and_newcomers_only_what_comes_after_them),
		TEST(who_joins_in_the_middle_of_talk_misses_nothing_after_the_answer),
		TEST(joins_reach_who_wants_events_and_survive_a_kill),
		TEST(all_members_see_the_messages_of_many_senders_in_one_order),
		TEST(one_group_name_asked_for_many_times_at_once_is_given_once),
		TEST(a_group_of_500_members_hears_everything),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
