/* SPDX-License-Identifier: MIT
 * Tests the handlers of CREATE_GROUP, JOIN_GROUP and GROUP_CHAT: fields, errors, and the calls to the mailbox and the
 * store. */
#include "plugins/model/groups.h"
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static const char *const integer = "must be an integer from 1 to 9007199254740991";

static std::string create_frame(const std::string &name, const std::string &description)
{
	return "{\"msgid\":8,\"id\":1,\"groupname\":\"" + name + "\",\"groupdesc\":\"" + description + "\"}";
}

static std::string repeated(const char *text, int times)
{
	std::string all;

	for (int i = 0; i < times; i++)
		all += text;
	return all;
}

static void a_group_is_made_and_answered_with_its_number(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");
	std::vector<group_entry> groups;

	const std::string answer =
		fixture_ask(f, conn, R"({"msgid":8,"id":1,"groupname":"c++","groupdesc":"talk","req":2})");
	assert_int_equal(group_list(f->host->db, 1, &groups), 0);
	assert_int_equal(groups.size(), 1);
	assert_string_equal(groups[0].name.c_str(), "c++");
	assert_string_equal(groups[0].description.c_str(), "talk");
	assert_int_equal(groups[0].members.size(), 1);
	assert_int_equal(groups[0].members[0].role, GROUP_CREATOR);
	assert_string_equal(answer.c_str(), check_format("{\"msgid\":100,\"of\":8,\"req\":2,\"errno\":0,"
	                                                 "\"seq\":1,\"groupid\":%llu}",
	                                                 (unsigned long long)groups[0].id)
	                                            .c_str());
	const cs_effect &effect = f->mailbox.effects.at(0);
	assert_true(effect.conversation == groups[0].id && effect.joins == 1 && effect.leaves == 0);
	assert_string_equal(effect.added, check_format(",\"groupid\":%llu", (unsigned long long)groups[0].id).c_str());
	assert_int_equal(f->mailbox.sent[0].kind, CS_CONVERSATION_GROUP);
	assert_int_equal(f->mailbox.sent[0].to, 0);
	assert_int_equal(f->mailbox.sent[0].lock, 1); /* for max_groups */
	fixture_expect_idle(f, conn);
}

static void a_group_without_req_is_made_in_silence(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");

	assert_string_equal(fixture_ask(f, conn, create_frame("c++", "talk")).c_str(), "");
	assert_string_equal(fixture_ask(f, conn, R"({"msgid":8,"id":1,"groupname":"c"})").c_str(), "");
	assert_int_equal(f->mailbox.effects.size(), 2);
}

/* Its creator learns which group it is: so a repeated request is harmless. */
static void a_taken_group_name_exists(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");
	uint64_t gao = 0, joined_seq = 0;
	const cs_conn other = fixture_session(f, "gao yang", &gao);

	fixture_ask(f, conn, create_frame("c++", "talk"));
	const uint64_t group = f->mailbox.effects.at(0).conversation;
	assert_string_equal(fixture_ask(f, conn, create_frame("c++", "other")).c_str(),
	                    check_format("{\"msgid\":100,\"of\":8,\"errno\":9,\"errmsg\":\"the group name is taken\","
	                                 "\"groupid\":%llu}",
	                                 (unsigned long long)group)
	                            .c_str());
	assert_int_equal(f->mailbox.effects.back().conversation, group);
	/* A member that did not make it is told nothing. */
	assert_int_equal(group_join(f->host->db, gao, group, &joined_seq), 0);
	assert_string_equal(fixture_ask(f, other, R"({"msgid":8,"id":2,"groupname":"c++"})").c_str(),
	                    fixture_refusal(8, 9, "the group name is taken").c_str());
	assert_int_equal(f->mailbox.effects.back().conversation, 0);
	fixture_expect_idle(f, conn);
}

static void group_texts_have_their_limits_in_characters(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");
	const std::string name_refused = fixture_refusal(8, 12, "groupname must have 1 to 50 characters");
	const std::string description_refused = fixture_refusal(8, 12, "groupdesc must have up to 200 characters");

	for (const char *character : {"a", "\xe5\xbc\xa0", "\xf0\x9f\x98\x80"}) {
		const std::string name = repeated(character, 50), description = repeated(character, 200);
		assert_string_equal(fixture_ask(f, conn, create_frame(name, description)).c_str(), "");
		assert_string_equal(fixture_ask(f, conn, create_frame(name + character, "")).c_str(),
		                    name_refused.c_str());
		assert_string_equal(fixture_ask(f, conn, create_frame("x", description + character)).c_str(),
		                    description_refused.c_str());
	}
	assert_int_equal(f->mailbox.effects.size(), 3);
}

