/* SPDX-License-Identifier: MIT
 * Tests roles, leaving, removals, bans, mutes, settings and invitations of groups over the wire. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/group_stage.h"
#include "tests/support/server.h"

static const char *const events = ",\"want\":[\"event\"]";

static test_frame ask(test_client *c, int wire_errno, int msgid, int64_t group, const std::string &more,
                      test_at at = test_at::current())
{
	return client_ask(c, wire_errno, at, "{\"msgid\":%d,\"id\":%lld,\"groupid\":%lld%s", msgid, (long long)c->id,
	                  (long long)group, more.c_str());
}

static std::string about(const test_client *c, const char *more = "")
{
	return check_format(",\"account\":%lld%s", (long long)c->id, more);
}

static test_frame remove_member(test_client *c, int wire_errno, int64_t group, const test_client *of,
                                const char *more = "", test_at at = test_at::current())
{
	return ask(c, wire_errno, 141, group, about(of, more), at);
}

static void every_request_of_everybody_about_everybody_does_what_its_role_permits(void **state)
{
	test_server *const servers[] = {(test_server *)*state};

	group_stage_play(servers);
}

static void a_removed_member_gets_its_removal_last(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", events), *old = client_enter(s, "old");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	client_join_group(old, group);
	client_expect(bob, "{\"msgid\":9,\"seq\":3}");
	client_group_chat_safely(ann, group, "before");
	for (test_client *c : {bob, old})
		client_expect(c, "{\"msgid\":10,\"msg\":\"before\",\"seq\":4}");
	assert_int_equal(json_integer(remove_member(ann, 0, group, bob).json.get(), "seq"), 5);
	remove_member(ann, 0, group, old);
	client_group_chat_safely(ann, group, "after");
	client_expect(bob, check_format("{\"msgid\":141,\"id\":%lld,\"groupid\":%lld,\"account\":%lld,\"name\":%s,"
	                                "\"seq\":5}",
	                                (long long)ann->id, (long long)group, (long long)bob->id,
	                                json_quote(ann->name).c_str()));
	for (test_client *c : {bob, old}) {
		client_expect_quiet(c);
		ask(c, 8, 10, group, ",\"msg\":\"x\"");
	}
}

static void who_was_removed_while_away_gets_the_removal_last_at_the_next_login(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", events);
	const int64_t group = client_create_group(ann, client_new_name("g")), id = bob->id;
	test_frame ack;

	client_join_group(bob, group);
	client_leave(bob);
	client_group_chat_safely(ann, group, "missed");
	ask(ann, 0, 141, group, check_format(",\"account\":%lld", (long long)id));
	client_group_chat_safely(ann, group, "not for bob");
	bob = client_return(s, id, &ack, events);
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
	assert_int_equal(kept.size(), 2);
	assert_true(json_matches(kept[0].get(), "{\"msg\":\"missed\",\"seq\":3}"));
	assert_true(json_matches(kept[1].get(), "{\"msgid\":141,\"seq\":4}"));
	assert_true(!json_has(ack.json.get(), "groups"));
	client_expect_quiet(bob);
}

/* DELIVERED asks what the session may have, with a view that nothing was sent to. */
static void who_was_banned_without_ever_being_a_member_gets_nothing(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", events);
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_group_chat_safely(ann, group, "before");
	remove_member(ann, 0, group, bob, ",\"ban\":true");
	for (const char *seq : {"1", "2", "3"})
		ask(bob, 8, 104, group, std::string(",\"seq\":") + seq);
	client_group_chat_safely(ann, group, "after");
	client_expect_quiet(bob);
}

static void the_creator_hands_over_before_it_leaves_and_the_last_one_ends_the_group(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string name = client_new_name("g");
	const int64_t group = client_create_group(ann, name);

	client_join_group(bob, group);
	remove_member(ann, 8, group, ann);
	ask(ann, 0, 142, group, about(bob, ",\"role\":\"creator\""));
	/* Once more: it is so already. */
	assert_true(!json_has(ask(ann, 0, 142, group, about(bob, ",\"role\":\"creator\"")).json.get(), "seq"));
	remove_member(ann, 0, group, ann);
	assert_true(!json_has(remove_member(ann, 0, group, ann).json.get(), "seq"));
	remove_member(bob, 0, group, bob);
	for (test_client *c : {ann, bob}) {
		ask(c, 7, 9, group, "");
		ask(c, 7, 10, group, ",\"msg\":\"x\"");
		ask(c, 7, 141, group, about(bob));
		ask(c, 7, 142, group, about(bob, ",\"role\":\"admin\""));
		ask(c, 7, 143, group, ",\"groupdesc\":\"x\"");
		ask(c, 7, 144, group, "");
		ask(c, 7, 145, group, about(bob));
		ask(c, 7, 146, group, ",\"account\":0,\"until\":0");
	}
	assert_true(client_create_group(bob, name) != group);
}

