/* SPDX-License-Identifier: MIT
 * Tests that chatclient, run by pipes, does its commands and reports the outcome in its exit status. */
#include <string>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/check.h"
#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/talker.h"

/* An account made by chatclient itself: its number. */
static std::string new_account(test_server *s, const std::string &name)
{
	talker t;

	assert_int_equal(talker_run(&t, s->port, "register:" + name + ":secret"), 0);
	assert_int_equal(talker_lines(&t, "registered|").size(), 1);
	return talker_lines(&t, "registered|")[0].substr(11);
}

static std::string login_line(const std::string &id)
{
	return "login:" + id + ":secret\n";
}

static void a_message_to_somebody_away_is_shown_at_the_login(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string ann_name = client_new_name("ann"), ann = new_account(s, ann_name);
	const std::string bob = new_account(s, client_new_name("bob"));
	talker sender, receiver, again;

	assert_int_equal(talker_run(&sender, s->port,
	                            login_line(ann) + "chat:" + bob + ":one: with a colon\n/chat " + bob + " two"),
	                 0);
	assert_true(talker_has(&sender, "logged-in|" + ann + "|" + ann_name));
	assert_true(talker_has(&sender, "ok|chat|" + bob + "|1"));
	assert_true(talker_has(&sender, "ok|chat|" + bob + "|2"));
	assert_int_equal(talker_run(&receiver, s->port, login_line(bob) + "wait:10:2"), 0);
	const std::vector<std::string> messages = talker_lines(&receiver, "message|");
	assert_int_equal(messages.size(), 2);
	assert_true(messages[0].starts_with("message|" + ann + "|" + ann_name + "|1|"));
	assert_true(messages[0].ends_with("|one: with a colon"));
	assert_true(messages[1].ends_with("|two"));
	/* What was confirmed does not come again. */
	assert_int_equal(talker_run(&again, s->port, login_line(bob)), 0);
	assert_false(talker_has(&again, "message|"));
}

static void two_people_talk_while_both_are_online(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string a = new_account(s, client_new_name("ann")), b = new_account(s, client_new_name("bob"));
	talker ann, bob;

	talker_start(&ann, s->port);
	talker_start(&bob, s->port);
	talker_say(&ann, login_line(a));
	talker_say(&bob, login_line(b));
	(void)talker_wait(&ann, "logged-in|");
	(void)talker_wait(&bob, "logged-in|");
	talker_say(&ann, "chat:" + b + ":hello");
	(void)talker_wait(&bob, "message|" + a + "|");
	talker_say(&bob, "chat:" + a + ":hello to you");
	const size_t line = talker_wait(&ann, "message|" + b + "|");
	assert_true(ann.lines[line].ends_with("|hello to you"));
	assert_int_equal(talker_finish(&ann), 0);
	assert_int_equal(talker_finish(&bob), 0);
}

static void friends_and_groups_are_made_and_shown_at_the_next_login(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string b_name = client_new_name("bob"), group_name = client_new_name("group");
	const std::string a = new_account(s, client_new_name("ann")), b = new_account(s, b_name);
	talker ann, bob, next;

	assert_int_equal(talker_run(&ann, s->port,
	                            login_line(a) + "addfriend:" + b + "\ncreategroup:" + group_name + ":to talk"),
	                 0);
	assert_true(talker_has(&ann, "ok|addfriend|" + b));
	assert_int_equal(talker_lines(&ann, "ok|creategroup|").size(), 1);
	const std::string group = talker_lines(&ann, "ok|creategroup|")[0].substr(15);
	assert_int_equal(talker_run(&bob, s->port, login_line(b) + "addgroup:" + group + "\ngroupchat:@:to all"), 0);
	assert_true(talker_has(&bob, "ok|groupchat|" + group + "|3"));
	assert_int_equal(talker_run(&next, s->port, login_line(a) + "wait:10:1"), 0);
	assert_true(talker_has(&next, "friend|" + b + "|" + b_name + "|"));
	assert_true(talker_has(&next, "group|" + group + "|" + group_name + "|to talk"));
	assert_true(talker_has(&next, "member|" + group + "|" + b + "|" + b_name + "|"));
	assert_true(talker_has(&next, "group-message|" + group + "|" + b + "|" + b_name + "|3|"));
}

static void one_script_logs_out_and_in_as_somebody_else(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string a = new_account(s, client_new_name("ann")), b = new_account(s, client_new_name("bob"));
	talker t;

	assert_int_equal(talker_run(&t, s->port,
	                            login_line(a) + "chat:" + b + ":from ann\nloginout\n" + login_line(b) +
	                                    "wait:10:1\n/chat " + a + " from bob\n/logout\n" + login_line(a) +
	                                    "wait:10:1"),
	                 0);
	const std::vector<std::string> messages = talker_lines(&t, "message|");
	assert_int_equal(messages.size(), 2);
	assert_true(messages[0].starts_with("message|" + a + "|"));
	assert_true(messages[1].starts_with("message|" + b + "|"));
}

