/* SPDX-License-Identifier: MIT
 * Tests the verbs of operators about groups with a real server: what is shown, and that members hear of what an
 * operator does to their group; and the purge of what is old. */
#include <chrono>
#include <string>
#include <vector>

#include <cjson/cJSON.h>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/operator.h"
#include "tests/support/server.h"

using wide = long long;

static const char *const events = ",\"want\":[\"event\"]";

static int set_up(void **state)
{
	const int result = test_server_setup(state);
	auto *s = static_cast<test_server *>(*state);

	operator_allow(s);
	test_server_set(s, "core.audit", "file:" + s->folder + "/audit.log");
	test_server_start(s);
	return result;
}

static test_frame order(test_client *o, int msgid, int64_t group, const std::string &more = "", int wire_errno = 0)
{
	return CLIENT_ASK(o, wire_errno, R"({"msgid":%d,"groupid":%lld%s)", msgid, (wide)group, more.c_str());
}

static void a_group_is_shown_with_its_members_in_pages(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s), *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string name = client_new_name("club");
	const int64_t group = client_create_group(ann, name);

	client_join_group(bob, group);
	const test_frame first = order(o, CS_MSGID_GROUP_SHOW, group, ",\"limit\":1");
	assert_true(json_matches(first.json.get(),
	                         check_format(R"({"groupid":%lld,"groupname":%s,"creator":%lld,"name":%s,"admins":0,
		"normal":1,"join":"open","history":"joined","muted":0,"keep":0,"first":1,"last":2,"more":true})",
	                                      (wide)group, json_quote(name).c_str(), (wide)ann->id,
	                                      json_quote(ann->name).c_str())));
	assert_true(json_integer(first.json.get(), "created") > 0);
	const test_frame second = CLIENT_ASK(o, 0, R"({"msgid":931,"groupname":%s,"after":"%s")",
	                                     json_quote(name).c_str(), json_text(first.json.get(), "next").c_str());
	const cJSON *members = cJSON_GetObjectItem(second.json.get(), "members");
	assert_int_equal(cJSON_GetArraySize(members), 1);
	assert_true(json_matches(cJSON_GetArrayItem(members, 0),
	                         check_format(R"({"account":%lld,"role":"normal","muted":0})", (wide)bob->id)));
	assert_false(json_has(second.json.get(), "more"));
	(void)order(o, CS_MSGID_GROUP_SHOW, 1000000, "", CS_ERRNO_NO_SUCH_GROUP);
	(void)CLIENT_ASK(o, CS_ERRNO_BAD_FRAME, R"({"msgid":931)");
	(void)CLIENT_ASK(ann, CS_ERRNO_UNKNOWN_MSGID, R"({"msgid":931,"groupid":%lld)", (wide)group);
}

/* Also the creator, who has sent nothing and wants no echo. */
static void a_mute_by_an_operator_is_an_entry_that_all_members_get(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s), *ann = client_enter(s, "ann", events), *bob = client_enter(s, "bob", events);
	const int64_t group = client_create_group(ann, client_new_name("club"));

	client_join_group(bob, group);
	client_expect(ann, R"({"msgid":9,"seq":2})");
	const std::string account = check_format(",\"account\":%lld", (wide)bob->id);
	const test_frame muted = order(o, CS_MSGID_GROUP_MUTE, group, account + ",\"ms\":60000");
	assert_int_equal(json_integer(muted.json.get(), "seq"), 3);
	const std::string entry =
		check_format(R"({"msgid":146,"id":%lld,"groupid":%lld,"account":%lld,"operator":true,"seq":3})",
	                     (wide)ann->id, (wide)group, (wide)bob->id);
	client_expect(ann, entry);
	client_expect(bob, entry);
	(void)CLIENT_ASK(bob, CS_ERRNO_NOT_ALLOWED, R"({"msgid":10,"id":%lld,"groupid":%lld,"msg":"x","time":"")",
	                 (wide)bob->id, (wide)group);
	(void)order(o, CS_MSGID_GROUP_MUTE, group, account + ",\"ms\":0");
	client_expect(bob, R"({"msgid":146,"until":0,"operator":true,"seq":4})");
	assert_false(json_has(order(o, CS_MSGID_GROUP_MUTE, group, account + ",\"ms\":0").json.get(), "seq"));
	(void)order(o, CS_MSGID_GROUP_MUTE, group, ",\"account\":0,\"ms\":60000");
	client_expect(bob, R"({"msgid":146,"account":0,"operator":true,"seq":5})");
	(void)order(o, CS_MSGID_GROUP_MUTE, group, check_format(",\"account\":%lld,\"ms\":60000", (wide)ann->id),
	            CS_ERRNO_NOT_ALLOWED);
	(void)order(o, CS_MSGID_GROUP_MUTE, group, ",\"account\":1000000,\"ms\":60000", CS_ERRNO_NO_SUCH_USER);
	(void)order(o, CS_MSGID_GROUP_MUTE, 1000000, ",\"account\":0,\"ms\":1", CS_ERRNO_NO_SUCH_GROUP);
	check_wait("the audit line", [s] {
		return check_read_file(s->folder + "/audit.log").find("verb=group_mute peer=operator:") !=
		       std::string::npos;
	});
}

