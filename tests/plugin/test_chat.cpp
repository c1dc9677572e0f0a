/* SPDX-License-Identifier: MIT
 * Tests the handlers of CHAT and DELIVERED: fields, errors, and the calls to the mailbox. */
#include "tests/support/check.h"
#include "tests/support/handler_fixture.h"

struct refused {
	const char *frame;
	int wire_errno;
	const char *text;
};

static const char *const integer = "must be an integer from 1 to 9007199254740991";

static void expect_refused(handler_fixture *f, cs_conn conn, int msgid, const refused *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const std::string answer = fixture_ask(f, conn, cases[i].frame);
		const std::string text = cases[i].text[0] == '#' ? std::string(cases[i].text + 1) + " " + integer
		                                                 : std::string(cases[i].text);
		assert_string_equal(answer.c_str(), fixture_refusal(msgid, cases[i].wire_errno, text.c_str()).c_str());
	}
}

static void a_message_is_given_to_the_mailbox(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "chat");
	const cs_conn conn = fixture_session(f, "zhang san");
	const char *frame =
		R"({"msgid":6,"id":1,"name":"zhang san","toid":21,"msg":"hi","time":"2024-01-01 00:00:00"})";

	assert_int_equal(fake_host_request(f->host.get(), conn, frame), CS_DONE);
	assert_int_equal(f->mailbox.sent.size(), 1);
	assert_int_equal(f->mailbox.sent[0].kind, CS_CONVERSATION_PAIR);
	assert_int_equal(f->mailbox.sent[0].to, 21);
	assert_false(f->mailbox.sent[0].has_cid);
	assert_string_equal(f->mailbox.sent[0].frame.c_str(), frame);
	assert_string_equal(fake_host_last(f->host.get(), conn).c_str(), "");
}

static void what_the_mailbox_answers_is_what_the_handler_answers(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "chat");
	const cs_conn conn = fixture_session(f, "zhang san");

	f->mailbox.verdict = CS_REJECT;
	assert_int_equal(fake_host_frame(f->host.get(), conn, R"({"msgid":6,"id":1,"toid":2,"msg":""})"), CS_REJECT);
	f->mailbox.verdict = CS_PENDING;
	assert_int_equal(fake_host_frame(f->host.get(), conn, R"({"msgid":6,"id":1,"toid":2,"msg":""})"), CS_PENDING);
}

static void a_message_may_be_plain_and_go_to_oneself(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "chat");
	const cs_conn conn = fixture_session(f, "zhang san");

	fixture_ask(f, conn, R"({"msgid":6,"id":1,"toid":1,"msg":""})");
	fixture_ask(f, conn, R"({"msgid":6,"id":1,"toid":9007199254740991,"msg":"x","color":[1]})");
	assert_int_equal(f->mailbox.sent.size(), 2);
	assert_int_equal(f->mailbox.sent[0].to, 1);
	assert_true(f->mailbox.sent[1].to == CS_INTEGER_MAX);
}

static void a_cid_has_1_to_64_bytes(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "chat");
	const cs_conn conn = fixture_session(f, "zhang san");
	const auto with = [](const std::string &cid) {
		return "{\"msgid\":6,\"id\":1,\"toid\":2,\"msg\":\"x\",\"cid\":" + cid + "}";
	};
	const std::string refusal = fixture_refusal(6, 4, "cid must have 1 to 64 bytes");

	assert_string_equal(fixture_ask(f, conn, with("\"a\"")).c_str(), "");
	assert_string_equal(fixture_ask(f, conn, with("\"" + std::string(64, 'b') + "\"")).c_str(), "");
	assert_string_equal(fixture_ask(f, conn, with("\"\"")).c_str(), refusal.c_str());
	assert_string_equal(fixture_ask(f, conn, with("\"" + std::string(65, 'b') + "\"")).c_str(), refusal.c_str());
	assert_string_equal(fixture_ask(f, conn, with("7")).c_str(),
	                    fixture_refusal(6, 4, "cid must be a text").c_str());
	assert_int_equal(f->mailbox.sent.size(), 2);
	assert_string_equal(f->mailbox.sent[0].cid.c_str(), "a");
	assert_int_equal(f->mailbox.sent[1].cid.size(), 64);
}

