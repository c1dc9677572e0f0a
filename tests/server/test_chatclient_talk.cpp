/* SPDX-License-Identifier: MIT
 * Tests conversations in chatclient: entering one, its history, the list of them, and what is unread. */
#include <algorithm>
#include <cstring>
#include <string>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/scene.h"
#include "tests/support/talker.h"
#include <base/raii.h>

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
	terminal_log_in(&again, sc.id, sc.name);
	terminal_wait(&again, "While you were away:");
	terminal_wait(&again, sc.other->name + ": meanwhile");
	/* What was said on this device before does not come again. */
	terminal_wait(&again, "Conversations (/with NAME enters one):");
	assert_true(terminal_text(&again).find(": before") == std::string::npos);
	terminal_type(&again, "/quit\r");
	assert_int_equal(terminal_finish(&again), 0);
}

static void common_words_are_no_commands(void **state)
{
	scene sc;

	scene_begin(&sc, (test_server *)*state);
	terminal_type(&sc.t, "/with " + std::to_string(sc.other->id) + "\rleave\rwho: you\r");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"leave\"}");
	client_expect(sc.other, "{\"msgid\":6,\"msg\":\"who: you\"}");
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

/* Stands in for a server that answers only when it is told to. */
struct slow_server {
	unique_fd listener, fd;
	std::string heard;
};