static void group_texts_that_are_wrong_are_refused(void **state)
{
	static const struct {
		const char *frame, *text;
	} cases[] = {
		{R"({"msgid":8,"id":1,"groupdesc":"x"})", "groupname is missing"},
		{R"({"msgid":8,"id":1,"groupname":7,"groupdesc":"x"})", "groupname must be a text"},
		{R"({"msgid":8,"id":1,"groupname":"x","groupdesc":7})", "groupdesc must be a text"},
		{R"({"msgid":8,"id":1,"groupname":"x","groupdesc":null})", "groupdesc must be a text"},
		{R"({"msgid":8,"id":1,"groupname":"","groupdesc":"x"})", "groupname must have 1 to 50 characters"},
		{R"({"msgid":8,"id":1,"groupname":"a\nb"})", "groupname must not have control characters"},
		{R"({"msgid":8,"id":1,"groupname":"a\u202eb"})", "groupname must not have control characters"},
		{R"({"msgid":8,"id":1,"groupname":"  "})", "groupname must have a visible character"},
		{R"({"msgid":8,"id":1,"groupname":"\u200b\u3164"})", "groupname must have a visible character"},
	};
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");

	for (const auto &c : cases)
		assert_string_equal(fixture_ask(f, conn, c.frame).c_str(), fixture_refusal(8, 4, c.text).c_str());
	assert_int_equal(f->mailbox.sent.size(), 0);
}

static std::string group_frame(int msgid, uint64_t account, uint64_t group, const char *more = "")
{
	return check_format("{\"msgid\":%d,\"id\":%llu,\"groupid\":%llu%s}", msgid, (unsigned long long)account,
	                    (unsigned long long)group, more);
}

static void a_member_joins_once(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	uint64_t zhang = 0, gao = 0, group = 0, joined_seq = 0;
	const cs_conn conn = fixture_session(f, "gao yang", &gao);

	zhang = fixture_account(f, "zhang san");
	assert_int_equal(group_create(f->host->db, zhang, "c++", "talk", &group), 0);
	assert_string_equal(fixture_ask(f, conn, group_frame(9, gao, group, ",\"req\":1")).c_str(),
	                    R"({"msgid":100,"of":9,"req":1,"errno":0,"seq":1})");
	assert_int_equal(group_find_member(f->host->db, gao, group, &joined_seq), 0);
	assert_int_equal(joined_seq, 0);
	assert_int_equal(f->mailbox.effects.at(0).joins, gao);
	assert_int_equal(f->mailbox.sent[0].to, group);
	assert_string_equal(fixture_ask(f, conn, group_frame(9, gao, group)).c_str(),
	                    fixture_refusal(9, 9, "already a member").c_str());
	assert_int_equal(f->mailbox.effects.at(1).joins, 0);
	fixture_expect_idle(f, conn);
}

static void a_group_that_is_not_there_is_refused(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");
	const std::string wrong = std::string("groupid ") + integer;

	assert_string_equal(fixture_ask(f, conn, group_frame(9, 1, 77)).c_str(),
	                    fixture_refusal(9, 7, "groupid names no group").c_str());
	for (const char *value : {"0", "-1", "1.5", "\"1\"", "null", "{}", "9007199254740992"})
		for (const int msgid : {9, 10})
			assert_string_equal(
				fixture_ask(f, conn,
			                    check_format("{\"msgid\":%d,\"id\":1,\"msg\":\"x\",\"groupid\":%s}", msgid,
			                                 value))
					.c_str(),
				fixture_refusal(msgid, 4, wrong.c_str()).c_str());
	for (const int msgid : {9, 10})
		assert_string_equal(
			fixture_ask(f, conn, check_format("{\"msgid\":%d,\"id\":1,\"msg\":\"x\"}", msgid)).c_str(),
			fixture_refusal(msgid, 4, "groupid is missing").c_str());
}

static void a_group_message_is_given_to_the_mailbox(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");
	const char *frame = R"({"msgid":10,"id":1,"name":"zhang san","groupid":4,"msg":"hi","cid":"k"})";

	assert_int_equal(fake_host_request(f->host.get(), conn, frame), CS_DONE);
	assert_int_equal(f->mailbox.sent.size(), 1);
	assert_int_equal(f->mailbox.sent[0].kind, CS_CONVERSATION_GROUP);
	assert_int_equal(f->mailbox.sent[0].to, 4);
	assert_string_equal(f->mailbox.sent[0].cid.c_str(), "k");
	assert_string_equal(f->mailbox.sent[0].frame.c_str(), frame);
}

static void a_group_message_is_checked_as_any_message_is(void **state)
{
	static const struct {
		const char *more;
		int wire_errno;
		const char *text;
	} cases[] = {
		{"", 4, "msg is missing"},
		{",\"msg\":7", 4, "msg must be a text"},
		{",\"msg\":\"x\",\"time\":7", 4, "time must be a text"},
		{",\"msg\":\"x\",\"seq\":1", 4, "seq is the server's to add"},
		{",\"msg\":\"x\",\"ts\":1", 4, "ts is the server's to add"},
		{",\"msg\":\"x\",\"cid\":\"\"", 4, "cid must have 1 to 64 bytes"},
		{",\"msg\":\"x\",\"name\":\"gao yang\"", 8, "name is not this account's"},
	};
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");

	for (const auto &c : cases)
		assert_string_equal(fixture_ask(f, conn, group_frame(10, 1, 4, c.more)).c_str(),
		                    fixture_refusal(10, c.wire_errno, c.text).c_str());
	assert_int_equal(f->mailbox.sent.size(), 0);
}