static void who_is_mute_may_not_write_and_is_told_until_when(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob"), *cid = client_enter(s, "cid");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	client_join_group(cid, group);
	ask(ann, 0, 146, group, about(bob, ",\"until\":9000000000000"));
	assert_int_equal(json_integer(ask(bob, 8, 10, group, ",\"msg\":\"x\"").json.get(), "until"), 9000000000000);
	ask(cid, 0, 10, group, ",\"msg\":\"x\"");
	/* To leave and to join again does not end it. */
	remove_member(bob, 0, group, bob);
	client_join_group(bob, group);
	ask(bob, 8, 10, group, ",\"msg\":\"x\"");
	ask(ann, 0, 146, group, about(bob, ",\"until\":0"));
	ask(bob, 0, 10, group, ",\"msg\":\"x\"");
	/* All who are normal. */
	ask(ann, 0, 142, group, about(cid, ",\"role\":\"admin\""));
	ask(cid, 0, 146, group, ",\"account\":0,\"until\":9000000000001");
	assert_int_equal(json_integer(ask(bob, 8, 10, group, ",\"msg\":\"x\"").json.get(), "until"), 9000000000001);
	ask(cid, 0, 10, group, ",\"msg\":\"x\"");
	ask(ann, 0, 10, group, ",\"msg\":\"x\"");
	ask(ann, 0, 142, group, about(cid, ",\"role\":\"normal\""));
	ask(cid, 8, 10, group, ",\"msg\":\"x\"");
	ask(ann, 0, 146, group, ",\"account\":0,\"until\":0");
	ask(cid, 0, 10, group, ",\"msg\":\"x\"");
}

static void a_login_lists_a_group_by_its_new_name_and_admins_as_normal(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string name = client_new_name("g"), next = client_new_name("g"), taken = client_new_name("g");
	const int64_t group = client_create_group(ann, name);

	client_join_group(bob, group);
	client_create_group(bob, taken);
	ask(ann, 0, 142, group, about(bob, ",\"role\":\"admin\""));
	ask(bob, 9, 143, group, ",\"groupname\":" + json_quote(taken));
	ask(bob, 0, 143, group, ",\"groupname\":" + json_quote(next) + ",\"groupdesc\":\"new\",\"history\":\"all\"");
	client_create_group(bob, name);
	client_logout(ann);
	const test_frame ack = client_login(ann, ann->id);
	const std::vector<json_ptr> groups = json_parse_all(ack.json.get(), "groups");
	assert_int_equal(groups.size(), 1);
	assert_true(json_matches(groups[0].get(), "{\"groupname\":" + json_quote(next) + ",\"groupdesc\":\"new\"}"));
	const std::vector<json_ptr> users = json_parse_all(groups[0].get(), "users");
	assert_int_equal(users.size(), 2);
	assert_string_equal(json_text(users[0].get(), "role").c_str(), "creator");
	assert_string_equal(json_text(users[1].get(), "role").c_str(), "normal");
	/* MEMBERS says what it is. */
	const test_frame answer = ask(ann, 0, 144, group, "");
	const cJSON *members = cJSON_GetObjectItem(answer.json.get(), "members");
	assert_int_equal(cJSON_GetArraySize(members), 2);
	const cJSON *second = cJSON_GetArrayItem(members, 1);
	assert_true(json_matches(second, check_format("{\"account\":%lld,\"name\":%s,\"role\":\"admin\","
	                                              "\"state\":\"online\"}",
	                                              (long long)bob->id, json_quote(bob->name).c_str())));
	assert_true(json_integer(second, "joined") > 1700000000000);
}