static void slow_wait(slow_server *ss, const char *what)
{
	check_wait(what, [&] {
		char bytes[8192];
		const ssize_t got = recv(ss->fd.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		ss->heard.append(bytes, got > 0 ? (size_t)got : 0);
		return ss->heard.find(what) != std::string::npos;
	});
}

static void slow_say(const slow_server *ss, const std::string &frame)
{
	const std::string line = frame + "\n";

	assert_int_equal(send(ss->fd.fd, line.data(), line.size(), MSG_NOSIGNAL), line.size());
}

/* Waits for a request with that msgid, which was not answered before, and answers it. */
static void slow_answer(slow_server *ss, int msgid, const std::string &members)
{
	const std::string head = "\"msgid\":" + std::to_string(msgid) + ",\"req\":";

	slow_wait(ss, head.c_str());
	const std::string req =
		std::to_string(strtoull(ss->heard.c_str() + ss->heard.find(head) + head.size(), nullptr, 10));
	ss->heard.clear();
	slow_say(ss, "{\"msgid\":100,\"of\":" + std::to_string(msgid) + ",\"req\":" + req + "," + members + "}");
}

/* Ann is in, and in the conversation with account 2. */
static void slow_begin(slow_server *ss, const test_server *s, terminal *t)
{
	sockaddr_in address = {.sin_family = AF_INET,
	                       .sin_port = htons(s->port),
	                       .sin_addr = {htonl(INADDR_LOOPBACK)},
	                       .sin_zero = {}};

	ss->listener.reset(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	assert_int_equal(bind(ss->listener.fd, (sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(ss->listener.fd, 4), 0);
	terminal_start(t, s->port);
	terminal_log_in(t, 1);
	ss->fd.reset(accept(ss->listener.fd, nullptr, nullptr));
	slow_say(ss, "{\"msgid\":2,\"errno\":0,\"id\":1,\"name\":\"ann\",\"have\":[\"event\",\"echo\",\"signal\"]}");
	slow_answer(ss, 106, "\"errno\":0,\"conversations\":[]");
	slow_answer(ss, 132,
	            "\"errno\":0,\"contacts\":[{\"account\":2,\"name\":\"ben\",\"state\":\"online\","
	            "\"friend\":true,\"friend_of\":false,\"blocked\":false}]");
	terminal_answer(t, "ann> ", "/with ben");
	slow_answer(ss, 105, "\"errno\":0,\"messages\":[]");
	terminal_wait(t, "Nothing was said here yet.");
}

static void a_message_looks_unsent_until_it_is_stored(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	terminal_answer(&t, "ann -> ben> ", "hello");
	terminal_wait(&t, "(sending) ann -> ben: hello");
	terminal_type(&t, "half a line");
	terminal_wait_cursor(&t, "ann -> ben> half a line");
	slow_answer(&ss, 6, "\"errno\":0,\"seq\":1");
	terminal_wait_for(&t, "the message as stored", [&] {
		const std::string text = terminal_text(&t);
		return text.find(" ann -> ben: hello") != text.npos && text.find("(sending)") == text.npos;
	});
	terminal_wait_cursor(&t, "ann -> ben> half a line");
	slow_answer(&ss, 104, "\"errno\":0");
	terminal_type(&t, "\025another\r");
	terminal_wait(&t, "(sending) ann -> ben: another");
	slow_answer(&ss, 6, "\"errno\":8,\"errmsg\":\"this account takes no messages\"");
	terminal_wait(&t, "Not sent: another");
	terminal_wait_for(&t, "no message on its way",
	                  [&] { return terminal_text(&t).find("(sending)") == std::string::npos; });
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void who_is_typing_is_seen_until_the_message_comes(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	slow_say(&ss, "{\"msgid\":122,\"id\":2,\"toid\":1,\"kind\":\"typing\"}");
	terminal_wait(&t, "ben is typing");
	slow_say(&ss, "{\"msgid\":6,\"id\":2,\"toid\":1,\"msg\":\"hi\",\"seq\":1,\"ts\":1795849522265}");
	terminal_wait(&t, "ben: hi");
	terminal_wait_for(&t, "nobody who types",
	                  [&] { return terminal_text(&t).find("is typing") == std::string::npos; });
	/* The other side learns it, too, but not of a command. */
	terminal_type(&t, "/inb");
	terminal_wait_cursor(&t, "ann -> ben> /inb");
	terminal_type(&t, "\025he");
	terminal_wait_cursor(&t, "ann -> ben> he");
	slow_wait(&ss, "\"toid\":2,\"kind\":\"typing\"");
	assert_true(ss.heard.find("\"msgid\":122") == ss.heard.rfind("\"msgid\":122"));
	terminal_type(&t, "\025/quit\r");
	terminal_wait(&t, "once more to leave at once.");
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 3);
}

static void what_was_said_on_another_device_is_shown_and_what_was_said_here_only_once(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	slow_say(&ss, "{\"msgid\":6,\"id\":2,\"toid\":1,\"msg\":\"hi\",\"seq\":5,\"ts\":1795849522265}");
	slow_wait(&ss, "\"peer\":2,\"seq\":5}");
	slow_answer(&ss, 104, "\"errno\":0");
	terminal_answer(&t, "ann -> ben> ", "said here");
	slow_answer(&ss, 6, "\"errno\":0,\"seq\":6");
	terminal_wait(&t, " ann -> ben: said here");
	/* Nothing is between 5 and 6: this device need not be sent it. */
	slow_wait(&ss, "\"peer\":2,\"seq\":6}");
	slow_answer(&ss, 104, "\"errno\":0");
	slow_say(&ss, "{\"msgid\":6,\"id\":1,\"toid\":2,\"msg\":\"said here\",\"seq\":6,\"ts\":1795849522265}");
	slow_say(&ss, "{\"msgid\":6,\"id\":1,\"toid\":2,\"msg\":\"from the phone\",\"seq\":7,\"ts\":1795849522265}");
	terminal_wait(&t, " ann -> ben: from the phone");
	const std::string text = terminal_text(&t);
	assert_true(text.find(": said here") == text.rfind(": said here"));
	slow_wait(&ss, "\"peer\":2,\"seq\":7}");
	slow_answer(&ss, 104, "\"errno\":0");
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 0);
}

static void what_was_said_last_is_changed_and_taken_back(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	terminal_answer(&t, "ann -> ben> ", "/edit nothing yet");
	terminal_wait(&t, "you have said nothing here");
	for (int seq = 1; seq <= 2; seq++) {
		terminal_answer(&t, "ann -> ben> ", "helo " + std::to_string(seq));
		slow_answer(&ss, 6, "\"errno\":0,\"seq\":" + std::to_string(seq));
		terminal_wait(&t, " ann -> ben: helo " + std::to_string(seq));
	}
	terminal_answer(&t, "ann -> ben> ", "/edit 2 hellos");
	slow_wait(&ss, "\"toid\":2,\"of\":2,\"msg\":\"2 hellos\"}");
	slow_answer(&ss, 160, "\"errno\":0,\"seq\":3");
	terminal_wait(&t, "* you changed \"helo 2\" to: 2 hellos");
	terminal_answer(&t, "ann -> ben> ", "/recall");
	slow_wait(&ss, "\"toid\":2,\"of\":2}");
	slow_answer(&ss, 161, "\"errno\":0,\"seq\":4");
	terminal_wait(&t, "* you took back \"2 hellos\"");
	/* The one before it is the last one now. */
	terminal_answer(&t, "ann -> ben> ", "/recall");
	slow_wait(&ss, "\"toid\":2,\"of\":1}");
	slow_answer(&ss, 161, "\"errno\":15,\"errmsg\":\"too late\"");
	terminal_wait(&t, "recall ben: too late");
	terminal_answer(&t, "ann -> ben> ", "/edit #1 hello");
	slow_wait(&ss, "\"toid\":2,\"of\":1,\"msg\":\"hello\"}");
	slow_answer(&ss, 160, "\"errno\":5,\"errmsg\":\"no plugin handles this msgid\"");
	terminal_wait(&t, "edit ben: this server cannot do that");
}

static void a_name_is_asked_for_and_what_comes_after_it_waits(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	terminal_answer(&t, "ann -> ben> ", "/with cid");
	terminal_type(&t, "to cid\r");
	slow_wait(&ss, "\"name\":\"cid\"}");
	assert_true(ss.heard.find("to cid") == ss.heard.npos);
	slow_answer(&ss, 133, "\"errno\":0,\"account\":9,\"name\":\"cid\"");
	terminal_wait_cursor(&t, "ann -> cid> ");
	slow_answer(&ss, 105, "\"errno\":0,\"messages\":[]");
	slow_wait(&ss, "\"toid\":9,\"msg\":\"to cid\"");
	slow_answer(&ss, 6, "\"errno\":0,\"seq\":1");
	terminal_wait(&t, " ann -> cid: to cid");
	terminal_answer(&t, "ann -> cid> ", "/with nobody");
	slow_answer(&ss, 133, "\"errno\":6,\"errmsg\":\"no such user\"");
	terminal_wait(&t, "nobody has that name");
	terminal_wait_cursor(&t, "ann -> cid> ");
}

static void entries_that_are_no_messages_are_lines(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	slow_say(&ss, "{\"msgid\":6,\"id\":2,\"toid\":1,\"msg\":\"helo\",\"seq\":1,\"ts\":1795849522265}");
	slow_say(&ss, "{\"msgid\":160,\"id\":2,\"name\":\"ben\",\"toid\":1,\"of\":1,\"msg\":\"hello\",\"seq\":2,"
	              "\"ts\":1795849522265}");
	terminal_wait(&t, "* ben changed \"helo\" to: hello");
	slow_say(&ss, "{\"msgid\":161,\"id\":2,\"name\":\"ben\",\"toid\":1,\"of\":1,\"seq\":3,\"ts\":1795849522265}");
	terminal_wait(&t, "* ben took back \"hello\"");
	for (const char *const frame :
	     {"\"msgid\":9,\"id\":2", "\"msgid\":142,\"id\":3,\"name\":\"cid\",\"account\":2,\"role\":\"admin\"",
	      "\"msgid\":143,\"id\":2,\"groupname\":\"ops\"", "\"msgid\":146,\"id\":2,\"account\":3,\"until\":0",
	      "\"msgid\":141,\"id\":2,\"account\":3", "\"msgid\":141,\"id\":2,\"account\":2"}) {
		static int seq = 0;
		slow_say(&ss, check_format("{%s,\"groupid\":7,\"seq\":%d,\"ts\":1795849522265}", frame, ++seq));
	}
	/* The name of the group is not known: the lines wait for it. */
	slow_answer(&ss, 106, "\"errno\":0,\"conversations\":[{\"groupid\":7,\"groupname\":\"gang\"}]");
	for (const char *const line :
	     {"[gang] * ben joined", "* cid made ben an admin", "* ben renamed the group to ops",
	      "* ben let cid speak again", "[ops] * ben removed cid", "[ops] * ben left"})
		terminal_wait(&t, line);
	terminal_type(&t, "/quit\r");
	terminal_wait(&t, "once more to leave at once.");
	terminal_type(&t, "/quit\r");
	assert_int_equal(terminal_finish(&t), 3);
}

/* The name of account 9 is asked for when the message is stored; by then the user has logged out. */
static void a_question_behind_a_logout_does_not_hold_up_the_next_login(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	terminal_answer(&t, "ann -> ben> ", "/with 9");
	slow_answer(&ss, 105, "\"errno\":0,\"messages\":[]");
	terminal_answer(&t, "ann -> 9> ", "hello");
	terminal_answer(&t, "ann -> 9> ", "/logout");
	terminal_wait_cursor(&t, "ann -> 9> ");
	slow_answer(&ss, 6, "\"errno\":0,\"seq\":1");
	slow_answer(&ss, 3, "\"errno\":0");
	terminal_wait(&t, "Logged out.");
	terminal_log_in(&t, 1, "ann");
	slow_wait(&ss, "\"msgid\":1,");
	slow_say(&ss, "{\"msgid\":2,\"errno\":0,\"id\":1,\"name\":\"ann\",\"have\":[\"event\"]}");
	slow_answer(&ss, 106, "\"errno\":0,\"conversations\":[]");
	slow_answer(&ss, 132, "\"errno\":0,\"contacts\":[]");
	terminal_answer(&t, "ann> ", "/quit");
	assert_int_equal(terminal_finish(&t), 0);
}

static void a_long_list_comes_page_by_page(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	terminal_answer(&t, "ann -> ben> ", "/members #7");
	slow_answer(&ss, 144,
	            "\"errno\":0,\"members\":[{\"account\":1,\"name\":\"ann\",\"role\":\"creator\",\"state\":"
	            "\"online\"}],\"more\":true,\"next\":\"two\"");
	terminal_wait(&t, "    ann online, creator");
	terminal_wait(&t, "/more shows more.");
	terminal_answer(&t, "ann -> ben> ", "/more");
	slow_wait(&ss, "\"groupid\":7,\"after\":\"two\"");
	slow_answer(&ss, 144,
	            "\"errno\":0,\"members\":[{\"account\":2,\"name\":\"ben\",\"role\":\"normal\",\"state\":"
	            "\"offline\"}]");
	terminal_wait(&t, "    ben offline");
	terminal_answer(&t, "ann -> ben> ", "/more");
	terminal_wait(&t, "there is nothing more; /older goes back in a conversation");
	terminal_answer(&t, "ann -> ben> ", "/quit");
	assert_int_equal(terminal_finish(&t), 0);
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
	assert_string_equal(kept.c_str(), check_format("127.0.0.1\n%u\n%s\n", s->port, sc.name.c_str()).c_str());
	assert_int_equal(check_read_file(state_home + "/chatclient/device1").size(), device_size());
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(plain_text_goes_to_the_conversation_that_was_entered),
		TEST(the_history_goes_back_page_by_page_to_the_beginning),
		TEST(the_login_lists_the_conversations_with_what_is_unread),
		TEST(one_logs_in_by_name),
		TEST(two_terminals_of_one_account_see_the_same),
		TEST(a_device_gets_what_came_while_it_was_away),
		TEST(common_words_are_no_commands),
		TEST(r_answers_who_spoke_last_wherever_one_is),
		TEST(a_script_prints_the_history_and_the_inbox),
		TEST(several_lines_that_are_pasted_are_sent_only_after_a_question),
		TEST(tab_completes_commands_and_names),
		TEST(the_server_and_the_account_of_the_last_time_are_offered),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(a_message_looks_unsent_until_it_is_stored),
		OWN_SERVER(who_is_typing_is_seen_until_the_message_comes),
		OWN_SERVER(what_was_said_on_another_device_is_shown_and_what_was_said_here_only_once),
		OWN_SERVER(what_was_said_last_is_changed_and_taken_back),
		OWN_SERVER(a_name_is_asked_for_and_what_comes_after_it_waits),
		OWN_SERVER(a_long_list_comes_page_by_page),
		OWN_SERVER(a_question_behind_a_logout_does_not_hold_up_the_next_login),
		OWN_SERVER(entries_that_are_no_messages_are_lines),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
