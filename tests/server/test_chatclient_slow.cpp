/* SPDX-License-Identifier: MIT
 * Tests what chatclient shows and sends while a server takes its time: the test is the server. */
#include <string>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "tests/support/check.h"
#include "tests/support/scene.h"
#include <base/raii.h>

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
	slow_say(
		ss,
		"{\"msgid\":2,\"errno\":0,\"id\":1,\"name\":\"ann\",\"have\":[\"event\",\"echo\",\"read\",\"signal\"]}");
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
	/* What was typed for somebody who is not there does not go to the one before. */
	terminal_answer(&t, "ann -> cid> ", "/with nobody");
	terminal_type(&t, "a secret\r/recall\r");
	slow_answer(&ss, 133, "\"errno\":6,\"errmsg\":\"no such user\"");
	terminal_wait(&t, "nobody has that name");
	terminal_wait(&t, "To whom? /with NAME says it; /help lists all commands.");
	terminal_wait(&t, "in which conversation? /with NAME enters one");
	terminal_wait_cursor(&t, "ann> ");
	assert_true(ss.heard.find("a secret") == ss.heard.npos);
}

static void a_paste_goes_where_the_question_said(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	terminal_answer(&t, "ann -> ben> ", "/with cid");
	terminal_type(&t, "\033[200~\none\ntwo\033[201~");
	terminal_wait_cursor(&t, "Send these 2 lines to ben? [y/N] ");
	slow_answer(&ss, 133, "\"errno\":0,\"account\":9,\"name\":\"cid\"");
	slow_answer(&ss, 105, "\"errno\":0,\"messages\":[]");
	terminal_type(&t, "y\r");
	slow_wait(&ss, "\"toid\":2,\"msg\":\"one\"");
	slow_answer(&ss, 6, "\"errno\":0,\"seq\":1");
	slow_wait(&ss, "\"toid\":2,\"msg\":\"two\"");
}

static void what_was_said_last_stays_the_last_however_far_one_goes_back(void **state)
{
	slow_server ss;
	std::string page;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	terminal_answer(&t, "ann -> ben> ", "the newest");
	slow_answer(&ss, 6, "\"errno\":0,\"seq\":1000");
	terminal_wait(&t, " ann -> ben: the newest");
	terminal_answer(&t, "ann -> ben> ", "/older");
	for (int seq = 700; seq < 900; seq++)
		page += check_format("%s{\"msgid\":6,\"id\":1,\"toid\":2,\"msg\":\"old\",\"seq\":%d}",
		                     page.empty() ? "" : ",", seq);
	slow_answer(&ss, 105, "\"errno\":0,\"messages\":[" + page + "]");
	terminal_wait(&t, "#899 - ann -> ben: old");
	terminal_answer(&t, "ann -> ben> ", "/edit newer");
	slow_wait(&ss, "\"of\":1000,\"msg\":\"newer\"");
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

static void an_impatient_reader_gets_each_page_once(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	terminal_answer(&t, "ann -> ben> ", "/older");
	terminal_type(&t, "/older\r\033[5~x");
	terminal_wait_cursor(&t, "ann -> ben> x");
	slow_answer(&ss, 105,
	            "\"errno\":0,\"messages\":[{\"msgid\":6,\"id\":2,\"toid\":1,\"msg\":\"old\",\"seq\":50}],"
	            "\"more\":true,\"next\":50");
	terminal_wait(&t, "ben: old");
	/* Whoever looks at the end once more goes on from where it was. */
	terminal_type(&t, "\025/history ben 1\r");
	slow_answer(&ss, 105,
	            "\"errno\":0,\"messages\":[{\"msgid\":6,\"id\":2,\"toid\":1,\"msg\":\"new\",\"seq\":99}],"
	            "\"more\":true,\"next\":99");
	terminal_wait(&t, "ben: new");
	terminal_type(&t, "/older\r");
	slow_wait(&ss, "\"peer\":2,\"before\":50}");
}

static void what_was_seen_is_read_although_one_goes_elsewhere_at_once(void **state)
{
	slow_server ss;
	terminal t;

	slow_begin(&ss, (test_server *)*state, &t);
	for (const char *const seq : {"1", "2"})
		slow_say(&ss, std::string("{\"msgid\":6,\"id\":2,\"toid\":1,\"msg\":\"no. ") + seq +
		                      "\",\"seq\":" + seq + ",\"ts\":1795849522265}");
	terminal_wait(&t, ": no. 2");
	terminal_type(&t, "/with 9\r");
	slow_wait(&ss, "\"peer\":2,\"seq\":2,\"show\":true}");
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_looks_unsent_until_it_is_stored),
		TEST(who_is_typing_is_seen_until_the_message_comes),
		TEST(what_was_said_on_another_device_is_shown_and_what_was_said_here_only_once),
		TEST(what_was_said_last_is_changed_and_taken_back),
		TEST(a_name_is_asked_for_and_what_comes_after_it_waits),
		TEST(a_paste_goes_where_the_question_said),
		TEST(what_was_said_last_stays_the_last_however_far_one_goes_back),
		TEST(an_impatient_reader_gets_each_page_once),
		TEST(what_was_seen_is_read_although_one_goes_elsewhere_at_once),
		TEST(a_long_list_comes_page_by_page),
		TEST(a_question_behind_a_logout_does_not_hold_up_the_next_login),
		TEST(entries_that_are_no_messages_are_lines),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