static void a_message_cannot_steer_the_terminal_or_break_the_line(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string b = new_account(s, client_new_name("bob"));
	test_client *eve = client_enter(s, "eve");
	talker bob;

	(void)CLIENT_ASK(eve, 0, "{\"msgid\":6,\"id\":%lld,\"toid\":%s,\"time\":\"\\u001b[2J\",\"msg\":\"%s\"",
	                 (long long)eve->id, b.c_str(), "\\u001b[2Jx\\nmessage\\t7\\u009b1m\\u202e\\\\");
	assert_int_equal(talker_run(&bob, s->port, login_line(b) + "wait:10:1"), 0);
	const std::vector<std::string> messages = talker_lines(&bob, "message|");
	assert_int_equal(messages.size(), 1);
	assert_true(messages[0].ends_with("|\\x1b[2Jx\\nmessage\\t7\\u009b1m\\u202e\\\\"));
}

static void a_refusal_and_a_line_that_is_no_command_are_told(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string a = new_account(s, client_new_name("ann"));
	talker wrong, nobody, line;

	assert_int_equal(talker_run(&wrong, s->port, "login:" + a + ":wrong"), 1);
	assert_true(talker_has(&wrong, "refused|login|" + a + "|1|"));
	assert_int_equal(talker_run(&nobody, s->port, login_line(a) + "chat:77777777:x\nchat:" + a + ":note to myself"),
	                 1);
	assert_true(talker_has(&nobody, "refused|chat|77777777|6|"));
	assert_true(talker_has(&nobody, "ok|chat|" + a + "|1"));
	assert_int_equal(talker_run(&line, s->port, login_line(a) + "shout:1:x"), 1);
	assert_true(talker_has(&line, "invalid|2|"));
}

static void a_wait_without_its_messages_is_told(void **state)
{
	test_server *s = static_cast<test_server *>(*state);
	const std::string a = new_account(s, client_new_name("ann"));
	talker t;

	assert_int_equal(talker_run(&t, s->port, login_line(a) + "wait:1:1"), 5);
}

static void a_wrong_command_line_is_a_usage_error(void **)
{
	talker no_such_option, bad_time, help;

	assert_int_equal(talker_run(&no_such_option, 1, "", {"--no-such-option"}), 2);
	assert_int_equal(talker_run(&bad_time, 1, "", {"-t", "never"}), 2);
	assert_int_equal(talker_run(&help, 1, "", {"--help"}), 0);
}

static void without_a_server_the_status_says_that_there_is_no_connection(void **state)
{
	test_server *s = static_cast<test_server *>(*state); /* not started */
	talker t;

	assert_int_equal(talker_run(&t, s->port, "login:1:secret", {"-t", "1"}), 4);
	assert_true(talker_has(&t, "disconnected|"));
}

static void a_server_that_never_answers_leaves_it_unacknowledged(void **state)
{
	test_server *s = static_cast<test_server *>(*state); /* only its free port is used */
	sockaddr_in address = {.sin_family = AF_INET,
	                       .sin_port = htons(s->port),
	                       .sin_addr = {htonl(INADDR_LOOPBACK)},
	                       .sin_zero = {}};
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	talker t;

	assert_int_equal(bind(listener, (sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(talker_run(&t, s->port, "login:1:secret", {"-t", "1"}), 3);
	close(listener);
}

static void a_message_over_the_servers_limit_does_not_hold_up_the_others(void **state)
{
	test_server *s = static_cast<test_server *>(*state);

	test_server_set(s, "core.max_frame", "1K");
	test_server_start(s);
	const std::string a = new_account(s, "ann"), b = new_account(s, "bob"), c = new_account(s, "cat");
	talker ann, bob;
	assert_int_equal(talker_run(&ann, s->port,
	                            login_line(a) + "chat:" + c + ":zero\nchat:" + b + ":one\nchat:" + b + ":" +
	                                    std::string(2000, 'x') + "\nchat:" + c + ":null\nchat:" + b + ":two"),
	                 1);
	assert_int_equal(talker_lines(&ann, "refused|chat|" + b + "|12|").size(), 1);
	assert_true(talker_has(&ann, "ok|chat|" + b + "|2"));
	assert_int_equal(talker_run(&bob, s->port, login_line(b) + "wait:10:2"), 0);
	assert_int_equal(talker_lines(&bob, "message|").size(), 2);
}

#define TEST(name) cmocka_unit_test_teardown(name, test_server_close_clients)
#define OWN_SERVER(name) cmocka_unit_test_setup_teardown(name, test_server_setup, test_server_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_message_to_somebody_away_is_shown_at_the_login),
		TEST(two_people_talk_while_both_are_online),
		TEST(friends_and_groups_are_made_and_shown_at_the_next_login),
		TEST(one_script_logs_out_and_in_as_somebody_else),
		TEST(a_message_cannot_steer_the_terminal_or_break_the_line),
		TEST(a_refusal_and_a_line_that_is_no_command_are_told),
		TEST(a_wait_without_its_messages_is_told),
		TEST(a_wrong_command_line_is_a_usage_error),
	};
	const struct CMUnitTest own_server_tests[] = {
		OWN_SERVER(without_a_server_the_status_says_that_there_is_no_connection),
		OWN_SERVER(a_server_that_never_answers_leaves_it_unacknowledged),
		OWN_SERVER(a_message_over_the_servers_limit_does_not_hold_up_the_others),
	};
	const int failed = cmocka_run_group_tests(tests, test_server_group_setup, test_server_group_teardown);

	return failed + cmocka_run_group_tests(own_server_tests, nullptr, nullptr);
}
