/* SPDX-License-Identifier: MIT
 * Tests conversations in chatclient: entering one, its history, the list of them, and what is unread. */
#include <algorithm>
#include <cstring>
#include <string>

#include <unistd.h>

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

static void one_logs_in_by_name(void **state)
{
	test_server *s = (test_server *)*state;
	test_client *ben = client_enter(s, "ben");
	const std::string name = client_new_name("ann");
	const int64_t ann = client_register(ben, name);
	talker t, nobody;

	client_chat(ben, ann, "hello");
	assert_int_equal(talker_run(&t, s->port, "login:" + name + ":secret\nwait:10:1"), 0);
	assert_true(talker_has(&t, "logged-in|" + std::to_string(ann) + "|" + name));
	assert_int_equal(talker_lines(&t, "message|").size(), 1);
	assert_int_equal(talker_run(&nobody, s->port, "login:no" + name + ":secret"), 1);
	assert_true(talker_has(&nobody, "refused|login|-|1|"));
}

/* Both with the same folder for what is remembered, as two windows of one person have. */
static void two_terminals_of_one_account_see_the_same(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string home = "XDG_STATE_HOME=" + s->folder + "/two";
	scene sc;
	terminal other;

	scene_begin(&sc, s, "ann", 80, {home});
	terminal_start(&other, s->port, 80, 24, {home});
	terminal_answer(&other, "choice: ", "1");
	terminal_answer(&other, "name or number [" + sc.name + "]: ", "");
	terminal_answer(&other, "password: ", "secret");
	terminal_wait_cursor(&other, sc.prompt);
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + ":said in the first\r");
	terminal_wait(&sc.t, ": said in the first");
	terminal_wait(&other, ": said in the first");
	client_chat(sc.other, sc.id, "for both");
	terminal_wait(&sc.t, ": for both");
	terminal_wait(&other, ": for both");
	terminal_type(&other, "/quit\r");
	assert_int_equal(terminal_finish(&other), 0);
	assert_true(terminal_text(&sc.t).find("No connection") == std::string::npos);
	scene_end(&sc);
}

static void a_device_gets_what_came_while_it_was_away(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string home = "XDG_STATE_HOME=" + s->folder + "/away";
	scene sc;
	terminal again;

	scene_begin(&sc, s, "ann", 80, {home});
	terminal_type(&sc.t, "chat:" + std::to_string(sc.other->id) + ":before\r");
	terminal_wait(&sc.t, ": before");
	scene_end(&sc);
	client_chat(sc.other, sc.id, "meanwhile");
	terminal_start(&again, s->port, 80, 24, {home});
	terminal_log_in_again(&again, sc.name);
	terminal_wait(&again, "While you were away:");
	terminal_wait(&again, sc.other->name + ": meanwhile");
	/* What was said on this device before does not come again. */
	terminal_wait(&again, "Conversations (/with NAME enters one):");
	assert_true(terminal_text(&again).find(": before") == std::string::npos);
	terminal_type(&again, "/quit\r");
	assert_int_equal(terminal_finish(&again), 0);
}

static void what_a_person_would_say_is_no_command(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	const std::string number = std::to_string(sc.other->id);
	/* What follows is text even while the client still asks for the number of the name. */
	terminal_type(&sc.t, "/with " + sc.other->name + "\r");
	const std::vector<std::string> texts = {"leave",
	                                        "who: you",
	                                        "members",
	                                        "members: three",
	                                        "contacts",
	                                        "devices",
	                                        "inbox",
	                                        "inbox:",
	                                        "friends",
	                                        "groups",
	                                        "history:x",
	                                        "history: x: 3",
	                                        "help",
	                                        "help: my house is on fire",
	                                        "loginout",
	                                        "logout",
	                                        "quit",
	                                        "wait:5",
	                                        "login:a:b",
	                                        "register:a:b",
	                                        "chat:tomorrow:9",
	                                        "chat:" + number,
	                                        "chat: " + number + ": x",
	                                        "chat :" + number + ":x",
	                                        "groupchat:at 7:x",
	                                        "addfriend:ben",
	                                        "addfriend:" + number + ":x",
	                                        "addgroup:x",
	                                        "creategroup: a: b",
	                                        "creategroup:a"};
	for (const std::string &text : texts) {
		terminal_type(&sc.t, text + "\r");
		client_expect(sc.other, "{\"msgid\":6,\"msg\":\"" + text + "\"}");
	}
	scene_end(&sc);
}