static void a_message_with_wrong_fields_is_refused(void **state)
{
	static const refused cases[] = {
		{R"({"msgid":6,"id":1,"msg":"x"})", 4, "toid is missing"},
		{R"({"msgid":6,"id":1,"toid":"2","msg":"x"})", 4, "#toid"},
		{R"({"msgid":6,"id":1,"toid":0,"msg":"x"})", 4, "#toid"},
		{R"({"msgid":6,"id":1,"toid":-2,"msg":"x"})", 4, "#toid"},
		{R"({"msgid":6,"id":1,"toid":1.5,"msg":"x"})", 4, "#toid"},
		{R"({"msgid":6,"id":1,"toid":9007199254740992,"msg":"x"})", 4, "#toid"},
		{R"({"msgid":6,"id":1,"toid":[2],"msg":"x"})", 4, "#toid"},
		{R"({"msgid":6,"id":1,"toid":2})", 4, "msg is missing"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":7})", 4, "msg must be a text"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":null})", 4, "msg must be a text"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","time":7})", 4, "time must be a text"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","name":7})", 4, "name must be a text"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","seq":7})", 4, "seq is the server's to add"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","seq":null})", 4, "seq is the server's to add"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","ts":7})", 4, "ts is the server's to add"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","edited":7})", 4, "edited is the server's to add"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","recalled":0})", 4, "recalled is the server's to add"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","name":"gao yang"})", 8, "name is not this account's"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","name":""})", 8, "name is not this account's"},
		{R"({"msgid":6,"id":1,"toid":2,"msg":"x","name":"Zhang San"})", 8, "name is not this account's"},
	};
	handler_fixture *f = handler_fixture_load(state, "chat");

	expect_refused(f, fixture_session(f, "zhang san"), 6, cases, std::size(cases));
	assert_int_equal(f->mailbox.sent.size(), 0);
}

static void a_refusal_carries_req(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "chat");
	const cs_conn conn = fixture_session(f, "zhang san");

	assert_string_equal(fixture_ask(f, conn, R"({"msgid":6,"id":1,"msg":"x","req":8})").c_str(),
	                    R"({"msgid":100,"of":6,"req":8,"errno":4,"errmsg":"toid is missing"})");
}

static void every_request_needs_a_login_and_ones_own_id(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "chat");
	const cs_conn stranger = fake_host_connect(f->host.get()), conn = fixture_session(f, "zhang san");

	for (const int msgid : {6, 104}) {
		const std::string frame = check_format("{\"msgid\":%d,\"id\":2,\"toid\":1,\"msg\":\"x\","
		                                       "\"peer\":1,\"seq\":1}",
		                                       msgid);
		assert_string_equal(fixture_ask(f, stranger, frame).c_str(),
		                    fixture_refusal(msgid, 3, "route check").c_str());
		assert_string_equal(fixture_ask(f, conn, frame).c_str(),
		                    fixture_refusal(msgid, 8, "route check").c_str());
	}
	assert_string_equal(fake_host_trace(f->host.get()).c_str(), "refuse|refuse|refuse|refuse");
}

static void delivered_tells_the_mailbox(void **state)
{
	handler_fixture *f = handler_fixture_load(state, "chat");
	const cs_conn conn = fixture_session(f, "zhang san");

	fixture_ask(f, conn, R"({"msgid":104,"id":1,"peer":21,"seq":7})");
	fixture_ask(f, conn, R"({"msgid":104,"id":1,"groupid":3,"seq":1e2})");
	assert_int_equal(f->mailbox.delivered.size(), 2);
	assert_int_equal(f->mailbox.delivered[0].kind, CS_CONVERSATION_PAIR);
	assert_int_equal(f->mailbox.delivered[0].of, 21);
	assert_int_equal(f->mailbox.delivered[0].seq, 7);
	assert_int_equal(f->mailbox.delivered[1].kind, CS_CONVERSATION_GROUP);
	assert_int_equal(f->mailbox.delivered[1].of, 3);
	assert_int_equal(f->mailbox.delivered[1].seq, 100);
}

static void delivered_with_wrong_fields_is_refused(void **state)
{
	static const refused cases[] = {
		{R"({"msgid":104,"id":1,"seq":7})", 4, "one of peer and groupid must be there"},
		{R"({"msgid":104,"id":1,"peer":2,"groupid":3,"seq":7})", 4, "one of peer and groupid must be there"},
		{R"({"msgid":104,"id":1,"peer":2})", 4, "seq is missing"},
		{R"({"msgid":104,"id":1,"peer":2,"seq":0})", 4, "#seq"},
		{R"({"msgid":104,"id":1,"peer":2,"seq":"7"})", 4, "#seq"},
		{R"({"msgid":104,"id":1,"peer":"2","seq":7})", 4, "#peer"},
		{R"({"msgid":104,"id":1,"peer":null,"seq":7})", 4, "#peer"},
		{R"({"msgid":104,"id":1,"groupid":0,"seq":7})", 4, "#groupid"},
	};
	handler_fixture *f = handler_fixture_load(state, "chat");

	expect_refused(f, fixture_session(f, "zhang san"), 104, cases, std::size(cases));
	assert_int_equal(f->mailbox.delivered.size(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, handler_fixture_setup, handler_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_is_given_to_the_mailbox),
		TEST(what_the_mailbox_answers_is_what_the_handler_answers),
		TEST(a_message_may_be_plain_and_go_to_oneself),
		TEST(a_cid_has_1_to_64_bytes),
		TEST(a_message_with_wrong_fields_is_refused),
		TEST(a_refusal_carries_req),
		TEST(every_request_needs_a_login_and_ones_own_id),
		TEST(delivered_tells_the_mailbox),
		TEST(delivered_with_wrong_fields_is_refused),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
