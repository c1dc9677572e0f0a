/* SPDX-License-Identifier: MIT
 * Tests EDIT and RECALL as clients see them: who is there, who comes back, who may, and that what was acknowledged
 * survives a kill. */
#include <string>

#include <chatserverd/msgid.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

static const char *const wants_events = ",\"want\":[\"event\"]";

/* "toid":2 or "groupid":1 */
static std::string in_pair(int64_t with)
{
	return "\"toid\":" + std::to_string(with);
}

static std::string in_group(int64_t group)
{
	return "\"groupid\":" + std::to_string(group);
}

static test_frame edit(test_client *c, int expected_errno, const std::string &where, int64_t of, const std::string &msg,
                       const std::string &more = "", test_at at = test_at::current())
{
	return client_ask(c, expected_errno, at, "{\"msgid\":160,\"id\":%lld,%s,\"of\":%lld,\"msg\":\"%s\"%s",
	                  static_cast<long long>(c->id), where.c_str(), static_cast<long long>(of), msg.c_str(),
	                  more.c_str());
}

static test_frame recall(test_client *c, int expected_errno, const std::string &where, int64_t of,
                         test_at at = test_at::current())
{
	return client_ask(c, expected_errno, at, "{\"msgid\":161,\"id\":%lld,%s,\"of\":%lld",
	                  static_cast<long long>(c->id), where.c_str(), static_cast<long long>(of));
}

static int64_t seq_of(const test_frame &frame)
{
	return json_integer(frame.json.get(), "seq");
}

/* ---- who gets what */

static void sessions_that_want_events_get_both_and_plain_ones_neither(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", wants_events),
		    *plain = client_enter(s, "plain");

	for (test_client *other : {bob, plain}) {
		const std::string where = in_pair(other->id);

		assert_int_equal(client_chat_safely(ann, other->id, "old"), 1);
		client_expect(other, R"({"msgid":6,"msg":"old","seq":1,"edited":null})");
		assert_int_equal(seq_of(edit(ann, 0, where, 1, "new")), 2);
		assert_int_equal(seq_of(recall(ann, 0, where, 1)), 3);
		assert_int_equal(client_chat_safely(ann, other->id, "last"), 4);
	}
	const test_frame edited = client_expect(bob, R"({"msgid":160,"of":1,"msg":"new","seq":2})");
	assert_true(json_integer(edited.json.get(), "ts") > 0);
	assert_string_equal(json_text(edited.json.get(), "name").c_str(), ann->name.c_str());
	client_expect(bob, R"({"msgid":161,"of":1,"seq":3})");
	for (test_client *other : {bob, plain}) {
		client_expect(other, R"({"msgid":6,"msg":"last","seq":4})");
		client_expect_quiet(other);
	}
	client_expect_quiet(ann);
}

/* A client may send the frame of the message back as it is, with another msgid. */
static void a_recall_with_the_cid_of_the_message_takes_it_back(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob", wants_events);

	assert_int_equal(client_chat_safely(ann, bob->id, "old", ",\"cid\":\"k\""), 1);
	client_expect(bob, R"({"msgid":6,"msg":"old","seq":1})");
	const test_frame done = CLIENT_ASK(ann, 0, "{\"msgid\":161,\"id\":%lld,%s,\"of\":1,\"cid\":\"k\"",
	                                   static_cast<long long>(ann->id), in_pair(bob->id).c_str());
	assert_int_equal(seq_of(done), 2);
	client_expect(bob, R"({"msgid":161,"of":1,"seq":2})");
}

static void who_comes_back_gets_the_message_as_it_is_now(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann");

	for (const bool with_events : {false, true}) {
		const int64_t bob = client_absent(s, "bob");
		const std::string where = in_pair(bob);
		test_frame ack;

		assert_int_equal(client_chat_safely(ann, bob, "one"), 1);
		assert_int_equal(client_chat_safely(ann, bob, "two", ",\"cid\":\"c2\",\"color\":\"red\""), 2);
		edit(ann, 0, where, 1, "1.1");
		edit(ann, 0, where, 1, "1.2");
		edit(ann, 0, where, 2, "2.1");
		assert_int_equal(seq_of(recall(ann, 0, where, 2)), 6);
		client_return(s, bob, &ack, with_events ? wants_events : "");
		const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
		assert_int_equal(kept.size(), with_events ? 6 : 2);
		assert_true(json_matches(kept[0].get(), R"({"msgid":6,"msg":"1.2","edited":4,"seq":1})"));
		assert_true(json_matches(
			kept[1].get(),
			R"({"msgid":6,"msg":"","recalled":6,"edited":null,"color":null,"req":null,"cid":"c2","seq":2})"));
		if (!with_events)
			continue;
		assert_true(json_matches(kept[2].get(), R"({"msgid":160,"of":1,"msg":null,"seq":3})"));
		assert_true(json_matches(kept[3].get(), R"({"msgid":160,"of":1,"msg":"1.2","seq":4})"));
		assert_true(json_matches(kept[4].get(), R"({"msgid":160,"of":2,"msg":null,"seq":5})"));
		assert_true(json_matches(kept[5].get(), R"({"msgid":161,"of":2,"seq":6})"));
	}
}

