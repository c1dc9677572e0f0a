/* SPDX-License-Identifier: MIT
 * Tests conversations in chatclient: entering one, its history, the list of them, and what is unread. */
#include <string>

#include "tests/support/check.h"
#include "tests/support/scene.h"
#include "tests/support/talker.h"

static void plain_text_goes_to_the_conversation_that_was_entered(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	client_chat(sc.other, sc.id, "first");
	client_chat(sc.other, sc.id, "second");
	terminal_wait(&sc.t, sc.other->name + ": second");
	terminal_type(&sc.t, "/with " + sc.other->name + "\r");
	terminal_wait(&sc.t, "-- " + sc.other->name + " --");
	terminal_wait_for(&sc.t, "the number of the message",
	                  [&] { return terminal_text(&sc.t).find("#2 ") != std::string::npos; });
	terminal_wait_cursor(&sc.t, sc.name + " -> " + sc.other->name + "> ");
	terminal_type(&sc.t, "to you\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"to you\"}");
	terminal_wait(&sc.t, sc.name + " -> " + sc.other->name + ": to you");
	scene_end(&sc);
}

static void the_history_goes_back_page_by_page_to_the_beginning(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	for (int i = 1; i <= 90; i++)
		client_chat(sc.other, sc.id, check_format("line %d.", i));
	terminal_wait(&sc.t, ": line 90.");
	terminal_type(&sc.t, "/with " + sc.other->name + "\r");
	const size_t page = terminal_wait(&sc.t, "-- " + sc.other->name + " --");
	terminal_wait(&sc.t, ": line 71.", page);
	terminal_wait(&sc.t, ": line 90.", page);
	terminal_type(&sc.t, "/older\r");
	terminal_wait(&sc.t, ": line 21.", page);
	terminal_wait(&sc.t, ": line 70.", page);
	terminal_type(&sc.t, "/older\r");
	terminal_wait(&sc.t, ": line 1.", page);
	terminal_wait(&sc.t, ": line 20.", page);
	terminal_type(&sc.t, "/older\r");
	terminal_wait(&sc.t, "That is the beginning.", page);
	scene_end(&sc);
}

static void the_login_lists_the_conversations_with_what_is_unread(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ben = client_enter(s, "ben"), *cid = client_enter(s, "cid");
	const int64_t ann = client_absent(s, "ann");
	terminal t;

	client_chat(ben, ann, "one");
	client_chat(ben, ann, "two");
	client_chat(cid, ann, "three");
	terminal_start(&t, s->port);
	terminal_log_in(&t, ann);
	terminal_wait(&t, "Conversations (/with NAME enters one):");
	terminal_wait_for(&t, "what is unread", [&] {
		const std::string text = terminal_text(&t);
		return text.find(ben->name + " online 2 unread") != text.npos &&
		       text.find(cid->name + " online 1 unread") != text.npos;
	});
	terminal_type(&t, "/with " + ben->name + "\r");
	terminal_wait(&t, ": two");
	terminal_wait_for(&t, "what is unread elsewhere",
	                  [&] { return terminal_text(&t).find("[1 unread]>") != std::string::npos; });
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
	/* The server knows what was read. */
	check_wait("what is unread is one", [&] {
		talker script;
		(void)talker_run(&script, s->port, "login:" + std::to_string(ann) + ":secret\ninbox");
		return talker_has(&script,
		                  "conversation|account|" + std::to_string(ben->id) + "|" + ben->name + "|0|") &&
		       talker_has(&script, "conversation|account|" + std::to_string(cid->id) + "|" + cid->name + "|1|");
	});
}

static void r_answers_who_spoke_last_wherever_one_is(void **state)
{
	test_server *s = (test_server *)*state;
	scene sc;

	scene_begin(&sc, s);
	test_client *cid = client_enter(s, "cid");
	terminal_type(&sc.t, "/r too early\r");
	terminal_wait(&sc.t, "nobody has spoken yet");
	client_chat(sc.other, sc.id, "from ben");
	terminal_wait(&sc.t, ": from ben");
	terminal_type(&sc.t, "/with " + sc.other->name + "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + sc.other->name + "> ");
	client_chat(cid, sc.id, "from cid");
	terminal_wait(&sc.t, ": from cid");
	terminal_type(&sc.t, "/r to cid\rto ben\r");
	client_expect(cid, "{\"msgid\":6,\"msg\":\"to cid\"}");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"to ben\"}");
	scene_end(&sc);
}

static void a_script_prints_the_history_and_the_inbox(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ben = client_enter(s, "ben");
	const std::string b = std::to_string(ben->id), a = std::to_string(client_absent(s, "ann"));
	talker t;

	for (int i = 1; i <= 5; i++)
		client_chat(ben, strtoll(a.c_str(), nullptr, 10), check_format("line %d", i));
	assert_int_equal(talker_run(&t, s->port,
	                            "login:" + a + ":secret\nwait:10:5\ninbox\nhistory:" + ben->name + ":2\n/history " +
	                                    b + " 1\nhistory:#1:x"),
	                 1);
	assert_int_equal(talker_lines(&t, "conversation|account|" + b + "|" + ben->name + "|5|5|").size(), 1);
	assert_true(talker_has(&t, "ok|inbox|-"));
	const std::vector<std::string> lines = talker_lines(&t, "history|" + b + "|" + ben->name + "|");
	assert_int_equal(lines.size(), 3);
	assert_true(lines[0].starts_with("history|" + b + "|" + ben->name + "|4|"));
	assert_true(lines[0].ends_with("|line 4|-"));
	assert_true(lines[1].ends_with("|line 5|-") && lines[2].ends_with("|line 5|-"));
	assert_int_equal(talker_lines(&t, "ok|history|" + b).size(), 2);
	assert_true(talker_has(&t, "invalid|6|"));
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_text_goes_to_the_conversation_that_was_entered),
		TEST(the_history_goes_back_page_by_page_to_the_beginning),
		TEST(the_login_lists_the_conversations_with_what_is_unread),
		TEST(r_answers_who_spoke_last_wherever_one_is),
		TEST(a_script_prints_the_history_and_the_inbox),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