static void the_commands_of_older_clients_need_no_slash_on_a_terminal(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string group = client_new_name("group");
	scene sc;

	scene_begin(&sc, s);
	test_client *cid = client_enter(s, "cid");
	const std::string other = std::to_string(sc.other->id), third = std::to_string(cid->id);
	terminal_type(&sc.t, "inbox\r");
	terminal_wait(&sc.t, "A command begins with a slash; /help lists them.");
	terminal_type(&sc.t, "help\r");
	terminal_wait(&sc.t, "-- In scripts --");
	terminal_type(&sc.t, "chat:" + cid->name + ":by name\r");
	client_expect(cid, "{\"msgid\":6,\"msg\":\"by name\"}");
	terminal_type(&sc.t, "/with " + other + "\rchat:" + third + ":aside\raddfriend:" + third + "\r");
	client_expect(cid, "{\"msgid\":6,\"msg\":\"aside\"}");
	terminal_wait(&sc.t, cid->name + " is on your list of friends.");
	terminal_type(&sc.t, "creategroup:" + group + ":for: talk\r");
	terminal_wait_for(&sc.t, "the group",
	                  [&] { return terminal_text(&sc.t).find("You made " + group) != std::string::npos; });
	terminal_type(&sc.t, "addgroup:4000000000\rgroupchat:4000000000:hello\r");
	terminal_wait(&sc.t, "/join 4000000000: there is no such group");
	terminal_wait(&sc.t, "Not sent: hello");
	terminal_type(&sc.t, "/etc is a folder\r");
	terminal_wait(&sc.t, "no such command: /help lists them, and // begins a text");
	terminal_type(&sc.t, "//etc is a folder\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"/etc is a folder\"}");
	terminal_type(&sc.t, "to you\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"to you\"}");
	scene_end(&sc);
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

static void several_lines_that_are_pasted_are_sent_only_after_a_question(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	client_chat(sc.other, sc.id, "hello");
	terminal_wait(&sc.t, ": hello");
	terminal_type(&sc.t, "/with " + sc.other->name + "\r");
	const std::string prompt = sc.name + " -> " + sc.other->name + "> ";
	terminal_wait_cursor(&sc.t, prompt);
	terminal_type(&sc.t, "\033[200~one line\033[201~");
	terminal_wait_cursor(&sc.t, prompt + "one line");
	terminal_type(&sc.t, "\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"one line\"}");
	terminal_wait_cursor(&sc.t, prompt);
	terminal_type(&sc.t, "\033[200~a secret\r\nof 2 lines\r\n\033[201~");
	terminal_answer(&sc.t, "Send these 2 lines to " + sc.other->name + "? [y/N] ", "");
	terminal_wait(&sc.t, "Not sent.");
	terminal_wait_cursor(&sc.t, prompt);
	terminal_type(&sc.t, "\033[200~/quit\nand more\033[201~");
	terminal_answer(&sc.t, "Send these 2 lines to " + sc.other->name + "? [y/N] ", "y");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"/quit\"}");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"and more\"}");
	terminal_wait_cursor(&sc.t, prompt);
	scene_end(&sc);
}

static void tab_completes_commands_and_names(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	client_chat(sc.other, sc.id, "hello");
	terminal_wait(&sc.t, ": hello");
	terminal_type(&sc.t, "/wi\tbe\t");
	terminal_wait_cursor(&sc.t, sc.prompt + "/with " + sc.other->name + " ");
	terminal_type(&sc.t, "\r");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + sc.other->name + "> ");
	terminal_type(&sc.t, "/gro\t\t");
	terminal_wait(&sc.t, "group  groups");
	terminal_wait_cursor(&sc.t, sc.name + " -> " + sc.other->name + "> /group");
	scene_end(&sc);
}

/* The name of the machine, a random text, and an LF. */
static size_t device_size(void)
{
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	return std::min<size_t>(strlen(host), 32) + 18;
}

static void the_server_and_the_account_of_the_last_time_are_offered(void **state)
{
	test_server *s = (test_server *)*state;
	const std::string state_home = s->folder + "/state";
	scene sc;
	terminal again;

	scene_begin(&sc, s, "ann", 80, {"XDG_STATE_HOME=" + state_home});
	scene_end(&sc);
	terminal_start(&again, s->port, 80, 24, {"XDG_STATE_HOME=" + state_home});
	terminal_answer(&again, "choice: ", "1");
	terminal_wait_cursor(&again, "name or number [" + sc.name + "]: ");
	terminal_type(&again, "\004");
	assert_int_equal(terminal_finish(&again), 0);
	const std::string kept = check_read_file(state_home + "/chatclient/last");
	/* Without TLS, without WebSocket, and without a file of --ca. */
	assert_string_equal(kept.c_str(), check_format("127.0.0.1\n%u\n%s\n-\n\n\n", s->port, sc.name.c_str()).c_str());
	assert_int_equal(check_read_file(state_home + "/chatclient/device1").size(), device_size());
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_text_goes_to_the_conversation_that_was_entered),
		TEST(the_history_goes_back_page_by_page_to_the_beginning),
		TEST(the_login_lists_the_conversations_with_what_is_unread),
		TEST(one_logs_in_by_name),
		TEST(two_terminals_of_one_account_see_the_same),
		TEST(a_device_gets_what_came_while_it_was_away),
		TEST(what_a_person_would_say_is_no_command),
		TEST(the_commands_of_older_clients_need_no_slash_on_a_terminal),
		TEST(r_answers_who_spoke_last_wherever_one_is),
		TEST(a_script_prints_the_history_and_the_inbox),
		TEST(several_lines_that_are_pasted_are_sent_only_after_a_question),
		TEST(tab_completes_commands_and_names),
		TEST(the_server_and_the_account_of_the_last_time_are_offered),
	};

	return cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);
}