static void the_creator_of_a_group_recalls_what_others_said(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann", wants_events), *bob = client_enter(s, "bob"),
		    *eve = client_enter(s, "eve");
	const int64_t group = client_create_group(ann, client_new_name("g"));
	const std::string where = in_group(group);

	client_join_group(bob, group);
	const int64_t said = client_group_chat_safely(bob, group, "rude");
	edit(ann, 8, where, said, "kind");
	edit(eve, 8, where, said, "kind");
	recall(eve, 8, where, said);
	edit(bob, 0, where, said, "still rude");
	recall(ann, 0, where, said);
	recall(ann, 0, where, said);
	edit(bob, 14, where, said, "more");
}

/* ---- what is refused, what is there already */

static void each_refusal_has_its_errno(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const std::string with_bob = in_pair(bob->id), with_ann = in_pair(ann->id);
	const int64_t said = client_chat_safely(ann, bob->id, "x", ",\"color\":\"" + std::string(40000, 'c') + "\"");

	client_expect(bob, R"({"msg":"x"})");
	edit(ann, 6, in_pair(999999), said, "y");
	edit(ann, 7, in_group(999999), said, "y");
	edit(ann, 14, in_pair(ann->id), said, "y");
	edit(ann, 14, with_bob, said + 1, "y");
	edit(bob, 8, with_ann, said, "y");
	client_send(ann, "{\"msgid\":160,\"id\":" + std::to_string(ann->id) + "," + with_bob + ",\"of\":" +
	                         std::to_string(said) + ",\"msg\":\"" + std::string(40000, 'y') + "\",\"req\":900}\n");
	assert_int_equal(json_integer(client_read_answer(ann, 900).json.get(), "errno"), CS_ERRNO_TOO_LONG);
	recall(ann, 6, in_pair(999999), said);
	recall(ann, 7, in_group(999999), said);
	recall(ann, 14, with_bob, said + 1);
	recall(bob, 8, with_ann, said);
	/* None of them took a number. */
	assert_int_equal(client_chat_safely(ann, bob->id, "next"), said + 1);
	client_expect(bob, R"({"msg":"next"})");
	client_expect_quiet(bob);
}

static void a_message_that_is_too_old_stays(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "edit.edit_window", "0");
	test_server_set(s, "edit.recall_window", "0");
	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob"), group = client_create_group(ann, client_new_name("g"));
	const int64_t in_g = client_group_chat_safely(ann, group, "x");
	test_frame ack;

	assert_int_equal(client_chat_safely(ann, bob, "x"), 1);
	edit(ann, 15, in_pair(bob), 1, "y");
	recall(ann, 15, in_pair(bob), 1);
	edit(ann, 15, in_group(group), in_g, "y");
	recall(ann, 0, in_group(group), in_g); /* as its creator */
	client_return(s, bob, &ack);
	assert_true(json_matches(json_parse_all(ack.json.get(), "offlinemsg").at(0).get(),
	                         R"({"msg":"x","edited":null,"recalled":null})"));
}

static void a_repetition_is_done_and_makes_no_entry(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann");
	const int64_t bob = client_absent(s, "bob");
	const std::string where = in_pair(bob);

	assert_int_equal(client_chat_safely(ann, bob, "x"), 1);
	assert_int_equal(seq_of(edit(ann, 0, where, 1, "y", ",\"cid\":\"e1\"")), 2);
	assert_int_equal(seq_of(edit(ann, 0, where, 1, "z")), 3);
	/* By its cid, though the message has another text by now. */
	assert_int_equal(seq_of(edit(ann, 0, where, 1, "y", ",\"cid\":\"e1\"")), 2);
	assert_int_equal(seq_of(edit(ann, 0, where, 1, "z")), -1);
	assert_int_equal(seq_of(edit(ann, 0, where, 1, "\\u007a")), -1);
	assert_int_equal(seq_of(recall(ann, 0, where, 1)), 4);
	assert_int_equal(seq_of(recall(ann, 0, where, 1)), -1);
	assert_int_equal(client_chat_safely(ann, bob, "x"), 5);
}

/* ---- races and kills */