static void every_request_needs_a_login_and_ones_own_id(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn stranger = fake_host_connect(f->host.get()), conn = fixture_session(f, "zhang san");

	for (const int msgid : {8, 9, 10}) {
		const std::string frame = group_frame(msgid, 2, 1, ",\"msg\":\"x\",\"groupname\":\"g\"");
		assert_string_equal(fixture_ask(f, stranger, frame).c_str(),
		                    fixture_refusal(msgid, 3, "route check").c_str());
		assert_string_equal(fixture_ask(f, conn, frame).c_str(),
		                    fixture_refusal(msgid, 8, "route check").c_str());
	}
}

static void what_the_server_adds_may_not_be_brought(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san");

	for (const char *key : {"seq", "ts", "edited", "recalled"})
		for (const int msgid : {8, 9, 10})
			assert_string_equal(
				fixture_ask(f, conn,
			                    group_frame(msgid, 1, 1,
			                                check_format(",\"groupname\":\"g\",\"msg\":\"x\",\"%s\":1", key)
			                                        .c_str()))
					.c_str(),
				fixture_refusal(msgid, 4, check_format("%s is the server's to add", key).c_str())
					.c_str());
	assert_string_equal(fixture_ask(f, conn, R"({"msgid":8,"id":1,"groupname":"g","groupid":1})").c_str(),
	                    fixture_refusal(8, 4, "groupid is the server's to add").c_str());
	assert_string_equal(fixture_ask(f, conn, group_frame(9, 1, 1, ",\"name\":\"gao yang\"")).c_str(),
	                    fixture_refusal(9, 8, "name is not this account's").c_str());
	assert_int_equal(f->mailbox.sent.size(), 0);
}

/* Old clients may bring any member: only those of the table of shared/message.cpp are refused. */
static void members_that_the_server_never_adds_to_a_frame_pass(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn conn = fixture_session(f, "zhang san"), other = fixture_session(f, "gao yang");
	const std::string own = ",\"operator\":true,\"account\":1,\"toid\":7,\"forwarded\":{\"seq\":1}";

	fixture_ask(f, conn, R"({"msgid":8,"id":1,"groupname":"c++")" + own + "}");
	const uint64_t group = f->mailbox.effects.at(0).conversation;
	fixture_ask(f, other, group_frame(9, 2, group, own.c_str()));
	fixture_ask(f, other, group_frame(10, 2, group, (",\"msg\":\"hi\"" + own).c_str()));
	assert_int_equal(f->mailbox.sent.size(), 3);
	for (const auto &sent : f->mailbox.sent)
		assert_non_null(strstr(sent.frame.c_str(), own.c_str()));
}

static void what_is_done_is_told_to_the_audit_log_once(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "group");
	const cs_conn ann = fixture_session(f, "ann"), bob = fixture_session(f, "bob");
	std::vector<group_entry> groups;

	for (int i = 0; i < 2; i++)
		fixture_ask(f, ann, R"({"msgid":8,"id":1,"groupname":"tea \"x\"","req":2})");
	assert_int_equal(group_list(f->host->db, 1, &groups), 0);
	const std::string group = std::to_string(groups.at(0).id);
	for (int i = 0; i < 2; i++)
		fixture_ask(f, bob, R"({"msgid":9,"id":2,"req":3,"groupid":)" + group + "}");
	for (int i = 0; i < 2; i++)
		fixture_ask(f, bob, R"({"msgid":141,"id":2,"req":4,"account":2,"groupid":)" + group + "}");
	const std::vector<std::string> audited = {"group_created group=" + group + R"( account=1 name="tea \"x\"")",
	                                          "group_joined group=" + group + " account=2",
	                                          "group_left group=" + group + " account=2"};
	assert_int_equal(f->host->audits.size(), audited.size());
	for (size_t i = 0; i < audited.size(); i++)
		assert_string_equal(f->host->audits[i].c_str(), audited[i].c_str());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_done_is_told_to_the_audit_log_once),
		TEST(a_group_is_made_and_answered_with_its_number),
		TEST(a_group_without_req_is_made_in_silence),
		TEST(a_taken_group_name_exists),
		TEST(group_texts_have_their_limits_in_characters),
		TEST(group_texts_that_are_wrong_are_refused),
		TEST(a_member_joins_once),
		TEST(a_group_that_is_not_there_is_refused),
		TEST(a_group_message_is_given_to_the_mailbox),
		TEST(a_group_message_is_checked_as_any_message_is),
		TEST(every_request_needs_a_login_and_ones_own_id),
		TEST(what_the_server_adds_may_not_be_brought),
		TEST(members_that_the_server_never_adds_to_a_frame_pass),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