/* Its own removal is the last that it gets. */
static void wait_for_removal(test_client *c, int64_t by)
{
	const std::string own =
		check_format(R"({"msgid":141,"id":%lld,"account":%lld,"operator":true})", (wide)by, (wide)c->id);

	while (!json_matches(client_expect(c, R"({"msgid":141,"operator":true})").json.get(), own))
		;
	client_expect_quiet(c);
}

/* It was away: the last entry is in the page of its login. */
static void expect_own_end(const test_frame &ack, int64_t id)
{
	const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");

	assert_false(kept.empty());
	assert_true(json_matches(
		kept.back().get(),
		check_format(R"({"msgid":141,"id":%lld,"account":%lld,"operator":true})", (wide)id, (wide)id)));
}

/* 31 members: two requests, and one for the creator. Killed in between, it goes on. */
static void a_group_is_dissolved_in_parts_and_every_member_hears_of_it(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann", events), *bob = client_enter(s, "bob", events);
	const std::string name = client_new_name("club");
	const int64_t group = client_create_group(ann, name);

	client_join_group(bob, group);
	for (int i = 0; i < 29; i++) {
		test_client *c = client_enter(s, "member");

		client_join_group(c, group);
		client_close(c);
	}
	const int64_t ann_id = ann->id;
	test_client *o = operator_open(s);
	for (int64_t seq = 0; seq < 31;) /* the creation, and 30 who joined */
		seq = json_integer(client_read(bob).json.get(), "seq");
	const test_frame first = order(o, CS_MSGID_GROUP_DISSOLVE, group);
	assert_true(json_matches(first.json.get(), R"({"removed":20,"left":11,"ended":false})"));
	client_expect(bob, R"({"msgid":143,"join":"invite","operator":true})");
	wait_for_removal(bob, ann->id);
	test_server_kill(s);
	test_server_start(s);
	o = operator_open(s);
	assert_true(json_matches(order(o, CS_MSGID_GROUP_DISSOLVE, group).json.get(),
	                         R"({"removed":10,"left":1,"ended":false})"));
	assert_true(json_matches(order(o, CS_MSGID_GROUP_DISSOLVE, group).json.get(),
	                         R"({"removed":1,"left":0,"ended":true})"));
	(void)order(o, CS_MSGID_GROUP_DISSOLVE, group, "", CS_ERRNO_NO_SUCH_GROUP);
	test_frame ack;
	ann = client_return(s, ann_id, &ack, events);
	assert_false(json_has(ack.json.get(), "groups"));
	expect_own_end(ack, ann_id);
	(void)CLIENT_ASK(ann, CS_ERRNO_NO_SUCH_GROUP, R"({"msgid":10,"id":%lld,"groupid":%lld,"msg":"x","time":"")",
	                 (wide)ann->id, (wide)group);
	assert_true(client_create_group(ann, name) > group);
}

static void the_log_of_a_group_is_kept_as_an_operator_says(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s), *ann = client_enter(s, "ann");
	const int64_t group = client_create_group(ann, client_new_name("club"));

	(void)order(o, CS_MSGID_GROUP_KEEP, group, ",\"keep\":86400000");
	assert_int_equal(json_integer(order(o, CS_MSGID_GROUP_SHOW, group).json.get(), "keep"), 86400000);
	(void)order(o, CS_MSGID_GROUP_KEEP, group, ",\"forever\":true");
	assert_true(json_matches(order(o, CS_MSGID_GROUP_SHOW, group).json.get(), R"({"keep":-1})"));
	(void)order(o, CS_MSGID_GROUP_KEEP, group, ",\"keep\":0");
	assert_int_equal(json_integer(order(o, CS_MSGID_GROUP_SHOW, group).json.get(), "keep"), 0);
	(void)order(o, CS_MSGID_GROUP_KEEP, group, "", CS_ERRNO_BAD_FRAME);
	(void)order(o, CS_MSGID_GROUP_KEEP, group, ",\"keep\":3153600000001", CS_ERRNO_BAD_FRAME);
	(void)order(o, CS_MSGID_GROUP_KEEP, 1000000, ",\"keep\":0", CS_ERRNO_NO_SUCH_GROUP);
}