/* The sender edits while the creator recalls: the message is recalled in any case, and its texts are nowhere. */
static void an_edit_against_a_recall_leaves_no_text(void **state)
{
	static const int rounds = 300;
	test_server *s = static_cast<test_server *>(*state);
	test_client *ann = client_enter(s, "ann"), *bob = client_enter(s, "bob");
	const int64_t group = client_create_group(ann, client_new_name("g")), away = client_absent(s, "away");
	test_client *eve = client_return(s, away);
	test_frame ack;

	client_join_group(eve, group);
	client_join_group(bob, group);
	client_close(eve);
	for (int i = 0; i < rounds; i++) {
		const int64_t said = client_group_chat_safely(bob, group, "zero");

		client_sendf(bob, R"({"msgid":160,"id":%lld,"groupid":%lld,"of":%lld,"msg":"first","req":%d})",
		             static_cast<long long>(bob->id), static_cast<long long>(group),
		             static_cast<long long>(said), 100000 + i);
		client_sendf(ann, R"({"msgid":161,"id":%lld,"groupid":%lld,"of":%lld,"req":%d})",
		             static_cast<long long>(ann->id), static_cast<long long>(group),
		             static_cast<long long>(said), 100000 + i);
		const int64_t edited = json_integer(client_read_answer(bob, 100000 + i).json.get(), "errno");
		assert_true(edited == 0 || edited == CS_ERRNO_NO_SUCH_MESSAGE);
		assert_int_equal(json_integer(client_read_answer(ann, 100000 + i).json.get(), "errno"), 0);
	}
	client_read_all(ann);
	eve = client_return(s, away, &ack, wants_events);
	std::string all = ack.bytes;
	for (const test_frame &frame : client_read_all(eve))
		all += frame.bytes;
	assert_true(all.find("zero") == std::string::npos);
	assert_true(all.find("first") == std::string::npos);
	assert_true(all.find("recalled") != std::string::npos);
}

/* What was acknowledged is done; what was not is done or not, and by its cid it can be repeated. */
static void an_acknowledged_change_survives_every_kill(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_start(s);
	test_client *ann = client_enter(s, "ann");
	const int64_t a = ann->id, bob = client_absent(s, "bob");
	const std::string where = in_pair(bob);
	test_frame ack;

	for (int round = 0; round < 12; round++) {
		const int64_t edited = client_chat_safely(ann, bob, "old " + std::to_string(round)),
			      recalled = client_chat_safely(ann, bob, "gone"),
			      cut = client_chat_safely(ann, bob, "cut");
		const std::string text = "new " + std::to_string(round), cid = ",\"cid\":\"" + text + "\"";

		edit(ann, 0, where, edited, "between");
		const int64_t by = seq_of(edit(ann, 0, where, edited, text)),
			      gone = seq_of(recall(ann, 0, where, recalled));
		client_sendf(ann, R"({"msgid":160,"id":%lld,%s,"of":%lld,"msg":"whole"%s})", static_cast<long long>(a),
		             where.c_str(), static_cast<long long>(cut), cid.c_str());
		s->clients.clear();
		test_server_kill(s);
		test_server_start(s);
		ann = client_return(s, a);
		const int64_t cut_by = seq_of(edit(ann, 0, where, cut, "whole", cid));
		assert_int_equal(cut_by, gone + 1);
		test_client *reader = client_return(s, bob, &ack, wants_events);
		const std::vector<json_ptr> kept = json_parse_all(ack.json.get(), "offlinemsg");
		assert_int_equal(kept.size(), 7);
		assert_true(json_matches(kept[0].get(),
		                         check_format(R"({"msg":"%s","edited":%lld,"seq":%lld})", text.c_str(),
		                                      static_cast<long long>(by), static_cast<long long>(edited))));
		assert_true(json_matches(kept[1].get(),
		                         check_format(R"({"msg":"","recalled":%lld})", static_cast<long long>(gone))));
		assert_true(json_matches(kept[2].get(), check_format(R"({"msg":"whole","edited":%lld})",
		                                                     static_cast<long long>(cut_by))));
		assert_true(json_matches(kept[3].get(), R"({"msgid":160,"msg":null})"));
		client_leave(reader);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define ALONE(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sessions_that_want_events_get_both_and_plain_ones_neither),
		TEST(a_recall_with_the_cid_of_the_message_takes_it_back),
		TEST(who_comes_back_gets_the_message_as_it_is_now),
		TEST(the_creator_of_a_group_recalls_what_others_said),
		TEST(each_refusal_has_its_errno),
		TEST(a_repetition_is_done_and_makes_no_entry),
		TEST(an_edit_against_a_recall_leaves_no_text),
	};
	const struct CMUnitTest alone[] = {
		ALONE(a_message_that_is_too_old_stays),
		ALONE(an_acknowledged_change_survives_every_kill),
	};

	if (cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown))
		return 1;
	return cmocka_run_group_tests(alone, nullptr, nullptr);
}