static void wrong_fields_are_refused(void **state)
{
	static const struct {
		int msgid;
		const char *more, *text;
	} cases[] = {
		{141, "", "account is missing"},
		{141, ",\"account\":0", "account must be an integer from 1 to 9007199254740991"},
		{141, ",\"account\":1,\"ban\":1", "ban must be true or false"},
		{141, ",\"account\":1,\"seq\":1", "seq is the server's to add"},
		{141, ",\"account\":1,\"recalled\":1", "recalled is the server's to add"},
		{141, ",\"account\":1,\"operator\":true", "operator is the server's to add"},
		{142, ",\"account\":1,\"role\":\"admin\",\"oper\\u0061tor\":true", "operator is the server's to add"},
		{143, ",\"join\":\"open\",\"operator\":false", "operator is the server's to add"},
		{145, ",\"account\":1,\"operator\":true", "operator is the server's to add"},
		{146, ",\"account\":1,\"until\":1,\"operator\":true", "operator is the server's to add"},
		{141, ",\"account\":1,\"cid\":\"\"", "cid must have 1 to 64 bytes"},
		{142, ",\"role\":\"admin\"", "account is missing"},
		{142, ",\"account\":1", "role is missing"},
		{142, ",\"account\":1,\"role\":\"king\"", "role must be creator, admin or normal"},
		{143, "", "one of groupname, groupdesc, join and history must be there"},
		{143, ",\"groupname\":\"\"", "groupname must have 1 to 50 characters"},
		{143, ",\"groupname\":7", "groupname must be a text"},
		{143, ",\"join\":\"closed\"", "join must be open or invite"},
		{143, ",\"history\":true", "history must be a text"},
		{143, ",\"history\":\"none\"", "history must be joined or all"},
		{146, ",\"account\":1", "until is missing"},
		{146, ",\"until\":1", "account is missing"},
		{146, ",\"account\":-1,\"until\":1", "account must be an integer from 0 to 9007199254740991"},
		{146, ",\"account\":1,\"until\":-1", "until must be an integer from 0 to 9007199254740991"},
	};
	test_client *ann = client_enter((test_server *)*state, "ann");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	for (const auto &c : cases)
		assert_string_equal(json_text(ask(ann, 4, c.msgid, group, c.more).json.get(), "errmsg").c_str(),
		                    c.text);
	ask(ann, 12, 143, group, ",\"groupname\":\"" + std::string(51, 'n') + "\"");
	ask(ann, 12, 143, group, ",\"groupdesc\":\"" + std::string(201, 'n') + "\"");
	for (const int msgid : {141, 142, 143, 145, 146}) {
		CLIENT_ASK(ann, 4, "{\"msgid\":%d,\"id\":%lld", msgid, (long long)ann->id);
		ask(ann, 8, msgid, group,
		    ",\"account\":1,\"role\":\"admin\",\"join\":\"open\",\"until\":1,\"name\":\"bob\"");
	}
	assert_int_equal(client_group_chat_safely(ann, group, "next"), 2);
}

static void a_request_with_the_cid_of_one_before_is_answered_with_its_seq(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	for (int i = 0; i < 2; i++) {
		const test_frame answer = remove_member(ann, 0, group, bob, ",\"cid\":\"once\"");
		assert_int_equal(json_integer(answer.json.get(), "seq"), 3);
	}
}

static void nothing_but_an_invitation_lets_in_where_the_group_is_not_open(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", events);
	const int64_t group = client_create_group(ann, client_new_name("g"));

	ask(ann, 0, 143, group, ",\"join\":\"invite\"");
	ask(bob, 8, 9, group, "");
	ask(ann, 0, 145, group, about(bob));
	client_expect(bob, "{\"msgid\":145}");
	/* Declined, without an entry. */
	assert_true(!json_has(remove_member(bob, 0, group, bob).json.get(), "seq"));
	ask(bob, 8, 9, group, "");
	ask(ann, 0, 145, group, about(bob));
	client_expect(bob, "{\"msgid\":145}");
	/* Taken back. */
	assert_true(!json_has(remove_member(ann, 0, group, bob).json.get(), "seq"));
	ask(bob, 8, 9, group, "");
	ask(ann, 0, 145, group, about(bob));
	assert_int_equal(json_integer(ask(bob, 0, 9, group, "").json.get(), "seq"), 3);
	/* It is used up. */
	remove_member(bob, 0, group, bob);
	ask(bob, 8, 9, group, "");
}

