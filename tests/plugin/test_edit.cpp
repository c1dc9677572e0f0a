/* SPDX-License-Identifier: MIT
 * Tests the handlers of EDIT and RECALL: which frames are refused before they get to the mailbox. */
#include "plugins/model/contacts.h"
#include "plugins/model/groups.h"
#include "plugins/model/messages.h"
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

static const char *const integer = "must be an integer from 1 to 9007199254740991";

static handler_fixture *edit_fixture(void **state, cs_conn *conn_r)
{
	handler_fixture *f = handler_fixture_load(state, "edit");

	*conn_r = fixture_session(f, "zhang san");
	return f;
}

/* more: further members, with a leading comma. */
static std::string ask(handler_fixture *f, cs_conn conn, int msgid, const std::string &more)
{
	return fixture_ask(f, conn, "{\"msgid\":" + std::to_string(msgid) + ",\"id\":1" + more + "}");
}

static void expect_refused(handler_fixture *f, cs_conn conn, int msgid, int wire_errno, const std::string &text,
                           const std::string &more)
{
	assert_string_equal(ask(f, conn, msgid, more).c_str(),
	                    fixture_refusal(msgid, wire_errno, text.c_str()).c_str());
	assert_int_equal(f->mailbox.sent.size(), 0);
}

/* The fake mailbox takes toid for the number of the conversation: the group is the first, the pair the second. */
static void a_stranger_does_not_edit_where_strangers_are_refused(void **state)
{
	cs_conn conn;
	handler_fixture *f = edit_fixture(state, &conn);
	const std::string edit = ",\"toid\":2,\"of\":1,\"msg\":\"new\",\"req\":1";
	uint64_t group = 0;
	message_append item;
	message_append *pointer = &item;

	assert_int_equal(fixture_account(f, "gao yang"), 2);
	assert_int_equal(group_create(f->host->db, 1, "c++", "", &group), 0);
	item.sender = 1;
	item.to = 2;
	item.body = R"({"msgid":6,"id":1,"toid":2,"msg":"old"})";
	item.created = f->host->table.now();
	assert_int_equal(message_append_all(f->host->db, {&pointer, 1}, false), 0);
	assert_int_equal(item.conversation, 2);
	f->mailbox.refuses_strangers = true;
	assert_string_equal(
		ask(f, conn, 160, edit).c_str(),
		R"({"msgid":100,"of":160,"req":1,"errno":8,"errmsg":"this account takes nothing from you"})");
	assert_int_equal(friend_add(f->host->db, 2, 1), 0);
	assert_string_equal(ask(f, conn, 160, edit).c_str(), R"({"msgid":100,"of":160,"req":1,"errno":0,"seq":1})");
}

static void one_message_of_one_conversation_must_be_named(void **state)
{
	cs_conn conn;
	handler_fixture *f = edit_fixture(state, &conn);

	for (const int msgid : {160, 161}) {
		const auto refused = [&](const std::string &text, const std::string &more) {
			expect_refused(f, conn, msgid, 4, text, more + ",\"msg\":\"x\"");
		};

		refused("one of toid and groupid must be there", ",\"of\":1");
		refused("one of toid and groupid must be there", ",\"of\":1,\"toid\":2,\"groupid\":3");
		refused("of is missing", ",\"toid\":2");
		for (const char *number : {"0", "-1", "1.5", "\"2\"", "null", "[2]", "9007199254740992"}) {
			refused(std::string("of ") + integer, std::string(",\"toid\":2,\"of\":") + number);
			refused(std::string("toid ") + integer, std::string(",\"of\":2,\"toid\":") + number);
			refused(std::string("groupid ") + integer, std::string(",\"of\":2,\"groupid\":") + number);
		}
	}
}

static void a_text_is_checked_as_that_of_a_message(void **state)
{
	cs_conn conn;
	handler_fixture *f = edit_fixture(state, &conn);
	const std::string of = ",\"toid\":2,\"of\":1";

	expect_refused(f, conn, 160, 4, "msg is missing", of);
	expect_refused(f, conn, 160, 4, "msg must be a text", of + ",\"msg\":7");
	expect_refused(f, conn, 160, 4, "time must be a text", of + ",\"msg\":\"x\",\"time\":7");
	expect_refused(f, conn, 160, 4, "cid must have 1 to 64 bytes", of + ",\"msg\":\"x\",\"cid\":\"\"");
	expect_refused(f, conn, 160, 4, "cid must be a text", of + ",\"msg\":\"x\",\"cid\":1");
}

static void nobody_speaks_as_another_or_brings_what_the_server_adds(void **state)
{
	cs_conn conn;
	handler_fixture *f = edit_fixture(state, &conn);
	const std::string of = ",\"groupid\":2,\"of\":1,\"msg\":\"x\"";

	for (const int msgid : {160, 161}) {
		for (const char *key : {"seq", "ts", "edited", "recalled", "operator"})
			expect_refused(f, conn, msgid, 4, std::string(key) + " is the server's to add",
			               of + ",\"" + key + "\":1");
		expect_refused(f, conn, msgid, 4, "name must be a text", of + ",\"name\":7");
		expect_refused(f, conn, msgid, 8, "name is not this account's", of + ",\"name\":\"gao yang\"");
	}
}

static void both_need_a_login_and_ones_own_id(void **state)
{
	cs_conn conn;
	handler_fixture *f = edit_fixture(state, &conn);
	const cs_conn stranger = fake_host_connect(f->host.get());

	for (const int msgid : {160, 161}) {
		const std::string frame = check_format(R"({"msgid":%d,"id":2,"toid":1,"of":1,"msg":"x"})", msgid);

		assert_string_equal(fixture_ask(f, stranger, frame).c_str(),
		                    fixture_refusal(msgid, 3, "route check").c_str());
		assert_string_equal(fixture_ask(f, conn, frame).c_str(),
		                    fixture_refusal(msgid, 8, "route check").c_str());
	}
	assert_int_equal(f->mailbox.sent.size(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_message_of_one_conversation_must_be_named),
		TEST(a_stranger_does_not_edit_where_strangers_are_refused),
		TEST(a_text_is_checked_as_that_of_a_message),
		TEST(nobody_speaks_as_another_or_brings_what_the_server_adds),
		TEST(both_need_a_login_and_ones_own_id),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