static int64_t wall_ms()
{
	const auto now = std::chrono::system_clock::now().time_since_epoch();

	return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

/* Those that are kept for ever, too. The newest entry is blanked, so that numbers go on. */
static void a_purge_removes_what_is_older_in_all_conversations(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s), *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob"), cid = client_absent(s, "cid");
	test_frame status;

	for (int i = 1; i <= 120; i++)
		client_chat_safely(ann, bob, "old");
	client_chat_safely(ann, cid, "old");
	const test_frame old = CLIENT_ASK(ann, 0, R"({"msgid":105,"id":%lld,"peer":%lld)", (wide)ann->id, (wide)cid);
	const cJSON *messages = cJSON_GetObjectItemCaseSensitive(old.json.get(), "messages");
	const int64_t between = json_integer(cJSON_GetArrayItem(messages, 0), "ts") + 1;
	check_wait("the clock to go on", [=] { return wall_ms() >= between; });
	client_chat_safely(ann, cid, "new");
	assert_true(json_matches(CLIENT_ASK(o, 0, R"({"msgid":950)").json.get(), R"({"running":false,"before":0})"));
	(void)CLIENT_ASK(o, CS_ERRNO_BAD_FRAME, R"({"msgid":950,"before":%lld)", (wide)between + 3600000);
	assert_true(json_matches(CLIENT_ASK(o, 0, R"({"msgid":950,"before":%lld)", (wide)between).json.get(),
	                         R"({"running":true})"));
	check_wait("the end of the purge", [&] {
		status = CLIENT_ASK(o, 0, R"({"msgid":950)");
		return json_matches(status.json.get(), R"({"running":false})");
	});
	assert_true(json_matches(status.json.get(), R"({"conversations":2,"entries":121,"failures":0})"));
	assert_int_equal(client_chat_safely(ann, bob, "next"), 121);
	const test_frame left = CLIENT_ASK(ann, 0, R"({"msgid":105,"id":%lld,"peer":%lld)", (wide)ann->id, (wide)cid);
	assert_true(json_matches(left.json.get(), R"({"first":2,"last":2})"));
	/* The blank entry is not the newest any more. */
	for (const char *end : {R"({"running":false,"entries":1})", R"({"running":false,"entries":0})"}) {
		(void)CLIENT_ASK(o, 0, R"({"msgid":950,"before":%lld)", (wide)between);
		check_wait("the end of another purge",
		           [&] { return json_matches(CLIENT_ASK(o, 0, R"({"msgid":950)").json.get(), end); });
	}
}

static void a_purge_of_one_group_leaves_the_others_as_they_are(void **state)
{
	auto *s = static_cast<test_server *>(*state);
	test_client *o = operator_open(s), *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob"), first = client_create_group(ann, client_new_name("g")),
		      second = client_create_group(ann, client_new_name("g"));
	test_frame status;

	for (int i = 1; i <= 60; i++)
		for (const int64_t group : {first, second})
			client_group_chat_safely(ann, group, "old");
	client_chat_safely(ann, bob, "old");
	check_sleep_ms(5);
	const int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
				    std::chrono::system_clock::now().time_since_epoch())
	                            .count();
	(void)CLIENT_ASK(o, CS_ERRNO_NO_SUCH_GROUP, R"({"msgid":950,"before":%lld,"groupname":"none")", (wide)now);
	(void)CLIENT_ASK(o, 0, R"({"msgid":950,"before":%lld,"groupid":%lld)", (wide)now, (wide)second);
	check_wait("the end of the purge", [&] {
		status = CLIENT_ASK(o, 0, R"({"msgid":950)");
		return json_matches(status.json.get(), R"({"running":false})");
	});
	assert_int_equal(json_integer(status.json.get(), "groupid"), second);
	assert_true(json_matches(status.json.get(), R"({"conversations":1,"entries":61,"failures":0})"));
	assert_true(json_matches(order(o, CS_MSGID_GROUP_SHOW, first).json.get(), R"({"first":1,"last":61})"));
	assert_true(json_matches(order(o, CS_MSGID_GROUP_SHOW, second).json.get(), R"({"last":61})"));
	assert_int_equal(client_group_chat_safely(ann, second, "next"), 62);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_group_is_shown_with_its_members_in_pages, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(a_mute_by_an_operator_is_an_entry_that_all_members_get, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(a_group_is_dissolved_in_parts_and_every_member_hears_of_it, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(the_log_of_a_group_is_kept_as_an_operator_says, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(a_purge_removes_what_is_older_in_all_conversations, set_up,
	                                        test_server_teardown),
		cmocka_unit_test_setup_teardown(a_purge_of_one_group_leaves_the_others_as_they_are, set_up,
	                                        test_server_teardown),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