static void signals_of_who_was_removed_end_within_a_second(void **state)
{
	test_server *s = (test_server *)*state;
	const char *wanted = ",\"want\":[\"signal\"]";
	test_client *ann = client_enter(s, "ann", wanted), *bob = client_enter(s, "bob", wanted);
	const int64_t group = client_create_group(ann, client_new_name("g"));

	client_join_group(bob, group);
	const std::string more = ",\"kind\":\"x\"";
	ask(bob, 0, 122, group, more);
	ask(ann, 0, 122, group, more);
	remove_member(ann, 0, group, bob);
	const int64_t removed = check_now();
	/* Both send, and say when. */
	for (int64_t at = 0; at <= 1200; at = check_now() - removed) {
		const long long req = bob->next_req++;
		client_sendf(bob, "{\"msgid\":122,\"id\":%lld,\"groupid\":%lld,\"kind\":\"x\",\"req\":%lld}",
		             (long long)bob->id, (long long)group, req);
		const int64_t wire_errno = json_integer(client_read_answer(bob, req).json.get(), "errno");
		assert_true(wire_errno == 8 || (wire_errno == 0 && at <= 1000));
		ask(ann, 0, 122, group, check_format(",\"kind\":\"x\",\"at\":%lld", (long long)at));
		check_sleep_ms(5);
	}
	client_chat_safely(ann, bob->id, "the end");
	for (test_frame frame = client_read(bob); json_integer(frame.json.get(), "msgid") != 6;
	     frame = client_read(bob))
		assert_true(json_integer(frame.json.get(), "at") <= 1000);
}

static void what_was_acknowledged_before_a_crash_is_done(void **state)
{
	test_server *s = (test_server *)*state;

	test_server_start(s);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(ann, client_new_name("g"));
	const int64_t ann_id = ann->id, bob_id = bob->id;
	int64_t seq = 1;

	for (int i = 0; i < 5; i++) {
		if (i > 0) {
			ann = client_return(s, ann_id);
			bob = client_return(s, bob_id);
		}
		const std::string of_bob = check_format(",\"account\":%lld", (long long)bob_id);
		assert_int_equal(json_integer(ask(bob, 0, 9, group, "").json.get(), "seq"), ++seq);
		assert_int_equal(
			json_integer(ask(ann, 0, 142, group, of_bob + ",\"role\":\"admin\"").json.get(), "seq"), ++seq);
		assert_int_equal(
			json_integer(ask(ann, 0, 143, group, check_format(",\"groupdesc\":\"%d\"", i)).json.get(),
		                     "seq"),
			++seq);
		assert_int_equal(json_integer(ask(ann, 0, 141, group, of_bob).json.get(), "seq"), ++seq);
		test_server_kill(s);
		for (test_client *c : {ann, bob})
			client_close(c);
		test_server_start(s);
		test_frame ack;
		client_close(client_return(s, ann_id, &ack));
		const std::vector<json_ptr> groups = json_parse_all(ack.json.get(), "groups");
		assert_true(json_matches(groups.at(0).get(), check_format("{\"groupdesc\":\"%d\"}", i)));
		assert_int_equal(json_parse_all(groups[0].get(), "users").size(), 1);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_removed_member_gets_its_removal_last),
		TEST(who_was_removed_while_away_gets_the_removal_last_at_the_next_login),
		TEST(who_was_banned_without_ever_being_a_member_gets_nothing),
		TEST(the_creator_hands_over_before_it_leaves_and_the_last_one_ends_the_group),
		TEST(who_is_mute_may_not_write_and_is_told_until_when),
		TEST(a_login_lists_a_group_by_its_new_name_and_admins_as_normal),
		TEST(wrong_fields_are_refused),
		TEST(a_request_with_the_cid_of_one_before_is_answered_with_its_seq),
		TEST(nothing_but_an_invitation_lets_in_where_the_group_is_not_open),
		TEST(signals_of_who_was_removed_end_within_a_second),
		TEST(every_request_of_everybody_about_everybody_does_what_its_role_permits),
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test_setup_teardown(what_was_acknowledged_before_a_crash_is_done, test_server_setup,
	                                        test_server_teardown),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(alone, nullptr, nullptr);
}
